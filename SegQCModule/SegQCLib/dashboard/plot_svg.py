"""How the dashboard's plots look, and how they are written: text as text, the same bytes for the same numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from SegQCLib import figure_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, QUIET, GRID = "#16191c", "#4a5158", "#d9dde1"
# Okabe and Ito's palette (jfly.uni-koeln.de/color): told apart by colour-blind people, and by marker and filling in grey.
BLUE, ORANGE = "#0072b2", "#d55e00"
WIDTH_IN = 9.4
_LONGEST_LABEL = 26
_LEAST_FACTOR = 2.6


def new_figure(height_in: float) -> Figure:
    """Return an empty figure as wide as the page.

    Raises
    ------
    BadDataError
        If matplotlib is not installed.
    """
    return figure_svg.new_figure(WIDTH_IN, height_in)


def title(figure: Figure, text: str, *, simulated: bool, height_in: float) -> None:
    """Write a title at the top left; a plot that is cut out of a page still says that it is simulated."""
    # parse_math off here, too: a structure may be called $x$.
    figure.text(
        0.008, 1 - 0.09 / height_in, f"{'SIMULATED – ' if simulated else ''}{text}", ha="left", va="top", fontsize=11,
        fontweight="bold", color=INK, parse_math=False,
    )  # fmt: skip


def plain(axes: Axes, *, grid: str = "x") -> None:
    """Leave of an axes' frame what helps to read it."""
    for side in ("top", "right", "left" if grid == "x" else "top"):
        axes.spines[side].set_visible(False)
    axes.grid(axis=grid, color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(length=0 if grid == "x" else 3, labelsize=9.5, colors=INK)


def short(text: str, longest: int = _LONGEST_LABEL) -> str:
    """Return a name that fits beside an axis: of a long one the middle is left out, because names often differ at the end."""
    text = " ".join(text.split())
    if len(text) <= longest:
        return text
    half = (longest - 1) // 2
    return f"{text[:half]}…{text[-half:]}"


def factor_axis(axes: Axes, dimension: str = "x", most: int = 6) -> None:
    """Mark a logarithmic axis with plain numbers, 1 2 5 10, never with powers of ten only, and with no more than have room."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

    axis = axes.xaxis if dimension == "x" else axes.yaxis
    lowest, highest = axes.get_xlim() if dimension == "x" else axes.get_ylim()
    if highest / lowest < _LEAST_FACTOR:
        # So that there is a number on it: the farthest that two of 1, 2, 5 and 10 lie apart is 2.5.
        wider = math.sqrt(_LEAST_FACTOR * lowest / highest)
        lowest, highest = lowest / wider, highest * wider
        (axes.set_xlim if dimension == "x" else axes.set_ylim)(lowest, highest)
    decades = range(math.floor(math.log10(lowest)), math.ceil(math.log10(highest)) + 1)
    for steps in ((1, 2, 5), (1, 3), (1,)):
        marks = [step * 10.0**decade for decade in decades for step in steps]
        marks = [mark for mark in marks if lowest <= mark <= highest]
        if len(marks) <= most:
            break
    axis.set_major_locator(FixedLocator(marks[:: -(-len(marks) // most)]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}".replace(",", "\u202f")))
    axis.set_minor_formatter(NullFormatter())
