"""Remove the pieces apart from the body of a segment."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

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
    boxes = ndimage.find_objects(pieces.labels)
    small = pieces.sizes[pieces.islands] * math.prod(spacing_mm) < smaller_than_mm3
    kept = np.ones(len(pieces.sizes), bool)
    kept[[n for n in pieces.islands[small] if not crop.at_border(boxes[n - 1])]] = False
    repaired[crop.box] &= kept[pieces.labels][1:-1, 1:-1, 1:-1]
    return repaired
