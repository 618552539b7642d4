"""Is what the archive has under a UID what we have under it?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from SegQCLib.errors import BadDataError

if TYPE_CHECKING:
    from pydicom import Dataset

# When an object was written is no part of what it says: our UIDs follow from what it says.
_WHEN = {
    "InstanceCreationDate",
    "InstanceCreationTime",
    "ContentDate",
    "ContentTime",
    "SeriesDate",
    "SeriesTime",
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
    skipped = _WHEN | ({"PixelData"} if syntaxes[0] != syntaxes[1] else set())
    return tuple(
        # Written out: pydicom 2 and 3 show tags in different ways.
        f"{element.keyword or 'private attribute'} ({element.tag.group:04X},{element.tag.element:04X})"
        for element in first
        if element.keyword not in skipped and (element.tag not in second or second[element.tag].value != element.value)
    )


def _read(path: Path) -> Dataset:
    import pydicom
    from pydicom.errors import InvalidDicomError

    try:
        return pydicom.dcmread(path)
    except (InvalidDicomError, EOFError, ValueError, KeyError, NotImplementedError, OSError) as error:
        raise BadDataError(path, f"cannot be read as DICOM ({error}).", "Copy or write it again.") from error
