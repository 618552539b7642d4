"""What a person or a script does to the voxels of a segmentation node, one report per stroke."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import vtk
from slicer import vtkMRMLSegmentationNode, vtkSegmentation


class ChangeKind(StrEnum):
    """What kind of change was seen.

    EDIT: voxels of segments were changed by a stroke, an effect or a script.
    UNDO_OR_STRUCTURE: an edit was undone or redone, or segments were added or removed; Slicer announces these
    alike, and any segment may have other voxels afterwards.
    """

    EDIT = "edit"
    UNDO_OR_STRUCTURE = "undo_or_structure"


@dataclass(frozen=True)
class SegmentationChange:
    """One change of a segmentation's voxels.

    Attributes
    ----------
    kind : ChangeKind
    segment_ids : tuple of str or None
        The segments concerned, each once, in the order of their events. None: Slicer does not say, it can be any.
    """

    kind: ChangeKind
    segment_ids: tuple[str, ...] | None


class EditWatch:
    """Report each edit of a segmentation node once, and nothing that only changes how it looks.

    Showing in 3D, renaming, colours, tags, order and display are no edits. The node is not kept alive, and may be
    removed from its scene while it is watched. An event costs a few Python instructions.

    Parameters
    ----------
    segmentation_node : vtkMRMLSegmentationNode
    on_edit : callable
        Is given a SegmentationChange.
    selected_segment : callable
        Returns the id of the segment that is selected in the editor, or None. It is asked where Slicer says that one
        segment was changed, but not which (Islands).
    later : callable
        Calls the function it is given once the present action is over; in Slicer it is
        `qt.QTimer.singleShot(0, f)`. A stroke over a neighbour, or the first one on a shared layer, announces itself
        several times; all that is announced until then is one change.
    """

    def __init__(
        self,
        segmentation_node: vtkMRMLSegmentationNode,
        on_edit: Callable[[SegmentationChange], None],
        selected_segment: Callable[[], str | None],
        later: Callable[[Callable[[], None]], None],
    ) -> None:
        self._node = vtk.vtkWeakReference()
        self._node.Set(segmentation_node)
        self._on_edit = on_edit
        self._later = later
        self._selected_segment = selected_segment
        self._report_is_due = False
        self._forget()
        # One method for each event: Slicer calls all of them "NoEvent".
        self._tags = [
            segmentation_node.AddObserver(event, method)
            for event, method in (
                (vtkSegmentation.SourceRepresentationModified, self._on_source),
                (vtkSegmentation.RepresentationModified, self._on_representation),
                (vtkSegmentation.SegmentModified, self._on_segment),
                (vtkSegmentation.SegmentAdded, self._on_added),
                (vtkSegmentation.SegmentRemoved, self._on_removed),
            )
        ]

    def stop(self) -> None:
        """Watch no longer; a change that is still to be reported is dropped. May be called more than once."""
        node = self._node.Get()
        if node is not None:
            for tag in self._tags:
                node.RemoveObserver(tag)
        self._tags = []

    def _forget(self) -> None:
        self._source_changed = False
        self._edited: dict[str, None] = {}
        self._edited_unknown = False
        self._structure: dict[str, None] = {}
        self._undone = False

    # Without call data: some emitters pass an object here, and reading it as text would crash.
    def _on_source(self, _node: vtkMRMLSegmentationNode, _event: str) -> None:
        # By itself no edit: the editor also converts surfaces to voxels when it opens them.
        self._source_changed = True
        self._schedule()

    # Call data has a default because VTK calls with two arguments where it is null.
    @vtk.calldata_type(vtk.VTK_STRING)
    def _on_representation(self, _node: vtkMRMLSegmentationNode, _event: str, segment_id: str | None = None) -> None:
        # Without a change of the source just before, it is a 3D surface that was made.
        if not self._source_changed:
            return
        self._source_changed = False
        if not segment_id:
            segment_id = self._selected_segment()
        if segment_id:
            self._edited[segment_id] = None
        else:
            self._edited_unknown = True

    @vtk.calldata_type(vtk.VTK_STRING)
    def _on_segment(self, _node: vtkMRMLSegmentationNode, _event: str, segment_id: str | None = None) -> None:
        if segment_id:
            return
        # A script that sets voxels changes the source first; undo and redo do not.
        if self._source_changed:
            self._source_changed = False
            self._edited_unknown = True
        else:
            self._undone = True
        self._schedule()

    # Undo adds and removes segments without naming them.
    @vtk.calldata_type(vtk.VTK_STRING)
    def _on_added(self, _node: vtkMRMLSegmentationNode, _event: str, segment_id: str | None = None) -> None:
        if segment_id:
            self._structure[segment_id] = None
        else:
            self._undone = True
        self._schedule()

    @vtk.calldata_type(vtk.VTK_STRING)
    def _on_removed(self, node: vtkMRMLSegmentationNode, event: str, segment_id: str | None = None) -> None:
        # A segment that shares a layer is erased from it first.
        self._edited.pop(segment_id, None)
        self._on_added(node, event, segment_id)

    def _schedule(self) -> None:
        if not self._report_is_due:
            self._report_is_due = True
            self._later(self._report)

    def _report(self) -> None:
        change = self._change()
        self._report_is_due = False
        self._forget()
        if change is not None and self._tags:
            self._on_edit(change)

    def _change(self) -> SegmentationChange | None:
        if self._edited or self._edited_unknown:
            return SegmentationChange(ChangeKind.EDIT, None if self._edited_unknown else tuple(self._edited))
        # A new segment announces itself like an undo first, and by its id then.
        if self._structure:
            return SegmentationChange(ChangeKind.UNDO_OR_STRUCTURE, tuple(self._structure))
        return SegmentationChange(ChangeKind.UNDO_OR_STRUCTURE, None) if self._undone else None
