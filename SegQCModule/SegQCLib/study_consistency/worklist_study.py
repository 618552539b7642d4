"""The series of a worklist, with the patients and time points that its further columns name."""

from __future__ import annotations

from pathlib import Path

from SegQCLib.acquisition import Acquisition
from SegQCLib.case import Volume
from SegQCLib.dicom.series import read_series_headers
from SegQCLib.errors import BadDataError
from SegQCLib.file_header import FileKind, read_file_header, refuse_unread_kinds
from SegQCLib.geometry import geometry_of
from SegQCLib.image_file import open_image
from SegQCLib.importers import read_segmentation, stem
from SegQCLib.progress import Progress, counted, unwatched
from SegQCLib.protocol import QCProtocol
from SegQCLib.study_consistency.measured_segments import measured_segments
from SegQCLib.study_consistency.study_series import ReadStudy, SeriesRead, StudySeries
from SegQCLib.study_consistency.timepoint import timepoint_of
from SegQCLib.worklist import Worklist, WorklistCase

COLUMNS = {
    "patient": "whose image it is; empty: every case is another patient",
    "timepoint": "when: a date (2026-11-22), or a number such as the week",
    "kind": "what kind of image it is, in any words: only images of one kind are compared",
    "reader": "who segmented",
}


def read_worklist_study(
    worklist: Worklist, protocol: QCProtocol | None, labels: str | None = None, progress: Progress = unwatched
) -> ReadStudy:
    """Return the series of a worklist: headers of images, and of each case the candidate, else the reference.

    What cannot be read is a series with its error. Columns: see `COLUMNS`.
    """
    series = [_series(entry, protocol, labels) for entry in counted(progress, "Reading series", worklist.cases)]
    return ReadStudy(f"worklist {worklist.path.name}", tuple(series), tuple(_notes(worklist)))


def further_columns(entry: WorklistCase) -> dict[str, str]:
    """Return what a line says in the columns of `COLUMNS`, whatever their case; empty ones have no entry."""
    return {name.casefold(): value for name, value in entry.other if value and name.casefold() in COLUMNS}


def _notes(worklist: Worklist) -> list[str]:
    columns = [further_columns(entry) for entry in worklist.cases]
    notes = []
    if not any("patient" in one for one in columns):
        notes.append("The worklist has no column patient: every case counts as another patient, and nothing is followed over time.")
    elif lacking := sum("patient" not in one for one in columns):
        notes.append(f"{lacking} lines of the worklist name no patient: each counts as another one.")
    return notes


def _series(entry: WorklistCase, protocol: QCProtocol | None, labels: str | None) -> StudySeries:
    told = further_columns(entry)
    patient, kind, timepoint = told.get("patient", entry.case), told.get("kind"), timepoint_of(told.get("timepoint"))
    try:
        image = image_without_voxels(entry.image)
    except BadDataError as error:
        return StudySeries(entry.case, patient, timepoint, kind, error=str(error))
    path = entry.candidate or entry.reference
    reads: tuple[SeriesRead, ...] = ()
    if path is not None:
        from_draft = entry.draft is not None and path == entry.candidate
        reads = (read_of(path, image, protocol, told.get("reader"), labels or entry.labels, from_draft=from_draft),)
    description = image.acquisition.series_description or ""
    return StudySeries(
        entry.case,
        patient,
        timepoint,
        kind,
        image.acquisition,
        image.geometry,
        reads,
        simulated="simulated" in f"{description} {entry.case}".casefold(),
    )


def image_without_voxels(path: Path) -> Volume:
    """Return the grid and the header facts of an image; without a DICOM header there are no facts.

    Raises
    ------
    BadDataError
        If there is no image, or more than one.
    """
    if path.is_dir():
        return read_series_headers(path)
    header = read_file_header(path)
    if header.kind is FileKind.DICOM:
        return read_series_headers(path)
    refuse_unread_kinds(header)
    if header.kind is FileKind.UNKNOWN:
        raise BadDataError(path, "is not an image file that SegQC knows.", "Give a DICOM folder or file, NIfTI, NRRD or MetaImage.")
    reader = open_image(header)
    size = reader.GetSize()
    if len(size) < 3 or any(extent > 1 for extent in size[3:]):
        raise BadDataError(path, f"has {len(size)} dimensions.", "An image has three: give one 3-D series.")
    return Volume(None, geometry_of(reader), Acquisition())


def read_of(
    path: Path, image: Volume, protocol: QCProtocol | None, reader: str | None, labels: str | None, *, from_draft: bool
) -> SeriesRead:
    """Return what a segmentation file says on an image; with the error where it cannot be used."""
    try:
        segmentation = read_segmentation(path, labels=labels, image=image)
        lesions = measured_segments(segmentation, image.geometry, protocol, from_draft=from_draft)
    except BadDataError as error:
        return SeriesRead(stem(path), reader, error=str(error))
    return SeriesRead(segmentation.name, reader, lesions)
