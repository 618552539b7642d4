"""The series of a folder of DICOM files, of one patient or many, with the segmentations that were drawn on them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from SegQCLib.case import Volume
from SegQCLib.dicom.dicom_header import DicomHeader, parser_errors, read_dicom_header
from SegQCLib.dicom.header_values import text_of, value_of
from SegQCLib.dicom.image_sets import series_key
from SegQCLib.dicom.series import read_series_headers_of_files
from SegQCLib.errors import BadDataError
from SegQCLib.importers.rt_structure_set import RT_STRUCTURE_SET
from SegQCLib.progress import Progress, counted, part, unwatched
from SegQCLib.protocol import QCProtocol
from SegQCLib.study_consistency.study_series import ReadStudy, SeriesRead, StudySeries
from SegQCLib.study_consistency.timepoint import timepoint_of
from SegQCLib.study_consistency.worklist_study import read_of

if TYPE_CHECKING:
    from pydicom import Dataset

_SEGMENTATIONS = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7", RT_STRUCTURE_SET)
_PARAMETRIC_MAP = "1.2.840.10008.5.1.4.1.1.30"
_NOT_IMAGES = ("SEG", "RTDOSE", "RTSTRUCT", "SR", "PR", "KO", "DOC")


@dataclass
class _FoundSeries:
    """The files of one series, before any of them is read as an image."""

    patient: str
    date: str
    description: str
    files: list[Path] = field(default_factory=list)
    instances: set[str] = field(default_factory=set)
    copies: int = 0
    localizers: int = 0


@dataclass(frozen=True)
class _FoundSegmentation:
    path: Path
    patient: str
    date: str
    reader: str | None
    series_uids: tuple[str, ...]


@dataclass
class _Found:
    series: dict[tuple[str, ...], _FoundSeries] = field(default_factory=dict)
    segmentations: list[_FoundSegmentation] = field(default_factory=list)
    unreadable: list[tuple[Path, str]] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)


def read_dicom_study(folder: Path, protocol: QCProtocol | None, progress: Progress = unwatched) -> ReadStudy:
    """Return every image series below a folder, by Patient ID (0010,0020) and Study Date (0008,0020).

    Segmentations (SEG, RT Structure Set) belong to the series that they name. Localizers are left out and counted. What cannot
    be read is a series with its error.

    Raises
    ------
    BadDataError
        If there is no DICOM file.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    found = _Found()
    for path in counted(part(progress, 0.0, 0.5), "Looking at files", files):
        _look_at(path, found)
    if not (found.series or found.segmentations or found.unreadable):
        held = f"no DICOM image ({len(files)} other files)" if files else "no files"
        raise BadDataError(
            folder,
            f"holds {held}, no worklist.csv and no record.json.",
            "Give a worklist, a folder of DICOM series, or a folder of finished evaluations.",
        )
    names = _names(folder, found.series)
    images: list[StudySeries] = []
    notes = []
    segmented: set[Path] = set()
    for key in counted(part(progress, 0.5, 1.0), "Reading series", list(found.series)):
        one = found.series[key]
        if one.localizers == len(one.files):
            notes.append(f"{names[key]}: left out, a localizer.")
            continue
        if one.copies:
            files = "1 file is a copy of another" if one.copies == 1 else f"{one.copies} files are copies of others"
            notes.append(f"{names[key]}: {files} (SOP Instance UID (0008,0018)): counted once.")
        own = [item for item in found.segmentations if key[0] and key[0] in item.series_uids]
        segmented |= {item.path for item in own}
        images.append(_series(names[key], one, own, protocol))
    images += [_unmatched(folder, item) for item in found.segmentations if item.path not in segmented]
    images += _damaged(folder, found.unreadable)
    if found.others:
        notes.append(f"Not read, because they are no images of a patient: {_counted(found.others)}.")
    return ReadStudy("DICOM folder", tuple(images), tuple(notes))


def _look_at(path: Path, found: _Found) -> None:
    try:
        header = read_dicom_header(path)
        if header is None:
            # SR, PR and the like without a preamble, and everything that is no DICOM.
            found.others["files that are not DICOM"] += 1
            return
        _sort_in(path, header, found)
    except BadDataError as error:
        found.unreadable.append((path, str(error)))
    except parser_errors() as error:
        found.unreadable.append((path, f"{path}: has an unreadable header ({error}). Export it again."))


def _sort_in(path: Path, header: DicomHeader, found: _Found) -> None:
    dataset = header.dataset

    def text(keyword: str) -> str:
        return text_of(path, dataset, keyword).strip()

    def name(keyword: str) -> str:
        # A person name is a sequence of letters to whoever asks.
        return str(value_of(path, dataset, keyword) or "").strip("^ ")

    study = text("StudyInstanceUID")
    patient = text("PatientID") or name("PatientName") or f"no Patient ID, study {study or 'without UID'}"
    date = text("StudyDate") or text("AcquisitionDate")
    if text("SOPClassUID") in _SEGMENTATIONS:
        # An RT Structure Set has no creator but Operators' Name.
        reader = name("ContentCreatorName") or name("OperatorsName") or None
        found.segmentations.append(_FoundSegmentation(path, patient, date, reader, tuple(_referenced_series(dataset))))
        return
    if "Rows" not in dataset or text("Modality") in _NOT_IMAGES or text("SOPClassUID") == _PARAMETRIC_MAP:
        kind = text("SOPClassUID") or str(dataset.file_meta.get("MediaStorageSOPClassUID", ""))
        if "Rows" not in dataset and text("Modality") not in _NOT_IMAGES and _is_image_class(kind):
            raise BadDataError(path, "is cut short: an image without Rows (0028,0010).", "Copy or export it again.")
        found.others[f"DICOM objects ({text('Modality') or 'no modality'})"] += 1
        return
    series = found.series.setdefault(series_key(path, dataset), _FoundSeries(patient, date, text("SeriesDescription")))
    instance = text("SOPInstanceUID")
    if instance and instance in series.instances:
        series.copies += 1
        return
    series.instances.add(instance)
    series.files.append(path)
    series.localizers += text("ImageType").split("\\")[2:3] == ["LOCALIZER"]


def _is_image_class(uid: str) -> bool:
    from pydicom.uid import UID

    return "Image Storage" in UID(uid).name


def _referenced_series(dataset: Dataset) -> Iterator[str]:
    for item in dataset.get("ReferencedSeriesSequence") or ():
        yield str(item.get("SeriesInstanceUID", ""))
    for frame in dataset.get("ReferencedFrameOfReferenceSequence") or ():
        for study in frame.get("RTReferencedStudySequence") or ():
            for item in study.get("RTReferencedSeriesSequence") or ():
                yield str(item.get("SeriesInstanceUID", ""))


def _names(folder: Path, series: dict[tuple[str, ...], _FoundSeries]) -> dict[tuple[str, ...], str]:
    """Return a name for each series: its folder, with its description where several lie in one."""
    folders = {key: _where(folder, Path(os.path.commonpath([file.parent for file in one.files]))) for key, one in series.items()}
    per_folder, used, names = Counter(folders.values()), Counter[str](), {}
    for key, one in series.items():
        name = folders[key]
        if per_folder[name] > 1 and len(one.files) == 1:
            name = one.files[0].relative_to(folder).as_posix()
        elif per_folder[name] > 1:
            name = ": ".join(word for word in (name if name != folder.name else "", one.description or "series") if word)
        used[name] += 1
        names[key] = name if used[name] == 1 else f"{name} ({used[name]})"
    return names


def _where(folder: Path, place: Path) -> str:
    inside = place.relative_to(folder).as_posix()
    return folder.name if inside == "." else inside


def _series(name: str, one: _FoundSeries, own: Sequence[_FoundSegmentation], protocol: QCProtocol | None) -> StudySeries:
    timepoint = timepoint_of(one.date)
    try:
        image = read_series_headers_of_files(one.files)
    except BadDataError as error:
        return StudySeries(name, one.patient, timepoint, error=str(error))
    return StudySeries(
        name,
        one.patient,
        timepoint,
        acquisition=image.acquisition,
        geometry=image.geometry,
        reads=tuple(_read(item, image, protocol) for item in own),
        simulated="simulated" in (image.acquisition.series_description or "").casefold(),
    )


def _read(item: _FoundSegmentation, image: Volume, protocol: QCProtocol | None) -> SeriesRead:
    return read_of(item.path, image, protocol, item.reader, None, from_draft=False)


def _unmatched(folder: Path, item: _FoundSegmentation) -> StudySeries:
    uids = ", ".join(item.series_uids) or "no series"
    error = BadDataError(
        item.path, f"is a segmentation of {uids} (Series Instance UID), which is not in this folder.", "Add the series."
    )
    return StudySeries(item.path.relative_to(folder).as_posix(), item.patient, timepoint_of(item.date), error=str(error))


def _damaged(folder: Path, unreadable: Sequence[tuple[Path, str]]) -> Iterator[StudySeries]:
    """Yield one row for the damaged files of each folder: nobody wants three hundred."""
    by_folder: dict[Path, list[str]] = {}
    for path, message in unreadable:
        by_folder.setdefault(path.parent, []).append(message)
    for place, messages in by_folder.items():
        more = f" ({len(messages) - 1} more damaged files in this folder)" if len(messages) > 1 else ""
        yield StudySeries(f"{_where(folder, place)}: damaged files", "not known", error=f"{messages[0]}{more}")


def _counted(others: Counter[str]) -> str:
    return ", ".join(f"{count} x {what}" for what, count in others.most_common())
