"""The command line of the dashboard: segqc records report."""

from __future__ import annotations

from typing import Any


def add_actions(actions: Any) -> None:
    """Add the actions to the subparsers of segqc records."""
