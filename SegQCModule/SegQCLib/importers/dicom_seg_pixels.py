"""The voxels of a DICOM SEG, one frame at a time: bits are unpacked and frames decompressed when they are wanted."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from SegQCLib.dicom.dicom_header import DEFLATED, EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE
from SegQCLib.dicom.encoded_elements import Element, items
from SegQCLib.dicom.frame_codecs import decoded_frame, is_known
from SegQCLib.dicom.multi_frame_file import MultiFrameFile
from SegQCLib.errors import BadDataError

_COPY_AGAIN = "Copy or export it again."
# None: without file meta information.
_NATIVE = (IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG, DEFLATED, None)


class Rows(NamedTuple):
    """Some rows of a frame, from number `first` on; the rows that are left out are 0."""

    first: int
    voxels: NDArray[np.unsignedinteger]


class FramePixels:
    """The frames of a segmentation.

    Attributes
    ----------
    bits : int
        Bits Allocated (0028,0100): 1, 8 or 16.
    holds_bits : bool
        Whether all values are 0 or 1.

    Raises
    ------
    BadDataError
        If the pixel data is missing or cut short, or compressed in a way that cannot be undone here.
    ValueError
        If compressed frames are damaged; `rows` too.
    """

    def __init__(self, file: MultiFrameFile, path: Path) -> None:
        self._encoded = file.encoded
        self._shape = (int(file.header.Rows), int(file.header.Columns))
        self.bits = int(file.header.BitsAllocated)
        if self.bits not in (1, 8, 16):
            raise BadDataError(path, f"has {self.bits} bits per voxel; 1, 8 and 16 are known.", "Export the segmentation again.")
        frames = int(file.header.get("NumberOfFrames") or 1)
        if file.pixel_data is None:
            raise BadDataError(path, "is cut short: it has no Pixel Data (7FE0,0010).", _COPY_AGAIN)
        self._syntax = file.transfer_syntax
        self.holds_bits = self.bits == 1 and self._syntax in _NATIVE
        self._frames: list[list[tuple[int, int]]] | None = None
        if self._syntax not in _NATIVE:
            self._frames = _compressed_frames(file, frames, path)
            return
        self._first = file.pixel_data.first
        found, needed = file.pixel_data.last - self._first, -(-frames * self._shape[0] * self._shape[1] * self.bits // 8)
        if found < needed:
            raise BadDataError(path, f"is cut short: its {frames} frames need {needed} bytes, {found} are there.", _COPY_AGAIN)
        self._order = file.encoding.byte_order
        if self._order == ">" and file.pixel_data.vr == b"OW" and self.bits < 16:
            # Two bytes at a time are swapped in words of 16 bits, whatever stands in them (PS3.5 annex D).
            words = np.frombuffer(self._encoded[self._first : self._first + found // 2 * 2], np.uint16)
            self._encoded, self._first = memoryview(words.byteswap().view(np.uint8)), 0

    def rows(self, number: int) -> Rows:
        """Return a frame's rows from the first to the last with a voxel, at least: 0 or another number in one of one bit."""
        if self._frames is not None:
            encoded = b"".join(bytes(self._encoded[first:last]) for first, last in self._frames[number])
            return Rows(0, decoded_frame(encoded, self._syntax, self._shape, self.bits))
        voxels = self._shape[0] * self._shape[1]
        if self.bits == 1:
            return self._bits_of(number * voxels, voxels)
        size = self.bits // 8
        first = self._first + number * voxels * size
        return Rows(0, np.frombuffer(self._encoded[first : first + voxels * size], f"{self._order}u{size}").reshape(self._shape))

    def _bits_of(self, first: int, voxels: int) -> Rows:
        # Bits run on from frame to frame, lowest first, so a frame may begin inside a byte (PS3.5 8.1.1).
        begin, before = self._first + first // 8, first % 8
        packed = bytes(self._encoded[begin : begin + -(-(before + voxels) // 8)])
        # Most structures fill a small part of their frames, and unpacking and comparing the rest would take most of the time.
        used = np.flatnonzero(np.frombuffer(packed + bytes(-len(packed) % 8), np.uint64))
        columns = self._shape[1]
        if not used.size:
            return Rows(0, np.zeros((0, columns), np.uint8))
        top = max(int(used[0]) * 64 - before, 0) // columns
        bottom = min(-(-((int(used[-1]) + 1) * 64 - before) // columns), self._shape[0])
        first_bit, count = before + top * columns, (bottom - top) * columns
        part = np.frombuffer(packed, np.uint8)[first_bit // 8 : -(-(first_bit + count) // 8)]
        bits = np.unpackbits(part, bitorder="little")[first_bit % 8 : first_bit % 8 + count]
        return Rows(top, bits.reshape(-1, columns))


def _compressed_frames(file: MultiFrameFile, frames: int, path: Path) -> list[list[tuple[int, int]]]:
    """Return the ranges of the fragments of each frame (DICOM PS3.5 A.4)."""
    if not is_known(file.transfer_syntax):
        import pydicom

        syntax = pydicom.uid.UID(file.transfer_syntax)
        name = f"{syntax.name} ({syntax})" if syntax.name != syntax else str(syntax)
        raise BadDataError(
            path,
            f"has voxels in the transfer syntax {name}, which cannot be decoded here.",
            "Export it uncompressed (Explicit VR Little Endian), for example with gdcmconv --raw.",
        )
    table, *fragments = items(file.encoded, file.pixel_data.first, file.pixel_data.last, file.encoding)
    if len(fragments) == frames:
        return [[fragment] for fragment in fragments]
    if frames == 1:
        return [fragments]
    begins = _offsets(file, table, frames)
    if begins is None:
        raise BadDataError(
            path, f"is cut short: it has {len(fragments)} pieces of compressed voxels for {frames} frames.", _COPY_AGAIN
        )
    # Offsets count from the first fragment's item tag, 8 bytes before its value.
    origin = fragments[0][0] - 8
    starts = [origin + begin for begin in begins]
    found: list[list[tuple[int, int]]] = [[] for _ in starts]
    for first, last in fragments:
        found[int(np.searchsorted(starts, first - 8, "right")) - 1].append((first, last))
    return found


def _offsets(file: MultiFrameFile, table: tuple[int, int], frames: int) -> list[int] | None:
    """Return the Basic or the Extended Offset Table (7FE0,0001), or None where there is none of the right length."""
    for element, kind, size in ((Element(0, None, *table), "<u4", 4), (file.extended_offsets, "<u8", 8)):
        if element is not None and element.last - element.first == frames * size:
            offsets = np.frombuffer(file.encoded[element.first : element.last], kind).astype(np.int64).tolist()
            if offsets[0] == 0 and all(a < b for a, b in itertools.pairwise(offsets)):
                return offsets
    return None
