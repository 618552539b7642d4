"""The command line of readers' records: segqc records."""

from __future__ import annotations

import argparse
from typing import Any

from SegQCLib import cli_records_database, cli_records_report, cli_records_simulate, cli_records_verify

_DESCRIPTION = """\
What readers did, in session logs that 3D Slicer writes where a reader has switched that on: files named
*.session-log.jsonl in the folder 'Session logs' of the records folder. Nothing is sent anywhere. What is logged, and how
to check it: Documentation/records.md.

  segqc records simulate --out try
  segqc records verify "try/Session logs"
  segqc records report "try/Session logs" --out try/department.html"""


def add_commands(commands: Any) -> None:
    """Add `records` and its actions to the subparsers of segqc."""
    records = commands.add_parser(
        "records",
        help="readers' session logs: verify, load into a database, report",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = records.add_subparsers(metavar="ACTION", required=True)
    cli_records_verify.add_actions(actions)
    cli_records_database.add_actions(actions)
    cli_records_report.add_actions(actions)
    cli_records_simulate.add_actions(actions)
