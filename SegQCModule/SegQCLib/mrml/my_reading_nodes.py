"""A reader's own reading in the scene: one set of nodes, replaced as a whole and removed as a whole.

They are never saved with the scene: a scene is given to others, and these numbers are the reader's own.
"""

from __future__ import annotations

from slicer import vtkMRMLNode, vtkMRMLScene, vtkMRMLSubjectHierarchyConstants

# Attribute of each node of the set: what it is. And whose reading it is.
ROLE_ATTRIBUTE = "SegQC.MyReading"
READER_ATTRIBUTE = "SegQC.Reader"
_NOT_IN_TREE_ATTRIBUTE = vtkMRMLSubjectHierarchyConstants.GetSubjectHierarchyExcludeFromTreeAttributeName()


def add_own_node(scene: vtkMRMLScene, class_name: str, name: str, role: str, reader: str) -> vtkMRMLNode:
    """Add a node to the set.

    Parameters
    ----------
    scene : vtkMRMLScene
    class_name, name : str
    role : str
        What it is in the set, such as "reads" or "plot active_min".
    reader : str
        Whose reading it is.
    """
    node = scene.CreateNodeByClass(class_name)
    node.UnRegister(None)
    node.SetName(scene.GenerateUniqueName(name))
    node.SetAttribute(ROLE_ATTRIBUTE, role)
    node.SetAttribute(READER_ATTRIBUTE, reader)
    node.SetSaveWithScene(False)
    # The tree of all data is saved with the scene, and would keep the node's name.
    node.SetAttribute(_NOT_IN_TREE_ATTRIBUTE, "1")
    return scene.AddNode(node)


def own_nodes(scene: vtkMRMLScene, role: str = "") -> list[vtkMRMLNode]:
    """Return the nodes of the set whose role begins with a text."""
    nodes = (scene.GetNthNode(number) for number in range(scene.GetNumberOfNodes()))
    return [node for node in nodes if (found := node.GetAttribute(ROLE_ATTRIBUTE)) is not None and found.startswith(role)]


def remove_own_nodes(scene: vtkMRMLScene, role: str = "") -> None:
    """Remove the nodes of the set whose role begins with a text; nothing happens where there are none."""
    for node in own_nodes(scene, role):
        scene.RemoveNode(node)


def own_reader(scene: vtkMRMLScene) -> str | None:
    """Return whose reading is in the scene, or None."""
    return next((node.GetAttribute(READER_ATTRIBUTE) for node in own_nodes(scene)), None)
