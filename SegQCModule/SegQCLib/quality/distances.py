"""Distances in millimetres around a mask, only as far as they are asked for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def distances_mm(targets: NDArray[np.bool_], spacing_mm: tuple[float, float, float], up_to_mm: float) -> NDArray[np.float32]:
    """Return each voxel's distance to the nearest target, centre to centre; infinite where that is beyond `up_to_mm`.

    A whole distance map of a lung takes many seconds; this takes one pass per voxel of distance and axis. It is
    exact: a distance has one squared part per axis, and none of them is longer than the distance.

    Parameters
    ----------
    targets : ndarray of bool, shape (k, j, i)
    spacing_mm : tuple of float
        Along (k, j, i), > 0.
    up_to_mm : float
        >= 0.

    Returns
    -------
    ndarray of float32, shape (k, j, i)
        0 in targets.
    """
    squared = np.where(targets, np.float32(0), np.float32(np.inf))
    for axis, step_mm in enumerate(spacing_mm):
        source = np.moveaxis(squared, axis, 0)
        nearest = source.copy()
        for steps in range(1, min(int(up_to_mm / step_mm * (1 + 1e-6)), len(source) - 1) + 1):
            part = np.float32((steps * step_mm) ** 2)
            np.minimum(nearest[steps:], source[:-steps] + part, out=nearest[steps:])
            np.minimum(nearest[:-steps], source[steps:] + part, out=nearest[:-steps])
        squared = np.moveaxis(nearest, 0, axis)
    found = np.sqrt(squared)
    # Headers write 0.7 mm as 0.699999: a limit of ten voxels must not lose the tenth.
    found[found > up_to_mm * (1 + 1e-5)] = np.inf
    return found
