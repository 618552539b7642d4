"""Long work beside a window that goes on answering."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import qt

from SegQCLib.errors import Cancelled
from SegQCLib.progress import Progress

# Slicer's main thread keeps Python's lock while it waits for events: other threads run only while a slot sleeps.
_SLEEP_S = 0.008


class Background:
    """One piece of work in a thread; its callbacks come in the main thread.

    Parameters
    ----------
    work : callable(progress)
        Called in the thread; it calls `progress(words, share)`, share 0 to 1, and touches no Qt, VTK or MRML object.
    on_done : callable(value of work)
    on_failed : callable(exception)
        Not called when the work was cancelled.
    on_progress : callable(words, share), optional
    on_cancelled : callable(), optional
    """

    def __init__(
        self,
        work: Callable[[Progress], Any],
        on_done: Callable[[Any], None],
        on_failed: Callable[[BaseException], None],
        on_progress: Progress | None = None,
        on_cancelled: Callable[[], None] | None = None,
    ):
        self._on_done, self._on_failed = on_done, on_failed
        self._on_progress, self._on_cancelled = on_progress, on_cancelled
        self._cancelled = threading.Event()
        self._latest: tuple[str, float] | None = None
        self._shown: tuple[str, float] | None = None
        self._timer = qt.QTimer()
        self._timer.setInterval(1)
        self._timer.connect("timeout()", self.onTimeout)
        executor = ThreadPoolExecutor(1, "SegQC")
        self._future: Future = executor.submit(work, self._report)
        executor.shutdown(wait=False)
        self._timer.start()

    @property
    def running(self) -> bool:
        """Whether the work still goes on, or its outcome was not told yet."""
        return self._timer is not None

    def cancel(self) -> None:
        """Stop at the work's next word of progress; `on_cancelled` tells when it has stopped."""
        self._cancelled.set()

    def abandon(self) -> None:
        """Stop, and tell nobody: the panel goes away."""
        self._cancelled.set()
        self._stop()

    def onTimeout(self) -> None:
        if not self._future.done():
            time.sleep(_SLEEP_S)
            if self._latest != self._shown and self._on_progress is not None and not self._cancelled.is_set():
                self._shown = self._latest
                self._on_progress(*self._shown)
            return
        self._stop()
        error = self._future.exception()
        if isinstance(error, Cancelled) or (error is None and self._cancelled.is_set()):
            if self._on_cancelled is not None:
                self._on_cancelled()
        elif error is not None:
            self._on_failed(error)
        else:
            self._on_done(self._future.result())

    def _report(self, words: str, share: float) -> None:
        if self._cancelled.is_set():
            raise Cancelled
        self._latest = (words, share)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer.disconnect("timeout()", self.onTimeout)
            self._timer = None
