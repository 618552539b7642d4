"""Sharpness: how wide the image's own edge is along a segment's border. Lower is sharper."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from SegQCLib.quality.near import next_to
from SegQCLib.quality.quality_measurement import QualityMeasurement
from SegQCLib.quality.site import Sample, Site

MEASURE = "sharpness"
# From 10 to 90 % of a step that a Gaussian of standard deviation 1 has blurred: 2.563.
TEN_TO_NINETY = float(2 * ndtri(0.9))
REACH_MM = 8.0
_MOST_PROFILES = 100
_FEWEST_PROFILES = 12
_SMALLEST_SHARE = 0.25
_FEWEST_SAMPLES = 3  # on each side of the border
_EXPLAINED = 0.8
_IN_PLANE, _ALONG_A_LINE = 0.5, 0.85  # cosines: the border faces sideways, and nearly along rows or columns

DEFINITION = (
    "median over the border of the 10-90 % width of the image's edge, measured across it in plane: 2.563"
    " sigma of the error function"
    " that fits the values along a row or column of voxels that crosses the border within 32 degrees of"
    " its normal; along the slice axis"
    " the slice thickness decides"
)
TOO_THIN = (
    f"Fewer than {_FEWEST_PROFILES} places of the border have {_FEWEST_SAMPLES} voxels of the segment on"
    " one side and as many of other"
    " tissue on the other, in plane: the segment is too small or too thin to see the width of its edge."
)


@dataclass(frozen=True, eq=False)
class EdgeProfiles:
    """Values along rows and columns across a border.

    Attributes
    ----------
    positions_mm : ndarray, shape (profile, sample)
        Along the border's normal, outward, from the outermost voxel of the segment.
    values : ndarray, shape (profile, sample)
    usable : ndarray of bool, shape (profile, sample)
        Where the profile has not yet met another border, nor the edge of the image.
    step_mm : float
        Mean distance between samples.
    """

    positions_mm: NDArray[np.float64]
    values: NDArray[np.float64]
    usable: NDArray[np.bool_]
    step_mm: float


@dataclass(frozen=True)
class EdgeWidth:
    """The width of an edge.

    Attributes
    ----------
    width_mm : float
        NaN where it is not visible.
    profiles, visible : int
        At how many places it was looked for, and at how many it was seen.
    voxels : int
        Voxels that were looked at.
    """

    width_mm: float
    profiles: int
    visible: int
    voxels: int


def measure(site: Site) -> Iterator[QualityMeasurement]:
    """Yield the width of the edge along a segment's border."""
    found = edge_width(site.values, site.mask, site.spacing_mm)
    reason = remark = None
    if found.profiles < _FEWEST_PROFILES:
        reason = TOO_THIN
    elif not math.isfinite(found.width_mm):
        reason = (
            f"An edge is visible at {found.visible} of {found.profiles} places of the border; elsewhere the image"
            " has no single step there"
            " that stands out of its noise, so no width stands for the border."
        )
    else:
        remark = f"An edge was visible at {found.visible} of {found.profiles} places of the border."
        if found.width_mm < min(site.spacing_mm[1:]):
            remark += " It is narrower than a voxel, so that the true width may be less."
    # It is the count that matters here, not which voxels.
    sample = Sample(np.zeros(found.voxels), reason)
    yield site.row(MEASURE, "edge_width", DEFINITION, "shell", sample, found.width_mm, "mm", remark=remark)


def edge_width(values: NDArray, mask: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> EdgeWidth:
    """Return the 10-90 % width of the edge that an image has along the border of a mask.

    Each place's edge has its own position, up to 3 mm from where it was drawn, and its own two plateaus: an outline
    that is drawn unevenly makes no edge wider. Voxels are taken as they are, without interpolation, which would blur.

    Parameters
    ----------
    values : ndarray, shape (k, j, i)
        The image, with a margin around the mask where there is one.
    mask : ndarray of bool, shape (k, j, i)
    spacing_mm : tuple of float
        Along (k, j, i).

    Returns
    -------
    EdgeWidth
        With NaN if fewer than 12 places, or less than a quarter of them, show an edge: an error function that explains
        80 % of the variance along the profile.
    """
    profiles = edge_profiles(values, mask, spacing_mm)
    count, voxels = len(profiles.values), int(np.count_nonzero(profiles.usable))
    if count < _FEWEST_PROFILES:
        return EdgeWidth(math.nan, count, 0, voxels)
    sigmas, explained = _fitted(profiles)
    seen = explained >= _EXPLAINED
    visible = int(np.count_nonzero(seen))
    if visible < max(_FEWEST_PROFILES, _SMALLEST_SHARE * count):
        return EdgeWidth(math.nan, count, visible, voxels)
    return EdgeWidth(TEN_TO_NINETY * float(np.median(sigmas[seen])), count, visible, voxels)


def edge_profiles(values: NDArray, mask: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> EdgeProfiles:
    """Return values along rows and columns across the border of a mask, at up to 100 places evenly spaced over it."""
    border = np.flatnonzero(mask & next_to(~mask, in_plane=True))
    # Not all of the many thousands of an organ: three times as many as are wanted, because not all of them face sideways.
    border = border[np.unique(np.linspace(0, len(border) - 1, min(len(border), 3 * _MOST_PROFILES)).astype(int))]
    border = np.stack(np.unravel_index(border, mask.shape), axis=1)
    normals = _normals(mask, border, spacing_mm) if len(border) else np.zeros((0, 3))
    sideways = np.abs(normals[:, 0]) <= _IN_PLANE
    axes = 1 + np.argmax(np.abs(normals[:, 1:]), axis=1)
    along = np.take_along_axis(normals, axes[:, None], axis=1)[:, 0]
    kept = np.flatnonzero(sideways & (np.abs(along) >= _ALONG_A_LINE))
    kept = kept[np.unique(np.linspace(0, len(kept) - 1, min(len(kept), _MOST_PROFILES)).astype(int))]
    border, axes, along = border[kept], axes[kept], along[kept]
    step_mm = min(spacing_mm[1:])
    reach = max(_FEWEST_SAMPLES + 1, min(math.ceil(REACH_MM / step_mm), max(mask.shape[1:])))
    offsets = np.arange(-reach, reach + 1)
    steps = np.zeros((len(kept), 3), int)
    steps[np.arange(len(kept)), axes] = np.sign(along).astype(int)
    places = border[:, None, :] + offsets[None, :, None] * steps[:, None, :]
    inside_array = np.all((places >= 0) & (places < mask.shape), axis=2)
    places = np.clip(places, 0, np.array(mask.shape) - 1)
    k, j, i = np.moveaxis(places, 2, 0)
    found, in_mask = values[k, j, i].astype(np.float64), mask[k, j, i]
    usable = inside_array & np.isfinite(found) & (in_mask == (offsets <= 0))
    # A profile ends where it meets another border.
    middle = reach
    usable[:, middle + 1 :] = np.logical_and.accumulate(usable[:, middle + 1 :], axis=1)
    usable[:, middle::-1] = np.logical_and.accumulate(usable[:, middle::-1], axis=1)
    line_mm = np.array(spacing_mm)[axes] * np.abs(along)
    positions = offsets[None, :] * line_mm[:, None]
    usable &= np.abs(positions) <= max(REACH_MM, (_FEWEST_SAMPLES + 1) * step_mm)
    enough = (usable[:, : middle + 1].sum(axis=1) >= _FEWEST_SAMPLES) & (usable[:, middle + 1 :].sum(axis=1) >= _FEWEST_SAMPLES)
    return EdgeProfiles(positions[enough], np.where(usable, found, 0.0)[enough], usable[enough], step_mm)


def _normals(mask: NDArray[np.bool_], places: NDArray[np.int64], spacing_mm: tuple[float, float, float]) -> NDArray[np.float64]:
    """Return unit vectors (k, j, i, in mm) that point out of a mask: away from the Gaussian-weighted mean of its voxels."""
    # Below 0.8 of the distance between samples a Gaussian's sums depend on where the samples lie: thick slices ask for a wide one.
    sigma_mm = max(1.5 * max(spacing_mm[1:]), 0.8 * spacing_mm[0])
    strides = [max(1, int(sigma_mm / (2 * mm))) for mm in spacing_mm]
    reach = [math.ceil(2.5 * sigma_mm / (mm * stride)) for mm, stride in zip(spacing_mm, strides, strict=True)]
    offsets = (np.argwhere(np.ones([2 * n + 1 for n in reach], bool)) - np.array(reach)) * np.array(strides)
    in_mm = offsets * np.array(spacing_mm)
    weights = np.exp(-(in_mm**2).sum(axis=1) / (2 * sigma_mm**2))
    # Beyond the array the outermost voxels go on: the edge of the image is no border.
    k, j, i = (np.clip(places[:, None, axis] + offsets[None, :, axis], 0, size - 1) for axis, size in enumerate(mask.shape))
    outward = -(mask[k, j, i].astype(np.float64) @ (in_mm * weights[:, None]))
    length = np.linalg.norm(outward, axis=1, keepdims=True)
    return np.divide(outward, length, out=np.zeros_like(outward), where=length > 0)


def _fitted(profiles: EdgeProfiles) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the standard deviation of each profile's best error function, in mm, and the share of variance it explains."""
    shift_mm = max(3.0, 1.5 * profiles.step_mm)
    # Half a voxel outside the outermost voxel's centre is where the mask ends.
    centres = 0.5 * profiles.step_mm + np.linspace(-shift_mm, shift_mm, 13)[None, :]
    sigmas = np.geomspace(0.2 * profiles.step_mm, REACH_MM / 2 + profiles.step_mm, 12)
    best = _search(profiles, sigmas[None, :], centres)
    ratio, apart_mm = math.log(sigmas[1] / sigmas[0]), shift_mm / 6
    for _ in range(2):
        around = np.linspace(-1, 1, 7)[None, :]
        best = _search(profiles, best.sigma[:, None] * np.exp(ratio * around), best.centre[:, None] + apart_mm * around)
        ratio, apart_mm = ratio / 3, apart_mm / 3
    return best.sigma, best.explained


@dataclass(frozen=True, eq=False)
class _Best:
    sigma: NDArray[np.float64]
    centre: NDArray[np.float64]
    explained: NDArray[np.float64]


def _search(profiles: EdgeProfiles, sigmas: NDArray[np.float64], centres: NDArray[np.float64]) -> _Best:
    """Try every pair of width and position; plateaus are the least-squares ones of each pair.

    Parameters
    ----------
    sigmas : ndarray, shape (profile or 1, n)
    centres : ndarray, shape (profile or 1, m)
    """
    count = len(profiles.values)
    sigmas, centres = (np.broadcast_to(values, (count, values.shape[1])) for values in (sigmas, centres))
    weight = profiles.usable.astype(np.float64)
    n = weight.sum(axis=1)
    centred = (profiles.values - ((profiles.values * weight).sum(axis=1) / n)[:, None]) * weight
    total = (centred**2).sum(axis=1)
    offset = profiles.positions_mm[:, None, :] - centres[:, :, None]
    best = _Best(sigmas[:, 0].copy(), centres[:, 0].copy(), np.full(count, -1.0))
    rows = np.arange(count)
    for column in range(sigmas.shape[1]):
        edge = ndtr(offset / sigmas[:, column, None, None])
        mean = np.einsum("pcs,ps->pc", edge, weight) / n[:, None]
        variance = np.einsum("pcs,pcs,ps->pc", edge, edge, weight) - n[:, None] * mean**2
        covariance = np.einsum("pcs,ps->pc", edge, centred)
        with np.errstate(divide="ignore", invalid="ignore"):
            explained = np.where((variance > 1e-9) & (total > 0)[:, None], covariance**2 / (variance * total[:, None]), -1.0)
        at = np.argmax(explained, axis=1)
        better = explained[rows, at] > best.explained
        best.sigma[better] = sigmas[better, column]
        best.centre[better] = centres[rows, at][better]
        best.explained[better] = explained[rows, at][better]
    return best
