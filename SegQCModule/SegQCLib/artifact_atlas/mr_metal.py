"""MR metal: signal that is moved and lost in the field of an implant."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def mr_metal(
    magnitude: NDArray[np.floating], centre: tuple[float, float], radius_pixels: float, shift_pixels: float
) -> NDArray[np.float64]:
    """Return a magnitude image with a metal sphere in its slice.

    Parameters
    ----------
    magnitude : ndarray, shape (j, i)
        The main field is through the slice; frequency encoding runs along i.
    centre : (float, float)
        Row and column of the sphere.
    radius_pixels : float
    shift_pixels : float
        How far the field at the sphere's surface moves signal along i; outside it falls with the third power of the distance, as
        a dipole's field does.

    Notes
    -----
    Signal is moved to where its frequency puts it: it piles up in one place and is lost in another (Schenck, Med Phys
    1996;23:815). Where the field changes by more than a pixel's shift from pixel to pixel the signal cancels out.
    """
    rows, columns = np.mgrid[: magnitude.shape[0], : magnitude.shape[1]].astype(float)
    distance = np.hypot(rows - centre[0], columns - centre[1])
    field = shift_pixels * (radius_pixels / np.maximum(distance, radius_pixels)) ** 3
    slope = np.hypot(*np.gradient(field))
    signal = np.where(distance <= radius_pixels, 0, magnitude * np.exp(-(slope**2)))
    at = np.clip(columns + field, 0, magnitude.shape[1] - 1)
    left = np.floor(at).astype(int)
    right = np.minimum(left + 1, magnitude.shape[1] - 1)
    part = at - left
    moved = np.zeros_like(field)
    line = rows.astype(int)
    np.add.at(moved, (line, left), signal * (1 - part))
    np.add.at(moved, (line, right), signal * part)
    return moved
