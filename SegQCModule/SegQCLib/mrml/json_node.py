"""JSON in a visible text node that another node refers to."""

from __future__ import annotations

import vtk
from slicer import vtkMRMLNode, vtkMRMLScene, vtkMRMLTextNode

from SegQCLib.mrml.referenced_node import referenced_node

MIME_ATTRIBUTE = "mimetype"


def write_json(scene: vtkMRMLScene, owner: vtkMRMLNode, role: str, name: str, text: str) -> vtkMRMLTextNode:
    """Write JSON text to the owner's text node in a role, in place of what it held; add the node where there is none.

    The node stays visible: Slicer 5.10 loses the content of hidden text nodes when it saves a scene.
    """
    node = referenced_node(scene, owner, role, "vtkMRMLTextNode", name)
    node.SetEncoding(vtk.VTK_ENCODING_UTF_8)
    node.SetAttribute(MIME_ATTRIBUTE, "application/json")
    node.SetText(text)
    return node
