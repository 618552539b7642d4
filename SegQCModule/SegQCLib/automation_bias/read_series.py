"""A measure over time, one value for each read, compared only with reads of the same structures by the same reader.

A liver takes longer than a nodule, and a model is better at one than at the other. So each value is taken relative to
the median of its own reader and structure, and the structures of a read are averaged: what is left is change over
time. Several segments of one read are one value, because they are no independent observations.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from SegQCLib.readers.case_read import CaseRead, SegmentRead
from SegQCLib.statistics.trend import Trend, trend

# A median of fewer reads follows each of them.
FEWEST_OF_A_KIND = 5
# A draft that nobody selected takes no time, which has no logarithm.
_SHORTEST_S = 1.0
_MOST_OF_A_TREND = 1000


@dataclass(frozen=True)
class ReadSeries:
    """One measure over time.

    Attributes
    ----------
    days : tuple of float
        Of each read, days since `origin`, in order of time.
    values : tuple of float
        One for each read, in the measure's unit, around the median of all.
    left_out : int
        Reads with a value that fewer than five others can be compared with.
    """

    days: tuple[float, ...]
    values: tuple[float, ...]
    left_out: int

    def __len__(self) -> int:
        return len(self.values)


def segment_series(
    reads: Iterable[CaseRead],
    segments_of: Callable[[CaseRead], Sequence[SegmentRead]],
    value_of: Callable[[SegmentRead], float | None],
    origin: datetime,
) -> ReadSeries:
    """Return a measure of segments over time, one value for each read that has any.

    Parameters
    ----------
    reads : iterable of CaseRead
        Of one reader or several; each is compared with their own.
    segments_of : callable
        The segments of a read that count.
    value_of : callable
        The measure of a segment, None where it is undefined.
    origin : datetime
        Day 0.
    """
    observations = [
        (number, read.started, (read.reader, segment.name), value)
        for number, read in enumerate(reads)
        for segment in segments_of(read)
        if (value := value_of(segment)) is not None
    ]
    return _series(observations, origin)


def active_time_series(
    reads: Iterable[CaseRead], segments_of: Callable[[CaseRead], Sequence[SegmentRead]], origin: datetime
) -> ReadSeries:
    """Return the natural logarithm of active seconds over time, one value for each read.

    Where all segments of a read count, it is the whole read's active time, because a draft can be looked through without
    a segment being selected. Otherwise it is the time in which one of those that count was selected. Reads are compared
    with reads of the same list of structures only. Less than a second counts as one.
    """
    observations = []
    for number, read in enumerate(reads):
        segments = segments_of(read)
        if not segments:
            continue
        is_whole = len(segments) == len(read.segments)
        seconds = read.seconds.active if is_whole else sum(segment.seconds.active for segment in segments)
        names = tuple(sorted(segment.name for segment in segments))
        observations.append((number, read.started, (read.reader, is_whole, names), math.log(max(_SHORTEST_S, seconds))))
    return _series(observations, origin)


def series_trend(series: ReadSeries, confidence: float = 0.95) -> Trend:
    """Return the trend of a series; of more than 1,000 reads, those that are spread evenly over them."""
    # Memory grows with the square of the number of values: 5,000 would take half a gigabyte and tell the same.
    step = max(1, -(-len(series) // _MOST_OF_A_TREND))
    return trend(series.days[::step], series.values[::step], confidence)


def _series(observations: list[tuple[int, datetime, tuple, float]], origin: datetime) -> ReadSeries:
    by_kind: dict[tuple, list[float]] = defaultdict(list)
    for _, _, kind, value in observations:
        by_kind[kind].append(value)
    medians = {kind: float(np.median(values)) for kind, values in by_kind.items() if len(values) >= FEWEST_OF_A_KIND}
    by_read: dict[int, list[float]] = defaultdict(list)
    times = {}
    for number, started, kind, value in observations:
        times[number] = (started - origin).total_seconds() / 86400
        if kind in medians:
            by_read[number].append(value - medians[kind])
    level = float(np.median([value for _, _, kind, value in observations if kind in medians])) if medians else 0.0
    points = sorted((times[number], level + float(np.mean(values))) for number, values in by_read.items())
    return ReadSeries(tuple(day for day, _ in points), tuple(value for _, value in points), len(times) - len(points))
