"""One pass over a label map, plane by plane, that finds what only its few boundary voxels can tell.

Label maps are almost everywhere constant. Comparing each plane with itself shifted by one voxel and
with its neighbour, while it lies in the processor's cache, finds the places that matter for all labels at
once: corners between voxels where a surface passes, border voxels, in-plane contours, and runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from SegQCLib.case import Box
from SegQCLib.metrics.surface_area import CORNERS

# Voxels in a slab: few enough to stay in the cache, many enough that numpy's calls cost nothing beside them.
_SLAB_VOXELS = 1_000_000
_FEWEST_PLANES = 2


@dataclass(frozen=True, eq=False)
class Points:
    """Points of one label, in (k, j, i) order.

    Attributes
    ----------
    k, j, i : ndarray of int16 (int32 on grids that need it), shape (n,)
        Indices on the whole grid: of voxels, or of corners, where corner (k, j, i) is half a voxel before
        voxel (k, j, i) along each axis.
    code : ndarray of uint8, shape (n,), or None
        Corners only: which of the eight voxels around it have the label (see `surface_area.CORNERS`).
    """

    k: NDArray[np.signedinteger]
    j: NDArray[np.signedinteger]
    i: NDArray[np.signedinteger]
    code: NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        return len(self.k)


@dataclass(frozen=True, eq=False)
class Runs:
    """Unbroken rows of one label along i: voxels (k, j, start) to (k, j, stop - 1), sorted by k, j, start."""

    k: NDArray[np.signedinteger]
    j: NDArray[np.signedinteger]
    start: NDArray[np.signedinteger]
    stop: NDArray[np.signedinteger]

    def __len__(self) -> int:
        return len(self.k)


@dataclass(frozen=True, eq=False)
class LabelPlanes:
    """What one pass found, by label; None where it was not asked for."""

    corners: dict[int, Points] | None
    borders: dict[int, Points] | None
    contours: dict[int, Points] | None
    runs: dict[int, Runs] | None


def foreground_box(array: NDArray[np.integer], workers: int) -> Box | None:
    """Return the bounding box of everything that is not 0, or None if nothing is.

    Raises
    ------
    ValueError
        If there are negative labels.
    """
    if not array.size:
        return None
    if array.dtype.kind == "i" and array.min() < 0:
        raise ValueError(f"Labels are 0 (background) or above; the smallest found is {array.min()}.")
    if array.dtype == np.bool_:
        array = array.view(np.uint8)

    def part(cut: tuple[int, int]) -> tuple[list[int], NDArray | None]:
        # Blocks first: most of an image with one lesion is empty, and one call for many planes costs as much as for one.
        step = max(1, _SLAB_VOXELS // array[0].size)
        blocks = [(first, min(first + step, cut[1])) for first in range(*cut, step)]
        planes = [k for first, last in blocks if array[first:last].max() for k in range(first, last) if array[k].max()]
        return planes, _shadow(array[planes[0] : planes[-1] + 1]) if planes else None

    each = -(-array.shape[0] // workers)
    parts = _in_threads(part, [(first, min(first + each, array.shape[0])) for first in range(0, array.shape[0], each)], workers)
    planes = [k for found, _ in parts for k in found]
    if not planes:
        return None
    projection = _shadow([projection for _, projection in parts if projection is not None])
    rows, columns = np.flatnonzero(projection.max(axis=1)), np.flatnonzero(projection.max(axis=0))
    return (
        slice(planes[0], planes[-1] + 1),
        slice(int(rows[0]), int(rows[-1]) + 1),
        slice(int(columns[0]), int(columns[-1]) + 1),
    )


def _shadow(planes: Sequence[NDArray]) -> NDArray:
    """Return the largest label along k; plane by plane, because numpy's reduction over the first axis is ten times slower."""
    shadow = planes[0].copy()
    for plane in planes[1:]:
        np.maximum(shadow, plane, out=shadow)
    return shadow


def scan_planes(
    array: NDArray[np.integer],
    box: Box | None,
    *,
    corners: bool = False,
    borders: bool = False,
    contours: bool = False,
    runs: bool = False,
    workers: int = 1,
) -> LabelPlanes:
    """Return what is asked for of every label in a label map of shape (k, j, i), looking only inside `box`."""
    wanted = {"corners": corners, "borders": borders, "contours": contours, "runs": runs}
    if box is None:
        return LabelPlanes(**{name: {} if asked else None for name, asked in wanted.items()})
    inside = array[box]
    inside = inside.view(np.uint8) if inside.dtype == np.bool_ else inside
    # Two bytes hold the indices of every grid but the longest: millions of points are kept at once.
    index = np.int16 if max(array.shape) < np.iinfo(np.int16).max else np.int32
    slabs = _in_threads(lambda cut: _scan_slab(inside, cut, wanted, index), _cuts(inside.shape[0] + 1, inside[0].size), workers)
    parts = {name: [part for slab in slabs for part in slab[name]] for name in wanted}
    del slabs
    origin = [s.start for s in box]
    return LabelPlanes(**{name: _by_label(parts[name], origin, name) if asked else None for name, asked in wanted.items()})


def _cuts(count: int, plane_voxels: int) -> list[tuple[int, int]]:
    planes = max(_FEWEST_PLANES, _SLAB_VOXELS // plane_voxels)
    return [(first, min(first + planes, count)) for first in range(0, count, planes)]


def _in_threads(function, cuts: list[tuple[int, int]], workers: int) -> list:
    if workers == 1 or len(cuts) == 1:
        return [function(cut) for cut in cuts]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(function, cuts))


def _scan_slab(
    array: NDArray, cut: tuple[int, int], wanted: dict[str, bool], index: type[np.signedinteger]
) -> dict[str, list[tuple[NDArray, ...]]]:
    """Look at the gaps before planes cut[0] to cut[1] - 1, and at the voxels of these planes; outside the map is background."""
    first, last = cut
    low, high = max(first - 1, 0), min(last + 1, array.shape[0])
    found: dict[str, list[tuple[NDArray, ...]]] = {name: [] for name in wanted}
    # Most of a slab is background around what is drawn: look only at the rectangle that holds it.
    shadow = _shadow(array[low:high])
    rows, columns = shadow.max(axis=1).nonzero()[0], shadow.max(axis=0).nonzero()[0]
    if not len(rows):
        return found
    at = (first, int(rows[0]), int(columns[0]))
    inside = array[low:high, at[1] : int(rows[-1]) + 1, at[2] : int(columns[-1]) + 1]
    # Plane n of the slab is plane first - 1 + n of the map; a rim of background saves every special case at the edge.
    values = np.zeros((last - first + 2, inside.shape[1] + 2, inside.shape[2] + 2), array.dtype)
    values[low - first + 1 : high - first + 1, 1:-1, 1:-1] = inside
    along_i = values[:, :, 1:] != values[:, :, :-1]
    along_j = values[:, 1:] != values[:, :-1]
    along_k = values[1:] != values[:-1]
    if wanted["corners"]:
        flat = along_i[:-1, 1:] | along_i[:-1, :-1]
        flat |= along_j[:-1, :, 1:]
        corner = flat[1:] | flat[:-1]
        corner |= along_k[:-1, 1:, 1:]
        found["corners"] = _elements(corner, values, at, index)
    if wanted["borders"] or wanted["contours"]:
        contour = along_i[1:-1, 1:-1, 1:] | along_i[1:-1, 1:-1, :-1]
        contour |= along_j[1:-1, 1:, 1:-1]
        contour |= along_j[1:-1, :-1, 1:-1]
        if wanted["contours"]:
            found["contours"] = _voxels(contour, values, at, index)
        if wanted["borders"]:
            contour |= along_k[1:, 1:-1, 1:-1]
            contour |= along_k[:-1, 1:-1, 1:-1]
            found["borders"] = _voxels(contour, values, at, index)
    if wanted["runs"]:
        found["runs"] = _runs(along_i[1:-1, 1:-1], values, at, index)
    return found


def _places(where: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Return the indices (k, j, i) of what is true; three times faster than numpy's own for few."""
    place = np.ascontiguousarray(where).reshape(-1).nonzero()[0]
    row = place // where.shape[2]
    k = row // where.shape[1]
    return k, row - k * where.shape[1], place - row * where.shape[2]


def _voxels(
    where: NDArray[np.bool_], values: NDArray, at: tuple[int, int, int], index: type[np.signedinteger]
) -> list[tuple[NDArray, ...]]:
    k, j, i = _places(where)
    labels = values[k + 1, j + 1, i + 1]
    kept = labels.nonzero()[0]
    if not len(kept):
        return []
    return [(labels[kept], *((axis[kept] + shift).astype(index) for axis, shift in zip((k, j, i), at, strict=True)))]


def _runs(
    changes: NDArray[np.bool_], values: NDArray, at: tuple[int, int, int], index: type[np.signedinteger]
) -> list[tuple[NDArray, ...]]:
    k, j, i = _places(changes)
    labels = values[k + 1, j + 1, i + 1]
    # A row begins and ends with background, so the change after the start of a run is its end.
    starts = labels.nonzero()[0]
    if not len(starts):
        return []
    columns = (k[starts] + at[0], j[starts] + at[1], i[starts] + at[2], i[starts + 1] + at[2])
    return [(labels[starts], *(column.astype(index) for column in columns))]


def _elements(
    corner: NDArray[np.bool_], values: NDArray, at: tuple[int, int, int], index: type[np.signedinteger]
) -> list[tuple[NDArray, ...]]:
    """Return one surface element for each label around each corner: (label, k, j, i, code)."""
    place = corner.reshape(-1).nonzero()[0]
    if not len(place):
        return []
    row = place // corner.shape[2]
    plane = row // corner.shape[1]
    # The slab's planes have one row and one column more than there are corners.
    start = place + row + plane * values.shape[2]
    around = [k * values.shape[1] * values.shape[2] + j * values.shape[2] + i for k, j, i in CORNERS]
    flat = values.reshape(-1)
    labels = np.empty((8, len(place)), values.dtype)
    for n, offset in enumerate(around):
        flat[offset:].take(start, out=labels[n], mode="clip")
    k = (plane + at[0]).astype(index)
    j = (row - plane * corner.shape[1] + at[1]).astype(index)
    i = (place - row * corner.shape[2] + at[2]).astype(index)
    highest, lowest = labels.max(axis=0), labels.min(axis=0)
    code_highest, code_lowest = _codes(labels, highest), _codes(labels, lowest)
    elements = [(highest, k, j, i, code_highest)]
    both = lowest.nonzero()[0]
    if len(both):
        elements.append((lowest[both], k[both], j[both], i[both], code_lowest[both]))
    # Corners where three or more labels meet are few: look at their other labels one voxel at a time.
    rest = ((code_highest | code_lowest) != 255).nonzero()[0]
    if len(rest):
        few, high, low = labels[:, rest], highest[rest], lowest[rest]
        for n in range(8):
            new = (few[n] != 0) & (few[n] != high) & (few[n] != low)
            for earlier in range(n):
                new &= few[earlier] != few[n]
            at = new.nonzero()[0]
            if len(at):
                own = few[n][at]
                elements.append((own, k[rest[at]], j[rest[at]], i[rest[at]], _codes(few[:, at], own)))
    return elements


def _codes(labels: NDArray, label: NDArray) -> NDArray[np.uint8]:
    code = (labels[0] == label).view(np.uint8)
    for n in range(1, 8):
        code |= (labels[n] == label).view(np.uint8) << n
    return code


def _by_label(parts: list[tuple[NDArray, ...]], origin: list[int], kind: str) -> dict[int, Points] | dict[int, Runs]:
    """Return what slabs found, label by label; `parts` is emptied, so that no column is held twice for long."""
    if not parts:
        return {}
    columns: list[list[NDArray]] = [list(column) for column in zip(*parts, strict=True)]
    parts.clear()
    labels = np.concatenate(columns.pop(0))
    # Parts are in order of k; a stable sort by label keeps that order (and is a radix sort for small types).
    order = np.argsort(labels, kind="stable")
    labels = labels[order]
    if len(labels) < np.iinfo(np.int32).max:
        order = order.astype(np.int32)
    shifts = (*origin, origin[2]) if kind == "runs" else (*origin, 0)
    sorted_columns = []
    for shift in shifts[: len(columns)]:
        column = np.concatenate(columns.pop(0))[order]
        column += column.dtype.type(shift)
        sorted_columns.append(column)
    edges = np.flatnonzero(np.diff(labels)) + 1
    starts, stops = [0, *edges.tolist()], [*edges.tolist(), len(labels)]
    made = Runs if kind == "runs" else Points
    return {
        int(labels[start]): made(*(column[start:stop] for column in sorted_columns))
        for start, stop in zip(starts, stops, strict=True)
    }
