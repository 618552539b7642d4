"""The disagreement map in the scene: one volume over the image, with its colours and legend, that can be taken away."""

from __future__ import annotations

import numpy as np
from slicer import (
    vtkMRMLColorTableNode,
    vtkMRMLScalarVolumeDisplayNode,
    vtkMRMLScalarVolumeNode,
    vtkMRMLScene,
    vtkSlicerColorLogic,
)

from SegQCLib.case import Volume
from SegQCLib.mrml.draft import MEANING_ATTRIBUTE, ROLE_ATTRIBUTE
from SegQCLib.mrml.node_removal import remove_with_attendants
from SegQCLib.mrml.segment_areas import show_areas
from SegQCLib.mrml.volume import add_volume

# Reference roles: the image's map, the map's colours.
MAP_ROLE = "SegQC.DisagreementMap"
COLORS_ROLE = "SegQC.DisagreementColors"
DISAGREEMENT_MAP = "disagreement map"
# Of a view's composite node, while the map is shown: what lay over the image before.
_BEFORE_ATTRIBUTE = "SegQC.ForegroundBeforeMap"

# Of a segmentation's display node: its areas would cover the map.
_FILLED_ATTRIBUTE = "SegQC.FilledBeforeMap"

_COLORS = 256
# From yellow to dark red, light to dark: told apart on grey, and by readers who do not see red and green apart.
_ANCHORS = np.array([[1.0, 0.95, 0.55], [1.0, 0.75, 0.2], [0.95, 0.4, 0.1], [0.6, 0.0, 0.15]])
_OPACITY = 0.6
_LABELS = 5
# Shares of a view, and points.
_LEGEND_SIZE, _LEGEND_POSITION, _LEGEND_POINTS = (0.1, 0.35), (0.98, 0.03), 11


def write_map(
    scene: vtkMRMLScene, disagreement: Volume, volume_node: vtkMRMLScalarVolumeNode, name: str, legend: str, meaning: str
) -> vtkMRMLScalarVolumeNode:
    """Write the disagreement map of an image, in place of an earlier one; it is in no view yet.

    Parameters
    ----------
    scene : vtkMRMLScene
    disagreement : Volume
        0 (all agree) to 1, on the image's grid or a part of it. Where it is 0 the image is seen as it is.
    volume_node : vtkMRMLScalarVolumeNode
        The image.
    name : str
    legend : str
        A few words beside the colours.
    meaning : str
        What a value means, in a sentence.
    """
    remove_map(scene, volume_node)
    node = add_volume(scene, disagreement, name)
    node.SetAndObserveTransformNodeID(volume_node.GetTransformNodeID())
    # Not Slicer's default one: that searches all voxels for a window, for a second.
    display_node = scene.CreateNodeByClass("vtkMRMLScalarVolumeDisplayNode")
    display_node.UnRegister(None)
    display_node.AutoWindowLevelOff()
    display_node.SetWindowLevel(1.0, 0.5)
    scene.AddNode(display_node)
    colors = _colors(scene, name)
    node.SetNodeReferenceID(COLORS_ROLE, colors.GetID())
    display_node.SetAndObserveColorNodeID(colors.GetID())
    display_node.SetThreshold(np.finfo(np.float32).tiny, 1.0)
    display_node.ApplyThresholdOn()
    # Shares of readers lie beside each other; a value between two of them would be nobody's.
    display_node.SetInterpolate(False)
    node.SetAndObserveDisplayNodeID(display_node.GetID())
    node.SetAttribute(ROLE_ATTRIBUTE, DISAGREEMENT_MAP)
    node.SetAttribute(MEANING_ATTRIBUTE, meaning)
    volume_node.SetNodeReferenceID(MAP_ROLE, node.GetID())
    _add_legend(scene, display_node, legend)
    return node


def map_of(volume_node: vtkMRMLScalarVolumeNode | None) -> vtkMRMLScalarVolumeNode | None:
    """Return the disagreement map of an image, or None."""
    return None if volume_node is None else volume_node.GetNodeReference(MAP_ROLE)


def show_map_over(scene: vtkMRMLScene, volume_node: vtkMRMLScalarVolumeNode, visible: bool) -> None:
    """Lay an image's map over it in all slice views, or take it away; then what was shown before is back.

    While it is there, segments are shown as outlines.
    """
    map_node = map_of(volume_node)
    if map_node is None:
        return
    for number in range(scene.GetNumberOfNodesByClass("vtkMRMLSliceCompositeNode")):
        composite = scene.GetNthNodeByClass(number, "vtkMRMLSliceCompositeNode")
        shown = composite.GetForegroundVolumeID() == map_node.GetID()
        if visible and not shown:
            before = f"{composite.GetForegroundOpacity()} {composite.GetForegroundVolumeID() or ''}"
            composite.SetAttribute(_BEFORE_ATTRIBUTE, before)
            composite.SetForegroundVolumeID(map_node.GetID())
            composite.SetForegroundOpacity(_OPACITY)
        elif shown and not visible:
            opacity, _, volume_id = (composite.GetAttribute(_BEFORE_ATTRIBUTE) or "0.0 ").partition(" ")
            composite.RemoveAttribute(_BEFORE_ATTRIBUTE)
            composite.SetForegroundVolumeID(volume_id if volume_id and scene.GetNodeByID(volume_id) is not None else None)
            composite.SetForegroundOpacity(float(opacity))
    show_areas(scene, not visible, _FILLED_ATTRIBUTE)
    legend_node = vtkSlicerColorLogic.GetColorLegendDisplayNode(map_node)
    if legend_node is not None:
        legend_node.SetVisibility(visible)


def map_is_shown(scene: vtkMRMLScene, volume_node: vtkMRMLScalarVolumeNode | None) -> bool:
    """Return whether an image's map lies over it in a slice view."""
    map_node = map_of(volume_node)
    if map_node is None:
        return False
    composites = [
        scene.GetNthNodeByClass(number, "vtkMRMLSliceCompositeNode")
        for number in range(scene.GetNumberOfNodesByClass("vtkMRMLSliceCompositeNode"))
    ]
    return any(node.GetForegroundVolumeID() == map_node.GetID() and node.GetForegroundOpacity() > 0 for node in composites)


def remove_map(scene: vtkMRMLScene, volume_node: vtkMRMLScalarVolumeNode) -> None:
    """Remove an image's map with its colours, legend and storage; nothing happens where there is none."""
    node = map_of(volume_node)
    if node is None:
        return
    show_map_over(scene, volume_node, False)
    remove_with_attendants(scene, node, node.GetNodeReference(COLORS_ROLE))


def _add_legend(scene: vtkMRMLScene, display_node: vtkMRMLScalarVolumeDisplayNode, words: str) -> None:
    # Slicer's Colors module brings the legend; outside of Slicer there is none.
    if not scene.IsNodeClassRegistered("vtkMRMLColorLegendDisplayNode"):
        return
    legend_node = vtkSlicerColorLogic.AddDefaultColorLegendDisplayNode(display_node)
    legend_node.SetTitleText(words)
    legend_node.SetLabelFormat("%4.2f")
    legend_node.SetNumberOfLabels(_LABELS)
    # Slicer's own size covers a third of a view.
    legend_node.SetSize(*_LEGEND_SIZE)
    legend_node.SetPosition(*_LEGEND_POSITION)
    for text in (legend_node.GetTitleTextProperty(), legend_node.GetLabelTextProperty()):
        text.SetFontSize(_LEGEND_POINTS)
    legend_node.SetVisibility(False)


def _colors(scene: vtkMRMLScene, name: str) -> vtkMRMLColorTableNode:
    node = scene.AddNewNodeByClass("vtkMRMLColorTableNode", f"{name} colours")
    node.SetTypeToUser()
    node.HideFromEditorsOn()
    was_modifying = node.StartModify()
    node.SetNumberOfColors(_COLORS)
    places = np.linspace(0, len(_ANCHORS) - 1, _COLORS)
    channels = [np.interp(places, np.arange(len(_ANCHORS)), _ANCHORS[:, channel]) for channel in range(3)]
    for number, (red, green, blue) in enumerate(zip(*channels, strict=True)):
        node.SetColor(number, red, green, blue, 1.0)
    node.SetNamesFromColors()
    node.EndModify(was_modifying)
    return node
