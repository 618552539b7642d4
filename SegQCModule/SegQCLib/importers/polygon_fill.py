"""Which pixels lie inside polygons: by their centres, exactly, with the even-odd rule."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

# Crossings of edges and rows that are worked on at once; each takes about 100 bytes.
_AT_ONCE = 2**21


def fill_even_odd(
    starts: NDArray[np.float64],
    ends: NDArray[np.float64],
    planes: NDArray[np.int64],
    size: tuple[int, int, int],
    on_line: tuple[float, float],
) -> NDArray[np.bool_]:
    """Return the pixels whose centres lie inside closed polygons or on their lines.

    A centre is inside if a ray from it crosses an odd number of edges: contours inside contours are holes, contours in
    holes are islands, and the bridge of a keyhole contour, which is run through twice, has no effect. Centres on a line
    count as inside, because programs that trace the outermost pixels of a mask put their contours through exactly
    these centres; lines that are run through an even number of times are no border and do not count.

    What 3D Slicer ships does not do this: Pillow's ImageDraw rounds vertices to whole pixels, SimpleITK and scipy have
    no polygon filter.

    Parameters
    ----------
    starts, ends : ndarray, shape (n, 2)
        Finite (row, column) of the edges' ends, whole numbers at pixel centres. They may lie outside the planes.
    planes : ndarray of int, shape (n,)
        The plane that each edge lies in; the edges of a plane form closed polygons.
    size : tuple of int
        Planes, rows, columns of the result.
    on_line : tuple of float
        How near a centre has to be to a line to lie on it, along rows' and columns' axes, in pixels.

    Returns
    -------
    ndarray of bool, shape `size`
    """
    inside = enclosed(starts, ends, planes, size)
    _add_line_pixels(inside, starts, ends, planes, on_line)
    return inside


def enclosed(
    starts: NDArray[np.float64], ends: NDArray[np.float64], planes: NDArray[np.int64], size: tuple[int, int, int]
) -> NDArray[np.bool_]:
    """Return the pixels inside as `fill_even_odd` does, but of those with their centre on a line any."""
    _, height, width = size
    changes = np.zeros((size[0], height, width + 1), np.uint8)
    for part in _parts(starts, ends, height):
        edge, row, crossing = row_crossings(starts[part], ends[part], height)
        column = np.clip(np.ceil(crossing), 0, width).astype(np.int64)
        np.bitwise_xor.at(changes.reshape(-1), (planes[part][edge] * height + row) * (width + 1) + column, 1)
    return np.bitwise_xor.accumulate(changes, axis=2)[:, :, :-1].view(np.bool_)


def row_crossings(
    starts: NDArray[np.float64], ends: NDArray[np.float64], height: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return where edges cross the rows of pixel centres 0 ... height - 1: the edge, the row, and the column coordinate."""
    upward = (starts[:, 0] <= ends[:, 0])[:, np.newaxis]
    low, high = np.where(upward, starts, ends), np.where(upward, ends, starts)
    # Half open, so that a vertex on a row of centres is crossed once by the two edges that meet there.
    first = np.clip(np.ceil(low[:, 0]), 0, height).astype(np.int64)
    stop = np.clip(np.ceil(high[:, 0]), 0, height).astype(np.int64)
    edge, step = repeated(stop - first)
    row = first[edge] + step
    run = (high - low)[edge]
    return edge, row, low[edge, 1] + (row - low[edge, 0]) / run[:, 0] * run[:, 1]


def _add_line_pixels(
    inside: NDArray[np.bool_],
    starts: NDArray[np.float64],
    ends: NDArray[np.float64],
    planes: NDArray[np.int64],
    on_line: tuple[float, float],
) -> None:
    """Set the pixels whose centres lie on an edge that is a border."""
    touched = np.zeros(len(starts), bool)
    for edge, _row, _column in _line_pixels(starts, ends, inside.shape[1:], on_line):
        touched[edge] = True
    candidates = np.flatnonzero(touched)
    border = candidates[_run_through_once(starts[candidates], ends[candidates], planes[candidates])]
    for edge, row, column in _line_pixels(starts[border], ends[border], inside.shape[1:], on_line):
        inside[planes[border[edge]], row, column] = True


def _line_pixels(
    starts: NDArray[np.float64], ends: NDArray[np.float64], size: tuple[int, int], on_line: tuple[float, float]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    """Yield, part by part, edge, row and column of the pixels whose centres lie on edges."""
    for part in _parts(starts, ends, max(size)):
        extent = np.abs(ends[part] - starts[part])
        steep = extent[:, 0] >= extent[:, 1]
        for axis, chosen in ((0, part[steep]), (1, part[~steep])):
            edge, along, across = _pixels_on(starts[chosen], ends[chosen], axis, size, on_line)
            yield chosen[edge], *((along, across) if axis == 0 else (across, along))


def _pixels_on(
    starts: NDArray[np.float64], ends: NDArray[np.float64], axis: int, size: tuple[int, int], on_line: tuple[float, float]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return edge, place along `axis` and place across it of the pixels on edges that extend further along that axis."""
    upward = (starts[:, axis] <= ends[:, axis])[:, np.newaxis]
    low = np.where(upward, starts, ends)
    run = np.where(upward, ends, starts) - low
    first = np.clip(np.ceil(low[:, axis] - on_line[axis]), 0, size[axis]).astype(np.int64)
    stop = np.clip(np.floor(low[:, axis] + run[:, axis] + on_line[axis]) + 1, 0, size[axis]).astype(np.int64)
    edge, step = repeated(np.maximum(stop - first, 0))
    along = first[edge] + step
    length = run[edge, axis]
    share = np.clip((along - low[edge, axis]) / np.where(length > 0, length, 1), 0, 1)
    exact = low[edge, 1 - axis] + share * run[edge, 1 - axis]
    across = np.rint(exact)
    hit = (np.abs(exact - across) <= on_line[1 - axis]) & (across >= 0) & (across < size[1 - axis])
    return edge[hit], along[hit], across[hit].astype(np.int64)


def _run_through_once(starts: NDArray[np.float64], ends: NDArray[np.float64], planes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return for each edge whether it is there an odd number of times in its plane, in either direction."""
    turned = (starts[:, 0] > ends[:, 0]) | ((starts[:, 0] == ends[:, 0]) & (starts[:, 1] > ends[:, 1]))
    first, second = np.where(turned[:, np.newaxis], ends, starts), np.where(turned[:, np.newaxis], starts, ends)
    _, which, count = np.unique(np.column_stack([planes, first, second]), axis=0, return_inverse=True, return_counts=True)
    return count[which.reshape(-1)] % 2 == 1


def _parts(starts: NDArray[np.float64], ends: NDArray[np.float64], longest: int) -> Iterator[NDArray[np.int64]]:
    """Yield the edges in parts that cross a bounded number of rows: a zigzag of 100,000 edges can cross 50 million."""
    crossed = np.cumsum(np.minimum(np.abs(ends - starts).max(axis=1), longest) + 1)
    breaks = np.searchsorted(crossed, np.arange(_AT_ONCE, crossed[-1] if len(crossed) else 0, _AT_ONCE))
    yield from np.split(np.arange(len(starts)), breaks)


def repeated(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return 0 counts[0] times, 1 counts[1] times, ...; and beside each how often it came before."""
    which = np.repeat(np.arange(len(counts)), counts)
    return which, np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
