"""A stand-in for the Slicer application, in which the unmodified SegQC module runs: slicer-core, PySide6, and this package.

Use: `from slicer_host import a_host, needs_host`, mark the tests with `needs_host`, and open `with a_host() as host:`.
"""

import ctypes
import importlib.util
import sys

import pytest


def _obstacle():
    """Return why the host cannot run here, or None."""
    for package, name in (("slicer_core", "slicer-core"), ("PySide6", "PySide6-Essentials")):
        if importlib.util.find_spec(package) is None:
            return f"the test host needs {name}, which is not installed"
    try:
        from PySide6 import QtWidgets  # noqa: F401
    except ImportError as error:
        return f"the test host needs Qt's system libraries ({error})"
    return None


def _prepare():
    # Before PySide6 is imported for the first time.
    import os

    os.environ.setdefault("PYSIDE6_OPTION_PYTHON_ENUM", "0x06")
    if sys.version_info < (3, 12):
        # PySide6 gives None, True and False back more often than it takes them, some 2,000 times for each host, until
        # Python aborts. From 3.12 on they are immortal.
        for constant in (None, True, False):
            ctypes.c_ssize_t.from_address(id(constant)).value += 10**9


_prepare()
OBSTACLE = _obstacle()
needs_host = pytest.mark.skipif(OBSTACLE is not None, reason=str(OBSTACLE))


def a_host(*args, **keywords):
    """Open a host; see slicer_host.host.a_host."""
    from slicer_host.host import a_host as open_host

    return open_host(*args, **keywords)


__all__ = ["OBSTACLE", "a_host", "needs_host"]
