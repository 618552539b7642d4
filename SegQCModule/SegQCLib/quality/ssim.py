"""Structural similarity of two registered images. 1 is identity; it says nothing about one image alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SegQCLib.case import Volume
from SegQCLib.geometry import same_grid
from SegQCLib.quality.quality_measurement import QualityMeasurement
from SegQCLib.quality.site import NOT_FINITE, Sample, Site

MEASURE = "ssim"
Window = Literal["uniform_7", "gaussian_11"]
K1, K2 = 0.01, 0.03
_WINDOW, _SIGMA, _GAUSSIAN_RADIUS = 7, 1.5, 5

_SOURCE = (
    "K1 = 0.01, K2 = 0.03, data range: highest minus lowest value of the first image in the segment's"
    " box with 10 mm around it (Wang"
    " et al., IEEE Trans Image Process 2004;13:600-612, 10.1109/TIP.2003.819861)"
)
DEFINITIONS = {
    "uniform_7": f"mean over the segment's voxels of SSIM in square in-plane windows of 7 x 7 voxels; {_SOURCE}",
    "gaussian_11": "mean over the segment's voxels of SSIM in in-plane Gaussian windows of 11 x 11 voxels, standard deviation 1.5"
    f" voxels; {_SOURCE}",
}
NO_SECOND = (
    "SSIM compares two registered images (original and denoised, two reconstructions, baseline and"
    " follow-up): for one image alone it"
    " does not exist. Give the other one with --second-image."
)
OTHER_GRID = (
    "The second image lies on another grid. SSIM compares voxel with voxel: register it to this image"
    " and resample it to the same grid"
    " first."
)
NO_RANGE = "The image has one value in and around the segment, or none of its windows has finite values only: nothing to compare."
ANOTHER_FRAME = (
    "The two images have different Frame of Reference UIDs (0020,0052): the number holds only if they"
    " were registered to each other."
)


def measure(site: Site) -> Iterator[QualityMeasurement]:
    """Yield the SSIM of a segment in two images, or why there is none."""
    second = site.second_image
    reason = refusal(site.image, second)
    if reason is not None:
        for method, definition in DEFINITIONS.items():
            yield from site.refused(MEASURE, method, definition, "whole", "1", reason)
        return
    first, other = site.values.astype(np.float64), second.array[site.box].astype(np.float64)
    finite = np.isfinite(first) & np.isfinite(other)
    data_range = float(np.ptp(first[np.isfinite(first)])) if np.isfinite(first).any() else 0.0
    uids = [volume.acquisition.frame_of_reference_uid for volume in (site.image, second)]
    remark = ANOTHER_FRAME if None not in uids and uids[0] != uids[1] else None
    inside = site.mask & finite
    sample = Sample(first[inside], None if inside.any() else NOT_FINITE)
    for method, definition in DEFINITIONS.items():
        value = math.nan
        if data_range > 0 and sample.voxels:
            planes = [k for k in range(len(inside)) if inside[k].any()]
            found = np.concatenate([_in_plane(first[k], other[k], inside[k], finite[k], data_range, method) for k in planes])
            value = float(found.mean()) if len(found) else math.nan
        yield site.row(MEASURE, method, definition, "whole", sample, value, "1", NO_RANGE, remark=remark)


def _in_plane(
    first: NDArray, second: NDArray, inside: NDArray[np.bool_], finite: NDArray[np.bool_], data_range: float, window: Window
) -> NDArray[np.float64]:
    """Return the SSIM of the voxels `inside` of one slice whose windows have finite values only."""
    width = _WINDOW if window == "uniform_7" else 2 * _GAUSSIAN_RADIUS + 1
    usable = inside if finite.all() else inside & ndimage.minimum_filter(finite, width)
    # A sum that runs over a row never recovers from a value that is not finite.
    filled = (np.where(finite, values, 0.0) for values in (first, second))
    return ssim_map(*filled, data_range, window)[usable]


def refusal(image: Volume, second: Volume | None) -> str | None:
    """Return why two images cannot be compared, or None."""
    if second is None or second.array is None:
        return NO_SECOND
    return None if same_grid(image.geometry, second.geometry) else OTHER_GRID


def ssim_map(first: NDArray, second: NDArray, data_range: float, window: Window = "uniform_7") -> NDArray[np.float64]:
    """Return the structural similarity of two images at every voxel, -1 to 1.

    Parameters
    ----------
    first, second : ndarray of one shape and any dimension
    data_range : float
        Of the values that are compared, > 0.
    window : str
        uniform_7: 7 voxels along each axis, variances of n - 1. gaussian_11: Gaussian of standard deviation 1.5
        voxels, 11 voxels wide, variances of the weighted population, as in Wang et al.

    Returns
    -------
    ndarray of float64
        Beyond the edges the images are mirrored.

    Raises
    ------
    ValueError
        If the shapes differ or the data range is not above 0.

    References
    ----------
    Wang et al., IEEE Trans Image Process 2004;13:600-612, 10.1109/TIP.2003.819861.
    """
    if first.shape != second.shape:
        raise ValueError(f"SSIM needs images of one shape, not {first.shape} and {second.shape}.")
    if not data_range > 0:
        raise ValueError(f"SSIM needs a data range above 0, not {data_range}.")
    a, b = first.astype(np.float64), second.astype(np.float64)

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        if window == "uniform_7":
            return ndimage.uniform_filter(values, _WINDOW)
        return ndimage.gaussian_filter(values, _SIGMA, radius=_GAUSSIAN_RADIUS)

    n = _WINDOW**a.ndim
    correction = n / (n - 1) if window == "uniform_7" else 1.0
    mean_a, mean_b = mean(a), mean(b)
    variance_a = correction * (mean(a * a) - mean_a * mean_a)
    variance_b = correction * (mean(b * b) - mean_b * mean_b)
    covariance = correction * (mean(a * b) - mean_a * mean_b)
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    above = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    return above / ((mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2))
