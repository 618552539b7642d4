"""Versions of the programs that readers worked with, as session logs name them in their first line."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from pathlib import Path

from SegQCLib.errors import BadDataError
from SegQCLib.readers.log_files import log_files
from SegQCLib.readers.log_stream import LogStream


def software_in_folder(folder: Path) -> tuple[dict[str, str], ...]:
    """Return each combination of versions in the logs below a folder once; logs whose first line is damaged are passed over."""
    found = []
    for path in log_files(folder):
        with contextlib.suppress(BadDataError), LogStream(path) as log:
            found.append(log.header.software)
    return _each_once(found)


def software_in_database(url: str) -> tuple[dict[str, str], ...]:
    """Return each combination of versions in a database of logs once.

    Raises
    ------
    BadDataError
        If the database cannot be read.
    """
    from sqlalchemy import select

    from SegQCLib.record_store.connect import connect
    from SegQCLib.record_store.schema import table

    with connect(url).reading() as connection:
        texts = connection.execute(select(table("sessions").c.software).distinct()).scalars()
        return _each_once(json.loads(text) for text in texts)


def _each_once(combinations: Iterable[dict[str, str]]) -> tuple[dict[str, str], ...]:
    return tuple(dict(items) for items in sorted({tuple(sorted(one.items())) for one in combinations}))
