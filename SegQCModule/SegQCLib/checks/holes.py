"""Are there cavities inside a segment?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from SegQCLib.case import Case
from SegQCLib.findings import Finding
from SegQCLib.mask_runs import cavity_numbers, runs_of
from SegQCLib.protocol import QCProtocol, Range
from SegQCLib.segment_shape import MOST_FINDINGS, SegmentShape, ShapeCheck, ShapeError, ShapeErrors, size_text, volume_text

ID = "holes"
WHY = (
    "A solid organ has no cavity. A hole is mostly a spot that painting or thresholding missed: the volume is too small, "
    "and the mean intensity leaves tissue out."
)
DEFAULT = Range("mm3", "SegQC default: a solid organ has no cavity; what is left out inside of it asks for a look", maximum=0)

# A vessel or some fat in an organ often is one enclosed voxel.
_SMALLEST = 2


def cavities_of(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return the cavities of a mask with an empty margin, and their sizes.

    Parameters
    ----------
    mask : ndarray of bool, shape (k, j, i)
        With at least one empty voxel on all six sides: through them the outside is one.

    Returns
    -------
    labels : ndarray of int
        0 the mask, 1 the outside, from 2 on cavities: background that reaches the outside through no shared face (6-connected).
    sizes : ndarray of int
        Voxels of each label; 0 for the mask and for the outside.
    """
    cavities, numbers = cavity_numbers(runs_of(mask))
    labels = np.where(mask, np.int32(0), np.int32(1))
    labels.ravel()[cavities.indices()] = np.repeat(numbers, cavities.lengths)
    return labels, np.bincount(numbers, cavities.lengths, minlength=2).astype(np.int64)


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:
    """Report cavities in segments that no other segment fills.

    A cavity that other segments fill altogether (a cyst in a kidney, ventricles in a brain) is a matter of
    labels. One larger than the segment makes it a shell: skin, a wall, a skull. Lesions are not judged: readers
    exclude cavities and necrosis on purpose.
    """
    yield from SHAPE_CHECK.run(case, protocol)


def _find(shape: SegmentShape, limit: Range) -> ShapeErrors:
    if shape.is_lesion:
        return ShapeErrors((), 0)
    cavities, numbers = cavity_numbers(shape.runs)
    if not len(numbers):
        return ShapeErrors((), 0)
    number = np.repeat(numbers, cavities.lengths)
    voxels = cavities.indices()
    sizes = np.bincount(number)
    free = (sizes[number] <= np.count_nonzero(shape.mask)) & ~shape.neighbours.ravel()[voxels]
    counts = np.bincount(number[free], minlength=len(sizes))
    holes = [int(n) for n in np.flatnonzero(counts >= _SMALLEST) if counts[n] * shape.voxel_mm3 not in limit]
    holes.sort(key=lambda n: -counts[n])
    errors = []
    for n in holes[:MOST_FINDINGS]:
        box = cavities.select(numbers == n).box()
        empty = np.zeros([part.stop - part.start for part in box], bool)
        index = np.unravel_index(voxels[free & (number == n)], shape.mask.shape)
        empty[tuple(axis - part.start for axis, part in zip(index, box, strict=True))] = True
        volume_mm3 = counts[n] * shape.voxel_mm3
        message = f"{shape.segment.name} has a hole of {size_text(counts[n], volume_mm3)}."
        errors.append(ShapeError(message, volume_text(volume_mm3), empty, box))
    return ShapeErrors(tuple(errors), len(holes))


SHAPE_CHECK = ShapeCheck(ID, "holes", "hole_mm3", DEFAULT, _find, "fill_holes")
