"""Numbers as people type them."""

from __future__ import annotations

import math
import re

_NUMBER = re.compile(r"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d{1,3})?")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+")


def typed_number(text: str) -> int | float | str | None:
    """Return the number that a text says, None for an empty one, and the text itself where it is no number.

    A decimal comma is a decimal point. 1,000 is no number: it is one to some people and a thousand to others.
    """
    plain = text.strip().replace("\N{MINUS SIGN}", "-")
    if not plain:
        return None
    if re.fullmatch(r"[+-]?\d{1,15}", plain):
        return int(plain)
    if _THOUSANDS.fullmatch(plain) or not _NUMBER.fullmatch(plain):
        return text.strip()
    value = float(plain.replace(",", "."))
    return value if math.isfinite(value) else text.strip()


def number_text(value: object) -> str:
    """Return a number as it is typed, with all its digits and no idle ones; any other value as it is, None as nothing."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return "" if value is None else str(value)
