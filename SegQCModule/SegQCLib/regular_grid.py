"""Put a tilted or irregularly spaced series, and what was drawn on it, on a regular grid by its true slice positions."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SegQCLib.case import Case, Segmentation, Volume
from SegQCLib.geometry import SAME_GRID_TOLERANCE_MM, Geometry, axis_order, reorder_axes


def slice_displacement_mm(geometry: Geometry, slice_origins_lps_mm: NDArray[np.float64]) -> float:
    """Return the largest distance between slices (their first voxels, shape (k, 3)) and where the grid puts them, in mm."""
    regular = geometry.lps_mm(np.outer(np.arange(geometry.size[0]), (1, 0, 0)))
    return round(float(np.linalg.norm(slice_origins_lps_mm - regular, axis=1).max()), 4)


def is_regular(volume: Volume) -> bool:
    """Return whether the volume's slices lie where its grid says, to a twentieth of a millimetre.

    A volume without slice positions (NIfTI, NRRD) is taken at its word.
    """
    displacement_mm = volume.acquisition.slice_displacement_mm
    return displacement_mm is None or displacement_mm <= SAME_GRID_TOLERANCE_MM


@dataclass(frozen=True)
class _Stack:
    """Where each stored slice really is on a regular target grid.

    position: slice coordinate k on the target, ascending, shape (n,).
    shift: its first pixel's (j, i) on the target, in voxels, shape (n, 2).
    """

    geometry: Geometry
    position: NDArray[np.float64]
    shift: NDArray[np.float64]

    def resample(self, array: NDArray, order: int, fill: float) -> NDArray:
        """Return slices (n, j, i) on the target grid: order 1 interpolates between slices, order 0 takes the nearest."""
        planes = np.empty((len(self.position), *self.geometry.size[1:]), array.dtype)
        padding = [(0, size - old) for size, old in zip(self.geometry.size[1:], array.shape[1:], strict=True)]
        for k, (plane, shift) in enumerate(zip(array, self.shift, strict=True)):
            planes[k] = ndimage.shift(np.pad(plane, padding, constant_values=fill), shift, order=order, cval=fill)
        target = np.arange(self.geometry.size[0])
        above = np.clip(np.searchsorted(self.position, target, side="left"), 1, len(self.position) - 1)
        below = above - 1
        weight = (target - self.position[below]) / (self.position[above] - self.position[below])
        weight = np.clip(weight, 0, 1)
        if order == 0:
            return planes[np.where(weight < 0.5, below, above)]
        w = weight[:, None, None].astype(np.float32)
        mixed = planes[below] * (1 - w) + planes[above] * w
        return np.rint(mixed).astype(array.dtype) if array.dtype.kind in "iu" else mixed.astype(array.dtype)


def resample_case(case: Case) -> Case:
    """Return the case on a regular grid.

    The image is interpolated linearly between its slices at their true positions (gantry tilt: each
    slice also shifted in its plane). A segmentation with the series' own slices moves with them, to
    the nearest slice; one on a grid of its own stays where it is in space.

    Raises
    ------
    ValueError
        If the image has no slice positions: then there is nothing to correct.
    """
    volume = case.image
    if volume.slice_origins_lps_mm is None:
        raise ValueError("resample_case needs the positions of the slices; only a series read from DICOM has them.")
    stack = _stack(volume)
    array = None if volume.array is None else stack.resample(volume.array, 1, float(volume.array.min()))
    regular = replace(volume, array=array, geometry=stack.geometry, slice_origins_lps_mm=None)

    def moved(segmentation: Segmentation) -> Segmentation:
        order = axis_order(segmentation.geometry, volume.geometry)
        if not _has_slices_of(reorder_axes(segmentation.geometry, order), volume.geometry):
            return segmentation
        layers = tuple(stack.resample(order.apply(layer), 0, 0) for layer in segmentation.layers)
        return replace(segmentation, geometry=stack.geometry, layers=layers)

    def moved_map(uncertainty: Volume) -> Volume:
        order = axis_order(uncertainty.geometry, volume.geometry)
        if not _has_slices_of(reorder_axes(uncertainty.geometry, order), volume.geometry):
            return uncertainty
        return replace(uncertainty, array=stack.resample(order.apply(uncertainty.array), 1, 0), geometry=stack.geometry)

    return replace(
        case,
        image=regular,
        candidate=moved(case.candidate),
        references=tuple(moved(reference) for reference in case.references),
        draft=None if case.draft is None else moved(case.draft),
        drawn_background=None if case.drawn_background is None else moved(case.drawn_background),
        uncertainty=None if case.uncertainty is None else moved_map(case.uncertainty),
    )


def _stack(volume: Volume) -> _Stack:
    origins, grid = volume.slice_origins_lps_mm, volume.geometry
    along_k, along_j, along_i = ((origins - origins[0]) @ np.array(axis) for axis in grid.axes_lps)
    step = float(np.median(np.diff(along_k)))
    shift = np.stack([along_j / grid.spacing_mm[1], along_i / grid.spacing_mm[2]], axis=1)
    first = np.floor(shift.min(axis=0))
    more = np.ceil(shift.max(axis=0) - first).astype(int)
    geometry = Geometry(
        size=(int(np.floor(along_k[-1] / step + 1e-6)) + 1, grid.size[1] + int(more[0]), grid.size[2] + int(more[1])),
        spacing_mm=(step, *grid.spacing_mm[1:]),
        origin_lps_mm=tuple(float(value) for value in grid.lps_mm((0, *first))),
        axes_lps=grid.axes_lps,
    )
    return _Stack(geometry, along_k / step, shift - first)


def _has_slices_of(geometry: Geometry, series: Geometry) -> bool:
    """Return whether a segmentation's slices are the series' slices, one to one, as stacking readers pair them."""
    first = np.abs(np.array(geometry.origin_lps_mm) - np.array(series.origin_lps_mm)).max()
    in_plane = np.abs(np.array(geometry.spacing_mm[1:]) - np.array(series.spacing_mm[1:])).max()
    axes = np.abs(np.array(geometry.axes_lps[1:]) - np.array(series.axes_lps[1:])).max()
    return geometry.size == series.size and first <= SAME_GRID_TOLERANCE_MM and in_plane <= 1e-3 and axes <= 1e-3
