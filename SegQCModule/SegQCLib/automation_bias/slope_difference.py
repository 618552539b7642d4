"""Whether one trend is steeper than another."""

from __future__ import annotations

import math
from dataclasses import dataclass

from SegQCLib.statistics.trend import Trend


@dataclass(frozen=True)
class SlopeDifference:
    """Slope of one trend minus that of another, with the confidence interval, in their unit per 30 days."""

    value: float
    lower: float
    upper: float


def slope_difference(first: Trend, second: Trend) -> SlopeDifference | None:
    """Return how much steeper one trend is than another that is independent of it; None if one of them is undefined.

    The interval comes from the two intervals alone, so that it fits slopes whose intervals are not symmetric.

    References
    ----------
    Zou GY, Donner A. Construction of confidence limits about effect measures: a general approach. Stat Med
    2008;27:1693-1702, doi:10.1002/sim.3095 (equation of the difference; called MOVER).

    Raises
    ------
    ValueError
        If the intervals are of different confidence.
    """
    if first.confidence != second.confidence:
        raise ValueError(f"Intervals of {first.confidence} and {second.confidence} cannot be combined.")
    if None in (first.lower, first.upper, second.lower, second.upper):
        return None
    value = first.slope_per_30_days - second.slope_per_30_days
    below = math.hypot(first.slope_per_30_days - first.lower, second.upper - second.slope_per_30_days)
    above = math.hypot(first.upper - first.slope_per_30_days, second.slope_per_30_days - second.lower)
    return SlopeDifference(value, value - below, value + above)
