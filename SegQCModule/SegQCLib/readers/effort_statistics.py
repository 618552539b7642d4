"""Effort over readers and over time, by statistics that single odd reads cannot turn.

Structures are never thrown together, because an airway is not a liver, and reads with an AI draft never with reads
without one. Times are compared as ratios, on the logarithms: a reader who is a tenth faster saves a tenth of a long case
and a tenth of a short one, and the spread of reading times grows with their length. Only finished clinical reads count.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats

from SegQCLib.readers.case_read import CaseRead, SegmentRead
from SegQCLib.readers.effort_measures import (
    changed_part_of_draft,
    minutes_per_ml,
    seconds_per_changed_ml,
    seconds_per_changed_voxel,
)
from SegQCLib.statistics.percentile_bootstrap import percentile_bootstrap
from SegQCLib.statistics.trend import Trend, relative_trend

# With fewer values the bootstrap draws from a handful of medians, and its interval is too narrow.
FEWEST_FOR_INTERVAL = 10
# A log notes activity at most once a second: what is shorter has no logarithm that means anything.
SHORTEST_S = 1.0
_DAY_S = 86400


@dataclass(frozen=True)
class Typical:
    """What is usual among some values, in their unit.

    Attributes
    ----------
    n : int
    median, first_quartile, third_quartile : float or None
        None without values. Quartiles are interpolated linearly.
    mad : float or None
        Median of the absolute deviations from the median, not scaled to a standard deviation.
    lower, upper : float or None
        Percentile bootstrap interval of the median; None with fewer than 10 values.
    confidence : float
        Of the interval.
    reason : str or None
        Why something is None, a sentence.
    """

    n: int
    median: float | None
    first_quartile: float | None
    third_quartile: float | None
    mad: float | None
    lower: float | None
    upper: float | None
    confidence: float
    reason: str | None = None


@dataclass(frozen=True)
class TimeRatio:
    """How much longer one reader works than another: 1.25 is a quarter longer, 1 is alike.

    Attributes
    ----------
    n_first, n_second : int
    shared_cases : int or None
        Cases that both read and that are compared one by one; None: they read different cases, and a difference may lie in
        the cases.
    ratio : float or None
        Of the first reader's times to the second one's. Of shared cases: the median of their ratios. Else the
        exponential of the Hodges-Lehmann shift: the median of all ratios of a time of the first to one of the second.
    lower, upper : float or None
        Of shared cases: percentile bootstrap, from 10 cases on. Else distribution-free by the Mann-Whitney test.
    p : float or None
        Two-sided, of the Wilcoxon signed-rank test for shared cases and of the Mann-Whitney test else; not corrected for the
        number of comparisons. It tests another location than the median, so in a few of a hundred comparisons p and interval
        do not agree on whether there is a difference.
    confidence : float
    reason : str or None
        Why something is None, a sentence.

    References
    ----------
    Hodges JL, Lehmann EL. Estimates of location based on rank tests. Ann Math Stat 1963;34:598-611,
    doi:10.1214/aoms/1177704172.
    """

    n_first: int
    n_second: int
    shared_cases: int | None
    ratio: float | None
    lower: float | None
    upper: float | None
    p: float | None
    confidence: float
    reason: str | None = None


@dataclass(frozen=True)
class ReaderEffort:
    """One reader's effort on one structure, with AI drafts or without.

    Attributes
    ----------
    reader, structure : str
    ai_anchored : bool
    active_s : Typical
        Active seconds while the structure was selected.
    minutes_per_ml, seconds_per_changed_ml, seconds_per_changed_voxel, changed_part_of_draft : Typical
        See `effort_measures`.
    trend : Trend
        Of the active seconds, percent per 30 days.
    """

    reader: str
    structure: str
    ai_anchored: bool
    active_s: Typical
    minutes_per_ml: Typical
    seconds_per_changed_ml: Typical
    seconds_per_changed_voxel: Typical
    changed_part_of_draft: Typical
    trend: Trend


@dataclass(frozen=True)
class ReaderDifference:
    """Active seconds of two readers on one structure, with AI drafts or without; `first` and `second` in alphabetical order."""

    structure: str
    ai_anchored: bool
    first: str
    second: str
    time: TimeRatio


def typical(values: Sequence[float], confidence: float = 0.95, seed: int = 0) -> Typical:
    """Return median, spread and the median's interval.

    Raises
    ------
    ValueError
        If a value is not finite.
    """
    numbers = _finite(values)
    if not len(numbers):
        return Typical(0, None, None, None, None, None, None, confidence, "There are no values.")
    median, first, third = (float(np.quantile(numbers, part)) for part in (0.5, 0.25, 0.75))
    mad = float(stats.median_abs_deviation(numbers))
    if len(numbers) < FEWEST_FOR_INTERVAL:
        reason = f"An interval needs at least {FEWEST_FOR_INTERVAL} values; there are {len(numbers)}."
        return Typical(len(numbers), median, first, third, mad, None, None, confidence, reason)
    return Typical(
        len(numbers), median, first, third, mad, *percentile_bootstrap((numbers,), np.median, confidence, seed=seed), confidence
    )


def time_ratio(first: Sequence[float], second: Sequence[float], confidence: float = 0.95) -> TimeRatio:
    """Return how much longer the first reader's times are than the second one's, of different cases.

    The Hodges-Lehmann shift of two samples is the Theil-Sen slope over a variable that is 0 in one and 1 in the other, and
    Sen's interval is then that of the Mann-Whitney test: `scipy.stats.theilslopes` gives both.

    Parameters
    ----------
    first, second : sequence of float
        s, 0 or more; times below 1 s, the resolution of the log, count as 1 s.
    confidence : float

    Raises
    ------
    ValueError
        If a time is negative or not finite.
    """
    one, other = _logarithms(first), _logarithms(second)
    if min(len(one), len(other)) < 2:
        reason = f"A comparison needs at least 2 reads of each reader; there are {len(one)} and {len(other)}."
        return TimeRatio(len(one), len(other), None, None, None, None, None, confidence, reason)
    with np.errstate(invalid="ignore"):
        shift = stats.theilslopes(np.concatenate([one, other]), [1.0] * len(one) + [0.0] * len(other), confidence)
    ratio, lower, upper = (math.exp(value) for value in (shift.slope, shift.low_slope, shift.high_slope))
    # Of values that are all the same newer versions of scipy have no p.
    p = float(stats.mannwhitneyu(one, other).pvalue) if len({*one, *other}) > 1 else 1.0
    if math.isnan(lower):
        reason = "Too many times are the same for an interval."
        return TimeRatio(len(one), len(other), None, ratio, None, None, p, confidence, reason)
    return TimeRatio(len(one), len(other), None, ratio, lower, upper, p, confidence)


def paired_time_ratio(first: Sequence[float], second: Sequence[float], confidence: float = 0.95, seed: int = 0) -> TimeRatio:
    """Return how much longer the first reader's times are than the second one's, case by case.

    Parameters
    ----------
    first, second : sequence of float
        s, one of each reader for each case; times below 1 s count as 1 s.

    Raises
    ------
    ValueError
        If the lengths differ, or a time is negative or not finite.
    """
    if len(first) != len(second):
        raise ValueError(f"Shared cases have a time of each reader: {len(first)} and {len(second)}.")
    differences = _logarithms(first) - _logarithms(second)
    n = len(differences)
    if n < 2:
        reason = f"A comparison needs at least 2 shared cases; there are {n}."
        return TimeRatio(n, n, n, None, None, None, None, confidence, reason)
    ratio = math.exp(float(np.median(differences)))
    p = float(stats.wilcoxon(differences).pvalue) if differences.any() else 1.0
    if n < FEWEST_FOR_INTERVAL:
        reason = f"An interval needs at least {FEWEST_FOR_INTERVAL} shared cases; there are {n}."
        return TimeRatio(n, n, n, ratio, None, None, p, confidence, reason)
    lower, upper = (math.exp(end) for end in percentile_bootstrap((differences,), np.median, confidence, seed=seed))
    return TimeRatio(n, n, n, ratio, lower, upper, p, confidence)


def effort_by_reader(reads: Iterable[CaseRead], confidence: float = 0.95, seed: int = 0) -> tuple[ReaderEffort, ...]:
    """Return each reader's effort on each structure, with drafts and without, sorted by structure, draft and reader.

    Repeats count as reads of their own, and reads as independent of each other, whoever the patient is. Where a measure is
    undefined for a read, the read is left out of it only. With drafts, a trend goes over all models and versions, so that a
    new version shows in it: `automation_bias.reading_trends` keeps versions apart.
    """
    efforts = []
    for (structure, anchored, reader), found in sorted(_by_reader(reads).items()):

        def of(measure: Callable[[SegmentRead], float | None], found=found) -> Typical:
            values = [measure(segment) for _, segment in found]
            return typical([value for value in values if value is not None], confidence, seed)

        begin = min(read.started for read, _ in found)
        days = [(read.started - begin).total_seconds() / _DAY_S for read, _ in found]
        seconds = [max(segment.seconds.active, SHORTEST_S) for _, segment in found]
        efforts.append(
            ReaderEffort(
                reader,
                structure,
                anchored,
                of(lambda segment: segment.seconds.active),
                of(minutes_per_ml),
                of(seconds_per_changed_ml),
                of(seconds_per_changed_voxel),
                of(changed_part_of_draft),
                relative_trend(days, seconds, confidence),
            )
        )
    return tuple(efforts)


def reader_differences(reads: Iterable[CaseRead], confidence: float = 0.95, seed: int = 0) -> tuple[ReaderDifference, ...]:
    """Return every pair of readers on every structure: on the cases that both read where those are 10 or more, else on all.

    Of a case that a reader read more than once the first read counts: the next one is easier. Cases are taken as independent
    of each other, whoever the patient is.
    """
    times: dict[tuple[str, bool], dict[str, dict[str, float]]] = {}
    for (structure, anchored, reader), found in _by_reader(read for read in reads if read.repeat == 1).items():
        of_reader = times.setdefault((structure, anchored), {})
        of_reader[reader] = {read.case: segment.seconds.active for read, segment in found}
    differences = []
    for (structure, anchored), of_reader in sorted(times.items()):
        for first, second in combinations(sorted(of_reader), 2):
            one, other = of_reader[first], of_reader[second]
            shared = sorted(one.keys() & other.keys())
            if len(shared) >= FEWEST_FOR_INTERVAL:
                ratio = paired_time_ratio([one[case] for case in shared], [other[case] for case in shared], confidence, seed)
            else:
                ratio = time_ratio(list(one.values()), list(other.values()), confidence)
            differences.append(ReaderDifference(structure, anchored, first, second, ratio))
    return tuple(differences)


def _by_reader(reads: Iterable[CaseRead]) -> dict[tuple[str, bool, str], list[tuple[CaseRead, SegmentRead]]]:
    found: dict[tuple[str, bool, str], list[tuple[CaseRead, SegmentRead]]] = {}
    for read in reads:
        if read.finished and read.purpose == "clinical":
            for segment in read.segments:
                found.setdefault((segment.name, segment.ai_anchored, read.reader), []).append((read, segment))
    return found


def _finite(values: Sequence[float]) -> np.ndarray:
    numbers = np.asarray(values, float)
    if not np.isfinite(numbers).all():
        raise ValueError("Values must be finite; leave out what is undefined first.")
    return numbers


def _logarithms(seconds: Sequence[float]) -> np.ndarray:
    numbers = _finite(seconds)
    if (numbers < 0).any():
        raise ValueError(f"A time cannot be less than 0 s: {numbers.min():g} s.")
    return np.log(np.maximum(numbers, SHORTEST_S))
