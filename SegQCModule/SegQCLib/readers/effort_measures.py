"""What a reader's work on a segment cost and how far it went, as ratios. None: undefined there, never NaN.

Beside these, `SegmentRead` has the added path length, mm, and `CaseRead` the slices that were seen and whether a draft was
accepted without scrolling. None of them says how good a segment is.
"""

from __future__ import annotations

from SegQCLib.readers.case_read import SegmentRead


def minutes_per_ml(read: SegmentRead) -> float | None:
    """Return active minutes per millilitre of the final segment, min/mL, 0 or more.

    None where the volume was not measured or is 0. Small structures cost more per mL by their nature: compare a
    structure with itself only.
    """
    return _ratio(read.seconds.active / 60, read.volume_ml)


def changed_voxels(read: SegmentRead) -> int | None:
    """Return the voxels that were added to the draft and removed from it; without a draft all that were drawn.

    None where they were not counted. What was added and removed again does not count.
    """
    if read.added_voxels is None or read.removed_voxels is None:
        return None
    return read.added_voxels + read.removed_voxels


def changed_ml(read: SegmentRead) -> float | None:
    """Return `changed_voxels` as a volume, mL; None where they or the voxel's volume are not known."""
    changed = changed_voxels(read)
    if changed is None or read.voxel_volume_mm3 is None:
        return None
    return changed * read.voxel_volume_mm3 / 1000


def seconds_per_changed_voxel(read: SegmentRead) -> float | None:
    """Return active seconds per voxel that was changed, s, 0 or more.

    None where voxels were not counted or none was changed. Voxels differ in size between images:
    `seconds_per_changed_ml` compares them.
    """
    return _ratio(read.seconds.active, changed_voxels(read))


def seconds_per_changed_ml(read: SegmentRead) -> float | None:
    """Return active seconds per millilitre that was changed, s/mL, 0 or more.

    None where nothing was changed, or it or the voxel's volume is not known.
    """
    return _ratio(read.seconds.active, changed_ml(read))


def changed_part_of_draft(read: SegmentRead) -> float | None:
    """Return (added + removed) / draft voxels: 0 for a draft taken as it is, 1 or more for one that was drawn anew.

    None without a draft that the reader saw, with an empty one, or where voxels were not counted.
    """
    return _ratio(changed_voxels(read), read.draft_voxels) if read.ai_anchored else None


def seen_part_of_structure(read: SegmentRead) -> float | None:
    """Return the part of the structure's slices that were shown to the reader, 0 to 1.

    The structure's slices (k) are all from the first to the last that hold the draft or the final segment. None where views
    were not followed, or the structure is empty.
    """
    return _ratio(read.slices_of_structure_seen, read.slices_of_structure)


def _ratio(value: float | None, of: float | None) -> float | None:
    return None if value is None or not of else value / of
