"""The background regions that image quality was measured against, as a segmentation of their own beside the candidate."""

from __future__ import annotations

from slicer import vtkMRMLScalarVolumeNode, vtkMRMLScene, vtkMRMLSegmentationNode

from SegQCLib.case import Segmentation
from SegQCLib.mrml.draft import ROLE_ATTRIBUTE
from SegQCLib.mrml.node_removal import remove_with_attendants
from SegQCLib.mrml.segmentation import add_segmentation

# Reference role of the candidate, and what the regions' node is marked as.
BACKGROUND_ROLE = "SegQC.BackgroundRegions"
BACKGROUND_REGIONS = "background regions"


def show_background(
    scene: vtkMRMLScene,
    background: Segmentation,
    candidate_node: vtkMRMLSegmentationNode,
    volume_node: vtkMRMLScalarVolumeNode,
    name: str,
) -> vtkMRMLSegmentationNode:
    """Show background regions as outlines, in place of those of an earlier evaluation; the candidate is untouched.

    Parameters
    ----------
    scene : vtkMRMLScene
    background : Segmentation
        On the image's grid.
    candidate_node : vtkMRMLSegmentationNode
    volume_node : vtkMRMLScalarVolumeNode
    name : str
    """
    remove_background(scene, candidate_node)
    node = add_segmentation(scene, background, volume_node, name)
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


def background_of(candidate_node: vtkMRMLSegmentationNode | None) -> vtkMRMLSegmentationNode | None:
    """Return the background regions that are shown for a candidate, or None."""
    return None if candidate_node is None else candidate_node.GetNodeReference(BACKGROUND_ROLE)


def remove_background(scene: vtkMRMLScene, candidate_node: vtkMRMLSegmentationNode) -> None:
    """Remove the background regions of a candidate; nothing happens where there are none."""
    node = background_of(candidate_node)
    if node is not None:
        remove_with_attendants(scene, node)
        candidate_node.SetNodeReferenceID(BACKGROUND_ROLE, None)
