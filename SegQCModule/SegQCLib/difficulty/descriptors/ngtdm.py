"""Neighbouring grey tone difference matrix (NGTDM): how voxels differ from their surroundings, by pyradiomics' definitions.

For each grey level i: p(i) is its share of the N voxels, s(i) the sum of |i - mean level of the voxel's neighbours in the
region| over its voxels; 26 neighbours, in a slice 8. n is the number of levels that occur. As in pyradiomics a voxel
without a neighbour counts in p and adds 0 to s; IBSI leaves it out.
Sources: Amadasun and King, IEEE Trans Syst Man Cybern 19:1264-1274, 1989; pyradiomics; IBSI.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from SegQCLib.difficulty.descriptors.definition import Definition
from SegQCLib.difficulty.descriptors.grey_levels import GreyLevels

DEFINITIONS = {
    "coarseness": Definition(
        "coarseness: slow change of grey levels",
        "1 / Σ p(i) s(i)",
        "1 / grey level",
        "above 0; 1,000,000 where every voxel equals its surroundings",
        "QCDE",
    ),
    "contrast": Definition(
        "local contrast times range of levels",
        "Σij p(i) p(j) (i - j)² / (n (n - 1)) · Σ s(i) / N",
        "grey level³",
        "0 or more; 0 where the region has one grey level",
        "65HE",
    ),
    "busyness": Definition(
        "busyness: rapid change between neighbours",
        "Σ p(i) s(i) / Σij |i p(i) - j p(j)|",
        "1",
        "0 or more; 0 where the divisor is 0",
        "NQ30",
    ),
    "complexity": Definition(
        "complexity: many and abrupt changes of grey level",
        "Σij |i - j| (p(i) s(i) + p(j) s(j)) / (p(i) + p(j)) / N",
        "grey level²",
        "0 or more",
        "HDEZ",
    ),
    "strength": Definition(
        "strength: clearly separated grey levels",
        "Σij (p(i) + p(j)) (i - j)² / Σ s(i)",
        "grey level",
        "0 or more; 0 where every voxel equals its surroundings",
        "1X9X",
    ),
}


def tone_differences(region: GreyLevels) -> NDArray[np.float64]:
    """Return s(i), the summed difference between the voxels of each grey level and their surroundings, shape (n,)."""
    largest_sum = 3 ** len(region.axes) * int(region.levels[-1])
    level_of_rank = np.concatenate([[0], region.levels]).astype(np.min_scalar_type(largest_sum))
    level = level_of_rank.take(region.flat)
    sums = _sums_of_surroundings(level, region)
    numbers = _sums_of_surroundings((region.flat > 0).view(np.uint8), region)
    differences = np.abs(level.take(region.inside) - sums / np.maximum(numbers, 1))
    differences[numbers == 0] = 0
    return np.bincount(region.inside_rank, weights=differences, minlength=len(region.levels) + 1)[1:]


def _sums_of_surroundings(flat: NDArray, region: GreyLevels) -> NDArray:
    """Return for each voxel of the region the sum over its neighbours, without itself."""
    boxes = flat
    for axis in region.axes:
        stride = region.stride(axis)
        # The margin is 0, so that what a step carries over from the next line never reaches the region.
        wider = boxes.copy()
        wider[stride:] += boxes[:-stride]
        wider[:-stride] += boxes[stride:]
        boxes = wider
    boxes -= flat
    return boxes.take(region.inside)


def ngtdm_features(counts: NDArray[np.integer], differences: NDArray[np.float64], levels: NDArray[np.float64]) -> dict[str, float]:
    """Return the 5 features, named and defined in `DEFINITIONS`.

    Parameters
    ----------
    counts : ndarray of int, shape (n,)
        Voxels of each grey level that occurs.
    differences : ndarray of float64, shape (n,)
        s(i), as `tone_differences` gives it.
    levels : ndarray of float64, shape (n,)
    """
    voxels, number = int(counts.sum()), len(levels)
    share = counts / voxels
    weighted = share * differences
    total, weighted_total = float(differences.sum()), float(weighted.sum())
    mean = float((share * levels).sum())
    variance = float((share * (levels - mean) ** 2).sum())
    apart = np.abs(levels[:, None] - levels)
    level_share = levels * share
    unevenness = float(np.abs(level_share[:, None] - level_share).sum())
    changes = float((apart * (weighted[:, None] + weighted) / (share[:, None] + share)).sum())
    return {
        "coarseness": 1 / weighted_total if weighted_total else 1e6,
        # Σij p(i) p(j) (i - j)² is twice the variance.
        "contrast": 2 * variance / (number * (number - 1)) * total / voxels if number > 1 else 0.0,
        "busyness": weighted_total / unevenness if unevenness else 0.0,
        "complexity": changes / voxels,
        "strength": float(((share[:, None] + share) * apart**2).sum()) / total if total else 0.0,
    }
