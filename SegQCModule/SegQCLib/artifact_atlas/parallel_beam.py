"""Parallel projections of a slice and their filtered back projection."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


def view_angles_deg(views: int) -> NDArray[np.float64]:
    """Return the angles of a half rotation, degrees."""
    return np.arange(views) * (180.0 / views)


def project(slice_per_mm: NDArray[np.floating], angles_deg: NDArray[np.float64], pixel_mm: float) -> NDArray[np.float64]:
    """Return the line integrals of a slice at each angle.

    Parameters
    ----------
    slice_per_mm : ndarray, shape (n, n)
        Attenuation, 1/mm; 0 in the corners outside of the circle in the square.
    angles_deg : ndarray, shape (views,)
    pixel_mm : float

    Returns
    -------
    ndarray, shape (views, n)
        No unit. The column is the place on the detector; the axis of rotation is its middle.
    """
    turned = (ndimage.rotate(slice_per_mm, angle, reshape=False, order=1) for angle in angles_deg)
    return np.array([one.sum(axis=0) for one in turned]) * pixel_mm


def reconstruct(projections: NDArray[np.floating], angles_deg: NDArray[np.float64], pixel_mm: float) -> NDArray[np.float64]:
    """Return the slice of parallel projections over a half rotation, 1/mm: filtered back projection with the ramp filter.

    The filter is the band-limited ramp sampled in space, so that a uniform disc keeps its value (Kak and Slaney, Principles of
    Computerized Tomographic Imaging, IEEE Press 1988, chapter 3, eq. 61).
    """
    views, n = projections.shape
    padded = 2 ** math.ceil(math.log2(2 * n))
    place = np.fft.fftfreq(padded, 1 / padded)
    kernel = np.zeros(padded)
    kernel[0] = 1 / (4 * pixel_mm**2)
    odd = place.astype(int) % 2 == 1
    kernel[odd] = -1 / (math.pi * place[odd] * pixel_mm) ** 2
    ramp = np.fft.rfft(kernel).real
    filtered = np.fft.irfft(np.fft.rfft(projections, padded, axis=1) * ramp, padded, axis=1)[:, :n] * pixel_mm
    middle = (n - 1) / 2
    rows, columns = np.mgrid[:n, :n] - middle
    total = np.zeros((n, n))
    for row, angle in zip(filtered, np.deg2rad(angles_deg), strict=True):
        # The inverse of the turn that `project` makes.
        at = columns * math.cos(angle) + rows * math.sin(angle) + middle
        total += np.interp(at, np.arange(n), row, left=0.0, right=0.0)
    return total * math.pi / views
