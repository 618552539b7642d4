"""Are there pieces apart from the body of a segment?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from SegQCLib.case import Case
from SegQCLib.checks.skipped_slices import Gap, find_gaps
from SegQCLib.findings import Finding
from SegQCLib.mask_runs import MaskRuns, piece_numbers, runs_of
from SegQCLib.protocol import QCProtocol, Range
from SegQCLib.segment_shape import MOST_FINDINGS, SegmentShape, ShapeCheck, ShapeError, ShapeErrors, size_text, volume_text

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
    runs : MaskRuns
        Of the mask's voxels.
    numbers : ndarray of int, shape (runs,)
        Which piece each run belongs to, from 1: voxels that share a face, edge or corner (26-connected), also across
        skipped slices.
    sizes : ndarray of int
        Voxels of each piece; sizes[0] is 0.
    """

    runs: MaskRuns
    numbers: NDArray[np.int32]
    sizes: NDArray[np.int64]

    @property
    def labels(self) -> NDArray[np.int32]:
        """The number of each voxel's piece, made anew at each call; 0 is background."""
        labels = np.zeros(self.runs.shape, np.int32)
        labels.ravel()[self.runs.indices()] = np.repeat(self.numbers, self.runs.lengths)
        return labels

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

    @cached_property
    def _by_piece(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        order = np.argsort(self.numbers, kind="stable")
        return order, np.searchsorted(self.numbers[order], np.arange(len(self.sizes) + 1))

    def piece(self, number: int) -> MaskRuns:
        """Return the runs of one piece."""
        order, first = self._by_piece
        own = order[first[number] : first[number + 1]]
        return MaskRuns(self.runs.shape, self.runs.starts[own], self.runs.stops[own])


def pieces_of(mask: NDArray[np.bool_], gaps: list[Gap]) -> Pieces:
    """Return the pieces of a mask with an empty margin, taking what `gaps` interrupt as one piece."""
    return _pieces_of(runs_of(mask), gaps)


def _pieces_of(runs: MaskRuns, gaps: list[Gap]) -> Pieces:
    numbers = piece_numbers(runs)
    count = int(numbers.max(initial=0))
    if count > 1 and gaps:
        labels = Pieces(runs, numbers, np.empty(0, np.int64)).labels
        root = np.arange(count + 1, dtype=np.int32)
        for gap in gaps:
            planes = np.moveaxis(labels, gap.axis, 0)
            before, after = planes[gap.start - 1], planes[gap.stop]
            both = (before > 0) & (after > 0)
            for a, b in np.unique(np.column_stack([before[both], after[both]]), axis=0):
                root[root == root[b]] = root[a]
        numbers = root[numbers]
    return Pieces(runs, numbers, np.bincount(numbers, runs.lengths, minlength=2).astype(np.int64))


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:
    """Report the islands of each segment that is not a lesion, with their distance from the body.

    A piece that reaches the border of the image may continue into the body outside, so it is no island. Nor is a
    crumb beside a body that is hardly thicker than a voxel.
    """
    yield from SHAPE_CHECK.run(case, protocol)


def _find(shape: SegmentShape, limit: Range) -> ShapeErrors:
    terminology = shape.segment.terminology
    many = terminology is not None and (terminology.type.scheme, terminology.type.value) in _MANY_BODIES
    if shape.is_lesion or many:
        return ShapeErrors((), 0)
    pieces = _pieces_of(shape.runs, find_gaps(shape.mask))
    if not len(pieces.islands):
        return ShapeErrors((), 0)
    at_border = set(np.unique(pieces.numbers[_at_border(shape, pieces.runs)]).tolist())
    islands = [int(n) for n in pieces.islands if pieces.sizes[n] * shape.voxel_mm3 not in limit and int(n) not in at_border]
    if not islands:
        return ShapeErrors((), 0)
    body = pieces.runs.select(np.isin(pieces.numbers, pieces.parts))
    if _is_sheet(shape, pieces, body):
        islands = [n for n in islands if _distance_mm(body, pieces.piece(n), shape.voxel_mm) > _CRUMB_MM]
    shown = tuple(_error(shape, pieces.piece(n), body) for n in islands[:MOST_FINDINGS])
    return ShapeErrors(shown, len(islands))


def _at_border(shape: SegmentShape, runs: MaskRuns) -> NDArray[np.bool_]:
    """Return which runs reach the border of the image on any side."""
    found = np.zeros(len(runs.starts), bool)
    for axis, (first, last) in enumerate(runs.ends):
        if shape.planes_to_border(axis, last=False) == 0:
            found |= first == 1
        if shape.planes_to_border(axis, last=True) == 0:
            found |= last == runs.shape[axis] - 2
    return found


def _is_sheet(shape: SegmentShape, pieces: Pieces, body: MaskRuns) -> bool:
    """Return whether less than a tenth of a body's voxels have six neighbours in it."""
    mask = shape.mask.copy()
    mask.ravel()[pieces.runs.select(~np.isin(pieces.numbers, pieces.parts)).indices()] = False
    needed, enclosed = _SHEET * int(body.lengths.sum()), 0
    # From the largest slice on: of most bodies, a few slices have enough.
    for k in np.argsort(-body.areas(0)):
        if not 0 < k < len(mask) - 1:
            continue
        inner = mask[k - 1, 1:-1, 1:-1] & mask[k + 1, 1:-1, 1:-1] & mask[k, 1:-1, 1:-1]
        inner &= mask[k, :-2, 1:-1]
        inner &= mask[k, 2:, 1:-1]
        inner &= mask[k, 1:-1, :-2]
        inner &= mask[k, 1:-1, 2:]
        enclosed += int(np.count_nonzero(inner))
        if enclosed >= needed:
            return False
    return True


def _distance_mm(body: MaskRuns, piece: MaskRuns, voxel_mm: NDArray[np.float64]) -> float:
    """Return the distance between the nearest voxels of a body and of a piece apart from it, in mm."""
    to_box = body.distances_mm(piece.box(), voxel_mm)
    # No run is nearer than to the box around the piece, and none of interest farther than the nearest one to its first run.
    reach = float(body.distances_mm(piece.select(np.arange(len(piece.starts)) == 0).box(), voxel_mm).min())
    near = body.select(to_box <= reach)
    return min(float(near.distances_mm(box, voxel_mm).min()) for box in piece.boxes())


def _error(shape: SegmentShape, piece: MaskRuns, body: MaskRuns) -> ShapeError:
    box, voxels = piece.box(), int(piece.lengths.sum())
    volume_mm3 = voxels * shape.voxel_mm3
    size, distance_mm = size_text(voxels, volume_mm3), _distance_mm(body, piece, shape.voxel_mm)
    message = f"{shape.segment.name} has an island of {size}, {distance_mm:.1f} mm from its body."
    return ShapeError(message, volume_text(volume_mm3), piece.mask(box), box)


SHAPE_CHECK = ShapeCheck(ID, "islands", "island_mm3", DEFAULT, _find, "remove_islands")
