"""What a record says of each segment, brought together segment by segment."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from SegQCLib.case import Segment, Segmentation
from SegQCLib.findings import Finding
from SegQCLib.record import Measurement, QCRecord, SegmentExpectedAgreement, SegmentVerdict


@dataclass(frozen=True)
class SegmentStatements:
    """All that a record says of one segment.

    Attributes
    ----------
    name : str
    segment : Segment or None
        None: only a reference has it.
    is_absent : bool
        It was assessed and has no voxels in the candidate.
    measurements, findings, expected, verdicts : tuple
        In the record's order.
    """

    name: str
    segment: Segment | None
    is_absent: bool
    measurements: tuple[Measurement, ...]
    findings: tuple[Finding, ...]
    expected: tuple[SegmentExpectedAgreement, ...]
    verdicts: tuple[SegmentVerdict, ...]


def statements_by_segment(record: QCRecord, candidate: Segmentation) -> tuple[tuple[SegmentStatements, ...], tuple[Finding, ...]]:
    """Return what a record says of each segment, and the findings that are of no segment or of one of several with a name.

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
    names_met = Counter(name for name, _ in measured)
    all_statements = []
    for (name, place), measurements in measured.items():
        segments = of_name.get(name, [])
        segment = segments[place] if place < len(segments) else None
        structures = {m.structure for m in measurements}
        all_statements.append(
            SegmentStatements(
                name,
                segment,
                segment is not None and _is_absent(measurements, candidate, segment),
                tuple(measurements),
                tuple(f for f in record.findings if f.segment == name) if names_met[name] == 1 else (),
                tuple(expected[name, place]),
                tuple(v for v in record.verdicts if v.segment == name and v.structure in structures),
            )
        )
    rest = tuple(f for f in record.findings if f.segment is None or names_met[f.segment] != 1)
    return tuple(sorted(all_statements, key=_order(candidate.segments))), rest


def _is_absent(measurements: Iterable[Measurement], candidate: Segmentation, segment: Segment) -> bool:
    counts = [m.value for m in measurements if m.metric == "voxel_count"]
    return counts[0] == 0 if counts else candidate.box(segment) is None


def _order(segments: tuple[Segment, ...]):
    places = {segment.id: place for place, segment in enumerate(segments)}
    return lambda statements: len(places) if statements.segment is None else places[statements.segment.id]
