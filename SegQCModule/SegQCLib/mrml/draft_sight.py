"""Whether the reader can see the AI draft: from then on what they draw is not independent of it."""

from __future__ import annotations

from collections.abc import Callable

import vtk
from slicer import vtkMRMLSegmentationNode, vtkSegmentation


def visible_segments(node: vtkMRMLSegmentationNode) -> tuple[str, ...]:
    """Return the ids of the segments that are switched on to be shown, in slice views or in 3D."""
    display = node.GetDisplayNode()
    if display is None or not display.GetVisibility():
        return ()
    outlines = display.GetVisibility2D() and (display.GetVisibility2DFill() or display.GetVisibility2DOutline())
    return tuple(
        segment_id
        for segment_id in node.GetSegmentation().GetSegmentIDs()
        if display.GetSegmentVisibility(segment_id)
        and (
            (outlines and (display.GetSegmentVisibility2DFill(segment_id) or display.GetSegmentVisibility2DOutline(segment_id)))
            or (display.GetVisibility3D() and display.GetSegmentVisibility3D(segment_id))
        )
    )


class DraftSight:
    """Tell once of each segment of a draft that becomes visible, until `stop`.

    Parameters
    ----------
    draft_node : vtkMRMLSegmentationNode
    on_shown : callable(tuple of segment ids)
        Called at once for what is visible already.
    """

    def __init__(self, draft_node: vtkMRMLSegmentationNode, on_shown: Callable[[tuple[str, ...]], None]) -> None:
        self._node = vtk.vtkWeakReference()
        self._node.Set(draft_node)
        self._on_shown = on_shown
        self._told: set[str] = set()
        events = (vtkMRMLSegmentationNode.DisplayModifiedEvent, vtkSegmentation.SegmentAdded)
        self._tags = [draft_node.AddObserver(event, self._on_modified) for event in events]
        self._tell(draft_node)

    def stop(self) -> None:
        """Follow no longer. May be called more than once."""
        node = self._node.Get()
        if node is not None:
            for tag in self._tags:
                node.RemoveObserver(tag)
        self._tags = []

    def _on_modified(self, node: vtkMRMLSegmentationNode, _event: str) -> None:
        self._tell(node)

    def _tell(self, node: vtkMRMLSegmentationNode) -> None:
        new = tuple(segment_id for segment_id in visible_segments(node) if segment_id not in self._told)
        if new:
            self._told.update(new)
            self._on_shown(new)
