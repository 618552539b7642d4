"""How the area of a lesion goes from its first slice to its last: readers disagree most on where it begins and ends.

SegQC's own descriptors.
"""

from __future__ import annotations

import math

import numpy as np

from SegQCLib.difficulty.descriptors.meaning import Meaning
from SegQCLib.difficulty.descriptors.outline import Outline

MEANINGS = {
    "height_mm": Meaning("height of the lesion across the slices", "mm"),
    "log_slices": Meaning("natural logarithm of the number of slices"),
    "mean_to_largest": Meaning("mean area of the slices relative to the largest"),
    "variation": Meaning("variation of the area from slice to slice"),
    "smaller_end": Meaning("area of the smaller end slice relative to the largest slice"),
    "larger_end": Meaning("area of the larger end slice relative to the largest slice"),
    "ends_share": Meaning("share of the lesion in its first and last slice"),
    "log_ends_volume": Meaning("natural logarithm of the volume of the first and last slice in mm3"),
    "largest_off_middle": Meaning("distance of the largest slice from the middle one, relative to the height"),
    "without_smaller_end": Meaning("Dice with the outline that lacks the smaller end slice"),
    "without_ends": Meaning("Dice with the outline that lacks the first and the last slice"),
    "with_further_ends": Meaning("Dice with the outline that has one more slice at each end"),
    "neighbour_dice_mean": Meaning("mean Dice of neighbouring slices"),
    "neighbour_dice_minimum": Meaning("smallest Dice of neighbouring slices"),
}


def slice_profile(outline: Outline) -> dict[str, float]:
    """Return how the area A(k) of a lesion goes over its slices first..last, of which there are n, d mm apart.

    - height_mm n d; log_slices ln n;
    - mean_to_largest mean A / max A, in (0, 1]; variation: standard deviation over mean of A;
    - smaller_end, larger_end: of A(first) and A(last), over max A, in (0, 1]; ends_share (A(first) + A(last)) / sum A, limited
      to 1; log_ends_volume ln of the volume in mm3 of both;
    - largest_off_middle |k of the largest - middle| / (n - 1), 0 to 0.5, 0 for one slice; of equally large ones the nearest;
    - without_smaller_end, without_ends: Dice with the outline less the smaller end slice, or less both, 0 if nothing is left;
      with_further_ends: with a copy of each end slice added beyond it;
    - neighbour_dice_mean, _minimum: of the Dice of slices k and k + 1; 0 for one slice.
    """
    mask = outline.mask[1:-1]
    areas = np.count_nonzero(mask, axis=(1, 2)).astype(float)
    slices, total, largest = len(areas), float(areas.sum()), float(areas.max())
    ends = float(areas[0] + areas[-1]) if slices > 1 else total
    smaller, larger = sorted((float(areas[0]), float(areas[-1])))
    overlap = np.count_nonzero(mask[1:] & mask[:-1], axis=(1, 2))
    both = areas[1:] + areas[:-1]
    # A gap of two empty slices has no Dice of its own; it counts as none in common.
    neighbours = 2 * overlap / np.maximum(both, 1)
    return {
        "height_mm": slices * outline.spacing_mm[0],
        "log_slices": math.log(slices),
        "mean_to_largest": float(areas.mean() / largest),
        "variation": float(areas.std() / areas.mean()),
        "smaller_end": smaller / largest,
        "larger_end": larger / largest,
        "ends_share": ends / total,
        "log_ends_volume": math.log(ends * math.prod(outline.spacing_mm)),
        "largest_off_middle": float(np.abs(np.flatnonzero(areas == largest) / (slices - 1) - 0.5).min()) if slices > 1 else 0.0,
        "without_smaller_end": 2 * (total - smaller) / (2 * total - smaller),
        "without_ends": 2 * (total - ends) / (2 * total - ends),
        "with_further_ends": 2 * total / (2 * total + float(areas[0] + areas[-1])),
        "neighbour_dice_mean": float(neighbours.mean()) if slices > 1 else 0.0,
        "neighbour_dice_minimum": float(neighbours.min()) if slices > 1 else 0.0,
    }
