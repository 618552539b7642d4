"""What a process that evaluates cases is like: one thread for a case, quiet, and giving memory back.

Dask loads this file into each worker that SegQC starts (its `preload`); a site's own workers come to it with their first case.
"""

from __future__ import annotations

import ctypes
import functools
import gc
import signal
import sys
import warnings
from pathlib import Path
from typing import Any

from SegQCLib.cohort.local_cluster import quiet_dask
from SegQCLib.threads import limit_threads

# Looking for memory to give back takes milliseconds: only after cases that took much.
_MUCH_MIB = 512.0


def dask_setup(_worker: Any) -> None:
    """Set up a worker that Dask has just started."""
    # Ctrl-C at the terminal reaches the workers too; the process that runs the cohort decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    quiet_dask()
    set_up_process()
    # Loaded now, evaluating takes as long for the first case as for the others.
    from SegQCLib.cohort import evaluate_one

    evaluate_one.load_all()


@functools.cache
def set_up_process() -> None:
    """Set up this process for evaluating cases, once."""
    # There is a process for each core: threads of their own would take turns with each other.
    limit_threads(1)
    # Findings and errors say in plain words what is wrong with a header; pydicom quotes its bytes.
    warnings.filterwarnings("ignore", module=r"pydicom\b")


def forget_peak_memory() -> None:
    """Begin to measure the largest memory anew, where the system can (Linux)."""
    try:
        # 5: see proc(5), /proc/pid/clear_refs.
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return


def peak_memory_mib() -> float | None:
    """Return the largest resident memory since `forget_peak_memory`, MiB; None: this system does not say."""
    return _status_mib("VmHWM:")


def give_memory_back() -> None:
    """Give memory that a large case took back to the system, so that the next one has it."""
    now = _status_mib("VmRSS:")
    if now is not None and now < _MUCH_MIB:
        return
    gc.collect()
    if sys.platform == "linux":
        try:
            ctypes.CDLL("libc.so.6").malloc_trim(0)
        except (OSError, AttributeError):  # another C library
            return


def _status_mib(name: str) -> float | None:
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    return next((round(int(line.split()[1]) / 1024, 1) for line in lines if line.startswith(name)), None)
