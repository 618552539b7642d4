"""What a compressed frame says of itself: asked before a decoder allocates what it says."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

_END_OF_IMAGE = b"\xff\xd9"


@dataclass(frozen=True)
class CodestreamSize:
    """Size of an image in a JPEG, JPEG-LS or JPEG 2000 codestream."""

    rows: int
    columns: int
    components: int
    bits: int


def codestream_size(frame: memoryview) -> CodestreamSize | None:
    """Return what the codestream's own header says, or None where there is no such header.

    References
    ----------
    ISO/IEC 10918-1 B.2.2 (JPEG frame header), ISO/IEC 14495-1 C.2.2 (JPEG-LS), ISO/IEC 15444-1 A.5.1 (JPEG 2000, SIZ).
    """
    start = bytes(frame[: 2**16])
    if start.startswith(b"\xff\xd8"):
        return _jpeg_size(start)
    # Some writers put the JP2 file around the codestream, which DICOM PS3.5 A.4.4 forbids and decoders read.
    found = re.search(rb"\xff\x4f\xff\x51", start)
    return _jpeg_2000_size(start[found.start() :]) if found else None


def is_complete(frame: memoryview) -> bool:
    """Return whether a codestream ends as JPEG, JPEG-LS and JPEG 2000 do: decoders fill up what is missing."""
    # Fragments have an even length: writers append a zero, or a byte of 255, which JPEG allows before a marker.
    return bytes(frame[-4096:]).rstrip(b"\0\xff").endswith(_END_OF_IMAGE)


def _jpeg_size(start: bytes) -> CodestreamSize | None:
    at = 2
    while at + 10 <= len(start) and start[at] == 0xFF:
        marker = start[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        # SOF0 to SOF15 without DHT, JPG and DAC, which lie between them; SOF55 is that of JPEG-LS.
        if (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)) or marker == 0xF7:
            bits, rows, columns, components = struct.unpack(">BHHB", start[at + 4 : at + 10])
            return CodestreamSize(rows, columns, components, bits)
        (length,) = struct.unpack(">H", start[at + 2 : at + 4])
        at += 2 + length
    return None


def _jpeg_2000_size(start: bytes) -> CodestreamSize | None:
    if len(start) < 43:
        return None
    right, bottom, left, top = struct.unpack(">4L", start[8:24])
    components, bits = struct.unpack(">HB", start[40:43])
    return CodestreamSize(bottom - top, right - left, components, (bits & 0x7F) + 1)
