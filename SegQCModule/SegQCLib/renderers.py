"""What a record is rendered to on disk."""

from __future__ import annotations

from pathlib import Path

from SegQCLib.case import Case
from SegQCLib.measurements_csv import render_csv
from SegQCLib.output import write_files
from SegQCLib.pictures import slice_pictures
from SegQCLib.protocol import QCProtocol
from SegQCLib.record import QCRecord
from SegQCLib.report import render_report


def write_outputs(record: QCRecord, case: Case, protocol: QCProtocol, folder: Path) -> None:
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
            "report.html": render_report(record, protocol, slice_pictures(case, record, protocol)),
            "measurements.csv": render_csv(record),
        },
    )
