"""One segment of a node with what surrounds it: as much of a segmentation as it takes to check the segment again."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from slicer import (
    vtkMRMLScalarVolumeNode,
    vtkMRMLSegmentationNode,
    vtkOrientedImageData,
    vtkSegmentation,
    vtkSegmentationConverter,
)
from vtk.util.numpy_support import vtk_to_numpy

from SegQCLib.case import Box, Segment, Segmentation
from SegQCLib.geometry import Geometry, axis_order, reorder_axes, start_in
from SegQCLib.mrml.geometry import image_geometry
from SegQCLib.mrml.segmentation import segment_of, segmentation_from_node
from SegQCLib.mrml.volume import volume_geometry

_LABELMAP = vtkSegmentationConverter.GetBinaryLabelmapRepresentationName()
# Of a segment's voxels: a segment that also has these may be its copy, and only its whole extent tells.
_NEARLY_ALL = 0.9


@dataclass(frozen=True, eq=False)
class SegmentationPart(Segmentation):
    """A segmentation of which only some voxels were read.

    Attributes
    ----------
    boxes : dict
        Bounding box of each segment with voxels by its id: a search of the whole grid takes longer than all checks.
    """

    boxes: dict[str, Box] = field(default_factory=dict)

    def box(self, segment: Segment) -> Box | None:
        return self.boxes.get(segment.id)


def segment_with_surroundings(node: vtkMRMLSegmentationNode, volume_node: vtkMRMLScalarVolumeNode, segment_id: str) -> Segmentation:
    """Return a segment of a node on the grid of a volume, with what surrounds it.

    Voxels and segment are those of `segmentation_from_node`. Of the others there are the voxels in the segment's box and
    one voxel around it, and as segments those that share voxels with it. A node on another grid than the volume's is read
    as a whole. The node is not changed.

    Raises
    ------
    ValueError
        If the node has no such segment.
    BadDataError
        See `segmentation_from_node`.
    """
    segmentation, grid = node.GetSegmentation(), volume_geometry(volume_node)
    if segmentation.GetSegment(segment_id) is None:
        raise ValueError(f"{node.GetName()!r} has no segment {segment_id!r}: {', '.join(segmentation.GetSegmentIDs())}.")
    layers = _placed_layers(segmentation, grid)
    if node.GetParentTransformNode() is not volume_node.GetParentTransformNode() or layers is None:
        return segmentation_from_node(node, volume_node)
    everywhere = tuple(slice(0, size) for size in grid.size)
    own = next((layer for layer in layers if segment_id in layer.label_values), None)
    box = None if own is None else _label_box(own, own.label_values[segment_id], everywhere)
    if box is None:
        segment = replace(segment_of(segment_id, segmentation.GetSegment(segment_id)), layer=0, label_value=1)
        return SegmentationPart(node.GetName(), grid, (np.zeros(grid.size, np.uint8),), (segment,))
    region = tuple(slice(max(part.start - 1, 0), min(part.stop + 1, size)) for part, size in zip(box, grid.size, strict=True))
    array = np.zeros(grid.size, np.uint8)
    around = array[region]
    covered, labels = own.crop(region)
    # 2 the others, 1 the segment: in few passes, since an organ's box has ten million voxels.
    painted = (labels != 0).view(np.uint8)
    painted <<= 1
    painted -= (labels == own.label_values[segment_id]).view(np.uint8)
    around[covered] = painted
    others: dict[str, tuple[NDArray[np.uint8], Box]] = {}
    for layer in layers:
        covered, labels = layer.crop(region)
        if layer is own or not labels.any():
            continue
        mask = around[covered] == 1
        around[covered][(labels != 0) & ~mask] = 2
        shared = labels[mask]
        for other_id, label_value in layer.label_values.items():
            voxels = int(np.count_nonzero(shared == label_value))
            if voxels:
                within = everywhere if voxels >= _NEARLY_ALL * np.count_nonzero(painted == 1) else region
                other_box = _label_box(layer, label_value, within)
                others[other_id] = _as_layer(layer, label_value, other_box, grid.size), other_box
    numbers = {segment_id: 0, **{other_id: number for number, other_id in enumerate(others, 1)}}
    return SegmentationPart(
        name=node.GetName(),
        geometry=grid,
        layers=(array, *(other for other, _ in others.values())),
        segments=tuple(
            replace(segment_of(known, segmentation.GetSegment(known)), layer=numbers[known], label_value=1)
            for known in segmentation.GetSegmentIDs()
            if known in numbers
        ),
        boxes={segment_id: box, **{other_id: other_box for other_id, (_, other_box) in others.items()}},
    )


@dataclass(frozen=True, eq=False)
class _PlacedLayer:
    """A layer of Slicer's as a view in the grid's axis order, where it begins on the grid, and its segments' label values."""

    array: NDArray
    start: tuple[int, int, int]
    label_values: dict[str, int]

    def crop(self, region: Box) -> tuple[Box, NDArray]:
        """Return the part of `region` (counted from its own start) that the layer covers, and its labels there."""
        covered, own = [], []
        for part, start, size in zip(region, self.start, self.array.shape, strict=True):
            low = max(part.start, start)
            high = max(low, min(part.stop, start + size))
            covered.append(slice(low - part.start, high - part.start))
            own.append(slice(low - start, high - start))
        return tuple(covered), self.array[tuple(own)]


def _placed_layers(segmentation: vtkSegmentation, grid: Geometry) -> list[_PlacedLayer] | None:
    """Return the layers, or None where not all of them are voxels of the grid."""
    if segmentation.GetSourceRepresentationName() != _LABELMAP:
        return None
    layers = []
    for number in range(segmentation.GetNumberOfLayers(_LABELMAP)):
        image = segmentation.GetLayerDataObject(number, _LABELMAP)
        if image is None or image.GetNumberOfPoints() == 0:
            continue
        ids = segmentation.GetSegmentIDsForLayer(number, _LABELMAP)
        layer = _placed(image, {known: int(segmentation.GetSegment(known).GetLabelValue()) for known in ids}, grid)
        if layer is None:
            return None
        layers.append(layer)
    return layers


def _placed(image: vtkOrientedImageData, label_values: dict[str, int], grid: Geometry) -> _PlacedLayer | None:
    stored = image_geometry(image)
    order = axis_order(stored, grid)
    start = start_in(grid, reorder_axes(stored, order))
    array = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])
    if start is None:
        return None
    layer = _PlacedLayer(order.apply(array), start, label_values)
    inside, _ = layer.crop(tuple(slice(0, size) for size in grid.size))
    reaches_out = any(part.stop - part.start < size for part, size in zip(inside, layer.array.shape, strict=True))
    return None if reaches_out else layer


def _label_box(layer: _PlacedLayer, label_value: int, region: Box) -> Box | None:
    """Return the box on the grid of a label's voxels in a region, or None if there are none."""
    covered, labels = layer.crop(region)
    if not labels.size:
        return None
    # Plane by plane, while it lies in the processor's cache; most of an image has no voxel of one segment.
    own = np.empty(labels.shape[1:], bool)
    shadow = np.zeros(labels.shape[1:], bool)
    planes = []
    for k, plane in enumerate(labels):
        np.equal(plane, label_value, out=own)
        if own.any():
            planes.append(k)
            shadow |= own
    if not planes:
        return None
    rows, columns = np.flatnonzero(shadow.any(axis=1)), np.flatnonzero(shadow.any(axis=0))
    first = [part.start + cut.start for part, cut in zip(region, covered, strict=True)]
    ends = ((planes[0], planes[-1]), (rows[0], rows[-1]), (columns[0], columns[-1]))
    return tuple(slice(start + int(low), start + int(high) + 1) for start, (low, high) in zip(first, ends, strict=True))


def _as_layer(layer: _PlacedLayer, label_value: int, box: Box, size: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Return the voxels of a label in a box as a layer of the whole grid: 1, and 0 elsewhere."""
    array = np.zeros(size, np.uint8)
    covered, labels = layer.crop(box)
    array[box][covered] = labels == label_value
    return array
