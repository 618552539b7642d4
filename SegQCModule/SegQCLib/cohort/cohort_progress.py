"""How far a run is: what people and programs are told while it works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from SegQCLib.cohort.case_outcome import CaseOutcome


@dataclass(frozen=True)
class CohortProgress:
    """How far a run is.

    Attributes
    ----------
    done, total : int
        Cases.
    evaluated, kept, refused, failed : int
        What became of those that are done: `kept` counts the ones that an earlier run had computed, whatever became of them;
        the others count in this run only.
    cases_per_minute : float or None
        Of the recent computed cases; None: it cannot be said yet.
    remaining_s : float or None
        Until the end at that rate.
    last : CaseOutcome or None
        The case that was done last.
    """

    done: int
    total: int
    evaluated: int
    kept: int
    refused: int
    failed: int
    cases_per_minute: float | None = None
    remaining_s: float | None = None
    last: CaseOutcome | None = None


CohortWatcher = Callable[[CohortProgress], None]


def unwatched_cohort(progress: CohortProgress) -> None:
    """Tell nobody."""
