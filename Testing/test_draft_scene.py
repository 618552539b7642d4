from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from phantoms import a_geometry, a_segmentation, a_volume, box_array
from SegQCLib.case import Code
from SegQCLib.chosen_segments import chosen_segments
from SegQCLib.errors import BadDataError
from SegQCLib.geometry import AxisOrder, Geometry, reorder_axes
from SegQCLib.importers.draft_algorithm import DraftAlgorithm, made_by
from SegQCLib.importers.uncertainty_map import UncertaintyMap
from SegQCLib.part_of_grid import on_whole_grid
from SegQCLib.voxel_hash import voxels_sha256

slicer = pytest.importorskip("slicer", reason="the MRML layer needs slicer-core")

from SegQCLib.mrml import draft as draft_module  # noqa: E402
from SegQCLib.mrml.draft import (  # noqa: E402
    DRAFT_ROLE,
    add_candidate,
    add_draft,
    add_map,
    finish_first_read,
    first_read_by,
    is_draft,
    make_draft,
    maps_of,
    show_map,
    show_segments,
    shown_map,
)
from SegQCLib.mrml.scene import load_scene, new_scene, save_scene  # noqa: E402
from SegQCLib.mrml.segmentation import add_segmentation, crop_layers, segmentation_from_node  # noqa: E402
from SegQCLib.mrml.volume import add_volume  # noqa: E402

ALGORITHM = DraftAlgorithm("LiverNet", "2.1", "folds=0,1; step=0.5")
BOXES = {"liver": ((1, 4), (2, 9), (3, 8)), "tumour": ((2, 3), (4, 6), (4, 6)), "absent": None}


def a_draft(**boxes):
    family = Code("123110", "DCM", "Artificial Intelligence")
    made = made_by(a_segmentation(**(boxes or BOXES)), ALGORITHM)
    segments = tuple(replace(s, algorithm_family=family, tracking_id=s.name, tracking_uid="1.2.3") for s in made.segments)
    return replace(made, segments=segments)


@pytest.fixture
def scene():
    return new_scene()


@pytest.fixture
def volume_node(scene):
    return add_volume(scene, a_volume(), "CT")


def draft_in(scene, volume_node, draft=None):
    draft = draft or a_draft()
    return add_draft(scene, draft, volume_node, "draft", voxels_sha256(draft))


def was_edited(node, volume_node):
    return draft_module.was_edited(node, voxels_sha256(segmentation_from_node(node, volume_node)))


def edit(node, segment_id="s0"):
    array = slicer.util.arrayFromSegmentInternalBinaryLabelmap(node, segment_id)
    array[0, 0, 0] = 0 if array[0, 0, 0] else 1
    node.GetSegmentation().GetSegment(segment_id).Modified()


def test_a_draft_says_who_made_it_and_is_shown_as_an_outline(scene, volume_node):
    draft = a_draft()
    node = draft_in(scene, volume_node, draft)
    assert is_draft(node)
    assert not is_draft(None)
    assert segmentation_from_node(node, volume_node).segments[0] == replace(
        draft.segments[0], color=pytest.approx(node.GetSegmentation().GetSegment("s0").GetColor())
    )
    assert node.GetNodeReference(node.GetReferenceImageGeometryReferenceRole()) is volume_node
    assert (node.GetDisplayNode().GetVisibility2DFill(), node.GetDisplayNode().GetVisibility2DOutline()) == (False, True)


def test_layers_that_were_cropped_in_another_thread_are_stored_as_the_draft_has_them(scene, volume_node):
    draft = a_draft()
    with ThreadPoolExecutor(1) as thread:
        layers = thread.submit(crop_layers, draft).result()
    node = add_draft(scene, draft, volume_node, "draft", voxels_sha256(draft), layers)
    assert not was_edited(node, volume_node)


def test_a_draft_knows_whether_its_voxels_were_edited(scene, volume_node):
    node = draft_in(scene, volume_node)
    node.GetSegmentation().GetSegment("s0").SetName("another name")
    node.GetSegmentation().GetSegment("s0").SetColor(1, 0, 0)
    assert not was_edited(node, volume_node)
    edit(node)
    assert was_edited(node, volume_node)


def test_a_segment_that_was_taken_out_of_the_draft_is_an_edit(scene, volume_node):
    node = draft_in(scene, volume_node)
    node.GetSegmentation().RemoveSegment("s2")
    assert was_edited(node, volume_node)


def test_a_draft_that_was_saved_and_opened_is_the_same_draft(scene, volume_node, tmp_path):
    node = draft_in(scene, volume_node)
    add_map(scene, UncertaintyMap(a_volume(), "Share, 0 to 1"), node, "entropy")
    save_scene(scene, tmp_path / "case.mrb")
    reopened_scene = load_scene(tmp_path / "case.mrb")
    again = reopened_scene.GetFirstNodeByName("draft")
    assert is_draft(again)
    assert not was_edited(again, reopened_scene.GetFirstNodeByName("CT"))
    assert [map_node.GetName() for map_node in maps_of(again)] == ["entropy"]
    reopened = segmentation_from_node(again, reopened_scene.GetFirstNodeByName("CT"))
    assert (reopened.segments[0].algorithm_version, reopened.segments[0].algorithm_parameters) == ("2.1", "folds=0,1; step=0.5")
    assert reopened.segments[0].algorithm_family == Code("123110", "DCM", "Artificial Intelligence")


def test_segments_that_nobody_asked_for_are_hidden(scene, volume_node):
    node = draft_in(scene, volume_node)
    show_segments(node, ("s1",))
    assert [node.GetDisplayNode().GetSegmentVisibility(f"s{n}") for n in range(3)] == [False, True, False]


def test_a_loaded_segmentation_becomes_the_draft_and_keeps_its_voxels(scene, volume_node):
    node = add_segmentation(scene, a_segmentation(**BOXES), volume_node, "loaded")
    before = segmentation_from_node(node, volume_node)
    made = made_by(before, ALGORITHM)
    renamed = replace(made, segments=(replace(made.segments[0], name="spleen"), *made.segments[1:]))
    make_draft(node, renamed, volume_node, voxels_sha256(renamed))
    after = segmentation_from_node(node, volume_node)
    assert is_draft(node)
    assert [segment.name for segment in after.segments] == ["spleen", "tumour", "absent"]
    assert {(s.algorithm_type, s.algorithm_name) for s in after.segments} == {("AUTOMATIC", "LiverNet")}
    for old, new in zip(before.segments, after.segments, strict=True):
        assert np.array_equal(before.mask(old), after.mask(new))


def test_surfaces_cannot_become_a_draft(scene, volume_node):
    node = add_segmentation(scene, a_segmentation(liver=BOXES["liver"]), volume_node, "loaded")
    node.CreateClosedSurfaceRepresentation()
    node.GetSegmentation().SetSourceRepresentationName("Closed surface")
    with pytest.raises(BadDataError, match="surfaces, not voxels"):
        make_draft(node, a_segmentation(liver=BOXES["liver"]), volume_node, "")


def test_the_candidate_is_a_copy_and_the_draft_stays_as_it_was(scene, volume_node):
    draft_node = draft_in(scene, volume_node)
    part = chosen_segments(segmentation_from_node(draft_node, volume_node), ("s0", "s2"))
    node = add_candidate(scene, part, draft_node, volume_node, "candidate")
    candidate = segmentation_from_node(node, volume_node)
    assert [(s.name, s.algorithm_type, s.algorithm_version) for s in candidate.segments] == [
        ("liver", "AUTOMATIC", "2.1"),
        ("absent", "AUTOMATIC", "2.1"),
    ]
    assert not is_draft(node)
    assert node.GetNodeReference(DRAFT_ROLE) is draft_node
    edit(node)
    assert not was_edited(draft_node, volume_node)


def test_segments_are_chosen_with_their_own_voxels_only():
    geometry = a_geometry()
    both = box_array(geometry.size, (0, 2), (0, 2), (0, 2)) + box_array(geometry.size, (4, 6), (0, 2), (0, 2), 2)
    segmentation = a_segmentation(geometry, one=BOXES["liver"], two=BOXES["liver"])
    segments = (replace(segmentation.segments[0], layer=0), replace(segmentation.segments[1], layer=0, label_value=2))
    shared = replace(segmentation, layers=(both,), segments=segments)
    chosen = chosen_segments(shared, ("s1",))
    assert np.array_equal(chosen.layers[0], np.where(both == 2, 2, 0))
    with pytest.raises(ValueError, match="has no segments"):
        chosen_segments(shared, ("s7",))


def test_a_map_is_in_no_slice_view_but_can_be_chosen(scene, volume_node):
    draft_node = draft_in(scene, volume_node)
    composite = scene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")
    map_node = add_map(scene, UncertaintyMap(a_volume(), "Entropy, bit"), draft_node, "entropy")
    assert composite.GetBackgroundVolumeID() is None
    assert composite.GetForegroundVolumeID() is None
    assert not map_node.GetHideFromEditors()
    assert maps_of(draft_node) == [map_node]


@pytest.mark.parametrize("order", [AxisOrder((0, 1, 2), (False, False, False)), AxisOrder((0, 2, 1), (True, False, True))])
def test_a_part_of_the_grid_is_put_in_its_place_without_resampling(order):
    whole = a_geometry()
    part = Geometry((4, 20, 30), whole.spacing_mm, tuple(whole.lps_mm((3, 0, 0)).tolist()), whole.axes_lps)
    stored = a_segmentation(part, liver=((1, 3), (2, 9), (3, 8)))
    turned = replace(stored, geometry=reorder_axes(part, order), layers=tuple(order.apply(layer) for layer in stored.layers))
    placed = on_whole_grid(turned, whole)
    if order.is_identity:
        assert np.array_equal(placed.layers[0], box_array(whole.size, (4, 6), (2, 9), (3, 8)))
    points = np.sort(turned.geometry.lps_mm(np.argwhere(turned.layers[0])), axis=0)
    assert np.allclose(np.sort(whole.lps_mm(np.argwhere(placed.layers[0])), axis=0), points)


@pytest.mark.parametrize(
    "part",
    [
        a_geometry(size=(4, 20, 30), origin_lps_mm=(0.5, 0.0, 0.0)),
        a_geometry(size=(4, 20, 30), spacing_mm=(1.0, 1.0, 1.0)),
        a_geometry(size=(4, 20, 30), origin_lps_mm=(0.0, 0.0, 200.0)),
    ],
)
def test_voxels_that_do_not_coincide_have_no_place(part):
    assert on_whole_grid(a_segmentation(part, liver=((1, 3), (2, 9), (3, 8))), a_geometry()) is None


def test_a_map_lies_over_the_image_only_while_it_is_shown(scene, volume_node):
    draft_node = draft_in(scene, volume_node)
    composite = scene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")
    map_node = add_map(scene, UncertaintyMap(a_volume(), "Entropy, bit"), draft_node, "entropy")
    assert shown_map(scene, draft_node) is None
    show_map(scene, map_node)
    assert shown_map(scene, draft_node) is map_node
    assert composite.GetForegroundOpacity() == 0.5
    show_map(scene, None)
    assert shown_map(scene, draft_node) is None


def test_each_reader_has_a_first_read(scene, volume_node):
    draft_node = draft_in(scene, volume_node)
    assert first_read_by(draft_node) == ()
    for reader in ("Dr. Émile", "B", "B"):
        finish_first_read(draft_node, reader)
    assert first_read_by(draft_node) == ("Dr. Émile", "B")
