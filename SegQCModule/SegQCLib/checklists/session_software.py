"""Versions of the programs that readers worked with, as session logs name them in their first line."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from pathlib import Path

from SegQCLib.errors import BadDataError
from SegQCLib.readers.log_files import log_files
from SegQCLib.readers.log_stream import LogStream


def software_in_folder(folder: Path, sessions: frozenset[str]) -> tuple[dict[str, str], ...]:
    """Return each combination of versions in the logs of some sessions once; logs with a damaged first line are passed over."""
    found = []
    for path in log_files(folder):
        with contextlib.suppress(BadDataError), LogStream(path) as log:
            if log.header.session in sessions:
                found.append(log.header.software)
    return _each_once(found)


def software_in_database(url: str, sessions: frozenset[str]) -> tuple[dict[str, str], ...]:
    """Return each combination of versions in a database of logs, of some sessions, once.

    Raises
    ------
    BadDataError
        If the database cannot be read.
    """
    from sqlalchemy import select

    from SegQCLib.record_store.connect import connect
    from SegQCLib.record_store.schema import table

    stored = table("sessions")
    with connect(url).reading() as connection:
        rows = connection.execute(select(stored.c.session, stored.c.software)).all()
        return _each_once(json.loads(text) for text in {software for session, software in rows if session in sessions})


def _each_once(combinations: Iterable[dict[str, str]]) -> tuple[dict[str, str], ...]:
    return tuple(dict(items) for items in sorted({tuple(sorted(one.items())) for one in combinations}))
