"""Who or what drew a segment, as DICOM asks: AUTOMATIC, SEMIAUTOMATIC or MANUAL, from what was done to it.

Segment Algorithm Type (0062,0008), DICOM PS3.3 C.8.20.4: AUTOMATIC is calculated by a computer alone, SEMIAUTOMATIC
by a computer with a person's help, MANUAL is drawn by a person.

- A segment of a draft that nobody touched is AUTOMATIC. Its first edit makes it SEMIAUTOMATIC; the draft's model stays named.
- A segment drawn without a draft is MANUAL, and SEMIAUTOMATIC once an effect chose voxels by the image (Threshold,
  Grow from seeds, Fill between slices, and every effect that is not known to follow the hand alone).
- A draft is gone only if the reader was seen with none of its voxels left in the segment: then what is drawn later is
  the reader's, also where the draft had been. A segment that was redrawn over the draft without ever being empty of it
  stays SEMIAUTOMATIC: voxels alone do not show who chose them. Undo that brings voxels of the draft back brings the
  draft back.
- Undo back to exactly the draft's voxels is AUTOMATIC again.
- A segment that had voxels when it was first met, but no tags and no draft, is of unknown origin until it is emptied:
  it gets no type, because every type could be wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from SegQCLib.algorithm_type import AlgorithmType
from SegQCLib.readers.log_events import EventKind
from SegQCLib.readers.session_log import LogEvent
from SegQCLib.readers.voxel_change import VoxelChange

# Slicer's own names of the effects that follow the hand, or the shape that the hand drew, and not the image.
HAND_EFFECTS = frozenset(
    {"Paint", "Draw", "Erase", "Scissors", "Margin", "Hollow", "Smoothing", "Islands", "Logical operators", "Engrave", "Draw tube"}
)  # fmt: skip
# An edit with no effect chosen comes from a script or a repair.
SCRIPT = "Script"
# DICOM value representation LO.
_LONGEST_NAME = 64
_SEPARATOR = "; "


@dataclass(frozen=True)
class Provenance:
    """What a segment's voxels come from.

    Attributes
    ----------
    draft : str or None
        Model and version of the draft that the segment began as. None: it began empty, or nobody knows.
    draft_is_gone : bool
        None of the draft's voxels was left at some time.
    edited : bool
        The segment was edited, and the edits were not all undone.
    effects : tuple of str
        Effects that chose voxels by the image, or without an effect, in the order of their first use.
    origin_is_unknown : bool
        The segment had voxels before anything was known of it.
    """

    draft: str | None = None
    draft_is_gone: bool = False
    edited: bool = False
    effects: tuple[str, ...] = ()
    origin_is_unknown: bool = False

    @property
    def algorithm_type(self) -> AlgorithmType | None:
        """The DICOM type; None for a segment that is empty and was never touched, and for one of unknown origin."""
        if self.origin_is_unknown:
            return None
        from_draft = self.draft is not None and not self.draft_is_gone
        if not self.edited:
            return AlgorithmType.AUTOMATIC if from_draft else None
        return AlgorithmType.SEMIAUTOMATIC if from_draft or self.effects else AlgorithmType.MANUAL

    @property
    def algorithm_name(self) -> str | None:
        """DICOM Segment Algorithm Name (0062,0009), at most 64 characters: the draft's model, then effects; None for MANUAL."""
        if self.origin_is_unknown:
            return None
        names = [] if self.draft is None or self.draft_is_gone else [self.draft]
        return _SEPARATOR.join([*names, *(self.effects if self.edited else ())])[:_LONGEST_NAME] or None


def provenance_from_tags(algorithm_type: str | None, algorithm_name: str | None) -> Provenance:
    """Return the provenance that a segment's DICOM type and name tell; it is edited if they are of no draft.

    Raises
    ------
    ValueError
        If the type is none of DICOM's three.
    """
    if algorithm_type is None:
        return Provenance()
    kind = AlgorithmType(algorithm_type)
    if kind is AlgorithmType.MANUAL:
        return Provenance(edited=True)
    return Provenance(draft=algorithm_name or "unnamed model", edited=kind is AlgorithmType.SEMIAUTOMATIC)


def provenance_from_draft(draft: str, change: VoxelChange) -> Provenance:
    """Return the provenance of a segment without tags that shares voxels with a draft of that name."""
    return Provenance(draft=draft, edited=change.added + change.removed > 0)


class ProvenanceWatch:
    """Follow the provenance of a segmentation's segments from edit to edit.

    The Editing panel tells it what it sees, `provenance_of` what a log says: both come to the same.
    """

    def __init__(self) -> None:
        self._provenances: dict[str, Provenance] = {}
        self._counts: dict[str, VoxelChange] = {}
        self._undone: set[str] = set()
        # Effect of the last edit that can have changed a segment without naming it, until the segment is counted.
        self._perhaps_edited: dict[str, str | None] = {}

    def of(self, segment_id: str) -> Provenance:
        """Return a segment's provenance; one that was never met began empty."""
        return self._provenances.get(segment_id, Provenance())

    def change(self, segment_id: str) -> VoxelChange | None:
        """Return a segment's voxels against the draft as last counted."""
        return self._counts.get(segment_id)

    def begin(self, segment_id: str, provenance: Provenance) -> None:
        """Note how a segment stood when it was first met."""
        self._provenances.setdefault(segment_id, provenance)

    def edited(self, segment_ids: Iterable[str] | None, effect: str | None) -> None:
        """Note an edit of segments; None: it can be of any, and what is counted next tells which.

        A stroke also takes voxels from segments that nobody names: neighbours in the same layer are overwritten silently.
        """
        self._perhaps_edited.update(dict.fromkeys(self._provenances, effect))
        for segment_id in segment_ids or ():
            self._provenances[segment_id] = _after_edit(self.of(segment_id), effect)
            self._undone.discard(segment_id)
            self._perhaps_edited.pop(segment_id, None)

    def undone(self) -> None:
        """Note undo or redo; what is counted next tells of which segment."""
        self._undone.update(self._provenances)

    def counted(self, segment_id: str, change: VoxelChange) -> None:
        """Note a segment's voxels against the draft."""
        before, previous = self.of(segment_id), self._counts.get(segment_id)
        self._counts[segment_id] = change
        undone = segment_id in self._undone
        self._undone.discard(segment_id)
        perhaps_edited = segment_id in self._perhaps_edited
        effect = self._perhaps_edited.pop(segment_id, None)
        if previous is None and before == Provenance() and change.voxels:
            before = Provenance(origin_is_unknown=True)
        elif previous is None or change != previous:
            if undone:
                before = _after_undo(before, change)
            elif perhaps_edited:
                before = _after_edit(before, effect)
        self._provenances[segment_id] = _after_count(before, change)


def provenance_of(events: Iterable[LogEvent]) -> dict[str, Provenance]:
    """Return the provenance of each segment of the last candidate, by id, at the end of a log's events."""
    watch = ProvenanceWatch()
    for event in events:
        segments: list[Mapping[str, Any]] | None = event.facts.get("segments")
        if event.kind == EventKind.CANDIDATE:
            watch = ProvenanceWatch()
        elif event.kind == EventKind.SEGMENTS:
            for segment in segments:
                watch.begin(segment["id"], provenance_from_tags(segment["algorithm_type"], segment["algorithm_name"]))
        elif event.kind == EventKind.EDIT:
            watch.edited(None if segments is None else [segment["id"] for segment in segments], event.facts["effect"])
        elif event.kind == EventKind.UNDO_OR_STRUCTURE:
            watch.undone()
        elif event.kind == EventKind.VOXELS:
            for segment in segments:
                numbers = (segment[name] for name in ("voxels", "draft_voxels", "added", "removed"))
                watch.counted(segment["id"], VoxelChange(*numbers))
    return dict(watch._provenances)


def _after_edit(before: Provenance, effect: str | None) -> Provenance:
    effect = effect or SCRIPT
    # What was undone completely can be redone only until the next edit.
    effects = before.effects if before.edited else ()
    if effect not in HAND_EFFECTS and effect not in effects:
        effects = (*effects, effect)
    if before.edited and effects == before.effects:
        return before
    return replace(before, edited=True, effects=effects)


def _after_undo(before: Provenance, change: VoxelChange) -> Provenance:
    if before.draft is None:
        return replace(before, edited=change.voxels > 0 or before.origin_is_unknown)
    if change.added == change.removed == 0:
        return replace(before, draft_is_gone=False, edited=False)
    return replace(before, draft_is_gone=before.draft_is_gone and change.kept == 0, edited=True)


def _after_count(before: Provenance, change: VoxelChange) -> Provenance:
    if not before.edited:
        return before
    draft_is_gone = before.draft_is_gone or (change.draft_voxels > 0 and change.kept == 0)
    # What an effect chose is gone as well once the segment is empty.
    if change.voxels == 0:
        return replace(before, draft_is_gone=draft_is_gone, effects=(), origin_is_unknown=False)
    return replace(before, draft_is_gone=draft_is_gone)
