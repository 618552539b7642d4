"""Pictures of a study: Bland-Altman plots and the matrix of readers, as SVG."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from SegQCLib.agreement.bland_altman import BlandAltman
from SegQCLib.agreement.estimate import Estimate
from SegQCLib.agreement.study_agreement import MatrixCell, VolumeDifferences
from SegQCLib.number_texts import signed
from SegQCLib.statistics.missing_package import missing_package

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_INK, _QUIET, _POINT, _ODD = "#16191c", "#4a5158", "#0072b2", "#d55e00"


def bland_altman_svg(volumes: VolumeDifferences) -> str:
    """Return the Bland-Altman plot of two readers in percent of the mean, on a logarithmic axis of size.

    Volumes of one structure differ tenfold between patients, and so do the differences; percent keeps small ones in sight.

    Raises
    ------
    BadDataError
        If matplotlib is not installed.
    ValueError
        If there is no case.
    """
    if not volumes.values:
        raise ValueError(f"{volumes.first} and {volumes.second} have no case in common.")
    figure = _figure(5.2, 3.4)
    axes = figure.add_subplot()
    limits = volumes.percent
    for odd, marker, color, label in ((False, "o", _POINT, "case"), (True, "D", _ODD, "case of a named outlier")):
        own = [entry for entry in volumes.values if entry.outlier == odd]
        if own:
            means = [(entry.first_ml + entry.second_ml) / 2 for entry in own]
            percents = [100 * (entry.first_ml - entry.second_ml) / mean for entry, mean in zip(own, means, strict=True)]
            axes.plot(means, percents, marker, color=color, markersize=4.5, alpha=0.75, markeredgewidth=0, label=label)
    axes.set_xscale("log")
    _size_axis(axes)
    axes.axhline(0, color=_QUIET, linewidth=0.8)
    _lines(axes, limits)
    axes.set_xlabel("Mean volume of the two, mL")
    axes.set_ylabel(f"{volumes.first} − {volumes.second},\n% of the mean")
    if any(entry.outlier for entry in volumes.values):
        axes.legend(fontsize=8, frameon=False, loc="best")
    axes.margins(y=0.12)
    return _svg(figure)


def _size_axis(axes) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    lowest, highest = axes.get_xlim()
    few = highest / lowest < 30
    axes.xaxis.set_major_locator(LogLocator(base=10, subs=(1.0, 2.0, 5.0) if few else (1.0,)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}".replace(",", "\u202f")))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _lines(axes, limits: BlandAltman) -> None:
    for found, style, word in (
        (limits.bias, "-", "bias"),
        (limits.lower_limit, "--", "lower limit"),
        (limits.upper_limit, "--", "upper limit"),
    ):
        if found.value is None:
            continue
        axes.axhline(found.value, color=_INK, linewidth=1.2, linestyle=style)
        if found.lower is not None and found.upper is not None:
            axes.axhspan(found.lower, found.upper, color=_INK, alpha=0.08, linewidth=0)
        axes.annotate(
            f"{word}\n{signed(found.value, 1)} %",
            (1.01, found.value),
            xycoords=("axes fraction", "data"),
            fontsize=8,
            va="center",
            color=_INK,
            annotation_clip=False,
        )


def matrix_svg(cells: Sequence[MatrixCell], readers: Sequence[str], *, asymmetric: bool = False) -> str:
    """Return median Dice of each two readers as a matrix of numbers on a grey scale; its middle line are repeats of one reader.

    Parameters
    ----------
    cells : sequence of MatrixCell
    readers : sequence of str
        In the order of rows and columns.
    asymmetric : bool
        Rows saw no AI result, columns did: both triangles mean something.

    Raises
    ------
    BadDataError
        If matplotlib is not installed.
    """
    size = 0.75 * len(readers) + 1.6
    figure = _figure(max(3.0, size + 0.4), max(2.4, size))
    axes = figure.add_subplot()
    for cell in cells:
        row, column = readers.index(cell.first), readers.index(cell.second)
        if not asymmetric and column > row:
            row, column = column, row
        _cell(axes, row, column, cell)
    axes.set_xlim(-0.5, len(readers) - 0.5)
    axes.set_ylim(len(readers) - 0.5, -0.5)
    axes.set_aspect("equal")
    axes.set_xticks(range(len(readers)), readers, rotation=40, ha="right")
    axes.set_yticks(range(len(readers)), readers)
    if asymmetric:
        axes.set_ylabel("AI-free")
        axes.set_xlabel("AI-anchored")
    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(length=0)
    return _svg(figure)


def _cell(axes, row: int, column: int, cell: MatrixCell) -> None:
    from matplotlib.patches import Rectangle

    # Darker is higher agreement: 0.5 and less is white, 1 is dark; text turns white where the ground is dark.
    share = 0.0 if cell.median_dice is None else max(0.0, (cell.median_dice - 0.5) / 0.5)
    axes.add_patch(
        Rectangle((column - 0.48, row - 0.48), 0.96, 0.96, facecolor=str(1 - 0.75 * share), edgecolor=_QUIET, linewidth=0.6)
    )
    text = "–" if cell.median_dice is None else f"{cell.median_dice:.3f}"
    color = "white" if share > 0.55 else _INK
    axes.text(column, row - 0.08, text, ha="center", va="center", fontsize=10, color=color)
    axes.text(column, row + 0.24, f"n = {cell.cases}", ha="center", va="center", fontsize=7.5, color=color)


def _figure(width: float, height: float) -> Figure:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise missing_package("Pictures of agreement", error) from error
    return Figure(figsize=(width, height), layout="constrained")


def _svg(figure: Figure) -> str:
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    text = io.BytesIO()
    # The same study gives the same bytes: no date, no random identifiers.
    with matplotlib.rc_context({"svg.hashsalt": "segqc", "svg.fonttype": "path"}):
        FigureCanvasSVG(figure).print_svg(text, metadata={"Date": None})
    return text.getvalue().decode("utf-8")
