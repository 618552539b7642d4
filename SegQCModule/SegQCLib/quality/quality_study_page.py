"""The page of image quality over a study: self-contained, for the screen and for A4. It computes nothing."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from SegQCLib.number_texts import grouped, signed
from SegQCLib.progress import Progress, counted, unwatched
from SegQCLib.quality.quality_plots import rating_svg
from SegQCLib.quality.quality_study import QualityStudy, RatingBesideNumber, StratumNumbers, StudyNumber, furthest
from SegQCLib.quality.quality_texts import REGION_WORDS, bare_value, number_name, quality_text, signed_z, unit_words, value_text
from SegQCLib.templates import page_templates

# A page that a person looks through: the table of the study has every number.
_MOST_FAR, _MOST_OF_CASE, _MOST_PLOTS = 10, 3, 6
# Where a background is a sphere, each case has a wording of its own with the sphere's size.
_MOST_WORDINGS = 3
_WIDTH, _MARGIN = 220.0, 8.0


@dataclass(frozen=True)
class _Point:
    x: float
    case: str
    text: str


@dataclass(frozen=True)
class _Strip:
    """A number's values on one line; all places in px from the left of a strip 220 px wide."""

    points: tuple[_Point, ...]
    median: float | None
    limits: tuple[float, ...]


@dataclass(frozen=True)
class _Plot:
    source: str
    alt: str
    caption: str


def render_quality_study(study: QualityStudy, progress: Progress = unwatched) -> str:
    """Return the page as HTML that needs no other file and loads nothing.

    Raises
    ------
    BadDataError
        If jinja2 or matplotlib are not installed.
    """
    templates = page_templates("The page of image quality")
    templates.filters.update(bare=bare_value, unit=unit_words, signed=signed, z=signed_z, count=lambda n: grouped(n, 0))
    templates.globals.update(
        number_name=number_name, quality_text=quality_text, value_text=value_text, regions=REGION_WORDS, strip=_strip, goes=_goes
    )
    by_structure: dict[tuple[str, str], list[StudyNumber]] = {}
    for number in study.numbers:
        by_structure.setdefault((number.protocol, number.structure), []).append(number)
    by_rating: dict[tuple[str, str, str], list[RatingBesideNumber]] = {}
    for found in study.ratings:
        by_rating.setdefault((found.protocol, found.title, found.scale), []).append(found)
    known = sorted((found for found in study.ratings if found.rho is not None), key=lambda found: -abs(found.rho or 0.0))
    plots = [_plot(found) for found in counted(progress, "Drawing", known[:_MOST_PLOTS])]
    return templates.get_template("quality_study.html").render(
        study=study,
        far=list(furthest(study).items())[:_MOST_FAR],
        most_of_case=_MOST_OF_CASE,
        scanners=_scanners(study),
        refused=_refused,
        by_structure=by_structure,
        by_rating=by_rating,
        plots=plots,
        more_plots=len(known) - len(plots),
        definitions=_definitions(study.numbers),
    )


def _scanners(study: QualityStudy) -> dict[str, str]:
    """Return a short name for each scanner, by its words."""
    found = dict.fromkeys(stratum.scanner for number in study.numbers for stratum in number.strata)
    return {words: f"scanner {place}" for place, words in enumerate(sorted(found), 1)}


def _refused(numbers: Iterable[StudyNumber]) -> dict[str, list[str]]:
    """Return what was refused, by reason: names of numbers with how many segments."""
    found: dict[str, list[str]] = {}
    for number in numbers:
        reasons: Counter[str] = Counter()
        for stratum in number.strata:
            reasons.update(stratum.refused)
        for reason, segments in reasons.items():
            told = f"{number_name(number.measure, number.method)} in {segments} segment{'s' if segments != 1 else ''}"
            found.setdefault(reason, []).append(told)
    return found


def _definitions(numbers: Iterable[StudyNumber]) -> dict[str, list[str]]:
    """Return how each number is defined, by its name."""
    found: dict[str, dict[str, None]] = {}
    for number in numbers:
        found.setdefault(number_name(number.measure, number.method), {}).update(dict.fromkeys(number.definitions))
    return {
        name: [
            *list(definitions)[:_MOST_WORDINGS],
            *([f"and {more} more wordings"] if (more := len(definitions) - _MOST_WORDINGS) > 0 else []),
        ]
        for name, definitions in found.items()
    }


def _strip(number: StudyNumber, stratum: StratumNumbers) -> _Strip:
    """Return the values of one stratum on the scale of all strata of the number, with the study's limits."""
    edges = [edge for limit in number.limits for edge in (limit.minimum, limit.maximum) if edge is not None]
    values = [case.value for own in number.strata for case in own.cases] + edges
    low, high = min(values, default=0.0), max(values, default=0.0)

    def place(value: float) -> float:
        share = 0.5 if high == low else (value - low) / (high - low)
        return round(_MARGIN + share * (_WIDTH - 2 * _MARGIN), 1)

    points = tuple(_Point(place(case.value), case.case, value_text(case.value, number.unit)) for case in stratum.cases)
    return _Strip(points, None if stratum.median is None else place(stratum.median), tuple(map(place, edges)))


def _goes(found: RatingBesideNumber) -> str:
    """Return a correlation's direction in words, where its interval leaves out 0."""
    if found.rho is None or found.lower is None or found.upper is None:
        return ""
    if found.lower <= 0 <= found.upper:
        return "not told apart from none"
    return f"higher numbers go with {'better' if found.rho > 0 else 'worse'} grades"


def _plot(found: RatingBesideNumber) -> _Plot:
    name = f"{number_name(found.measure, found.method)} of {found.structure}"
    interval = (
        "no interval" if found.lower is None else f"95 % interval {signed(found.lower, 2)} to {signed(found.upper or 0.0, 2)}"
    )
    said = f"ρ {signed(found.rho or 0.0, 2)}, {interval}, {len(found.cases)} cases"
    source = "data:image/svg+xml;base64," + base64.b64encode(rating_svg(found).encode()).decode()
    return _Plot(source, f"{name} against the rating “{found.title}”: {said}.", f"{name}: {said}.")
