"""Do two structures claim the same voxels?"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from scipy import ndimage

from SegQCLib.case import Case, Segment, Segmentation
from SegQCLib.checks import identical_segments
from SegQCLib.checks.identical_segments import common_box, dice_of
from SegQCLib.findings import Finding, Status
from SegQCLib.place import place_of
from SegQCLib.protocol import QCProtocol, Range, Structure

ID = "overlaps"
WHY = "Two organs cannot own one voxel. Shared voxels are counted in both volumes, and a label map can keep only one of the two."
LIMIT = "overlap_voxels"
DEFAULT = Range(
    "1",
    "SegQC default: fewer than 3 x 3 x 3 voxels beyond a seam one voxel wide, as contours that are turned into voxels one"
    " by one leave it between neighbours",
    maximum=26,
)


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:
    """Compare every two structures of the protocol that may not share voxels.

    A lesion may lie in an organ, and structures may share voxels where the protocol says so (may_overlap).
    Segments of one structure that may be given several times are compared too: one lesion drawn twice counts twice.
    Two segments with the same voxels are the matter of identical_segments.
    """
    found = False
    for a, b in pairs(case.candidate, protocol):
        for finding in of_pair(case.candidate, protocol, a, b):
            found = True
            yield finding
    if not found:
        yield Finding(
            ID,
            Status.PASS,
            "No two structures of the protocol share voxels that only one may have.",
            source=DEFAULT.source,
        )


def pairs(candidate: Segmentation, protocol: QCProtocol) -> Iterator[tuple[Segment, Segment]]:
    """Yield the pairs of structures that may not share voxels and could: segments of one layer cannot."""
    known = [
        (segment, structure, box)
        for segment in candidate.segments
        if (structure := protocol.structure_of(segment)) is not None and (box := candidate.box(segment)) is not None
    ]
    for (a, a_structure, a_box), (b, b_structure, b_box) in combinations(known, 2):
        if a.layer != b.layer and common_box(a_box, b_box) is not None and not _may_overlap(a_structure, b_structure):
            yield a, b


def _may_overlap(a: Structure, b: Structure) -> bool:
    return a.is_lesion != b.is_lesion or a.name in b.may_overlap or b.name in a.may_overlap


def of_pair(candidate: Segmentation, protocol: QCProtocol, a: Segment, b: Segment) -> Iterator[Finding]:
    """Yield the finding about a pair, `a` listed before `b`, if it shares more than a seam."""
    limits = [protocol.technical_limit(LIMIT, protocol.structure_of(segment), DEFAULT) for segment in (a, b)]
    box = common_box(candidate.box(a), candidate.box(b))
    shared = candidate.mask(a, box) & candidate.mask(b, box)
    if any(int(np.count_nonzero(shared)) in limit for limit in limits):
        return
    if dice_of(candidate, a, b) >= identical_segments.DEFAULT.maximum:
        return
    # What an opening by two voxels along each axis takes away is a seam one voxel wide.
    seam = np.ones([min(2, voxels) for voxels in candidate.geometry.size], bool)
    thick = ndimage.binary_opening(shared, seam)
    count = int(np.count_nonzero(thick))
    if any(count in limit for limit in limits):
        return
    place = place_of(thick, box, candidate.geometry)
    message = (
        f"{a.name} and {b.name} overlap: {count:,} voxels ({float(f'{place.size_mm3 / 1000:.2g}'):g} mL) belong to both,"
        " not counting a seam one voxel wide. A voxel can be only one of them; correct the border."
    )
    limit = limits[0]
    yield Finding(ID, Status.FAIL, message, f"{count:,} voxels", f"{limit} voxels", "1", limit.source, a.name, **vars(place))
