"""What a panel does in the background: one work at a time, told in its bar, and silent once it was stopped."""

from __future__ import annotations

import logging
import time
from functools import partial

from slicer.i18n import tr as _

from SegQCLib.errors import BadDataError
from SegQCLib.panels.background import Background

_TELL_EVERY_S = 0.1


class PanelWork:
    """Start and stop a panel's work; nobody waits for work that was stopped, and it tells nothing more.

    Parameters
    ----------
    progress_bar : QProgressBar
    on_message : callable(words)
        Why the work failed, a sentence; empty when one is started.
    on_changed : callable()
        Called after each start and end.

    Attributes
    ----------
    turn : int
        Another one after each start and stop: what was asked for in an earlier turn is void.
    """

    def __init__(self, progress_bar, on_message, on_changed):
        self.turn = 0
        self._bar, self._on_message, self._on_changed = progress_bar, on_message, on_changed
        self._work = None
        self._stopping = []
        self._told = 0.0

    @property
    def busy(self) -> bool:
        """Whether there is work that was not stopped."""
        return self._work is not None

    def start(self, work, on_done) -> None:
        """Run `work(progress)` in a thread; its value goes to `on_done`, in the main thread."""
        self._on_message("")
        self.turn += 1
        turn = self.turn
        self.reset_bar()
        self._work = Background(
            work,
            partial(self._if_current, turn, self._done, on_done),
            partial(self._if_current, turn, self.fail),
            partial(self._if_current, turn, self._tell),
        )
        self._on_changed()

    def stop(self) -> None:
        """Let go of the work, which ends at its next word of progress."""
        self.turn += 1
        if self._work is not None:
            self._work.cancel()
            self._stopping = [work for work in (*self._stopping, self._work) if work.running]
            self._work = None

    def cleanup(self) -> None:
        """Stop, also what was stopped before and has not ended: the panel goes away."""
        self.stop()
        for work in self._stopping:
            work.abandon()

    def fail(self, error) -> None:
        """End the work with an error that is told."""
        self._work = None
        if not isinstance(error, BadDataError):
            logging.error("SegQC: work in the background failed.", exc_info=error)
        self._on_message(str(error) if isinstance(error, BadDataError) else _("It failed: {error}").format(error=error))
        self._on_changed()

    def reset_bar(self) -> None:
        self._bar.setValue(0)
        self._bar.setFormat("%p %")

    def _done(self, on_done, value):
        self._work = None
        on_done(value)
        self._on_changed()

    def _tell(self, words, share):
        # In the bar, and seldom: a label would lay out the whole column anew for each word.
        now = time.monotonic()
        if now - self._told >= _TELL_EVERY_S:
            self._told = now
            self._bar.setValue(round(100 * share))
            self._bar.setFormat(f"%p %  {words}")

    def _if_current(self, turn, callback, *arguments):
        if turn == self.turn:
            callback(*arguments)
