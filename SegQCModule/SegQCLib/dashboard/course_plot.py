"""Courses over time: a model's months with its versions, and one reader's own reads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from SegQCLib.automation_bias.model_version import ModelVersion
from SegQCLib.automation_bias.reading_trends import ReadingTrend
from SegQCLib.dashboard.model_course import ModelCourse
from SegQCLib.dashboard.plot_svg import BLUE, INK, ORANGE, QUIET, WIDTH_IN, factor_axis, new_figure, plain, short, title
from SegQCLib.figure_svg import figure_svg
from SegQCLib.statistics.trend import DAYS

_MARKERS = ("o", "s", "^", "v", "P", "X")
_COLUMNS = 2
_PANEL_IN = 2.0
_MOST_STRUCTURES = 6
# A median of fewer reads jumps with each of them.
FEW_OF_A_MONTH = 5


def model_course_plot(course: ModelCourse, *, simulated: bool) -> str | None:
    """Return the monthly medians of Dice of draft and final segment with quartiles, one panel for each structure.

    At most six structures, those with most reads. None: there is no value.

    Raises
    ------
    BadDataError
        If matplotlib is not installed.
    """
    structures = [one for one in course.structures if one.months][:_MOST_STRUCTURES]
    if not structures:
        return None
    columns = min(_COLUMNS, len(structures))
    rows = -(-len(structures) // columns)
    top_in, bottom_in, gap_in = 0.75, 0.45, 0.75
    height_in = top_in + bottom_in + rows * _PANEL_IN + (rows - 1) * gap_in
    figure = new_figure(height_in)
    left_in, between_in = 0.65, 0.7
    width_in = (WIDTH_IN - left_in - 0.25 - between_in * (columns - 1)) / columns
    ends = [end for one in structures for month in one.months for end in _ends(month.dice_with_draft)]
    lowest = max(0.0, math.floor((min(ends) - 0.02) * 20) / 20)
    days = [_middle(month.month) for one in structures for month in one.months]
    for number, one in enumerate(structures):
        row, column = divmod(number, columns)
        bottom = bottom_in + (rows - 1 - row) * (_PANEL_IN + gap_in)
        axes = figure.add_axes(
            (
                (left_in + column * (width_in + between_in)) / WIDTH_IN,
                bottom / height_in,
                width_in / WIDTH_IN,
                _PANEL_IN / height_in,
            )
        )
        versions = [start.version for start in course.versions]
        for place, version in enumerate(versions):
            months = [month for month in one.months if month.version == version]
            xs = [_middle(month.month) for month in months]
            medians = [month.dice_with_draft.median for month in months]
            axes.vlines(
                xs, [month.dice_with_draft.first_quartile for month in months], [m.dice_with_draft.third_quartile for m in months],
                color=BLUE, linewidth=1.6, alpha=0.55,
            )  # fmt: skip
            enough = [month.dice_with_draft.n >= FEW_OF_A_MONTH for month in months]
            axes.plot(*_kept(xs, medians, enough), "-", color=BLUE, linewidth=1)
            marker = _MARKERS[place % len(_MARKERS)]
            axes.plot(*_kept(xs, medians, enough), marker, color=BLUE, markersize=5, linestyle="none")
            few = [not one for one in enough]
            axes.plot(*_kept(xs, medians, few), marker, color=BLUE, markerfacecolor="white", markersize=4, linestyle="none")
        axes.set_xlim(min(days) - timedelta(days=25), max(days) + timedelta(days=25))
        axes.set_ylim(lowest, 1 + 0.04 * (1 - lowest))
        _versions(axes, course, named=row == 0)
        axes.set_title(short(one.structure, 40), fontsize=10, loc="left", color=INK, parse_math=False, pad=16 if row == 0 else 5)
        axes.set_ylabel("Dice", fontsize=9.5)
        _dates(axes, 5)
        plain(axes, grid="y")
    heading = f"{short(course.model, 50)}: Dice of draft and final segment, by month"
    title(figure, heading, simulated=simulated, height_in=height_in)
    return figure_svg(figure)


def own_course_plot(trends: Sequence[ReadingTrend], *, simulated: bool) -> str | None:
    """Return one reader's active time and Dice with the draft, read by read, with a line for each trend; None: no values.

    Raises
    ------
    BadDataError
        If matplotlib is not installed.
    """
    panels = [
        ("log_active_time", "Active time of a read, min", True),
        ("dice_with_draft", "Dice of draft and final segment", False),
    ]
    panels = [panel for panel in panels if any(one.measure.id == panel[0] for one in trends)]
    if not panels:
        return None
    versions = list(dict.fromkeys(_version(one) for one in trends if one.model is not None))
    top_in, bottom_in, gap_in = 0.45 + 0.22 * (1 + len(versions) // 4), 0.4, 0.45
    height_in = top_in + bottom_in + len(panels) * _PANEL_IN + (len(panels) - 1) * gap_in
    figure = new_figure(height_in)
    handles: dict[str, object] = {}
    shared = None
    for row, (measure, label, is_time) in enumerate(panels):
        bottom = bottom_in + (len(panels) - 1 - row) * (_PANEL_IN + gap_in)
        axes = figure.add_axes((0.07, bottom / height_in, 0.91, _PANEL_IN / height_in), sharex=shared)
        shared = shared or axes
        for one in trends:
            if one.measure.id != measure:
                continue
            name = "AI-free" if one.model is None else str(_version(one))
            marker = "D" if one.model is None else _MARKERS[versions.index(_version(one)) % len(_MARKERS)]
            color = ORANGE if one.model is None else BLUE
            begin = datetime.fromisoformat(one.origin).astimezone(UTC)
            values = [_shown(value, is_time) for value in one.series.values]
            (handle,) = axes.plot(
                [begin + timedelta(days=day) for day in one.series.days], values, marker, color=color, markersize=4.5, alpha=0.75,
                markerfacecolor="white" if one.model is None else color, linestyle="none",
            )  # fmt: skip
            handles.setdefault(short(name, 40), handle)
            _line(axes, one, begin, color, is_time)
        if is_time:
            axes.set_yscale("log")
            factor_axis(axes, "y")
        axes.set_ylabel(label, fontsize=9.5)
        _dates(axes, 8)
        plain(axes, grid="y")
    title(
        figure,
        "Your reads one by one, each relative to your reads of the same structures",
        simulated=simulated,
        height_in=height_in,
    )
    legend = figure.legend(
        handles.values(), handles.keys(), loc="upper left", bbox_to_anchor=(0.0, 1 - 0.27 / height_in), ncols=4, frameon=False,
        fontsize=9.5, borderaxespad=0.2,
    )  # fmt: skip
    for text in legend.get_texts():
        # A model may be called $x$.
        text.set_parse_math(False)
    return figure_svg(figure)


def _line(axes, one: ReadingTrend, begin: datetime, color: str, is_time: bool) -> None:
    slope = one.trend.slope_per_30_days
    if slope is None:
        return
    days, values = one.series.days, one.series.values
    # Sen's line goes through the medians of both.
    middle_day, middle = (sorted(numbers)[len(numbers) // 2] for numbers in (days, values))
    ends = (days[0], days[-1])
    axes.plot(
        [begin + timedelta(days=day) for day in ends],
        [_shown(middle + slope * (day - middle_day) / DAYS, is_time) for day in ends],
        color=color, linewidth=1.8, linestyle="--" if one.model is None else "-",
    )  # fmt: skip


def _kept(xs: Sequence, ys: Sequence, which: Sequence[bool]) -> tuple[list, list]:
    kept = [(x, y) for x, y, keep in zip(xs, ys, which, strict=True) if keep]
    return [x for x, _ in kept], [y for _, y in kept]


def _shown(value: float, is_time: bool) -> float:
    return math.exp(value) / 60 if is_time else value


def _version(one: ReadingTrend) -> ModelVersion:
    return ModelVersion(one.model, one.model_version)


def _ends(value) -> tuple[float, float]:
    return value.first_quartile, value.third_quartile


def _middle(month: str) -> datetime:
    return datetime.strptime(f"{month}-15", "%Y-%m-%d").replace(tzinfo=UTC)


def _versions(axes, course: ModelCourse, *, named: bool) -> None:
    for start in course.versions:
        moment = datetime.fromisoformat(start.first)
        axes.axvline(moment, color=QUIET, linewidth=1.1, linestyle=":")
        if named:
            axes.annotate(
                "no version" if start.version is None else short(f"version {start.version}", 18), (moment, 1.0),
                xycoords=("data", "axes fraction"), xytext=(2, 2), textcoords="offset points", fontsize=8.5, color=QUIET,
                parse_math=False, annotation_clip=False,
            )  # fmt: skip


def _dates(axes, most: int) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=2, maxticks=most)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(
        ConciseDateFormatter(locator, show_offset=False, formats=["%Y", "%b %Y", "%d %b", "%H:%M", "%H:%M", "%S"])
    )
