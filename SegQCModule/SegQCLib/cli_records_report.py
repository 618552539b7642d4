"""The command line of the dashboard: segqc records report."""

from __future__ import annotations

import argparse
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SegQCLib.progress import part
from SegQCLib.terminal import say, terminal_progress

if TYPE_CHECKING:
    from SegQCLib.agreement.study_agreement import StudyAgreement
    from SegQCLib.dashboard.report_source import ReportSource

_REPORT = """\
Write a dashboard as one HTML page that needs no network: what reading costs, how close final segments stay to AI drafts,
version by version, what becomes of findings, agreement, and detection of planted errors.

Give a FOLDER of session logs, which are read as they are now, or --db with a database that segqc records ingest filled.

Without --reader the page is of the department: readers are called by their keys, and nobody's alert about relying on
drafts is on it, nor how many there are. With --reader the page is of that reader, with the alert, and for that reader
alone: others appear as one, from three others on. Nothing is sent anywhere.

Example:
  segqc records report --db sqlite:///segqc-records.sqlite --out department.html"""


def add_actions(actions: Any) -> None:
    """Add the actions to the subparsers of segqc records."""
    report = actions.add_parser(
        "report",
        help="a dashboard of readers and AI models as one HTML page",
        description=_REPORT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    report.add_argument("folder", type=Path, nargs="?", metavar="FOLDER", help="folder with session logs; folders below it count")
    report.add_argument("--db", metavar="URL", help="in place of FOLDER: sqlite:///FILE or postgresql://USER@HOST/DATABASE")
    report.add_argument("--out", type=Path, required=True, metavar="FILE.html", help="the page to write")
    report.add_argument("--json", metavar="FILE.json", help="write all numbers as JSON, too; - for standard output")
    report.add_argument(
        "--reader", metavar="KEY", help="the page of one reader, for that reader: a key, or the name as in the logs"
    )
    report.add_argument(
        "--agreement",
        type=Path,
        metavar="FILE.json",
        help="agreement.json of segqc agreement --study: how far the readers' segmentations overlap",
    )
    report.add_argument("--names", type=Path, metavar="FILE", help="file of names and secret that belongs to the database")
    report.add_argument(
        "--with-names", action="store_true", help="call readers by their names; without it by keys, whatever --names says"
    )
    report.set_defaults(run=_report, usage_error=report.error)


def _report(options: argparse.Namespace) -> int:
    from SegQCLib.dashboard.reader_labels import reader_labels
    from SegQCLib.dashboard.records_report import records_report
    from SegQCLib.dashboard.report_page import render_records_report
    from SegQCLib.evaluate import software_versions
    from SegQCLib.output import require_writable, write_files

    if (options.folder is None) == (options.db is None):
        options.usage_error("give a FOLDER of session logs, or --db: one of the two.")
    outputs = [options.out, *([Path(options.json)] if options.json not in (None, "-") else [])]
    if len({path.resolve() for path in outputs}) < len(outputs):
        options.usage_error("--out and --json name one file.")
    for path in outputs:
        require_writable(path.parent)
    progress = terminal_progress()
    study = None if options.agreement is None else _study(options.agreement)
    source = _source(options, progress)
    reader = None if options.reader is None else source.key_of(options.reader)
    study_keys = {} if study is None else source.study_keys(study.readers)
    names = {**{key: name for name, key in study_keys.items()}, **source.names} if options.with_names else None
    labels = reader_labels({read.reader for read in source.reads} | set(study_keys.values()), names)
    if options.with_names and not source.names:
        say("No names file is at hand, so readers are called by their keys. Give it with --names.")
    report = records_report(
        source,
        labels,
        created=datetime.now().astimezone(),
        software=software_versions("statsmodels", "matplotlib"),
        named=options.with_names and bool(source.names),
        reader=reader,
        study=study,
        study_label=lambda name: labels[study_keys[name]],
        progress=part(progress, 0.4, 0.7),
    )
    page = render_records_report(report, part(progress, 0.7, 1.0))
    for path, text in zip(outputs, (page, report.to_json()), strict=False):
        write_files(path.parent, {path.name: text})
    progress("Done", 1.0)
    for text in report.logs_left_out or ():
        say(text)
    if options.json == "-":
        print(report.to_json(), end="")
        return 0
    simulated = "SIMULATED: " if report.simulated else ""
    told = f"{report.clinical_reads:,} finished clinical reads of {report.cases:,} cases"
    print(f"{simulated}{told}, {len(report.readers):,} reader{'' if len(report.readers) == 1 else 's'}.")
    print(f"  report:  {options.out}")
    return 0


def _source(options: argparse.Namespace, progress) -> ReportSource:
    from SegQCLib.dashboard.report_source import from_database, from_folder

    if options.db is not None:
        progress("Reading the database", 0.0)
        return from_database(options.db, options.names)
    return from_folder(options.folder, options.names, part(progress, 0.0, 0.4))


def _study(path: Path) -> StudyAgreement:
    from SegQCLib.agreement.study_agreement import StudyAgreement
    from SegQCLib.json_file import read_json_file

    remedy = "Give the agreement.json that segqc agreement --study wrote."
    return read_json_file(StudyAgreement, path, "an agreement of a study", remedy)
