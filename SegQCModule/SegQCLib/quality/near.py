"""Which voxels lie near a mask: within millimetres of it, or next to it.

Distance maps of organs take seconds; these questions need none. Masks are looked at 64 voxels at a time, as the bits of a
number, which makes the work a hundredth.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_BITS = 64
# From so many rows within reach on, as in micro-CT, a distance map is faster.
_MOST_ROWS = 5000


def within_mm(targets: NDArray[np.bool_], spacing_mm: tuple[float, float, float], radius_mm: float) -> NDArray[np.bool_]:
    """Return the voxels whose centre is at most `radius_mm` from the centre of a target, targets included.

    Parameters
    ----------
    targets : ndarray of bool, shape (k, j, i)
        What lies beyond the array is no target.
    spacing_mm : tuple of float
        Along (k, j, i), > 0.
    radius_mm : float
        >= 0.

    Returns
    -------
    ndarray of bool, shape (k, j, i)
    """
    # Headers write 0.7 mm as 0.699999: a radius of ten voxels must not lose the tenth.
    squared = (radius_mm * (1 + 1e-5)) ** 2
    depth, rows = (min(int(math.sqrt(squared) / mm), n - 1) for mm, n in zip(spacing_mm[:2], targets.shape[:2], strict=True))
    if (2 * depth + 1) * (2 * rows + 1) > _MOST_ROWS:
        return ndimage.distance_transform_edt(~targets, sampling=spacing_mm) ** 2 <= squared if targets.any() else targets.copy()
    words = _packed(targets)
    found = np.zeros_like(words)
    along_i: dict[int, NDArray[np.uint64]] = {}
    for dk in range(-depth, depth + 1):
        for dj in range(-rows, rows + 1):
            left = squared - (dk * spacing_mm[0]) ** 2 - (dj * spacing_mm[1]) ** 2
            if left < 0:
                continue
            reach = min(int(math.sqrt(left) / spacing_mm[2]), targets.shape[2])
            if reach not in along_i:
                along_i[reach] = _widened(words, reach)
            _add_shifted(found, along_i[reach], dk, dj)
    return _unpacked(found, targets.shape[2])


def next_to(targets: NDArray[np.bool_], in_plane: bool = False) -> NDArray[np.bool_]:
    """Return the targets and the voxels that share a face with one; with `in_plane`, those on the same slice only.

    Parameters
    ----------
    targets : ndarray of bool, shape (k, j, i)
        What lies beyond the array is no target.
    in_plane : bool

    Returns
    -------
    ndarray of bool, shape (k, j, i)
    """
    words = _packed(targets)
    found = _widened(words, 1)
    for dk, dj in ((0, 1), (0, -1)) if in_plane else ((0, 1), (0, -1), (1, 0), (-1, 0)):
        _add_shifted(found, words, dk, dj)
    return _unpacked(found, targets.shape[2])


def _packed(mask: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """Return the bits of each row, the first voxel in the lowest bit of the first number."""
    octets = np.packbits(mask, axis=2, bitorder="little")
    padded = np.zeros((*mask.shape[:2], -(-mask.shape[2] // _BITS) * 8), np.uint8)
    padded[:, :, : octets.shape[2]] = octets
    return padded.view("<u8")


def _unpacked(words: NDArray[np.uint64], length: int) -> NDArray[np.bool_]:
    return np.unpackbits(words.view(np.uint8), axis=2, count=length, bitorder="little").view(bool)


def _widened(words: NDArray[np.uint64], reach: int) -> NDArray[np.uint64]:
    """Return rows in which every voxel has spread by `reach` to both sides."""
    found, done = words.copy(), 0
    while done < reach:
        # What has spread already spreads as a whole; by more it would leave gaps where the row's end has cut it off.
        step = min(reach - done, done + 1)
        found = found | _moved(found, step) | _moved(found, -step)
        done += step
    return found


def _moved(words: NDArray[np.uint64], step: int) -> NDArray[np.uint64]:
    """Return rows moved along i by `step` voxels; what leaves a row is gone."""
    whole, bits = divmod(abs(step), _BITS)
    found = np.zeros_like(words)
    count = words.shape[2] - whole
    if count <= 0:
        return found
    low, high = np.uint64(bits), np.uint64(_BITS - bits)
    if step > 0:
        found[:, :, whole:] = words[:, :, :count] << low
        if bits:
            found[:, :, whole + 1 :] |= words[:, :, : count - 1] >> high
    else:
        found[:, :, :count] = words[:, :, whole:] >> low
        if bits:
            found[:, :, : count - 1] |= words[:, :, whole + 1 :] << high
    return found


def _add_shifted(found: NDArray[np.uint64], words: NDArray[np.uint64], dk: int, dj: int) -> None:
    to, source = zip(*(_overlap(d, n) for d, n in zip((dk, dj), words.shape[:2], strict=True)), strict=True)
    found[to] |= words[source]


def _overlap(step: int, size: int) -> tuple[slice, slice]:
    return slice(max(step, 0), size + min(step, 0)), slice(max(-step, 0), size - max(step, 0))
