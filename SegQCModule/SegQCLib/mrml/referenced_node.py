"""The one node that another node refers to in a role: made once, written again each time."""

from __future__ import annotations

from slicer import vtkMRMLNode, vtkMRMLScene


def referenced_node(scene: vtkMRMLScene, owner: vtkMRMLNode, role: str, class_name: str, name: str) -> vtkMRMLNode:
    """Return the owner's node in a role; add it to the scene under a name where there is none."""
    node = owner.GetNodeReference(role)
    if node is None:
        node = scene.AddNewNodeByClass(class_name, name)
        owner.SetNodeReferenceID(role, node.GetID())
    return node
