"""Tumour-to-background ratio on PET: uptake of the lesion over that of normal tissue. Higher shows a lesion better."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal

from SegQCLib.quality.image_scale import SUV
from SegQCLib.quality.quality_measurement import QualityMeasurement
from SegQCLib.quality.site import Site

MEASURE = "tumour_to_background"
_LARGE_BALL = 20_000
PEAK_RADIUS_MM = (3 * 1000 / (4 * math.pi)) ** (1 / 3)  # of 1 mL: 6.2 mm

DEFINITIONS = {
    "mean": "mean SUV of the segment / mean SUV of the background",
    "max": "highest SUV of the segment / mean SUV of the background; the highest of many voxels rises with noise",
    "peak": "SUVpeak / mean SUV of the background; SUVpeak is the highest mean in a sphere of 1 mL (radius 6.2"
    " mm) that is centred on a"
    " voxel of the segment and may reach beyond it (PERCIST: Wahl et al., J Nucl Med 2009;50 Suppl 1:122S-150S,"
    " 10.2967/jnumed.108.057307; voxels as in IBSI's global intensity peak)",
}
NO_PET = (
    "The tumour-to-background ratio is one of standardised uptake values, and this image has none (unit"
    " g/mL, SUVbw). Use CNR for CT"
    " and MR; a PET series needs the header facts that SUV is computed from."
)
NO_UPTAKE = "The mean of the background is not above 0, so no ratio to it exists."
NOT_KNOWN = (
    "Nothing says whether this segment is a lesion; this ratio and CNR are measured for lesions. Give a protocol that calls it one,"
    " or code the segment as Morphologically Abnormal Structure."
)
SPILL_OVER = (
    "PET's resolution spreads the lesion's uptake into tissue this near, so that the ratio may be too low; normal tissue farther"
    " away has none of it."
)
CUT_OFF = "The segment lies less than 6.2 mm from the edge of the image, which cuts off spheres of SUVpeak."


def measure(site: Site) -> Iterator[QualityMeasurement]:
    """Yield the three ratios of a lesion against each of its background regions; elsewhere only where the protocol asks."""
    asked = any(limit.measure == MEASURE for limit in site.limits)
    if site.scale.unit != SUV:
        if asked or (site.scale.modality == "PT" and site.is_lesion):
            for method, definition in DEFINITIONS.items():
                yield from site.refused(MEASURE, method, definition, "whole", "1", NO_PET)
        return
    if not site.is_lesion and not asked:
        if site.structure is None and site.segment.terminology is None:
            # An outline from radiotherapy (GTV) or a label map has no codes: silence would look like a number forgotten.
            for method, definition in DEFINITIONS.items():
                yield from site.refused(MEASURE, method, definition, "whole", "1", NOT_KNOWN)
        return
    sample = site.sample("whole")
    remarks = {"peak": CUT_OFF if _is_at_edge(site) else None}
    uptakes = {"mean": math.nan, "max": math.nan, "peak": math.nan}
    if sample.voxels:
        peak = peak_value(site.values, site.mask, site.spacing_mm)
        uptakes = {"mean": float(np.mean(sample.values)), "max": float(np.max(sample.values)), "peak": peak}
    for background in site.backgrounds:
        for method, uptake in uptakes.items():
            value = ratio(uptake, background.sample.values)
            definition = f"{DEFINITIONS[method]}; background: {background.how}"
            near = SPILL_OVER if background.segment is None else None
            remark = " ".join(text for text in (remarks.get(method), near) if text) or None
            yield site.row(MEASURE, method, definition, "whole", sample, value, "1", NO_UPTAKE, background, remark)


def ratio(uptake: float, background: NDArray[np.float64]) -> float:
    """Return an uptake / the mean of the background; NaN without a background above 0."""
    mean = float(np.mean(background)) if len(background) else math.nan
    return uptake / mean if mean > 0 else math.nan


def peak_value(values: NDArray, mask: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> float:
    """Return the highest mean in a sphere of 1 mL centred on a voxel of the mask.

    A voxel is in the sphere if its centre is. Voxels beyond the array, and those without a finite value, do not count.

    Parameters
    ----------
    values : ndarray, shape (k, j, i)
        With 6.2 mm around the mask, where the image goes that far.
    mask : ndarray of bool, shape (k, j, i)
    spacing_mm : tuple of float

    Returns
    -------
    float
        NaN for an empty mask, and where no value is finite.

    References
    ----------
    Wahl et al., J Nucl Med 2009;50 Suppl 1:122S-150S, 10.2967/jnumed.108.057307. Lodge et al., J Nucl Med
    2012;53:1041-1047, 10.2967/jnumed.111.101733. Image Biomarker Standardisation
    Initiative, global intensity peak (0F91).
    """
    # Beyond the array there is nothing to sum, however small the voxels.
    reach = [min(int(PEAK_RADIUS_MM / mm), n - 1) for mm, n in zip(spacing_mm, values.shape, strict=True)]
    offsets = np.ogrid[tuple(slice(-n, n + 1) for n in reach)]
    ball = sum((offset * mm) ** 2 for offset, mm in zip(offsets, spacing_mm, strict=True)) <= PEAK_RADIUS_MM**2
    box = ndimage.find_objects(mask.view(np.int8))
    if not box:
        return math.nan
    part = tuple(slice(max(0, s.start - n), s.stop + n) for s, n in zip(box[0], reach, strict=True))
    crop, centres = values[part].astype(np.float64), mask[part]
    finite = np.isfinite(crop)
    sums, counts = (_sums(part, ball)[centres] for part in (np.where(finite, crop, 0.0), finite.astype(np.float64)))
    means = np.divide(sums, counts, out=np.full(len(sums), -np.inf), where=counts > 0.5)
    peak = float(means.max())
    return peak if math.isfinite(peak) else math.nan


def _sums(values: NDArray[np.float64], ball: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the sum over a ball around every voxel; beyond the array there is nothing."""
    weights = ball.astype(np.float64)
    if ball.size < _LARGE_BALL:
        return ndimage.correlate(values, weights, mode="constant")
    # Rounds in the last digits, and does not take minutes where voxels are tenths of a millimetre.
    return signal.fftconvolve(values, weights, "same")


def _is_at_edge(site: Site) -> bool:
    reach = [int(PEAK_RADIUS_MM / mm) for mm in site.spacing_mm]
    box, size = site.segmentation.box(site.segment), site.image.geometry.size
    return any(part.start < n or part.stop > end - n for part, n, end in zip(box, reach, size, strict=True))
