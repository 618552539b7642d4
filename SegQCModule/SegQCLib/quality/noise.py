"""Noise: how much values scatter in tissue that should have one value. Lower is better, at the same sharpness."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, stats

from SegQCLib.quality.quality_measurement import QualityMeasurement
from SegQCLib.quality.site import REGION_PLACES, Sample, Site

MEASURE = "noise"
WINDOW_MM = 6.0
_MOST_SLICES = 25
_FEWEST_WINDOWS = 10

SD_DEFINITION = "sample standard deviation of the values (n - 1)"
LOCAL_DEFINITION = (
    f"median of the standard deviations in square in-plane windows of about {WINDOW_MM:g} mm (at least 3 x 3 voxels) that lie"
    " wholly in the core, divided by the median that Gaussian noise of standard deviation 1 has in such windows: vessels and"
    " gradients count less than in one standard deviation (after the noise map of Christianson et al., Automated technique to"
    " measure noise in clinical CT examinations, AJR 2015)"
)
OF_LESION = "What differs within the lesion itself counts as noise here; the noise of a background region does not have it."
# Gradients and vessels make the one larger than the other in any organ; twice is gas, contrast medium or another tissue.
_UNEVEN = 2.0
UNEVEN = (
    "More than twice the local noise: what differs in the segment itself (gas and content, contrast medium, calcification, other"
    " tissue) makes most of this number, and it is no noise of the image."
)
ONE_VOXEL = "A standard deviation needs at least two voxels."
FEW_WINDOWS = (
    f"Fewer than {_FEWEST_WINDOWS} windows of about {WINDOW_MM:g} mm (at least 3 x 3 voxels) lie wholly"
    " in the core: it is too small."
)


def measure(site: Site) -> Iterator[QualityMeasurement]:
    """Yield the noise of a segment's core, of the background regions of a lesion, and wherever the protocol asks for it."""
    unit = site.scale.unit
    asked = site.asked_regions(MEASURE)
    core, local = site.sample("core"), math.nan
    if not core.reason and (not site.is_lesion or site.is_asked(MEASURE, "local")):
        local = local_noise(site.values, site.core_mask, site.spacing_mm)
    for region in dict.fromkeys(("core", *(part for part in asked if part != "background"))):
        sample = site.sample(region)
        definition = f"{SD_DEFINITION}, {REGION_PLACES[region]}"
        remark = None
        if region in ("core", "whole"):
            remark = OF_LESION if site.is_lesion else UNEVEN if sample.sd > _UNEVEN * local else None
        yield site.row(MEASURE, "sd", definition, region, sample, sample.sd, unit, ONE_VOXEL, remark=remark)
    if site.is_lesion or "background" in asked:
        for background in site.backgrounds:
            sample = background.sample
            definition = f"{SD_DEFINITION}, in the background region: {background.how}"
            value = sample.sd
            yield site.row(MEASURE, "sd", definition, "background", sample, value, unit, ONE_VOXEL, background)
    if not site.is_lesion or site.is_asked(MEASURE, "local"):
        yield site.row(MEASURE, "local", LOCAL_DEFINITION, "core", Sample(core.values, core.reason), local, unit, FEW_WINDOWS)


def local_noise(values: NDArray, mask: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> float:
    """Return the noise by the median of the sample standard deviations in small in-plane windows wholly inside a mask.

    The median of the standard deviations of n values is below that of the noise, by 4 % for n = 9 and 1 % for n = 49: it is
    divided by the root of the median of chi-squared / (n - 1), so that numbers of coarse and fine grids compare.

    Parameters
    ----------
    values : ndarray, shape (k, j, i)
    mask : ndarray of bool, shape (k, j, i)
    spacing_mm : tuple of float

    Returns
    -------
    float
        In the unit of the values, 0 or more. NaN if fewer than 10 windows lie in the mask. At most 25 slices, evenly
        spaced over the mask, are looked at.
    """
    window = tuple(max(3, 2 * round((WINDOW_MM / mm - 1) / 2) + 1) for mm in spacing_mm[1:])
    slices = np.flatnonzero(mask.any(axis=(1, 2)))
    if not len(slices):
        return math.nan
    slices = slices[np.unique(np.linspace(0, len(slices) - 1, min(len(slices), _MOST_SLICES)).round().astype(int))]
    n, found = math.prod(window), []
    for k in slices:
        rows, columns = np.flatnonzero(mask[k].any(axis=1)), np.flatnonzero(mask[k].any(axis=0))
        part = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        plane = values[k][part].astype(np.float64)
        usable = mask[k][part] & np.isfinite(plane)
        if not usable.any():
            continue
        # About their mean, so that squares of large values do not cancel.
        plane = np.where(usable, plane - plane[usable].mean(), 0.0)
        whole = ndimage.minimum_filter(usable, window, mode="constant", cval=0)
        mean = ndimage.uniform_filter(plane, window, mode="constant")[whole]
        square = ndimage.uniform_filter(plane**2, window, mode="constant")[whole]
        found.append(np.sqrt(np.maximum(square - mean**2, 0) * n / (n - 1)))
    deviations = np.concatenate(found) if found else np.zeros(0)
    if len(deviations) < _FEWEST_WINDOWS:
        return math.nan
    return float(np.median(deviations)) / math.sqrt(stats.chi2.median(n - 1) / (n - 1))
