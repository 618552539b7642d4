"""A share of something, with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from scipy.stats import binomtest


@dataclass(frozen=True)
class Proportion:
    """How many of how many, and between what the share behind it lies."""

    count: int = field(metadata={"doc": "Of those that are counted."})
    n: int = field(metadata={"doc": "Of all."})
    share: float | None = field(metadata={"doc": "count / n, 0 to 1; null: n is 0."})
    lower: float | None = field(metadata={"doc": "Lower end of the 95 % Wilson interval."})
    upper: float | None = field(metadata={"doc": "Upper end of the 95 % Wilson interval."})

    def __str__(self) -> str:
        if self.share is None:
            return "none of none"
        share, lower, upper = (f"{100 * value:.0f} %" for value in (self.share, self.lower, self.upper))
        return f"{self.count} of {self.n} ({share}; 95 % interval {lower} to {upper})"


def proportion(values: Sequence[bool]) -> Proportion:
    """Return the share of true values with its Wilson interval; undefined without any.

    References
    ----------
    Wilson EB. Probable inference, the law of succession, and statistical inference. J Am Stat Assoc 1927;22:209-212,
    doi:10.1080/01621459.1927.10502953.
    """
    count, n = sum(values), len(values)
    if not n:
        return Proportion(0, 0, None, None, None)
    interval = binomtest(count, n).proportion_ci(0.95, "wilson")
    return Proportion(count, n, count / n, float(interval.low), float(interval.high))
