"""How many voxels each label has in two label maps, and how many of them in both, from runs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from SegQCLib.metrics.label_planes import Runs
from SegQCLib.metrics.pieces import index_pairs


def voxel_counts(runs: Mapping[int, Runs]) -> dict[int, int]:
    """Return the voxels of every label."""
    return {label: int((r.stop - r.start).sum()) for label, r in runs.items()}


def shared_voxels(reference: Mapping[int, Runs], candidate: Mapping[int, Runs]) -> dict[int, int]:
    """Return for every label that both maps have the number of voxels that have it in both."""
    return {label: _shared(own, candidate[label]) for label, own in reference.items() if label in candidate}


def _shared(reference: Runs, candidate: Runs) -> int:
    height = max(int(reference.j.max()), int(candidate.j.max())) + 1
    width = max(int(reference.stop.max()), int(candidate.stop.max())) + 1
    rows = [(runs.k.astype(np.int64) * height + runs.j) * width for runs in (reference, candidate)]
    start_r, stop_r = rows[0] + reference.start, rows[0] + reference.stop
    start_c, stop_c = rows[1] + candidate.start, rows[1] + candidate.stop
    left, right = index_pairs(np.searchsorted(stop_c, start_r, side="right"), np.searchsorted(start_c, stop_r, side="left"))
    return int((np.minimum(stop_r[left], stop_c[right]) - np.maximum(start_r[left], start_c[right])).sum())
