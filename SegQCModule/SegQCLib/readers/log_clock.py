"""The times of a session while its log is read: the rules of `EditTimes`, without a tick for every second of silence."""

from __future__ import annotations

from collections.abc import Hashable

from SegQCLib.readers.edit_times import IDLE_AFTER_S, LONGEST_SILENCE_S, LONGEST_WAIT_S, Seconds

_ACTIVE, _IDLE, _WAIT, _PAUSED = range(4)


class LogClock:
    """A stopwatch that is told the time of each event of a log.

    Between two events of a log the program answered, because otherwise there is an event that says so. Silence is
    therefore counted at once, where `EditTimes` is asked once a second: a million events take about a second.
    A clock that goes backwards stands still meanwhile.

    Parameters
    ----------
    now_s : float
        Monotonic time of the first event, s.
    context : hashable
        What the reader works on at first.
    """

    __slots__ = ("_before", "_counted", "_idle_after_s", "_in_front", "_is_idle", "_now_s", "_paused", "_present", "_undecided_s")

    def __init__(self, now_s: float, context: Hashable = None) -> None:
        self._now_s = now_s
        self._counted: dict[Hashable, list[float]] = {}
        # Seconds of each kind in the present context.
        self._present = self._counted.setdefault(context, [0.0] * 4)
        # Time since the last activity, which is active or idle: in the present context, and in those before.
        self._undecided_s = 0.0
        self._before: list[tuple[list[float], float]] = []
        self._idle_after_s = IDLE_AFTER_S
        self._in_front = True
        self._is_idle = self._paused = False

    def until(self, now_s: float) -> None:
        """Count up to a moment."""
        elapsed_s = now_s - self._now_s
        if elapsed_s <= 0:
            return
        self._now_s = now_s
        if self._paused:
            self._present[_PAUSED] += elapsed_s
        elif self._is_idle or not self._in_front:
            self._present[_IDLE] += elapsed_s
        else:
            self._undecided_s += elapsed_s
            self._look_for_idleness()

    def waited(self, now_s: float, held_up_s: float) -> None:
        """Count up to a moment before which the program did not answer for some time, s."""
        self.until(now_s - held_up_s)
        elapsed_s = now_s - self._now_s
        if LONGEST_SILENCE_S < elapsed_s <= LONGEST_WAIT_S and self._in_front and not self._paused:
            self._now_s = now_s
            self._present[_WAIT] += elapsed_s
        else:
            self.until(now_s)

    def activity(self) -> None:
        """Note that the reader did something; `until` is called before, as for all that follow."""
        self._settle()
        self._is_idle = False

    def context(self, context: Hashable) -> None:
        """Note what the reader works on from now on."""
        if self._undecided_s:
            self._before.append((self._present, self._undecided_s))
            self._undecided_s = 0.0
        self._present = self._counted.setdefault(context, [0.0] * 4)

    def focus(self, in_front: bool) -> None:
        self._settle()
        self._is_idle, self._in_front = False, in_front

    def pause(self) -> None:
        self._settle()
        self._paused = True

    def resume(self) -> None:
        self._is_idle = self._paused = False

    def set_idle_after(self, seconds: float) -> None:
        self._idle_after_s = seconds

    def totals(self) -> dict[Hashable, Seconds]:
        """Return the time of each context up to now; what is undecided counts as active."""
        totals = {context: Seconds(*kinds) for context, kinds in self._counted.items() if any(kinds)}
        undecided = [*self._before, (self._present, self._undecided_s)]
        for context, kinds in self._counted.items():
            active_s = sum(seconds for row, seconds in undecided if row is kinds)
            if active_s:
                totals[context] = totals.get(context, Seconds()) + Seconds(active=active_s)
        return totals

    def _look_for_idleness(self) -> None:
        silent_s = self._undecided_s
        if self._before:
            silent_s += sum(seconds for _, seconds in self._before)
        if silent_s >= self._idle_after_s:
            self._settle(_IDLE)
            self._is_idle = True

    def _settle(self, kind: int = _ACTIVE) -> None:
        self._present[kind] += self._undecided_s
        self._undecided_s = 0.0
        if self._before:
            for row, seconds in self._before:
                row[kind] += seconds
            self._before.clear()
