"""The command line of a simulated department: segqc records simulate."""

from __future__ import annotations

from typing import Any


def add_actions(actions: Any) -> None:
    """Add the actions to the subparsers of segqc records."""
