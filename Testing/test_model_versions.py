"""Models version by version: how their drafts fared, and what changed at a new version."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from SegQCLib.automation_bias.model_performance import model_performance
from SegQCLib.automation_bias.robust_summary import median_difference, median_estimate
from SegQCLib.automation_bias.version_change import version_shifts
from SegQCLib.readers.case_read import CaseRead, SegmentRead
from SegQCLib.readers.edit_times import Seconds

START = datetime(2026, 1, 5, 8, tzinfo=UTC)
DRAFT = 10_000


def read(
    day, *, version="1", dice=0.9, active_s=60.0, reader="Ann", case=None, name="liver", accuracy=None, voxels=DRAFT, draft=DRAFT
):
    """One read of one segment; version None: without a draft."""
    changed = round((1 - dice) * draft)
    drawn = SegmentRead(
        name=name,
        seconds=Seconds(active=active_s),
        active_s_by_effect={},
        model=None if version is None else "LiverNet",
        model_version=version,
        edited=True,
        voxels=voxels,
        draft_voxels=0 if version is None else draft,
        added_voxels=voxels if version is None else changed,
        removed_voxels=0 if version is None else changed,
        voxel_volume_mm3=1.0,
        accuracy=accuracy,
    )
    started = START + timedelta(days=day)
    return CaseRead(
        reader, case or f"case {day}", 1, (), "clinical", started, started, True, None, None, Seconds(active=active_s),
        None, None, None, None, (drawn,),
    )  # fmt: skip


def shift(shifts, measure, structure="liver"):
    return next(item for item in shifts if (item.measure, item.structure) == (measure, structure))


def test_a_better_version_shows_as_a_shift_of_dice_and_time():
    old = [read(day, dice=0.8 + 0.01 * (day % 5), active_s=100 + day % 5) for day in range(20)]
    new = [read(30 + day, version="2", dice=0.9 + 0.01 * (day % 5), active_s=50 + (day % 5) / 2) for day in range(20)]
    shifts = version_shifts([*new, *old])
    dice, time = shift(shifts, "dice_with_draft"), shift(shifts, "log_active_time")
    assert (dice.before, dice.after, dice.reads_before, dice.reads_after) == ("1", "2", 20, 20)
    assert dice.changed == (START + timedelta(days=30)).isoformat()
    assert dice.difference.value == pytest.approx(0.1)
    assert dice.difference.lower > 0
    assert dice.p < 0.001
    # Everything takes half as long.
    assert time.factor.value == pytest.approx(0.5)


def test_one_structure_can_become_worse_while_another_becomes_better():
    reads = []
    for day in range(15):
        noise = 0.01 * (day % 5)
        reads += [read(day, dice=0.8 + noise, name="liver"), read(day, dice=0.9 + noise, name="kidney")]
        reads += [read(50 + day, version="2", dice=0.9 + noise), read(50 + day, version="2", dice=0.8 + noise, name="kidney")]
    shifts = version_shifts(reads)
    assert shift(shifts, "dice_with_draft", "liver").difference.value == pytest.approx(0.1)
    assert shift(shifts, "dice_with_draft", "kidney").difference.value == pytest.approx(-0.1)


def test_other_readers_are_no_other_model():
    # Ben edits more than Ann with either version, and reads most of the second.
    ann = [read(day, dice=0.95 + 0.001 * (day % 3), reader="Ann", version="1" if day < 30 else "2") for day in range(36)]
    ben = [read(day, dice=0.75 + 0.001 * (day % 3), reader="Ben", version="1" if day < 30 else "2") for day in range(24, 60)]
    found = shift(version_shifts([*ann, *ben]), "dice_with_draft")
    assert found.difference.value == pytest.approx(0.0, abs=0.001)
    assert found.reads_before == 36
    # Cid never saw the first version.
    cid = [read(40 + day, dice=0.5, reader="Cid", version="2") for day in range(20)]
    assert shift(version_shifts([*ann, *ben, *cid]), "dice_with_draft") == found


def test_p_is_mann_and_whitney_s_whatever_is_typical_of_the_reader():
    # Scores of pain of Brunner and Munzel, Biom J 2000;42:17-25.
    first, second = [1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 2, 4, 1, 1], [3, 3, 4, 3, 1, 2, 3, 1, 1, 5, 4]
    reads = [read(day, accuracy=score / 10) for day, score in enumerate(first)]
    reads += [read(20 + day, accuracy=score / 10, version="2") for day, score in enumerate(second)]
    expected = mannwhitneyu(first, second).pvalue
    assert shift(version_shifts(reads), "accuracy").p == pytest.approx(expected)


def test_few_reads_have_a_difference_but_no_interval_and_no_p():
    reads = [read(day, dice=0.8) for day in range(9)] + [read(20 + day, dice=0.9, version="2") for day in range(9)]
    found = shift(version_shifts(reads), "dice_with_draft")
    assert found.difference.value == pytest.approx(0.1)
    assert found.difference.lower is found.difference.upper is found.p is None


def test_one_version_has_nothing_before_it():
    assert version_shifts([read(day) for day in range(30)]) == ()
    assert version_shifts([]) == ()


def test_one_reader_s_shift_is_of_that_reader_s_reads():
    reads = [read(day, reader=name, version="1" if day < 12 else "2") for day in range(24) for name in ("Ann", "Ben")]
    assert shift(version_shifts(reads, reader="Ann"), "dice_with_draft").reads_before == 12
    assert shift(version_shifts(reads), "dice_with_draft").reads_before == 24


def test_drafts_stand_beside_what_was_drawn_of_the_same_case_without_them():
    reads = [read(day, case=f"c{day}", voxels=DRAFT, draft=DRAFT) for day in range(4)]
    # Two others drew c0 and c1 without a draft: 8,000 and 12,500 voxels; nobody drew c2.
    reads += [
        read(10, version=None, case="c0", voxels=8_000, reader="Ben"),
        read(10, version=None, case="c1", voxels=12_500, reader="Ben"),
        read(10, version=None, case="elsewhere", voxels=1, reader="Ben"),
    ]
    (found,) = model_performance(reads)
    assert found.reads == 4
    assert found.volume_difference_percent.n == 2
    # +25 % and -20 %.
    assert found.volume_difference_percent.value == pytest.approx(2.5)
    assert found.dice_with_draft.value == pytest.approx(0.9)


def test_performance_is_told_by_version_and_structure_in_order_of_time():
    reads = [read(50, version="2"), read(1, version="1"), read(2, version="1", name="spleen", dice=1.0)]
    rows = model_performance(reads)
    assert [(row.version, row.structure, row.reads) for row in rows] == [("1", "liver", 1), ("1", "spleen", 1), ("2", "liver", 1)]
    assert [(row.unchanged.count, row.unchanged.n) for row in rows] == [(0, 1), (1, 1), (0, 1)]


def test_a_reader_s_row_holds_that_reader_s_drafts_only():
    reads = [read(day, reader=name, dice=dice) for day in range(5) for name, dice in (("Ann", 0.9), ("Ben", 0.7))]
    (own,) = model_performance(reads, reader="Ann")
    assert (own.reader, own.reads) == ("Ann", 5)
    assert own.dice_with_draft.value == pytest.approx(0.9)


def test_a_median_of_ten_values_has_an_interval_that_holds_it():
    found = median_estimate(range(11))
    assert found.value == 5
    assert 1 <= found.lower < 5 < found.upper <= 9
    assert median_estimate(range(9)).lower is None
    assert median_estimate([]).value is None


def test_the_interval_of_a_median_covers_it_as_often_as_promised():
    rng = np.random.default_rng(4)
    covered = sum(found.lower <= 0 <= found.upper for found in (median_estimate(rng.normal(size=30)) for _ in range(100)))
    # 95 % promised; fewer than 87 of 100 would come in less than one of a thousand tests.
    assert covered >= 87


def test_the_difference_of_medians_is_after_minus_before():
    found = median_difference([1.0] * 6 + [2.0] * 6, [4.0] * 12)
    assert found.value == pytest.approx(2.5)
    assert median_difference([], [1.0]).value is None
