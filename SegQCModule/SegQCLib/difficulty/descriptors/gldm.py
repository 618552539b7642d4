"""Grey level dependence matrix (GLDM): how many neighbours share a voxel's grey level, by pyradiomics' definitions.

A voxel of grey level i has dependence j: 1 plus the number of its 26 (in a slice 8) neighbours in the region that have
the same level (α = 0). P(i, j) is the number of such voxels, Nz the number of voxels, p = P / Nz.
Sources: Sun and Wee, Comput Vis Graph Image Process 23:341-352, 1983; pyradiomics; IBSI (NGLDM).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from SegQCLib.difficulty.descriptors.grey_levels import GreyLevels
from SegQCLib.difficulty.descriptors.level_sizes import define, level_size_features

_KINDS = {
    "small_dependence_emphasis": ("small", "SODN"),
    "large_dependence_emphasis": ("large", "IMOQ"),
    "gray_level_non_uniformity": ("level_non_uniformity", "FP8K"),
    "dependence_non_uniformity": ("size_non_uniformity", "Z87G"),
    "dependence_non_uniformity_normalized": ("size_non_uniformity_normalized", "OKJI"),
    "gray_level_variance": ("level_variance", "1PFV"),
    "dependence_variance": ("size_variance", "DNX2"),
    "dependence_entropy": ("entropy", "FCBV"),
    "low_gray_level_emphasis": ("low_level", "TL9H"),
    "high_gray_level_emphasis": ("high_level", "OAE7"),
    "small_dependence_low_gray_level_emphasis": ("small_low_level", "EQ3F"),
    "small_dependence_high_gray_level_emphasis": ("small_high_level", "JA6D"),
    "large_dependence_low_gray_level_emphasis": ("large_low_level", "NBZI"),
    "large_dependence_high_gray_level_emphasis": ("large_high_level", "9QMG"),
}
_WORDS = {
    "things": "voxels",
    "sizes": "numbers of equal neighbours",
    "short": "isolated",
    "long": "homogeneously surrounded",
}

DEFINITIONS = {name: define(kind, _WORDS, ibsi) for name, (kind, ibsi) in _KINDS.items()}


def dependences(region: GreyLevels) -> NDArray[np.intp]:
    """Return how many voxels have each of n grey levels and each dependence 1 to 27 (in a slice 9), shape (n, 27 or 9)."""
    flat = region.flat
    dependence = np.ones(len(flat), np.uint8)
    for _, step in region.directions:
        equal = (flat[:-step] == flat[step:]).view(np.uint8)
        dependence[:-step] += equal
        dependence[step:] += equal
    largest = 2 * len(region.directions) + 1
    keys = region.inside_rank * np.intp(largest)
    keys += dependence[region.inside]
    return np.bincount(keys, minlength=(len(region.levels) + 1) * largest + 1)[largest + 1 :].reshape(-1, largest)


def gldm_features(counts: NDArray[np.integer], levels: NDArray[np.float64]) -> dict[str, float]:
    """Return the 14 features of dependence counts, named and defined in `DEFINITIONS`.

    Parameters
    ----------
    counts : ndarray of int, shape (n, m)
        Voxels of each grey level and dependence 1 to m.
    levels : ndarray of float64, shape (n,)
        Grey levels that occur.
    """
    features = level_size_features(counts[None], levels, np.arange(1.0, counts.shape[1] + 1))
    return {name: features[kind] for name, (kind, _) in _KINDS.items()}
