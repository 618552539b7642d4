"""How sure a mean over lesions or slices is: those of one patient are alike, so whole patients are resampled."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def mean_interval(
    values: NDArray[np.float64], weights: NDArray[np.float64], patients: Sequence[str], *, draws: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """Return the 95 % interval of a weighted mean by bootstrap over patients: percentiles 2.5 and 97.5.

    Parameters
    ----------
    values, weights : ndarray, shape (n,)
    patients : sequence of str
        Patient of each value.
    draws, seed : int
        Number of draws of as many patients as there are, with replacement, and what makes them repeatable.
    """
    _, patient = np.unique(np.asarray(patients), return_inverse=True)
    sums, total = np.bincount(patient, weights * values), np.bincount(patient, weights)
    drawn = np.random.default_rng(seed).integers(len(total), size=(draws, len(total)))
    lower, upper = np.quantile(sums[drawn].sum(axis=1) / total[drawn].sum(axis=1), (0.025, 0.975))
    return float(lower), float(upper)
