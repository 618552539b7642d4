"""Where readers of one case disagree: voxels, connected pieces, slices, and a map.

The map has one definition: the share of all pairs of readers who differ at a voxel, one holding it and the other not. It is 0
where all agree and, with k readers of whom m hold the voxel, 2 m (k - m) / (k (k - 1)): with two readers 1 where they
differ, with three 0.67, with four 0.5 (one against three) or 0.67 (two against two). Over all structures a pair differs at a voxel
if it differs there on any structure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from statistics import fmean

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SegQCLib.agreement.readers_of_case import ReadersOfCase
from SegQCLib.case import Box, Volume
from SegQCLib.geometry import Vector
from SegQCLib.place import place_of
from SegQCLib.progress import Progress, counted, unwatched

_CORNERS_TOUCH = np.ones((3, 3, 3), bool)


@dataclass(frozen=True, eq=False)
class Holders:
    """Which readers hold each voxel of a structure.

    Attributes
    ----------
    structure : str
    readers : tuple of str
    box : tuple of slice
        The part (k, j, i) of the case's grid that holds what any reader drew.
    code : ndarray of uint8 or uint16, shape (k, j, i) of the box
        Bit n: reader n holds the voxel.
    """

    structure: str
    readers: tuple[str, ...]
    box: Box
    code: NDArray[np.unsignedinteger]

    @property
    def everybody(self) -> int:
        return (1 << len(self.readers)) - 1

    @property
    def differs(self) -> NDArray[np.bool_]:
        """Voxels that some readers hold and others do not, shape of the box."""
        return (self.code != 0) & (self.code != self.everybody)


@dataclass(frozen=True, eq=False)
class DisagreementComponent:
    """A connected piece of voxels that the same readers hold and the same readers do not.

    Attributes
    ----------
    structure : str
    number : int
        From 1 in its structure, the largest first.
    holders, others : tuple of str
        Names of the readers whose segment it belongs to, and of those whose segment it does not.
    box : tuple of slice
        The part (k, j, i) of the case's grid that it fills.
    mask : ndarray of bool, shape (k, j, i) of the box
    voxels : int
    size_ml : float
    center_lps_mm : tuple of float
        Centre of mass; it may lie outside of a bent piece.
    location_lps_mm : tuple of float
        A voxel of it near the centre: where to look.
    """

    structure: str
    number: int
    holders: tuple[str, ...]
    others: tuple[str, ...]
    box: Box
    mask: NDArray[np.bool_]
    voxels: int
    size_ml: float
    center_lps_mm: Vector
    location_lps_mm: Vector


@dataclass(frozen=True)
class DisagreementSlice:
    """One slice of one structure on which readers disagree: where to jump to."""

    structure: str = field(metadata={"doc": "Name of the structure."})
    k: int = field(metadata={"doc": "Slice number on the case's grid, from 0."})
    size_ml: float = field(metadata={"doc": "Voxels of this slice that some readers hold and others do not, as a volume in mL."})
    mean_dice: float | None = field(
        metadata={"doc": "Mean Dice of all pairs on this slice, 0 to 1; pairs that both have nothing there are left out."}
    )
    location_lps_mm: Vector = field(metadata={"doc": "A disputed voxel near the middle of all that are, LPS, mm."})


def holders_of(case: ReadersOfCase, structure: str, without: Collection[str] = ()) -> Holders | None:
    """Return who holds each voxel of a structure; None if nobody drew any.

    Parameters
    ----------
    case : ReadersOfCase
    structure : str
    without : collection of str
        Readers who are not looked at.

    Raises
    ------
    ValueError
        If no reader has a structure of this name.
    """
    segments = enumerate(case.structure(structure).segments)
    drawn = [(n, segment) for n, segment in segments if case.names[n] not in without]
    own = [case.box(n, segment) for n, segment in drawn]
    boxes = [box for box in own if box is not None]
    if not boxes:
        return None
    box = tuple(slice(min(b[axis].start for b in boxes), max(b[axis].stop for b in boxes)) for axis in range(3))
    code = np.zeros([part.stop - part.start for part in box], np.uint8 if len(drawn) <= 8 else np.uint16)
    for bit, (part, (n, segment)) in enumerate(zip(own, drawn, strict=True)):
        if part is not None:
            inside = tuple(slice(p.start - b.start, p.stop - b.start) for p, b in zip(part, box, strict=True))
            code[inside] |= case.readers[n].segmentation.mask(segment, part) * code.dtype.type(1 << bit)
    return Holders(structure, tuple(case.names[n] for n, _ in drawn), box, code)


def disagreement_components(
    case: ReadersOfCase, structure: str, without: Collection[str] = ()
) -> tuple[DisagreementComponent, ...]:
    """Return the connected pieces that readers disagree about, the largest first.

    Voxels are of one piece if the same readers hold them and they share a face, edge or corner: each piece then is one
    question, do these voxels belong to the structure or not.

    Parameters
    ----------
    case : ReadersOfCase
    structure : str
    without : collection of str
        Readers who are not looked at, as outliers.

    Raises
    ------
    ValueError
        If no reader has a structure of this name.
    """
    held = holders_of(case, structure, without)
    if held is None:
        return ()
    found = []
    for code, box in enumerate(ndimage.find_objects(held.code.astype(np.int32), max_label=held.everybody - 1), start=1):
        if box is None:
            continue
        numbers, _ = ndimage.label(held.code[box] == code, _CORNERS_TOUCH)
        for number, part in enumerate(ndimage.find_objects(numbers), start=1):
            mask = numbers[part] == number
            starts = [h.start + b.start + p.start for h, b, p in zip(held.box, box, part, strict=True)]
            whole = tuple(slice(start, start + size) for start, size in zip(starts, mask.shape, strict=True))
            found.append((int(np.count_nonzero(mask)), code, whole, mask))
    # Equal sizes in the order of the grid, whatever the order of readers.
    found.sort(key=lambda piece: (-piece[0], *(part.start for part in piece[2])))
    components = []
    for number, (voxels, code, box, mask) in enumerate(found, start=1):
        place = place_of(mask, box, case.geometry)
        holds = [bool(code >> n & 1) for n in range(len(held.readers))]
        components.append(
            DisagreementComponent(
                structure=structure,
                number=number,
                holders=tuple(name for name, held_by in zip(held.readers, holds, strict=True) if held_by),
                others=tuple(name for name, held_by in zip(held.readers, holds, strict=True) if not held_by),
                box=box,
                mask=mask,
                voxels=voxels,
                size_ml=place.size_mm3 / 1000,
                center_lps_mm=place.center_lps_mm,
                location_lps_mm=place.location_lps_mm,
            )
        )
    return tuple(components)


def disagreement_map(case: ReadersOfCase, structures: Sequence[str] | None = None, progress: Progress = unwatched) -> Volume:
    """Return for each voxel the share of pairs of readers who differ there, on the case's grid.

    Parameters
    ----------
    case : ReadersOfCase
    structures : sequence of str, optional
        Which structures; default: all.
    progress : Progress

    Returns
    -------
    Volume
        float32, 0 (all agree) to 1 (two readers who differ); see the head of this file for its values in between.

    Raises
    ------
    ValueError
        If no reader has a structure of one of the names.
    """
    names = [structure.name for structure in case.structures] if structures is None else list(structures)
    pairs = list(combinations(range(len(case.readers)), 2))
    places, codes = [], []
    for name in counted(progress, "Looking for differences", names):
        held = holders_of(case, name)
        if held is None:
            continue
        at = np.nonzero(held.differs)
        codes.append(held.code[at])
        index = tuple(axis + part.start for axis, part in zip(at, held.box, strict=True))
        places.append(np.ravel_multi_index(index, case.geometry.size))
    values = np.zeros(case.geometry.size, np.float32)
    if places:
        place, number = np.unique(np.concatenate(places), return_inverse=True)
        code = np.concatenate(codes)
        share = np.zeros(len(place), np.float32)
        for a, b in pairs:
            differing = (code >> a ^ code >> b) & 1 == 1
            share[np.unique(number[differing])] += 1
        values.reshape(-1)[place] = share / len(pairs)
    return Volume(values, case.geometry)


def worst_slices(
    case: ReadersOfCase,
    structures: Sequence[str] | None = None,
    *,
    outliers: Mapping[str, Collection[str]] | None = None,
    most: int = 10,
) -> tuple[DisagreementSlice, ...]:
    """Return the slices on which readers disagree about the largest volume, the largest first.

    They are not ranked by Dice: on the last slices of an organ a few voxels make a Dice of 0, and correcting them changes
    nothing. What costs most volume is what is worth a look.

    Parameters
    ----------
    case : ReadersOfCase
    structures : sequence of str, optional
        Which structures; default: all.
    outliers : mapping of structure to names of readers, optional
        Readers who are not looked at on one structure: an exchanged label would fill the list.
    most : int
        How many slices at most, over all structures.

    Raises
    ------
    ValueError
        If no reader has a structure of one of the names.
    """
    names = [structure.name for structure in case.structures] if structures is None else list(structures)
    left_out = outliers or {}
    all_held = [holders_of(case, name, left_out.get(name, ())) for name in names]
    found = [entry for held in all_held if held is not None for entry in _slices(held)]
    found.sort(key=lambda entry: (-entry[0], names.index(entry[1].structure), entry[2]))
    slices = []
    for voxels, held, k, dice in found[:most]:
        box = (slice(held.box[0].start + k, held.box[0].start + k + 1), *held.box[1:])
        place = place_of(held.differs[k : k + 1], box, case.geometry)
        size_ml = voxels * case.geometry.voxel_volume_mm3 / 1000
        slices.append(DisagreementSlice(held.structure, box[0].start, size_ml, dice, place.location_lps_mm))
    return tuple(slices)


def _slices(held: Holders) -> Iterator[tuple[int, Holders, int, float | None]]:
    """Yield voxels that differ, the holders, slice in the box, and mean Dice, of each slice on which readers differ."""
    pairs = list(combinations(range(len(held.readers)), 2))
    for k, plane in enumerate(held.code):
        counts = np.bincount(plane.ravel(), minlength=held.everybody + 1)
        differing = int(counts[1 : held.everybody].sum())
        if not differing:
            continue
        codes = np.flatnonzero(counts)
        holds = codes[:, None] >> np.arange(len(held.readers)) & 1
        both = holds.T @ (holds * counts[codes, None])
        values = [2 * both[a, b] / (both[a, a] + both[b, b]) for a, b in pairs if both[a, a] + both[b, b]]
        yield differing, held, k, fmean(values) if values else None
