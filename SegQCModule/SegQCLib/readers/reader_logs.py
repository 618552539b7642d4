"""One reader's session logs: a copy of them all, or their deletion, as the reader asks."""

from __future__ import annotations

import contextlib
import shutil
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from SegQCLib.dataclass_json import to_json
from SegQCLib.errors import BadDataError
from SegQCLib.hashing import sha256_of
from SegQCLib.output import require_writable, write_files
from SegQCLib.progress import Progress, counted, unwatched
from SegQCLib.readers.log_files import log_files
from SegQCLib.readers.log_lines import (
    LONGEST_LINE_BYTES,
    START,
    SUFFIX,
    FaultyLineError,
    LogHeader,
    PreviousSession,
    header_of,
    unsealed,
)
from SegQCLib.readers.log_stream import LogStream
from SegQCLib.readers.tombstones import tombstone_of, write_tombstone

EXPORT_LIST = "session-logs.json"
_ABOUT = (
    "Session logs that SegQC wrote while this reader segmented: JSON lines, the first with case, reader, protocol and"
    " software, every other one event with its time. `segqc records verify` checks that they are as they were written."
)


@dataclass(frozen=True)
class LogsDeleted:
    """What was deleted.

    Attributes
    ----------
    sessions : tuple of str
        Ids of the sessions whose logs were replaced by the record that they were deleted, one for each file.
    unreadable : tuple of Path
        Logs whose reader cannot be read, because their first line is damaged. They stay: somebody has to look at them.
    """

    sessions: tuple[str, ...]
    unreadable: tuple[Path, ...]


@dataclass(frozen=True)
class ExportedLog:
    """One log in an export."""

    file: str = field(metadata={"doc": "Name of the file."})
    case: str = field(metadata={"doc": "Name of the case."})
    started: str = field(metadata={"doc": "When the session began."})
    purpose: Literal["clinical", "training"] = field(metadata={"doc": "What the case was read for."})
    sha256: str = field(metadata={"doc": "SHA-256 of the file."})


@dataclass(frozen=True)
class LogsExported:
    """A reader's logs, as they were copied."""

    about: str = field(metadata={"doc": "What the files are."})
    reader: str = field(metadata={"doc": "Whose they are."})
    exported: str = field(metadata={"doc": "When they were copied."})
    logs: tuple[ExportedLog, ...] = field(metadata={"doc": "The files."})


def same_reader(name: str, other: str) -> bool:
    """Return whether two names are of one reader: letters as Unicode composes them, no space around; case counts."""
    return _composed(name) == _composed(other)


def delete_reader_logs(folder: Path, reader: str, progress: Progress = unwatched) -> LogsDeleted:
    """Replace a reader's session logs below a folder by records that they were deleted, without any name.

    The record is on the disk before its log is removed. Whoever stops in between runs it again: it goes on where it was.
    A log that is damaged behind its first line is deleted as far as it can be read. Copies whose names go on behind
    `.session-log`, such as `... - Copy.jsonl` and `.jsonl.bak`, are deleted as well.

    Parameters
    ----------
    folder : Path
    reader : str
        Name as in the logs; see `same_reader`.
    progress : callable, optional
        Stopped by it, what was deleted stays deleted.

    Raises
    ------
    BadDataError
        If there is no such folder, or a file cannot be written or removed: on Windows while its session goes on.
    """
    _require_folder(folder)
    sessions: list[str] = []
    unreadable: list[Path] = []
    for path in counted(progress, "Deleting session logs", log_files(folder, hidden=True)):
        header = _header(path)
        if header is None:
            unreadable.append(path)
        elif same_reader(header.reader, reader):
            write_tombstone(path.parent, tombstone_of(header.started, _as_far_as_whole(path, header), header.previous))
            _remove(path)
            sessions.append(header.session)
    # A program that crashed while it began a log leaves the first line under another name, and people make copies.
    for path in sorted(folder.rglob("*.session-log*")):
        if path.name.endswith(SUFFIX) or not path.is_file():
            continue
        header = _header(path)
        is_begun = path.name.endswith(f"{SUFFIX}.new")
        if header is None and is_begun:
            unreadable.append(path)
        elif header is not None and same_reader(header.reader, reader):
            if not is_begun:
                write_tombstone(path.parent, tombstone_of(header.started, _as_far_as_whole(path, header), header.previous))
                sessions.append(header.session)
            _remove(path)
    return LogsDeleted(tuple(sessions), tuple(unreadable))


def export_reader_logs(folder: Path, reader: str, out: Path, progress: Progress = unwatched) -> tuple[Path, ...]:
    """Copy a reader's session logs below a folder, with `session-logs.json` that says what they are; return the copies.

    Parameters
    ----------
    folder : Path
    reader : str
        Name as in the logs; see `same_reader`.
    out : Path
        Created if needed. Logs with the same name there are replaced.
    progress : callable, optional
        Stopped by it, what was copied stays, without the list.

    Raises
    ------
    BadDataError
        If there is no such folder, or it cannot be written to `out`.
    """
    _require_folder(folder)
    require_writable(out)
    copies: list[Path] = []
    logs: list[ExportedLog] = []
    for path in counted(progress, "Copying session logs", log_files(folder)):
        header = _header(path)
        if header is None or not same_reader(header.reader, reader) or path.resolve().parent == out.resolve():
            continue
        copy = out / path.name
        try:
            shutil.copy2(path, copy)
        except OSError as error:
            raise BadDataError(copy, f"could not be written ({error.strerror}).", "Choose another folder.") from error
        copies.append(copy)
        logs.append(ExportedLog(copy.name, header.case, header.started, header.purpose, sha256_of(copy)))
    exported = datetime.now().astimezone().isoformat(timespec="seconds")
    write_files(out, {EXPORT_LIST: to_json(LogsExported(_ABOUT, reader, exported, tuple(logs)))})
    return tuple(copies)


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name).strip()


def _require_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise BadDataError(folder, "is no folder.", "Give the folder with readers' session logs.")


def _header(path: Path) -> LogHeader | None:
    try:
        with path.open("rb") as file:
            body, _ = unsealed(file.readline(LONGEST_LINE_BYTES), START)
        return header_of(body)
    except FaultyLineError:
        return None
    except OSError as error:
        raise BadDataError(path, f"cannot be read ({error.strerror}).", "Make it readable, and start again.") from error


def _as_far_as_whole(path: Path, header: LogHeader) -> PreviousSession:
    with LogStream(path) as stream:
        # What cannot be read is deleted all the same.
        with contextlib.suppress(BadDataError):
            for _ in stream:
                pass
        return PreviousSession(header.session, stream.lines, stream.sha256)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        remedy = "End the session that writes it, or have the folder made writable, and start again."
        raise BadDataError(path, f"cannot be removed ({error.strerror}).", remedy) from error
