"""One program at a time writes what belongs together in a folder, however it ends."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from SegQCLib.errors import BadDataError

_LONGEST_S = 10.0
_PAUSE_S = 0.02


@contextmanager
def one_writer(folder: Path) -> Iterator[None]:
    """Read, decide and write in this block while no other program does so in the same folder.

    Blocks are short: whoever comes second waits. The operating system ends the hold of a program that was killed. A file system
    that knows no locks, as some network drives, gives none; then two programs at once are as they were without this.

    Parameters
    ----------
    folder : Path
        It exists.

    Raises
    ------
    BadDataError
        If the folder cannot be opened, or another program does not let go of it for 10 s.
    """
    try:
        # Windows opens no folders; there the lock is a file that goes when it is closed.
        lock = os.open(folder, os.O_RDONLY) if sys.platform != "win32" else os.open(folder / ".writing", _WINDOWS_FLAGS)
    except OSError as error:
        raise BadDataError(folder, f"cannot be opened ({error.strerror}).", "Check the path and who may write there.") from error
    try:
        end = time.monotonic() + _LONGEST_S
        while not _held(lock):
            if time.monotonic() > end:
                raise BadDataError(folder, "is being written to by another program.", "Wait until it is done, and try again.")
            time.sleep(_PAUSE_S)
        yield
    finally:
        os.close(lock)


if sys.platform == "win32":
    import msvcrt

    _WINDOWS_FLAGS = os.O_RDWR | os.O_CREAT | os.O_TEMPORARY

    def _held(lock: int) -> bool:
        try:
            msvcrt.locking(lock, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _held(lock: int) -> bool:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # no locks here
            return True
        return True
