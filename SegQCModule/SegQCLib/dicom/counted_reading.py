"""Files that are read in a bounded number of steps, of the bytes that they have: what a damaged header claims costs nothing."""

from __future__ import annotations

import os
from io import BufferedReader, BytesIO, FileIO
from pathlib import Path

from SegQCLib.steady_file import stamp

# A parser reads each element and each item in a few steps of some microseconds. An enhanced series of thousands of frames
# has a hundred thousand items; a file of nothing but empty items has a million in 16 MB.
MOST_STEPS = 600_000
# Sequences of a known length are understood when they are asked for, some 40 microseconds for each item.
MOST_ITEMS = 40_000
_MOST_ITEMS_OF_A_FRAME = 40
_ITEM_TAGS = (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")


class EndlessHeaderError(ValueError):
    """A header has more elements and items than any object needs."""


def require_few_items(encoded: bytes, frames: int = 0) -> None:
    """Raise EndlessHeaderError if a header has more items of sequences than its frames, and anything else, can need."""
    found = max(encoded.count(tag) for tag in _ITEM_TAGS)
    if found > MOST_ITEMS + _MOST_ITEMS_OF_A_FRAME * frames:
        raise EndlessHeaderError(f"it has {found:,} items of sequences, more than any image or segmentation needs")


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
    """A file that allocates no more than it has, whatever length an element claims; `stamp` is that of `steady_file`."""

    def __init__(self, path: Path) -> None:
        super().__init__(FileIO(path))
        status = os.fstat(self.fileno())
        self._size = status.st_size
        self.stamp = stamp(status)

    def read(self, size: int | None = -1) -> bytes:
        return super().read(size if size is None or size < 0 else min(size, self._size))
