"""One structure's reads as points over time: active minutes, and Dice with the draft; AI-free apart from AI-anchored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from SegQCLib.my_reading.read_rows import ReadRow
from SegQCLib.my_reading.row_texts import AI_FREE

AI_ANCHORED = "AI-anchored"


@dataclass(frozen=True)
class PointSeries:
    """Points of one kind, in order of time.

    Attributes
    ----------
    name : str
        AI-free, AI-anchored.
    days : tuple of float
        Days since the first read that is plotted.
    values : tuple of float
        In the plot's unit.
    labels : tuple of str
        Case, date and draft of each, to be read beside the point.
    """

    name: str
    days: tuple[float, ...]
    values: tuple[float, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True)
class ReadingPlot:
    """One measure of one structure over time.

    Attributes
    ----------
    measure : str
        active_min or dice_with_draft.
    structure : str
    value_title : str
        What the values are, with their unit.
    first : datetime
        Day 0.
    series : tuple of PointSeries
        Those that have points.
    """

    measure: str
    structure: str
    value_title: str
    first: datetime
    series: tuple[PointSeries, ...]


MEASURES = {"active_min": "Active time, min", "dice_with_draft": "Dice of draft and final segment"}


def reading_plots(rows: Sequence[ReadRow], structure: str) -> tuple[ReadingPlot, ...]:
    """Return the plots of a structure, of finished clinical reads as the trends are; a measure without points has none.

    Parameters
    ----------
    rows : sequence of ReadRow
        In any order.
    structure : str
    """
    own = sorted(
        (row for row in rows if row.structure == structure and row.finished and row.purpose == "clinical"),
        key=lambda row: row.started,
    )
    plots = []
    for measure, title in MEASURES.items():
        kinds = ((AI_FREE, [row for row in own if row.draft is None]), (AI_ANCHORED, [row for row in own if row.draft is not None]))
        series = tuple(_series(name, kind, measure, own[0].started) for name, kind in kinds if own)
        series = tuple(one for one in series if one.values)
        if series:
            plots.append(ReadingPlot(measure, structure, title, own[0].started, series))
    return tuple(plots)


def _series(name: str, rows: Sequence[ReadRow], measure: str, first: datetime) -> PointSeries:
    known = [row for row in rows if getattr(row, measure) is not None]
    return PointSeries(
        name,
        tuple((row.started - first).total_seconds() / 86400 for row in known),
        tuple(float(getattr(row, measure)) for row in known),
        tuple(f"{row.case}, {row.started:%Y-%m-%d}, {AI_FREE if row.draft is None else row.draft}" for row in known),
    )
