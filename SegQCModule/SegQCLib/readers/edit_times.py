"""How long a reader worked: active, idle and wait seconds, by segment and effect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

IDLE_AFTER_S = 30.0
# Ticks are due once a second. Nothing at all for longer than this: the program was held up.
LONGEST_SILENCE_S = 1.5
# Longer than this nobody waits: the computer slept. On Windows the monotonic clock goes on meanwhile.
LONGEST_WAIT_S = 600.0


class Activity(StrEnum):
    """What shows that the reader is at work."""

    MOUSE = "mouse"
    WHEEL = "wheel"
    KEY = "key"
    TABLET = "tablet"
    EDIT = "edit"


class ReaderState(StrEnum):
    """What the reader is doing now, as far as the program can see."""

    ACTIVE = "active"
    IDLE = "idle"
    PAUSED = "paused"


@dataclass(frozen=True)
class Context:
    """What the reader works on: the selected segment's id and the Segment Editor's effect; None: none."""

    segment: str | None
    effect: str | None


@dataclass(frozen=True)
class Seconds:
    """Time in its kinds, s; `total` is their sum.

    Attributes
    ----------
    active : float
        From one activity to the next, where less than the idle limit lies between.
    idle : float
        Without activity for as long as the idle limit or longer, counted from the last activity on; and with
        another program in front.
    wait : float
        The program did not answer: it computed, loaded or saved.
    paused : float
        The reader had paused, with a reason.
    """

    active: float = 0.0
    idle: float = 0.0
    wait: float = 0.0
    paused: float = 0.0

    @property
    def total(self) -> float:
        return self.active + self.idle + self.wait + self.paused

    def __add__(self, other: Seconds) -> Seconds:
        return Seconds(self.active + other.active, self.idle + other.idle, self.wait + other.wait, self.paused + other.paused)


class EditTimes:
    """A stopwatch that the reader's own actions start and stop.

    Whether time since the last activity was active or idle shows only later: it counts as active until the idle
    limit is reached, and all of it as idle from then on. Waiting does not bring idleness nearer, since nothing can
    be done meanwhile. `tick` is to be called once a second; silence longer than that is waiting.

    Parameters
    ----------
    clock : callable
        Returns a monotonic time, s.
    idle_after_s : float
        Time without activity after which the reader is idle, larger than 0.

    Raises
    ------
    ValueError
        If `idle_after_s` is not larger than 0.
    """

    def __init__(self, clock: Callable[[], float], idle_after_s: float = IDLE_AFTER_S) -> None:
        self._clock = clock
        self._seen_until = clock()
        self._context = Context(None, None)
        self._counted: dict[Context, Seconds] = {}
        self._undecided: dict[Context, float] = {}
        self._in_front = True
        self._is_idle = False
        self._pause_reason: str | None = None
        self.set_idle_after(idle_after_s)

    @property
    def state(self) -> ReaderState:
        """What the reader is doing, as of the last call."""
        if self._pause_reason is not None:
            return ReaderState.PAUSED
        return ReaderState.IDLE if self._is_idle or not self._in_front else ReaderState.ACTIVE

    @property
    def pause_reason(self) -> str | None:
        """Why the reader has paused, or None."""
        return self._pause_reason

    def totals(self) -> dict[Context, Seconds]:
        """Return the time of each context up to the last call."""
        totals = dict(self._counted)
        for context, seconds in self._undecided.items():
            totals[context] = totals.get(context, Seconds()) + Seconds(active=seconds)
        return totals

    def total(self) -> Seconds:
        """Return the time of all contexts together: everything from the beginning to the last call."""
        return sum(self.totals().values(), Seconds())

    def set_idle_after(self, seconds: float) -> None:
        """Change the idle limit from now on; raise ValueError if it is not larger than 0."""
        if not seconds > 0:
            raise ValueError(f"The reader cannot be idle after {seconds} s; a time larger than 0 s is needed.")
        self._idle_after_s = seconds

    def activity(self) -> None:
        """Note that the reader did something just now."""
        self._count()
        self._settle()
        self._is_idle = False

    def context(self, context: Context) -> None:
        """Note that the reader works on another segment, or with another effect, from now on."""
        self._count()
        self._context = context

    def focus(self, in_front: bool) -> None:
        """Note that the program came to the front, or that another one did."""
        self._count()
        # Both are something that the reader did.
        self._settle()
        self._is_idle = False
        self._in_front = in_front

    def pause(self, reason: str) -> None:
        """Begin a pause; a second one only changes the reason."""
        self._count()
        self._settle()
        self._pause_reason = reason

    def resume(self) -> None:
        """End a pause."""
        self._count()
        self._is_idle = False
        self._pause_reason = None

    def tick(self) -> float:
        """Count up to now; return how long the program was held up since the last call, s, 0 if it was not."""
        return self._count()

    def _count(self) -> float:
        now = self._clock()
        elapsed, self._seen_until = now - self._seen_until, now
        if elapsed == 0:
            return 0.0
        if self._pause_reason is not None:
            self._add(self._context, Seconds(paused=elapsed))
        elif not self._in_front:
            self._add(self._context, Seconds(idle=elapsed))
        elif LONGEST_SILENCE_S < elapsed <= LONGEST_WAIT_S:
            self._add(self._context, Seconds(wait=elapsed))
            return elapsed
        elif self._is_idle:
            self._add(self._context, Seconds(idle=elapsed))
        else:
            self._undecided[self._context] = self._undecided.get(self._context, 0.0) + elapsed
            self._is_idle = sum(self._undecided.values()) >= self._idle_after_s
            if self._is_idle:
                self._settle()
        return 0.0

    def _settle(self) -> None:
        for context, seconds in self._undecided.items():
            self._add(context, Seconds(idle=seconds) if self._is_idle else Seconds(active=seconds))
        self._undecided = {}

    def _add(self, context: Context, seconds: Seconds) -> None:
        self._counted[context] = self._counted.get(context, Seconds()) + seconds
