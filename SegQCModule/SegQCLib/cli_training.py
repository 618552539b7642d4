"""The command line of training sets: segqc training."""

from __future__ import annotations

from typing import Any


def add_commands(commands: Any) -> None:
    """Add the command to the subparsers of segqc."""
