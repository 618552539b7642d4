"""Everything that the page of a cohort shows, from its tables alone; pictures come after it."""

from __future__ import annotations

from dataclasses import dataclass

from SegQCLib.cohort.cohort_folder import CohortFolder
from SegQCLib.cohort.report.case_faults import FaultKind, case_faults
from SegQCLib.cohort.report.duplicates import Duplicates, duplicates
from SegQCLib.cohort.report.gate_failures import GateFailures, gate_failures
from SegQCLib.cohort.report.missing_structures import StructureAsked, StructurePresence, missing_structures
from SegQCLib.cohort.report.outliers import Outliers, measurement_outliers, quality_outliers
from SegQCLib.cohort.report.predicted_agreement import PredictedAgreement, predicted_agreement, reached_dice
from SegQCLib.cohort.report.report_cases import ReportCase, report_cases
from SegQCLib.cohort.report.runtime import Runtime, runtime
from SegQCLib.cohort.report.segment_values import segment_values
from SegQCLib.cohort.report.structure_agreement import StructureAgreement, structure_agreement
from SegQCLib.cohort.report.verdict_counts import VerdictCounts, verdict_counts
from SegQCLib.cohort.report.what_was_run import WhatWasRun, what_was_run
from SegQCLib.cohort.report.worst_cases import WorstCase, worst_cases
from SegQCLib.progress import Progress, unwatched


@dataclass(frozen=True)
class CohortReport:
    """The sections of the page."""

    cases: tuple[ReportCase, ...]
    run: WhatWasRun
    verdicts: VerdictCounts
    faults: tuple[FaultKind, ...]
    worst: tuple[WorstCase, ...]
    outliers: Outliers
    quality: Outliers
    agreement: tuple[StructureAgreement, ...]
    predicted: PredictedAgreement
    gate: GateFailures
    presence: tuple[StructurePresence, ...]
    duplicates: Duplicates
    runtime: Runtime

    @property
    def evaluated(self) -> int:
        return sum(case.evaluated for case in self.cases)


def cohort_report(folder: CohortFolder, worst: int, progress: Progress = unwatched) -> CohortReport:
    """Return what the page of a cohort shows.

    Parameters
    ----------
    folder : CohortFolder
    worst : int
        How many of the worst cases.

    Raises
    ------
    BadDataError
        If a table is not there or pyarrow is not installed.
    """
    progress("Reading cases", 0.0)
    cases = report_cases(folder)
    run = what_was_run(folder, cases)
    progress("Counting verdicts", 0.1)
    verdicts = verdict_counts(folder, cases)
    progress("Reading measurements", 0.2)
    measured = segment_values(folder)
    predicted = predicted_agreement(folder)
    dice = reached_dice(measured)
    progress("Looking for the worst cases", 0.5)
    worst_found = worst_cases(folder, cases, dice, predicted, worst)
    progress("Looking for outliers", 0.6)
    outliers = measurement_outliers(measured, frozenset(case.case for case in cases if case.simulated))
    quality = quality_outliers(folder, cases)
    progress("Looking at structures, scanners and sites", 0.8)
    return CohortReport(
        cases,
        run,
        verdicts,
        case_faults(cases),
        worst_found,
        outliers,
        quality,
        structure_agreement(measured, predicted),
        predicted,
        gate_failures(folder, cases),
        missing_structures(folder, cases, measured, _asked_for(run)),
        duplicates(cases),
        runtime(folder, cases),
    )


def _asked_for(run: WhatWasRun) -> dict[str, StructureAsked] | None:
    """Return how the protocols ask for each structure; None where one of them could not be read again."""
    if not run.protocols or any(protocol.rules is None for protocol in run.protocols):
        return None
    found: dict[str, StructureAsked] = {}
    for protocol in run.protocols:
        for structure in protocol.rules.structures:
            before = found.get(structure.name, StructureAsked(False, 0))
            found[structure.name] = StructureAsked(before.required or structure.required, before.cases + protocol.cases)
    return found
