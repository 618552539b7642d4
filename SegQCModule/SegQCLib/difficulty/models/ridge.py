"""Ridge regression on standardised descriptors, its penalty chosen on folds of whole patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from SegQCLib.difficulty.patients import patient_folds

PENALTIES = tuple(float(10**power) for power in np.arange(-2, 4.01, 0.25))
"""Candidates for the penalty, per row of weight 1."""


@dataclass(frozen=True)
class Ridge:
    """intercept + sum over descriptors of coefficient * (value - mean) / deviation.

    Values are limited to the range they had at fitting before they are standardised: a linear model must not extrapolate.
    """

    intercept: float = field(metadata={"doc": "Prediction for a row of mean descriptors."})
    coefficients: tuple[float, ...] = field(metadata={"doc": "Change of the Dice per standard deviation of each descriptor."})
    means: tuple[float, ...] = field(metadata={"doc": "Mean of each descriptor, in its unit."})
    deviations: tuple[float, ...] = field(metadata={"doc": "Standard deviation of each, in its unit; 1 for a constant one."})
    minima: tuple[float, ...] = field(metadata={"doc": "Lower limit of each descriptor: lesser values count as this."})
    maxima: tuple[float, ...] = field(metadata={"doc": "Upper limit of each descriptor: larger values count as this."})
    penalty: float = field(metadata={"doc": "Weight of the squared coefficients against the squared errors."})

    @property
    def base(self) -> float:
        """The prediction before contributions."""
        return self.intercept

    def contributions(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what each descriptor adds to `base`, shape (n, m); base plus their sum is the prediction exactly."""
        limited = np.clip(values, self.minima, self.maxima)
        return (limited - np.asarray(self.means)) / np.asarray(self.deviations) * np.asarray(self.coefficients)

    def predict(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the prediction for each row of descriptors, shape (n,); not limited to 0 to 1."""
        return self.intercept + self.contributions(values).sum(axis=1)


def fit_ridge(
    values: NDArray[np.float64],
    target: NDArray[np.float64],
    weights: NDArray[np.float64],
    patients: Sequence[str],
    *,
    folds: int = 10,
    seed: int = 0,
) -> Ridge:
    """Return the Ridge regression of a target.

    Minimises sum(w (y - prediction)^2) + penalty sum(coefficient^2) over standardised descriptors, w scaled to a mean of 1.
    The penalty of `PENALTIES` with the smallest weighted squared error over patient-grouped folds is taken.

    Parameters
    ----------
    values : ndarray, shape (n, m)
        Finite descriptors.
    target, weights : ndarray, shape (n,)
    patients : sequence of str
        Patient of each row; a patient is never in two folds.
    folds, seed : int
        Number of folds, fewer where there are fewer patients, and their seed.

    Raises
    ------
    ValueError
        If a descriptor is not finite, or there is one patient only.
    """
    if not np.isfinite(values).all():
        raise ValueError("Ridge regression needs finite descriptors; leave out the rows where one is undefined.")
    fold = patient_folds(patients, min(folds, len(set(patients))), seed)
    errors = np.zeros(len(PENALTIES))
    for left_out in range(fold.max() + 1):
        here = fold == left_out
        for index, ridge in enumerate(_path(values[~here], target[~here], weights[~here], PENALTIES)):
            errors[index] += float(np.sum(weights[here] * (ridge.predict(values[here]) - target[here]) ** 2))
    best = PENALTIES[int(np.argmin(errors))]
    return next(_path(values, target, weights, (best,)))


def standardised(values: NDArray[np.float64], weights: NDArray[np.float64]) -> tuple[NDArray, NDArray, NDArray]:
    """Return weighted mean and deviation of each descriptor, shape (m,), and the descriptors less one over the other."""
    means = np.average(values, axis=0, weights=weights)
    deviations = np.sqrt(np.average((values - means) ** 2, axis=0, weights=weights))
    # A descriptor that is the same everywhere comes out as rounding noise, which must not be scaled up.
    deviations[deviations <= 1e-9 * np.maximum(1.0, np.abs(means))] = 1.0
    return means, deviations, (values - means) / deviations


def _path(values: NDArray, target: NDArray, weights: NDArray, penalties: Sequence[float]):
    """Yield the regression for each penalty, from one decomposition."""
    w = weights / weights.mean()
    means, deviations, standard = standardised(values, weights)
    intercept = float(np.average(target, weights=w))
    eigenvalues, directions = np.linalg.eigh((standard * w[:, None]).T @ standard)
    along = directions.T @ (standard.T @ (w * (target - intercept)))
    for penalty in penalties:
        coefficients = directions @ (along / (np.maximum(eigenvalues, 0) + penalty))
        yield Ridge(
            intercept, tuple(map(float, coefficients)), tuple(map(float, means)), tuple(map(float, deviations)),
            tuple(map(float, values.min(axis=0))), tuple(map(float, values.max(axis=0))), float(penalty),
        )  # fmt: skip
