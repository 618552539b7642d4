"""Agreement over many cases as a table: one line per number."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from SegQCLib.agreement.bland_altman import BlandAltman
from SegQCLib.agreement.case_summary import CaseSummary
from SegQCLib.agreement.estimate import Estimate
from SegQCLib.agreement.icc import ICCTable
from SegQCLib.agreement.study_agreement import RatingGroup, ReadersEstimate, StructureGroup, StudyAgreement
from SegQCLib.measurements_csv import inert

_COLUMNS = (
    "of", "name", "relation", "anchoring", "readers", "outliers", "statistic", "value", "lower_95", "upper_95", "unit", "cases",
    "pairs", "lower_quartile", "upper_quartile", "method", "reason", "note", "simulated",
)  # fmt: skip
_Row = dict[str, object]


def study_csv(study: StudyAgreement) -> str:
    """Return every number of a study as one line with its interval, unit, number of cases, method, and why it is undefined."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(_COLUMNS)
    for row in _rows(study):
        row["simulated"] = "SIMULATED" if study.simulated else ""
        cells = [row.get(column) for column in _COLUMNS]
        writer.writerow([inert(cell) if isinstance(cell, str) else "" if cell is None else cell for cell in cells])
    return text.getvalue()


def _rows(study: StudyAgreement) -> Iterator[_Row]:
    for group in study.structures:
        about: _Row = {"of": "structure", "name": group.structure, "relation": group.relation, "anchoring": group.anchoring}
        for row in _of_structure(group):
            yield {**about, **row}
    for group in study.ratings:
        about = {"of": "rating", "name": group.rating, "relation": group.relation, "anchoring": group.anchoring}
        for row in _of_rating(group):
            yield {**about, **row}


def _of_structure(group: StructureGroup) -> Iterator[_Row]:
    for measure in group.measures:
        summaries = {"included": measure.all_pairs}
        if measure.without_outliers is not None:
            summaries["left out"] = measure.without_outliers
        for outliers, summary in summaries.items():
            yield {"outliers": outliers, "unit": measure.unit, **_summary(summary)}
    for volumes in group.volumes:
        readers = f"{volumes.first} - {volumes.second}"
        for limits in (volumes.absolute, volumes.percent):
            yield from ({"readers": readers, "outliers": "included", **row} for row in _limits(limits))
        if volumes.without_outliers is not None:
            yield from ({"readers": readers, "outliers": "left out", **row} for row in _limits(volumes.without_outliers))
    for icc in group.icc:
        yield from ({"readers": ", ".join(icc.readers), "outliers": "included", **row} for row in _icc(icc.table))
        for row in _icc(icc.logarithms):
            named = f"{row['statistic']} of the logarithms of volumes"
            yield {"readers": ", ".join(icc.readers), "outliers": "included", **row, "statistic": named}
        if icc.without_outliers is not None:
            yield from ({"readers": ", ".join(icc.readers), "outliers": "left out", **row} for row in _icc(icc.without_outliers))
    yield from map(_readers_estimate, group.presence.statistics)


def _summary(summary: CaseSummary) -> _Row:
    quartiles = {"lower_quartile": summary.lower_quartile, "upper_quartile": summary.upper_quartile}
    return {**_estimate(summary.median), "pairs": summary.pairs, **quartiles}


def _limits(limits: BlandAltman) -> Iterator[_Row]:
    for found in (limits.bias, limits.lower_limit, limits.upper_limit):
        yield {"unit": limits.unit, **_estimate(found)}
    yield {"unit": "1" if limits.unit != "%" else "%/mL", **_estimate(limits.slope)}


def _icc(table: ICCTable) -> Iterator[_Row]:
    for icc in table.forms:
        yield {"unit": "1", **_estimate(icc.estimate)}


def _of_rating(group: RatingGroup) -> Iterator[_Row]:
    yield from map(_readers_estimate, group.statistics)


def _readers_estimate(entry: ReadersEstimate) -> _Row:
    return {"readers": ", ".join(entry.readers), "outliers": "included", "unit": "1", **_estimate(entry.estimate)}


def _estimate(found: Estimate) -> _Row:
    return {
        "statistic": found.statistic,
        "value": found.value,
        "lower_95": found.lower,
        "upper_95": found.upper,
        "cases": found.cases,
        "method": found.method,
        "reason": found.reason,
        "note": found.note,
    }
