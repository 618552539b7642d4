"""What readers are called on a page: the beginning of their key, or their name where somebody asked for names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

_FEWEST_DIGITS = 4


def reader_labels(keys: Iterable[str], names: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return a label for each key, no two alike.

    Parameters
    ----------
    keys : iterable of str
    names : mapping of str to str, optional
        Names by key; None: labels are keys, cut to as many digits as tell them apart, four at least.
    """
    ordered = sorted(set(keys))
    longest = max(map(len, ordered), default=0)
    length = next(
        (n for n in range(len("R-") + _FEWEST_DIGITS, longest) if len({key[:n] for key in ordered}) == len(ordered)), longest
    )
    short = {key: key[:length] for key in ordered}
    if names is None:
        return short
    of_key = {key: " ".join(names.get(key, "").split()) or short[key] for key in ordered}
    several = Counter(of_key.values())
    return {key: f"{label} ({short[key]})" if several[label] > 1 else label for key, label in of_key.items()}
