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
from SegQCLib.readers.log_files import log_files
from SegQCLib.readers.log_lines import LONGEST_LINE_BYTES, START, FaultyLineError, seal_of, unsealed
from SegQCLib.readers.log_stream import LogStream
from SegQCLib.readers.reader_logs import same_reader
from SegQCLib.readers.tombstones import TOMBSTONE_SUFFIX, read_tombstone
from SegQCLib.record_store.reader_keys import LONGEST_NAME

# The end of a line, and what a crash left behind it.
_TAIL_BYTES = 2**14
_BLOCK = 2**20


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
    simulated : bool or None
        Nobody read anything for it; None: nobody looked.
    """

    path: Path
    session: str
    bytes: int
    names: tuple[str, str] | None
    simulated: bool | None


@dataclass(frozen=True)
class Loaded:
    """How far a session's log is in the database."""

    reader: str
    case: str
    lines: int
    sha256: str
    bytes: int
    simulated: bool


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
    return log_files(folder)


def look_at(
    paths: Sequence[Path], loaded: Mapping[str, Loaded], progress: Progress
) -> tuple[tuple[LogFile, ...], tuple[Problem, ...]]:
    """Return the logs, one for each session, and what is no usable log.

    A folder that was copied into itself has every log twice: of copies that say the same the longest counts.
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
        whole = _with_all_of(copies)
        if whole is not None:
            files.append(whole)
        else:
            # Which of them is the true one, nobody can tell from here.
            problems += [_double(file, copies) for file in copies]
    return tuple(files), tuple(problems)


def _with_all_of(copies: Sequence[LogFile]) -> LogFile | None:
    """Return the log that holds all others from their first byte to their last; None if they differ."""
    longest = max(copies, key=lambda file: file.bytes)
    others = (file for file in copies if file is not longest)
    return longest if all(_begins(longest.path, file) for file in others) else None


def _begins(longest: Path, file: LogFile) -> bool:
    try:
        with longest.open("rb") as one, file.path.open("rb") as other:
            left = file.bytes
            while left:
                block = other.read(min(left, _BLOCK))
                if not block or one.read(len(block)) != block:
                    return False
                left -= len(block)
            return True
    except OSError:
        return False


def deleted_in(folder: Path) -> tuple[frozenset[str], tuple[Problem, ...]]:
    """Return the sessions that were deleted on request below a folder, and records of it that cannot be read."""
    sessions, problems = set(), []
    for path in sorted(folder.rglob(f"*{TOMBSTONE_SUFFIX}")):
        if path.name.startswith(".") or not path.is_file():
            continue
        try:
            sessions.add(read_tombstone(path).session)
        except BadDataError as error:
            problems.append(Problem(path, str(error)))
    return frozenset(sessions), tuple(problems)


def sessions_of(folder: Path, reader: str) -> tuple[str, ...]:
    """Return the sessions of a reader whose logs are below a folder; logs whose first line is damaged are passed over."""
    found = []
    for path in log_files(folder, hidden=True):
        with contextlib.suppress(BadDataError), LogStream(path) as log:
            if same_reader(log.header.reader, reader):
                found.append(log.header.session)
    return tuple(found)


def readers_in(folder: Path) -> frozenset[str]:
    """Return the names of all readers whose logs are below a folder; logs whose first line is damaged are passed over."""
    found = set()
    for path in log_files(folder, hidden=True):
        with contextlib.suppress(BadDataError), LogStream(path) as log:
            found.add(log.header.reader)
    return frozenset(found)


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
        return LogFile(path, session, length, None, None)
    session, reader, case, simulated = _whose(path)
    for role, name in (("reader", reader), ("case", case)):
        if not name.strip():
            raise BadDataError(f"{path}, line 1", f"names no {role}.", "The log was not loaded: nobody could be asked about it.")
        if len(name) > LONGEST_NAME:
            raise BadDataError(
                f"{path}, line 1",
                f"has a name of {len(name):,} characters for its {role}.",
                f"Names have at most {LONGEST_NAME:,}; the log was not loaded.",
            )
    return LogFile(path, session, length, (reader, case), simulated)


def _whose(path: Path) -> tuple[str, str, str, bool]:
    """Return session, reader, case and whether it is simulated, of a log whose header is checked in full when it is read."""
    try:
        with path.open("rb") as file:
            body, _ = unsealed(file.readline(LONGEST_LINE_BYTES), START)
        header = json.loads(body + b"}")
        found = header["session"], header["reader"], header["case"]
        if all(isinstance(text, str) for text in found) and isinstance(header["simulated"], bool):
            return *found, header["simulated"]
    except (OSError, FaultyLineError, ValueError, KeyError, TypeError):
        # Reading it in full says what is wrong.
        pass
    with LogStream(path) as log:
        return log.header.session, log.header.reader, log.header.case, log.header.simulated


def _double(file: LogFile, copies: list[LogFile]) -> Problem:
    others = ", ".join(str(other.path) for other in copies if other is not file)
    return Problem(
        file.path,
        f"{file.path}: holds the same session as {others}, and says something else. Keep the log that was written and move the"
        " others elsewhere.",
    )
