"""Which segment of one segmentation means the same as which segment of another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from SegQCLib.case import Segment, Segmentation
from SegQCLib.protocol import plain_name


@dataclass(frozen=True)
class Pair:
    """One structure in two segmentations; None: only the other one has it."""

    reference: Segment | None
    candidate: Segment | None

    @property
    def name(self) -> str:
        return (self.candidate or self.reference).name


def pair_segments(reference: Segmentation, candidate: Segmentation) -> list[Pair]:
    """Return all pairs: the candidate's segments in their order, then those that only the reference has.

    Names decide first (without case, separators and word order of sides), because two lesions share a
    code. Codes decide for what is left, where they are unique on both sides.
    """
    left = list(reference.segments)
    matches: dict[str, Segment] = {}

    def match(same: Callable[[Segment, Segment], bool]) -> None:
        for segment in candidate.segments:
            if segment.id in matches:
                continue
            found = [other for other in left if same(segment, other)]
            rivals = [other for other in candidate.segments if other.id not in matches and any(same(other, f) for f in found)]
            if len(found) == 1 and len(rivals) == 1:
                matches[segment.id] = found[0]
                left.remove(found[0])

    match(lambda a, b: a.name == b.name)
    match(lambda a, b: plain_name(a.name) == plain_name(b.name))
    match(lambda a, b: a.terminology is not None and b.terminology is not None and a.terminology.same_structure(b.terminology))
    pairs = [Pair(matches.get(segment.id), segment) for segment in candidate.segments]
    return pairs + [Pair(segment, None) for segment in left]
