"""All measures of all labels of two segmentations in one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from SegQCLib.case import Box
from SegQCLib.metrics.distance_statistics import Elements, SurfaceNumbers, surface_numbers
from SegQCLib.metrics.label_planes import LabelPlanes, Points, Runs, foreground_box, scan_planes
from SegQCLib.metrics.nearest import nearest_distances
from SegQCLib.metrics.pieces import Pieces, count_pieces
from SegQCLib.metrics.shared_voxels import shared_voxels, voxel_counts
from SegQCLib.metrics.surface_area import surface_areas_mm2
from SegQCLib.progress import Progress, counted, part, unwatched
from SegQCLib.threads import thread_count

Definition = Literal["surfel", "voxel"]
Result = TypeVar("Result")
_SMALL_MAP_BYTES = 32_000_000
Index = tuple[float, float, float]
# A mask of the whole grid, or a crop with the index (k, j, i) of its first voxel, or a function that reads one of these.
Mask = NDArray[np.bool_] | tuple[NDArray[np.bool_], tuple[int, int, int]]
Masks = Mapping[int, Mask | Callable[[], Mask]]
# A label map (k, j, i) and the value that a label has in it.
LabelIn = tuple[NDArray[np.integer], int]


@dataclass(frozen=True)
class SegmentComparison:
    """One label in two segmentations. None: undefined, because the label is absent on one side or on both.

    Attributes
    ----------
    label : int
    definition : str
        surfel or voxel: what the distances and the surface Dice are measured between.
    voxels_reference, voxels_candidate : int
    volume_reference_mm3, volume_candidate_mm3 : float
        Voxel count times voxel volume.
    dice, jaccard : float or None
        0 to 1, higher is better; 0 if one side is empty, None if both are.
    relative_volume_difference : float or None
        (candidate - reference) / reference; None without a reference.
    hausdorff_mm, hausdorff_95_mm, assd_mm : float or None
        Largest distance, larger of the two directed 95th percentiles, average over both directions. Lower is better.
    surface_dice : tuple of (tolerance in mm, value or None)
        0 to 1, higher is better; 0 if one side is empty, None if both are.
    added_path_voxels : int or None
        In-plane contour voxels of the reference, slice by slice (k), that are not contour voxels of the
        candidate: what a reader who corrects the candidate would have to draw anew (Vaassen et al., Phys Imaging
        Radiat Oncol 2020;13:1-6). None where it was not asked for.
    added_path_length_mm : float or None
        The same as a length: voxels times the mean in-plane voxel size.
    pieces_reference, pieces_candidate : Pieces or None
        Islands and holes; None for an empty side, or where they were not asked for.
    worst_point_kji : tuple of float or None
        Index (k, j, i) of the point that is farthest from the other surface; between voxels for surfel.
    worst_point_side : str or None
        reference or candidate: whose surface that point is on.
    """

    label: int
    definition: Definition
    voxels_reference: int
    voxels_candidate: int
    volume_reference_mm3: float
    volume_candidate_mm3: float
    dice: float | None
    jaccard: float | None
    relative_volume_difference: float | None
    hausdorff_mm: float | None
    hausdorff_95_mm: float | None
    assd_mm: float | None
    surface_dice: tuple[tuple[float, float | None], ...]
    added_path_voxels: int | None
    added_path_length_mm: float | None
    pieces_reference: Pieces | None
    pieces_candidate: Pieces | None
    worst_point_kji: Index | None
    worst_point_side: Literal["reference", "candidate"] | None


@dataclass(frozen=True, eq=False)
class _Found:
    """What is known of one label on one side."""

    points: Points | None
    contour: Points | None
    pieces: Pieces | None
    voxels: int


_ABSENT = _Found(None, None, None, 0)


def compare(
    reference: NDArray[np.integer] | Masks,
    candidate: NDArray[np.integer] | Masks,
    spacing_mm: Sequence[float],
    *,
    labels: Sequence[int] | None = None,
    tolerances_mm: Sequence[float] | Mapping[int, Sequence[float]] = (1.0, 2.0, 3.0),
    definition: Definition = "surfel",
    pieces: bool = True,
    workers: int | None = None,
    progress: Progress = unwatched,
) -> list[SegmentComparison]:
    """Return every measure of every label.

    Parameters
    ----------
    reference, candidate : ndarray of integers, shape (k, j, i), or mapping of label to mask
        Label maps on one grid, 0 being background. Or masks, which may overlap, be cropped, and be read
        when they are needed: see `Mask`.
    spacing_mm : sequence of float
        (k, j, i), in mm, > 0.
    labels : sequence of int, optional
        Which labels, in which order; default: all that either side has, ascending.
    tolerances_mm : sequence of float, or mapping of label to sequence
        Tolerances of the surface Dice in mm; a mapping may give each structure its own.
    definition : {"surfel", "voxel"}
        surfel: elements of the surface between voxels, weighted by area (Nikolov et al., J Med Internet Res
        2021;23:e26151). voxel: border voxels (6-connected), each counting once, as in MONAI and MetricsReloaded.
    pieces : bool
        Whether to count islands and holes and to measure the added path as well. Without them a comparison takes two
        thirds of the time, for numbers that follow an edit as it is made.
    workers : int, optional
        Threads; default: one for each processor, and one alone for small maps, where threads would wait for each
        other longer than they work. The result does not depend on it.
    progress : Progress
        Told of each label, in the caller's thread.

    Returns
    -------
    list of SegmentComparison
        Labels that only one side has are among them.

    Raises
    ------
    ValueError
        If grids or spacing do not fit, labels are negative, or only one side is a mapping.
    """
    spacing = _checked_spacing(spacing_mm, definition)
    threads = workers or _threads_for(reference)
    if isinstance(reference, Mapping) != isinstance(candidate, Mapping):
        raise ValueError("reference and candidate must both be label maps, or both be mappings of label to mask.")
    measure = _Measure(spacing, tolerances_mm, definition, pieces)
    if isinstance(reference, Mapping):
        wanted = sorted({*reference, *candidate}) if labels is None else list(labels)
        work = [lambda label=label: measure.masks(label, reference.get(label), candidate.get(label)) for label in wanted]
        return _run(work, threads, progress)
    return _compare_maps(np.asarray(reference), np.asarray(candidate), labels, measure, threads, progress)


def compare_every_pair(
    readers: Sequence[Mapping[int, LabelIn]],
    spacing_mm: Sequence[float],
    *,
    labels: Sequence[int],
    tolerances_mm: Sequence[float] | Mapping[int, Sequence[float]] = (1.0, 2.0, 3.0),
    definition: Definition = "surfel",
    workers: int | None = None,
    progress: Progress = unwatched,
) -> dict[tuple[int, int], list[SegmentComparison]]:
    """Return every measure of every label for every pair of readers, without islands, holes and added path.

    The values are those of `compare` for each pair; each reader's surfaces are looked for once and not once per pair.

    Parameters
    ----------
    readers : sequence of mapping of label to (label map, value)
        Two or more, on one grid: in which array of shape (k, j, i) a label's voxels have which value. Labels that
        overlap are in different arrays. A label that a reader does not have counts as empty.
    labels : sequence of int
        Which labels, in which order.
    spacing_mm, tolerances_mm, definition, workers, progress
        As in `compare`.

    Returns
    -------
    dict of (first reader, second reader) to list of SegmentComparison
        First < second; the first is the reference of the pair. Lists are in the order of `labels`.

    Raises
    ------
    ValueError
        If the spacing or the definition does not fit, or label maps have negative values.
    """
    measure = _Measure(_checked_spacing(spacing_mm, definition), tolerances_mm, definition, pieces=False)
    pairs = list(combinations(range(len(readers)), 2))
    arrays = {id(array): array for reader in readers for array, _ in reader.values()}
    threads = workers or (1 if sum(array.nbytes for array in arrays.values()) < _SMALL_MAP_BYTES else thread_count())
    planes, voxels = {}, {}
    for key, array in zip(arrays, counted(part(progress, 0.0, 0.4), "Looking for surfaces", list(arrays.values())), strict=True):
        planes[key] = measure.scan(array, foreground_box(array, threads), threads)
        voxels[key] = voxel_counts(planes[key].runs)

    def found(reader: Mapping[int, LabelIn], label: int) -> tuple[_Found, Mapping[int, Runs]]:
        if label not in reader:
            return _ABSENT, {}
        array, value = reader[label]
        own = planes[id(array)]
        runs = {label: own.runs[value]} if value in own.runs else {}
        return measure.found(own, {}, value, voxels[id(array)].get(value, 0)), runs

    def one(label: int) -> list[SegmentComparison]:
        sides = [found(reader, label) for reader in readers]
        both = {(a, b): shared_voxels(sides[a][1], sides[b][1]).get(label, 0) for a, b in pairs}
        return [measure.compared(label, sides[a][0], sides[b][0], both[a, b]) for a, b in pairs]

    # Largest first: no thread is left alone with a large one at the end.
    order = sorted(labels, key=lambda label: -max(found(reader, label)[0].voxels for reader in readers))
    compared = _run([lambda label=label: one(label) for label in order], threads, part(progress, 0.4, 1.0))
    done = dict(zip(order, compared, strict=True))
    return {pair: [done[label][n] for label in labels] for n, pair in enumerate(pairs)}


def _checked_spacing(spacing_mm: Sequence[float], definition: Definition) -> tuple[float, float, float]:
    spacing = tuple(float(s) for s in spacing_mm)
    if len(spacing) != 3 or not all(np.isfinite(s) and s > 0 for s in spacing):
        raise ValueError(f"spacing_mm is {tuple(spacing_mm)}; three distances > 0 in mm are needed, in the order (k, j, i).")
    if definition not in ("surfel", "voxel"):
        raise ValueError(f"definition is {definition!r}; 'surfel' and 'voxel' are known.")
    return spacing


def _threads_for(reference: NDArray | Masks) -> int:
    small = not isinstance(reference, Mapping) and np.asarray(reference).nbytes < _SMALL_MAP_BYTES
    return 1 if small else thread_count()


def _compare_maps(
    reference: NDArray, candidate: NDArray, labels: Sequence[int] | None, measure: _Measure, threads: int, progress: Progress
) -> list[SegmentComparison]:
    if reference.shape != candidate.shape or reference.ndim != 3:
        raise ValueError(
            f"Label maps must be on one grid (k, j, i): reference is {reference.shape}, candidate is {candidate.shape}."
            " Align the candidate to the reference first."
        )
    for name, array in (("reference", reference), ("candidate", candidate)):
        if array.dtype.kind not in "iub":
            raise ValueError(f"{name} holds {array.dtype}; labels are integers.")
    progress("Looking for surfaces", 0.0)
    boxes = [foreground_box(array, threads) for array in (reference, candidate)]
    planes = [measure.scan(array, box, threads) for array, box in zip((reference, candidate), boxes, strict=True)]
    both = shared_voxels(planes[0].runs, planes[1].runs)
    voxels = [voxel_counts(found.runs) for found in planes]
    pieces = [count_pieces(found.runs) if measure.pieces else {} for found in planes]
    wanted = sorted({*voxels[0], *voxels[1]}) if labels is None else list(labels)

    def one(label: int) -> SegmentComparison:
        found = [measure.found(planes[side], pieces[side], label, voxels[side].get(label, 0)) for side in (0, 1)]
        return measure.compared(label, *found, both.get(label, 0))

    # Largest first: no thread is left alone with a large one at the end.
    order = sorted(range(len(wanted)), key=lambda n: -voxels[0].get(wanted[n], 0))
    compared = _run([lambda n=n: one(wanted[n]) for n in order], threads, part(progress, 0.5, 1.0))
    done = dict(zip(order, compared, strict=True))
    return [done[n] for n in range(len(wanted))]


def _run(work: list[Callable[[], Result]], threads: int, progress: Progress) -> list[Result]:
    words = "Comparing segments"
    if threads == 1 or len(work) < 2:
        return [task() for task in counted(progress, words, work)]
    with ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(task) for task in work]
        try:
            return [future.result() for future in counted(progress, words, futures)]
        finally:
            # Where the work was stopped, those that have not begun never begin.
            for future in futures:
                future.cancel()


class _Measure:
    """How labels are measured: spacing, tolerances and definition."""

    def __init__(self, spacing_mm: tuple[float, float, float], tolerances_mm, definition: Definition, pieces: bool) -> None:
        self.spacing_mm = spacing_mm
        self.tolerances_mm = tolerances_mm
        self.definition = definition
        self.pieces = pieces
        self.voxel_mm3 = float(np.prod(spacing_mm))
        self.in_plane_mm = (spacing_mm[1] + spacing_mm[2]) / 2
        self.areas_mm2 = surface_areas_mm2(spacing_mm) if definition == "surfel" else None

    def scan(self, array: NDArray, box: Box | None, threads: int) -> LabelPlanes:
        surfel = self.definition == "surfel"
        return scan_planes(array, box, corners=surfel, borders=not surfel, contours=self.pieces, runs=True, workers=threads)

    def found(self, planes: LabelPlanes, pieces: dict[int, Pieces], label: int, voxels: int) -> _Found:
        points = planes.corners if self.definition == "surfel" else planes.borders
        return _Found(points.get(label), planes.contours.get(label) if self.pieces else None, pieces.get(label), voxels)

    def masks(
        self, label: int, reference: Mask | Callable[[], Mask] | None, candidate: Mask | Callable[[], Mask] | None
    ) -> SegmentComparison:
        sides = [None if side is None else _crop(side() if callable(side) else side) for side in (reference, candidate)]
        both = 0 if None in sides else _common_voxels(*sides)
        return self.compared(label, *(_ABSENT if side is None else self._found_in_mask(*side) for side in sides), both)

    def _found_in_mask(self, mask: NDArray[np.bool_], first: tuple[int, int, int]) -> _Found:
        planes = self.scan(mask, foreground_box(mask, 1), 1)
        points = planes.corners if self.definition == "surfel" else planes.borders
        pieces = count_pieces(planes.runs) if self.pieces else {}
        return _Found(
            _moved(points.get(1), first),
            _moved(planes.contours.get(1) if self.pieces else None, first),
            pieces.get(1),
            voxel_counts(planes.runs).get(1, 0),
        )

    def compared(self, label: int, reference: _Found, candidate: _Found, both: int) -> SegmentComparison:
        voxels = (reference.voxels, candidate.voxels)
        any_voxels = sum(voxels)
        surface, worst, worst_side = self._surface(label, reference, candidate)
        added = _added_path(reference.contour, candidate.contour) if self.pieces else None
        return SegmentComparison(
            label=label,
            definition=self.definition,
            voxels_reference=voxels[0],
            voxels_candidate=voxels[1],
            volume_reference_mm3=voxels[0] * self.voxel_mm3,
            volume_candidate_mm3=voxels[1] * self.voxel_mm3,
            dice=2 * both / any_voxels if any_voxels else None,
            jaccard=both / (any_voxels - both) if any_voxels else None,
            relative_volume_difference=(voxels[1] - voxels[0]) / voxels[0] if voxels[0] else None,
            hausdorff_mm=surface.hausdorff_mm if surface else None,
            hausdorff_95_mm=surface.hausdorff_95_mm if surface else None,
            assd_mm=surface.assd_mm if surface else None,
            surface_dice=surface.surface_dice
            if surface
            else tuple((float(t), 0.0 if any_voxels else None) for t in self._tolerances(label)),
            added_path_voxels=added,
            added_path_length_mm=None if added is None else added * self.in_plane_mm,
            pieces_reference=reference.pieces,
            pieces_candidate=candidate.pieces,
            worst_point_kji=worst,
            worst_point_side=worst_side,
        )

    def _tolerances(self, label: int) -> Sequence[float]:
        return self.tolerances_mm[label] if isinstance(self.tolerances_mm, Mapping) else self.tolerances_mm

    def _surface(self, label: int, reference: _Found, candidate: _Found) -> tuple[SurfaceNumbers | None, Index | None, str | None]:
        if reference.points is None or candidate.points is None:
            return None, None, None
        there, back = nearest_distances(reference.points, candidate.points, self.spacing_mm)
        elements = None
        if self.areas_mm2 is not None:
            elements = (Elements(reference.points.code, self.areas_mm2), Elements(candidate.points.code, self.areas_mm2))
        numbers = surface_numbers(there, back, elements, self._tolerances(label))
        in_reference = there.farthest_mm() >= back.farthest_mm()
        points, distances = (reference.points, there) if in_reference else (candidate.points, back)
        n = distances.worst()
        # A corner lies half a voxel before the voxel of the same index.
        shift = 0.5 if self.definition == "surfel" else 0.0
        worst = tuple(float(axis[n]) - shift for axis in (points.k, points.j, points.i))
        return numbers, worst, "reference" if in_reference else "candidate"


def _crop(mask: Mask) -> tuple[NDArray[np.bool_], tuple[int, int, int]]:
    array, first = mask if isinstance(mask, tuple) else (mask, (0, 0, 0))
    if array.ndim != 3:
        raise ValueError(f"A mask has the shape {array.shape}; three axes (k, j, i) are needed.")
    return (array if array.dtype == np.bool_ else array != 0), first


def _common_voxels(a: tuple[NDArray, tuple[int, int, int]], b: tuple[NDArray, tuple[int, int, int]]) -> int:
    low = [max(p, q) for p, q in zip(a[1], b[1], strict=True)]
    high = [min(p + n, q + m) for p, n, q, m in zip(a[1], a[0].shape, b[1], b[0].shape, strict=True)]
    if any(stop <= start for start, stop in zip(low, high, strict=True)):
        return 0
    parts = [mask[tuple(slice(s - f, e - f) for s, e, f in zip(low, high, first, strict=True))] for mask, first in (a, b)]
    return int(np.count_nonzero(parts[0] & parts[1]))


def _moved(points: Points | None, first: tuple[int, int, int]) -> Points | None:
    if points is None or first == (0, 0, 0):
        return points
    return Points(
        *(axis.astype(np.int32) + shift for axis, shift in zip((points.k, points.j, points.i), first, strict=True)), points.code
    )


def _added_path(reference: Points | None, candidate: Points | None) -> int:
    if reference is None:
        return 0
    if candidate is None:
        return len(reference)
    low = [
        min(int(a.min()), int(b.min()))
        for a, b in ((reference.k, candidate.k), (reference.j, candidate.j), (reference.i, candidate.i))
    ]
    size = [
        max(int(a.max()), int(b.max())) - start + 1
        for a, b, start in zip((reference.j, reference.i), (candidate.j, candidate.i), low[1:], strict=True)
    ]
    keys = [((p.k.astype(np.int64) - low[0]) * size[0] + (p.j - low[1])) * size[1] + (p.i - low[2]) for p in (reference, candidate)]
    return len(np.setdiff1d(*keys, assume_unique=True))
