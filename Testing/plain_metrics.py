"""Measures of two masks written the plain way with scipy: slow, short, and easy to check."""

import numpy as np
from scipy import ndimage


def border(mask: np.ndarray) -> np.ndarray:
    return mask & ~ndimage.binary_erosion(mask)


def border_distances_mm(reference, candidate, spacing_mm) -> tuple[np.ndarray, np.ndarray]:
    """Distances from each border voxel of one mask to the nearest of the other, both ways."""
    r, c = border(reference), border(candidate)
    there = ndimage.distance_transform_edt(~c, sampling=spacing_mm)[r]
    return there, ndimage.distance_transform_edt(~r, sampling=spacing_mm)[c]


def island_count(mask: np.ndarray) -> int:
    return max(0, ndimage.label(mask, np.ones((3, 3, 3)))[1] - 1)


def hole_count(mask: np.ndarray) -> int:
    return ndimage.label(np.pad(~mask, 1, constant_values=True))[1] - 1


def contour(mask: np.ndarray) -> np.ndarray:
    """In-plane (j, i) contour voxels of every slice."""
    cross = np.zeros((3, 3, 3), bool)
    cross[1, 1, :] = cross[1, :, 1] = True
    return mask & ~ndimage.binary_erosion(mask, cross)
