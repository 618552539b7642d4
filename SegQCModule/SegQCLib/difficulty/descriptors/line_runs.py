"""Runs of equal grey levels along lines, and the pairs of levels that meet where one run ends and the next begins.

Co-occurrences (GLCM) and run lengths (GLRLM) come from one walk along the lines of each direction.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from SegQCLib.difficulty.descriptors.grey_levels import GreyLevels

TOGETHER = 2**17  # voxels counted at a time


def count_along_lines(region: GreyLevels) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Count pairs of neighbours and runs in each direction, at distance 1 voxel.

    Parameters
    ----------
    region : GreyLevels
        With n grey levels.

    Returns
    -------
    pairs : ndarray of int, shape (direction, n, n)
        How often each two grey levels are neighbours, counted both ways, so symmetric.
    runs : ndarray of int, shape (direction, n, m)
        How many longest rows of voxels of one grey level have each level and each length 1 to m. Directions in which no
        line holds two voxels of the region are left out, as in pyradiomics.
    """
    side, longest = len(region.levels) + 1, max(region.rank.shape) - 2
    pair_key = np.min_scalar_type(side * side).type
    pairs = np.zeros((len(region.directions), side * side), np.intp)
    runs = np.zeros((len(region.directions), side * (longest + 2)), np.intp)
    for number, (_, step) in enumerate(region.directions):
        for lines in _lines(region, step):
            ends = np.flatnonzero(lines[1:] != lines[:-1])
            rank = lines.take(ends)
            length = ends[1:] - ends[:-1]
            np.minimum(length, longest + 1, out=length)  # gaps between runs (rank 0) can be longer than any run
            length += rank[1:] * np.intp(longest + 2)
            runs[number] += np.bincount(length, minlength=runs.shape[1])
            rank = rank.astype(pair_key)
            pairs[number] += np.bincount(rank[:-1] * pair_key(side) + rank[1:], minlength=pairs.shape[1])
    runs = runs.reshape(-1, side, longest + 2)[:, 1:, 1:-1]
    pairs = pairs.reshape(-1, side, side)[:, 1:, 1:]
    pairs = pairs + pairs.transpose(0, 2, 1)
    # A run of m voxels holds m - 1 pairs of equal neighbours, each counted both ways.
    pairs[:, range(side - 1), range(side - 1)] = 2 * (region.counts - runs.sum(axis=2))
    used = [
        bool(pairs[number].any()) or _some_line_holds_two(region, direction)
        for number, (direction, _) in enumerate(region.directions)
    ]
    return pairs, runs[used]


def _lines(region: GreyLevels, step: int) -> Iterator[NDArray[np.unsignedinteger]]:
    """Yield the ranks along the lines of a direction, end to end and apart by margin, in parts that fit the cache."""
    if step == 1:
        lines = region.rank.reshape(-1, region.rank.shape[-1])
    else:
        length = -(-len(region.flat) // step)
        lines = region.flat_and_beyond[: length * step].reshape(length, step).T
    together = max(1, TOGETHER // lines.shape[1])
    for first in range(0, len(lines), together):
        yield lines[first : first + together].ravel()


def _some_line_holds_two(region: GreyLevels, direction: tuple[int, ...]) -> bool:
    voxels = np.argwhere(region.rank)
    axis = next(axis for axis, along in enumerate(direction) if along)
    where_lines_start = voxels - voxels[:, axis, None] * direction[axis] * np.array(direction)
    return len(np.unique(where_lines_start, axis=0)) < len(voxels)
