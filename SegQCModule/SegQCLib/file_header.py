"""What kind of file it is and what its header says, from the first bytes and not from the name."""

from __future__ import annotations

import math
import re
import struct
import zlib
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from SegQCLib.errors import BadDataError

_FIRST_BYTES = 2**16
# Slicer writes names, codes and tags of every segment into the NRRD header; 4 MB is ten times what a thousand segments take.
_LONGEST_TEXT_HEADER = 4 * 2**20
# ITK's NRRD parser crashes on faulty fields of 1,000 characters, and Slicer with it. Key/value pairs may be longer.
_LONGEST_NRRD_FIELD = 512
_FURTHEST_MM = 1e6
_BLANK_LINE = rb"\r?\n\r?\n"


class FileKind(StrEnum):
    """The formats that a segmentation can come in, read or not."""

    NIFTI = "NIfTI"
    NIFTI_2 = "NIfTI-2"
    ANALYZE = "Analyze 7.5"
    NRRD = "NRRD"
    META_IMAGE = "MetaImage"
    DICOM = "DICOM"
    SURFACE = "surface model"
    UNKNOWN = "unknown"


_NOT_READ = {
    FileKind.NIFTI_2: ("is a NIfTI-2 file, which is not read here.", "Save it as NIfTI-1 (.nii.gz)."),
    FileKind.ANALYZE: (
        "is an Analyze 7.5 file, whose header does not say which side of the patient is left.",
        "Export the label map again as NIfTI (.nii.gz) from the program that drew it.",
    ),
    FileKind.SURFACE: (
        "holds surface models, not voxels.",
        "Load it in 3D Slicer, create the binary labelmap representation and save the segmentation as .seg.nrrd.",
    ),
}


@dataclass(frozen=True)
class FileHeader:
    """A file and the part of its header that decides how it is read.

    Attributes
    ----------
    path : Path
    kind : FileKind
    fields : dict of str
        The named fields of a text header (NRRD without its key/value pairs, MetaImage), keys in lower case.
    keys : dict of str
        NRRD's key/value pairs (`key:=value`).
    voxels_at : int or None
        Where the voxels start in this file; None where the header does not tell as text, or they are in another file.
    """

    path: Path
    kind: FileKind
    fields: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    voxels_at: int | None = None


def read_file_header(path: Path) -> FileHeader:
    """Return what the first bytes of a file say about it.

    Raises
    ------
    BadDataError
        If the file is missing, a folder, empty, or its header is cut short.
    """
    if not path.exists():
        raise BadDataError(path, "does not exist.", "Check the path of the segmentation.")
    if path.is_dir():
        raise BadDataError(
            path,
            "is a folder.",
            "Give one file with all segments; TotalSegmentator writes one with its option --ml.",
        )
    if not path.is_file():
        # Reading a pipe waits for ever, reading a device never ends.
        raise BadDataError(path, "is a pipe or a device, not a file.", "Give a file.")
    with path.open("rb") as file:
        start = file.read(_FIRST_BYTES)
        if not start:
            raise BadDataError(path, "is empty (0 bytes).", "Copy or export it again.")
        kind = _kind(path, start)
        if kind is FileKind.NRRD:
            while not re.search(_BLANK_LINE, start) and len(start) < _LONGEST_TEXT_HEADER and (more := file.read(_FIRST_BYTES)):
                start += more
            return _nrrd_header(path, start)
        if kind is FileKind.META_IMAGE:
            return _meta_image_header(path, start)
    return FileHeader(path, kind)


def refuse_unread_kinds(header: FileHeader) -> None:
    """Raise BadDataError with the way out for a format that is known but not read."""
    if header.kind in _NOT_READ:
        raise BadDataError(header.path, *_NOT_READ[header.kind])


def _kind(path: Path, start: bytes) -> FileKind:
    if start.startswith(b"NRRD000"):
        return FileKind.NRRD
    # Part 10 files have a preamble; older ones start with an element of group 0002 or 0008, little endian.
    if start[128:132] == b"DICM" or re.match(rb"[\x02\x08]\x00[\x00-\xff]\x00", start):
        return FileKind.DICOM
    if re.match(rb"\s*(ObjectType|NDims|Comment)\s*=", start) and b"NDims" in start:
        return FileKind.META_IMAGE
    if b"<VTKFile" in start[:512] or start.startswith((b"# vtk DataFile", b"solid ", b"ply\n")):
        return FileKind.SURFACE
    return _nifti_kind(_unpacked(path, start) if start.startswith(b"\x1f\x8b") else start)


def _unpacked(path: Path, start: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=31).decompress(start, _FIRST_BYTES)
    except zlib.error as error:
        raise BadDataError(
            path, f"is damaged at its start: the gzip compression cannot be undone ({error}).", "Copy or export it again."
        ) from error


def _nifti_kind(start: bytes) -> FileKind:
    if len(start) < 348:
        return FileKind.UNKNOWN
    for byte_order in "<>":
        (header_size,) = struct.unpack(f"{byte_order}i", start[:4])
        if header_size == 540 and start[4:8] in (b"n+2\0", b"ni2\0"):
            return FileKind.NIFTI_2
        if header_size == 348:
            return FileKind.NIFTI if start[344:348] in (b"n+1\0", b"ni1\0") else FileKind.ANALYZE
    return FileKind.UNKNOWN


def _nrrd_header(path: Path, content: bytes) -> FileHeader:
    end = re.search(_BLANK_LINE, content)
    text = content[: end.start()] if end else content
    fields, keys = {}, {}
    # Headers are UTF-8 today; Latin-1 ones exist, and a name with a wrong letter is better than no segmentation.
    for line in text.decode("utf-8", errors="replace").splitlines()[1:]:
        key, assigned, value = line.partition(":=")
        if assigned:
            keys[key] = re.sub(r"\\(n|\\)", lambda match: "\n" if match[1] == "n" else "\\", value)
        elif len(line) > _LONGEST_NRRD_FIELD and not line.startswith("#"):
            raise BadDataError(
                path,
                f"is damaged: a line of its NRRD header has {len(line):,} characters ({line[:30]} ...).",
                "Copy or export it again.",
            )
        elif not line.startswith("#") and ": " in line:
            key, _, value = line.partition(": ")
            fields[key.strip().lower()] = value.strip()
    for name in ("space directions", "space origin", "spacings"):
        # ITK takes the length of an enormous vector for 1 mm. Axes without a place in space say none or nan.
        numbers = [text for text in re.split(r"[\s(),]+", fields.get(name, "")) if text.lower() not in ("", "none", "nan")]
        if not all(_is_place(text) for text in numbers):
            raise BadDataError(path, f"is damaged: {name} is {fields[name]:.60}.", "Copy or export it again.")
    detached = "data file" in fields or "datafile" in fields
    if end is None and not detached:
        raise BadDataError(path, "is cut short: the NRRD header does not end.", "Copy or export it again.")
    return FileHeader(path, FileKind.NRRD, fields, keys, voxels_at=None if detached else end.end())


def _is_place(text: str) -> bool:
    try:
        return math.isfinite(float(text)) and abs(float(text)) < _FURTHEST_MM
    except ValueError:
        return False


def _meta_image_header(path: Path, start: bytes) -> FileHeader:
    fields = {}
    at = 0
    for line in start.splitlines(keepends=True):
        at += len(line)
        key, _, value = line.decode("utf-8", errors="replace").partition("=")
        fields[key.strip().lower()] = value.strip()
        if key.strip() == "ElementDataFile":
            if not re.fullmatch(r"[1-9]", fields.get("ndims", "")):
                # ITK's parser writes beyond its arrays, and Slicer ends with it.
                raise BadDataError(path, f"is damaged: NDims is {fields.get('ndims', 'missing'):.20}.", "Copy or export it again.")
            for name in ("offset", "position", "origin", "transformmatrix", "rotation", "orientation", "elementspacing"):
                # ITK reads as 0 what is no number, and decomposes a matrix of enormous ones for ever.
                if not all(_is_place(text) for text in fields.get(name, "").split()):
                    raise BadDataError(path, f"is damaged: {name} is {fields[name]:.60}.", "Copy or export it again.")
            return FileHeader(path, FileKind.META_IMAGE, fields, voxels_at=at if value.strip() == "LOCAL" else None)
    raise BadDataError(path, "is cut short: the MetaImage header has no ElementDataFile.", "Copy or export it again.")
