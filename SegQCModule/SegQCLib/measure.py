"""Measure a case: every segment on its own and against each reference."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from SegQCLib.case import Box, Case, Segment, Segmentation
from SegQCLib.metrics import SegmentComparison, compare
from SegQCLib.metrics.pieces import pieces_of
from SegQCLib.pairing import Pair, pair_segments
from SegQCLib.progress import Progress, counted, part, unwatched
from SegQCLib.protocol import QCProtocol, Structure
from SegQCLib.record import Measurement, SliceToView

# The draft is not a reference: comparing with it shows what the reader changed, and decides nothing.
DRAFT_ROLE = "draft"
TOLERANCES_MM = (1.0, 2.0, 3.0)

BOTH_EMPTY = "Absent in both segmentations."
ONE_EMPTY = "Absent in one of the two segmentations, so no distance exists."
REFERENCE_EMPTY = "Absent in the reference, so no ratio to its volume exists."

_COUNT_DEFINITIONS = {
    "volume_candidate_mm3": ("mm3", "voxel count x voxel volume"),
    "voxel_count": ("{voxels}", "voxel count"),
    "slice_count": ("{slices}", "slices with at least one voxel"),
    "islands": ("1", "26-connected pieces beyond the largest"),
    "holes": ("1", "6-connected cavities"),
}


@dataclass(frozen=True)
class Measured:
    """What measuring a case gave."""

    measurements: tuple[Measurement, ...]
    slices_to_view: tuple[SliceToView, ...]


def measure(case: Case, protocol: QCProtocol, progress: Progress = unwatched) -> Measured:
    """Return all measurements of a case whose segmentations are on the image's grid.

    One mask of one segment is in memory at a time (with a reference: two, cropped to both).
    """
    measurements: list[Measurement] = []
    views: list[tuple[float, SliceToView]] = []
    steps = 1 + len(case.references) + (case.draft is not None)
    for segment in counted(part(progress, 0.0, 1 / steps), "Measuring segments", case.candidate.segments):
        structure = protocol.structure_of(segment)
        measurements += _alone(case.candidate, segment, structure)
        if not case.references and structure is not None:
            views += _largest_slice(case, segment, structure)
    against = list(zip(case.reference_roles(), case.references, strict=True))
    if case.draft is not None:
        against.append((DRAFT_ROLE, case.draft))
    for step, (role, reference) in enumerate(against, 1):
        pairs = pair_segments(reference, case.candidate)
        structures = [protocol.structure_of(pair.candidate or pair.reference) for pair in pairs]
        comparisons = compare(
            {n: reference.cropped_reader(pair.reference) for n, pair in enumerate(pairs) if pair.reference is not None},
            {n: case.candidate.cropped_reader(pair.candidate) for n, pair in enumerate(pairs) if pair.candidate is not None},
            case.image.geometry.spacing_mm,
            labels=range(len(pairs)),
            tolerances_mm={n: _tolerances_mm(structure) for n, structure in enumerate(structures)},
            progress=part(progress, step / steps, (step + 1) / steps),
        )
        for pair, structure, comparison in zip(pairs, structures, comparisons, strict=True):
            measurements += _compared(pair, structure, comparison, role, min(case.image.geometry.spacing_mm))
            if role != DRAFT_ROLE and (structure is not None or len(case.candidate.segments) == 1):
                views += _worst_slice(case, pair, structure, role, reference)
    views.sort(key=lambda view: -view[0])
    return Measured(tuple(measurements), tuple(view for _, view in views))


def _tolerances_mm(structure: Structure | None) -> tuple[float, ...]:
    own = structure.surface_tolerance_mm if structure else None
    return (*TOLERANCES_MM, own.maximum) if own else TOLERANCES_MM


def _alone(segmentation: Segmentation, segment: Segment, structure: Structure | None) -> Iterator[Measurement]:
    box = segmentation.box(segment)
    mask = np.zeros((1, 1, 1), bool) if box is None else segmentation.mask(segment, box)
    voxels, pieces = int(np.count_nonzero(mask)), pieces_of(mask)
    values = {
        "volume_candidate_mm3": voxels * segmentation.geometry.voxel_volume_mm3,
        "voxel_count": voxels,
        "slice_count": int(np.count_nonzero(mask.any(axis=(1, 2)))),
        "islands": pieces.islands,
        "holes": pieces.holes,
    }
    for metric, value in values.items():
        unit, definition = _COUNT_DEFINITIONS[metric]
        name = structure.name if structure else None
        yield Measurement(segment.name, name, metric, float(value), unit, definition, "candidate", None)


def _compared(
    pair: Pair, structure: Structure | None, comparison: SegmentComparison, role: str, smallest_spacing_mm: float
) -> Iterator[Measurement]:
    empty = [volume == 0 for volume in (comparison.volume_reference_mm3, comparison.volume_candidate_mm3)]
    reason = BOTH_EMPTY if all(empty) else ONE_EMPTY if any(empty) else None
    name = structure.name if structure else None

    def row(metric: str, value: float | None, unit: str, definition: str, why: str | None = reason) -> Measurement:
        return Measurement(pair.name, name, metric, value, unit, definition, "candidate", role, None if value is not None else why)

    yield row("dice", comparison.dice, "1", "2 |R and C| / (|R| + |C|), voxel counts")
    yield row("jaccard", comparison.jaccard, "1", "|R and C| / |R or C|, voxel counts")
    yield row("volume_reference_mm3", comparison.volume_reference_mm3, "mm3", "voxel count x voxel volume")
    difference = comparison.relative_volume_difference
    yield row("relative_volume_difference", difference, "1", "(V_C - V_R) / V_R", BOTH_EMPTY if all(empty) else REFERENCE_EMPTY)
    for metric in ("hausdorff_mm", "hausdorff_95_mm", "assd_mm"):
        yield row(metric, getattr(comparison, metric), "mm", comparison.definition)
    added_path = "in-plane contour voxels of the reference that are not the candidate's, x mean in-plane voxel size"
    yield row("added_path_length_mm", comparison.added_path_length_mm, "mm", added_path)
    fixed, own = comparison.surface_dice[: len(TOLERANCES_MM)], comparison.surface_dice[len(TOLERANCES_MM) :]
    for tolerance_mm, value in fixed:
        yield row(f"surface_dice_{tolerance_mm:g}mm", value, "1", f"{comparison.definition}, tolerance {tolerance_mm:g} mm")
    for tolerance_mm, value in own:
        definition = f"{comparison.definition}, tolerance {tolerance_mm:g} mm"
        if value is not None and tolerance_mm < smallest_spacing_mm:
            # It must not decide: every outline that differs by one voxel would be as wrong as one that differs by ten.
            why = (
                f"The tolerance, {tolerance_mm:g} mm, is below the smallest voxel edge, {smallest_spacing_mm:g} mm: on this grid it"
                " cannot be told from 0 mm."
            )
            yield row("surface_dice_protocol", None, "1", definition, why)
        else:
            yield row("surface_dice_protocol", value, "1", definition)


def _union_box(
    reference: Segmentation, r: Segment | None, candidate: Segmentation, c: Segment | None, size: tuple[int, int, int]
) -> Box:
    """Return the box around both segments, one voxel wider; one voxel at the origin if both are empty."""
    boxes = [s.box(segment) for s, segment in ((reference, r), (candidate, c)) if segment is not None]
    boxes = [box for box in boxes if box is not None]
    if not boxes:
        return (slice(0, 1),) * 3
    return tuple(
        slice(max(0, min(b[axis].start for b in boxes) - 1), min(size[axis], max(b[axis].stop for b in boxes) + 1))
        for axis in range(3)
    )


def _crop(segmentation: Segmentation, segment: Segment | None, box: Box) -> NDArray[np.bool_]:
    if segment is None:
        return np.zeros([s.stop - s.start for s in box], bool)
    return segmentation.mask(segment, box)


def _worst_slice(
    case: Case, pair: Pair, structure: Structure | None, role: str, reference: Segmentation
) -> Iterator[tuple[float, SliceToView]]:
    """Yield the slice where most area is in only one of the two masks, weighted by that area in mm2."""
    box = _union_box(reference, pair.reference, case.candidate, pair.candidate, case.image.geometry.size)
    masks = [_crop(s, segment, box) for s, segment in ((reference, pair.reference), (case.candidate, pair.candidate))]
    different = np.count_nonzero(masks[0] ^ masks[1], axis=(1, 2))
    k = int(np.argmax(different))
    if not different[k]:
        return
    pixel_mm2 = case.image.geometry.spacing_mm[1] * case.image.geometry.spacing_mm[2]
    area_mm2 = different[k] * pixel_mm2
    reason = f"Most area in only one of the two outlines: {area_mm2:,.0f} mm² of {pair.name} on this slice ({role})."
    yield area_mm2, _view(case, pair.name, structure, role, k + box[0].start, reason, masks[0][k] ^ masks[1][k], box)


def _largest_slice(case: Case, segment: Segment, structure: Structure) -> Iterator[tuple[float, SliceToView]]:
    """Yield the slice with the largest area of a segment: without a reference, the most representative one."""
    box = case.candidate.box(segment)
    if box is None:
        return
    mask = case.candidate.mask(segment, box)
    areas = np.count_nonzero(mask, axis=(1, 2))
    k = int(np.argmax(areas))
    area_mm2 = areas[k] * case.image.geometry.spacing_mm[1] * case.image.geometry.spacing_mm[2]
    reason = f"Largest area of {segment.name}: {area_mm2:,.0f} mm² on this slice. There is no reference to compare with."
    yield area_mm2, _view(case, segment.name, structure, None, k + box[0].start, reason, mask[k], box)


def _view(
    case: Case, name: str, structure: Structure | None, role: str | None, k: int, reason: str, area: NDArray[np.bool_], box: Box
) -> SliceToView:
    j, i = np.argwhere(area).mean(axis=0) + (box[1].start, box[2].start)
    location = tuple(round(float(value), 2) for value in case.image.geometry.lps_mm((k, j, i)))
    return SliceToView(name, structure.name if structure else None, role, k, reason, location)
