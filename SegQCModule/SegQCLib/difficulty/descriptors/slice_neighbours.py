"""What a slice's two neighbours say of its outline: readers agree where the lesion goes on steadily. SegQC's own descriptors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from SegQCLib.difficulty.descriptors.distance import distance_to_outside_mm
from SegQCLib.difficulty.descriptors.meaning import Meaning
from SegQCLib.difficulty.descriptors.outline import Outline

MEANINGS = {
    "lower_dice": Meaning("Dice with the less similar neighbouring slice"),
    "higher_dice": Meaning("Dice with the more similar neighbouring slice"),
    "covered": Meaning("part of the slice that both neighbouring slices confirm"),
    "uncovered": Meaning("part of the slice that no neighbouring slice confirms"),
    "interpolated_dice": Meaning("Dice with the outline half-way between the neighbouring slices"),
    "smaller_second_neighbour": Meaning("area two slices away relative to this one, on the side where it is smaller"),
    "larger_second_neighbour": Meaning("area two slices away relative to this one, on the side where it is larger"),
}


def slice_neighbours(lesion: Outline, k: int) -> dict[str, float]:
    """Return how slice k agrees with the slices next to it; beyond the lesion's ends they are empty.

    - lower_dice, higher_dice: of the Dice with slice k - 1 and with slice k + 1;
    - covered, uncovered: share of slice k's pixels that are in both neighbours, and in neither;
    - interpolated_dice: Dice with the slice half-way between the neighbours, where the sum of their signed distances to
      the border is above 0 (Raya, Udupa, IEEE Trans Med Imaging 1990;9:32-42); 0 where a neighbour is empty;
    - smaller_second_neighbour, larger_second_neighbour: of the areas of slices k - 2 and k + 2, over that of slice k, 0 or more.

    All but the last two lie in [0, 1]. Parameters are those of `slice_context`.
    """
    padded = np.pad(lesion.mask, ((1, 1), (0, 0), (0, 0)))
    below, here, above = padded[k : k + 3]
    area = np.count_nonzero(here)
    dice = sorted((_dice(below, here), _dice(above, here)))
    between = 0.0
    if below.any() and above.any():
        between = _dice(_signed_distance(below, lesion.spacing_mm[1:]) + _signed_distance(above, lesion.spacing_mm[1:]) > 0, here)
    second = sorted(np.count_nonzero(padded[n]) / area for n in (k - 1, k + 3))
    return {
        "lower_dice": dice[0],
        "higher_dice": dice[1],
        "covered": np.count_nonzero(here & below & above) / area,
        "uncovered": np.count_nonzero(here & ~below & ~above) / area,
        "interpolated_dice": between,
        "smaller_second_neighbour": second[0],
        "larger_second_neighbour": second[1],
    }


def _dice(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return 2 * np.count_nonzero(a & b) / (np.count_nonzero(a) + np.count_nonzero(b))


def _signed_distance(one: NDArray[np.bool_], spacing_mm: tuple[float, ...]) -> NDArray[np.float32]:
    # A distance within the slice is never longer than its diagonal.
    longest_mm = float(np.hypot(*np.multiply(one.shape, spacing_mm)))
    return distance_to_outside_mm(one, spacing_mm) - distance_to_outside_mm(~one, spacing_mm, longest_mm)
