"""Read an image from what a user names: a DICOM folder or file, NIfTI, NRRD or MetaImage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from SegQCLib.case import FileSource, Volume
from SegQCLib.dicom.series import is_dicom, read_series
from SegQCLib.errors import BadDataError
from SegQCLib.geometry import geometry_of
from SegQCLib.hashing import sha256_of


def read_image(path: Path) -> Volume:
    """Return the image in a folder or file.

    Raises
    ------
    BadDataError
        If nothing readable is there, or it is not one 3-D image with one value per voxel.
    """
    if not path.exists():
        raise BadDataError(path, "does not exist.", "Give a DICOM folder or file, NIfTI, NRRD or MetaImage.")
    if path.is_dir() or is_dicom(path):
        return read_series(path)
    header = read_header(path)
    require_scalar_3d(path, header, "An image")
    try:
        image = header.Execute()
    except RuntimeError as error:
        raise BadDataError(path, f"cannot be read to its end ({itk_reason(error)}).", "Copy or export it again.") from error
    array = sitk.GetArrayFromImage(image)
    if array.dtype.kind in "iu" and array.dtype.itemsize > 2 and _fits_int16(array):
        array = array.astype(np.int16)
    return Volume(array, geometry_of(image), source=FileSource(str(path), sha256_of(path)))


def read_header(path: Path) -> sitk.ImageFileReader:
    """Return a reader that knows the header of an image file but has not read its voxels."""
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise BadDataError(
            path, f"is not an image file that can be read ({itk_reason(error)}).", "Give NIfTI, NRRD, MetaImage or DICOM."
        ) from error
    return reader


def require_scalar_3d(path: Path, header: sitk.ImageFileReader, what: str) -> None:
    """Raise BadDataError unless the header describes one 3-D image with one real value per voxel."""
    components = header.GetNumberOfComponents()
    if components != 1 or "complex" in sitk.GetPixelIDValueAsString(header.GetPixelID()):
        kind = {3: "a colour image (RGB)", 4: "a colour image (RGBA)"}.get(components, "an image of vectors or complex values")
        raise BadDataError(path, f"is {kind}: {components} values per voxel.", f"{what} has one value per voxel.")
    size = header.GetSize()
    # Writers of 3-D files often add a time axis of length one.
    if len(size) > 3 and all(extent == 1 for extent in size[3:]):
        header.SetExtractSize([*size[:3], *[0] * (len(size) - 3)])
        return
    if len(size) != 3 or min(size) < 2 and size.index(min(size)) == 2:
        shape = " x ".join(map(str, size))
        raise BadDataError(path, f"is {len(size)}-dimensional or one slice only ({shape}).", f"{what} must have at least two slices.")


def itk_reason(error: RuntimeError) -> str:
    """Return the last sentence of an ITK message: the rest is source files and addresses."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1].rpartition("): ")[2] or lines[-1]


def _fits_int16(array: np.ndarray) -> bool:
    limits = np.iinfo(np.int16)
    return array.min() >= limits.min and array.max() <= limits.max
