"""An estimate over cases with its interval, or the reason why there is none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

CONFIDENCE = 0.95
# With five cases even the interval from the smallest to the largest value holds the median with 1 - 2 x 0.5^5 = 93.75 % only.
FEWEST_CASES = 6
FEWEST_RULE = (
    f"Fewer than {FEWEST_CASES} cases: no 95 % interval is given, as even the range from the smallest to the largest of 5 values"
    " holds the median with 93.75 % only (1 − 2 × 0.5⁵)."
)
FEW_CASES = 30
FEW_RULE = (
    f"Fewer than {FEW_CASES} cases: read the interval, not the number. A reliability study should have at least {FEW_CASES}"
    " cases of different kinds and 3 readers (Koo and Li, J Chiropr Med 2016;15:155-163)."
)
REPEATED_PATIENTS = "Some patients have several cases here, which count as independent of each other: the interval is too narrow."


@dataclass(frozen=True)
class Estimate:
    """One statistic over cases."""

    statistic: str = field(metadata={"doc": "Its name in words."})
    value: float | None = field(metadata={"doc": "The estimate; null: undefined, see reason."})
    lower: float | None = field(metadata={"doc": "Lower end of the 95 % confidence interval; null: none, see reason or note."})
    upper: float | None = field(metadata={"doc": "Upper end of the 95 % confidence interval; null: none, see reason or note."})
    cases: int = field(metadata={"doc": "Number of cases that it is of."})
    method: str = field(metadata={"doc": "How the interval was found."})
    reason: str | None = field(default=None, metadata={"doc": "Why the value or the interval is undefined; null: both are there."})
    note: str | None = field(default=None, metadata={"doc": "What to know when reading it."})

    @property
    def numbers(self) -> tuple[float | None, float | None, float | None]:
        """Return value, lower and upper end."""
        return self.value, self.lower, self.upper


def estimate(
    statistic: str, value: float, interval: tuple[float, float] | None, cases: int, method: str, reason: str | None = None
) -> Estimate:
    """Return an estimate; the interval is left out where it would mean nothing, with the reason.

    Parameters
    ----------
    statistic, method : str
    value : float
        Finite.
    interval : tuple of two floats, or None
        None, or not finite: there is none, and `reason` says why.
    cases : int
    reason : str, optional
        Why there is no interval.
    """
    if cases < FEWEST_CASES:
        return Estimate(statistic, float(value), None, None, cases, method, FEWEST_RULE)
    note = FEW_RULE if cases < FEW_CASES else None
    if interval is None or not all(map(math.isfinite, interval)):
        why = reason or "The interval cannot be computed from these cases."
        return Estimate(statistic, float(value), None, None, cases, method, why, note)
    lower, upper = interval
    return Estimate(statistic, float(value), float(lower), float(upper), cases, method, None, note)


def undefined(statistic: str, cases: int, method: str, reason: str) -> Estimate:
    """Return that a statistic does not exist for these cases, and why."""
    return Estimate(statistic, None, None, None, cases, method, reason)


def noted(found: Estimate, note: str) -> Estimate:
    """Return an estimate with one more note, before those that it has."""
    return replace(found, note=note if found.note is None else f"{note} {found.note}")


def of_patients(found: Estimate, patients: Sequence[str]) -> Estimate:
    """Return an estimate that says so if its interval takes several cases of one patient as independent.

    Parameters
    ----------
    found : Estimate
        By a method that knows cases only.
    patients : sequence of str, shape (cases,)
        The patient of each case that it is of.
    """
    repeat = found.lower is not None and len(set(patients)) < len(patients)
    return noted(found, REPEATED_PATIENTS) if repeat else found
