"""Area and volume of the mesh that pyradiomics measures a lesion on.

Marching cubes (Lorensen and Cline, SIGGRAPH 1987;21:163-9) on the binary mask, vertices half-way between voxel centres.
The triangles of each of the 256 patterns of eight voxels are worked out here by rules that give the areas, directions
and volumes of the look-up table of pyradiomics (van Griethuysen et al., Cancer Res 2017;77:e104; cshape.c).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray

Point = tuple[int, int, int]
Numbers = tuple[int, int, int]

# Bit n of a block's code is its voxel at these (k, j, i).
_CORNERS: tuple[Point, ...] = tuple(product((0, 1), repeat=3))

# Where two voxels lie diagonally on a face, the mesh cuts off those that differ from this corner and joins those that
# are like it. The table stores 128 patterns and inverts the others about its eighth corner: hence this one. Neighbouring
# blocks can decide differently about their common face, so the mesh can have holes there.
_LEADING_CORNER: Point = (1, 1, 0)


def mesh_area_and_volume(mask: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> tuple[float, float]:
    """Return the surface area in mm2 and the volume in mm3 of a mask's mesh.

    Area is the sum of the triangles' areas, volume the sum of the signed volumes of the tetrahedra that they form with
    the centre of the first voxel of the mask's bounding box padded by one. The volume is a little smaller than that of
    the voxels, as edges and corners are cut; a single voxel has 1/6 of its own volume.

    Parameters
    ----------
    mask : ndarray of bool, shape (k, j, i)
        Cropped to its bounding box and padded by one voxel on each side.
    spacing_mm : tuple of float
        (k, j, i), in mm.
    """
    vectors, directions, volumes = _tables()
    codes = np.zeros([size - 1 for size in mask.shape], np.uint8)
    for bit, corner in enumerate(_CORNERS):
        part = mask[tuple(slice(start, size - 1 + start) for start, size in zip(corner, mask.shape, strict=True))]
        codes |= part.view(np.uint8) << np.uint8(bit)
    counts = np.bincount(codes.ravel(), minlength=256)
    spacing = np.asarray(spacing_mm, float)
    voxel_mm3 = spacing.prod()
    areas_mm2 = np.linalg.norm(vectors * (voxel_mm3 / spacing), axis=2).sum(axis=1)
    at = np.unravel_index(np.flatnonzero((codes != 0) & (codes != 255)), codes.shape)
    from_origin = sum(np.dot(place, directions[codes[at], axis]) for axis, place in enumerate(at))
    return float(counts @ areas_mm2), float((counts @ volumes + from_origin / 3) * voxel_mm3)


@functools.cache
def _tables() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return per code, in voxels: area vectors (256, 5, 3) of up to five triangles, their sums, volumes about its origin."""
    found = [(code, triangle) for code in range(128) for loop in _loops(code) for triangle in _triangles(loop)]
    of_code = np.array([code for code, _ in found])
    # Vertices are in half voxels.
    a, b, c = np.moveaxis(np.array([triangle for _, triangle in found]) / 2, 1, 0)
    number = np.arange(len(found)) - np.searchsorted(of_code, of_code)
    vectors = np.zeros((128, 5, 3))
    vectors[of_code, number] = np.cross(b - a, c - a) / 2
    volumes = np.bincount(of_code, (np.cross(a, b) * c).sum(axis=1) / 6, minlength=128)
    # Inside and outside exchanged: the same triangles, seen from their other side.
    vectors, volumes = np.concatenate((vectors, -vectors[::-1])), np.concatenate((volumes, -volumes[::-1]))
    return vectors, vectors.sum(axis=1), volumes


def _loops(code: int) -> Iterator[list[Point]]:
    """Yield the closed lines in which the mesh meets the faces of a block: lists of edge midpoints, in half voxels."""
    inside = {corner for bit, corner in enumerate(_CORNERS) if code >> bit & 1}
    following: dict[Point, Point] = {}
    for axis, side in product(range(3), (0, 1)):
        ring = _ring(axis, side)
        before = [_midpoint(ring[n - 1], ring[n]) for n in range(4)]
        after = before[1:] + before[:1]
        turns = [n for n in range(4) if (ring[n] in inside) != (ring[n - 1] in inside)]
        if len(turns) == 2:
            first, second = turns if ring[turns[0]] not in inside else turns[::-1]
            following[before[first]] = before[second]
        elif len(turns) == 4:
            for n, corner in enumerate(ring):
                if (corner in inside) != (_LEADING_CORNER in inside):
                    start, end = (after[n], before[n]) if corner in inside else (before[n], after[n])
                    following[start] = end
    while following:
        loop = [next(iter(following))]
        while following[loop[-1]] != loop[0]:
            loop.append(following[loop[-1]])
        for point in loop:
            del following[point]
        yield loop


def _ring(axis: int, side: int) -> list[Point]:
    """Return the corners of a face, clockwise as seen from outside the block."""
    ring = []
    for u, v in ((0, 0), (1, 0), (1, 1), (0, 1)):
        corner = [0, 0, 0]
        corner[axis], corner[(axis + 1) % 3], corner[(axis + 2) % 3] = side, u, v
        ring.append((corner[0], corner[1], corner[2]))
    return ring[::-1] if side else ring


def _midpoint(a: Point, b: Point) -> Point:
    return (a[0] + b[0], a[1] + b[1], a[2] + b[2])


def _triangles(loop: list[Point]) -> list[tuple[Point, Point, Point]]:
    """Return the triangles that fill a loop.

    A loop that is not plane can be filled in several ways, and which one is the choice of who wrote the table. Theirs is
    the largest area, among equals the shortest inner edges; a loop of seven is a fan about the point on its mirror plane.
    """
    squares = [[sum((x - y) ** 2 for x, y in zip(a, b, strict=True)) for b in loop] for a in loop]
    if len(loop) == 7:
        (top,) = (n for n in range(7) if all(squares[n][n - m] == squares[n][(n + m) % 7] for m in (1, 2, 3)))
        filling = tuple((top, (top + m) % 7, (top + m + 1) % 7) for m in range(1, 6))
    else:
        filling = max(_fillings(tuple(range(len(loop)))), key=lambda filling: _area_then_short_edges(filling, squares))
    return [(loop[a], loop[b], loop[c]) for a, b, c in filling]


@functools.cache
def _fillings(points: tuple[int, ...]) -> list[tuple[Numbers, ...]]:
    """Return every way to fill a loop of numbered points with triangles, each three numbers."""
    if len(points) < 3:
        return [()]
    return [
        (*left, (points[0], points[middle], points[-1]), *right)
        for middle in range(1, len(points) - 1)
        for left in _fillings(points[: middle + 1])
        for right in _fillings(points[middle:])
    ]


def _area_then_short_edges(filling: tuple[Numbers, ...], squares: list[list[int]]) -> tuple[float, int]:
    """Return four times the area of a filling, and minus the sum of its squared edges, from the squared distances of its points."""
    area, edges = 0.0, 0
    for a, b, c in filling:
        p, q, r = squares[a][b], squares[b][c], squares[c][a]
        area += (4 * p * q - (p + q - r) ** 2) ** 0.5  # Heron's formula
        edges += p + q + r
    return round(area, 6), -edges
