"""Plots of image quality over a study, as SVG."""

from __future__ import annotations

from collections import Counter

from SegQCLib.figure_svg import figure_svg, new_figure
from SegQCLib.quality.quality_study import RatingBesideNumber
from SegQCLib.quality.quality_texts import number_name, unit_words

_POINT, _INK = "#0072b2", "#16191c"


def rating_svg(found: RatingBesideNumber) -> str:
    """Return a plot of the cases' numbers over their grades, the best grade at the right.

    Raises
    ------
    BadDataError
        If matplotlib is not installed.
    """
    figure = new_figure(4.2, 3.0)
    axes = figure.add_axes((0.19, 0.19, 0.78, 0.68))
    beside: Counter[float] = Counter()
    for case in found.cases:
        # Cases of one grade side by side: 0, 1, -1, 2, -2 ... steps, so that equal points do not hide each other.
        beside[case.grade] += 1
        step = (beside[case.grade] // 2) * (1 if beside[case.grade] % 2 else -1)
        axes.plot(case.grade + 0.03 * max(-10, min(10, step)), case.value, "o", color=_POINT, markersize=4.5, alpha=0.7, mew=0)
    unit = unit_words(found.unit)
    axes.set_ylabel(f"{number_name(found.measure, found.method)}{f', {unit}' if unit else ''}", fontsize=10, parse_math=False)
    axes.set_xlabel(f"Grade, best at the right{' (turned around)' if found.turned else ''}", fontsize=10, parse_math=False)
    figure.suptitle(f"Rating “{found.title}”, {found.structure}", fontsize=10, color=_INK, parse_math=False)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.margins(x=0.12, y=0.1)
    return figure_svg(figure)
