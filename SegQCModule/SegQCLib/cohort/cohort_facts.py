"""cohort.json: what was asked of a cohort, and what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from SegQCLib.cohort.case_key import deciding_software
from SegQCLib.cohort.case_outcome import CaseOutcome, Outcome
from SegQCLib.cohort.cohort_folder import CohortFolder
from SegQCLib.cohort.cohort_plan import CohortPlan, PlannedProtocol
from SegQCLib.cohort.result_store import json_bytes, place
from SegQCLib.json_file import read_json_file
from SegQCLib.record import Verdict


@dataclass(frozen=True)
class CohortCounts:
    """How many cases there are of what."""

    cases: int = field(metadata={"doc": "All."})
    evaluated: int = field(metadata={"doc": "With a record."})
    refused: int = field(metadata={"doc": "Whose files cannot be evaluated."})
    failed: int = field(metadata={"doc": "That circumstances stopped; the next run tries them again."})
    accept: int = field(metadata={"doc": "Of the evaluated ones, with the verdict ACCEPT."})
    review: int = field(metadata={"doc": "With REVIEW."})
    reject: int = field(metadata={"doc": "With REJECT."})


@dataclass(frozen=True)
class LastRun:
    """The run that brought everything up to date."""

    started: str = field(metadata={"doc": "When, ISO 8601 with time zone."})
    ended: str = field(metadata={"doc": "When."})
    computed: int = field(metadata={"doc": "Cases whose files it read, and that it evaluated or refused."})
    kept: int = field(metadata={"doc": "Cases that earlier runs had done."})
    workers: int = field(metadata={"doc": "Worker threads at its beginning."})
    unread: int = field(default=0, metadata={"doc": "Cases that it refused unread, because the source shows a fault of theirs."})


@dataclass(frozen=True)
class CohortFacts:
    """What was asked of a cohort, and what came of it."""

    schema: Literal["segqc-cohort"] = field(metadata={"doc": "Always segqc-cohort."})
    schema_version: Literal["1.0"] = field(metadata={"doc": "Version of this format."})
    source: str | None = field(metadata={"doc": "Folder or CSV file of the cases; null: they were given one by one."})
    kind: str = field(metadata={"doc": "Kind of the source: csv, worklist-folder, dicom, bids, nnunet; or cases."})
    protocols: tuple[PlannedProtocol, ...] = field(metadata={"doc": "Under which cases were evaluated, by name."})
    software: dict[str, str] = field(metadata={"doc": "Versions of what read and computed."})
    counts: CohortCounts = field(metadata={"doc": "What became of the cases."})
    notes: tuple[str, ...] = field(metadata={"doc": "What the source passed over."})
    last_run: LastRun = field(metadata={"doc": "The last run; the only part that differs between two runs of one cohort."})


def counts_of(outcomes: Sequence[CaseOutcome]) -> CohortCounts:
    """Return how many cases there are of what."""
    became = Counter(outcome.outcome for outcome in outcomes)
    verdicts = Counter(outcome.verdict for outcome in outcomes)
    return CohortCounts(
        len(outcomes),
        *(became[outcome] for outcome in (Outcome.EVALUATED, Outcome.REFUSED, Outcome.FAILED)),
        *(verdicts[verdict] for verdict in (Verdict.ACCEPT, Verdict.REVIEW, Verdict.REJECT)),
    )


def write_facts(folder: CohortFolder, plan: CohortPlan, outcomes: Sequence[CaseOutcome], last_run: LastRun) -> CohortFacts:
    """Write cohort.json and return what is in it.

    Raises
    ------
    RunFault
        If the folder cannot be written to, or is full.
    """
    facts = CohortFacts(
        schema="segqc-cohort",
        schema_version="1.0",
        source=None if plan.source is None else str(plan.source),
        kind=plan.kind,
        protocols=tuple(plan.protocols[name] for name in sorted(plan.protocols)),
        software=deciding_software(),
        counts=counts_of(outcomes),
        notes=plan.notes,
        last_run=last_run,
    )
    place(folder, folder.facts, json_bytes(facts))
    return facts


def read_facts(folder: CohortFolder) -> CohortFacts:
    """Return what cohort.json says.

    Raises
    ------
    BadDataError
        If it is missing, because no run came to its end yet, or is something else.
    """
    return read_json_file(
        CohortFacts, folder.facts, "the description of a cohort", "Run 'segqc cohort' into this folder to its end."
    )
