"""Axes of the ellipsoid that has the same second moments as a region."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from SegQCLib.difficulty.descriptors.outline import Outline


def axis_lengths_mm(outline: Outline) -> NDArray[np.float64]:
    """Return the lengths of the principal axes in mm, longest first: 4 sqrt(eigenvalue) of the covariance of the voxel centres.

    0 along a direction in which the region is one voxel thick. As in pyradiomics (shape, shape2D) and, in 3-D, IBSI.
    """
    covariance = np.zeros((outline.mask.ndim,) * 2)
    voxels = np.count_nonzero(outline.mask)
    places_mm = [np.arange(size) * step for size, step in zip(outline.mask.shape, outline.spacing_mm, strict=True)]
    for one, other in combinations(range(outline.mask.ndim), 2):
        # Second moments of two axes need the region only as seen along the others.
        seen = outline.mask.sum(axis=tuple(set(range(outline.mask.ndim)) - {one, other}), dtype=np.int32)
        along_one, along_other = (
            places_mm[axis] - (seen.sum(axis=1 - which) @ places_mm[axis]) / voxels for which, axis in enumerate((one, other))
        )
        covariance[one, one] = seen.sum(axis=1) @ along_one**2 / voxels
        covariance[other, other] = seen.sum(axis=0) @ along_other**2 / voxels
        covariance[one, other] = covariance[other, one] = along_one @ seen @ along_other / voxels
    eigenvalues = np.linalg.eigvalsh(covariance)
    # Rounding leaves about 1e-16 of the largest, sometimes below 0, where the region is flat.
    eigenvalues[eigenvalues < 1e-12 * eigenvalues[-1]] = 0
    return 4 * np.sqrt(eigenvalues[::-1])
