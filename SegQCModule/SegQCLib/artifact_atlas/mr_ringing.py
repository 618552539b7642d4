"""MR ringing: too few lines of k-space."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def mr_ringing(magnitude: NDArray[np.floating], kept: float) -> NDArray[np.float64]:
    """Return a magnitude image of which only the central share `kept` (0 to 1) of k-space was acquired along j.

    The missing lines are filled with zeros: beside an edge the image overshoots by 8.95 % of the step on either side, whatever
    is kept, and the ripples widen (Gibbs; Czervionke et al., AJR 1988;151:1219).

    Raises
    ------
    ValueError
        If nothing is kept.
    """
    rows = magnitude.shape[0]
    frequency = np.abs(np.fft.fftfreq(rows)) * 2
    if not 0 < kept <= 1:
        raise ValueError(f"{kept:g} of k-space cannot be kept; give a share above 0, up to 1.")
    space = np.fft.fft(magnitude, axis=0)
    return np.abs(np.fft.ifft(np.where((frequency <= kept)[:, np.newaxis], space, 0), axis=0))
