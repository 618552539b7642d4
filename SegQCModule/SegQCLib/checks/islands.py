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
WHY = (
    "Small pieces apart from the rest are mostly slips of the brush or errors of a model. They hardly change the volume, "
    "but a single one can multiply the Hausdorff distance."
)
DEFAULT = Range("mm3", "SegQC default: an organ is one body, so each small piece apart from it asks for a look", maximum=0)

# Of the largest piece: left and right lung in one segment, or a colon with a gap, are parts and not islands.
PART = 0.1
# Left and right. A structure of more parts (the discs of a spine, plaques of a brain) also has small ones.
MOST_PARTS = 2
# A body of which less than a tenth is enclosed (all six neighbours) is a sheet or a string on this grid: endplates,
# a capsule, ribs in thick slices. It breaks where it gets thinner than a voxel, and its crumbs lie beside it.
_SHEET, _CRUMB_MM = 0.1, 10.0
# Segmented Property Types that are many bodies under one name.
_MANY_BODIES = {("SCT", "50016007"): "Costal cartilage", ("SCT", "59441001"): "Lymph node"}


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

    A piece that reaches the border of the image may continue into the body outside, so it is no island. Nor is a
    crumb beside a body that is hardly thicker than a voxel.
    """
    yield from shape_findings(ID, "islands", case, protocol, "island_mm3", DEFAULT, _find, "remove_islands")


def _find(shape: SegmentShape, limit: Range) -> ShapeErrors:
    terminology = shape.segment.terminology
    many = terminology is not None and (terminology.type.scheme, terminology.type.value) in _MANY_BODIES
    if shape.is_lesion or many:
        return ShapeErrors((), 0)
    pieces = pieces_of(shape.mask, find_gaps(shape.mask))
    if not len(pieces.islands):
        return ShapeErrors((), 0)
    boxes = ndimage.find_objects(pieces.labels)
    islands = [
        int(n) for n in pieces.islands if pieces.sizes[n] * shape.voxel_mm3 not in limit and not shape.touches_border(boxes[n - 1])
    ]
    if not islands:
        return ShapeErrors((), 0)
    body = (pieces.sizes >= pieces.sizes[pieces.parts].min())[pieces.labels]
    surface = body & ~_enclosed(body)
    tree = cKDTree(np.argwhere(surface) * shape.voxel_mm, leafsize=32, balanced_tree=False, compact_nodes=False)

    def distance_mm(number: int) -> float:
        box = boxes[number - 1]
        points = (np.argwhere(pieces.labels[box] == number) + [part.start for part in box]) * shape.voxel_mm
        return float(tree.query(points)[0].min())

    if np.count_nonzero(body & ~surface) < _SHEET * np.count_nonzero(body):
        islands = [n for n in islands if distance_mm(n) > _CRUMB_MM]
    shown = tuple(_error(shape, pieces, boxes[n - 1], n, distance_mm(n)) for n in islands[:MOST_FINDINGS])
    return ShapeErrors(shown, len(islands))


def _enclosed(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the voxels whose six neighbours all belong to a mask with an empty margin."""
    enclosed = mask.copy()
    inner = enclosed[1:-1, 1:-1, 1:-1]
    for axis in range(3):
        for side in (slice(None, -2), slice(2, None)):
            inner &= mask[tuple(side if a == axis else slice(1, -1) for a in range(3))]
    return enclosed


def _error(shape: SegmentShape, pieces: Pieces, box: Box, number: int, distance_mm: float) -> ShapeError:
    volume_mm3 = pieces.sizes[number] * shape.voxel_mm3
    size = size_text(pieces.sizes[number], volume_mm3)
    message = f"{shape.segment.name} has an island of {size}, {distance_mm:.1f} mm from its body."
    return ShapeError(message, volume_text(volume_mm3), pieces.labels[box] == number, box)
