"""One run at a time in a cohort's output folder, however a run ends."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from SegQCLib.cohort.cohort_folder import CohortFolder
from SegQCLib.cohort.run_fault import RunFault, writing_to
from SegQCLib.errors import BadDataError
from SegQCLib.file_lock import take_lock

_LOCK_NAME = "run.lock"


@contextmanager
def one_run(folder: CohortFolder) -> Iterator[Callable[[], None]]:
    """Be the only run in a folder in this block; gives what raises RunFault if the folder is not there any more.

    The operating system ends the hold of a run that was killed. It is a file that is locked, not a folder: NFS locks no folders. A
    file system that knows no locks at all gives none.

    Raises
    ------
    BadDataError
        If another run has the folder.
    """
    path = folder.store / _LOCK_NAME

    def require_folder() -> None:
        # Workers make folders that are missing: of a drive that went away they would fill the place where it was.
        with writing_to(folder.path):
            is_there = path.exists()
        if not is_there:
            raise RunFault(
                folder.path, "was removed, or its drive went away, during the run.", "Bring it back and run the same command again."
            )

    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        if not take_lock(lock):
            raise BadDataError(
                folder.path, f"is being written to by another run{_whose(path)}.", "Wait until it is done, or stop it."
            )
        os.ftruncate(lock, 0)
        os.write(lock, f"process {os.getpid()} on {platform.node()}".encode())
        yield require_folder
    finally:
        os.close(lock)


def _whose(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):  # Windows lets nobody read what is locked
        return ""
    return f" ({text})" if text else ""
