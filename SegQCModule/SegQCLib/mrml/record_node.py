"""The record in the scene: JSON in a visible text node that the segmentation refers to."""

from __future__ import annotations

from slicer import vtkMRMLScene, vtkMRMLSegmentationNode, vtkMRMLTextNode

from SegQCLib.dataclass_json import FaultyJSONError
from SegQCLib.errors import BadDataError
from SegQCLib.mrml.json_node import write_json
from SegQCLib.record import QCRecord

RECORD_ROLE = "SegQC.Record"
# Set once the segmentation is edited after its evaluation; saved with the scene.
OUTDATED_ATTRIBUTE = "SegQC.Outdated"


def write_record(scene: vtkMRMLScene, record: QCRecord, segmentation_node: vtkMRMLSegmentationNode) -> vtkMRMLTextNode:
    """Write the record to the segmentation's text node, in place of an earlier record."""
    node = write_json(scene, segmentation_node, RECORD_ROLE, f"{segmentation_node.GetName()} SegQC record", record.to_json())
    node.RemoveAttribute(OUTDATED_ATTRIBUTE)
    return node


def read_record(segmentation_node: vtkMRMLSegmentationNode) -> QCRecord | None:
    """Return the record of a segmentation's last evaluation, or None if it was never evaluated.

    Raises
    ------
    BadDataError
        If the text node was changed to something that is not a record.
    """
    node = segmentation_node.GetNodeReference(RECORD_ROLE)
    if node is None:
        return None
    try:
        return QCRecord.from_json(node.GetText() or "")
    except FaultyJSONError as error:
        raise BadDataError(node.GetName(), f"is not a SegQC record:\n{error}\n", "Evaluate the segmentation again.") from error


def mark_outdated(segmentation_node: vtkMRMLSegmentationNode) -> None:
    """Note that the segmentation was edited after its evaluation; nothing happens where there is no record."""
    node = segmentation_node.GetNodeReference(RECORD_ROLE)
    if node is not None:
        node.SetAttribute(OUTDATED_ATTRIBUTE, "true")


def is_outdated(segmentation_node: vtkMRMLSegmentationNode) -> bool:
    """Return whether the segmentation has a record that was written before its last edit."""
    node = segmentation_node.GetNodeReference(RECORD_ROLE)
    return node is not None and node.GetAttribute(OUTDATED_ATTRIBUTE) is not None
