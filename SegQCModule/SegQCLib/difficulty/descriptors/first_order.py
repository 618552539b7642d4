"""First-order statistics: the distribution of grey values in a region, by pyradiomics' definitions.

Symbols: x are the grey values of the N voxels, m their mean, p(i) the share of voxels in grey level i (fixed bin width),
V the volume of a voxel in mm3 (in a 2-D image its area in mm2). Percentiles are interpolated linearly.
Sources: van Griethuysen et al., Cancer Res 77:e104-e107, 2017 (pyradiomics); Zwanenburg et al., Radiology 295:328-338,
2020 (IBSI, whose codes stand with the definitions).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from SegQCLib.difficulty.descriptors.definition import Definition

_VALUE, _SQUARED = "grey value", "grey value²"

DEFINITIONS = {
    "energy": Definition("sum of squared grey values", "Σ x²", _SQUARED, "0 or more", "N8CA"),
    "total_energy": Definition("energy times voxel volume", "V Σ x²", "grey value² mm³ (2-D: grey value² mm²)", "0 or more", None),
    "entropy": Definition("disorder of the histogram", "-Σ p(i) log2 p(i)", "bit", "0 to log2 of the number of levels", "TLU2"),
    "minimum": Definition("lowest grey value", "min x", _VALUE, "any", "1GSF"),
    "10_percentile": Definition("10th percentile of the grey values", "P10(x)", _VALUE, "any", "QG58"),
    "90_percentile": Definition("90th percentile of the grey values", "P90(x)", _VALUE, "any", "8DWT"),
    "maximum": Definition("highest grey value", "max x", _VALUE, "any", "84IY"),
    "mean": Definition("mean grey value", "Σ x / N", _VALUE, "any", "Q4LE"),
    "median": Definition("median grey value", "P50(x)", _VALUE, "any", "Y12H"),
    "interquartile_range": Definition(
        "range of the middle half of the grey values", "P75(x) - P25(x)", _VALUE, "0 or more", "SALO"
    ),
    "range": Definition("range of the grey values", "max x - min x", _VALUE, "0 or more", "2OJQ"),
    "mean_absolute_deviation": Definition(
        "mean distance of the grey values from their mean", "Σ |x - m| / N", _VALUE, "0 or more", "4FUA"
    ),
    "robust_mean_absolute_deviation": Definition(
        "mean distance from the mean, of grey values between the 10th and 90th percentile",
        "the same of the x with P10 <= x <= P90",
        _VALUE,
        "0 or more; NaN for two voxels of different grey values, of which neither lies between",
        "1128",
    ),
    "root_mean_squared": Definition("root of the mean squared grey value", "√(Σ x² / N)", _VALUE, "0 or more", "5ZWQ"),
    "skewness": Definition(
        "asymmetry of the grey values",
        "μ3 / μ2^1.5, where μk = Σ (x - m)^k / N",
        "1",
        "any; 0 where all grey values are equal",
        "KE2A",
    ),
    "kurtosis": Definition(
        "peakedness of the grey values (3 for a normal distribution)",
        "μ4 / μ2² (IBSI subtracts 3)",
        "1",
        "1 or more; 0 where all grey values are equal",
        "IPH6",
    ),
    "variance": Definition("variance of the grey values", "Σ (x - m)² / N", _SQUARED, "0 or more", "ECT3"),
    "uniformity": Definition("uniformity of the histogram", "Σ p(i)²", "1", "above 0, up to 1", "BJ5W"),
}


def first_order(values: NDArray[np.float64], level_counts: NDArray[np.integer], voxel_size: float) -> dict[str, float]:
    """Return the 18 first-order statistics, named and defined in `DEFINITIONS`.

    Parameters
    ----------
    values : ndarray of float64, shape (N,)
        Grey values of the region, N > 0.
    level_counts : ndarray of int, shape (n,)
        Voxels of each grey level.
    voxel_size : float
        Volume of a voxel in mm3, or its area in mm2 in a 2-D image.
    """
    total = len(values)
    values = np.sort(values)
    p10, p25, p50, p75, p90 = (_percentile(values, percent) for percent in (10, 25, 50, 75, 90))
    lowest, highest = float(values[0]), float(values[-1])
    middle = values[np.searchsorted(values, p10) : np.searchsorted(values, p90, side="right")]
    # The rounded sum would make a flat region look varied.
    mean = lowest if lowest == highest else float(values.sum()) / total
    from_mean = values - mean
    squared = from_mean * from_mean
    variance = float(squared.sum()) / total
    # numpy's dot product would start BLAS threads, which fight with the processes that describe slices side by side.
    third = float(np.einsum("i,i", squared, from_mean)) / total
    fourth = float(np.einsum("i,i", squared, squared)) / total
    energy = float(np.einsum("i,i", values, values))
    share = level_counts / total
    return {
        "energy": energy,
        "total_energy": energy * voxel_size,
        "entropy": float(-(share * np.log2(share)).sum()) + 0.0,
        "minimum": lowest,
        "10_percentile": p10,
        "90_percentile": p90,
        "maximum": highest,
        "mean": mean,
        "median": p50,
        "interquartile_range": p75 - p25,
        "range": highest - lowest,
        "mean_absolute_deviation": float(np.abs(from_mean, out=from_mean).sum()) / total,
        "robust_mean_absolute_deviation": _mean_absolute_deviation(middle),
        "root_mean_squared": (energy / total) ** 0.5,
        "skewness": third / variance**1.5 if variance else 0.0,
        "kurtosis": fourth / variance**2 if variance else 0.0,
        "variance": variance,
        "uniformity": float((share * share).sum()),
    }


def _mean_absolute_deviation(values: NDArray[np.float64]) -> float:
    if not len(values):
        return math.nan
    return float(np.abs(values - values.sum() / len(values)).sum()) / len(values)


def _percentile(ordered: NDArray[np.float64], percent: int) -> float:
    place = (len(ordered) - 1) * percent / 100
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return float(ordered[below] + (ordered[above] - ordered[below]) * (place - below))
