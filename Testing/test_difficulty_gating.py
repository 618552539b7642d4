"""Gating: what a threshold per image lets through and turns away."""

import numpy as np
import pytest

from SegQCLib.difficulty.gating import defective_outlines, gate_readers, pass_share, synthetic_gating
from SegQCLib.difficulty.read_lesion import ReadLesion

VOXEL_MM = (1.0, 1.0, 1.0)


def a_ball(radius, size=41):
    axes = np.indices((size,) * 3) - size // 2
    return (axes**2).sum(axis=0) <= radius**2


def test_the_true_agreement_as_threshold_never_errs():
    target = np.random.default_rng(1).normal(0.68, 0.13, 500)
    gating = synthetic_gating(target, target, draws=5)
    assert (gating.good_included.share, gating.bad_rejected.share) == (1.0, 1.0)


def test_a_constant_at_the_median_includes_three_quarters_of_the_good_and_rejects_three_quarters_of_the_bad():
    # s and t independent and alike, m their median: P(s > m, s > t) = 1/4 + 1/8, and P(s > t) = 1/2.
    target = np.random.default_rng(2).normal(0.5, 0.05, 20000)
    gating = synthetic_gating(target, np.array(0.5), mean=0.5, sd=0.05, draws=20)
    assert gating.good_included.share == pytest.approx(0.75, abs=0.01)
    assert gating.bad_rejected.share == pytest.approx(0.75, abs=0.01)


def test_the_papers_row_of_global_thresholding_comes_out_of_its_mean_and_spread():
    # Fournel et al., Table 3: 76.2 % of the good included, 73.8 % of the bad rejected, in one draw of 7,740.
    target = np.clip(np.random.default_rng(3).normal(0.68, 0.13, 7740), 0, 1)
    gating = synthetic_gating(target, np.array(0.68), mean=0.68, sd=0.13, draws=50)
    assert gating.good_included.share == pytest.approx(0.762, abs=0.02)
    assert gating.bad_rejected.share == pytest.approx(0.738, abs=0.02)
    assert gating.good_included.of + gating.bad_rejected.of == pytest.approx(7740)


def test_synthetic_dice_stays_between_0_and_1():
    gating = synthetic_gating(np.array([0.0, 1.0]), np.array([0.0, 1.0]), mean=0.5, sd=50.0, draws=400)
    # Nothing is above 1, and half of the draws are 0, which is not above 0.
    assert gating.good_included.of == pytest.approx(0.5, abs=0.1)


def test_the_same_seed_gives_the_same_gating():
    target = np.linspace(0.3, 0.9, 50)
    first, second = (synthetic_gating(target, np.array(0.6), draws=3, seed=4) for _ in range(2))
    assert first == second


def test_an_undefined_threshold_is_refused():
    with pytest.raises(ValueError, match="finite threshold"):
        synthetic_gating(np.array([0.5, 0.6]), np.array([0.5, np.nan]))


def test_a_dice_equal_to_the_threshold_passes():
    share = pass_share(np.array([0.7, 0.69]), np.array(0.7), ["a", "a"])
    assert (share.share, share.count, share.of) == (0.5, 1, 2)


def test_the_interval_is_over_patients_not_over_outlines():
    # Two patients who differ wholly: a resample has none, half or all of the passes, however many outlines there are.
    share = pass_share(np.repeat([1.0, 0.0], 100), np.array(0.5), ["a"] * 100 + ["b"] * 100)
    assert (share.lower, share.upper) == (0.0, 1.0)


def test_a_shrunken_ball_keeps_about_an_eighth_of_its_volume():
    ball = a_ball(16)
    shrunken = defective_outlines(ball, VOXEL_MM)["shrunken by a quarter of the diameter"]
    assert not (shrunken & ~ball).any()
    assert shrunken.sum() / ball.sum() == pytest.approx(1 / 8, rel=0.15)


def test_an_enlarged_ball_has_about_27_eighths_of_its_volume():
    enlarged = defective_outlines(a_ball(10), VOXEL_MM)["enlarged by a quarter of the diameter"]
    assert enlarged.sum() / a_ball(10).sum() == pytest.approx(27 / 8, rel=0.15)


def test_a_box_moved_by_half_of_its_width_shares_half_of_it():
    box = np.zeros((5, 8, 20), bool)
    box[1:4, 2:6, 4:12] = True
    moved = defective_outlines(box, (2.5, 0.7, 0.7))["moved by half of its width"]
    assert (moved & box).sum() / box.sum() == 0.5


def test_every_second_slice_is_missing_and_the_others_are_untouched():
    ball = a_ball(6)
    missing = defective_outlines(ball, VOXEL_MM)["every second slice missing"]
    shown = np.flatnonzero(ball.any(axis=(1, 2)))
    assert not missing[shown[1::2]].any()
    assert np.array_equal(missing[shown[::2]], ball[shown[::2]])


def test_one_voxel_can_neither_shrink_nor_lose_slices_nor_grow_by_half_a_voxel():
    voxel = np.zeros((3, 3, 3), bool)
    voxel[1, 1, 1] = True
    assert set(defective_outlines(voxel, VOXEL_MM)) == {"moved by half of its width"}


def test_an_empty_outline_has_no_defects():
    with pytest.raises(ValueError, match="empty"):
        defective_outlines(np.zeros((2, 2, 2), bool), VOXEL_MM)


def test_expert_work_is_judged_by_the_threshold_of_the_reference():
    readers = np.zeros((2, 1, 4, 8), bool)
    readers[0, 0, :, 0:4] = True
    readers[1, 0, :, 2:6] = True  # Dice 0.5 either way
    lesion = ReadLesion("a", "patient a", readers, VOXEL_MM)
    expert = gate_readers([lesion], {"strict": [np.array([0.6, 0.4])], "lenient": [np.array([0.4, 0.4])]})[0]
    assert expert.work == "expert outline"
    assert (expert.passed["strict"].share, expert.passed["lenient"].share) == (0.5, 1.0)


def test_a_reference_that_the_model_refuses_is_left_out_under_every_threshold():
    readers = np.zeros((2, 1, 4, 8), bool)
    readers[:, 0, :, 0:4] = True
    lesion = ReadLesion("a", "patient a", readers, VOXEL_MM)
    expert = gate_readers([lesion], {"lower": [np.array([np.nan, 0.4])], "constant": [np.array([0.4, 0.4])]})[0]
    assert (expert.passed["lower"].of, expert.passed["constant"].of) == (1, 1)


def test_a_defect_is_not_cut_by_a_grid_that_ends_at_the_outline():
    lesion = ReadLesion("a", "patient a", np.ones((2, 6, 6, 6), bool), VOXEL_MM)
    works = gate_readers([lesion], {"half": [np.array([0.5, 0.5])], "above": [np.array([0.51, 0.51])]})
    moved = next(work for work in works if work.work == "moved by half of its width")
    # Half of it is shared: Dice 0.5.
    assert (moved.passed["half"].share, moved.passed["above"].share) == (1.0, 0.0)


def test_where_nothing_is_good_the_share_of_good_included_is_undefined():
    gating = synthetic_gating(np.ones(5), np.full(5, 0.5), mean=0.5, sd=0.1)
    assert np.isnan(gating.good_included.share)
    assert gating.bad_rejected.of == 5
