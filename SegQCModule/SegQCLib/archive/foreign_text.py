"""Texts that an archive wrote, before a person's terminal shows them."""

from __future__ import annotations

import unicodedata


def shown(text: str) -> str:
    """Return a text without what would act on a terminal: control characters, escape sequences with them, half characters.

    Each becomes U+FFFD, so that nobody takes the text for what the archive has.
    """
    return "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(letter) in ("Cc", "Cs") else letter for letter in text)
