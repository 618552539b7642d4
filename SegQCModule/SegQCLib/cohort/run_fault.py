"""What ends a run because no case could be evaluated or kept any more; a case's own fault never does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from SegQCLib.errors import BadDataError


class RunFault(BadDataError):  # noqa: N818 - a BadDataError is an error already
    """The output folder is full or gone, a worker has other software: it holds for all cases."""

    def __reduce__(self) -> tuple:
        return RunFault, (self.where, self.found, self.remedy)


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Write to the output folder in this block.

    Raises
    ------
    RunFault
        If that fails.
    """
    try:
        yield
    except OSError as error:
        raise RunFault(
            folder,
            f"could not be written to ({error.strerror or error}).",
            "Nothing is half written. Free space, or see that the folder can be written to, and run the same command again: what"
            " is there is not computed twice.",
        ) from error
