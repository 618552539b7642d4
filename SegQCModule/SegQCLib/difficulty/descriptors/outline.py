"""A structure's mask cut out of its grid, with what several geometry descriptors need of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from SegQCLib.difficulty.descriptors.distance import distance_to_outside_mm
from SegQCLib.difficulty.descriptors.grey_levels import bounding_box
from SegQCLib.errors import BadDataError

_LEAST_MM, _MOST_MM = 0.01, 100.0


@dataclass(frozen=True, eq=False)
class Outline:
    """What somebody outlined, in a volume (k, j, i) or in one slice (j, i).

    Attributes
    ----------
    mask : ndarray of bool
        The bounding box of what was outlined, with a margin of one empty voxel on all sides.
    spacing_mm : tuple of float
        In array order.
    """

    mask: NDArray[np.bool_]
    spacing_mm: tuple[float, ...]

    @cached_property
    def voxels(self) -> tuple[NDArray[np.intp], ...]:
        """Indices of the voxels in `mask`."""
        return np.nonzero(self.mask)

    @cached_property
    def vertices(self) -> NDArray[np.int64]:
        """Points half-way between neighbouring voxels of which one is inside, in half voxels, shape (n, 2 or 3)."""
        found = []
        for axis in range(self.mask.ndim):
            lower, upper = np.moveaxis(self.mask, axis, 0)[:-1], np.moveaxis(self.mask, axis, 0)[1:]
            border = np.ascontiguousarray(np.moveaxis(lower ^ upper, 0, axis))
            points = 2 * np.stack(np.unravel_index(np.flatnonzero(border), border.shape), axis=1)
            points[:, axis] += 1
            found.append(points)
        return np.concatenate(found)

    @cached_property
    def vertices_mm(self) -> NDArray[np.float64]:
        """`vertices` in mm."""
        return self.vertices * (np.asarray(self.spacing_mm) / 2)

    @cached_property
    def depth_mm(self) -> NDArray[np.float32]:
        """Distance of each voxel of `mask` from the nearest voxel outside, centre to centre; 0 outside."""
        return distance_to_outside_mm(self.mask, self.spacing_mm)

    @property
    def pixel_mm(self) -> float:
        """Side in mm of a square of the area of one pixel of a slice."""
        return math.sqrt(self.spacing_mm[-2] * self.spacing_mm[-1])


def outline_of(mask: NDArray[np.bool_], spacing_mm: tuple[float, ...]) -> Outline:
    """Return the outline of a mask.

    Parameters
    ----------
    mask : ndarray of bool, shape (k, j, i) or (j, i)
    spacing_mm : tuple of float
        In array order.

    Raises
    ------
    ValueError
        If the mask is not bool, not 2-D or 3-D, or empty, or the spacing does not fit it.
    BadDataError
        If the spacing cannot be one of a medical image in mm.
    """
    if mask.dtype != np.bool_ or mask.ndim not in (2, 3):
        raise ValueError(f"The mask is {mask.dtype} of shape {mask.shape}; bool (k, j, i) or (j, i) is needed.")
    check_spacing(spacing_mm, mask.ndim)
    if not mask.any():
        raise ValueError("The mask is empty: nothing was outlined, so there is nothing to describe.")
    return Outline(np.pad(mask[bounding_box(mask)], 1), tuple(map(float, spacing_mm)))


def check_spacing(spacing_mm: tuple[float, ...], axes: int) -> None:
    """Refuse a spacing that is not one number above 0 per axis (ValueError) or not 0.01 to 100 mm (BadDataError)."""
    if len(spacing_mm) != axes or not all(0 < step < math.inf for step in spacing_mm):
        raise ValueError(f"The spacing {spacing_mm} mm does not fit a mask of {axes} axes: one number above 0 per axis.")
    # Bands of some mm around an outline would be of billions of voxels where a spacing is in metres.
    if not all(_LEAST_MM <= step <= _MOST_MM for step in spacing_mm):
        raise BadDataError(
            "spacing", f"is {' x '.join(f'{step:g}' for step in spacing_mm)} mm.",
            f"Descriptors are for images of {_LEAST_MM:g} to {_MOST_MM:g} mm: a file that gives metres has to be converted.",
        )  # fmt: skip
