"""A lock on an open file, which the operating system takes back when its program ends, however it ends."""

from __future__ import annotations

import sys


def take_lock(descriptor: int) -> bool:
    """Lock an open file, or on Linux and macOS a folder, for this program; closing it lets go.

    Parameters
    ----------
    descriptor : int
        Of `os.open`.

    Returns
    -------
    bool
        False: another program has it. A file system that knows no locks, as some network drives, gives it to everybody.
    """
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # no locks here
        return True
    return True
