"""What else speaks for over-reliance on drafts, or against it: each question with the answer that the reads give."""

from __future__ import annotations

from scipy.stats import fisher_exact

from SegQCLib.automation_bias.evidence import Evidence, Support
from SegQCLib.automation_bias.model_version import ai_free_segments, anchored_segments
from SegQCLib.automation_bias.order import order_of
from SegQCLib.automation_bias.proportion import Proportion, proportion
from SegQCLib.automation_bias.read_series import active_time_series, segment_series, series_trend
from SegQCLib.automation_bias.reading_window import ReadingWindow
from SegQCLib.automation_bias.rule import Rule
from SegQCLib.automation_bias.signs import (
    DICE,
    PERCENT,
    Signs,
    dice_words,
    is_defined,
    percent,
    percent_words,
    why_undefined,
)
from SegQCLib.automation_bias.slope_difference import slope_difference
from SegQCLib.readers.case_read import CaseRead, SegmentRead
from SegQCLib.readers.effort_measures import seen_part_of_structure
from SegQCLib.statistics.trend import Trend

SHARE = "share per 30 days"


def corroboration_of(window: ReadingWindow, signs: Signs, rule: Rule) -> tuple[Evidence, ...]:
    """Return all that can corroborate the signs, in a fixed order."""
    return (
        _planted_falling(window, rule),
        _planted_below_others(window, rule),
        _slices_seen(window, rule),
        _accepted_without_scrolling(window, rule),
        _ai_free_time(window, signs, rule),
        _accuracy(window, rule),
    )


def ai_free_time_trend(window: ReadingWindow, rule: Rule) -> Trend:
    """Return the trend of the logarithm of active seconds for the same structures without a draft."""
    names = {segment.name for read in window.anchored for segment in anchored_segments(read, window.version)}

    def segments_of(read: CaseRead) -> tuple[SegmentRead, ...]:
        return tuple(segment for segment in ai_free_segments(read) if segment.name in names)

    times = active_time_series(window.ai_free, segments_of, window.first)
    return series_trend(times, rule.confidence)


def detected(reads: tuple[CaseRead, ...]) -> list[bool]:
    """Return for each planted error whether it was found, in order of time."""
    return [planted.detected for read in reads for planted in read.planted]


def missed_planted(window: ReadingWindow, rule: Rule) -> Proportion | None:
    """Return the planted errors that the reader found, if their share is clearly below what reassures; None else.

    Clearly: the whole 95 % interval is. No trend is needed for it, so it tells a steady habit, too.
    """
    met = detected(window.planted)
    found = proportion(met)
    return found if len(met) >= rule.fewest_planted and found.upper < rule.reassuring_detection else None


def _planted_falling(window: ReadingWindow, rule: Rule) -> Evidence:
    met = detected(window.planted)
    if len(met) < rule.fewest_planted:
        words = f"Planted errors: {len(met)} met in this period; {rule.fewest_planted} are needed for a trend."
        return Evidence("planted_falling", Support.UNKNOWN, words, len(met), SHARE)
    days = [(read.started - window.first).total_seconds() / 86400 for read in window.planted for _ in read.planted]
    order = order_of(days, met)
    early, late = proportion(met[: len(met) // 2]), proportion(met[len(met) // 2 :])
    support = Support.UNCLEAR
    if late.share >= rule.reassuring_detection:
        support = Support.AGAINST if late.n >= rule.fewest_planted else Support.UNCLEAR
    elif order.p is not None and order.p < rule.significance:
        support = Support.FOR if order.tau < 0 else Support.AGAINST
    words = f"Planted errors found: {early} in the first half of the period, {late} in the second."
    return Evidence("planted_falling", support, words, len(met), "Kendall's tau", order.tau, p=order.p)


def _planted_below_others(window: ReadingWindow, rule: Rule) -> Evidence:
    own, others = detected(window.planted), detected(window.others_planted)
    unit = "share of the reader minus share of the others"
    readers = len({read.reader for read in window.others_planted})
    if min(len(own), len(others)) < rule.fewest_planted or readers < rule.fewest_others:
        words = (
            f"Planted errors against other readers: {len(own)} met by you and {len(others)} by {readers} others;"
            f" {rule.fewest_planted} of each and {rule.fewest_others} others are needed."
        )
        return Evidence("planted_below_others", Support.UNKNOWN, words, len(own), unit)
    mine, theirs = proportion(own), proportion(others)
    p = float(fisher_exact([[mine.count, mine.n - mine.count], [theirs.count, theirs.n - theirs.count]]).pvalue)
    difference = mine.share - theirs.share
    # Others may find nearly all of them by luck: who finds most of them now misses nothing that matters.
    finds_most = proportion(own[len(own) // 2 :]).share >= rule.reassuring_detection
    support = Support.UNCLEAR
    if p < rule.significance:
        support = Support.AGAINST if difference > 0 else Support.UNCLEAR if finds_most else Support.FOR
    words = f"Planted errors found in this period: {mine} by you, {theirs} by all others together."
    return Evidence("planted_below_others", support, words, len(own), unit, difference, p=p)


def _slices_seen(window: ReadingWindow, rule: Rule) -> Evidence:
    course = _segment_trend(window, seen_part_of_structure, rule)
    if not is_defined(course):
        words = f"Slices looked at: no trend. {why_undefined(course)}"
        return Evidence("slices_seen", Support.UNKNOWN, words, course.n, SHARE)
    words = f"The share of a structure's slices that were looked at changed by {dice_words(course)}; {course.n} reads."
    return _share_evidence("slices_seen", words, course)


def _accepted_without_scrolling(window: ReadingWindow, rule: Rule) -> Evidence:
    id_ = "accepted_without_scrolling"
    answers = [
        ((read.started - window.first).total_seconds() / 86400, taken)
        for read in window.anchored
        if (taken := read.accepted_without_scrolling) is not None
    ]
    taken = [answer for _, answer in answers]
    if len(taken) < rule.fewest_reads:
        words = f"Accepted without scrolling: known of {len(taken)} reads; {rule.fewest_reads} are needed."
        return Evidence(id_, Support.UNKNOWN, words, len(taken), SHARE)
    order = order_of([day for day, _ in answers], taken)
    early, late = proportion(taken[: len(taken) // 2]), proportion(taken[len(taken) // 2 :])
    support = Support.UNCLEAR
    if order.p is not None and order.p < rule.significance:
        support = Support.FOR if order.tau > 0 else Support.AGAINST
    words = f"All drafts accepted unchanged and without scrolling: {early} in the first half of the period, {late} in the second."
    return Evidence(id_, support, words, len(taken), "Kendall's tau", order.tau, p=order.p)


def _ai_free_time(window: ReadingWindow, signs: Signs, rule: Rule) -> Evidence:
    id_, free = "ai_free_time", ai_free_time_trend(window, rule)
    if free.n < rule.fewest_ai_free or not is_defined(free) or not is_defined(signs.log_time):
        words = f"Active time without a draft: {free.n} reads of the same structures; {rule.fewest_ai_free} are needed."
        return Evidence(id_, Support.UNKNOWN, words, free.n, PERCENT)
    steeper = slope_difference(signs.log_time, free)
    support = Support.UNCLEAR
    if free.upper < 0 and steeper.upper >= 0:
        support = Support.AGAINST
    elif steeper.upper < 0 and free.upper >= 0:
        support = Support.FOR
    words = (
        f"Your active time for the same structures without a draft changed by {percent_words(free)}; {free.n} reads."
        f" The change with drafts goes beyond that by {percent(steeper.value):+.1f} % per 30 days"
        f" ({100 * free.confidence:.0f} % interval {percent(steeper.lower):+.1f} to {percent(steeper.upper):+.1f})."
    )
    value, lower, upper = percent(steeper.value), percent(steeper.lower), percent(steeper.upper)
    return Evidence(id_, support, words, free.n, PERCENT, value, lower, upper)


def _accuracy(window: ReadingWindow, rule: Rule) -> Evidence:
    course = _segment_trend(window, lambda segment: segment.accuracy, rule)
    if course.n < rule.fewest_ai_free or not is_defined(course):
        words = f"Accuracy against a reference: known of {course.n} reads; {rule.fewest_ai_free} are needed."
        return Evidence("accuracy", Support.UNKNOWN, words, course.n, DICE)
    words = f"Accuracy, the Dice of final segment and reference, changed by {dice_words(course)}; {course.n} reads."
    return _share_evidence("accuracy", words, course)


def _segment_trend(window: ReadingWindow, value_of, rule: Rule) -> Trend:
    series = segment_series(window.anchored, lambda read: anchored_segments(read, window.version), value_of, window.first)
    return series_trend(series, rule.confidence)


def _share_evidence(id_: str, words: str, course: Trend) -> Evidence:
    """Return evidence of a share that falls where a reader over-relies."""
    support = Support.UNCLEAR
    if course.upper < 0:
        support = Support.FOR
    elif course.lower > 0:
        support = Support.AGAINST
    unit = DICE if id_ == "accuracy" else SHARE
    return Evidence(id_, support, words, course.n, unit, course.slope_per_30_days, course.lower, course.upper, course.p)
