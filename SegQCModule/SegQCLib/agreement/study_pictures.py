"""Pictures of a study: Bland-Altman plots and the matrix of readers, as SVG."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from SegQCLib.agreement.bland_altman import BlandAltman
from SegQCLib.agreement.study_agreement import MatrixCell, VolumeDifferences
from SegQCLib.figure_svg import figure_svg, new_figure
from SegQCLib.number_texts import signed

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
    figure = new_figure(5.2, 3.4)
    # Fixed margins: laying each plot out by itself takes most of the time of a page.
    axes = figure.add_axes((0.15, 0.15, 0.66, 0.71))
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
    axes.set_ylabel("Difference, % of the mean")
    figure.suptitle(textwrap.fill(f"{volumes.first} minus {volumes.second}", 60), fontsize=10, parse_math=False)
    if any(entry.outlier for entry in volumes.values):
        axes.legend(fontsize=9, frameon=False, loc="best")
    axes.margins(y=0.12)
    return figure_svg(figure)


def _size_axis(axes) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    lowest, highest = axes.get_xlim()
    few = highest / lowest < 30
    axes.xaxis.set_major_locator(LogLocator(base=10, subs=(1.0, 1.5, 2.0, 3.0, 5.0, 7.0) if few else (1.0,)))
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
            fontsize=10,
            va="center",
            color=_INK,
            annotation_clip=False,
        )


def matrix_svg(cells: Sequence[MatrixCell], readers: Sequence[str], *, asymmetric: bool = False) -> str:
    """Return median Dice of each two readers as a matrix of numbers on a grey scale.

    Parameters
    ----------
    cells : sequence of MatrixCell
        Of different readers.
    readers : sequence of str
        In the order of rows and columns.
    asymmetric : bool
        Rows saw no AI result, columns did: both triangles mean something. Else there is one triangle.

    Raises
    ------
    BadDataError
        If matplotlib is not installed.
    """
    rows, columns = (list(readers), list(readers)) if asymmetric else (list(readers[1:]), list(readers[:-1]))
    longest = 0.1 * max(map(len, readers))
    left, bottom = 0.5 + longest + 0.3 * asymmetric, 0.35 + 0.65 * longest + 0.3 * asymmetric
    width, height = left + 1.1 * len(columns) + 0.1, bottom + 0.75 * len(rows) + 0.1
    figure = new_figure(width, height)
    axes = figure.add_axes((left / width, bottom / height, 1.1 * len(columns) / width, 0.75 * len(rows) / height))
    for cell in cells:
        pair = (cell.first, cell.second)
        row, column = pair if asymmetric else sorted(pair, key=readers.index, reverse=True)
        _cell(axes, rows.index(row), columns.index(column), cell)
    axes.set_xlim(-0.5, len(columns) - 0.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xticks(range(len(columns)), columns, rotation=40, ha="right", fontsize=11, parse_math=False)
    axes.set_yticks(range(len(rows)), rows, fontsize=11, parse_math=False)
    if asymmetric:
        axes.set_ylabel("saw no AI result", fontsize=11)
        axes.set_xlabel("saw an AI result", fontsize=11)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(length=0)
    return figure_svg(figure)


def _cell(axes, row: int, column: int, cell: MatrixCell) -> None:
    from matplotlib.patches import Rectangle

    # Darker is higher agreement: 0.5 and less is white, 1 is dark; text turns white where the ground is dark.
    share = 0.0 if cell.median_dice is None else max(0.0, (cell.median_dice - 0.5) / 0.5)
    axes.add_patch(
        Rectangle((column - 0.48, row - 0.48), 0.96, 0.96, facecolor=str(1 - 0.75 * share), edgecolor=_QUIET, linewidth=0.6)
    )
    text = "–" if cell.median_dice is None else f"{cell.median_dice:.3f}"
    color = "white" if share > 0.55 else _INK
    axes.text(column, row - 0.08, text, ha="center", va="center", fontsize=13, color=color)
    axes.text(column, row + 0.26, f"n = {cell.cases}", ha="center", va="center", fontsize=9, color=color)
