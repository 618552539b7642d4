"""How many voxels each pair of labels shares in two label maps."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

# Voxels in a slab: few enough to stay in the cache.
_SLAB_VOXELS = 1_000_000


def overlap_counts(reference: NDArray[np.integer], candidate: NDArray[np.integer], workers: int) -> dict[tuple[int, int], int]:
    """Return the voxel count of every pair (label in the reference, label in the candidate) but (0, 0).

    Along a row both maps keep their labels for long: only where one changes is looked at, and the
    distance to the next change is counted.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    if reference.shape != candidate.shape:
        raise ValueError(f"overlap_counts needs maps on one grid: {reference.shape} and {candidate.shape} (k, j, i).")

    planes = max(1, _SLAB_VOXELS // max(1, reference[:1].size))

    def part(first: int) -> dict[tuple[int, int], int]:
        # Rows may follow each other across edges: only where labels change matters.
        r, c = (np.ascontiguousarray(array[first : first + planes]).reshape(-1) for array in (reference, candidate))
        changes = r[1:] != r[:-1]
        changes |= c[1:] != c[:-1]
        starts = np.concatenate([[0], changes.nonzero()[0] + 1])
        return _summed(r[starts], c[starts], np.diff(starts, append=len(r)))

    starts = range(0, reference.shape[0], planes)
    if workers == 1:
        parts = [part(first) for first in starts]
    else:
        with ThreadPoolExecutor(workers) as pool:
            parts = list(pool.map(part, starts))
    total: dict[tuple[int, int], int] = {}
    for counts in parts:
        for pair, count in counts.items():
            total[pair] = total.get(pair, 0) + count
    return total


def _summed(r: NDArray, c: NDArray, lengths: NDArray) -> dict[tuple[int, int], int]:
    kept = np.flatnonzero((r != 0) | (c != 0))
    r, c, lengths = r[kept].astype(np.int64), c[kept].astype(np.int64), lengths[kept]
    if not len(kept):
        return {}
    if max(r.max(), c.max()) < 256:
        counts = np.bincount(r * 256 + c, weights=lengths, minlength=65536)
        present = np.flatnonzero(counts)
        return {(int(key) >> 8, int(key) & 255): int(counts[key]) for key in present}
    pairs, which = np.unique(np.stack([r, c]), axis=1, return_inverse=True)
    counts = np.bincount(which.reshape(-1), weights=lengths)
    return {(int(a), int(b)): int(count) for a, b, count in zip(*pairs, counts, strict=True)}
