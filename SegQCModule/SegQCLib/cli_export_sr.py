"""segqc export sr."""

from __future__ import annotations

from typing import Any


def add_action(actions: Any) -> None:
    """Add `sr` to the actions of segqc export."""
    actions.add_parser("sr", help="a record as DICOM SR (TID 1500)")
