"""How many voxels each label has in two label maps, and how many of them in both, from runs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from SegQCLib.metrics.label_planes import Runs
from SegQCLib.metrics.pieces import index_pairs


def voxel_counts(runs: Mapping[int, Runs]) -> dict[int, int]:
    """Return the voxels of every label."""
    return {label: int((r.stop - r.start).sum()) for label, r in runs.items()}


def shared_voxels(reference: Mapping[int, Runs], candidate: Mapping[int, Runs]) -> dict[int, int]:
    """Return for every label that both maps have the number of voxels that have it in both."""
    if not reference or not candidate:
        return {}
    sides = [_joined(runs) for runs in (reference, candidate)]
    height = max(int(side[2].max()) for side in sides) + 1
    width = max(int(side[4].max()) for side in sides) + 1
    keys = []
    for label, k, j, start, stop in sides:
        row = (k * height + j) * width
        order = np.argsort(row + start)
        keys.append((label[order], (row + start)[order], (row + stop)[order]))
    (label_r, start_r, stop_r), (label_c, start_c, stop_c) = keys
    left, right = index_pairs(np.searchsorted(stop_c, start_r, side="right"), np.searchsorted(start_c, stop_r, side="left"))
    same = (label_r[left] == label_c[right]).nonzero()[0]
    left, right = left[same], right[same]
    lengths = np.minimum(stop_r[left], stop_c[right]) - np.maximum(start_r[left], start_c[right])
    labels, which = np.unique(label_r[left], return_inverse=True)
    return dict(zip(labels.tolist(), np.bincount(which, weights=lengths, minlength=len(labels)).astype(int).tolist(), strict=True))


def _joined(runs: Mapping[int, Runs]) -> tuple[NDArray[np.int64], ...]:
    labels = np.repeat(np.array(list(runs), dtype=np.int64), [len(r) for r in runs.values()])
    return labels, *(
        np.concatenate([getattr(r, name) for r in runs.values()]).astype(np.int64) for name in ("k", "j", "start", "stop")
    )
