"""An evaluated case of a scene as DICOM SEG and SR: checked as a whole first, then both are written or neither."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from SegQCLib.dicom.case_origins import case_origins
from SegQCLib.dicom.seg_candidate import on_series, with_codes
from SegQCLib.dicom.seg_description import with_tracking
from SegQCLib.dicom.seg_preflight import CHECK_ID, image_export_faults, seg_export_faults
from SegQCLib.dicom.seg_slices import has_slices_of
from SegQCLib.dicom.series import read_series_headers_of_files
from SegQCLib.dicom.source_images import source_images
from SegQCLib.dicom.write_file import write_dicom_files
from SegQCLib.dicom.write_seg import segmentation_object
from SegQCLib.dicom.write_sr import report_object, require_report_can_be_written
from SegQCLib.errors import BadDataError
from SegQCLib.findings import Finding, Status
from SegQCLib.geometry import axis_order, reorder_axes, same_grid
from SegQCLib.part_of_grid import place_in_grid
from SegQCLib.progress import Progress, unwatched
from SegQCLib.regular_grid import is_regular

if TYPE_CHECKING:
    from SegQCLib.case import Case, Segmentation, Volume
    from SegQCLib.dicom.source_images import SourceImages
    from SegQCLib.export_remedies import Remedies
    from SegQCLib.protocol import QCProtocol
    from SegQCLib.record import QCRecord


@dataclass(frozen=True)
class ExportChoices:
    """What the reader chose for an export.

    Attributes
    ----------
    reader : str or None
        Who answers for the segmentation, as typed.
    representation : {"BINARY", "LABELMAP"}
    unknown_by_hand : bool
        Segments of which nothing says who drew them were drawn by hand.
    seg_path, sr_path : Path
        The files to write.
    """

    reader: str | None
    representation: Literal["BINARY", "LABELMAP"]
    unknown_by_hand: bool
    seg_path: Path
    sr_path: Path


@dataclass(frozen=True, eq=False)
class CheckedExport:
    """What an export would write, and everything that speaks against it.

    Attributes
    ----------
    candidate : Segmentation
        On the slices of the series, with codes, algorithms and tracking.
    images : SourceImages
    faults : tuple of Finding
        FAIL: it cannot be written. WARN: it can, but would say less or something else than people may think.
    unknown : tuple of str
        Names of the segments of which nothing says who drew them.
    replaced : tuple of Path
        Files of an earlier export that would be replaced.
    """

    candidate: Segmentation
    images: SourceImages
    faults: tuple[Finding, ...]
    unknown: tuple[str, ...]
    replaced: tuple[Path, ...]

    @property
    def can_be_written(self) -> bool:
        return all(fault.status is not Status.FAIL for fault in self.faults)


def checked_export(
    case: Case,
    record: QCRecord,
    files: Sequence[Path],
    draft_sha256: str | None,
    candidate_file: Path | None,
    protocol: QCProtocol,
    choices: ExportChoices,
    remedies: Remedies,
    progress: Progress = unwatched,
) -> CheckedExport:
    """Return what an export of a case would write, and everything that speaks against it; nothing is written.

    Parameters
    ----------
    case : Case
        As the record has it.
    record : QCRecord
    files : sequence of Path
        The DICOM images that the case's image was loaded from.
    draft_sha256 : str or None
    candidate_file : Path or None
        See `case_origins`.
    protocol : QCProtocol
        Gives its codes to segments that have none.
    choices : ExportChoices
    remedies : Remedies
    progress : Progress

    Raises
    ------
    BadDataError
        If the images cannot be read, or are no longer those of the case.
    """
    progress("Reading the headers of the images", 0.0)
    series = read_series_headers_of_files(files)
    images = source_images(series)
    part = _part_of_series(case.image, series)
    progress("Checking the segments", 0.6)
    origins = case_origins(case, draft_sha256, candidate_file, unknown_by_hand=choices.unknown_by_hand, remedies=remedies)
    # What reading it from its own grid showed stays known.
    on_slices = replace(on_series(origins.candidate, series), stored=origins.candidate.stored)
    candidate = with_tracking(with_codes(on_slices, {}, protocol), str(images.headers[0].get("SeriesInstanceUID") or ""))
    progress("Checking what DICOM asks for", 0.8)
    faults = [*image_export_faults(series), *part, *origins.faults]
    faults += seg_export_faults(
        candidate,
        images,
        reader=choices.reader,
        representation=choices.representation,
        unclear=origins.unclear,
        remedies=remedies,
    )
    faults += _record_faults(record, images, choices.reader)
    replaced = tuple(path for path in (choices.seg_path, choices.sr_path) if path.exists())
    return CheckedExport(candidate, images, tuple(dict.fromkeys(faults)), origins.unknown, replaced)


def write_export(export: CheckedExport, record: QCRecord, choices: ExportChoices, progress: Progress = unwatched) -> None:
    """Write the DICOM SEG and the SR that refers to it, both or neither; the record's own time is theirs.

    Raises
    ------
    BadDataError
        If something speaks against it after all, or the files cannot be written. What was there before is unchanged.
    """
    created = datetime.fromisoformat(record.created)
    progress("Making the DICOM SEG", 0.0)
    segmentation = segmentation_object(
        export.candidate, export.images, reader=choices.reader, created=created, representation=choices.representation
    )
    progress("Making the DICOM SR", 0.6)
    report = report_object(record, export.candidate, export.images, segmentation, reader=choices.reader, created=created)
    progress("Writing both", 0.9)
    write_dicom_files({choices.seg_path: segmentation, choices.sr_path: report})


def _part_of_series(image: Volume, series: Volume) -> tuple[Finding, ...]:
    upright = reorder_axes(image.geometry, axis_order(image.geometry, series.geometry))
    if same_grid(upright, series.geometry) or (not is_regular(series) and has_slices_of(upright, series.geometry)):
        return ()
    shown, whole = (" x ".join(map(str, grid.size[::-1])) for grid in (upright, series.geometry))
    if place_in_grid(image.geometry, series.geometry) is None:
        raise BadDataError(
            "The image of the case",
            f"was resampled: its {shown} voxels are not those of the DICOM series ({whole}; columns, rows, slices), and what was"
            " measured on it is not true of the series.",
            "Choose the volume as Slicer loaded it from DICOM, draw and evaluate on that one.",
        )
    message = (
        f"The image of the case is a part of its DICOM series ({shown} of {whole} voxels; columns, rows, slices): the segments are"
        " written onto the whole slices, and what the report says of the image is true of that part."
    )
    return (_fault(Status.WARN, message),)


def _record_faults(record: QCRecord, images: SourceImages, reader: str | None) -> Iterator[Finding]:
    own = str(images.headers[0].get("SeriesInstanceUID") or "")
    if own and record.case.acquisition.series_instance_uid != own:
        found = record.case.acquisition.series_instance_uid or "of none that it knows"
        yield _fault(
            Status.FAIL,
            f"The verdict is of another series: its Series Instance UID (0020,000E) is {found}, that of the images is {own}."
            " Evaluate again.",
        )
    try:
        require_report_can_be_written(record, reader)
    except BadDataError as error:
        yield _fault(Status.FAIL, str(error))


def _fault(status: Status, message: str) -> Finding:
    return Finding(CHECK_ID, status, message)
