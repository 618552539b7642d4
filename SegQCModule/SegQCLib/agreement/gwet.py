"""Gwet's AC1 and AC2: agreement beyond chance that does not collapse where nearly all answers are one grade."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from SegQCLib.agreement.estimate import CONFIDENCE, FEWEST_CASES, FEWEST_RULE, Estimate, estimate, undefined
from SegQCLib.agreement.kappa import Weights, counts_of_grades, of_many_cases

METHOD = "t distribution, variance over cases with the readers as they are (Gwet 2008; 2014, chapter 5)"


def gwet_ac(answers: ArrayLike, grades: Sequence[int], weights: Weights = "unweighted") -> Estimate:
    """Return Gwet's agreement coefficient of two or more readers: AC1 unweighted, AC2 weighted.

    It does not ask whether readers tell cases apart: weighted, it is high wherever grades lie close together, also if readers
    pick among them at random and kappa is 0. Cases that some readers did not answer stay in: those with one answer count for
    how often a grade is used.

    Parameters
    ----------
    answers : array of float, shape (cases, readers)
        Grades, NaN: no answer.
    grades : sequence of int
        The whole scale, also grades that nobody used: chance agreement depends on their number. At least two.
    weights : {"unweighted", "linear", "quadratic"}
        What grades that lie close to each other count: 1 - (distance / range), or its square taken from 1.

    Returns
    -------
    Estimate
        At most 1. Undefined where no case has two answers. The interval ends at 1.

    Raises
    ------
    ValueError
        If a grade is not on the scale, or the scale has fewer than two.

    References
    ----------
    Gwet KL. Br J Math Stat Psychol 2008;61:29-48, doi:10.1348/000711006X126600. Gwet KL. Handbook of Inter-Rater
    Reliability, 4th ed. Advanced Analytics 2014, chapters 2 to 5 (missing answers, weights, variance).
    """
    scale = np.asarray(grades, float)
    if len(scale) < 2 or len(set(grades)) != len(grades):
        raise ValueError(f"A scale needs at least two grades, each once: {list(grades)}.")
    counts = counts_of_grades(np.asarray(answers, float), grades)
    counts = counts[counts.sum(axis=1) > 0]
    name = "Gwet's AC1" if weights == "unweighted" else f"Gwet's AC2 with {weights} weights"
    answered = counts.sum(axis=1)
    several = answered >= 2
    n = len(counts)
    if not several.any():
        return undefined(name, n, METHOD, "No case was graded by two readers.")
    weight = _weights(scale, weights)
    usage = counts / answered[:, None]
    prevalence = usage.mean(axis=0)
    spread = weight.sum() / (len(scale) * (len(scale) - 1))
    by_chance = spread * (prevalence * (1 - prevalence)).sum()
    agreed = np.zeros(n)
    near = counts @ weight
    agreed[several] = (counts * (near - 1)).sum(axis=1)[several] / (answered * (answered - 1))[several]
    observed = agreed[several].mean()
    coefficient = (observed - by_chance) / (1 - by_chance)
    of_case = np.where(several, n / several.sum() * (agreed - by_chance) / (1 - by_chance), 0.0)
    chance_of_case = spread * (usage * (1 - prevalence)).sum(axis=1)
    of_case = of_case - 2 * (1 - coefficient) * (chance_of_case - by_chance) / (1 - by_chance)
    interval = None
    if n >= 2:
        error = math.sqrt(((of_case - coefficient) ** 2).sum() / (n * (n - 1)))
        half = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)) * error
        interval = (coefficient - half, min(1.0, coefficient + half)) if error > 0 else None
    why = "The readers agree in every case: the interval has no width."
    if several.sum() < FEWEST_CASES:
        interval, why = None, FEWEST_RULE
    return of_many_cases(estimate(name, float(coefficient), interval, n, METHOD, why))


def _weights(scale: NDArray[np.float64], weights: Weights) -> NDArray[np.float64]:
    if weights == "unweighted":
        return np.eye(len(scale))
    distance = np.abs(scale[:, None] - scale[None, :]) / np.ptp(scale)
    return 1 - (distance if weights == "linear" else distance**2)
