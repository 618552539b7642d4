"""Repairs of technical errors: proposed by findings, done only when a person asks for them.

A repair is a module with ID, stored in findings and never renamed, and a function of the same name that returns a
new mask and leaves its input as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from SegQCLib.geometry import Vector
from SegQCLib.metrics.overlap import dice
from SegQCLib.repairs import clip_to_body, fill_holes, interpolate_slices, remove_islands

REPAIRS = (remove_islands, fill_holes, interpolate_slices, clip_to_body)


@dataclass(frozen=True, eq=False)
class Repaired:
    """A mask after a repair, and how much it changed.

    Attributes
    ----------
    mask : ndarray of bool, shape (k, j, i)
    changed_voxels : int
        Voxels added or removed.
    dice_with_before : float or None
        Dice of the mask before and after, 0 to 1; None if both are empty.
    """

    mask: NDArray[np.bool_]
    changed_voxels: int
    dice_with_before: float | None


def apply(
    repair: str,
    mask: NDArray[np.bool_],
    spacing_mm: Vector,
    *,
    others: NDArray[np.bool_] | None = None,
    image: NDArray | None = None,
    air_below: float | None = None,
) -> Repaired:
    """Return a mask after the repair with this id.

    Parameters
    ----------
    repair : str
        Id of one of REPAIRS, as findings name it.
    mask : ndarray of bool, shape (k, j, i)
        The segment on the whole image; it is not changed.
    spacing_mm : tuple of float
        Along (k, j, i).
    others : ndarray of bool, shape (k, j, i), optional
        Voxels of other segments, which what is added leaves alone.
    image : ndarray, shape (k, j, i), optional
    air_below : float, optional
        See `clip_to_body`, the only repair that needs the image.

    Raises
    ------
    ValueError
        If there is no such repair, or clip_to_body is asked for without the image or `air_below`.
    """
    if repair == remove_islands.ID:
        repaired = remove_islands.remove_islands(mask, spacing_mm)
    elif repair == fill_holes.ID:
        repaired = fill_holes.fill_holes(mask, others)
    elif repair == interpolate_slices.ID:
        repaired = mask
        for axis in range(3):
            repaired = interpolate_slices.interpolate_slices(repaired, spacing_mm, axis)
        if others is not None:
            repaired &= mask | ~others
    elif repair == clip_to_body.ID:
        if image is None or air_below is None:
            raise ValueError("clip_to_body needs the image and air_below, the value below which it shows air.")
        repaired = clip_to_body.clip_to_body(mask, image, air_below)
    else:
        known = ", ".join(module.ID for module in REPAIRS)
        raise ValueError(f"{repair!r} is not a repair; known: {known}.")
    return Repaired(repaired, int(np.count_nonzero(repaired != mask)), dice(mask, repaired))
