"""Parts of an image that descriptors look at: crops, and the bands inside and outside of a border."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from SegQCLib.difficulty.descriptors.distance import distance_to_outside_mm
from SegQCLib.difficulty.descriptors.grey_levels import bounding_box

BAND_MM = 3.0


def box_with_margin(mask: NDArray[np.bool_], spacing_mm: tuple[float, ...], margin_mm: float) -> tuple[slice, ...]:
    """Return the bounding box of a mask, wider by a margin on all sides as far as the grid reaches."""
    return tuple(
        slice(max(0, side.start - math.ceil(margin_mm / step_mm)), min(size, side.stop + math.ceil(margin_mm / step_mm)))
        for side, step_mm, size in zip(bounding_box(mask), spacing_mm, mask.shape, strict=True)
    )


def border_bands(mask: NDArray[np.bool_], spacing_mm: tuple[float, ...]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the bands along the inside and along the outside of a mask's border.

    Inside are the voxels of the mask whose centre lies at most 3 mm from that of a voxel outside, and the other way
    round: about four pixels of a chest CT, wide enough for texture and for twice the readers' usual distance. A pixel side is the
    least width, so the inner band of a mask with a voxel is never empty. What lies beyond the
    grid counts as outside for the inner band; the outer band is cut there, and empty where the mask fills the grid.

    Parameters
    ----------
    mask : ndarray of bool, shape (k, j, i) or (j, i)
    spacing_mm : tuple of float
        In array order.

    Returns
    -------
    inside, outside : ndarray of bool, shape of the mask
    """
    limit_mm = max(BAND_MM, *spacing_mm[-2:]) * (1 + 1e-6)  # distances are in single precision
    depth_mm = distance_to_outside_mm(np.pad(mask, 1), spacing_mm, 2 * limit_mm)[(slice(1, -1),) * mask.ndim]
    # A mask that fills the grid has no outside, and no distance from it.
    height_mm = distance_to_outside_mm(~mask, spacing_mm, 2 * limit_mm)
    return mask & (depth_mm <= limit_mm), ~mask & (height_mm <= limit_mm)


def plain_box(image: NDArray, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the bounding box of a region with its mean in the place of all that is not of the region.

    Fourier and wavelet transforms need a box; this way what surrounds the region adds nothing to it.
    """
    box = bounding_box(mask)
    inside = mask[box]
    values = image[box].astype(np.float64)
    return np.where(inside, values, values[inside].mean())
