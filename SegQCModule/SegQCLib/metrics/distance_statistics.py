"""Numbers from the distances between two surfaces, by each definition of a surface."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from SegQCLib.metrics.nearest import Distances

# Cumulated areas this close to 95 % may lie on either side of it, depending on the order in which they are summed.
_TIE = 1e-9


@dataclass(frozen=True, eq=False)
class Elements:
    """What each point of a surface weighs: the area of its pattern.

    Attributes
    ----------
    code : ndarray of uint8, shape (n,)
    areas_mm2 : ndarray, shape (256,)
    """

    code: NDArray[np.uint8]
    areas_mm2: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Side:
    """The distances of one surface: distinct ones, ascending, with the weight of each, and all points for what needs them."""

    mm: NDArray[np.float64]
    weight: NDArray[np.float64]
    total: float
    distances: Distances
    elements: Elements | None

    @classmethod
    def of(cls, distances: Distances, elements: Elements | None) -> _Side:
        step, steps = distances.step, len(distances.steps_mm)
        near = step >= 0 if len(distances.far) else slice(None)
        if elements is None:
            near_weight = np.bincount(step[near], minlength=steps).astype(float)
            order = np.argsort(distances.far_mm)
            far_weight = np.ones(len(order))
        else:
            # Whole numbers first, areas after: a sum of areas would depend on the order of the points.
            pattern = (step[near].astype(np.intp) << 8) | elements.code[near]
            near_weight = np.bincount(pattern, minlength=steps * 256).reshape(steps, 256) @ elements.areas_mm2
            far_code = elements.code[distances.far]
            order = np.lexsort((elements.areas_mm2[far_code], distances.far_mm))
            far_weight = elements.areas_mm2[far_code[order]]
        mm = np.concatenate([distances.steps_mm, distances.far_mm[order]])
        weight = np.concatenate([near_weight, far_weight])
        kept = weight > 0
        return cls(mm[kept], weight[kept], float(weight.sum()), distances, elements)

    def percentile_95_area(self) -> float:
        """Return the smallest distance that 95 % of the area does not exceed."""
        share = np.cumsum(self.weight) / self.total
        if np.abs(share - 0.95).min() > _TIE:
            return float(self.mm[min(int(np.searchsorted(share, 0.95)), len(self.mm) - 1)])
        # On the edge the result depends on the last bit of a sum: sum the elements one by one, as the reference software does.
        distances, areas = self.distances.all_mm(), self.elements.areas_mm2[self.elements.code]
        order = np.lexsort((areas, distances))
        weights = areas[order]
        share = np.cumsum(weights) / np.sum(weights)
        return float(distances[order][min(int(np.searchsorted(share, 0.95)), len(order) - 1)])

    def percentile_95_count(self) -> float:
        """Return the 95th percentile of the points' distances, interpolated linearly."""
        last = np.cumsum(self.weight) - 1  # index of the last point at each distance
        position = 0.95 * (self.total - 1)
        low, high = (self.mm[int(np.searchsorted(last, index))] for index in (np.floor(position), np.ceil(position)))
        return float(low + (high - low) * (position - np.floor(position)))


@dataclass(frozen=True)
class SurfaceNumbers:
    """Distances between two surfaces in mm, and surface Dice at each tolerance."""

    hausdorff_mm: float
    hausdorff_95_mm: float
    assd_mm: float
    surface_dice: tuple[tuple[float, float], ...]


def surface_numbers(
    there: Distances,
    back: Distances,
    elements: tuple[Elements, Elements] | None,
    tolerances_mm: Sequence[float],
) -> SurfaceNumbers:
    """Return the numbers of two surfaces.

    Parameters
    ----------
    there, back : Distances
        From the reference to the candidate, and from the candidate to the reference.
    elements : pair of Elements, or None
        Of the reference and of the candidate (definition surfel); None: every point counts once (voxel).
    tolerances_mm : sequence of float
    """
    sides = [_Side.of(d, e) for d, e in zip((there, back), elements or (None, None), strict=True)]
    total = sides[0].total + sides[1].total
    percentiles = [side.percentile_95_count() if elements is None else side.percentile_95_area() for side in sides]
    return SurfaceNumbers(
        hausdorff_mm=float(max(side.mm[-1] for side in sides)),
        hausdorff_95_mm=max(percentiles),
        assd_mm=float(sum(float(side.mm @ side.weight) for side in sides) / total),
        # Sums of areas in another order than the total's can exceed it in the last digit.
        surface_dice=tuple(
            (float(tolerance), min(1.0, float(sum(side.weight[side.mm <= tolerance].sum() for side in sides)) / total))
            for tolerance in tolerances_mm
        ),
    )
