"""Is a record the one of these files? A report that joins a record with another image would be believed."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from SegQCLib.alignment import align
from SegQCLib.case import Segment, Segmentation, Volume
from SegQCLib.dataclass_json import FaultyJSONError
from SegQCLib.errors import BadDataError
from SegQCLib.file_header import FileKind, read_file_header
from SegQCLib.importers import read_segmentation
from SegQCLib.record import QCRecord

if TYPE_CHECKING:
    from pydicom import Dataset

# Segmentation Storage and Label Map Segmentation Storage.
_SEGMENTATIONS = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
_AGAIN = "Give the files that were evaluated, or evaluate these with segqc evaluate."


def read_record(path: Path) -> QCRecord:
    """Return the record in a file.

    Raises
    ------
    BadDataError
        If the file cannot be read or is not a record, with every fault.
    """
    try:
        return QCRecord.from_json(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise BadDataError(path, f"cannot be read ({error.strerror}).", "Give the record.json of segqc evaluate.") from error
    except UnicodeDecodeError as error:
        raise BadDataError(path, "is not UTF-8 text.", "Give the record.json of segqc evaluate.") from error
    except FaultyJSONError as error:
        listed = "\n".join(f"  {fault}" for fault in error.faults)
        raise BadDataError(path, "is not a record.", f"Give the record.json of segqc evaluate. Faults:\n{listed}") from error


def require_evaluated(record: QCRecord, where: Path, image: Volume, candidate: Segmentation) -> None:
    """Raise BadDataError if a record is not of this image and this candidate, by UIDs and SHA-256.

    Parameters
    ----------
    record : QCRecord
    where : Path
        The record's file, for the message.
    image : Volume
    candidate : Segmentation
        As their files have them.
    """
    recorded, own = record.case.acquisition, image.acquisition
    for keyword, tag, one, other in (
        ("Study Instance UID", "(0020,000D)", recorded.study_instance_uid, own.study_instance_uid),
        ("Series Instance UID", "(0020,000E)", recorded.series_instance_uid, own.series_instance_uid),
    ):
        if one != other:
            raise BadDataError(where, f"is of another image: its {keyword} {tag} is {one}, the image's is {other}.", _AGAIN)
    for role, source in (("image", image.source), ("candidate", candidate.source)):
        sums = [entry.sha256 for entry in record.inputs if entry.role == role]
        # A record of a scene has none: its nodes are in no file.
        if sums and sums[0] is not None and source is not None and sums[0] != source.sha256:
            raise BadDataError(
                where, f"is of another {role}: the SHA-256 was {sums[0]}, that of {source.path} is {source.sha256}.", _AGAIN
            )


def is_dicom_seg(path: Path) -> bool:
    """Return whether a file is a DICOM segmentation, BINARY, FRACTIONAL or LABELMAP."""
    import pydicom

    if path.is_dir() or read_file_header(path).kind is not FileKind.DICOM:
        return False
    return pydicom.dcmread(path, specific_tags=["SOPClassUID"], force=True).get("SOPClassUID") in _SEGMENTATIONS


def read_same_segmentation(path: Path, candidate: Segmentation, image: Volume) -> Dataset:
    """Return a DICOM SEG whose segments have the candidate's voxels.

    Parameters
    ----------
    path : Path
    candidate : Segmentation
        On the image's grid.
    image : Volume

    Raises
    ------
    BadDataError
        If it is no DICOM SEG, or a segment is missing there or has other voxels: the report would give numbers about
        voxels that were not measured.
    """
    import pydicom

    written = align(read_segmentation(path, image=image), image.geometry)
    by_name: dict[str, list[Segment]] = defaultdict(list)
    for segment in written.segments:
        by_name[segment.name.strip()].append(segment)
    for segment in candidate.segments:
        box = candidate.box(segment)
        if box is None:
            continue
        # Of equal names those with voxels come first in what SegQC writes, in their order.
        of_this_name = by_name[segment.name.strip()[:64].strip()]
        same = of_this_name.pop(0) if of_this_name else None
        if same is None:
            raise BadDataError(path, f"has no segment {segment.name!r}.", "Give the DICOM SEG that was made of this candidate.")
        if written.box(same) != box or not np.array_equal(written.mask(same, box), candidate.mask(segment, box)):
            raise BadDataError(
                path,
                f"has other voxels than the candidate in the segment {segment.name!r}.",
                "Give the DICOM SEG that was made of this candidate; segqc export seg makes it.",
            )
    return pydicom.dcmread(path, stop_before_pixels=True, force=True)
