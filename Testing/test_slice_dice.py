"""Dice per slice: values by arithmetic, on masks of a few voxels and on boxes in an image."""

from dataclasses import replace

import numpy as np
import pytest

from phantoms import a_geometry, a_segmentation, a_volume
from SegQCLib.alignment import align
from SegQCLib.case import Case
from SegQCLib.images import read_image
from SegQCLib.importers import read_segmentation
from SegQCLib.metrics.overlap import dice
from SegQCLib.metrics.slice_dice import slice_dice
from SegQCLib.slice_agreement import slice_agreement


def test_each_slice_has_its_own_dice_and_none_where_both_are_empty():
    reference, candidate = np.zeros((4, 2, 3), bool), np.zeros((4, 2, 3), bool)
    reference[0, 0, :2] = candidate[0, 0, 1:] = True  # 2 and 2 voxels, 1 shared
    reference[1, 1, 1] = candidate[1, 1, 1] = True
    reference[2, 0, 0] = True
    assert slice_dice(reference, candidate) == (0.5, 1.0, 0.0, None)


def test_masks_of_different_shapes_are_refused():
    with pytest.raises(ValueError, match=r"\(2, 3, 4\).*\(2, 3, 5\)"):
        slice_dice(np.zeros((2, 3, 4), bool), np.zeros((2, 3, 5), bool))


def a_case(candidate, **others):
    return Case(a_volume(), a_segmentation(liver=candidate), (a_segmentation(liver=others["reference"]),))


def test_the_slices_of_a_shifted_box_agree_where_both_lie():
    # Reference k 1 to 4, candidate k 3 to 6; in the plane 4 x 5 voxels against the same shifted by 1 of 5 columns.
    agreement = slice_agreement(a_case(((3, 7), (2, 6), (4, 9)), reference=((1, 5), (2, 6), (3, 8))), "liver", "reference")
    assert agreement.slices == (1, 2, 3, 4, 5, 6)
    assert agreement.dice == pytest.approx((0, 0, 2 * 16 / 40, 2 * 16 / 40, 0, 0))


def test_the_place_of_a_slice_is_the_middle_of_both_outlines_in_the_patient():
    agreement = slice_agreement(a_case(((3, 7), (2, 6), (4, 9)), reference=((1, 5), (2, 6), (3, 8))), "liver", "reference")
    # Spacing 2, 1, 1 mm; both on k = 3: j 2 to 5, i 3 to 8.
    assert agreement.locations_lps_mm[2] == pytest.approx((5.5, 3.5, 6.0))
    # Candidate alone on k = 6: i 4 to 8.
    assert agreement.locations_lps_mm[5] == pytest.approx((6.0, 3.5, 12.0))


def test_slices_without_voxels_in_between_are_left_out():
    candidate = a_segmentation(liver=((1, 3), (2, 6), (3, 8)))
    candidate.layers[0][6, 2:6, 3:8] = 1
    agreement = slice_agreement(Case(a_volume(), candidate, (candidate,)), "liver", "reference")
    assert agreement.slices == (1, 2, 6)
    assert agreement.dice == (1, 1, 1)


def test_a_segment_that_only_one_side_has_agrees_nowhere_and_an_empty_one_has_no_slices():
    case = Case(
        a_volume(),
        a_segmentation(liver=((1, 3), (2, 6), (3, 8)), spleen=None),
        (a_segmentation(spleen=None),),
        a_segmentation(liver=((1, 2), (2, 6), (3, 8))),
    )
    assert slice_agreement(case, "liver", "reference").dice == (0, 0)
    assert slice_agreement(case, "spleen", "reference").slices == ()
    assert slice_agreement(case, "liver", "draft").dice == (1, 0)


@pytest.mark.parametrize(("segment", "role"), [("kidney", "reference"), ("liver", "reference 2"), ("liver", "draft")])
def test_what_the_case_does_not_have_is_refused_by_name(segment, role):
    with pytest.raises(ValueError, match=segment if segment == "kidney" else role):
        slice_agreement(a_case(((3, 7), (2, 6), (4, 9)), reference=((1, 5), (2, 6), (3, 8))), segment, role)


def test_slices_of_a_real_liver_are_those_of_its_whole_masks(totalsegmentator):
    image = read_image(totalsegmentator / "example_ct_dicom")
    found = read_segmentation(totalsegmentator / "example_seg_dicom.nii.gz", labels="totalsegmentator")
    candidate = align(found, image.geometry)
    shifted = replace(candidate, name="shifted", layers=tuple(np.roll(layer, 3, axis=2) for layer in candidate.layers))
    agreement = slice_agreement(Case(image, candidate, (shifted,)), "liver", "reference")
    liver = next(segment for segment in candidate.segments if segment.name == "liver")
    masks = candidate.mask(liver), shifted.mask(liver)
    assert agreement.slices == tuple(np.flatnonzero(candidate.mask(liver).any(axis=(1, 2))).tolist())
    assert agreement.dice == tuple(dice(masks[1][k], masks[0][k]) for k in agreement.slices)


def test_places_follow_the_image_s_axes():
    # The k axis runs to the right of the patient: slice 3 lies 2 mm times 3 to the right.
    geometry = a_geometry(axes_lps=((-1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)))
    segmentation = a_segmentation(geometry, liver=((3, 4), (2, 6), (3, 8)))
    agreement = slice_agreement(Case(a_volume(geometry), segmentation, (segmentation,)), "liver", "reference")
    assert agreement.locations_lps_mm == (pytest.approx((-6.0, 3.5, 5.0)),)
