"""Values of a DICOM header in the form that reading an image needs, or an error that names file, keyword and tag."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from SegQCLib.dicom.dicom_header import parser_errors
from SegQCLib.errors import BadDataError

if TYPE_CHECKING:
    from pydicom import Dataset


def attribute(keyword: str) -> str:
    """Return keyword and tag as messages name them, for example 'Rows (0028,0010)'."""
    from pydicom.datadict import tag_for_keyword

    tag = tag_for_keyword(keyword)
    return f"{keyword} ({tag >> 16:04X},{tag & 0xFFFF:04X})"


def value_of(path: Path, header: Dataset, keyword: str) -> Any:
    """Return a value, None where it is missing or empty.

    Raises
    ------
    BadDataError
        If its bytes are not what the attribute holds.
    """
    try:
        value = header.get(keyword)
    except parser_errors() as error:
        raise BadDataError(path, f"has an unreadable {attribute(keyword)}: {error}.", "Export the series again.") from error
    return None if value is None or (isinstance(value, str) and not value.strip()) else value


def text_of(path: Path, header: Dataset, keyword: str) -> str:
    """Return a value as text, "" where it is missing; several values as the standard writes them, with backslashes."""
    value = value_of(path, header, keyword)
    if value is None:
        return ""
    return str(value) if isinstance(value, str) or not hasattr(value, "__iter__") else "\\".join(map(str, value))


def whole_number(path: Path, header: Dataset, keyword: str, default: int | None = None) -> int:
    """Return one integer.

    Raises
    ------
    BadDataError
        If it is not one, or missing without a `default`.
    """
    value = value_of(path, header, keyword)
    if value is None:
        if default is None:
            raise BadDataError(path, f"has no {attribute(keyword)}.", "It is not a complete image: export the series again.")
        return default
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise BadDataError(
            path, f"has {attribute(keyword)} {value!s:.40}; it holds one whole number.", "Export the series again."
        ) from error


def numbers(path: Path, header: Dataset, keyword: str, count: int) -> NDArray[np.float64] | None:
    """Return `count` finite decimal numbers, or None where the attribute is missing or empty.

    Raises
    ------
    BadDataError
        If there are more or fewer, or one is no finite number.
    """
    value = value_of(path, header, keyword)
    if value is None:
        return None
    values = [value] if isinstance(value, str) or not hasattr(value, "__iter__") else list(value)
    if not values:
        return None
    try:
        found = np.array([float(one) for one in values])
    except (TypeError, ValueError):
        found = np.array([])
    if found.shape != (count,) or not np.isfinite(found).all():
        raise BadDataError(
            path,
            f"has {attribute(keyword)} {value!s:.80}; it holds {count} finite number{'s' if count > 1 else ''}.",
            "Export the series again.",
        )
    return found
