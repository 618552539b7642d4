"""Partial volume: slices so thick that a voxel holds several tissues."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def partial_volume(slices: NDArray[np.floating], middle: int, count: int) -> NDArray[np.float64]:
    """Return the mean of `count` neighbouring slices, as a slice that much thicker shows them.

    Parameters
    ----------
    slices : ndarray, shape (k, j, i)
    middle : int
        Index k in the middle of the thick slice (of an even count: just above the middle).
    count : int
        How many slices, 1 to k.

    Raises
    ------
    ValueError
        If the slices do not reach so far.
    """
    first = middle - count // 2
    if count < 1 or first < 0 or first + count > len(slices):
        raise ValueError(f"{count} slices around {middle} are not within the {len(slices)} slices that there are.")
    return slices[first : first + count].mean(axis=0, dtype=np.float64)
