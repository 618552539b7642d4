"""The command line of is every log as it was written: segqc records verify."""

from __future__ import annotations

from typing import Any


def add_actions(actions: Any) -> None:
    """Add the actions to the subparsers of segqc records."""
