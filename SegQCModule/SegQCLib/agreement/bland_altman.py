"""Bland and Altman's limits of agreement: how far two readers' measurements of one case lie apart."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from SegQCLib.agreement.estimate import CONFIDENCE, FEWEST_CASES, Estimate, estimate, undefined

_SHARE = 0.95
_FACTOR = NormalDist().inv_cdf((1 + _SHARE) / 2)
BIAS_METHOD = "t distribution"
LIMITS_METHOD = (
    "exact for normally distributed differences, each limit by itself: noncentral t distribution (Carkeet, Optom Vis Sci"
    " 2015;92:e71-e80; Shieh, BMC Med Res Methodol 2018;18:45)"
)
_NO_SPREAD = "The difference is the same in every case: the interval has no width."
SLOPE_METHOD = "linear regression of the difference on the mean, t distribution"
_PATIENTS_REPEAT = (
    "Some patients have several cases here. The limits treat these as independent, so their intervals are too narrow, and the"
    " limits themselves do not tell differences within a patient from those between patients (Bland and Altman, Stat Methods"
    " Med Res 1999;8:135-160, section 5)."
)


@dataclass(frozen=True)
class BlandAltman:
    """Agreement of two readers in a measurement, over cases. Differences are first reader minus second."""

    unit: str = field(metadata={"doc": "Of everything but the slope; %: percent of the mean of the two readers."})
    bias: Estimate = field(metadata={"doc": "Mean difference, first minus second."})
    sd: float | None = field(metadata={"doc": "Standard deviation of the differences (n - 1)."})
    lower_limit: Estimate = field(metadata={"doc": "Lower 95 % limit of agreement: bias - 1.96 standard deviations."})
    upper_limit: Estimate = field(metadata={"doc": "Upper 95 % limit of agreement: bias + 1.96 standard deviations."})
    slope: Estimate = field(
        metadata={
            "doc": "Change of the difference with the mean of the two readers, per unit; an interval without 0: proportional bias."
        }
    )
    proportional_bias: bool | None = field(metadata={"doc": "Whether the interval of the slope leaves out 0; null: not known."})
    left_out: int = field(metadata={"doc": "Cases that percent cannot be taken of, because both readers measured 0."})
    notes: tuple[str, ...] = field(metadata={"doc": "Where the limits do not hold, or not as they stand."})


def bland_altman(
    first: Sequence[float], second: Sequence[float], unit: str, *, percent: bool = False, patients: Sequence[str] | None = None
) -> BlandAltman:
    """Return bias and 95 % limits of agreement of two readers, with intervals.

    Parameters
    ----------
    first, second : sequence of float, shape (cases,)
        What each reader measured, one value for a case, finite.
    unit : str
        Of the values.
    percent : bool
        Give differences in percent of the mean of the two readers. Right for volumes, whose differences grow with size.
    patients : sequence of str, optional, shape (cases,)
        With several cases of one patient the analysis does not hold as it stands, and a note says so.

    Returns
    -------
    BlandAltman
        Undefined, with the reason, below 2 cases; intervals from 6 cases on.

    Raises
    ------
    ValueError
        If the lengths differ, or a value is not finite.

    References
    ----------
    Bland JM, Altman DG. Lancet 1986;327:307-310, doi:10.1016/S0140-6736(86)90837-8. Bland JM, Altman DG. Stat Methods Med
    Res 1999;8:135-160, doi:10.1177/096228029900800204. Intervals of the limits: Carkeet A. Optom Vis Sci 2015;92:e71-e80,
    doi:10.1097/OPX.0000000000000513 (limits considered individually). Shieh G. BMC Med Res Methodol 2018;18:45,
    doi:10.1186/s12874-018-0505-y.
    """
    one, other = np.asarray(first, float), np.asarray(second, float)
    if one.ndim != 1 or one.shape != other.shape or (patients is not None and len(patients) != len(one)):
        raise ValueError(f"Both readers need one value for each case: there are {one.shape} and {other.shape}.")
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        raise ValueError("Bland-Altman needs finite values; leave out cases without a value first.")
    mean = (one + other) / 2
    left_out = 0
    if percent:
        usable = mean != 0
        left_out = int(np.count_nonzero(~usable))
        mean, difference, unit = mean[usable], 100 * (one - other)[usable] / mean[usable], "%"
    else:
        difference = one - other
    n = len(difference)
    notes = (_PATIENTS_REPEAT,) if patients is not None and len(set(patients)) < len(patients) else ()
    if n < 2:
        nothing = [
            undefined(name, n, method, f"Limits of agreement need at least 2 cases; there {'is' if n == 1 else 'are'} {n}.")
            for name, method in (_BIAS, _LOWER, _UPPER, _SLOPE)
        ]
        return BlandAltman(unit, nothing[0], None, nothing[1], nothing[2], nothing[3], None, left_out, notes)
    bias, sd = float(difference.mean()), float(difference.std(ddof=1))
    inner, outer = _limit_factors(n) if n >= FEWEST_CASES else (math.nan, math.nan)
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)) * sd / math.sqrt(n)
    slope = _slope(mean, difference)
    clear = None if slope.lower is None or slope.upper is None else not slope.lower <= 0 <= slope.upper
    if clear:
        notes += (
            "The difference changes with size: one pair of limits does not fit all sizes."
            + ("" if percent else " Look at the limits in percent of the mean."),
        )

    def around(named: tuple[str, str], value: float, lower: float, upper: float) -> Estimate:
        return estimate(named[0], value, (lower, upper) if np.ptp(difference) > 0 else None, n, named[1], _NO_SPREAD)

    return BlandAltman(
        unit,
        around(_BIAS, bias, bias - half, bias + half),
        sd,
        around(_LOWER, bias - _FACTOR * sd, bias - outer * sd, bias - inner * sd),
        around(_UPPER, bias + _FACTOR * sd, bias + inner * sd, bias + outer * sd),
        slope,
        clear,
        left_out,
        notes,
    )


_BIAS = ("mean difference (bias)", BIAS_METHOD)
_LOWER = ("lower 95 % limit of agreement", LIMITS_METHOD)
_UPPER = ("upper 95 % limit of agreement", LIMITS_METHOD)
_SLOPE = ("slope of the difference over the mean", SLOPE_METHOD)


def _slope(mean: NDArray[np.float64], difference: NDArray[np.float64]) -> Estimate:
    n = len(mean)
    if n < 3 or np.ptp(mean) == 0:
        return undefined(_SLOPE[0], n, _SLOPE[1], "A slope needs at least 3 cases of different size.")
    line = stats.linregress(mean, difference)
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 2)) * float(line.stderr)
    return estimate(_SLOPE[0], float(line.slope), (line.slope - half, line.slope + half), n, _SLOPE[1])


@functools.cache
def _limit_factors(n: int) -> tuple[float, float]:
    """Return what the standard deviation is multiplied with for the inner and outer ends of the interval of one limit.

    The true limit, true mean + 1.96 true standard deviations, lies below mean + factor x SD with a probability of 2.5 %
    (inner) and 97.5 % (outer): one-sided tolerance factors of the normal distribution.
    """
    root = math.sqrt(n)
    inner, outer = stats.nct.ppf(((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2), n - 1, _FACTOR * root) / root
    return float(inner), float(outer)
