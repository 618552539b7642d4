"""The times of a session, counted again from its log."""

from __future__ import annotations

from SegQCLib.readers.edit_times import LONGEST_SILENCE_S, Context, EditTimes
from SegQCLib.readers.log_events import EventKind
from SegQCLib.readers.session_log import LogEvent, StoredLog

_TICK_S = 1.0


def times_of(log: StoredLog) -> EditTimes:
    """Return the times of a log, from its first event to its last; after a crash that is the last second before it.

    Seconds without an event are those in which the reader did nothing and the program answered. A clock that goes
    backwards stands still meanwhile. Of many logs `session_effort` counts the same sooner.
    """
    now = log.events[0].monotonic_s if log.events else log.header.monotonic_s
    times = EditTimes(lambda: now)
    for event in log.events:
        held_up_s = float(event.facts["seconds"]) if event.kind == EventKind.WAITED else 0.0
        while event.monotonic_s - held_up_s - now > LONGEST_SILENCE_S:
            now += _TICK_S
            times.tick()
        if held_up_s:
            now = max(now, event.monotonic_s - held_up_s)
            times.tick()
        now = max(now, event.monotonic_s)
        _repeat(event, times)
    return times


def _repeat(event: LogEvent, times: EditTimes) -> None:
    facts = event.facts
    if event.kind in (EventKind.ACTIVITY, EventKind.EDIT):
        times.activity()
    elif event.kind == EventKind.CONTEXT:
        times.context(Context(facts["segment"] and facts["segment"]["id"], facts["effect"]))
    elif event.kind == EventKind.FOCUS:
        times.focus(facts["in_front"])
    elif event.kind == EventKind.PAUSED:
        times.pause(facts["reason"])
    elif event.kind == EventKind.RESUMED:
        times.resume()
    elif event.kind == EventKind.IDLE_LIMIT:
        times.tick()
        times.set_idle_after(facts["seconds"])
    else:
        times.tick()
