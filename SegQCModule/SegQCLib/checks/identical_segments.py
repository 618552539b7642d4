"""Are two segments the same voxels under two names?"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from SegQCLib.case import Box, Case, Segment, Segmentation
from SegQCLib.findings import Finding, Status
from SegQCLib.place import place_of
from SegQCLib.protocol import QCProtocol, Range

ID = "identical_segments"
WHY = (
    "Two segments of the same voxels are mostly a copy that was left behind, or a wrong name. One structure is then "
    "counted twice, and another may be missing."
)
DEFAULT = Range(
    "1",
    "SegQC default: a copy keeps a Dice of 0.99 or more after a few edited voxels; different structures, and two readers'"
    " outlines of a lesion, stay below",
    maximum=0.99,
)


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:
    """Compare every two segments, whether the protocol knows them or not.

    Two different structures of the protocol with the same voxels are a failure; anything else (a draft
    left beside its correction, two margins that are equal on purpose) is a warning.
    """
    found = False
    for a, b in pairs(case.candidate, protocol):
        for finding in of_pair(case.candidate, protocol, a, b):
            found = True
            yield finding
    if not found:
        yield Finding(ID, Status.PASS, "No two segments are the same voxels.", source=DEFAULT.source)


def pairs(candidate: Segmentation, protocol: QCProtocol) -> Iterator[tuple[Segment, Segment]]:  # noqa: ARG001
    """Yield the pairs that are large enough for each other; segments of one layer cannot share a voxel."""
    if len({segment.layer for segment in candidate.segments}) < 2:
        return
    filled = [(segment, count) for segment in candidate.segments if (count := candidate.voxel_count(segment))]
    for (a, a_count), (b, b_count) in combinations(filled, 2):
        largest_dice = 2 * min(a_count, b_count) / (a_count + b_count)
        if a.layer != b.layer and largest_dice >= DEFAULT.maximum:
            yield a, b


def of_pair(candidate: Segmentation, protocol: QCProtocol, a: Segment, b: Segment) -> Iterator[Finding]:
    """Yield the finding about two segments with voxels, `a` listed before `b`, if their voxels are the same."""
    share = dice_of(candidate, a, b)
    if share < DEFAULT.maximum:
        return
    structures = (protocol.structure_of(a), protocol.structure_of(b))
    different = None not in structures and structures[0] != structures[1]
    box = candidate.box(a)
    place = place_of(candidate.mask(a, box), box, candidate.geometry)
    message = (
        f"{a.name} and {b.name} are the same voxels (Dice {share:.3f}): one of them is probably a copy, or has the"
        " wrong name. Delete it or rename it."
    )
    status = Status.FAIL if different else Status.WARN
    measured, allowed = f"Dice {share:.3f}", f"Dice below {DEFAULT.maximum:g}"
    yield Finding(ID, status, message, measured, allowed, "1", DEFAULT.source, a.name, **vars(place))


def dice_of(candidate: Segmentation, a: Segment, b: Segment) -> float:
    """Return the Dice of two segments with voxels, 0 to 1."""
    box = common_box(candidate.box(a), candidate.box(b))
    if box is None:
        return 0.0
    shared = int(np.count_nonzero(candidate.mask(a, box) & candidate.mask(b, box)))
    return 2 * shared / (candidate.voxel_count(a) + candidate.voxel_count(b))


def common_box(a: Box, b: Box) -> Box | None:
    """Return the box that two boxes share, or None."""
    edges = [(max(p.start, q.start), min(p.stop, q.stop)) for p, q in zip(a, b, strict=True)]
    if any(start >= stop for start, stop in edges):
        return None
    return tuple(slice(start, stop) for start, stop in edges)
