"""The one node that a segmentation refers to in a role: made once, written again at each evaluation."""

from __future__ import annotations

from slicer import vtkMRMLNode, vtkMRMLScene, vtkMRMLSegmentationNode


def referenced_node(
    scene: vtkMRMLScene, segmentation_node: vtkMRMLSegmentationNode, role: str, class_name: str, name: str
) -> vtkMRMLNode:
    """Return the segmentation's node in a role; add it to the scene under a name where there is none."""
    node = segmentation_node.GetNodeReference(role)
    if node is None:
        node = scene.AddNewNodeByClass(class_name, name)
        segmentation_node.SetNodeReferenceID(role, node.GetID())
    return node
