"""The AI draft in the scene: kept as it came, shown as an outline, with its uncertainty maps out of sight."""

from __future__ import annotations

import json

from slicer import vtkMRMLScalarVolumeNode, vtkMRMLScene, vtkMRMLSegmentationNode, vtkSegmentationConverter

from SegQCLib.case import Segmentation, WindowLevel
from SegQCLib.dataclass_json import from_json, to_json
from SegQCLib.errors import BadDataError
from SegQCLib.geometry import Geometry
from SegQCLib.importers.uncertainty_map import UncertaintyMap
from SegQCLib.mrml.node_removal import remove_with_attendants
from SegQCLib.mrml.segmentation import CroppedLayer, add_segmentation, write_algorithm
from SegQCLib.mrml.volume import add_volume, show_with_window
from SegQCLib.terminology_text import terminology_text

# Node attributes. They say what a node is for after the scene was saved and opened again.
ROLE_ATTRIBUTE = "SegQC.Role"
VOXELS_ATTRIBUTE = "SegQC.DraftVoxels"
MEANING_ATTRIBUTE = "SegQC.Meaning"
FILE_GRID_ATTRIBUTE = "SegQC.DraftFileGrid"
FIRST_READ_ATTRIBUTE = "SegQC.FirstReadBy"
DRAFT, UNCERTAINTY_MAP = "draft", "uncertainty map"
# Reference roles: a draft's maps, a candidate's draft.
MAPS_ROLE = "SegQC.uncertaintyMap"
DRAFT_ROLE = "SegQC.draft"

# The image has to be seen through a map.
_MAP_OPACITY = 0.5
_TRANSPARENT_SHARE = 0.02
_MAP_COLORS = "vtkMRMLColorTableNodeFileColdToHotRainbow.txt"

_LABELMAP = vtkSegmentationConverter.GetBinaryLabelmapRepresentationName()


def add_draft(
    scene: vtkMRMLScene,
    segmentation: Segmentation,
    volume_node: vtkMRMLScalarVolumeNode,
    name: str,
    sha256: str,
    layers: tuple[CroppedLayer, ...] | None = None,
) -> vtkMRMLSegmentationNode:
    """Add a draft to a scene: with the volume's reference geometry, and as an outline that leaves the image free.

    Parameters
    ----------
    scene : vtkMRMLScene
    segmentation : Segmentation
        On the volume's grid.
    volume_node : vtkMRMLScalarVolumeNode
    name : str
    sha256 : str
        `voxels_sha256` of the segmentation: it takes a second for a whole body, and is computed in a thread.
    layers : tuple of CroppedLayer, optional
        See `add_segmentation`.
    """
    node = add_segmentation(scene, segmentation, volume_node, name, layers)
    was_modifying = node.StartModify()
    # Slicer keeps the true places of uneven slices in a transform above the volume.
    node.SetAndObserveTransformNodeID(volume_node.GetTransformNodeID())
    stored = segmentation if segmentation.stored is None else segmentation.stored
    node.SetAttribute(FILE_GRID_ATTRIBUTE, to_json(stored.geometry))
    _mark(node, sha256)
    node.EndModify(was_modifying)
    return node


def make_draft(
    node: vtkMRMLSegmentationNode, segmentation: Segmentation, volume_node: vtkMRMLScalarVolumeNode, sha256: str
) -> None:
    """Make a segmentation that is already in the scene the draft; parameters as in `add_draft`.

    Its segments get the names, codes and algorithm of `segmentation`, which was read from it; their voxels stay.

    Raises
    ------
    BadDataError
        If the node holds surfaces, not voxels.
    """
    if node.GetSegmentation().GetSourceRepresentationName() != _LABELMAP:
        raise BadDataError(
            node.GetName(),
            "holds surfaces, not voxels, so nobody could say later whether it was edited.",
            "Make Binary labelmap the source representation (Segmentations module, Representations).",
        )
    was_modifying = node.StartModify()
    for segment in segmentation.segments:
        own = node.GetSegmentation().GetSegment(segment.id)
        own.SetName(segment.name)
        if segment.terminology is not None:
            own.SetTerminology(terminology_text(segment.terminology))
        write_algorithm(own, segment)
    node.EndModify(was_modifying)
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume_node)
    node.CreateDefaultDisplayNodes()
    _mark(node, sha256)


def _mark(node: vtkMRMLSegmentationNode, sha256: str) -> None:
    # The views follow each change with all segments: once, not five times.
    display_node = node.GetDisplayNode()
    was_modifying = node.StartModify(), display_node.StartModify()
    display_node.SetVisibility2DFill(False)
    display_node.SetVisibility2DOutline(True)
    node.SetAttribute(ROLE_ATTRIBUTE, DRAFT)
    node.SetAttribute(VOXELS_ATTRIBUTE, sha256)
    display_node.EndModify(was_modifying[1])
    node.EndModify(was_modifying[0])


def show_segments(node: vtkMRMLSegmentationNode, segment_ids: tuple[str, ...]) -> None:
    """Show some segments of a draft only: a whole-body model draws a hundred that nobody asked for."""
    display_node = node.GetDisplayNode()
    # Slicer's views draw once, not a hundred times.
    was_modifying = display_node.StartModify()
    for segment_id in node.GetSegmentation().GetSegmentIDs():
        display_node.SetSegmentVisibility(segment_id, segment_id in segment_ids)
    display_node.EndModify(was_modifying)


def file_geometry(draft_node: vtkMRMLSegmentationNode) -> Geometry | None:
    """Return the grid of the file that a draft came from, or None for one that was already in the scene.

    A map without a grid of its own (.npz) has its voxels in that order.
    """
    text = draft_node.GetAttribute(FILE_GRID_ATTRIBUTE)
    return None if text is None else from_json(Geometry, text)


def is_draft(node: vtkMRMLSegmentationNode | None) -> bool:
    return node is not None and node.GetAttribute(ROLE_ATTRIBUTE) == DRAFT


def was_edited(draft_node: vtkMRMLSegmentationNode, sha256: str) -> bool:
    """Return whether a draft's voxels are not those that were imported.

    Parameters
    ----------
    draft_node : vtkMRMLSegmentationNode
    sha256 : str
        `voxels_sha256` of what `mrml.segmentation.segmentation_from_node` gives of it now.
    """
    return sha256 != draft_node.GetAttribute(VOXELS_ATTRIBUTE)


def add_candidate(
    scene: vtkMRMLScene,
    segmentation: Segmentation,
    draft_node: vtkMRMLSegmentationNode,
    volume_node: vtkMRMLScalarVolumeNode,
    name: str,
    layers: tuple[CroppedLayer, ...] | None = None,
) -> vtkMRMLSegmentationNode:
    """Add a copy of a draft, or of a part of it, for the reader to edit; the draft stays as it is beside it.

    Its segments say AUTOMATIC until they are edited: nobody has changed them yet.

    Parameters
    ----------
    scene : vtkMRMLScene
    segmentation : Segmentation
        What `mrml.segmentation.segmentation_from_node` and `chosen_segments` gave of the draft.
    draft_node : vtkMRMLSegmentationNode
    volume_node : vtkMRMLScalarVolumeNode
    name : str
    layers : tuple of CroppedLayer, optional
        See `add_segmentation`.
    """
    node = add_segmentation(scene, segmentation, volume_node, name, layers)
    # Slicer keeps the true places of uneven slices in a transform above the volume.
    node.SetAndObserveTransformNodeID(volume_node.GetTransformNodeID())
    node.SetNodeReferenceID(DRAFT_ROLE, draft_node.GetID())
    return node


def add_map(
    scene: vtkMRMLScene, uncertainty_map: UncertaintyMap, draft_node: vtkMRMLSegmentationNode, name: str
) -> vtkMRMLScalarVolumeNode:
    """Add an uncertainty map to a scene, in no slice view; the draft refers to it."""
    node = add_volume(scene, uncertainty_map.volume, name)
    node.SetAndObserveTransformNodeID(draft_node.GetTransformNodeID())
    low, high = float(uncertainty_map.volume.array.min()), float(uncertainty_map.volume.array.max())
    show_with_window(node, WindowLevel(max(high - low, 1e-6), (low + high) / 2))
    display_node = node.GetScalarVolumeDisplayNode()
    if scene.GetNodeByID(_MAP_COLORS) is not None:
        display_node.SetAndObserveColorNodeID(_MAP_COLORS)
    # Where a map says nothing, the image is seen as it is.
    display_node.SetThreshold(low + _TRANSPARENT_SHARE * (high - low), high)
    display_node.ApplyThresholdOn()
    node.SetAttribute(ROLE_ATTRIBUTE, UNCERTAINTY_MAP)
    node.SetAttribute(MEANING_ATTRIBUTE, uncertainty_map.meaning)
    draft_node.AddNodeReferenceID(MAPS_ROLE, node.GetID())
    return node


def maps_of(draft_node: vtkMRMLSegmentationNode | None) -> list[vtkMRMLScalarVolumeNode]:
    """Return the maps that a draft refers to."""
    if draft_node is None:
        return []
    nodes = [draft_node.GetNthNodeReference(MAPS_ROLE, n) for n in range(draft_node.GetNumberOfNodeReferences(MAPS_ROLE))]
    return [node for node in nodes if node is not None]


def remove_maps(scene: vtkMRMLScene, draft_node: vtkMRMLSegmentationNode) -> None:
    """Remove a draft's maps, and what shows and stores them, from the scene: without the draft nobody knows whose they are."""
    for node in maps_of(draft_node):
        remove_with_attendants(scene, node)


def show_map(scene: vtkMRMLScene, map_node: vtkMRMLScalarVolumeNode | None) -> None:
    """Lay a map over the image in all slice views, or take it away (None)."""
    for number in range(scene.GetNumberOfNodesByClass("vtkMRMLSliceCompositeNode")):
        composite = scene.GetNthNodeByClass(number, "vtkMRMLSliceCompositeNode")
        composite.SetForegroundVolumeID(None if map_node is None else map_node.GetID())
        composite.SetForegroundOpacity(0.0 if map_node is None else _MAP_OPACITY)


def shown_map(scene: vtkMRMLScene, draft_node: vtkMRMLSegmentationNode | None) -> vtkMRMLScalarVolumeNode | None:
    """Return the map of a draft that lies over the image in a slice view, or None."""
    by_id = {node.GetID(): node for node in maps_of(draft_node)}
    for number in range(scene.GetNumberOfNodesByClass("vtkMRMLSliceCompositeNode")):
        composite = scene.GetNthNodeByClass(number, "vtkMRMLSliceCompositeNode")
        node = by_id.get(composite.GetForegroundVolumeID())
        if node is not None and composite.GetForegroundOpacity() > 0:
            return node
    return None


def first_read_by(draft_node: vtkMRMLSegmentationNode) -> tuple[str, ...]:
    """Return the readers who have said that their first read, without the maps, is done."""
    return tuple(json.loads(draft_node.GetAttribute(FIRST_READ_ATTRIBUTE) or "[]"))


def finish_first_read(draft_node: vtkMRMLSegmentationNode, reader: str) -> None:
    """Keep with the draft that a reader's first read is done."""
    readers = dict.fromkeys([*first_read_by(draft_node), reader])
    draft_node.SetAttribute(FIRST_READ_ATTRIBUTE, json.dumps(list(readers), ensure_ascii=False))
