"""Where on a CT the patient is, and where on an MR image only air is: as coarsely as regions need it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from SegQCLib.case import Box, Volume

# Halfway between air (-1000 HU) and water (0 HU); lungs are within the body because its holes are filled.
_BODY_ABOVE_HU = -500.0
_COARSE_MM = 3.0
_AIR_MARGIN_MM = 10.0
_FEWEST_AIR_SAMPLES = 200


@dataclass(frozen=True, eq=False)
class CoarseMask:
    """A mask of every n-th voxel of an image.

    Attributes
    ----------
    mask : ndarray of bool, shape (k, j, i)
    steps : tuple of int
        Voxels of the image per voxel of the mask, along (k, j, i).
    """

    mask: NDArray[np.bool_]
    steps: tuple[int, int, int]

    def cut(self, voxels: NDArray[np.bool_], box: Box) -> NDArray[np.bool_]:
        """Return those voxels, given in a box of the image, that lie in the mask."""
        part = tuple(slice(p.start // step, -(-p.stop // step)) for p, step in zip(box, self.steps, strict=True))
        if self.mask[part].all():
            return voxels
        flat = np.flatnonzero(voxels)
        places = np.unravel_index(flat, voxels.shape)
        coarse = tuple((place + p.start) // step for place, p, step in zip(places, box, self.steps, strict=True))
        kept = np.zeros(voxels.shape, bool)
        kept.ravel()[flat[self.mask[coarse]]] = True
        return kept


def ct_body(volume: Volume) -> CoarseMask:
    """Return the patient on a CT: the largest connected part above -500 HU, its holes filled slice by slice."""
    steps, coarse = _coarse(volume)
    return CoarseMask(_largest_filled(np.nan_to_num(coarse, nan=-1000.0) > _BODY_ABOVE_HU), steps)


def mr_air_values(volume: Volume) -> NDArray[np.float64]:
    """Return values of an MR image outside the patient, at least 10 mm away from whatever is bright there.

    The patient is what lies above Otsu's threshold (IEEE Trans Syst Man Cybern 1979;9:62-66), connected and filled.

    Returns
    -------
    ndarray, shape (n,)
        Samples on a grid of about 3 mm; empty where there is not enough air.
    """
    steps, coarse = _coarse(volume)
    finite = np.isfinite(coarse)
    if not finite.any() or coarse[finite].min() == coarse[finite].max():
        return np.zeros(0)
    values = np.where(finite, coarse, coarse[finite].min())
    # Otsu divides body from air by their means: a few very bright voxels would move the threshold into the body.
    values = np.minimum(values, np.percentile(values, 98))
    bright = sitk.GetArrayViewFromImage(sitk.OtsuThreshold(sitk.GetImageFromArray(values), 0, 1, 256)) > 0
    body = _largest_filled(bright) | bright
    spacing_mm = tuple(step * mm for step, mm in zip(steps, volume.geometry.spacing_mm, strict=True))
    away = ndimage.distance_transform_edt(~body, sampling=spacing_mm) > _AIR_MARGIN_MM
    samples = coarse[away & finite]
    return samples if len(samples) >= _FEWEST_AIR_SAMPLES else np.zeros(0)


def _coarse(volume: Volume) -> tuple[tuple[int, int, int], NDArray[np.float64]]:
    steps = tuple(max(1, round(_COARSE_MM / mm)) for mm in volume.geometry.spacing_mm)
    return steps, volume.array[tuple(slice(None, None, step) for step in steps)].astype(np.float64)


def _largest_filled(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    labels, count = ndimage.label(mask)
    if not count:
        return mask
    largest = labels == 1 + int(np.argmax(np.bincount(labels.ravel())[1:]))
    return np.stack([ndimage.binary_fill_holes(plane) for plane in largest])
