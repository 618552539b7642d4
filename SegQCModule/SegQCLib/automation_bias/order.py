"""Whether something comes more often, or less often, as time goes on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.stats import kendalltau


@dataclass(frozen=True)
class Order:
    """Kendall's tau-b of time and answer, and the two-sided p of the Mann-Kendall test; None where there is no order."""

    tau: float | None
    p: float | None


def order_of(days: Sequence[float], answers: Sequence[float]) -> Order:
    """Return the order in time of answers such as yes and no.

    The slope of such answers is 0 wherever most are the same; their order can be tested all the same.

    Parameters
    ----------
    days : sequence of float, shape (n,)
    answers : sequence of bool or float, shape (n,)

    Returns
    -------
    Order
        None and None if all days or all answers are the same.

    References
    ----------
    Mann HB. Nonparametric tests against trend. Econometrica 1945;13:245-259, doi:10.2307/1907187.
    """
    if len(set(days)) < 2 or len(set(answers)) < 2:
        return Order(None, None)
    found = kendalltau(days, [float(answer) for answer in answers])
    return Order(float(found.statistic), float(found.pvalue)) if math.isfinite(found.pvalue) else Order(None, None)
