"""At which scales a region or an outline changes: statistics of the energy of wavelet details.

Fournel et al. name dominant scale, scale ratio, energy variance and fractality of an 8-level Daubechies analysis without
formulas; the definitions here are SegQC's own. Fractality follows Flandrin, IEEE Trans Inf Theory 1992;38:910-917, where
the variance of the details of fractional Brownian motion grows with a fixed power of the scale.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from SegQCLib.difficulty.descriptors.meaning import Meaning

PAPER_LEVELS = 8

MEANINGS = {
    "dominant_scale": Meaning("scale with most detail, 1 the finest"),
    "scale_ratio": Meaning("part of the detail that is fine"),
    "energy_variance": Meaning("concentration of detail in few scales"),
    "fractality": Meaning("growth of detail from scale to scale, low for fragmented structure", "bit per level"),
}


def wavelet_8_levels(values: NDArray[np.float64], wavelet: str) -> dict[str, float]:
    """Return wavelet statistics of 8 levels, as in the paper.

    A level halves the resolution, so that a crop of n pixels holds log2(n / (filter length - 1)) levels: 3 for 30 pixels
    and db2. PyWavelets goes on beyond that: each level extends what is left by mirroring, until db2 has 3 and db1 has 1
    coefficient along an axis. Such levels say more of the crop's size and border than of the structure in it.
    """
    return _statistics(values, wavelet, PAPER_LEVELS)


def wavelet_bounded(values: NDArray[np.float64], wavelet: str) -> dict[str, float]:
    """Return wavelet statistics of as many levels, at most 8, as the crop can hold; undefined (NaN) if it holds none."""
    pywt = _pywavelets()
    levels = min(PAPER_LEVELS, pywt.dwtn_max_level(values.shape, wavelet, axes=(-2, -1)))
    return _statistics(values, wavelet, levels)


def _statistics(values: NDArray[np.float64], wavelet: str, levels: int) -> dict[str, float]:
    """Return statistics of the detail energy E(l) of levels 1 (finest) to L, with shares p(l) = E(l) / sum(E).

    E(l) is the sum of the squares of the three detail bands of the slices' planes, over all slices; the values are
    mirrored at the borders ("symmetric").

    - dominant_scale: the l with the largest E(l), 1 to L;
    - scale_ratio: sum of the p(l) of the finer half of the levels, l <= (L + 1) / 2; 0 (all coarse) to 1 (all fine);
    - energy_variance: variance of the p(l), 0 (all alike) to (L - 1) / L^2 (all in one);
    - fractality: slope of log2(E(l) / number of coefficients of level l) against l, by least squares over the levels that
      hold a millionth of a millionth of the energy or more; undefined (NaN) for fewer than two.

    All undefined (NaN) where L = 0 or the values are all equal.
    """
    pywt = _pywavelets()
    undefined = dict.fromkeys(MEANINGS, math.nan)
    varying = values - values.mean()
    if levels == 0 or float((varying**2).sum()) <= 1e-24 * float((values**2).sum()):
        return undefined
    energies, sizes = np.zeros(levels), np.zeros(levels)
    for level in range(levels):
        bands = pywt.dwtn(varying, wavelet, mode="symmetric", axes=(-2, -1))
        varying = bands.pop("aa")
        energies[level] = sum(float((band**2).sum()) for band in bands.values())
        sizes[level] = sum(band.size for band in bands.values())
    total = float(energies.sum())
    if total == 0:
        return undefined
    shares = energies / total
    held = shares >= 1e-12
    scales = np.arange(1, levels + 1)
    fractality = math.nan
    if np.count_nonzero(held) > 1:
        from_mean = scales[held] - scales[held].mean()
        fractality = float(from_mean @ np.log2(energies[held] / sizes[held]) / (from_mean @ from_mean))
    return {
        "dominant_scale": float(scales[energies.argmax()]),
        "scale_ratio": float(shares[: (levels + 1) // 2].sum()),
        "energy_variance": float(shares.var()),
        "fractality": fractality,
    }


def _pywavelets():
    try:
        import pywt
    except ImportError as error:
        raise ImportError("The wavelet descriptors need PyWavelets, which is not installed: pip install PyWavelets.") from error
    return pywt
