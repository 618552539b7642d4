"""Segments as outlines alone, while something that their areas would cover is shown."""

from slicer import vtkMRMLScene


def show_areas(scene: vtkMRMLScene, visible: bool, hidden_attribute: str) -> None:
    """Hide the filled areas of all segmentations in slice views, or show those again that were hidden under the same attribute.

    Parameters
    ----------
    scene : vtkMRMLScene
    visible : bool
    hidden_attribute : str
        Of display nodes: says that areas were shown before.
    """
    for number in range(scene.GetNumberOfNodesByClass("vtkMRMLSegmentationDisplayNode")):
        display_node = scene.GetNthNodeByClass(number, "vtkMRMLSegmentationDisplayNode")
        if not visible and display_node.GetVisibility2DFill():
            display_node.SetAttribute(hidden_attribute, "1")
            display_node.SetVisibility2DFill(False)
        elif visible and display_node.GetAttribute(hidden_attribute):
            display_node.RemoveAttribute(hidden_attribute)
            display_node.SetVisibility2DFill(True)
