"""What a study's folder holds: a worklist, finished evaluations, or DICOM series."""

from __future__ import annotations

from pathlib import Path

from SegQCLib.errors import BadDataError
from SegQCLib.progress import Progress, unwatched
from SegQCLib.protocol import LoadedProtocol, load_protocol
from SegQCLib.record_files import record_files
from SegQCLib.study_consistency.dicom_study import read_dicom_study
from SegQCLib.study_consistency.record_study import read_record_study, shipped_protocol_of
from SegQCLib.study_consistency.study_series import ReadStudy, with_same_images_together
from SegQCLib.study_consistency.worklist_study import read_worklist_study
from SegQCLib.worklist import Worklist, read_worklist

WORKLIST = "worklist.csv"
_CASE_FILES = ("image.", "candidate.", "reference.", "draft.")


def read_study(
    path: Path,
    protocol: LoadedProtocol | None,
    worklist: Path | None = None,
    labels: str | None = None,
    progress: Progress = unwatched,
) -> tuple[ReadStudy, LoadedProtocol | None]:
    """Return the series of a study, and its protocol: the one given, else what all lines of the worklist or all records name.

    Parameters
    ----------
    path : Path
        A worklist (CSV file, or folder of cases), a folder of finished evaluations, or a folder of DICOM files. Records come
        first, then worklist.csv, then folders of cases, then DICOM.
    protocol : LoadedProtocol or None
    worklist : Path or None
        Names patient and time point of each record's case; default: worklist.csv in the folder or beside it.
    labels : str or None
        What the numbers of label maps mean; default: what the worklist says.
    progress : Progress

    Raises
    ------
    BadDataError
        If it is none of these.
    """
    if not path.exists():
        raise BadDataError(path, "does not exist.", "Give a worklist, a folder of DICOM series, or a folder of evaluations.")
    records = record_files(path) if path.is_dir() else []
    if records:
        beside = [place for place in (path / WORKLIST, path.parent / WORKLIST) if place.is_file()]
        found = worklist or next(iter(beside), None)
        cases = read_worklist(found) if found else None
        protocol = protocol or _common_protocol(cases) or shipped_protocol_of(records)
        study = read_record_study(path, records, cases, protocol and protocol.protocol, labels, progress)
    elif worklist is not None:
        raise BadDataError(path, "holds no record.json, so --worklist does nothing.", "Give the worklist itself in its place.")
    elif path.is_file() or (path / WORKLIST).is_file() or _is_folder_of_cases(path):
        cases = read_worklist(path / WORKLIST if (path / WORKLIST).is_file() else path)
        protocol = protocol or _common_protocol(cases)
        study = read_worklist_study(cases, protocol and protocol.protocol, labels, progress)
    else:
        study = read_dicom_study(path, protocol and protocol.protocol, progress)
    return with_same_images_together(study), protocol


def _is_folder_of_cases(folder: Path) -> bool:
    cases = [item for item in folder.iterdir() if item.is_dir() and not item.name.startswith(".")]
    return any(file.name.startswith(_CASE_FILES) for case in cases for file in case.iterdir() if file.is_file())


def _common_protocol(worklist: Worklist | None) -> LoadedProtocol | None:
    named = {entry.protocol for entry in worklist.cases} if worklist else set()
    only = named.pop() if len(named) == 1 else None
    return None if only is None else load_protocol(only)
