"""How many parts a mask has, and how many holes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


def components_and_holes(mask: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the number of parts of a mask and of the holes in it.

    Voxels that touch at an edge or corner belong to one part, so that a thin oblique lesion is one; the outside is then
    joined by faces only. In a slice a hole is surrounded in the slice, in a volume it is a closed cavity.

    Parameters
    ----------
    mask : ndarray of bool, 2-D or 3-D
        With an empty margin on all sides.
    """
    _, components = ndimage.label(mask, np.ones((3,) * mask.ndim))
    _, outside = ndimage.label(~mask)
    return float(components), float(outside - 1)
