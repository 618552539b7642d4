import numpy as np
import pytest

from phantoms import a_geometry, a_segmentation, a_volume, box_array
from SegQCLib.alignment import align
from SegQCLib.case import Case, Segment, Segmentation
from SegQCLib.checks import run_checks
from SegQCLib.geometry import axis_order, reorder_axes
from SegQCLib.images import read_image
from SegQCLib.importers import read_segmentation
from SegQCLib.recheck import errors_of
from test_recheck import PROTOCOL, of_segment, with_errors

pytest.importorskip("slicer", reason="slicer-core is not installed")

from SegQCLib.mrml.one_segment import SegmentationPart, segment_with_surroundings
from SegQCLib.mrml.scene import new_scene
from SegQCLib.mrml.segmentation import add_segmentation, segmentation_from_node
from SegQCLib.mrml.volume import add_volume, volume_from_node


def nodes(volume, segmentation):
    scene = new_scene()
    volume_node = add_volume(scene, volume, "CT")
    return scene, volume_node, add_segmentation(scene, segmentation, volume_node, "candidate")


def mask_of(segmentation, segment_id):
    segment = next(segment for segment in segmentation.segments if segment.id == segment_id)
    return segmentation.mask(segment), segment


def assert_same(part, whole, segment_id):
    (own, segment), (expected, _) = mask_of(part, segment_id), mask_of(whole, segment_id)
    np.testing.assert_array_equal(own, expected)
    filled = np.argwhere(expected)
    box = part.box(segment)
    if len(filled):
        assert box == tuple(map(slice, filled.min(axis=0).tolist(), (filled.max(axis=0) + 1).tolist()))
        around = tuple(slice(max(s.start - 1, 0), s.stop + 1) for s in box)
        others = [sum(layer[around] != 0 for layer in s.layers) > 0 for s in (part, whole)]
        np.testing.assert_array_equal(others[0] & ~own[around], others[1] & ~own[around])
    else:
        assert box is None


@pytest.fixture(scope="module")
def real_nodes(totalsegmentator):
    image = read_image(totalsegmentator / "example_ct_dicom")
    candidate = read_segmentation(totalsegmentator / "example_seg_dicom.nii.gz", labels="totalsegmentator")
    case = with_errors(Case(image, align(candidate, image.geometry)))
    return nodes(case.image, case.candidate)


def test_every_segment_of_a_real_node_is_what_reading_the_whole_node_gives(real_nodes):
    _scene, volume_node, node = real_nodes
    whole = segmentation_from_node(node, volume_node)
    for segment in whole.segments:
        part = segment_with_surroundings(node, volume_node, segment.id)
        assert isinstance(part, SegmentationPart)
        assert_same(part, whole, segment.id)


def test_errors_of_a_segment_read_alone_are_those_of_the_full_run(real_nodes):
    _scene, volume_node, node = real_nodes
    image = volume_from_node(volume_node)
    case = Case(image, segmentation_from_node(node, volume_node))
    full = tuple(run_checks(case, PROTOCOL))
    seen = set()
    for segment in case.candidate.segments:
        part = Case(image, segment_with_surroundings(node, volume_node, segment.id))
        found = [error.finding for error in errors_of(part, segment.id, PROTOCOL)]
        expected = of_segment(full, segment.name)
        # Centres are sums of another length, so their last digits differ.
        assert {finding.message: finding.status for finding in found} == {f.message: f.status for f in expected}
        places = {finding.message: finding.location_lps_mm for finding in expected}
        for finding in found:
            assert finding.location_lps_mm == pytest.approx(places[finding.message])
        seen |= {finding.check for finding in found}
    assert seen >= {"islands", "holes", "skipped_slices", "overlaps", "identical_segments"}


def test_labels_stored_with_flipped_axes_are_read_in_the_order_of_the_volume():
    volume = a_volume()
    flipped = reorder_axes(volume.geometry, axis_order(volume.geometry, a_geometry(axes_lps=((0, 0, -1), (0, -1, 0), (1, 0, 0)))))
    labels = box_array(flipped.size, (1, 4), (2, 9), (3, 8))
    labels[4, 2, 3] = 2
    segments = (Segment("a", "liver", 1), Segment("b", "spleen", 2))
    _scene, volume_node, node = nodes(volume, Segmentation("reader", flipped, (labels,), segments))
    whole = segmentation_from_node(node, volume_node)
    for segment_id in "ab":
        part = segment_with_surroundings(node, volume_node, segment_id)
        assert isinstance(part, SegmentationPart)
        assert_same(part, whole, segment_id)


def test_a_segment_that_covers_the_whole_of_it_comes_with_its_whole_extent():
    segmentation = a_segmentation(lobe=((2, 4), (2, 9), (3, 8)), lung=((1, 8), (2, 19), (3, 28)), far=((1, 8), (2, 19), (28, 30)))
    _scene, volume_node, node = nodes(a_volume(), segmentation)
    part = segment_with_surroundings(node, volume_node, "s0")
    assert [segment.id for segment in part.segments] == ["s0", "s1"]
    np.testing.assert_array_equal(mask_of(part, "s1")[0], segmentation.layers[1] == 1)


def test_an_empty_segment_has_no_box():
    _scene, volume_node, node = nodes(a_volume(), a_segmentation(liver=((2, 4), (2, 9), (3, 8)), spleen=None))
    part = segment_with_surroundings(node, volume_node, "s1")
    assert [(segment.name, part.box(segment)) for segment in part.segments] == [("spleen", None)]


def test_a_node_on_another_grid_is_read_as_a_whole():
    coarse = a_geometry(size=(5, 10, 15), spacing_mm=(4.0, 2.0, 2.0), origin_lps_mm=(0.5, 0.5, 1.0))
    segmentation = a_segmentation(coarse, liver=((1, 3), (2, 9), (3, 8)))
    _scene, volume_node, node = nodes(a_volume(), segmentation)
    part, whole = segment_with_surroundings(node, volume_node, "s0"), segmentation_from_node(node, volume_node)
    np.testing.assert_array_equal(mask_of(part, "s0")[0], mask_of(whole, "s0")[0])


def test_a_segment_that_the_node_does_not_have_is_refused():
    _scene, volume_node, node = nodes(a_volume(), a_segmentation(liver=((2, 4), (2, 9), (3, 8))))
    with pytest.raises(ValueError, match="no segment 'spleen': s0"):
        segment_with_surroundings(node, volume_node, "spleen")
