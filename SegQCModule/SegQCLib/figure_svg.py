"""A matplotlib figure, and how it becomes SVG."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from SegQCLib.statistics.missing_package import missing_package

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def new_figure(width_in: float, height_in: float) -> Figure:
    """Return an empty figure; it belongs to no window and no list of open figures.

    Parameters
    ----------
    width_in, height_in : float
        Inches.

    Raises
    ------
    BadDataError
        If matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise missing_package("A plot", error) from error
    return Figure(figsize=(width_in, height_in))


def figure_svg(figure: Figure) -> str:
    """Return a figure as an SVG file: the same bytes for the same numbers, and text that can be searched and read aloud."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        drawable = drawable_text(text.get_text())
        if drawable != text.get_text():
            text.set_text(drawable)
    svg = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "segqc", "svg.fonttype": "none"}):
        FigureCanvasSVG(figure).print_svg(svg, metadata={"Date": None})
    return svg.getvalue().decode("utf-8")


def drawable_text(text: str) -> str:
    """Return a text with ? for what matplotlib cannot draw: names of folders need not be Unicode."""
    return text.encode("utf-8", "replace").decode("utf-8")
