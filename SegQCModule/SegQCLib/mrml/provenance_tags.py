"""A segment's provenance as tags of its node, where Slicer's DICOM export finds it."""

from __future__ import annotations

import vtk
from slicer import vtkMRMLSegmentationNode, vtkSegment

from SegQCLib.mrml.segmentation import (
    ALGORITHM_FAMILY_TAG,
    ALGORITHM_NAME_TAG,
    ALGORITHM_PARAMETERS_TAG,
    ALGORITHM_TYPE_TAG,
    ALGORITHM_VERSION_TAG,
    tag_text,
)
from SegQCLib.readers.provenance import Provenance, provenance_from_tags


def read_provenance(node: vtkMRMLSegmentationNode, segment_id: str) -> Provenance:
    """Return what a segment's tags say; a type that DICOM does not know says nothing."""
    segment = node.GetSegmentation().GetSegment(segment_id)
    try:
        return provenance_from_tags(_tag(segment, ALGORITHM_TYPE_TAG), _tag(segment, ALGORITHM_NAME_TAG))
    except ValueError:
        return Provenance()


def write_provenance(node: vtkMRMLSegmentationNode, segment_id: str, provenance: Provenance) -> None:
    """Write type and name to a segment's tags, and remove what describes a draft that is gone; nothing else changes."""
    segment = node.GetSegmentation().GetSegment(segment_id)
    if segment is None:
        return
    wanted = {ALGORITHM_TYPE_TAG: provenance.algorithm_type, ALGORITHM_NAME_TAG: provenance.algorithm_name}
    if provenance.draft is None or provenance.draft_is_gone:
        wanted |= dict.fromkeys((ALGORITHM_VERSION_TAG, ALGORITHM_PARAMETERS_TAG, ALGORITHM_FAMILY_TAG))
    for key, value in wanted.items():
        present = _tag(segment, key)
        # Setting a tag to what it is would still announce a change to every view of the segments.
        if value is None and present is not None:
            segment.RemoveTag(key)
        elif value is not None and present != tag_text(value):
            segment.SetTag(key, tag_text(value))


def _tag(segment: vtkSegment, key: str) -> str | None:
    value = vtk.reference("")
    return str(value) or None if segment.GetTag(key, value) else None
