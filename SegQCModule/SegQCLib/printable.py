"""Texts from files, as they may be shown to people."""

from __future__ import annotations

import re

# Control characters but tab and line breaks, halves of surrogate pairs, and those that turn the direction of all that follows.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]|\r(?!\n)")


def printable(text: str) -> str:
    """Return a text with those characters escaped by which a name could command a terminal or look like another one."""
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)
