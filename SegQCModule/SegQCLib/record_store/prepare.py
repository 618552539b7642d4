"""The rows that a reader's logs of one case come to."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from SegQCLib.errors import BadDataError
from SegQCLib.readers.case_read import CaseRead
from SegQCLib.readers.effort import reads_of_sessions
from SegQCLib.readers.log_lines import LogEvent, LogHeader
from SegQCLib.readers.log_stream import LogStream
from SegQCLib.readers.session_effort import SessionEffort, session_effort
from SegQCLib.record import ProtocolIdentity
from SegQCLib.record_store.reader_keys import Keys
from SegQCLib.record_store.scan import Loaded, LogFile, Problem
from SegQCLib.record_store.stored_facts import clear_word, stored_facts, stored_kind

EventRow = tuple[int, str, float, str, str]

_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


@dataclass(frozen=True)
class ReaderCase:
    """One reader's logs of one case: what has to be looked at together.

    Attributes
    ----------
    reader, case : str
        Keys.
    reader_name, case_name : str
    files : tuple of LogFile
        Logs of the folder, of which at least one is new or has grown.
    loaded : dict of str to Loaded
        By session, all that the database has of this reader and case.
    """

    reader: str
    case: str
    reader_name: str
    case_name: str
    files: tuple[LogFile, ...]
    loaded: dict[str, Loaded]


@dataclass(frozen=True)
class SessionRows:
    """What a log adds to the database.

    Attributes
    ----------
    header : LogHeader
        With keys in place of names.
    lines, sha256, bytes
        How far the log was read.
    events : list of tuple
        The events that the database has not: sequence, time, monotonic_s, kind, facts as JSON.
    """

    header: LogHeader
    lines: int
    sha256: str
    bytes: int
    events: list[EventRow]


@dataclass(frozen=True)
class Prepared:
    """All rows of one reader's reads of one case; `torn` names logs whose last line a crash cut off."""

    of: ReaderCase
    sessions: tuple[SessionRows, ...]
    reads: tuple[CaseRead, ...]
    problems: tuple[Problem, ...]
    torn: tuple[Path, ...]


def prepare(of: ReaderCase, from_rows: Sequence[SessionEffort], keys: Keys) -> Prepared:
    """Read the logs of one reader and case, each line checked, and return their rows.

    Reads are computed from the facts that are stored, so that the tables alone can give them again.

    Parameters
    ----------
    of : ReaderCase
    from_rows : sequence of SessionEffort
        Of sessions that the database has and whose logs are not in the folder.
    keys : Keys
    """
    efforts, sessions, problems, torn = list(from_rows), [], [], []
    for file in of.files:
        try:
            effort, rows, is_torn = _read(file, of, keys)
        except BadDataError as error:
            problems.append(Problem(file.path, str(error)))
            continue
        efforts.append(effort)
        sessions.append(rows)
        if is_torn:
            torn.append(file.path)
    return Prepared(of, tuple(sessions), reads_of_sessions(efforts), tuple(problems), tuple(torn))


def _read(file: LogFile, of: ReaderCase, keys: Keys) -> tuple[SessionEffort, SessionRows, bool]:
    loaded = of.loaded.get(file.session)
    known_lines = loaded.lines if loaded else 0
    with LogStream(file.path) as log:
        header = _stored_header(log.header, of)
        # A new file with the old one's name may stand where it was looked at.
        _require(header.session == file.session, file, "was exchanged while it was loaded.")
        rows: list[EventRow] = []
        effort = session_effort(file.path, header, _stored_events(log, file, loaded, keys, rows))
        lines, sha256, is_torn = log.lines, log.sha256, log.torn is not None
    _require(lines >= known_lines, file, f"has {lines:,} lines; {known_lines:,} of it were loaded before, and a log only grows.")
    return effort, SessionRows(header, lines, sha256, file.bytes, rows), is_torn


def _stored_events(log: LogStream, file: LogFile, loaded: Loaded | None, keys: Keys, rows: list[EventRow]) -> Iterator[LogEvent]:
    """Yield events with the facts that are stored, and put those behind the loaded part into `rows`."""
    known_lines = loaded.lines if loaded else 0
    if loaded and known_lines == 1:
        _require_same(log, file, loaded)
    for event in log:
        kind = stored_kind(event.kind)
        facts = stored_facts(kind, event.facts, keys)
        if log.lines > known_lines:
            rows.append((event.sequence, event.time, event.monotonic_s, kind, _encode(facts) if facts else "{}"))
        elif log.lines == known_lines:
            _require_same(log, file, loaded)
        yield LogEvent(event.sequence, event.time, event.monotonic_s, kind, facts)


def _require_same(log: LogStream, file: LogFile, loaded: Loaded) -> None:
    _require(
        log.sha256 == loaded.sha256,
        file,
        f"is not the log of which {loaded.lines:,} lines were loaded before: they were changed, and sealed anew.",
    )


def _require(fits: bool, file: LogFile, found: str) -> None:
    if not fits:
        raise BadDataError(file.path, found, "Use a copy from a backup; what was loaded before stays in the database, unchanged.")


def _stored_header(header: LogHeader, of: ReaderCase) -> LogHeader:
    """Return a header as the database has it: with keys, without the protocol's title and without other sessions."""
    protocol = header.protocol
    return replace(
        header,
        reader=of.reader,
        case=of.case,
        protocol=protocol
        and ProtocolIdentity(clear_word(protocol.id), clear_word(protocol.version), "", clear_word(protocol.sha256)),
        software={clear_word(name): clear_word(version) for name, version in header.software.items()},
        previous=(),
    )
