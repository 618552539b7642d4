"""segqc export nnunet."""

from __future__ import annotations

from typing import Any


def add_action(actions: Any) -> None:
    """Add `nnunet` to the actions of segqc export."""
    actions.add_parser("nnunet", help="corrected cases as an nnU-Net raw data set")
