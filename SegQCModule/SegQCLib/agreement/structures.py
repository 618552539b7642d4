"""Which segments of several readers mean one structure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from SegQCLib.case import Segment, Segmentation
from SegQCLib.protocol import plain_name


@dataclass(frozen=True)
class Structure:
    """One structure in the segmentations of several readers.

    Attributes
    ----------
    name : str
        Unique among the structures of a case: what the first reader who has it calls it, with a number where two share a name.
    segments : tuple of Segment or None
        One for each reader, in their order; None: this reader has no such segment.
    """

    name: str
    segments: tuple[Segment | None, ...]


_Group = dict[int, Segment]


def match_structures(readers: Sequence[Segmentation]) -> tuple[Structure, ...]:
    """Return the structures of all readers, in the order in which the first who has them lists them.

    As in `pairing.pair_segments`, names decide first (as they are written, then without case, separators and word order
    of sides), because two lesions share a code; codes decide for what is left. All readers are looked at together, so that
    the order of readers does not matter and A's liver, which B's and C's are, is one structure. A reader who has two segments
    of one name (or code) is not matched by it: which of the two is meant cannot be told.
    """
    groups: list[_Group] = [{n: segment} for n, reader in enumerate(readers) for segment in reader.segments]
    for key in (_name, _plain_name, _code):
        groups = _merged(groups, key, len(readers))
    names: Counter[str] = Counter()
    structures = []
    for group in groups:
        name = group[min(group)].name
        names[name] += 1
        unique = name if names[name] == 1 else f"{name} ({names[name]})"
        structures.append(Structure(unique, tuple(group.get(n) for n in range(len(readers)))))
    return tuple(structures)


def _merged(groups: list[_Group], key_of: Callable[[_Group], Hashable | None], readers: int) -> list[_Group]:
    rivals: dict[Hashable, list[_Group]] = {}
    for group in groups:
        key = key_of(group) if len(group) < readers else None
        if key is not None:
            rivals.setdefault(key, []).append(group)
    gone = set()
    for same in rivals.values():
        times = Counter(n for group in same for n in group)
        clear = [group for group in same if all(times[n] == 1 for n in group)]
        for group in clear[1:]:
            clear[0].update(group)
            gone.add(id(group))
    return [group for group in groups if id(group) not in gone]


def _one(values: set) -> Hashable | None:
    return values.pop() if len(values) == 1 else None


def _name(group: _Group) -> Hashable | None:
    return _one({segment.name for segment in group.values()})


def _plain_name(group: _Group) -> Hashable | None:
    return _one({plain_name(segment.name) for segment in group.values()})


def _code(group: _Group) -> Hashable | None:
    return _one({segment.terminology.structure_codes for segment in group.values() if segment.terminology is not None})
