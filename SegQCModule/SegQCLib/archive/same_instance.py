"""Is what the archive has under a UID what we have under it?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from SegQCLib.errors import BadDataError

if TYPE_CHECKING:
    from pydicom import DataElement, Dataset

# When an object was written is no part of what it says: our UIDs follow from what it says.
_WHEN = {
    "InstanceCreationDate",
    "InstanceCreationTime",
    "ContentDate",
    "ContentTime",
    "SeriesDate",
    "SeriesTime",
    "ContributionDateTime",
    "TimezoneOffsetFromUTC",
}


def differences(own: Path, archived: Path) -> tuple[str, ...]:
    """Return the attributes of a file, with keyword and tag, that a copy of it lacks or has otherwise.

    What only the copy has does not count: archives add attributes. Neither do group 2, which belongs to the file, nor
    the times of writing, nor pixel data in another transfer syntax.

    Raises
    ------
    BadDataError
        If one of the files cannot be read.
    """
    if own.stat().st_size == archived.stat().st_size and own.read_bytes() == archived.read_bytes():
        return ()
    first, second = _read(own), _read(archived)
    syntaxes = [data_set.file_meta.get("TransferSyntaxUID") for data_set in (first, second)]
    skipped = {"PixelData"} if syntaxes[0] != syntaxes[1] else set()
    return tuple(
        # Written out: pydicom 2 and 3 show tags in different ways.
        f"{element.keyword or 'private attribute'} ({element.tag.group:04X},{element.tag.element:04X})"
        for element in first
        if element.keyword not in skipped and not _has(second, element)
    )


def _has(data_set: Dataset, element: DataElement) -> bool:
    if element.keyword in _WHEN:
        return True
    if element.tag not in data_set:
        return False
    other = data_set[element.tag]
    if element.VR != "SQ" or other.VR != "SQ":
        return other.value == element.value
    return len(other.value) == len(element.value) and all(
        all(_has(second, one) for one in first) for first, second in zip(element.value, other.value, strict=True)
    )


def _read(path: Path) -> Dataset:
    import pydicom
    from pydicom.errors import InvalidDicomError

    try:
        return pydicom.dcmread(path)
    except (InvalidDicomError, EOFError, ValueError, KeyError, NotImplementedError, OSError) as error:
        raise BadDataError(path, f"cannot be read as DICOM ({error}).", "Copy or write it again.") from error
