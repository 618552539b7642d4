"""Which entry of a protocol's list is which in another version: by what it is about, never by its place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from SegQCLib.protocol import AITool, Decision, Grade, ImageQualityLimit, Rating, Structure, TechnicalLimit, WindowRule

_Same = Callable[[Any, Any], bool]


@dataclass(frozen=True)
class MatchedItems:
    """Places of entries in the old and the new list.

    Attributes
    ----------
    pairs : tuple of (int, int)
        Old and new place of one entry, by the new place.
    removed, added : tuple of int
        Old places without a partner; new places without one.
    """

    pairs: tuple[tuple[int, int], ...]
    removed: tuple[int, ...]
    added: tuple[int, ...]

    @property
    def is_reordered(self) -> bool:
        old_places = [old for old, _ in self.pairs]
        return old_places != sorted(old_places)


def matched_items(old: Sequence[Any], new: Sequence[Any]) -> MatchedItems:
    """Return which entries of two lists of one class are the same: equal, else by what names them, else all but one key equal."""
    kind = type((*old, *new)[0])
    left, right, pairs = list(range(len(old))), list(range(len(new))), []
    for same in (_equal, *_SAME[kind], _all_but_one_key):
        for n in tuple(right):
            partner = next((m for m in left if same(old[m], new[n])), None)
            if partner is not None:
                pairs.append((partner, n))
                left.remove(partner)
                right.remove(n)
    return MatchedItems(tuple(sorted(pairs, key=lambda pair: pair[1])), tuple(left), tuple(right))


def _equal(a: Any, b: Any) -> bool:
    return a == b


def _all_but_one_key(a: Any, b: Any) -> bool:
    return sum(getattr(a, f.name) != getattr(b, f.name) for f in fields(a)) == 1


def _by(*keys: str) -> _Same:
    return lambda a, b: all(getattr(a, key) == getattr(b, key) for key in keys)


def _by_structures(key: str) -> _Same:
    return lambda a, b: getattr(a, key) == getattr(b, key) and set(a.structures) == set(b.structures)


def _by_some_structures(key: str) -> _Same:
    return lambda a, b: getattr(a, key) == getattr(b, key) and not set(a.structures).isdisjoint(b.structures)


def _same_codes(a: Structure, b: Structure) -> bool:
    return a.terminology.same_structure(b.terminology)


_SAME: dict[type, tuple[_Same, ...]] = {
    Structure: (lambda a, b: a.name == b.name and _same_codes(a, b), _same_codes, _by("name")),
    WindowRule: (_by("name"),),
    Decision: (_by_structures("metric"), _by_some_structures("metric")),
    TechnicalLimit: (_by_structures("name"), _by_some_structures("name")),
    ImageQualityLimit: (_by("measure", "region", "background", "part", "method"), _by("measure", "region")),
    Rating: (_by("id"), _by("title")),
    Grade: (_by("value"),),
    AITool: (_by("name"),),
}
