"""Repairs on segmentation nodes, on real MRML (slicer-core)."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from phantoms import a_geometry, a_segmentation, a_volume, box_array
from SegQCLib.case import Case, Segment, Segmentation
from SegQCLib.checks import run_checks
from SegQCLib.errors import BadDataError
from SegQCLib.findings import Status
from SegQCLib.geometry import axis_order, reorder_axes
from SegQCLib.protocol import load_protocol

slicer = pytest.importorskip("slicer", reason="the MRML layer needs slicer-core")

from SegQCLib.mrml.repair import repair_planner, still_applies, write_repair  # noqa: E402
from SegQCLib.mrml.scene import new_scene  # noqa: E402
from SegQCLib.mrml.segmentation import add_segmentation, segmentation_from_node  # noqa: E402
from SegQCLib.mrml.volume import add_volume  # noqa: E402

SURFACE = slicer.vtkSegmentationConverter.GetClosedSurfaceRepresentationName()
# On a_geometry: a voxel is 2 x 1 x 1 mm.
ISLAND, OTHER_ISLAND, HOLE = (8, 18, 28), (8, 18, 2), (4, 10, 10)


def a_liver() -> np.ndarray:
    """4 x 10 x 10 voxels of liver with a hole of one voxel and two islands of one; spleen beside it (label 2)."""
    labels = box_array((10, 20, 30), (2, 6), (5, 15), (5, 15))
    labels[2:6, 5:15, 15:20] = 2
    labels[HOLE] = 0
    labels[ISLAND] = labels[OTHER_ISLAND] = 1
    return labels


SEGMENTS = (Segment("a", "liver", 1), Segment("b", "spleen", 2))


class Nodes:
    def __init__(self, segmentation=None, volume=None):
        segmentation = segmentation or Segmentation("reader", a_geometry(), (a_liver(),), SEGMENTS)
        self.scene = new_scene()
        self.volume = add_volume(self.scene, volume or a_volume(), "CT")
        self.node = add_segmentation(self.scene, segmentation, self.volume, "reader")

    def mask(self, segment_id):
        now = segmentation_from_node(self.node, self.volume)
        return now.mask(next(segment for segment in now.segments if segment.id == segment_id))

    def plan(self, *what, **spared):
        return repair_planner(self.node, self.volume, *what, **spared)()

    def repair(self, segment_id, repair, places=None):
        planned = self.plan(segment_id, repair, places)
        write_repair(self.node, planned)
        return planned


@pytest.fixture
def nodes():
    return Nodes()


def test_islands_are_removed_and_the_other_segment_of_the_labelmap_stays(nodes):
    expected = a_liver() == 1
    expected[ISLAND] = expected[OTHER_ISLAND] = False
    planned = nodes.repair("a", "remove_islands")
    np.testing.assert_array_equal(nodes.mask("a"), expected)
    np.testing.assert_array_equal(nodes.mask("b"), a_liver() == 2)
    assert (planned.added_voxels, planned.removed_voxels) == (0, 2)
    assert (planned.volume_before_mm3, planned.volume_after_mm3) == (2 * 401, 2 * 399)
    assert planned.dice_with_before == pytest.approx(2 * 399 / (401 + 399))
    assert nodes.node.GetSegmentation().GetNumberOfLayers() == 1


def test_a_hole_is_filled(nodes):
    planned = nodes.repair("a", "fill_holes")
    expected = a_liver() == 1
    expected[HOLE] = True
    np.testing.assert_array_equal(nodes.mask("a"), expected)
    assert (planned.added_voxels, planned.removed_voxels) == (1, 0)


def test_voxels_of_others_are_not_taken():
    labels = a_liver()
    labels[HOLE] = 2
    nodes = Nodes(Segmentation("reader", a_geometry(), (labels,), SEGMENTS))
    assert nodes.repair("a", "fill_holes").changed_voxels == 0
    np.testing.assert_array_equal(nodes.mask("b"), labels == 2)


def test_only_the_place_of_a_finding_is_repaired(nodes):
    planned = nodes.repair("a", "remove_islands", [tuple(a_geometry().lps_mm(ISLAND))])
    expected = a_liver() == 1
    expected[ISLAND] = False
    np.testing.assert_array_equal(nodes.mask("a"), expected)
    assert planned.removed_voxels == 1


def test_what_a_reader_keeps_is_spared(nodes):
    planned = nodes.plan("a", "remove_islands", spared_lps_mm=[tuple(a_geometry().lps_mm(ISLAND))])
    write_repair(nodes.node, planned)
    expected = a_liver() == 1
    expected[OTHER_ISLAND] = False
    np.testing.assert_array_equal(nodes.mask("a"), expected)


def test_a_place_without_an_error_changes_nothing(nodes):
    planned = nodes.plan("a", "remove_islands", [(0.0, 0.0, 0.0)])
    assert planned.changed_voxels == 0
    assert planned.dice_with_before == 1


def test_each_finding_of_a_check_is_gone_after_its_repair_at_its_place():
    labels = a_liver()
    labels[4, 9:11, 9:12] = 0
    labels[3, :, :] = np.where(labels[3] == 1, 0, labels[3])
    labels[8, 1:3, 1:4] = 1
    nodes = Nodes(Segmentation("reader", a_geometry(), (labels,), SEGMENTS))
    protocol = load_protocol("ct-abdomen-portal-venous").protocol

    def proposals():
        case = Case(a_volume(), segmentation_from_node(nodes.node, nodes.volume))
        return [f for f in run_checks(case, protocol) if f.status is Status.WARN and f.repair and f.segment == "liver"]

    first = proposals()
    assert {finding.repair for finding in first} >= {"remove_islands", "interpolate_slices"}
    # A slice that comes back closes a cavity, so one repair can bring up another finding.
    for _ in range(20):
        if not (found := next(iter(proposals()), None)):
            break
        nodes.repair("a", found.repair, [found.location_lps_mm])
        assert found.message not in {finding.message for finding in proposals()}
    assert not proposals()


def test_a_repair_is_planned_without_touching_the_node(nodes):
    nodes.plan("a", "remove_islands")
    np.testing.assert_array_equal(nodes.mask("a"), a_liver() == 1)


def test_a_repair_is_planned_from_the_voxels_of_its_moment_in_another_thread(nodes):
    plan = repair_planner(nodes.node, nodes.volume, "a", "remove_islands")
    nodes.repair("a", "remove_islands")
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(plan).result().removed_voxels == 2


@pytest.mark.parametrize("edited", ["a", "b", "c"])
def test_a_repair_applies_until_any_segment_is_edited(edited):
    overlapping = box_array((10, 20, 30), (4, 9), (5, 20), (5, 15))
    overlapping[0, 0, 0] = 1
    nodes = Nodes(Segmentation("reader", a_geometry(), (a_liver(), overlapping), (*SEGMENTS, Segment("c", "lesion", 1, 1))))
    planned = nodes.plan("a", "remove_islands")
    nodes.node.GetSegmentation().GetSegment("b").SetName("lien")
    nodes.node.CreateClosedSurfaceRepresentation()
    assert still_applies(nodes.node, planned)
    nodes.node.GetSegmentation().RemoveSegment(edited) if edited == "b" else erase_all(nodes, edited)
    assert not still_applies(nodes.node, planned)
    with pytest.raises(ValueError, match="plan it again"):
        write_repair(nodes.node, planned)


def erase_all(nodes, segment_id):
    nothing = slicer.vtkOrientedImageData()
    nothing.DeepCopy(nodes.node.GetSegmentation().GetSegment(segment_id).GetRepresentation("Binary labelmap"))
    nothing.GetPointData().GetScalars().Fill(0)
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    logic.SetBinaryLabelmapToSegment(nothing, nodes.node, segment_id, logic.MODE_REPLACE)


def test_a_closed_surface_follows_the_repair(nodes):
    nodes.node.CreateClosedSurfaceRepresentation()
    segment = nodes.node.GetSegmentation().GetSegment("a")
    before = segment.GetRepresentation(SURFACE).GetNumberOfPoints()
    nodes.repair("a", "remove_islands")
    assert 0 < segment.GetRepresentation(SURFACE).GetNumberOfPoints() < before
    assert nodes.node.GetSegmentation().GetSourceRepresentationName() == "Binary labelmap"


def test_no_closed_surface_is_made_where_there_was_none(nodes):
    nodes.repair("a", "remove_islands")
    assert not nodes.node.GetSegmentation().ContainsRepresentation(SURFACE)


def test_segments_stored_with_flipped_axes_are_repaired_in_place():
    flipped = reorder_axes(a_geometry(), axis_order(a_geometry(), a_geometry(axes_lps=((0, 0, -1), (0, -1, 0), (1, 0, 0)))))
    nodes = Nodes(Segmentation("reader", flipped, (a_liver()[::-1, ::-1],), SEGMENTS))
    nodes.repair("a", "remove_islands", [tuple(a_geometry().lps_mm(ISLAND))])
    expected = a_liver() == 1
    expected[ISLAND] = False
    np.testing.assert_array_equal(nodes.mask("a"), expected)
    np.testing.assert_array_equal(nodes.mask("b"), a_liver() == 2)


def test_an_overlapping_segment_in_another_layer_stays(nodes):
    overlapping = box_array((10, 20, 30), (4, 9), (5, 20), (5, 15))
    segmentation = Segmentation("reader", a_geometry(), (a_liver(), overlapping), (*SEGMENTS, Segment("c", "lesion", 1, 1)))
    nodes = Nodes(segmentation)
    nodes.repair("a", "remove_islands")
    np.testing.assert_array_equal(nodes.mask("c"), overlapping == 1)
    assert np.count_nonzero(nodes.mask("a")) == 399


def test_a_piece_at_the_border_of_the_image_is_no_island_for_a_repair():
    labels = a_liver()
    labels[9, 0, 0] = 1
    nodes = Nodes(Segmentation("reader", a_geometry(), (labels,), SEGMENTS))
    nodes.repair("a", "remove_islands")
    assert nodes.mask("a")[9, 0, 0]
    assert not nodes.mask("a")[ISLAND]


def test_a_repair_is_undone_by_the_state_that_was_saved_before(nodes):
    editor_node = nodes.scene.AddNewNodeByClass("vtkMRMLSegmentEditorNode")
    editor_node.SetAndObserveSegmentationNode(nodes.node)
    editor_node.SetAndObserveSourceVolumeNode(nodes.volume)
    editor = slicer.vtkSlicerSegmentEditorLogic()
    editor.SetMRMLScene(nodes.scene)
    editor.SetSegmentEditorNode(editor_node)
    editor.SaveStateForUndo()
    nodes.repair("a", "remove_islands")
    assert not nodes.mask("a")[ISLAND]
    editor.Undo()
    np.testing.assert_array_equal(nodes.mask("a"), a_liver() == 1)
    np.testing.assert_array_equal(nodes.mask("b"), a_liver() == 2)


def test_a_segmentation_on_another_grid_is_not_repaired():
    coarse = a_geometry(size=(5, 10, 15), spacing_mm=(4.0, 2.0, 2.0), origin_lps_mm=(0.5, 0.5, 1.0))
    nodes = Nodes(a_segmentation(coarse, liver=((1, 3), (2, 9), (3, 8))))
    with pytest.raises(BadDataError, match="Specify geometry"):
        nodes.plan("s0", "remove_islands")


def test_an_emptied_segment_cannot_be_repaired():
    nodes = Nodes(a_segmentation(liver=None, spleen=((1, 3), (2, 9), (3, 8))))
    with pytest.raises(BadDataError, match="liver: has no voxels any more"):
        nodes.plan("s0", "fill_holes")
