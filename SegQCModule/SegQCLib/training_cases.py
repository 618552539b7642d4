"""The cases to train on: as readers saved them under a worklist's records folder, as its candidates, or as single files."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Literal

from SegQCLib.alignment import align
from SegQCLib.case import Segmentation, Volume
from SegQCLib.case_files import CANDIDATE, CandidateOrigin, open_case, reader_folder
from SegQCLib.dataclass_json import FaultyJSONError
from SegQCLib.errors import BadDataError
from SegQCLib.file_name import file_name
from SegQCLib.images import read_image
from SegQCLib.importers import read_segmentation
from SegQCLib.importers.draft import read_draft
from SegQCLib.importers.draft_algorithm import made_by
from SegQCLib.nnunet_dataset import CaseToTrainOn
from SegQCLib.protocol import LoadedProtocol
from SegQCLib.record import QCRecord, Verdict
from SegQCLib.record_files import RECORD_NAME
from SegQCLib.worklist import Worklist, WorklistCase
from SegQCLib.worklist_progress import CaseState, read_progress

VerdictFilter = Literal["accept", "not-rejected", "any"]
_PATIENT_COLUMNS = ("patient", "patient_id", "patientid")


@dataclass(frozen=True)
class SavedWork:
    """Which of the saved work is taken.

    Attributes
    ----------
    readers : tuple of str
        In the order of preference; (): the only reader of a case.
    verdict : {"accept", "not-rejected", "any"}
        What the record saved with a candidate may say; only "accept" needs a record.
    done_only : bool
        Only cases that their reader has marked as done.
    """

    readers: tuple[str, ...] = ()
    verdict: VerdictFilter = "not-rejected"
    done_only: bool = False


def identifiers(names: Sequence[str], numbered: bool) -> list[str]:
    """Return a case identifier for each name: its ASCII letters and digits, or case_0001 ... in their order.

    A name that has none of these, or shares them with another, gets a number in any case.
    """
    plain = [re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._") for name in names]
    shared = Counter(one.casefold() for one in plain)
    kept = [None if numbered or shared[one.casefold()] > 1 else one or None for one in plain]
    taken = {one.casefold() for one in kept if one is not None}
    numbers = (f"case_{n:04d}" for n in count(1))
    return [one or next(number for number in numbers if number not in taken) for one in kept]


def saved_case(
    entry: WorklistCase,
    identifier: str,
    worklist: Worklist,
    records_folder: Path,
    protocol: LoadedProtocol,
    wanted: SavedWork,
    *,
    numbered: bool,
) -> CaseToTrainOn:
    """Return a case of a worklist with the candidate that a reader has saved.

    Raises
    ------
    BadDataError
        If nobody has saved one, several readers have and none is wanted, the verdict is not wanted, newer work was kept
        but not saved, or a file cannot be read.
    """
    reader = _reader(entry, identifier, records_folder, wanted)
    if wanted.done_only and read_progress(worklist, reader, records_folder).state(entry.case) is not CaseState.DONE:
        raise BadDataError(identifier, f"is not marked as done by {reader}.", "Finish it, or take cases that are not done too.")
    opened = open_case(entry, records_folder, reader, protocol)
    if opened.origin is CandidateOrigin.AUTOSAVED:
        raise BadDataError(
            identifier,
            f"has work of {reader} that is newer than what was saved.",
            "Open the case in SegQC and save it, so that one version counts.",
        )
    if opened.origin is not CandidateOrigin.SAVED:
        raise BadDataError(opened.folder, f"has no segmentation that can be read. {' '.join(opened.unread)}", "Save it again.")
    record = _record(opened.texts.get(RECORD_NAME), opened.folder)
    _require_verdict(identifier, None if record is None else record.verdict, wanted.verdict)
    patient, identifying = _patient(opened.image, entry)
    return CaseToTrainOn(
        identifier=identifier,
        image=opened.image,
        candidate=opened.candidate,
        draft=opened.draft,
        reader=reader,
        verdict=None if record is None else record.verdict.value,
        evaluated_under=None if record is None else record.protocol,
        patient=patient,
        identifying=() if numbered else identifying,
    )


def listed_case(entry: WorklistCase, identifier: str, reader: str | None, *, numbered: bool) -> CaseToTrainOn:
    """Return a case of a worklist with the candidate that the worklist names.

    Raises
    ------
    BadDataError
        If the worklist names none, or a file cannot be read.
    """
    if entry.candidate is None:
        raise BadDataError(identifier, "has no candidate in the worklist.", "Name one in its column candidate.")
    return file_case(entry.image, entry.candidate, identifier, reader, entry.labels, entry=entry, numbered=numbered)


def file_case(
    image_path: Path,
    candidate_path: Path,
    identifier: str,
    reader: str | None,
    labels: str | None,
    *,
    entry: WorklistCase | None = None,
    numbered: bool,
) -> CaseToTrainOn:
    """Return a case from an image and a segmentation.

    Raises
    ------
    BadDataError
        If a file cannot be read.
    """
    image = read_image(image_path)
    patient, identifying = _patient(image, entry)
    draft = None if entry is None or entry.draft is None else _draft(entry.draft, image)
    return CaseToTrainOn(
        identifier=identifier,
        image=image,
        candidate=align(read_segmentation(candidate_path, labels=labels, image=image), image.geometry),
        draft=draft,
        reader=reader,
        patient=patient,
        identifying=() if numbered else identifying,
    )


def _draft(path: Path, image: Volume) -> Segmentation:
    read = read_draft(path, image=image)
    return made_by(read.segmentation, read.algorithm)


def _reader(entry: WorklistCase, identifier: str, records_folder: Path, wanted: SavedWork) -> str:
    """Return whose candidate is taken: the first wanted reader who saved one, else the only one."""
    for reader in wanted.readers:
        if (reader_folder(records_folder, entry.case, reader) / CANDIDATE).is_file():
            return reader
    folder = records_folder / file_name(entry.case)
    saved = sorted(path.parent.name for path in folder.glob(f"*/{CANDIDATE}"))
    if wanted.readers or not saved:
        who = " or ".join(wanted.readers) or "any reader"
        raise BadDataError(identifier, f"has no segmentation saved by {who}.", f"Saved are: {', '.join(saved) or 'none'}.")
    if len(saved) > 1:
        raise BadDataError(
            identifier,
            f"was segmented by {len(saved)} readers ({', '.join(saved)}).",
            "Say whose segmentation counts (--reader, once or in the order of preference).",
        )
    return saved[0]


def _record(text: str | None, folder: Path) -> QCRecord | None:
    if text is None:
        return None
    try:
        return QCRecord.from_json(text)
    except FaultyJSONError as error:
        raise BadDataError(folder / RECORD_NAME, f"cannot be read: {error}.", "Evaluate the case again.") from error


def _require_verdict(identifier: str, verdict: Verdict | None, wanted: VerdictFilter) -> None:
    if wanted == "any" or (wanted == "not-rejected" and verdict is not Verdict.REJECT) or verdict is Verdict.ACCEPT:
        return
    found = "has no verdict: no record was saved with its segmentation." if verdict is None else f"has the verdict {verdict}."
    raise BadDataError(identifier, found, f"Only cases with the verdict asked for are taken ({wanted}).")


def _patient(image: Volume, entry: WorklistCase | None) -> tuple[str | None, tuple[str, ...]]:
    """Return who the patient is, by the worklist's column patient or else the header, and what would name the patient."""
    column = next((value for name, value in entry.other if name.casefold() in _PATIENT_COLUMNS), "") if entry else ""
    if not image.slice_sources:
        return column or None, ()
    import pydicom

    header = pydicom.dcmread(
        image.slice_sources[0].path,
        stop_before_pixels=True,
        force=True,
        specific_tags=["PatientID", "IssuerOfPatientID", "PatientName", "PatientIdentityRemoved"],
    )
    patient_id, issuer = (str(header.get(keyword) or "").strip() for keyword in ("PatientID", "IssuerOfPatientID"))
    known = column or (f"{patient_id}\0{issuer}" if patient_id else None)
    # Where Patient Identity Removed (0012,0062) is YES, name and ID are those of a study.
    removed = str(header.get("PatientIdentityRemoved") or "").strip() == "YES"
    return known, () if removed else tuple(filter(None, (str(header.get("PatientName") or ""), patient_id)))
