"""Edits of a segmentation node as Slicer's own editor logic makes them (slicer-core)."""

import numpy as np
import pytest

from phantoms import a_geometry, a_segmentation, a_volume

slicer = pytest.importorskip("slicer", reason="the MRML layer needs slicer-core")
vtk = pytest.importorskip("vtk")

from vtk.util.numpy_support import vtk_to_numpy  # noqa: E402

from SegQCLib.mrml.edit_watch import ChangeKind, EditWatch, SegmentationChange  # noqa: E402
from SegQCLib.mrml.scene import new_scene  # noqa: E402
from SegQCLib.mrml.segmentation import add_segmentation  # noqa: E402
from SegQCLib.mrml.volume import add_volume  # noqa: E402

LIVER, SPLEEN = "s0", "s1"
Logic = slicer.vtkSlicerSegmentEditorLogic
UNDO = SegmentationChange(ChangeKind.UNDO_OR_STRUCTURE, None)


def edit_of(*segment_ids):
    return SegmentationChange(ChangeKind.EDIT, segment_ids)


class Editor:
    """Slicer's Segment Editor without its window, and a list of what the watch says of its actions."""

    def __init__(self, segmentation=None):
        self.scene = new_scene()
        volume_node = add_volume(self.scene, a_volume(), "CT")
        segmentation = segmentation or a_segmentation(liver=((1, 4), (2, 9), (3, 8)), spleen=((5, 8), (2, 9), (3, 8)))
        self.node = add_segmentation(self.scene, segmentation, volume_node, "reader")
        self.segments = self.node.GetSegmentation()
        self.editor_node = self.scene.AddNewNodeByClass("vtkMRMLSegmentEditorNode")
        self.editor_node.SetAndObserveSegmentationNode(self.node)
        self.editor_node.SetAndObserveSourceVolumeNode(volume_node)
        self.editor_node.SetSelectedSegmentID(SPLEEN)
        self.logic = Logic()
        self.logic.SetMRMLScene(self.scene)
        self.logic.SetSegmentEditorNode(self.editor_node)
        self.changes, self._due = [], []
        self.watch = EditWatch(self.node, self.changes.append, self.editor_node.GetSelectedSegmentID, self._due.append)

    def modify(self, segment_id, box, mode=Logic.ModificationModeAdd):
        """Add, or remove, the voxels of a half-open box (k, j, i), as one stroke does."""
        self.logic.SetSourceRepresentationToBinaryLabelMap()
        self.logic.UpdateReferenceGeometryImage()
        self.logic.ResetModifierLabelmapToDefault()
        image = self.logic.GetModifierLabelmap()
        voxels = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])
        voxels[tuple(slice(*edges) for edges in box)] = 1
        self.logic.SaveStateForUndo()
        self.logic.ModifySegmentByLabelmap(self.node, segment_id, image, mode, False, False)

    def seen(self):
        """Return what was reported since the last call, at the end of an action as Qt's event loop would."""
        due, self._due[:] = list(self._due), []
        for report in due:
            report()
        changes, self.changes[:] = list(self.changes), []
        return changes


FREE = ((1, 4), (10, 15), (3, 8))
OVER_SPLEEN = ((5, 7), (3, 6), (3, 8))


def test_a_stroke_is_one_edit_of_its_segment():
    editor = Editor()
    editor.modify(LIVER, FREE)
    assert editor.seen() == [edit_of(LIVER)]
    editor.modify(LIVER, FREE, Logic.ModificationModeRemove)
    assert editor.seen() == [edit_of(LIVER)]


def test_a_stroke_over_a_neighbour_is_one_edit_of_both():
    editor = Editor()
    editor.modify(LIVER, OVER_SPLEEN)
    assert editor.seen() == [edit_of(LIVER, SPLEEN)]


def test_undo_and_redo_are_seen_and_name_no_segment():
    editor = Editor()
    editor.modify(LIVER, FREE)
    editor.seen()
    editor.logic.Undo()
    assert editor.seen() == [UNDO]
    editor.logic.Redo()
    assert editor.seen() == [UNDO]


def test_adding_and_removing_name_their_segment():
    editor = Editor()
    editor.segments.AddEmptySegment("lesion", "lesion")
    assert editor.seen() == [SegmentationChange(ChangeKind.UNDO_OR_STRUCTURE, ("lesion",))]
    editor.segments.RemoveSegment("lesion")
    assert editor.seen() == [SegmentationChange(ChangeKind.UNDO_OR_STRUCTURE, ("lesion",))]


def test_undoing_a_removal_is_seen_once():
    editor = Editor()
    editor.modify(LIVER, FREE)
    editor.logic.SaveStateForUndo()
    editor.segments.RemoveSegment(SPLEEN)
    editor.seen()
    editor.logic.Undo()
    assert editor.segments.GetSegment(SPLEEN) is not None
    assert editor.seen() == [UNDO]


def test_the_first_stroke_on_a_shared_layer_is_one_edit():
    editor = Editor()
    editor.segments.CollapseBinaryLabelmaps()
    editor.editor_node.SetOverwriteMode(editor.editor_node.OverwriteNone)
    assert editor.segments.GetNumberOfLayers() == 1
    assert editor.seen() == []
    editor.modify(LIVER, OVER_SPLEEN)
    # Overlap is allowed here: the spleen keeps its voxels, and the liver moves to a layer of its own.
    assert editor.segments.GetNumberOfLayers() == 2
    assert editor.seen() == [edit_of(LIVER)]


def test_how_a_segment_is_named_coloured_ordered_and_shown_is_no_edit():
    editor = Editor()
    segment = editor.segments.GetSegment(LIVER)
    segment.SetName("hepar")
    segment.SetColor(1.0, 0.0, 0.0)
    segment.SetTag("Segmentation.Status", "completed")
    editor.segments.SetSegmentIndex(SPLEEN, 0)
    editor.node.CreateDefaultDisplayNodes()
    editor.node.CreateClosedSurfaceRepresentation()
    editor.node.GetDisplayNode().SetSegmentVisibility(LIVER, False)
    editor.node.RemoveClosedSurfaceRepresentation()
    editor.node.SetName("reader 2")
    assert editor.seen() == []


def test_with_the_3d_surface_shown_a_stroke_is_still_one_edit():
    editor = Editor()
    editor.node.CreateClosedSurfaceRepresentation()
    assert editor.seen() == []
    editor.modify(LIVER, FREE)
    assert editor.seen() == [edit_of(LIVER)]


def test_an_edit_that_names_no_segment_is_one_of_the_selected_segment():
    """As the Islands effect announces itself."""
    editor = Editor()
    editor.segments.InvokeEvent(slicer.vtkSegmentation.SourceRepresentationModified)
    editor.segments.InvokeEvent(slicer.vtkSegmentation.RepresentationModified)
    assert editor.seen() == [edit_of(SPLEEN)]


def test_voxels_set_by_a_script_are_an_edit_that_can_be_of_any_segment():
    editor = Editor()
    # The events of slicer.util.updateSegmentBinaryLabelmapFromArray; it needs the application.
    editor.segments.InvokeEvent(slicer.vtkSegmentation.SourceRepresentationModified)
    editor.segments.InvokeEvent(slicer.vtkSegmentation.SegmentModified)
    assert editor.seen() == [SegmentationChange(ChangeKind.EDIT, None)]


def test_a_new_source_representation_alone_is_no_edit_nor_is_a_surface_made_after_it():
    editor = Editor()
    editor.segments.InvokeEvent(slicer.vtkSegmentation.SourceRepresentationModified)
    assert editor.seen() == []
    editor.node.CreateClosedSurfaceRepresentation()
    assert editor.seen() == []


def test_a_stopped_watch_says_nothing_and_leaves_no_observer():
    editor = Editor()
    editor.modify(LIVER, FREE)
    editor.watch.stop()
    editor.watch.stop()
    assert editor.seen() == []
    editor.modify(LIVER, FREE, Logic.ModificationModeRemove)
    assert editor.seen() == []
    assert not editor.node.HasObserver(slicer.vtkSegmentation.SourceRepresentationModified)


def test_a_removed_node_is_not_kept_alive_and_its_watch_can_be_stopped():
    scene = new_scene()
    node = add_segmentation(scene, a_segmentation(liver=None), add_volume(scene, a_volume(), "CT"), "reader")
    gone = vtk.vtkWeakReference()
    gone.Set(node)
    watch = EditWatch(node, [].append, lambda: None, [].append)
    scene.RemoveNode(node)
    del node
    assert gone.Get() is None
    watch.stop()


def test_a_node_is_watched_after_it_left_its_scene():
    editor = Editor()
    editor.modify(LIVER, FREE)
    editor.scene.RemoveNode(editor.node)
    assert editor.seen() == [edit_of(LIVER)]
    editor.segments.AddEmptySegment("lesion", "lesion")
    assert editor.seen() == [SegmentationChange(ChangeKind.UNDO_OR_STRUCTURE, ("lesion",))]


def test_ten_thousand_events_of_one_action_are_one_report():
    editor = Editor()
    for _ in range(10_000):
        editor.segments.InvokeEvent(slicer.vtkSegmentation.SourceRepresentationModified)
        editor.segments.InvokeEvent(slicer.vtkSegmentation.SegmentModified)
    assert len(editor._due) == 1
    assert len(editor.seen()) == 1


def test_a_sphere_painted_slice_by_slice_is_one_edit_per_slice():
    editor = Editor(a_segmentation(a_geometry(), liver=None, spleen=None))
    k, j, i = np.indices((10, 20, 30))
    inside = (2 * (k - 5)) ** 2 + (j - 10) ** 2 + (i - 15) ** 2 <= 6**2
    slices = [int(index) for index in np.flatnonzero(inside.any(axis=(1, 2)))]
    for index in slices:
        rows, columns = np.nonzero(inside[index])
        editor.modify(LIVER, ((index, index + 1), (rows.min(), rows.max() + 1), (columns.min(), columns.max() + 1)))
        assert editor.seen() == [edit_of(LIVER)]
    # Slices 2 mm apart within 6 mm of the centre: 3 on each side and the middle one.
    assert len(slices) == 7
