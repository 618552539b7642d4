"""What a run tells of itself: on a terminal a line, otherwise JSON."""

import io
import json

import pytest

from SegQCLib.cohort.case_outcome import CaseOutcome, Outcome
from SegQCLib.cohort.cohort_case import CaseFault
from SegQCLib.cohort.cohort_progress import ProgressCount, shown_progress, words_of

KEY = "ab" * 32


def evaluated(case, *, kept=False):
    return CaseOutcome(case, KEY, Outcome.EVALUATED, kept)


def refused(case):
    return CaseOutcome(case, KEY, Outcome.REFUSED, fault=CaseFault("a.nii", "is empty.", "Copy it again."))


class Clock:
    def __init__(self):
        self.now_s = 0.0

    def __call__(self):
        return self.now_s


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_rate_is_that_of_computed_cases_and_says_how_long_the_rest_takes():
    clock = Clock()
    count = ProgressCount(20, clock)
    for n in range(10):
        progress = count.add(evaluated(f"old {n}", kept=True))
    assert (progress.kept, progress.cases_per_minute, progress.remaining_s) == (10, None, None)
    clock.now_s = 100.0
    count.begin_computing()
    for n in range(4):
        clock.now_s += 5.0
        progress = count.add(evaluated(f"new {n}"))
    assert (progress.done, progress.evaluated, progress.cases_per_minute) == (14, 4, 12.0)
    assert progress.remaining_s == pytest.approx(6 * 5.0)


def test_the_rate_cannot_be_said_of_two_cases():
    clock = Clock()
    count = ProgressCount(9, clock)
    for n in range(2):
        clock.now_s += 1.0
        progress = count.add(evaluated(str(n)))
    assert progress.cases_per_minute is None


def test_a_program_is_told_at_most_once_a_second_and_of_each_fault_and_of_the_end():
    clock, stream = Clock(), io.StringIO()
    tell, count = shown_progress(stream, clock), ProgressCount(10, clock)
    for n in range(10):
        clock.now_s += 0.2
        tell(count.add(refused("broken") if n == 4 else evaluated(str(n))))
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["progress", "refused", "progress", "progress"]
    assert [line["done"] for line in lines if line["event"] == "progress"] == [1, 5, 10]
    assert lines[1]["case"] == "broken"
    assert lines[-1] == {
        "event": "progress", "done": 10, "total": 10, "evaluated": 9, "kept": 0, "refused": 1, "failed": 0,
        "cases_per_minute": 300.0, "remaining_s": 0.0,
    }  # fmt: skip


def test_the_line_says_how_many_cases_were_kept():
    count = ProgressCount(3, Clock())
    count.add(evaluated("1", kept=True))
    assert words_of(count.add(evaluated("2"))) == "[#############-------] 2/3  1 kept"


def test_a_terminal_shows_one_line_and_each_fault_above_it_once():
    clock, stream = Clock(), Terminal()
    tell, count = shown_progress(stream, clock), ProgressCount(4, clock)
    for outcome in (evaluated("1"), refused("2"), evaluated("3"), evaluated("4")):
        clock.now_s += 30.0
        tell(count.add(outcome))
    text = stream.getvalue()
    assert text.count("2: refused: a.nii: is empty. Copy it again.\n") == 1
    assert text.count("\n") == 1
    assert "[###############-----] 3/4  2 cases/min  30 s left  1 refused" in text
    assert text.endswith("\r")


def test_hours_are_told_as_hours():
    clock = Clock()
    count = ProgressCount(1000, clock)
    for n in range(3):
        clock.now_s += 60.0
        progress = count.add(evaluated(str(n)))
    assert words_of(progress).endswith("16 h 37 min left")


def test_thousands_of_faults_do_not_flood_a_terminal():
    clock, stream = Clock(), Terminal()
    tell, count = shown_progress(stream, clock), ProgressCount(3000, clock)
    for n in range(3000):
        clock.now_s += 0.5
        tell(count.add(refused(f"case {n}")))
    lines = stream.getvalue().split("\n")
    assert len(lines) == 22
    assert "case 19: refused" in lines[19]
    assert "only counted; each has its error.json" in lines[20]
    assert "2999 refused" in lines[21]


def test_a_narrow_terminal_loses_the_bar_first(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    stream, count = Terminal(), ProgressCount(900, Clock())
    shown_progress(stream, Clock())(count.add(evaluated("1")))
    assert stream.getvalue() == f"\r{'1/900':<19}\r"
