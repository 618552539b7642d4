"""Separate pieces of a mask and cavities in it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


def island_count(mask: NDArray[np.bool_]) -> int:
    """Return the number of pieces beyond the largest: components that share no face, edge or corner (26-connected).

    0 for an empty mask and for a mask in one piece.
    """
    _, components = ndimage.label(mask, np.ones((3, 3, 3)))
    return max(0, components - 1)


def hole_count(mask: NDArray[np.bool_]) -> int:
    """Return the number of cavities: background that does not reach the outside through shared faces (6-connected)."""
    background = np.pad(~mask, 1, constant_values=True)
    _, components = ndimage.label(background)
    return components - 1
