"""A reader's own reading in the scene: one set of nodes, replaced as a whole and removed as a whole.

They are never saved with the scene: a scene is given to others, and these numbers are the reader's own.
"""

from __future__ import annotations

from slicer import vtkMRMLNode, vtkMRMLScene

# Attribute of each node of the set: what it is. And whose reading it is.
ROLE_ATTRIBUTE = "SegQC.MyReading"
READER_ATTRIBUTE = "SegQC.Reader"


def add_own_node(scene: vtkMRMLScene, class_name: str, name: str, role: str, reader: str, *, listed: bool = True) -> vtkMRMLNode:
    """Add a node to the set.

    Parameters
    ----------
    scene : vtkMRMLScene
    class_name, name : str
    role : str
        What it is in the set, such as "table reads" or "plot chart active_min".
    reader : str
        Whose reading it is.
    listed : bool, optional
        Whether Slicer's modules offer it.
    """
    node = scene.CreateNodeByClass(class_name)
    node.UnRegister(None)
    node.SetName(name)
    node.SetAttribute(ROLE_ATTRIBUTE, role)
    node.SetAttribute(READER_ATTRIBUTE, reader)
    node.SetSaveWithScene(False)
    # What is hidden when it is added stays out of the tree of all data, which is saved with the scene, names included.
    node.HideFromEditorsOn()
    scene.AddNode(node)
    node.SetHideFromEditors(not listed)
    return node


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
