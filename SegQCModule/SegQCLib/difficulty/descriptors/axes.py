"""Axes of the ellipsoid that has the same second moments as a region."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from SegQCLib.difficulty.descriptors.outline import Outline


def axis_lengths_mm(outline: Outline) -> NDArray[np.float64]:
    """Return the lengths of the principal axes in mm, longest first: 4 sqrt(eigenvalue) of the covariance of the voxel centres.

    0 along a direction in which the region is one voxel thick. As in pyradiomics (shape, shape2D) and, in 3-D, IBSI.
    """
    places_mm = np.stack(outline.voxels, axis=1) * np.asarray(outline.spacing_mm)
    places_mm -= places_mm.mean(axis=0)
    eigenvalues = np.linalg.eigvalsh(places_mm.T @ places_mm / len(places_mm))
    # Rounding leaves about 1e-16 of the largest, sometimes below 0, where the region is flat.
    eigenvalues[eigenvalues < 1e-12 * eigenvalues[-1]] = 0
    return 4 * np.sqrt(eigenvalues[::-1])
