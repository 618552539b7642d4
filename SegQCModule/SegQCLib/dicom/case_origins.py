"""Who or what drew the segments of a case: by the tags that the Editing step keeps, checked against the draft's voxels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from SegQCLib.algorithm_type import AlgorithmType
from SegQCLib.alignment import was_resampled
from SegQCLib.case import Case, Segmentation
from SegQCLib.drawn_by import (
    ARTIFICIAL_INTELLIGENCE,
    CHECK_ID,
    Claim,
    claims_of_draft,
    claims_of_tags,
    hearsay_faults,
    is_one_name,
    with_claims,
)
from SegQCLib.export_remedies import Remedies
from SegQCLib.findings import Finding, Status
from SegQCLib.importers.draft_algorithm import DraftAlgorithm
from SegQCLib.voxel_hash import voxels_sha256

_AUTOMATIC, _SEMIAUTOMATIC, _MANUAL = AlgorithmType.AUTOMATIC, AlgorithmType.SEMIAUTOMATIC, AlgorithmType.MANUAL


@dataclass(frozen=True, eq=False)
class CaseOrigins:
    """The candidate with algorithm types and names, and what speaks against them.

    By their names: the segments that nothing says anything of (`unknown`), and those whose sources contradict each other
    (`unclear`).
    """

    candidate: Segmentation
    faults: tuple[Finding, ...]
    unknown: tuple[str, ...]
    unclear: frozenset[str]


def case_origins(
    case: Case, draft_sha256: str | None, candidate_file: Path | None, *, unknown_by_hand: bool, remedies: Remedies
) -> CaseOrigins:
    """Return the candidate with what its tags and the draft's voxels say of who drew each segment.

    Tags that the Editing step keeps know more than voxels do: that a segment was emptied of the draft and drawn anew. What
    they cannot know is an edit that nobody watched; that shows in the voxels. AUTOMATIC beside other voxels than the draft's
    is SEMIAUTOMATIC; a type that voxels rule out (MANUAL with exactly the draft's voxels) is a contradiction.

    Parameters
    ----------
    case : Case
    draft_sha256 : str or None
        `voxels_sha256` of the draft as it was imported; None where it was not imported as an AI draft.
    candidate_file : Path or None
        The DICOM SEG that the candidate was loaded from.
    unknown_by_hand : bool
        The reader says that they drew by hand what nothing says anything of.
    remedies : Remedies
    """
    candidate, draft = case.candidate, case.draft
    tags = {segment_id: replace(claim, source="its tag in the scene") for segment_id, claim in claims_of_tags(candidate).items()}
    compared: dict[str, Claim] = {}
    faults: list[Finding] = []
    if draft is not None and not was_resampled(draft) and not was_resampled(candidate):
        if draft_sha256 is not None and voxels_sha256(draft) != draft_sha256:
            faults.append(
                _misleads(
                    f"The draft {draft.name} was edited after its import and is no longer what the algorithm drew: it says"
                    " nothing of the candidate, and who drew a segment follows from the segment's tags alone. Undo that, or import"
                    " it again."
                )
            )
        else:
            family = None if draft_sha256 is None else ARTIFICIAL_INTELLIGENCE
            compared, found = claims_of_draft(draft, candidate, DraftAlgorithm(), family, remedies)
            settled = {segment.name for segment in candidate.segments if _is_settled(tags.get(segment.id))}
            everything_is = len(settled) == len({segment.name for segment in candidate.segments})
            faults += [one for one in found if one.segment not in settled and not (one.segment is None and everything_is)]
    for segment in candidate.segments:
        tag, comparison = tags.get(segment.id), compared.get(segment.id)
        if tag is not None and comparison is not None:
            tags[segment.id], compared[segment.id], told = _reconciled(segment.name, tag, comparison)
            faults += told
    claimed = {segment_id for claims in (tags, compared) for segment_id, claim in claims.items() if claim.types}
    unknown = [segment for segment in candidate.segments if segment.id not in claimed]
    stated = {segment.id: Claim("the reader", (_MANUAL,)) for segment in unknown} if unknown_by_hand else {}
    if candidate_file is not None and not compared:
        faults += hearsay_faults(candidate, candidate_file, remedies)
    candidate, contradictions, unclear = with_claims(candidate, (tags, compared, stated), remedies)
    unclear |= {fault.segment for fault in faults if fault.segment is not None and fault.status is Status.FAIL}
    return CaseOrigins(candidate, (*faults, *contradictions), tuple(segment.name for segment in unknown), unclear)


def _is_settled(tag: Claim | None) -> bool:
    return tag is not None and tag.types[0] is _SEMIAUTOMATIC


def _reconciled(name: str, tag: Claim, comparison: Claim) -> tuple[Claim, Claim, Iterator[Finding]]:
    kind, shown = tag.types[0], comparison.types[0]
    untyped = replace(comparison, types=())
    nothing = Claim(comparison.source, ())
    if kind is _AUTOMATIC and shown is _SEMIAUTOMATIC:
        message = (
            f"{name} is tagged AUTOMATIC, and it is not what the draft was any more ({comparison.reason}): it was edited while"
            " SegQC did not watch. It is written as SEMIAUTOMATIC."
        )
        return replace(tag, types=()), comparison, iter((_misleads(message, name),))
    if kind is _SEMIAUTOMATIC:
        one_name = comparison.name is None or tag.name is None or is_one_name(tag.name, comparison.name)
        return tag, untyped if one_name else nothing, iter(())
    if kind is _MANUAL and shown is _SEMIAUTOMATIC:
        message = (
            f"{name} is tagged MANUAL, and some of its voxels are those of the draft. That is right if it was emptied and drawn"
            " anew; if it was corrected from the draft, start the candidate from the draft again, so that the model is named."
        )
        return tag, nothing, iter((_misleads(message, name),))
    return tag, comparison, iter(())


def _misleads(message: str, segment: str | None = None) -> Finding:
    return Finding(CHECK_ID, Status.WARN, message, segment=segment)
