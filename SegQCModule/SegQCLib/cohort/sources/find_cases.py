"""The cases of a cohort, whatever their files are ordered as."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from SegQCLib.cohort.sources import bids_tree, dicom_studies, nnunet_set, worklist_csv
from SegQCLib.cohort.sources.case_names import shown, with_unique_names
from SegQCLib.cohort.sources.found_cases import FoundCases
from SegQCLib.cohort.sources.source_options import SourceOptions
from SegQCLib.errors import BadDataError

_FORMS = (
    "Give one of:\n"
    "  a CSV file (worklist) whose columns are case, image, candidate and, if there are any, reference, reference_2, draft,\n"
    "    uncertainty, second_image, ratings, protocol, labels, patient, site, reader; or a folder with one sub-folder for each\n"
    "    case, with files image, candidate, reference and draft\n"
    "  a folder of DICOM studies, at any depth, with SEG or RTSTRUCT objects\n"
    "  a BIDS tree: sub-*/ with the images, derivatives/<pipeline>/sub-*/ with *_dseg or *_mask files\n"
    "  an nnU-Net data set: dataset.json, imagesTr or imagesTs, and a folder with predictions"
)

_READ = {
    "csv": worklist_csv.read,
    "worklist-folder": worklist_csv.read,
    "dicom": dicom_studies.read,
    "bids": bids_tree.read,
    "nnunet": nnunet_set.read,
}
_TABLES = (".csv", ".tsv", ".txt")


def find_cases(path: Path, options: SourceOptions = SourceOptions()) -> FoundCases:  # noqa: B008 - frozen
    """Return the cases of a source; no voxel is read.

    Raises
    ------
    BadDataError
        If it is none of the four forms, holds no case, or cannot be read as a whole. What is wrong with one case is that case's
        fault.
    """
    path = Path(path)
    if not path.exists():
        raise BadDataError(shown(path), "does not exist.", _FORMS)
    kind = options.kind or _kind(path)
    if kind != "csv" and not path.is_dir():
        raise BadDataError(shown(path), f"is a file; {kind} is a folder.", _FORMS)
    if kind == "csv" and path.is_dir():
        raise BadDataError(shown(path), "is a folder, not a CSV file.", _FORMS)
    found = _READ[kind](path, options)
    if not found.cases:
        told = "".join(f"\n  {note}" for note in found.notes)
        raise BadDataError(shown(path), f"holds no case.{told}\n" if told else "holds no case.", _FORMS)
    return replace(found, cases=with_unique_names(found.cases, path if path.is_dir() else path.parent))


def _kind(path: Path) -> str:
    if path.is_file():
        if path.suffix.lower() not in _TABLES:
            raise BadDataError(shown(path), "is no source of cases.", _FORMS)
        return "csv"
    if not path.is_dir():
        raise BadDataError(shown(path), "is neither a file nor a folder.", _FORMS)
    try:
        if nnunet_set.recognises(path):
            return "nnunet"
        if bids_tree.recognises(path):
            return "bids"
        return "worklist-folder" if worklist_csv.recognises(path) else "dicom"
    except OSError as error:
        raise BadDataError(shown(path), f"cannot be read ({error.strerror}).", _FORMS) from error
