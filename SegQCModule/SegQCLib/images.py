"""Read an image from what a user names: a DICOM folder or file, NIfTI, NRRD or MetaImage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from SegQCLib.case import Volume
from SegQCLib.complete_file import require_complete
from SegQCLib.dicom.series import read_series
from SegQCLib.errors import BadDataError
from SegQCLib.file_header import FileHeader, FileKind, read_file_header, refuse_unread_kinds
from SegQCLib.geometry import geometry_of
from SegQCLib.image_file import itk_reason, open_image, source_of
from SegQCLib.steady_file import steady

_GIVE = "Give a DICOM folder or file, NIfTI, NRRD or MetaImage."


def read_image(path: Path) -> Volume:
    """Return the image in a folder or file.

    Raises
    ------
    BadDataError
        If nothing readable is there, or it is not one 3-D image with one value per voxel.
    """
    if not path.exists():
        raise BadDataError(path, "does not exist.", _GIVE)
    if path.is_dir():
        return read_series(path)
    with steady(path):
        return _read_file(path)


def _read_file(path: Path) -> Volume:
    header = read_file_header(path)
    if header.kind is FileKind.DICOM:
        return read_series(path)
    refuse_unread_kinds(header)
    if header.kind is FileKind.UNKNOWN:
        raise BadDataError(path, "is not an image file that SegQC knows.", _GIVE)
    reader = open_image(header)
    _require_scalar_3d(header, reader)
    require_complete(header, reader)
    try:
        image = reader.Execute()
    except RuntimeError as error:
        raise BadDataError(path, f"cannot be read to its end: {itk_reason(error)}.", "Copy or export it again.") from error
    array = sitk.GetArrayFromImage(image)
    if array.dtype.kind in "iu" and array.dtype.itemsize > 2 and _fits_int16(array):
        array = array.astype(np.int16)
    return Volume(array, geometry_of(image), source=source_of(header))


def _require_scalar_3d(header: FileHeader, reader: sitk.ImageFileReader) -> None:
    components, size = reader.GetNumberOfComponents(), reader.GetSize()
    if components != 1:
        kind = "a colour image" if components in (3, 4) else "an image of vectors"
        raise BadDataError(header.path, f"is {kind}: {components} values per voxel.", "An image has one grey value per voxel.")
    # Writers of 3-D files often add a time axis of length one.
    if len(size) > 3 and all(extent == 1 for extent in size[3:]):
        reader.SetExtractSize([*size[:3], *[0] * (len(size) - 3)])
    elif len(size) != 3 or size[2] < 2:
        shape = " x ".join(map(str, size))
        raise BadDataError(
            header.path,
            f"has {len(size)} dimensions ({shape}).",
            "An image has three, and at least two slices: give one 3-D series.",
        )


def _fits_int16(array: np.ndarray) -> bool:
    limits = np.iinfo(np.int16)
    return array.min() >= limits.min and array.max() <= limits.max
