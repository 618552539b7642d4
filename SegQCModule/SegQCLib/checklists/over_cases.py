"""How values of many cases are said in a sentence: counts, ranges, medians with quartiles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

_MOST_LISTED = 6


def plural(count: int, noun: str, plural_noun: str | None = None) -> str:
    """Return a count with its noun: 1 case, 2 cases."""
    return f"{count:,} {noun if count == 1 else plural_noun or noun + 's'}"


def counted_texts(values: Iterable[str]) -> str:
    """Return distinct texts with how often each is there, the most frequent first: B30f (18), B40f (2)."""
    counts = Counter(values)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    listed = [f"{text} ({count})" for text, count in ordered[:_MOST_LISTED]]
    more = len(ordered) - _MOST_LISTED
    return ", ".join(listed) + (f" and {more} more" if more > 0 else "")


def numbers(values: Sequence[float], unit: str) -> str:
    """Return numbers over cases: one value where all are alike, else range and median."""
    low, high = min(values), max(values)
    end = f" {unit}" if unit else ""
    if f"{low:.6g}" == f"{high:.6g}":
        return f"{_digits(low)}{end}"
    return f"{_digits(low)} to {_digits(high)}{end}, median {_digits(float(np.median(values)))}{end}"


def median_with_quartiles(values: Sequence[float], decimals: int, unit: str = "") -> str:
    """Return the median with quartiles (linear interpolation) and the number of values."""
    first, middle, third = np.quantile(values, (0.25, 0.5, 0.75))
    end = f" {unit}" if unit else ""
    return f"median {middle:.{decimals}f}{end} (quartiles {first:.{decimals}f} to {third:.{decimals}f}{end}, n = {len(values)})"


def _digits(value: float) -> str:
    """Return four significant digits, without an exponent for large numbers."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"
