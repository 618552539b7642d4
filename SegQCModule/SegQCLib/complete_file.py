"""Is the file whole? ITK reads a NIfTI file that was cut short, and compressed bytes that changed, without a word."""

from __future__ import annotations

import math
import zlib
from pathlib import Path

import SimpleITK as sitk

from SegQCLib.errors import BadDataError
from SegQCLib.file_header import FileHeader, FileKind

_BLOCK = 2**20
_UNPACKED_AT_ONCE = 2**22
_LONGEST_EXTENSIONS = 2**24
# What DEFLATE makes of zeros at best.
_MOST_EXPANDED = 1032
_AGAIN = "Copy or export it again."


def data_files(header: FileHeader) -> tuple[Path, ...]:
    """Return all files that a segmentation is stored in: the one itself, and its voxels where they are kept apart.

    Raises
    ------
    BadDataError
        If the voxels are in a file that does not exist, or spread over several.
    """
    path = header.path
    if header.kind is FileKind.NIFTI:
        if path.suffix.lower() != ".hdr":
            return (path,)
        voxels = next((file for file in (path.with_suffix(".img"), path.with_suffix(".img.gz")) if file.exists()), None)
        if voxels is None:
            raise BadDataError(path, "is a NIfTI header whose .img file is missing.", "Copy both files into one folder.")
        return (path, voxels)
    named = header.fields.get("data file") or header.fields.get("datafile") or header.fields.get("elementdatafile", "LOCAL")
    if named == "LOCAL":
        return (path,)
    if named.startswith("LIST") or "%" in named:
        raise BadDataError(path, "keeps its voxels in several files.", "Save the segmentation as one file.")
    voxels = path.parent / named
    if not voxels.is_file():
        raise BadDataError(path, f"keeps its voxels in {named}, which is missing.", "Copy both files into one folder.")
    return (path, voxels)


def require_complete(header: FileHeader, reader: sitk.ImageFileReader) -> None:
    """Raise BadDataError if voxels are missing, checksums of the compression are wrong, or far too much is compressed.

    ITK itself notices missing voxels in NRRD and MetaImage. It does not in NIfTI, and it ignores the
    checksum of compressed voxels everywhere: a half-copied label map reads as a smaller organ.
    """
    voxels = data_files(header)[-1]
    # The widest number has eight bytes; a NIfTI file has its header and extensions before the voxels.
    most = math.prod(reader.GetSize()) * reader.GetNumberOfComponents() * 8 + _LONGEST_EXTENSIONS
    if header.kind is FileKind.NIFTI:
        needed = _nifti_bytes(reader)
        with voxels.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        found = _unpacked_size(voxels, 0, max(most, needed)) if packed else voxels.stat().st_size
        if found < needed:
            raise BadDataError(voxels, f"is cut short: its header promises {needed} bytes, {found} are there.", _AGAIN)
        return
    if math.prod(reader.GetSize()) > _MOST_EXPANDED * voxels.stat().st_size:
        # ITK would reserve memory for all of them before it notices that they are not there.
        raise BadDataError(voxels, f"is cut short: {' x '.join(map(str, reader.GetSize()))} voxels cannot be in it.", _AGAIN)
    if header.voxels_at is not None and (
        header.fields.get("encoding", "") in ("gzip", "gz") or header.fields.get("compresseddata", "").lower() == "true"
    ):
        _unpacked_size(voxels, header.voxels_at, most)


def _nifti_bytes(reader: sitk.ImageFileReader) -> int:
    dimensions = int(reader.GetMetaData("dim[0]"))
    voxels = math.prod(max(1, int(reader.GetMetaData(f"dim[{n}]"))) for n in range(1, dimensions + 1))
    return int(float(reader.GetMetaData("vox_offset"))) + voxels * int(reader.GetMetaData("bitpix")) // 8


def _unpacked_size(path: Path, start: int, most: int) -> int:
    """Return the bytes that a gzip or zlib stream holds, with its checksum verified."""
    size = 0
    with path.open("rb") as file:
        file.seek(start)
        block = file.read(_BLOCK)
        while block:
            stream = zlib.decompressobj(wbits=47)  # 47: gzip or zlib, by its header
            while block and not stream.eof:
                try:
                    # A megabyte of packed zeros is a gigabyte.
                    size += len(stream.decompress(block, _UNPACKED_AT_ONCE))
                except zlib.error as error:
                    raise BadDataError(path, f"is damaged: its compressed voxels do not unpack ({error}).", _AGAIN) from error
                if size > most:
                    raise BadDataError(
                        path,
                        f"unpacks to more than {most:,} bytes, which the image that its header describes cannot have.",
                        "It is damaged, or made to fill a computer's memory; copy or export it again.",
                    )
                block = stream.unused_data if stream.eof else stream.unconsumed_tail or file.read(_BLOCK)
            if not stream.eof:
                raise BadDataError(path, "is cut short: its compressed voxels end too early.", _AGAIN)
            block = block or file.read(_BLOCK)
            if not block.startswith(b"\x1f\x8b"):  # padding after the last stream means nothing
                break
    return size
