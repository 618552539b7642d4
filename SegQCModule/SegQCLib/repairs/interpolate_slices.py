"""Draw the slices that a reader skipped."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from SegQCLib.checks.skipped_slices import find_gaps
from SegQCLib.geometry import Vector
from SegQCLib.repairs.margin import with_margin

ID = "interpolate_slices"


def interpolate_slices(mask: NDArray[np.bool_], spacing_mm: Vector, axis: int) -> NDArray[np.bool_]:
    """Return a mask with its skipped slices across `axis` interpolated from the slices on both sides.

    Which slices were skipped, is said by the check `skipped_slices`. The outline in between is where the weighted
    mean of the two signed distances to the outlines is 0.

    Parameters
    ----------
    mask : ndarray of bool, shape (k, j, i)
    spacing_mm : tuple of float
        Along (k, j, i).
    axis : int
        0, 1 or 2: across k, j or i.

    References
    ----------
    Raya and Udupa, Shape-based interpolation of multidimensional objects, IEEE Trans Med Imaging 9:32-42, 1990.
    """
    repaired = mask.copy()
    crop = with_margin(mask)
    if crop is None:
        return repaired
    in_plane_mm = [spacing for n, spacing in enumerate(spacing_mm) if n != axis]
    planes = np.moveaxis(crop.mask, axis, 0)
    target = np.moveaxis(repaired[crop.box], axis, 0)
    for gap in find_gaps(crop.mask):
        if gap.axis != axis:
            continue
        before, after = (_signed_distance_mm(planes[n], in_plane_mm) for n in (gap.start - 1, gap.stop))
        for n in range(gap.start, gap.stop):
            weight = (n - gap.start + 1) / (gap.planes + 1)
            target[n - 1] = ((1 - weight) * before + weight * after <= 0)[1:-1, 1:-1]
    return repaired


def _signed_distance_mm(plane: NDArray[np.bool_], in_plane_mm: list[float]) -> NDArray[np.float32]:
    """Return the distance to the outline in mm, negative inside."""
    image = sitk.GetImageFromArray(plane.astype(np.uint8))
    image.SetSpacing(in_plane_mm[::-1])
    return sitk.GetArrayFromImage(
        sitk.SignedMaurerDistanceMap(image, insideIsPositive=False, squaredDistance=False, useImageSpacing=True)
    )
