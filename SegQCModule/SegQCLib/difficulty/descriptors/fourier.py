"""Power of slow against fast changes in space: smooth regions and outlines have much of the first.

Fournel et al. name a "Fourier SNR" without a formula. The definition here is SegQC's own.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from SegQCLib.difficulty.descriptors.meaning import Meaning

CUT_OFF = 0.25  # cycles per voxel, half of the highest frequency that a grid can hold along one axis
LIMIT_DB = 120.0  # beyond, the weaker part is rounding

MEANINGS = {"snr_db": Meaning("power of coarse against fine structure", "dB")}


def fourier(values: NDArray[np.float64]) -> dict[str, float]:
    """Return snr_db: 10 log10 of the power at low over the power at high spatial frequency.

    Power is |DFT|^2 of the values without their mean. Low is 0 < |f| <= 0.25 cycles per voxel, high the rest, with
    |f|^2 the sum of the squared frequencies along the axes, in cycles per voxel: what the grid can resolve counts, not mm.
    -120 to 120 dB (cut off there). Undefined (NaN) if all values are equal.

    Parameters
    ----------
    values : ndarray of float, 2-D or 3-D
        A region without what surrounds it (`plain_box`), or a mask as 0 and 1.
    """
    varying = values - values.mean()
    # Of real values the negative frequencies along the last axis mirror the positive ones.
    power = np.square(np.abs(np.fft.rfftn(varying)))
    power[..., 1 : (values.shape[-1] + 1) // 2] *= 2
    along = [*(np.fft.fftfreq(size) for size in values.shape[:-1]), np.fft.rfftfreq(values.shape[-1])]
    squares = sum(np.meshgrid(*(frequencies**2 for frequencies in along), indexing="ij", sparse=True))
    low = squares <= CUT_OFF**2
    total = float(power.sum())
    # What rounding leaves of values that are all equal.
    if total <= 1e-24 * float((values**2).sum()) * values.size or total == 0:
        return {"snr_db": math.nan}
    coarse = float(power[low].sum()) / total
    floor = 10 ** (-LIMIT_DB / 10)
    return {"snr_db": 10 * math.log10(max(coarse, floor) / max(1 - coarse, floor))}
