"""Are there cavities inside a segment?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SegQCLib.case import Case
from SegQCLib.findings import Finding
from SegQCLib.protocol import QCProtocol, Range
from SegQCLib.segment_shape import MOST_FINDINGS, SegmentShape, ShapeError, ShapeErrors, shape_findings, size_text, volume_text

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
    labels, count = ndimage.label(~mask)
    # The first voxel of the array is margin, and labels are given in the order of the array: the outside is 1.
    sizes = np.bincount(labels.ravel(), minlength=2) if count > 1 else np.zeros(2, np.int64)
    sizes[:2] = 0
    return labels, sizes


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:
    """Report cavities in segments that no other segment fills.

    A cavity that other segments fill altogether (a cyst in a kidney, ventricles in a brain) is a matter of
    labels. One larger than the segment makes it a shell: skin, a wall, a skull. Lesions are not judged: readers
    exclude cavities and necrosis on purpose.
    """
    yield from shape_findings(ID, "holes", case, protocol, "hole_mm3", DEFAULT, _find, "fill_holes")


def _find(shape: SegmentShape, limit: Range) -> ShapeErrors:
    if shape.is_lesion:
        return ShapeErrors((), 0)
    labels, sizes = cavities_of(shape.mask)
    if not sizes.any():
        return ShapeErrors((), 0)
    sizes[sizes > np.count_nonzero(shape.mask)] = 0
    boxes = ndimage.find_objects(labels)
    empty = {int(n): (labels[boxes[n - 1]] == n) & ~shape.neighbours[boxes[n - 1]] for n in np.flatnonzero(sizes)}
    counts = {n: int(np.count_nonzero(voxels)) for n, voxels in empty.items()}
    holes = [n for n, count in counts.items() if count >= _SMALLEST and count * shape.voxel_mm3 not in limit]
    holes.sort(key=lambda n: -counts[n])
    errors = []
    for n in holes[:MOST_FINDINGS]:
        volume_mm3 = counts[n] * shape.voxel_mm3
        message = f"{shape.segment.name} has a hole of {size_text(counts[n], volume_mm3)}."
        errors.append(ShapeError(message, volume_text(volume_mm3), empty[n], boxes[n - 1]))
    return ShapeErrors(tuple(errors), len(holes))
