"""The folder of each case as people look at it: its present record, or why it has none."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from SegQCLib.cohort.case_outcome import CaseOutcome, Outcome
from SegQCLib.cohort.cohort_case import CaseFault
from SegQCLib.cohort.cohort_folder import ERROR_NAME, CohortFolder
from SegQCLib.cohort.result_store import ResultStore, holds, json_bytes, place, place_link
from SegQCLib.cohort.run_fault import writing_to
from SegQCLib.record_files import RECORD_NAME


@dataclass(frozen=True)
class CaseError:
    """Why a case has no record: error.json."""

    schema: Literal["segqc-cohort-error"] = field(metadata={"doc": "Always segqc-cohort-error."})
    case: str = field(metadata={"doc": "Name of the case."})
    outcome: Outcome = field(metadata={"doc": "refused: its files cannot be evaluated; failed: the next run tries again."})
    fault: CaseFault = field(metadata={"doc": "Where, what was found, and what to do."})


def show_case(folder: CohortFolder, outcome: CaseOutcome) -> None:
    """Bring the folder of a case in line with what became of it.

    Raises
    ------
    RunFault
        If the folder cannot be written to, or is full.
    """
    record, error = folder.record(outcome.case), folder.error(outcome.case)
    if outcome.outcome is Outcome.EVALUATED:
        place_link(folder, record, ResultStore(folder).record_path(outcome.key))
        stale = error
    else:
        written = json_bytes(CaseError("segqc-cohort-error", outcome.case, outcome.outcome, outcome.fault))
        if not holds(error, written):
            place(folder, error, written)
        stale = record
    with writing_to(folder.path):
        stale.unlink(missing_ok=True)


def remove_other_cases(folder: CohortFolder, cases: Iterable[str]) -> None:
    """Remove what is shown of cases that are no longer in the cohort; their results stay, and so does what others put there."""
    if not folder.cases.is_dir():
        return
    present = {folder.case(case).name for case in cases}
    with writing_to(folder.path), os.scandir(folder.cases) as entries:
        for entry in entries:
            if entry.name in present or not entry.is_dir(follow_symlinks=False):
                continue
            for name in (RECORD_NAME, ERROR_NAME):
                (folder.cases / entry.name / name).unlink(missing_ok=True)
            shown = folder.cases / entry.name
            if not list(shown.iterdir()):
                shown.rmdir()
