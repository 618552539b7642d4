"""Is what the archive has under a UID what we have under it?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from SegQCLib.dicom.dicom_header import parser_errors
from SegQCLib.errors import BadDataError

if TYPE_CHECKING:
    from pydicom import DataElement, Dataset

# When an object was written, and what fills it up, is no part of what it says: our UIDs follow from what it says.
_NO_CONTENT = {
    "InstanceCreationDate",
    "InstanceCreationTime",
    "ContentDate",
    "ContentTime",
    "SeriesDate",
    "SeriesTime",
    "ContributionDateTime",
    "TimezoneOffsetFromUTC",
    "DataSetTrailingPadding",
}
# Groups in which archives complete patients and requests from their own worklists (coercion of data elements).
_COMPLETED_GROUPS = {0x0008, 0x0010, 0x0012, 0x0032, 0x0038, 0x0040}


def differences(own: Path, archived: Path) -> tuple[str, ...]:
    """Return the attributes, with keyword and tag, in which a file and an archive's copy of it differ.

    What an archive may add does not count: private attributes, and single values of patient, study and request. Neither do
    group 2, which belongs to the file, the times of writing, and pixel data in another transfer syntax.

    Raises
    ------
    BadDataError
        If one of the files cannot be read.
    """
    if own.stat().st_size == archived.stat().st_size and own.read_bytes() == archived.read_bytes():
        return ()
    first = _read(own, own, "Copy or write it again.")
    second = _read(archived, f"the archive's copy of {own}", "Nothing was sent: tell the archive's administrator.")
    other_syntax = first.file_meta.get("TransferSyntaxUID") != second.file_meta.get("TransferSyntaxUID")
    skipped = _NO_CONTENT | ({"PixelData"} if other_syntax else set())
    differing = [element for element in first if element.keyword not in skipped and not _has(second, element)]
    differing += [
        element for element in second if element.keyword not in skipped and element.tag not in first and not _may_add(element)
    ]
    # Written out: pydicom 2 and 3 show tags in different ways.
    return tuple(
        f"{element.keyword or 'private attribute'} ({element.tag.group:04X},{element.tag.element:04X})" for element in differing
    )


def _may_add(element: DataElement) -> bool:
    return element.tag.is_private or (element.tag.group in _COMPLETED_GROUPS and element.VR != "SQ")


def _has(data_set: Dataset, element: DataElement) -> bool:
    if element.keyword in _NO_CONTENT:
        return True
    if element.tag not in data_set:
        return False
    other = data_set[element.tag]
    if element.VR != "SQ" or other.VR != "SQ":
        return other.value == element.value
    return len(other.value) == len(element.value) and all(
        len(first) == len(second) and all(_has(second, one) for one in first)
        for first, second in zip(element.value, other.value, strict=True)
    )


def _read(path: Path, where: object, remedy: str) -> Dataset:
    import pydicom

    try:
        data_set = pydicom.dcmread(path)
        for _ in data_set.iterall():
            pass  # pydicom converts values when somebody asks for them
        return data_set
    except parser_errors() as error:
        raise BadDataError(where, f"cannot be read as DICOM ({error}).", remedy) from error
