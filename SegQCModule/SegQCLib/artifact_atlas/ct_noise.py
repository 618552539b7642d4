"""CT noise: too few photons."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from SegQCLib.artifact_atlas.ct_slice import CTSlice


def ct_noise(image: CTSlice, photons: float, seed: int) -> NDArray[np.float64]:
    """Return the slice, HU, with the quantum noise of `photons` per detector element and view before the patient.

    The count behind the patient is Poisson distributed; so is what noise is in the projections (Barrett and Keat, RadioGraphics
    2004;24:1679). Fewer than one photon cannot be told from none.
    """

    def with_counts(projections: NDArray[np.float64]) -> NDArray[np.float64]:
        counted = np.random.default_rng(seed).poisson(photons * np.exp(-projections))
        return -np.log(np.maximum(counted, 1) / photons)

    return image.with_projections(with_counts)
