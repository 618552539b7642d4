"""Grey level run length matrix (GLRLM): how long voxels in a row keep their grey level, by pyradiomics' definitions.

A run is a longest row of voxels of one grey level i in one direction (13 in a volume, 4 in a slice), j its length in
voxels, P(i, j) the number of runs, Nz their number, p = P / Nz. Each feature is computed per direction and averaged over
the directions in which some line holds two voxels of the region or more (IBSI: "3D, averaged").
Everything is NaN, "undefined", where there is no such direction, as in a region of one voxel.
Sources: Galloway, Comput Graph Image Process 4:172-179, 1975; Xu et al., 2004; pyradiomics; IBSI.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from SegQCLib.difficulty.descriptors.level_sizes import define, level_size_features

_KINDS = {
    "short_run_emphasis": ("small", "22OV"),
    "long_run_emphasis": ("large", "W4KF"),
    "gray_level_non_uniformity": ("level_non_uniformity", "R5YN"),
    "gray_level_non_uniformity_normalized": ("level_non_uniformity_normalized", "OVBL"),
    "run_length_non_uniformity": ("size_non_uniformity", "W92Y"),
    "run_length_non_uniformity_normalized": ("size_non_uniformity_normalized", "IC23"),
    "run_percentage": ("percentage", "9ZK5"),
    "gray_level_variance": ("level_variance", "8CE5"),
    "run_variance": ("size_variance", "SXLW"),
    "run_entropy": ("entropy", "HJ9O"),
    "low_gray_level_run_emphasis": ("low_level", "V3SW"),
    "high_gray_level_run_emphasis": ("high_level", "G3QZ"),
    "short_run_low_gray_level_emphasis": ("small_low_level", "HTZT"),
    "short_run_high_gray_level_emphasis": ("small_high_level", "GD3A"),
    "long_run_low_gray_level_emphasis": ("large_low_level", "IVPO"),
    "long_run_high_gray_level_emphasis": ("large_high_level", "3KUM"),
}
_WORDS = {"things": "runs of one grey level", "sizes": "run lengths", "short": "short", "long": "long"}

DEFINITIONS = {name: define(kind, _WORDS, ibsi) for name, (kind, ibsi) in _KINDS.items()}


def glrlm_features(counts: NDArray[np.integer], levels: NDArray[np.float64]) -> dict[str, float]:
    """Return the 16 features of run length counts, named and defined in `DEFINITIONS`.

    Parameters
    ----------
    counts : ndarray of int, shape (direction, n, m)
        As `count_along_lines` gives them; summed over directions for IBSI's merged matrix.
    levels : ndarray of float64, shape (n,)
        Grey levels that occur.
    """
    if not len(counts):
        return dict.fromkeys(DEFINITIONS, math.nan)
    occurring = np.flatnonzero(counts.any(axis=(0, 1)))
    features = level_size_features(counts[:, :, occurring], levels, occurring + 1.0)
    return {name: features[kind] for name, (kind, _) in _KINDS.items()}
