"""A worklist's case in the scene, and the candidate's voxels out of it for saving."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import vtk
from slicer import (
    vtkMRMLDisplayableNode,
    vtkMRMLNode,
    vtkMRMLScalarVolumeNode,
    vtkMRMLScene,
    vtkMRMLSegmentationNode,
    vtkMRMLSegmentationStorageNode,
    vtkOrientedImageData,
    vtkSegment,
    vtkSegmentationConverter,
)
from vtk.util.numpy_support import vtk_to_numpy

from SegQCLib.case import Segmentation, WindowLevel
from SegQCLib.case_files import TEXTS, OpenedCase
from SegQCLib.errors import BadDataError
from SegQCLib.file_header import read_file_header
from SegQCLib.geometry import Geometry, axis_order, part_of, reorder_axes, start_in
from SegQCLib.mrml.draft import add_draft
from SegQCLib.mrml.geometry import image_geometry
from SegQCLib.mrml.json_node import write_json
from SegQCLib.mrml.kept_findings_node import KEPT_FINDINGS_ROLE
from SegQCLib.mrml.node_removal import remove_with_attendants
from SegQCLib.mrml.ratings_node import RATINGS_ROLE
from SegQCLib.mrml.record_node import RECORD_ROLE, is_outdated
from SegQCLib.mrml.remove_results import remove_results
from SegQCLib.mrml.segmentation import (
    ALGORITHM_NAME_TAG,
    ALGORITHM_TYPE_TAG,
    STATUS_TAG,
    add_segmentation,
    segmentation_from_node,
)
from SegQCLib.mrml.volume import TRAINING_ATTRIBUTE, add_volume, show_with_window, volume_geometry
from SegQCLib.protocol import LoadedProtocol
from SegQCLib.seg_nrrd import LabelPiece, NrrdSegment, NrrdSegmentation
from SegQCLib.training_mark import TRAINING_KEY

_LABELMAP = vtkSegmentationConverter.GetBinaryLabelmapRepresentationName()
_SEGMENT_KEY = re.compile(r"Segment(\d+)_(.+)")
# Of the voxel-free copy that the keys are read from.
_PLACE_KEYS = ("Extent", "Layer", "LabelValue")


@dataclass(frozen=True)
class CaseNodes:
    """The nodes of one case; None where the worklist names no such segmentation."""

    volume: vtkMRMLScalarVolumeNode
    candidate: vtkMRMLSegmentationNode
    reference: vtkMRMLSegmentationNode | None
    draft: vtkMRMLSegmentationNode | None


def add_case(scene: vtkMRMLScene, opened: OpenedCase) -> CaseNodes:
    """Add a case to the scene and show its image in the slice views; reference and draft come hidden.

    The image is shown with the protocol's first window, else with the first that its header names.

    Raises
    ------
    BadDataError
        If the image has no voxel values.
    """
    name = opened.entry.case
    training = "" if opened.image.training_set is None else " TRAINING"
    volume_node = add_volume(scene, opened.image, name)
    window_level = _first_window(opened)
    if window_level is None:
        volume_node.CreateDefaultDisplayNodes()
    else:
        show_with_window(volume_node, window_level)
    nodes = CaseNodes(
        volume=volume_node,
        candidate=_add(scene, opened, opened.candidate, volume_node, f"{name} candidate{training}"),
        reference=_add_hidden(scene, opened, opened.reference, volume_node, f"{name} reference"),
        draft=_add_draft(scene, opened, volume_node, f"{name} draft{training}"),
    )
    for text_name, text in opened.texts.items():
        owner, role = _text_place(nodes, text_name)
        write_json(scene, owner, role, f"{name} SegQC {Path(text_name).stem.replace('_', ' ')}", text)
    _show_in_slice_views(scene, volume_node)
    return nodes


def _text_place(nodes: CaseNodes, text_name: str) -> tuple[vtkMRMLNode, str]:
    return {
        "record.json": (nodes.candidate, RECORD_ROLE),
        "ratings.json": (nodes.volume, RATINGS_ROLE),
        "kept_findings.json": (nodes.candidate, KEPT_FINDINGS_ROLE),
    }[text_name]


def _first_window(opened: OpenedCase) -> WindowLevel | None:
    protocol: LoadedProtocol | None = opened.protocol
    if protocol is not None and protocol.protocol.windows:
        rule = protocol.protocol.windows[0]
        return WindowLevel(rule.apply_window, rule.apply_level)
    return next(iter(opened.image.acquisition.window_levels), None)


def _set_tags(segment: vtkSegment | None, tags: str) -> None:
    for pair in tags.split("|") if segment is not None else ():
        key, separator, value = pair.partition(":")
        if separator and key.strip():
            segment.SetTag(key.strip(), value.strip())


def _add(
    scene: vtkMRMLScene,
    opened: OpenedCase,
    segmentation: Segmentation,
    volume_node: vtkMRMLScalarVolumeNode,
    name: str,
) -> vtkMRMLSegmentationNode:
    node = add_segmentation(scene, segmentation, volume_node, name)
    for segment_id, tags in opened.tags_of(segmentation).items():
        _set_tags(node.GetSegmentation().GetSegment(segment_id), tags)
    return node


def _add_hidden(
    scene: vtkMRMLScene,
    opened: OpenedCase,
    segmentation: Segmentation | None,
    volume_node: vtkMRMLScalarVolumeNode,
    name: str,
) -> vtkMRMLSegmentationNode | None:
    if segmentation is None:
        return None
    node = _add(scene, opened, segmentation, volume_node, name)
    node.SetDisplayVisibility(False)
    return node


def _add_draft(
    scene: vtkMRMLScene, opened: OpenedCase, volume_node: vtkMRMLScalarVolumeNode, name: str
) -> vtkMRMLSegmentationNode | None:
    if opened.draft is None:
        return None
    node = add_draft(scene, opened.draft, volume_node, name, opened.draft_sha256)
    for segment_id, tags in opened.tags_of(opened.draft).items():
        _set_tags(node.GetSegmentation().GetSegment(segment_id), tags)
    node.SetDisplayVisibility(False)
    return node


def _show_in_slice_views(scene: vtkMRMLScene, volume_node: vtkMRMLScalarVolumeNode) -> None:
    for number in range(scene.GetNumberOfNodesByClass("vtkMRMLSliceCompositeNode")):
        composite = scene.GetNthNodeByClass(number, "vtkMRMLSliceCompositeNode")
        composite.SetBackgroundVolumeID(volume_node.GetID())
        composite.SetForegroundVolumeID(None)
        composite.SetLabelVolumeID(None)


def remove_case(scene: vtkMRMLScene, nodes: CaseNodes) -> None:
    """Remove a case's nodes that are still in the scene, with what shows, stores and rates them; other nodes stay."""
    for node in (nodes.candidate, nodes.reference, nodes.draft, nodes.volume):
        if node is not None and scene.IsNodePresent(node):
            _remove(scene, node)


def _remove(scene: vtkMRMLScene, node: vtkMRMLDisplayableNode) -> None:
    belonging = [node.GetNodeReference(role) for role in (RATINGS_ROLE, KEPT_FINDINGS_ROLE)]
    if node.IsA("vtkMRMLSegmentationNode"):
        remove_results(scene, node)
    remove_with_attendants(scene, node, *belonging)


def texts_of(nodes: CaseNodes) -> dict[str, str | None]:
    """Return what was evaluated and rated as JSON by the name of its file; None for a record from before the last edit."""
    texts: dict[str, str | None] = {}
    for name in TEXTS:
        owner, role = _text_place(nodes, name)
        node = owner.GetNodeReference(role)
        if node is not None:
            outdated = role == RECORD_ROLE and is_outdated(nodes.candidate)
            texts[name] = None if outdated else node.GetText() or ""
    return texts


def work_stamp(node: vtkMRMLSegmentationNode) -> Hashable:
    """Return a value that changes with voxels, names, colours, codes, status and order of the segments, and with nothing else.

    Surfaces made for the 3-D view and the visibility of segments leave it as it is.
    """
    segmentation = node.GetSegmentation()
    stamp = []
    for segment_id in segmentation.GetSegmentIDs():
        segment = segmentation.GetSegment(segment_id)
        image = segment.GetRepresentation(_LABELMAP)
        tags = (_tag(segment, key) for key in (STATUS_TAG, ALGORITHM_TYPE_TAG, ALGORITHM_NAME_TAG))
        voxels = None if image is None else image.GetMTime()
        facts = (segment.GetName(), segment.GetColor(), segment.GetTerminology(), segment.GetLabelValue())
        stamp.append((segment_id, voxels, *facts, *tags))
    return tuple(stamp)


def _tag(segment: vtkSegment, key: str) -> str | None:
    value = vtk.reference("")
    return str(value) if segment.GetTag(key, value) else None


def copy_for_saving(node: vtkMRMLSegmentationNode, volume_node: vtkMRMLScalarVolumeNode) -> NrrdSegmentation:
    """Return a copy of a segmentation that can be written while the reader draws on.

    Layers on the image's grid are copied as they are, cropped to their voxels. Others, and surfaces, are brought
    onto it as for an evaluation.

    Raises
    ------
    BadDataError
        If the segments cannot be brought onto the image's grid.
    """
    keys = _segment_keys(node)
    grid = volume_geometry(volume_node)
    segmentation = node.GetSegmentation()
    if segmentation.GetNumberOfSegments() == 0:
        return NrrdSegmentation(grid, (), (), _file_keys(volume_node))
    on_grid = _pieces_on_grid(node, grid) if segmentation.GetSourceRepresentationName() == _LABELMAP else None
    if on_grid is None:
        return _aligned_copy(segmentation_from_node(node, volume_node), keys, _file_keys(volume_node))
    pieces, layer_pieces = on_grid
    segments = []
    for segment_id in segmentation.GetSegmentIDs():
        segment = segmentation.GetSegment(segment_id)
        piece = layer_pieces.get(segmentation.GetLayerIndex(segment_id, _LABELMAP))
        segments.append(NrrdSegment(piece, int(segment.GetLabelValue()), keys[segment_id]))
    return NrrdSegmentation(grid, pieces, tuple(segments), _file_keys(volume_node))


def _file_keys(volume_node: vtkMRMLScalarVolumeNode) -> dict[str, str]:
    # Whatever a reader draws on a practice case is training, segments without a tag included.
    training_set = volume_node.GetAttribute(TRAINING_ATTRIBUTE)
    return {} if training_set is None else {TRAINING_KEY: training_set}


def _pieces_on_grid(node: vtkMRMLSegmentationNode, grid: Geometry) -> tuple[tuple[LabelPiece, ...], dict[int, int]] | None:
    """Return the layers as pieces of the grid and the piece of each layer, or None if a layer lies on another grid."""
    segmentation = node.GetSegmentation()
    pieces: list[LabelPiece] = []
    layer_pieces: dict[int, int] = {}
    for number in range(segmentation.GetNumberOfLayers(_LABELMAP)):
        image = segmentation.GetLayerDataObject(number, _LABELMAP)
        if image is None or image.GetNumberOfPoints() == 0:
            continue
        array = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])
        if not array.any():
            continue
        stored = image_geometry(image)
        order = axis_order(stored, grid)
        geometry, array = reorder_axes(stored, order), order.apply(array)
        box = tuple(
            slice(int(painted[0]), int(painted[-1]) + 1)
            for painted in (np.flatnonzero(array.any(axis=others)) for others in ((1, 2), (0, 2), (0, 1)))
        )
        start = start_in(grid, part_of(geometry, [part.start for part in box], array[box].shape))
        if start is None or min(start) < 0 or np.any(np.add(start, array[box].shape) > grid.size):
            return None
        layer_pieces[number] = len(pieces)
        pieces.append(LabelPiece(start, np.array(array[box])))
    return tuple(pieces), layer_pieces


def _aligned_copy(aligned: Segmentation, keys: dict[str, dict[str, str]], file_keys: dict[str, str]) -> NrrdSegmentation:
    return NrrdSegmentation(
        aligned.geometry,
        tuple(LabelPiece((0, 0, 0), layer) for layer in aligned.layers),
        tuple(NrrdSegment(segment.layer, segment.label_value, keys[segment.id]) for segment in aligned.segments),
        file_keys,
    )


def _segment_keys(node: vtkMRMLSegmentationNode) -> dict[str, dict[str, str]]:
    """Return what Slicer writes about each segment, by its id.

    Python cannot list the tags of a segment, so Slicer writes a copy of the segmentation without its voxels.
    """
    described = vtkMRMLSegmentationNode()
    voxel = vtkOrientedImageData()
    voxel.SetExtent(0, 0, 0, 0, 0, 0)
    voxel.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
    voxel.GetPointData().GetScalars().Fill(0)
    segmentation = node.GetSegmentation()
    for segment_id in segmentation.GetSegmentIDs():
        segment = vtkSegment()
        segment.DeepCopyMetadata(segmentation.GetSegment(segment_id))
        segment.AddRepresentation(_LABELMAP, voxel)
        described.GetSegmentation().AddSegment(segment, segment_id)
    if segmentation.GetNumberOfSegments() == 0:
        return {}
    with tempfile.TemporaryDirectory(prefix="segqc-") as folder:
        path = Path(folder) / "segments.seg.nrrd"
        storage = vtkMRMLSegmentationStorageNode()
        storage.SetFileName(str(path))
        if not storage.WriteData(described):
            raise BadDataError(node.GetName(), "could not be described for saving.", "Is the disk full?")
        keys = read_file_header(path).keys
    by_number: dict[str, dict[str, str]] = {}
    for key, value in keys.items():
        match = _SEGMENT_KEY.fullmatch(key)
        if match and match[2] not in _PLACE_KEYS:
            by_number.setdefault(match[1], {})[match[2]] = value
    return {segment["ID"]: segment for segment in by_number.values()}
