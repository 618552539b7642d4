"""The two signs that have to come together: less time for drafts, and final segments that are closer to them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from SegQCLib.automation_bias.evidence import Evidence, Support
from SegQCLib.automation_bias.model_version import anchored_segments
from SegQCLib.automation_bias.read_series import active_time_series, segment_series, series_trend
from SegQCLib.automation_bias.reading_window import ReadingWindow
from SegQCLib.automation_bias.rule import Rule
from SegQCLib.statistics.trend import DAYS, Trend

PERCENT = "% per 30 days"
DICE = "Dice per 30 days"


@dataclass(frozen=True)
class Signs:
    """Both signs.

    Attributes
    ----------
    evidence : tuple of Evidence
        Active time, agreement.
    log_time : Trend
        Of the natural logarithm of active seconds.
    dice : Trend
        Of Dice of draft and final segment.
    """

    evidence: tuple[Evidence, Evidence]
    log_time: Trend
    dice: Trend

    @property
    def are_both_there(self) -> bool:
        return all(evidence.support is Support.FOR for evidence in self.evidence)


def signs_of(window: ReadingWindow, rule: Rule) -> Signs:
    """Return both signs in a window."""

    def segments_of(read):
        return anchored_segments(read, window.version)

    times = active_time_series(window.anchored, segments_of, window.first)
    log_time = series_trend(times, rule.confidence)
    agreement = segment_series(window.anchored, segments_of, lambda segment: segment.dice_with_draft, window.first)
    dice = series_trend(agreement, rule.confidence)
    return Signs((_time_sign(log_time, window.days, rule), _dice_sign(dice, window.days, rule)), log_time, dice)


def percent(log_slope: float) -> float:
    """Return the change in percent that a slope of natural logarithms is."""
    return 100 * math.expm1(log_slope)


def percent_words(log_trend: Trend) -> str:
    """Return the trend of a logarithm in words: '-5.2 % per 30 days (95 % interval -8.0 to -2.3)'."""
    value, lower, upper = (percent(slope) for slope in (log_trend.slope_per_30_days, log_trend.lower, log_trend.upper))
    return f"{value:+.1f} % per 30 days ({100 * log_trend.confidence:.0f} % interval {lower:+.1f} to {upper:+.1f})"


def dice_words(of: Trend) -> str:
    """Return the trend of a share or a Dice in words: '+0.004 per 30 days (95 % interval +0.002 to +0.006)'."""
    return f"{of.slope_per_30_days:+.4f} per 30 days ({100 * of.confidence:.0f} % interval {of.lower:+.4f} to {of.upper:+.4f})"


def is_defined(of: Trend) -> bool:
    """Return whether a trend has a slope and an interval."""
    return None not in (of.slope_per_30_days, of.lower, of.upper)


def why_undefined(of: Trend) -> str:
    """Return why a trend has no slope or no interval, a sentence."""
    return of.reason or "Too many of the values are the same for an interval."


def _time_sign(log_time: Trend, days: float, rule: Rule) -> Evidence:
    if not is_defined(log_time):
        words = f"Active time with drafts: no trend. {why_undefined(log_time)}"
        return Evidence("active_time", Support.UNKNOWN, words, log_time.n, PERCENT)
    fall = -percent(log_time.slope_per_30_days * days / DAYS)
    support = Support.UNCLEAR
    if log_time.upper < 0 and fall >= rule.least_fall_percent:
        support = Support.FOR
    elif log_time.lower > 0:
        support = Support.AGAINST
    words = f"Your active time per read with drafts of this version changed by {percent_words(log_time)}; {log_time.n} reads."
    value, lower, upper = (percent(slope) for slope in (log_time.slope_per_30_days, log_time.lower, log_time.upper))
    return Evidence("active_time", support, words, log_time.n, PERCENT, value, lower, upper, log_time.p)


def _dice_sign(dice: Trend, days: float, rule: Rule) -> Evidence:
    if not is_defined(dice):
        words = f"Dice of draft and final segment: no trend. {why_undefined(dice)}"
        return Evidence("dice_with_draft", Support.UNKNOWN, words, dice.n, DICE)
    rise = dice.slope_per_30_days * days / DAYS
    support = Support.UNCLEAR
    if dice.lower > 0 and rise >= rule.least_dice_rise:
        support = Support.FOR
    elif dice.upper < 0:
        support = Support.AGAINST
    words = f"Dice of draft and final segment (1: taken as it was) changed by {dice_words(dice)}; {dice.n} reads."
    return Evidence("dice_with_draft", support, words, dice.n, DICE, dice.slope_per_30_days, dice.lower, dice.upper, dice.p)
