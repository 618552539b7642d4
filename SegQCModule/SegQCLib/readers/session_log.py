"""What a reader did, line by line: one append-only JSONL file for each case, reader and session.

The first line is the header, every other line one event. A file is never written again once its session is over.
"""

from __future__ import annotations

import errno
import os
import queue
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

from SegQCLib.errors import BadDataError
from SegQCLib.readers.appended_file import AppendedFile
from SegQCLib.readers.log_lines import LogEvent, LogHeader, event_line, header_line, log_name
from SegQCLib.readers.log_stream import LogStream
from SegQCLib.readers.previous_sessions import previous_sessions
from SegQCLib.record import ProtocolIdentity

# A folder that does not answer when a case is opened or closed: so long the reader waits for it.
_LONGEST_START_S = 5.0
_LONGEST_CLOSE_S = 2.0

T = TypeVar("T")


@dataclass(frozen=True)
class StoredLog:
    """A log as it was read.

    Attributes
    ----------
    torn : str or None
        What was found of a last line that was cut off by a crash; it is no event. None: the log is whole.
    sha256 : str
        Seal of the last whole line, which holds for all before it.
    """

    path: Path
    header: LogHeader
    events: tuple[LogEvent, ...]
    torn: str | None
    sha256: str


def new_header(
    case: str,
    reader: str,
    protocol: ProtocolIdentity | None,
    software: Mapping[str, str],
    *,
    purpose: Literal["clinical", "training"] = "clinical",
) -> LogHeader:
    """Return the header of a session that begins now; which sessions were before it shows in the folder it is written to."""
    return LogHeader(
        schema="segqc-session-log",
        schema_version="1.0",
        case=case,
        reader=reader,
        session=uuid.uuid4().hex,
        started=_wall_clock(),
        monotonic_s=time.monotonic(),
        protocol=protocol,
        software=dict(software),
        purpose=purpose,
        simulated=False,
        previous=(),
    )


def write_log(folder: Path, header: LogHeader, events: Iterable[LogEvent]) -> Path:
    """Write a whole log at once, as it is copied, simulated or tested, and return its path; a reader's is a `SessionLog`.

    The header is written as it is given: `replace(header, previous=previous_sessions(folder))` ties the log to those
    in the folder. The events have sequence numbers 1, 2, 3 ...

    Raises
    ------
    OSError
        If the file cannot be written. Then there is none.
    TypeError, ValueError
        As `event_line`, or if the sequence numbers have a gap.
    """
    path = folder / log_name(header)
    line, sha256 = header_line(header)
    lines = [line]
    for number, event in enumerate(events, start=1):
        if event.sequence != number:
            raise ValueError(f"Event {event.sequence} stands where event {number} belongs.")
        line, sha256 = event_line(event, sha256)
        lines.append(line)
    _create(path, b"".join(lines))
    return path


class SessionLog:
    """A log that is being written.

    Every event is with the operating system when `append` returns: a crash or kill of the program loses nothing.
    A thread then has the disk confirm it, about once a second. A disk or network folder that does not answer holds up
    nobody: events wait in memory until it does (see `AppendedFile`).
    If the disk is full or the folder lost, logging stops and the reader goes on working: `append` never raises for it.

    Parameters
    ----------
    folder : Path
        Created if needed. Any number of sessions write into one folder at once, each its own file.
    header : LogHeader
        See `new_header`; which sessions were in the folder before is added to it.
    on_stopped : callable
        Is given one sentence, once, if nothing can be written any more; called from `append`, `check` or `close`.

    Raises
    ------
    BadDataError
        If no file can be made in the folder, or the folder does not answer within 5 s.
    ValueError
        If the session has a log in the folder already.
    """

    def __init__(self, folder: Path, header: LogHeader, on_stopped: Callable[[str], None]) -> None:
        self.path = folder / log_name(header)
        self._on_stopped = on_stopped
        self._sequence = 0
        self._is_open = True
        self._told = False
        self._lost = 0
        try:
            self.header, self._sha256, self._file = _in_time(lambda: _begin(self.path, header))
        except OSError as error:
            raise BadDataError(
                folder, f"cannot be written to ({error.strerror}); nothing is logged.", "Choose another folder for the log."
            ) from error

    def append(self, kind: str, facts: Mapping[str, Any] | None = None) -> None:
        """Add an event; nothing happens once logging has stopped.

        Parameters
        ----------
        kind : str
            Small letters, digits and _.
        facts : mapping of str to plain JSON values, optional

        Raises
        ------
        TypeError, ValueError
            If the facts are no plain JSON values; NaN is none.
        """
        event = LogEvent(self._sequence + 1, _wall_clock(), time.monotonic(), str(kind), dict(facts or {}))
        line, sha256 = event_line(event, self._sha256)
        if not self._is_open or self.check():
            return
        self._file.append(line)
        self._sequence += 1
        self._sha256 = sha256
        self.check()

    def check(self) -> bool:
        """Return whether logging has stopped by itself; tell `on_stopped` if it has not been told yet.

        Call it about once a second: the disk's refusal may come after `append` returned.
        """
        problem = self._file.problem
        if problem is None and self._lost:
            problem = f"it does not answer, {self._lost} event{'s' if self._lost > 1 else ''} may be lost"
        if problem is not None and not self._told:
            self._told = True
            self._on_stopped(
                f"Logging has stopped: {self.path} cannot be written to ({problem}). The segmentation is not affected."
            )
        return problem is not None

    def close(self) -> None:
        """End the session with all events on the disk; a network folder that hangs is waited for 2 s at most."""
        if not self._is_open:
            return
        self._is_open = False
        self._lost = self._file.close(_LONGEST_CLOSE_S)
        self.check()


def read_log(path: Path) -> StoredLog:
    """Return a log; a last line that a crash cut off is left out and kept in `torn`. `LogStream` needs no memory for events.

    Raises
    ------
    BadDataError
        If the file cannot be read, is no log, or a line was changed, dropped, doubled, inserted or moved.
    """
    with LogStream(path) as stream:
        events = tuple(stream)
        return StoredLog(path, stream.header, events, stream.torn, stream.sha256)


def _begin(path: Path, header: LogHeader) -> tuple[LogHeader, str, AppendedFile]:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        raise ValueError(f"{path} exists: a session writes one log. Begin a new one with new_header.")
    header = replace(header, previous=previous_sessions(path.parent))
    line, sha256 = header_line(header)
    _create(path, line)
    return header, sha256, AppendedFile(path)


def _create(path: Path, content: bytes) -> None:
    # Under another name first: a log that exists has a whole header.
    draft = path.with_name(f".{path.name}.new")
    try:
        with draft.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _in_time(begin: Callable[[], T]) -> T:
    """Return what a function does, or raise TimeoutError: the thread that is stuck in a network folder cannot be ended."""
    outcome: queue.SimpleQueue[T | Exception] = queue.SimpleQueue()

    def attempt() -> None:
        try:
            outcome.put(begin())
        except (OSError, ValueError, TypeError) as error:
            outcome.put(error)

    threading.Thread(target=attempt, name="SegQC session log", daemon=True).start()
    try:
        begun = outcome.get(timeout=_LONGEST_START_S)
    except queue.Empty:
        raise TimeoutError(errno.ETIMEDOUT, f"no answer within {_LONGEST_START_S:g} s") from None
    if isinstance(begun, Exception):
        raise begun
    return begun


def _wall_clock() -> str:
    return datetime.now().astimezone().isoformat(timespec="milliseconds")
