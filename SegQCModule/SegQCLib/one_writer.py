"""One program at a time writes what belongs together in a folder, however it ends."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from SegQCLib.errors import BadDataError
from SegQCLib.file_lock import take_lock

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
        if sys.platform == "win32":
            lock = os.open(folder / ".writing", os.O_RDWR | os.O_CREAT | os.O_TEMPORARY)
        else:
            lock = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise BadDataError(folder, f"cannot be opened ({error.strerror}).", "Check the path and who may write there.") from error
    try:
        end = time.monotonic() + _LONGEST_S
        while not take_lock(lock):
            if time.monotonic() > end:
                raise BadDataError(folder, "is being written to by another program.", "Wait until it is done, and try again.")
            time.sleep(_PAUSE_S)
        yield
    finally:
        os.close(lock)
