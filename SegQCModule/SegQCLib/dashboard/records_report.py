"""All numbers of the dashboard: of a department under keys, or of one reader beside all others together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from SegQCLib.agreement.study_agreement import StudyAgreement
from SegQCLib.automation_bias.alert import BiasAlert, bias_alerts
from SegQCLib.automation_bias.model_performance import VersionPerformance, model_performance
from SegQCLib.automation_bias.reading_trends import ReadingTrend, reading_trends
from SegQCLib.automation_bias.rule import RULE, SOURCE, Rule
from SegQCLib.automation_bias.version_change import VersionShift, version_shifts
from SegQCLib.dashboard.activity import Activity, activity
from SegQCLib.dashboard.agreement_matrix import AgreementMatrix, rating_matrices, segmentation_matrices, volume_matrices
from SegQCLib.dashboard.case_effort import CaseEffort, case_effort
from SegQCLib.dashboard.finding_funnel import CheckFunnel, finding_funnels
from SegQCLib.dashboard.model_course import ModelCourse, model_courses
from SegQCLib.dashboard.report_source import ReportSource
from SegQCLib.dataclass_json import json_schema, to_json
from SegQCLib.progress import Progress, unwatched
from SegQCLib.readers.case_read import CaseRead
from SegQCLib.readers.effort_statistics import ReaderDifference, ReaderEffort, effort_by_reader, reader_differences
from SegQCLib.readers.planted_statistics import DetectionRate, detection_rates

REPORT_SCHEMA_ID = "https://segqc.invalid/schemas/records_report.schema.json"
# Every structure has a picture and lines in six tables.
MOST_STRUCTURES = 12
# With fewer others one of them could tell the rest from their sum: the number that the alert's rule uses, too.
FEWEST_OTHERS = RULE.fewest_others
OTHERS = "all others together"


@dataclass(frozen=True)
class StructureCount:
    """How often a structure was read."""

    name: str = field(metadata={"doc": "Name of the structure."})
    reads: int = field(metadata={"doc": "Finished clinical reads of it."})
    readers: int = field(metadata={"doc": "Readers of them."})


@dataclass(frozen=True)
class RecordsReport:
    """What `segqc records report` shows."""

    schema: Literal["segqc-records-report"] = field(metadata={"doc": "Always segqc-records-report."})
    schema_version: Literal["1.0"] = field(metadata={"doc": "Version of this format."})
    software: dict[str, str] = field(metadata={"doc": "Versions of what computed it."})
    created: str = field(metadata={"doc": "When it was computed, ISO 8601."})
    simulated_reads: int = field(metadata={"doc": "Reads that a program made up; nobody read those."})
    reader: str | None = field(metadata={"doc": "Label of the reader whose page it is; null: of a department."})
    reader_key: str | None = field(metadata={"doc": "Key of this reader in the database."})
    named: bool = field(metadata={"doc": "Whether readers are called by their names, and not by keys."})
    others: int | None = field(
        metadata={"doc": "Other readers that stand together beside this one; null: too few, or no such page."}
    )
    first: str | None = field(metadata={"doc": "First read, ISO 8601; null: there is none."})
    last: str | None = field(metadata={"doc": "Last read, ISO 8601."})
    readers: tuple[str, ...] = field(metadata={"doc": "Labels of all readers whose numbers are here one by one."})
    cases: int = field(metadata={"doc": "Clinical cases."})
    sessions: int = field(metadata={"doc": "Sessions, one log each."})
    clinical_reads: int = field(metadata={"doc": "Finished clinical reads: what everything but planted errors is computed from."})
    anchored_reads: int = field(metadata={"doc": "Of them, those in which the reader saw a draft of at least one segment."})
    training_reads: int = field(metadata={"doc": "Reads of training cases, finished or not."})
    unfinished_reads: int = field(metadata={"doc": "Clinical reads that the reader has not finished; left out."})
    logs_left_out: tuple[str, ...] | None = field(
        metadata={"doc": "Why logs were left out, a sentence each, without the reader's name; null: a database does not keep it."}
    )
    logs_cut_off: int | None = field(metadata={"doc": "Logs whose last line a crash cut off; all before it counts."})
    structures: tuple[StructureCount, ...] = field(metadata={"doc": "Structures shown one by one, those with most reads first."})
    structures_not_shown: int = field(metadata={"doc": "Structures that were read less often, and are not shown one by one."})
    activity: Activity = field(metadata={"doc": "Reads by reader and period."})
    case_effort: tuple[CaseEffort, ...] = field(metadata={"doc": "Active time of whole cases."})
    effort: tuple[ReaderEffort, ...] = field(metadata={"doc": "Effort by structure, reader, with drafts and without."})
    differences: tuple[ReaderDifference, ...] = field(
        metadata={"doc": "Active time of every pair of readers, structure by structure; none on the page of one reader."}
    )
    trends: tuple[ReadingTrend, ...] = field(metadata={"doc": "Courses over time, each reader's."})
    common_trends: tuple[ReadingTrend, ...] = field(metadata={"doc": "Courses over time of all readers together."})
    courses: tuple[ModelCourse, ...] = field(metadata={"doc": "Each model month by month."})
    performance: tuple[VersionPerformance, ...] = field(metadata={"doc": "Each version on each structure."})
    shifts: tuple[VersionShift, ...] = field(metadata={"doc": "What changed with a new version."})
    funnels: tuple[CheckFunnel, ...] = field(metadata={"doc": "What becomes of findings, by check."})
    ratings: tuple[AgreementMatrix, ...] = field(metadata={"doc": "Agreement in ratings."})
    volumes: tuple[AgreementMatrix, ...] = field(metadata={"doc": "Agreement in volumes."})
    segmentations: tuple[AgreementMatrix, ...] = field(
        metadata={"doc": "Agreement of segmentations, from `segqc agreement --study`."}
    )
    segmentations_simulated: bool = field(metadata={"doc": "Whether that study was simulated."})
    planted: tuple[DetectionRate, ...] = field(metadata={"doc": "Detection of planted errors."})
    alerts: tuple[BiasAlert, ...] = field(metadata={"doc": "The reader's own alerts; none on a department's page."})
    rule: Rule = field(metadata={"doc": "The rule of the alert."})
    rule_source: str = field(metadata={"doc": "Where its sign comes from."})

    @property
    def simulated(self) -> bool:
        """Whether anything on the page is made up."""
        return self.simulated_reads > 0 or self.segmentations_simulated

    def to_json(self) -> str:
        return to_json(self)


def report_schema() -> dict:
    """Return the JSON Schema of a dashboard's numbers."""
    return json_schema(RecordsReport, title="Dashboard of readers' records", identifier=REPORT_SCHEMA_ID)


def records_report(
    source: ReportSource,
    labels: Mapping[str, str],
    *,
    created: datetime,
    software: dict[str, str],
    named: bool = False,
    reader: str | None = None,
    study: StudyAgreement | None = None,
    study_label: Callable[[str], str] = str,
    progress: Progress = unwatched,
) -> RecordsReport:
    """Return all numbers of a dashboard.

    Parameters
    ----------
    source : ReportSource
    labels : mapping of str to str
        What each reader's key is called, see `reader_labels`.
    created : datetime
    software : dict of str to str
    named : bool
        Whether labels are names.
    reader : str, optional
        Key of the one reader whose page it is: then others are there as one, from three on, and the alerts are that
        reader's. Without it nobody's alerts are computed.
    study : StudyAgreement, optional
        Agreement of segmentations; not on the page of one reader.
    study_label : callable
        Returns what a reader of the study is called.
    progress : Progress

    Raises
    ------
    BadDataError
        If statsmodels is not installed.
    """
    everybody = tuple(replace(read, reader=labels[read.reader]) for read in source.reads)
    own_label = None if reader is None else labels[reader]
    reads, others = (everybody, None) if own_label is None else _own_and_others(everybody, own_label)
    own = tuple(read for read in reads if own_label in (None, read.reader))
    clinical = [read for read in own if read.purpose == "clinical"]
    finished = [read for read in clinical if read.finished]
    shown, more = _structures(finished)
    few = _of_structures(reads, {structure.name for structure in shown})
    own_few = _of_structures(own, {structure.name for structure in shown})
    times = sorted(read.started for read in own)
    progress("Effort", 0.05)
    effort = effort_by_reader(few)
    differences = reader_differences(few) if own_label is None else ()
    progress("Trends", 0.3)
    trends: list[ReadingTrend] = []
    for label in dict.fromkeys(sorted(read.reader for read in own)):
        trends += reading_trends(own, label)
    progress("Trends of all together", 0.5)
    common = reading_trends(everybody) if own_label is None else ()
    progress("Models", 0.65)
    performance = model_performance(_of_structures(everybody, {structure.name for structure in shown}), own_label)
    shifts = version_shifts(own_few, own_label)
    progress("Agreement", 0.8)
    # With one reader's page in hand nobody else's disagreement is to be seen.
    ratings, volumes = rating_matrices(own), volume_matrices(own_few)
    compared = () if study is None or own_label is not None else segmentation_matrices(study, study_label)
    progress("Planted errors", 0.9)
    planted = detection_rates((read.reader, error) for read in reads for error in read.planted)
    alerts = () if own_label is None else bias_alerts(everybody, own_label)
    return RecordsReport(
        schema="segqc-records-report",
        schema_version="1.0",
        software=software,
        created=created.isoformat(timespec="seconds"),
        simulated_reads=sum(read.simulated for read in reads),
        reader=own_label,
        reader_key=reader,
        named=named,
        others=others,
        first=times[0].isoformat() if times else None,
        last=times[-1].isoformat() if times else None,
        readers=tuple(sorted({read.reader for read in own})),
        cases=len({read.case for read in clinical}),
        sessions=source.sessions if own_label is None else sum(len(read.sessions) for read in own),
        clinical_reads=len(finished),
        anchored_reads=sum(any(segment.ai_anchored for segment in read.segments) for read in finished),
        training_reads=sum(read.purpose == "training" for read in own),
        unfinished_reads=len(clinical) - len(finished),
        logs_left_out=source.left_out,
        logs_cut_off=source.cut_off,
        structures=shown,
        structures_not_shown=more,
        activity=activity(own),
        case_effort=case_effort(reads),
        effort=effort,
        differences=differences,
        trends=tuple(trends),
        common_trends=common,
        courses=model_courses(own_few),
        performance=performance,
        shifts=shifts,
        funnels=finding_funnels(own),
        ratings=ratings,
        volumes=volumes,
        segmentations=compared,
        segmentations_simulated=bool(compared) and study.simulated,
        planted=planted,
        alerts=alerts,
        rule=RULE,
        rule_source=SOURCE,
    )


def _own_and_others(reads: tuple[CaseRead, ...], own: str) -> tuple[tuple[CaseRead, ...], int | None]:
    others = {read.reader for read in reads} - {own}
    if len(others) < FEWEST_OTHERS:
        return tuple(read for read in reads if read.reader == own), None
    return tuple(read if read.reader == own else replace(read, reader=OTHERS) for read in reads), len(others)


def _structures(reads: Sequence[CaseRead]) -> tuple[tuple[StructureCount, ...], int]:
    number = Counter(name for read in reads for name in {segment.name for segment in read.segments})
    most = sorted(number, key=lambda name: (-number[name], name))[:MOST_STRUCTURES]
    readers: dict[str, set[str]] = {name: set() for name in most}
    for read in reads:
        for segment in read.segments:
            if segment.name in readers:
                readers[segment.name].add(read.reader)
    return tuple(StructureCount(name, number[name], len(readers[name])) for name in most), len(number) - len(most)


def _of_structures(reads: Sequence[CaseRead], names: set[str]) -> tuple[CaseRead, ...]:
    return tuple(replace(read, segments=tuple(s for s in read.segments if s.name in names)) for read in reads)
