"""One run at a time in a cohort's output folder, however a run ends."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from SegQCLib.cohort.cohort_folder import CohortFolder
from SegQCLib.errors import BadDataError
from SegQCLib.file_lock import take_lock

_LOCK_NAME = "run.lock"


@contextmanager
def one_run(folder: CohortFolder) -> Iterator[None]:
    """Be the only run in a folder in this block.

    The operating system ends the hold of a run that was killed. It is a file that is locked, not a folder: NFS locks no folders. A
    file system that knows no locks at all gives none.

    Raises
    ------
    BadDataError
        If another run has the folder.
    """
    path = folder.store / _LOCK_NAME
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        if not take_lock(lock):
            raise BadDataError(
                folder.path, f"is being written to by another run{_whose(path)}.", "Wait until it is done, or stop it."
            )
        os.ftruncate(lock, 0)
        os.write(lock, f"process {os.getpid()} on {platform.node()}".encode())
        yield
    finally:
        os.close(lock)


def _whose(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):  # Windows lets nobody read what is locked
        return ""
    return f" ({text})" if text else ""
