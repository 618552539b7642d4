"""Percentile bootstrap intervals."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

RESAMPLES = 2000


def percentile_bootstrap(
    samples: Sequence[NDArray[np.float64]],
    statistic: Callable[..., NDArray[np.float64]],
    confidence: float = 0.95,
    *,
    seed: int = 0,
    batch: int | None = None,
    undefined_share: float = 0.0,
) -> tuple[float, float]:
    """Return the interval of a statistic by 2,000 resamples; each sample is resampled by itself.

    The same seed gives the same interval.

    Parameters
    ----------
    samples : sequence of ndarray of float, each of shape (n,)
        Each with at least 2 values.
    statistic : callable
        Takes as many arrays as there are samples, and `axis`.
    confidence : float
        0 to 1.
    seed : int
    batch : int, optional
        How many resamples are in memory at once; default: all.
    undefined_share : float
        Share of the resamples, 0 to 1, in which the statistic may be undefined (NaN): they are left out. Where there are more,
        both ends are NaN.

    References
    ----------
    Efron B, Tibshirani R. Bootstrap methods for standard errors, confidence intervals, and other measures of statistical
    accuracy. Stat Sci 1986;1:54-75, doi:10.1214/ss/1177013815.
    """
    # Not the bias-corrected method: resampled medians are often ties, and leaving out one value tells it nothing.
    # The generator is named random_state, because scipy 1.13 of Slicer 5.10 has no rng.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        found = stats.bootstrap(
            tuple(samples),
            statistic,
            n_resamples=RESAMPLES,
            batch=batch,
            vectorized=True,
            confidence_level=confidence,
            method="percentile",
            random_state=np.random.default_rng(seed),
        )
    defined = found.bootstrap_distribution[np.isfinite(found.bootstrap_distribution)]
    undefined = found.bootstrap_distribution.size - defined.size
    if 0 < undefined <= undefined_share * RESAMPLES:
        low, high = np.quantile(defined, ((1 - confidence) / 2, (1 + confidence) / 2))
        return float(low), float(high)
    return float(found.confidence_interval.low), float(found.confidence_interval.high)
