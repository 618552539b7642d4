"""A comparison of two models as one HTML page that needs no network."""

from __future__ import annotations

from SegQCLib.agreement.estimate import Estimate
from SegQCLib.model_comparison.forest_plot import AXES, forest_plot, p_text
from SegQCLib.model_comparison.model_comparison import ModelComparison
from SegQCLib.model_comparison.paired_statistics import METRICS, MetricComparison
from SegQCLib.number_texts import grouped, signed
from SegQCLib.templates import page_templates


def render_models_page(comparison: ModelComparison) -> str:
    """Return the page.

    Raises
    ------
    BadDataError
        If jinja2 or matplotlib is not installed.
    """
    plots = {metric: forest_plot(comparison, metric) for metric in METRICS}
    templates = page_templates("The page of a comparison of models")
    templates.filters["p"] = lambda value: "–" if value is None else p_text(value).removeprefix("p = ").removeprefix("p ")
    return templates.get_template("models.html").render(
        comparison=comparison,
        metrics=[(metric, AXES[metric][0], AXES[metric][1], plots[metric]) for metric in METRICS],
        told_apart=[one for one in comparison.structures if one.missed_a or one.missed_b or one.false_a or one.false_b],
        mean=_mean,
        difference=_difference,
        conclusion=_conclusion,
    )


def _mean(value: Estimate, one: MetricComparison) -> tuple[str, str]:
    """Return an average and its interval."""
    _, unit, digits = AXES[one.metric]
    if value.value is None:
        return "–", ""
    interval = "no interval" if value.lower is None else f"{grouped(value.lower, digits)} to {grouped(value.upper, digits)}"
    return f"{grouped(value.value, digits)}{unit}", interval


def _difference(one: MetricComparison) -> tuple[str, str]:
    _, unit, digits = AXES[one.metric]
    value = one.difference
    if value.value is None:
        return "–", ""
    interval = "no interval" if value.lower is None else f"{signed(value.lower, digits)} to {signed(value.upper, digits)}"
    return f"{signed(value.value, digits)}{unit}", interval


def _conclusion(comparison: ModelComparison, one: MetricComparison) -> str:
    return {
        "A better": f"{comparison.model_a} better",
        "B better": f"{comparison.model_b} better",
        "no difference shown": "no difference shown",
        "identical": "identical in every case",
        "not tested": f"not tested: {one.test.reason or ''}",
    }[one.conclusion]
