"""A multi-frame DICOM file that may be larger than memory: its header as objects, its frames as ranges of bytes."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from SegQCLib.dicom.counted_reading import CountedBytes, require_few_items
from SegQCLib.dicom.dicom_header import DEFLATED, EXPLICIT_BIG
from SegQCLib.dicom.encoded_elements import Element, Encoding, elements
from SegQCLib.dicom.object_kind import transfer_syntax
from SegQCLib.errors import BadDataError

if TYPE_CHECKING:
    from pydicom import Dataset

_SHARED, _PER_FRAME = 0x52009229, 0x52009230
_EXTENDED_OFFSETS, _PIXEL_DATA = 0x7FE00001, 0x7FE00010
_UNDEFINED = 0xFFFFFFFF
_FIRST_TAG = 0x00080000
# What stands before the functional groups: codes, references to each slice and palettes.
_LONGEST_HEADER = 2**23
# Functional groups of one frame; what highdicom writes has 1,500 bytes.
_LONGEST_GROUPS = 2**16


@dataclass(frozen=True, eq=False)
class MultiFrameFile:
    """A file that is open for reading.

    Attributes
    ----------
    header : Dataset
        What stands before the functional groups.
    transfer_syntax : str or None
        None in a file without file meta information.
    encoded : memoryview
        The whole file; of a deflated file the data set.
    encoding : Encoding
    shared, per_frame : Element or None
        Shared (5200,9229) and Per-Frame Functional Groups Sequence (5200,9230).
    extended_offsets, pixel_data : Element or None
        Extended Offset Table (7FE0,0001), Pixel Data (7FE0,0010).
    """

    header: Dataset
    transfer_syntax: str | None
    encoded: memoryview
    encoding: Encoding
    shared: Element | None
    per_frame: Element | None
    extended_offsets: Element | None
    pixel_data: Element | None


def open_multi_frame(path: Path) -> MultiFrameFile:
    """Return a file's header and where its functional groups and pixel data are; nothing of these is read.

    Raises
    ------
    BadDataError
        If a deflated file holds far more than its header says.
    ValueError, OSError, and what pydicom raises
        If the file is cut short or damaged.
    """
    import pydicom

    # Not mapped: a mapped file that is cut short meanwhile, or whose network share goes away, ends the whole process.
    content = path.read_bytes()
    encoded = memoryview(content)
    syntax, begin = transfer_syntax(encoded)
    if syntax == DEFLATED:
        header, encoded, start = _inflated(path, encoded[begin:])
    else:
        file = CountedBytes(content)
        header = pydicom.filereader.read_partial(file, _at_functional_groups, force=True)
        start = file.tell()
    require_few_items(bytes(encoded[:start]))
    encoding = _encoding(encoded, start, syntax)
    found: dict[int, Element] = {}
    for element in elements(encoded, start, len(encoded), encoding):
        found[element.tag] = element
        # What may follow, padding and digital signatures, is not needed.
        if element.tag >= _PIXEL_DATA:
            break
    return MultiFrameFile(
        header,
        syntax,
        encoded,
        encoding,
        *(found.get(tag) for tag in (_SHARED, _PER_FRAME, _EXTENDED_OFFSETS, _PIXEL_DATA)),
    )


def _at_functional_groups(tag: int, _vr: str | None, length: int) -> bool:
    if tag < _SHARED and _LONGEST_HEADER < length < _UNDEFINED:
        raise ValueError(f"({tag >> 16:04X},{tag & 0xFFFF:04X}) has {length:,} bytes, more than any segmentation needs")
    if tag < _FIRST_TAG:
        # Zeros are elements without a value for pydicom, millions of them in a damaged or malicious file.
        raise ValueError("zeros stand where an element of the data set should begin")
    return tag >= _SHARED


def _encoding(encoded: memoryview, start: int, transfer_syntax: str | None) -> Encoding:
    """Return how the element at `start` is written; some files are written in another way than they say."""
    group = bytes(encoded[start : start + 2])
    order = ">" if group in (b"\x52\x00", b"\x7f\xe0") else "<" if group else "<>"[transfer_syntax == EXPLICIT_BIG]
    # As the lower half of a length, each of these would be odd, and lengths are even.
    return Encoding(bytes(encoded[start + 4 : start + 6]) not in (b"SQ", b"UN", b"OB", b"OW", b"OV"), order)


def _inflated(path: Path, deflated: memoryview) -> tuple[Dataset, memoryview, int]:
    """Return header, data set and where the functional groups begin, of a deflated file.

    Nothing beyond what the header announces is inflated: a file of a megabyte can hold a gigabyte of nothing.
    """
    import pydicom

    try:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        plain = inflater.decompress(deflated, _LONGEST_HEADER)
        file = CountedBytes(plain)
        header = pydicom.filereader.read_partial(file, _at_functional_groups, force=True)
        frames = int(header.get("NumberOfFrames") or 1)
        pixels = frames * int(header.get("Rows") or 0) * int(header.get("Columns") or 0) * int(header.get("BitsAllocated") or 0)
        longest = _LONGEST_HEADER + frames * _LONGEST_GROUPS + pixels // 8
        plain += inflater.decompress(inflater.unconsumed_tail, max(longest - len(plain), 1))
    except zlib.error as error:
        raise ValueError(f"the deflated data set cannot be inflated: {error}") from error
    if len(plain) >= longest:
        raise BadDataError(
            path,
            f"inflates to more than the {longest:,} bytes that its {frames} frames and their description can have.",
            "It is damaged, or made to fill a computer's memory; export it again.",
        )
    return header, memoryview(plain), file.tell()
