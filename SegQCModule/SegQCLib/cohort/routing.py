"""Which reader a case goes to: the hard ones to senior readers, by the agreement that experts are expected to reach on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from SegQCLib.difficulty.in_words import percent
from SegQCLib.number_texts import beside, ratio


class Route(StrEnum):
    """To whom a case goes."""

    SENIOR = "senior"
    GENERAL = "general"


@dataclass(frozen=True)
class RoutingRule:
    """Where the cut between senior and general readers is.

    Attributes
    ----------
    senior_below : float or None
        Cases whose hardest segment has an expected Dice below this go to senior readers; above 0, at most 1. None: `senior_share`
        decides.
    senior_share : float
        Share of the cases with a prediction that goes to senior readers, the hardest ones, 0 to 1; rounded up to whole cases.
        Cases with the same expected Dice stay together, so that it may be more. Not looked at where there is a limit.
    unpredicted : Route
        Where cases without prediction go. They come on top of the share.

    Raises
    ------
    ValueError
    """

    senior_below: float | None = None
    senior_share: float = 0.25
    unpredicted: Route = Route.SENIOR

    def __post_init__(self) -> None:
        if self.senior_below is not None and not 0 < self.senior_below <= 1:
            raise ValueError(f"senior_below is a Dice above 0 and at most 1, not {self.senior_below:g}.")
        if not 0 <= self.senior_share <= 1:
            raise ValueError(f"senior_share is a share from 0 to 1, not {self.senior_share:g}.")


@dataclass(frozen=True)
class CaseForecast:
    """What is expected of experts on a case, before anybody is chosen to read it.

    Attributes
    ----------
    case : str
    segment : str or None
        Its hardest segment: the one with the lowest `dice`. None: nothing was predicted.
    dice : float or None
        Mean Dice that experts are expected to reach among themselves on that segment, 0 to 1; None: nothing was predicted.
    lower, upper : float or None
        Interval that holds that mean with the probability `coverage`.
    coverage : float or None
    not_predicted : str
        Why nothing was predicted, as a sentence; empty: nobody says.
    without : int
        Further segments of the case that nothing was predicted for.
    """

    case: str
    segment: str | None = None
    dice: float | None = None
    lower: float | None = None
    upper: float | None = None
    coverage: float | None = None
    not_predicted: str = ""
    without: int = 0


@dataclass(frozen=True)
class RoutedCase:
    """Where a case goes, and why, as a sentence."""

    forecast: CaseForecast
    route: Route
    reason: str


def route_cases(forecasts: Sequence[CaseForecast], rule: RoutingRule) -> tuple[RoutedCase, ...]:
    """Return where each case goes, hardest first.

    The predicted mean decides, not its interval: an interval is often as wide as the cases differ, and whoever sends every
    case whose interval reaches below the cut to senior readers sends them nearly all. The reason says where an interval holds the
    cut, so that a person can send the case elsewhere. Cases with the same expected Dice stand in the order of their names; cases
    without prediction come last, also by name. Nothing but the prediction decides, and so the order tells no verdict.

    Parameters
    ----------
    forecasts : sequence of CaseForecast
    rule : RoutingRule
    """
    ordered = sorted(forecasts, key=lambda one: (2.0 if one.dice is None else one.dice, one.case.casefold(), one.case))
    predicted = [one.dice for one in ordered if one.dice is not None]
    # 0.07 of 100 is 7.000000000000001 in floating point.
    wanted = math.ceil(round(rule.senior_share * len(predicted), 9))
    cut = predicted[wanted - 1] if wanted else None
    return tuple(_routed(one, rule, cut, wanted, len(predicted)) for one in ordered)


def _routed(one: CaseForecast, rule: RoutingRule, cut: float | None, wanted: int, of: int) -> RoutedCase:
    if one.dice is None:
        why = one.not_predicted or "No expected expert agreement was predicted."
        return RoutedCase(one, rule.unpredicted, f"Nobody knows how hard it is: {why}")
    others = "" if not one.without else f" Nothing was predicted for {one.without} more of its segments."
    if rule.senior_below is not None:
        is_hard = one.dice < rule.senior_below
        dice, limit = beside(one.dice, rule.senior_below)
        compared = f"Expected Dice {dice} is {'below' if is_hard else 'not below'} the limit {limit}."
        return RoutedCase(
            one, Route.SENIOR if is_hard else Route.GENERAL, compared + _holds(one, rule.senior_below, "limit") + others
        )
    if cut is None:
        return RoutedCase(one, Route.GENERAL, f"Expected Dice {ratio(one.dice)}; no share goes to senior readers.{others}")
    is_hard = one.dice <= cut
    dice, limit = beside(one.dice, cut)
    place = "among" if is_hard else "not among"
    compared = f"Expected Dice {dice} is {place} the lowest {wanted} of {of} (up to {limit})."
    return RoutedCase(one, Route.SENIOR if is_hard else Route.GENERAL, compared + _holds(one, cut, "cut") + others)


def _holds(one: CaseForecast, cut: float, name: str) -> str:
    if one.lower is None or one.upper is None or one.coverage is None:
        return ""
    interval = f" Its {percent(one.coverage)} interval is {ratio(one.lower)} to {ratio(one.upper)}"
    return f"{interval} and holds the {name}: the other side is possible." if one.lower < cut <= one.upper else f"{interval}."
