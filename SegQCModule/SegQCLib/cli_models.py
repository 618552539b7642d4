"""The command line of two models against each other on one cohort: segqc models."""

from __future__ import annotations

from typing import Any


def add_commands(commands: Any) -> None:
    """Add the command to the subparsers of segqc."""
