"""What became of a planted error in a reader's final segmentation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from SegQCLib.alignment import align
from SegQCLib.case import Segment, Segmentation
from SegQCLib.protocol import plain_name
from SegQCLib.readers.planted_errors import PlantedError, PlantedErrorKind, PlantedVoxels

# SegQC's own: half of an error corrected was seen; a stroke that happens to cross it corrects less.
DETECTED_FROM = 0.5
DETECTION_RULES = {
    PlantedErrorKind.ISLAND: "at least half of the island was removed, and at least half of the structure's other voxels kept",
    PlantedErrorKind.MISSING_SLICES: "at least half of the dropped voxels were drawn again",
    PlantedErrorKind.LEFT_RIGHT: "each of both structures reaches a Dice of at least 0.5 with its true side",
    PlantedErrorKind.SHRUNKEN: "at least half of the lost voxels were drawn again",
    PlantedErrorKind.CUT_END: "at least half of the dropped voxels were drawn again",
}


@dataclass(frozen=True)
class PlantedOutcome:
    """One planted error and what a reader made of it.

    Attributes
    ----------
    kind : PlantedErrorKind
    structure : str
    partner : str or None
    volume_ml : float
        How large the error was, mL.
    centre_lps_mm : tuple of float
    corrected : float
        Part of the planted voxels that are as they were before the error, 0 to 1.
    detected : bool
        See `DETECTION_RULES`.
    seconds : float or None
        Active time from the first sight of the draft to its correction, s; None: not detected, or no log says so.
    """

    kind: PlantedErrorKind
    structure: str
    partner: str | None
    volume_ml: float
    centre_lps_mm: tuple[float, float, float]
    corrected: float
    detected: bool
    seconds: float | None = None


def score_planted(
    error: PlantedError, planted: Segmentation, final: Segmentation, *, seconds: float | None = None
) -> PlantedOutcome:
    """Return what a reader made of an error.

    Parameters
    ----------
    error : PlantedError
    planted : Segmentation
        The draft with the error in it, as the reader got it.
    final : Segmentation
        What the reader finished with, brought onto the draft's grid. A segment is found by its name, else by its id; one that
        was deleted has no voxels.
    seconds : float, optional
        See `planted_times.seconds_until_corrected`; left out where the error was not detected.

    Raises
    ------
    BadDataError
        If the final segmentation lies outside the draft's grid.
    """
    on_grid = align(final, planted.geometry)
    right = [_right_voxels(wrong, on_grid) for wrong in error.voxels]
    corrected = sum(right) / sum(int(np.count_nonzero(wrong.mask)) for wrong in error.voxels)
    if error.kind is PlantedErrorKind.LEFT_RIGHT:
        detected = all(_dice(wrong, on_grid) >= DETECTED_FROM for wrong in error.voxels)
    elif error.kind is PlantedErrorKind.ISLAND:
        # Whoever deletes the whole structure did not find the island.
        detected = corrected >= DETECTED_FROM and _kept_elsewhere(error.voxels[0], planted, on_grid) >= DETECTED_FROM
    else:
        detected = corrected >= DETECTED_FROM
    return PlantedOutcome(
        kind=error.kind,
        structure=error.structure,
        partner=error.partner,
        volume_ml=error.volume_ml,
        centre_lps_mm=error.centre_lps_mm,
        corrected=corrected,
        detected=detected,
        seconds=seconds if detected else None,
    )


def _segment_in(segmentation: Segmentation, wrong: PlantedVoxels) -> Segment | None:
    # By name first: whoever renames two exchanged segments has put them right.
    by_name = (one for one in segmentation.segments if plain_name(one.name) == plain_name(wrong.segment))
    by_id = (one for one in segmentation.segments if one.id == wrong.segment_id)
    return next(by_name, None) or next(by_id, None)


def _right_voxels(wrong: PlantedVoxels, final: Segmentation) -> int:
    segment = _segment_in(final, wrong)
    if segment is None:
        return 0 if wrong.belongs else int(np.count_nonzero(wrong.mask))
    has = final.mask(segment, wrong.box)
    return int(np.count_nonzero(wrong.mask & (has if wrong.belongs else ~has)))


def _dice(wrong: PlantedVoxels, final: Segmentation) -> float:
    segment = _segment_in(final, wrong)
    drawn = 0 if segment is None else final.voxel_count(segment)
    return 2 * _right_voxels(wrong, final) / (drawn + int(np.count_nonzero(wrong.mask)))


def _kept_elsewhere(wrong: PlantedVoxels, planted: Segmentation, final: Segmentation) -> float:
    """Return the part of a structure's voxels outside the island that the reader kept."""
    before, after = _segment_in(planted, wrong), _segment_in(final, wrong)
    box = planted.box(before)
    rest = planted.mask(before, box)
    island = np.zeros_like(rest)
    inner = tuple(slice(own.start - whole.start, own.stop - whole.start) for own, whole in zip(wrong.box, box, strict=True))
    island[inner] = wrong.mask
    rest &= ~island
    kept = 0 if after is None else int(np.count_nonzero(rest & final.mask(after, box)))
    return kept / int(np.count_nonzero(rest))
