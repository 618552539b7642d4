"""How much two masks have in common; `compare` has all measures of many labels at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def dice(reference: NDArray[np.bool_], candidate: NDArray[np.bool_]) -> float | None:
    """Return the Dice similarity coefficient, 2 |R & C| / (|R| + |C|).

    Parameters
    ----------
    reference, candidate : ndarray of bool, shape (k, j, i)
        Masks on the same grid. Overlap is a ratio of voxel counts, so spacing is not used.

    Returns
    -------
    float or None
        0 to 1, higher is better. None if both masks are empty: agreeing that a structure is absent is
        not an overlap.

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
            f"Dice needs masks on one grid: reference is {reference.shape}, candidate is {candidate.shape} (k, j, i)."
            " Align the candidate to the reference first."
        )
    total = int(np.count_nonzero(reference)) + int(np.count_nonzero(candidate))
    return 2 * int(np.count_nonzero(reference & candidate)) / total if total else None
