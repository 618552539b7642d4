"""Finished cases to make a protocol from: how each image was made, in which windows it was seen, what was segmented on it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from SegQCLib.case import Acquisition, Segment, Terminology, WindowLevel
from SegQCLib.dicom.object_kind import sop_class_and_modality
from SegQCLib.errors import BadDataError
from SegQCLib.geometry import Geometry
from SegQCLib.importers import read_segmentation
from SegQCLib.importers.label_names import SHIPPED, read_label_names
from SegQCLib.json_file import read_json_file
from SegQCLib.progress import Progress, counted, unwatched
from SegQCLib.protocol import QCProtocol, load_protocol, plain_name, shipped_protocols
from SegQCLib.record import QCRecord
from SegQCLib.record_files import record_files
from SegQCLib.study_consistency.dicom_study import read_dicom_study
from SegQCLib.study_consistency.worklist_study import image_without_voxels
from SegQCLib.worklist import WorklistCase, read_worklist

_WORKLIST = "worklist.csv"
_CANDIDATE = "candidate.seg.nrrd"
_CASE_FILES = ("image.", "candidate.", "reference.")
# What the check window_level writes of a window on screen; the same finding about a header's windows is worded otherwise.
_SHOWN_AT = ": the image is shown at "


@dataclass(frozen=True)
class SeenSegment:
    """A segment of a finished case; its codes where they are known."""

    name: str
    terminology: Terminology | None


@dataclass(frozen=True)
class FinishedCase:
    """One case.

    Attributes
    ----------
    name : str
        For messages; it can be a patient's, so it never goes into a protocol.
    geometry : Geometry
    acquisition : Acquisition
    segments : tuple of SeenSegment
    shown_windows : tuple of WindowLevel
        Windows on screen when the case was evaluated; the header's are in `acquisition`.
    image : str or None
        What tells its image from others: Series Instance UID (0020,000E), else the SHA-256 of its file; None: not known.
    """

    name: str
    geometry: Geometry
    acquisition: Acquisition
    segments: tuple[SeenSegment, ...] = ()
    shown_windows: tuple[WindowLevel, ...] = ()
    image: str | None = None


@dataclass(frozen=True)
class FinishedCases:
    """All cases, and sentences about what could not be used.

    Attributes
    ----------
    origin : str
        What was read, with its article: a worklist, finished evaluations, a DICOM folder.
    cases : tuple of FinishedCase
    notes : tuple of str
    """

    origin: str
    cases: tuple[FinishedCase, ...]
    notes: tuple[str, ...] = ()


def read_finished_cases(
    path: Path, *, labels: str | None = None, codes_from: QCProtocol | None = None, progress: Progress = unwatched
) -> FinishedCases:
    """Return the cases of a worklist, of a folder of finished evaluations (record.json), or of a folder of DICOM series.

    Parameters
    ----------
    path : Path
    labels : str, optional
        What numbers of label maps mean; default: what the worklist says.
    codes_from : QCProtocol, optional
        Whose structures give their codes to segments of the same name that have none; after it TotalSegmentator's do.
    progress : Progress

    Raises
    ------
    BadDataError
        If it is none of these, or no case of it can be read.
    """
    if not path.exists():
        raise BadDataError(path, "does not exist.", "Give a worklist, a folder of DICOM series, or a folder of evaluations.")
    records = record_files(path) if path.is_dir() else []
    notes: list[str] = []
    if records:
        origin = "finished evaluations"
        found = [_of_record(file, path, labels, notes) for file in counted(progress, "Reading records", records)]
    elif path.is_file() or (path / _WORKLIST).is_file() or _is_folder_of_cases(path):
        origin = "a worklist"
        entries = read_worklist(path / _WORKLIST if (path / _WORKLIST).is_file() else path).cases
        found = [_of_worklist(entry, labels, notes) for entry in counted(progress, "Reading cases", entries)]
    else:
        origin = "a DICOM folder"
        found = list(_of_dicom(path, notes, progress))
    cases = _once([case for case in found if case is not None], notes)
    if not cases:
        listed = "\n".join(f"  {note}" for note in notes)
        raise BadDataError(path, f"holds no case that can be read.\n{listed}\n", "A protocol is made from finished cases.")
    return FinishedCases(origin, tuple(_with_codes(case, codes_from) for case in cases), tuple(notes))


def _is_folder_of_cases(folder: Path) -> bool:
    return any(file.name.startswith(_CASE_FILES) for file in folder.glob("*/*") if file.is_file())


def _of_record(file: Path, folder: Path, labels: str | None, notes: list[str]) -> FinishedCase | None:
    name = file.parent.relative_to(folder).as_posix()
    try:
        record = read_json_file(QCRecord, file, "a record of SegQC", "Evaluate the case again.")
    except BadDataError as error:
        notes.append(f"{name} is left out: {error}")
        return None
    own = [m for m in record.measurements if m.candidate_role == "candidate" and m.reference_role is None]
    # A segment without voxels says that a structure is absent, and a label table has a hundred of them.
    structures = {m.segment: m.structure for m in own if m.metric == "voxel_count" and m.value}
    read = _segments_in(_candidate_of(record, file), labels, notes)
    known = {segment.name: segment.terminology for segment in read}
    judged_by = _shipped(record)
    if judged_by is not None:
        by_structure = {structure.name: structure.terminology for structure in judged_by.structures}
        known = {name: known.get(name) or by_structure.get(structure or "") for name, structure in structures.items()} | known
    segments = tuple(SeenSegment(segment, known.get(segment)) for segment in (structures or known))
    windows = tuple(
        WindowLevel(*map(float, finding.measured.split("/")))
        for finding in record.findings
        if finding.check == "window_level"
        and _SHOWN_AT in finding.message
        and finding.measured is not None
        and re.fullmatch(r"[-+.\de]+/[-+.\de]+", finding.measured)
    )
    acquisition = record.case.acquisition
    file_sha256 = next((entry.sha256 for entry in record.inputs if entry.role == "image"), None)
    image = acquisition.series_instance_uid or file_sha256
    return FinishedCase(name, record.case.geometry, acquisition, segments, windows, image)


def _candidate_of(record: QCRecord, file: Path) -> Path | None:
    named = [Path(entry.path) for entry in record.inputs if entry.role == "candidate" and entry.path]
    return next((path for path in (file.parent / _CANDIDATE, *named) if path.is_file()), None)


def _shipped(record: QCRecord) -> QCProtocol | None:
    if record.protocol.id not in shipped_protocols():
        return None
    loaded = load_protocol(record.protocol.id)
    return loaded.protocol if loaded.sha256 == record.protocol.sha256 else None


def _of_worklist(entry: WorklistCase, labels: str | None, notes: list[str]) -> FinishedCase | None:
    try:
        image = image_without_voxels(entry.image)
    except BadDataError as error:
        notes.append(f"{entry.case} is left out: {error}")
        return None
    segments = _segments_in(entry.candidate or entry.reference, labels or entry.labels, notes)
    uid = image.acquisition.series_instance_uid
    return FinishedCase(entry.case, image.geometry, image.acquisition, _seen(segments), image=uid)


def _segments_in(path: Path | None, labels: str | None, notes: list[str]) -> tuple[Segment, ...]:
    if path is None:
        return ()
    try:
        segmentation = read_segmentation(path, labels=labels)
    except BadDataError as error:
        notes.append(f"A segmentation could not be read: {error}")
        return ()
    # A label table names structures that an image need not show.
    return tuple(segment for segment in segmentation.segments if segmentation.box(segment) is not None)


def _seen(segments: tuple[Segment, ...]) -> tuple[SeenSegment, ...]:
    return tuple(SeenSegment(segment.name, segment.terminology) for segment in segments)


def _of_dicom(folder: Path, notes: list[str], progress: Progress) -> Iterator[FinishedCase]:
    study = read_dicom_study(folder, None, progress)
    notes.extend(study.notes)
    by_series: dict[str, dict[str, Terminology | None]] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        if sop_class_and_modality(path)[1] == "SEG":
            try:
                segmentation = read_segmentation(path)
            except BadDataError:
                continue  # the study tells it
            for uid in segmentation.referenced_series_uids:
                by_series.setdefault(uid, {}).update({segment.name: segment.terminology for segment in segmentation.segments})
    for series in study.series:
        if series.error is not None or series.geometry is None:
            notes.append(f"{series.case} is left out: {series.error or 'its grid is not known.'}")
            continue
        notes.extend(f"{series.case}: {read.name} is left out: {read.error}" for read in series.reads if read.error)
        codes = by_series.get(series.acquisition.series_instance_uid or "", {})
        names = dict.fromkeys(lesion.name for read in series.reads for lesion in read.lesions if lesion.voxels)
        segments = tuple(SeenSegment(name, codes.get(name)) for name in names)
        uid = series.acquisition.series_instance_uid
        yield FinishedCase(series.case, series.geometry, series.acquisition, segments, image=uid)


def _once(cases: list[FinishedCase], notes: list[str]) -> list[FinishedCase]:
    """Return each image once, with what all its readers segmented: two reads of a case are not two images."""
    kept: dict[object, FinishedCase] = {}
    for number, case in enumerate(cases):
        key = case.image or number
        before = kept.get(key)
        if before is None:
            kept[key] = case
            continue
        notes.append(f"{case.name} has the same images as {before.name}: counted once.")
        segments = (*before.segments, *(one for one in case.segments if one not in before.segments))
        kept[key] = replace(before, segments=segments, shown_windows=(*before.shown_windows, *case.shown_windows))
    return list(kept.values())


def _with_codes(case: FinishedCase, codes_from: QCProtocol | None) -> FinishedCase:
    def known(segment: SeenSegment) -> SeenSegment:
        if segment.terminology is not None:
            return segment
        if codes_from is not None:
            structure = codes_from.structure_of(Segment("", segment.name, 1))
            if structure is not None:
                return replace(segment, terminology=structure.terminology)
        return replace(segment, terminology=_codes_by_name().get(plain_name(segment.name)))

    return replace(case, segments=tuple(map(known, case.segments)))


@cache
def _codes_by_name() -> dict[str, Terminology]:
    return {
        plain_name(label.name): label.terminology
        for table in reversed(SHIPPED)
        for label in read_label_names(table).labels
        if label.terminology is not None
    }
