"""The command line of archives: segqc archive."""

from __future__ import annotations

from typing import Any


def add_commands(commands: Any) -> None:
    """Add `archive` and its actions to the subparsers of segqc."""
    commands.add_parser("archive", help="work with a DICOMweb archive")
