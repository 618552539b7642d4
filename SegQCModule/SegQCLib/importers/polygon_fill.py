"""Which pixels lie inside polygons: by their centres, exactly, with the even-odd rule."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


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
    inside = _inside(starts, ends, planes, size)
    _add_line_pixels(inside, starts, ends, planes, on_line)
    return inside


def _inside(
    starts: NDArray[np.float64], ends: NDArray[np.float64], planes: NDArray[np.int64], size: tuple[int, int, int]
) -> NDArray[np.bool_]:
    _, height, width = size
    edge, row, crossing = row_crossings(starts, ends, height)
    column = np.clip(np.ceil(crossing), 0, width).astype(np.int64)
    changes = np.zeros((size[0], height, width + 1), np.uint8)
    np.bitwise_xor.at(changes.reshape(-1), (planes[edge] * height + row) * (width + 1) + column, 1)
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
    edge, step = _repeated(stop - first)
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
    """Set the pixels whose centres lie on an edge, looked for along the axis that the edge extends further on."""
    steep = np.abs(ends - starts)[:, 0] >= np.abs(ends - starts)[:, 1]
    found = []
    for axis, chosen in ((0, np.flatnonzero(steep)), (1, np.flatnonzero(~steep))):
        upward = (starts[chosen, axis] <= ends[chosen, axis])[:, np.newaxis]
        low = np.where(upward, starts[chosen], ends[chosen])
        run = np.where(upward, ends[chosen], starts[chosen]) - low
        last = inside.shape[1 + axis] - 1
        first = np.clip(np.ceil(low[:, axis] - on_line[axis]), 0, last + 1).astype(np.int64)
        stop = np.clip(np.floor(low[:, axis] + run[:, axis] + on_line[axis]) + 1, 0, last + 1).astype(np.int64)
        edge, step = _repeated(np.maximum(stop - first, 0))
        along = first[edge] + step
        length = run[edge, axis]
        share = np.clip((along - low[edge, axis]) / np.where(length > 0, length, 1), 0, 1)
        across = low[edge, 1 - axis] + share * run[edge, 1 - axis]
        nearest = np.rint(across)
        hit = (np.abs(across - nearest) <= on_line[1 - axis]) & (nearest >= 0) & (nearest < inside.shape[2 - axis])
        pair = (along[hit], nearest[hit].astype(np.int64))
        found.append((chosen[edge[hit]], *(pair if axis == 0 else pair[::-1])))
    edges, rows, columns = (np.concatenate(part) for part in zip(*found, strict=True))
    border = _run_through_once(starts, ends, planes, edges)
    inside[planes[edges[border]], rows[border], columns[border]] = True


def _run_through_once(
    starts: NDArray[np.float64], ends: NDArray[np.float64], planes: NDArray[np.int64], edges: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Return for each of some edges whether it is there an odd number of times in its plane, in either direction."""
    distinct, back = np.unique(edges, return_inverse=True)
    a, b = starts[distinct], ends[distinct]
    turned = ((a[:, 0] > b[:, 0]) | ((a[:, 0] == b[:, 0]) & (a[:, 1] > b[:, 1])))[:, np.newaxis]
    lines = np.column_stack([planes[distinct], np.where(turned, b, a), np.where(turned, a, b)])
    _, which, count = np.unique(lines, axis=0, return_inverse=True, return_counts=True)
    return (count[which.reshape(-1)] % 2 == 1)[back.reshape(-1)]


def _repeated(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return 0 counts[0] times, 1 counts[1] times, ...; and beside each how often it came before."""
    which = np.repeat(np.arange(len(counts)), counts)
    return which, np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
