"""The reader's stopwatch: arithmetic on a clock that the test moves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from SegQCLib.readers.edit_times import Context, EditTimes, ReaderState, Seconds
from SegQCLib.readers.log_times import times_of
from SegQCLib.readers.session_log import LogEvent, new_header, read_log, write_log

PAINT_LIVER, ERASE_LIVER = Context("liver", "Paint"), Context("liver", "Erase")


class Clock:
    """A clock in quarter seconds, which add up without rounding."""

    def __init__(self, start_s=1000.0):
        self.now_s = self.start_s = start_s

    def __call__(self):
        return self.now_s


class Watched:
    """Times with ticks once a second, as the panel's timer gives them."""

    def __init__(self, idle_after_s=30.0):
        self.clock = Clock()
        self.times = EditTimes(self.clock, idle_after_s)

    def quiet(self, seconds):
        """Let time pass with nothing done."""
        whole, rest = divmod(seconds, 1.0)
        for _ in range(int(whole)):
            self.clock.now_s += 1.0
            self.times.tick()
        self.clock.now_s += rest

    def active(self, seconds):
        """Let time pass with the mouse moving every second."""
        whole, rest = divmod(seconds, 1.0)
        for step in [1.0] * int(whole) + [rest]:
            self.clock.now_s += step
            self.times.activity()


def test_time_between_activities_closer_than_the_limit_is_active():
    watched = Watched()
    watched.quiet(29.0)
    watched.times.activity()
    watched.quiet(29.75)
    watched.times.activity()
    assert watched.times.total() == Seconds(active=58.75)
    assert watched.times.state is ReaderState.ACTIVE


def test_idle_time_is_counted_back_to_the_last_activity():
    watched = Watched()
    watched.active(10.0)
    watched.quiet(29.0)
    assert watched.times.total() == Seconds(active=39.0)
    watched.quiet(1.0)
    assert watched.times.state is ReaderState.IDLE
    assert watched.times.total() == Seconds(active=10.0, idle=30.0)
    watched.quiet(15.0)
    watched.active(5.0)
    # The first second of the new activity was quiet until its end.
    assert watched.times.total() == Seconds(active=14.0, idle=46.0)


def test_the_idle_limit_can_be_set():
    watched = Watched(idle_after_s=5.0)
    watched.quiet(5.0)
    assert watched.times.total() == Seconds(idle=5.0)
    watched.times.activity()
    watched.times.set_idle_after(60.0)
    watched.quiet(50.0)
    assert watched.times.total() == Seconds(active=50.0, idle=5.0)
    with pytest.raises(ValueError, match="larger than 0 s"):
        watched.times.set_idle_after(0.0)


def test_time_belongs_to_the_segment_and_effect_that_were_chosen():
    watched = Watched()
    watched.active(3.0)
    watched.times.context(PAINT_LIVER)
    watched.active(10.0)
    watched.times.context(ERASE_LIVER)
    watched.active(5.0)
    watched.times.context(PAINT_LIVER)
    watched.active(2.0)
    assert watched.times.totals() == {
        Context(None, None): Seconds(active=3.0),
        PAINT_LIVER: Seconds(active=12.0),
        ERASE_LIVER: Seconds(active=5.0),
    }


def test_idle_time_of_two_contexts_goes_back_to_each():
    watched = Watched()
    watched.times.context(PAINT_LIVER)
    watched.active(1.0)
    watched.quiet(10.0)
    # A script that selects another segment is no activity of the reader.
    watched.times.context(ERASE_LIVER)
    watched.quiet(20.0)
    assert watched.times.totals() == {PAINT_LIVER: Seconds(active=1.0, idle=10.0), ERASE_LIVER: Seconds(idle=20.0)}


def test_time_in_another_program_is_idle_at_once():
    watched = Watched()
    watched.active(10.0)
    watched.quiet(2.0)
    watched.times.focus(False)
    watched.quiet(5.0)
    assert watched.times.state is ReaderState.IDLE
    watched.times.focus(True)
    watched.quiet(3.0)
    assert watched.times.total() == Seconds(active=15.0, idle=5.0)
    assert watched.times.state is ReaderState.ACTIVE


def test_a_pause_is_neither_active_nor_idle():
    watched = Watched()
    watched.active(10.0)
    watched.times.pause("telephone")
    assert (watched.times.state, watched.times.pause_reason) == (ReaderState.PAUSED, "telephone")
    watched.quiet(100.0)
    watched.times.resume()
    watched.active(1.0)
    assert watched.times.total() == Seconds(active=11.0, paused=100.0)


def test_a_program_that_does_not_answer_makes_the_reader_wait():
    watched = Watched()
    watched.active(10.0)
    watched.clock.now_s += 40.0
    assert watched.times.tick() == 40.0
    watched.quiet(20.0)
    watched.times.activity()
    # 40 s of waiting bring idleness no nearer: 20 s without activity are active.
    assert watched.times.total() == Seconds(active=30.0, wait=40.0)


@pytest.mark.parametrize(("late_s", "wait_s"), [(1.5, 0.0), (1.75, 1.75)])
def test_waiting_begins_beyond_one_and_a_half_seconds_of_silence(late_s, wait_s):
    watched = Watched()
    watched.clock.now_s += late_s
    assert watched.times.tick() == wait_s
    assert watched.times.total().wait == wait_s


def test_a_computer_that_slept_kept_nobody_waiting():
    watched = Watched()
    watched.active(10.0)
    watched.clock.now_s += 8 * 3600.0
    assert watched.times.tick() == 0.0
    assert watched.times.total() == Seconds(active=10.0, idle=8 * 3600.0)


def test_nobody_waits_in_a_pause_or_in_another_program():
    watched = Watched()
    watched.times.pause("telephone")
    watched.clock.now_s += 10.0
    assert watched.times.tick() == 0.0
    watched.times.resume()
    watched.times.focus(False)
    watched.clock.now_s += 10.0
    assert watched.times.tick() == 0.0
    assert watched.times.total() == Seconds(paused=10.0, idle=10.0)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["activity", "focus", "away", "pause", "resume", "tick", "paint", "erase", "limit"]),
        st.integers(0, 200).map(lambda quarters: quarters / 4),
    ),
    max_size=60,
)


def do(times, step):
    actions = {
        "activity": times.activity,
        "focus": lambda: times.focus(True),
        "away": lambda: times.focus(False),
        "pause": lambda: times.pause("coffee"),
        "resume": times.resume,
        "tick": times.tick,
        "paint": lambda: times.context(PAINT_LIVER),
        "erase": lambda: times.context(ERASE_LIVER),
        "limit": lambda: times.set_idle_after(7.0),
    }
    return actions[step]()


@given(STEPS)
def test_the_sums_are_the_elapsed_time_whatever_happens(steps):
    clock = Clock()
    times = EditTimes(clock)
    for step, seconds in steps:
        clock.now_s += seconds
        do(times, step)
    times.tick()
    assert times.total().total == clock.now_s - clock.start_s
    assert all(min(seconds.active, seconds.idle, seconds.wait, seconds.paused) >= 0 for seconds in times.totals().values())


@given(st.lists(st.integers(1, 400).map(lambda quarters: quarters / 4), min_size=1, max_size=30))
def test_gaps_as_long_as_the_limit_are_idle_and_shorter_ones_active(gaps):
    watched = Watched()
    for gap in gaps:
        watched.quiet(gap)
        watched.times.activity()
    assert watched.times.total() == Seconds(active=sum(g for g in gaps if g < 30), idle=sum(g for g in gaps if g >= 30))


@given(STEPS)
def test_time_never_goes_back_from_idle_waiting_or_paused(steps):
    clock = Clock()
    times = EditTimes(clock)
    before = times.total()
    for step, seconds in steps:
        clock.now_s += seconds
        do(times, step)
        after = times.total()
        assert all(getattr(after, kind) >= getattr(before, kind) for kind in ("idle", "wait", "paused", "total"))
        before = after


def test_times_are_counted_again_from_the_log(tmp_path):
    """40 s of a session that is written with its times, as they would come from the clock."""
    events = [
        (0.0, "logging_started", {}),
        (0.0, "idle_limit", {"seconds": 10.0}),
        (0.0, "context", {"segment": {"id": "liver", "name": "Liver"}, "effect": "Paint"}),
        (4.0, "activity", {"mouse": 12}),
        (9.0, "edit", {"segments": []}),
        (15.0, "waited", {"seconds": 5.0}),
        (15.0, "context", {"segment": {"id": "liver", "name": "Liver"}, "effect": "Erase"}),
        (16.0, "activity", {"key": 1}),
        # 12 s without anything: idle.
        (28.0, "activity", {"mouse": 1}),
        (30.0, "focus", {"in_front": False}),
        (33.0, "focus", {"in_front": True}),
        (34.0, "paused", {"reason": "telephone"}),
        (38.0, "resumed", {}),
        (40.0, "logging_stopped", {}),
    ]
    lines = [
        LogEvent(number, "2026-11-22T08:00:00.000+01:00", 500.0 + seconds, kind, facts)
        for number, (seconds, kind, facts) in enumerate(events, start=1)
    ]
    path = write_log(tmp_path, new_header("case", "reader", None, {}), lines)
    assert times_of(read_log(path)).totals() == {
        PAINT_LIVER: Seconds(active=10.0, wait=5.0),
        ERASE_LIVER: Seconds(active=6.0, idle=15.0, paused=4.0),
    }
