"""What a record says of each segment, brought together segment by segment."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from SegQCLib.case import Segment, Segmentation
from SegQCLib.findings import Finding
from SegQCLib.measure import DRAFT_ROLE
from SegQCLib.quality.quality_measurement import QualityMeasurement
from SegQCLib.record import Measurement, QCRecord, SegmentExpectedAgreement, SegmentVerdict


@dataclass(frozen=True)
class SegmentStatements:
    """All that a record says of one segment.

    Attributes
    ----------
    name : str
    segment : Segment or None
        None: only a reference has it.
    is_empty : bool
        It has no voxels in the candidate.
    measurements : tuple of Measurement
        In one order for all segments: what most of them have comes first. 3D Slicer shows a report as a table whose headings
        are the first segment's, and puts the numbers of the others under them by their place alone.
    quality : tuple of QualityMeasurement
        In one order for all segments, too.
    findings, expected, verdicts : tuple
        In the record's order.
    """

    name: str
    segment: Segment | None
    is_empty: bool
    measurements: tuple[Measurement, ...]
    quality: tuple[QualityMeasurement, ...]
    findings: tuple[Finding, ...]
    expected: tuple[SegmentExpectedAgreement, ...]
    verdicts: tuple[SegmentVerdict, ...]


def statements_by_segment(record: QCRecord, candidate: Segmentation) -> tuple[tuple[SegmentStatements, ...], tuple[Finding, ...]]:
    """Return what a record says of each segment, and the findings that are of no segment or of one of several with a name.

    Left out: what only a draft has and the protocol does not name. Segments with voxels come first, in the candidate's order,
    then those without, then those of references only: 3D Slicer gives tracking identifiers to the segments of a DICOM SEG in
    this order, and leaves out empty ones.

    Segment labels need not be unique in DICOM. Measurements of equal names are told apart by their order, which is that
    of the candidate's segments; findings of equal names cannot be.
    """
    of_name: dict[str, list[Segment]] = defaultdict(list)
    for segment in candidate.segments:
        of_name[segment.name].append(segment)
    measured: dict[tuple[str, int], list[Measurement]] = {
        (name, place): [] for name, segments in of_name.items() for place in range(len(segments))
    }
    seen: Counter[tuple[str, ...]] = Counter()
    for m in record.measurements:
        key = (m.segment, m.metric, m.definition, m.candidate_role, m.reference_role or "")
        measured.setdefault((m.segment, seen[key]), []).append(m)
        seen[key] += 1
    expected: dict[tuple[str, int], list[SegmentExpectedAgreement]] = defaultdict(list)
    predicted: Counter[str] = Counter()
    for prediction in record.expected_agreement:
        expected[prediction.segment, predicted[prediction.segment]].append(prediction)
        measured.setdefault((prediction.segment, predicted[prediction.segment]), [])
        predicted[prediction.segment] += 1
    quality: dict[tuple[str, int], list[QualityMeasurement]] = defaultdict(list)
    met: Counter[tuple[str | None, ...]] = Counter()
    for number in record.image_quality:
        kind = (number.segment, number.measure, number.method, number.region, number.background)
        quality[number.segment, met[kind]].append(number)
        met[kind] += 1
    names_met = Counter(name for name, _ in measured)
    # A whole-body model draws a hundred structures that nobody asked for.
    measured = {key: own for key, own in measured.items() if key[0] in of_name or not _is_of_draft_alone(own)}
    defined = Counter((m.metric, m.reference_role) for own in measured.values() for m in own if m.value is not None)
    of_kind = Counter((q.measure, q.method, q.region) for q in record.image_quality if q.value is not None)
    all_statements = []
    for (name, place), measurements in measured.items():
        segments = of_name.get(name, [])
        segment = segments[place] if place < len(segments) else None
        structures = {m.structure for m in measurements}
        all_statements.append(
            SegmentStatements(
                name,
                segment,
                segment is not None and _is_empty(measurements, candidate, segment),
                tuple(sorted(measurements, key=lambda m: -defined[m.metric, m.reference_role])),
                tuple(sorted(quality[name, place], key=lambda q: -of_kind[q.measure, q.method, q.region])),
                tuple(f for f in record.findings if f.segment == name) if names_met[name] == 1 else (),
                tuple(expected[name, place]),
                tuple(v for v in record.verdicts if v.segment == name and v.structure in structures),
            )
        )
    rest = tuple(f for f in record.findings if f.segment is None or names_met[f.segment] != 1)
    return tuple(sorted(all_statements, key=_order(candidate.segments))), rest


def _is_of_draft_alone(measurements: list[Measurement]) -> bool:
    return bool(measurements) and all(m.reference_role == DRAFT_ROLE and m.structure is None for m in measurements)


def _is_empty(measurements: Iterable[Measurement], candidate: Segmentation, segment: Segment) -> bool:
    counts = [m.value for m in measurements if m.metric == "voxel_count"]
    return counts[0] == 0 if counts else candidate.box(segment) is None


def _order(segments: tuple[Segment, ...]) -> Callable[[SegmentStatements], tuple[bool, bool, int]]:
    places = {segment.id: place for place, segment in enumerate(segments)}

    def key(one: SegmentStatements) -> tuple[bool, bool, int]:
        return one.segment is None, one.is_empty, 0 if one.segment is None else places[one.segment.id]

    return key
