"""Consistency of a study as a table: one line per series, then one per lesion and time point."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from SegQCLib.measurements_csv import inert
from SegQCLib.study_consistency.lesion_course import Change, LesionCourse, LesionPoint
from SegQCLib.study_consistency.study_consistency import SeriesFacts, StudyConsistency

_SERIES = (
    "of", "patient", "timepoint", "case", "kind", "modality", "series_description", "slices", "slice_spacing_mm", "row_spacing_mm",
    "column_spacing_mm", "breaks", "not_told", "post_reconstruction", "error", "remarks",
)  # fmt: skip
_LESION = (
    "lesion", "structure", "matched_by", "reader", "assisted", "voxels", "lesion_slices", "volume_ml", "longest_diameter_mm",
)  # fmt: skip
_CHANGE = ("since", "comparable", "volume_ml", "volume_percent", "diameter_mm", "diameter_percent", "reasons", "caveats")
_Row = dict[str, object]


def consistency_csv(study: StudyConsistency) -> str:
    """Return every series with its facts, and every lesion at every time point with its changes; empty: not known.

    Columns that begin with `fact:` are what the header says; those that begin with `first:` and `previous:` are changes since the
    first and since the previous time point.
    """
    facts = list(dict.fromkeys(fact.fact for one in study.series for fact in one.facts))
    changes = [f"{since}:{name}" for since in ("first", "previous") for name in _CHANGE]
    columns = [*_SERIES, *(f"fact:{fact}" for fact in facts), *_LESION, *changes, "notes", "simulated"]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    for row in _rows(study):
        row["simulated"] = "SIMULATED" if study.simulated else ""
        cells = [row.get(column) for column in columns]
        writer.writerow([inert(cell) if isinstance(cell, str) else "" if cell is None else cell for cell in cells])
    return text.getvalue()


def _rows(study: StudyConsistency) -> Iterator[_Row]:
    yield from map(_series, study.series)
    for course in study.lesions:
        yield from (_lesion(course, point) for point in course.points)


def _series(one: SeriesFacts) -> _Row:
    spacing = one.pixel_spacing_mm or (None, None)
    return {
        "of": "series",
        "patient": one.patient,
        "timepoint": one.timepoint,
        "case": one.case,
        "kind": one.kind,
        "modality": one.modality,
        "series_description": one.series_description,
        "slices": one.slices,
        "slice_spacing_mm": one.slice_spacing_mm,
        "row_spacing_mm": spacing[0],
        "column_spacing_mm": spacing[1],
        "breaks": "; ".join(one.breaks),
        "not_told": "; ".join(one.not_told),
        "post_reconstruction": "; ".join(f"{fact.title}: {fact.text}" for fact in one.post_reconstruction),
        "error": one.error,
        "remarks": " ".join(one.remarks),
        **{f"fact:{fact.fact}": fact.text for fact in one.facts},
    }


def _lesion(course: LesionCourse, point: LesionPoint) -> _Row:
    return {
        "of": "lesion",
        "patient": course.patient,
        "timepoint": point.timepoint,
        "case": point.case,
        "kind": course.kind,
        "lesion": course.lesion,
        "structure": course.structure,
        "matched_by": course.matched_by,
        "reader": point.reader,
        "assisted": {True: "yes", False: "no", None: None}[point.assisted],
        "voxels": point.voxels,
        "lesion_slices": point.slices,
        "volume_ml": point.volume_ml,
        "longest_diameter_mm": point.longest_diameter_mm,
        "remarks": " ".join((*point.caveats, *((point.why_no_diameter,) if point.why_no_diameter else ()))),
        "notes": " ".join(course.notes),
        **_change("first", point.since_first),
        **_change("previous", point.since_previous),
    }


def _change(since: str, change: Change | None) -> _Row:
    if change is None:
        return {}
    return {
        f"{since}:since": change.since,
        f"{since}:comparable": "yes" if change.comparable else "no",
        f"{since}:volume_ml": change.volume_ml,
        f"{since}:volume_percent": change.volume_percent,
        f"{since}:diameter_mm": change.diameter_mm,
        f"{since}:diameter_percent": change.diameter_percent,
        f"{since}:reasons": " ".join(change.reasons),
        f"{since}:caveats": " ".join(change.caveats),
    }
