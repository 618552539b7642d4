"""How many voxels each segment of a node has: what tells that a stroke over a neighbour took some of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray
from slicer import vtkMRMLSegmentationNode, vtkSegmentationConverter
from vtk.util.numpy_support import vtk_to_numpy

_LABELMAP = vtkSegmentationConverter.GetBinaryLabelmapRepresentationName()


def voxel_counter(node: vtkMRMLSegmentationNode, segment_ids: Iterable[str] | None = None) -> Callable[[], dict[str, int]]:
    """Copy layers out of a node, and return what counts the voxels of their segments by id.

    What is returned touches no node and may be called in any thread, once the copy was made in Slicer's main one.

    Parameters
    ----------
    node : vtkMRMLSegmentationNode
    segment_ids : iterable of str, optional
        The layers of these segments only, and with them all others that share them. Default: all layers.
    """
    segmentation = node.GetSegmentation()
    numbers = range(segmentation.GetNumberOfLayers(_LABELMAP))
    if segment_ids is not None:
        present = (segment_id for segment_id in segment_ids if segmentation.GetSegment(segment_id) is not None)
        numbers = sorted({segmentation.GetLayerIndex(segment_id, _LABELMAP) for segment_id in present} - {-1})
    layers = []
    for number in numbers:
        image = segmentation.GetLayerDataObject(number, _LABELMAP)
        ids = segmentation.GetSegmentIDsForLayer(number, _LABELMAP)
        values = {segment_id: int(segmentation.GetSegment(segment_id).GetLabelValue()) for segment_id in ids}
        if image is None or image.GetNumberOfPoints() == 0:
            layers.append((np.zeros((0, 0), np.uint8), values))
        else:
            layers.append((_planes(vtk_to_numpy(image.GetPointData().GetScalars()), image.GetDimensions()[2]), values))

    def count() -> dict[str, int]:
        counted = {}
        for planes, values in layers:
            voxels = _histogram(planes, max(values.values(), default=0) + 1)
            counted |= {segment_id: int(voxels[value]) for segment_id, value in values.items()}
        return counted

    return count


def _planes(scalars: NDArray, number: int) -> NDArray:
    return scalars.reshape(number, -1).copy()


def _histogram(planes: NDArray, size: int) -> NDArray[np.int64]:
    voxels = np.zeros(size, np.int64)
    # Plane by plane, and only what is painted: most of an image is background, and a histogram is slow.
    for plane in planes:
        painted = plane[plane > 0].astype(np.intp)
        voxels += np.bincount(painted[painted < size], minlength=size)
    return voxels
