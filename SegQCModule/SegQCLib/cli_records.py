"""The command line of readers' records: segqc records."""

from __future__ import annotations

from typing import Any

from SegQCLib import cli_records_database, cli_records_report, cli_records_simulate, cli_records_verify


def add_commands(commands: Any) -> None:
    """Add `records` and its actions to the subparsers of segqc."""
    records = commands.add_parser("records", help="readers' session logs: verify, load into a database, report")
    actions = records.add_subparsers(metavar="ACTION", required=True)
    cli_records_verify.add_actions(actions)
    cli_records_database.add_actions(actions)
    cli_records_report.add_actions(actions)
    cli_records_simulate.add_actions(actions)
