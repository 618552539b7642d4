"""Where along the slices two masks agree."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from SegQCLib.metrics.overlap import dice


def slice_dice(reference: NDArray[np.bool_], candidate: NDArray[np.bool_]) -> tuple[float | None, ...]:
    """Return the Dice similarity coefficient of each slice k.

    Their mean is not the Dice of the whole: a slice with few voxels counts as much here as one with many.

    Parameters
    ----------
    reference, candidate : ndarray of bool, shape (k, j, i)
        Masks on the same grid, cropped alike.

    Returns
    -------
    tuple of float or None
        One per slice, 0 to 1, higher is better; 0 where only one of the two has voxels, None where neither has.

    Raises
    ------
    ValueError
        If the shapes differ.

    References
    ----------
    Maier-Hein et al., Metrics reloaded, Nat Methods 21:195-212, 2024 (DSC).
    """
    if reference.shape != candidate.shape:
        raise ValueError(
            f"Dice per slice needs masks on one grid: reference is {reference.shape}, candidate is {candidate.shape} (k, j, i)."
            " Crop both to the same box first."
        )
    return tuple(dice(r, c) for r, c in zip(reference, candidate, strict=True))
