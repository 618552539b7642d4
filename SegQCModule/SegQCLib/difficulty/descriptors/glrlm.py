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

from SegQCLib.difficulty.descriptors.grey_levels import GreyLevels
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

DEFINITIONS = {name: define(kind, _WORDS, "", ibsi) for name, (kind, ibsi) in _KINDS.items()}


def run_lengths(region: GreyLevels) -> NDArray[np.intp]:
    """Return how many runs have each of n grey levels and each length 1 to m, shape (direction, n, m).

    Directions in which no line holds two voxels of the region are left out.
    """
    side, longest = len(region.levels) + 1, max(region.rank.shape) - 2
    flat = region.flat
    padded = np.concatenate([flat, np.zeros(max((step for _, step in region.directions), default=0), flat.dtype)])
    counts = []
    for direction, step in region.directions:
        # Columns of this view are the lines in the direction, end to end; the margin keeps them apart.
        lines = padded[: -(-len(flat) // step) * step].reshape(-1, step).T.ravel()
        changes = np.flatnonzero(lines[1:] != lines[:-1])
        length = changes[1:] - changes[:-1]
        np.minimum(length, longest + 1, out=length)  # gaps between runs can be longer than any run
        keys = lines[changes[1:]] * np.intp(longest + 2)
        keys += length
        found = np.bincount(keys, minlength=side * (longest + 2)).reshape(side, -1)[1:, 1:-1]
        if found[:, 1:].any() or _some_line_holds_two(region, direction, step):
            counts.append(found)
    return np.stack(counts) if counts else np.zeros((0, side - 1, longest), np.intp)


def _some_line_holds_two(region: GreyLevels, direction: tuple[int, ...], step: int) -> bool:
    if region.flat[step:][region.inside].any():
        return True
    voxels = np.argwhere(region.rank)
    axis = next(axis for axis, along in enumerate(direction) if along)
    where_lines_start = voxels - voxels[:, axis, None] * direction[axis] * np.array(direction)
    return len(np.unique(where_lines_start, axis=0)) < len(voxels)


def glrlm_features(counts: NDArray[np.integer], levels: NDArray[np.float64]) -> dict[str, float]:
    """Return the 16 features of run length counts, named and defined in `DEFINITIONS`.

    Parameters
    ----------
    counts : ndarray of int, shape (direction, n, m)
        As `run_lengths` gives them; summed over directions for IBSI's merged matrix.
    levels : ndarray of float64, shape (n,)
        Grey levels that occur.
    """
    if not len(counts):
        return dict.fromkeys(DEFINITIONS, math.nan)
    occurring = np.flatnonzero(counts.any(axis=(0, 1)))
    features = level_size_features(counts[:, :, occurring], levels, occurring + 1.0)
    return {name: float(features[kind].mean()) for name, (kind, _) in _KINDS.items()}
