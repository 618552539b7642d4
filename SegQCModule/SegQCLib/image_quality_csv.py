"""The record's image-quality numbers as a table for spreadsheets and statistics (image_quality.csv)."""

from __future__ import annotations

import csv
import io

from SegQCLib.measurements_csv import inert
from SegQCLib.protocol import QCProtocol
from SegQCLib.quality.study_limits import limits_of, segments_by_structure
from SegQCLib.record import QCRecord
from SegQCLib.report_quality import limits_beside

QUALITY_CSV_NAME = "image_quality.csv"
COLUMNS = (
    "segment", "structure", "measure", "method", "region", "voxels", "background", "background_voxels", "value", "unit",
    "limit", "limit_kept", "z", "study_cases", "study_median", "study_mad", "study_stratum", "definition", "reason", "remark",
    "not_in_study",
)  # fmt: skip


def render_quality_csv(record: QCRecord, protocol: QCProtocol) -> str:
    """Return the image-quality numbers as CSV, as `measurements_csv.render_csv` writes it: one line per number.

    `limit_kept` is yes or no, and empty where there is no limit or nothing to judge; limits and their answers are separated by
    semicolons. z is the robust z-score among the study's cases.
    """
    lines = io.StringIO(newline="")
    writer = csv.writer(lines, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    segments = segments_by_structure(record)
    for m in record.image_quality:
        limits = limits_beside(m, limits_of(m, protocol, segments))
        place = m.in_study
        cells = (
            m.segment,
            m.structure,
            m.measure,
            m.method,
            m.region,
            m.voxels,
            m.background,
            m.background_voxels,
            m.value,
            m.unit,
            "; ".join(limit.text for limit in limits),
            "; ".join({True: "yes", False: "no", None: ""}[limit.met] for limit in limits),
            *((None,) * 5 if place is None else (place.z, place.cases, place.median, place.mad, place.stratum)),
            m.definition,
            m.reason,
            m.remark,
            m.not_in_study,
        )
        # Only texts are guarded: a negative number is a number.
        writer.writerow(
            [repr(cell) if isinstance(cell, float) else inert(cell) if isinstance(cell, str) else cell for cell in cells]
        )
    return lines.getvalue()
