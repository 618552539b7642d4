"""Values of readers or versions with their intervals, line by line, in one panel for each measure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from SegQCLib.dashboard.plot_svg import BLUE, INK, ORANGE, QUIET, WIDTH_IN, factor_axis, new_figure, plain, short, title
from SegQCLib.figure_svg import figure_svg


@dataclass(frozen=True)
class Series:
    """What a marker stands for; `filled` tells two series apart in a grey print."""

    name: str
    color: str
    marker: str
    filled: bool


ANCHORED = Series("with AI draft", BLUE, "o", True)
FREE = Series("AI-free", ORANGE, "D", False)
PLAIN = Series("", INK, "s", True)


@dataclass(frozen=True)
class Dot:
    """A value with its interval; `row` is a place in the plot's rows."""

    row: int
    series: Series
    value: float
    lower: float | None = None
    upper: float | None = None


@dataclass(frozen=True)
class Panel:
    """One measure.

    Attributes
    ----------
    label : str
        Measure and unit.
    dots : tuple of Dot
    logarithmic : bool
    zero : float or None
        Where a line says "no change".
    limits : tuple of two floats, or None
        What the axis extends over at least, and not beyond.
    """

    label: str
    dots: tuple[Dot, ...]
    logarithmic: bool = False
    zero: float | None = None
    limits: tuple[float, float] | None = None


def dot_plot(heading: str, rows: Sequence[str], panels: Sequence[Panel], *, simulated: bool) -> str:
    """Return the plot as SVG.

    Parameters
    ----------
    heading : str
    rows : sequence of str
        Names of the lines, from above.
    panels : sequence of Panel
        With at least one dot in one of them.
    simulated : bool
        The heading says so.

    Raises
    ------
    BadDataError
        If matplotlib is not installed.
    """
    used = {dot.series for panel in panels for dot in panel.dots}
    series = [one for one in (ANCHORED, FREE, PLAIN) if one in used]
    labels = [short(row) for row in rows]
    left_in = 0.35 + 0.085 * max(map(len, labels), default=0)
    top_in, bottom_in = 0.42 + 0.26 * (len(series) > 1), 0.62
    height_in = top_in + bottom_in + 0.34 * max(len(rows), 2)
    figure = new_figure(height_in)
    gap_in = 0.3
    width_in = (WIDTH_IN - left_in - 0.2 - gap_in * (len(panels) - 1)) / len(panels)
    for number, panel in enumerate(panels):
        axes = figure.add_axes(
            (
                (left_in + number * (width_in + gap_in)) / WIDTH_IN, bottom_in / height_in, width_in / WIDTH_IN,
                1 - (top_in + bottom_in) / height_in,
            )
        )  # fmt: skip
        _draw(axes, panel, series, width_in)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_yticks(range(len(rows)), labels if number == 0 else [""] * len(rows), parse_math=False)
        between = [row - 0.5 for row in range(1, len(rows))]
        axes.hlines(between, 0, 1, color="#eef0f2", linewidth=0.8, zorder=0, transform=axes.get_yaxis_transform())
    title(figure, heading, simulated=simulated, height_in=height_in)
    if len(series) > 1:
        _legend(figure, series, height_in)
    return figure_svg(figure)


def _draw(axes, panel: Panel, series: Sequence[Series], width_in: float) -> None:
    if panel.logarithmic:
        axes.set_xscale("log")
    if panel.zero is not None:
        axes.axvline(panel.zero, color=QUIET, linewidth=1, linestyle="--")
    step = 0.26 if len(series) == 2 else 0.18
    # One drawing for all lines and one for all markers: with forty readers the page would be twice as large.
    for number, style in enumerate(series):
        shift = (number - (len(series) - 1) / 2) * step
        own = [(dot, dot.row + shift) for dot in panel.dots if dot.series == style]
        lines = [(dot, y) for dot, y in own if dot.lower is not None and dot.upper is not None]
        if lines:
            lowers, uppers = [dot.lower for dot, _ in lines], [dot.upper for dot, _ in lines]
            axes.hlines([y for _, y in lines], lowers, uppers, color=style.color, linewidth=1.8)
        if own:
            axes.plot(
                [dot.value for dot, _ in own], [y for _, y in own], style.marker, color=style.color,
                markerfacecolor=style.color if style.filled else "white", markersize=6 if style.marker != "D" else 5.5,
                markeredgewidth=1.5,
            )  # fmt: skip
    if not panel.dots:
        axes.text(0.5, 0.5, "no values", transform=axes.transAxes, ha="center", va="center", color=QUIET, fontsize=10)
        axes.set_xticks([])
    elif panel.limits is not None:
        axes.set_xlim(panel.limits)
    elif panel.logarithmic:
        ends = [end for dot in panel.dots for end in (dot.value, dot.lower, dot.upper) if end is not None and end > 0]
        if ends:
            # A single value, too, gets an axis with numbers on it.
            axes.set_xlim(min(min(ends) / 1.25, max(ends) / 2.6), max(max(ends) * 1.25, min(ends) * 2.6))
            factor_axis(axes, most=max(3, int(2.2 * width_in)))
    else:
        axes.margins(x=0.08)
    axes.set_xlabel(panel.label, fontsize=9.5, color=INK, parse_math=False)
    plain(axes)


def _legend(figure, series: Sequence[Series], height_in: float) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D(
            [], [], color=one.color, marker=one.marker, markerfacecolor=one.color if one.filled else "white", markersize=6,
            markeredgewidth=1.5, linewidth=1.8, label=one.name,
        )
        for one in series
    ]  # fmt: skip
    figure.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0.0, 1 - 0.27 / height_in), ncols=len(series), frameon=False,
        fontsize=9.5, borderaxespad=0.2,
    )  # fmt: skip


def positive(value: float | None) -> float | None:
    """Return a value that a logarithmic axis has a place for, or None."""
    return value if value is not None and value > 0 and math.isfinite(value) else None
