"""MR aliasing: a field of view that is smaller than the patient."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def mr_aliasing(image: NDArray[np.floating], rows: int) -> NDArray[np.float64]:
    """Return the middle `rows` rows of an image with what lies outside of them folded over, as phase encoding along j does.

    Raises
    ------
    ValueError
        If there are not so many rows.
    """
    if not 0 < rows <= image.shape[0]:
        raise ValueError(f"{rows} of {image.shape[0]} rows cannot be the field of view.")
    first = (image.shape[0] - rows) // 2
    folded = np.zeros((rows, image.shape[1]))
    for row, values in enumerate(image):
        folded[(row - first) % rows] += values
    return folded
