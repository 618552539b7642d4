"""Islands and holes of every label at once, from runs: a label map has far fewer runs than voxels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from SegQCLib.metrics.label_planes import Runs, foreground_box, scan_planes

# Runs looked at together: neighbours take some 300 bytes a run while they are looked up.
_BATCH_RUNS = 50_000


@dataclass(frozen=True)
class Pieces:
    """How a mask is broken up.

    Attributes
    ----------
    islands : int
        Pieces beyond the largest: components that share no face, edge or corner (26-connected).
    holes : int
        Cavities: background that does not reach the outside through shared faces (6-connected).
    """

    islands: int
    holes: int


def count_pieces(runs: Mapping[int, Runs]) -> dict[int, Pieces]:
    """Return islands and holes of every label that has runs."""
    counted: dict[int, Pieces] = {}
    batch: dict[int, Runs] = {}
    for label, own in runs.items():
        if batch and sum(map(len, batch.values())) + len(own) > _BATCH_RUNS:
            counted |= _count_batch(batch)
            batch = {}
        batch[label] = own
    return counted | _count_batch(batch)


def _count_batch(runs: dict[int, Runs]) -> dict[int, Pieces]:
    if not runs:
        return {}
    labels = list(runs)
    rows = _Rows(runs)
    pieces = rows.component_counts(len(labels))
    holes = rows.cavity_counts(len(labels))
    return {label: Pieces(int(pieces[n]) - 1, int(holes[n])) for n, label in enumerate(labels)}


def pieces_of(mask: NDArray[np.bool_]) -> Pieces:
    """Return islands and holes of one mask of shape (k, j, i); none for an empty one."""
    runs = scan_planes(mask, foreground_box(mask, 1), runs=True).runs
    return count_pieces(runs).get(1, Pieces(0, 0))


class _Rows:
    """The runs of all labels in one order, with keys that let neighbours be looked up.

    A row's key counts rows label by label with an empty row and an empty slice between, so that the key
    of a neighbouring row is a sum and never another label's. A place's key is row key x width + i.
    """

    def __init__(self, runs: Mapping[int, Runs]) -> None:
        k, j, start, stop = (
            np.concatenate([getattr(r, name) for r in runs.values()]).astype(np.int64) for name in ("k", "j", "start", "stop")
        )
        self.label = np.repeat(np.arange(len(runs)), [len(r) for r in runs.values()])
        low_k, low_j, low_i = int(k.min()) - 1, int(j.min()) - 1, int(start.min()) - 1
        self.row_step = int(j.max()) - low_j + 2
        slices = int(k.max()) - low_k + 2
        self.width = int(stop.max()) - low_i + 2
        self.row = (self.label * slices + (k - low_k)) * self.row_step + (j - low_j)
        self.start, self.stop = start - low_i, stop - low_i

    def component_counts(self, labels: int) -> NDArray[np.int64]:
        starts, stops = self.row * self.width + self.start, self.row * self.width + self.stop
        edges = []
        for step in (1, self.row_step - 1, self.row_step, self.row_step + 1):
            wanted = (self.row + step) * self.width
            # 26-connected: runs in neighbouring rows also meet corner to corner.
            first = np.searchsorted(stops, wanted + self.start, side="left")
            last = np.searchsorted(starts, wanted + self.stop, side="right")
            edges.append(index_pairs(first, last))
        count, component = _components(edges, len(self.row))
        return np.bincount(_one_of_each(component, self.label, count), minlength=labels)

    def cavity_counts(self, labels: int) -> NDArray[np.int64]:
        inner = np.flatnonzero(self.row[1:] == self.row[:-1])  # a gap lies between two runs of one row
        if not len(inner):
            return np.zeros(labels, np.int64)
        row, start, stop, label = self.row[inner], self.stop[inner], self.start[inner + 1], self.label[inner]
        starts, stops = row * self.width + start, row * self.width + stop
        known_rows, first_run = np.unique(self.row, return_index=True)
        last_run = np.append(first_run[1:], len(self.row)) - 1
        open_ = np.zeros(len(inner), bool)
        edges = []
        for step in (1, -1, self.row_step, -self.row_step):
            at = np.minimum(np.searchsorted(known_rows, row + step), len(known_rows) - 1)
            missing = known_rows[at] != row + step
            open_ |= missing | (start < self.start[first_run[at]]) | (stop > self.stop[last_run[at]])
            if step > 0:
                wanted = (row + step) * self.width
                first = np.searchsorted(stops, wanted + start, side="right")
                last = np.searchsorted(starts, wanted + stop, side="left")
                edges.append(index_pairs(first, last))
        count, component = _components(edges, len(inner))
        is_open = np.zeros(count, bool)
        is_open[component[open_]] = True
        owner = _one_of_each(component, label, count)
        return np.bincount(owner[~is_open], minlength=labels)


def index_pairs(first: NDArray[np.intp], last: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return (n, m) for every m in first[n] .. last[n] - 1."""
    counts = np.maximum(last - first, 0)
    left = np.repeat(np.arange(len(first)), counts)
    before = np.cumsum(counts) - counts
    return left, first[left] + (np.arange(len(left)) - before[left])


def _components(edges: list[tuple[NDArray, NDArray]], nodes: int) -> tuple[int, NDArray[np.int32]]:
    left, right = (np.concatenate(side) for side in zip(*edges, strict=True))
    # Here: loading these parts of scipy takes a quarter of the second in which the module has to open in Slicer.
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    return connected_components(coo_array((np.ones(len(left), np.int8), (left, right)), shape=(nodes, nodes)), directed=False)


def _one_of_each(component: NDArray[np.int32], values: NDArray, count: int) -> NDArray:
    found = np.empty(count, values.dtype)
    found[component] = values
    return found
