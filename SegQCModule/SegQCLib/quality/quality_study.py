"""Image quality over the cases of a study: where each case stands, and how far the numbers go with readers' ratings."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from scipy import stats

from SegQCLib.dataclass_json import json_schema, to_json
from SegQCLib.progress import Progress, counted, part, unwatched
from SegQCLib.protocol import QCProtocol, Range
from SegQCLib.quality import rating_correlation, study_norms
from SegQCLib.quality.quality_measurement import QualityMeasure, QualityMeasurement, Region
from SegQCLib.quality.quality_texts import quality_order
from SegQCLib.quality.rating_correlation import CaseGrade, Scale, case_grades, chance_sentence, correlation
from SegQCLib.quality.study_limits import limits_of, segments_by_structure
from SegQCLib.quality.study_norms import (
    FEWEST_CASES,
    NO_SCANNER,
    NumberKind,
    StratumKey,
    case_values,
    kind_of,
    too_few,
    z_scores,
)
from SegQCLib.quality.study_records import NamedRecord

QUALITY_STUDY_SCHEMA_ID = "https://segqc.invalid/schemas/quality_study.schema.json"
UNKNOWN_SCANNER = "scanner not known"


@dataclass(frozen=True)
class CaseNumber:
    """One case's number."""

    case: str = field(metadata={"doc": "The case: the folder of its record."})
    value: float = field(metadata={"doc": "The value; of several segments of the structure their median."})
    segments: int = field(metadata={"doc": "How many segments of the structure have the number."})
    z: float | None = field(metadata={"doc": "Robust z-score against the stratum's other cases; null: none, see why_no_z."})


@dataclass(frozen=True)
class StratumNumbers:
    """One number over the cases of one scanner under one protocol."""

    scanner: str = field(metadata={"doc": "Scanner that the cases share, in words."})
    median: float | None = field(metadata={"doc": "Median of the cases, in the number's unit; null: no case has it."})
    mad: float | None = field(metadata={"doc": "Median absolute deviation from the median, same unit; null: no case has it."})
    cases: tuple[CaseNumber, ...] = field(metadata={"doc": "Cases that have the number, by name."})
    refused: dict[str, int] = field(metadata={"doc": "Why it was refused in a segment, and in how many segments."})
    why_no_z: str | None = field(metadata={"doc": "Why there is no z-score; null: there is one."})


@dataclass(frozen=True)
class StudyNumber:
    """One image-quality number over a study."""

    protocol: str = field(metadata={"doc": "Id and version of the protocol."})
    structure: str = field(metadata={"doc": "The protocol's name of the structure, else the segment's name."})
    measure: QualityMeasure = field(metadata={"doc": "Which number."})
    method: str = field(metadata={"doc": "Id of the method."})
    region: Region = field(metadata={"doc": "Where it was measured."})
    background: str | None = field(metadata={"doc": "What it is measured against; null: nothing."})
    unit: str = field(metadata={"doc": "UCUM unit."})
    definitions: tuple[str, ...] = field(metadata={"doc": "How it is defined; more than one where the records differ in that."})
    limits: tuple[Range, ...] = field(metadata={"doc": "The study's limits on it."})
    strata: tuple[StratumNumbers, ...] = field(metadata={"doc": "Its values for each scanner."})

    @property
    def case_count(self) -> int:
        """How many cases have the number, of all scanners."""
        return sum(len(stratum.cases) for stratum in self.strata)


@dataclass(frozen=True)
class RatedCase:
    """A case that has both a number and a rating."""

    case: str = field(metadata={"doc": "The case."})
    value: float = field(metadata={"doc": "Its number."})
    grade: float = field(metadata={"doc": "Median grade of its readers, turned so that the best grade is highest."})
    readers: int = field(metadata={"doc": "How many readers graded it."})


@dataclass(frozen=True)
class RatingBesideNumber:
    """A rating and a number over the cases that have both."""

    protocol: str = field(metadata={"doc": "Id and version of the protocol."})
    rating: str = field(metadata={"doc": "Id of the rating."})
    title: str = field(metadata={"doc": "What was rated."})
    scale: str = field(metadata={"doc": "The scale as readers saw it."})
    turned: bool = field(metadata={"doc": "Whether grades were turned around, because the lowest one is best."})
    structure: str = field(metadata={"doc": "Structure of the number."})
    measure: QualityMeasure = field(metadata={"doc": "Which number."})
    method: str = field(metadata={"doc": "Id of its method."})
    region: Region = field(metadata={"doc": "Where it was measured."})
    background: str | None = field(metadata={"doc": "What it is measured against; null: nothing."})
    unit: str = field(metadata={"doc": "UCUM unit of the number."})
    cases: tuple[RatedCase, ...] = field(metadata={"doc": "The cases that have both."})
    not_assessable: int = field(metadata={"doc": "Answers “not assessable” of cases that have the number; they are left out."})
    scanners: int = field(metadata={"doc": "From how many scanners the cases are."})
    rho: float | None = field(
        metadata={"doc": "Spearman's rank correlation, -1 to 1; above 0: higher numbers go with better grades; null: see reason."}
    )
    lower: float | None = field(metadata={"doc": "Lower end of its 95 % interval; null: none, see reason."})
    upper: float | None = field(metadata={"doc": "Upper end of its 95 % interval; null: none, see reason."})
    reason: str | None = field(metadata={"doc": "Why the correlation or its interval is null; null: both are there."})


@dataclass(frozen=True)
class QualityStudy:
    """Image quality over the cases of a study."""

    schema: Literal["segqc-quality-study"] = field(metadata={"doc": "Always segqc-quality-study."})
    schema_version: Literal["1.0"] = field(metadata={"doc": "Version of this format."})
    software: dict[str, str] = field(metadata={"doc": "Versions of what computed it."})
    simulated: bool = field(metadata={"doc": "Whether a record says that its data are simulated."})
    records: int = field(metadata={"doc": "Records that were read."})
    cases: int = field(metadata={"doc": "Examinations that count, each under one protocol."})
    superseded: tuple[str, ...] = field(
        metadata={"doc": "Records that do not count: there is a later one of the same examination."}
    )
    without_numbers: tuple[str, ...] = field(metadata={"doc": "Cases whose record has no image-quality number at all."})
    left_out: tuple[str, ...] = field(metadata={"doc": "Files that are no usable record, and why."})
    numbers: tuple[StudyNumber, ...] = field(metadata={"doc": "Every number over the study."})
    ratings: tuple[RatingBesideNumber, ...] = field(metadata={"doc": "Every rating beside every number."})
    chance: str | None = field(metadata={"doc": "How many correlations would stand out by chance; null: none has an interval."})
    rules: tuple[str, ...] = field(metadata={"doc": "How it was computed."})

    def to_json(self) -> str:
        return to_json(self)


def quality_study_schema() -> dict:
    """Return the JSON Schema of a study of image quality."""
    return json_schema(QualityStudy, title="Image quality over a study", identifier=QUALITY_STUDY_SCHEMA_ID)


@dataclass(frozen=True)
class _Case:
    """The record that counts for an examination, and what all its records say of its ratings."""

    name: str
    protocol: str
    scanner: str
    stratum: StratumKey | None
    segments: Mapping[str, set[str]]
    measurements: Mapping[NumberKind, list[QualityMeasurement]]
    values: Mapping[NumberKind, float]
    grades: Mapping[Scale, CaseGrade]


def quality_study(
    records: Sequence[NamedRecord],
    protocol: QCProtocol | None = None,
    left_out: tuple[str, ...] = (),
    software: Mapping[str, str] | None = None,
    progress: Progress = unwatched,
) -> QualityStudy:
    """Return image quality over the cases of a study.

    Parameters
    ----------
    records : sequence of NamedRecord
        One or more for each case; names are unique.
    protocol : QCProtocol or None
        Whose limits are shown beside the numbers of records made under it.
    left_out : tuple of str
        What could not be read, for the study's own account.
    software : mapping of str to str, optional
        Versions.
    """
    cases, superseded = _cases(records)
    numbers = tuple(_numbers(cases, protocol, part(progress, 0.0, 0.5)))
    ratings = tuple(_ratings(cases, part(progress, 0.5, 1.0)))
    return QualityStudy(
        schema="segqc-quality-study",
        schema_version="1.0",
        software=dict(software or {}),
        simulated=any(entry.record.says_simulated for entry in records),
        records=len(records),
        cases=len(cases),
        superseded=superseded,
        without_numbers=tuple(case.name for case in cases if not case.measurements),
        left_out=left_out,
        numbers=numbers,
        ratings=ratings,
        chance=chance_sentence([rating_correlation.Correlation(len(r.cases), r.rho, r.lower, r.upper) for r in ratings]),
        rules=(*study_norms.RULES, rating_correlation.METHOD + ".", *rating_correlation.RULES),
    )


def _cases(records: Sequence[NamedRecord]) -> tuple[list[_Case], tuple[str, ...]]:
    names = {id(entry.record): entry.name for entry in records}
    cases, superseded = [], []
    for own in study_norms.examinations([entry.record for entry in records]).values():
        record = own[-1]
        superseded += [names[id(earlier)] for earlier in own[:-1]]
        stratum = study_norms.stratum_of(record)
        protocol = f"{record.protocol.id} {record.protocol.version}"
        cases.append(
            _Case(
                names[id(record)],
                protocol,
                UNKNOWN_SCANNER if stratum is None else stratum.scanner,
                None if stratum is None else stratum.key,
                segments_by_structure(record),
                _by_kind(record.image_quality),
                case_values(record.image_quality),
                case_grades(given for one in own for given in one.ratings),
            )
        )
    return sorted(cases, key=lambda case: case.name), tuple(sorted(superseded))


def _by_kind(measurements: Sequence[QualityMeasurement]) -> dict[NumberKind, list[QualityMeasurement]]:
    found: dict[NumberKind, list[QualityMeasurement]] = defaultdict(list)
    for m in measurements:
        found[kind_of(m)].append(m)
    return dict(found)


def _numbers(cases: Sequence[_Case], protocol: QCProtocol | None, progress: Progress) -> Iterator[StudyNumber]:
    by_kind: dict[tuple[str, NumberKind], list[_Case]] = defaultdict(list)
    for case in cases:
        for kind in case.measurements:
            by_kind[case.protocol, kind].append(case)
    structures = [] if protocol is None else [structure.name for structure in protocol.structures]

    def order(entry: tuple[str, NumberKind]) -> tuple:
        name, kind = entry
        place = structures.index(kind.structure) if kind.structure in structures else len(structures)
        return name, place, kind.structure, quality_order(kind.measure), kind.method, kind.region, kind.background

    for entry in counted(progress, "Comparing cases", sorted(by_kind, key=order)):
        (name, kind), own = entry, by_kind[entry]
        measured = [m for case in own for m in case.measurements[kind]]
        by_stratum: dict[StratumKey | None, list[_Case]] = defaultdict(list)
        for case in own:
            by_stratum[case.stratum].append(case)
        limits = () if protocol is None or name != f"{protocol.id} {protocol.version}" else _limits(own, kind, protocol)
        yield StudyNumber(
            name,
            kind.structure,
            kind.measure,
            kind.method,
            kind.region,
            kind.background or None,
            kind.unit,
            tuple(dict.fromkeys(m.definition for m in measured)),
            limits,
            tuple(sorted((_stratum(kind, same) for same in by_stratum.values()), key=lambda found: found.scanner)),
        )


def _limits(cases: Sequence[_Case], kind: NumberKind, protocol: QCProtocol) -> tuple[Range, ...]:
    measured = ((case, m) for case in cases for m in case.measurements[kind])
    return tuple(dict.fromkeys(limit.limit for case, m in measured for limit in limits_of(m, protocol, case.segments)))


def _stratum(kind: NumberKind, cases: Sequence[_Case]) -> StratumNumbers:
    values = {case.name: case.values[kind] for case in cases if kind in case.values}
    numbers = np.array(list(values.values()))
    known = cases[0].stratum is not None
    enough = known and len(values) >= FEWEST_CASES
    why = None
    if not known:
        why = NO_SCANNER
    elif not enough:
        why = too_few(max(0, len(values) - 1))
    scores = dict(zip(values, z_scores(list(values.values())), strict=True)) if enough else {}
    found = [
        CaseNumber(case.name, values[case.name], sum(m.value is not None for m in case.measurements[kind]), scores.get(case.name))
        for case in cases
        if case.name in values
    ]
    if enough and found and all(entry.z is None for entry in found):
        why = "The cases do not differ enough: their median absolute deviation is 0."
    refused = Counter(m.reason for case in cases for m in case.measurements[kind] if m.reason and m.value is None)
    return StratumNumbers(
        cases[0].scanner,
        float(np.median(numbers)) if len(numbers) else None,
        float(stats.median_abs_deviation(numbers)) if len(numbers) else None,
        tuple(found),
        dict(refused),
        why,
    )


def _ratings(cases: Sequence[_Case], progress: Progress) -> Iterator[RatingBesideNumber]:
    pairs: dict[tuple[str, NumberKind, Scale], None] = {}
    for case in cases:
        pairs.update(dict.fromkeys((case.protocol, kind, scale) for kind in case.values for scale in case.grades))
    ordered = sorted(
        pairs, key=lambda pair: (pair[0], pair[2].title, pair[1].structure, quality_order(pair[1].measure), pair[1].method)
    )
    for name, kind, scale in counted(progress, "Comparing ratings", ordered):
        both = [case for case in cases if case.protocol == name and kind in case.values and scale in case.grades]
        graded = [case for case in both if case.grades[scale].grade is not None]
        found = correlation(
            {case.name: case.values[kind] for case in graded}, {case.name: case.grades[scale].grade for case in graded}
        )
        yield RatingBesideNumber(
            name,
            scale.rating,
            scale.title,
            scale.words,
            scale.best == "lowest",
            kind.structure,
            kind.measure,
            kind.method,
            kind.region,
            kind.background or None,
            kind.unit,
            tuple(RatedCase(c.name, c.values[kind], c.grades[scale].grade, c.grades[scale].readers) for c in graded),
            sum(case.grades[scale].not_assessable for case in both),
            len({case.stratum for case in graded}),
            found.rho,
            found.lower,
            found.upper,
            found.reason,
        )


@dataclass(frozen=True)
class FarNumber:
    """A number of a case that stands far from the other cases."""

    number: StudyNumber
    stratum: StratumNumbers
    case: CaseNumber


def furthest(study: QualityStudy) -> dict[str, list[FarNumber]]:
    """Return each case's numbers that have a z-score, the largest z up or down first, and cases in that order, too."""
    found: dict[str, list[FarNumber]] = defaultdict(list)
    for number in study.numbers:
        for stratum in number.strata:
            for case in stratum.cases:
                if case.z is not None:
                    found[case.case].append(FarNumber(number, stratum, case))
    for numbers in found.values():
        numbers.sort(key=lambda far: -abs(far.case.z))
    return dict(sorted(found.items(), key=lambda entry: -abs(entry[1][0].case.z)))
