"""Between a segmentation node and the core's Segmentation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import vtk
from numpy.typing import NDArray
from slicer import (
    vtkMRMLScalarVolumeNode,
    vtkMRMLScene,
    vtkMRMLSegmentationNode,
    vtkOrientedImageData,
    vtkSegment,
    vtkSegmentation,
    vtkSegmentationConverter,
)
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from SegQCLib.alignment import align
from SegQCLib.case import Box, Segment, Segmentation, Volume
from SegQCLib.errors import BadDataError
from SegQCLib.findings import Finding, Status
from SegQCLib.geometry import Geometry, axis_order, part_of, reorder_axes, start_in
from SegQCLib.importers.terminology_entry import code_from_text, terminology_from_entry
from SegQCLib.metrics.label_planes import foreground_box
from SegQCLib.mrml.geometry import geometry_from_ijk_to_ras, ijk_to_ras
from SegQCLib.mrml.volume import TRAINING_ATTRIBUTE, volume_geometry
from SegQCLib.seg_nrrd import free_value
from SegQCLib.terminology_text import code_text, terminology_text
from SegQCLib.training_mark import TRAINING_TAG, refuse_outside_training

STATUS_TAG = "Segmentation.Status"
# The tags that Slicer's DICOM SEG export reads.
ALGORITHM_TYPE_TAG = "DICOM.SegmentAlgorithmType"
ALGORITHM_NAME_TAG = "DICOM.SegmentAlgorithmName"
# What it has no tags for, under DICOM's keywords.
ALGORITHM_VERSION_TAG = "DICOM.AlgorithmVersion"
ALGORITHM_PARAMETERS_TAG = "DICOM.AlgorithmParameters"
ALGORITHM_FAMILY_TAG = "DICOM.AlgorithmFamilyCode"
TRACKING_ID_TAG = "DICOM.TrackingID"
TRACKING_UID_TAG = "DICOM.TrackingUID"

_LABELMAP = vtkSegmentationConverter.GetBinaryLabelmapRepresentationName()


@dataclass(frozen=True, eq=False)
class CroppedLayer:
    """A layer as Slicer stores it: cropped to its painted voxels, in a type that its tools handle.

    Attributes
    ----------
    array : ndarray of uint8 or int32
    box : tuple of slice
        The part of the segmentation's grid that it is.
    """

    array: NDArray[np.integer]
    box: Box


def crop_layers(segmentation: Segmentation) -> tuple[CroppedLayer, ...]:
    """Return the layers as `add_segmentation` stores them; it touches no node and may be called in any thread."""
    return tuple(_cropped(layer) for layer in segmentation.layers)


def add_segmentation(
    scene: vtkMRMLScene,
    segmentation: Segmentation,
    volume_node: vtkMRMLScalarVolumeNode,
    name: str,
    layers: tuple[CroppedLayer, ...] | None = None,
) -> vtkMRMLSegmentationNode:
    """Add a segmentation with its layers, segment ids, names, label values, colours, codes and tags to a scene.

    A segment without a colour gets the next one of Slicer's.

    Parameters
    ----------
    scene : vtkMRMLScene
    segmentation : Segmentation
    volume_node : vtkMRMLScalarVolumeNode
    name : str
    layers : tuple of CroppedLayer, optional
        What `crop_layers` gave for it: most of the time that it takes, and Slicer's window need not wait for it.
    """
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume_node)
    node.GetSegmentation().SetSourceRepresentationName(_LABELMAP)
    add_segments(node, segmentation, volume_node, layers)
    return node


def add_segments(
    node: vtkMRMLSegmentationNode,
    segmentation: Segmentation,
    volume_node: vtkMRMLScalarVolumeNode,
    layers: tuple[CroppedLayer, ...] | None = None,
) -> None:
    """Add the segments of a segmentation to a node that has none with their ids; parameters as in `add_segmentation`."""
    # Segments that share one image object are one layer in Slicer too.
    cropped = crop_layers(segmentation) if layers is None else layers
    images = [_oriented_image(layer, segmentation.geometry) for layer in cropped]
    # Slicer's window follows at the end, not after every segment: 0.2 s instead of 8 s for a hundred of them.
    was_modifying = node.StartModify()
    training_set = volume_node.GetAttribute(TRAINING_ATTRIBUTE)
    for segment in segmentation.segments:
        # Whatever is made on a practice case is training, also what is computed from readers' segmentations.
        own = segment if training_set is None else replace(segment, training_set=training_set)
        node.GetSegmentation().AddSegment(_vtk_segment(own, images[segment.layer]), segment.id)
    node.EndModify(was_modifying)


def _cropped(layer: NDArray[np.integer]) -> CroppedLayer:
    # As Slicer does: saving looks through the whole layer once per segment.
    box = foreground_box(layer if layer.dtype.kind == "u" else layer > 0, 1) or (slice(0, 1),) * 3
    painted = layer[box]
    # Slicer's tools handle these two label types; uint8 is what it makes itself.
    dtype = np.uint8 if painted.max() <= np.iinfo(np.uint8).max else np.int32
    return CroppedLayer(np.ascontiguousarray(painted, dtype), box)


def _oriented_image(layer: CroppedLayer, geometry: Geometry) -> vtkOrientedImageData:
    image = vtkOrientedImageData()
    image.SetExtent(*(edge for axis in reversed(layer.box) for edge in (axis.start, axis.stop - 1)))
    scalars = numpy_to_vtk(layer.array.ravel(), deep=True)
    scalars.SetName("ImageScalars")
    image.GetPointData().SetScalars(scalars)
    image.SetImageToWorldMatrix(ijk_to_ras(geometry))
    return image


def _vtk_segment(segment: Segment, image: vtkOrientedImageData) -> vtkSegment:
    node_segment = vtkSegment()
    node_segment.SetName(segment.name)
    node_segment.SetLabelValue(segment.label_value)
    if segment.color is not None:
        node_segment.SetColor(*segment.color)
    if segment.terminology is not None:
        node_segment.SetTerminology(terminology_text(segment.terminology))
    if segment.status is not None:
        node_segment.SetTag(STATUS_TAG, segment.status)
    write_algorithm(node_segment, segment)
    node_segment.AddRepresentation(_LABELMAP, image)
    return node_segment


def write_algorithm(node_segment: vtkSegment, segment: Segment) -> None:
    """Write what is known of a segment's algorithm and tracking to its tags; other tags stay."""
    tags = {
        ALGORITHM_TYPE_TAG: segment.algorithm_type,
        ALGORITHM_NAME_TAG: segment.algorithm_name,
        ALGORITHM_VERSION_TAG: segment.algorithm_version,
        ALGORITHM_PARAMETERS_TAG: segment.algorithm_parameters,
        ALGORITHM_FAMILY_TAG: None if segment.algorithm_family is None else code_text(segment.algorithm_family),
        TRACKING_ID_TAG: segment.tracking_id,
        TRACKING_UID_TAG: segment.tracking_uid,
        TRAINING_TAG: segment.training_set,
    }
    for key, value in tags.items():
        if value is not None:
            node_segment.SetTag(key, tag_text(value))


def tag_text(value: str) -> str:
    """Return a text that .seg.nrrd keeps whole in a tag: it separates tags with |, and cuts a value off there."""
    return value.replace("|", "-")


def segmentation_from_node(node: vtkMRMLSegmentationNode, volume_node: vtkMRMLScalarVolumeNode) -> Segmentation:
    """Return the segments of a node on the grid of a volume, in as few layers as they fit in without losing overlap.

    A label value is kept where no other segment of its new layer has it. Segments on another grid are
    aligned as files are (`alignment.align`). Closed surfaces are filled on the volume's grid, and a finding
    says so. The node is not changed.

    Raises
    ------
    BadDataError
        If the node stands under another transform than the volume, its segments lie on several grids or
        outside the image, they are neither voxels nor surfaces that Slicer can fill, or they were made for a training set
        and the volume is of none of its cases.
    """
    return segmentation_reader(node, volume_node)()


def segmentation_reader(node: vtkMRMLSegmentationNode, volume_node: vtkMRMLScalarVolumeNode) -> Callable[[], Segmentation]:
    """Copy the painted voxels out of a node, and return what makes its segmentation of them: see `segmentation_from_node`.

    What is returned touches no node and may be called in any thread, once the copy was made in Slicer's main one.
    """
    if node.GetParentTransformNode() is not volume_node.GetParentTransformNode():
        raise BadDataError(
            node.GetName(),
            f"is not under the same transform as the volume {volume_node.GetName()!r}.",
            "Harden the transforms (Transforms module), or put both under the same one.",
        )
    grid = volume_geometry(volume_node)
    of_image = Volume(None, grid, training_set=volume_node.GetAttribute(TRAINING_ATTRIBUTE))
    findings: tuple[Finding, ...] = ()
    segmentation = node.GetSegmentation()
    if segmentation.GetNumberOfSegments() and segmentation.GetSourceRepresentationName() != _LABELMAP:
        segmentation = _filled_surfaces(node, grid)
        message = (
            f"The segments of {node.GetName()!r} are not voxels but {node.GetSegmentation().GetSourceRepresentationName()}:"
            " they were filled on the image's grid to measure them."
        )
        findings = (Finding("segment_representation", Status.WARN, message),)
    name, painted = node.GetName(), _painted_layers(segmentation)
    # Their places among the merged layers are not known yet.
    stored = [segment_of(segment_id, segmentation.GetSegment(segment_id)) for segment_id in segmentation.GetSegmentIDs()]

    def make() -> Segmentation:
        upright = [_in_axis_order(layer, painted[0].geometry) for layer in painted]
        stored_grid, boxes = _common_grid(name, upright, grid)
        layers, places = _merged(upright, boxes, stored_grid.size)
        segments = []
        for segment in stored:
            if segment.id not in places:
                taken = {label_value for layer, label_value in places.values() if layer == 0}
                places[segment.id] = (0, free_value(segment.label_value, taken))
            layer, label_value = places[segment.id]
            segments.append(replace(segment, layer=layer, label_value=label_value))
        read = Segmentation(name, stored_grid, layers, tuple(segments), findings=findings)
        refuse_outside_training(read, of_image)
        return align(read, grid)

    return make


@dataclass(frozen=True, eq=False)
class _PaintedLayer:
    """A copy of a layer of Slicer's, cropped to its painted voxels, with the label value of each segment in it."""

    geometry: Geometry
    array: NDArray
    label_values: dict[str, int]


def _filled_surfaces(node: vtkMRMLSegmentationNode, grid: Geometry) -> vtkSegmentation:
    # On a copy: a new representation in the user's node would change what the scene shows and saves.
    filled = vtkSegmentation()
    filled.DeepCopy(node.GetSegmentation())
    extent = tuple(value for size in reversed(grid.size) for value in (0, size - 1))
    filled.SetConversionParameter(
        vtkSegmentationConverter.GetReferenceImageGeometryParameterName(),
        vtkSegmentationConverter.SerializeImageGeometry(ijk_to_ras(grid), extent),
    )
    if not filled.CreateRepresentation(_LABELMAP, True):
        raise BadDataError(
            node.GetName(),
            f"holds its segments as {node.GetSegmentation().GetSourceRepresentationName()!r}, which Slicer cannot fill here.",
            "Make Binary labelmap the source representation (Segmentations module, Representations).",
        )
    return filled


def _painted_layers(segmentation: vtkSegmentation) -> list[_PaintedLayer]:
    layers = []
    for number in range(segmentation.GetNumberOfLayers(_LABELMAP)):
        image = segmentation.GetLayerDataObject(number, _LABELMAP)
        if image is None or image.GetNumberOfPoints() == 0:
            continue
        extent = image.GetExtent()
        array = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])
        box = foreground_box(array if array.dtype.kind == "u" else array > 0, 1)
        if box is None:
            continue
        first = [extent[2 * axis] + box[2 - axis].start for axis in range(3)]
        last = [extent[2 * axis] + box[2 - axis].stop - 1 for axis in range(3)]
        matrix = vtk.vtkMatrix4x4()
        image.GetImageToWorldMatrix(matrix)
        geometry = geometry_from_ijk_to_ras(matrix, (first[0], last[0], first[1], last[1], first[2], last[2]))
        ids = segmentation.GetSegmentIDsForLayer(number, _LABELMAP)
        values = {segment_id: int(segmentation.GetSegment(segment_id).GetLabelValue()) for segment_id in ids}
        layers.append(_PaintedLayer(geometry, array[box].copy(), values))
    return layers


def _in_axis_order(layer: _PaintedLayer, geometry: Geometry) -> _PaintedLayer:
    # Slicer stores a newly edited segment in the axis order of the image, the others as their file had them.
    order = axis_order(layer.geometry, geometry)
    return _PaintedLayer(reorder_axes(layer.geometry, order), order.apply(layer.array), layer.label_values)


def _common_grid(name: str, painted: list[_PaintedLayer], grid: Geometry) -> tuple[Geometry, list[Box]]:
    """Return the grid that holds all painted voxels (the image's where that does), and each layer's box in it."""
    if not painted:
        return grid, []
    # The image's grid, with its axes in the order in which the segments are stored.
    lattice = reorder_axes(grid, axis_order(grid, painted[0].geometry))
    low, high = np.zeros(3, int), np.array(lattice.size)
    if start_in(lattice, painted[0].geometry) is None:
        lattice = painted[0].geometry
        high = np.array(lattice.size)
    starts = [start_in(lattice, layer.geometry) for layer in painted]
    if None in starts:
        raise BadDataError(
            name,
            "has segments on several grids that do not fit each other.",
            "Choose one with Specify geometry in the Segment Editor (the icon beside the source volume); all segments then follow.",
        )
    stops = [np.add(start, layer.array.shape) for start, layer in zip(starts, painted, strict=True)]
    low, high = np.min([low, *starts], axis=0), np.max([high, *stops], axis=0)
    boxes = [tuple(map(slice, start - low, stop - low)) for start, stop in zip(starts, stops, strict=True)]
    return part_of(lattice, low, high - low), boxes


def _merged(
    painted: list[_PaintedLayer], boxes: list[Box], size: tuple[int, int, int]
) -> tuple[tuple[NDArray[np.integer], ...], dict[str, tuple[int, int]]]:
    """Return full-size layers and the (layer, label value) of each segment.

    Slicer keeps a layer for each segment that was once painted with overlap allowed, cropped to its
    voxels; at full size a hundred of those would not fit in memory.
    """
    arrays, used, places = [np.zeros(size, np.uint8)], [set()], {}
    for layer, box in zip(painted, boxes, strict=True):
        kept = np.isin(layer.array, list(layer.label_values.values()))
        number = next((n for n, array in enumerate(arrays) if not np.any(kept & (array[box] > 0))), len(arrays))
        if number == len(arrays):
            arrays.append(np.zeros(size, np.uint8))
            used.append(set())
        new_values = {}
        for value in dict.fromkeys(layer.label_values.values()):
            new_values[value] = free_value(value, used[number])
            used[number].add(new_values[value])
        if max(used[number]) > np.iinfo(arrays[number].dtype).max:
            arrays[number] = arrays[number].astype(np.int32)
        table = np.zeros(int(layer.array.max()) + 1, arrays[number].dtype)
        for value, new_value in new_values.items():
            if 0 < value < len(table):
                table[value] = new_value
        for target, source, keep in zip(arrays[number][box], layer.array, kept, strict=True):
            target[keep] = table[source[keep].astype(np.intp)]
        places.update({segment_id: (number, new_values[value]) for segment_id, value in layer.label_values.items()})
    return tuple(arrays), places


def segment_of(segment_id: str, segment: vtkSegment) -> Segment:
    return Segment(
        id=segment_id,
        name=segment.GetName(),
        label_value=int(segment.GetLabelValue()),
        layer=0,
        terminology=terminology_from_entry(segment.GetTerminology()),
        color=segment.GetColor(),
        status=_tag(segment, STATUS_TAG),
        algorithm_type=_tag(segment, ALGORITHM_TYPE_TAG),
        algorithm_name=_tag(segment, ALGORITHM_NAME_TAG),
        algorithm_version=_tag(segment, ALGORITHM_VERSION_TAG),
        algorithm_parameters=_tag(segment, ALGORITHM_PARAMETERS_TAG),
        algorithm_family=code_from_text(_tag(segment, ALGORITHM_FAMILY_TAG) or ""),
        tracking_id=_tag(segment, TRACKING_ID_TAG),
        tracking_uid=_tag(segment, TRACKING_UID_TAG),
        training_set=_tag(segment, TRAINING_TAG),
    )


def _tag(segment: vtkSegment, key: str) -> str | None:
    value = vtk.reference("")
    return str(value) if segment.GetTag(key, value) else None
