"""Bootstrap over cases: what was measured in one patient several times is drawn together."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from SegQCLib.agreement.estimate import CONFIDENCE, FEWEST_CASES
from SegQCLib.statistics.percentile_bootstrap import RESAMPLES

METHOD = (
    f"percentile bootstrap over patients ({RESAMPLES:,} resamples): all cases and all pairs of readers of a patient are drawn"
    " together, because they are not independent"
)
# However many cases they have, a few patients can be drawn in a few ways only.
TOO_FEW_PATIENTS = f"The cases are of fewer than {FEWEST_CASES} patients, which are too few to draw from."
# Of the resamples, how many may leave the statistic undefined before its interval does, too.
_UNDEFINED_SHARE = 0.05


def case_interval(patients: Sequence[str], statistic: Callable[[NDArray[np.intp]], float]) -> tuple[float, float] | None:
    """Return the 95 % percentile interval of a statistic; None with fewer than 6 patients.

    Nor is there one where resamples often have no value.

    Parameters
    ----------
    patients : sequence of str, shape (cases,)
        The patient of each case. Where every patient has one case, cases are drawn.
    statistic : callable
        Takes indexes of cases, some more than once, and returns the value, NaN where it is undefined.

    References
    ----------
    Efron B, Tibshirani RJ. An Introduction to the Bootstrap. Chapman & Hall 1993, chapter 13.
    """
    _, patient = np.unique(np.asarray(patients), return_inverse=True)
    cases_of = np.split(np.argsort(patient, kind="stable"), np.cumsum(np.bincount(patient))[:-1])
    if len(cases_of) < FEWEST_CASES:
        return None
    alone = len(cases_of) == len(patient)
    order = np.concatenate(cases_of)

    def of_patients(drawn: NDArray[np.intp]) -> float:
        return statistic(order[drawn] if alone else np.concatenate([cases_of[n] for n in drawn]))

    with warnings.catch_warnings():
        # Where a resample has no value scipy has no interval; below it has one as long as few have none.
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        drawn = stats.bootstrap(
            (np.arange(len(cases_of)),),
            of_patients,
            n_resamples=RESAMPLES,
            vectorized=False,
            confidence_level=CONFIDENCE,
            method="percentile",
            random_state=np.random.default_rng(0),
        ).bootstrap_distribution
    known = drawn[np.isfinite(drawn)]
    if len(known) < (1 - _UNDEFINED_SHARE) * len(drawn):
        return None
    lower, upper = np.quantile(known, ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2))
    return float(lower), float(upper)
