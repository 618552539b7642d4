"""The interval of an average over cases, quick where every patient has one case."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from SegQCLib.agreement.case_bootstrap import case_interval
from SegQCLib.agreement.estimate import CONFIDENCE, FEWEST_CASES
from SegQCLib.statistics.percentile_bootstrap import percentile_bootstrap

# Resamples at once: of a hundred cases each takes 5,050 pairwise averages, 40 kB.
_NUMBERS_AT_ONCE = 4_000_000

# Values of shape (..., cases) to one number for each row.
Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def patient_interval(values: NDArray[np.float64], patients: Sequence[str], statistic: Statistic) -> tuple[float, float] | None:
    """Return the 95 % percentile interval of a statistic by bootstrap over patients; None with fewer than 6.

    Parameters
    ----------
    values : ndarray, shape (cases,)
    patients : sequence of str, shape (cases,)
        Cases of one patient are drawn together.
    statistic : callable
        Works along the last axis.
    """
    count = len(set(patients))
    if count < FEWEST_CASES:
        return None
    if count < len(values):
        return case_interval(patients, lambda drawn: float(statistic(values[drawn])))
    return percentile_bootstrap(
        (values,),
        lambda drawn, axis: statistic(np.moveaxis(drawn, axis, -1)),
        CONFIDENCE,
        batch=max(1, 2 * _NUMBERS_AT_ONCE // (count * (count + 1))),
    )
