"""The command line of image quality: segqc quality."""

from __future__ import annotations

from typing import Any

from SegQCLib import cli_quality_measure, cli_quality_study


def add_commands(commands: Any) -> None:
    """Add `segqc quality` with its actions."""
    quality = commands.add_parser("quality", help="image quality where it matters: in and around the segments")
    actions = quality.add_subparsers(metavar="ACTION", required=True)
    cli_quality_measure.add_action(actions)
    cli_quality_study.add_action(actions)
