"""The 93 first-order and texture descriptors of a region of an image, by pyradiomics' definitions."""

from __future__ import annotations

import math
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from SegQCLib.difficulty.descriptors import first_order, glcm, gldm, glrlm, glszm, ngtdm
from SegQCLib.difficulty.descriptors.grey_levels import bin_grey_values, bounding_box, grey_levels
from SegQCLib.difficulty.descriptors.line_runs import count_along_lines

FAMILIES = MappingProxyType(
    {
        "first_order": first_order.DEFINITIONS,
        "glcm": glcm.DEFINITIONS,
        "glrlm": glrlm.DEFINITIONS,
        "glszm": glszm.DEFINITIONS,
        "gldm": gldm.DEFINITIONS,
        "ngtdm": ngtdm.DEFINITIONS,
    }
)

DEFINITIONS = MappingProxyType(
    {f"{family}.{name}": definition for family, definitions in FAMILIES.items() for name, definition in definitions.items()}
)


def radiomics(image: NDArray, mask: NDArray[np.bool_], spacing_mm: tuple[float, ...], bin_width: float = 25.0) -> dict[str, float]:
    """Return 93 descriptors of the grey values and texture of a region.

    Parameters
    ----------
    image : ndarray, shape (k, j, i) or (j, i)
        Grey values; HU in CT.
    mask : ndarray of bool, same shape
        The region, at least one voxel.
    spacing_mm : tuple of float
        In array order. Only `first_order.total_energy` uses it: texture counts voxels, so that images compared with
        each other should have one spacing.
    bin_width : float
        Width of a grey level in grey values, above 0; 25 as in pyradiomics, which suits CT in HU.

    Returns
    -------
    dict of float
        18 of family first_order, 24 glcm, 16 glrlm, 16 glszm, 14 gldm, 5 ngtdm, named "<family>.<name>" with
        pyradiomics' names in snake case. Meaning, formula, unit, range and IBSI code of each are in `DEFINITIONS`.
        NaN, "undefined": glcm where no two voxels touch, glrlm where no line in a direction of a neighbour holds two
        voxels (as in a region of one), first_order.robust_mean_absolute_deviation where there are two voxels.

    Raises
    ------
    ValueError
        If shapes or spacing do not fit, or the bin width is not above 0.
    BadDataError
        If the region is empty, holds a grey value that is not finite, or more grey levels than can be counted (1,000).

    References
    ----------
    van Griethuysen et al., Computational radiomics system to decode the radiographic phenotype, Cancer Res 77:e104-e107,
    2017 (pyradiomics; defaults: distance 1, symmetric GLCM, α = 0, no shift of grey values, angles averaged).
    """
    if image.shape != mask.shape or image.ndim not in (2, 3) or len(spacing_mm) != image.ndim:
        raise ValueError(
            f"The image is {image.shape}, the mask {mask.shape}, the spacing has {len(spacing_mm)} values; one grid with two or"
            " three axes and as many spacings is needed."
        )
    mask = np.asarray(mask, bool)
    box = bounding_box(mask)
    mask = mask[box]
    values = image[box][mask].astype(np.float64)
    region = grey_levels(bin_grey_values(values, bin_width), mask)
    levels = region.levels
    pairs, runs = count_along_lines(region)
    families = {
        "first_order": first_order.first_order(values, region.counts, math.prod(spacing_mm)),
        "glcm": glcm.glcm_features(pairs, levels),
        "glrlm": glrlm.glrlm_features(runs, levels),
        "glszm": glszm.glszm_features(*glszm.zone_sizes(region), levels),
        "gldm": gldm.gldm_features(gldm.dependences(region), levels),
        "ngtdm": ngtdm.ngtdm_features(region.counts, ngtdm.tone_differences(region), levels),
    }
    return {f"{family}.{name}": value for family, features in families.items() for name, value in features.items()}
