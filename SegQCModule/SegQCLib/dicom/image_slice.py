"""One slice of a series: a file of one image, or a frame of a multi-frame file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from SegQCLib.case import SliceSource
from SegQCLib.dicom.dicom_header import DicomHeader
from SegQCLib.dicom.header_values import attribute, numbers
from SegQCLib.dicom.multi_frame import frame_headers, is_multi_frame
from SegQCLib.errors import BadDataError

if TYPE_CHECKING:
    from pydicom import Dataset

# Decimal text of directions: a tenth of a degree is 0.0017.
SAME_DIRECTION = 1e-3
# No scanner's coordinates reach a tenth of this, no pixel of a patient is as small: what lies beyond is damage.
_FURTHEST_MM = 1e5
_SMALLEST_MM = 1e-6


@dataclass(frozen=True, eq=False)
class ImageSlice:
    """A slice before anything is known of its neighbours.

    Attributes
    ----------
    file : DicomHeader
        The file it is in.
    frame : int or None
        Frame number, from 1, in a multi-frame object.
    header : Dataset
        Its attributes on top level, those of a frame merged from its functional groups.
    """

    file: DicomHeader
    frame: int | None
    header: Dataset

    @property
    def path(self) -> Path:
        return self.file.path

    @property
    def source(self) -> SliceSource:
        return SliceSource(self.file.path, self.frame)


@dataclass(frozen=True, eq=False)
class Plane:
    """Where a slice lies.

    Attributes
    ----------
    position_lps_mm : ndarray, shape (3,)
        Image Position (Patient) (0020,0032): centre of the first pixel.
    row, column, normal : ndarray, shape (3,)
        Unit vectors along a row (increasing column index), along a column (increasing row index), and their cross
        product: Image Orientation (Patient) (0020,0037).
    spacing_mm : ndarray, shape (2,)
        Between rows, between columns: Pixel Spacing (0028,0030).
    """

    position_lps_mm: NDArray[np.float64]
    row: NDArray[np.float64]
    column: NDArray[np.float64]
    normal: NDArray[np.float64]
    spacing_mm: NDArray[np.float64]


def slices_of(file: DicomHeader) -> list[ImageSlice]:
    """Return the slices of an image file, in the order of its frames.

    Raises
    ------
    BadDataError
        If it has several frames and does not say where each one is.
    """
    if not is_multi_frame(file.path, file.dataset):
        return [ImageSlice(file, None, file.dataset)]
    headers = frame_headers(file.path, file.dataset)
    return [ImageSlice(file, number, header) for number, header in enumerate(headers, start=1)]


def plane_of(one: ImageSlice) -> Plane:
    """Return where a slice lies.

    Raises
    ------
    BadDataError
        If position, orientation or spacing are missing or cannot be.
    """
    values = {}
    for keyword, count in (("ImagePositionPatient", 3), ("ImageOrientationPatient", 6), ("PixelSpacing", 2)):
        found = numbers(one.path, one.header, keyword, count)
        if found is None:
            raise BadDataError(
                one.path,
                f"has no {attribute(keyword)}{'' if one.frame is None else f' for frame {one.frame}'}.",
                "Without it nobody knows where its voxels are: give the original CT, MR or PET series (radiographs and screenshots"
                " have no place in space).",
            )
        values[keyword] = found
    position, orientation, spacing = values.values()
    if not (np.abs(position) < _FURTHEST_MM).all():
        raise BadDataError(
            one.path,
            f"has {attribute('ImagePositionPatient')} {', '.join(f'{value:g}' for value in position)} mm, which no patient in a"
            " scanner can have.",
            "Export the series again.",
        )
    if not ((spacing > _SMALLEST_MM) & (spacing < _FURTHEST_MM)).all():
        raise BadDataError(
            one.path,
            f"has {attribute('PixelSpacing')} {spacing[0]:g}, {spacing[1]:g} mm; both are above 0, and what a scanner can have.",
            "Export the series again.",
        )
    row, column = orientation[:3], orientation[3:]
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    # Written with few decimals: directions rounded to 0.01 still say what was meant.
    if max(abs(lengths[0] - 1), abs(lengths[1] - 1), abs(row @ column)) > 0.02:
        raise BadDataError(
            one.path,
            f"has {attribute('ImageOrientationPatient')} {', '.join(f'{value:g}' for value in orientation)}: not two unit"
            " vectors at right angles.",
            "Export the series again.",
        )
    normal = np.cross(row, column)
    return Plane(position, row / lengths[0], column / lengths[1], normal / np.linalg.norm(normal), spacing)
