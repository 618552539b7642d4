"""Voxels added to and removed from a draft, one segment at a time: after each stroke only the touched one is counted."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from slicer import vtkMRMLSegmentationNode, vtkOrientedImageData, vtkOrientedImageDataResample, vtkSegmentationConverter
from vtk.util.numpy_support import vtk_to_numpy

from SegQCLib.case import Segment, Segmentation
from SegQCLib.errors import BadDataError
from SegQCLib.geometry import Geometry, axis_order, reorder_axes, start_in
from SegQCLib.importers.terminology_entry import terminology_from_entry
from SegQCLib.mrml.geometry import image_geometry
from SegQCLib.pairing import pair_segments
from SegQCLib.readers.voxel_change import VoxelChange

_LABELMAP = vtkSegmentationConverter.GetBinaryLabelmapRepresentationName()
# Pairing looks at names and codes only.
_NO_GRID = Geometry((1, 1, 1), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)))


def paired_draft_segments(candidate_node: vtkMRMLSegmentationNode, draft_node: vtkMRMLSegmentationNode) -> dict[str, str]:
    """Return the draft's segment id for each of the candidate's, paired by name, then by code (`pairing.pair_segments`)."""
    pairs = pair_segments(_named_segments(draft_node), _named_segments(candidate_node))
    return {pair.candidate.id: pair.reference.id for pair in pairs if pair.candidate and pair.reference}


def layer_neighbours(node: vtkMRMLSegmentationNode, segment_ids: Iterable[str]) -> tuple[str, ...]:
    """Return the ids of the other segments in the layers of these.

    A stroke that overwrites takes voxels from them, and Slicer announces the painted segment only.
    """
    segmentation, named = node.GetSegmentation(), tuple(segment_ids)
    layers = {segmentation.GetLayerIndex(segment_id) for segment_id in named if segmentation.GetSegment(segment_id)}
    neighbours = (other for layer in sorted(layers - {-1}) for other in segmentation.GetSegmentIDsForLayer(layer, _LABELMAP))
    return tuple(other for other in neighbours if other not in named)


def painted_voxels(node: vtkMRMLSegmentationNode) -> int:
    """Return how many voxels all segments have together, in one quick look at each layer.

    Where it is the sum of the segments' last counts, no neighbour lost a voxel since: a stroke never gives them any.
    """
    segmentation = node.GetSegmentation()
    layers = (segmentation.GetLayerDataObject(number, _LABELMAP) for number in range(segmentation.GetNumberOfLayers(_LABELMAP)))
    return sum(int(np.count_nonzero(_planes(layer))) for layer in layers if layer is not None and layer.GetNumberOfPoints())


def voxel_change(
    candidate_node: vtkMRMLSegmentationNode,
    segment_id: str,
    draft_node: vtkMRMLSegmentationNode,
    draft_segment_id: str | None,
) -> VoxelChange:
    """Return how a segment differs from the draft's segment, or from nothing (None).

    A draft on another grid, or with its axes in another order, is brought onto the segment's grid by nearest neighbour.

    Raises
    ------
    BadDataError
        If one of the two has no voxels to compare but a surface.
    """
    image, value = _labelmap(candidate_node, segment_id)
    draft_image, draft_value = (None, 0) if draft_segment_id is None else _labelmap(draft_node, draft_segment_id)
    placed = None
    if image is not None and draft_image is not None:
        placed = _on_lattice_of(image, draft_image)
        if placed is None:
            aligned = vtkOrientedImageData()
            vtkOrientedImageDataResample.ResampleOrientedImageToReferenceOrientedImage(draft_image, image, aligned, False, True)
            draft_image = aligned
            placed = _on_lattice_of(image, aligned)
    voxels, draft_voxels = _count(image, value), _count(draft_image, draft_value)
    kept = 0
    if voxels and draft_voxels:
        for plane, draft_plane in zip(*_shared_part(_planes(image), *placed), strict=True):
            own = plane == value
            if own.any():
                kept += int(np.count_nonzero(own & (draft_plane == draft_value)))
    return VoxelChange(voxels, draft_voxels, added=voxels - kept, removed=draft_voxels - kept)


def _named_segments(node: vtkMRMLSegmentationNode) -> Segmentation:
    segmentation = node.GetSegmentation()
    segments = []
    for segment_id in segmentation.GetSegmentIDs():
        segment = segmentation.GetSegment(segment_id)
        terminology = terminology_from_entry(segment.GetTerminology())
        segments.append(Segment(segment_id, segment.GetName(), 1, terminology=terminology))
    return Segmentation(node.GetName(), _NO_GRID, (), tuple(segments))


def _labelmap(node: vtkMRMLSegmentationNode, segment_id: str) -> tuple[vtkOrientedImageData | None, int]:
    """Return the image that holds a segment, shared with others, and its value there; None for one without voxels."""
    segment = node.GetSegmentation().GetSegment(segment_id)
    if segment is None:
        raise ValueError(
            f"{node.GetName()!r} has no segment {segment_id!r}; it has {', '.join(node.GetSegmentation().GetSegmentIDs())}."
        )
    image = segment.GetRepresentation(_LABELMAP)
    if image is None and node.GetSegmentation().GetSourceRepresentationName() != _LABELMAP:
        raise BadDataError(
            node.GetName(),
            f"holds {segment.GetName()!r} as {node.GetSegmentation().GetSourceRepresentationName()}, not as voxels.",
            "Make Binary labelmap the source representation (Segmentations module, Representations).",
        )
    if image is None or image.GetPointData().GetScalars() is None or image.GetNumberOfPoints() == 0:
        return None, 0
    return image, int(segment.GetLabelValue())


def _planes(image: vtkOrientedImageData) -> NDArray:
    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])


def _count(image: vtkOrientedImageData | None, value: int) -> int:
    # Slice by slice: a whole-body layer would need another array of its size.
    return 0 if image is None else sum(int(np.count_nonzero(plane == value)) for plane in _planes(image))


def _on_lattice_of(image: vtkOrientedImageData, other: vtkOrientedImageData) -> tuple[NDArray, tuple[int, int, int]] | None:
    """Return another image's voxels as a view in this one's axis order, and the index (k, j, i) in this one where they begin.

    None where the voxels of the two do not coincide. A file's label map often has its axes in another order than the image.
    """
    own, stored = image_geometry(image), image_geometry(other)
    order = axis_order(stored, own)
    start = start_in(own, reorder_axes(stored, order))
    return None if start is None else (order.apply(_planes(other)), start)


def _shared_part(array: NDArray, other: NDArray, start: tuple[int, int, int]) -> tuple[NDArray, NDArray]:
    """Return the parts of two arrays on one lattice that both have; `other` begins at an index of `array`."""
    low = np.maximum(start, 0)
    high = np.maximum(low, np.minimum(np.add(start, other.shape), array.shape))
    own = tuple(map(slice, low, high))
    return array[own], other[tuple(map(slice, low - start, high - start))]
