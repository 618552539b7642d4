"""Trends over time: Theil-Sen slope and Mann-Kendall test."""

import math

import numpy as np
import pytest
from scipy import stats

from SegQCLib.statistics.trend import relative_trend, trend

# Sen PK, J Am Stat Assoc 1968;63:1379-1389, the example of section 6. The interval of 93 % is that of his method; R's package
# deming (tests of theilsen) and SciPy's own tests have it too, and note that the paper's list of slopes has misprints.
SEN_TIMES = [1, 2, 3, 4, 10, 12, 18]
SEN_VALUES = [9, 15, 19, 20, 45, 55, 78]
# Little J, Holy Cross College, "A Mann-Kendall Example (By Hand)": 72 pairs rise, 18 fall, 1 is a tie; S = 54, z = 2.9058.
# https://mathcs.holycross.edu/~little/Montserrat/MannKendallByHand.txt
LITTLE = [12.9, 14.8, 13.2, 15.7, 13.8, 15.6, 12.9, 11.0, 17.3, 15.9, 19.0, 18.3, 20.1, 21.7]


def test_the_slope_and_interval_of_sens_own_example():
    found = trend(SEN_TIMES, SEN_VALUES, confidence=0.93)
    assert found.slope_per_30_days == pytest.approx(30 * 4)
    assert (found.lower, found.upper) == (pytest.approx(30 * 26 / 7), pytest.approx(30 * 35 / 8))
    assert found.reason is None


def test_tau_of_a_worked_example_is_rising_pairs_less_falling_ones():
    assert trend(range(14), LITTLE).tau == pytest.approx((72 - 18) / math.sqrt(91 * 90))


def test_p_of_a_worked_example_is_that_of_its_s_and_variance():
    variance = 14 * 13 * 33 / 18 - 2 * 1 * 9 / 18
    # The example's own z has the continuity correction, (S - 1) instead of S.
    assert (54 - 1) / math.sqrt(variance) == pytest.approx(2.9058, abs=5e-5)
    assert trend(range(14), LITTLE).p == pytest.approx(2 * stats.norm.sf(54 / math.sqrt(variance)))


def test_p_is_near_pymannkendalls_where_it_corrects_for_continuity():
    # pymannkendall 1.4.3, original_test(LITTLE): p 0.0036627, and of these ten values p 0.0122661, slope -0.38.
    assert trend(range(14), LITTLE).p == pytest.approx(0.0036627, rel=0.2)
    ten = trend(range(10), [9.2, 8.7, 9.9, 7.1, 8.0, 6.5, 6.9, 7.7, 5.2, 6.1])
    assert ten.p == pytest.approx(0.0122661, rel=0.3)
    assert ten.slope_per_30_days == pytest.approx(30 * -0.38)


def test_five_values_that_only_rise_have_the_p_of_two_orders_of_120():
    assert trend(range(5), [1, 2, 4, 8, 16]).p == pytest.approx(2 / 120)


def test_the_order_of_the_values_changes_nothing():
    order = np.random.default_rng(3).permutation(14)
    assert trend(order, np.array(LITTLE)[order]) == trend(range(14), LITTLE)


def test_one_odd_value_does_not_turn_the_slope():
    values = [10.0 - 0.1 * day for day in range(20)]
    values[-1] = 1000.0
    assert trend(range(20), values).slope_per_30_days == pytest.approx(-3.0)


@pytest.mark.parametrize(
    ("times", "words"), [([0, 1, 2, 3], "at least 5 values; there are 4"), ([], "there are 0"), ([7] * 6, "of one time")]
)
def test_too_few_values_or_a_single_time_have_no_trend(times, words):
    found = trend(times, list(range(len(times))))
    assert words in found.reason
    assert (found.slope_per_30_days, found.lower, found.upper, found.tau, found.p) == (None,) * 5


def test_values_that_are_all_the_same_have_slope_0_and_no_order():
    found = trend(range(6), [2.5] * 6)
    assert (found.slope_per_30_days, found.lower, found.upper) == (0, 0, 0)
    assert (found.tau, found.p) == (None, None)
    assert "no order" in found.reason


def test_a_tenth_less_each_30_days_is_a_relative_trend_of_minus_10_percent():
    times = np.arange(0, 300, 30)
    found = relative_trend(times, 600 * 0.9 ** (times / 30))
    assert found.slope_per_30_days == pytest.approx(-10)
    assert (found.lower, found.upper) == (pytest.approx(-10), pytest.approx(-10))
    assert found.tau == pytest.approx(-1)


def test_a_relative_trend_has_the_order_of_the_values():
    relative, plain = relative_trend(range(14), LITTLE), trend(range(14), LITTLE)
    assert (relative.tau, relative.p) == (plain.tau, plain.p)


@pytest.mark.parametrize(
    ("times", "values", "confidence", "words"),
    [
        ([1, 2], [1], 0.95, "one time for each value"),
        ([1, 2], [1, math.nan], 0.95, "finite"),
        ([1, 2], [1, 2], 0.05, "confidence"),
    ],
)
def test_misuse_is_refused(times, values, confidence, words):
    with pytest.raises(ValueError, match=words):
        trend(times, values, confidence)


def test_a_relative_trend_refuses_values_that_are_not_positive():
    with pytest.raises(ValueError, match="the smallest is 0"):
        relative_trend(range(5), [1, 2, 0, 4, 5])


def test_values_and_times_that_are_mostly_the_same_have_no_interval():
    found = trend([0] * 9 + [1], [5] * 9 + [6])
    assert (found.slope_per_30_days, found.lower, found.upper) == (30, None, None)
    assert "are the same" in found.reason
