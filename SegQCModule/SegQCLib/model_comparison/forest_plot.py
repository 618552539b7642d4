"""A forest plot: the paired difference of two models in each structure, with its interval and the line of no difference."""

from __future__ import annotations

import io

from SegQCLib.model_comparison.model_comparison import ModelComparison
from SegQCLib.model_comparison.paired_statistics import LOWER_IS_BETTER, Metric
from SegQCLib.number_texts import signed
from SegQCLib.statistics.missing_package import missing_package

AXES: dict[Metric, tuple[str, str, int]] = {
    "dice": ("Dice", "", 3),
    "surface_dice_2mm": ("Surface Dice at 2 mm", "", 3),
    "hausdorff_95_mm": ("95 % Hausdorff distance", " mm", 2),
}
_ROW_INCHES = 0.27
_SHOWN = "#005a8c"
_NOT_SHOWN = "#6b7278"


def forest_plot(comparison: ModelComparison, metric: Metric) -> str:
    """Return the plot as SVG, the structures in their order from top to bottom; a name for each side says who is better there.

    Raises
    ------
    BadDataError
        If matplotlib is not installed.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise missing_package("The forest plot", error) from error
    name, unit, digits = AXES[metric]
    rows = [(structure.structure, structure.of(metric)) for structure in comparison.structures]
    # Text stays text: it can be read aloud, searched and copied; a fixed salt makes the file the same every time.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "segqc", "font.family": "sans-serif", "font.size": 9}):
        figure = Figure(figsize=(9.0, 1.35 + _ROW_INCHES * len(rows)), layout="constrained")
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
        axes.set_yticks(range(len(rows)), [f"{structure}  (n = {one.pairs})" for structure, one in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        widest = max((abs(end) for _, one in rows for end in _ends(one.difference) if end is not None), default=0.0)
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
        axes.text(0.0, 1.01, f"← {_plain(left)} better", transform=axes.transAxes, ha="left", va="bottom")
        axes.text(1.0, 1.01, f"{_plain(right)} better →", transform=axes.transAxes, ha="right", va="bottom")
        axes.text(1.03, 1.01, " difference (95 % interval), p (Holm)", transform=axes.transAxes, ha="left", va="bottom", fontsize=8)
        axes.set_xlabel(f"Difference in {name}, A − B{f', {unit.strip()}' if unit else ''}")
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
        svg = io.StringIO()
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    # Without the XML head, which has no place inside of a page.
    return svg.getvalue()[svg.getvalue().index("<svg") :]


def _ends(difference) -> tuple[float | None, float | None, float | None]:
    return difference.value, difference.lower, difference.upper


def _words(difference, digits: int, unit: str, p_holm: float | None) -> str:
    if difference.value is None:
        return " –"
    interval = "" if difference.lower is None else f" ({signed(difference.lower, digits)} to {signed(difference.upper, digits)})"
    p = "" if p_holm is None else f", {p_text(p_holm)}"
    return f" {signed(difference.value, digits)}{unit}{interval}{p}"


def p_text(p: float) -> str:
    """Return p as journals print it: three decimals, or < 0.001."""
    return "p < 0.001" if p < 0.001 else f"p = {min(p, 1.0):.3f}"


def _plain(name: str) -> str:
    # A $ begins a formula in matplotlib.
    return name.replace("$", r"\$")
