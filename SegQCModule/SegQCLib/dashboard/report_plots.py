"""Which plots the dashboard has: each made of the report's numbers alone."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from SegQCLib.automation_bias.model_version import ModelVersion
from SegQCLib.automation_bias.reading_trends import ReadingTrend
from SegQCLib.automation_bias.signs import percent
from SegQCLib.dashboard.course_plot import model_course_plot, own_course_plot
from SegQCLib.dashboard.dot_plot import ANCHORED, FREE, PLAIN, Dot, Panel, dot_plot, positive
from SegQCLib.dashboard.funnel_plot import funnel_plot
from SegQCLib.dashboard.plot_svg import short
from SegQCLib.dashboard.records_report import RecordsReport
from SegQCLib.readers.effort_statistics import Typical
from SegQCLib.readers.planted_statistics import ALL

# A trend of fewer reads has an interval that would hide all others' on one axis; the tables have it.
FEWEST_FOR_PLOT = 10
_PANELS = 3
_MOST_PROTOCOLS = 3
_MOST_ROWS = 60
_FONTS = re.compile(r"font-family: [^;\"]*?sans-serif\b")


@dataclass(frozen=True)
class Plot:
    """A plot for the page: `source` is a data URI, `alt` says what is to be seen where it is not."""

    source: str
    alt: str


def case_plot(report: RecordsReport) -> Plot | None:
    """Return active minutes of a case by reader, one panel for each of the three protocols with most reads."""
    protocols = list(dict.fromkeys(effort.protocol for effort in report.case_effort))[:_MOST_PROTOCOLS]
    rows = sorted({effort.reader for effort in report.case_effort if effort.protocol in protocols})[:_MOST_ROWS]
    panels = [
        Panel(
            f"{short(protocol or 'no protocol known', 30)}, min",
            tuple(
                _typical_dots(
                    (rows.index(effort.reader), effort.ai_anchored, effort.active_minutes, 1.0)
                    for effort in report.case_effort
                    if effort.protocol == protocol and effort.reader in rows
                )
            ),
            logarithmic=True,
        )
        for protocol in protocols
    ]
    return _dots(report, "Active time for a case: median and quartiles", rows, panels)


def structure_plots(report: RecordsReport) -> tuple[tuple[str, Plot | None], ...]:
    """Return for each structure its effort by reader: active minutes, minutes per mL, part of the draft changed."""
    plots = []
    for structure in report.structures:
        own = [effort for effort in report.effort if effort.structure == structure.name]
        rows = sorted({effort.reader for effort in own})[:_MOST_ROWS]
        own = [effort for effort in own if effort.reader in rows]
        facts = (
            ("Active time, min", lambda effort: (effort.active_s, 1 / 60), True),
            ("Active minutes per mL", lambda effort: (effort.minutes_per_ml, 1.0), True),
            ("Part of the draft changed", lambda effort: (effort.changed_part_of_draft, 1.0), False),
        )
        panels = [
            Panel(
                label,
                tuple(_typical_dots((rows.index(effort.reader), effort.ai_anchored, *of(effort)) for effort in own)),
                logarithmic=logarithmic,
            )
            for label, of, logarithmic in facts
        ]
        plots.append((structure.name, _dots(report, f"{short(structure.name, 60)}: median and quartiles", rows, panels)))
    return tuple(plots)


def trend_plots(report: RecordsReport, measure: str) -> tuple[Plot, ...]:
    """Return each reader's trends of active time or of Dice with the draft, one panel for each version and for AI-free reads."""
    of_measure = [
        one for one in report.trends if one.measure.id == measure and one.trend.lower is not None and one.trend.n >= FEWEST_FOR_PLOT
    ]
    versions = list(dict.fromkeys((one.model, one.model_version) for one in report.trends if one.measure.id == measure))
    versions = sorted((v for v in versions if v[0] is not None), key=lambda v: (v[0], v[1] or "")) + [
        v for v in versions if v[0] is None
    ]
    rows = list(report.readers)[:_MOST_ROWS]
    is_time = measure == "log_active_time"
    heading = "Change of active time for a read" if is_time else "Change of Dice of draft and final segment"
    unit = "% per 30 days" if is_time else "per 30 days"
    dots = {version: tuple(_trend_dots(of_measure, version, rows, is_time)) for version in versions}
    ends = [end for own in dots.values() for dot in own for end in (dot.lower, dot.upper)]
    if not ends:
        return ()
    margin = 0.05 * (max(ends) - min(ends)) or 0.01
    limits = (min(0.0, *ends) - margin, max(0.0, *ends) + margin)
    panels = [
        Panel(
            f"{'AI-free' if version[0] is None else short(str(ModelVersion(*version)), 30)}\n{unit}",
            dots[version],
            zero=0.0,
            limits=limits,
        )
        for version in versions
        if dots[version]
    ]
    plots = (_dots(report, f"{heading}, with 95 % interval", rows, part) for part in _parts(panels))
    return tuple(plot for plot in plots if plot is not None)


def course_plots(report: RecordsReport) -> dict[str, Plot]:
    """Return by model how close final segments stayed to drafts over time."""
    plots = {}
    for course in report.courses:
        drawn = model_course_plot(course, simulated=report.simulated)
        if drawn is not None:
            versions = ", ".join(f"{start.version or 'no version'} from {start.first[:10]}" for start in course.versions)
            alt = (
                f"Median Dice of draft and final segment by month, {course.model}; versions {versions}. The table has the numbers."
            )
            plots[course.model] = _plot(drawn, alt)
    return plots


def performance_plots(report: RecordsReport) -> dict[str, Plot]:
    """Return by model: Dice with the draft, drafts taken unchanged, accuracy, volume against AI-free reads."""
    plots = {}
    for model, group in groupby(report.performance, key=lambda one: one.model):
        own = sorted(group, key=lambda one: (one.structure, one.first))
        rows = [f"{short(one.structure, 22)}, {short(one.version or 'no version', 10)}" for one in own]
        panels = [
            Panel("Dice of draft and\nfinal segment", tuple(_estimates(enumerate(one.dice_with_draft for one in own)))),
            Panel(
                "Drafts taken\nunchanged, %",
                tuple(
                    Dot(row, ANCHORED, 100 * one.unchanged.share, 100 * one.unchanged.lower, 100 * one.unchanged.upper)
                    for row, one in enumerate(own)
                    if one.unchanged.share is not None
                ),
                limits=(-3, 103),
            ),
            Panel(
                "Accuracy: Dice of final\nsegment and reference",
                (
                    *_estimates(enumerate(one.accuracy for one in own)),
                    *_estimates(enumerate(one.ai_free_accuracy for one in own), FREE),
                ),
            ),
            Panel(
                "Draft's volume against\nAI-free reads, %",
                tuple(_estimates(enumerate(one.volume_difference_percent for one in own))),
                zero=0.0,
            ),
        ]
        drawn = _dots(report, f"{short(model, 60)}: medians with 95 % interval", rows, panels)
        if drawn is not None:
            plots[model] = drawn
    return plots


def planted_plots(report: RecordsReport) -> tuple[Plot, ...]:
    """Return detection of planted errors and its time: by reader, and by kind of error."""
    by_reader = [(rate.reader, rate) for rate in report.planted if rate.error == ALL]
    by_kind = [(rate.error.replace("_", " "), rate) for rate in report.planted if rate.reader == (report.reader or ALL)]
    plots = []
    for heading, named in (
        ("Planted errors by reader, all kinds", by_reader),
        (f"Planted errors by kind, {'all readers' if report.reader is None else short(report.reader)}", by_kind),
    ):
        rows = [name for name, _ in named][-_MOST_ROWS:]
        own = [rate for _, rate in named][-_MOST_ROWS:]
        panels = [
            Panel(
                "Detected, % (Wilson's 95 % interval)",
                tuple(Dot(n, PLAIN, 100 * rate.rate, 100 * rate.rate_lower, 100 * rate.rate_upper) for n, rate in enumerate(own)),
                limits=(-3, 103),
            ),
            Panel(
                "Active seconds until corrected, median of the detected",
                tuple(
                    Dot(n, PLAIN, rate.median_s, positive(rate.median_lower_s), rate.median_upper_s)
                    for n, rate in enumerate(own)
                    if positive(rate.median_s) is not None
                ),
                logarithmic=True,
            ),
        ]
        drawn = _dots(report, heading, rows, panels)
        if drawn is not None:
            plots.append(drawn)
    return tuple(plots)


def finding_plot(report: RecordsReport) -> Plot | None:
    """Return what became of findings."""
    if not report.funnels:
        return None
    return _plot(
        funnel_plot(report.funnels, simulated=report.simulated), "What became of findings, by check; the table has the numbers."
    )


def own_plot(report: RecordsReport) -> Plot | None:
    """Return one reader's own reads over time; only on that reader's page."""
    drawn = None if report.reader is None else own_course_plot(report.trends, simulated=report.simulated)
    return None if drawn is None else _plot(drawn, "Active time and Dice with the draft of each of your reads over time.")


def _parts(panels: Sequence[Panel]) -> Iterator[Sequence[Panel]]:
    for first in range(0, len(panels), _PANELS):
        yield panels[first : first + _PANELS]


def _typical_dots(facts: Iterable[tuple[int, bool, Typical, float]]) -> Iterator[Dot]:
    for row, anchored, value, factor in facts:
        if value.median is not None:
            lower, upper = value.first_quartile * factor, value.third_quartile * factor
            yield Dot(row, ANCHORED if anchored else FREE, value.median * factor, lower, upper)


def _estimates(numbered: Iterable, series=ANCHORED) -> Iterator[Dot]:
    for row, estimate in numbered:
        if estimate.value is not None:
            yield Dot(row, series, estimate.value, estimate.lower, estimate.upper)


def _trend_dots(trends: Sequence[ReadingTrend], version: tuple, rows: list[str], is_time: bool) -> Iterator[Dot]:
    for one in trends:
        if (one.model, one.model_version) == version and one.reader in rows:
            numbers = (one.trend.slope_per_30_days, one.trend.lower, one.trend.upper)
            shown = [percent(number) if is_time else number for number in numbers]
            yield Dot(rows.index(one.reader), FREE if one.model is None else ANCHORED, *shown)


def _dots(report: RecordsReport, heading: str, rows: Sequence[str], panels: Sequence[Panel]) -> Plot | None:
    if not any(panel.dots for panel in panels):
        return None
    # A logarithmic axis has no place for 0.
    kept = [
        Panel(panel.label, tuple(dot for dot in panel.dots if positive(dot.value)), True) if panel.logarithmic else panel
        for panel in panels
    ]
    if not any(panel.dots for panel in kept):
        return None
    drawn = dot_plot(heading, rows, kept, simulated=report.simulated)
    measures = "; ".join(panel.label.replace("\n", " ") for panel in kept)
    return _plot(drawn, f"{heading}: {measures}. The table has the numbers.")


def _plot(drawn: str, alt: str) -> Plot:
    # Matplotlib names fifteen fonts for each text, a tenth of a page.
    drawn = _FONTS.sub("font-family: 'DejaVu Sans', Arial, sans-serif", drawn)
    return Plot("data:image/svg+xml;base64," + base64.b64encode(drawn.encode()).decode(), alt)
