"""Who or what drew each segment, from all that says so: the file's tags, a session log, the draft's voxels, a person's word.

Nothing is guessed and nothing outvotes anything: what does not agree is a fault that a person settles.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from SegQCLib.algorithm_type import AlgorithmType
from SegQCLib.case import Code, Segment, Segmentation
from SegQCLib.export_remedies import COMMAND_LINE, Remedies
from SegQCLib.findings import Finding, Status
from SegQCLib.importers.draft_algorithm import DraftAlgorithm
from SegQCLib.pairing import pair_segments
from SegQCLib.readers.log_events import EventKind
from SegQCLib.readers.provenance import provenance_of
from SegQCLib.readers.session_log import StoredLog
from SegQCLib.words import few

CHECK_ID = "drawn_by"
# DICOM CID 7162, Surface Processing Algorithm Family: what an AI model belongs to.
ARTIFICIAL_INTELLIGENCE = Code("123110", "DCM", "Artificial Intelligence")

_AUTOMATIC, _SEMIAUTOMATIC, _MANUAL = AlgorithmType.AUTOMATIC, AlgorithmType.SEMIAUTOMATIC, AlgorithmType.MANUAL


@dataclass(frozen=True)
class Claim:
    """What one source says about one segment.

    Attributes
    ----------
    source : str
        How the source is called in sentences.
    types : tuple of AlgorithmType
        The type it says, then further ones that it does not contradict. (): it says nothing of the type.
    reason : str
        What it saw, as the end of the sentence "<source> says MANUAL".
    name, version, parameters, family
        Of the algorithm, as far as it says.
    """

    source: str
    types: tuple[AlgorithmType, ...]
    reason: str = ""
    name: str | None = None
    version: str | None = None
    parameters: str | None = None
    family: Code | None = None


Claims = Mapping[str, Claim]


def claims_of_tags(candidate: Segmentation) -> dict[str, Claim]:
    """Return what the candidate's own file says, by segment id; a type that DICOM does not know says nothing."""
    return {
        segment.id: Claim(
            "the candidate's file",
            (AlgorithmType(segment.algorithm_type),),
            "",
            segment.algorithm_name,
            segment.algorithm_version,
            segment.algorithm_parameters,
            segment.algorithm_family,
        )
        for segment in candidate.segments
        if segment.algorithm_type in tuple(AlgorithmType)
    }


def hearsay_faults(candidate: Segmentation, path: Path, remedies: Remedies) -> tuple[Finding, ...]:
    """Say that what other programs' DICOM SEG tell of the origin is often wrong; nothing of files that SegQC wrote.

    Parameters
    ----------
    candidate : Segmentation
    path : Path
        The file that it was read from.
    remedies : Remedies
    """
    from SegQCLib.dicom.write_seg import DEVICE
    from SegQCLib.file_header import FileKind, read_file_header

    types = sorted({segment.algorithm_type for segment in candidate.segments if segment.algorithm_type})
    if not types or read_file_header(path).kind is not FileKind.DICOM:
        return ()
    import pydicom

    made_by = pydicom.dcmread(path, specific_tags=["Manufacturer"], stop_before_pixels=True, force=True).get("Manufacturer")
    if made_by == DEVICE:
        return ()
    message = (
        f"That segments are {', '.join(types)} is the word of {made_by or 'the program that wrote the file'} alone. 3D Slicer's"
        " export says MANUAL for AI results too, and some annotation servers say AUTOMATIC for a person's work."
    )
    return (Finding(CHECK_ID, Status.WARN, f"{message} {remedies.hearsay}"),)


def claims_of_log(log: StoredLog, candidate: Segmentation) -> dict[str, Claim]:
    """Return what a reader's session log says of the candidate's segments, by segment id.

    Segments are found by their id, else by their name: other programs give new ids. What the log could not know
    (a segment that had voxels before the log began, or was never touched and began empty) is not claimed.
    """
    provenances = provenance_of(log.events)
    names: dict[str, str] = {}
    for event in log.events:
        if event.kind == EventKind.CANDIDATE:
            names.clear()
        for segment in event.facts.get("segments") or ():
            names[segment["id"]] = segment["name"]
    by_name = {name: segment_id for segment_id, name in names.items()}
    claims = {}
    for segment in candidate.segments:
        logged = segment.id if segment.id in provenances else by_name.get(segment.name)
        provenance = provenances.get(logged)
        if provenance is None or provenance.algorithm_type is None:
            continue
        kind = provenance.algorithm_type
        reason = "from a draft, edited" if kind is _SEMIAUTOMATIC and provenance.draft else ""
        # A name that a tag made longer by the version stays one name.
        claims[segment.id] = Claim("the session log", (kind,), reason, None if kind is _MANUAL else provenance.algorithm_name)
    return claims


def claims_of_draft(
    draft: Segmentation,
    candidate: Segmentation,
    algorithm: DraftAlgorithm,
    family: Code | None,
    remedies: Remedies = COMMAND_LINE,
) -> tuple[dict[str, Claim], tuple[Finding, ...]]:
    """Return what the draft's voxels say of the candidate's segments, by segment id, and what makes them say nothing.

    A segment with the draft's voxels is AUTOMATIC; with other ones SEMIAUTOMATIC as long as it shares some, because
    voxels do not show whether the reader kept them or drew them again. A segment that shares none is MANUAL as far as
    voxels show; that an effect chose them (SEMIAUTOMATIC) does not contradict them.

    Parameters
    ----------
    draft, candidate : Segmentation
        On the image's grid, neither resampled.
    algorithm : DraftAlgorithm
        Used where the draft's segments do not say their own.
    family : Code or None
        Algorithm family, where the draft's segments do not say their own.
    remedies : Remedies
    """
    pairs = pair_segments(draft, candidate)
    claims, faults = {}, []
    left = [pair.reference for pair in pairs if pair.candidate is None]
    for pair in pairs:
        segment, drafted = pair.candidate, pair.reference
        if segment is None:
            continue
        renamed = None if drafted is not None else _most_shared(draft, left, candidate, segment)
        if renamed is not None:
            faults.append(
                _fault(
                    f"{segment.name} is not in the draft by name or code, but more than half of its voxels are those of the draft's"
                    f" {renamed.name}. Is it the same structure? {remedies.same_name}",
                    segment.name,
                )
            )
            continue
        own = algorithm if drafted is None else _algorithm(drafted, algorithm)
        types, reason = _compare(draft, drafted, candidate, segment)
        made = {} if types[0] is _MANUAL else {
            "name": own.name, "version": own.version, "parameters": own.parameters,
            "family": (drafted.algorithm_family if drafted else None) or family,
        }  # fmt: skip
        claims[segment.id] = Claim("the comparison with the draft", types, reason, **made)
    if candidate.segments and all(pair.reference is None or pair.candidate is None for pair in pairs):
        message = (
            "No segment of the draft has the name or code of a segment of the candidate, so the draft says nothing. Is it the draft"
            f" of this case? {remedies.same_name}"
        )
        return {}, (_fault(message),)
    return claims, tuple(faults)


def stated_claims(
    candidate: Segmentation, kinds: Mapping[str | None, AlgorithmType], algorithm: DraftAlgorithm, family: Code | None
) -> tuple[dict[str, Claim], tuple[Finding, ...]]:
    """Return what the person who exports says, by segment id, and what cannot be meant.

    Parameters
    ----------
    candidate : Segmentation
    kinds : mapping from segment name to AlgorithmType
        None as a name: every segment that is not named.
    algorithm : DraftAlgorithm
        The model of segments that are not drawn by hand.
    family : Code or None
    """
    known = {segment.name for segment in candidate.segments}
    faults = tuple(
        _fault(f"--drawn-by names the segment {name!r}, which the candidate does not have; it has {', '.join(sorted(known)[:10])}.")
        for name in kinds
        if name is not None and name not in known
    )
    claims = {}
    for segment in candidate.segments:
        kind = kinds.get(segment.name, kinds.get(None))
        types = () if kind is None else (kind,)
        if types or algorithm.name is not None:
            claims[segment.id] = Claim(
                "the command line", types, "", algorithm.name, algorithm.version, algorithm.parameters, family
            )
    return claims, faults


def with_claims(
    candidate: Segmentation, sources: Iterable[Claims], remedies: Remedies = COMMAND_LINE
) -> tuple[Segmentation, tuple[Finding, ...], frozenset[str]]:
    """Return the candidate with the algorithm type, name, version, parameters and family that all sources agree on.

    A segment that nothing is said of has no type. Where sources contradict each other a fault says so, one for all segments
    that it is true of, and these segments have no type either: their names are the third value.
    """
    sources = list(sources)
    segments = []
    contradicted: dict[tuple[str, str], list[str]] = {}
    for segment in candidate.segments:
        claims = [claims[segment.id] for claims in sources if segment.id in claims]
        found = list(_contradictions(claims))
        for one in found:
            contradicted.setdefault(one, []).append(segment.name)
        segments.append(_without_algorithm(segment) if found else _agreed(segment, claims))
    faults = tuple(
        _fault(
            f"It is not clear {unclear} drew {few(names)}: {said}. {remedies.contradiction}", names[0] if len(names) == 1 else None
        )
        for (unclear, said), names in contradicted.items()
    )
    names_of_unclear = frozenset(name for names in contradicted.values() for name in names)
    return replace(candidate, segments=tuple(segments)), faults, names_of_unclear


def _compare(
    draft: Segmentation, drafted: Segment | None, candidate: Segmentation, segment: Segment
) -> tuple[tuple[AlgorithmType, ...], str]:
    by_hand = (_MANUAL, _SEMIAUTOMATIC)
    if drafted is None:
        return by_hand, "the draft has no such segment"
    own, before = candidate.box(segment), draft.box(drafted)
    if own is None or before is None:
        if own is before:
            return (_AUTOMATIC,), "empty in both"
        # What the reader took out is the reader's answer to the draft.
        return ((_SEMIAUTOMATIC,), "emptied") if own is None else (by_hand, "the draft's segment is empty")
    box = tuple(slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(own, before, strict=True))
    now, then = candidate.mask(segment, box), draft.mask(drafted, box)
    changed = int(np.count_nonzero(now != then))
    if changed == 0:
        return (_AUTOMATIC,), "the same voxels"
    if not (now & then).any():
        return by_hand, "it shares no voxel with the draft's segment"
    return (_SEMIAUTOMATIC,), f"{changed} voxels were changed"


def _most_shared(draft: Segmentation, left: list[Segment], candidate: Segmentation, segment: Segment) -> Segment | None:
    box = candidate.box(segment)
    if box is None:
        return None
    now = candidate.mask(segment, box)
    total = np.count_nonzero(now)
    return next((other for other in left if 2 * np.count_nonzero(now & draft.mask(other, box)) > total), None)


def _algorithm(drafted: Segment, otherwise: DraftAlgorithm) -> DraftAlgorithm:
    if drafted.algorithm_name is None:
        return otherwise
    return DraftAlgorithm(drafted.algorithm_name, drafted.algorithm_version, drafted.algorithm_parameters)


def _contradictions(claims: list[Claim]) -> Iterator[tuple[str, str]]:
    """Yield what is not clear, "who" or "what", and what is said of it."""
    typed = [claim for claim in claims if claim.types]
    for number, claim in enumerate(typed):
        for other in typed[number + 1 :]:
            if claim.types[0] not in other.types and other.types[0] not in claim.types:
                yield "who", f"{_says(claim)}, {_says(other)}"
    if typed and _agreed_type(typed) is _MANUAL:
        return
    named = [claim for claim in claims if claim.name and (not claim.types or claim.types[0] is not _MANUAL)]
    for number, claim in enumerate(named):
        for other in named[number + 1 :]:
            if not is_one_name(claim.name, other.name):
                yield "what", f"{claim.source} says {claim.name}, {other.source} says {other.name}"


def _says(claim: Claim) -> str:
    return f"{claim.source} says {claim.types[0]}" + (f" ({claim.reason})" if claim.reason else "")


def is_one_name(one: str, other: str) -> bool:
    """Return whether two names can be of one algorithm: `TotalSegmentator 2.4; Threshold` is TotalSegmentator too."""

    def parts(name: str) -> list[str]:
        return [f"{part} " for part in name.casefold().split("; ")]

    return any(a.startswith(b) or b.startswith(a) for a in parts(one) for b in parts(other))


def _agreed_type(typed: list[Claim]) -> AlgorithmType:
    # What only excludes something gives way to what says one thing.
    return min(typed, key=lambda claim: len(claim.types)).types[0]


def _agreed(segment: Segment, claims: list[Claim]) -> Segment:
    typed = [claim for claim in claims if claim.types]
    segment = _without_algorithm(segment)
    if not typed:
        return segment
    kind = _agreed_type(typed)
    if kind is _MANUAL:
        return replace(segment, algorithm_type=str(kind))

    def first(attribute: str) -> object:
        return next((getattr(claim, attribute) for claim in claims if getattr(claim, attribute)), None)

    return replace(
        segment,
        algorithm_type=str(kind),
        algorithm_name=max((claim.name for claim in claims if claim.name), key=len, default=None),
        algorithm_version=first("version"),
        algorithm_parameters=first("parameters"),
        algorithm_family=first("family"),
    )


def _without_algorithm(segment: Segment) -> Segment:
    return replace(
        segment,
        algorithm_type=None,
        algorithm_name=None,
        algorithm_version=None,
        algorithm_parameters=None,
        algorithm_family=None,
    )


def _fault(message: str, segment: str | None = None) -> Finding:
    return Finding(CHECK_ID, Status.FAIL, message, segment=segment)
