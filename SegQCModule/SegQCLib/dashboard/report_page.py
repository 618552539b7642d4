"""The dashboard as one HTML page: it orders and formats the report's numbers and computes none."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from SegQCLib.agreement.estimate import Estimate
from SegQCLib.automation_bias.model_version import ModelVersion
from SegQCLib.automation_bias.proportion import Proportion
from SegQCLib.automation_bias.reading_trends import ReadingTrend
from SegQCLib.automation_bias.robust_summary import MedianEstimate
from SegQCLib.automation_bias.rule import Level
from SegQCLib.automation_bias.signs import percent
from SegQCLib.dashboard.agreement_matrix import AgreementCell, AgreementMatrix
from SegQCLib.dashboard.records_report import FEWEST_OTHERS, OTHERS, RecordsReport
from SegQCLib.dashboard.report_plots import (
    FEWEST_FOR_PLOT,
    case_plot,
    course_plots,
    finding_plot,
    own_plot,
    performance_plots,
    planted_plots,
    structure_plots,
    trend_plots,
)
from SegQCLib.number_texts import grouped, ratio, signed
from SegQCLib.progress import Progress, unwatched
from SegQCLib.readers.effort_statistics import Typical
from SegQCLib.templates import page_templates

if TYPE_CHECKING:
    from jinja2 import Environment

_ANCHORING = {
    "AI-free": "both without AI",
    "AI-anchored": "both with an AI draft in sight",
    "AI-free against AI-anchored": "one without, one with a draft in sight",
}
_MATRIX_OF = {
    "ratings": "Gwet's AC2, quadratic weights",
    "volumes": "difference in volume, % of the mean",
    "segmentations": "median Dice",
}
# What asks for something first.
_LEVELS = (Level.ALERT, Level.WATCH, Level.NONE, Level.TOO_FEW)
# More columns than that do not fit a screen; then pairs stand in a list.
_MOST_IN_MATRIX = 12
_MOST_ROWS = 400
# A mean of differences, and its limits, need two.
_FEWEST_FOR_LIMITS = 2


def render_records_report(report: RecordsReport, progress: Progress = unwatched) -> str:
    """Return the page as HTML that needs no other file and loads nothing.

    Raises
    ------
    BadDataError
        If jinja2 or matplotlib are not installed.
    """
    progress("Drawing", 0.0)
    plots = {
        "case": case_plot(report),
        "structures": structure_plots(report),
        "time_trends": trend_plots(report, "log_active_time"),
        "dice_trends": trend_plots(report, "dice_with_draft"),
        "courses": course_plots(report),
        "performance": performance_plots(report),
        "findings": finding_plot(report),
        "planted": planted_plots(report),
        "own": own_plot(report),
    }
    progress("Writing", 0.9)
    return (
        _templates()
        .get_template("records_report.html")
        .render(
            report=report,
            plots=plots,
            anchoring=_ANCHORING,
            matrix_of=_MATRIX_OF,
            grid=_grid,
            most_in_matrix=_MOST_IN_MATRIX,
            most_rows=_MOST_ROWS,
            fewest_others=FEWEST_OTHERS,
            fewest_for_plot=FEWEST_FOR_PLOT,
            others=OTHERS,
            alerts=sorted(report.alerts, key=lambda alert: (_LEVELS.index(alert.level), alert.last)),
            busiest=max((number for row in report.activity.readers for number in row.reads), default=0),
        )
    )


@functools.cache
def _templates() -> Environment:
    templates = page_templates("The dashboard")
    templates.filters.update(
        count=lambda number: grouped(number, 0),
        three=_three,
        ratio=lambda value: "–" if value is None else ratio(value),
        typical=_typical,
        seconds_typical=lambda value: _typical(value, 1 / 60),
        median=_median,
        proportion=_proportion,
        trend=_trend,
        version=lambda one: "AI-free" if one.model is None else str(ModelVersion(one.model, one.model_version)),
        cell=_cell,
        shade=_shade,
        estimate=_estimate,
        p=lambda value: "–" if value is None else "<\u202f0.001" if value < 0.001 else f"{value:.3f}",
        day=lambda moment: "–" if moment is None else moment[:10],
        words=lambda text: text.replace("_", " "),
    )
    return templates


def _three(value: float | None) -> str:
    """Return a number with three digits, or as many as it has before the point."""
    if value is None:
        return "–"
    size = abs(value)
    decimals = next((n for n, limit in enumerate((100, 10, 1, 0.1, 0.01, 0.001)) if size >= limit), 5 if size else 0)
    return grouped(value, decimals)


def _typical(value: Typical, factor: float = 1.0) -> str:
    """Return median and quartiles."""
    if value.median is None:
        return "–"
    median, first, third = (_three(number * factor) for number in (value.median, value.first_quartile, value.third_quartile))
    return f"{median} ({first} to {third})"


def _median(value: MedianEstimate, kind: str = "three") -> str:
    """Return a median with its interval, or without one."""
    if value.value is None:
        return "–"
    text = {"ratio": ratio, "three": _three, "signed": lambda number: signed(number, 1), "dice": lambda number: signed(number, 3)}[
        kind
    ]
    if value.lower is None:
        return text(value.value)
    return f"{text(value.value)} ({text(value.lower)} to {text(value.upper)})"


def _proportion(value: Proportion) -> str:
    if value.share is None:
        return "–"
    share, lower, upper = (grouped(100 * number, 0) for number in (value.share, value.lower, value.upper))
    return f"{share}\u202f% ({lower} to {upper})"


def _trend(one: ReadingTrend) -> str:
    """Return a slope with its interval and unit."""
    found, is_time = one.trend, one.measure.id == "log_active_time"
    if found.slope_per_30_days is None:
        return "–"
    numbers = [found.slope_per_30_days, found.lower, found.upper]
    if not any(numbers):
        # The slope between most pairs is 0; whether the few that differ come late or early is what p says.
        return "no slope: most reads are alike"
    texts = ["" if n is None else _change(percent(n), 1) if is_time else _change(n, 4) for n in numbers]
    unit = "\u202f%" if is_time else ""
    return f"{texts[0]}{unit}" + (f" ({texts[1]} to {texts[2]})" if found.lower is not None else "")


def _change(value: float, decimals: int) -> str:
    return f"{value:+.{decimals}f}".replace("-", "−")


def _estimate(value: Estimate, decimals: int = 2) -> str:
    if value.value is None:
        return "–"
    text = grouped(value.value, decimals)
    if value.lower is None:
        return text
    return f"{text} ({grouped(value.lower, decimals)} to {grouped(value.upper, decimals)})"


def _grid(matrix: AgreementMatrix) -> list[tuple[str, list[AgreementCell | None]]]:
    """Return the lower triangle, row by row: each row's reader and the cells up to the diagonal."""
    cells = {(cell.first, cell.second): cell for cell in matrix.cells}
    return [
        (reader, [cells.get((column, reader)) for column in matrix.readers[:row]])
        for row, reader in enumerate(matrix.readers)
        if row
    ]


def _cell(cell: AgreementCell, source: str) -> tuple[str, ...]:
    """Return the lines that a cell of a matrix shows."""
    if cell.value.value is None:
        return ("too few" if cell.cases < _FEWEST_FOR_LIMITS else "undefined", f"n = {cell.cases}")
    if source == "volumes":
        lines = [f"{signed(cell.value.value, 1)}\u202f%"]
        if cell.lower_limit is not None and cell.value.lower is not None:
            lines.append(f"{signed(cell.lower_limit, 0)} to {signed(cell.upper_limit, 0)}")
    elif source == "ratings":
        lines = [grouped(cell.value.value, 2)]
        if cell.value.lower is not None:
            lines.append(f"{grouped(cell.value.lower, 2)} to {grouped(cell.value.upper, 2)}")
    else:
        lines = [ratio(cell.value.value)]
    return (*lines, f"n = {cell.cases}")


def _shade(cell: AgreementCell, source: str) -> str:
    """Return the share of ink behind a cell, 0 to 0.45: darker is closer agreement. Volumes stay white: no scale is theirs."""
    if cell.value.value is None or source == "volumes":
        return "0"
    lowest = 0.5 if source == "segmentations" else 0.0
    return f"{0.45 * max(0.0, min(1.0, (cell.value.value - lowest) / (1 - lowest))):.2f}"
