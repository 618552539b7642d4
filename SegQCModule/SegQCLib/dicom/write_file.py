"""Write a DICOM object to a file: complete or not at all, and never over an image or another program's work."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from SegQCLib.errors import BadDataError

if TYPE_CHECKING:
    from pydicom import Dataset


def write_dicom_file(dataset: Dataset, path: Path) -> None:
    """Write a DICOM object in the format of DICOM PS3.10; folders are made where they are missing.

    A file of that name is replaced only if it is an object of the same kind (Modality (0008,0060)) that the same program
    wrote (Manufacturer (0008,0070)), and only after the new one is complete on the disk.

    Raises
    ------
    BadDataError
        If the file that is there is of another kind (an image, a file that is not DICOM) or another program's, the disk is
        full or the folder cannot be written to. What was there before is unchanged.
    """
    write_dicom_files({path: dataset})


def write_dicom_files(datasets: Mapping[Path, Dataset]) -> None:
    """Write DICOM objects as `write_dicom_file` does, all or none: every file is complete before the first old one is replaced.

    Raises
    ------
    BadDataError
        As `write_dicom_file`.
    """
    import pydicom

    waiting: list[tuple[Path, Path]] = []
    try:
        for path, dataset in datasets.items():
            _require_replaceable(dataset, path.resolve())
        for path, dataset in datasets.items():
            final = path.resolve()
            temporary = final.with_name(f".{final.name}.{secrets.token_hex(8)}")
            final.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("xb") as file:
                waiting.append((temporary, final))
                pydicom.dcmwrite(file, dataset, enforce_file_format=True)
                file.flush()
                os.fsync(file.fileno())
        for temporary, final in waiting:
            temporary.replace(final)
    except OSError as error:
        raise BadDataError(
            path,
            f"could not be written ({error.strerror or error}).",
            "Free space or choose another folder; an older file of that name is unchanged.",
        ) from error
    finally:
        for temporary, _ in waiting:
            temporary.unlink(missing_ok=True)


def _require_replaceable(dataset: Dataset, path: Path) -> None:
    import pydicom
    from pydicom.errors import InvalidDicomError

    remedy = "Nothing was overwritten: choose another name."
    if path.is_dir():
        raise BadDataError(path, "is a folder.", "Give the name of a file in it.")
    if not path.exists():
        return
    try:
        there = pydicom.dcmread(path, specific_tags=["SOPClassUID", "Modality", "Manufacturer"], stop_before_pixels=True)
        kind, modality, program = there.get("SOPClassUID"), there.get("Modality"), there.get("Manufacturer")
    except (InvalidDicomError, OSError, ValueError, EOFError) as error:
        raise BadDataError(path, "exists and is not a DICOM file.", remedy) from error
    if modality != dataset.Modality:
        shown = pydicom.uid.UID(str(kind)).name if kind else "without SOP Class UID (0008,0016)"
        raise BadDataError(path, f"exists and is another kind of DICOM object ({shown}).", remedy)
    if program != dataset.Manufacturer:
        raise BadDataError(path, f"exists and is the work of another program ({program or 'which does not say its name'}).", remedy)
