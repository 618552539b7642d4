"""How reading goes on over time, with each version of each model and without: one series and its trend per measure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from SegQCLib.automation_bias.model_version import ModelVersion, ai_free_segments, anchored_segments
from SegQCLib.automation_bias.read_series import ReadSeries, active_time_series, segment_series, series_trend
from SegQCLib.readers.case_read import CaseRead, SegmentRead
from SegQCLib.readers.effort_measures import seen_part_of_structure
from SegQCLib.statistics.trend import Trend


@dataclass(frozen=True)
class Measure:
    """What is followed: a measure of a segment, in words."""

    id: str = field(metadata={"doc": "Never renamed."})
    unit: str = field(metadata={"doc": "Of the values; of a trend, per 30 days."})
    definition: str = field(metadata={"doc": "In a sentence."})


ACTIVE_TIME = Measure("log_active_time", "natural logarithm of seconds", "Active time of a read; exp gives seconds.")
_OF_SEGMENTS: tuple[tuple[Measure, Callable[[SegmentRead], float | None]], ...] = (
    (
        Measure("dice_with_draft", "Dice, 0 to 1", "Dice of draft and final segment; 1: taken as it was."),
        lambda segment: segment.dice_with_draft,
    ),
    (
        Measure("accepted_unchanged", "share, 0 to 1", "Share of a read's drafts that were taken as they were."),
        lambda segment: None if segment.accepted_unchanged is None else float(segment.accepted_unchanged),
    ),
    (
        Measure("slices_seen", "share, 0 to 1", "Share of a structure's slices that were shown to the reader."),
        seen_part_of_structure,
    ),
    (
        Measure("accuracy", "Dice, 0 to 1", "Dice of final segment and reference, where a case has one."),
        lambda segment: segment.accuracy,
    ),
)
# Without a draft there is nothing to agree with or to accept.
_WITHOUT_DRAFTS = ("slices_seen", "accuracy")


@dataclass(frozen=True)
class ReadingTrend:
    """One measure over time: of one reader or of all, with one version of a model or without drafts."""

    reader: str | None = field(metadata={"doc": "Whose reads; null: of all readers, each relative to their own."})
    model: str | None = field(metadata={"doc": "The AI model; null: drawn without a draft."})
    model_version: str | None = field(metadata={"doc": "Its version."})
    measure: Measure = field(metadata={"doc": "What is followed."})
    origin: str = field(metadata={"doc": "Day 0, ISO 8601: the first read of all."})
    series: ReadSeries = field(metadata={"doc": "One value for each read, relative to reads of the same structures."})
    trend: Trend = field(metadata={"doc": "Theil-Sen slope and Mann-Kendall test."})


def reading_trends(reads: Iterable[CaseRead], reader: str | None = None) -> tuple[ReadingTrend, ...]:
    """Return all measures over time, version by version, and at last those of AI-free reads; empty series are left out.

    Parameters
    ----------
    reads : iterable of CaseRead
        Only clinical ones that are finished count.
    reader : str, optional
        None: all readers together.
    """
    counted = sorted(
        (read for read in reads if read.finished and read.purpose == "clinical" and reader in (None, read.reader)),
        key=lambda read: (read.started, read.reader, read.case),
    )
    versions = dict.fromkeys(
        ModelVersion(segment.model, segment.model_version)
        for read in counted
        for segment in read.segments
        if segment.model is not None
    )
    found: list[ReadingTrend] = []
    for version in versions:
        found += _trends(counted, reader, version, lambda read, version=version: anchored_segments(read, version))
    found += _trends(counted, reader, None, ai_free_segments)
    return tuple(found)


def _trends(
    reads: Sequence[CaseRead],
    reader: str | None,
    version: ModelVersion | None,
    segments_of: Callable[[CaseRead], Sequence[SegmentRead]],
) -> Iterable[ReadingTrend]:
    if not reads:
        return
    origin: datetime = reads[0].started
    series = [(ACTIVE_TIME, active_time_series(reads, segments_of, origin))]
    series += [
        (measure, segment_series(reads, segments_of, value_of, origin))
        for measure, value_of in _OF_SEGMENTS
        if version is not None or measure.id in _WITHOUT_DRAFTS
    ]
    for measure, values in series:
        if len(values):
            of = (None, None) if version is None else version
            yield ReadingTrend(reader, *of, measure, origin.isoformat(), values, series_trend(values))
