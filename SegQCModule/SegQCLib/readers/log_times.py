"""The times of a session, counted again from its log."""

from __future__ import annotations

from SegQCLib.readers.edit_log import LogEvent, StoredLog
from SegQCLib.readers.edit_times import LONGEST_SILENCE_S, Context, EditTimes

_TICK_S = 1.0

# Kinds of events that times follow from; written by the Editing panel, and stored: never rename.
STARTED = "logging_started"
ACTIVITY = "activity"
CONTEXT = "context"
FOCUS = "focus"
PAUSED = "paused"
RESUMED = "resumed"
WAITED = "waited"
IDLE_LIMIT = "idle_limit"
EDIT = "edit"
STOPPED = "logging_stopped"


def times_of(log: StoredLog) -> EditTimes:
    """Return the times of a log, from its first event to its last; after a crash that is the last second before it.

    Seconds without an event are those in which the reader did nothing and the program answered.
    """
    now = log.events[0].monotonic_s if log.events else log.header.monotonic_s
    times = EditTimes(lambda: now)
    for event in log.events:
        held_up_s = float(event.facts["seconds"]) if event.kind == WAITED else 0.0
        while event.monotonic_s - held_up_s - now > LONGEST_SILENCE_S:
            now += _TICK_S
            times.tick()
        if held_up_s:
            now = max(now, event.monotonic_s - held_up_s)
            times.tick()
        now = event.monotonic_s
        _repeat(event, times)
    return times


def _repeat(event: LogEvent, times: EditTimes) -> None:
    facts = event.facts
    if event.kind in (ACTIVITY, EDIT):
        times.activity()
    elif event.kind == CONTEXT:
        times.context(Context(facts["segment_id"], facts["effect"]))
    elif event.kind == FOCUS:
        times.focus(facts["in_front"])
    elif event.kind == PAUSED:
        times.pause(facts["reason"])
    elif event.kind == RESUMED:
        times.resume()
    elif event.kind == IDLE_LIMIT:
        times.tick()
        times.set_idle_after(facts["seconds"])
    else:
        times.tick()
