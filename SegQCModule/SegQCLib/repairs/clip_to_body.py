"""Cut off what a segment has outside the patient."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SegQCLib.repairs.margin import with_margin

ID = "clip_to_body"

_IN_PLANE = np.zeros((3, 3, 3), bool)
_IN_PLANE[1, 1, :] = _IN_PLANE[1, :, 1] = True


def clip_to_body(mask: NDArray[np.bool_], image: NDArray, air_below: float) -> NDArray[np.bool_]:
    """Return a mask without its voxels outside the patient.

    Parameters
    ----------
    mask : ndarray of bool, shape (k, j, i)
    image : ndarray, shape (k, j, i)
        Values after rescale (CT: HU).
    air_below : float
        Values below are air: about -400 HU for CT, a value above the noise of the background for MR.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    if image.shape != mask.shape:
        raise ValueError(f"clip_to_body needs mask and image on one grid: {mask.shape} and {image.shape} (k, j, i).")
    repaired = mask.copy()
    crop = with_margin(mask)
    if crop is not None:
        slices = crop.box[0]
        repaired[slices] &= body_of(image[slices], air_below)
    return repaired


def body_of(image: NDArray, air_below: float) -> NDArray[np.bool_]:
    """Return the patient: the largest connected part that is not air, with all air that it encloses within a slice (k).

    The table and whatever else does not touch the patient is not part of it. Empty if everything is air.
    """
    labels, count = ndimage.label(image >= air_below)
    if count == 0:
        return np.zeros(image.shape, bool)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    outside = labels != np.argmax(sizes)
    # One call for all slices: pieces of air are connected within a slice only.
    labels, count = ndimage.label(outside, _IN_PLANE)
    edges = np.concatenate([labels[:, (0, -1), :].ravel(), labels[:, :, (0, -1)].ravel()])
    open_air = np.zeros(count + 1, bool)
    open_air[edges] = True
    open_air[0] = False
    return ~open_air[labels]
