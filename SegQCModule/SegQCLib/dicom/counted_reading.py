"""Files that are read in a bounded number of steps, of the bytes that they have: what a damaged header claims costs nothing."""

from __future__ import annotations

from io import BufferedReader, BytesIO, FileIO
from pathlib import Path

# A parser reads each element and each item in a few steps of some microseconds. An enhanced series of thousands of frames
# has a hundred thousand items; a file of nothing but empty items has a million in 16 MB.
MOST_STEPS = 600_000


class EndlessHeaderError(ValueError):
    """A header has more elements and items than any object needs."""


class _Counted:
    _steps = 0

    def read(self, size: int | None = -1) -> bytes:
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise EndlessHeaderError("it has more elements and items of sequences than any image or segmentation needs")
        return super().read(size)


class CountedBytes(_Counted, BytesIO):
    """Bytes in memory."""


class CountedFile(_Counted, BufferedReader):
    """A file that allocates no more than it has, whatever length an element claims."""

    def __init__(self, path: Path) -> None:
        super().__init__(FileIO(path))
        self._size = path.stat().st_size

    def read(self, size: int | None = -1) -> bytes:
        return super().read(size if size is None or size < 0 else min(size, self._size))
