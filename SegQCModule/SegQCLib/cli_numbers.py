"""Numbers that options take."""

from __future__ import annotations

import argparse


def whole_from_1(text: str) -> int:
    """Return a whole number of 1 or more."""
    return _whole(text, 1)


def whole_from_0(text: str) -> int:
    """Return a whole number of 0 or more."""
    return _whole(text, 0)


def _whole(text: str, lowest: int) -> int:
    if not text.isdecimal() or int(text) < lowest:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of {lowest} or more")
    return int(text)
