"""Packages that Slicer does not ship, asked for at the button that needs them."""

from __future__ import annotations

import importlib.util

import slicer
from slicer.i18n import tr as _


def ensure_package(module: str, requirement: str, consequence: str = "") -> bool:
    """Install a package if it is missing and the reader agrees; return whether it is there.

    Parameters
    ----------
    module : str
        The name under which it is imported.
    requirement : str
        What pip is asked for, for example jinja2>=3.1.
    consequence : str
        What else the reader should know of it before they agree, a sentence.
    """
    if importlib.util.find_spec(module) is None:
        try:
            _ask_and_install(requirement, consequence)
        except RuntimeError:
            # Slicer's way to say that the reader declined; a failed download raises others, which the panel shows.
            return False
        importlib.invalidate_caches()
    return importlib.util.find_spec(module) is not None


def _ask_and_install(requirement: str, consequence: str) -> None:
    try:
        from slicer import packaging
    except ImportError:
        # Slicer 5.10 installs without asking.
        question = _("SegQC needs the Python package {package} for this. Download and install it?").format(package=requirement)
        if slicer.util.confirmOkCancelDisplay(f"{question} {consequence}".strip()):
            slicer.util.pip_install(requirement)
    else:
        packaging.pip_ensure([requirement], requester="SegQC")
