"""Put a known error into a draft of a training set, to see whether readers find it.

Errors are planted for a training set only: `plant` asks for one and marks every segment with it, and what is marked is
refused everywhere but in the cases of that set (see `training_mark`). How large an error is, is SegQC's own choice, made so
that a careful reader can see it on several voxels and a hurried one can miss it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SegQCLib.case import Segment, Segmentation, Volume
from SegQCLib.errors import BadDataError
from SegQCLib.geometry import Geometry
from SegQCLib.metrics.label_planes import foreground_box
from SegQCLib.protocol import plain_name
from SegQCLib.training_mark import refuse_outside_training
from SegQCLib.training_set import TrainingSet
from SegQCLib.words import few

# An island is this part of its structure, within these limits; it can be seen on several slices and is not the first thing seen.
_ISLAND_PART = 0.03
_ISLAND_ML = (0.1, 4.0)
_ISLAND_VOXELS = 30
_ISLAND_DISTANCE_MM = (4.0, 25.0)
_ISLAND_TRIES = 60
# Whole slices are lost, at least one in the middle and two at an end, and no more than this part of them or this height.
_MISSING_PART, _MISSING_MM = 0.12, 10.0
_LOST_END_PART, _LOST_END_MM = 0.18, 20.0
_FEWEST_SLICES = {"missing_slices": 5, "cut_end": 6}
SHRUNKEN_TO = 0.6
_FEWEST_VOXELS = 50
_THINNEST_VOXELS = 2.0


class PlantedErrorKind(StrEnum):
    """What is wrong with a draft. Stored in logs and in the truth of a training set: never rename one."""

    ISLAND = "island"
    MISSING_SLICES = "missing_slices"
    LEFT_RIGHT = "left_right"
    SHRUNKEN = "shrunken"
    CUT_END = "cut_end"

    @property
    def words(self) -> str:
        """How the kind is called in a sentence."""
        return _WORDS[self]


_WORDS = {
    PlantedErrorKind.ISLAND: "an island in neighbouring tissue",
    PlantedErrorKind.MISSING_SLICES: "missing slices in the middle",
    PlantedErrorKind.LEFT_RIGHT: "left and right exchanged",
    PlantedErrorKind.SHRUNKEN: "a shrunken outline",
    PlantedErrorKind.CUT_END: "a cut end",
}


@dataclass(frozen=True, eq=False)
class PlantedVoxels:
    """Voxels of the draft that are wrong now.

    Attributes
    ----------
    segment_id, segment : str
        Id and name of the segment that is wrong there.
    belongs : bool
        True: the voxels are the segment's and it lacks them. False: it has them and should not.
    start_kji : tuple of int
        First index (k, j, i) of the mask on the draft's grid.
    mask : ndarray of bool
    """

    segment_id: str
    segment: str
    belongs: bool
    start_kji: tuple[int, int, int]
    mask: NDArray[np.bool_]

    @property
    def box(self) -> tuple[slice, slice, slice]:
        return tuple(slice(first, first + size) for first, size in zip(self.start_kji, self.mask.shape, strict=True))


@dataclass(frozen=True, eq=False)
class PlantedError:
    """One error and where it is: what a reader must not see before the case is finished.

    Attributes
    ----------
    kind : PlantedErrorKind
    structure : str
        Name of the segment that it was planted into.
    partner : str or None
        The other side, of an exchange.
    seed : int
    volume_ml : float
        Volume of all wrong voxels, mL; of an exchange that of both structures.
    centre_lps_mm : tuple of float
        The wrong voxel nearest to the centre of all of them: where to jump to.
    voxels : tuple of PlantedVoxels
    """

    kind: PlantedErrorKind
    structure: str
    partner: str | None
    seed: int
    volume_ml: float
    centre_lps_mm: tuple[float, float, float]
    voxels: tuple[PlantedVoxels, ...]


@dataclass(frozen=True, eq=False)
class Planted:
    """A draft with an error in it, marked for its training set, and the error."""

    segmentation: Segmentation
    error: PlantedError


def plant(
    draft: Segmentation,
    kind: PlantedErrorKind,
    structure: str,
    *,
    seed: int,
    training_set: TrainingSet,
    image: Volume,
    shrunken_to: float = SHRUNKEN_TO,
) -> Planted:
    """Return a draft with one more error, the same for the same seed.

    An island is an ellipsoid of 3 % of the structure's volume (0.1 to 4 mL), 4 to 25 mm from it, in no other segment,
    and where the image's values are those found within the structure. Missing slices are 12 % of the structure's slices,
    at most 10 mm, from its middle third. A cut end lacks 18 % of them, at most 20 mm, on one side. A shrunken outline keeps
    the voxels that are deepest inside.

    Parameters
    ----------
    draft : Segmentation
        On the image's grid.
    kind : PlantedErrorKind
    structure : str
        Name of a segment, as `protocol.plain_name` understands it.
    seed : int
        Where there is a choice of place, it decides.
    training_set : TrainingSet
        Errors are planted for nothing else.
    image : Volume
        Of a case of that set.
    shrunken_to : float
        Part of its volume that a shrunken structure keeps, > 0 and < 1.

    Raises
    ------
    BadDataError
        If there is no such segment, it is empty, too thin or too short for this error, or has no partner on the other side;
        or if the draft was made for another training set.
    ValueError
        If draft and image are on different grids, the image is of no case of the set, or `shrunken_to` is not in (0, 1).
    """
    if image.training_set != training_set.id:
        raise ValueError("Errors are planted into drafts of a training set only; the image is of no case of that set.")
    if draft.geometry.size != image.geometry.size:
        raise ValueError(f"Draft is {draft.geometry.size}, image {image.geometry.size} (k, j, i): align the draft first.")
    if not 0 < shrunken_to < 1:
        raise ValueError(f"shrunken_to is {shrunken_to}; a part of the volume between 0 and 1 is needed.")
    refuse_outside_training(draft, image)
    segment = _segment_named(draft, structure)
    rng = np.random.default_rng(seed)
    if kind is PlantedErrorKind.LEFT_RIGHT:
        partner = _partner(draft, segment)
        wrong = (_all_of(draft, segment), _all_of(draft, partner))
        changed = _exchanged(draft, segment, partner)
    else:
        partner = None
        if kind is PlantedErrorKind.SHRUNKEN:
            wrong = (_shell(draft, segment, shrunken_to),)
        elif kind is PlantedErrorKind.ISLAND:
            wrong = (_island(draft, segment, image, rng),)
        else:
            wrong = (_lost_slices(draft, segment, kind, rng),)
        changed = _painted(draft, segment, wrong[0])
    marked = changed.with_segments(tuple(replace(one, training_set=training_set.id) for one in changed.segments))
    voxel_ml = draft.geometry.voxel_volume_mm3 / 1000
    error = PlantedError(
        kind=kind,
        structure=segment.name,
        partner=None if partner is None else partner.name,
        seed=seed,
        volume_ml=sum(int(np.count_nonzero(one.mask)) for one in wrong) * voxel_ml,
        centre_lps_mm=_middle_lps_mm(wrong[0], draft.geometry),
        voxels=wrong,
    )
    return Planted(replace(marked, name=f"{draft.name} TRAINING", source=None), error)


def _segment_named(draft: Segmentation, structure: str) -> Segment:
    found = [segment for segment in draft.segments if plain_name(segment.name) == plain_name(structure)]
    if len(found) != 1:
        raise BadDataError(
            draft.name,
            f"has {len(found) or 'no'} segments {structure!r}.",
            f"Name one of {few([segment.name for segment in draft.segments])}.",
        )
    if draft.box(found[0]) is None:
        raise BadDataError(draft.name, f"has no voxels of {found[0].name}.", "Choose a structure that the draft has found.")
    return found[0]


def _partner(draft: Segmentation, segment: Segment) -> Segment:
    words = plain_name(segment.name).split()
    sides = {"left": "right", "right": "left"}
    other = " ".join(sides.get(word, word) for word in words)
    found = [one for one in draft.segments if plain_name(one.name) == other and draft.box(one) is not None]
    if not sides.keys() & set(words) or len(found) != 1:
        raise BadDataError(
            draft.name,
            f"has no partner of {segment.name} on the other side.",
            "Left and right are exchanged between two segments with voxels whose names differ in left and right only.",
        )
    return found[0]


def _all_of(draft: Segmentation, segment: Segment) -> PlantedVoxels:
    mask, start = draft.cropped_reader(segment)()
    return PlantedVoxels(segment.id, segment.name, True, start, mask)


def _exchanged(draft: Segmentation, a: Segment, b: Segment) -> Segmentation:
    places = {a.id: (b.layer, b.label_value), b.id: (a.layer, a.label_value)}
    swapped = []
    for segment in draft.segments:
        layer, label_value = places.get(segment.id, (segment.layer, segment.label_value))
        swapped.append(replace(segment, layer=layer, label_value=label_value))
    return draft.with_segments(tuple(swapped))


def _lost_slices(draft: Segmentation, segment: Segment, kind: PlantedErrorKind, rng: np.random.Generator) -> PlantedVoxels:
    mask, start = draft.cropped_reader(segment)()
    slices = mask.shape[0]
    if slices < _FEWEST_SLICES[kind]:
        raise _too_small(draft, segment, f"lies on {slices} slices, and {_FEWEST_SLICES[kind]} are needed")
    if kind is PlantedErrorKind.MISSING_SLICES:
        lost = max(1, round(min(_MISSING_PART * slices, _MISSING_MM / draft.geometry.spacing_mm[0])))
        lowest = max(2, slices // 3)
        first = int(rng.integers(lowest, max(lowest, min(slices - 2 - lost, 2 * slices // 3 - lost)) + 1))
    else:
        lost = max(2, round(min(_LOST_END_PART * slices, _LOST_END_MM / draft.geometry.spacing_mm[0])))
        first = 0 if rng.integers(2) else slices - lost
    part = mask[first : first + lost]
    if not part.any():
        raise _too_small(draft, segment, "has no voxels on the slices that were to be dropped")
    return _cropped(segment, True, part, (start[0] + first, *start[1:]))


def _shell(draft: Segmentation, segment: Segment, kept_part: float) -> PlantedVoxels:
    mask, start = draft.cropped_reader(segment)()
    voxels = int(np.count_nonzero(mask))
    spacing = np.asarray(draft.geometry.spacing_mm)
    depth = ndimage.distance_transform_edt(np.pad(mask, 1), sampling=spacing)[1:-1, 1:-1, 1:-1]
    if voxels < _FEWEST_VOXELS or depth.max() < _THINNEST_VOXELS * spacing.min():
        raise _too_small(draft, segment, f"has {voxels} voxels, at most {depth.max():.1f} mm deep")
    inside = np.flatnonzero(mask)
    # Stable: of voxels that are equally deep, always the same ones go.
    by_depth = inside[np.argsort(depth.ravel()[inside], kind="stable")]
    lost = np.zeros(mask.size, bool)
    lost[by_depth[: voxels - round(kept_part * voxels)]] = True
    return _cropped(segment, True, lost.reshape(mask.shape), start)


def _island(draft: Segmentation, segment: Segment, image: Volume, rng: np.random.Generator) -> PlantedVoxels:
    grid = draft.geometry
    spacing = np.asarray(grid.spacing_mm)
    voxel_ml = grid.voxel_volume_mm3 / 1000
    volume_ml = float(np.clip(_ISLAND_PART * draft.voxel_count(segment) * voxel_ml, *_ISLAND_ML))
    radius_mm = (3 * 1000 * max(volume_ml, _ISLAND_VOXELS * voxel_ml) / (4 * np.pi)) ** (1 / 3)
    reach = np.ceil((_ISLAND_DISTANCE_MM[1] + 2 * radius_mm) / spacing).astype(int)
    box = tuple(
        slice(max(0, axis.start - n), min(size, axis.stop + n))
        for axis, n, size in zip(draft.box(segment), reach, grid.size, strict=True)
    )
    own = draft.mask(segment, box)
    away_mm = ndimage.distance_transform_edt(~own, sampling=spacing)
    free = away_mm >= _ISLAND_DISTANCE_MM[0]
    for layer in draft.layers:
        free &= layer[box] == 0
    if image.array is not None:
        values = image.array[box]
        # The outermost values of a structure are those of its edge, half neighbour.
        low, high = np.quantile(values[own], (0.05, 0.95))
        free_centres = free & (values >= low) & (values <= high)
    else:
        free_centres = free
    centres = np.flatnonzero(free_centres & (away_mm <= _ISLAND_DISTANCE_MM[1] + radius_mm))
    for _ in range(_ISLAND_TRIES if len(centres) else 0):
        centre = np.unravel_index(centres[rng.integers(len(centres))], own.shape)
        piece = _ellipsoid_at(centre, radius_mm * rng.uniform(0.8, 1.25, size=3), spacing, free)
        if np.count_nonzero(piece) * voxel_ml >= 0.5 * volume_ml and np.count_nonzero(piece) >= _ISLAND_VOXELS // 2:
            return _cropped(segment, False, piece, tuple(axis.start for axis in box))
    raise BadDataError(
        draft.name,
        f"leaves no room for an island of {segment.name} within {_ISLAND_DISTANCE_MM[1]:g} mm of it.",
        "Choose another structure or another kind of error.",
    )


def _ellipsoid_at(
    centre: tuple[int, ...], radii_mm: NDArray[np.float64], spacing: NDArray[np.float64], free: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return the part of an ellipsoid that is free and connected to its centre."""
    offsets = [(np.arange(size) - middle) * step for size, middle, step in zip(free.shape, centre, spacing, strict=True)]
    squares = [(offset / radius) ** 2 for offset, radius in zip(offsets, radii_mm, strict=True)]
    inside = (squares[0][:, None, None] + squares[1][None, :, None] + squares[2][None, None, :] <= 1) & free
    pieces, _ = ndimage.label(inside)
    return pieces == pieces[centre] if pieces[centre] else np.zeros_like(inside)


def _cropped(segment: Segment, belongs: bool, mask: NDArray[np.bool_], start: tuple[int, ...]) -> PlantedVoxels:
    box = foreground_box(mask.view(np.uint8), 1)
    first = tuple(int(at + axis.start) for at, axis in zip(start, box, strict=True))
    return PlantedVoxels(segment.id, segment.name, belongs, first, np.ascontiguousarray(mask[box]))


def _painted(draft: Segmentation, segment: Segment, wrong: PlantedVoxels) -> Segmentation:
    layers = list(draft.layers)
    layers[segment.layer] = layers[segment.layer].copy()
    layers[segment.layer][wrong.box][wrong.mask] = 0 if wrong.belongs else segment.label_value
    return replace(draft, layers=tuple(layers), stored=None)


def _middle_lps_mm(wrong: PlantedVoxels, grid: Geometry) -> tuple[float, float, float]:
    places = np.argwhere(wrong.mask) + wrong.start_kji
    from_middle_mm = (places - places.mean(axis=0)) * np.asarray(grid.spacing_mm)
    # Of a hollow shell the centre itself is no part of the error.
    nearest = places[np.argmin((from_middle_mm**2).sum(axis=1))]
    return tuple(round(float(value), 3) for value in grid.lps_mm(nearest))


def _too_small(draft: Segmentation, segment: Segment, why: str) -> BadDataError:
    return BadDataError(draft.name, f"{segment.name} {why}.", "Choose a larger structure or another kind of error.")
