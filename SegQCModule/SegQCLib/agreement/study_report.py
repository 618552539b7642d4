"""The page of a study's agreement: self-contained, for the screen and for A4. It computes nothing."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from SegQCLib.agreement.estimate import Estimate
from SegQCLib.agreement.icc import ICC_FORMS
from SegQCLib.agreement.study_agreement import RULES, StructureGroup, StudyAgreement
from SegQCLib.agreement.study_pictures import bland_altman_svg, matrix_svg
from SegQCLib.number_texts import grouped, ratio, signed
from SegQCLib.progress import Progress, counted, unwatched
from SegQCLib.templates import page_templates

_RELATIONS = {"inter-reader": "Different readers", "intra-reader": "One reader, repeated"}
_ANCHORING = {
    "AI-free": "without AI in sight",
    "AI-anchored": "both with an AI result in sight",
    "AI-free against AI-anchored": "one without, one with an AI result in sight",
}
# Three readers make three plots; of ten readers nobody looks at 45, and the table has every number.
_MOST_PLOTS = 6


@dataclass(frozen=True)
class _Plot:
    source: str
    alt: str
    caption: str


def render_study(study: StudyAgreement, progress: Progress = unwatched) -> str:
    """Return the page as HTML that needs no other file and loads nothing.

    Raises
    ------
    BadDataError
        If jinja2 or matplotlib are not installed.
    """
    templates = page_templates("The page of agreement")
    templates.filters.update(
        dice=_dice,
        mm=_mm,
        number=_number,
        interval=_interval,
        coefficient=_coefficient,
        slope=_slope,
        note=_note,
        count=lambda n: grouped(n, 0),
    )
    absent = study.absent
    shown = [group for group in study.structures if group.structure not in absent]
    groups = [(group, _plots(group)) for group in counted(progress, "Drawing", shown)]
    by_structure: dict[str, list[tuple[StructureGroup, list[_Plot]]]] = {}
    for group, plots in groups:
        by_structure.setdefault(group.structure, []).append((group, plots))
    return templates.get_template("study_agreement.html").render(
        study=study,
        by_structure=by_structure,
        relations=_RELATIONS,
        anchoring=_ANCHORING,
        forms=ICC_FORMS,
        most_plots=_MOST_PLOTS,
    )


def _plots(group: StructureGroup) -> list[_Plot]:
    plots = []
    kind = f"{group.structure}, {_RELATIONS[group.relation].lower()}, {_ANCHORING[group.anchoring]}"
    if group.relation == "inter-reader" and any(cell.median_dice is not None for cell in group.matrix):
        svg = matrix_svg(group.matrix, group.readers, asymmetric=group.anchoring == "AI-free against AI-anchored")
        caption = "Median Dice of each two readers over the n cases that both read. Darker is higher; white is 0.5 or less."
        plots.append(_plot(svg, f"Median Dice of each two readers: {kind}.", caption))
    for volumes in [entry for entry in group.volumes if entry.values][:_MOST_PLOTS]:
        limits = volumes.percent
        said = ", ".join(
            f"{word} {_number(found, '%')}"
            for word, found in (("bias", limits.bias), ("limits", limits.lower_limit), ("and", limits.upper_limit))
        )
        caption = (
            f"{volumes.first} minus {volumes.second}: difference in volume over its mean, {len(volumes.values)} cases. Solid: bias;"
            " dashed: 95 % limits of agreement; grey: 95 % intervals of these."
        )
        plots.append(_plot(bland_altman_svg(volumes), f"Bland-Altman plot: {kind}; {said}.", caption))
    return plots


def _plot(svg: str, alt: str, caption: str) -> _Plot:
    return _Plot("data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode(), alt, caption)


def _dice(value: float | None) -> str:
    return "–" if value is None else ratio(value)


def _mm(value: float | None) -> str:
    return "–" if value is None else grouped(value, 2)


def _number(found: Estimate, unit: str) -> str:
    """Return a difference with its sign and unit."""
    if found.value is None:
        return "undefined"
    return f"{signed(found.value, _decimals(found))}\u202f{unit}"


def _interval(found: Estimate, kind: str) -> str:
    """Return the interval as text, as many digits as the number itself has; a dash where there is none."""
    if found.lower is None or found.upper is None:
        return "–"
    texts = [_text(found, value, kind) for value in (found.lower, found.upper)]
    return f"{texts[0]} to {texts[1]}"


def _text(found: Estimate, value: float, kind: str) -> str:
    if kind == "difference":
        return signed(value, _decimals(found))
    if kind == "slope":
        return signed(value, 3)
    return _dice(value) if kind == "dice" else _mm(value) if kind == "mm" else _rounded(value)


def _coefficient(found: Estimate) -> str:
    return "undefined" if found.value is None else _rounded(found.value)


def _note(found: Estimate) -> str:
    """Return the note without what the page says once for all numbers."""
    text = found.note or ""
    for rule in RULES:
        text = text.replace(rule, "")
    return text.strip()


def _slope(found: Estimate) -> str:
    return "undefined" if found.value is None else signed(found.value, 3)


def _rounded(value: float) -> str:
    # Two digits of an agreement coefficient are what an interval supports; 1.00 is exact agreement only.
    return ">\u202f0.99" if 0.995 <= value < 1 else grouped(value, 2)


def _decimals(found: Estimate) -> int:
    largest = max(abs(value) for value in found.numbers if value is not None)
    return 1 if largest >= 10 else 2 if largest >= 1 else 3
