"""Elements that a vendor defined, by the name of their creator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from SegQCLib.dicom.dicom_header import parser_errors

if TYPE_CHECKING:
    from pydicom import Dataset


def private_value(header: Dataset, group: int, creator: str, element: int) -> Any:
    """Return the value of a private element, also where de-identification dropped its creator, as text where it was bytes."""
    try:
        return _text_of(header.private_block(group, creator)[element].value)
    except KeyError:
        pass  # no such creator
    except parser_errors():
        return None
    # The creator's block is free to choose; vendors use the first. Another creator there owns another element.
    if (group, 0x0010) in header or (group, 0x1000 + element) not in header:
        return None
    try:
        return _text_of(header[group, 0x1000 + element].value)
    except parser_errors():
        return None


def _text_of(value: Any) -> Any:
    # In implicit VR a private element may come as bytes.
    return value.decode("ascii", "replace").strip("\0 ") if isinstance(value, bytes) else value
