"""Areas of surface elements: what part of a surface passes through each 2 x 2 x 2 block of voxels.

The definition is the one of Nikolov et al. (J Med Internet Res 2021;23:e26151), who introduced the
surface Dice: the surface is triangulated as in marching cubes (Lorensen and Cline, 1987) with its
vertices half-way between voxel centres, and the element of a block has the summed area of its triangles.
"""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray

# Bit n of a block's code is its voxel at these (k, j, i).
CORNERS = tuple(product((0, 1), repeat=3))

# One pattern of each kind (up to turning, mirroring and exchanging inside and outside) and the area vectors of its
# triangles in eighths of (k, j, i) face areas. A vector's length after scaling by the faces is twice the triangle's area
# over 2: (1, 1, 1) is the triangle that cuts off one corner half-way along its three edges.
_CORNER = [(1, 1, 1)]
_EDGE = [(0, 2, 2), (0, 2, 2)]
_PATTERNS: tuple[tuple[tuple[str, ...], list[tuple[int, int, int]]], ...] = (
    (("000",), _CORNER),
    (("000", "100"), _EDGE),  # two voxels side by side along k
    (("000", "110"), 2 * _CORNER),  # diagonal of a face
    (("000", "111"), 2 * _CORNER),  # diagonal of the block
    (("000", "010", "001"), [(1, 1, 1), (2, 2, 2), (4, 0, 0)]),  # an L in a face of constant k
    (("000", "010", "001", "011"), [(4, 0, 0), (4, 0, 0)]),  # a face
    (("110", "101", "011"), 3 * _CORNER),  # three voxels that share no face
    (("000", "100", "010", "001"), [(1, 1, 1), (1, 1, 1), (2, 2, 2), (2, 2, 2)]),  # a voxel and its three neighbours
    (("000", "100", "011"), [*_EDGE, *_CORNER]),  # a pair and a voxel across
    (("111", "110", "100", "011"), [(0, 2, 2), (1, 1, 1), (2, 0, 2), (3, 3, 3)]),  # a chain that turns twice
    (("110", "101", "100", "011"), [(1, 1, 1), (1, 1, 1), (2, 2, 2), (4, 0, 0)]),  # an L and a voxel across
    (("101", "100", "011", "010"), [(2, 2, 0), (2, 2, 0), (2, 2, 0), (2, 2, 0)]),  # two pairs across
    (("111", "100", "010", "001"), 4 * _CORNER),  # every second voxel
)


def _code(voxels: tuple[tuple[int, ...], ...]) -> int:
    return sum(1 << CORNERS.index(voxel) for voxel in voxels)


def _area_vectors() -> list[list[tuple[int, ...]]]:
    """Return the area vectors of all 256 codes, in eighths."""
    table: list[list[tuple[int, ...]]] = [[] for _ in range(256)]
    for names, vectors in _PATTERNS:
        voxels = [tuple(map(int, name)) for name in names]
        for order, flips in product(permutations(range(3)), product((0, 1), repeat=3)):
            moved = tuple(tuple(voxel[axis] ^ flip for axis, flip in zip(order, flips, strict=True)) for voxel in voxels)
            turned = [tuple(vector[axis] for axis in order) for vector in vectors]
            table[_code(moved)] = table[255 - _code(moved)] = turned
    return table


def _vector_table() -> NDArray[np.float64]:
    """Return the area vectors of all codes, shape (256, 4, 3); at most four triangles, the rest zero."""
    table = np.zeros((256, 4, 3))
    for code, vectors in enumerate(_area_vectors()):
        table[code, : len(vectors)] = np.reshape(vectors, (-1, 3))
    return table


_AREA_VECTORS = _vector_table()


def surface_areas_mm2(spacing_mm: tuple[float, float, float]) -> NDArray[np.float64]:
    """Return the area in mm2 of the surface element of each block code, shape (256,).

    Parameters
    ----------
    spacing_mm : tuple of float
        (k, j, i), in mm.
    """
    k, j, i = spacing_mm
    faces_mm2 = np.array((j * i, k * i, k * j)) / 8
    return np.linalg.norm(_AREA_VECTORS * faces_mm2, axis=2).sum(axis=1)
