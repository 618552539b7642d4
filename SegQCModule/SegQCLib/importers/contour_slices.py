"""In which slices of an image contours lie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from SegQCLib.case import Volume
from SegQCLib.geometry import SAME_GRID_TOLERANCE_MM
from SegQCLib.importers.rt_structure_set import Contours

# Of the slice spacing: so that contours exactly half-way between two slices all go to the same side.
_HALF_WAY = 1e-3


@dataclass(frozen=True, eq=False)
class SlicePlanes:
    """The slices of a grid across one of its axes as planes in space.

    Attributes
    ----------
    axis : int
        The axis of the grid (0 k, 1 j, 2 i) that the planes follow one another on.
    origins_lps_mm : ndarray, shape (n, 3)
        Centre of each plane's first pixel.
    positions_mm : ndarray, shape (n,)
        Places along the normal, ascending.
    step_mm : float
        Distance between neighbouring planes; the middle one where they differ.
    normal, row_axis, column_axis : ndarray, shape (3,)
        Unit vectors: across the planes, from row to row, from column to column.
    spacing_mm : tuple of float
        Between rows and between columns.
    size : tuple of int
        Rows and columns.
    """

    axis: int
    origins_lps_mm: NDArray[np.float64]
    positions_mm: NDArray[np.float64]
    step_mm: float
    normal: NDArray[np.float64]
    row_axis: NDArray[np.float64]
    column_axis: NDArray[np.float64]
    spacing_mm: tuple[float, float]
    size: tuple[int, int]

    def rows_columns(self, points_lps_mm: NDArray[np.float64], slices: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return (row, column) of points, shape (n, 2), each in its slice; whole numbers are pixel centres."""
        offset = points_lps_mm - self.origins_lps_mm[slices]
        return np.column_stack([offset @ self.row_axis / self.spacing_mm[0], offset @ self.column_axis / self.spacing_mm[1]])


def slice_planes(image: Volume, axis: int) -> SlicePlanes:
    """Return the planes across an axis of an image's grid; across k they lie where the slices really are, if that is known."""
    grid = image.geometry
    across = [other for other in range(3) if other != axis]
    axes = np.array(grid.axes_lps)
    origins = image.slice_origins_lps_mm
    if axis != 0 or origins is None:
        index = np.zeros((grid.size[axis], 3))
        index[:, axis] = np.arange(grid.size[axis])
        origins = grid.lps_mm(index)
    positions = origins @ axes[axis]
    return SlicePlanes(
        axis=axis,
        origins_lps_mm=origins,
        positions_mm=positions,
        step_mm=float(np.median(np.diff(positions))) if len(positions) > 1 else grid.spacing_mm[axis],
        normal=axes[axis],
        row_axis=axes[across[0]],
        column_axis=axes[across[1]],
        spacing_mm=tuple(grid.spacing_mm[other] for other in across),
        size=tuple(grid.size[other] for other in across),
    )


def contour_axis(contours: list[Contours], image: Volume) -> int:
    """Return the axis of the grid that contours extend least on: 0 unless the grid stores the drawn slices along another."""
    axes = np.array(image.geometry.axes_lps)
    extents = [
        np.maximum.reduceat(along, one.starts, axis=0) - np.minimum.reduceat(along, one.starts, axis=0)
        for one in contours
        if len(one.lengths)
        for along in (one.points_lps_mm @ axes.T,)
    ]
    if not extents:
        return 0
    typical = np.median(np.concatenate(extents), axis=0)
    return 0 if typical[0] <= image.geometry.spacing_mm[0] / 2 else int(np.argmin(typical))


@dataclass(frozen=True, eq=False)
class Placed:
    """Which contours of a structure lie in which slice.

    Attributes
    ----------
    slices : ndarray of int, shape (contours,)
        -1 for contours that are in none.
    beyond, oblique, astray, between : ndarray of bool, shape (contours,)
        Why a contour is in no slice: before the first or after the last; it extends across the slices by more than half
        their spacing; a point of it is further from the nearest slice than that, as where slices are missing; another plane
        of contours is nearer to the slice.
    distance_mm : ndarray, shape (contours,)
        From the nearest slice to the contour's farthest point.
    """

    slices: NDArray[np.int64]
    beyond: NDArray[np.bool_]
    oblique: NDArray[np.bool_]
    astray: NDArray[np.bool_]
    between: NDArray[np.bool_]
    distance_mm: NDArray[np.float64]


def place(contours: Contours, planes: SlicePlanes) -> Placed:
    """Return in which slice each contour of a structure lies.

    A contour belongs to the slice nearest to it if none of its points is further away than half the slice spacing. Where
    contours were drawn in finer steps than the image has slices, a slice gets those of the nearest plane only: together they
    would cancel each other.
    """
    along = contours.points_lps_mm @ planes.normal
    low, high = np.minimum.reduceat(along, contours.starts), np.maximum.reduceat(along, contours.starts)
    middle = (low + high) / 2
    half = planes.step_mm / 2
    edges = (planes.positions_mm[1:] + planes.positions_mm[:-1]) / 2 + _HALF_WAY * planes.step_mm
    slices = np.searchsorted(edges, middle, side="right")
    nearest = planes.positions_mm[slices]
    distance = np.maximum(high - nearest, nearest - low)
    reach = half * (1 + 2 * _HALF_WAY)
    beyond = (middle < planes.positions_mm[0] - reach) | (middle > planes.positions_mm[-1] + reach)
    oblique = ~beyond & (high - low > reach)
    astray = ~beyond & ~oblique & (distance > reach)
    kept = ~(beyond | oblique | astray)
    between = np.zeros(len(slices), bool)
    same_plane_mm = SAME_GRID_TOLERANCE_MM + float(np.max((high - low)[kept], initial=0))
    for k in np.unique(slices[kept]):
        own = np.flatnonzero(kept & (slices == k))
        best = own[np.argmin(np.abs(middle[own] - planes.positions_mm[k]))]
        between[own] = np.abs(middle[own] - middle[best]) > same_plane_mm
    return Placed(np.where(kept & ~between, slices, -1), beyond, oblique, astray, between, distance)
