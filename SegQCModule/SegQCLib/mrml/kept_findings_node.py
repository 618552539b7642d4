"""What a reader keeps of the findings, in the scene: JSON in a visible text node that the segmentation refers to."""

from __future__ import annotations

from slicer import vtkMRMLScene, vtkMRMLSegmentationNode, vtkMRMLTextNode

from SegQCLib.mrml.json_node import write_json
from SegQCLib.readers.kept_findings import KeptFinding, kept_findings_from_text, kept_findings_text

KEPT_FINDINGS_ROLE = "SegQC.KeptFindings"


def write_kept_findings(
    scene: vtkMRMLScene, all_kept: tuple[KeptFinding, ...], segmentation_node: vtkMRMLSegmentationNode
) -> vtkMRMLTextNode:
    """Write the kept findings to the segmentation's text node, in place of what it held."""
    name = f"{segmentation_node.GetName()} SegQC kept findings"
    return write_json(scene, segmentation_node, KEPT_FINDINGS_ROLE, name, kept_findings_text(all_kept))


def read_kept_findings(segmentation_node: vtkMRMLSegmentationNode) -> tuple[KeptFinding, ...]:
    """Return the findings about a segmentation that readers keep, in the order in which they were kept.

    Raises
    ------
    BadDataError
        If the text node was changed to something that is not a list of kept findings.
    """
    node = segmentation_node.GetNodeReference(KEPT_FINDINGS_ROLE)
    return () if node is None else kept_findings_from_text(node.GetText() or "", node.GetName())
