"""A reader's own reading: from the own logs alone, with numbers that follow from what the logs say."""

import os
from dataclasses import replace

import pytest

from own_reading_logs import a_read
from SegQCLib.automation_bias.model_version import ModelVersion
from SegQCLib.automation_bias.rule import Level
from SegQCLib.errors import BadDataError, Cancelled
from SegQCLib.my_reading.alert_html import alerts_html
from SegQCLib.my_reading.own_alerts import own_alerts
from SegQCLib.my_reading.own_check import check_own_logs, check_words
from SegQCLib.my_reading.own_logs import own_sessions
from SegQCLib.my_reading.own_reading import own_reading, summary_words
from SegQCLib.my_reading.plot_points import reading_plots
from SegQCLib.my_reading.row_texts import course_texts, read_texts

DRAFT = ModelVersion("LiverNet", "2.0")


def test_a_row_says_what_the_log_says(tmp_path):
    a_read(tmp_path, 0, active_s=120, changed=100)
    (row,) = own_reading(tmp_path, "Dr A", {}).rows
    assert (row.case, row.structure, row.draft, row.finished, row.purpose) == ("Case 0", "liver", DRAFT, True, "clinical")
    assert row.active_min == pytest.approx(2.0)
    # 1,100 voxels of 1 mL in 2 min; 100 of 1,000 draft voxels changed; 2 * 1000 / 2100; slices 12 to 16 of 10 to 19.
    assert row.minutes_per_ml == pytest.approx(2 / 1100)
    assert row.changed_part == pytest.approx(0.1)
    assert row.dice_with_draft == pytest.approx(2000 / 2100)
    assert (row.slices_seen, row.slices) == (5, 10)
    assert read_texts(row) == {
        "started": "2026-01-01 08:00", "case": "Case 0", "structure": "liver", "draft": "LiverNet 2.0", "active_min": "2.0",
        "minutes_per_ml": "0.0018", "changed_part": "10.0 %", "dice_with_draft": "0.952", "slices_seen": "5 of 10",
    }  # fmt: skip


def test_without_a_draft_nothing_is_compared_with_one(tmp_path):
    a_read(tmp_path, 0, drafted=False, done=False, purpose="training")
    texts = read_texts(own_reading(tmp_path, "Dr A", {}).rows[0])
    assert (texts["draft"], texts["changed_part"], texts["dice_with_draft"]) == ("AI-free", None, None)
    assert texts["case"] == "Case 0 [training, not finished]"


def test_the_newest_read_comes_first_and_a_second_one_says_so(tmp_path):
    for day in (0, 1):
        a_read(tmp_path, day, case="Case 7")
    assert [row.case for row in own_reading(tmp_path, "Dr A", {}).rows] == ["Case 7 (2)", "Case 7"]


def test_logs_of_others_are_not_even_opened(tmp_path):
    a_read(tmp_path, 0)
    other = a_read(tmp_path, 1, reader="Dr B")
    other.write_bytes(b"no log at all\n")
    own = own_reading(tmp_path, "Dr A", {})
    assert (len(own.reads), own.left_out) == (1, ())


def test_of_two_names_that_are_one_in_a_file_name_the_header_decides(tmp_path):
    a_read(tmp_path, 0, reader="Dr A")
    a_read(tmp_path, 1, reader="Dr. A")
    assert {read.reader for read in own_reading(tmp_path, "Dr. A", {}).reads} == {"Dr. A"}


def test_a_name_counts_however_its_letters_are_composed(tmp_path):
    a_read(tmp_path, 0, reader="Éva")
    assert len(own_reading(tmp_path, "E\u0301va ", {}).reads) == 1


def test_a_year_is_shown_and_what_is_older_is_counted(tmp_path):
    for day in (-380, -370, 0, 10):
        a_read(tmp_path, day)
    own = own_reading(tmp_path, "Dr A", {})
    assert ([read.case for read in own.reads], own.older) == (["Case 0", "Case 10"], 2)
    assert "2 older logs stay in the folder" in summary_words(own)


def test_a_clock_that_was_once_set_ahead_hides_no_true_reads(tmp_path):
    for day in (0, 10, 36500):
        a_read(tmp_path, day)
    own = own_reading(tmp_path, "Dr A", {})
    assert [read.case for read in own.reads] == ["Case 0", "Case 10", "Case 36500"]


def test_a_case_of_this_year_keeps_its_older_logs(tmp_path):
    a_read(tmp_path, 0, case="Case 7")
    a_read(tmp_path, 400, case="Case 7")
    assert [read.repeat for read in own_reading(tmp_path, "Dr A", {}).reads] == [1, 2]


def test_a_damaged_log_is_left_out_and_said(tmp_path):
    a_read(tmp_path, 0)
    path = a_read(tmp_path, 1)
    path.write_bytes(path.read_bytes().replace(b'"mouse": 1', b'"mouse": 9', 1))
    own = own_reading(tmp_path, "Dr A", {})
    assert [read.case for read in own.reads] == ["Case 0"]
    assert own.left_out[0].startswith(path.name)
    assert "1 log cannot be read" in summary_words(own)


def test_work_that_was_stopped_goes_on_where_it_was(tmp_path):
    for day in range(3):
        a_read(tmp_path, day)
    known, told = {}, []

    def stop_at_the_second(words, share):
        told.append(words)
        if len(told) > 1:
            raise Cancelled

    with pytest.raises(Cancelled):
        own_sessions(tmp_path, "Dr A", known, stop_at_the_second)
    # The newest was read; it would be found damaged if it were read again.
    (path,) = known
    assert "Case-2" in path.name
    before = path.stat()
    path.write_bytes(b"x" * before.st_size)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert own_sessions(tmp_path, "Dr A", known).left_out == ()


def test_a_log_that_grew_is_read_again(tmp_path):
    path = a_read(tmp_path, 0, done=False)
    known = {}
    assert not own_reading(tmp_path, "Dr A", known).reads[0].finished
    path.unlink()
    a_read(tmp_path, 0, done=True, session=path.name.split("_")[-1][:8] + "0" * 24)
    assert own_reading(tmp_path, "Dr A", known).reads[0].finished


def test_no_folder_is_no_reading_and_no_name_is_misuse(tmp_path):
    own = own_reading(tmp_path / "none", "Dr A", {})
    assert own.reads == ()
    assert "no session log of yours" in summary_words(own)
    with pytest.raises(ValueError, match="name"):
        own_reading(tmp_path, " ", {})


def test_versions_of_a_model_are_courses_of_their_own(tmp_path):
    for day in range(6):
        a_read(tmp_path, 30 * day, active_s=100)
    for day in range(5):
        a_read(tmp_path, 200 + 30 * day, version="3.0", active_s=40)
    a_read(tmp_path, 1, drafted=False, active_s=300)
    own = own_reading(tmp_path, "Dr A", {})
    free, old, new = own.courses
    assert [(course.draft, course.reads) for course in own.courses] == [
        (None, 1), (DRAFT, 6), (ModelVersion("LiverNet", "3.0"), 5),
    ]  # fmt: skip
    assert [course.active_min for course in (free, old, new)] == pytest.approx([5.0, 100 / 60, 40 / 60])
    # Thrown together they would seem to fall.
    assert old.trend.slope_per_30_days == pytest.approx(0.0, abs=1e-9)
    assert course_texts(free)["trend"] is None


def test_the_trend_is_a_share_of_the_time(tmp_path):
    # Half as long every 30 days: 1,600, 800 ... 100 s.
    for month in range(5):
        a_read(tmp_path, 30 * month, active_s=1600 // 2**month)
    (course,) = own_reading(tmp_path, "Dr A", {}).courses
    assert course.trend.slope_per_30_days == pytest.approx(-50.0)
    assert course_texts(course)["trend"].startswith("−50.0 %")


def test_the_summary_names_medians_with_their_reads(tmp_path):
    for day, minutes in enumerate((1, 2, 6)):
        a_read(tmp_path, day, active_s=60 * minutes)
    a_read(tmp_path, 3, drafted=False, active_s=600)
    words = summary_words(own_reading(tmp_path, "Dr A", {}))
    assert "4 reads of 4 cases from 2026-01-01 to 2026-01-04" in words
    assert "2.0 min with AI drafts (3 reads), 10.0 min without (1 read)" in words


def test_simulated_reads_say_so_first(tmp_path):
    a_read(tmp_path, 0, simulated=True)
    assert summary_words(own_reading(tmp_path, "Dr A", {})).startswith("SIMULATED")


def test_plots_keep_ai_free_apart_and_leave_training_out(tmp_path):
    a_read(tmp_path, 0, active_s=60)
    a_read(tmp_path, 10, drafted=False, active_s=240)
    a_read(tmp_path, 20, purpose="training")
    a_read(tmp_path, 30, done=False)
    time, dice = reading_plots(own_reading(tmp_path, "Dr A", {}).rows, "liver")
    assert [(one.name, one.days) for one in time.series] == [("AI-free", (10.0,)), ("AI-anchored", (0.0,))]
    assert [one.values for one in time.series] == [pytest.approx((4.0,)), pytest.approx((1.0,))]
    assert time.series[1].labels == ("Case 0, 2026-01-01, LiverNet 2.0",)
    assert [one.name for one in dice.series] == ["AI-anchored"]
    assert reading_plots(own_reading(tmp_path, "Dr A", {}).rows, "spleen") == ()


def faster_and_closer(folder, n=30):
    """A reader who takes less and less time, and changes less and less of the drafts; without drafts as long as ever."""
    for number in range(n):
        a_read(folder, 5 * number, active_s=600 - 16 * number, changed=300 - 10 * number)
        a_read(folder, 5 * number + 1, drafted=False, active_s=600 + 8 * (number % 3))


def test_the_own_alert_names_what_was_not_compared(tmp_path):
    faster_and_closer(tmp_path)
    own = own_reading(tmp_path, "Dr A", {})
    (alert,) = own.alerts
    assert alert.level in (Level.ALERT, Level.WATCH)
    words = alerts_html(own.alerts)
    assert "only your own logs are opened" in words
    assert "0 other readers" not in words
    assert "Only you are shown this" in words
    assert "careless" not in words.lower()
    with pytest.raises(ValueError, match="one reader"):
        own_alerts([*own.reads, replace(own.reads[0], reader="Dr B")], "Dr A")


def test_names_in_an_alert_are_no_html(tmp_path):
    a_read(tmp_path, 0, version="<b>2</b>")
    assert "<b>2</b>" not in alerts_html(own_reading(tmp_path, "Dr A", {}).alerts)
    assert "no finished clinical read" in alerts_html(())


def test_the_check_tells_of_own_logs_and_only_that_others_should_be_looked_at(tmp_path):
    path = a_read(tmp_path, 0)
    a_read(tmp_path, 1)
    other = a_read(tmp_path, 2, reader="Dr B", case="Secret")
    assert check_words(check_own_logs(tmp_path, "Dr A")) == "Your 2 logs in this folder: every line as SegQC wrote it."
    for damaged in (path, other):
        damaged.write_bytes(damaged.read_bytes().replace(b'"mouse": 1', b'"mouse": 9', 1))
    check = check_own_logs(tmp_path, "Dr A")
    words = check_words(check)
    assert (check.logs, len(check.damaged), check.others_damaged) == (2, 1, True)
    assert path.name in words
    assert "Secret" not in words
    assert "Dr-B" not in words
    with pytest.raises(BadDataError, match="is no folder"):
        check_own_logs(tmp_path / "none", "Dr A")


def test_twenty_thousand_logs_of_others_are_passed_over_by_name(tmp_path):
    # Empty files: whoever opens one finds it damaged.
    for number in range(20_000):
        (tmp_path / f"Case-{number}_Dr-B_20260101T080000Z_{number:08x}.session-log.jsonl").touch()
    a_read(tmp_path, 0)
    told = []
    own = own_reading(tmp_path, "Dr A", {}, lambda words, _share: told.append(words))
    assert (len(own.reads), own.left_out) == (1, ())
    assert told[0] == "Reading your session logs: 1 of 1"
