"""Names that people type, as names of files and folders on every system."""

from __future__ import annotations

import hashlib
import unicodedata

# Windows reserves them with any ending.
_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
_LONGEST = 80


def file_name(text: str) -> str:
    """Return a name for a file or folder: letters, digits, dot, hyphen and underscore of `text` as they are.

    Where anything else had to go, a few digits of the text's SHA-256 follow, so that two texts never share
    a name: `Dr. A/B` and `Dr. A B` are two readers.

    Raises
    ------
    ValueError
        If there is no text.
    """
    # macOS hands out decomposed letters, everything else composed ones.
    text = unicodedata.normalize("NFC", text.strip())
    if not text:
        raise ValueError("file_name needs a text with at least one visible character.")
    kept = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in text)[:_LONGEST].strip(".")
    if kept == text and kept.partition(".")[0].casefold() not in _RESERVED:
        return kept
    # What a terminal hands over need not be Unicode.
    return f"{kept}-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:6]}"
