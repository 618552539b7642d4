"""Edits made while the image was shown outside of the protocol's window: counted on the segmentation, told in the record."""

from __future__ import annotations

from slicer import vtkMRMLSegmentationNode

from SegQCLib.findings import Finding, Status

CHECK_ID = "edited_looking_away"
COUNT_ATTRIBUTE = "SegQC.EditsLookingAway"


def count_look_away_edit(segmentation_node: vtkMRMLSegmentationNode) -> None:
    """Count one edit made during a look-away; the count is saved with the scene."""
    segmentation_node.SetAttribute(COUNT_ATTRIBUTE, str(look_away_edits(segmentation_node) + 1))


def look_away_edits(segmentation_node: vtkMRMLSegmentationNode) -> int:
    """Return how many edits of a segmentation were made during look-aways."""
    text = segmentation_node.GetAttribute(COUNT_ATTRIBUTE) or ""
    return int(text) if text.isdecimal() else 0


def look_away_findings(segmentation_node: vtkMRMLSegmentationNode) -> tuple[Finding, ...]:
    """Return what the record says of such edits: nothing where there were none."""
    count = look_away_edits(segmentation_node)
    if not count:
        return ()
    message = (
        f"{count} edit{'s' if count > 1 else ''} (undo included) made while the reader looked away from the protocol's"
        " window/level: those borders were drawn at another window."
    )
    return (Finding(CHECK_ID, Status.WARN, message, f"{count} edits", "none"),)
