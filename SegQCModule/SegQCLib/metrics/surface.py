"""How far apart two surfaces are, by the definition `voxel`: 6-connected border voxels, unweighted.

Libraries differ by millimetres under one metric name, so the definition's name stands beside each number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

DEFINITION = "voxel"


@dataclass(frozen=True)
class SurfaceDistances:
    """Distances in mm from every border voxel of one mask to the nearest border voxel of the other.

    The border of a mask is its voxels with a face neighbour outside it (6-connected), as MONAI and
    MetricsReloaded take it; the edge of the image counts as outside.
    """

    reference_to_candidate: NDArray[np.float64]
    candidate_to_reference: NDArray[np.float64]

    def hausdorff_mm(self) -> float:
        """Return the largest distance: the worst point of either surface. Lower is better."""
        return float(max(self.reference_to_candidate.max(), self.candidate_to_reference.max()))

    def hausdorff_95_mm(self) -> float:
        """Return the larger of the two directed 95th percentiles (linear interpolation). Lower is better."""
        return float(max(np.percentile(d, 95) for d in (self.reference_to_candidate, self.candidate_to_reference)))

    def assd_mm(self) -> float:
        """Return the average symmetric surface distance: the mean over the border voxels of both masks. Lower is better."""
        return float(np.concatenate([self.reference_to_candidate, self.candidate_to_reference]).mean())

    def surface_dice(self, tolerance_mm: float) -> float:
        """Return the share of border voxels of both masks within `tolerance_mm` of the other surface, 0 to 1.

        References
        ----------
        Nikolov et al., J Med Internet Res 2021;23:e26151 (surface Dice; there area-weighted).
        """
        within = sum(int(np.count_nonzero(d <= tolerance_mm)) for d in (self.reference_to_candidate, self.candidate_to_reference))
        return within / (len(self.reference_to_candidate) + len(self.candidate_to_reference))


def surface_distances(
    reference: NDArray[np.bool_], candidate: NDArray[np.bool_], spacing_mm: tuple[float, ...]
) -> SurfaceDistances | None:
    """Return the distances between the borders of two masks, or None if either is empty: then no distance exists.

    Parameters
    ----------
    reference, candidate : ndarray of bool, shape (k, j, i), or (j, i) for one slice
        Crops of one grid around both masks are enough, and much faster than the whole grid.
    spacing_mm : tuple of float
        In the order of the axes, in mm.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    if reference.shape != candidate.shape:
        raise ValueError(f"Surface distances need masks on one grid: {reference.shape} and {candidate.shape} (k, j, i).")
    if not reference.any() or not candidate.any():
        return None
    borders = [_border(mask) for mask in (reference, candidate)]
    there = ndimage.distance_transform_edt(~borders[1], sampling=spacing_mm)[borders[0]]
    back = ndimage.distance_transform_edt(~borders[0], sampling=spacing_mm)[borders[1]]
    return SurfaceDistances(there, back)


def _border(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return mask & ~ndimage.binary_erosion(mask)
