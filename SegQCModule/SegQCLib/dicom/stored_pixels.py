"""Stored values of an image's frames: uncompressed straight from the bytes, compressed ones by the decoder of their syntax."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from SegQCLib.dicom.codestream import codestream_size, is_complete
from SegQCLib.dicom.dicom_header import DEFLATED, EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE, DicomHeader, parser_errors
from SegQCLib.dicom.encapsulated import encapsulated_frames
from SegQCLib.dicom.header_values import attribute, value_of, whole_number
from SegQCLib.dicom.one_frame import OneFrame, decoded_by_gdcm, one_frame_header
from SegQCLib.dicom.transfer_syntaxes import BY_UID, RLE_LOSSLESS, Decoder, syntax_name
from SegQCLib.errors import BadDataError

if TYPE_CHECKING:
    from pydicom import Dataset

_UNDEFINED_LENGTH = 0xFFFFFFFF
# No scanner makes slices of more than 2,048 x 2,048; a header that says 65,535 x 65,535 is damaged.
_MOST_PIXELS = 8192 * 8192
_EXPORT_AGAIN = "Copy or export the series again."


@dataclass(frozen=True)
class PixelFormat:
    """How one stored value lies in its bytes: DICOM's Image Pixel Module (PS3.3 C.7.6.3), one sample per pixel."""

    rows: int
    columns: int
    frames: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool

    @property
    def frame_bytes(self) -> int:
        return self.rows * self.columns * self.bits_allocated // 8


@dataclass(frozen=True, eq=False)
class StoredPixels:
    """The frames of one file, not yet decoded.

    Attributes
    ----------
    path : Path
    syntax : str
        Transfer Syntax UID (0002,0010).
    format : PixelFormat
    frames : sequence of list of memoryview
        The fragments of each frame; one where the pixel data is not encapsulated.
    swapped : bool
        Whether pairs of bytes are to be swapped first (8-bit values in big endian words).
    """

    path: Path
    syntax: str
    format: PixelFormat
    frames: Sequence[Sequence[memoryview]]
    swapped: bool = False


def pixel_format(path: Path, header: Dataset) -> PixelFormat:
    """Return the format of an image's stored values.

    Raises
    ------
    BadDataError
        If something is missing or cannot be, or the image has colours.
    """
    samples = whole_number(path, header, "SamplesPerPixel", 1)
    photometric = str(value_of(path, header, "PhotometricInterpretation") or "MONOCHROME2").strip()
    if samples != 1 or photometric not in ("MONOCHROME1", "MONOCHROME2"):
        raise BadDataError(
            path,
            f"is a colour image ({attribute('SamplesPerPixel')} {samples},"
            f" {attribute('PhotometricInterpretation')} {photometric}).",
            "An image has one grey value per voxel.",
        )
    allocated = whole_number(path, header, "BitsAllocated")
    stored = whole_number(path, header, "BitsStored", allocated)
    found = PixelFormat(
        rows=whole_number(path, header, "Rows"),
        columns=whole_number(path, header, "Columns"),
        frames=whole_number(path, header, "NumberOfFrames", 1),
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=whole_number(path, header, "HighBit", stored - 1),
        signed=whole_number(path, header, "PixelRepresentation") == 1,
    )
    for keyword, value, allowed, is_allowed in (
        ("Rows", found.rows, "1 to 65535", 1 <= found.rows <= 65535),
        ("Columns", found.columns, "1 to 65535", 1 <= found.columns <= 65535),
        ("NumberOfFrames", found.frames, "1 or more", found.frames >= 1),
        ("BitsAllocated", allocated, "8, 16 or 32 here", allocated in (8, 16, 32)),
        ("BitsStored", stored, "1 to Bits Allocated", 1 <= stored <= allocated),
        ("HighBit", found.high_bit, "Bits Stored - 1 to Bits Allocated - 1", stored - 1 <= found.high_bit < allocated),
    ):
        if not is_allowed:
            raise BadDataError(path, f"has {attribute(keyword)} {value}; allowed is {allowed}.", "Export the series again.")
    if found.rows * found.columns > _MOST_PIXELS:
        raise BadDataError(
            path, f"claims {found.rows} x {found.columns} pixels per slice; read are up to {_MOST_PIXELS:,}.", _EXPORT_AGAIN
        )
    return found


def require_decodable(header: DicomHeader) -> None:
    """Raise BadDataError that names the syntax, and the wheel where one is missing, if pixel data cannot be decoded."""
    # Without a meta header it is one of the uncompressed ones: compressed pixel data needs one to be told.
    syntax = BY_UID.get(header.syntax or IMPLICIT_LITTLE)
    if syntax is None:
        raise BadDataError(
            header.path,
            f"has pixel data that cannot be decoded (transfer syntax {syntax_name(header.syntax)}).",
            "Export the series again, uncompressed or as JPEG 2000 lossless.",
        )
    if syntax.decoder is Decoder.OPENJPEG and not _openjpeg_is_here(syntax.uid):
        raise BadDataError(
            header.path,
            f"has pixel data that cannot be decoded here (transfer syntax {syntax_name(header.syntax)}).",
            "Install the packages pylibjpeg and pylibjpeg-openjpeg (with pydicom 3), or export the series again, uncompressed.",
        )


def _openjpeg_is_here(uid: str) -> bool:
    try:
        from pydicom.pixels import get_decoder
    except ImportError:  # pydicom 2.4 of Slicer 5.10 does not know the syntax
        return False
    return get_decoder(uid).is_available


def stored_pixels(header: DicomHeader, pixels: PixelFormat, content: bytes) -> StoredPixels:
    """Return the frames in a file's bytes.

    Parameters
    ----------
    header : DicomHeader
    pixels : PixelFormat
    content : bytes
        The whole file.

    Raises
    ------
    BadDataError
        If there is no pixel data, or less or more of it than the format needs: checked before anything is allocated.
    """
    require_decodable(header)
    if header.syntax == DEFLATED:
        content = _inflated(header, pixels, content)
    start, length, vr = _pixel_element(header, content)
    syntax = header.syntax or (IMPLICIT_LITTLE if vr is None else EXPLICIT_LITTLE)
    view = memoryview(content)[start:]
    if BY_UID[syntax].decoder is Decoder.NONE or syntax == DEFLATED:
        return _plain_frames(header.path, syntax, pixels, view, length, vr)
    if length != _UNDEFINED_LENGTH:
        raise BadDataError(
            header.path,
            f"says that it is compressed ({syntax_name(syntax)}), but its pixel data is not encapsulated.",
            _EXPORT_AGAIN,
        )
    offsets = value_of(header.path, header.dataset, "ExtendedOffsetTable") or b""
    extended = struct.unpack(f"<{len(offsets) // 8}Q", offsets[: len(offsets) // 8 * 8])
    return StoredPixels(header.path, syntax, pixels, encapsulated_frames(header.path, view, pixels.frames, extended))


def stored_values(stored: StoredPixels, frame: int) -> NDArray[np.integer]:
    """Return the values of one frame (counted from 0), shape (rows, columns), without what lies in unused bits.

    Raises
    ------
    BadDataError
        If the frame cannot be decoded, or decodes to something else than the header says.
    """
    fragments, pixels = stored.frames[frame], stored.format
    decoder = BY_UID[stored.syntax].decoder
    if decoder is Decoder.NONE or stored.syntax == DEFLATED:
        order = ">" if stored.syntax == EXPLICIT_BIG else "<"
        values = np.frombuffer(fragments[0], np.dtype(f"{order}u{pixels.bits_allocated // 8}"))
        if stored.swapped:
            values = np.ascontiguousarray(values).view("u2").byteswap().view("u1")[: pixels.rows * pixels.columns]
        return _in_used_bits(values.reshape(pixels.rows, pixels.columns), pixels)
    joined = fragments[0] if len(fragments) == 1 else memoryview(b"".join(fragments))
    if decoder is Decoder.ZLIB:
        inflated = zlib_inflated(stored.path, bytes(joined), pixels.frame_bytes)
        values = np.frombuffer(inflated, f"<u{pixels.bits_allocated // 8}")
        return _in_used_bits(values.reshape(pixels.rows, pixels.columns), pixels)
    _require_frame_of(stored, joined, frame)
    decode = _by_gdcm if decoder is Decoder.GDCM else _by_openjpeg
    values = decode(stored, joined, frame)
    if values.shape != (pixels.rows, pixels.columns):
        raise _undecodable(stored, frame, f"it has {' x '.join(map(str, values.shape))} pixels")
    # Decoders put the value into the lowest bits.
    values = np.ascontiguousarray(values, f"{'i' if values.dtype.kind == 'i' else 'u'}{pixels.bits_allocated // 8}")
    lowest = PixelFormat(**{**vars(pixels), "high_bit": pixels.bits_stored - 1})
    return _in_used_bits(values.view(f"u{pixels.bits_allocated // 8}"), lowest)


def zlib_inflated(path: Path, packed: bytes, length: int) -> bytes:
    """Return the `length` bytes that raw DEFLATE data stands for; never more are inflated.

    Raises
    ------
    BadDataError
        If it is damaged or stands for fewer.
    """
    try:
        inflated = zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, length)
    except zlib.error as error:
        raise BadDataError(path, f"has damaged compressed data ({error}).", _EXPORT_AGAIN) from error
    if len(inflated) < length:
        raise BadDataError(path, f"is cut short: {len(inflated):,} of {length:,} bytes could be decompressed.", _EXPORT_AGAIN)
    return inflated


def _inflated(header: DicomHeader, pixels: PixelFormat, content: bytes) -> bytes:
    # The element's own header takes 8 or 12 bytes; its length is padded to an even one.
    needed = header.pixels_at + 8 + pixels.frame_bytes * pixels.frames
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        # Twice what is needed is enough to see that there is more.
        return inflater.decompress(memoryview(content)[header.dataset_at :], 2 * needed + 2**16)
    except zlib.error as error:
        raise BadDataError(header.path, f"has damaged compressed data ({error}).", _EXPORT_AGAIN) from error


def _pixel_element(header: DicomHeader, content: bytes) -> tuple[int, int, bytes | None]:
    """Return where the pixel data's values begin, their length, and the VR (None: implicit)."""
    at = header.pixels_at
    order = ">" if header.syntax == EXPLICIT_BIG else "<"
    start = content[at : at + 12]
    tag = struct.unpack(f"{order}HH", start[:4]) if len(start) == 12 else None
    if tag != (0x7FE0, 0x0010):
        floats = tag in ((0x7FE0, 0x0008), (0x7FE0, 0x0009))
        raise BadDataError(
            header.path,
            "has floating-point pixel data, as parametric maps do." if floats else f"has no {attribute('PixelData')}.",
            "Give an image of CT, MR or PET with its pixel data.",
        )
    implicit = header.syntax == IMPLICIT_LITTLE or (not header.syntax and start[4:6] not in (b"OW", b"OB"))
    if implicit:
        return at + 8, struct.unpack("<L", start[4:8])[0], None
    return at + 12, struct.unpack(f"{order}L", start[8:12])[0], start[4:6]


def _plain_frames(path: Path, syntax: str, pixels: PixelFormat, view: memoryview, length: int, vr: bytes | None) -> StoredPixels:
    if length == _UNDEFINED_LENGTH:
        raise BadDataError(
            path, f"says that it is not compressed ({syntax_name(syntax)}), but its pixel data is encapsulated.", _EXPORT_AGAIN
        )
    needed = pixels.frame_bytes * pixels.frames
    if min(length, len(view)) < needed:
        raise BadDataError(
            path,
            f"is cut short: its pixel data is {min(length, len(view)):,} bytes, its header needs {needed:,}"
            f" ({pixels.frames} x {pixels.rows} x {pixels.columns} values of {pixels.bits_allocated} bits).",
            _EXPORT_AGAIN,
        )
    # Up to a row more is padding that some writers add; a header that misses rows or frames must not pass for a smaller image.
    if length - needed >= max(2, pixels.columns * pixels.bits_allocated // 8):
        raise BadDataError(
            path,
            f"has {length:,} bytes of pixel data, its header needs {needed:,}"
            f" ({pixels.frames} x {pixels.rows} x {pixels.columns} values of {pixels.bits_allocated} bits).",
            "Its header does not describe its pixels: export the series again.",
        )
    size = pixels.frame_bytes
    swapped = syntax == EXPLICIT_BIG and pixels.bits_allocated == 8 and vr == b"OW"
    if swapped and size % 2:
        if pixels.frames > 1:
            raise BadDataError(path, "has frames of an odd number of bytes in big endian words.", "Export it as little endian.")
        return StoredPixels(path, syntax, pixels, [[view[: size + 1]]], swapped)
    return StoredPixels(path, syntax, pixels, [[view[n * size : (n + 1) * size]] for n in range(pixels.frames)], swapped)


def _in_used_bits(values: NDArray[np.unsignedinteger], pixels: PixelFormat) -> NDArray[np.integer]:
    """Return unsigned containers as values: unused bits may hold overlays (retired in 2004) or anything else."""
    native = values if values.dtype.isnative else values.astype(values.dtype.newbyteorder("="))
    above = pixels.bits_allocated - 1 - pixels.high_bit
    below = pixels.bits_allocated - pixels.bits_stored
    if below == 0:
        return native.view(f"i{native.itemsize}") if pixels.signed else native
    if not pixels.signed:
        lowest = native if above == below else native >> (below - above)
        return lowest & (2**pixels.bits_stored - 1)
    shifted = (native << above).view(f"i{native.itemsize}")
    shifted >>= below
    return shifted


def _require_frame_of(stored: StoredPixels, frame: memoryview, number: int) -> None:
    pixels = stored.format
    if stored.syntax == RLE_LOSSLESS:
        segments = struct.unpack("<L", frame[:4])[0] if len(frame) >= 64 else 0
        # PackBits makes at most 128 bytes out of two.
        if segments != pixels.bits_allocated // 8 or (len(frame) - 64) * 64 < pixels.frame_bytes:
            raise _undecodable(stored, number, f"{len(frame):,} bytes in {segments} segments cannot be such a frame")
        return
    size = codestream_size(frame)
    if size is None:
        raise _undecodable(stored, number, "it has no JPEG header")
    if (size.rows, size.columns, size.components) != (pixels.rows, pixels.columns, 1) or size.bits > pixels.bits_allocated:
        raise _undecodable(
            stored,
            number,
            f"the codestream has {size.rows} x {size.columns} pixels of {size.components} x {size.bits} bits,"
            f" the header {pixels.rows} x {pixels.columns} of {pixels.bits_allocated}",
        )
    if not is_complete(frame):
        raise _undecodable(stored, number, "it is cut short: the codestream does not end")


def _undecodable(stored: StoredPixels, frame: int, reason: str) -> BadDataError:
    which = f" of frame {frame + 1}" if len(stored.frames) > 1 else ""
    return BadDataError(
        stored.path,
        f"has pixel data{which} that cannot be decoded (transfer syntax {syntax_name(stored.syntax)}): {reason}.",
        "The file is damaged: copy or export the series again, best uncompressed.",
    )


def _by_gdcm(stored: StoredPixels, frame: memoryview, number: int) -> NDArray:
    try:
        return decoded_by_gdcm(frame, _one_frame(stored.format), stored.syntax)
    except RuntimeError as error:
        raise _undecodable(stored, number, "the data does not decode") from error


def _by_openjpeg(stored: StoredPixels, frame: memoryview, number: int) -> NDArray:
    from pydicom import dcmread
    from pydicom.encaps import encapsulate

    dataset = dcmread(BytesIO(one_frame_header(_one_frame(stored.format), stored.syntax)))
    dataset.PixelData = encapsulate([bytes(frame)])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    try:
        return dataset.pixel_array
    except (*parser_errors(), RuntimeError) as error:
        raise _undecodable(stored, number, "the data does not decode") from error


def _one_frame(pixels: PixelFormat) -> OneFrame:
    return OneFrame(pixels.rows, pixels.columns, pixels.bits_allocated, pixels.bits_stored, pixels.signed)
