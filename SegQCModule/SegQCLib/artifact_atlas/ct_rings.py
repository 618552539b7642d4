"""CT rings: detector elements that read too much or too little."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from SegQCLib.artifact_atlas.ct_slice import CTSlice


def ct_rings(image: CTSlice, gain_error: float, seed: int) -> NDArray[np.float64]:
    """Return the slice, HU, of a detector whose elements are off by factors around 1.

    Parameters
    ----------
    image : CTSlice
    gain_error : float
        Standard deviation of the factors' logarithm. An element that is off in every view makes a ring around the axis of
        rotation (Barrett and Keat, RadioGraphics 2004;24:1679). One element in four is off.
    seed : int
    """
    rng = np.random.default_rng(seed)
    elements = image.hu.shape[1]
    error = np.where(rng.random(elements) < 0.25, rng.normal(0, gain_error, elements), 0)
    return image.with_projections(lambda projections: projections - error)
