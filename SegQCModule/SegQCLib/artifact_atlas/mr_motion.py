"""MR motion: lines of k-space acquired at different places of a breathing patient."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def mr_motion(magnitude: NDArray[np.floating], amplitude_pixels: float, cycles: float) -> NDArray[np.float64]:
    """Return a magnitude image of a patient who moves along the rows while its lines are acquired.

    Parameters
    ----------
    magnitude : ndarray, shape (j, i)
        Phase encoding runs along j, one line of k-space after the other.
    amplitude_pixels : float
        Of the sine that the patient moves by, in pixels along j.
    cycles : float
        How many breaths the acquisition takes. They part the ghosts by as many pixels (Wood and Henkelman, Med Phys 1985;12:143).
    """
    rows = magnitude.shape[0]
    space = np.fft.fft(magnitude, axis=0)
    frequency = np.fft.fftfreq(rows)
    when = np.argsort(np.argsort(frequency)) / rows
    moved = amplitude_pixels * np.sin(2 * np.pi * cycles * when)
    return np.abs(np.fft.ifft(space * np.exp(-2j * np.pi * frequency * moved)[:, np.newaxis], axis=0))
