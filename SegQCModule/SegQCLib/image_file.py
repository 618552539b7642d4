"""Open a NIfTI, NRRD or MetaImage file: its header first, its voxels when they are wanted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from SegQCLib.case import FileSource
from SegQCLib.complete_file import data_files
from SegQCLib.errors import BadDataError
from SegQCLib.file_header import FileHeader, FileKind
from SegQCLib.hashing import sha256_of, sha256_of_files

_FURTHEST_MM = 1e6
_SAME_DIRECTION = 1e-2
_IMAGE_IO = {FileKind.NIFTI: "NiftiImageIO", FileKind.NRRD: "NrrdImageIO", FileKind.META_IMAGE: "MetaImageIO"}


def open_image(header: FileHeader) -> sitk.ImageFileReader:
    """Return a reader that has read the header of an image but not its voxels.

    Raises
    ------
    BadDataError
        If ITK cannot read the header, or part of the file is missing.
    """
    path = header.path
    if header.kind is FileKind.NIFTI:
        _require_nifti_name(header)
    data_files(header)
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.SetImageIO(_IMAGE_IO[header.kind])
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        if "orthonormal" in str(error):
            raise BadDataError(
                path,
                "has axes that are not at right angles (a tilted gantry or an affine with shear).",
                "Resample image and segmentation to a rectangular grid first.",
            ) from error
        raise BadDataError(path, f"cannot be read: {itk_reason(error)}.", "Copy or export it again.") from error
    if 0 in reader.GetSize():
        raise BadDataError(path, "has no voxels: one of its sizes is 0.", "Export it again.")
    _require_place(path, reader)
    if "complex" in sitk.GetPixelIDValueAsString(reader.GetPixelID()):
        raise BadDataError(path, "has complex values.", "An image or a label map has one real number per voxel.")
    return reader


def _require_place(path: Path, reader: sitk.ImageFileReader) -> None:
    """Raise BadDataError if origin, spacing or axes are damaged; ITK takes axes of any length as they are."""
    numbers = np.array([*reader.GetOrigin(), *reader.GetSpacing()])
    axes = np.reshape(reader.GetDirection(), (reader.GetDimension(),) * 2)
    if not (np.isfinite(axes).all() and (np.abs(numbers) < _FURTHEST_MM).all()) or not np.allclose(
        axes.T @ axes, np.eye(len(axes)), atol=_SAME_DIRECTION
    ):
        raise BadDataError(
            path,
            f"lies nowhere: its origin is {reader.GetOrigin()} mm, its spacing {reader.GetSpacing()} mm, and its axes are"
            f" {reader.GetDirection()}.",
            "Axes are unit vectors at right angles. Export it again.",
        )


def _require_nifti_name(header: FileHeader) -> None:
    name = header.path.name.lower()
    with header.path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    wanted = (".nii.gz",) if packed else (".nii", ".nii.gz", ".hdr")
    if not name.endswith(wanted):
        # ITK opens NIfTI by name: it refuses other endings and misreads compressed files named .nii.
        raise BadDataError(
            header.path,
            f"is a {'compressed ' if packed else ''}NIfTI file by its content, but its name says otherwise.",
            f"Rename it so that it ends in {wanted[0]}.",
        )


def source_of(header: FileHeader) -> FileSource:
    """Return path and SHA-256; of header and voxels together where they are two files."""
    files = data_files(header)
    path = header.path
    return FileSource(str(path), sha256_of(path) if len(files) == 1 else sha256_of_files(files, path.parent))


def itk_reason(error: RuntimeError) -> str:
    """Return the last line of an ITK message; the rest is source files and addresses."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = (lines[-1].rpartition("): ")[2] or lines[-1]).rstrip(".")
    # MetaImageIO reports the last error of the operating system, which has nothing to do with it.
    return "voxels are missing or damaged" if reason.startswith("Reason:") else reason
