"""Bring a segmentation or a map onto the image's grid: as it is, by axis order, or by resampling."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from SegQCLib.case import Segmentation, Volume
from SegQCLib.errors import BadDataError
from SegQCLib.geometry import Geometry, axis_order, boxes_overlap, reorder_axes, same_grid, sitk_image
from SegQCLib.part_of_grid import on_whole_grid, place_in_grid


def align(segmentation: Segmentation, geometry: Geometry) -> Segmentation:
    """Return the segmentation on the image's grid, with `stored` set where that changed its arrays.

    Axes that are merely stored in another order (flipped rows, as NIfTI writers do) are put right
    without resampling. Any other grid is resampled to the nearest voxel, which moves a surface by up
    to half a voxel: the check geometry_match says so.

    Raises
    ------
    BadDataError
        If segmentation and image do not overlap in space: they belong to different patients or scans.
    """
    if same_grid(segmentation.geometry, geometry):
        return replace(segmentation, geometry=geometry)
    order = axis_order(segmentation.geometry, geometry)
    if same_grid(reorder_axes(segmentation.geometry, order), geometry):
        layers = tuple(order.apply(layer) for layer in segmentation.layers)
        return replace(segmentation, geometry=geometry, layers=layers, stored=segmentation)
    placed = on_whole_grid(segmentation, geometry)
    if placed is not None:
        return placed
    if not any(layer.any() for layer in segmentation.layers):
        # Slicer saves an empty segmentation as one voxel anywhere: absent is absent wherever it is.
        empty = tuple(np.zeros(geometry.size, layer.dtype) for layer in segmentation.layers)
        return replace(segmentation, geometry=geometry, layers=empty, stored=segmentation)
    if not boxes_overlap(segmentation.geometry, geometry):
        raise BadDataError(
            segmentation.source.path if segmentation.source else segmentation.name,
            f"lies outside the image: it covers {extent_text(segmentation.geometry)}, the image {extent_text(geometry)} (LPS, mm).",
            "Is it of another patient or another scan? Give the segmentation that was drawn on this image.",
        )
    layers = tuple(_resample(layer, segmentation.geometry, geometry) for layer in segmentation.layers)
    return replace(segmentation, geometry=geometry, layers=layers, stored=segmentation)


def align_map(volume: Volume, geometry: Geometry) -> Volume:
    """Return a map of numbers on the image's grid: by axis order, else interpolated linearly, 0 outside of it.

    Raises
    ------
    BadDataError
        If map and image do not overlap in space.
    """
    order = axis_order(volume.geometry, geometry)
    if same_grid(reorder_axes(volume.geometry, order), geometry):
        return replace(volume, array=order.apply(volume.array), geometry=geometry)
    if not boxes_overlap(volume.geometry, geometry):
        raise BadDataError(
            volume.source.path if volume.source else "uncertainty map",
            f"lies outside the image: it covers {extent_text(volume.geometry)}, the image {extent_text(geometry)} (LPS, mm).",
            "Give the map that was made of this image.",
        )
    array = _resample(np.asarray(volume.array, np.float32), volume.geometry, geometry, sitk.sitkLinear)
    return replace(volume, array=array, geometry=geometry)


def was_resampled(aligned: Segmentation) -> bool:
    """Return whether `align` had to resample: not for the same voxels, be it with axes in another order or a part of them."""
    return aligned.stored is not None and place_in_grid(aligned.stored.geometry, aligned.geometry) is None


def _resample(array: NDArray, source: Geometry, target: Geometry, interpolator: int = sitk.sitkNearestNeighbor) -> NDArray:
    resampler = sitk.ResampleImageFilter()
    resampler.SetInterpolator(interpolator)
    resampler.SetSize(tuple(reversed(target.size)))
    resampler.SetOutputSpacing(tuple(reversed(target.spacing_mm)))
    resampler.SetOutputOrigin(target.origin_lps_mm)
    resampler.SetOutputDirection(np.array(target.axes_lps)[::-1].T.ravel().tolist())
    return sitk.GetArrayFromImage(resampler.Execute(sitk_image(array, source)))


def extent_text(geometry: Geometry) -> str:
    """Return what a grid covers, in LPS, mm: -120 to 80 x -90 to 60 x 0 to 240."""
    corners = geometry.corners_lps_mm()
    return " x ".join(f"{low:.0f} to {high:.0f}" for low, high in zip(corners.min(axis=0), corners.max(axis=0), strict=True))
