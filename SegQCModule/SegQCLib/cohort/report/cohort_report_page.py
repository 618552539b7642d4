"""The page of a cohort: self-contained, for the screen and for A4, without scripts. It computes nothing."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from SegQCLib.cohort.case_outcome import Outcome
from SegQCLib.cohort.report.case_pictures import CasePicture
from SegQCLib.cohort.report.cohort_report import CohortReport
from SegQCLib.cohort.report.gate_failures import FEW_CASES
from SegQCLib.cohort.report.outliers import Outlier
from SegQCLib.cohort.report.robust_z import FEWEST_VALUES, LIMIT, SOURCE
from SegQCLib.cohort.report.runtime_plot import MOST_POINTS, runtime_svg
from SegQCLib.cohort.report.structure_agreement import Distribution, StructureAgreement
from SegQCLib.cohort.report.value_texts import measure_name, seconds_text, value_text
from SegQCLib.metric_texts import METRIC_TEXTS, MetricText
from SegQCLib.number_texts import grouped, millilitres, ratio
from SegQCLib.progress import Progress, unwatched
from SegQCLib.protocols.sign_off_state import SIGN_OFF_WORDS
from SegQCLib.quality.quality_texts import signed_z
from SegQCLib.record import Verdict
from SegQCLib.templates import page_templates

# A page that a person looks through: the tables have every row.
MOST_ROWS, MOST_NAMES, MOST_REASONS, MOST_MEASURES = 40, 12, 20, 3
_MOST_TEXT = 400
_SHORT_HASH = 12
_STRIP = 240.0

_VERDICTS = {
    Verdict.REJECT: ("✗", "Rejected"),
    Verdict.REVIEW: ("?", "For review"),
    Verdict.ACCEPT: ("✓", "Accepted"),
}
_OUTCOMES = {
    Outcome.EVALUATED: "evaluated",
    Outcome.REFUSED: "not usable: the files cannot be evaluated",
    Outcome.FAILED: "interrupted: circumstances, such as a lost drive or too little memory; the next run tries again",
}


@dataclass(frozen=True)
class _CaseOutliers:
    """Everything of one case that stands out."""

    case: str
    shown: tuple[Outlier, ...]
    more: int


@dataclass(frozen=True)
class _Strip:
    """A distribution on a line 240 px wide; places in px from the left."""

    low: float
    quarter: float
    median: float
    three_quarters: float
    high: float
    dots: tuple[tuple[float, str], ...]
    expected: tuple[float, float, float] | None


def render_cohort_report(
    report: CohortReport,
    pictures: Mapping[str, CasePicture],
    created: str,
    software: Mapping[str, str],
    progress: Progress = unwatched,
) -> str:
    """Return the page as HTML that needs no other file and loads nothing.

    Parameters
    ----------
    report : CohortReport
    pictures : mapping of a case's name to its picture
    created : str
        When, as people read it.
    software : mapping
        Versions of what made the page.

    Raises
    ------
    BadDataError
        If jinja2 or matplotlib are not installed.
    """
    templates = page_templates("The report of a cohort")
    templates.filters.update(
        count=lambda number: grouped(number, 0),
        ratio=ratio,
        ml=millilitres,
        z=signed_z,
        seconds=seconds_text,
        short=lambda text: text[:_SHORT_HASH],
        brief=_brief,
        percent=_percent,
        sentence=_sentence,
        name=_name,
        moment=_moment,
    )
    templates.globals.update(
        measure_name=measure_name,
        value_text=value_text,
        strip=_strip,
        bar=_bar,
        verdict_words=_VERDICTS,
        outcome_words=_OUTCOMES,
        sign_off_words=SIGN_OFF_WORDS,
        plural=lambda number, one, many: f"{grouped(number, 0)} {one if number == 1 else many}",
    )
    progress("Writing the page", 0.5)
    volumes_high = max((row.volume_mm3.high for row in report.agreement if row.volume_mm3 is not None), default=0.0)
    return templates.get_template("cohort_report.html").render(
        report=report,
        pictures=pictures,
        created=created,
        software=software,
        outlier_rows=_together(report.outliers.found),
        quality_rows=_together(report.quality.found),
        plot=_plot(report),
        metrics=_metrics(report),
        empty={row.structure: len(row.stated) for row in report.presence},
        compared=[row for row in report.agreement if row.dice is not None],
        alone=[row for row in report.agreement if row.dice is None and row.volume_mm3 is not None],
        volumes_high=volumes_high,
        rows=MOST_ROWS,
        names=MOST_NAMES,
        reasons=MOST_REASONS,
        z_limit=LIMIT,
        z_source=SOURCE,
        z_fewest=FEWEST_VALUES,
        few_cases=FEW_CASES,
        most_points=MOST_POINTS,
        verdicts=tuple(_VERDICTS),
        refused=Outcome.REFUSED,
        failed=Outcome.FAILED,
    )


def _brief(text: str) -> str:
    """Return a text short enough for a table."""
    return text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT].rsplit(' ', 1)[0]} …"


def _name(text: str) -> str:
    """Return a name that breaks after its underscores, if it has to; escaped."""
    from markupsafe import Markup, escape

    return Markup("_<wbr>").join(escape(part) for part in text.split("_"))


def _moment(created: str) -> str:
    """Return an ISO 8601 time to the minute, with its time zone."""
    try:
        at = datetime.fromisoformat(created)
    except ValueError:
        # Somebody edited cohort.json; what it says is shown as it stands.
        return created
    return f"{at:%Y-%m-%d %H:%M} UTC{at:%z}" if at.tzinfo else f"{at:%Y-%m-%d %H:%M}"


def _sentence(text: str) -> str:
    return text if text.rstrip().endswith((".", "!", "?", "…")) else f"{text.rstrip()}."


def _percent(share: float) -> str:
    """Return a share of cases in whole percent; only a true 0 reads 0 %, only a true 1 reads 100 %."""
    text = f"{100 * share:.0f}"
    if share > 0 and text == "0":
        return "< 1 %"
    return "> 99 %" if share < 1 and text == "100" else f"{text} %"


def _together(found: tuple[Outlier, ...]) -> list[_CaseOutliers]:
    """Return outliers by case, in the order of the furthest."""
    groups: dict[str, list[Outlier]] = {}
    for one in found:
        groups.setdefault(one.case, []).append(one)
    return [_CaseOutliers(case, tuple(own[:MOST_MEASURES]), len(own) - MOST_MEASURES) for case, own in groups.items()]


def _strip(values: Distribution, high: float, row: StructureAgreement | None = None) -> _Strip:
    """Return a distribution on a scale from 0 to `high`."""

    def place(value: float) -> float:
        return round(4 + (_STRIP - 8) * min(1.0, max(0.0, value / high if high else 0.0)), 1)

    expected = None
    if row is not None and row.expected_mean is not None and row.expected_lower is not None and row.expected_upper is not None:
        expected = (place(row.expected_lower), place(row.expected_mean), place(row.expected_upper))
    dots = tuple((place(value), case) for value, case in values.dots)
    ends = (values.low, values.quarter, values.median, values.three_quarters, values.high)
    return _Strip(*map(place, ends), dots, expected)


def _bar(counts: Mapping[Verdict, int]) -> list[tuple[str, float, float]]:
    """Return name, start and width of each verdict in a bar 120 px wide."""
    total = sum(counts.values()) or 1
    found, start = [], 0.0
    for verdict in _VERDICTS:
        width = 120 * counts[verdict] / total
        found.append((verdict.value, round(start, 2), round(width, 2)))
        start += width
    return found


def _plot(report: CohortReport) -> str | None:
    points = report.runtime.points
    # Cases of one size show no dependence.
    if len({voxels for voxels, _ in points}) < 2:
        return None
    return "data:image/svg+xml;base64," + base64.b64encode(runtime_svg(points).encode()).decode()


def _metrics(report: CohortReport) -> list[MetricText]:
    """Return the words of the metrics that the page names."""
    named = {one.measure for one in report.outliers.found} | {one.measure for one in report.outliers.alike}
    if any(row.dice is not None for row in report.agreement):
        named.add("dice")
    if any(row.dice is None and row.volume_mm3 is not None for row in report.agreement):
        named.add("volume_candidate_mm3")
    return [text for text in METRIC_TEXTS if text.id in named]
