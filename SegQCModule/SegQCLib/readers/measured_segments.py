"""What is logged of a case's segments once they are measured: the facts of the event `segments_measured`."""

from __future__ import annotations

from typing import Any

import numpy as np

from SegQCLib.case import Case, Segment, Segmentation
from SegQCLib.findings import Status
from SegQCLib.metrics.added_path import added_path_length_mm
from SegQCLib.pairing import pair_segments
from SegQCLib.record import QCRecord


def measured_segments(case: Case, record: QCRecord | None) -> dict[str, Any]:
    """Return the facts of `segments_measured` (see `log_events`) as plain JSON values.

    Parameters
    ----------
    case : Case
        With all segmentations on the image's grid, as `prepare` gives it.
    record : QCRecord or None
        Of exactly these voxels; None: they were not evaluated, and accuracy and expected agreement are null.
    """
    geometry = case.image.geometry
    drafts = (
        {}
        if case.draft is None
        else {p.candidate.id: p.reference for p in pair_segments(case.draft, case.candidate) if p.candidate}
    )
    segments = []
    for segment in case.candidate.segments:
        draft = drafts.get(segment.id)
        sides = [(case.candidate, segment), *([] if draft is None else [(case.draft, draft)])]
        boxes = [box for segmentation, own in sides if (box := segmentation.box(own)) is not None]
        facts = {"id": segment.id, "name": segment.name} | _compared(sides, boxes, geometry.spacing_mm)
        segments.append(facts | _evaluated(segment.name, record))
    return {"voxel_volume_mm3": geometry.voxel_volume_mm3, "segments": segments}


def logged_findings(record: QCRecord) -> list[dict[str, Any]]:
    """Return what the event `evaluated` tells of a record's findings: all that are WARN or FAIL."""
    return [
        {"check": finding.check, "segment": finding.segment, "status": str(finding.status)}
        for finding in record.findings
        if finding.status in (Status.WARN, Status.FAIL)
    ]


def _compared(sides: list[tuple[Segmentation, Segment]], boxes: list, spacing_mm: tuple[float, float, float]) -> dict[str, Any]:
    if not boxes:
        length = None if len(sides) == 1 else 0.0
        return {"voxels": 0, "draft_voxels": 0, "added": 0, "removed": 0, "added_path_length_mm": length, "slices": None}
    around = tuple(slice(min(box[axis].start for box in boxes), max(box[axis].stop for box in boxes)) for axis in range(3))
    final, *drafted = (segmentation.mask(own, around) for segmentation, own in sides)
    draft = drafted[0] if drafted else np.zeros_like(final)
    voxels, draft_voxels, kept = (int(np.count_nonzero(mask)) for mask in (final, draft, final & draft))
    return {
        "voxels": voxels,
        "draft_voxels": draft_voxels,
        "added": voxels - kept,
        "removed": draft_voxels - kept,
        "added_path_length_mm": added_path_length_mm(final, draft, spacing_mm) if drafted else None,
        "slices": [around[0].start, around[0].stop - 1],
    }


def _evaluated(name: str, record: QCRecord | None) -> dict[str, Any]:
    dice = (
        {m.value for m in record.measurements if (m.segment, m.metric, m.reference_role) == (name, "dice", "reference")}
        if record
        else ()
    )
    expected = [item for item in record.expected_agreement if item.segment == name and item.unit == "lesion"] if record else []
    # Of two segments of one name nobody knows which one is meant.
    return {
        "accuracy": next(iter(dice)) if len(dice) == 1 else None,
        "expected_dice": expected[0].dice if len(expected) == 1 else None,
        "threshold": expected[0].threshold if len(expected) == 1 else None,
    }
