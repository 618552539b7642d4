"""Where an attempt differs from the experts: missed and extra voxels, as masks and as a label map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from SegQCLib.case import Box, Segment, Segmentation
from SegQCLib.protocol import QCProtocol
from SegQCLib.readers.training.structure_voxels import structure_box, structure_mask, union_of

MISSED, EXTRA, RIGHT = 1, 2, 3
# Told apart by readers who see red and green alike (Wong, Nat Methods 2011;8:441): vermillion, sky blue, bluish green.
COLORS = {MISSED: (0.835, 0.369, 0.0), EXTRA: (0.337, 0.706, 0.914), RIGHT: (0.0, 0.620, 0.451)}
_NAMES = {MISSED: "missed", EXTRA: "extra", RIGHT: "right"}


@dataclass(frozen=True, eq=False)
class Errors:
    """One structure's voxels in a box of the grid, shapes (k, j, i) of the box.

    Attributes
    ----------
    box : Box
    missed : ndarray of bool
        More than half of the experts drew it, the reader did not.
    extra : ndarray of bool
        The reader drew it, fewer than half of the experts did.
    right : ndarray of bool
        The reader drew it, and at least half of the experts did.
    """

    box: Box
    missed: NDArray[np.bool_]
    extra: NDArray[np.bool_]
    right: NDArray[np.bool_]


def structure_errors(
    candidate: Segmentation, references: Sequence[Segmentation], protocol: QCProtocol, structure: str
) -> Errors | None:
    """Return where an attempt differs from the experts in one structure; None if nobody drew any of it.

    Parameters
    ----------
    candidate : Segmentation
    references : sequence of Segmentation
        One or more experts', on the candidate's grid. What exactly half of them drew is neither missed nor extra.
    protocol : QCProtocol
    structure : str
        Name in the protocol.
    """
    boxes = [structure_box(one, protocol, structure) for one in (candidate, *references)]
    box = union_of([one for one in boxes if one is not None])
    if box is None:
        return None
    own = structure_mask(candidate, protocol, structure, box)
    votes = np.zeros(own.shape, np.int16)
    for reference in references:
        votes += structure_mask(reference, protocol, structure, box)
    votes *= 2
    count = len(references)
    return Errors(box, (votes > count) & ~own, (votes < count) & own, (votes >= count) & own)


def error_map(
    candidate: Segmentation, references: Sequence[Segmentation], protocol: QCProtocol, structures: Sequence[str]
) -> Segmentation:
    """Return where an attempt differs from the experts, on the candidate's grid.

    Parameters
    ----------
    candidate : Segmentation
    references : sequence of Segmentation
        One or more experts', on the candidate's grid; see `structure_errors`.
    protocol : QCProtocol
    structures : sequence of str
        Names in the protocol. Where structures meet, one voxel can be missed of one and extra of another: it is shown
        as missed, and an error hides what is right.

    Returns
    -------
    Segmentation
        One layer of uint8 with three segments, ids missed, extra and right, values 1, 2 and 3.

    Raises
    ------
    ValueError
        If there is no reference, or one is on another grid.
    """
    if not references or any(one.geometry.size != candidate.geometry.size for one in references):
        raise ValueError("An error map needs one or more references on the candidate's grid; align them first.")
    array = np.zeros(candidate.geometry.size, np.uint8)
    for structure in structures:
        found = structure_errors(candidate, references, protocol, structure)
        if found is None:
            continue
        part = array[found.box]
        part[found.right & (part == 0)] = RIGHT
        part[found.extra & (part != MISSED)] = EXTRA
        part[found.missed] = MISSED
    segments = tuple(Segment(name, name, value, color=COLORS[value]) for value, name in _NAMES.items())
    return Segmentation(f"{candidate.name}: missed and extra", candidate.geometry, (array,), segments)
