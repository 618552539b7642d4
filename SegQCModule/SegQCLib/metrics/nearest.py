"""How far each point of one surface is from the nearest point of another, exactly.

Most points of two outlines of one structure lie within a few voxels of each other. So each point first
looks at the places around it in order of distance and stops where the other surface is; the few that are
left go to a distance transform or to a k-d tree, whichever costs less for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SegQCLib.metrics.label_planes import Points

# Places that are looked up one by one: about three millimetres around a point on the grids of CT and MR.
_PLACES = 128
# A plane with this many far points is worth a distance transform of its own, if there are only a few such planes.
_DENSE_PLANE = 200
_MOST_DENSE_PLANES = 6
# A k-d tree takes as long for one far point as scipy's distance transform takes for this many voxels.
_VOXELS_PER_POINT = 150
# A distance transform needs 13 bytes for each voxel.
_MOST_VOXELS = 40_000_000
# Points worked on together: enough that threads do not wait for each other between calls.
_CHUNK = 262_144


@dataclass(frozen=True, eq=False)
class Distances:
    """The distance of every point to the nearest point of the other surface.

    Attributes
    ----------
    steps_mm : ndarray, shape (s,)
        Distances that near points can have, ascending.
    step : ndarray of int16, shape (n,)
        Which of them each point has; -1 for a far point.
    far : ndarray of int, shape (f,)
        The far points, ascending.
    far_mm : ndarray, shape (f,)
        Their distances.
    """

    steps_mm: NDArray[np.float64]
    step: NDArray[np.int16]
    far: NDArray[np.intp]
    far_mm: NDArray[np.float64]

    def all_mm(self) -> NDArray[np.float64]:
        """Return the distance of every point, shape (n,)."""
        distances = self.steps_mm[self.step]
        distances[self.far] = self.far_mm
        return distances

    def farthest_mm(self) -> float:
        """Return the largest distance."""
        return float(self.far_mm.max()) if len(self.far) else float(self.steps_mm[self.step.max()])

    def worst(self) -> int:
        """Return the index of a point with the largest distance."""
        if len(self.far):
            return int(self.far[np.argmax(self.far_mm)])
        return int(np.argmax(self.step))


@lru_cache(maxsize=64)
def _near_places(spacing_mm: tuple[float, float, float]) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int16]]:
    """Return offsets (k, j, i) in order of distance, the distinct distances, and which one each offset has."""
    reach = _PLACES
    radius_mm = (reach * np.prod(spacing_mm)) ** (1 / 3)  # a cube of this size holds `reach` places: more than enough
    extents = [int(radius_mm / s) for s in spacing_mm]
    offsets = np.stack(np.meshgrid(*[np.arange(-n, n + 1) for n in extents], indexing="ij"), axis=-1).reshape(-1, 3)
    # Summed axis by axis, as scipy's distance transform does it: equal to the last bit.
    k, j, i = ((offsets[:, axis] * spacing_mm[axis]) ** 2 for axis in range(3))
    distances = np.sqrt((k + j) + i)
    order = np.argsort(distances, kind="stable")
    # Beyond the nearest place outside the box some distances are missing.
    complete_mm = min((n + 1) * s for n, s in zip(extents, spacing_mm, strict=True))
    order = order[distances[order] < complete_mm][:reach]
    distances = distances[order]
    steps, step = np.unique(distances, return_inverse=True)
    return offsets[order], steps, step.astype(np.int16)


def nearest_distances(a: Points, b: Points, spacing_mm: tuple[float, float, float]) -> tuple[Distances, Distances]:
    """Return the distances of a's points to b, and of b's points to a.

    Parameters
    ----------
    a, b : Points
        Neither may be empty.
    spacing_mm : tuple of float
        (k, j, i), in mm.

    Raises
    ------
    ValueError
        If a surface has no point: then no distance exists.
    """
    if not len(a) or not len(b):
        raise ValueError("nearest_distances needs two surfaces that both have points.")
    spacing_mm = tuple(map(float, spacing_mm))
    places, steps_mm, step_of = _near_places(spacing_mm)
    reach = np.abs(places).max(axis=0)
    low = [min(int(p.min()), int(q.min())) - int(r) for p, q, r in zip(_axes(a), _axes(b), reach, strict=True)]
    high = [max(int(p.max()), int(q.max())) + int(r) + 1 for p, q, r in zip(_axes(a), _axes(b), reach, strict=True)]
    size = [end - start for start, end in zip(low, high, strict=True)]
    strides = np.array((size[1] * size[2], size[2], 1))
    flat = [_flat(points, low, strides) for points in (a, b)]
    jumps = (places @ strides).tolist()
    results = []
    for points, own, other, target in ((a, flat[0], flat[1], b), (b, flat[1], flat[0], a)):
        there = np.zeros(size[0] * size[1] * size[2], bool)
        there[other] = True
        step = _look_near(own, there, jumps, step_of)
        del there
        far = (step < 0).nonzero()[0]
        far_mm = _search_far(points, far, target, spacing_mm) if len(far) else np.empty(0)
        results.append(Distances(steps_mm, step, far, far_mm))
    return results[0], results[1]


def _axes(points: Points) -> tuple[NDArray[np.int32], ...]:
    return points.k, points.j, points.i


def _flat(points: Points, low: list[int], strides: NDArray) -> NDArray[np.int64]:
    k, j, i = (axis.astype(np.int64) for axis in _axes(points))
    k -= low[0]
    j -= low[1]
    i -= low[2]
    k *= strides[0]
    j *= strides[1]
    k += j
    k += i
    return k


def _look_near(own: NDArray[np.int64], there: NDArray[np.bool_], jumps: list[int], step_of: NDArray[np.int16]) -> NDArray[np.int16]:
    """Return for each place in `own` the step at which the other surface is first met, or -1."""
    found = np.full(len(own), -1, np.int16)
    rings = [(step, jumps[start:stop]) for step, start, stop in _rings(step_of)]
    for start in range(0, len(own), _CHUNK):
        places = own[start : start + _CHUNK]
        part = found[start : start + _CHUNK]
        met = there[places]
        part[met] = 0
        missed = (~met).nonzero()[0]
        places = places[missed]
        for step, ring in rings:
            if not len(places):
                break
            met = there[places + ring[0]]
            for jump in ring[1:]:
                met |= there[places + jump]
            hits = met.nonzero()[0]
            if len(hits):
                part[missed[hits]] = step
                left = (~met).nonzero()[0]
                missed, places = missed[left], places[left]
    return found


def _rings(step_of: NDArray[np.int16]) -> list[tuple[int, int, int]]:
    """Return (step, start, stop) of the places that are equally far, without the place itself."""
    edges = np.flatnonzero(np.diff(step_of)) + 1
    starts, stops = edges.tolist(), [*edges[1:].tolist(), len(step_of)]
    return [(int(step_of[start]), start, stop) for start, stop in zip(starts, stops, strict=True)]


def _search_far(
    points: Points, far: NDArray[np.intp], target: Points, spacing_mm: tuple[float, float, float]
) -> NDArray[np.float64]:
    """Return exact distances of the far points by what costs least for them.

    A skipped slice leaves one or two planes full of far points, an outline on the wrong side leaves
    nothing but far points, an island leaves a few: each has its own best way.
    """
    distances = np.empty(len(far))
    planes, plane_of, counts = np.unique(points.k[far], return_inverse=True, return_counts=True)
    dense = np.flatnonzero(counts >= _DENSE_PLANE)
    left = np.ones(len(far), bool)
    if len(dense) <= _MOST_DENSE_PLANES:
        for n in dense:
            members = np.flatnonzero(plane_of == n)
            at = far[members]
            distances[members] = _distances_in_plane(int(planes[n]), points.j[at], points.i[at], target, spacing_mm)
            left[members] = False
    rest = np.flatnonzero(left)
    if len(rest):
        distances[rest] = _distances_anywhere(points, far[rest], target, spacing_mm)
    return distances


def _distances_anywhere(
    points: Points, at: NDArray[np.intp], target: Points, spacing_mm: tuple[float, float, float]
) -> NDArray[np.float64]:
    own = [axis[at].astype(np.int64) for axis in _axes(points)]
    low = [min(int(p.min()), int(t.min())) for p, t in zip(own, _axes(target), strict=True)]
    size = [max(int(p.max()), int(t.max())) - start + 1 for p, t, start in zip(own, _axes(target), low, strict=True)]
    voxels = size[0] * size[1] * size[2]
    if voxels < _VOXELS_PER_POINT * len(at) and voxels <= _MOST_VOXELS:
        empty = np.ones(size, bool)
        empty[tuple(axis - start for axis, start in zip(_axes(target), low, strict=True))] = False
        nearest = ndimage.distance_transform_edt(empty, sampling=spacing_mm, return_distances=False, return_indices=True)
        places = tuple(axis - start for axis, start in zip(own, low, strict=True))
        squares = [((nearest[(n, *places)] - places[n]) * spacing_mm[n]) ** 2 for n in range(3)]
        return np.sqrt((squares[0] + squares[1]) + squares[2])
    # Unbalanced trees are built several times faster on a grid's many equal coordinates.
    # Here: loading it takes a tenth of the second in which the module has to open in Slicer.
    from scipy.spatial import cKDTree

    tree = cKDTree(np.stack(_axes(target), axis=1) * spacing_mm, leafsize=32, balanced_tree=False, compact_nodes=False)
    return tree.query(np.stack(own, axis=1) * spacing_mm)[0]


def _distances_in_plane(
    k: int, j: NDArray[np.int32], i: NDArray[np.int32], target: Points, spacing_mm: tuple[float, float, float]
) -> NDArray[np.float64]:
    """Return the distances of many points of plane k: axis by axis, as a distance transform of that plane alone."""
    low_j, low_i = min(int(j.min()), int(target.j.min())), min(int(i.min()), int(target.i.min()))
    shape = (max(int(j.max()), int(target.j.max())) - low_j + 1, max(int(i.max()), int(target.i.max())) - low_i + 1)
    above = np.full(shape[0] * shape[1], np.inf)
    squared_mm2 = ((target.k.astype(float) - k) * spacing_mm[0]) ** 2
    np.minimum.at(above, (target.j.astype(np.intp) - low_j) * shape[1] + (target.i - low_i), squared_mm2)
    above = above.reshape(shape)
    columns = np.flatnonzero(np.isfinite(above).any(axis=0))
    along_j = np.full(shape, np.inf)
    along_j[:, columns] = _lowest_parabola(np.ascontiguousarray(above[:, columns]), spacing_mm[1])
    rows, row_of = np.unique(j - low_j, return_inverse=True)
    along_i = _lowest_parabola(np.ascontiguousarray(along_j[rows].T), spacing_mm[2])
    return np.sqrt(along_i[i - low_i, row_of])


def _lowest_parabola(heights: NDArray[np.float64], step_mm: float) -> NDArray[np.float64]:
    """Return min over x' of heights[x'] + ((x - x') step)^2 for every x along the first axis; each column has a finite height."""
    lowest = heights.copy()
    first, last = 0, heights.shape[1]
    for shift in range(1, heights.shape[0]):
        added = (shift * step_mm) ** 2
        if shift % 4 == 1:
            # Columns that are everywhere below the parabola by now cannot change any more.
            open_ = np.flatnonzero(lowest[:, first:last].max(axis=0) > added)
            if not len(open_):
                break
            first, last = first + int(open_[0]), first + int(open_[-1]) + 1
        part, source = lowest[:, first:last], heights[:, first:last]
        np.minimum(part[shift:], source[:-shift] + added, out=part[shift:])
        np.minimum(part[:-shift], source[shift:] + added, out=part[:-shift])
    return lowest
