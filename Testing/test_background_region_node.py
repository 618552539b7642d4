"""Background regions in the scene: what was placed is placed anew, what a person drew or changed stays and is used."""

import numpy as np
import pytest

from slicer_host import a_host, needs_host

pytestmark = needs_host

SIZE = (20, 40, 40)


@pytest.fixture(scope="module")
def host():
    with a_host() as opened:
        yield opened


@pytest.fixture
def scene(host):
    import slicer

    slicer.mrmlScene.Clear()
    host.process_events()
    return slicer.mrmlScene


@pytest.fixture
def nodes(scene):
    """Image and candidate of 20 x 40 x 40 voxels: a liver with a lesion in it."""
    from phantoms import a_geometry, a_segmentation, a_volume
    from SegQCLib.mrml.segmentation import add_segmentation
    from SegQCLib.mrml.volume import add_volume

    volume = a_volume(a_geometry(SIZE))
    candidate = a_segmentation(volume.geometry, liver=((0, 20), (0, 40), (0, 40)))
    volume_node = add_volume(scene, volume, "CT")
    return volume_node, add_segmentation(scene, candidate, volume_node, "Reader 1"), volume.geometry


def placed(geometry, **boxes):
    """Regions as an evaluation places them; names with spaces."""
    from dataclasses import replace

    from phantoms import a_segmentation

    found = a_segmentation(geometry, **boxes)
    segments = tuple(
        replace(segment, id=f"background_{number}", name=segment.name.replace("_", " "))
        for number, segment in enumerate(found.segments, 1)
    )
    return found.with_segments(segments)


def show(scene, nodes, background, **against):
    from SegQCLib.mrml.background_nodes import show_background

    volume_node, candidate_node, _ = nodes
    return show_background(scene, background, candidate_node, volume_node, "Background regions", against)


def names(node, ids=None):
    segmentation = node.GetSegmentation()
    return [segmentation.GetSegment(one).GetName() for one in (segmentation.GetSegmentIDs() if ids is None else ids)]


def paint(nodes, node, name, box):
    import slicer

    segmentation = node.GetSegmentation()
    segment_id = segmentation.GetSegmentIdBySegmentName(name) or segmentation.AddEmptySegment("", name)
    array = slicer.util.arrayFromSegmentBinaryLabelmap(node, segment_id, nodes[0])
    array = np.zeros(SIZE, np.uint8) if array is None else array.copy()
    array[tuple(slice(*part) for part in box)] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(array, node, segment_id, nodes[0])


SPHERE = ((8, 12), (8, 12), (8, 12))
ELSEWHERE = ((2, 5), (20, 23), (20, 23))


def test_regions_that_nobody_changed_are_replaced_by_the_next_ones(scene, nodes):
    from SegQCLib.mrml.background_nodes import drawn_regions

    node = show(scene, nodes, placed(nodes[2], liver_sphere=SPHERE, tissue_around_Lesion_1=ELSEWHERE))
    assert drawn_regions(node) == []
    again = show(scene, nodes, placed(nodes[2], liver_sphere=ELSEWHERE))
    assert again is node
    assert names(node) == ["liver sphere"]
    import slicer

    (segment_id,) = node.GetSegmentation().GetSegmentIDs()
    assert np.count_nonzero(slicer.util.arrayFromSegmentBinaryLabelmap(node, segment_id, nodes[0])) == 27
    assert drawn_regions(node) == []


def test_each_region_is_tagged_with_what_it_is_the_background_of(scene, nodes):
    import vtk

    from SegQCLib.mrml.background_nodes import BACKGROUND_OF_TAG

    node = show(scene, nodes, placed(nodes[2], liver_sphere=SPHERE), **{"liver sphere": ["Lesion 1", "Lesion 2"]})
    value = vtk.reference("")
    assert node.GetSegmentation().GetNthSegment(0).GetTag(BACKGROUND_OF_TAG, value)
    assert str(value) == "Lesion 1, Lesion 2"


def test_a_changed_region_stays_and_is_the_drawn_background_of_the_next_evaluation(scene, nodes):
    from SegQCLib.mrml.background_nodes import drawn_background_reader, drawn_regions

    volume_node, candidate_node, geometry = nodes
    node = show(scene, nodes, placed(geometry, liver_sphere=SPHERE, tissue_around_Lesion_1=ELSEWHERE))
    assert drawn_background_reader(candidate_node, volume_node)() is None
    paint(nodes, node, "liver sphere", ((8, 12), (8, 12), (8, 13)))
    assert names(node, drawn_regions(node)) == ["liver sphere"]
    drawn = drawn_background_reader(candidate_node, volume_node)()
    assert [(segment.name, drawn.voxel_count(segment)) for segment in drawn.segments] == [("liver sphere", 80)]
    show(scene, nodes, placed(geometry, tissue_around_Lesion_1=SPHERE))
    assert sorted(names(node)) == ["liver sphere", "tissue around Lesion 1"]
    assert names(node, drawn_regions(node)) == ["liver sphere"]


def test_a_new_or_renamed_region_is_drawn_and_one_without_voxels_is_not(scene, nodes):
    from SegQCLib.mrml.background_nodes import drawn_regions

    node = show(scene, nodes, placed(nodes[2], liver_sphere=SPHERE))
    node.GetSegmentation().AddEmptySegment("", "Lesion 2 background")
    assert drawn_regions(node) == []
    paint(nodes, node, "Lesion 1 background", ELSEWHERE)
    node.GetSegmentation().GetNthSegment(0).SetName("spleen sphere")
    assert sorted(names(node, drawn_regions(node))) == ["Lesion 1 background", "spleen sphere"]
    # An empty one that somebody added a moment ago stays, too.
    show(scene, nodes, None)
    assert sorted(names(node)) == ["Lesion 1 background", "Lesion 2 background", "spleen sphere"]


def test_taking_a_change_back_makes_the_region_the_placed_one_again(scene, nodes):
    from SegQCLib.mrml.background_nodes import drawn_regions

    node = show(scene, nodes, placed(nodes[2], liver_sphere=SPHERE))
    import slicer

    (segment_id,) = node.GetSegmentation().GetSegmentIDs()
    before = slicer.util.arrayFromSegmentBinaryLabelmap(node, segment_id, nodes[0]).copy()
    paint(nodes, node, "liver sphere", ELSEWHERE)
    assert drawn_regions(node) == [segment_id]
    slicer.util.updateSegmentBinaryLabelmapFromArray(before, node, segment_id, nodes[0])
    assert drawn_regions(node) == []


def test_what_the_record_was_measured_against_is_known(scene, nodes):
    from SegQCLib.mrml.background_nodes import drawn_stamp, is_measured, note_measured

    _, candidate_node, geometry = nodes
    assert is_measured(candidate_node)
    node = show(scene, nodes, placed(geometry, liver_sphere=SPHERE))
    assert is_measured(candidate_node)
    paint(nodes, node, "liver sphere", ELSEWHERE)
    assert not is_measured(candidate_node)
    note_measured(candidate_node, drawn_stamp(node))
    assert is_measured(candidate_node)
    show(scene, nodes, placed(geometry, tissue_around_Lesion_1=SPHERE))
    assert is_measured(candidate_node)


def test_regions_of_a_scene_that_was_saved_and_opened_again_are_placed_or_drawn_as_before(tmp_path):
    from phantoms import a_geometry, a_segmentation, a_volume
    from SegQCLib.mrml.background_nodes import BACKGROUND_ROLE, drawn_regions
    from SegQCLib.mrml.scene import load_scene, new_scene, save_scene
    from SegQCLib.mrml.segmentation import add_segmentation
    from SegQCLib.mrml.volume import add_volume

    scene = new_scene()
    # Neither origin nor spacing are round numbers.
    geometry = a_geometry(SIZE, (2.0, 0.9765625, 0.9765625), (-250.01171875, -131.51171875, 1 / 3))
    volume_node = add_volume(scene, a_volume(geometry), "CT")
    candidate_node = add_segmentation(scene, a_segmentation(geometry, liver=SPHERE), volume_node, "Reader 1")
    node = show(scene, (volume_node, candidate_node, geometry), placed(geometry, liver_sphere=SPHERE, spleen_sphere=ELSEWHERE))
    node.GetSegmentation().GetNthSegment(1).SetName("Lesion 1 background")
    save_scene(scene, tmp_path / "scene.mrb")
    again = load_scene(tmp_path / "scene.mrb")
    opened = again.GetFirstNodeByName("Reader 1").GetNodeReference(BACKGROUND_ROLE)
    assert sorted(names(opened)) == ["Lesion 1 background", "liver sphere"]
    assert names(opened, drawn_regions(opened)) == ["Lesion 1 background"]
