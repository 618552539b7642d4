"""The technical errors of a segmentation: all of them at a first look, those of one segment after each edit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import ModuleType

from SegQCLib.case import Case, Segment
from SegQCLib.checks import (
    area_jumps,
    empty_or_full,
    end_slices,
    field_of_view,
    flat_faces,
    holes,
    identical_segments,
    impossible_intensity,
    islands,
    laterality,
    lesion_size,
    outside_image,
    overlaps,
    skipped_slices,
    spikes,
    structures,
    volume_range,
)
from SegQCLib.findings import Finding, Status
from SegQCLib.progress import Progress, counted, unwatched
from SegQCLib.protocol import QCProtocol
from SegQCLib.segment_shape import shape_of

# They look at one segment and at what surrounds it, and share its cut-out.
SHAPE_CHECKS = (islands, holes, skipped_slices, area_jumps, end_slices, flat_faces, spikes)
# They look at one segment and the image.
SEGMENT_CHECKS = (outside_image, empty_or_full, volume_range, impossible_intensity, lesion_size)
# They look at two segments.
PAIR_CHECKS = (identical_segments, overlaps)
# They say something about all segments together: an edit of one may change it, and only a new look tells.
WHOLE_CHECKS = (structures, field_of_view, laterality)
TECHNICAL_CHECKS = (*SHAPE_CHECKS, *SEGMENT_CHECKS, *PAIR_CHECKS, *WHOLE_CHECKS)

_WHOLE = {check.ID for check in WHOLE_CHECKS}
_ERRORS = (Status.FAIL, Status.WARN)
# How the messages of PAIR_CHECKS go on after both names.
_VERBS = (" are the same voxels", " overlap: ")


@dataclass(frozen=True)
class TechnicalError:
    """A finding of a technical check, and the segments that it is about.

    Attributes
    ----------
    finding : Finding
        WARN or FAIL.
    segment_ids : tuple of str
        None for a finding about the whole segmentation, two for a pair.
    edited_since : bool
        Whether it is from the last full look and a segment was edited after it.
    """

    finding: Finding
    segment_ids: tuple[str, ...]
    edited_since: bool = False


def look(case: Case, protocol: QCProtocol, progress: Progress = unwatched) -> tuple[TechnicalError, ...]:
    """Return the technical errors of a case's candidate, the worst first.

    Parameters
    ----------
    case : Case
        On one grid (see `prepare`).
    protocol : QCProtocol
        Its skipped checks are skipped.
    progress : callable, optional
        Told before each segment.
    """
    found: list[TechnicalError] = []
    segments = case.candidate.segments
    for segment in counted(progress, "Looking for technical errors, segment", segments):
        found += _of_segment(case, segment, protocol)
    for check in _wanted(PAIR_CHECKS, protocol):
        for a, b in check.pairs(case.candidate, protocol):
            found += [TechnicalError(finding, (a.id, b.id)) for finding in check.of_pair(case.candidate, protocol, a, b)]
    if all(case.candidate.box(segment) is None for segment in segments):
        found += [
            TechnicalError(finding, ()) for check in _wanted((empty_or_full,), protocol) for finding in check.run(case, protocol)
        ]
    for check in _wanted(WHOLE_CHECKS, protocol):
        for finding in check.run(case, protocol):
            if finding.status in _ERRORS:
                found.append(TechnicalError(finding, tuple(s.id for s in segments if s.name == finding.segment)))
    return _worst_first(found)


def errors_among(findings: Iterable[Finding], names: Mapping[str, str]) -> tuple[TechnicalError, ...]:
    """Return the technical errors among the findings of a record, the worst first.

    Parameters
    ----------
    findings : iterable of Finding
        As `run_checks` gives them; other than technical errors are left out.
    names : mapping
        Name of each segment by its id: findings call segments by name.
    """
    technical, pairs = {check.ID for check in TECHNICAL_CHECKS}, {check.ID for check in PAIR_CHECKS}
    found = []
    for finding in findings:
        if finding.check not in technical or finding.status not in _ERRORS:
            continue
        both = [finding.segment]
        if finding.check in pairs:
            # One name can be the beginning of another: liver, liver lesion.
            both += [
                name
                for name in names.values()
                if finding.message.startswith(tuple(f"{finding.segment} and {name}{verb}" for verb in _VERBS))
            ]
        found.append(TechnicalError(finding, tuple(known for name in both for known, own in names.items() if own == name)))
    return _worst_first(found)


def replaced(errors: Iterable[TechnicalError], segment_id: str, of_segment: Iterable[TechnicalError]) -> tuple[TechnicalError, ...]:
    """Return the technical errors after an edit of one segment, the worst first.

    Parameters
    ----------
    errors : iterable of TechnicalError
        Of the last look. Those of other segments stay; those of checks that need the whole segmentation stay too and
        are marked as older than the edit.
    segment_id : str
    of_segment : iterable of TechnicalError
        What `errors_of` found of the segment now.
    """
    kept = []
    for error in errors:
        if error.finding.check in _WHOLE or not error.segment_ids:
            kept.append(replace(error, edited_since=True))
        elif segment_id not in error.segment_ids:
            kept.append(error)
    return _worst_first([*kept, *of_segment])


def errors_of(case: Case, segment_id: str, protocol: QCProtocol) -> Iterator[TechnicalError]:
    """Yield the errors of one segment and of its pairs with others, without those that need the whole segmentation.

    Parameters
    ----------
    case : Case
        Its candidate needs to hold the segment, its surroundings, and the segments that share voxels with it
        (`mrml.one_segment`). There are no errors if it has no such segment.
    segment_id : str
    protocol : QCProtocol
    """
    candidate = case.candidate
    segment = next((segment for segment in candidate.segments if segment.id == segment_id), None)
    if segment is None:
        return
    yield from _of_segment(case, segment, protocol)
    for check in _wanted(PAIR_CHECKS, protocol):
        for a, b in check.pairs(candidate, protocol):
            if segment_id in (a.id, b.id):
                yield from (TechnicalError(finding, (a.id, b.id)) for finding in check.of_pair(candidate, protocol, a, b))


def _of_segment(case: Case, segment: Segment, protocol: QCProtocol) -> Iterator[TechnicalError]:
    shape = shape_of(case.candidate, segment, protocol)
    if shape is None:
        return
    for check in _wanted(SHAPE_CHECKS, protocol):
        yield from (TechnicalError(finding, (segment.id,)) for finding in check.SHAPE_CHECK.of_segment(shape, protocol))
    for check in _wanted(SEGMENT_CHECKS, protocol):
        found = check.of_segment(case, protocol, segment)
        yield from (TechnicalError(finding, (segment.id,)) for finding in found if finding.status in _ERRORS)


def _wanted(checks: tuple[ModuleType, ...], protocol: QCProtocol) -> Iterator[ModuleType]:
    return (check for check in checks if check.ID not in protocol.skipped_checks)


def _worst_first(errors: list[TechnicalError]) -> tuple[TechnicalError, ...]:
    """Return errors by status, failures first, and each status by volume, the largest first."""
    return tuple(sorted(errors, key=lambda error: (_ERRORS.index(error.finding.status), -(error.finding.size_mm3 or 0.0))))
