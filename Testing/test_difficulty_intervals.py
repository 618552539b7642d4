"""Intervals and thresholds hold their level; expected values follow from normal distributions and ranks."""

import numpy as np
import pytest

from SegQCLib.difficulty.conformal import Calibration, FoldScores, Spread, bound, calibrate, fit_spread, interval

FLAT = Spread(0.0, 0.0, 0.0)
NORMAL_95 = 1.6449  # 95th percentile of the standard normal distribution


def one_fold(scores, spread=FLAT):
    return Calibration(spread, (FoldScores(len(scores), tuple(scores)),))


def the_interval(centres, size, calibration, coverage):
    lower, upper = interval(np.array([centres]), np.array([size]), calibration, coverage)
    return float(lower[0]), float(upper[0])


def the_bound(centres, size, calibration, share_below):
    return float(bound(np.array([centres]), np.array([size]), calibration, share_below)[0])


def test_the_bounds_of_nineteen_scores_are_the_smallest_and_the_largest():
    calibration = one_fold(np.linspace(-0.09, 0.09, 19))
    assert the_interval([0.5], 0.0, calibration, 0.9) == pytest.approx((0.41, 0.59))


def test_eighteen_units_are_too_few_for_ninety_percent():
    with pytest.raises(ValueError, match=r"18 units are too few for the 0\.05 quantile; at least 19"):
        the_interval([0.5], 0.0, one_fold(np.linspace(-0.09, 0.09, 18)), 0.9)


def test_the_tenth_part_of_ninety_nine_scores_lies_below_the_threshold():
    scores = (np.arange(99) - 49) / 1000
    assert the_bound([0.7], 0.0, one_fold(scores), 0.1) == pytest.approx(0.7 + scores[9])


def test_bounds_pool_what_each_member_says_with_the_scores_of_its_own_fold():
    calibration = Calibration(FLAT, (FoldScores(50, (0.0,)), FoldScores(50, (0.0,))))
    assert the_interval([0.4, 0.6], 0.0, calibration, 0.9) == pytest.approx((0.4, 0.6))


def test_an_image_with_twice_the_spread_has_twice_the_interval():
    scores = np.linspace(-0.1, 0.1, 99)
    by_size = one_fold(scores, Spread(0.0, 0.0, -np.log(2)))
    lower, upper = the_interval([0.5], 0.0, by_size, 0.9)
    wide_lower, wide_upper = the_interval([0.5], -1.0, by_size, 0.9)
    assert wide_upper - wide_lower == pytest.approx(2 * (upper - lower))


def test_the_interval_ends_at_the_ends_of_dice():
    assert the_interval([0.97], 0.0, one_fold(np.linspace(-2, 2, 99)), 0.9) == (0.0, 1.0)


def test_a_coverage_outside_zero_to_one_is_refused():
    with pytest.raises(ValueError, match="coverage 1 "):
        the_interval([0.5], 0.0, one_fold(np.linspace(-1, 1, 99)), 1.0)


def test_the_spread_finds_where_errors_are_large():
    chance = np.random.default_rng(1)
    size = chance.uniform(0, 4, 20_000)
    error = chance.normal(0, 0.2 * np.exp(-size / 2))
    spread = fit_spread(error, np.full_like(size, 0.7), size, np.ones_like(size))
    assert spread.by_size == pytest.approx(-0.5, abs=0.02)


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
def test_the_stated_coverage_is_reached_on_new_images_and_in_thirds_by_size(coverage):
    chance = np.random.default_rng(2)

    def study(units):
        size = chance.uniform(0, 4, units)
        expected = 0.5 + 0.05 * size
        return size, expected, expected + chance.normal(0, 0.10 * np.exp(-size / 2), units)

    size, expected, observed = study(4000)
    fold = np.arange(len(size)) % 10
    calibration = calibrate([np.array([value]) for value in observed], expected, size, np.ones_like(size), fold)
    size, expected, observed = study(2000)
    lower, upper = interval(np.repeat(expected[:, None], 10, axis=1), size, calibration, coverage)
    inside = (lower <= observed) & (observed <= upper)
    assert inside.mean() == pytest.approx(coverage, abs=0.025)
    for third in range(3):
        assert inside[np.floor(size / 4 * 3) == third].mean() == pytest.approx(coverage, abs=0.03)


def test_the_bound_of_pairs_is_below_the_interval_of_their_mean():
    # Six pairs of deviation 0.1 have a mean of deviation 0.041: the threshold for one pair is no end of that interval.
    chance = np.random.default_rng(3)
    pairs = 0.7 + chance.normal(0, 0.1, (2000, 6))
    flat, fold = np.full(2000, 0.7), np.arange(2000) % 10
    none = np.zeros(2000)
    of_mean = calibrate([np.array([row.mean()]) for row in pairs], flat, none, np.ones(2000), fold)
    of_pairs = calibrate(list(pairs), flat, none, np.ones(2000), fold)
    centres = [0.7] * 10
    lower, _ = the_interval(centres, 0.0, of_mean, 0.9)
    assert lower == pytest.approx(0.7 - NORMAL_95 * 0.1 / np.sqrt(6), abs=0.005)
    assert the_bound(centres, 0.0, of_pairs, 0.1) == pytest.approx(0.7 - 1.2816 * 0.1, abs=0.005)


def test_scores_of_a_lesion_with_many_pairs_count_no_more_than_one_with_few():
    # Half of the lesions have one pair at +0.1, half have nine pairs at -0.1: the median lies between.
    observed = [np.array([0.6]) if number % 2 else np.full(9, 0.4) for number in range(100)]
    calibration = calibrate(observed, np.full(100, 0.5), np.zeros(100), np.ones(100), np.zeros(100, int), FLAT)
    scores = np.array(calibration.folds[0].scores)
    assert calibration.units == pytest.approx(100)
    assert np.mean(scores < 0) == pytest.approx(0.5, abs=0.01)


def test_of_forty_exchangeable_images_exactly_nine_tenths_lie_in_the_interval_of_the_other_thirty_nine():
    observed = np.random.default_rng(5).permutation(np.linspace(0.2, 0.9, 40) ** 2)
    inside = below = 0
    for new in range(40):
        others = [np.array([value]) for value in np.delete(observed, new)]
        calibration = calibrate(others, np.full(39, 0.5), np.zeros(39), np.ones(39), np.arange(39) % 3, FLAT)
        lower, upper = the_interval([0.5] * 3, 0.0, calibration, 0.9)
        inside += lower <= observed[new] <= upper
        below += observed[new] < lower
    assert (inside, below) == (36, 2)


def test_the_stated_coverage_is_reached_where_few_images_fit_the_members():
    # Forty images, five members that each predict the mean of the others' folds, and a new image: 600 times.
    chance = np.random.default_rng(6)
    fold, inside = np.arange(40) % 5, 0
    for _ in range(600):
        observed = chance.normal(0.5, 0.05, 41)
        means = np.array([observed[:40][fold != number].mean() for number in range(5)])
        of_study = [np.array([value]) for value in observed[:40]]
        calibration = calibrate(of_study, means[fold], np.zeros(40), np.ones(40), fold, FLAT)
        lower, upper = the_interval(means, 0.0, calibration, 0.9)
        inside += lower <= observed[40] <= upper
    assert inside / 600 == pytest.approx(0.9, abs=0.035)
