"""The AI draft in the scene: kept as it came, shown as an outline, with its uncertainty maps out of sight."""

from __future__ import annotations

import hashlib

import numpy as np
from scipy import ndimage
from slicer import vtkMRMLScalarVolumeNode, vtkMRMLScene, vtkMRMLSegmentationNode, vtkSegmentationConverter
from vtk.util.numpy_support import vtk_to_numpy

from SegQCLib.case import Segmentation, WindowLevel
from SegQCLib.errors import BadDataError
from SegQCLib.importers.uncertainty_map import UncertaintyMap
from SegQCLib.mrml.segmentation import add_segmentation, write_algorithm
from SegQCLib.mrml.terminology import terminology_text
from SegQCLib.mrml.volume import add_volume, show_with_window

# Node attributes. They say what a node is for after the scene was saved and opened again.
ROLE_ATTRIBUTE = "SegQC.Role"
VOXELS_ATTRIBUTE = "SegQC.DraftVoxels"
MEANING_ATTRIBUTE = "SegQC.Meaning"
DRAFT, UNCERTAINTY_MAP = "draft", "uncertainty map"
# Reference roles: a draft's maps, a candidate's draft.
MAPS_ROLE = "SegQC.uncertaintyMap"
DRAFT_ROLE = "SegQC.draft"

_LABELMAP = vtkSegmentationConverter.GetBinaryLabelmapRepresentationName()


def add_draft(
    scene: vtkMRMLScene, segmentation: Segmentation, volume_node: vtkMRMLScalarVolumeNode, name: str
) -> vtkMRMLSegmentationNode:
    """Add a draft to a scene: with the volume's reference geometry, and as an outline that leaves the image free."""
    node = add_segmentation(scene, segmentation, volume_node, name)
    _mark(node)
    return node


def make_draft(node: vtkMRMLSegmentationNode, segmentation: Segmentation, volume_node: vtkMRMLScalarVolumeNode) -> None:
    """Make a segmentation that is already in the scene the draft.

    Its segments get the names, codes and algorithm of `segmentation`, which has the same ids; their voxels stay.

    Raises
    ------
    BadDataError
        If the node holds surfaces, not voxels.
    """
    if node.GetSegmentation().GetSourceRepresentationName() != _LABELMAP:
        raise BadDataError(
            node.GetName(),
            "holds surfaces, not voxels, so nobody could say later whether it was edited.",
            "Make Binary labelmap the source representation (Segmentations module, Representations).",
        )
    for segment in segmentation.segments:
        own = node.GetSegmentation().GetSegment(segment.id)
        own.SetName(segment.name)
        if segment.terminology is not None:
            own.SetTerminology(terminology_text(segment.terminology))
        write_algorithm(own, segment)
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume_node)
    node.CreateDefaultDisplayNodes()
    _mark(node)


def _mark(node: vtkMRMLSegmentationNode) -> None:
    display_node = node.GetDisplayNode()
    display_node.SetVisibility2DFill(False)
    display_node.SetVisibility2DOutline(True)
    node.SetAttribute(ROLE_ATTRIBUTE, DRAFT)
    node.SetAttribute(VOXELS_ATTRIBUTE, voxels_sha256(node))


def show_segments(node: vtkMRMLSegmentationNode, segment_ids: tuple[str, ...]) -> None:
    """Show some segments of a draft only: a whole-body model draws a hundred that nobody asked for."""
    display_node = node.GetDisplayNode()
    for segment_id in node.GetSegmentation().GetSegmentIDs():
        display_node.SetSegmentVisibility(segment_id, segment_id in segment_ids)


def is_draft(node: vtkMRMLSegmentationNode | None) -> bool:
    return node is not None and node.GetAttribute(ROLE_ATTRIBUTE) == DRAFT


def was_edited(draft_node: vtkMRMLSegmentationNode) -> bool:
    """Return whether a draft's voxels are not those that were imported. It reads all of them: not for an observer."""
    return voxels_sha256(draft_node) != draft_node.GetAttribute(VOXELS_ATTRIBUTE)


def voxels_sha256(node: vtkMRMLSegmentationNode) -> str:
    """Return one SHA-256 of the ids and voxels of all segments, in hexadecimal.

    Of every segment the shape in its bounding box counts, not where the box lies or how layers share it, so that
    it is the same after saving and loading.
    """
    segmentation = node.GetSegmentation()
    lines = dict.fromkeys(segmentation.GetSegmentIDs(), "empty")
    for number in range(segmentation.GetNumberOfLayers(_LABELMAP)):
        image = segmentation.GetLayerDataObject(number, _LABELMAP)
        if image is None or image.GetNumberOfPoints() == 0:
            continue
        array = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])
        boxes = ndimage.find_objects(array)
        for segment_id in segmentation.GetSegmentIDsForLayer(number, _LABELMAP):
            value = int(segmentation.GetSegment(segment_id).GetLabelValue())
            box = boxes[value - 1] if 0 < value <= len(boxes) else None
            if box is not None:
                mask = array[box] == value
                lines[segment_id] = f"{mask.shape} {hashlib.sha256(np.packbits(mask).tobytes()).hexdigest()}"
    return hashlib.sha256("\n".join(f"{key} {lines[key]}" for key in sorted(lines)).encode()).hexdigest()


def add_candidate(
    scene: vtkMRMLScene,
    segmentation: Segmentation,
    draft_node: vtkMRMLSegmentationNode,
    volume_node: vtkMRMLScalarVolumeNode,
    name: str,
) -> vtkMRMLSegmentationNode:
    """Add a copy of a draft, or of a part of it, for the reader to edit; the draft stays as it is beside it.

    Its segments say AUTOMATIC until they are edited: nobody has changed them yet.

    Parameters
    ----------
    scene : vtkMRMLScene
    segmentation : Segmentation
        What `mrml.segmentation.segmentation_from_node` and `chosen_segments` gave of the draft.
    draft_node : vtkMRMLSegmentationNode
    volume_node : vtkMRMLScalarVolumeNode
    name : str
    """
    node = add_segmentation(scene, segmentation, volume_node, name)
    node.SetNodeReferenceID(DRAFT_ROLE, draft_node.GetID())
    return node


def add_map(
    scene: vtkMRMLScene, uncertainty_map: UncertaintyMap, draft_node: vtkMRMLSegmentationNode, name: str
) -> vtkMRMLScalarVolumeNode:
    """Add an uncertainty map to a scene, in no slice view; the draft refers to it."""
    node = add_volume(scene, uncertainty_map.volume, name)
    low, high = float(uncertainty_map.volume.array.min()), float(uncertainty_map.volume.array.max())
    show_with_window(node, WindowLevel(max(high - low, 1e-6), (low + high) / 2))
    node.SetAttribute(ROLE_ATTRIBUTE, UNCERTAINTY_MAP)
    node.SetAttribute(MEANING_ATTRIBUTE, uncertainty_map.meaning)
    draft_node.AddNodeReferenceID(MAPS_ROLE, node.GetID())
    return node


def maps_of(draft_node: vtkMRMLSegmentationNode | None) -> list[vtkMRMLScalarVolumeNode]:
    """Return the maps that a draft refers to."""
    if draft_node is None:
        return []
    nodes = [draft_node.GetNthNodeReference(MAPS_ROLE, n) for n in range(draft_node.GetNumberOfNodeReferences(MAPS_ROLE))]
    return [node for node in nodes if node is not None]
