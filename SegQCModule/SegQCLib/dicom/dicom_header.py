"""One DICOM file without its pixel data: found by content, read without believing its lengths."""

from __future__ import annotations

import struct
import zlib
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from SegQCLib.dicom.counted_reading import CountedBytes, CountedFile, EndlessHeaderError, require_few_items
from SegQCLib.errors import BadDataError

if TYPE_CHECKING:
    from pydicom import Dataset

IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"

# A header with an overlay plane and 10,000 frames takes some 10 MB.
_LONGEST_DEFLATED_HEADER = 32 * 2**20
_FIRST_BYTES = 2**16
# Pixel Data, Float Pixel Data and Double Float Pixel Data, little and big endian.
_PIXEL_TAGS = tuple(bytes(tag) for tail in (0x10, 0x08, 0x09) for tag in ((0xE0, 0x7F, tail, 0), (0x7F, 0xE0, 0, tail)))
_LONG_LENGTH_VRS = (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"UC", b"UN", b"UR", b"UT", b"SV", b"UV")
# Old writers leave out the preamble: the file then starts with a group 0002 or 0008 element.
_BARE_STARTS = (b"\x02\x00\x00\x00", b"\x08\x00\x00\x00", b"\x08\x00\x01\x00", b"\x08\x00\x05\x00", b"\x08\x00\x08\x00")


@dataclass(frozen=True, eq=False)
class DicomHeader:
    """What a DICOM file says before its pixel data.

    Attributes
    ----------
    path : Path
    dataset : Dataset
        Every element before the pixel data. Values are converted when they are asked for.
    syntax : str
        Transfer Syntax UID (0002,0010); "" where the file has no meta header.
    dataset_at : int
        Where the data set begins in the file, after the meta header.
    pixels_at : int
        Where the pixel data's element begins: in the file, or in the inflated data set of a deflated one.
    stamp : tuple of int
        Which state of the file was read, as `steady_file.stamp` tells.
    """

    path: Path
    dataset: Dataset
    syntax: str
    dataset_at: int
    pixels_at: int
    stamp: tuple[int, int]


@cache
def parser_errors() -> tuple[type[Exception], ...]:
    """Return what pydicom raises about bytes that are no DICOM: damaged files reach every line of a parser."""
    from pydicom.errors import BytesLengthException, InvalidDicomError

    return (
        ArithmeticError,
        AssertionError,
        AttributeError,
        BytesLengthException,
        EOFError,
        InvalidDicomError,
        LookupError,
        MemoryError,
        NotImplementedError,
        OSError,
        RecursionError,
        TypeError,
        ValueError,
        struct.error,
        zlib.error,
    )


def read_dicom_header(path: Path) -> DicomHeader | None:
    """Return the header of a DICOM file, or None where the file is something else.

    Raises
    ------
    BadDataError
        If it is a DICOM file and its header cannot be read.

    References
    ----------
    DICOM PS3.10 7.1 (preamble and meta information), PS3.5 A.5 (deflated data sets).
    """
    import pydicom

    try:
        with CountedFile(path) as file:
            start = file.read(132)
            if start[128:] != b"DICM":
                return _bare_header(path, file, start)
            dataset_at, syntax = _meta_header(file)
            if syntax == DEFLATED:
                file.seek(dataset_at)
                return _deflated_header(path, file, dataset_at)
            file.seek(0)
            # Most headers end in the first bytes, and memory is read ten times as fast as a file in small steps.
            beginning = BytesIO(file.read(_FIRST_BYTES))
            with suppress(*parser_errors()):
                dataset = pydicom.dcmread(beginning, stop_before_pixels=True)
                if beginning.read(4) in _PIXEL_TAGS:
                    return DicomHeader(path, dataset, syntax, dataset_at, beginning.tell() - 4, file.stamp)
            file.seek(0)
            dataset = pydicom.dcmread(file, stop_before_pixels=True)
            pixels_at = file.tell()
            file.seek(0)
            require_few_items(file.read(pixels_at), _frames(dataset))
            return DicomHeader(path, dataset, syntax, dataset_at, pixels_at, file.stamp)
    except OSError as error:
        raise BadDataError(path, f"cannot be read ({error.strerror or error}).", "Copy or export the series again.") from error
    except parser_errors() as error:
        raise BadDataError(
            path,
            f"is a DICOM file whose header cannot be read ({str(error) or type(error).__name__}).",
            "Copy or export the series again.",
        ) from error


def _frames(dataset: Dataset) -> int:
    """Return Number of Frames (0028,0008), 10,000 at most: more are not read."""
    return min(max(int(dataset.get("NumberOfFrames") or 1), 0), 10_000)


def _bare_header(path: Path, file: CountedFile, start: bytes) -> DicomHeader | None:
    if start[:4] not in _BARE_STARTS:
        return None
    import pydicom

    file.seek(0)
    try:
        dataset = pydicom.dcmread(file, stop_before_pixels=True, force=True)
        syntax = str(dataset.file_meta.get("TransferSyntaxUID") or "")
        if "Rows" in dataset:
            return DicomHeader(path, dataset, syntax, 0, file.tell(), file.stamp)
    except parser_errors():
        # Nothing but four bytes says that it is DICOM.
        return None
    return None


def _meta_header(file: CountedFile) -> tuple[int, str]:
    """Return where the data set begins and its transfer syntax; pydicom would inflate a deflated one whole to tell."""
    file.seek(132)
    syntax = ""
    while True:
        at = file.tell()
        tag = file.read(4)
        if len(tag) < 4 or tag[:2] != b"\x02\x00":
            return at, syntax
        vr = file.read(2)
        if vr in _LONG_LENGTH_VRS:
            (length,) = struct.unpack("<2xL", file.read(6))
        else:
            (length,) = struct.unpack("<H", file.read(2))
        value = file.read(length)
        if tag == b"\x02\x00\x10\x00":
            syntax = value.rstrip(b"\0 ").decode("ascii", errors="replace")


def _deflated_header(path: Path, file: CountedFile, dataset_at: int) -> DicomHeader:
    import pydicom

    # Raw DEFLATE streams expand up to 1,032 times: only as much is inflated as the header needs.
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    inflated = b""
    while len(inflated) < _LONGEST_DEFLATED_HEADER and not inflater.eof:
        packed = inflater.unconsumed_tail or file.read(2**16)
        if not packed:
            break
        inflated += inflater.decompress(packed, max(2**18, len(inflated)))
        stream = CountedBytes(inflated)
        try:
            dataset = pydicom.dcmread(stream, stop_before_pixels=True, force=True)
            if stream.tell() < len(inflated) or inflater.eof:
                require_few_items(inflated[: stream.tell()], _frames(dataset))
        except EndlessHeaderError:
            raise
        except parser_errors():
            continue
        if stream.read(4) in _PIXEL_TAGS:
            return DicomHeader(path, dataset, DEFLATED, dataset_at, stream.tell() - 4, file.stamp)
        if inflater.eof:
            return DicomHeader(path, dataset, DEFLATED, dataset_at, len(inflated), file.stamp)
    raise ValueError("the deflated data set has no end of its header")
