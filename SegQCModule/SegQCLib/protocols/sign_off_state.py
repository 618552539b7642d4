"""How far the sign-off of a protocol is."""

from __future__ import annotations

from typing import Literal

SignOffState = Literal["example", "unsigned", "one_role", "locked", "altered", "unreadable"]

SIGN_OFF_WORDS: dict[SignOffState, str] = {
    "example": "example, not signed off",
    "unsigned": "not signed off",
    "one_role": "signed, but not by all roles yet",
    "locked": "signed off by all roles",
    "altered": "changed since it was signed",
    "unreadable": "its sign-off file cannot be read",
}
