"""Readers' ratings beside image-quality numbers, and how far they go together over the cases of a study."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from SegQCLib.readers.ratings import RatingGiven
from SegQCLib.statistics.percentile_bootstrap import percentile_bootstrap

FEWEST_CASES = 20
METHOD = "Spearman's rank correlation; 95 % percentile bootstrap interval over cases (2,000 resamples)"
RULES = (
    (
        "Grades are turned so that the best one is highest, whatever the scale; several readers' grades of a case count as their"
        " median. Of one reader the latest answer counts. “Not assessable” has no place on a scale and is left out."
    ),
    (
        f"A correlation needs at least {FEWEST_CASES} cases with both. Even then a correlation of 0.5 can hardly be told from none:"
        " its 95 % interval goes from 0.07 to 0.77 with 20 cases (Fisher's z)."
    ),
    "A correlation over several scanners can come from a difference between scanners alone.",
)


@dataclass(frozen=True)
class Scale:
    """What two grades have to share to be grades of one scale."""

    rating: str
    title: str
    lowest: int
    highest: int
    best: str

    @property
    def words(self) -> str:
        """The scale as readers saw it: 1 to 5, 5 is best."""
        return f"{self.lowest} to {self.highest}, {self.highest if self.best == 'highest' else self.lowest} is best"

    def oriented(self, grade: int) -> int:
        """Return a grade on the same numbers with the best one highest."""
        return grade if self.best == "highest" else self.lowest + self.highest - grade


@dataclass(frozen=True)
class CaseGrade:
    """What readers say of one case on one scale.

    Attributes
    ----------
    grade : float or None
        Median of the readers' grades, the best being highest; None: nobody could assess it.
    readers : int
        Readers who gave a grade.
    not_assessable : int
        Readers who looked and could not say.
    """

    grade: float | None
    readers: int
    not_assessable: int


@dataclass(frozen=True)
class Correlation:
    """How far a number and a rating go together over cases.

    Attributes
    ----------
    cases : int
        Cases with both.
    rho : float or None
        Spearman's rank correlation, -1 to 1: above 0, higher numbers go with better grades.
    lower, upper : float or None
        95 % interval.
    reason : str or None
        Why rho or its interval is None.
    """

    cases: int
    rho: float | None
    lower: float | None
    upper: float | None
    reason: str | None = None


def case_grades(ratings: Iterable[RatingGiven]) -> dict[Scale, CaseGrade]:
    """Return for each scale what the readers of one case say on it; of one reader's answers the last counts."""
    answers: dict[Scale, dict[str, int | None]] = {}
    for given in sorted(ratings, key=lambda given: given.created):
        scale = Scale(given.rating, given.title, given.lowest, given.highest, given.best)
        answers.setdefault(scale, {})[given.reader] = None if given.grade is None else scale.oriented(given.grade)
    found = {}
    for scale, by_reader in answers.items():
        grades = [grade for grade in by_reader.values() if grade is not None]
        found[scale] = CaseGrade(float(median(grades)) if grades else None, len(grades), len(by_reader) - len(grades))
    return found


def correlation(numbers: Mapping[str, float], grades: Mapping[str, float]) -> Correlation:
    """Return the rank correlation of numbers and grades over the cases that have both.

    Parameters
    ----------
    numbers, grades : mapping of case to float
        Finite; the best grade is highest.

    Returns
    -------
    Correlation
        Without rho, and with the reason, where fewer than 20 cases have both, or all numbers or all grades are the same. Without
        an interval where more than 5 % of the resamples have one grade or number only, because nearly all cases have the same.

    References
    ----------
    Spearman C. The proof and measurement of association between two things. Am J Psychol 1904;15:72-101, doi:10.2307/1412159.
    Ties have their mean rank, and the coefficient is Pearson's of the ranks.
    """
    cases = sorted(numbers.keys() & grades.keys())
    if len(cases) < FEWEST_CASES:
        return Correlation(len(cases), None, None, None, f"{len(cases)} cases have both; at least {FEWEST_CASES} are needed.")
    x, y = (np.array([values[case] for case in cases], float) for values in (numbers, grades))
    for values, what in ((x, "numbers"), (y, "grades")):
        if np.all(values == values[0]):
            return Correlation(len(cases), None, None, None, f"All {what} are the same, so nothing can go together with them.")
    rho = float(stats.spearmanr(x, y).statistic)
    lower, upper = _interval(x, y)
    if lower is None:
        return Correlation(len(cases), rho, None, None, "Nearly all grades or numbers are the same: there is no interval.")
    return Correlation(len(cases), rho, lower, upper)


def chance_sentence(correlations: Sequence[Correlation]) -> str | None:
    """Return how many intervals would leave out 0 by chance alone; None where there is none."""
    intervals = sum(found.lower is not None for found in correlations)
    if not intervals:
        return None
    apart = sum(found.lower is not None and (found.lower > 0 or found.upper < 0) for found in correlations)
    return (
        f"{intervals} {'correlation' if intervals == 1 else 'correlations'} with an interval: {apart} of the intervals"
        f" {'leaves' if apart == 1 else 'leave'} out 0. About"
        f" {intervals * 0.05:.1f} of {intervals} would do so by chance if nothing went together: the intervals are not widened for"
        " that, and a single one is a hint, not a proof."
    )


def _interval(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float] | tuple[None, None]:
    def rho(cases: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
        drawn = np.moveaxis(cases, axis, -1).astype(np.intp)
        ranks = [stats.rankdata(values[drawn], axis=-1) for values in (x, y)]
        apart = [rank - rank.mean(axis=-1, keepdims=True) for rank in ranks]
        spread = np.sqrt((apart[0] ** 2).sum(axis=-1) * (apart[1] ** 2).sum(axis=-1))
        with np.errstate(invalid="ignore"):
            return (apart[0] * apart[1]).sum(axis=-1) / spread

    # A case's number and grades are drawn together: what is drawn are places in both lists.
    places = np.arange(len(x), dtype=float)
    lower, upper = percentile_bootstrap((places,), rho, undefined_share=0.05)
    return (lower, upper) if np.isfinite(lower) and np.isfinite(upper) else (None, None)
