"""Image quality over a study as a table: one line per case and number, and one per correlation."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from SegQCLib.measurements_csv import inert
from SegQCLib.quality.quality_study import QualityStudy, RatingBesideNumber, StudyNumber

_COLUMNS = (
    "of", "protocol", "structure", "measure", "method", "region", "background", "unit", "case", "value", "segments", "z",
    "scanner", "scanner_cases", "scanner_median", "scanner_mad", "limits", "rating", "scale", "spearman_rho", "lower_95",
    "upper_95", "cases", "not_assessable", "reason", "definition", "simulated",
)  # fmt: skip
_Row = dict[str, object]


def quality_study_csv(study: QualityStudy) -> str:
    """Return the study as CSV, RFC 4180, as `measurements_csv.render_csv` writes it."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(_COLUMNS)
    rows = [row for number in study.numbers for row in _number(number)] + [_correlation(found) for found in study.ratings]
    for row in rows:
        row["simulated"] = "SIMULATED" if study.simulated else ""
        cells = [row.get(column) for column in _COLUMNS]
        writer.writerow([inert(cell) if isinstance(cell, str) else "" if cell is None else cell for cell in cells])
    return text.getvalue()


def _about(found: StudyNumber | RatingBesideNumber) -> _Row:
    keys = ("protocol", "structure", "measure", "method", "region", "background", "unit")
    return {key: getattr(found, key) for key in keys}


def _number(number: StudyNumber) -> Iterator[_Row]:
    more = {
        "limits": "; ".join(f"{limit} ({limit.source})" for limit in number.limits),
        "definition": "; ".join(number.definitions),
    }
    for stratum in number.strata:
        of_stratum = {"scanner": stratum.scanner, "scanner_cases": len(stratum.cases)}
        of_stratum |= {"scanner_median": stratum.median, "scanner_mad": stratum.mad, "reason": stratum.why_no_z}
        for case in stratum.cases:
            own = {"case": case.case, "value": case.value, "segments": case.segments, "z": case.z}
            yield {"of": "case", **_about(number), **own, **of_stratum, **more}
        for reason, segments in stratum.refused.items():
            yield {"of": "refused", **_about(number), **of_stratum, **more, "segments": segments, "reason": reason}


def _correlation(found: RatingBesideNumber) -> _Row:
    about = {"rating": found.rating, "scale": found.scale, "cases": len(found.cases), "not_assessable": found.not_assessable}
    values = {"spearman_rho": found.rho, "lower_95": found.lower, "upper_95": found.upper, "reason": found.reason}
    return {"of": "correlation", **_about(found), **about, **values}
