"""Readers whose segment of a structure is something else than what all others drew: named, with what would explain it.

Such a segment is no measure of how well readers agree: one exchanged label turns a mean Dice of 0.9 into 0.45.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from statistics import median
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from SegQCLib.agreement.readers_of_case import ReadersOfCase
from SegQCLib.protocol import plain_name

# Our choices: a gross error, not a matter of opinion. Measured on four real readers of 1,140 lung nodules (Documentation).
AGREEING_DICE = 0.5
SHARE_OF_OTHERS = 0.5
EXPLAINED_SHARE = 0.8
# 3 scaled MADs: Leys et al., J Exp Soc Psychol 2013;49:764-766 ("very conservative").
MADS = 3.0
MAD_TO_SD = 1.4826

RULE = (
    "A reader is named for a structure if the median Dice with the others is below half of the median that the others reach"
    f" among themselves, and lower by more than {MADS:g} scaled median absolute deviations of those (Leys et al., J Exp Soc Psychol"
    f" 2013;49:764-766), where the others agree (a median of {AGREEING_DICE:g} or more). Also a reader who drew nothing where all"
    " others agree on something, and one who drew what nobody else did. Whether exchanged structures, a mirrored or a shifted grid"
    " explain it is tried: it does if Dice would then reach four fifths of what the others reach."
)
CANNOT_BE_TOLD = "Outliers cannot be told with two readers: where two differ, nothing says which of them is right."

Kind = Literal[
    "wrong side", "structures exchanged", "wrong structure", "mirrored", "shifted", "left out", "drawn by nobody else", "differs"
]
_Pairs = Mapping[tuple[int, int], float | None]
_Crop = tuple[NDArray[np.bool_], tuple[int, int, int]]


@dataclass(frozen=True)
class OutlierStructure:
    """What a named reader's segment of one structure is worth in numbers."""

    structure: str = field(metadata={"doc": "Name of the structure."})
    dice_with_others: float = field(metadata={"doc": "Median Dice of this reader with the others."})
    dice_among_others: float | None = field(metadata={"doc": "Median Dice of the others among themselves; null: nobody drew it."})
    dice_if_explained: float | None = field(
        metadata={"doc": "Median Dice with the others if the explanation is put right; null: there is none."}
    )


@dataclass(frozen=True)
class OutlierReader:
    """A reader who is left out of the averages of some structures."""

    reader: str = field(metadata={"doc": "Name of the reader."})
    kind: Kind = field(metadata={"doc": "What it looks like."})
    evidence: str = field(metadata={"doc": "What was found, in a sentence for people."})
    structures: tuple[OutlierStructure, ...] = field(metadata={"doc": "The structures that it is true of."})


@dataclass(frozen=True)
class _Suspect:
    """A reader who differs grossly on one structure, with what explains it."""

    reader: int
    structure: int
    with_others: float
    among_others: float
    kind: Kind
    reason: str
    explained: float | None
    group: tuple


def outlier_readers(case: ReadersOfCase, dice: Sequence[_Pairs]) -> tuple[tuple[OutlierReader, ...], str]:
    """Return the readers who are outliers, and how that was told.

    Parameters
    ----------
    case : ReadersOfCase
    dice : sequence of mapping of (reader, reader) to float or None
        For each structure of the case, the Dice of each pair of readers by their numbers, first < second.

    Returns
    -------
    tuple of OutlierReader
        In the order of readers; none with two readers.
    str
        The rule, or why nothing can be told.

    References
    ----------
    Leys et al., Detecting outliers: do not use standard deviation around the mean, use absolute deviation around the median.
    J Exp Soc Psychol 2013;49:764-766, doi 10.1016/j.jesp.2013.03.013.
    """
    if len(case.readers) < 3:
        return (), CANNOT_BE_TOLD
    found = _Search(case, dice)
    outliers = []
    for reader in range(len(case.readers)):
        outliers += _grouped(case, [*found.differing(reader)])
        outliers += _presence(case, reader, dice, found.drawn)
    return tuple(outliers), RULE


def _grouped(case: ReadersOfCase, suspects: Sequence[_Suspect]) -> Iterator[OutlierReader]:
    groups: dict[tuple, list[_Suspect]] = {}
    for suspect in suspects:
        groups.setdefault(suspect.group, []).append(suspect)
    for same in groups.values():
        first = same[0]
        structures = tuple(
            OutlierStructure(case.structures[s.structure].name, s.with_others, s.among_others, s.explained) for s in same
        )
        numbers = "; ".join(
            f"{entry.structure}: Dice {entry.dice_with_others:.2f} with the others, who reach {entry.dice_among_others:.2f} among"
            f" themselves{'' if entry.dice_if_explained is None else f', and it would be {entry.dice_if_explained:.2f}'}"
            for entry in structures
        )
        yield OutlierReader(case.names[first.reader], first.kind, f"{first.reason} ({numbers}).", structures)


def _presence(case: ReadersOfCase, reader: int, dice: Sequence[_Pairs], drawn: Sequence[set[int]]) -> Iterator[OutlierReader]:
    others = set(range(len(case.readers))) - {reader}
    left_out: list[OutlierStructure] = []
    alone: list[OutlierStructure] = []
    for structure, by, pairs in zip(case.structures, drawn, dice, strict=True):
        if by == {reader}:
            alone.append(OutlierStructure(structure.name, 0.0, None, None))
        elif by == others:
            among = median(pairs[pair] for pair in combinations(sorted(others), 2))
            if among >= AGREEING_DICE:
                left_out.append(OutlierStructure(structure.name, 0.0, among, None))
    name = case.names[reader]
    if left_out:
        told = ", ".join(f"{entry.structure} (the others reach Dice {entry.dice_among_others:.2f})" for entry in left_out)
        yield OutlierReader(name, "left out", f"has nothing where all others drew {told}.", tuple(left_out))
    if alone:
        yield OutlierReader(
            name,
            "drawn by nobody else",
            f"drew {', '.join(entry.structure for entry in alone)}, which nobody else has.",
            tuple(alone),
        )


class _Search:
    """Looks for readers who differ grossly, and for what explains it."""

    def __init__(self, case: ReadersOfCase, dice: Sequence[_Pairs]) -> None:
        self.case = case
        self.dice = dice
        self.crops: dict[tuple[int, int], _Crop | None] = {}
        self.drawn = [
            {
                n
                for n, (reader, segment) in enumerate(zip(case.readers, structure.segments, strict=True))
                if segment is not None and reader.segmentation.box(segment) is not None
            }
            for structure in case.structures
        ]

    def differing(self, reader: int) -> Iterator[_Suspect]:
        """Yield the structures on which this reader differs grossly from the others."""
        for structure, by in enumerate(self.drawn):
            others = sorted(by - {reader})
            if reader not in by or len(others) < 2:
                continue
            pairs = self.dice[structure]
            own = median(pairs[min(reader, other), max(reader, other)] for other in others)
            among = [pairs[pair] for pair in combinations(others, 2)]
            middle = median(among)
            spread = MADS * MAD_TO_SD * median(abs(value - middle) for value in among)
            if middle >= AGREEING_DICE and own < SHARE_OF_OTHERS * middle and own < middle - spread:
                kind, reason, explained, group = self._explained(reader, structure, others, EXPLAINED_SHARE * middle)
                yield _Suspect(reader, structure, own, middle, kind, reason, explained, (kind, *group))

    def _explained(
        self, reader: int, structure: int, others: Sequence[int], enough: float
    ) -> tuple[Kind, str, float | None, tuple]:
        """Return what the best explanation is: kind, words, Dice if it is put right, and what groups equal ones."""
        found = [
            *self._exchanged(reader, structure, others),
            *self._mirrored(reader, structure, others),
            *self._shifted(reader, structure, others),
        ]
        best = max(found, key=lambda entry: entry[2])
        if best[2] >= enough:
            return best
        return self._elsewhere(reader, structure, others)

    def _exchanged(self, reader: int, structure: int, others: Sequence[int]) -> Iterator[tuple[Kind, str, float, tuple]]:
        own_name = self.case.structures[structure].name
        own = self._crop(reader, structure)
        for other, drawn in enumerate(self.drawn):
            if other == structure:
                continue
            name = self.case.structures[other].name
            by_words = sorted(set(plain_name(own_name).split()) - {"left", "right"})
            sides = by_words == sorted(set(plain_name(name).split()) - {"left", "right"})
            there = self._median_dice(self._crop(reader, other), structure, others) if reader in drawn else 0.0
            back = self._median_dice(own, other, [n for n in others if n in drawn])
            if min(there, back) > SHARE_OF_OTHERS * max(there, back):
                words = f"'{min(own_name, name)}' and '{max(own_name, name)}' are exchanged"
                kind: Kind = "wrong side" if sides else "structures exchanged"
                yield kind, words, there, tuple(sorted((structure, other)))
            elif there > back:
                yield (
                    "wrong side" if sides else "wrong structure",
                    f"'{name}' is what the others call '{own_name}'",
                    there,
                    (other,),
                )
            else:
                words = f"'{own_name}' is what the others call '{name}'"
                yield "wrong side" if sides else "wrong structure", words, back, (structure, other)

    def _mirrored(self, reader: int, structure: int, others: Sequence[int]) -> Iterator[tuple[Kind, str, float, tuple]]:
        array, start = self._crop(reader, structure)
        for axis, towards in enumerate(np.argmax(np.abs(self.case.geometry.axes_lps), axis=1)):
            first = list(start)
            first[axis] = self.case.geometry.size[axis] - start[axis] - array.shape[axis]
            flipped = (np.flip(array, axis), tuple(first))
            words = f"lies mirrored: {_ENDS[towards]} are exchanged in its grid"
            yield "mirrored", words, self._median_dice(flipped, structure, others), (axis,)

    def _shifted(self, reader: int, structure: int, others: Sequence[int]) -> Iterator[tuple[Kind, str, float, tuple]]:
        array, start = self._crop(reader, structure)
        voxels = np.rint(self._displacement(reader, structure, others)).astype(int)
        moved = (array, tuple((np.array(start) - voxels).tolist()))
        words = f"lies {_way(self._way_mm(voxels))} of the others"
        # A rounded centre is off by up to a voxel: shifts that differ by less are one shift.
        yield "shifted", words, self._median_dice(moved, structure, others), ()

    def _elsewhere(self, reader: int, structure: int, others: Sequence[int]) -> tuple[Kind, str, None, tuple]:
        way = self._way_mm(self._displacement(reader, structure, others))
        name = self.case.structures[structure].name
        middle = self.case.geometry.lps_mm((np.array(self.case.geometry.size) - 1) / 2)[0]
        left = [self.case.geometry.lps_mm(_center(self._crop(n, structure)))[0] - middle for n in (reader, *others)]
        across = all(left[0] * other < 0 for other in left[1:]) and abs(way[0]) > 0.8 * np.linalg.norm(way)
        if across:
            return (
                "wrong side",
                f"'{name}' lies on the other side of the image's middle, {_way(way)} of the others",
                None,
                (structure,),
            )
        return (
            "differs",
            f"'{name}' is something else than the others drew: its centre lies {_way(way)} of theirs",
            None,
            (structure,),
        )

    def _displacement(self, reader: int, structure: int, others: Sequence[int]) -> NDArray[np.float64]:
        centers = np.array([_center(self._crop(n, structure)) for n in others])
        return _center(self._crop(reader, structure)) - np.median(centers, axis=0)

    def _way_mm(self, voxels: NDArray) -> NDArray[np.float64]:
        return self.case.geometry.index_to_lps_matrix @ voxels

    def _median_dice(self, crop: _Crop | None, structure: int, others: Collection[int]) -> float:
        if crop is None or not others:
            return 0.0
        return median(_dice(crop, self._crop(n, structure)) for n in others)

    def _crop(self, reader: int, structure: int) -> _Crop | None:
        if (reader, structure) not in self.crops:
            segment = self.case.structures[structure].segments[reader]
            read = None if segment is None else self.case.readers[reader].segmentation.cropped_reader(segment)
            self.crops[reader, structure] = None if read is None else read()
        return self.crops[reader, structure]


_ENDS = ("left and right", "front and back", "head and feet")
_WORDS = (("to the left", "to the right"), ("behind", "in front"), ("above", "below"))


def _way(lps_mm: NDArray[np.float64]) -> str:
    """Return a way in words: 12 mm to the left and 3 mm above."""
    parts = [
        f"{abs(value):.0f} mm {words[0] if value > 0 else words[1]}"
        for value, words in zip(lps_mm, _WORDS, strict=True)
        if abs(value) >= 0.5
    ]
    return " and ".join(parts) or "less than 0.5 mm away"


def _center(crop: _Crop) -> NDArray[np.float64]:
    array, start = crop
    profiles = [np.count_nonzero(array, axis=others) for others in ((1, 2), (0, 2), (0, 1))]
    return np.array([profile @ np.arange(len(profile)) / profile.sum() for profile in profiles]) + start


def _dice(a: _Crop, b: _Crop) -> float:
    low = np.maximum(a[1], b[1])
    high = np.minimum(np.add(a[1], a[0].shape), np.add(b[1], b[0].shape))
    total = np.count_nonzero(a[0]) + np.count_nonzero(b[0])
    if not total or np.any(high <= low):
        return 0.0
    parts = [array[tuple(slice(p - s, q - s) for p, q, s in zip(low, high, start, strict=True))] for array, start in (a, b)]
    return 2 * int(np.count_nonzero(parts[0] & parts[1])) / total


def outliers_by_structure(outliers: Sequence[OutlierReader]) -> dict[str, tuple[str, ...]]:
    """Return the names of the readers who are outliers of each structure that has any."""
    named: dict[str, list[str]] = {}
    for outlier in outliers:
        for entry in outlier.structures:
            named.setdefault(entry.structure, []).append(outlier.reader)
    return {structure: tuple(dict.fromkeys(names)) for structure, names in named.items()}
