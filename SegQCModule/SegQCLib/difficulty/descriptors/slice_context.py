"""Where a slice lies in its lesion: readers disagree most on the first and last slices. SegQC's own descriptors."""

from __future__ import annotations

import math

import numpy as np

from SegQCLib.difficulty.descriptors.meaning import Meaning
from SegQCLib.difficulty.descriptors.outline import Outline

MEANINGS = {
    "position": Meaning("place between the lesion's first slice (0) and its last (1)"),
    "end_distance_slices": Meaning("slices from here to the lesion's nearer end"),
    "end_distance_mm": Meaning("distance from the lesion's nearer end", "mm"),
    "area_to_largest": Meaning("area relative to the lesion's largest slice"),
    "smaller_neighbour": Meaning("area of the smaller neighbouring slice relative to this one"),
    "larger_neighbour": Meaning("area of the larger neighbouring slice relative to this one"),
    "neighbour_dice": Meaning("mean Dice with the two neighbouring slices"),
    "lesion_slices": Meaning("number of slices of the whole lesion"),
    "lesion_log_volume": Meaning("natural logarithm of the whole lesion's volume in mm3"),
}


def slice_context(lesion: Outline, k: int) -> dict[str, float]:
    """Return how slice k stands in its lesion.

    With slices first..last that hold the lesion and A(k) its area:

    - position (k - first) / (last - first), 0 to 1, 0.5 if there is one slice only;
    - end_distance_slices min(k - first, last - k), 0 at the ends; end_distance_mm the same times the slice spacing;
    - area_to_largest A(k) / max A, in (0, 1];
    - smaller_neighbour, larger_neighbour: the smaller and the larger of A(k - 1) and A(k + 1), over A(k); 0 beyond the ends;
    - neighbour_dice: mean of the Dice of slice k with k - 1 and with k + 1, 0 to 1;
    - lesion_slices last - first + 1; lesion_log_volume ln(volume in mm3) of all voxels.

    Parameters
    ----------
    lesion : Outline
        The whole lesion, 3-D.
    k : int
        Index of the slice in `lesion.mask`; it holds some of the lesion.
    """
    mask = lesion.mask
    areas = np.count_nonzero(mask, axis=(1, 2)).astype(float)
    first, last = (int(end) for end in np.flatnonzero(areas)[[0, -1]])
    end_slices = min(k - first, last - k)
    neighbours = [float(areas[n]) for n in (k - 1, k + 1)]
    dice = [
        2 * np.count_nonzero(mask[n] & mask[k]) / (area + areas[k])
        for n, area in zip((k - 1, k + 1), neighbours, strict=True)
        if area
    ]
    return {
        "position": (k - first) / (last - first) if last > first else 0.5,
        "end_distance_slices": float(end_slices),
        "end_distance_mm": end_slices * lesion.spacing_mm[0],
        "area_to_largest": float(areas[k] / areas.max()),
        "smaller_neighbour": float(min(neighbours) / areas[k]),
        "larger_neighbour": float(max(neighbours) / areas[k]),
        "neighbour_dice": float(sum(dice) / 2),
        "lesion_slices": float(last - first + 1),
        "lesion_log_volume": math.log(areas.sum() * math.prod(lesion.spacing_mm)),
    }
