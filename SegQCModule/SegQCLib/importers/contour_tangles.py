"""Where contours cross one another or run over themselves: there programs differ on what is inside."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from SegQCLib.importers.polygon_fill import row_crossings

# Of a pixel: lines that touch or run along each other do not cross.
_TOUCHING = 1e-2


@dataclass(frozen=True, eq=False)
class Tangles:
    """Planes, ascending, in which contours cross one another, and in which a contour encloses something twice."""

    crossing: NDArray[np.int64]
    overlapping: NDArray[np.int64]


def find_tangles(
    starts: NDArray[np.float64], ends: NDArray[np.float64], planes: NDArray[np.int64], contours: NDArray[np.int64], height: int
) -> Tangles:
    """Return where closed contours are tangled, as the rows of pixel centres show it.

    The whole line of a contour lies inside the same other contours, if none crosses it, so along each row the number of
    other lines to the left of it is even everywhere or odd everywhere. A simple contour is entered and left in turn; one that
    runs over itself is entered twice. Rows with lines that touch are not judged, nor overlaps between two rows.

    Parameters
    ----------
    starts, ends : ndarray, shape (n, 2)
        (row, column) of the edges' ends, whole numbers at pixel centres.
    planes, contours : ndarray of int, shape (n,)
        Which plane and which contour an edge belongs to.
    height : int
        Rows of a plane.
    """
    edge, row, column = row_crossings(starts, ends, height)
    line = planes[edge] * height + row
    order = np.lexsort((column, line))
    edge, line, column = edge[order], line[order], column[order]
    touching = np.flatnonzero((np.diff(line) == 0) & (np.diff(column) < _TOUCHING))
    judged = ~np.isin(line, line[touching])
    edge, line = edge[judged], line[judged]
    contour, plane = contours[edge], planes[edge]
    place = _since_start(line)
    # The same crossings contour by contour, row by row, still from left to right.
    order = np.lexsort((place, line, contour, plane))
    turn = _since_start(_number(line[order], contour[order]))
    others = (place[order] - turn) % 2
    changes = others != others[np.arange(len(order)) - _since_start(_number(plane[order], contour[order]))]
    begins = np.arange(len(order)) - turn
    direction = np.sign(ends[edge, 0] - starts[edge, 0])[order].astype(np.int64)
    entered = np.cumsum(direction)
    entered -= (entered - direction)[begins]
    return Tangles(np.unique(plane[order][changes]), np.unique(plane[order][np.abs(entered) > 1]))


def _number(first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the number of the run of equal pairs that each pair belongs to."""
    return np.cumsum(np.r_[False, (np.diff(first) != 0) | (np.diff(second) != 0)][: len(first)])


def _since_start(group: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return 0, 1, 2 ... anew for each run of equal numbers."""
    if not len(group):
        return np.zeros(0, np.int64)
    starts = np.flatnonzero(np.r_[True, np.diff(group) != 0])
    return np.arange(len(group)) - np.repeat(starts, np.diff(np.r_[starts, len(group)]))
