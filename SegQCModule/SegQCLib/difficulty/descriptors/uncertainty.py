"""What a model's uncertainty says of a region: how unsure it was, and how much of the region it was unsure of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from SegQCLib.difficulty.descriptors.meaning import Meaning
from SegQCLib.errors import BadDataError

BIN_WIDTH = 0.05
PERCENTILES = (5, 25, 50, 75, 95)
THRESHOLDS = (0.05, 0.1, 0.2, 0.3)

_ABOVE = {threshold: f"above_{threshold:g}".replace(".", "_") for threshold in THRESHOLDS}
MEANINGS = {
    "entropy": Meaning("spread of the uncertainty over low and high values", "bit"),
    "mean": Meaning("mean uncertainty"),
    "standard_deviation": Meaning("standard deviation of the uncertainty"),
    **{f"percentile_{percentile}": Meaning(f"{percentile}th percentile of the uncertainty") for percentile in PERCENTILES},
    **{name: Meaning(f"part with an uncertainty above {threshold:g}") for threshold, name in _ABOVE.items()},
}


def uncertainty_statistics(uncertainty: NDArray, mask: NDArray[np.bool_]) -> dict[str, float]:
    """Return statistics of an uncertainty map in a region.

    - entropy: -sum p log2 p of the histogram with bins of 0.05 from 0, in bit, 0 or more; it is the entropy of the values'
      distribution, not that of a probability;
    - mean, standard_deviation (of the N values, 0 or more), percentile_5, _25, _50, _75, _95 (linear interpolation);
    - above_0_05, _0_1, _0_2, _0_3: share of the region's voxels with a larger uncertainty, 0 to 1. The thresholds suit
      the standard deviation of two networks' probabilities, which is at most 0.5.

    Parameters
    ----------
    uncertainty : ndarray of float
        0 or more, for instance the standard deviation of the probabilities of several networks.
    mask : ndarray of bool, same shape
        At least one voxel.

    Raises
    ------
    BadDataError
        If a value in the region is negative or not finite.
    """
    values = uncertainty[mask].astype(np.float64)
    if not np.all(np.isfinite(values)) or values.min() < 0:
        raise BadDataError("uncertainty map", "holds negative values or values that are not numbers.", "Give 0 or more everywhere.")
    # A value on the edge between two bins belongs to the upper one in spite of rounding (0.15 / 0.05 = 2.9999...).
    _, counts = np.unique(np.floor(values / BIN_WIDTH + 1e-9), return_counts=True)
    shares = counts / len(values)
    return {
        "entropy": float(max(0.0, -(shares @ np.log2(shares)))),
        "mean": float(values.mean()),
        "standard_deviation": float(values.std()),
        **{f"percentile_{p}": float(v) for p, v in zip(PERCENTILES, np.percentile(values, PERCENTILES), strict=True)},
        **{name: float(np.mean(values > threshold)) for threshold, name in _ABOVE.items()},
    }
