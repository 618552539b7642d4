"""Agreement and adjudication in the scene, on Slicer's own nodes."""

from dataclasses import replace

import numpy as np
import pytest

from phantoms import a_segmentation, a_volume

slicer = pytest.importorskip("slicer", reason="the MRML layer needs slicer-core")

from SegQCLib.agreement.adjudication import (  # noqa: E402
    PIECE_ID,
    all_components,
    begin_adjudication,
    component_of,
    outlines_segmentation,
    piece_outlines,
)
from SegQCLib.agreement.readers_of_case import readers_of_case  # noqa: E402
from SegQCLib.case import Volume  # noqa: E402
from SegQCLib.mrml.adjudication_nodes import (  # noqa: E402
    add_made_from_readers,
    adjudication_text_of,
    hide_segmentations,
    outlines_of,
    remove_outlines,
    show_hidden,
    show_outlines,
    write_adjudication,
)
from SegQCLib.mrml.agreement_readers import is_a_readers, saw_draft, segmentations_on  # noqa: E402
from SegQCLib.mrml.disagreement_map_node import map_is_shown, map_of, remove_map, show_map_over, write_map  # noqa: E402
from SegQCLib.mrml.draft import DRAFT_ROLE  # noqa: E402
from SegQCLib.mrml.scene import load_scene, new_scene, save_scene  # noqa: E402
from SegQCLib.mrml.segmentation import add_segmentation, segmentation_from_node  # noqa: E402
from SegQCLib.mrml.volume import add_volume, volume_geometry  # noqa: E402

LIVER = ((1, 5), (2, 7), (3, 8))


@pytest.fixture
def scene():
    return new_scene()


@pytest.fixture
def volume_node(scene):
    return add_volume(scene, a_volume(), "CT")


def a_reader(scene, volume_node, name="Ada", box=LIVER, **tags):
    drawn = a_segmentation(name=name, liver=box)
    drawn = replace(drawn, segments=tuple(replace(segment, **tags) for segment in drawn.segments))
    return add_segmentation(scene, drawn, volume_node, name)


def a_map(scene, volume_node):
    geometry = volume_geometry(volume_node)
    array = np.zeros(geometry.size, np.float32)
    array[2, 3, 4] = 1.0
    return write_map(scene, Volume(array, geometry), volume_node, "Disagreement", "Pairs who differ", "Share of pairs.")


def outlines_of_first_piece():
    case = readers_of_case([a_segmentation(name="Ada", liver=LIVER), a_segmentation(name="Ben", liver=((1, 4), *LIVER[1:]))])
    components = all_components(case)
    item = begin_adjudication(case, components, "c", "Third", seed=1).items[0]
    return outlines_segmentation(piece_outlines(item, component_of(item, components), case), case)


@pytest.mark.parametrize(
    ("tags", "saw"),
    [
        ({}, None),
        ({"algorithm_type": "MANUAL"}, False),
        ({"algorithm_type": "AUTOMATIC", "algorithm_name": "LiverNet"}, True),
        ({"algorithm_type": "SEMIAUTOMATIC", "algorithm_name": "LiverNet; Threshold"}, True),
        # A tool of the Segment Editor is no AI draft.
        ({"algorithm_type": "SEMIAUTOMATIC", "algorithm_name": "Threshold; Grow from seeds"}, False),
    ],
)
def test_tags_tell_who_saw_a_draft(scene, volume_node, tags, saw):
    assert saw_draft(a_reader(scene, volume_node, **tags)) is saw


def test_the_copy_of_a_draft_was_drawn_with_it_in_sight(scene, volume_node):
    draft = a_reader(scene, volume_node, "draft")
    candidate = a_reader(scene, volume_node, "candidate", algorithm_type="MANUAL")
    candidate.SetNodeReferenceID(DRAFT_ROLE, draft.GetID())
    assert saw_draft(candidate) is True


def test_segmentations_of_another_volume_and_outlines_are_not_offered(scene, volume_node):
    own = a_reader(scene, volume_node)
    a_reader(scene, add_volume(scene, a_volume(), "another CT"), "elsewhere")
    show_outlines(scene, outlines_of_first_piece(), volume_node, PIECE_ID, "outlines")
    made = add_made_from_readers(scene, a_segmentation(name="consensus", liver=LIVER), volume_node)
    assert segmentations_on(scene, volume_node) == [own, made]
    assert [is_a_readers(node) for node in (own, made)] == [True, False]


def test_the_map_lies_over_the_image_and_what_lay_there_before_comes_back(scene, volume_node):
    pet = add_volume(scene, a_volume(), "PET")
    composite = scene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")
    composite.SetForegroundVolumeID(pet.GetID())
    composite.SetForegroundOpacity(0.3)
    node = a_map(scene, volume_node)
    assert not map_is_shown(scene, volume_node)
    show_map_over(scene, volume_node, True)
    assert map_is_shown(scene, volume_node)
    assert composite.GetForegroundVolumeID() == node.GetID()
    show_map_over(scene, volume_node, False)
    assert (composite.GetForegroundVolumeID(), composite.GetForegroundOpacity()) == (pet.GetID(), 0.3)


def test_while_the_map_is_shown_no_area_covers_it(scene, volume_node):
    filled, outlined = (a_reader(scene, volume_node, name).GetDisplayNode() for name in ("Ada", "Ben"))
    outlined.SetVisibility2DFill(False)
    scene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")
    a_map(scene, volume_node)
    show_map_over(scene, volume_node, True)
    assert not filled.GetVisibility2DFill()
    assert filled.GetVisibility2DOutline()
    show_map_over(scene, volume_node, False)
    assert filled.GetVisibility2DFill()
    assert not outlined.GetVisibility2DFill()


def test_another_map_replaces_the_first_and_removing_it_leaves_nothing(scene, volume_node):
    scene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")
    before = scene.GetNumberOfNodes()
    a_map(scene, volume_node)
    once = scene.GetNumberOfNodes()
    a_map(scene, volume_node)
    assert scene.GetNumberOfNodes() == once
    assert map_of(volume_node).GetDisplayNode().GetLowerThreshold() > 0
    show_map_over(scene, volume_node, True)
    remove_map(scene, volume_node)
    assert (scene.GetNumberOfNodes(), map_of(volume_node)) == (before, None)


def test_everything_but_the_outlines_is_out_of_sight_until_the_end(scene, volume_node):
    seen, unseen = a_reader(scene, volume_node), a_reader(scene, volume_node, "Ben")
    unseen.GetDisplayNode().SetVisibility(False)
    hide_segmentations(scene)
    node = show_outlines(scene, outlines_of_first_piece(), volume_node, PIECE_ID, "outlines")
    hide_segmentations(scene)
    assert [n.GetDisplayNode().GetVisibility() for n in (seen, unseen, node)] == [0, 0, 1]
    show_hidden(scene)
    assert [n.GetDisplayNode().GetVisibility() for n in (seen, unseen)] == [1, 0]


def test_outlines_name_nobody_and_only_the_piece_is_an_area(scene, volume_node):
    outlines = outlines_of_first_piece()
    node = show_outlines(scene, outlines, volume_node, PIECE_ID, "outlines")
    segmentation, display_node = node.GetSegmentation(), node.GetDisplayNode()
    ids = segmentation.GetSegmentIDs()
    assert [segmentation.GetSegment(segment_id).GetName() for segment_id in ids] == ["A", "B", "Piece"]
    assert [bool(display_node.GetSegmentVisibility2DFill(segment_id)) for segment_id in ids] == [False, False, True]
    back = segmentation_from_node(node, volume_node)
    # Ada has one slice of 5 x 5 voxels more.
    assert sorted(back.voxel_count(segment) for segment in back.segments) == [25, 75, 100]


def test_the_next_piece_replaces_the_outlines_and_nothing_of_them_stays(scene, volume_node):
    before = scene.GetNumberOfNodes()
    for _piece in range(3):
        show_outlines(scene, outlines_of_first_piece(), volume_node, PIECE_ID, "outlines")
        assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 1
    remove_outlines(scene)
    assert (scene.GetNumberOfNodes(), outlines_of(volume_node)) == (before, None)


def test_a_scene_that_was_saved_meanwhile_keeps_the_adjudication_and_shows_what_was_hidden(scene, volume_node, tmp_path):
    a_reader(scene, volume_node)
    volume_node.CreateDefaultDisplayNodes()
    write_adjudication(scene, '{"a": 1}', volume_node)
    hide_segmentations(scene)
    show_outlines(scene, outlines_of_first_piece(), volume_node, PIECE_ID, "outlines")
    save_scene(scene, tmp_path / "s.mrb")
    back = load_scene(tmp_path / "s.mrb")
    volume = back.GetFirstNodeByClass("vtkMRMLScalarVolumeNode")
    assert adjudication_text_of(volume) == '{"a": 1}'
    (node,) = [node for node in segmentations_on(back, volume) if node.GetName() == "Ada"]
    assert not node.GetDisplayNode().GetVisibility()
    show_hidden(back)
    assert node.GetDisplayNode().GetVisibility()
