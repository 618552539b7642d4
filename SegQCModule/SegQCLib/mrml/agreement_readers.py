"""The segmentations of a scene that are readers' of one image, and which of those readers saw an AI draft."""

from __future__ import annotations

from slicer import vtkMRMLScalarVolumeNode, vtkMRMLScene, vtkMRMLSegmentationNode

from SegQCLib.mrml.background_nodes import BACKGROUND_REGIONS
from SegQCLib.mrml.draft import DRAFT_ROLE, ROLE_ATTRIBUTE, is_draft
from SegQCLib.mrml.provenance_tags import read_provenance

# Of what was made from several readers (consensus, adjudicated segmentation), and of the outlines under adjudication.
MADE_FROM_READERS, OUTLINES = "made from readers", "adjudication outlines"
# Slicer's own names of the effects that choose voxels by the image, and SegQC's for a repair.
_TOOLS = frozenset(
    {"Threshold", "Grow from seeds", "Fill between slices", "Level tracing", "Local Threshold", "Watershed", "Script"}
)


def segmentations_on(scene: vtkMRMLScene, volume_node: vtkMRMLScalarVolumeNode) -> list[vtkMRMLSegmentationNode]:
    """Return the segmentations that may have been drawn on a volume, in the order of the scene.

    Those that Slicer knows to be drawn on another volume are not among them, nor are SegQC's own outlines and background regions.
    """
    found = []
    for number in range(scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode")):
        node = scene.GetNthNodeByClass(number, "vtkMRMLSegmentationNode")
        drawn_on = node.GetNodeReference(node.GetReferenceImageGeometryReferenceRole())
        if node.GetAttribute(ROLE_ATTRIBUTE) not in (OUTLINES, BACKGROUND_REGIONS) and drawn_on in (None, volume_node):
            found.append(node)
    return found


def is_a_readers(node: vtkMRMLSegmentationNode) -> bool:
    """Return whether a segmentation can be one reader's: it is no draft, and not made from several readers."""
    return not is_draft(node) and node.GetAttribute(ROLE_ATTRIBUTE) != MADE_FROM_READERS


def saw_draft(node: vtkMRMLSegmentationNode) -> bool | None:
    """Return whether the reader of a segmentation saw an AI draft, as far as the scene knows.

    Returns
    -------
    bool or None
        True where it began as a draft's copy, or a segment says AUTOMATIC, or SEMIAUTOMATIC by something that is no tool of
        the Segment Editor. False where all say who drew them and none of that is so. None: somebody has to be asked.
    """
    if is_draft(node) or node.GetNodeReferenceID(DRAFT_ROLE):
        return True
    segment_ids = node.GetSegmentation().GetSegmentIDs()
    read = [read_provenance(node, segment_id) for segment_id in segment_ids]
    if any(provenance.draft is not None and not _only_tools(provenance.draft) for provenance in read):
        return True
    return False if read and all(provenance.edited for provenance in read) else None


def _only_tools(algorithm_name: str) -> bool:
    # SEMIAUTOMATIC is also what a reader drew with Threshold, without any AI.
    return set(algorithm_name.split("; ")) <= _TOOLS
