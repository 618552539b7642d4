"""Several readers' segmentations of one case on one grid, with their structures matched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from SegQCLib.agreement.structures import Structure, match_structures
from SegQCLib.algorithm_type import AlgorithmType
from SegQCLib.alignment import align, extent_text, was_resampled
from SegQCLib.case import Box, Segment, Segmentation, Volume
from SegQCLib.errors import BadDataError
from SegQCLib.geometry import Geometry, axis_order, boxes_overlap, part_of, reorder_axes
from SegQCLib.metrics.label_planes import foreground_box, scan_planes
from SegQCLib.part_of_grid import place_in_grid

# Who holds a voxel is kept as one bit for each reader.
MOST_READERS = 16


@dataclass(frozen=True, eq=False)
class Reader:
    """One reader's segmentation of the case.

    Attributes
    ----------
    name : str
        Unique in the case.
    segmentation : Segmentation
        On the grid of the case.
    ai_anchored : bool or None
        Whether the reader saw an AI result of this case before the segmentation was finished. None: not known.
    anchoring_basis : str
        How that is known, in words.
    resampled : bool
        Whether it had to be resampled to the grid (nearest voxel), which moves its surface by up to half a voxel.
    """

    name: str
    segmentation: Segmentation
    ai_anchored: bool | None
    anchoring_basis: str
    resampled: bool


@dataclass(frozen=True, eq=False)
class ReadersOfCase:
    """Readers of one case on one grid.

    Attributes
    ----------
    readers : tuple of Reader
        Two or more.
    geometry : Geometry
    grid : str
        Which grid that is, and why, in a sentence.
    structures : tuple of Structure
        Matched over all readers, see `match_structures`.
    """

    readers: tuple[Reader, ...]
    geometry: Geometry
    grid: str
    structures: tuple[Structure, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(reader.name for reader in self.readers)

    def box(self, reader: int, segment: Segment | None) -> Box | None:
        """Return the bounding box (k, j, i) of a reader's segment; None if there is none or it has no voxels."""
        return None if segment is None else self._boxes[reader].get((segment.layer, segment.label_value))

    @cached_property
    def _boxes(self) -> tuple[dict[tuple[int, int], Box], ...]:
        # From runs in a quarter of the time that scipy's find_objects takes for each whole grid.
        return tuple(
            {
                (number, value): tuple(
                    slice(int(first.min()), int(last.max()) + 1)
                    for first, last in ((runs.k, runs.k), (runs.j, runs.j), (runs.start, runs.stop - 1))
                )
                for number, layer in enumerate(reader.segmentation.layers)
                for value, runs in scan_planes(layer, foreground_box(layer, 1), runs=True).runs.items()
            }
            for reader in self.readers
        )

    def structure(self, name: str) -> Structure:
        """Return a structure by its name.

        Raises
        ------
        ValueError
            If no reader has it.
        """
        for structure in self.structures:
            if structure.name == name:
                return structure
        raise ValueError(f"No reader has a structure {name!r}; there are {', '.join(s.name for s in self.structures) or 'none'}.")


def readers_of_case(
    segmentations: Sequence[Segmentation],
    image: Volume | None = None,
    *,
    names: Sequence[str] | None = None,
    ai_anchored: Collection[str] | None = None,
) -> ReadersOfCase:
    """Bring the segmentations of two or more readers onto one grid and match their structures.

    Parameters
    ----------
    segmentations : sequence of Segmentation
        One for each reader, 2 to 16.
    image : Volume, optional
        What they were drawn on: its grid is used. Default: the grid that most readers drew on (where none leads, the one
        with the smallest voxels, which loses least), made large enough to hold what everybody drew.
    names : sequence of str, optional
        Of the readers; default: the names of the segmentations, with a number where two are equal.
    ai_anchored : collection of str, optional
        Names of the readers who saw an AI result of this case; everybody else then saw none. Default: what the segments
        say, AUTOMATIC or SEMIAUTOMATIC (a person edited a draft) being AI-anchored, MANUAL alone being AI-free.

    Raises
    ------
    ValueError
        If there are fewer than two readers or more than 16, or names are not unique, too few, or unknown.
    BadDataError
        If the segmentations do not overlap in space: they are of different patients or scans.
    """
    if not 2 <= len(segmentations) <= MOST_READERS:
        raise ValueError(f"Agreement needs 2 to {MOST_READERS} readers; {len(segmentations)} were given.")
    names = unique_names([s.name for s in segmentations]) if names is None else list(names)
    if len(names) != len(segmentations) or len(set(names)) != len(names):
        raise ValueError(f"{len(segmentations)} readers need as many names, each once; given are {', '.join(names)}.")
    unknown = sorted(set(ai_anchored or ()) - set(names))
    if unknown:
        raise ValueError(f"No reader is called {', '.join(unknown)}; there are {', '.join(names)}.")
    geometry, grid = (image.geometry, "the image's grid") if image is not None else _common_grid(segmentations, names)
    readers = []
    for name, segmentation in zip(names, segmentations, strict=True):
        aligned = align(segmentation, geometry)
        anchored, basis = _anchoring(segmentation) if ai_anchored is None else (name in ai_anchored, "as stated")
        readers.append(Reader(name, aligned, anchored, basis, was_resampled(aligned)))
    return ReadersOfCase(tuple(readers), geometry, grid, match_structures([reader.segmentation for reader in readers]))


def unique_names(names: Sequence[str]) -> list[str]:
    """Return names with a number after those that were there before."""
    made: list[str] = []
    for name in names:
        number, free = 1, name
        while free in made:
            number += 1
            free = f"{name} ({number})"
        made.append(free)
    return made


def _anchoring(segmentation: Segmentation) -> tuple[bool | None, str]:
    kinds = {segment.algorithm_type for segment in segmentation.segments}
    if kinds & {AlgorithmType.AUTOMATIC, AlgorithmType.SEMIAUTOMATIC}:
        found = sorted(kind for kind in kinds if kind in (AlgorithmType.AUTOMATIC, AlgorithmType.SEMIAUTOMATIC))
        return True, f"its segments are marked {' and '.join(found)}"
    if kinds == {AlgorithmType.MANUAL}:
        return False, "its segments are marked MANUAL"
    return None, "nobody said, and its segments do not tell"


def _common_grid(segmentations: Sequence[Segmentation], names: Sequence[str]) -> tuple[Geometry, str]:
    # An empty segmentation may be stored as one voxel anywhere.
    drawn = [n for n, s in enumerate(segmentations) if any(layer.any() for layer in s.layers)] or [0]
    geometries = {n: segmentations[n].geometry for n in drawn}
    same = {n: [m for m in drawn if place_in_grid(geometries[m], geometries[n]) is not None] for n in drawn}
    # Fewer resampled readers first, then smaller voxels; then the first reader.
    first = min(drawn, key=lambda n: (-len(same[n]), geometries[n].voxel_volume_mm3, n))
    lattice = geometries[first]
    for n in drawn:
        if n not in same[first] and not boxes_overlap(lattice, geometries[n]):
            raise BadDataError(
                names[n],
                f"lies elsewhere than {names[first]}: it covers {extent_text(geometries[n])}, the other {extent_text(lattice)}"
                " (LPS, mm).",
                "Are they of one patient and one scan? Leave out the one that is not.",
            )
    whole = _enclosing(lattice, list(geometries.values()))
    larger = "" if whole.size == lattice.size else ", made large enough for all"
    if len(same[first]) == len(drawn):
        return whole, f"the voxels that all readers drew on{larger}"
    counts = Counter(len(found) for found in same.values())
    leads = len(same[first]) > 1 and counts[len(same[first])] == len(same[first])
    why = f"that {len(same[first])} of {len(drawn)} readers drew on" if leads else "with the smallest voxels that a reader drew on"
    return whole, f"the grid {why} (that of {names[first]}){larger}; others were resampled to it (nearest voxel)"


def _enclosing(lattice: Geometry, geometries: list[Geometry]) -> Geometry:
    """Return the part of a lattice without end that holds all grids."""
    low, high = np.zeros(3, int), np.array(lattice.size)
    for geometry in geometries:
        start = place_in_grid(geometry, lattice)
        if start is not None:
            first, stop = np.array(start), np.add(start, reorder_axes(geometry, axis_order(geometry, lattice)).size)
        else:
            index = lattice.index_kji(geometry.corners_lps_mm())
            # Corners are half a voxel beyond the centres; only voxels whose centre lies inside can be met.
            first, stop = np.ceil(index.min(axis=0)).astype(int), np.floor(index.max(axis=0)).astype(int) + 1
        low, high = np.minimum(low, first), np.maximum(high, stop)
    return part_of(lattice, low, high - low)
