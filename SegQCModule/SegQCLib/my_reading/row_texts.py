"""Rows of own reading as texts: the same on screen and in the tables of a scene."""

from __future__ import annotations

from SegQCLib.automation_bias.model_version import ModelVersion
from SegQCLib.my_reading.read_rows import ReadRow
from SegQCLib.my_reading.structure_course import StructureCourse
from SegQCLib.number_texts import grouped, ratio, signed
from SegQCLib.statistics.trend import Trend

READ_TITLES = {
    "started": "Date",
    "case": "Case",
    "structure": "Structure",
    "draft": "AI draft",
    "active_min": "Active, min",
    "minutes_per_ml": "min/mL",
    "changed_part": "Changed, % of draft",
    "dice_with_draft": "Dice with draft",
    "slices_seen": "Slices seen",
}
COURSE_TITLES = {
    "structure": "Structure",
    "draft": "AI draft",
    "reads": "Reads",
    "active_min": "Active, min",
    "trend": "Trend, % per 30 days",
    "minutes_per_ml": "min/mL",
    "changed_part": "Changed, % of draft",
}
AI_FREE = "AI-free"


def read_texts(row: ReadRow) -> dict[str, str | None]:
    """Return the text of each column of READ_TITLES; None where there is no value."""
    marks = [words for words, holds in (("training", row.purpose == "training"), ("not finished", not row.finished)) if holds]
    return {
        "started": f"{row.started:%Y-%m-%d %H:%M}",
        "case": f"{row.case} [{', '.join(marks)}]" if marks else row.case,
        "structure": row.structure,
        "draft": _draft(row.draft),
        "active_min": grouped(row.active_min, 1),
        "minutes_per_ml": _minutes_per_ml(row.minutes_per_ml),
        "changed_part": _percent(row.changed_part),
        "dice_with_draft": None if row.dice_with_draft is None else ratio(row.dice_with_draft),
        "slices_seen": None if row.slices_seen is None or row.slices is None else f"{row.slices_seen} of {row.slices}",
    }


def course_texts(course: StructureCourse) -> dict[str, str | None]:
    """Return the text of each column of COURSE_TITLES; None where there is no value."""
    return {
        "structure": course.structure,
        "draft": _draft(course.draft),
        "reads": str(course.reads),
        "active_min": None if course.active_min is None else grouped(course.active_min, 1),
        "trend": _trend(course.trend),
        "minutes_per_ml": _minutes_per_ml(course.minutes_per_ml),
        "changed_part": _percent(course.changed_part),
    }


def _draft(draft: ModelVersion | None) -> str:
    return AI_FREE if draft is None else str(draft)


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{grouped(100 * share, 1)} %"


def _minutes_per_ml(value: float | None) -> str | None:
    return None if value is None else grouped(value, 2 if value >= 0.1 else 4)


def _trend(of: Trend) -> str | None:
    if of.slope_per_30_days is None:
        return None
    if of.lower is None or of.upper is None:
        return f"{signed(of.slope_per_30_days, 1)} %"
    return f"{signed(of.slope_per_30_days, 1)} % ({signed(of.lower, 1)} to {signed(of.upper, 1)})"
