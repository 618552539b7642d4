"""All measures of one structure in two segmentations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from SegQCLib.metrics.overlap import dice, jaccard
from SegQCLib.metrics.surface import surface_distances


@dataclass(frozen=True)
class SegmentComparison:
    """A candidate mask measured against a reference mask. None: undefined, because one or both masks are empty.

    Attributes
    ----------
    volume_reference_mm3, volume_candidate_mm3 : float
        Voxel count times voxel volume.
    relative_volume_difference : float or None
        (candidate - reference) / reference; negative: the candidate is smaller.
    hausdorff_mm, hausdorff_95_mm, assd_mm : float or None
    surface_dice : tuple of (tolerance in mm, value or None)
    """

    dice: float | None
    jaccard: float | None
    volume_reference_mm3: float
    volume_candidate_mm3: float
    relative_volume_difference: float | None
    hausdorff_mm: float | None
    hausdorff_95_mm: float | None
    assd_mm: float | None
    surface_dice: tuple[tuple[float, float | None], ...]


def compare_masks(
    reference: NDArray[np.bool_],
    candidate: NDArray[np.bool_],
    spacing_mm: tuple[float, float, float],
    tolerances_mm: tuple[float, ...],
) -> SegmentComparison:
    """Return every measure of two masks of shape (k, j, i) on one grid of `spacing_mm` (k, j, i).

    If exactly one mask is empty, Dice, Jaccard and surface Dice are 0 and distances are undefined; if
    both are empty, all of these are undefined (Maier-Hein et al., Metrics reloaded, 2024).
    """
    voxel_mm3 = float(np.prod(spacing_mm))
    volumes = [float(np.count_nonzero(mask) * voxel_mm3) for mask in (reference, candidate)]
    distances = surface_distances(reference, candidate, spacing_mm)
    without_surface = 0.0 if any(volumes) else None
    return SegmentComparison(
        dice=dice(reference, candidate),
        jaccard=jaccard(reference, candidate),
        volume_reference_mm3=volumes[0],
        volume_candidate_mm3=volumes[1],
        relative_volume_difference=(volumes[1] - volumes[0]) / volumes[0] if volumes[0] else None,
        hausdorff_mm=distances.hausdorff_mm() if distances else None,
        hausdorff_95_mm=distances.hausdorff_95_mm() if distances else None,
        assd_mm=distances.assd_mm() if distances else None,
        surface_dice=tuple((t, distances.surface_dice(t) if distances else without_surface) for t in tolerances_mm),
    )
