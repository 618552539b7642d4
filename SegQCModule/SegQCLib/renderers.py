"""What a record is rendered to on disk."""

from __future__ import annotations

from pathlib import Path

from SegQCLib.case import Case
from SegQCLib.measurements_csv import render_csv
from SegQCLib.output import write_files
from SegQCLib.pictures import slice_pictures
from SegQCLib.progress import Progress, unwatched
from SegQCLib.protocol import QCProtocol
from SegQCLib.record import QCRecord
from SegQCLib.report import render_report


def html_report(record: QCRecord, case: Case, protocol: QCProtocol, progress: Progress = unwatched) -> str:
    """Return the report of a prepared case with its slice pictures as one HTML page.

    Raises
    ------
    ValueError
        If the record is another case's, or was made under another protocol.
    ImportError
        If jinja2 is not installed.
    """
    return render_report(record, protocol, slice_pictures(case, record, protocol, progress))


def write_outputs(record: QCRecord, case: Case, protocol: QCProtocol, folder: Path, progress: Progress = unwatched) -> None:
    """Write record.json, report.html and measurements.csv of a prepared case to a folder, all or none.

    Raises
    ------
    BadDataError
        If they cannot be written; what was there before is then unchanged.
    """
    write_files(
        folder,
        {
            "record.json": record.to_json(),
            "report.html": html_report(record, case, protocol, progress),
            "measurements.csv": render_csv(record),
        },
    )
