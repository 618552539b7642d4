"""One reader out of the records: rows, logs and name, as the reader asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from SegQCLib.cohort.sql_reader import cohort_cases_in, forget_cohort_reader
from SegQCLib.errors import BadDataError
from SegQCLib.readers.reader_logs import delete_reader_logs, same_reader
from SegQCLib.record_store.connect import Database
from SegQCLib.record_store.load import delete_reads
from SegQCLib.record_store.reader_keys import Keys, look_alikes, read_names, remove_names
from SegQCLib.record_store.scan import readers_in, sessions_of
from SegQCLib.record_store.schema import table

if TYPE_CHECKING:
    import sqlalchemy


@dataclass(frozen=True)
class ReaderDeleted:
    """What was deleted: sessions and events of the database, logs of the folder.

    `unreadable` logs stay: nobody can tell whose. So does what is kept under names that are `alike`: the same letters and
    digits, written in another way.
    """

    sessions: int
    events: int
    logs: int
    unreadable: tuple[Path, ...]
    alike: tuple[str, ...]


def delete_reader(folder: Path, reader: str, database: Database, names: Path) -> ReaderDeleted:
    """Delete a reader's rows, then the session logs below a folder, then the name; begun again, it goes on where it stopped.

    The ids of the sessions stay, in the database and as records in the folder, so that a copy of a log is never loaded
    again. An SQLite file keeps no byte of the rows. PostgreSQL's tables are written anew, but its write-ahead log and
    backups keep them until they are over.

    Parameters
    ----------
    folder : Path
        Of the session logs; folders below it count too.
    reader : str
        Name as in the logs.
    database : Database
    names : Path
        File of names that belongs to the database.

    Raises
    ------
    BadDataError
        If the folder, the database or the names file cannot be used, a log cannot be removed, or nothing is kept of the
        reader anywhere.
    """
    sessions = events = 0
    known = read_names(names) if database.has_tables() else None
    keys = None if known is None else Keys(known.secret)
    everybody = {*readers_in(folder), *(() if known is None else known.readers.values())}
    alike = tuple(name for name in sorted(everybody) if not same_reader(name, reader) and look_alikes([name, reader]))
    if keys is not None:
        database.make_tables(keys.check())
        logged = sessions_of(folder, reader)
        # First the rows: a log that is gone would leave nobody to tell which sessions must not come back.
        sessions, events = database.write(lambda connection: _delete_rows(connection, keys.reader(reader), logged))
    logs = delete_reader_logs(folder, reader)
    if keys is not None:
        database.reclaim()
        database.write(lambda connection: _remove_names(connection, names, keys.reader(reader)))
    if not (sessions or logs.sessions or any(same_reader(name, reader) for name in everybody)):
        there = f" There is {' and '.join(map(repr, alike))}, which is another name here." if alike else ""
        raise BadDataError(
            repr(reader), f"has no logs in {folder}, and nothing in {database.name}: nothing was deleted.{there}",
            "Write the name as in the logs, and check the folder and --db.",
        )  # fmt: skip
    return ReaderDeleted(sessions, events, len(logs.sessions), logs.unreadable, alike)


def _delete_rows(connection: sqlalchemy.Connection, reader: str, logged: tuple[str, ...]) -> tuple[int, int]:
    from sqlalchemy import delete, insert, select

    stored, events, readers, deleted = (table(name) for name in ("sessions", "events", "readers", "deleted_sessions"))
    own = stored.c.reader == reader
    loaded = connection.execute(select(stored.c.session).where(own)).scalars().all()
    there = set(connection.execute(select(deleted.c.session)).scalars())
    now = datetime.now(UTC).isoformat(timespec="seconds")
    gone = [{"session": session, "deleted": now} for session in sorted({*loaded, *logged} - there)]
    if gone:
        connection.execute(insert(deleted), gone)
    delete_reads(connection, table("case_reads").c.reader == reader)
    lines = connection.execute(delete(events).where(events.c.session.in_(select(stored.c.number).where(own)))).rowcount
    connection.execute(delete(stored).where(own))
    connection.execute(delete(readers).where(readers.c.reader == reader))
    forget_cohort_reader(connection, reader)
    return len(loaded), lines


def _remove_names(connection: sqlalchemy.Connection, names: Path, reader: str) -> None:
    from sqlalchemy import select

    # Under the database's lock, as names are added. A case that nobody has read any more needs no name.
    left = set(connection.execute(select(table("sessions").c.case).distinct()).scalars()) | cohort_cases_in(connection)
    remove_names(names, [reader], [case for case in read_names(names).cases if case not in left])
