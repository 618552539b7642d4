"""Move a model's outline of a homogeneous organ to the edge that the image shows: a computed outline, checked by nobody."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SegQCLib.case import Segmentation, Volume
from SegQCLib.readers.training.typical_errors import segment_named

_CORE_MM = 6.0
_REACH_MM = 6.0
_SMOOTH_MM = (0.0, 1.0, 1.0)
_LOCAL_MM = (0.0, 12.0, 12.0)
_SPREADS = 3.0
_THIN_MM = 2.5
_RING_MM = 3.0
_BEYOND_MM = 4.0


def edge_outline(drawn: Segmentation, structure: str, image: Volume) -> NDArray[np.bool_]:
    """Return the part of the neighbourhood of a structure whose values are like those of its core.

    Values are smoothed with 1 mm in the plane. Like the core is what lies within 3 robust standard deviations
    (1.4826 median absolute deviations) of the local mean of voxels 6 mm or more inside; local, with a Gaussian of 12 mm in
    the plane, because beam hardening shades an organ. Taken are such voxels inside the structure
    or up to 6 mm from it in no other segment, without what is thinner than 5 mm, in one piece, holes within a slice filled;
    then voxels up to 3 mm from these that are nearer in value to the core than to the darkest voxel within 4 mm.

    Parameters
    ----------
    drawn : Segmentation
        On the image's grid.
    structure : str
        Name of a segment of it, thicker than 12 mm.
    image : Volume
        With pixels.

    Returns
    -------
    ndarray of bool, shape (k, j, i)

    Raises
    ------
    BadDataError
        If there is no such segment.
    """
    spacing = drawn.geometry.spacing_mm
    segment = segment_named(drawn, structure)
    reach = [round(2 * _REACH_MM / step) for step in spacing]
    box = tuple(
        slice(max(0, part.start - n), min(size, part.stop + n))
        for part, n, size in zip(drawn.box(segment), reach, drawn.geometry.size, strict=True)
    )
    mask = drawn.mask(segment, box)
    others = np.zeros_like(mask)
    for layer in drawn.layers:
        others |= (layer[box] != 0) & ~mask
    smooth = ndimage.gaussian_filter(image.array[box].astype(np.float32), np.divide(_SMOOTH_MM, spacing))
    # The scan's first and last slice are not the organ's border.
    ends = [(1, 1), (0, 0), (0, 0)]
    depth_mm = ndimage.distance_transform_edt(np.pad(mask, ends, mode="edge"), sampling=spacing)[1:-1]
    core = depth_mm >= _CORE_MM
    shading = _local_mean(smooth, core, np.divide(_LOCAL_MM, spacing))
    spread = 1.4826 * np.median(np.abs(smooth - shading)[core])
    near = ndimage.distance_transform_edt(~mask, sampling=spacing) <= _REACH_MM
    like = near & ~others & (np.abs(smooth - shading) <= _SPREADS * spread)
    found = _found(like, depth_mm, spacing)
    # Partial volume takes the border's voxels out of the organ's values: there the border is halfway to the darkest nearby.
    beyond = 2 * np.rint(np.divide((0.0, _BEYOND_MM, _BEYOND_MM), spacing)).astype(int) + 1
    halfway = (shading + ndimage.minimum_filter(smooth, beyond)) / 2
    ring = ndimage.distance_transform_edt(~found, sampling=spacing) <= _RING_MM
    found = _found(
        found | (ring & near & ~others & (smooth >= halfway) & (smooth <= shading + _SPREADS * spread)), depth_mm, spacing
    )
    outline = np.zeros(drawn.geometry.size, bool)
    outline[box] = found & ~others
    return outline


def _found(like: NDArray[np.bool_], depth_mm: NDArray[np.float64], spacing: tuple[float, ...]) -> NDArray[np.bool_]:
    """Return the largest piece of what is thick enough, with holes within a slice filled."""
    thick = [_opened(plane | (depth >= _CORE_MM), spacing[1:]) for plane, depth in zip(like, depth_mm, strict=True)]
    pieces, _ = ndimage.label(np.stack(thick))
    largest = np.bincount(pieces.ravel())[1:].argmax() + 1
    return np.stack([ndimage.binary_fill_holes(plane) for plane in pieces == largest])


def _local_mean(values: NDArray[np.float32], where: NDArray[np.bool_], sigmas: NDArray[np.float64]) -> NDArray[np.float32]:
    weight = ndimage.gaussian_filter(where.astype(np.float32), sigmas)
    total = ndimage.gaussian_filter(np.where(where, values, 0), sigmas)
    # Where no core is near, the mean of all of it.
    return np.where(weight > 1e-3, total / np.maximum(weight, 1e-3), values[where].mean())


def _opened(plane: NDArray[np.bool_], spacing_mm: tuple[float, ...]) -> NDArray[np.bool_]:
    """Return a slice without what is thinner than twice `_THIN_MM`: eroded and dilated by a disc."""
    filled = ndimage.binary_fill_holes(plane)
    inner = ndimage.distance_transform_edt(filled, sampling=spacing_mm) > _THIN_MM
    return filled & (ndimage.distance_transform_edt(~inner, sampling=spacing_mm) <= _THIN_MM)
