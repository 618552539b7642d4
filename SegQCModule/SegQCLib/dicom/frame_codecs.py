"""Decode one compressed frame with what Slicer ships: RLE and deflate here, JPEG 2000 of one bit by Pillow, the rest by GDCM."""

from __future__ import annotations

import io
import itertools
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from SegQCLib.dicom.codestream import codestream_size
from SegQCLib.dicom.one_frame import OneFrame, decoded_by_gdcm
from SegQCLib.dicom.transfer_syntaxes import DEFLATED_IMAGE_FRAME, RLE_LOSSLESS, TRANSFER_SYNTAXES, Decoder

ENCAPSULATED_UNCOMPRESSED = "1.2.840.10008.1.2.1.98"
_JPEG_2000 = ("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91")
_BY_GDCM = tuple(syntax.uid for syntax in TRANSFER_SYNTAXES if syntax.decoder is Decoder.GDCM and syntax.uid != RLE_LOSSLESS)


def is_known(transfer_syntax: str) -> bool:
    """Return whether `decoded_frame` knows a compressed transfer syntax."""
    return transfer_syntax in (ENCAPSULATED_UNCOMPRESSED, RLE_LOSSLESS, DEFLATED_IMAGE_FRAME, *_BY_GDCM)


def decoded_frame(encoded: bytes, transfer_syntax: str, shape: tuple[int, int], bits: int) -> NDArray[np.unsignedinteger]:
    """Return one frame of one unsigned value per voxel.

    Parameters
    ----------
    encoded : bytes
        All fragments of the frame.
    transfer_syntax : str
        One that `is_known`.
    shape : tuple of int
        Rows and columns.
    bits : int
        Bits Allocated (0028,0100): 1, 8 or 16. Of one bit, the result is 0 where the bit is 0.

    Raises
    ------
    ValueError
        If the frame is damaged, or holds another number of voxels.
    """
    if transfer_syntax in _BY_GDCM:
        if bits == 1 and transfer_syntax in _JPEG_2000:
            return _by_pillow(encoded, shape)
        return _by_gdcm(encoded, transfer_syntax, shape, max(bits, 8))
    voxels = shape[0] * shape[1]
    longest = voxels * max(bits, 8) // 8
    if transfer_syntax == RLE_LOSSLESS:
        plain = _run_lengths_undone(encoded, voxels, longest)
    elif transfer_syntax == DEFLATED_IMAGE_FRAME:
        plain = _inflated(encoded, longest)
    else:
        plain = encoded
    return _voxels(plain, shape, bits)


def _voxels(plain: bytes, shape: tuple[int, int], bits: int) -> NDArray[np.unsignedinteger]:
    voxels = shape[0] * shape[1]
    packed = -(-voxels // 8)
    # Encoders pack eight voxels into a byte or give each a byte: the length tells. One byte more may pad it to an even length.
    if bits == 1 and len(plain) in (packed, packed + packed % 2) and len(plain) < voxels:
        return np.unpackbits(np.frombuffer(plain, np.uint8), count=voxels, bitorder="little").reshape(shape)
    size = max(bits, 8) // 8
    if len(plain) not in (voxels * size, voxels * size + voxels * size % 2):
        raise ValueError(f"a frame decodes to {len(plain)} bytes, {voxels * size} are needed")
    return np.frombuffer(plain, f"<u{size}", voxels).reshape(shape)


def _inflated(encoded: bytes, longest: int) -> bytes:
    try:
        # One byte more than can be right, and one to pad: what lies beyond is not inflated.
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(encoded, longest + 2)
    except zlib.error as error:
        raise ValueError(f"a frame cannot be inflated: {error}") from error


def _run_lengths_undone(encoded: bytes, voxels: int, longest: int) -> bytes:
    """Return the bytes of a frame in RLE, the bytes of 16-bit values in little endian order.

    References
    ----------
    DICOM PS3.5 annex G: a header of 16 numbers, then one segment for each byte of a value, the highest first.
    """
    if len(encoded) < 64:
        raise ValueError("a frame in RLE is shorter than its header")
    count, *offsets = struct.unpack_from("<16I", encoded)
    if not 1 <= count <= 2:
        raise ValueError(f"a frame in RLE has {count} segments; 1 or 2 bytes per value are known")
    bounds = [*offsets[:count], len(encoded)]
    planes = [_packed_bits_undone(encoded[first:last], longest // count) for first, last in itertools.pairwise(bounds)]
    if count == 1:
        return planes[0]
    if any(len(plane) < voxels for plane in planes):
        raise ValueError("a frame in RLE is cut short")
    return np.stack([np.frombuffer(plane, np.uint8, voxels) for plane in reversed(planes)], axis=1).tobytes()


def _packed_bits_undone(encoded: bytes, longest: int) -> bytes:
    plain = bytearray()
    at = 0
    while at + 1 < len(encoded) and len(plain) < longest:
        code = encoded[at]
        if code < 128:
            plain += encoded[at + 1 : at + 2 + code]
            at += code + 2
        elif code > 128:
            plain += encoded[at + 1 : at + 2] * (257 - code)
            at += 2
        else:
            at += 1
    return bytes(plain)


def _by_pillow(encoded: bytes, shape: tuple[int, int]) -> NDArray[np.uint8]:
    # GDCM refuses JPEG 2000 of one bit.
    try:
        from PIL import Image
    except ImportError as error:
        raise ValueError("JPEG 2000 of one bit needs the Python package pillow, which is not installed") from error

    with Image.open(io.BytesIO(encoded), formats=("JPEG2000",)) as image:
        if image.size != (shape[1], shape[0]) or image.mode not in ("L", "1"):
            raise ValueError(f"a frame in JPEG 2000 has {image.size[1]} x {image.size[0]} voxels, not {shape[0]} x {shape[1]}")
        return np.asarray(image)


def _by_gdcm(encoded: bytes, transfer_syntax: str, shape: tuple[int, int], bits: int) -> NDArray[np.unsignedinteger]:
    size = codestream_size(memoryview(encoded))
    # A decoder allocates what the codestream says.
    if size is None or (size.rows, size.columns, size.components) != (*shape, 1):
        said = "without a JPEG header" if size is None else f"of {size.rows} x {size.columns} x {size.components} values"
        raise ValueError(f"a frame {said} stands where {shape[0]} x {shape[1]} x 1 are needed")
    try:
        frame = decoded_by_gdcm(encoded, OneFrame(*shape, bits, bits), transfer_syntax)
    except RuntimeError as error:
        raise ValueError("GDCM cannot decode a frame: it is damaged, or of a kind that GDCM does not know") from error
    if frame.shape != shape:
        raise ValueError(f"a frame has {frame.shape[0]} x {frame.shape[1]} values, {shape[0]} x {shape[1]} are needed")
    return frame.astype(f"<u{bits // 8}", copy=False)
