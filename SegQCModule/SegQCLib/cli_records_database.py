"""The command line of logs into a database: segqc records ingest, export, delete."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SegQCLib.terminal import say, terminal_progress

if TYPE_CHECKING:
    from SegQCLib.record_store.connect import Database

_MOST_TOLD = 20

_WHERE = """\
Without --db the database is the SQLite file segqc-records.sqlite beside FOLDER. postgresql://USER@HOST/DATABASE is a
department's server; put its password into ~/.pgpass or PGPASSWORD, not into the command line, which others can see.

Readers and cases are keys in the database ("R-" and "C-" with 12 digits of an HMAC-SHA256). The names and the secret
are in a separate file that only you can read, segqc-records.names.json beside the SQLite file or FOLDER (--names): keep
a copy of it, and do not hand it out with the database. Comments, reasons, file paths and names of images stay in the
logs. Names of segments, structures, models and software are stored as they are: do not call a segment after a person."""

_INGEST = f"""\
Load what is new in the session logs below FOLDER. It can be run as often as wanted, by several people at once, and
stopped at any moment: what is there is not loaded twice, and nothing that was loaded is ever changed.

{_WHERE}"""

_EXIT_INGEST = """\
exit codes: 0 everything that is new was loaded (logs whose last line a crash cut off are told); 1 logs were damaged
and left out, all others were loaded, or nothing could be loaded; 2 wrong usage."""

_DELETE = f"""\
Delete a reader on their request: the rows in the database, the session logs below FOLDER (a record without names stays
of each, so that segqc records verify knows that it was deleted), and the name. It cannot be undone: export first. Begun
again after it was stopped, it goes on. Sessions that were deleted are never loaded again, even from a copy. A name of
which nothing is kept is refused, and names that differ in capital letters or spaces alone are told.

Not deleted: backups, what was exported, the record of a case (record.json, reports, DICOM objects) where the reader is
named as who drew, and a PostgreSQL server's write-ahead log until it is over.

{_WHERE}"""


def add_actions(actions: Any) -> None:
    """Add the actions to the subparsers of segqc records."""
    ingest = _action(actions, "ingest", "load new session logs into a database", _INGEST, _EXIT_INGEST)
    ingest.set_defaults(run=_ingest)
    export = _action(
        actions, "export", "everything that is kept of one reader", f"Write a reader's logs and rows to DIR.\n\n{_WHERE}", None
    )
    export.add_argument("--reader", required=True, metavar="NAME", help="name as in the logs")
    export.add_argument("--out", type=Path, required=True, metavar="DIR", help="output folder")
    export.set_defaults(run=_export)
    delete = _action(actions, "delete", "delete one reader's rows, logs and name, as the reader asks", _DELETE, None)
    delete.add_argument("--reader", required=True, metavar="NAME", help="name as in the logs")
    delete.add_argument("--yes", action="store_true", help="delete; without it nothing is done")
    delete.set_defaults(run=_delete, usage_error=delete.error)


def _action(actions: Any, name: str, words: str, description: str, epilog: str | None) -> argparse.ArgumentParser:
    action = actions.add_parser(
        name, help=words, description=description, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    action.add_argument("folder", type=Path, metavar="FOLDER", help="folder with session logs; folders below it count too")
    action.add_argument("--db", metavar="URL", help="sqlite:///FILE or postgresql://USER@HOST/DATABASE")
    action.add_argument("--names", type=Path, metavar="FILE", help="file of names and secret that belongs to the database")
    return action


def _database(options: argparse.Namespace) -> tuple[Database, Path]:
    """Return the database and its file of names."""
    from SegQCLib.record_store.connect import connect, sqlite_file
    from SegQCLib.record_store.store import default_url

    url = default_url(options.folder) if options.db is None else options.db
    file = sqlite_file(url)
    beside = options.folder.resolve().parent / "segqc-records.sqlite" if file is None else file
    return connect(url), beside.with_suffix(".names.json") if options.names is None else options.names


def _ingest(options: argparse.Namespace) -> int:
    from SegQCLib.record_store.ingest import ingest
    from SegQCLib.record_store.reader_keys import look_alikes, read_names, readable_by_others

    database, names = _database(options)
    progress = terminal_progress()
    report = ingest(options.folder, database, names, progress, processes=min(8, os.cpu_count() or 1))
    progress("Done", 1.0)
    print(
        f"{report.events:,} events of {report.sessions:,} new and {report.grown:,} grown sessions loaded, {report.reads:,} reads of"
        f" cases computed; {report.unchanged:,} of {report.logs:,} logs were loaded before."
    )
    print(f"  database: {database.name}")
    print(f"  names:    {names}")
    _tell(
        [f"{path}: its last line was cut off by a crash; all lines before it were loaded." for path in report.torn],
        "more logs end in a line that was cut off.",
    )
    _tell(
        [f"{path}: was deleted on the reader's request and lies here again; it was not loaded." for path in report.deleted],
        "more logs were deleted on request; they were not loaded.",
    )
    _tell([problem.text for problem in report.problems], "more logs were not loaded.")
    if report.problems:
        say(f"{len(report.problems):,} of {report.logs:,} logs were not loaded, or not to their end; all others were.")
    for alike in look_alikes(read_names(names).readers.values()):
        say(f"{' and '.join(map(repr, alike))} are readers of their own here; is it one person whose name was typed in two ways?")
    if readable_by_others(names):
        say(f"{names}: other accounts on this computer can read the names. Allow it to yourself alone: chmod 600.")
    return 1 if report.problems else 0


def _export(options: argparse.Namespace) -> int:
    from SegQCLib.record_store.export_reader import export_reader

    database, names = _database(options)
    _require_loaded(options, database)
    exported = export_reader(options.folder, options.reader, database, names, options.out)
    print(f"{len(exported.logs):,} logs: {options.out / 'logs'}")
    if exported.rows:
        print(f"{sum(exported.rows.values()):,} rows of {len(exported.rows)} tables: {options.out / 'database'}")
    return 0


def _delete(options: argparse.Namespace) -> int:
    from SegQCLib.record_store.delete_reader import delete_reader

    if not options.yes:
        options.usage_error("this cannot be undone. Export first (segqc records export), then add --yes.")
    database, names = _database(options)
    _require_loaded(options, database)
    has_database = database.has_tables()
    deleted = delete_reader(options.folder, options.reader, database, names)
    print(f"{deleted.logs:,} logs, {deleted.sessions:,} sessions and {deleted.events:,} events in the database deleted.")
    _tell(
        [f"{path}: nobody can tell whose it is, its first line is damaged; it stays." for path in deleted.unreadable],
        "more logs have a damaged first line.",
    )
    if not has_database:
        say(f"There is no database {database.name}: only logs were deleted. If they were loaded into one, run it again with --db.")
    for name in deleted.alike:
        say(f"{name!r} is another name here, and its records stay. If it is the same reader, delete it as well.")
    return 1 if deleted.unreadable else 0


def _require_loaded(options: argparse.Namespace, database: Database) -> None:
    """Refuse a database that was named and is not there: what lies in the right one would be forgotten."""
    from SegQCLib.errors import BadDataError

    if options.db is not None and not database.has_tables():
        raise BadDataError(database.name, "holds no readers' records; nothing was done.", "Correct --db, or leave it out.")


def _tell(sentences: list[str], more: str) -> None:
    for sentence in sentences[:_MOST_TOLD]:
        say(sentence)
    if len(sentences) > _MOST_TOLD:
        say(f"{len(sentences) - _MOST_TOLD:,} {more}")
