"""The command line of logs into a database: segqc records ingest, export, delete."""

from __future__ import annotations

from typing import Any


def add_actions(actions: Any) -> None:
    """Add the actions to the subparsers of segqc records."""
