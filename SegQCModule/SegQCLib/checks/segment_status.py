"""Did the reader mark every segment as completed?"""

from __future__ import annotations

from collections.abc import Iterator

from SegQCLib.case import Case
from SegQCLib.findings import Finding, Status
from SegQCLib.protocol import QCProtocol

ID = "segment_status"
WHY = (
    "A segment that its reader did not mark as completed may be unfinished. Measured now, work in progress would pass for "
    "the reader's opinion."
)
SOURCE = "3D Slicer, segment tag Segmentation.Status"
WORDS = {"notstarted": "not started", "inprogress": "in progress", "completed": "completed", "flagged": "flagged"}


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:  # noqa: ARG001
    """Report segments that Slicer's status column does not show as completed; files without a status say nothing."""
    marked = [segment for segment in case.candidate.segments if segment.status is not None]
    if not marked:
        yield Finding(ID, Status.NOT_EVALUATED, "The segmentation does not say whether its segments are completed.", source=SOURCE)
        return
    for segment in marked:
        word = WORDS.get(segment.status, segment.status)
        if segment.status != "completed":
            message = f"{segment.name} is marked as {word}."
            yield Finding(ID, Status.WARN, message, word, "completed", source=SOURCE, segment=segment.name)
    if all(segment.status == "completed" for segment in marked):
        yield Finding(
            ID, Status.PASS, f"All {len(marked)} segments are marked as completed.", "completed", "completed", source=SOURCE
        )
