"""Result nodes go with the segmentation that they are about."""

from __future__ import annotations

from slicer import vtkMRMLScene, vtkMRMLSegmentationNode

from SegQCLib.mrml.background_nodes import remove_background
from SegQCLib.mrml.kept_findings_node import KEPT_FINDINGS_ROLE
from SegQCLib.mrml.record_node import RECORD_ROLE
from SegQCLib.mrml.results_table import FINDINGS_ROLE, IMAGE_QUALITY_ROLE, MEASUREMENTS_ROLE


def remove_results(scene: vtkMRMLScene, segmentation_node: vtkMRMLSegmentationNode) -> None:
    """Remove record, tables, kept findings and background regions of a segmentation; nothing happens where there are none.

    For the moment at which the segmentation itself is removed: a record that stays behind could be taken for that
    of another segmentation.
    """
    for role in (RECORD_ROLE, MEASUREMENTS_ROLE, IMAGE_QUALITY_ROLE, FINDINGS_ROLE, KEPT_FINDINGS_ROLE):
        node = segmentation_node.GetNodeReference(role)
        if node is not None:
            scene.RemoveNode(node)
    remove_background(scene, segmentation_node)
