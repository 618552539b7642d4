"""What became of one case in one run."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from SegQCLib.cohort.cohort_case import CaseFault
from SegQCLib.record import Verdict


class Outcome(StrEnum):
    """What became of a case.

    EVALUATED has a record. REFUSED: its files cannot be evaluated; that is kept too, and the case is tried again only if something
    of it changes. FAILED: circumstances, such as a killed worker, a lost drive or too little memory; the next run tries again.
    """

    EVALUATED = "evaluated"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True)
class CaseCost:
    """What evaluating a case took. It differs from run to run, and so is kept apart from what was found."""

    started: str = field(metadata={"doc": "When, ISO 8601 with time zone."})
    seconds: float = field(metadata={"doc": "Wall-clock time from opening the first file to having the record, s."})
    reading_s: float = field(metadata={"doc": "Of these, reading files, s."})
    peak_memory_mib: float | None = field(
        metadata={"doc": "Largest resident memory of the worker process so far, MiB; null: this system does not say."}
    )
    host: str = field(metadata={"doc": "Name of the computer."})


@dataclass(frozen=True)
class CaseOutcome:
    """What became of a case.

    Attributes
    ----------
    case : str
    key : str or None
        SHA-256 under which the result is kept; None: the case failed, or could not be hashed.
    outcome : Outcome
    kept : bool
        True: an earlier run had computed it.
    verdict : Verdict or None
        Of an evaluated case.
    fault : CaseFault or None
        Why it was refused or failed.
    cost : CaseCost or None
        None: not computed in this run, or failed before anything could be measured.
    """

    case: str
    key: str | None
    outcome: Outcome
    kept: bool = False
    verdict: Verdict | None = None
    fault: CaseFault | None = None
    cost: CaseCost | None = None
