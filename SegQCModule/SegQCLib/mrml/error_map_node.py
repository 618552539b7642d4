"""The error map of a training attempt in the scene: what was missed and what was drawn too much, in two colours over the image."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import slicer.util
from slicer import (
    vtkMRMLColorTableNode,
    vtkMRMLLabelMapVolumeDisplayNode,
    vtkMRMLLabelMapVolumeNode,
    vtkMRMLScalarVolumeNode,
    vtkMRMLScene,
    vtkMRMLSliceCompositeNode,
    vtkSlicerColorLogic,
)

from SegQCLib.case import Volume
from SegQCLib.mrml.draft import ROLE_ATTRIBUTE
from SegQCLib.mrml.geometry import ijk_to_ras
from SegQCLib.mrml.node_removal import remove_with_attendants
from SegQCLib.mrml.segment_areas import show_areas
from SegQCLib.readers.training.error_map import COLORS, EXTRA, MISSED

# Reference roles: the image's map, the map's colours.
ERROR_MAP_ROLE = "SegQC.ErrorMap"
COLORS_ROLE = "SegQC.ErrorMapColors"
ERROR_MAP = "training error map"
_OPACITY = 0.65
# Of a view's composite node, while the map is shown: what its label layer held before.
_BEFORE_ATTRIBUTE = "SegQC.LabelBeforeErrorMap"
# Of a segmentation's display node: its areas would cover the map.
_FILLED_ATTRIBUTE = "SegQC.FilledBeforeErrorMap"
# Shares of a view, and points.
_LEGEND_SIZE, _LEGEND_POSITION, _LEGEND_POINTS = (0.3, 0.26), (0.98, 0.03), 12


def write_error_map(
    scene: vtkMRMLScene, errors: Volume, volume_node: vtkMRMLScalarVolumeNode, name: str, title: str, words: dict[int, str]
) -> vtkMRMLLabelMapVolumeNode:
    """Write the error map of an image: a new one is in no view yet, an earlier one is written anew where it is.

    Parameters
    ----------
    scene : vtkMRMLScene
    errors : Volume
        uint8: MISSED, EXTRA, or 0 where nothing is wrong; on the image's grid or a part of it.
    volume_node : vtkMRMLScalarVolumeNode
        The image.
    name : str
    title : str
        A few words above the legend in the views.
    words : dict of str
        What MISSED and EXTRA mean, with their volumes: the lines of the legend.
    """
    node = error_map_of(volume_node)
    if node is None:
        node = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", name)
        node.SetAttribute(ROLE_ATTRIBUTE, ERROR_MAP)
        node.SetAndObserveTransformNodeID(volume_node.GetTransformNodeID())
        display_node = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeDisplayNode")
        display_node.SetAndObserveColorNodeID(_add_colors(scene, node, name).GetID())
        node.SetAndObserveDisplayNodeID(display_node.GetID())
        volume_node.SetNodeReferenceID(ERROR_MAP_ROLE, node.GetID())
        _add_legend(scene, display_node)
    was_modifying = node.StartModify()
    slicer.util.updateVolumeFromArray(node, np.ascontiguousarray(errors.array, np.uint8))
    node.SetIJKToRASMatrix(ijk_to_ras(errors.geometry))
    node.EndModify(was_modifying)
    colors = node.GetNodeReference(COLORS_ROLE)
    for value in (MISSED, EXTRA):
        colors.SetColorName(value, words[value])
    legend_node = vtkSlicerColorLogic.GetColorLegendDisplayNode(node)
    if legend_node is not None:
        legend_node.SetTitleText(title)
    return node


def error_map_of(volume_node: vtkMRMLScalarVolumeNode | None) -> vtkMRMLLabelMapVolumeNode | None:
    """Return the error map of an image, or None."""
    return None if volume_node is None else volume_node.GetNodeReference(ERROR_MAP_ROLE)


def show_error_map(scene: vtkMRMLScene, volume_node: vtkMRMLScalarVolumeNode, visible: bool) -> None:
    """Lay an image's error map over it in all slice views, or take it away; then what was shown before is back.

    While it is there, segments are shown as outlines.
    """
    map_node = error_map_of(volume_node)
    if map_node is None:
        return
    for composite in _composites(scene):
        shown = composite.GetLabelVolumeID() == map_node.GetID()
        # Each view draws once, not twice.
        was_modifying = composite.StartModify()
        if visible and not shown:
            composite.SetAttribute(_BEFORE_ATTRIBUTE, f"{composite.GetLabelOpacity()} {composite.GetLabelVolumeID() or ''}")
            composite.SetLabelVolumeID(map_node.GetID())
            composite.SetLabelOpacity(_OPACITY)
        elif shown and not visible:
            opacity, _, volume_id = (composite.GetAttribute(_BEFORE_ATTRIBUTE) or "1.0 ").partition(" ")
            composite.RemoveAttribute(_BEFORE_ATTRIBUTE)
            composite.SetLabelVolumeID(volume_id if volume_id and scene.GetNodeByID(volume_id) is not None else None)
            composite.SetLabelOpacity(float(opacity))
        composite.EndModify(was_modifying)
    show_areas(scene, not visible, _FILLED_ATTRIBUTE)
    legend_node = vtkSlicerColorLogic.GetColorLegendDisplayNode(map_node)
    if legend_node is not None:
        legend_node.SetVisibility(visible)


def error_map_is_shown(scene: vtkMRMLScene, volume_node: vtkMRMLScalarVolumeNode | None) -> bool:
    """Return whether an image's error map lies over it in a slice view."""
    map_node = error_map_of(volume_node)
    return map_node is not None and any(
        composite.GetLabelVolumeID() == map_node.GetID() and composite.GetLabelOpacity() > 0 for composite in _composites(scene)
    )


def remove_error_map(scene: vtkMRMLScene, volume_node: vtkMRMLScalarVolumeNode) -> None:
    """Remove an image's error map with its colours, legend and storage; nothing happens where there is none."""
    node = error_map_of(volume_node)
    if node is not None:
        show_error_map(scene, volume_node, False)
        remove_with_attendants(scene, node, node.GetNodeReference(COLORS_ROLE))


def _composites(scene: vtkMRMLScene) -> Iterator[vtkMRMLSliceCompositeNode]:
    for number in range(scene.GetNumberOfNodesByClass("vtkMRMLSliceCompositeNode")):
        yield scene.GetNthNodeByClass(number, "vtkMRMLSliceCompositeNode")


def _add_legend(scene: vtkMRMLScene, display_node: vtkMRMLLabelMapVolumeDisplayNode) -> None:
    # Slicer's Colors module brings the legend; outside of Slicer there is none.
    if not scene.IsNodeClassRegistered("vtkMRMLColorLegendDisplayNode"):
        return
    legend_node = vtkSlicerColorLogic.AddDefaultColorLegendDisplayNode(display_node)
    legend_node.SetUseColorNamesForLabels(True)
    legend_node.SetMaxNumberOfColors(EXTRA)
    legend_node.SetNumberOfLabels(EXTRA)
    # Slicer's own size covers a third of a view.
    legend_node.SetSize(*_LEGEND_SIZE)
    legend_node.SetPosition(*_LEGEND_POSITION)
    for text in (legend_node.GetTitleTextProperty(), legend_node.GetLabelTextProperty()):
        text.SetFontSize(_LEGEND_POINTS)
        text.SetFontFamilyToArial()
        text.BoldOn()
        text.ShadowOn()
    legend_node.SetVisibility(False)


def _add_colors(scene: vtkMRMLScene, node: vtkMRMLLabelMapVolumeNode, name: str) -> vtkMRMLColorTableNode:
    colors = scene.AddNewNodeByClass("vtkMRMLColorTableNode", f"{name} colours")
    colors.SetTypeToUser()
    colors.HideFromEditorsOn()
    colors.SetNumberOfColors(1 + EXTRA)
    colors.SetColor(0, "", 0.0, 0.0, 0.0, 0.0)
    # The legend has a box for each colour that is defined; one of nothing would be a third class.
    colors.SetColorDefined(0, False)
    for value in (MISSED, EXTRA):
        colors.SetColor(value, "", *COLORS[value], 1.0)
    node.SetNodeReferenceID(COLORS_ROLE, colors.GetID())
    return colors
