"""Grey levels of a region: what the texture matrices are counted on.

Grey values are binned with a fixed width w from zero: level = floor(x / w) - floor(min(x) / w) + 1, so that the lowest
level is 1 and equal grey values of two images share bin edges. This is pyradiomics' `binWidth`; IBSI's fixed bin size
(code Q3RU) starts at the lowest value instead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from SegQCLib.errors import BadDataError

MOST_LEVELS = 1000  # a co-occurrence matrix of 13 directions then has 13 million cells
WIDEST = 2**16


@dataclass(frozen=True)
class GreyLevels:
    """The grey levels of a region, in its bounding box with one voxel of margin.

    Attributes
    ----------
    rank : ndarray of uint8 or uint16, shape of the bounding box + 2 along each axis
        0 outside of the region, else 1 + position of the voxel's level in `levels`.
    levels : ndarray of float64, shape (n,)
        Levels that occur, ascending, 1 or more.
    counts : ndarray of int, shape (n,)
        Number of voxels of each of these levels.
    axes : tuple of int
        Axes along which voxels are neighbours: all of them, or (1, 2) of a volume for neighbours within slices only.
    """

    rank: NDArray[np.unsignedinteger]
    levels: NDArray[np.float64]
    counts: NDArray[np.intp]
    axes: tuple[int, ...]

    @cached_property
    def flat(self) -> NDArray[np.unsignedinteger]:
        """`rank` as one line; the margin makes a step in any direction a step of constant length."""
        return self.rank.ravel()

    @cached_property
    def flat_and_beyond(self) -> NDArray[np.unsignedinteger]:
        """`flat`, followed by as many zeros as the longest step."""
        return np.concatenate([self.flat, np.zeros(max(step for _, step in self.directions), self.flat.dtype)])

    @cached_property
    def inside(self) -> NDArray[np.intp]:
        """Positions of the region's voxels in `flat`, ascending."""
        return np.flatnonzero(self.flat)

    @cached_property
    def inside_rank(self) -> NDArray[np.unsignedinteger]:
        """Rank of each voxel of the region."""
        return self.flat[self.inside]

    @cached_property
    def directions(self) -> tuple[tuple[tuple[int, ...], int], ...]:
        """One of each two opposite directions to the 8 or 26 neighbours, with its step in `flat`, which is positive."""
        return tuple(
            (direction, sum(step * self.stride(axis) for axis, step in enumerate(direction)))
            for direction in _half_of_the_neighbours(self.rank.ndim, self.axes)
        )

    def stride(self, axis: int) -> int:
        """Return the step in `flat` from a voxel to the next along an axis."""
        return math.prod(self.rank.shape[axis + 1 :])


@lru_cache
def _half_of_the_neighbours(dimensions: int, axes: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    every = product(*((-1, 0, 1) if axis in axes else (0,) for axis in range(dimensions)))
    return tuple(direction for direction in every if direction > (0,) * dimensions)


def bounding_box(mask: NDArray[np.bool_]) -> tuple[slice, ...]:
    """Return the smallest box that holds a mask; raise BadDataError if the mask is empty."""
    box = []
    cropped = mask
    for axis in range(mask.ndim):
        rest = tuple(other for other in range(mask.ndim) if other != axis)
        filled = np.flatnonzero(cropped.any(axis=rest))
        if not len(filled):
            raise BadDataError("region", "it has no voxel.", "Descriptors need at least one voxel: outline the lesion first.")
        part = slice(int(filled[0]), int(filled[-1]) + 1)
        box.append(part)
        cropped = cropped[(slice(None),) * axis + (part,)]
    return tuple(box)


def bin_grey_values(values: NDArray, bin_width: float) -> NDArray[np.intp]:
    """Return the grey level of each grey value, floor(x / w) - floor(min(x) / w) + 1.

    Parameters
    ----------
    values : ndarray of float64, shape (N,)
        Grey values of a region, N > 0.
    bin_width : float
        w, in the unit of the grey values, above 0. pyradiomics' default is 25.

    Returns
    -------
    ndarray of int, shape (N,)
        From 1.

    Raises
    ------
    ValueError
        If the bin width is not above 0.
    BadDataError
        If a grey value is not a number, or if the levels span more than 65,536.
    """
    if not bin_width > 0:
        raise ValueError(f"The bin width is {bin_width}; it must be above 0, in the unit of the grey values (25 for CT in HU).")
    lowest, highest = float(values.min()), float(values.max())
    if not (math.isfinite(lowest) and math.isfinite(highest)):
        raise BadDataError(
            "image", "a grey value in the region is not a number or is infinite.", "Texture needs finite grey values."
        )
    span = math.floor(highest / bin_width) - math.floor(lowest / bin_width) + 1
    if span > WIDEST:
        raise _too_many(f"span {span:,} grey levels of width {bin_width:g}")
    levels = np.floor(values / bin_width).astype(np.intp)
    levels -= math.floor(lowest / bin_width) - 1
    return levels


def grey_levels(levels: NDArray[np.integer], mask: NDArray[np.bool_]) -> GreyLevels:
    """Return the levels of a region in the form that the texture matrices are counted on.

    Parameters
    ----------
    levels : ndarray of int, shape (N,)
        Level of each voxel of the region, 1 or more, in the order of `image[mask]`.
    mask : ndarray of bool, shape (k, j, i) or (j, i)
        The region's N voxels. Cropping it to its bounding box first saves memory.

    Raises
    ------
    BadDataError
        If more than 1,000 levels occur.
    """
    counts = np.bincount(levels)
    found = np.flatnonzero(counts)
    if len(found) > MOST_LEVELS:
        raise _too_many(f"hold {len(found):,} different grey levels")
    rank_of = np.cumsum(counts > 0, dtype=np.uint8 if len(found) < 256 else np.uint16)
    rank = np.zeros([size + 2 for size in mask.shape], rank_of.dtype)
    rank[(slice(1, -1),) * mask.ndim][mask] = rank_of[levels]
    return GreyLevels(rank, found.astype(float), counts[found], tuple(range(mask.ndim)))


def _too_many(found: str) -> BadDataError:
    return BadDataError(
        "image",
        f"the grey values in the region {found}.",
        f"Texture is computed on at most {MOST_LEVELS:,} levels that span at most {WIDEST:,}: choose a larger bin width.",
    )
