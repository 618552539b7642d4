"""The records of a study: every record.json in a folder and in the folders below it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from SegQCLib.errors import BadDataError
from SegQCLib.json_file import read_json_file
from SegQCLib.progress import Progress, counted, unwatched
from SegQCLib.record import QCRecord
from SegQCLib.record_files import RECORD_NAME, record_files


@dataclass(frozen=True)
class NamedRecord:
    """A record and what it is called: its folder below the study's, "." for the study's own."""

    name: str
    record: QCRecord


@dataclass(frozen=True)
class StudyRecords:
    """What a folder holds.

    Attributes
    ----------
    records : tuple of NamedRecord
        By name.
    left_out : tuple of str
        Why each record.json that is no usable record was left out, a sentence.
    """

    records: tuple[NamedRecord, ...]
    left_out: tuple[str, ...]


def read_study_records(folder: Path, progress: Progress = unwatched) -> StudyRecords:
    """Return the records below a folder; a file that is no record is left out, and said.

    Raises
    ------
    BadDataError
        If the folder cannot be listed or holds no usable record.
    """
    paths = record_files(folder)
    records, left_out = [], []
    for path in counted(progress, "Reading records", paths):
        try:
            record = read_record_file(path)
        except BadDataError as error:
            left_out.append(str(error))
        else:
            records.append(NamedRecord(path.parent.relative_to(folder).as_posix(), record))
    if not records:
        several = f"{len(left_out)} files {RECORD_NAME}, and none is a usable record: {left_out[0]}" if left_out else ""
        raise BadDataError(
            folder,
            f"holds {several or f'no {RECORD_NAME}.'}",
            "Give the folder that holds the --out folders of segqc evaluate.",
        )
    return StudyRecords(tuple(records), tuple(left_out))


def read_record_file(path: Path) -> QCRecord:
    """Return the record in a file.

    Raises
    ------
    BadDataError
        If it is none.
    """
    return read_json_file(QCRecord, path, "a record", "Evaluate the case again with segqc evaluate.")
