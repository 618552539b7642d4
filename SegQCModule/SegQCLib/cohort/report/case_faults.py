"""Cases that could not be evaluated, by kind of error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from SegQCLib.cohort.case_outcome import Outcome
from SegQCLib.cohort.report.alike_texts import alike_texts
from SegQCLib.cohort.report.report_cases import ReportCase


@dataclass(frozen=True)
class FaultKind:
    """An error that cases share.

    Attributes
    ----------
    outcome : Outcome
        REFUSED or FAILED.
    found : str
        What was found, … where cases differ.
    remedy : str
        What to do, of the first case.
    cases : tuple of ReportCase
        In the order of the plan.
    """

    outcome: Outcome
    found: str
    remedy: str
    cases: tuple[ReportCase, ...]


def case_faults(cases: Sequence[ReportCase]) -> tuple[FaultKind, ...]:
    """Return the kinds of errors, the commonest first, refused cases before failed ones."""
    kinds = []
    for outcome in (Outcome.REFUSED, Outcome.FAILED):
        own = [case for case in cases if case.outcome is outcome]
        for alike in alike_texts([(case.error_found or "No reason was kept.").strip() for case in own]):
            of_kind = tuple(own[place] for place in alike.places)
            kinds.append(FaultKind(outcome, alike.text, of_kind[0].error_remedy or "", of_kind))
    order = (Outcome.REFUSED, Outcome.FAILED)
    return tuple(sorted(kinds, key=lambda kind: (order.index(kind.outcome), -len(kind.cases))))
