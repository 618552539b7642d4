"""The command line of cohorts in a database: segqc cohort ingest."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from SegQCLib.terminal import terminal_progress

_INGEST = """\
Load the tables of a cohort into the database of readers' records (segqc records ingest), so that one query can ask how long
readers took for a case and what came out of it. It can be run again after every run of the cohort: what has not changed is not
loaded again, and nobody ever sees half a cohort. Documentation/cohort-tables.md has the tables and queries.

Cases and readers are the same keys as in the readers' records; patients and sites are keys too. The names are in the file that
belongs to the database, segqc-records.names.json beside an SQLite file (--names). Paths, file names, messages and comments stay
in DIR/tables. Names of segments, structures, scanners and protocols are stored as they are, and so is the cohort's own.

Example:
  segqc cohort ingest results --db sqlite:///segqc-records.sqlite --name liver-2026"""


def add_ingest(actions: Any) -> None:
    """Add the action to the subparsers of segqc cohort."""
    ingest = actions.add_parser(
        "ingest",
        help="load a cohort's tables into the database of readers' records",
        description=_INGEST,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    ingest.add_argument("folder", type=Path, metavar="DIR", help="output folder of segqc cohort")
    ingest.add_argument("--db", required=True, metavar="URL", help="sqlite:///FILE or postgresql://USER@HOST/DATABASE")
    ingest.add_argument("--names", type=Path, metavar="FILE", help="file of names and secret that belongs to the database")
    ingest.add_argument("--name", metavar="NAME", help="what the cohort is called in the database (default: name of DIR)")
    ingest.set_defaults(run=_ingest, usage_error=ingest.error)


def _ingest(options: argparse.Namespace) -> int:
    from SegQCLib.cohort.cohort_folder import CohortFolder
    from SegQCLib.cohort.sql_ingest import ingest_cohort
    from SegQCLib.record_store.connect import connect, sqlite_file

    file = sqlite_file(options.db)
    if file is None and options.names is None:
        options.usage_error("--names is needed with a server's database: the file that segqc records ingest wrote beside the logs.")
    names = file.with_suffix(".names.json") if options.names is None else options.names
    if options.name is not None and not options.name.strip():
        options.usage_error("--name is empty.")
    database = connect(options.db)
    progress = terminal_progress()
    done = ingest_cohort(CohortFolder(options.folder), database, names, options.name, progress)
    progress("Done", 1.0)
    print(f"Cohort {done.cohort!r}: {done.cases:,} cases; {done.loaded:,} were loaded now, {done.removed:,} of before removed.")
    print(f"  database: {database.name}")
    print(f"  names:    {names}")
    return 0
