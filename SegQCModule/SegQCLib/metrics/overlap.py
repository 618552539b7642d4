"""How much two masks have in common."""

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
    both, reference_count, candidate_count = _counts(reference, candidate)
    total = reference_count + candidate_count
    return 2 * both / total if total else None


def jaccard(reference: NDArray[np.bool_], candidate: NDArray[np.bool_]) -> float | None:
    """Return the Jaccard index (intersection over union), |R & C| / |R or C|; shape, range and undefined case as `dice`."""
    both, reference_count, candidate_count = _counts(reference, candidate)
    union = reference_count + candidate_count - both
    return both / union if union else None


def _counts(reference: NDArray[np.bool_], candidate: NDArray[np.bool_]) -> tuple[int, int, int]:
    if reference.shape != candidate.shape:
        raise ValueError(
            f"Overlap needs masks on one grid: reference is {reference.shape}, candidate is {candidate.shape} (k, j, i)."
            " Align the candidate to the reference first."
        )
    both = int(np.count_nonzero(reference & candidate))
    return both, int(np.count_nonzero(reference)), int(np.count_nonzero(candidate))
