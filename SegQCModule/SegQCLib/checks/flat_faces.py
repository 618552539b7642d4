"""Is a segment cut off by a plane inside the image?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from SegQCLib.case import Case
from SegQCLib.findings import Finding
from SegQCLib.protocol import QCProtocol, Range
from SegQCLib.segment_shape import SegmentShape, ShapeCheck, ShapeError, ShapeErrors, plane_box

ID = "flat_faces"
WHY = (
    "Surfaces of organs are curved. A large flat face is mostly the edge of a crop or of a model's field of view, and what "
    "lies behind it is missing."
)
DEFAULT = Range("mm2", "SegQC default: the surface of an organ is curved; a large plane along the grid is a cut", maximum=200)

_SMALLEST = 60  # voxels of a face: of fewer, a round one cannot be told from a flat one
# Empty planes at the image's edge: some scanners and models leave one or two, and the image ends there all the same.
_EDGE = 2
# Overlap (Jaccard) with the next two planes that differ. A round surface that just fills its outermost plane has there
# 1/2 (sphere) or 0.71 (cylinder) of the next plane, and 1/3 or 0.58 of the one after it.
_NEXT, _AFTER_NEXT = 0.75, 0.62
# Of the largest plane along the axis: a small flat spot on a large body is no cut.
_SHARE = 0.1
# Of the face's voxels with another segment behind: the border between two structures may be a plane.
_CONTINUED = 0.3


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:
    """Report large faces of a segment's bounding box across j and i: a crop, or the edge of a smaller field of view.

    Faces at the image's border belong to field_of_view, those across the slices (k) to end_slices.
    """
    yield from SHAPE_CHECK.run(case, protocol)


def _find(shape: SegmentShape, limit: Range) -> ShapeErrors:
    errors = [error for axis in (1, 2) for error in _faces(shape, axis, limit)]
    errors.sort(key=lambda error: -np.count_nonzero(error.voxels))
    return ShapeErrors(tuple(errors), len(errors))


def _faces(shape: SegmentShape, axis: int, limit: Range) -> Iterator[ShapeError]:
    areas = shape.areas(axis)
    for last in (False, True):
        n, outward = (len(areas), 1) if last else (1, -1)
        face = areas[n - 1]
        area_mm2 = face * shape.pixel_mm2(axis)
        if area_mm2 in limit or face < _SMALLEST or face < _SHARE * areas.max() or shape.planes_to_border(axis, last) <= _EDGE:
            continue
        plane = shape.planes(axis)[n]
        deeper = _next_planes(shape.planes(axis), n, -outward)
        likeness = [np.count_nonzero(plane & other) / np.count_nonzero(plane | other) for other in deeper]
        if len(likeness) < 2 or likeness[0] < _NEXT or likeness[1] < _AFTER_NEXT:
            continue
        beyond = np.moveaxis(shape.neighbours, axis, 0)[n + outward]
        if np.count_nonzero(plane & beyond) >= _CONTINUED * face:
            continue
        message = (
            f"{shape.segment.name} ends in a plane of {area_mm2:,.0f} mm² at its {shape.end_name(axis, last)} side"
            f" ({shape.slice_text(axis, n)}), inside the image. Was it cropped?"
        )
        box = plane_box(axis, n, n + 1, shape.mask.shape)
        yield ShapeError(message, f"{area_mm2:,.0f} mm²", np.moveaxis(plane[None], 0, axis), box)


def _next_planes(planes: NDArray[np.bool_], face: int, inward: int) -> list[NDArray[np.bool_]]:
    """Return the next two planes that differ from the one before them, the margin not included.

    Segmented on a coarse grid and brought onto the image's, a segment has runs of equal planes: those are one
    plane of the grid it was made on.
    """
    found: list[NDArray[np.bool_]] = []
    previous, n = planes[face], face + inward
    while 0 < n < len(planes) - 1 and len(found) < 2:
        if not np.array_equal(planes[n], previous):
            found.append(planes[n])
            previous = planes[n]
        n += inward
    return found


SHAPE_CHECK = ShapeCheck(ID, "flat faces", "flat_face_mm2", DEFAULT, _find)
