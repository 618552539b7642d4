"""A forest plot: the paired difference of two models in each structure, with its interval and the line of no difference."""

from __future__ import annotations

from SegQCLib.figure_svg import figure_svg, new_figure
from SegQCLib.model_comparison.model_comparison import ModelComparison
from SegQCLib.model_comparison.paired_statistics import LOWER_IS_BETTER, Metric
from SegQCLib.number_texts import signed

AXES: dict[Metric, tuple[str, str, int]] = {
    "dice": ("Dice", "", 3),
    "surface_dice_2mm": ("Surface Dice at 2 mm", "", 3),
    "hausdorff_95_mm": ("95 % Hausdorff distance", " mm", 2),
}
_ROW_INCHES = 0.27
_FONT_PT = 9
_SHOWN = "#005a8c"
_NOT_SHOWN = "#6b7278"


def forest_plot(comparison: ModelComparison, metric: Metric) -> str:
    """Return the plot as SVG, the structures in their order from top to bottom; a name for each side says who is better there.

    Raises
    ------
    BadDataError
        If matplotlib is not installed.
    """
    name, unit, digits = AXES[metric]
    rows = [(structure.structure, structure.of(metric)) for structure in comparison.structures]
    figure = new_figure(9.0, 1.35 + _ROW_INCHES * len(rows))
    figure.set_layout_engine("constrained")
    axes = figure.add_subplot()
    axes.axvline(0, color="#16191c", linewidth=1)
    for y, (_, one) in enumerate(rows):
        value = one.difference.value
        if value is None:
            continue
        color = _SHOWN if one.conclusion in ("A better", "B better") else _NOT_SHOWN
        if one.difference.lower is not None:
            axes.plot((one.difference.lower, one.difference.upper), (y, y), color=color, linewidth=1.6, solid_capstyle="butt")
        axes.plot(value, y, marker="s" if color == _SHOWN else "o", color=color, markersize=5)
    # Names are no formulas: a $ in them would begin one.
    axes.set_yticks(range(len(rows)), [f"{structure}  (n = {one.pairs})" for structure, one in rows], parse_math=False)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    widest = max((abs(end) for _, one in rows for end in one.difference.numbers if end is not None), default=0.0)
    axes.set_xlim(*((-1.1 * widest, 1.1 * widest) if widest else (-0.01, 0.01)))
    for y, (_, one) in enumerate(rows):
        axes.annotate(
            _words(one.difference, digits, unit, one.test.p_holm),
            (1.03, y),
            xycoords=("axes fraction", "data"),
            va="center",
            annotation_clip=False,
            fontsize=8,
        )
    left, right = (
        (comparison.model_a, comparison.model_b) if metric in LOWER_IS_BETTER else (comparison.model_b, comparison.model_a)
    )
    above = {"transform": axes.transAxes, "va": "bottom", "parse_math": False}
    axes.text(0.0, 1.01, f"← {left} better", ha="left", fontsize=_FONT_PT, **above)
    axes.text(1.0, 1.01, f"{right} better →", ha="right", fontsize=_FONT_PT, **above)
    axes.text(1.03, 1.01, " difference (95 % interval), p (Holm)", ha="left", fontsize=8, **above)
    axes.set_xlabel(f"Difference in {name}, A − B{f', {unit.strip()}' if unit else ''}", fontsize=_FONT_PT)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(labelsize=_FONT_PT)
    axes.tick_params(axis="y", length=0)
    svg = figure_svg(figure)
    # Without the XML head, which has no place inside of a page.
    return svg[svg.index("<svg") :]


def _words(difference, digits: int, unit: str, p_holm: float | None) -> str:
    if difference.value is None:
        return " –"
    interval = "" if difference.lower is None else f" ({signed(difference.lower, digits)} to {signed(difference.upper, digits)})"
    p = "" if p_holm is None else f", {p_text(p_holm)}"
    return f" {signed(difference.value, digits)}{unit}{interval}{p}"


def p_text(p: float) -> str:
    """Return p as journals print it: three decimals, or < 0.001."""
    return "p < 0.001" if p < 0.001 else f"p = {min(p, 1.0):.3f}"
