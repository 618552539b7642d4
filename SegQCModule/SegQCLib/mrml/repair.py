"""Repair one segment of a node: only its voxels are written, and only where a person asked for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import vtk
from numpy.typing import NDArray
from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode, vtkOrientedImageData, vtkSegmentationConverter
from vtk.util.numpy_support import numpy_to_vtk

from SegQCLib.case import Box, Segment
from SegQCLib.errors import BadDataError
from SegQCLib.geometry import Geometry, Vector, axis_order, part_of, reorder_axes, start_in
from SegQCLib.mask_runs import piece_numbers, runs_of
from SegQCLib.mrml.geometry import image_geometry
from SegQCLib.mrml.one_segment import SegmentationPart, segment_with_surroundings
from SegQCLib.repairs import apply

_LABELMAP = vtkSegmentationConverter.GetBinaryLabelmapRepresentationName()


@dataclass(frozen=True, eq=False)
class PlannedRepair:
    """What a repair would do to a segment.

    Attributes
    ----------
    repair, segment_id : str
    grid : Geometry
        The volume's.
    box : tuple of slice
        The part of the grid that holds the segment before and after.
    mask : ndarray of bool
        The segment after the repair, in `box`.
    added_voxels, removed_voxels : int
    volume_before_mm3, volume_after_mm3 : float
    dice_with_before : float or None
        0 to 1; None if the segment is empty before and after.
    seen : tuple of int
        When each layer of the segmentation was last changed before it was planned, by VTK's count of changes.
    """

    repair: str
    segment_id: str
    grid: Geometry
    box: Box
    mask: NDArray[np.bool_]
    added_voxels: int
    removed_voxels: int
    volume_before_mm3: float
    volume_after_mm3: float
    dice_with_before: float | None
    seen: tuple[int, ...]

    @property
    def changed_voxels(self) -> int:
        return self.added_voxels + self.removed_voxels


def repair_planner(
    node: vtkMRMLSegmentationNode,
    volume_node: vtkMRMLScalarVolumeNode,
    segment_id: str,
    repair: str,
    places_lps_mm: Sequence[Vector] | None = None,
    spared_lps_mm: Sequence[Vector] = (),
) -> Callable[[], PlannedRepair]:
    """Copy a segment with its surroundings out of a node, and return what plans its repair; nothing is changed.

    What is returned touches no node and may be called in any thread, once the copy was made in Slicer's main one.

    Parameters
    ----------
    node, volume_node
        The segmentation, drawn on the volume's grid.
    segment_id : str
    repair : str
        Id of one of SegQCLib.repairs.
    places_lps_mm : sequence of positions, optional
        Only the pieces, holes or gaps that these voxels belong to are repaired: a finding's location. Default: all.
    spared_lps_mm : sequence of positions
        The pieces, holes or gaps that these voxels belong to are left: a reader keeps them.

    Raises
    ------
    BadDataError
        If the segmentation is on another grid than the volume: a repair must not resample it.
    """
    part = segment_with_surroundings(node, volume_node, segment_id)
    if not isinstance(part, SegmentationPart):
        raise BadDataError(
            node.GetName(),
            f"is not stored as voxels of {volume_node.GetName()!r}.",
            "Give it the image's grid (Specify geometry in the Segment Editor, beside the source volume), then repair it.",
        )
    segment = next(segment for segment in part.segments if segment.id == segment_id)
    box = _with_margin(part, segment)
    seen = _layer_changes(node)

    def plan() -> PlannedRepair:
        labels = part.layers[segment.layer][box]
        before = labels == segment.label_value
        # The margin ends at the image's border, so what touches the border of the box touches that of the image.
        after = apply(repair, before, part.geometry.spacing_mm, others=(labels != 0) & ~before).mask
        changes = before ^ after
        start = np.array([part.start for part in box])
        if places_lps_mm is not None:
            changes = _around(changes, [_voxel(part.geometry, place) - start for place in places_lps_mm])
        if spared_lps_mm:
            changes &= ~_around(changes, [_voxel(part.geometry, place) - start for place in spared_lps_mm])
        after = before ^ changes
        voxels_before, voxels_after = int(np.count_nonzero(before)), int(np.count_nonzero(after))
        kept = int(np.count_nonzero(before & after))
        return PlannedRepair(
            repair=repair,
            segment_id=segment_id,
            grid=part.geometry,
            box=box,
            mask=after,
            added_voxels=voxels_after - kept,
            removed_voxels=voxels_before - kept,
            volume_before_mm3=voxels_before * part.geometry.voxel_volume_mm3,
            volume_after_mm3=voxels_after * part.geometry.voxel_volume_mm3,
            dice_with_before=2 * kept / (voxels_before + voxels_after) if voxels_before + voxels_after else None,
            seen=seen,
        )

    return plan


def still_applies(node: vtkMRMLSegmentationNode, planned: PlannedRepair) -> bool:
    """Return whether no voxel of the segmentation was changed since a repair was planned."""
    return _layer_changes(node) == planned.seen


def write_repair(node: vtkMRMLSegmentationNode, planned: PlannedRepair) -> None:
    """Write a repaired segment to its node; other segments, also those in the same labelmap, stay as they are.

    A closed surface is made again where there is one. Observers see an edit of the segment. Whoever wants to undo it saves
    the Segment Editor's state before.

    Raises
    ------
    ValueError
        If the repair does not apply any more.
    BadDataError
        If Slicer does not take the voxels.
    """
    # Slicer puts the logics of its modules into this namespace when it loads them, after ours may have been imported.
    from slicer import vtkSlicerSegmentationsModuleLogic as SegmentationsLogic

    if not still_applies(node, planned):
        raise ValueError(f"{node.GetName()!r} was changed after the repair of {planned.segment_id!r} was planned: plan it again.")
    if not planned.changed_voxels:
        return
    stored = node.GetSegmentation().GetSegment(planned.segment_id).GetRepresentation(_LABELMAP)
    image = _image_like(stored, planned)
    if not SegmentationsLogic.SetBinaryLabelmapToSegment(image, node, planned.segment_id, SegmentationsLogic.MODE_REPLACE):
        raise BadDataError(node.GetName(), "did not take the repaired segment.", "See the messages in Slicer's Python console.")


def _layer_changes(node: vtkMRMLSegmentationNode) -> tuple[int, ...]:
    segmentation = node.GetSegmentation()
    layers = (segmentation.GetLayerDataObject(number, _LABELMAP) for number in range(segmentation.GetNumberOfLayers(_LABELMAP)))
    return tuple(layer.GetMTime() for layer in layers if layer is not None)


def _with_margin(part: SegmentationPart, segment: Segment) -> Box:
    box = part.box(segment)
    if box is None:
        raise BadDataError(segment.name, "has no voxels any more.", "Look for technical errors again.")
    return tuple(slice(max(s.start - 1, 0), min(s.stop + 1, n)) for s, n in zip(box, part.geometry.size, strict=True))


def _voxel(geometry: Geometry, place_lps_mm: Vector) -> NDArray[np.int_]:
    return np.rint(geometry.index_kji(place_lps_mm)).astype(int)


def _around(changes: NDArray[np.bool_], places: list[NDArray[np.int_]]) -> NDArray[np.bool_]:
    """Return the connected parts of a mask that hold one of the places."""
    runs = runs_of(np.pad(changes, 1))
    numbers = piece_numbers(runs)
    found = set()
    for place in places:
        voxel = int(np.ravel_multi_index(tuple(place + 1), runs.shape, mode="clip"))
        n = int(np.searchsorted(runs.stops, voxel, side="right"))
        if n < len(runs.starts) and runs.starts[n] <= voxel:
            found.add(int(numbers[n]))
    wanted = np.zeros(runs.shape, bool)
    wanted.ravel()[runs.select(np.isin(numbers, list(found))).indices()] = True
    return wanted[1:-1, 1:-1, 1:-1]


def _image_like(stored: vtkOrientedImageData, planned: PlannedRepair) -> vtkOrientedImageData:
    """Return the repaired segment on the lattice of its stored image, in its axis order: then nothing is resampled."""
    lattice, extent = image_geometry(stored), stored.GetExtent()
    order = axis_order(planned.grid, lattice)
    cut_out = part_of(planned.grid, [part.start for part in planned.box], planned.mask.shape)
    mask = np.ascontiguousarray(order.apply(planned.mask), np.uint8)
    start = np.add(start_in(lattice, reorder_axes(cut_out, order)), (extent[4], extent[2], extent[0]))
    image = vtkOrientedImageData()
    image.SetExtent(
        *(int(edge) for first, size in zip(start[::-1], mask.shape[::-1], strict=True) for edge in (first, first + size - 1))
    )
    scalars = numpy_to_vtk(mask.ravel(), deep=True)
    scalars.SetName("ImageScalars")
    image.GetPointData().SetScalars(scalars)
    matrix = vtk.vtkMatrix4x4()
    stored.GetImageToWorldMatrix(matrix)
    image.SetImageToWorldMatrix(matrix)
    return image
