"""Grey level size zone matrix (GLSZM): how large connected zones of one grey level are, by pyradiomics' definitions.

A zone is a largest set of voxels of one grey level i that touch by a face, an edge or a corner (26 neighbours in a
volume, 8 in a slice), j its size in voxels, P(i, j) the number of zones, Nz their number, p = P / Nz. One matrix for all
directions.
Sources: Thibault et al., Pattern Recogn Inf Process 140-145, 2009; pyradiomics; IBSI.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from SegQCLib.difficulty.descriptors.grey_levels import GreyLevels
from SegQCLib.difficulty.descriptors.level_sizes import define, level_size_features

_KINDS = {
    "small_area_emphasis": ("small", "5QRC"),
    "large_area_emphasis": ("large", "48P8"),
    "gray_level_non_uniformity": ("level_non_uniformity", "JNSA"),
    "gray_level_non_uniformity_normalized": ("level_non_uniformity_normalized", "Y1RO"),
    "size_zone_non_uniformity": ("size_non_uniformity", "4JP3"),
    "size_zone_non_uniformity_normalized": ("size_non_uniformity_normalized", "VB3A"),
    "zone_percentage": ("percentage", "P30P"),
    "gray_level_variance": ("level_variance", "BYLV"),
    "zone_variance": ("size_variance", "3NSA"),
    "zone_entropy": ("entropy", "GU8N"),
    "low_gray_level_zone_emphasis": ("low_level", "XMSY"),
    "high_gray_level_zone_emphasis": ("high_level", "5GN9"),
    "small_area_low_gray_level_emphasis": ("small_low_level", "5RAI"),
    "small_area_high_gray_level_emphasis": ("small_high_level", "HW1V"),
    "large_area_low_gray_level_emphasis": ("large_low_level", "YH51"),
    "large_area_high_gray_level_emphasis": ("large_high_level", "J17V"),
}
_WORDS = {"things": "zones of one grey level", "sizes": "zone sizes", "short": "small", "long": "large"}

DEFINITIONS = {name: define(kind, _WORDS, ibsi) for name, (kind, ibsi) in _KINDS.items()}


def zone_sizes(region: GreyLevels) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return how many zones have each of n grey levels and each size that occurs, shape (n, m), and those m sizes."""
    flat = region.flat
    inside = flat > 0
    # Runs along the last axis are the nodes of a graph: they are fewer than the voxels.
    along_run = _equal_neighbours(flat, inside, 1)
    starts, ends = inside.copy(), inside & ~along_run
    starts[1:] &= ~along_run[:-1]
    starts_at = np.flatnonzero(starts)
    run_sizes = np.flatnonzero(ends) - starts_at + 1
    run_of = np.cumsum(starts, dtype=np.int32)
    run_of -= np.int32(1)

    lower, higher = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
    for step, joined in _joints(region, inside, along_run):
        voxels = np.flatnonzero(joined)
        lower.append(run_of.take(voxels))
        higher.append(run_of[step:].take(voxels))
    root = _lowest_connected(len(starts_at), np.concatenate(lower, dtype=np.intp), np.concatenate(higher, dtype=np.intp))

    zone = root == np.arange(len(root))
    sizes = np.bincount(root, weights=run_sizes, minlength=len(root))[zone].astype(np.intp)
    rank = flat[starts_at[zone]].astype(np.intp)
    occurs = np.bincount(sizes) > 0
    occurring = np.flatnonzero(occurs)
    column = np.cumsum(occurs)[sizes] - 1
    shape = len(region.levels), len(occurring)
    counts = np.bincount((rank - 1) * shape[1] + column, minlength=shape[0] * shape[1]).reshape(shape)
    return counts, occurring.astype(float)


def _lowest_connected(nodes: int, lower: NDArray[np.intp], higher: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return for each node of a graph the lowest node that it is connected with.

    Every root hangs itself on its lowest neighbour, edges are drawn between the new roots, and so on until none is left:
    after a few rounds, each on a fraction of the edges.
    """
    root = np.arange(nodes)
    while len(lower):
        np.minimum.at(root, higher, lower)
        _climb(root, higher if len(higher) < nodes else slice(None))
        these, those = root.take(lower), root.take(higher)
        apart = np.flatnonzero(these != those)
        these, those = these.take(apart), those.take(apart)
        lower, higher = np.minimum(these, those), np.maximum(these, those)
    _climb(root, slice(None))
    return root


def _climb(root: NDArray[np.intp], nodes: NDArray[np.intp] | slice) -> None:
    """Hang nodes directly on their lowest root; each pass doubles how far they see."""
    above = root[nodes]
    while True:
        further = root.take(above)
        if (further == above).all():
            return
        root[nodes] = further
        above = further


def _joints(region: GreyLevels, inside: NDArray[np.bool_], along_run: NDArray[np.bool_]) -> Iterator[tuple[int, NDArray[np.bool_]]]:
    """Yield step and the voxels to join with the voxel at that step, enough to connect every zone.

    A pair of equal neighbours is left out where other pairs already join the two: in smooth regions nearly all are.
    """
    flat = region.flat
    along = {1: along_run}
    for direction, step in sorted(region.directions, key=lambda found: np.count_nonzero(found[0])):
        if step == 1:
            continue
        equal = _equal_neighbours(flat, inside, step)
        ways_round = [along_axis * region.stride(axis) for axis, along_axis in enumerate(direction) if along_axis]
        if len(ways_round) == 1:
            joined = equal.copy()
            for earlier, beside in along.items():
                joined[earlier:] &= ~(beside[:-earlier] & equal[:-earlier])
            along[step] = equal
        else:
            joined = equal
            for way in ways_round:
                if way > 0:
                    joined &= ~along[way]
                else:
                    joined[-way:] &= ~along[-way][:way]
        yield step, joined


def _equal_neighbours(flat: NDArray[np.unsignedinteger], inside: NDArray[np.bool_], step: int) -> NDArray[np.bool_]:
    """Return where a voxel of the region and the voxel at a step have one grey level."""
    equal = np.zeros(len(flat), bool)
    np.equal(flat[:-step], flat[step:], out=equal[:-step])
    equal &= inside
    return equal


def glszm_features(counts: NDArray[np.integer], sizes: NDArray[np.float64], levels: NDArray[np.float64]) -> dict[str, float]:
    """Return the 16 features of zone size counts, named and defined in `DEFINITIONS`.

    Parameters
    ----------
    counts : ndarray of int, shape (n, m)
    levels : ndarray of float64, shape (n,)
        Grey levels that occur.
    sizes : ndarray of float64, shape (m,)
        Zone sizes that occur, in voxels.
    """
    features = level_size_features(counts[None], levels, sizes)
    return {name: features[kind] for name, (kind, _) in _KINDS.items()}
