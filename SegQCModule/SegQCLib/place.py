"""Where something found in a segmentation is, and how large: the part of a finding that a viewer jumps to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from SegQCLib.case import Box
from SegQCLib.geometry import Geometry, Vector


@dataclass(frozen=True)
class Place:
    """A set of voxels in a few numbers; fields are those of Finding.

    Attributes
    ----------
    location_lps_mm : tuple of float
        A voxel of the set, near its centre: a bent structure's centre may lie outside of it.
    center_lps_mm : tuple of float
        Centre of mass.
    size_voxels : int
    size_mm3 : float
    """

    location_lps_mm: Vector
    center_lps_mm: Vector
    size_voxels: int
    size_mm3: float


def place_of(mask: NDArray[np.bool_], box: Box, geometry: Geometry) -> Place:
    """Return where the voxels of a mask are that is the crop `box` of a grid.

    Parameters
    ----------
    mask : ndarray of bool, shape (k, j, i) of the box
    box : tuple of slice
    geometry : Geometry
        Of the whole grid.

    Raises
    ------
    ValueError
        If the mask is empty: then there is no place.
    """
    profiles = [np.count_nonzero(mask, axis=others) for others in ((1, 2), (0, 2), (0, 1))]
    count = int(profiles[0].sum())
    if count == 0:
        raise ValueError("place_of needs a mask with at least one voxel.")
    center = np.array([profile @ np.arange(len(profile)) / count for profile in profiles])
    filled = np.flatnonzero(profiles[0])
    k = filled[np.argmin(np.abs(filled - center[0]))]
    # One slice only: the indices of all voxels of a large organ would take 24 bytes each.
    plane = np.argwhere(mask[k])
    nearest = plane[np.argmin((((plane - center[1:]) * geometry.spacing_mm[1:]) ** 2).sum(axis=1))]
    start = np.array([part.start for part in box])
    return Place(
        location_lps_mm=_vector(geometry.lps_mm(start + (k, *nearest))),
        center_lps_mm=_vector(geometry.lps_mm(start + center)),
        size_voxels=count,
        size_mm3=count * geometry.voxel_volume_mm3,
    )


def _vector(position: NDArray[np.float64]) -> Vector:
    return tuple(float(value) for value in position)
