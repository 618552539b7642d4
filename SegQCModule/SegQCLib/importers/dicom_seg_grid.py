"""The regular grid on which the frames of a DICOM SEG lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from SegQCLib.case import Volume
from SegQCLib.errors import BadDataError
from SegQCLib.geometry import SAME_GRID_TOLERANCE_MM, Geometry
from SegQCLib.importers.dicom_seg_frames import Frames

_AGAIN = "Export the segmentation again."
# Whole-body series have about 2,000; frames further apart than that are of different scans, or their positions are damaged.
_MOST_SLICES = 20_000
# Frames of one slice have positions that differ by rounding of decimal text.
_SAME_SLICE_MM = 1e-3
# Cosine of 0.8 degrees.
_PARALLEL = 0.9999


@dataclass(frozen=True, eq=False)
class FrameGrid:
    """The grid of all frames.

    Attributes
    ----------
    geometry : Geometry
    slices : ndarray of int, shape (frames,)
        Each frame's slice.
    displacement_mm : float
        How far the frames are at most from where the grid puts them.
    is_step_guessed : bool
        Whether the distance of slices is neither said nor plain from frames of neighbouring slices.
    """

    geometry: Geometry
    slices: NDArray[np.int_]
    displacement_mm: float
    is_step_guessed: bool


def step_of_image_mm(image: Volume, frames: Frames, series_uids: tuple[str, ...]) -> float | None:
    """Return how far the slices of the image are apart where the frames were drawn on them, else None.

    They were if the segmentation names the image's series; where one of the two has no Series Instance UID (0020,000E), if both
    have the same plane and pixel spacing and the frames do not tell themselves.
    """
    orientation = frames.orientations[0]
    grid = image.geometry
    normal = np.cross(orientation[:3], orientation[3:])
    along = np.abs(np.array(grid.axes_lps) @ normal)
    axis = int(np.argmax(along))
    if along[axis] < _PARALLEL:
        return None
    own = image.acquisition.series_instance_uid
    if own and series_uids:
        return grid.spacing_mm[axis] if own in series_uids else None
    gaps = np.diff(np.unique(np.round(frames.positions_lps_mm @ normal / _SAME_SLICE_MM))) * _SAME_SLICE_MM
    if _are_neighbours(gaps.min(initial=np.inf), frames):
        return None
    across = sorted(grid.spacing_mm[other] for other in range(3) if other != axis)
    return grid.spacing_mm[axis] if np.allclose(across, np.sort(frames.spacings_mm[0]), atol=1e-4) else None


def grid_of(frames: Frames, shape: tuple[int, int], path: Path, image_step_mm: float | None = None) -> FrameGrid:
    """Return the grid from the first to the last slice that has a frame.

    Parameters
    ----------
    frames : Frames
    shape : tuple of int
        Rows and columns of each frame.
    path : Path
        For messages.
    image_step_mm : float, optional
        Distance of the slices of the image that they were drawn on.

    Raises
    ------
    BadDataError
        If the frames are not parallel, have several pixel sizes, or axes that are not at right angles.
    """
    orientation, spacing_mm = frames.orientations[0], frames.spacings_mm[0]
    differs = ~(
        np.isclose(frames.orientations, orientation, atol=1e-4).all(axis=1)
        & np.isclose(frames.spacings_mm, spacing_mm, atol=1e-4).all(axis=1)
    )
    if differs.any():
        number = int(np.argmax(differs)) + 1
        raise BadDataError(path, f"has frames in different planes or with different pixel sizes (frames 1 and {number}).", _AGAIN)
    i_axis, j_axis = orientation[:3], orientation[3:]
    lengths = np.linalg.norm(i_axis), np.linalg.norm(j_axis)
    if not np.allclose(lengths, 1, atol=1e-3) or abs(i_axis @ j_axis) > 1e-3 or min(spacing_mm) <= 0:
        raise BadDataError(
            path,
            f"has the orientation {orientation.tolist()} and pixel spacing {spacing_mm.tolist()} mm, which are no grid.",
            _AGAIN,
        )
    i_axis, j_axis = i_axis / lengths[0], j_axis / lengths[1]
    normal = np.cross(i_axis, j_axis)
    along = frames.positions_lps_mm @ normal
    start = frames.positions_lps_mm[np.argmin(along)]
    said_mm = frames.step_mm or image_step_mm
    step, slices = _steps(along - along.min(), (frames.step_mm, image_step_mm), frames.thickness_mm)
    if slices.max() >= _MOST_SLICES:
        raise BadDataError(path, f"has frames {np.ptp(along):.0f} mm apart in slices of {step:g} mm.", _AGAIN)
    regular = start + np.outer(slices * step, normal)
    displacement = float(np.linalg.norm(frames.positions_lps_mm - regular, axis=1).max())
    geometry = Geometry(
        size=(int(slices.max()) + 1, *shape),
        spacing_mm=(step, *(float(value) for value in spacing_mm)),
        origin_lps_mm=tuple(float(value) for value in start),
        axes_lps=tuple(tuple(float(value) for value in axis) for axis in (normal, j_axis, i_axis)),
    )
    is_plain = len(np.unique(slices)) > 1 and _are_neighbours(step, frames)
    return FrameGrid(geometry, slices, round(displacement, 4), said_mm is None and not is_plain)


def _are_neighbours(gap_mm: float, frames: Frames) -> bool:
    # Slices lie apart by a part of their thickness, in MR; frames further apart are hardly those of neighbouring slices.
    return bool(np.isfinite(gap_mm) and gap_mm <= 1.5 * (frames.thickness_mm or gap_mm))


def _steps(
    along_mm: NDArray[np.float64], said_mm: tuple[float | None, ...], thickness_mm: float | None
) -> tuple[float, NDArray[np.int_]]:
    """Return the distance of slices in mm and the slice of each frame; positions start at 0.

    Frames that are left out make gaps multiples of the true step: 5 and 7.5 mm for slices 2.5 mm apart.
    Spacing Between Slices (0018,0088) says the step, else the image; else it is the smallest gap, or Slice Thickness
    (0018,0050) where only that fits: thickness comes last because slices may lie apart or overlap.
    """
    distinct = np.unique(np.round(along_mm / _SAME_SLICE_MM)) * _SAME_SLICE_MM
    if len(distinct) == 1:
        return next((step for step in (*said_mm, thickness_mm) if step), 1.0), np.zeros(len(along_mm), int)
    gaps = np.diff(distinct)
    steps = [step for step in (*said_mm, float(gaps.min()), thickness_mm) if step is not None and _are_multiples(gaps, step)]
    if not steps:
        # Uneven slices are stacked one after the other; a finding says how far that is from their places.
        return float(np.median(gaps)), np.searchsorted(distinct, along_mm - _SAME_SLICE_MM)
    slices = np.rint(along_mm / steps[0]).astype(int)
    # Decimal text adds up over many slices; the whole stack gives the step better than one gap.
    return round(float(along_mm @ slices / (slices @ slices)), 6), slices


def _are_multiples(gaps_mm: NDArray[np.float64], step_mm: float) -> bool:
    whole = np.rint(gaps_mm / step_mm)
    return bool(np.all(whole >= 1) and np.all(np.abs(gaps_mm - whole * step_mm) <= SAME_GRID_TOLERANCE_MM))
