"""Effort over readers and time: published examples, and reads whose numbers follow from how they were made."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from scipy import stats

from SegQCLib.readers.case_read import CaseRead, SegmentRead
from SegQCLib.readers.edit_times import Seconds
from SegQCLib.readers.effort_statistics import effort_by_reader, paired_time_ratio, reader_differences, time_ratio, typical

# Hollander M, Wolfe DA. Nonparametric Statistical Methods, 2nd ed., 1999, table 4.1, p. 110: permeability of human
# chorioamnion. As R's package coin prints it (wilcox_test with conf.int): difference 0.305, 95 % interval -0.15 to 0.76,
# p = 0.2544. https://r.789695.n4.nabble.com/Wilcoxon-Mann-Whitney-Rank-Sum-Test-td790135.html
AT_TERM = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46]
WEEKS_12_TO_26 = [1.15, 0.88, 0.90, 0.74, 1.21]
BEGIN = datetime(2026, 1, 5, 9, tzinfo=UTC)


def a_read(reader, case, active_s, day=0.0, structure="liver", model="model", repeat=1, **changes):
    segment = SegmentRead(
        structure, Seconds(active=active_s), {}, model, None if model is None else "1", True,
        voxels=10_000, draft_voxels=9_500, added_voxels=1_000, removed_voxels=500, voxel_volume_mm3=2.0,
    )  # fmt: skip
    started = BEGIN + timedelta(days=day)
    read = CaseRead(
        reader, case, repeat, ("a",), "clinical", started, started, True, None, None, Seconds(active=active_s), None, None, None,
        None, (segment,),
    )  # fmt: skip
    return replace(read, **changes)


def test_the_shift_and_interval_of_a_published_example():
    found = time_ratio(np.exp(AT_TERM), np.exp(WEEKS_12_TO_26))
    assert math.log(found.ratio) == pytest.approx(0.305)
    assert (math.log(found.lower), math.log(found.upper)) == (pytest.approx(-0.15), pytest.approx(0.76))
    assert found.p == pytest.approx(0.2544, abs=5e-5)
    assert (found.n_first, found.n_second, found.shared_cases, found.reason) == (10, 5, None, None)


def test_typical_values_are_median_quartiles_and_mad():
    found = typical([1, 2, 3, 4, 100])
    assert (found.n, found.median, found.first_quartile, found.third_quartile, found.mad) == (5, 3, 2, 4, 1)
    assert (found.lower, found.upper) == (None, None)
    assert "at least 10 values; there are 5" in found.reason


def test_the_interval_of_a_median_is_near_the_distribution_free_one():
    values = np.random.default_rng(1).lognormal(5, 0.6, 200)
    found = typical(values)
    # Order statistics by the binomial distribution: Conover, Practical Nonparametric Statistics, 3rd ed., 1999, section 3.2.
    low, high = stats.binom(200, 0.5).ppf([0.025, 0.975])
    ordered = np.sort(values)
    assert found.lower == pytest.approx(ordered[int(low) - 1], rel=0.05)
    assert found.upper == pytest.approx(ordered[int(high)], rel=0.05)
    assert found == typical(values)


def test_without_values_nothing_is_typical():
    found = typical([])
    assert (found.n, found.median, found.mad, found.reason) == (0, None, None, "There are no values.")


def test_case_by_case_a_quarter_longer_is_a_ratio_of_1_25_however_long_the_cases_are():
    seconds = np.geomspace(20, 4000, 12)
    found = paired_time_ratio(1.25 * seconds, seconds)
    assert (found.ratio, found.lower, found.upper) == (pytest.approx(1.25), pytest.approx(1.25), pytest.approx(1.25))
    # All 12 differences have one sign: 2 of 2^12 signs are as extreme.
    assert found.p == pytest.approx(2 / 2**12)
    assert found.shared_cases == 12


def test_equal_times_have_the_ratio_1_and_no_evidence_of_a_difference():
    found = paired_time_ratio([60, 120, 240], [60, 120, 240])
    assert (found.ratio, found.p, found.lower) == (1, 1, None)
    assert "10 shared cases; there are 3" in found.reason


def test_times_shorter_than_a_second_count_as_one():
    assert paired_time_ratio([0.0, 0.2], [1.0, 1.0]).ratio == 1
    alike = time_ratio([0.0, 0.0], [1.0, 0.5])
    assert (alike.ratio, alike.lower, alike.upper, alike.p) == (1, None, None, 1)
    assert alike.reason == "Too many times are the same for an interval."


def test_too_few_times_have_no_ratio():
    assert "there are 1 and 5" in time_ratio([60], [1, 2, 3, 4, 5]).reason
    assert paired_time_ratio([60], [70]).ratio is None


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: typical([1.0, math.nan]), "finite"),
        (lambda: time_ratio([-1, 2], [3, 4]), "less than 0 s"),
        (lambda: paired_time_ratio([1, 2], [3]), "2 and 1"),
    ],
)
def test_misuse_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_effort_is_kept_apart_by_structure_draft_and_reader():
    reads = [
        a_read("B", "1", 60),
        a_read("A", "1", 30),
        a_read("A", "2", 90),
        a_read("A", "3", 10, structure="airway"),
        a_read("A", "4", 300, model=None),
        a_read("A", "5", 5, finished=False),
        a_read("A", "6", 5, purpose="training"),
    ]
    efforts = effort_by_reader(reads)
    assert [(e.structure, e.ai_anchored, e.reader, e.active_s.n, e.active_s.median) for e in efforts] == [
        ("airway", True, "A", 1, 10),
        ("liver", False, "A", 1, 300),
        ("liver", True, "A", 2, 60),
        ("liver", True, "B", 1, 60),
    ]
    of_b = efforts[-1]
    # 20 mL in a minute, of which 3 mL are changed.
    assert of_b.minutes_per_ml.median == pytest.approx(1 / 20)
    assert of_b.seconds_per_changed_ml.median == pytest.approx(20)
    assert of_b.changed_part_of_draft.median == pytest.approx(1500 / 9500)
    assert efforts[1].changed_part_of_draft.n == 0


def test_a_reader_who_becomes_a_tenth_faster_each_30_days_has_that_trend():
    reads = [a_read("A", str(n), 600 * 0.9 ** (n / 3), day=10 * n) for n in range(12)]
    (effort,) = effort_by_reader(reads)
    assert effort.trend.slope_per_30_days == pytest.approx(-10)
    assert effort.trend.p < 0.001


def test_readers_are_compared_on_the_cases_that_both_read_where_those_are_ten():
    hard, easy = [str(n) for n in range(10)], [f"easy {n}" for n in range(10)]
    # B read easy cases too, and on the shared ones works twice as long.
    reads = [a_read("A", case, 100 + 10 * n) for n, case in enumerate(hard)]
    reads += [a_read("B", case, 2 * (100 + 10 * n)) for n, case in enumerate(hard)]
    reads += [a_read("B", case, 5) for case in easy] + [a_read("B", hard[0], 1, day=30, repeat=2)]
    (found,) = reader_differences(reads)
    assert (found.first, found.second, found.structure, found.ai_anchored) == ("A", "B", "liver", True)
    assert (found.time.shared_cases, found.time.ratio) == (10, pytest.approx(0.5))
    (apart,) = reader_differences(reads[:9] + reads[20:30])
    assert apart.time.shared_cases is None
    assert apart.time.ratio == pytest.approx(140 / 5)
