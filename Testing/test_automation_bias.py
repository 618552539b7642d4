"""Automation bias: two signs, what corroborates them, what else explains them, and whom the alert is for."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from scipy.stats import binom

from SegQCLib.automation_bias.alarm_rates import SCENARIOS, Period, alarm_rate
from SegQCLib.automation_bias.alert import bias_alerts, level_of
from SegQCLib.automation_bias.evidence import Alternative, Evidence, Support
from SegQCLib.automation_bias.model_version import ModelVersion, anchored_segments
from SegQCLib.automation_bias.order import order_of
from SegQCLib.automation_bias.proportion import proportion
from SegQCLib.automation_bias.read_series import ReadSeries, active_time_series, segment_series, series_trend
from SegQCLib.automation_bias.reading_trends import reading_trends
from SegQCLib.automation_bias.rule import RULE, Level
from SegQCLib.automation_bias.signs import Signs
from SegQCLib.automation_bias.slope_difference import slope_difference
from SegQCLib.readers.case_read import CaseRead, PlantedRead, SegmentRead
from SegQCLib.readers.edit_times import Seconds
from SegQCLib.readers.simulated_case_read import simulated_case_read
from SegQCLib.readers.simulated_department import MODELS, simulated_readers, simulated_reads
from SegQCLib.statistics.trend import Trend

START = datetime(2026, 1, 5, 8, tzinfo=UTC)
VERSION = ModelVersion("LiverNet", "1.0")
DRAFT = 100_000


def segment(name="liver", *, dice=0.9, active_s=60.0, model=VERSION, seen=1.0, accuracy=None, threshold=None, structure_slices=100):
    """A segment whose Dice with the draft is `dice`: as many voxels added as removed."""
    changed = round((1 - dice) * DRAFT) if model else 0
    return SegmentRead(
        name=name,
        seconds=Seconds(active=active_s),
        active_s_by_effect={},
        model=model and model.model,
        model_version=model and model.version,
        edited=changed > 0,
        voxels=DRAFT,
        draft_voxels=DRAFT if model else 0,
        added_voxels=changed if model else DRAFT,
        removed_voxels=changed,
        voxel_volume_mm3=1.0,
        slices_of_structure=structure_slices,
        slices_of_structure_seen=round(seen * structure_slices),
        accuracy=accuracy,
        threshold=threshold,
    )


def read(day, *segments, reader="Ann", case=None, purpose="clinical", planted=(), scrolled=True, finished=True):
    seconds = sum(item.seconds.active for item in segments)
    return CaseRead(
        reader=reader,
        case=case or f"case {reader} {day}",
        repeat=1,
        sessions=(),
        purpose=purpose,
        started=START + timedelta(days=float(day)),
        ended=START + timedelta(days=float(day), seconds=seconds),
        finished=finished,
        protocol=None,
        protocol_sha256=None,
        seconds=Seconds(active=seconds),
        slices=200,
        slices_seen=150,
        scrolled=scrolled,
        verdict=None,
        segments=segments,
        planted=planted,
    )


def year(reader="Ann", *, reads=40, days=120, seed=0, time=(1.0, 1.0), dice=(0.9, 0.9), version=VERSION, first=0.0, **courses):
    """AI-anchored reads in which time (a factor) and Dice go in straight lines, with noise."""
    rng = np.random.default_rng(seed)
    made = []
    for number, share in enumerate(np.linspace(0, 1, reads)):
        facts = {
            name: float(np.clip(course[0] + (course[1] - course[0]) * share + rng.normal(0, 0.003), 0, 1))
            for name, course in courses.items()
        }
        active_s = 60 * (time[0] + (time[1] - time[0]) * share) * np.exp(rng.normal(0, 0.1))
        agreement = dice[0] + (dice[1] - dice[0]) * share + rng.normal(0, 0.005)
        drawn = segment(dice=float(min(1.0, agreement)), active_s=float(active_s), model=version, **facts)
        made.append(read(first + share * days, drawn, reader=reader, case=f"{reader} {first} {number}"))
    return made


def ai_free(reader="Ann", *, reads=20, days=120, seed=1, time=(1.0, 1.0)):
    rng = np.random.default_rng(seed)
    return [
        read(share * days, segment(active_s=600 * (time[0] + (time[1] - time[0]) * share) * np.exp(rng.normal(0, 0.1)), model=None),
             reader=reader, case=f"{reader} free {number}")
        for number, share in enumerate(np.linspace(0, 1, reads))
    ]  # fmt: skip


def training(reader="Ann", *, found):
    days = np.linspace(1, 119, len(found))
    return [
        read(day, segment(), reader=reader, case=f"training {number}", purpose="training",
             planted=(PlantedRead("island", "liver", detected, float(detected), 10.0 if detected else None),))
        for number, (day, detected) in enumerate(zip(days, found, strict=True))
    ]  # fmt: skip


def colleagues():
    """Three readers with the same drafts of whom nothing changes."""
    return [item for number, name in enumerate(("Ben", "Cid", "Dee")) for item in year(name, seed=10 + number)]


SIGNS = {"time": (1.0, 0.4), "dice": (0.88, 0.97)}


def only(alerts):
    (alert,) = alerts
    return alert


def support(alert, name):
    return next(item.support for item in (*alert.signs, *alert.corroboration, *alert.alternatives) if item.id == name)


def test_a_read_is_compared_with_reads_of_the_same_structure_only():
    pairs = [("liver", 0.9), ("nodule", 0.6)] * 5
    reads = [read(day, segment(name, dice=dice)) for day, (name, dice) in enumerate(pairs)]
    series = segment_series(reads, lambda r: anchored_segments(r, VERSION), lambda s: s.dice_with_draft, START)
    # Every value is its structure's median: nothing changes over time.
    assert series.values == pytest.approx([0.75] * 10)
    assert series.days == pytest.approx(range(10))


def test_structures_of_one_read_are_one_value():
    reads = [read(day, segment("a", dice=0.8), segment("b", dice=0.9)) for day in range(5)]
    reads.append(read(5, segment("a", dice=0.86), segment("b", dice=0.92)))
    series = segment_series(reads, lambda r: anchored_segments(r, VERSION), lambda s: s.dice_with_draft, START)
    assert len(series) == 6
    assert series.values[-1] - series.values[0] == pytest.approx((0.06 + 0.02) / 2)


def test_reads_of_a_rare_list_of_structures_are_left_out_and_counted():
    reads = [read(day, segment("a", active_s=60)) for day in range(6)]
    reads += [read(6 + day, segment("a", active_s=60), segment("b", active_s=60)) for day in range(4)]
    series = active_time_series(reads, lambda r: anchored_segments(r, VERSION), START)
    assert len(series) == 6
    assert series.left_out == 4


def test_time_of_a_whole_read_counts_also_while_no_segment_was_selected():
    reads = [replace(read(day, segment(active_s=0.0)), seconds=Seconds(active=np.e**2)) for day in range(5)]
    series = active_time_series(reads, lambda r: anchored_segments(r, VERSION), START)
    assert series.values == pytest.approx([2.0] * 5)


def test_beside_a_segment_without_a_draft_only_the_segment_s_own_time_counts():
    reads = [read(day, segment(active_s=np.e**3), segment("lesion", active_s=500, model=None)) for day in range(5)]
    series = active_time_series(reads, lambda r: anchored_segments(r, VERSION), START)
    assert series.values == pytest.approx([3.0] * 5)


def test_a_trend_of_very_many_reads_is_that_of_reads_spread_evenly_over_them():
    days = tuple(float(day) for day in range(2500))
    found = series_trend(ReadSeries(days, tuple(0.01 * day for day in days), 0))
    assert found.n == 834
    assert found.slope_per_30_days == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("count", "n", "lower", "upper"),
    # Newcombe, Stat Med 1998;17:857-872, table I, method 3 (score).
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_intervals_are_newcombe_s(count, n, lower, upper):
    found = proportion([True] * count + [False] * (n - count))
    assert (found.lower, found.upper) == pytest.approx((lower, upper), abs=5e-5)


def test_the_difference_of_two_intervals_is_newcombe_s_square_and_add():
    # Newcombe, Stat Med 1998;17:873-890, table II, contrast (a), method 10: 56/70 - 48/80.
    first, second = (
        Trend(n, found.share, found.lower, found.upper, 0.0, 1.0, 0.95)
        for n, found in ((k, proportion([True] * r + [False] * (k - r))) for r, k in ((56, 70), (48, 80)))
    )
    difference = slope_difference(first, second)
    assert difference.value == pytest.approx(0.2)
    assert (difference.lower, difference.upper) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_slopes_of_different_confidence_are_not_compared():
    narrow, wide = Trend(9, 0.0, -1.0, 1.0, 0.0, 1.0, 0.9), Trend(9, 0.0, -1.0, 1.0, 0.0, 1.0, 0.95)
    with pytest.raises(ValueError, match="cannot be combined"):
        slope_difference(narrow, wide)
    assert slope_difference(replace(wide, lower=None), wide) is None


def test_order_of_yes_and_no_is_kendall_s_tau_b():
    # 3 x 3 pairs of different answers all rise; tau-b = 9 / sqrt(15 * 9).
    order = order_of(range(6), [False, False, False, True, True, True])
    assert order.tau == pytest.approx(9 / np.sqrt(15 * 9))
    assert order_of(range(6), [True] * 6).p is None
    assert order_of([1.0] * 4, [True, False, True, False]).tau is None


def test_less_time_and_more_agreement_alone_are_a_watch():
    alert = only(bias_alerts(year(**SIGNS), "Ann"))
    assert alert.level is Level.WATCH
    assert [sign.support for sign in alert.signs] == [Support.FOR, Support.FOR]


@pytest.mark.parametrize("changes", [{"time": (1.0, 0.4)}, {"dice": (0.88, 0.97)}, {"time": (1.0, 2.0), "dice": (0.97, 0.88)}, {}])
def test_one_sign_alone_is_no_alert(changes):
    alert = only(bias_alerts(year(**changes), "Ann"))
    assert alert.level is Level.NONE
    assert "no proof of careful reading" in alert.summary


@pytest.mark.parametrize(
    ("id_", "more"),
    [
        ("slices_seen", lambda: (year(**SIGNS, seen=(0.95, 0.3)), [])),
        ("ai_free_time", lambda: (year(**SIGNS), [*ai_free(), *colleagues()])),
        ("planted_falling", lambda: (year(**SIGNS), training(found=[True] * 8 + [False] * 8))),
        ("accuracy", lambda: (year(**SIGNS, accuracy=(0.95, 0.85)), [])),
    ],
)
def test_each_corroboration_makes_the_signs_an_alert(id_, more):
    anchored, rest = more()
    alert = only(bias_alerts([*anchored, *rest], "Ann"))
    assert support(alert, id_) is Support.FOR
    assert alert.level is Level.ALERT


def test_less_time_with_drafts_than_without_is_no_alert_where_better_drafts_cannot_be_told_from_it():
    alone = only(bias_alerts([*year(**SIGNS), *ai_free()], "Ann"))
    assert support(alone, "ai_free_time") is Support.FOR
    assert support(alone, "as_with_others") is Support.UNKNOWN
    assert alone.level is Level.WATCH
    assert "does not tell them apart" in alone.summary


def test_drafts_accepted_without_scrolling_more_and_more_are_a_corroboration():
    reads = year(**SIGNS)
    late = [
        replace(item, scrolled=False, segments=tuple(replace(s, added_voxels=0, removed_voxels=0) for s in item.segments))
        for item in reads[20:]
    ]
    alert = only(bias_alerts([*reads[:20], *late], "Ann"))
    assert support(alert, "accepted_without_scrolling") is Support.FOR
    assert alert.level is Level.ALERT


def test_fewer_planted_errors_found_than_by_others_are_a_corroboration():
    others = [item for name in ("Ben", "Cid", "Dee") for item in training(name, found=[True] * 10)]
    reads = [*year(**SIGNS), *training(found=[True, False] * 5), *others]
    alert = only(bias_alerts(reads, "Ann"))
    assert support(alert, "planted_below_others") is Support.FOR
    assert alert.level is Level.ALERT


def test_fewer_than_three_others_are_not_compared_with_because_their_own_numbers_would_show():
    others = [item for name in ("Ben", "Cid") for item in [*training(name, found=[True] * 10), *year(name, seed=5)]]
    alert = only(bias_alerts([*year(**SIGNS), *training(found=[True, False] * 5), *others], "Ann"))
    assert support(alert, "planted_below_others") is Support.UNKNOWN
    assert support(alert, "as_with_others") is Support.UNKNOWN


def test_who_becomes_quicker_without_drafts_too_is_not_alarmed():
    alert = only(bias_alerts([*year(**SIGNS), *ai_free(time=(1.0, 0.4))], "Ann"))
    assert support(alert, "practice") is Support.FOR
    assert support(alert, "ai_free_time") is Support.AGAINST
    assert alert.level is Level.WATCH
    assert alert.summary.endswith("speaks for a good reason: you became quicker without drafts too.")


def test_easier_cases_explain_less_time_and_more_agreement():
    alert = only(bias_alerts([*year(**SIGNS, threshold=(0.8, 0.9), seen=(0.95, 0.3))], "Ann"))
    assert support(alert, "easier_cases") is Support.FOR
    assert alert.level is Level.WATCH


def test_what_changes_with_everybody_is_not_the_reader():
    others = [item for number, name in enumerate(("Ben", "Cid", "Dee")) for item in year(name, seed=10 + number, **SIGNS)]
    alert = only(bias_alerts([*year(**SIGNS, seen=(0.95, 0.3)), *others], "Ann"))
    assert support(alert, "as_with_others") is Support.FOR
    assert alert.level is Level.WATCH


def test_missed_planted_errors_outweigh_every_other_explanation():
    reads = [*year(**SIGNS, threshold=(0.8, 0.9)), *training(found=[True] * 8 + [False] * 8)]
    alert = only(bias_alerts(reads, "Ann"))
    assert support(alert, "easier_cases") is Support.FOR
    assert alert.level is Level.ALERT


def test_who_finds_planted_errors_as_before_knows_the_model():
    reads = [*year(**SIGNS), *ai_free(), *training(found=[True] * 20)]
    alert = only(bias_alerts(reads, "Ann"))
    assert support(alert, "ai_free_time") is Support.FOR
    assert support(alert, "knows_the_model") is Support.FOR
    assert alert.level is Level.WATCH


def test_a_reader_who_misses_planted_errors_all_the_time_is_told_so_without_any_trend():
    alert = only(bias_alerts([*year(), *training(found=[True, False, False, False] * 5)], "Ann"))
    assert alert.level is Level.NONE
    # Wilson's interval of 5 of 20: 11.2 to 46.9 %.
    assert "you found 5 of 20 (25 %; 95 % interval 11 % to 47 %)" in alert.summary
    assert any("from its first slice to its last" in words for words in alert.advice)
    few = only(bias_alerts([*year(reads=10), *training(found=[True, False, False, False] * 5)], "Ann"))
    assert few.level is Level.TOO_FEW
    assert "you found 5 of 20" in few.summary


def test_a_reader_who_finds_most_planted_errors_is_told_nothing_of_them():
    alert = only(bias_alerts([*year(), *training(found=[True, True, True, False] * 5)], "Ann"))
    assert "you found" not in alert.summary


def test_who_finds_more_planted_errors_than_before_but_few_does_not_know_the_model():
    alert = only(bias_alerts([*year(**SIGNS), *training(found=[False] * 16 + [True, False] * 8)], "Ann"))
    assert support(alert, "planted_falling") is Support.AGAINST
    assert support(alert, "knows_the_model") is Support.UNKNOWN


def test_whether_cases_became_easier_is_open_where_the_interval_holds_no_change():
    alert = only(bias_alerts(year(**SIGNS, threshold=(0.8, 0.8)), "Ann"))
    assert support(alert, "easier_cases") is Support.UNCLEAR
    harder = only(bias_alerts(year(**SIGNS, threshold=(0.9, 0.8)), "Ann"))
    assert support(harder, "easier_cases") is Support.AGAINST


def test_a_better_version_is_not_taken_for_a_lazier_reader():
    newer = ModelVersion("LiverNet", "2.0")
    reads = [
        *year(reads=30, days=100, dice=(0.88, 0.88)),
        *year(reads=30, days=100, first=101, version=newer, dice=(0.97, 0.97), time=(0.3, 0.3), seed=2),
    ]
    first, second = bias_alerts(reads, "Ann")
    assert (first.model_version, second.model_version) == ("1.0", "2.0")
    assert first.level is second.level is Level.NONE
    # The same reads under one version number are both signs.
    same = [replace(r, segments=tuple(replace(s, model_version="1.0") for s in r.segments)) for r in reads]
    assert only(bias_alerts(same, "Ann")).level is Level.WATCH


@pytest.mark.parametrize("short", [{"reads": 24}, {"days": 59}])
def test_too_few_reads_or_days_are_not_judged(short):
    alert = only(bias_alerts(year(**SIGNS, **short), "Ann"))
    assert alert.level is Level.TOO_FEW
    assert not alert.signs
    assert str(RULE.fewest_reads) in alert.summary


def test_later_reads_do_not_count_when_asked_for_an_earlier_moment():
    alert = only(bias_alerts(year(**SIGNS), "Ann", until=START + timedelta(days=30)))
    assert alert.level is Level.TOO_FEW
    assert alert.reads == sum(day <= 30 for day in np.linspace(0, 120, 40))


def test_training_and_unfinished_reads_are_no_trend():
    reads = year(**SIGNS)
    assert bias_alerts([replace(item, purpose="training") for item in reads], "Ann") == ()
    assert bias_alerts([replace(item, finished=False) for item in reads], "Ann") == ()
    assert bias_alerts(reads, "Ben") == ()


def test_a_small_change_is_none_however_sure_it_is():
    alert = only(bias_alerts(year(reads=300, time=(1.0, 0.9), dice=(0.9, 0.904)), "Ann"))
    assert alert.signs[0].upper < 0
    assert alert.level is Level.NONE


def test_the_alert_is_private_and_names_nobody_else():
    others = [item for name in ("Ben", "Cid", "Dee") for item in [*year(name, seed=7), *training(name, found=[True] * 10)]]
    alert = only(bias_alerts([*year(**SIGNS), *training(found=[True, False] * 5), *others], "Ann"))
    assert alert.private_to == "Ann"
    words = repr(alert)
    assert not any(name in words for name in ("Ben", "Cid", "Dee"))


def test_what_the_reader_is_told_never_accuses():
    alert = only(bias_alerts([*year(**SIGNS, seen=(0.95, 0.3)), *training(found=[False] * 16)], "Ann"))
    words = " ".join([alert.summary, *alert.advice, *(item.words for item in (*alert.corroboration, *alert.alternatives))])
    assert "not a judgement" in words
    assert "planted errors" in words
    for accusing in ("careless", "lazy", "fail", "score", "fault of yours", "must"):
        assert accusing not in words.lower()


def test_every_piece_of_evidence_has_numbers_and_n():
    reads = [*year(**SIGNS, seen=(0.95, 0.3)), *ai_free(), *training(found=[True, False] * 8)]
    alert = only(bias_alerts(reads, "Ann"))
    for item in (*alert.signs, *alert.corroboration):
        assert item.words.endswith(".")
        if item.support is not Support.UNKNOWN:
            assert item.n > 0
            assert item.unit
    time, dice = alert.signs
    assert time.lower < time.value < time.upper < 0
    assert 0 < dice.lower < dice.value < dice.upper
    # 1.0 to 0.4 in 120 days is -20.5 % in 30 days, if it fell by the same factor each day; the line here is straight.
    assert time.value == pytest.approx(100 * (0.4 ** (30 / 120) - 1), abs=3)
    assert dice.value == pytest.approx(0.09 / 4, abs=0.002)


def test_many_segments_taken_unchanged_have_no_interval_and_say_why():
    reads = [replace(item, segments=tuple(replace(s, added_voxels=0, removed_voxels=0) for s in item.segments)) for item in year()]
    alert = only(bias_alerts(reads, "Ann"))
    assert alert.level is Level.NONE
    assert "None" not in " ".join(item.words for item in (*alert.signs, *alert.corroboration))


SIGN = Evidence("x", Support.FOR, "", 1, "")


def test_each_measure_is_followed_version_by_version_and_without_drafts():
    newer = ModelVersion("LiverNet", "2.0")
    reads = [*year(seen=(0.9, 0.5)), *year(first=121, version=newer, reads=10), *ai_free(), *year("Ben", reads=7)]
    trends = reading_trends(reads, "Ann")
    found = {(item.model_version, item.measure.id): item for item in trends}
    assert set(found) == {
        ("1.0", "log_active_time"),
        ("1.0", "dice_with_draft"),
        ("1.0", "accepted_unchanged"),
        ("1.0", "slices_seen"),
        ("2.0", "log_active_time"),
        ("2.0", "dice_with_draft"),
        ("2.0", "accepted_unchanged"),
        ("2.0", "slices_seen"),
        (None, "log_active_time"),
        (None, "slices_seen"),
    }
    assert len(found["1.0", "dice_with_draft"].series) == 40
    assert found["1.0", "slices_seen"].trend.slope_per_30_days == pytest.approx(-0.4 / 4, abs=0.01)
    assert len(found[None, "log_active_time"].series) == 20
    # All readers together: Ben's seven reads too.
    everybody = {(item.model_version, item.measure.id): item for item in reading_trends(reads)}
    assert len(everybody["1.0", "dice_with_draft"].series) == 47
    assert reading_trends([]) == ()


FLAT = Trend(30, 0.0, -1.0, 1.0, 0.0, 1.0, 0.95)


@pytest.mark.parametrize(
    ("both", "found", "explained", "level"),
    [
        (False, "planted_falling", False, Level.NONE),
        (True, None, False, Level.WATCH),
        (True, "slices_seen", False, Level.ALERT),
        (True, "slices_seen", True, Level.WATCH),
        (True, "planted_falling", True, Level.ALERT),
        (True, "planted_below_others", True, Level.ALERT),
    ],
)
def test_the_rule_is_its_table(both, found, explained, level):
    corroboration = () if found is None else (replace(SIGN, id=found),)
    alternatives = (Alternative("practice", Support.FOR if explained else Support.UNKNOWN, ""),)
    second = SIGN if both else replace(SIGN, support=Support.UNCLEAR)
    assert level_of(Signs((SIGN, second), FLAT, FLAT), corroboration, alternatives) is level


def scenario(name):
    return next(item for item in SCENARIOS if item.name == name)


SHORT = Period(anchored=50, ai_free=12, planted=12)


@pytest.mark.parametrize("name", ["attentive", "attentive, new and better version"])
def test_attentive_simulated_readers_are_hardly_ever_alarmed(name):
    rate = alarm_rate(scenario(name), SHORT, 40, seed=501)
    # Both intervals of 95 % must lie on one side: by chance in 2.5 % of readers at the most.
    assert rate.alert.count <= binom.ppf(0.999, 40, 0.025)


def test_simulated_readers_who_stop_looking_are_found():
    rate = alarm_rate(scenario("over-reliant, attention 0.92 to 0.2"), SHORT, 15, seed=502)
    # At least four of five: fewer than 8 of 15 would then come in less than one of a hundred tests.
    assert rate.alert.count >= binom.ppf(0.01, 15, 0.8)


@pytest.mark.parametrize("seed", [1, 2])
def test_of_a_simulated_department_the_over_reliant_reader_alone_is_alarmed(seed):
    readers = simulated_readers(6)
    planned = simulated_reads(np.random.default_rng(seed), readers, MODELS[:1], 600)
    reads = [simulated_case_read(plan) for plan in planned]
    alarmed = {reader.kind for reader in readers if any(a.level is Level.ALERT for a in bias_alerts(reads, reader.name))}
    assert alarmed == {"over-reliant"}
