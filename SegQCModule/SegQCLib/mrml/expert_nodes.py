"""The experts' segmentations of a training case in the scene: outlines that are shown beside the reader's, and taken away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from slicer import vtkMRMLScalarVolumeNode, vtkMRMLScene, vtkMRMLSegmentationNode

from SegQCLib.case import Segmentation
from SegQCLib.mrml.draft import ROLE_ATTRIBUTE
from SegQCLib.mrml.node_removal import remove_with_attendants
from SegQCLib.mrml.segmentation import CroppedLayer, add_segmentation

EXPERT = "training expert"
# Light on a dark image and apart from the error map's colours: one for each expert, round again after the last.
COLORS = ((1.0, 1.0, 0.4), (0.6, 1.0, 0.6), (1.0, 0.6, 1.0), (0.6, 1.0, 1.0))


def add_experts(
    scene: vtkMRMLScene,
    references: Sequence[Segmentation],
    layers: Sequence[tuple[CroppedLayer, ...]],
    volume_node: vtkMRMLScalarVolumeNode,
) -> list[vtkMRMLSegmentationNode]:
    """Add the experts' segmentations of an image as outlines, in place of earlier ones, one colour for each expert.

    Parameters
    ----------
    scene : vtkMRMLScene
    references : sequence of Segmentation
        On the image's grid; `name` is the expert's.
    layers : sequence of tuple of CroppedLayer
        What `mrml.segmentation.crop_layers` gave of each.
    volume_node : vtkMRMLScalarVolumeNode
    """
    remove_experts(scene)
    nodes = []
    for number, (reference, cropped) in enumerate(zip(references, layers, strict=True)):
        color = COLORS[number % len(COLORS)]
        colored = replace(reference, segments=tuple(replace(segment, color=color) for segment in reference.segments))
        node = add_segmentation(scene, colored, volume_node, f"{volume_node.GetName()} {reference.name} (expert)", cropped)
        node.SetAndObserveTransformNodeID(volume_node.GetTransformNodeID())
        node.GetDisplayNode().SetVisibility2DFill(False)
        node.SetAttribute(ROLE_ATTRIBUTE, EXPERT)
        nodes.append(node)
    return nodes


def experts_in(scene: vtkMRMLScene) -> list[vtkMRMLSegmentationNode]:
    """Return all experts' segmentations that training has put into a scene."""
    count = scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode")
    nodes = [scene.GetNthNodeByClass(number, "vtkMRMLSegmentationNode") for number in range(count)]
    return [node for node in nodes if node.GetAttribute(ROLE_ATTRIBUTE) == EXPERT]


def remove_experts(scene: vtkMRMLScene) -> None:
    """Remove the experts' segmentations; nothing happens where there are none."""
    for node in experts_in(scene):
        remove_with_attendants(scene, node)
