"""What a reader did, line by line: one append-only JSONL file for each case, reader and session.

The first line is the header, every other line one event. A file is never written again once its session is over.
"""

from __future__ import annotations

import errno
import json
import os
import threading
import time
import unicodedata
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from SegQCLib.dataclass_json import FaultyJSONError, from_json, to_plain
from SegQCLib.errors import BadDataError
from SegQCLib.record import ProtocolIdentity

SUFFIX = ".session-log.jsonl"
# A power failure loses at most this much; after a crash of the program nothing that was appended is lost.
SYNC_INTERVAL_S = 1.0
# Two names, start and session must fit in the 255 bytes that file systems allow.
_LONGEST_NAME_BYTES = 80
_EVENT_KEYS = {"sequence": int, "time": str, "monotonic_s": float, "kind": str, "facts": dict}


@dataclass(frozen=True)
class LogHeader:
    """The first line of a log: whose it is, of what, and how its clocks stood when it began."""

    schema: Literal["segqc-session-log"] = field(metadata={"doc": "Always segqc-session-log."})
    schema_version: Literal["1.0"] = field(metadata={"doc": "Version of this format."})
    case: str = field(metadata={"doc": "Name of the case, as the worklist or the image has it."})
    reader: str = field(metadata={"doc": "Name that the reader gave."})
    session: str = field(metadata={"doc": "Random id of this session, 32 hexadecimal digits."})
    started: str = field(metadata={"doc": "Wall clock, ISO 8601 with time zone."})
    monotonic_s: float = field(metadata={"doc": "Monotonic clock at the same moment, s; its zero means nothing."})
    protocol: ProtocolIdentity | None = field(metadata={"doc": "Protocol that the case is read under; null: none."})
    software: dict[str, str] = field(metadata={"doc": "Versions of what wrote the log."})


@dataclass(frozen=True)
class LogEvent:
    """One line of a log.

    Attributes
    ----------
    sequence : int
        1, 2, 3 ... without a gap.
    time : str
        Wall clock, ISO 8601 with time zone. It can be set back; durations come from `monotonic_s`.
    monotonic_s : float
        Monotonic clock, s, comparable within one log only. On Linux it stands still while the computer sleeps.
    kind : str
    facts : mapping of str to plain JSON values
    """

    sequence: int
    time: str
    monotonic_s: float
    kind: str
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class StoredLog:
    """A log as it was read.

    Attributes
    ----------
    torn : str or None
        What was found of a last line that was cut off by a crash; it is no event. None: the log is whole.
    """

    path: Path
    header: LogHeader
    events: tuple[LogEvent, ...]
    torn: str | None


def new_header(case: str, reader: str, protocol: ProtocolIdentity | None, software: Mapping[str, str]) -> LogHeader:
    """Return the header of a session that begins now."""
    return LogHeader(
        "segqc-session-log", "1.0", case, reader, uuid.uuid4().hex, _wall_clock(), time.monotonic(), protocol, dict(software)
    )


def log_name(header: LogHeader) -> str:
    """Return the file name of a log: case, reader, start in UTC, and the first eight digits of the session id."""
    start = datetime.fromisoformat(header.started).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    return "_".join([_in_a_file_name(header.case), _in_a_file_name(header.reader), start, header.session[:8]]) + SUFFIX


class SessionLog:
    """A log that is being written.

    Every event is with the operating system when `append` returns: a crash or kill of the program loses nothing.
    A thread then has the disk confirm it, at most once a second, because that can take long on a network folder.
    If the disk is full or the folder lost, logging stops and the reader goes on working: `append` never raises for it.

    Parameters
    ----------
    folder : Path
        Created if needed.
    header : LogHeader
        See `new_header`.
    on_stopped : callable
        Is given one sentence, once, if nothing can be written any more; called from `append`, `check` or `close`.

    Raises
    ------
    BadDataError
        If no file can be made in the folder.
    ValueError
        If the session has a log in the folder already.
    """

    def __init__(self, folder: Path, header: LogHeader, on_stopped: Callable[[str], None]) -> None:
        self.path = folder / log_name(header)
        self.header = header
        self._on_stopped = on_stopped
        self._sequence = 0
        self._problem: str | None = None
        self._is_open = True
        self._told = False
        self._unsynced = threading.Event()
        self._closing = threading.Event()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if self.path.exists():
                raise ValueError(f"{self.path} exists: a session writes one log. Begin a new one with new_header.")
            self._create()
            self._length = self.path.stat().st_size
            self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0))
        except OSError as error:
            raise BadDataError(
                folder, f"cannot be written to ({error.strerror}); nothing is logged.", "Choose another folder for the log."
            ) from error
        self._thread = threading.Thread(target=self._sync, name="SegQC edit log", daemon=True)
        self._thread.start()

    def append(self, kind: str, facts: Mapping[str, Any] | None = None) -> None:
        """Add an event; nothing happens once logging has stopped.

        Parameters
        ----------
        kind : str
        facts : mapping of str to plain JSON values, optional

        Raises
        ------
        TypeError, ValueError
            If the facts are no plain JSON values; NaN is none.
        """
        line = _line(LogEvent(self._sequence + 1, _wall_clock(), time.monotonic(), kind, dict(facts or {})))
        if not self._is_open or self.check():
            return
        try:
            written = os.write(self._file, line)
            # A disk that becomes full takes a part of the line first and refuses the rest.
            while written < len(line):
                written += os.write(self._file, line[written:])
        except OSError as error:
            self._problem = _sentence(self.path, error)
            self._cut_off_what_is_half_written()
            self.check()
            return
        self._sequence += 1
        self._length += len(line)
        self._unsynced.set()

    def check(self) -> bool:
        """Return whether logging has stopped by itself; tell `on_stopped` if it has not been told yet.

        Call it about once a second: the disk's refusal may come after `append` returned.
        """
        if self._problem is not None and not self._told:
            self._told = True
            self._on_stopped(self._problem)
        return self._problem is not None

    def close(self) -> None:
        """End the session with all events on the disk; a network folder that hangs is waited for 2 s at most."""
        if not self._is_open:
            return
        self._is_open = False
        self._closing.set()
        self._unsynced.set()
        self._thread.join(timeout=2.0)
        self.check()

    def _create(self) -> None:
        # Under another name first: a log that exists has a whole header.
        draft = self.path.with_name(f".{self.path.name}.new")
        try:
            with draft.open("xb") as file:
                file.write(_line(self.header))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self.path)
        finally:
            draft.unlink(missing_ok=True)

    def _cut_off_what_is_half_written(self) -> None:
        try:
            os.ftruncate(self._file, self._length)
        except OSError:
            # Then the last line stays torn, and reading leaves it out.
            return

    def _sync(self) -> None:
        try:
            while self._problem is None:
                self._unsynced.wait()
                self._unsynced.clear()
                os.fsync(self._file)
                # Linux goes on writing to a file that was deleted, without a word.
                if not self.path.exists():
                    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
                if self._closing.wait(SYNC_INTERVAL_S) and not self._unsynced.is_set():
                    return
        except OSError as error:
            self._problem = self._problem or _sentence(self.path, error)
        finally:
            self._closing.wait()
            os.close(self._file)


def read_log(path: Path) -> StoredLog:
    """Return a log; a last line that a crash cut off is left out and kept in `torn`.

    Raises
    ------
    BadDataError
        If the file cannot be read, is no log, or a line before the last is damaged or missing.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise BadDataError(path, f"cannot be read ({error.strerror}).", "Give an edit log that SegQC wrote.") from error
    header = _read_header(path, lines[0])
    events = [_read_event(path, number, line) for number, line in enumerate(lines[1:-1], start=2)]
    torn = None
    # What follows the last newline: nothing in a log that is whole, zeros or half a line after a power failure.
    if len(lines) > 1 and lines[-1]:
        try:
            events.append(_read_event(path, len(lines), lines[-1]))
        except BadDataError:
            torn = lines[-1].decode("utf-8", "backslashreplace")
    return StoredLog(path, header, tuple(events), torn)


def _read_header(path: Path, line: bytes) -> LogHeader:
    try:
        return from_json(LogHeader, line.decode("utf-8"))
    except (UnicodeDecodeError, FaultyJSONError) as error:
        raise BadDataError(
            f"{path}, line 1", f"is not the header of an edit log: {error}.", "Give an edit log that SegQC wrote."
        ) from error


def _read_event(path: Path, number: int, line: bytes) -> LogEvent:
    remedy = "The log was changed or its disk is damaged; use a copy from a backup."
    try:
        content = json.loads(line.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise BadDataError(f"{path}, line {number}", "is damaged: it is not JSON.", remedy) from error
    if not isinstance(content, dict) or content.keys() != _EVENT_KEYS.keys():
        raise BadDataError(f"{path}, line {number}", f"is damaged: an event has {', '.join(_EVENT_KEYS)}.", remedy)
    for key, kind in _EVENT_KEYS.items():
        if type(content[key]) is not kind:
            raise BadDataError(f"{path}, line {number}", f"is damaged: its {key} is {content[key]!r}.", remedy)
    if content["sequence"] != number - 1:
        raise BadDataError(f"{path}, line {number}", f"has event {content['sequence']} where event {number - 1} belongs.", remedy)
    return LogEvent(**content)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _line(value: LogHeader | LogEvent) -> bytes:
    return (json.dumps(to_plain(value), ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8")


def _wall_clock() -> str:
    return datetime.now().astimezone().isoformat(timespec="milliseconds")


def _sentence(path: Path, error: OSError) -> str:
    return f"Logging has stopped: {path} cannot be written to ({error.strerror}). The segmentation is not affected."


def _in_a_file_name(text: str) -> str:
    """Return letters and digits of a text, anything else as -, so that every file system takes it."""
    letters = "".join(letter if letter.isalnum() else "-" for letter in unicodedata.normalize("NFC", text))
    name = "-".join(part for part in letters.split("-") if part)
    return name.encode()[:_LONGEST_NAME_BYTES].decode(errors="ignore") or "unnamed"
