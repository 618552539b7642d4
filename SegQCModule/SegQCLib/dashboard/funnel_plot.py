"""What became of findings, one bar for each check."""

from __future__ import annotations

from collections.abc import Sequence

from SegQCLib.dashboard.finding_funnel import CheckFunnel
from SegQCLib.dashboard.plot_svg import INK, WIDTH_IN, new_figure, plain, short, title
from SegQCLib.figure_svg import figure_svg
from SegQCLib.number_texts import grouped

_PARTS = (
    ("repaired", "repaired", "#0072b2", ""),
    ("kept", "kept with a reason", "#9ad0ee", ""),
    ("left_open_viewed", "left open, looked at", "#f3d9c6", "///"),
    ("left_open_unseen", "left open, never jumped to", "#ffffff", "xxxx"),
)
_MOST = 20


def funnel_plot(funnels: Sequence[CheckFunnel], *, simulated: bool) -> str:
    """Return the bars as SVG, of at most 20 checks; there is at least one.

    Raises
    ------
    BadDataError
        If matplotlib is not installed.
    """
    shown = list(funnels)[:_MOST]
    labels = [short(funnel.check.replace("_", " "), 34) for funnel in shown]
    top_in, bottom_in = 0.72, 0.55
    height_in = top_in + bottom_in + 0.4 * max(2, len(shown))
    figure = new_figure(height_in)
    left_in = 0.35 + 0.085 * max(map(len, labels))
    axes = figure.add_axes(
        (left_in / WIDTH_IN, bottom_in / height_in, (WIDTH_IN - left_in - 0.75) / WIDTH_IN, 1 - (top_in + bottom_in) / height_in)
    )
    start = [0] * len(shown)
    for attribute, name, color, hatch in _PARTS:
        numbers = [getattr(funnel, attribute) for funnel in shown]
        axes.barh(range(len(shown)), numbers, 0.62, start, color=color, edgecolor=INK, linewidth=0.7, hatch=hatch, label=name)
        start = [a + b for a, b in zip(start, numbers, strict=True)]
    for row, funnel in enumerate(shown):
        axes.annotate(
            grouped(funnel.found, 0), (funnel.found, row), xytext=(5, 0), textcoords="offset points", va="center", fontsize=9.5
        )
    axes.set_ylim(max(len(shown), 2) - 0.5, -0.5)
    axes.set_yticks(range(len(shown)), labels, parse_math=False)
    axes.set_xlabel("findings in finished clinical reads", fontsize=9.5)
    axes.xaxis.get_major_locator().set_params(integer=True)
    plain(axes)
    title(figure, "What became of findings, by check", simulated=simulated, height_in=height_in)
    figure.legend(
        loc="upper left", bbox_to_anchor=(0.0, 1 - 0.27 / height_in), ncols=4, frameon=False, fontsize=9.5, borderaxespad=0.2
    )
    return figure_svg(figure)
