"""How far a value lies from the middle of its cohort: the modified z-score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

FEWEST_VALUES = 20
LIMIT = 3.5
SOURCE = "Iglewicz and Hoaglin, How to Detect and Handle Outliers, ASQC Quality Press 1993, section 3.3"


@dataclass(frozen=True, eq=False)
class RobustZ:
    """Where values stand among themselves.

    Attributes
    ----------
    z : ndarray of float, shape (n,), or None
        None: there are too few values, or `mad` is 0.
    median, mad : float
        Of all values, in their unit; NaN where there are too few.
    """

    z: NDArray[np.float64] | None
    median: float
    mad: float


def robust_z(values: NDArray[np.float64]) -> RobustZ:
    """Return (value - median) / (1.4826 MAD) of each value, MAD being the median absolute deviation from the median.

    Parameters
    ----------
    values : ndarray of float, shape (n,)
        Finite, in one unit.

    Returns
    -------
    RobustZ
        Without z where there are fewer than 20 values, or where more than half of them are equal and the MAD is 0.

    References
    ----------
    Iglewicz B, Hoaglin DC. Volume 16: How to Detect and Handle Outliers. The ASQC Basic References in Quality Control: Statistical
    Techniques. Milwaukee: ASQC Quality Press, 1993, section 3.3: absolute scores above 3.5 are labelled potential outliers. Also in
    the NIST/SEMATECH e-Handbook of Statistical Methods, section 1.3.5.17.
    """
    if len(values) < FEWEST_VALUES:
        return RobustZ(None, float("nan"), float("nan"))
    median, mad = float(np.median(values)), float(stats.median_abs_deviation(values))
    # Values that are equal but for the rounding of a mean have no spread.
    if mad <= 1e-12 * abs(median):
        return RobustZ(None, median, 0.0)
    return RobustZ((values - median) / float(stats.median_abs_deviation(values, scale="normal")), median, mad)
