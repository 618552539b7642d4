"""What an archive says to an instance that it was sent: the Store Instances Response (PS3.18 10.5.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from SegQCLib.archive.dicom_json import number_value, text_value
from SegQCLib.archive.faults import FULL_REMEDY, ArchiveError

if TYPE_CHECKING:
    from requests import Response

_FAILED, _STORED = "00081198", "00081199"  # FailedSOPSequence, ReferencedSOPSequence
_UID, _FAILURE, _WARNING = "00081155", "00081197", "00081196"

# PS3.18 Table I.2-2 and, for A7xx to Cxxx, PS3.4 Table B.2-1: the first hexadecimal digits decide.
_FAILURES = (
    ("A7", "it is out of resources"),
    ("A9", "the object does not match its SOP Class"),
    ("C122", "it does not support the object's transfer syntax"),
    ("C", "it cannot understand some of the object's elements"),
    ("0110", "processing failed"),
    ("0122", "it does not support this SOP Class"),
)
# PS3.18 Table I.2-1.
_WARNINGS = {
    0xB000: "changed elements of it",
    0xB006: "dropped elements of it",
    0xB007: "finds that it does not match its SOP Class",
}


@dataclass(frozen=True)
class StoreAnswer:
    """Whether the archive says that it stored an instance.

    Attributes
    ----------
    stored : bool or None
        None: its answer does not mention the instance.
    note : str or None
        What the archive did to the instance, in words.
    """

    stored: bool | None
    note: str | None = None


def store_answer(response: Response, sop_instance_uid: str, where: str) -> StoreAnswer:
    """Return what an answer of status 200, 202, 400 or 409 says about one instance.

    Raises
    ------
    ArchiveError
        If the archive refused it.
    """
    answer = _json(response)
    for item in _items(answer, _FAILED):
        if text_value(item, _UID) in (sop_instance_uid, None):
            raise _refusal(number_value(item, _FAILURE), where)
    for item in _items(answer, _STORED):
        if text_value(item, _UID) == sop_instance_uid:
            warning = number_value(item, _WARNING)
            return StoreAnswer(True, None if warning is None else _warning(warning))
    return StoreAnswer(None)


def _json(response: Response) -> Mapping[str, Any]:
    try:
        answer = response.json()
    except (ValueError, RecursionError):
        return {}
    # Some archives put the one data set into a list.
    if isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    return answer if isinstance(answer, dict) else {}


def _items(answer: Mapping[str, Any], tag: str) -> list[Mapping[str, Any]]:
    element = answer.get(tag)
    values = element.get("Value") if isinstance(element, dict) else None
    return [item for item in values if isinstance(item, dict)] if isinstance(values, list) else []


def _refusal(reason: int | None, where: str) -> ArchiveError:
    if reason is None:
        return ArchiveError(where, "refused the object and gives no reason.", "Its administrator finds it in the archive's log.")
    digits = f"{reason:04X}"
    words = next((words for start, words in _FAILURES if digits.startswith(start)), "for a reason of its own")
    full = digits.startswith("A7")
    return ArchiveError(
        where,
        f"refused the object: {words} (FailureReason (0008,1197) is {digits}).",
        FULL_REMEDY if full else "Its administrator finds more in the archive's log.",
    )


def _warning(reason: int) -> str:
    return f"the archive {_WARNINGS.get(reason, 'warns')} (WarningReason (0008,1196) is {reason:04X})"
