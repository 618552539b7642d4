"""Does a segment end abruptly in its first or last slice?"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from SegQCLib.case import Case
from SegQCLib.findings import Finding
from SegQCLib.protocol import QCProtocol, Range
from SegQCLib.segment_shape import SegmentShape, ShapeCheck, ShapeError, ShapeErrors, plane_box

ID = "end_slices"
WHY = (
    "Structures get smaller towards their ends. A large last slice suggests that outlining stopped early and that slices "
    "beyond it are missing."
)
DEFAULT = Range("%", "SegQC default: a body gets smaller towards its ends; the end slice against the largest one", maximum=60)

_FEWEST_SLICES = 6  # of less, an end slice is a large part of any body
_SMALLEST = 20  # voxels of an end slice
# Overlap (Jaccard) with the slice before it: where slices are missing, the end hardly tapers. An ellipsoid of 10 slices
# that lost two ends in (2.5 x 7.5) / (3.5 x 6.5) = 0.82 of the slice before; a whole one in at most 0.56.
_LIKENESS = 0.8
# Length along the slices in diameters of the end slice. Where a vessel, a trachea or a cord ends is a convention.
_TUBE = 3.0
# Of the end slice's voxels with another segment behind: the body goes on under another name.
_CONTINUED = 0.3


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:
    """Report first and last slices (along k) that are too large for an end: slices beyond them were not segmented.

    Ends at the image's border belong to field_of_view, flat faces across j and i to flat_faces.
    """
    yield from SHAPE_CHECK.run(case, protocol)


def _find(shape: SegmentShape, limit: Range) -> ShapeErrors:
    areas = shape.areas(0)
    errors: list[ShapeError] = []
    if len(areas) < _FEWEST_SLICES:
        return ShapeErrors((), 0)
    for last in (False, True):
        end = areas[-1] if last else areas[0]
        share = 100 * end / areas.max()
        if share in limit or end < _SMALLEST or shape.planes_to_border(0, last) == 0:
            continue
        diameter_mm = 2 * math.sqrt(end * shape.pixel_mm2(0) / math.pi)
        if len(areas) * shape.voxel_mm[0] >= _TUBE * diameter_mm:
            continue
        n, outward = (len(areas), 1) if last else (1, -1)
        plane, before, beyond = shape.mask[n], shape.mask[n - outward], shape.neighbours[n + outward]
        if np.count_nonzero(plane & before) < _LIKENESS * np.count_nonzero(plane | before):
            continue
        if np.count_nonzero(plane & beyond) >= _CONTINUED * end:
            continue
        message = (
            f"{shape.segment.name} ends abruptly at its {shape.end_name(0, last)} end: {shape.slice_text(0, n)} has {share:.0f} %"
            " of the largest slice's area. Are slices beyond it missing?"
        )
        errors.append(ShapeError(message, f"{share:.0f} %", plane[None], plane_box(0, n, n + 1, shape.mask.shape)))
    errors.sort(key=lambda error: -np.count_nonzero(error.voxels))
    return ShapeErrors(tuple(errors), len(errors))


SHAPE_CHECK = ShapeCheck(ID, "abrupt ends", "end_slice_area", DEFAULT, _find)
