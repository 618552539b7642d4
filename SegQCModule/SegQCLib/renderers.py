"""What a record is rendered to on disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from SegQCLib.case import Case, Segmentation
from SegQCLib.image_quality_csv import QUALITY_CSV_NAME, render_quality_csv
from SegQCLib.measurements_csv import render_csv
from SegQCLib.output import write_files
from SegQCLib.pictures import slice_pictures
from SegQCLib.progress import Progress, unwatched
from SegQCLib.protocol import QCProtocol
from SegQCLib.quality.background_segmentation import BACKGROUND_NAME
from SegQCLib.record import QCRecord
from SegQCLib.report import render_report
from SegQCLib.seg_nrrd import write_seg_nrrd
from SegQCLib.segmentation_file import as_seg_nrrd


def html_report(record: QCRecord, case: Case, protocol: QCProtocol, progress: Progress = unwatched) -> str:
    """Return the report of a prepared case with its slice pictures as one HTML page.

    Raises
    ------
    ValueError
        If the record is another case's, or was made under another protocol.
    BadDataError
        If jinja2 is not installed.
    """
    return render_report(record, protocol, slice_pictures(case, record, protocol, progress))


def write_outputs(
    record: QCRecord,
    case: Case,
    protocol: QCProtocol,
    folder: Path,
    progress: Progress = unwatched,
    background: Segmentation | None = None,
) -> None:
    """Write record.json, report.html and measurements.csv of a prepared case to a folder, all or none.

    With image-quality numbers also image_quality.csv; with `background`, the regions that they were measured against (see
    `evaluate_with_background`), also background.seg.nrrd. Without, those of an earlier evaluation are removed: they would be
    taken for this record's.

    Raises
    ------
    BadDataError
        If they cannot be written; what was there before is then unchanged.
    """
    contents: dict[str, str | Callable[[Path], None]] = {
        "record.json": record.to_json(),
        "report.html": html_report(record, case, protocol, progress),
        "measurements.csv": render_csv(record),
    }
    if record.image_quality:
        contents[QUALITY_CSV_NAME] = render_quality_csv(record, protocol)
    if background is not None:
        contents[BACKGROUND_NAME] = lambda path: write_seg_nrrd(path, as_seg_nrrd(background))
    write_files(folder, contents)
    for name in (BACKGROUND_NAME, QUALITY_CSV_NAME):
        if name not in contents:
            (folder / name).unlink(missing_ok=True)
