"""The page of a study's consistency: self-contained, for the screen and for A4. It computes nothing."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field

from SegQCLib.number_texts import grouped
from SegQCLib.progress import Progress, counted, unwatched
from SegQCLib.study_consistency.compare_series import PHASE_NOT_NAMED
from SegQCLib.study_consistency.consistency_words import change_text, headline, ml, mm
from SegQCLib.study_consistency.fact_rules import fact_title
from SegQCLib.study_consistency.lesion_course import Change, DiameterSum, LesionCourse, LesionPoint
from SegQCLib.study_consistency.study_consistency import FollowUp, KindOfImage, SeriesFacts, StudyConsistency
from SegQCLib.study_consistency.uniformity import FactUniformity
from SegQCLib.study_consistency.volume_plot import MOST_LESIONS, volume_plot
from SegQCLib.templates import page_templates

_ASSISTED = {True: "with an AI draft or another algorithm", False: "by hand", None: ""}
# A page with a plot of every patient of a large study is opened by nobody.
_MOST_PLOTS = 60
_MOST_CASES = 6


@dataclass
class _Marks:
    """Sentences of one table, each with the number that stands for it in the cells."""

    texts: list[str] = field(default_factory=list)

    def of(self, sentences: Sequence[str]) -> str:
        for one in sentences:
            if one not in self.texts:
                self.texts.append(one)
        return ", ".join(str(self.texts.index(one) + 1) for one in dict.fromkeys(sentences))


@dataclass(frozen=True)
class _Cell:
    """A text and the numbers of the sentences that belong to it."""

    text: str
    marks: str


@dataclass(frozen=True)
class _Row:
    timepoint: str
    reader: str
    voxels: str
    volume: _Cell
    volume_changes: tuple[_Cell, _Cell]
    diameter: _Cell
    diameter_changes: tuple[_Cell, _Cell]


@dataclass(frozen=True)
class _Patient:
    """What the page shows of one patient in one kind of image."""

    patient: str
    kind: str
    courses: list[tuple[LesionCourse, list[_Row]]]
    sums: list[tuple[DiameterSum, list[tuple[str, _Cell, _Cell]]]]
    marks: list[str]
    followed: bool
    plot: str | None
    left_out_of_plot: int


@dataclass(frozen=True)
class _KindTable:
    """The series of a kind, with a column for each fact that differs."""

    kind: KindOfImage
    columns: list[FactUniformity]
    rows: list[tuple[SeriesFacts, list[tuple[str, bool]], FollowUp | None, list[str]]]


def render_consistency(study: StudyConsistency, progress: Progress = unwatched) -> str:
    """Return the page as HTML that needs no other file and loads nothing.

    Raises
    ------
    BadDataError
        If jinja2 or matplotlib are not installed.
    """
    templates = page_templates("The page of a study")
    templates.filters.update(count=lambda n: grouped(n, 0), cases=_cases, title=lambda text: text.partition(" (")[0])
    pairs = list(dict.fromkeys((course.patient, course.kind) for course in study.lesions))
    patients = [_patient(study, *pair, drawn=n < _MOST_PLOTS) for n, pair in enumerate(counted(progress, "Drawing", pairs))]
    return templates.get_template("study_consistency.html").render(
        study=study,
        headline=headline(study),
        tables=[_kind_table(study, kind) for kind in study.kinds if kind.facts],
        alone=[one for kind in study.kinds if not kind.facts for one in study.series if one.kind == kind.kind],
        patients=patients,
        reconstructions=_reconstructions(study),
        most_plots=_MOST_PLOTS,
    )


def _cases(names: Sequence[str]) -> str:
    more = len(names) - _MOST_CASES
    return ", ".join(names) if more <= 0 else f"{', '.join(names[:_MOST_CASES])} and {more} more"


def _reconstructions(study: StudyConsistency) -> list[tuple[str, list[str]]]:
    """Return what headers say of reconstruction and what followed, each text once with its cases."""
    found: dict[str, list[str]] = {}
    for one in study.series:
        if one.error is None:
            text = "; ".join(f"{fact.title}: {fact.text}" for fact in one.post_reconstruction)
            found.setdefault(text, []).append(one.case)
    return sorted(found.items(), key=lambda item: -len(item[1]))


def _kind_table(study: StudyConsistency, kind: KindOfImage) -> _KindTable:
    columns = [fact for fact in kind.facts if fact.status in ("differs", "tie")]
    follow_ups = {one.case: one for one in study.follow_ups if one.kind == kind.kind}
    rows = []
    for one in study.series:
        if one.kind == kind.kind and one.error is None:
            texts = {fact.fact: fact.text for fact in one.facts}
            cells = [(texts.get(column.fact, ""), column.fact in one.breaks) for column in columns]
            follow_up = follow_ups.get(one.case)
            # The window has a column, and what no header names is said once above.
            said = (PHASE_NOT_NAMED, *(fact_title(column.fact) for column in columns))
            caveats = [] if follow_up is None else [text for text in follow_up.caveats if not text.startswith(said)]
            rows.append((one, cells, follow_up, caveats))
    return _KindTable(kind, columns, rows)


def _patient(study: StudyConsistency, patient: str, kind: str, *, drawn: bool) -> _Patient:
    courses = [course for course in study.lesions if (course.patient, course.kind) == (patient, kind)]
    sums = [one for one in study.sums if (one.patient, one.kind) == (patient, kind)]
    marks = _Marks()
    rows = [(course, [_row(point, marks) for point in course.points]) for course in courses]
    totals = [
        (
            one,
            [
                (
                    point.timepoint,
                    _Cell(_tied(mm(point.sum_mm)), marks.of(_one(point.reason))),
                    _change_cell(point.since_first, "diameter", marks),
                )
                for point in one.points
            ],
        )
        for one in sums
    ]
    svg = volume_plot(courses, simulated=study.simulated) if drawn else None
    plot = None if svg is None else "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
    followed = any(point.since_first is not None for course in courses for point in course.points)
    return _Patient(patient, kind, rows, totals, marks.texts, followed, plot, max(0, len(courses) - MOST_LESIONS))


def _row(point: LesionPoint, marks: _Marks) -> _Row:
    changes = (point.since_first, point.since_previous)
    who = "; ".join(text for text in (point.reader or "", _ASSISTED[point.assisted]) if text)
    return _Row(
        timepoint=point.timepoint or point.case,
        reader=who,
        voxels=f"{grouped(point.voxels, 0)}",
        volume=_Cell(_tied(ml(point.volume_ml)), marks.of(point.caveats)),
        volume_changes=tuple(_change_cell(change, "volume", marks) for change in changes),
        diameter=_Cell(_tied(mm(point.longest_diameter_mm)), marks.of(_one(point.why_no_diameter))),
        diameter_changes=tuple(_change_cell(change, "diameter", marks) for change in changes),
    )


def _tied(text: str) -> str:
    """Return a text whose numbers and units stay on one line."""
    return text.replace(" ", "\u202f").replace("\u202f(", " (")


def _one(sentence: str | None) -> tuple[str, ...]:
    return () if sentence is None else (sentence,)


def _change_cell(change: Change | None, what: str, marks: _Marks) -> _Cell:
    if change is None:
        return _Cell("", "")
    if not change.comparable:
        return _Cell("not comparable", marks.of([f"Not comparable. {reason}" for reason in change.reasons]))
    values = (change.volume_ml, change.volume_percent, "mL")
    if what == "diameter":
        values = (change.diameter_mm, change.diameter_percent, "mm")
    text = _tied(change_text(*values))
    # Caveats are the same for volume and diameter: they stand once, at the volume, and at the sum, which has no volume.
    told = change.caveats if what == "volume" or change.volume_ml is None else ()
    return _Cell(text or "–", marks.of((*change.reasons, *told)))
