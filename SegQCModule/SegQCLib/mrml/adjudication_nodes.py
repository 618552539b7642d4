"""Adjudication in the scene: the piece under decision with the outlines A and B, and every other segmentation out of sight."""

from __future__ import annotations

from slicer import vtkMRMLScalarVolumeNode, vtkMRMLScene, vtkMRMLSegmentationNode, vtkMRMLTextNode

from SegQCLib.case import Segmentation
from SegQCLib.mrml.agreement_readers import MADE_FROM_READERS, OUTLINES
from SegQCLib.mrml.draft import ROLE_ATTRIBUTE
from SegQCLib.mrml.json_node import write_json
from SegQCLib.mrml.segmentation import CroppedLayer, add_segmentation

# Reference roles of the image.
OUTLINES_ROLE = "SegQC.AdjudicationOutlines"
ADJUDICATION_ROLE = "SegQC.Adjudication"
# Of a display node that adjudication has put out of sight. It survives a crash with the scene, so that nothing stays hidden.
_HIDDEN_ATTRIBUTE = "SegQC.HiddenForAdjudication"


def show_outlines(
    scene: vtkMRMLScene, outlines: Segmentation, volume_node: vtkMRMLScalarVolumeNode, filled: str, name: str
) -> vtkMRMLSegmentationNode:
    """Show the outlines of the piece under decision, in place of those of the last one.

    Parameters
    ----------
    scene : vtkMRMLScene
    outlines : Segmentation
        On a part of the image's grid; names and colours tell nobody's identity.
    volume_node : vtkMRMLScalarVolumeNode
    filled : str
        Id of the segment that is shown as an area; of the others only the outline is.
    name : str
    """
    remove_outlines(scene)
    node = add_segmentation(scene, outlines, volume_node, name)
    node.SetAttribute(ROLE_ATTRIBUTE, OUTLINES)
    node.SetAndObserveTransformNodeID(volume_node.GetTransformNodeID())
    node.SetSaveWithScene(False)
    display_node = node.GetDisplayNode()
    was_modifying = display_node.StartModify()
    display_node.SetVisibility3D(False)
    for segment in outlines.segments:
        display_node.SetSegmentVisibility2DFill(segment.id, segment.id == filled)
        display_node.SetSegmentVisibility2DOutline(segment.id, segment.id != filled)
    display_node.SetOpacity2DFill(0.6)
    display_node.SetSliceIntersectionThickness(2)
    display_node.SetSaveWithScene(False)
    display_node.EndModify(was_modifying)
    volume_node.SetNodeReferenceID(OUTLINES_ROLE, node.GetID())
    return node


def outlines_of(volume_node: vtkMRMLScalarVolumeNode | None) -> vtkMRMLSegmentationNode | None:
    """Return the outlines of the piece under decision, or None."""
    return None if volume_node is None else volume_node.GetNodeReference(OUTLINES_ROLE)


def remove_outlines(scene: vtkMRMLScene) -> None:
    """Remove the outlines of the piece under decision, also of an image that is gone; nothing happens where there are none."""
    for node in _segmentation_nodes(scene):
        if node.GetAttribute(ROLE_ATTRIBUTE) != OUTLINES:
            continue
        display_node = node.GetDisplayNode()
        scene.RemoveNode(node)
        if display_node is not None and scene.IsNodePresent(display_node):
            scene.RemoveNode(display_node)


def hide_segmentations(scene: vtkMRMLScene) -> None:
    """Put every segmentation but the outlines out of sight, in slice and 3D views, until `show_hidden`.

    Their shapes, colours and names would tell whose outline A is.
    """
    for node in _segmentation_nodes(scene):
        display_node = node.GetDisplayNode()
        if node.GetAttribute(ROLE_ATTRIBUTE) != OUTLINES and display_node is not None and display_node.GetVisibility():
            display_node.SetAttribute(_HIDDEN_ATTRIBUTE, "1")
            display_node.SetVisibility(False)


def show_hidden(scene: vtkMRMLScene) -> None:
    """Show again what `hide_segmentations` hid, also in an earlier session of the scene."""
    for node in _segmentation_nodes(scene):
        display_node = node.GetDisplayNode()
        if display_node is not None and display_node.GetAttribute(_HIDDEN_ATTRIBUTE):
            display_node.RemoveAttribute(_HIDDEN_ATTRIBUTE)
            display_node.SetVisibility(True)


def write_adjudication(
    scene: vtkMRMLScene, text: str, volume_node: vtkMRMLScalarVolumeNode, name: str = "SegQC adjudication"
) -> vtkMRMLTextNode:
    """Keep an adjudication's JSON text with its image, in place of an earlier one."""
    return write_json(scene, volume_node, ADJUDICATION_ROLE, name, text)


def adjudication_text_of(volume_node: vtkMRMLScalarVolumeNode | None) -> str:
    """Return the JSON text of an image's adjudication, or an empty text."""
    node = None if volume_node is None else volume_node.GetNodeReference(ADJUDICATION_ROLE)
    return "" if node is None else node.GetText() or ""


def add_made_from_readers(
    scene: vtkMRMLScene,
    segmentation: Segmentation,
    volume_node: vtkMRMLScalarVolumeNode,
    layers: tuple[CroppedLayer, ...] | None = None,
) -> vtkMRMLSegmentationNode:
    """Add a consensus or an adjudicated segmentation, and note that it is no reader's; parameters as in `add_segmentation`."""
    node = add_segmentation(scene, segmentation, volume_node, segmentation.name, layers)
    node.SetAndObserveTransformNodeID(volume_node.GetTransformNodeID())
    node.SetAttribute(ROLE_ATTRIBUTE, MADE_FROM_READERS)
    return node


def _segmentation_nodes(scene: vtkMRMLScene) -> list[vtkMRMLSegmentationNode]:
    count = scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode")
    return [scene.GetNthNodeByClass(number, "vtkMRMLSegmentationNode") for number in range(count)]
