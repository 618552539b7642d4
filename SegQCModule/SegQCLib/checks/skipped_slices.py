"""Are there slices without the segment between slices that have it?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from SegQCLib.case import Case
from SegQCLib.findings import Finding
from SegQCLib.protocol import QCProtocol, Range
from SegQCLib.segment_shape import AXES, MOST_FINDINGS, SegmentShape, ShapeCheck, ShapeError, ShapeErrors, plane_box

ID = "skipped_slices"
WHY = (
    "A slice without outline in the middle of a structure was mostly forgotten, or interpolation left it out. Volume is "
    "missing there."
)
DEFAULT = Range("1", "SegQC default: a body has a cross-section in each slice between its ends", maximum=0)

# Of the smaller of the two cross-sections beside the gap: separate bodies rarely lie so exactly above each other.
_OVERLAP = 0.5
# The smaller cross-section against the larger one: a speck above an organ is an island, not the rest of it.
_SIZE_RATIO = 0.1
# A body that ends by itself gets smaller towards its end; two planes deeper it is clearly larger.
_TAPER, _TAPER_DEPTH = 0.6, 2
# Parts of at least three planes with a gap longer than one of them are bodies in a row, as the discs of a spine.
_BODY_PLANES = 3
# Across the other two axes nobody draws, so only a lost plane or two between large parts counts.
_CROSS_PLANES, _CROSS_PART = 2, 0.1


@dataclass(frozen=True)
class Gap:
    """Empty planes start..stop (half open) across an axis of a mask, between planes of one body."""

    axis: int
    start: int
    stop: int

    @property
    def planes(self) -> int:
        return self.stop - self.start


def find_gaps(mask: NDArray[np.bool_]) -> list[Gap]:
    """Return where a body is interrupted by empty planes across k, j or i.

    Two bodies that do not lie above each other, that both end by themselves at the gap, or that lie
    further apart than one of them is thick, are not one interrupted body. Across j and i, a gap counts
    up to two planes and between parts of at least a tenth of the voxels each: left and right kidney may
    share a segment.
    """
    return [gap for axis in range(3) for gap in _gaps(np.moveaxis(mask, axis, 0), axis)]


def _gaps(planes: NDArray[np.bool_], axis: int) -> Iterator[Gap]:
    filled = np.flatnonzero(planes.any(axis=(1, 2)))
    if not len(filled):
        return
    breaks = np.flatnonzero(np.diff(filled) > 1)
    firsts, lasts = filled[np.r_[0, breaks + 1]].tolist(), filled[np.r_[breaks, len(filled) - 1]].tolist()
    thickness = [last - first + 1 for first, last in zip(firsts, lasts, strict=True)]
    for n, (before, after) in enumerate(zip(lasts[:-1], firsts[1:], strict=True)):
        gap, thinner = Gap(axis, before + 1, after), min(thickness[n : n + 2])
        if thinner >= _BODY_PLANES and gap.planes > thinner:
            continue
        if axis > 0:
            if gap.planes > _CROSS_PLANES:
                continue
            parts = np.count_nonzero(planes[: before + 1]), np.count_nonzero(planes[after:])
            if min(parts) < _CROSS_PART * sum(parts):
                continue
        if _continues(planes, before, after):
            yield gap


def _continues(planes: NDArray[np.bool_], before: int, after: int) -> bool:
    areas = np.count_nonzero(planes[before]), np.count_nonzero(planes[after])
    if min(areas) < _SIZE_RATIO * max(areas):
        return False
    if np.count_nonzero(planes[before] & planes[after]) < _OVERLAP * min(areas):
        return False
    deeper = [max(before - _TAPER_DEPTH, 0), min(after + _TAPER_DEPTH, len(planes) - 1)]
    return not all(area < _TAPER * np.count_nonzero(planes[n]) for area, n in zip(areas, deeper, strict=True))


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:
    """Report each run of empty slices inside a segment: contours that were not drawn or not interpolated.

    The size of a finding is an estimate: the overlap of the cross-sections on both sides, times the slices.
    """
    yield from SHAPE_CHECK.run(case, protocol)


def _find(shape: SegmentShape, limit: Range) -> ShapeErrors:
    gaps = [gap for gap in find_gaps(shape.mask) if gap.planes not in limit]
    gaps.sort(key=lambda gap: -gap.planes)
    return ShapeErrors(tuple(_error(shape, gap) for gap in gaps[:MOST_FINDINGS]), len(gaps))


def _error(shape: SegmentShape, gap: Gap) -> ShapeError:
    planes = shape.planes(gap.axis)
    missed = np.broadcast_to(planes[gap.start - 1] & planes[gap.stop], (gap.planes, *planes.shape[1:]))
    if gap.planes == 1:
        message = f"{shape.segment.name} is missing in {shape.slice_text(gap.axis, gap.start)}, between slices that have it."
    else:
        first, last = shape.index(gap.axis, gap.start), shape.index(gap.axis, gap.stop - 1)
        message = (
            f"{shape.segment.name} is missing in {gap.planes} {shape.plane_name(gap.axis)} slices, {AXES[gap.axis]} = {first} to"
            f" {last}, between slices that have it."
        )
    box = plane_box(gap.axis, gap.start, gap.stop, shape.mask.shape)
    measured = f"{gap.planes} slice{'s' if gap.planes > 1 else ''}"
    return ShapeError(message, measured, np.moveaxis(missed, 0, gap.axis), box)


SHAPE_CHECK = ShapeCheck(ID, "skipped slices", ID, DEFAULT, _find, "interpolate_slices")
