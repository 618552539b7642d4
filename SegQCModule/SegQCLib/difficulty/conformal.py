"""Intervals and thresholds whose stated level holds on images nobody has fitted on: cross-conformal prediction (CV+).

Every patient is predicted by the member of the model that was fitted without the fold of that patient. What came out beside
the prediction, divided by the spread expected of such an image, is a score. For a new image each member predicts; each of its
scores, times the spread expected there, is put beside its prediction, and the interval's ends are quantiles of all these
values. Scores keep their sign, so that the interval may be longer towards low agreement than towards high.

Reference: Barber, Candès, Ramdas, Tibshirani. Predictive inference with the jackknife+. Ann Stat 2021;49:486-507; scores
divided by a predicted spread: Lei et al. J Am Stat Assoc 2018;113:1094-1111.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

MOST_SCORES_PER_FOLD = 199


@dataclass(frozen=True)
class Spread:
    """exp(intercept + by_prediction * predicted Dice + by_size * size): the size of an error expected of such an image."""

    intercept: float = field(metadata={"doc": "Natural logarithm of the spread where both others are 0."})
    by_prediction: float = field(metadata={"doc": "Change of that logarithm per 1 of predicted Dice."})
    by_size: float = field(metadata={"doc": "Change of that logarithm per unit of the model's size descriptor."})

    def at(self, predicted: NDArray[np.float64], size: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the spread in Dice for each prediction, shape as given."""
        return np.exp(self.intercept + self.by_prediction * np.asarray(predicted) + self.by_size * np.asarray(size))


@dataclass(frozen=True)
class FoldScores:
    """The scores of one fold's patients, sorted; each stands for the same number of units."""

    units: float = field(metadata={"doc": "How many lesions or slices of the fold the scores stand for."})
    scores: tuple[float, ...] = field(metadata={"doc": "(observed - predicted) / spread, ascending."})

    def faults(self) -> Iterator[tuple[str, str]]:
        if not self.scores or list(self.scores) != sorted(self.scores):
            yield "scores", "must be ascending, and at least one"
        if not self.units > 0:
            yield "units", f"is {self.units:g}, must be above 0"


@dataclass(frozen=True)
class Calibration:
    """Scores of all folds; the fold's place is that of the member that was fitted without it."""

    spread: Spread = field(metadata={"doc": "The error that is expected of such an image."})
    folds: tuple[FoldScores, ...] = field(metadata={"doc": "One entry per member."})

    @property
    def units(self) -> float:
        """How many units the scores stand for."""
        return sum(fold.units for fold in self.folds)


def fit_spread(
    error: NDArray[np.float64], predicted: NDArray[np.float64], size: NDArray[np.float64], weights: NDArray[np.float64]
) -> Spread:
    """Return the spread as the expected size of the error: regression of |error| with a logarithmic link, gamma deviance.

    Size enters as it is, so give its logarithm. All arrays of shape (n,).
    """
    absolute = np.maximum(np.abs(error), 1e-6)
    w = weights / weights.sum()
    columns = np.stack([predicted, size], axis=1)
    centre = w @ columns
    design = np.column_stack([np.ones(len(error)), columns - centre])
    # A little ridge: with one lesion size in a study that column is constant, and nothing can be said of it.
    ridge = np.diag([0.0, 1e-5, 1e-5])
    coefficients = np.array([np.log(w @ absolute), 0.0, 0.0])
    for _ in range(100):
        ratio = absolute * np.exp(-(design @ coefficients))
        step = np.linalg.solve(
            (design * (w * ratio)[:, None]).T @ design + ridge, design.T @ (w * (ratio - 1)) - ridge @ coefficients
        )
        # The deviance is convex, but a full step from far away can overshoot.
        coefficients += step * min(1.0, 1.0 / max(np.abs(design @ step).max(), 1e-12))
        if np.abs(step).max() < 1e-10:
            break
    return Spread(float(coefficients[0] - centre @ coefficients[1:]), float(coefficients[1]), float(coefficients[2]))


def calibrate(
    observed: Sequence[NDArray[np.float64]],
    predicted: NDArray[np.float64],
    size: NDArray[np.float64],
    weights: NDArray[np.float64],
    fold: NDArray[np.int64],
    spread: Spread | None = None,
) -> Calibration:
    """Return spread and scores of predictions for patients outside each fold's fitting.

    Parameters
    ----------
    observed : sequence of ndarray
        Per row what was observed there: one mean, or the Dice of each pair; they share the row's weight.
    predicted, size, weights, fold : ndarray, shape (n,)
        Prediction by the member of the row's fold, size descriptor, weight, and fold from 0.
    spread : Spread or None
        None: fitted here.
    """
    counts = np.array([len(values) for values in observed])
    rows = np.repeat(np.arange(len(counts)), counts)
    error = np.concatenate(list(observed)) - predicted[rows]
    weight = (weights / counts)[rows]
    spread = spread or fit_spread(error, predicted[rows], size[rows], weight)
    scores = error / spread.at(predicted, size)[rows]
    return Calibration(
        spread, tuple(_fold_scores(scores[fold[rows] == number], weight[fold[rows] == number]) for number in range(fold.max() + 1))
    )


def _fold_scores(scores: NDArray, weights: NDArray) -> FoldScores:
    order = np.argsort(scores, kind="stable")
    ranked, cumulated = scores[order], np.cumsum(weights[order])
    number = min(MOST_SCORES_PER_FOLD, len(scores))
    wanted = (np.arange(number) + 0.5) / number * cumulated[-1]
    return FoldScores(float(cumulated[-1]), tuple(map(float, ranked[np.searchsorted(cumulated, wanted)])))


def least_units(share_below: float) -> int:
    """Return how many units a study needs for this quantile: 19 for 0.05 or 0.95, as then each tail holds one of 20 ranks."""
    return math.ceil(1 / min(share_below, 1 - share_below) - 1 - 1e-9)


def bound(
    centres: NDArray[np.float64], size: NDArray[np.float64], calibration: Calibration, share_below: float
) -> NDArray[np.float64]:
    """Return for each image the value that a share of all observations on such an image lies below; shape (n,).

    Parameters
    ----------
    centres : ndarray, shape (n, members)
        Prediction of each member for each image.
    size : ndarray, shape (n,)
        Size descriptor of each image.
    calibration : Calibration
        With one fold per member.
    share_below : float
        In (0, 1). The rank is rounded towards the nearer end (of units + 1, as in conformal prediction): the stated level is
        reached or exceeded on images exchangeable with the study's.

    Raises
    ------
    ValueError
        If the study has too few units to say anything at this level.
    """
    if centres.shape[1] != len(calibration.folds):
        raise ValueError(f"{centres.shape[1]} members and {len(calibration.folds)} folds of scores; there is one fold per member.")
    units = round(calibration.units)
    rank = share_below * (units + 1)
    rank = math.floor(rank + 1e-9) if share_below < 0.5 else math.ceil(rank - 1e-9)
    if not 1 <= rank <= units:
        raise ValueError(
            f"{units} units are too few for the {share_below:g} quantile; at least {least_units(share_below)} are needed."
        )
    spread = calibration.spread.at(centres, size[:, None])
    pooled = np.concatenate(
        [centres[:, [number]] + spread[:, [number]] * np.array(fold.scores) for number, fold in enumerate(calibration.folds)],
        axis=1,
    )
    weights = np.concatenate([np.full(len(fold.scores), fold.units / len(fold.scores)) for fold in calibration.folds])
    order = np.argsort(pooled, axis=1, kind="stable")
    cumulated = np.cumsum(weights[order], axis=1) / weights.sum()
    place = np.minimum((cumulated < rank / units - 1e-9).sum(axis=1), pooled.shape[1] - 1)
    rows = np.arange(len(pooled))
    return pooled[rows, order[rows, place]]


def interval(
    centres: NDArray[np.float64], size: NDArray[np.float64], calibration: Calibration, coverage: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the ends, within 0 to 1, of the interval that holds what is observed with probability `coverage`.

    Both tails have (1 - coverage) / 2. Parameters, shapes and errors as `bound`.
    """
    if not 0 < coverage < 1:
        raise ValueError(f"The coverage {coverage:g} is not in (0, 1).")
    tail = (1 - coverage) / 2
    ends = (bound(centres, size, calibration, share) for share in (tail, 1 - tail))
    lower, upper = (np.clip(end, 0, 1) for end in ends)
    return lower, upper


def limits(
    centres: NDArray[np.float64], size: NDArray[np.float64], of_mean: Calibration, of_pairs: Calibration, coverage: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the predicted mean, the ends of its interval, and the Dice that a share `coverage` of single pairs reaches.

    Each of shape (n,), within 0 to 1. Parameters, shapes and errors as `interval`; `of_mean` has the scores of means, `of_pairs`
    those of pairs.
    """
    dice = np.clip(centres.mean(axis=1), 0, 1)
    lower, upper = interval(centres, size, of_mean, coverage)
    reached = np.clip(bound(centres, size, of_pairs, 1 - coverage), 0, 1)
    # Where members are far apart, both ends of a short interval can lie on one side of their mean.
    return dice, np.minimum(lower, dice), np.maximum(upper, dice), reached
