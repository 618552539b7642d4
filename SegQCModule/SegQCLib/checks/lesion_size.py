"""Is each lesion large enough for what is measured on it?"""

from __future__ import annotations

from collections.abc import Iterator

from SegQCLib.case import Case, Segment
from SegQCLib.findings import Finding, Status
from SegQCLib.protocol import QCProtocol, Range

ID = "lesion_size"
WHY = (
    "In a lesion of few voxels or slices nearly all voxels lie on the border, so partial volume decides the measures. The "
    "ESR/EORTC consensus asks to report the number of voxels (deSouza et al. 2022)."
)


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:
    """Compare voxel and slice counts of the candidate's lesions with the protocol.

    The ESR/EORTC consensus asks to report the number of voxels in a lesion (deSouza et al., Insights
    into Imaging 2022, 10.1186/s13244-022-01287-4).
    """
    for segment in case.candidate.segments:
        yield from of_segment(case, protocol, segment)


def of_segment(case: Case, protocol: QCProtocol, segment: Segment) -> Iterator[Finding]:
    """Yield what the counts of one segment say, if it is a lesion with voxels."""
    structure = protocol.structure_of(segment)
    box = case.candidate.box(segment)
    if structure is None or not structure.is_lesion or box is None:
        return
    mask = case.candidate.mask(segment, box)
    slices = int(mask.any(axis=(1, 2)).sum())
    counts = ((protocol.lesion_voxels, int(mask.sum()), "voxels"), (protocol.lesion_slices, slices, "slices"))
    yield from (_finding(segment, limit, count, word) for limit, count, word in counts if limit is not None)


def _finding(segment: Segment, limit: Range, count: int, word: str) -> Finding:
    inside = count in limit
    message = f"{segment.name} has {count:,} {word}" + ("." if inside else f"; the protocol asks for {limit} {word}.")
    status = Status.PASS if inside else Status.FAIL
    return Finding(ID, status, message, f"{count:,} {word}", f"{limit} {word}", "1", limit.source, segment.name)
