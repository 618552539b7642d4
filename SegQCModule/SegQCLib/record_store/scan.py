"""The logs of a folder, and how far each of them goes, without reading them whole."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from SegQCLib.errors import BadDataError
from SegQCLib.progress import Progress, counted
from SegQCLib.readers.log_lines import SUFFIX
from SegQCLib.readers.log_stream import LogStream
from SegQCLib.readers.previous_sessions import session_so_far
from SegQCLib.readers.reader_logs import same_reader
from SegQCLib.readers.tombstones import TOMBSTONE_SUFFIX, read_tombstone
from SegQCLib.record_store.reader_keys import LONGEST_NAME


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
    lines : int
        Whole lines, the header included.
    sha256 : str
        At the end of the last of them.
    bytes : int
        Length of the file.
    """

    path: Path
    session: str
    lines: int
    sha256: str
    bytes: int


@dataclass(frozen=True)
class Loaded:
    """How far a session's log is in the database."""

    reader: str
    case: str
    lines: int
    sha256: str
    bytes: int


def log_files(folder: Path, progress: Progress) -> tuple[tuple[LogFile, ...], tuple[Problem, ...]]:
    """Return the logs below a folder, one for each session, and what is no usable log.

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
    paths = sorted(path for path in folder.rglob(f"*{SUFFIX}") if not path.name.startswith("."))
    by_session: dict[str, list[LogFile]] = {}
    problems: list[Problem] = []
    for path in counted(progress, "looking at logs", paths):
        try:
            file = _look_at(path)
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


def is_unchanged(file: LogFile, loaded: Mapping[str, Loaded]) -> bool:
    """Return whether the database has all of a log: by its number of lines, its last hash and its length."""
    known = loaded.get(file.session)
    return known is not None and (known.lines, known.sha256, known.bytes) == (file.lines, file.sha256, file.bytes)


def names_in(path: Path) -> tuple[str, str]:
    """Return the reader and the case that a log's header names.

    Raises
    ------
    BadDataError
        If it has no whole header, or a name that is empty or longer than names are.
    """
    with LogStream(path) as log:
        header = log.header
    for role, name in (("reader", header.reader), ("case", header.case)):
        if not name.strip():
            raise BadDataError(f"{path}, line 1", f"names no {role}.", "The log was not loaded: nobody could be asked about it.")
        if len(name) > LONGEST_NAME:
            raise BadDataError(
                f"{path}, line 1",
                f"has a name of {len(name):,} characters for its {role}.",
                f"Names have at most {LONGEST_NAME:,}; the log was not loaded.",
            )
    return header.reader, header.case


def sessions_of(folder: Path, reader: str) -> tuple[str, ...]:
    """Return the sessions of a reader whose logs are below a folder; logs whose first line is damaged are passed over."""
    found = []
    for path in sorted(folder.rglob(f"*{SUFFIX}")):
        with contextlib.suppress(BadDataError), LogStream(path) as log:
            if same_reader(log.header.reader, reader):
                found.append(log.header.session)
    return tuple(found)


def _look_at(path: Path) -> LogFile:
    try:
        # Before the lines: what is written meanwhile makes the file longer than this, and it is read again next time.
        length = path.stat().st_size
    except OSError as error:
        raise BadDataError(path, f"cannot be read ({error.strerror}).", "Copy it again.") from error
    so_far = session_so_far(path)
    if so_far is None:
        # Opening says what is wrong with the first line.
        with LogStream(path) as log:
            session = log.header.session
        return LogFile(path, session, 0, "", length)
    return LogFile(path, so_far.session, so_far.lines, so_far.sha256, length)


def _double(file: LogFile, copies: list[LogFile]) -> Problem:
    others = ", ".join(other.path.name for other in copies if other is not file)
    return Problem(
        file.path, f"{file.path}: holds the same session as {others}. Keep the log that was written and move its copies elsewhere."
    )
