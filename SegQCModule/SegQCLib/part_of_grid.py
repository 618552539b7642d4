"""Put a segmentation that covers a part of the image's voxels, or more than them, on the image's grid: nothing is resampled."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from SegQCLib.case import Segmentation
from SegQCLib.geometry import Geometry, axis_order, reorder_axes, start_in


def place_in_grid(part: Geometry, geometry: Geometry) -> tuple[int, int, int] | None:
    """Return the index (k, j, i) in a grid at which another one begins, or None if the voxels of the two do not coincide.

    The axes of `part` may be in another order. The index may lie outside the grid.
    """
    return start_in(geometry, reorder_axes(part, axis_order(part, geometry)))


def on_whole_grid(segmentation: Segmentation, geometry: Geometry) -> Segmentation | None:
    """Return the segmentation on a grid that shares its voxels, or None if the voxels of the two do not coincide.

    A DICOM SEG has frames only where something was drawn. Voxels outside the grid are left out.

    Parameters
    ----------
    segmentation : Segmentation
    geometry : Geometry
        The image's grid.
    """
    start = place_in_grid(segmentation.geometry, geometry)
    if start is None:
        return None
    order = axis_order(segmentation.geometry, geometry)
    low = np.maximum(start, 0)
    high = np.minimum(np.add(start, reorder_axes(segmentation.geometry, order).size), geometry.size)
    if np.any(high <= low):
        return None
    inside = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    taken = tuple(slice(int(a), int(b)) for a, b in zip(low - np.array(start), high - np.array(start), strict=True))
    layers = []
    for layer in segmentation.layers:
        whole = np.zeros(geometry.size, layer.dtype)
        whole[inside] = order.apply(layer)[taken]
        layers.append(whole)
    return replace(segmentation, geometry=geometry, layers=tuple(layers), stored=segmentation)
