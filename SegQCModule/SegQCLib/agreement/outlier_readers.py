"""Readers whose segment of a structure is something else than what all others drew: named, with what would explain it.

Such a segment is no measure of how well readers agree: one exchanged label turns a mean Dice of 0.9 into 0.45.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
# One shift of all structures is told from three on, and believed if three quarters of them fit better without it.
_FEWEST_SHIFTED = 3
_MOST_BETTER = 0.75
MAD_TO_SD = 1.4826

RULE = (
    "A reader is named for a structure if the median Dice with the others is below half of the median that the others reach"
    f" among themselves, and lower by more than {MADS:g} scaled median absolute deviations of those (Leys et al., J Exp Soc Psychol"
    f" 2013;49:764-766), where the others agree (a median of {AGREEING_DICE:g} or more). Also a reader who drew nothing where all"
    " others agree on something, and one who drew what nobody else did. Whether exchanged structures, a mirrored or a shifted grid"
    " explain it is tried: it does if Dice would then reach four fifths of what the others reach. And a reader whose structures all"
    " lie apart from the others' by one shift, three times larger than what varies, if three quarters of them agree better without"
    " it."
)
CANNOT_BE_TOLD = "Outliers cannot be told with two readers: where two differ, nothing says which of them is right."

Kind = Literal[
    "wrong side", "structures exchanged", "wrong structure", "mirrored", "shifted", "left out", "drawn by nobody else", "differs"
]
_Pairs = Mapping[tuple[int, int], float | None]


@dataclass(frozen=True, eq=False)
class _Crop:
    """A mask (k, j, i) cropped to its voxels, the index of its first voxel on the grid, and how many voxels it has."""

    array: NDArray[np.bool_]
    start: tuple[int, ...]
    voxels: int


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
    shift: tuple[int, ...] | None = None


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
        outliers += _grouped(case, found.differing(reader) or found.shifted_as_a_whole(reader))
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
        evidence = f"{first.reason} ({_few([entry.structure for entry in structures])}: {_numbers(structures)})."
        yield OutlierReader(case.names[first.reader], first.kind, evidence, structures)


def _numbers(structures: Sequence[OutlierStructure]) -> str:
    told = (
        f"Dice {_span([entry.dice_with_others for entry in structures])} with the others, who reach"
        f" {_span([entry.dice_among_others for entry in structures])} among themselves"
    )
    explained = [entry.dice_if_explained for entry in structures if entry.dice_if_explained is not None]
    return f"{told}; put right, it would be {_span(explained)}" if explained else told


def _span(values: Sequence[float]) -> str:
    low, high = f"{min(values):.2f}", f"{max(values):.2f}"
    return low if low == high else f"{low} to {high}"


def _few(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 4 else f"{', '.join(names[:3])} and {len(names) - 3} more"


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
        told = _few([entry.structure for entry in left_out])
        reached = _span([entry.dice_among_others for entry in left_out])
        words = f"has nothing where all others drew {told} (and reach Dice {reached} among themselves)."
        yield OutlierReader(name, "left out", words, tuple(left_out))
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
            {n for n, segment in enumerate(structure.segments) if case.box(n, segment) is not None} for structure in case.structures
        ]

    def differing(self, reader: int) -> list[_Suspect]:
        """Return the structures on which this reader differs grossly from the others."""
        suspects = [*self._suspects(reader)]
        mirrored = [suspect for suspect in suspects if suspect.kind == "mirrored"]
        shifts = [suspect.shift for suspect in suspects if suspect.shift is not None]
        # What is wrong with a grid is wrong with all of it, also where a structure alone would fit another explanation as well.
        if len(mirrored) > len(shifts):
            return [self._as_mirrored(suspect, mirrored[0]) for suspect in suspects]
        if not shifts:
            return suspects
        # Of a structure that reaches out of one of the grids less is explained by the same shift.
        common = tuple(int(value) for value in np.median(shifts, axis=0).round())
        return [self._with_common_shift(suspect, common) for suspect in suspects]

    def _as_mirrored(self, suspect: _Suspect, first: _Suspect) -> _Suspect:
        if suspect.kind == "mirrored" or (suspect.shift is None and suspect.explained is not None):
            return suspect
        others = sorted(self.drawn[suspect.structure] - {suspect.reader})
        for kind, reason, reached, axis in self._mirrored(suspect.reader, suspect.structure, others):
            if (kind, *axis) == first.group and reached >= SHARE_OF_OTHERS * suspect.among_others:
                return replace(suspect, kind=kind, reason=reason, explained=reached, group=first.group, shift=None)
        return suspect

    def _with_common_shift(self, suspect: _Suspect, common: tuple[int, ...]) -> _Suspect:
        if suspect.shift is None and suspect.explained is not None:
            return suspect
        others = sorted(self.drawn[suspect.structure] - {suspect.reader})
        reached = self._median_dice(self._moved(suspect.reader, suspect.structure, common), suspect.structure, others)
        if reached < SHARE_OF_OTHERS * suspect.among_others:
            return suspect
        return replace(
            suspect, kind="shifted", reason=self._shift_words(common), explained=reached, group=("shifted",), shift=common
        )

    def shifted_as_a_whole(self, reader: int) -> list[_Suspect]:
        """Return all structures if they lie apart from the others' by one shift that nobody else shows, too small to be gross.

        Told by the boxes of the structures, and believed only if most structures agree better with the others when it is undone.
        """
        everybody = range(len(self.case.readers))
        shared = [n for n, by in enumerate(self.drawn) if len(by) == len(everybody)]
        if len(shared) < _FEWEST_SHIFTED:
            return []
        centers = np.array([[self._box_center(n, structure) for structure in shared] for n in everybody])
        spacing_mm = np.array(self.case.geometry.spacing_mm)

        def lies(own: int, rest: Sequence[int]) -> tuple[NDArray[np.float64], float]:
            apart = (centers[own] - np.median(centers[rest], axis=0)) * spacing_mm
            middle = np.median(apart, axis=0)
            return middle, float(np.median(np.linalg.norm(apart - middle, axis=1)))

        others = [n for n in everybody if n != reader]
        way_mm, spread_mm = lies(reader, others)
        voxels = tuple(int(value) for value in np.rint(way_mm / spacing_mm))
        usual_mm = max(float(np.linalg.norm(lies(n, [m for m in others if m != n])[0])) for n in others)
        if not any(voxels) or np.linalg.norm(way_mm) <= MADS * max(spread_mm, usual_mm):
            return []
        suspects = []
        for structure in shared:
            pairs = self.dice[structure]
            own = median(pairs[min(reader, other), max(reader, other)] for other in others)
            among = median(pairs[pair] for pair in combinations(others, 2))
            undone = self._median_dice(self._moved(reader, structure, voxels), structure, others)
            words = self._shift_words(voxels)
            suspects.append(_Suspect(reader, structure, own, among, "shifted", words, undone, ("shifted",), voxels))
        better = sum(suspect.explained > suspect.with_others for suspect in suspects)
        return suspects if better >= _MOST_BETTER * len(suspects) else []

    def _box_center(self, reader: int, structure: int) -> list[float]:
        box = self.case.box(reader, self.case.structures[structure].segments[reader])
        return [(part.start + part.stop - 1) / 2 for part in box]

    def _suspects(self, reader: int) -> Iterator[_Suspect]:
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
                shift = group if kind == "shifted" else None
                yield _Suspect(reader, structure, own, middle, kind, reason, explained, (kind, *group), shift)

    def _explained(
        self, reader: int, structure: int, others: Sequence[int], enough: float
    ) -> tuple[Kind, str, float | None, tuple]:
        """Return what the best explanation is: kind, words, Dice if it is put right, and what groups equal ones."""
        found = [
            *self._exchanged(reader, structure, others, SHARE_OF_OTHERS * enough),
            *self._mirrored(reader, structure, others),
            *self._shifted(reader, structure, others),
        ]
        best = max(found, key=lambda entry: entry[2])
        if best[2] >= enough:
            return best
        return self._elsewhere(reader, structure, others)

    def _exchanged(
        self, reader: int, structure: int, others: Sequence[int], least: float
    ) -> Iterator[tuple[Kind, str, float, tuple]]:
        own_name = self.case.structures[structure].name
        own = self._crop(reader, structure)
        for other, drawn in enumerate(self.drawn):
            if other == structure:
                continue
            name = self.case.structures[other].name
            by_words = sorted(set(plain_name(own_name).split()) - {"left", "right"})
            sides = by_words == sorted(set(plain_name(name).split()) - {"left", "right"})
            there = self._median_dice(self._crop(reader, other), structure, others, least) if reader in drawn else 0.0
            back = self._median_dice(own, other, [n for n in others if n in drawn], least)
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
        own = self._crop(reader, structure)
        for axis, towards in enumerate(np.argmax(np.abs(self.case.geometry.axes_lps), axis=1)):
            first = list(own.start)
            first[axis] = self.case.geometry.size[axis] - own.start[axis] - own.array.shape[axis]
            flipped = replace(own, array=np.flip(own.array, axis), start=tuple(first))
            words = f"lies mirrored: {_ENDS[towards]} are exchanged in its grid"
            yield "mirrored", words, self._median_dice(flipped, structure, others), (axis,)

    def _shifted(self, reader: int, structure: int, others: Sequence[int]) -> Iterator[tuple[Kind, str, float, tuple]]:
        voxels = tuple(int(value) for value in np.rint(self._displacement(reader, structure, others)))
        reached = self._median_dice(self._moved(reader, structure, voxels), structure, others)
        yield "shifted", self._shift_words(voxels), reached, voxels

    def _moved(self, reader: int, structure: int, voxels: Sequence[int]) -> _Crop:
        own = self._crop(reader, structure)
        return replace(own, start=tuple(first - step for first, step in zip(own.start, voxels, strict=True)))

    def _shift_words(self, voxels: Sequence[int]) -> str:
        return f"lies {_way(self._way_mm(np.array(voxels)))} than what the others drew"

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
            f"'{name}' is something else than the others drew: its centre lies {_way(way)} than theirs",
            None,
            (structure,),
        )

    def _displacement(self, reader: int, structure: int, others: Sequence[int]) -> NDArray[np.float64]:
        centers = np.array([_center(self._crop(n, structure)) for n in others])
        return _center(self._crop(reader, structure)) - np.median(centers, axis=0)

    def _way_mm(self, voxels: NDArray) -> NDArray[np.float64]:
        return self.case.geometry.index_to_lps_matrix @ voxels

    def _median_dice(self, crop: _Crop | None, structure: int, others: Collection[int], least: float = 0.0) -> float:
        if crop is None or not others:
            return 0.0
        return median(_dice(crop, self._crop(n, structure), least) for n in others)

    def _crop(self, reader: int, structure: int) -> _Crop | None:
        if (reader, structure) not in self.crops:
            segment = self.case.structures[structure].segments[reader]
            box = self.case.box(reader, segment)
            if box is None:
                self.crops[reader, structure] = None
            else:
                mask = self.case.readers[reader].segmentation.mask(segment, box)
                self.crops[reader, structure] = _Crop(mask, tuple(part.start for part in box), int(np.count_nonzero(mask)))
        return self.crops[reader, structure]


_ENDS = ("left and right", "front and back", "head and feet")
_WORDS = (("further left", "further right"), ("further back", "further in front"), ("higher", "lower"))


def _way(lps_mm: NDArray[np.float64]) -> str:
    """Return a way in words: 12 mm further left and 3 mm higher."""
    parts = [
        f"{abs(value):.0f} mm {words[0] if value > 0 else words[1]}"
        for value, words in zip(lps_mm, _WORDS, strict=True)
        if abs(value) >= 0.5
    ]
    return " and ".join(parts) or "less than 0.5 mm elsewhere"


def _center(crop: _Crop) -> NDArray[np.float64]:
    profiles = [np.count_nonzero(crop.array, axis=others) for others in ((1, 2), (0, 2), (0, 1))]
    return np.array([profile @ np.arange(len(profile)) / crop.voxels for profile in profiles]) + crop.start


def _dice(a: _Crop, b: _Crop, least: float) -> float:
    """Return the Dice of two crops; 0 where their boxes and sizes tell already that it is below `least`."""
    low = np.maximum(a.start, b.start)
    high = np.minimum(np.add(a.start, a.array.shape), np.add(b.start, b.array.shape))
    most = min(a.voxels, b.voxels, int(np.prod(np.maximum(high - low, 0))))
    if most == 0 or 2 * most < least * (a.voxels + b.voxels):
        return 0.0
    parts = [crop.array[tuple(slice(p - s, q - s) for p, q, s in zip(low, high, crop.start, strict=True))] for crop in (a, b)]
    return 2 * int(np.count_nonzero(parts[0] & parts[1])) / (a.voxels + b.voxels)


def outliers_by_structure(outliers: Sequence[OutlierReader]) -> dict[str, tuple[str, ...]]:
    """Return the names of the readers who are outliers of each structure that has any."""
    named: dict[str, list[str]] = {}
    for outlier in outliers:
        for entry in outlier.structures:
            named.setdefault(entry.structure, []).append(outlier.reader)
    return {structure: tuple(dict.fromkeys(names)) for structure, names in named.items()}
