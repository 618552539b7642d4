"""The contour that a reader drew anew."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from SegQCLib.metrics.label_planes import foreground_box, scan_planes


def added_path_length_mm(final: NDArray[np.bool_], draft: NDArray[np.bool_], spacing_mm: Sequence[float]) -> float:
    """Return the added path length: in-plane contour voxels of the final mask that are none of the draft's, times their size.

    Parameters
    ----------
    final, draft : ndarray of bool, shape (k, j, i)
        On one grid.
    spacing_mm : sequence of float
        (k, j, i), in mm; the size is the mean in-plane spacing.

    Returns
    -------
    float
        mm, 0 or more. 0 for a draft that was taken as it is, and for an empty final mask.

    References
    ----------
    Vaassen F et al. Evaluation of measures for assessing time-saving of automatic organ-at-risk segmentation in
    radiotherapy. Phys Imaging Radiat Oncol 2020;13:1-6, doi:10.1016/j.phro.2019.12.001.
    """
    if final.shape != draft.shape:
        raise ValueError(f"The added path needs masks on one grid: {final.shape} and {draft.shape} (k, j, i).")
    added = np.count_nonzero(_contour(final) & ~_contour(draft))
    return float(added * (spacing_mm[1] + spacing_mm[2]) / 2)


def _contour(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    contour = np.zeros(mask.shape, bool)
    points = scan_planes(mask, foreground_box(mask, 1), contours=True).contours.get(1)
    if points is not None:
        contour[points.k, points.j, points.i] = True
    return contour
