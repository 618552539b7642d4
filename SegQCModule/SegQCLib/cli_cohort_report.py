"""The command line of a cohort's report: segqc cohort report."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from SegQCLib.terminal import say, terminal_progress

_REPORT = """\
Write report.html into the output folder of a cohort: one page that needs no network and no script. It says what was run, counts
verdicts and their reasons, lists cases that could not be evaluated, shows the worst cases with pictures, and what stands out
from the cohort; by structure, scanner and site.

It reads the tables of the run. For the pictures it reads the images of the worst cases again; an image or a segmentation that
has changed since is not drawn, and the page says so.

Example:
  segqc cohort report results"""


def add_report(actions: Any) -> None:
    """Add the action to the subparsers of segqc cohort."""
    report = actions.add_parser(
        "report",
        help="write report.html of a cohort: verdicts, worst cases with pictures, outliers, scanners, sites",
        description=_REPORT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    report.add_argument("folder", type=Path, metavar="DIR", help="output folder of segqc cohort")
    report.add_argument(
        "--worst",
        type=_count,
        default=12,
        metavar="N",
        help="how many of the worst cases are shown, with pictures (default 12; 0 to 100)",
    )
    report.set_defaults(run=_report, usage_error=report.error)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) > 100:
        raise argparse.ArgumentTypeError(f"{text!r} is not a count of cases; give 0 to 100.")
    return int(text)


def _report(options: argparse.Namespace) -> int:
    from SegQCLib.cohort.cohort_folder import CohortFolder
    from SegQCLib.cohort.report.write_report import write_report

    written = write_report(CohortFolder(options.folder), options.worst, terminal_progress())
    for text in written.notes:
        say(text)
    print(written.told)
    print(f"  report:  {written.path}")
    return 0
