"""Where the slices of source images lie, and which image and frame each is: what the frames of a segmentation refer to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from SegQCLib.errors import BadDataError
from SegQCLib.geometry import SAME_GRID_TOLERANCE_MM, Geometry

if TYPE_CHECKING:
    from pydicom import Dataset

    from SegQCLib.dicom.source_images import SourceImages

# Sequences that hold the attribute in a multi-frame image (PS3.3 C.7.6.16.2).
_GROUPS = {
    "ImagePositionPatient": ("PlanePositionSequence", "(0020,0032)"),
    "ImageOrientationPatient": ("PlaneOrientationSequence", "(0020,0037)"),
    "PixelSpacing": ("PixelMeasuresSequence", "(0028,0030)"),
    "SliceThickness": ("PixelMeasuresSequence", "(0018,0050)"),
}


@dataclass(frozen=True, eq=False)
class SourceSlice:
    """One slice: the image (and frame, from 1; None for an image of one slice) and its place, lengths in mm, LPS.

    position, orientation, spacing and thickness are the header's own values, so that they are written as they were read.
    """

    header: Dataset
    frame: int | None
    position: tuple[Any, ...]
    orientation: tuple[Any, ...]
    spacing: tuple[Any, ...]
    thickness: Any


def source_slices(images: SourceImages) -> tuple[SourceSlice, ...]:
    """Return the slices in the order of k, ascending along the normal of Image Orientation (Patient) (0020,0037).

    Raises
    ------
    BadDataError
        If a slice has no position, orientation or pixel spacing.
    """
    paths = dict.fromkeys(one.path for one in images.slices)
    headers = dict(zip(paths, images.headers, strict=True))
    return tuple(_source_slice(headers[one.path], one.frame, one.path) for one in images.slices)


def positions_lps_mm(slices: tuple[SourceSlice, ...]) -> NDArray[np.float64]:
    """Return Image Position (Patient) (0020,0032) of each slice, shape (k, 3), mm."""
    return np.array([[float(value) for value in one.position] for one in slices])


def stacked_grid(slices: tuple[SourceSlice, ...]) -> Geometry:
    """Return the grid that the slices form if they are stacked regularly along their normal, from the first to the last."""
    first = slices[0]
    cosines = np.array([float(value) for value in first.orientation])
    axis_i, axis_j = cosines[:3] / np.linalg.norm(cosines[:3]), cosines[3:] / np.linalg.norm(cosines[3:])
    normal = np.cross(axis_i, axis_j)
    positions = positions_lps_mm(slices)
    travel = float((positions[-1] - positions[0]) @ normal)
    spacing = tuple(float(value) for value in first.spacing)
    return Geometry(
        size=(len(slices), int(first.header.Rows), int(first.header.Columns)),
        spacing_mm=(travel / max(len(slices) - 1, 1), *spacing),
        origin_lps_mm=tuple(positions[0].tolist()),
        axes_lps=tuple(tuple(axis.tolist()) for axis in (normal, axis_j, axis_i)),
    )


def _source_slice(header: Dataset, frame: int | None, path: object) -> SourceSlice:
    groups = []
    if frame is not None:
        each = header.get("PerFrameFunctionalGroupsSequence") or ()
        groups = [*each[frame - 1 : frame], *(header.get("SharedFunctionalGroupsSequence") or ())]

    def value(keyword: str) -> Any:
        sequence, tag = _GROUPS[keyword]
        for group in groups:
            items = group.get(sequence)
            if items and items[0].get(keyword) not in (None, ""):
                return items[0].get(keyword)
        found = header.get(keyword)
        if found in (None, "") and keyword != "SliceThickness":
            raise BadDataError(path, f"has no {keyword} {tag}.", "Nobody knows where its voxels are; give the original series.")
        return found

    return SourceSlice(
        header,
        frame,
        tuple(value("ImagePositionPatient")),
        tuple(value("ImageOrientationPatient")),
        tuple(value("PixelSpacing")),
        value("SliceThickness"),
    )


def has_slices_of(grid: Geometry, series: Geometry) -> bool:
    """Return whether a grid has the slices of a series one to one, whatever even spacing it gives them.

    Writers of NIfTI and NRRD stack the slices of an irregular series with one spacing: size, first voxel and plane agree.
    """
    first = np.abs(np.array(grid.origin_lps_mm) - np.array(series.origin_lps_mm)).max()
    in_plane = np.abs(np.array(grid.spacing_mm[1:]) - np.array(series.spacing_mm[1:])).max()
    axes = np.abs(np.array(grid.axes_lps[1:]) - np.array(series.axes_lps[1:])).max()
    return grid.size == series.size and first <= SAME_GRID_TOLERANCE_MM and in_plane <= 1e-3 and axes <= 1e-3
