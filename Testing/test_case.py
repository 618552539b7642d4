import numpy as np
import pytest

from phantoms import a_geometry, a_segmentation, a_volume
from SegQCLib.case import Code, Segment, Segmentation, Terminology, Volume


def sparse(values, dtype) -> Segmentation:
    geometry = a_geometry()
    layer = np.zeros(geometry.size, dtype)
    for n, value in enumerate(values):
        layer[n, n : n + 2, n : n + 3] = value
    segments = tuple(Segment(id=str(value), name=f"label {value}", label_value=value) for value in values)
    return Segmentation("sparse", geometry, (layer,), segments)


@pytest.mark.parametrize(("values", "dtype"), [((1, 2), np.uint8), ((7, 40000), np.uint16), ((3, 2_000_000_000), np.uint32)])
def test_sparse_label_values_are_found(values, dtype):
    segmentation = sparse(values, dtype)
    for n, segment in enumerate(segmentation.segments):
        assert segmentation.box(segment) == (slice(n, n + 1), slice(n, n + 2), slice(n, n + 3))
        assert segmentation.voxel_count(segment) == 6


def test_segments_may_overlap_on_different_layers():
    segmentation = a_segmentation(liver=((1, 4), (2, 9), (3, 8)), tumour=((2, 3), (4, 6), (4, 6)))
    liver, tumour = segmentation.segments
    assert np.count_nonzero(segmentation.mask(liver) & segmentation.mask(tumour)) == segmentation.voxel_count(tumour) == 4


def test_other_segments_of_the_same_voxels_have_their_boxes_and_new_ones_are_found():
    segmentation = sparse((1, 2, 3), np.uint8)
    one, two, three = segmentation.segments
    fewer = segmentation.with_segments((three, one))
    assert [fewer.box(segment) for segment in fewer.segments] == [segmentation.box(three), segmentation.box(one)]
    again = fewer.with_segments((two, one))
    assert again.box(two) == segmentation.box(two)


def test_an_empty_segment_has_no_box_and_no_voxels():
    segmentation = a_segmentation(liver=None)
    assert segmentation.box(segmentation.segments[0]) is None
    assert segmentation.voxel_count(segmentation.segments[0]) == 0


def test_a_mask_of_a_box_is_a_crop():
    segmentation = a_segmentation(liver=((1, 4), (2, 9), (3, 8)))
    (liver,) = segmentation.segments
    box = (slice(0, 2), slice(0, 5), slice(0, 5))
    assert np.array_equal(segmentation.mask(liver, box), segmentation.mask(liver)[box])


def test_float_layers_and_wrong_shapes_are_misuse():
    geometry = a_geometry()
    with pytest.raises(ValueError, match="integers"):
        Segmentation("x", geometry, (np.zeros(geometry.size),), ())
    with pytest.raises(ValueError, match="geometry says"):
        Volume(np.zeros((2, 2, 2)), geometry)
    with pytest.raises(ValueError, match="not unique"):
        Segmentation("x", geometry, (np.zeros(geometry.size, np.uint8),), (Segment("a", "a", 1), Segment("a", "b", 2)))


def test_codes_name_a_structure_whatever_their_wording():
    category = Code("123037004", "SCT", "Anatomical Structure")
    left = Code("7771000", "SCT", "Left")
    kidney = Terminology(category, Code("64033007", "SCT", "Kidney"), left)
    niere = Terminology(category, Code("64033007", "SCT", "Niere"), Code("7771000", "SCT", "links"))
    right = Terminology(category, Code("64033007", "SCT", "Kidney"), Code("24028007", "SCT", "Right"))
    assert kidney.same_structure(niere)
    assert not kidney.same_structure(right)


def test_a_volume_may_be_a_grid_without_pixels():
    assert Volume(None, a_volume().geometry).array is None
