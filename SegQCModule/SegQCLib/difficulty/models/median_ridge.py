"""Ridge regression of the median: the absolute error in place of the squared one.

Agreement has a long tail of hard lesions and of single outlying readers. Squared errors follow that tail; the absolute error,
by which a prediction is judged, does not. On the develop patients of LIDC-IDRI this was the best single model for lesions, and
for slices second to gradient boosting with the same loss (Benchmarks/difficulty_models.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from SegQCLib.difficulty.models.ridge import Ridge, standardised
from SegQCLib.difficulty.patients import patient_folds

PENALTIES = (100.0, 300.0, 1000.0, 3000.0, 10000.0)
# Errors below this count as squared ones, which keeps the weights finite; far below what readers' Dice is known to.
_SQUARED_BELOW = 0.02
_ROUNDS = 10


def fit_median_ridge(
    values: NDArray[np.float64],
    target: NDArray[np.float64],
    weights: NDArray[np.float64],
    penalty: float,
) -> Ridge:
    """Return the linear regression that minimises sum(w h(y - prediction)) + penalty sum(coefficient^2) / 2.

    h is Huber's function divided by 0.02: e^2 / (2 * 0.02) up to |e| = 0.02, |e| - 0.01 beyond; found by ten rounds of
    iteratively reweighted least squares. Descriptors are limited to their 0.5th and 99.5th percentile and standardised;
    weights are scaled to a mean of 1. Parameters and errors are those of `fit_ridge`; `choose_penalty` finds the penalty.

    References
    ----------
    Huber, Ann Math Stat 1964;35:73-101; Koenker and Bassett, Econometrica 1978;46:33-50 (regression of the median).
    """
    if not np.isfinite(values).all():
        raise ValueError("Ridge regression needs finite descriptors; leave out the rows where one is undefined.")
    return _fitted(values, target, weights, penalty)


def choose_penalty(
    values: NDArray[np.float64],
    target: NDArray[np.float64],
    weights: NDArray[np.float64],
    patients: Sequence[str],
    *,
    folds: int = 3,
    seed: int = 0,
) -> float:
    """Return the penalty of `PENALTIES` with the smallest weighted mean absolute error on folds of whole patients."""
    fold = patient_folds(patients, min(folds, len(set(patients))), seed)
    errors = np.zeros(len(PENALTIES))
    for left_out in range(fold.max() + 1):
        here = fold == left_out
        for index, penalty in enumerate(PENALTIES):
            ridge = _fitted(values[~here], target[~here], weights[~here], penalty)
            errors[index] += float(np.sum(weights[here] * np.abs(ridge.predict(values[here]) - target[here])))
    return PENALTIES[int(np.argmin(errors))]


def _fitted(values: NDArray, target: NDArray, weights: NDArray, penalty: float) -> Ridge:
    minima, maxima = np.quantile(values, (0.005, 0.995), axis=0)
    means, deviations, standard = standardised(np.clip(values, minima, maxima), weights)
    w = weights / weights.mean()
    reweighted = w
    penalties = penalty * _SQUARED_BELOW * np.eye(standard.shape[1])
    for _ in range(_ROUNDS):
        centre = reweighted @ standard / reweighted.sum()
        level = float(reweighted @ target / reweighted.sum())
        moved = standard - centre
        coefficients = np.linalg.solve(
            (moved * reweighted[:, None]).T @ moved + penalties, moved.T @ (reweighted * (target - level))
        )
        intercept = level - float(centre @ coefficients)
        error = np.abs(target - intercept - standard @ coefficients)
        reweighted = w * _SQUARED_BELOW / np.maximum(error, _SQUARED_BELOW)
    parts = (coefficients, means, deviations, minima, maxima)
    return Ridge(intercept, *(tuple(map(float, part)) for part in parts), penalty=float(penalty))
