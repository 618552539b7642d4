"""The page that says of a difficulty model what it is for, what it was fitted on, what it reaches, and where it refuses."""

from __future__ import annotations

from SegQCLib.difficulty.domain import RANGE_MARGIN
from SegQCLib.difficulty.model_file import DifficultyModel, Measured
from SegQCLib.number_texts import grouped
from SegQCLib.templates import page_templates

_SOURCES = {
    "geometry": "the outline alone",
    "texture": "grey values of the lesion",
    "imaging": "grey values of normal tissue",
    "border": "grey values along the border",
    "uncertainty": "an AI model's uncertainty map",
}


def render_model_card(model: DifficultyModel) -> str:
    """Return the card as one HTML page that needs no network.

    Raises
    ------
    BadDataError
        If jinja2 is not installed.
    """
    templates = page_templates("The model's card")
    templates.filters["percent"] = lambda share: f"{100 * share:.1f} %".replace(".0 %", " %")
    templates.filters["measured"] = _measured
    templates.filters["number"] = lambda value: f"{value:.3g}" if abs(value) < 1000 else grouped(value, 0)
    groups = dict.fromkeys(name.partition(".")[0] for name in model.names)
    return templates.get_template("model_card.html").render(
        model=model,
        margin=RANGE_MARGIN,
        names=", ".join(_SOURCES[group] for group in groups),
        needs_image=any(group not in ("geometry", "uncertainty") for group in groups),
    )


def _measured(measured: Measured) -> str:
    return f"{measured.value:.4f} (95 % confidence interval {measured.lower:.4f} to {measured.upper:.4f})"
