"""What stays of a session that was deleted because its reader asked for it: that it was there, and nothing of whom."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

from SegQCLib.dataclass_json import FaultyJSONError, from_json, to_plain
from SegQCLib.errors import BadDataError
from SegQCLib.output import write_files
from SegQCLib.readers.log_lines import LONGEST_LINE_BYTES, FaultyLineError, PreviousSession, is_wall_clock, sealed, unsealed

TOMBSTONE_SUFFIX = ".session-deleted.json"
_START = "segqc-deleted-session 1.0"


@dataclass(frozen=True)
class Tombstone:
    """What stays of a deleted session: no name of a reader or a case, and nothing that they did."""

    schema: Literal["segqc-deleted-session"] = field(metadata={"doc": "Always segqc-deleted-session."})
    schema_version: Literal["1.0"] = field(metadata={"doc": "Version of this format."})
    session: str = field(metadata={"doc": "Id of the session, 32 hexadecimal digits."})
    day: str = field(metadata={"doc": "Day on which it began (UTC), YYYY-MM-DD."})
    lines: int = field(metadata={"doc": "Whole lines that its log had, the header included."})
    last_sha256: str = field(metadata={"doc": "SHA-256 at the end of the last of these lines."})
    previous: tuple[PreviousSession, ...] = field(metadata={"doc": "The sessions that its log had seen when it began."})
    deleted: str = field(metadata={"doc": "When it was deleted: wall clock, ISO 8601 with time zone."})
    reason: Literal["on the reader's request"] = field(metadata={"doc": "Why: the only reason there is."})

    def faults(self) -> Iterator[tuple[str, str]]:
        """Yield what no type can say."""
        try:
            date.fromisoformat(self.day)
        except ValueError:
            yield "day", "is no day, such as 2026-11-22"
        if not is_wall_clock(self.deleted):
            yield "deleted", "is not a time with a time zone"
        if not re.fullmatch("[0-9a-f]{32}", self.session) or not re.fullmatch("[0-9a-f]{64}", self.last_sha256) or self.lines < 1:
            yield "", "session, lines and last_sha256 are an id of 32 digits, a number from 1, and a SHA-256"


def tombstone_of(started: str, log: PreviousSession, previous: tuple[PreviousSession, ...]) -> Tombstone:
    """Return the tombstone of a session that is deleted now.

    Parameters
    ----------
    started : str
        When the session began, as its header says it.
    log : PreviousSession
        The session, and how far its log goes.
    previous : tuple of PreviousSession
        What its header knew of others, so that their logs stay checked.
    """
    day = datetime.fromisoformat(started).astimezone(UTC).date().isoformat()
    deleted = datetime.now().astimezone().isoformat(timespec="seconds")
    return Tombstone(
        "segqc-deleted-session", "1.0", log.session, day, log.lines, log.sha256, previous, deleted, "on the reader's request"
    )


def tombstone_name(tombstone: Tombstone) -> str:
    """Return the file name of a tombstone: the day and the first eight digits of the session id."""
    return f"deleted_{tombstone.day.replace('-', '')}_{tombstone.session[:8]}{TOMBSTONE_SUFFIX}"


def write_tombstone(folder: Path, tombstone: Tombstone) -> Path:
    """Write a tombstone, complete on the disk or not at all, and return its path.

    Raises
    ------
    BadDataError
        If the folder cannot be written to.
    """
    line, _ = sealed(json.dumps(to_plain(tombstone), ensure_ascii=False).encode()[:-1], _START)
    name = tombstone_name(tombstone)
    write_files(folder, {name: line.decode()})
    return folder / name


def read_tombstone(path: Path) -> Tombstone:
    """Return a tombstone.

    Raises
    ------
    BadDataError
        If the file cannot be read, is none, or was changed.
    """
    remedy = "Use a copy from a backup."
    try:
        with path.open("rb") as file:
            body, _ = unsealed(file.read(LONGEST_LINE_BYTES), _START)
        return from_json(Tombstone, (body + b"}").decode())
    except OSError as error:
        raise BadDataError(path, f"cannot be read ({error.strerror}).", remedy) from error
    except (FaultyLineError, FaultyJSONError, UnicodeDecodeError) as error:
        raise BadDataError(path, f"is not a deleted session's record as SegQC wrote it: it {error}.", remedy) from error
