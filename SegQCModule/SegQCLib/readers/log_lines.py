"""The lines of a session log: a header, then one event on each line, each sealed by a SHA-256 that holds all before it.

A line is `{..., "sha256": "<64 digits>"}` and a newline. Its SHA-256 is that of the 64 digits of the line before (of
the text `segqc-session-log 1.0` for the header) and of the line's own bytes before `, "sha256"`. Bytes are hashed as
they stand in the file, so white space and the order of keys count as well. Anybody can check it:
`printf %s%s "$DIGITS_BEFORE" "$BYTES" | sha256sum`.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from SegQCLib.dataclass_json import FaultyJSONError, from_json, to_plain
from SegQCLib.record import ProtocolIdentity

SUFFIX = ".session-log.jsonl"
# What the first line is sealed with: a log of another format has another beginning.
START = "segqc-session-log 1.0"
# A line has a few hundred bytes. What is longer is a damaged disk's or a stranger's, and would fill the memory.
LONGEST_LINE_BYTES = 2**20
# Two names, start and session must fit in the 255 bytes that file systems allow.
_LONGEST_NAME_BYTES = 80
_SEAL = re.compile(rb', "sha256": "([0-9a-f]{64})"\}\n')
_SEAL_BYTES = len(', "sha256": ""}\n') + 64
_KIND = re.compile(r"[a-z][a-z0-9_]*")
_EVENT = re.compile(
    r'\{"sequence": ([1-9][0-9]*), '
    r'"time": "([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}[+-][0-9]{2}:[0-9]{2})", '
    r'"monotonic_s": (-?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?), "kind": "([a-z][a-z0-9_]*)", "facts": (\{.*\})'
)
# json reads 1e999 as infinite, without a word.
_PERHAPS_INFINITE = re.compile(r"[0-9][eE]\+?[0-9]{3}")


@dataclass(frozen=True)
class PreviousSession:
    """How a session's log stood when another one began in the same folder."""

    session: str = field(metadata={"doc": "Id of the session, 32 hexadecimal digits."})
    lines: int = field(metadata={"doc": "Whole lines that its log had, the header included; 1 or more."})
    sha256: str = field(metadata={"doc": "SHA-256 at the end of the last of these lines, 64 hexadecimal digits."})


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
    purpose: Literal["clinical", "training"] = field(metadata={"doc": "What the case is read for."})
    simulated: bool = field(metadata={"doc": "True: a program made the log up; nobody read anything."})
    previous: tuple[PreviousSession, ...] = field(
        metadata={"doc": "The sessions that began last in the same folder before this one, and how far their logs went then."}
    )

    def faults(self):
        """Yield what no type can say."""
        if not re.fullmatch("[0-9a-f]{32}", self.session):
            yield "session", "is not 32 hexadecimal digits"
        if not is_wall_clock(self.started):
            yield "started", "is not a time with a time zone, such as 2026-11-22T09:30:00.000+01:00"
        for number, previous in enumerate(self.previous):
            digits = re.fullmatch("[0-9a-f]{32}", previous.session) and re.fullmatch("[0-9a-f]{64}", previous.sha256)
            if not digits or previous.lines < 1:
                yield f"previous[{number}]", "is not an id of 32 digits, lines from 1, and a SHA-256"


@dataclass(frozen=True)
class LogEvent:
    """One line of a log.

    Attributes
    ----------
    sequence : int
        1, 2, 3 ... without a gap.
    time : str
        Wall clock, ISO 8601 with milliseconds and time zone. It can be set back; durations come from `monotonic_s`.
    monotonic_s : float
        Monotonic clock, s, comparable within one log only. On Linux it stands still while the computer sleeps.
    kind : str
        Small letters, digits and _.
    facts : mapping of str to plain JSON values
    """

    sequence: int
    time: str
    monotonic_s: float
    kind: str
    facts: Mapping[str, Any]


class FaultyLineError(Exception):
    """A line of a log that was changed, or that no SegQC wrote; the text is the end of a sentence about the line."""


def log_name(header: LogHeader) -> str:
    """Return the file name of a log: case, reader, start in UTC, and the first eight digits of the session id."""
    start = datetime.fromisoformat(header.started).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    return "_".join([in_a_file_name(header.case), in_a_file_name(header.reader), start, header.session[:8]]) + SUFFIX


def in_a_file_name(text: str) -> str:
    """Return letters and digits of a text, anything else as -, so that every file system takes it."""
    letters = "".join(letter if letter.isalnum() else "-" for letter in unicodedata.normalize("NFC", text))
    name = "-".join(part for part in letters.split("-") if part)
    return name.encode()[:_LONGEST_NAME_BYTES].decode(errors="ignore") or "unnamed"


def is_wall_clock(text: str) -> bool:
    """Return whether a text is a time in ISO 8601 with a time zone."""
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def header_line(header: LogHeader) -> tuple[bytes, str]:
    """Return a log's first line, newline included, and its SHA-256."""
    return sealed(_json(to_plain(header))[:-1].encode("utf-8"), START)


def event_line(event: LogEvent, previous: str) -> tuple[bytes, str]:
    """Return an event's line, newline included, and its SHA-256.

    Parameters
    ----------
    event : LogEvent
    previous : str
        SHA-256 of the line before, 64 digits.

    Raises
    ------
    TypeError, ValueError
        If the facts are no plain JSON values (NaN is none), the kind has other letters than a-z, 0-9 and _, the time is
        not in ISO 8601 with milliseconds and time zone, or the line is longer than a log's lines can be.
    """
    if not _KIND.fullmatch(event.kind):
        raise ValueError(f"{event.kind!r} is no kind of event: it needs small letters, digits and _.")
    body = (
        f'{{"sequence": {event.sequence}, "time": "{event.time}", "monotonic_s": {float(event.monotonic_s)!r}, '
        f'"kind": "{event.kind!s}", "facts": {_json(to_plain(dict(event.facts)))}'
    )
    if not _EVENT.fullmatch(body):
        raise ValueError(
            f"Event {event.sequence} at {event.time} ({event.monotonic_s} s) is none: it needs a number from 1, a time as"
            " 2026-11-22T09:30:00.000+01:00, and a clock that is finite."
        )
    line, sha256 = sealed(body.encode(), previous)
    if len(line) > LONGEST_LINE_BYTES:
        raise ValueError(f"The facts of {event.kind!r} make a line of {len(line)} bytes; {LONGEST_LINE_BYTES} are possible.")
    return line, sha256


def sealed(body: bytes, previous: str) -> tuple[bytes, str]:
    """Return a line with the SHA-256 that seals it, and that SHA-256; the body is JSON without its last brace."""
    sha256 = hashlib.sha256(previous.encode() + body).hexdigest()
    return body + f', "sha256": "{sha256}"}}\n'.encode(), sha256


def unsealed(line: bytes, previous: str) -> tuple[bytes, str]:
    """Return the body of a line and its SHA-256.

    Raises
    ------
    FaultyLineError
        If the line was changed, or does not follow the line whose SHA-256 is `previous`.
    """
    body = line[:-_SEAL_BYTES]
    found = hashlib.sha256(previous.encode() + body).hexdigest()
    if line[-_SEAL_BYTES:] != f', "sha256": "{found}"}}\n'.encode():
        raise FaultyLineError("was changed, or is not the line that was written here: its SHA-256 does not fit")
    return body, found


def seal_of(line: bytes) -> str | None:
    """Return the SHA-256 that a whole line ends with, unchecked; None if it ends otherwise."""
    seal = _SEAL.search(line, max(0, len(line) - _SEAL_BYTES))
    return seal[1].decode() if seal and seal.end() == len(line) else None


def header_of(body: bytes) -> LogHeader:
    """Return the header of an unsealed line; raise FaultyLineError if it is none."""
    try:
        return from_json(LogHeader, (body + b"}").decode("utf-8"))
    except (UnicodeDecodeError, FaultyJSONError) as error:
        raise FaultyLineError(f"is not the header of a session log: {error}") from error


def event_of(body: bytes, sequence: int) -> LogEvent:
    """Return the event of an unsealed line.

    Raises
    ------
    FaultyLineError
        If it is no event, or not the one with this sequence number.
    """
    try:
        match = _EVENT.fullmatch(body.decode("utf-8"))
        if match is None:
            raise FaultyLineError("is not an event as SegQC writes it: sequence, time, monotonic_s, kind, facts")
        number, time, monotonic_s, kind, facts = match.groups()
        event = LogEvent(int(number), time, float(monotonic_s), kind, {} if facts == "{}" else _facts(facts))
    except (ValueError, RecursionError) as error:
        raise FaultyLineError(f"is not JSON: {error}") from error
    if event.sequence != sequence:
        raise FaultyLineError(f"has event {event.sequence} where event {sequence} belongs")
    if not math.isfinite(event.monotonic_s):
        raise FaultyLineError("has a clock that is not finite")
    return event


def _facts(text: str) -> dict[str, Any]:
    try:
        facts, end = _read(text, 0)
    except StopIteration:
        raise ValueError("a value is missing in its facts") from None
    if end != len(text):
        raise ValueError("something follows its facts")
    if _PERHAPS_INFINITE.search(text):
        json.dumps(facts, allow_nan=False)
    return facts


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a key is given twice")
    return content


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


# A third faster than json.loads, which looks for white space around each line.
_read = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_refuse_constant).scan_once


def _json(plain: Any) -> str:
    return json.dumps(plain, ensure_ascii=False, allow_nan=False)
