"""Contrast-to-noise ratio: how far a structure stands out from normal tissue, in units of its noise. Higher is better."""

from __future__ import annotations

import math
from collections.abc import Iterator

from SegQCLib.quality.quality_measurement import QualityMeasurement
from SegQCLib.quality.site import REGION_PLACES, Site

MEASURE = "cnr"
DEFINITION = "|mean - mean of the background| / sample standard deviation of the background (n - 1)"
NO_SCATTER = "All values of the background region are the same, or it has one voxel: there is no noise to divide by."


def measure(site: Site) -> Iterator[QualityMeasurement]:
    """Yield the CNR of a segment against each of its background regions."""
    regions = dict.fromkeys(("whole", *(("core",) if site.is_lesion else ()), *site.asked_regions(MEASURE)))
    for background in site.backgrounds:
        for region in regions:
            sample = site.sample(region)
            definition = f"{DEFINITION}, {REGION_PLACES[region]}; background: {background.how}"
            value = cnr(sample.mean, background.sample.mean, background.sample.sd)
            yield site.row(MEASURE, "background_sd", definition, region, sample, value, "1", NO_SCATTER, background)


def cnr(mean: float, background_mean: float, background_noise: float) -> float:
    """Return |mean - mean of the background| / SD of the background; higher is better.

    MRIQC's cnr, of two tissues, divides by the root of three variances instead: numbers of the two definitions do not
    compare.

    Parameters
    ----------
    mean, background_mean : float
        In one unit.
    background_noise : float
        Sample standard deviation (n - 1) of the background.

    Returns
    -------
    float
        0 or more. NaN where the background does not scatter or something is not known.
    """
    return abs(mean - background_mean) / background_noise if background_noise > 0 else math.nan
