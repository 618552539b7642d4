"""How well one segment agrees with a reference slice by slice, for a plot that leads to the slices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from SegQCLib.case import Box, Case, Segment, Segmentation
from SegQCLib.measure import DRAFT_ROLE
from SegQCLib.metrics.slice_dice import slice_dice
from SegQCLib.pairing import pair_segments


@dataclass(frozen=True)
class SliceAgreement:
    """Dice of one segment on each slice k on which reference or candidate has voxels.

    Attributes
    ----------
    segment : str
        Name in the candidate, or in the reference where only that has it.
    reference_role : str
        reference, reference 2, ... or draft.
    slices : tuple of int
        Slice numbers k on the image's grid, from 0, ascending. Slices without voxels in between are left out.
    dice : tuple of float
        One per slice, 0 to 1; 0 where only one of the two has voxels.
    locations_lps_mm : tuple of three-tuples
        Where to look on each slice: the middle of what either of the two has there, in LPS mm.
    """

    segment: str
    reference_role: str
    slices: tuple[int, ...]
    dice: tuple[float, ...]
    locations_lps_mm: tuple[tuple[float, float, float], ...]


def slice_agreement(case: Case, segment: str, reference_role: str) -> SliceAgreement:
    """Return the Dice of each slice of a segment, named as in the record, in a prepared case.

    Raises
    ------
    ValueError
        If the case has no such segment or no segmentation in this role.
    """
    others = dict(zip(case.reference_roles(), case.references, strict=True))
    if case.draft is not None:
        others[DRAFT_ROLE] = case.draft
    if reference_role not in others:
        raise ValueError(f"This case has no {reference_role!r}; it has {', '.join(others) or 'nothing to compare with'}.")
    reference = others[reference_role]
    pair = next((pair for pair in pair_segments(reference, case.candidate) if pair.name == segment), None)
    if pair is None:
        raise ValueError(f"Neither candidate nor {reference_role} has a segment {segment!r}. Give a name that the record has.")
    sides = [(reference, pair.reference), (case.candidate, pair.candidate)]
    boxes = [box for segmentation, own in sides if own is not None and (box := segmentation.box(own)) is not None]
    if not boxes:
        return SliceAgreement(segment, reference_role, (), (), ())
    around = tuple(slice(min(box[axis].start for box in boxes), max(box[axis].stop for box in boxes)) for axis in range(3))
    masks = [_mask(segmentation, own, around) for segmentation, own in sides]
    shown = [(k, value) for k, value in enumerate(slice_dice(*masks)) if value is not None]
    locations = []
    for k, _ in shown:
        rows_columns = _filled(masks[0][k] | masks[1][k])
        middle = [(found[0] + found[-1]) / 2 + part.start for found, part in zip(rows_columns, around[1:], strict=True)]
        locations.append(tuple(float(value) for value in case.image.geometry.lps_mm((around[0].start + k, *middle))))
    slices = tuple(around[0].start + k for k, _ in shown)
    return SliceAgreement(segment, reference_role, slices, tuple(value for _, value in shown), tuple(locations))


def _mask(segmentation: Segmentation, segment: Segment | None, box: Box) -> NDArray[np.bool_]:
    return np.zeros([part.stop - part.start for part in box], bool) if segment is None else segmentation.mask(segment, box)


def _filled(plane: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows (j) and the columns (i) that have voxels."""
    return np.flatnonzero(plane.any(axis=1)), np.flatnonzero(plane.any(axis=0))
