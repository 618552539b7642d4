"""How sharp or noisy the grey values of a region are: energy of the gradient and variance of the Laplacian.

Reference: Pertuz, Puig, Garcia. Analysis of focus measure operators for shape-from-focus. Pattern Recognition
2013;46:1415-1432 (there GRA2 and LAP4), after Subbarao, Choi, Nikzad, Opt Eng 1993;32:2824 and Pech-Pacheco et al., ICPR 2000.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from SegQCLib.difficulty.descriptors.meaning import Meaning

MEANINGS = {
    "gradient_energy": Meaning("mean squared change of the grey values per mm", "(grey value/mm)²"),
    "laplacian_variance": Meaning("variance of the grey values' curvature, high for sharp or noisy texture", "(grey value/mm²)²"),
}


def sharpness(image: NDArray, mask: NDArray[np.bool_], spacing_mm: tuple[float, ...]) -> dict[str, float]:
    """Return energy of the gradient and variance of the Laplacian inside a region.

    - gradient_energy: sum over the axes of mean((x(n + 1) - x(n))^2) / spacing^2, over all pairs of neighbours along the
      axis that are both in the region; an axis without such a pair adds nothing. Undefined (NaN) without any pair.
    - laplacian_variance: variance of the sum over the axes of (x(n - 1) - 2 x(n) + x(n + 1)) / spacing^2, over the voxels
      that have both neighbours along every axis in the region; in a volume that is one slice thick, along the two axes of
      the slice. Undefined (NaN) where there is no such voxel.

    Nothing outside of the region is used, so that the edge of the region does not count. Differences are per mm: images
    of another pixel size or slice spacing can be compared. Both are 0 or more, 0 where all grey values are equal.

    Parameters
    ----------
    image : ndarray, shape (k, j, i) or (j, i)
    mask : ndarray of bool, same shape
    spacing_mm : tuple of float
        In array order.
    """
    if mask.ndim == 3 and np.count_nonzero(mask.any(axis=(1, 2))) == 1:
        (k,) = np.flatnonzero(mask.any(axis=(1, 2)))
        image, mask, spacing_mm = image[k], mask[k], spacing_mm[1:]
    # Beyond the field of view some scanners' images hold NaN or infinity.
    values = np.where(mask, image, 0).astype(np.float64)
    energies = []
    curvature, surrounded = np.zeros(mask.shape), mask.copy()
    for axis, step_mm in enumerate(spacing_mm):
        x, inside = np.moveaxis(values, axis, 0), np.moveaxis(mask, axis, 0)
        steps = x[1:] - x[:-1]
        pairs = inside[1:] & inside[:-1]
        if pairs.any():
            energies.append(float(np.mean(steps[pairs] ** 2)) / step_mm**2)
        np.moveaxis(curvature, axis, 0)[1:-1] += (steps[1:] - steps[:-1]) / step_mm**2
        between = np.moveaxis(surrounded, axis, 0)
        between[1:-1] &= pairs[1:] & pairs[:-1]
        between[[0, -1]] = False
    return {
        "gradient_energy": sum(energies) if energies else math.nan,
        "laplacian_variance": float(curvature[surrounded].var()) if surrounded.any() else math.nan,
    }
