"""Kappa: agreement of readers in grades or categories beyond what chance gives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from SegQCLib.agreement.case_bootstrap import METHOD, TOO_FEW_PATIENTS, case_interval
from SegQCLib.agreement.estimate import FEWEST_CASES, Estimate, estimate, noted, undefined
from SegQCLib.statistics.missing_package import missing_package

Weights = Literal["unweighted", "linear", "quadratic"]

COHEN_METHOD = "asymptotic normal, variance of Fleiss, Cohen and Everitt (Psychol Bull 1969;72:323-327), by statsmodels"
# SegQC's own, by simulation of two readers (Documentation/agreement.md, "Checked against").
FEWEST_OTHER_ANSWERS = 10
NEARLY_ONE_GRADE = (
    f"Fewer than {FEWEST_OTHER_ANSWERS} answers are another grade than the commonest: the interval would be far too narrow."
    " Gwet's coefficient bears this better."
)
MANY_CASES = 100
ASYMPTOTIC = (
    f"Intervals of kappa and of Gwet's coefficient are approximations for many cases; with fewer than {MANY_CASES} they are too"
    " narrow: with 20 cases they held the true value in 72 to 89 of 100 simulated studies, with 50 in 84 to 93, not in 95."
)
ONE_GRADE = "Every answer is the same grade: agreement by chance is complete, too, and kappa is 0 / 0."


def cohen_kappa(first: Sequence[int], second: Sequence[int], grades: Sequence[int], weights: Weights = "unweighted") -> Estimate:
    """Return Cohen's kappa of two readers, for grades in order also weighted.

    Weighted by the distance of grades on the whole scale, also where some grade was used by nobody: 1 and 5 of a scale of
    five lie four apart, not one.

    Parameters
    ----------
    first, second : sequence of int, shape (cases,)
        Grades of the two readers.
    grades : sequence of int
        The whole scale, in order, at least two.
    weights : {"unweighted", "linear", "quadratic"}
        How disagreement grows with distance; unweighted: any two grades are equally far apart.

    Returns
    -------
    Estimate
        -1 to 1. Undefined where there are no cases, or all answers are one grade. No interval where all pairs agree, or
        fewer than 10 answers are another grade than the commonest.

    Raises
    ------
    ValueError
        If the lengths differ, or a grade is not on the scale.
    BadDataError
        If statsmodels is not installed.

    References
    ----------
    Cohen J. Educ Psychol Meas 1960;20:37-46, doi:10.1177/001316446002000104. Cohen J. Psychol Bull 1968;70:213-220,
    doi:10.1037/h0026256.
    """
    scale = _scale(grades)
    if len(first) != len(second):
        raise ValueError(f"Both readers need one grade for each case: there are {len(first)} and {len(second)}.")
    counts = np.zeros((len(scale), len(scale)))
    for one, other in zip(first, second, strict=True):
        counts[_place(one, scale), _place(other, scale)] += 1
    name = "Cohen's kappa" if weights == "unweighted" else f"Cohen's kappa with {weights} weights"
    if not len(first):
        return undefined(name, 0, COHEN_METHOD, "There is no case that both readers graded.")
    if len({*first, *second}) == 1:
        return undefined(name, len(first), COHEN_METHOD, ONE_GRADE)
    try:
        from statsmodels.stats.inter_rater import cohens_kappa
    except ImportError as error:
        raise missing_package("Cohen's kappa", error) from error
    with np.errstate(all="ignore"):
        distances = {} if weights == "unweighted" else {"weights": np.array(scale, float), "wt": weights}
        found = cohens_kappa(counts, **distances)
    interval = (max(-1.0, float(found.kappa_low)), min(1.0, float(found.kappa_upp)))
    why = None
    if found.kappa == 1 or not found.var_kappa > 0:
        interval, why = None, "The readers agree in every case: the asymptotic interval has no width."
    elif _is_nearly_one_grade(counts.sum(axis=0) + counts.sum(axis=1)):
        interval, why = None, NEARLY_ONE_GRADE
    return of_many_cases(estimate(name, float(found.kappa), interval, len(first), COHEN_METHOD, why))


def _is_nearly_one_grade(answers: NDArray[np.float64]) -> bool:
    return answers.sum() - answers.max() < FEWEST_OTHER_ANSWERS


def of_many_cases(found: Estimate) -> Estimate:
    """Return an estimate whose interval says so where its cases are few for it."""
    return noted(found, ASYMPTOTIC) if found.lower is not None and found.cases < MANY_CASES else found


def fleiss_kappa(answers: ArrayLike, grades: Sequence[int], patients: Sequence[str] | None = None) -> Estimate:
    """Return Fleiss' kappa of any number of readers; grades are categories here, their order is not used.

    Parameters
    ----------
    answers : array of float, shape (cases, readers)
        Grades, NaN: no answer. Cases without an answer of every reader are left out: the coefficient needs as many readers
        for each case (who they are may change). The number of cases of the result says how many were left.
    grades : sequence of int
        The whole scale, at least two.
    patients : sequence of str, optional, shape (cases,)
        Default: every case is another patient.

    Returns
    -------
    Estimate
        Undefined without complete cases, with fewer than two readers, or where all answers are one grade. No interval where
        all agree, with fewer than 6 patients, or where fewer than 10 answers are another grade than the commonest.

    Raises
    ------
    ValueError
        If a grade is not on the scale, or shapes do not fit.
    BadDataError
        If statsmodels is not installed.

    References
    ----------
    Fleiss JL. Psychol Bull 1971;76:378-382, doi:10.1037/h0031619.
    """
    scale = _scale(grades)
    table = np.asarray(answers, float)
    if table.ndim != 2 or (patients is not None and len(patients) != len(table)):
        raise ValueError(f"Fleiss' kappa needs one row of answers for each case; answers are {table.shape}.")
    complete = np.isfinite(table).all(axis=1)
    whole = [str(n) for n in range(len(table))] if patients is None else list(patients)
    owners = [patient for patient, keep in zip(whole, complete, strict=True) if keep]
    counts = counts_of_grades(table[complete], scale)
    name, n = "Fleiss' kappa", len(counts)
    if not n or table.shape[1] < 2:
        return undefined(name, n, METHOD, "There is no case that two readers or more graded, all of them.")
    if np.count_nonzero(counts.any(axis=0)) == 1:
        return undefined(name, n, METHOD, ONE_GRADE)
    try:
        from statsmodels.stats import inter_rater
    except ImportError as error:
        raise missing_package("Fleiss' kappa", error) from error

    def kappa(index: NDArray[np.intp]) -> float:
        drawn = counts[index]
        return inter_rater.fleiss_kappa(drawn) if np.count_nonzero(drawn.any(axis=0)) > 1 else math.nan

    value = kappa(np.arange(n))
    interval = None if value == 1 else case_interval(owners, kappa)
    why = "Many resamples hold one grade only."
    if value == 1:
        why = "The readers agree in every case."
    elif len(set(owners)) < FEWEST_CASES:
        why = TOO_FEW_PATIENTS
    elif _is_nearly_one_grade(counts.sum(axis=0)):
        interval, why = None, NEARLY_ONE_GRADE
    return of_many_cases(estimate(name, float(value), interval, n, METHOD, why))


def counts_of_grades(answers: NDArray[np.float64], grades: Sequence[int]) -> NDArray[np.float64]:
    """Return how many readers gave each grade, shape (cases, grades).

    Raises
    ------
    ValueError
        If an answer is neither NaN nor on the scale.
    """
    counts = np.stack([(answers == grade).sum(axis=1) for grade in grades], axis=1).astype(float)
    if counts.sum() != np.count_nonzero(~np.isnan(answers)):
        strange = sorted(set(answers[~np.isnan(answers)]) - set(map(float, grades)))
        raise ValueError(f"Answers outside of the scale {list(grades)}: {strange}.")
    return counts


def _scale(grades: Sequence[int]) -> list[int]:
    scale = list(grades)
    if len(scale) < 2 or len(set(scale)) != len(scale):
        raise ValueError(f"A scale needs at least two grades, each once: {scale}.")
    return scale


def _place(grade: int, scale: list[int]) -> int:
    if grade not in scale:
        raise ValueError(f"{grade} is not on the scale {scale}.")
    return scale.index(grade)
