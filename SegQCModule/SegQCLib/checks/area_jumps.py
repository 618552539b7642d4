"""Does the cross-section of a segment jump in single slices?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from SegQCLib.case import Case
from SegQCLib.findings import Finding
from SegQCLib.protocol import QCProtocol, Range
from SegQCLib.segment_shape import MOST_FINDINGS, SegmentShape, ShapeCheck, ShapeError, ShapeErrors, plane_box

ID = "area_jumps"
WHY = (
    "From slice to slice a cross-section changes gradually. A jump in a single slice is mostly a slip: something was "
    "erased, painted over or filled in one slice only."
)
# Larger is more tolerated: a spinous process fills one thick sagittal slice, and a small nodule has one largest slice.
DEFAULT = Range(
    "%", "SegQC default: where both neighbours agree, a slice between them has nearly their area", minimum=-40, maximum=100
)

# Overlap (Jaccard) of the two neighbours: where the form changes quickly, nothing can be predicted from them.
_AGREEMENT = 0.5
# Of the change of area: voxels that both neighbours have and the slice has not, or that only the slice has.
_EXPLAINED = 0.5
# Of a body of three slices, the ends say nothing about the middle: a ball has 0.8 of their area more there.
_FEWEST_SLICES = 5
# Voxels of the predicted area, so that noise of the outline is no jump.
_SMALLEST = 25


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:
    """Report slices whose area differs from the mean of both neighbours, in all three orientations.

    Only slices whose neighbours agree with each other are judged. What counts is not the area alone: the voxels
    that both neighbours have and the slice has not, or that only the slice has, must make half of the difference,
    so a branch that begins or a bend of a vessel raises no alarm. An empty slice is a skipped slice.
    """
    yield from SHAPE_CHECK.run(case, protocol)


def _find(shape: SegmentShape, limit: Range) -> ShapeErrors:
    errors = [error for axis in range(3) for error in _jumps(shape, axis, limit)]
    errors.sort(key=lambda error: -np.count_nonzero(error.voxels))
    return ShapeErrors(tuple(errors[:MOST_FINDINGS]), len(errors))


def _jumps(shape: SegmentShape, axis: int, limit: Range) -> Iterator[ShapeError]:
    areas = shape.areas(axis)
    if len(areas) < _FEWEST_SLICES:
        return
    predicted = (areas[:-2] + areas[2:]) / 2
    deviation = areas[1:-1] - predicted
    # One layer of voxels more or less around a disc of n voxels changes its area by its circumference.
    outline = np.sqrt(4 * np.pi * predicted)
    judged = (areas[1:-1] > 0) & (predicted >= _SMALLEST) & (np.abs(deviation) > outline)
    planes = shape.planes(axis)
    for n in np.flatnonzero(judged):
        share = 100 * deviation[n] / predicted[n]
        if share in limit:
            continue
        before, plane, after = planes[n + 1 : n + 4]
        common, either = before & after, before | after
        if np.count_nonzero(common) < _AGREEMENT * np.count_nonzero(either):
            continue
        smaller = deviation[n] < 0
        differing = common & ~plane if smaller else plane & ~either
        if np.count_nonzero(differing) < _EXPLAINED * abs(deviation[n]):
            continue
        message = (
            f"{shape.segment.name} is {abs(share):.0f} % {'smaller' if smaller else 'larger'} in {shape.slice_text(axis, n + 2)}"
            " than its two neighbours predict."
        )
        box = plane_box(axis, n + 2, n + 3, shape.mask.shape)
        yield ShapeError(message, f"{share:+.0f} %", np.moveaxis(differing[None], 0, axis), box)


SHAPE_CHECK = ShapeCheck(ID, "area jumps", "area_jump", DEFAULT, _find)
