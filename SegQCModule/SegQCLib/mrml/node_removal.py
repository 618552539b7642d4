"""Remove a node with what shows and stores it."""

from __future__ import annotations

from slicer import vtkMRMLDisplayableNode, vtkMRMLNode, vtkMRMLScene


def remove_with_attendants(scene: vtkMRMLScene, node: vtkMRMLDisplayableNode, *others: vtkMRMLNode | None) -> None:
    """Remove a node, its display and storage nodes, and others that only belong to it; None among them is passed over."""
    attendants = [node.GetNthDisplayNode(number) for number in range(node.GetNumberOfDisplayNodes())]
    attendants += [node.GetStorageNode(), *others]
    scene.RemoveNode(node)
    # In the application a node of its data tree takes them with it; here nothing does.
    for attendant in attendants:
        if attendant is not None and scene.IsNodePresent(attendant):
            scene.RemoveNode(attendant)
