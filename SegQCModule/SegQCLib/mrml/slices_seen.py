"""Which slices of a volume the reader had before them, in the slice views of the present layout."""

from __future__ import annotations

from collections.abc import Iterable

import vtk
from slicer import vtkMRMLNode, vtkMRMLScalarVolumeNode, vtkMRMLScene, vtkMRMLSliceLogic, vtkMRMLSliceNode

# Further than this a view's plane may not leave a slice, in slices, from one corner of the volume to another.
_MOST_SLICES = 1.0


def shown_slice(slice_node: vtkMRMLSliceNode, volume_node: vtkMRMLScalarVolumeNode) -> int | None:
    """Return which of a volume's slices (index k) a view shows; None: it cuts through several, or lies beside them all.

    A view counts whatever part of the slice it is zoomed to. An oblique or tilted volume has its own slices: a view shows
    one of them only if it is turned to the volume's plane.
    """
    if volume_node.GetImageData() is None:
        return None
    to_ras, view = vtk.vtkMatrix4x4(), slice_node.GetSliceToRAS()
    volume_node.GetIJKToRASMatrix(to_ras)
    normal = [view.GetElement(row, 2) for row in range(3)]
    # The plane in the volume's indices: a i + b j + c k = d.
    a, b, c = (sum(normal[row] * to_ras.GetElement(row, column) for row in range(3)) for column in range(3))
    d = sum(normal[row] * (view.GetElement(row, 3) - to_ras.GetElement(row, 3)) for row in range(3))
    columns, rows, slices = volume_node.GetImageData().GetDimensions()
    if abs(a) * (columns - 1) + abs(b) * (rows - 1) > _MOST_SLICES * abs(c):
        return None
    k = round((d - a * (columns - 1) / 2 - b * (rows - 1) / 2) / c)
    return k if 0 <= k < slices else None


class SlicesSeen:
    """Note which slices of a volume are shown, and whether a view is scrolled, until `stop`.

    A view counts while it is in the present layout and has the volume as its background or foreground. What happens in
    a view costs some tens of microseconds.

    Parameters
    ----------
    scene : vtkMRMLScene
    volume_node : vtkMRMLScalarVolumeNode
    """

    def __init__(self, scene: vtkMRMLScene, volume_node: vtkMRMLScalarVolumeNode) -> None:
        self._scene = scene
        self._volume_id = volume_node.GetID()
        self._seen: set[int] = set()
        self._moved = False
        # Of each view: direction and place.
        self._places: dict[str, tuple[tuple[float, ...], float]] = {}
        self._observed: list[tuple[vtk.vtkWeakReference, int]] = []
        self._observe(scene, vtkMRMLScene.NodeAddedEvent, self._on_node_added)
        for kind in ("vtkMRMLSliceNode", "vtkMRMLSliceCompositeNode"):
            for number in range(scene.GetNumberOfNodesByClass(kind)):
                self._follow(scene.GetNthNodeByClass(number, kind))

    @property
    def slices(self) -> int:
        """Number of the volume's slices; 0 if it is no longer there."""
        volume = self._scene.GetNodeByID(self._volume_id)
        return 0 if volume is None or volume.GetImageData() is None else volume.GetImageData().GetDimensions()[2]

    def take(self) -> tuple[list[list[int]], bool]:
        """Return [first, last] index k of what was shown since the last call, and whether a view was moved; begin anew."""
        taken = _ranges(self._seen), self._moved
        self._seen, self._moved = set(), False
        return taken

    def stop(self) -> None:
        """Follow no longer. May be called more than once."""
        for reference, tag in self._observed:
            if reference.Get() is not None:
                reference.Get().RemoveObserver(tag)
        self._observed = []

    def _observe(self, node: vtk.vtkObject, event: int, method) -> None:
        reference = vtk.vtkWeakReference()
        reference.Set(node)
        self._observed.append((reference, node.AddObserver(event, method)))

    def _follow(self, node: vtkMRMLNode) -> None:
        if node.IsA("vtkMRMLSliceNode"):
            self._observe(node, vtk.vtkCommand.ModifiedEvent, self._on_view)
            self._look(node)
        else:
            self._observe(node, vtk.vtkCommand.ModifiedEvent, self._on_layers)

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _on_node_added(self, _scene: vtkMRMLScene, _event: str, node: vtkMRMLNode | None = None) -> None:
        if node is not None and (node.IsA("vtkMRMLSliceNode") or node.IsA("vtkMRMLSliceCompositeNode")):
            self._follow(node)

    def _on_view(self, node: vtkMRMLSliceNode, _event: str) -> None:
        self._look(node)

    def _on_layers(self, composite: vtkMRMLNode, _event: str) -> None:
        for number in range(self._scene.GetNumberOfNodesByClass("vtkMRMLSliceNode")):
            node = self._scene.GetNthNodeByClass(number, "vtkMRMLSliceNode")
            if node.GetLayoutName() == composite.GetLayoutName():
                self._look(node)

    def _look(self, node: vtkMRMLSliceNode) -> None:
        volume = self._scene.GetNodeByID(self._volume_id)
        if volume is None or not node.IsMappedInLayout() or not self._shows_volume(node):
            self._places.pop(node.GetID(), None)
            return
        view = node.GetSliceToRAS()
        place = tuple(round(view.GetElement(row, 2), 4) for row in range(3)), node.GetSliceOffset()
        before = self._places.get(node.GetID())
        self._places[node.GetID()] = place
        if before is not None and before[0] == place[0] and before[1] != place[1]:
            self._moved = True
        k = shown_slice(node, volume)
        if k is not None:
            self._seen.add(k)

    def _shows_volume(self, node: vtkMRMLSliceNode) -> bool:
        composite = vtkMRMLSliceLogic.GetSliceCompositeNode(node)
        if composite is None:
            return False
        if composite.GetBackgroundVolumeID() == self._volume_id:
            return True
        return composite.GetForegroundVolumeID() == self._volume_id and composite.GetForegroundOpacity() > 0


def _ranges(numbers: Iterable[int]) -> list[list[int]]:
    ranges: list[list[int]] = []
    for number in sorted(numbers):
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ranges
