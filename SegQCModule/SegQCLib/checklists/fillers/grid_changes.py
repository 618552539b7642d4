"""Whether images or segmentations were resampled before they were measured."""

from __future__ import annotations

from SegQCLib.checklists.filled_checklist import Reported
from SegQCLib.checklists.filling import NO_RECORDS, Filling, nothing, of_records
from SegQCLib.checklists.study_facts import StudyFacts
from SegQCLib.checks import geometry_match
from SegQCLib.findings import Status
from SegQCLib.prepare import CHECK_ID as REGULAR_GRID

ID = "grid_changes"


def run(facts: StudyFacts) -> Filling:
    """Count cases whose image was resampled by its slice positions, and those with a segmentation on another grid."""
    if not facts.records:
        return nothing(NO_RECORDS)
    total = len(facts.records)

    def cases_with(check: str) -> int:
        return sum(any(one.check == check and one.status is Status.WARN for one in record.findings) for record in facts.records)

    images, segmentations = cases_with(REGULAR_GRID), cases_with(geometry_match.ID)
    text = (
        f"For evaluation, the image was resampled to a regular grid by its true slice positions in {images} of {total} cases, and a"
        f" segmentation was brought onto the image's grid (nearest voxel) in {segmentations} of {total} cases; all others were"
        " measured on the image's own grid."
    )
    return Filling((Reported(text, of_records(facts, f"findings[check={REGULAR_GRID}]", f"findings[check={geometry_match.ID}]")),))
