"""How far a run is: what people and programs are told while it works."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

from SegQCLib.cohort.case_outcome import CaseOutcome, Outcome
from SegQCLib.printable import printable
from SegQCLib.terminal import say

# The rate is that of so many cases computed last, and is told from so many on.
_RECENT = 100
_ENOUGH = 3
_PAUSE_S = 1.0
_BAR = 20
# A terminal shows so many faults one by one: of thousands, what matters is how many there are.
_FAULTS_SHOWN = 20


@dataclass(frozen=True)
class CohortProgress:
    """How far a run is.

    Attributes
    ----------
    done, total : int
        Cases.
    evaluated, kept, refused, failed : int
        What became of those that are done: `kept` counts the ones that an earlier run had computed, whatever became of them;
        the others count in this run only.
    cases_per_minute : float or None
        Of the recent computed cases; None: it cannot be said yet.
    remaining_s : float or None
        Until the end at that rate, s; None: it cannot be said yet.
    last : CaseOutcome or None
        The case that was done last.
    """

    done: int
    total: int
    evaluated: int = 0
    kept: int = 0
    refused: int = 0
    failed: int = 0
    cases_per_minute: float | None = None
    remaining_s: float | None = None
    last: CaseOutcome | None = None


CohortWatcher = Callable[[CohortProgress], None]


def unwatched_cohort(progress: CohortProgress) -> None:
    """Tell nobody."""


class ProgressCount:
    """Counts cases as they are done.

    Parameters
    ----------
    total : int
    clock : callable
        Seconds that never go back.
    """

    def __init__(self, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._total, self._clock = total, clock
        self._counts: Counter[str] = Counter()
        self._computed_at = deque([clock()], maxlen=_RECENT + 1)

    def begin_computing(self) -> None:
        """From now on cases are computed: looking up what is there has no speed worth telling."""
        self._computed_at.clear()
        self._computed_at.append(self._clock())

    def add(self, outcome: CaseOutcome) -> CohortProgress:
        """Count a case, and return how far the run is."""
        self._counts["kept" if outcome.kept else str(outcome.outcome)] += 1
        # A fault that the source knew of took no time.
        if not outcome.kept and (outcome.key is not None or outcome.outcome is not Outcome.REFUSED):
            self._computed_at.append(self._clock())
        done = self._counts.total()
        rate = self._rate_per_minute()
        return CohortProgress(
            done,
            self._total,
            self._counts["evaluated"],
            self._counts["kept"],
            self._counts["refused"],
            self._counts["failed"],
            None if rate is None else round(rate, 1),
            None if rate is None else round((self._total - done) / rate * 60, 1),
            outcome,
        )

    def _rate_per_minute(self) -> float | None:
        steps = len(self._computed_at) - 1
        took_s = self._computed_at[-1] - self._computed_at[0]
        return 60 * steps / took_s if steps >= _ENOUGH and took_s > 0 else None


def shown_progress(stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> CohortWatcher:
    """Return what tells a person at a terminal, and otherwise a program: one JSON object on each line."""
    stream = sys.stderr if stream is None else stream
    return _TerminalProgress(stream, clock) if stream.isatty() else _JSONProgress(stream, clock)


def words_of(progress: CohortProgress) -> str:
    """Return how far a run is, in one line: bar, cases, rate, time left, faults."""
    full = _BAR if not progress.total else _BAR * progress.done // progress.total
    parts = [f"[{'#' * full}{'-' * (_BAR - full)}] {progress.done}/{progress.total}"]
    if progress.cases_per_minute is not None:
        parts.append(f"{progress.cases_per_minute:g} cases/min")
    if progress.remaining_s is not None and progress.done < progress.total:
        parts.append(f"{_duration(progress.remaining_s)} left")
    told = ((progress.kept, "kept"), (progress.refused, "refused"), (progress.failed, "failed"))
    parts += [f"{n} {word}" for n, word in told if n]
    return "  ".join(parts)


def tell_note(text: str) -> None:
    """Tell what is neither progress nor a fault: a line on a terminal, else JSON on one line."""
    say(text if sys.stderr.isatty() else json.dumps({"event": "note", "message": text}))


def json_of(progress: CohortProgress) -> str:
    """Return how far a run is as one line of JSON."""
    return json.dumps(
        {
            "event": "progress",
            "done": progress.done,
            "total": progress.total,
            "evaluated": progress.evaluated,
            "kept": progress.kept,
            "refused": progress.refused,
            "failed": progress.failed,
            "cases_per_minute": progress.cases_per_minute,
            "remaining_s": progress.remaining_s,
        }
    )


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def _fault(progress: CohortProgress) -> CaseOutcome | None:
    """Return the case that was refused or failed just now; what an earlier run told is not told again."""
    last = progress.last
    return last if last is not None and last.fault is not None and not last.kept else None


class _TerminalProgress:
    def __init__(self, stream: TextIO, clock: Callable[[], float]) -> None:
        self._stream, self._clock, self._next_s = stream, clock, 0.0
        self._faults = 0

    def __call__(self, progress: CohortProgress) -> None:
        # The last column stays empty: some terminals begin a new line after it.
        width = shutil.get_terminal_size().columns - 1
        fault = _fault(progress)
        self._faults += fault is not None
        if fault is not None and self._faults <= _FAULTS_SHOWN:
            text = printable(f"{fault.case}: {fault.outcome}: {fault.fault}")
            if self._faults == _FAULTS_SHOWN:
                text += "\nFrom here on such cases are only counted; each has its error.json, and a row in the table cases."
            self._stream.write(f"\r{' ' * width}\r{text}\n")
        elif self._clock() < self._next_s and progress.done < progress.total:
            return
        self._next_s = self._clock() + 0.1
        words = words_of(progress)
        # What does not fit loses the bar first: it says the least.
        fits = words if len(words) <= width else words.partition("] ")[2][:width]
        line = fits if progress.done < progress.total else ""
        self._stream.write(f"\r{line:<{width}}\r")
        self._stream.flush()


class _JSONProgress:
    def __init__(self, stream: TextIO, clock: Callable[[], float]) -> None:
        self._stream, self._clock, self._next_s = stream, clock, 0.0

    def __call__(self, progress: CohortProgress) -> None:
        fault = _fault(progress)
        if fault is not None:
            words = {"case": fault.case, "where": fault.fault.where, "found": fault.fault.found, "remedy": fault.fault.remedy}
            self._stream.write(json.dumps({"event": str(fault.outcome), **words}) + "\n")
        if fault is not None or progress.done == progress.total or self._clock() >= self._next_s:
            self._next_s = self._clock() + _PAUSE_S
            self._stream.write(json_of(progress) + "\n")
            self._stream.flush()
