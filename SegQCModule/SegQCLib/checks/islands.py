"""Are there pieces apart from the body of a segment?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from SegQCLib.case import Box, Case
from SegQCLib.checks.skipped_slices import Gap, find_gaps
from SegQCLib.findings import Finding
from SegQCLib.protocol import QCProtocol, Range
from SegQCLib.segment_shape import MOST_FINDINGS, SegmentShape, ShapeError, ShapeErrors, shape_findings, size_text, volume_text

ID = "islands"
DEFAULT = Range("mm3", "SegQC default: an organ is one body, so each small piece apart from it asks for a look", maximum=0)

# Of the largest piece: left and right lung in one segment, or a colon with a gap, are parts and not islands.
PART = 0.1
# Left and right. A structure of more parts (the discs of a spine, plaques of a brain) also has small ones.
MOST_PARTS = 2


@dataclass(frozen=True, eq=False)
class Pieces:
    """The pieces of a mask.

    Attributes
    ----------
    labels : ndarray of int
        0 background, n the n-th piece: voxels that share a face, edge or corner (26-connected), also across skipped slices.
    sizes : ndarray of int
        Voxels of each piece; sizes[0] is 0.
    """

    labels: NDArray[np.int32]
    sizes: NDArray[np.int64]

    @property
    def parts(self) -> NDArray[np.int64]:
        """The pieces of at least a tenth of the largest: together the body of the structure."""
        return np.flatnonzero(self.sizes >= max(1, PART * self.sizes.max()))

    @property
    def islands(self) -> NDArray[np.int64]:
        """The other pieces, the largest first; none where three or more parts show a structure that comes in pieces."""
        if len(self.parts) > MOST_PARTS:
            return np.empty(0, np.int64)
        small = np.flatnonzero((self.sizes > 0) & (self.sizes < PART * self.sizes.max()))
        return small[np.argsort(-self.sizes[small], kind="stable")]


def pieces_of(mask: NDArray[np.bool_], gaps: list[Gap]) -> Pieces:
    """Return the pieces of a mask, taking what `gaps` interrupt as one piece."""
    labels, count = ndimage.label(mask, np.ones((3, 3, 3)))
    if count > 1 and gaps:
        root = np.arange(count + 1)
        for gap in gaps:
            planes = np.moveaxis(labels, gap.axis, 0)
            before, after = planes[gap.start - 1], planes[gap.stop]
            both = (before > 0) & (after > 0)
            for a, b in np.unique(np.column_stack([before[both], after[both]]), axis=0):
                root[root == root[b]] = root[a]
        labels = root[labels].astype(np.int32)
    sizes = np.bincount(labels.ravel(), minlength=2) if count > 1 else np.array([0, np.count_nonzero(mask)])
    sizes[0] = 0
    return Pieces(labels, sizes)


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:
    """Report the islands of each segment that is not a lesion, with their distance from the body.

    A piece that reaches the border of the image may continue into the body outside, so it is no island.
    """
    yield from shape_findings(ID, "islands", case, protocol, "island_mm3", DEFAULT, _find, "remove_islands")


def _find(shape: SegmentShape, limit: Range) -> ShapeErrors:
    if shape.is_lesion:
        return ShapeErrors((), 0)
    pieces = pieces_of(shape.mask, find_gaps(shape.mask))
    if not len(pieces.islands):
        return ShapeErrors((), 0)
    boxes = ndimage.find_objects(pieces.labels)
    islands = [
        int(n) for n in pieces.islands if pieces.sizes[n] * shape.voxel_mm3 not in limit and not shape.touches_border(boxes[n - 1])
    ]
    shown = islands[:MOST_FINDINGS]
    if not shown:
        return ShapeErrors((), 0)
    body = _surface_tree((pieces.sizes >= pieces.sizes[pieces.parts].min())[pieces.labels], shape.voxel_mm)
    return ShapeErrors(tuple(_error(shape, pieces, boxes[n - 1], n, body) for n in shown), len(islands))


def _surface_tree(mask: NDArray[np.bool_], voxel_mm: NDArray[np.float64]) -> cKDTree:
    inner = mask[1:-1, 1:-1, 1:-1]
    enclosed = inner.copy()
    for axis in range(3):
        for shift in (slice(None, -2), slice(2, None)):
            enclosed &= mask[tuple(shift if a == axis else slice(1, -1) for a in range(3))]
    return cKDTree((np.argwhere(inner & ~enclosed) + 1) * voxel_mm, leafsize=32, balanced_tree=False, compact_nodes=False)


def _error(shape: SegmentShape, pieces: Pieces, box: Box, number: int, body: cKDTree) -> ShapeError:
    voxels = pieces.labels[box] == number
    points = (np.argwhere(voxels) + [part.start for part in box]) * shape.voxel_mm
    distance_mm = float(body.query(points)[0].min())
    volume_mm3 = pieces.sizes[number] * shape.voxel_mm3
    size = size_text(pieces.sizes[number], volume_mm3)
    message = f"{shape.segment.name} has an island of {size}, {distance_mm:.1f} mm from its body."
    return ShapeError(message, volume_text(volume_mm3), voxels, box)
