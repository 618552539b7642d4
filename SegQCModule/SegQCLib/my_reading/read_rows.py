"""What a reader did, one row for each structure of each read, newest first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from SegQCLib.automation_bias.model_version import ModelVersion
from SegQCLib.readers.case_read import CaseRead, Purpose, SegmentRead
from SegQCLib.readers.effort_measures import changed_part_of_draft, minutes_per_ml


@dataclass(frozen=True)
class ReadRow:
    """One structure of one read. None: not measured, or not defined without a draft."""

    started: datetime = field(metadata={"doc": "When the read began."})
    case: str = field(metadata={"doc": "Name of the case; a number behind it is that of a repeated read."})
    structure: str = field(metadata={"doc": "Name of the segment."})
    draft: ModelVersion | None = field(metadata={"doc": "AI model whose draft you saw before you were done; AI-free: none."})
    active_min: float = field(metadata={"doc": "Active time while the structure was selected, min."})
    minutes_per_ml: float | None = field(metadata={"doc": "Active time per millilitre of the final segment, min/mL."})
    changed_part: float | None = field(metadata={"doc": "Voxels added and removed, as a share of the draft's voxels."})
    dice_with_draft: float | None = field(metadata={"doc": "Dice of draft and final segment, 0 to 1; 1: taken as it was."})
    slices_seen: int | None = field(metadata={"doc": "Slices of the structure that a view showed, and how many it has."})
    slices: int | None = field(metadata={"doc": "Slices from the first to the last one of draft or final segment."})
    purpose: Purpose = field(metadata={"doc": "What the case was read for: clinical or training."})
    finished: bool = field(metadata={"doc": "Whether the case was marked as done; trends count only such reads."})


def without_untouched(read: CaseRead) -> CaseRead:
    """Return a read without the structures that the protocol asks for and that nobody drew, chose or had a draft of."""
    segments = tuple(s for s in read.segments if s.ai_anchored or s.seconds.active > 0 or s.voxels)
    return replace(read, segments=segments)


def draft_of(segment: SegmentRead) -> ModelVersion | None:
    """Return the model whose draft of a segment the reader saw, or None."""
    return None if segment.model is None else ModelVersion(segment.model, segment.model_version)


def read_rows(reads: Iterable[CaseRead]) -> tuple[ReadRow, ...]:
    """Return one row for each structure of each read, the newest read first."""
    newest_first = sorted(reads, key=lambda read: (read.started, read.case), reverse=True)
    return tuple(_row(read, segment) for read in newest_first for segment in read.segments)


def _row(read: CaseRead, segment: SegmentRead) -> ReadRow:
    return ReadRow(
        started=read.started,
        case=read.case if read.repeat == 1 else f"{read.case} ({read.repeat})",
        structure=segment.name,
        draft=draft_of(segment),
        active_min=segment.seconds.active / 60,
        minutes_per_ml=minutes_per_ml(segment),
        changed_part=changed_part_of_draft(segment),
        dice_with_draft=segment.dice_with_draft,
        slices_seen=segment.slices_of_structure_seen,
        slices=segment.slices_of_structure,
        purpose=read.purpose,
        finished=read.finished,
    )
