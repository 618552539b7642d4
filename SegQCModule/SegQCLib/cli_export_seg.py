"""segqc export seg."""

from __future__ import annotations

from typing import Any


def add_action(actions: Any) -> None:
    """Add `seg` to the actions of segqc export."""
    actions.add_parser("seg", help="a segmentation as DICOM SEG")
