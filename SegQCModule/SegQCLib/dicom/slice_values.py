"""Values of one attribute over the slices of a series, read without turning every element of every slice into a value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from SegQCLib.dicom.dicom_header import parser_errors

if TYPE_CHECKING:
    from pydicom import Dataset


def distinct(headers: Sequence[Dataset], keyword: str) -> list[Any]:
    """Return the distinct values of an attribute, in the order of the slices.

    Slices that lack the attribute, or have it empty or unreadable, do not count.
    """
    unique: dict[str, Any] = {}
    for header in unlike(headers, keyword):
        value = value_of(header, keyword)
        if not is_empty(value):
            unique.setdefault(str(value).strip(), value)
    return list(unique.values())


def unlike(headers: Sequence[Dataset], *keywords: str) -> list[Dataset]:
    """Return the first of the headers for each distinct combination of what attributes hold, as it is written."""
    from pydicom.datadict import tag_for_keyword

    tags = [tag_for_keyword(keyword) for keyword in keywords]
    found: dict[tuple, Dataset] = {}
    for header in headers:
        found.setdefault(tuple(_written(header, tag) for tag in tags), header)
    return list(found.values())


def _written(header: Dataset, tag: int) -> bytes | str | None:
    element = header.get_item(tag) if tag in header else None
    if element is None:
        return None
    # Bytes of an element that nobody has asked for yet: turning them into a value takes longer than comparing them.
    return element.value if isinstance(element.value, bytes) else str(element.value)


def value_of(header: Dataset, keyword: str) -> Any:
    """Return the value of an attribute, None where it is missing or not readable."""
    try:
        return header.get(keyword)
    except parser_errors():
        return None


def is_empty(value: Any) -> bool:
    return value is None or str(value).strip() in ("", "[]")


def only_text(headers: Sequence[Dataset], keyword: str) -> str | None:
    """Return the one text of an attribute in all slices, None where there is none or several."""
    found = distinct(headers, keyword)
    return str(found[0]).strip() if len(found) == 1 else None


def texts(value: Any) -> tuple[str, ...]:
    """Return the values of an attribute that may have several."""
    if is_empty(value):
        return ()
    return tuple(str(item).strip() for item in value) if is_list(value) else (str(value).strip(),)


def is_list(value: Any) -> bool:
    from pydicom.multival import MultiValue

    return isinstance(value, MultiValue | list | tuple)


def number(value: Any) -> float | None:
    """Return a single value as a finite number, else None."""
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if np.isfinite(found) else None
