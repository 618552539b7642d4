"""Files that somebody may still be copying, or that nobody may read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from os import stat_result
from pathlib import Path

from SegQCLib.errors import BadDataError


def stamp(status: stat_result) -> tuple[int, int]:
    """Return what is another after a file was written to: its size, and the time of the last change in ns."""
    return status.st_size, status.st_mtime_ns


def changed(path: Path) -> BadDataError:
    """Return the error about a file that was written to between two looks at it."""
    return BadDataError(path, "changed while it was read.", "Wait until it is copied completely, and read it again.")


@contextmanager
def steady(path: Path) -> Iterator[None]:
    """Read a file in this block.

    Raises
    ------
    BadDataError
        If the file cannot be read, or was written to meanwhile: what was read may be half of one and half of the other.
    """
    try:
        before = stamp(path.stat())
        yield
        after = stamp(path.stat())
    except OSError as error:
        raise BadDataError(path, f"cannot be read ({error.strerror or error}).", "Check the path and who may read it.") from error
    if after != before:
        raise changed(path)
