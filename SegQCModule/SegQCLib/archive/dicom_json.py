"""Attributes in DICOM JSON (PS3.18 F.2), as archives answer with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from SegQCLib.archive.faults import ArchiveError
from SegQCLib.archive.foreign_text import shown

# PS3.5 9.1, but leading zeros pass: old equipment writes them.
_UID = re.compile(r"[0-9]+(\.[0-9]+)*")


def is_uid(text: str) -> bool:
    """Return whether a text can be a DICOM UID: digits and dots, 64 at most."""
    return len(text) <= 64 and _UID.fullmatch(text) is not None


def text_value(item: Mapping[str, Any], tag: str) -> str | None:
    """Return the first value of an attribute as text, or None; `tag` has eight hexadecimal digits."""
    element = item.get(tag)
    values = element.get("Value") if isinstance(element, dict) else None
    value = values[0] if isinstance(values, list) and values else None
    return shown(str(value)).strip() or None if isinstance(value, str | int | float) else None


def number_value(item: Mapping[str, Any], tag: str) -> int | None:
    """Return the first value of an attribute as an integer, or None. Some archives write numbers as text."""
    text = text_value(item, tag)
    # IS has 12 characters at most (PS3.5 6.2), SV and UV have 20.
    return int(text) if text is not None and text.isdecimal() and len(text) <= 20 else None


def uid_value(item: Mapping[str, Any], tag: str, keyword: str, where: str) -> str:
    """Return the UID of an attribute. UIDs of answers become names of files and parts of URLs: nothing else may pass.

    Raises
    ------
    ArchiveError
    """
    text = text_value(item, tag) or ""
    if not is_uid(text):
        found = "nothing" if not text else repr(text[:80])
        raise ArchiveError(
            where,
            f"answers with {found} as {keyword} ({tag[:4]},{tag[4:]}).",
            "A UID has digits and dots, 64 at most (PS3.5 9.1): tell its administrator.",
        )
    return text
