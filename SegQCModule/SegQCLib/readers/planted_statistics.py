"""How often planted errors are detected and how long it takes, by reader and kind of error."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median

from scipy.stats import binomtest, quantile_test

from SegQCLib.readers.case_read import PlantedRead

# SegQC's own: below it an interval of 95 % spans half of all possible rates.
FEW = 10


@dataclass(frozen=True)
class DetectionRate:
    """Planted errors of one kind and one reader."""

    reader: str = field(metadata={"doc": "Reader; all: all readers together."})
    error: str = field(metadata={"doc": "Kind of error; all: all kinds together."})
    planted: int = field(metadata={"doc": "Number of planted errors that the reader was shown."})
    detected: int = field(metadata={"doc": "Number of them that were detected."})
    rate: float = field(metadata={"doc": "detected / planted, 0 to 1."})
    rate_lower: float = field(metadata={"doc": "95 % interval of the rate by Wilson's score, lower end."})
    rate_upper: float = field(metadata={"doc": "Its upper end."})
    timed: int = field(metadata={"doc": "Number of detected errors whose time is known."})
    median_s: float | None = field(metadata={"doc": "Median active time until the correction, s; null: none is known."})
    median_lower_s: float | None = field(
        metadata={"doc": "95 % interval of the median by the binomial test, lower end, s; null: too few times for one."}
    )
    median_upper_s: float | None = field(metadata={"doc": "Its upper end, s."})
    remark: str = field(metadata={"doc": "What limits the numbers; empty: nothing does."})


ALL = "all"


def detection_rates(reads: Iterable[tuple[str, PlantedRead]]) -> tuple[DetectionRate, ...]:
    """Return detection rates of each reader and kind, of each reader, of each kind, and of all.

    Errors are taken as independent of each other. Of all readers together they are not, because readers differ and met the
    same errors: that interval is of these readers on these errors, and too narrow for readers at large. A median is that of
    the detected errors: what was never found has no time, so a reader who finds the easy ones only is quick.

    Parameters
    ----------
    reads : iterable of (reader, PlantedRead)

    References
    ----------
    Wilson, J Am Stat Assoc 1927;22:209-212 (doi:10.1080/01621459.1927.10502953); Brown, Cai, DasGupta, Stat Sci
    2001;16:101-133 (doi:10.1214/ss/1009213286) recommend it for small n. Median: Conover, Practical Nonparametric Statistics,
    3rd ed., 1999, section 3.2 (as scipy.stats.quantile_test).
    """
    groups: dict[tuple[str, str], list[PlantedRead]] = {}
    for reader, read in sorted(reads, key=lambda item: (item[0], item[1].error)):
        for key in ((reader, read.error), (reader, ALL), (ALL, read.error), (ALL, ALL)):
            groups.setdefault(key, []).append(read)
    order = sorted(groups, key=lambda key: (key[0] == ALL, key[0], key[1] == ALL, key[1]))
    return tuple(_rate(*key, groups[key]) for key in order)


def _rate(reader: str, error: str, reads: list[PlantedRead]) -> DetectionRate:
    detected = sum(read.detected for read in reads)
    interval_of_rate = binomtest(detected, len(reads)).proportion_ci(0.95, "wilson")
    times = [read.seconds for read in reads if read.detected and read.seconds is not None]
    interval = _median_interval(times)
    few = len(reads) < FEW
    return DetectionRate(
        reader=reader,
        error=error,
        planted=len(reads),
        detected=detected,
        rate=detected / len(reads),
        rate_lower=float(interval_of_rate.low),
        rate_upper=float(interval_of_rate.high),
        timed=len(times),
        median_s=median(times) if times else None,
        median_lower_s=None if interval is None else interval[0],
        median_upper_s=None if interval is None else interval[1],
        remark=f"{len(reads)} errors are few: the rate can lie anywhere in its interval" if few else "",
    )


def _median_interval(times: list[float]) -> tuple[float, float] | None:
    """Return the exact 95 % interval of a median, or None where all times together are too few for one (fewer than six)."""
    if len(times) < 2:
        return None
    found = quantile_test(times, q=float(median(times)), p=0.5).confidence_interval(0.95)
    return (float(found.low), float(found.high)) if math.isfinite(found.low) and math.isfinite(found.high) else None
