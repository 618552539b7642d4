"""How long SegQC waits for an archive, and how often it asks again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TypeVar

from SegQCLib.archive.faults import ArchiveError

Answer = TypeVar("Answer")

# A transfer that is slower than this for long is given up; a hospital's slowest lines have 100 times as much.
SLOWEST_BYTES_PER_S = 10_000


@dataclass(frozen=True)
class Limits:
    """Times in seconds.

    Attributes
    ----------
    connect_s : float
        For a connection.
    silence_s : float
        For the next byte of an answer.
    request_s : float
        For one request as a whole; what is transferred adds its bytes at 10 kB/s.
    attempts : int
        How often one request is made.
    first_wait_s : float
        Between the first two attempts; doubled after each.
    longest_wait_s : float
        The longest that an archive can ask us to wait (Retry-After).
    """

    connect_s: float = 10.0
    silence_s: float = 60.0
    request_s: float = 300.0
    attempts: int = 5
    first_wait_s: float = 1.0
    longest_wait_s: float = 120.0


class Deadline:
    """When a request is given up. Whoever works on the request calls `moved` for the bytes that went through."""

    def __init__(self, where: str, request_s: float) -> None:
        self._where = where
        self._end = time.monotonic() + request_s

    def moved(self, count: int) -> None:
        """Allow the time that `count` bytes take on the slowest line.

        Raises
        ------
        ArchiveError
            If the time is over.
        """
        if time.monotonic() > self._end:
            raise self.fault()
        self._end += count / SLOWEST_BYTES_PER_S

    def left_s(self) -> float:
        """Return the seconds left, 0 or more."""
        return max(0.0, self._end - time.monotonic())

    def fault(self) -> ArchiveError:
        """Return what to raise when the time is over."""
        return ArchiveError(self._where, "answers too slowly.", "Try later, or allow more time with --timeout SECONDS.", again=True)


def within(deadline: Deadline, action: Callable[[Deadline], Answer]) -> Answer:
    """Return what an action returns, or raise what it raises; give it up when its time is over.

    Time-outs of sockets count from byte to byte: an archive that sends one byte a minute never meets them. So the action
    has a thread of its own, which is left behind and stops at its next call of `Deadline.moved`.

    Raises
    ------
    ArchiveError
        If the time is over.
    """
    outcome: SimpleQueue[tuple[Answer | None, BaseException | None]] = SimpleQueue()

    def run() -> None:
        try:
            outcome.put((action(deadline), None))
        except BaseException as error:  # noqa: BLE001 - it is raised again where somebody waits for it
            outcome.put((None, error))

    threading.Thread(target=run, daemon=True, name="segqc archive request").start()
    while True:
        try:
            # In short turns: Windows lets nobody interrupt a turn with Ctrl-C.
            answer, error = outcome.get(timeout=min(max(deadline.left_s(), 0.01), 1.0))
        except Empty:
            # What was transferred meanwhile has moved the end.
            if deadline.left_s() == 0:
                raise deadline.fault() from None
        else:
            if error is not None:
                raise error
            return answer


def persistently(action: Callable[[], Answer], limits: Limits, tell: Callable[[str], None]) -> Answer:
    """Return what an action returns; ask again, after a time that doubles, where the fault may pass.

    Raises
    ------
    ArchiveError
        If the fault will not pass, or is still there at the last attempt.
    """
    wait_s = limits.first_wait_s
    for attempt in range(1, limits.attempts + 1):
        try:
            return action()
        except ArchiveError as error:
            asked_s = error.wait_s or 0.0
            if not error.again:
                raise
            if attempt == limits.attempts or asked_s > limits.longest_wait_s:
                tried = f" ({attempt} attempts)" if attempt > 1 else ""
                asks = f" It asks to wait {asked_s:g} s." if asked_s else ""
                raise ArchiveError(error.where, f"{error.found}{asks}{tried}", error.remedy) from error
            pause_s = max(wait_s, asked_s)
            tell(f"{error.where}: {error.found} Attempt {attempt + 1} of {limits.attempts} in {pause_s:g} s.")
        time.sleep(pause_s)
        wait_s *= 2
    raise ValueError("limits.attempts must be 1 or more.")
