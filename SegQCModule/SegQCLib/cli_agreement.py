"""The command line of readers against each other: segqc agreement."""

from __future__ import annotations

from typing import Any


def add_commands(commands: Any) -> None:
    """Add the command to the subparsers of segqc."""
