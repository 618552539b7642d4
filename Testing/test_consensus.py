"""Consensus of readers: by arithmetic, and against SimpleITK on the whole image."""

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk

from phantoms import a_geometry, a_segmentation
from SegQCLib.agreement.consensus import consensus
from SegQCLib.agreement.readers_of_case import readers_of_case
from SegQCLib.algorithm_type import AlgorithmType
from SegQCLib.case import Code, Segment, Segmentation, Terminology
from SegQCLib.errors import BadDataError

BOX = ((2, 6), (4, 12), (5, 15))
WIDER = ((2, 6), (4, 12), (5, 17))


def case_of(*boxes, **options):
    return readers_of_case([a_segmentation(name=name, liver=box) for name, box in zip("ABCDEF", boxes, strict=False)], **options)


def mask_of(made, structure="liver"):
    segment = next(one for one in made.segmentation.segments if one.name == structure)
    return made.segmentation.mask(segment)


def noisy_readers(count, size=(20, 40, 44), seed=2):
    """Readers of a ball, each with an outline of their own."""
    rng = np.random.default_rng(seed)
    geometry = a_geometry(size)
    center = np.array([10, 20, 22])
    away = np.sqrt(sum(((axis - c) * s) ** 2 for axis, c, s in zip(np.indices(size), center, (2, 1, 1), strict=True)))
    made = []
    for n in range(count):
        bumps = sitk.GetArrayFromImage(sitk.SmoothingRecursiveGaussian(sitk.GetImageFromArray(rng.standard_normal(size)), 2.0))
        drawn = (away + 1.5 * bumps / bumps.std() < 10).astype(np.uint8)
        made.append(Segmentation(f"reader {n}", geometry, (drawn,), (Segment("s", "liver", 1),)))
    return readers_of_case(made), np.array([one.layers[0] for one in made])


def test_what_two_of_three_drew_is_the_majority():
    made = consensus(case_of(BOX, BOX, WIDER), "majority")
    assert np.array_equal(mask_of(made), a_segmentation(liver=BOX).layers[0] == 1)
    (one,) = made.summary.structures
    assert (one.voxels, one.volume_ml, one.undecided_voxels) == (320, pytest.approx(0.64), 0)


def test_a_tie_is_undecided_counted_and_left_out():
    made = consensus(case_of(BOX, WIDER), "majority")
    assert np.array_equal(mask_of(made), a_segmentation(liver=BOX).layers[0] == 1)
    assert made.summary.structures[0].undecided_voxels == 4 * 8 * 2


@pytest.mark.parametrize("readers", [2, 3, 4, 5])
def test_majority_is_more_than_half_of_the_readers(readers):
    case, masks = noisy_readers(readers)
    assert np.array_equal(mask_of(consensus(case, "majority")), masks.sum(axis=0) > readers / 2)


def test_staple_is_simpleitk_s_on_the_box_one_voxel_wider():
    case, masks = noisy_readers(4)
    made = consensus(case)
    drawn = np.argwhere(masks.any(axis=0))
    low, high = drawn.min(axis=0) - 1, drawn.max(axis=0) + 2
    inside = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    staple = sitk.STAPLEImageFilter()
    share = sitk.GetArrayFromImage(staple.Execute([sitk.GetImageFromArray(mask[inside]) for mask in masks]))
    assert np.array_equal(mask_of(made)[inside], share > 0.5)
    (one,) = made.summary.structures
    assert one.prior == pytest.approx(np.mean([mask[inside].mean() for mask in masks]))
    assert [entry.sensitivity for entry in one.performance] == pytest.approx(staple.GetSensitivity(), abs=1e-6)
    assert [entry.specificity for entry in one.performance] == pytest.approx(staple.GetSpecificity(), abs=1e-6)


def test_staple_on_the_whole_image_differs_only_by_what_a_minority_drew():
    """There nearly everything is background that all agree on: a vote for the structure weighs more, and the consensus grows."""
    case, masks = noisy_readers(5, size=(20, 80, 84))
    ours = mask_of(consensus(case))
    whole = sitk.GetArrayFromImage(sitk.STAPLE([sitk.GetImageFromArray(mask) for mask in masks])) > 0.5
    assert not (ours & ~whole).any()
    assert set(masks.sum(axis=0)[whole & ~ours]) <= {2}


def test_staple_finds_the_sensitivity_and_specificity_that_readers_were_made_with():
    """Three readers who each miss and add by chance, with known rates."""
    rng = np.random.default_rng(11)
    geometry = a_geometry((20, 40, 40))
    truth = np.zeros(geometry.size, bool)
    truth[1:19, 4:36, 4:36] = True
    rates = [(0.95, 0.9), (0.85, 0.97), (0.9, 0.8)]
    made = []
    for n, (sensitivity, specificity) in enumerate(rates):
        chance = rng.random(geometry.size)
        drawn = np.where(truth, chance < sensitivity, chance > specificity).astype(np.uint8)
        made.append(Segmentation(f"reader {n}", geometry, (drawn,), (Segment("s", "liver", 1),)))
    (one,) = consensus(readers_of_case(made)).summary.structures
    for entry, (sensitivity, specificity) in zip(one.performance, rates, strict=True):
        assert entry.sensitivity == pytest.approx(sensitivity, abs=0.01)
        # The box is one voxel wider than the grid, and nobody drew there: that raises specificity.
        assert specificity <= entry.specificity < specificity + 0.1


@pytest.mark.parametrize("method", ["STAPLE", "majority"])
def test_readers_who_agree_have_what_they_drew_as_consensus(method):
    made = consensus(case_of(BOX, BOX, BOX), method)
    assert np.array_equal(mask_of(made), a_segmentation(liver=BOX).layers[0] == 1)


@pytest.mark.parametrize("method", ["STAPLE", "majority"])
def test_a_structure_that_fills_the_grid_or_nobody_drew_is_no_trouble(method):
    """STAPLE's prior would be 1 or 0 there, and every number not a number."""
    full = tuple((0, n) for n in a_geometry().size)
    assert mask_of(consensus(case_of(full, full), method)).all()
    made = consensus(case_of(None, None), method)
    assert not mask_of(made).any()
    assert all(entry.sensitivity is None for entry in made.summary.structures[0].performance)


def test_a_reader_without_the_segment_votes_for_nothing():
    drawn = [a_segmentation(name=name, liver=BOX, spleen=BOX) for name in "AB"]
    two_of_three = readers_of_case([*drawn, a_segmentation(name="C", liver=BOX)])
    assert mask_of(consensus(two_of_three, "majority"), "spleen").sum() == 320
    one_of_three = readers_of_case([drawn[0], a_segmentation(name="B", liver=BOX), a_segmentation(name="C", liver=BOX)])
    assert not mask_of(consensus(one_of_three, "majority"), "spleen").any()


def test_an_outlier_has_no_vote_on_that_structure_and_does_not_widen_the_box():
    elsewhere = ((2, 6), (4, 12), (20, 28))
    case = case_of(BOX, BOX, BOX, elsewhere)
    alone = consensus(case_of(BOX, BOX, BOX)).summary.structures[0]
    without = consensus(case, outliers={"liver": ("D",)}).summary.structures[0]
    assert (without.readers, without.left_out) == (("A", "B", "C"), ("D",))
    assert without.prior == alone.prior


def test_structures_that_overlap_lie_on_layers_of_their_own():
    drawn = [a_segmentation(name=name, liver=BOX, vessel=((3, 5), (6, 8), (5, 15))) for name in "ABC"]
    made = consensus(readers_of_case(drawn), "majority")
    assert len(made.segmentation.layers) == 2
    assert mask_of(made, "vessel").sum() == 2 * 2 * 10
    assert mask_of(made).sum() == 320


def test_a_consensus_says_what_it_is_and_keeps_codes_and_colours():
    liver = Terminology(Code("123037004", "SCT", "Anatomical Structure"), Code("10200004", "SCT", "Liver"))
    drawn = []
    for name in "ABC":
        one = a_segmentation(name=name, liver=BOX)
        described = tuple(replace(s, terminology=liver, color=(1.0, 0.5, 0.0), algorithm_type="MANUAL") for s in one.segments)
        drawn.append(one.with_segments(described))
    made = consensus(readers_of_case(drawn))
    (segment,) = made.segmentation.segments
    assert made.segmentation.name == "STAPLE consensus of A, B, C"
    assert segment.terminology == liver
    assert segment.color == (1.0, 0.5, 0.0)
    # A program computed it from what persons drew: neither a model's output nor an outline that somebody drew.
    assert segment.algorithm_type == AlgorithmType.SEMIAUTOMATIC
    assert segment.algorithm_name == "STAPLE consensus of 3 readers"


def test_readers_who_saw_ai_and_readers_who_did_not_make_no_silent_consensus():
    case = case_of(BOX, BOX, WIDER, ai_anchored=["C"])
    with pytest.raises(BadDataError, match=r"C saw an AI result of this case; A, B did not.*leans towards the AI"):
        consensus(case)
    assert consensus(case, readers=["A", "B"]).summary.anchoring.startswith("AI-free")
    assert consensus(case, readers=case.names).summary.anchoring.startswith("mixed")
    assert consensus(case_of(BOX, BOX)).summary.anchoring.startswith("it is not known")


@pytest.mark.parametrize(("options", "message"), [({"readers": ["A"]}, "two readers"), ({"readers": ["A", "X"]}, "called X")])
def test_a_consensus_of_one_or_of_strangers_is_misuse(options, message):
    with pytest.raises(ValueError, match=message):
        consensus(case_of(BOX, BOX), **options)
    with pytest.raises(ValueError, match="STAPLE and majority"):
        consensus(case_of(BOX, BOX), "mean")
