"""Is the whole segmentation empty, or does a segment fill the whole image?"""

from __future__ import annotations

import math
from collections.abc import Iterator

from SegQCLib.case import Case, Segment, Segmentation
from SegQCLib.findings import Finding, Status
from SegQCLib.place import place_of
from SegQCLib.protocol import QCProtocol, Range

ID = "empty_or_full"
WHY = (
    "A segmentation without voxels, or a segment that fills the image, mostly comes from a failed export or an inverted "
    "mask. Every measure of it would be meaningless."
)
EMPTY_SOURCE = "SegQC: a segmentation without voxels shows nothing that could be checked"
DEFAULT = Range(
    "%",
    "SegQC default: even a body or a brain leaves the corners of a tightly cropped image free; a segment that does not is an"
    " inverted or a filled background",
    maximum=95,
)


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:
    """Look for a candidate without any voxel, and for segments of nearly all voxels of the image.

    A single empty segment is no error: it says "assessed, absent". So do empty lesion segments alone, which is a warning.
    """
    candidate = case.candidate
    if all(candidate.box(segment) is None for segment in candidate.segments):
        yield _empty(candidate, protocol)
        return
    found = False
    for segment in candidate.segments:
        for finding in of_segment(case, protocol, segment):
            found = True
            yield finding
    if not found:
        yield Finding(ID, Status.PASS, "The segmentation is not empty, and no segment fills the image.", source=DEFAULT.source)


def of_segment(case: Case, protocol: QCProtocol, segment: Segment) -> Iterator[Finding]:  # noqa: ARG001
    """Yield the finding about one segment, if it fills the image."""
    candidate = case.candidate
    box, voxels = candidate.box(segment), math.prod(candidate.geometry.size)
    if box is None or 100 * math.prod(part.stop - part.start for part in box) / voxels in DEFAULT:
        return
    place = place_of(candidate.mask(segment, box), box, candidate.geometry)
    share = 100 * place.size_voxels / voxels
    if share not in DEFAULT:
        message = f"{segment.name} fills {share:.3g} % of the image. Was background turned into a segment?"
        yield Finding(ID, Status.FAIL, message, f"{share:.3g} %", str(DEFAULT), "%", DEFAULT.source, segment.name, **vars(place))


def _empty(candidate: Segmentation, protocol: QCProtocol) -> Finding:
    structures = [protocol.structure_of(segment) for segment in candidate.segments]
    status = Status.FAIL
    if not structures:
        message = "The segmentation has no segment."
    elif all(structure is not None and structure.is_lesion for structure in structures):
        status, message = Status.WARN, "The segmentation is empty: no lesion is marked. Was the image read, and is there none?"
    else:
        message = f"The segmentation is empty: none of its {len(structures)} segments has a voxel."
    return Finding(ID, status, message, "0 voxels", "at least 1 voxel", source=EMPTY_SOURCE)
