"""One reader's own sessions among the logs of many: found by name, newest first, nobody else's opened."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from SegQCLib.errors import BadDataError
from SegQCLib.progress import Progress, counted, unwatched
from SegQCLib.readers.log_lines import SUFFIX, in_a_file_name
from SegQCLib.readers.log_stream import LogStream
from SegQCLib.readers.logged_session import SessionEffort
from SegQCLib.readers.reader_logs import same_reader
from SegQCLib.readers.session_effort import session_effort

# As far back as the alert looks; older reads say little about how somebody reads now.
SHOWN_DAYS = 365.0

# What was read of a log before, by its path: size in bytes, time of the last change in ns, and the session, or None where
# the log is another reader's whose name reads the same in a file name.
KnownLogs = MutableMapping[Path, tuple[int, int, SessionEffort | None]]


@dataclass(frozen=True)
class OwnSessions:
    """The sessions of one reader.

    Attributes
    ----------
    sessions : tuple of SessionEffort
        Of the last 365 days before the newest one, and older ones of the same cases.
    older : int
        Logs that are older and were not read.
    left_out : tuple of str
        A sentence for each log that cannot be read as it was written.
    """

    sessions: tuple[SessionEffort, ...]
    older: int
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class _Named:
    path: Path
    case: str
    started: datetime


def own_sessions(folder: Path, reader: str, known: KnownLogs, progress: Progress = unwatched) -> OwnSessions:
    """Return a reader's sessions in a folder of session logs; one that is being written counts up to now.

    Names of files tell whose they are and when they began, so that only the reader's own are opened, newest first. The
    header then has the last word: two names can be one in a file name.

    Parameters
    ----------
    folder : Path
        Where it does not exist, there are no sessions.
    reader : str
        See `reader_logs.same_reader`.
    known : KnownLogs
        What was read before: a log that did not change since then is not read again. What is read is added, also if the
        work is stopped, so that it goes on from there.
    progress : callable, optional

    Raises
    ------
    BadDataError
        If the folder cannot be listed.
    """
    named = _own_names(folder, reader)
    # A clock that was set years ahead once must not push every true session out of the year.
    newest = min(max((one.started for one in named), default=datetime.now(UTC)), datetime.now(UTC))
    recent = [one for one in named if one.started >= newest - timedelta(days=SHOWN_DAYS)]
    # A read that began before the period is a whole read all the same, and a second one stays the second.
    cases = {one.case for one in recent}
    wanted = sorted((one for one in named if one.case in cases), key=lambda one: one.started, reverse=True)
    found: list[SessionEffort] = []
    left_out: list[str] = []
    for one in counted(progress, "Reading your session logs", wanted):
        try:
            session = _session(one.path, reader, known)
        except BadDataError as error:
            left_out.append(f"{error.where.removeprefix(f'{folder}{os.sep}')} {error.found}")
            continue
        if session is not None:
            found.append(session)
    return OwnSessions(tuple(found), len(named) - len(wanted), tuple(left_out))


def is_own_name(name: str, reader: str) -> bool:
    """Return whether a file name is that of a reader's log; of two readers whose names are one in a file name, of both."""
    parts = _parts(name)
    return len(parts) == 4 and parts[1] == in_a_file_name(reader)


def _parts(name: str) -> list[str]:
    # Some file systems give names back with their letters taken apart.
    composed = unicodedata.normalize("NFC", name)
    return composed.removesuffix(SUFFIX).split("_") if composed.endswith(SUFFIX) else []


def _own_names(folder: Path, reader: str) -> list[_Named]:
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not is_own_name(entry.name, reader) or not entry.is_file():
                    continue
                parts = _parts(entry.name)
                started = _start(parts[2])
                if started is not None:
                    found.append(_Named(Path(entry.path), parts[0], started))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise BadDataError(folder, f"cannot be listed ({error.strerror}).", "Choose another folder in the first step.") from error
    return found


def _start(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def _session(path: Path, reader: str, known: KnownLogs) -> SessionEffort | None:
    try:
        status = path.stat()
    except OSError as error:
        raise BadDataError(path, f"cannot be read ({error.strerror}).", "Make it readable, and start again.") from error
    state = (status.st_size, status.st_mtime_ns)
    if path in known and known[path][:2] == state:
        return known[path][2]
    session = None
    with LogStream(path) as stream:
        if same_reader(stream.header.reader, reader):
            session = session_effort(path, stream.header, stream)
    known[path] = (*state, session)
    return session
