"""Everything that is kept of one reader, to be handed out: the logs, and the database's rows as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SegQCLib.cohort.sql_reader import cohort_rows_of_reader
from SegQCLib.errors import BadDataError
from SegQCLib.measurements_csv import inert
from SegQCLib.output import require_writable, write_files
from SegQCLib.readers.reader_logs import export_reader_logs
from SegQCLib.record_store.connect import Database
from SegQCLib.record_store.load import PARTS_OF_A_READ
from SegQCLib.record_store.reader_keys import Keys, read_names
from SegQCLib.record_store.schema import table

if TYPE_CHECKING:
    import sqlalchemy


@dataclass(frozen=True)
class ReaderExported:
    """What was written: copies of logs, and rows by table."""

    logs: tuple[Path, ...]
    rows: dict[str, int]


def export_reader(folder: Path, reader: str, database: Database, names: Path, out: Path) -> ReaderExported:
    """Write a reader's session logs to `out/logs`, and all their rows to `out/database`: a CSV for each table, and names.csv.

    names.csv says whose each key is: of the reader and of the cases that they read. CSV is UTF-8 with a byte order mark.

    Parameters
    ----------
    folder : Path
        Of the session logs; folders below it count too.
    reader : str
        Name as in the logs.
    database : Database
        One that was never loaded has no rows: then the logs are everything.
    names : Path
        File of names that belongs to the database.
    out : Path
        Created if needed, and not in `folder`. Files of an earlier export are replaced.

    Raises
    ------
    BadDataError
        If nothing is kept of the reader, or something cannot be read or written.
    """
    if folder.resolve() in (out.resolve(), *out.resolve().parents):
        raise BadDataError(
            out, "is in the folder of the logs, where copies of them would be found again.", "Choose another folder."
        )
    tables: dict[str, tuple[Sequence[str], list[Sequence[Any]]]] = {}
    if database.has_tables():
        known = read_names(names)
        keys = Keys(known.secret)
        database.make_tables(keys.check())
        own = keys.reader(reader)
        with database.reading() as connection:
            of_cohorts = cohort_rows_of_reader(connection, own)
            tables = _own_rows(connection, own) | of_cohorts
        drawn = [row[columns.index("case")] for columns, rows in of_cohorts.values() if "case" in columns for row in rows]
        cases = sorted({*(row[3] for row in tables["sessions"][1]), *drawn})
        tables["names"] = ("key", "name"), [(own, reader), *((case, known.cases.get(case, "")) for case in cases)]
    logs = export_reader_logs(folder, reader, out / "logs")
    if not logs and not (tables and tables["sessions"][1]):
        raise BadDataError(
            reader, f"has no session logs in {folder} and no rows in {database.name}.", "Write the name as in the logs."
        )
    if tables:
        require_writable(out / "database")
        write_files(out / "database", {f"{name}.csv": _csv(columns, rows) for name, (columns, rows) in tables.items()})
    return ReaderExported(logs, {name: len(rows) for name, (_, rows) in tables.items() if name != "names"})


def _own_rows(connection: sqlalchemy.Connection, reader: str) -> dict[str, tuple[Sequence[str], list[Sequence[Any]]]]:
    from sqlalchemy import select

    sessions, reads = table("sessions"), table("case_reads")
    own_sessions = select(sessions.c.number).where(sessions.c.reader == reader)
    own_reads = select(reads.c.number).where(reads.c.reader == reader)
    wanted = {
        "sessions": sessions.c.reader == reader,
        "events": table("events").c.session.in_(own_sessions),
        "case_reads": reads.c.reader == reader,
        **{name: table(name).c.read.in_(own_reads) for name in PARTS_OF_A_READ},
    }
    return {
        name: (
            table(name).columns.keys(),
            connection.execute(select(table(name)).where(rows).order_by(*table(name).primary_key)).all(),
        )
        for name, rows in wanted.items()
    }


def _csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    # Excel takes UTF-8 for something else without the mark.
    text.write("\ufeff")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    return inert(value) if isinstance(value, str) else value
