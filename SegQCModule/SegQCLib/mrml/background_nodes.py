"""The background regions that image quality is measured against, as a segmentation of their own beside the candidate.

A region that is as it was placed is placed anew at each evaluation. One that a person drew or changed is used as it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import vtk
from scipy import ndimage
from slicer import (
    vtkMRMLScalarVolumeNode,
    vtkMRMLScene,
    vtkMRMLSegmentationNode,
    vtkOrientedImageData,
    vtkSegment,
    vtkSegmentation,
    vtkSegmentationConverter,
)
from vtk.util.numpy_support import vtk_to_numpy

from SegQCLib.case import Segmentation
from SegQCLib.mrml.draft import ROLE_ATTRIBUTE
from SegQCLib.mrml.node_removal import remove_with_attendants
from SegQCLib.mrml.segmentation import CroppedLayer, add_segmentation, add_segments, segmentation_reader, tag_text
from SegQCLib.mrml.volume import volume_geometry
from SegQCLib.record import QCRecord

# Reference role of the candidate, and what the regions' node is marked as.
BACKGROUND_ROLE = "SegQC.BackgroundRegions"
BACKGROUND_REGIONS = "background regions"
# Sky blue of Okabe and Ito's colours, which colour-blind readers tell apart from the green and brown of Slicer's organs.
_COLOR = (0.34, 0.71, 0.91)
# Of a segment: name and voxels as it was placed; the segments that it is the background of.
PLACED_TAG = "SegQC.PlacedAs"
BACKGROUND_OF_TAG = "SegQC.BackgroundOf"
# Of the node: the drawn regions that the candidate's record was measured against.
MEASURED_ATTRIBUTE = "SegQC.MeasuredRegions"

_LABELMAP = vtkSegmentationConverter.GetBinaryLabelmapRepresentationName()


def show_background(
    scene: vtkMRMLScene,
    background: Segmentation | None,
    candidate_node: vtkMRMLSegmentationNode,
    volume_node: vtkMRMLScalarVolumeNode,
    name: str,
    against: Mapping[str, Sequence[str]],
    layers: tuple[CroppedLayer, ...] | None = None,
) -> vtkMRMLSegmentationNode:
    """Show background regions as outlines, in place of those that were placed before; what a person drew or changed stays.

    Parameters
    ----------
    scene : vtkMRMLScene
    background : Segmentation or None
        What was placed, on the volume's grid; None: nothing was.
    candidate_node : vtkMRMLSegmentationNode
        It is not changed.
    volume_node : vtkMRMLScalarVolumeNode
    name : str
        For a new node.
    against : mapping of str to sequence of str
        For each region the segments that it is the background of: see `measured_against`.
    layers : tuple of CroppedLayer, optional
        What `crop_layers` gave for `background`: see `add_segmentation`.
    """
    node = background_of(candidate_node) or _new_node(scene, candidate_node, volume_node, name)
    segmentation = node.GetSegmentation()
    added = _replace_placed(node, background, volume_node, layers)
    stamps = _stamps(segmentation)
    for segment_id in added:
        segmentation.GetSegment(segment_id).SetTag(PLACED_TAG, stamps.get(segment_id, ""))
    for segment_id in segmentation.GetSegmentIDs():
        segment = segmentation.GetSegment(segment_id)
        segment.SetTag(BACKGROUND_OF_TAG, tag_text(", ".join(against.get(segment.GetName(), ()))))
    return node


def background_of(candidate_node: vtkMRMLSegmentationNode | None) -> vtkMRMLSegmentationNode | None:
    """Return the background regions that the scene has for a candidate, or None."""
    return None if candidate_node is None else candidate_node.GetNodeReference(BACKGROUND_ROLE)


def remove_background(scene: vtkMRMLScene, candidate_node: vtkMRMLSegmentationNode) -> None:
    """Remove the background regions of a candidate, drawn ones too; nothing happens where there are none."""
    node = background_of(candidate_node)
    if node is not None:
        remove_with_attendants(scene, node)
        candidate_node.SetNodeReferenceID(BACKGROUND_ROLE, None)


def measured_against(record: QCRecord) -> dict[str, list[str]]:
    """Return for each background region of a record the segments that were measured against it."""
    found: dict[str, dict[str, None]] = {}
    for m in record.image_quality:
        if m.background is not None:
            found.setdefault(m.background, {})[m.segment] = None
    return {background: list(segments) for background, segments in found.items()}


def drawn_regions(node: vtkMRMLSegmentationNode | None) -> list[str]:
    """Return the ids of the regions with voxels that a person drew, changed or renamed since they were placed."""
    if node is None:
        return []
    segmentation = node.GetSegmentation()
    stamps = _stamps(segmentation)
    return [segment_id for segment_id, stamp in stamps.items() if _tag(segmentation.GetSegment(segment_id), PLACED_TAG) != stamp]


def drawn_background_reader(
    candidate_node: vtkMRMLSegmentationNode, volume_node: vtkMRMLScalarVolumeNode
) -> Callable[[], Segmentation | None]:
    """Copy the regions that a person drew or changed out of the scene, and return what makes their segmentation.

    What is returned gives None where there are none; it touches no node and may be called in any thread.

    Raises
    ------
    BadDataError
        As `segmentation_reader`.
    """
    node = background_of(candidate_node)
    drawn = drawn_regions(node)
    if not drawn:
        return lambda: None
    read = segmentation_reader(node, volume_node)

    def make() -> Segmentation:
        whole = read()
        return whole.with_segments(tuple(segment for segment in whole.segments if segment.id in drawn))

    return make


def drawn_stamp(node: vtkMRMLSegmentationNode | None) -> str:
    """Return a text that changes with the regions that a person drew or changed; "" without any."""
    drawn = drawn_regions(node)
    if not drawn:
        return ""
    stamps = _stamps(node.GetSegmentation())
    return hashlib.sha256("\n".join(sorted(stamps[segment_id] for segment_id in drawn)).encode()).hexdigest()


def note_measured(candidate_node: vtkMRMLSegmentationNode, stamp: str) -> None:
    """Note which drawn regions (`drawn_stamp`) the candidate's record was measured against."""
    node = background_of(candidate_node)
    if node is not None:
        node.SetAttribute(MEASURED_ATTRIBUTE, stamp)


def is_measured(candidate_node: vtkMRMLSegmentationNode) -> bool:
    """Return whether the drawn regions are those that the candidate's record was measured against."""
    node = background_of(candidate_node)
    return node is None or drawn_stamp(node) == (node.GetAttribute(MEASURED_ATTRIBUTE) or "")


def _new_node(
    scene: vtkMRMLScene, candidate_node: vtkMRMLSegmentationNode, volume_node: vtkMRMLScalarVolumeNode, name: str
) -> vtkMRMLSegmentationNode:
    node = add_segmentation(scene, Segmentation(name, volume_geometry(volume_node), (), ()), volume_node, name)
    node.SetAttribute(ROLE_ATTRIBUTE, BACKGROUND_REGIONS)
    node.SetAndObserveTransformNodeID(volume_node.GetTransformNodeID())
    display_node = node.GetDisplayNode()
    was_modifying = display_node.StartModify()
    display_node.SetVisibility2DFill(False)
    display_node.SetVisibility2DOutline(True)
    display_node.SetVisibility3D(False)
    display_node.EndModify(was_modifying)
    candidate_node.SetNodeReferenceID(BACKGROUND_ROLE, node.GetID())
    return node


def _replace_placed(
    node: vtkMRMLSegmentationNode,
    background: Segmentation | None,
    volume_node: vtkMRMLScalarVolumeNode,
    layers: tuple[CroppedLayer, ...] | None,
) -> list[str]:
    """Put new regions in the place of those that nobody changed, and return their ids."""
    segmentation = node.GetSegmentation()
    drawn = drawn_regions(node)
    # What nobody has drawn into yet is kept: somebody has just added it.
    ids = segmentation.GetSegmentIDs()
    for segment_id in [one for one in ids if one not in drawn and _tag(segmentation.GetSegment(one), PLACED_TAG) is not None]:
        segmentation.RemoveSegment(segment_id)
    if background is None:
        return []
    taken = {segmentation.GetSegment(segment_id).GetName() for segment_id in drawn}
    wanted = [segment for segment in background.segments if segment.name not in taken]
    wanted = [replace(segment, id=segmentation.GenerateUniqueSegmentID(segment.id), color=_COLOR) for segment in wanted]
    add_segments(node, background.with_segments(tuple(wanted)), volume_node, layers)
    return [segment.id for segment in wanted]


def _stamps(segmentation: vtkSegmentation) -> dict[str, str]:
    """Return name, place and voxels of each segment that has any, by id, as a short text."""
    found = {}
    for number in range(segmentation.GetNumberOfLayers(_LABELMAP)):
        image = segmentation.GetLayerDataObject(number, _LABELMAP)
        if image is None or image.GetNumberOfPoints() == 0:
            continue
        array = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])
        boxes = ndimage.find_objects(array.astype(np.int32, copy=False))
        for segment_id in segmentation.GetSegmentIDsForLayer(number, _LABELMAP):
            segment = segmentation.GetSegment(segment_id)
            value = int(segment.GetLabelValue())
            box = boxes[value - 1] if 0 < value <= len(boxes) else None
            if box is not None:
                voxels = hashlib.sha256(np.packbits(array[box] == value).tobytes()).hexdigest()
                place = _place(image, [part.start for part in box])
                text = f"{segment.GetName()} {array[box].shape} {place} {voxels}"
                found[segment_id] = hashlib.sha256(text.encode()).hexdigest()
    return found


def _place(image: vtkOrientedImageData, start_kji: Sequence[int]) -> list[float]:
    """Return where a voxel of an image lies, and its axes: not how far the image reaches, which painting changes."""
    matrix, extent = vtk.vtkMatrix4x4(), image.GetExtent()
    image.GetImageToWorldMatrix(matrix)
    ijk = [extent[2 * axis] + start_kji[2 - axis] for axis in range(3)]
    columns = [matrix.GetElement(row, column) for row in range(3) for column in range(3)]
    # Adding 0 makes -0.0 the 0.0 that it is.
    return [round(value, 3) + 0.0 for value in (*matrix.MultiplyPoint((*ijk, 1.0))[:3], *columns)]


def _tag(segment: vtkSegment, key: str) -> str | None:
    value = vtk.reference("")
    return str(value) if segment.GetTag(key, value) else None
