"""Which file of model A, model B and the reference belong to one case."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from SegQCLib.csv_rows import read_csv_rows
from SegQCLib.errors import BadDataError
from SegQCLib.hashing import sha256_of
from SegQCLib.importers import stem
from SegQCLib.words import few

_ENDINGS = (".seg.nrrd", ".nii.gz", ".nii", ".nrrd", ".mha", ".mhd", ".dcm")


@dataclass(frozen=True)
class CohortCase:
    """One case that both models and the reference have.

    Attributes
    ----------
    case : str
        Name of its files, without their ending.
    patient : str
        Cases of one patient are drawn together; the case itself where no table says so.
    a, b, reference : Path
    same_file : bool
        Both models' files have the same bytes: one model's output was given twice, or both wrote nothing.
    """

    case: str
    patient: str
    a: Path
    b: Path
    reference: Path
    same_file: bool


@dataclass(frozen=True)
class LeftOut:
    """A case that is not compared, and why."""

    case: str = field(metadata={"doc": "Name of the case."})
    reason: str = field(metadata={"doc": "Why it is not compared."})


@dataclass(frozen=True)
class Cohort:
    """The cases in their order by name, and what could not be matched."""

    cases: tuple[CohortCase, ...]
    left_out: tuple[LeftOut, ...]


def match_cohort(a: Path, b: Path, reference: Path, patients: Path | None = None) -> Cohort:
    """Return the cases of three folders of segmentations: files with the same name, whatever their ending.

    Parameters
    ----------
    a, b, reference : Path
        Folders with one file for each case: label map, .seg.nrrd, DICOM SEG or RTSTRUCT. Other files are passed over.
    patients : Path, optional
        CSV file with the columns case and patient.

    Raises
    ------
    BadDataError
        If a folder is none, holds two files of one case, has no case in common with the others, or the table of patients
        lacks one of the cases.
    """
    found = {"model A": _files(a), "model B": _files(b), "the reference": _files(reference)}
    patient_of = None if patients is None else _patients(patients)
    cases, left_out = [], []
    for case in sorted(set().union(*found.values())):
        missing = [role for role, files in found.items() if case not in files]
        if missing:
            left_out.append(LeftOut(case, f"no file of {' and '.join(missing)}"))
            continue
        of_a, of_b, of_reference = (files[case] for files in found.values())
        if patient_of is not None and case not in patient_of:
            raise BadDataError(patients, f"does not name the case {case}.", "Give each case a line with its patient.")
        patient = case if patient_of is None else patient_of[case]
        cases.append(CohortCase(case, patient, of_a, of_b, of_reference, _same_bytes(of_a, of_b)))
    if not cases:
        names = [f"{role}: {few(list(files)) or 'no segmentation'}" for role, files in found.items()]
        raise BadDataError(
            f"{a}, {b} and {reference}",
            f"have no case in common ({'; '.join(names)}).",
            "Give the files of one case the same name in all three folders.",
        )
    return Cohort(tuple(cases), tuple(left_out))


def _files(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise BadDataError(folder, "is not a folder.", "Give a folder with one segmentation file for each case.")
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if not path.is_file() or path.name.startswith(".") or not path.name.lower().endswith(_ENDINGS):
            continue
        case = stem(path)
        if case in files:
            raise BadDataError(folder, f"has {files[case].name} and {path.name} for one case.", "Keep one of them.")
        files[case] = path
    return files


def _same_bytes(a: Path, b: Path) -> bool:
    return a.stat().st_size == b.stat().st_size and sha256_of(a) == sha256_of(b)


def _patients(path: Path) -> dict[str, str]:
    rows = read_csv_rows(path)
    for column in ("case", "patient"):
        if column not in rows.header:
            raise BadDataError(path, f"has no column {column}.", "Its first line names the columns case and patient.")
    patients: dict[str, str] = {}
    for line, row in rows.rows:
        if not row["case"] or not row["patient"]:
            raise BadDataError(f"{path}, line {line}", "lacks the case or its patient.", "Fill in both.")
        if patients.setdefault(row["case"], row["patient"]) != row["patient"]:
            raise BadDataError(f"{path}, line {line}", f"gives the case {row['case']} a second patient.", "Keep one line.")
    return patients
