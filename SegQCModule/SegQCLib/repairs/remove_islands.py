"""Remove the pieces apart from the body of a segment."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from SegQCLib.checks.islands import pieces_of
from SegQCLib.checks.skipped_slices import find_gaps
from SegQCLib.geometry import Vector
from SegQCLib.repairs.margin import with_margin

ID = "remove_islands"


def remove_islands(mask: NDArray[np.bool_], spacing_mm: Vector, smaller_than_mm3: float = math.inf) -> NDArray[np.bool_]:
    """Return a mask without its islands.

    What an island is, is said by the check `islands`: not a piece of at least a tenth of the largest, not one
    at the border of the array, not one that only skipped slices separate, and none where a structure comes in
    three or more parts.

    Parameters
    ----------
    mask : ndarray of bool, shape (k, j, i)
        The whole image: a piece at its border may continue outside.
    spacing_mm : tuple of float
        Along (k, j, i).
    smaller_than_mm3 : float
        Islands of this volume and more are kept.
    """
    repaired = mask.copy()
    crop = with_margin(mask)
    if crop is None:
        return repaired
    pieces = pieces_of(crop.mask, find_gaps(crop.mask))
    small = pieces.sizes[pieces.islands] * math.prod(spacing_mm) < smaller_than_mm3
    for number in pieces.islands[small]:
        island = pieces.piece(number)
        if not crop.at_border(island.box()):
            crop.mask[np.unravel_index(island.indices(), crop.mask.shape)] = False
    repaired[crop.box] = crop.mask[1:-1, 1:-1, 1:-1]
    return repaired
