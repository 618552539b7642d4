"""The logs of a folder, and how far each of them goes, without reading them whole."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from SegQCLib.errors import BadDataError
from SegQCLib.progress import Progress, counted
from SegQCLib.readers.log_lines import LONGEST_LINE_BYTES, START, SUFFIX, FaultyLineError, seal_of, unsealed
from SegQCLib.readers.log_stream import LogStream
from SegQCLib.readers.reader_logs import same_reader
from SegQCLib.readers.tombstones import TOMBSTONE_SUFFIX, read_tombstone
from SegQCLib.record_store.reader_keys import LONGEST_NAME

# The end of a line, and what a crash left behind it.
_TAIL_BYTES = 2**14


@dataclass(frozen=True)
class Problem:
    """A log that was not loaded, or not from where it goes on, and why."""

    path: Path
    text: str


@dataclass(frozen=True)
class LogFile:
    """A log in a folder as it stood when it was looked at.

    Attributes
    ----------
    session : str
    bytes : int
        Length of the file.
    names : tuple of str or None
        Reader and case; None: the database has all of the log, and nobody looked.
    """

    path: Path
    session: str
    bytes: int
    names: tuple[str, str] | None


@dataclass(frozen=True)
class Loaded:
    """How far a session's log is in the database."""

    reader: str
    case: str
    lines: int
    sha256: str
    bytes: int


def log_paths(folder: Path) -> tuple[Path, ...]:
    """Return the files of session logs below a folder.

    Raises
    ------
    BadDataError
        If the folder cannot be listed.
    """
    try:
        with os.scandir(folder):
            pass
    except OSError as error:
        raise BadDataError(folder, f"cannot be listed ({error.strerror}).", "Give the folder of the session logs.") from error
    return tuple(sorted(path for path in folder.rglob(f"*{SUFFIX}") if not path.name.startswith(".")))


def look_at(
    paths: Sequence[Path], loaded: Mapping[str, Loaded], progress: Progress
) -> tuple[tuple[LogFile, ...], tuple[Problem, ...]]:
    """Return the logs, one for each session, and what is no usable log.

    A log of which the database has all is known by its length and its last line's seal, which holds for all lines before.
    """
    ends = {(known.sha256, known.bytes): session for session, known in loaded.items()}
    by_session: dict[str, list[LogFile]] = {}
    problems: list[Problem] = []
    for path in counted(progress, "looking at logs", paths):
        try:
            file = _look_at(path, ends)
        except BadDataError as error:
            problems.append(Problem(path, str(error)))
        else:
            by_session.setdefault(file.session, []).append(file)
    files: list[LogFile] = []
    for copies in by_session.values():
        if len(copies) == 1:
            files += copies
        else:
            # Which of them is the true one, nobody can tell from here.
            problems += [_double(file, copies) for file in copies]
    return tuple(files), tuple(problems)


def deleted_in(folder: Path) -> tuple[frozenset[str], tuple[Problem, ...]]:
    """Return the sessions that were deleted on request below a folder, and records of it that cannot be read."""
    sessions, problems = set(), []
    for path in sorted(folder.rglob(f"*{TOMBSTONE_SUFFIX}")):
        try:
            sessions.add(read_tombstone(path).session)
        except BadDataError as error:
            problems.append(Problem(path, str(error)))
    return frozenset(sessions), tuple(problems)


def sessions_of(folder: Path, reader: str) -> tuple[str, ...]:
    """Return the sessions of a reader whose logs are below a folder; logs whose first line is damaged are passed over."""
    found = []
    for path in sorted(folder.rglob(f"*{SUFFIX}")):
        with contextlib.suppress(BadDataError), LogStream(path) as log:
            if same_reader(log.header.reader, reader):
                found.append(log.header.session)
    return tuple(found)


def _look_at(path: Path, ends: Mapping[tuple[str, int], str]) -> LogFile:
    try:
        # Before the lines: what is written meanwhile makes the file longer than this, and it is read again next time.
        length = path.stat().st_size
        with path.open("rb") as file:
            file.seek(max(0, length - _TAIL_BYTES))
            tail = file.read(_TAIL_BYTES)
    except OSError as error:
        raise BadDataError(path, f"cannot be read ({error.strerror}).", "Copy it again.") from error
    session = ends.get((seal_of(tail[: tail.rfind(b"\n") + 1]) or "", length))
    if session is not None:
        return LogFile(path, session, length, None)
    session, reader, case = _whose(path)
    for role, name in (("reader", reader), ("case", case)):
        if not name.strip():
            raise BadDataError(f"{path}, line 1", f"names no {role}.", "The log was not loaded: nobody could be asked about it.")
        if len(name) > LONGEST_NAME:
            raise BadDataError(
                f"{path}, line 1",
                f"has a name of {len(name):,} characters for its {role}.",
                f"Names have at most {LONGEST_NAME:,}; the log was not loaded.",
            )
    return LogFile(path, session, length, (reader, case))


def _whose(path: Path) -> tuple[str, str, str]:
    """Return session, reader and case of a log whose header is checked in full when it is read."""
    try:
        with path.open("rb") as file:
            body, _ = unsealed(file.readline(LONGEST_LINE_BYTES), START)
        header = json.loads(body + b"}")
        found = header["session"], header["reader"], header["case"]
        if all(isinstance(text, str) for text in found):
            return found
    except (OSError, FaultyLineError, ValueError, KeyError, TypeError):
        # Reading it in full says what is wrong.
        pass
    with LogStream(path) as log:
        return log.header.session, log.header.reader, log.header.case


def _double(file: LogFile, copies: list[LogFile]) -> Problem:
    others = ", ".join(other.path.name for other in copies if other is not file)
    return Problem(
        file.path, f"{file.path}: holds the same session as {others}. Keep the log that was written and move its copies elsewhere."
    )
