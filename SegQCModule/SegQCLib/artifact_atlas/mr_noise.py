"""MR noise: of both channels of the receiver, as magnitude images have it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def mr_noise(magnitude: NDArray[np.floating], sigma: float, seed: int) -> NDArray[np.float64]:
    """Return a magnitude image with noise of standard deviation `sigma` in the real and in the imaginary channel.

    The result is Rician distributed, Rayleigh where there is no signal (Gudbjartsson and Patz, Magn Reson Med 1995;34:910).
    `sigma` is in the image's grey values.
    """
    rng = np.random.default_rng(seed)
    return np.hypot(magnitude + rng.normal(0, sigma, magnitude.shape), rng.normal(0, sigma, magnitude.shape))
