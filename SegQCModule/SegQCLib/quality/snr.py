"""Signal-to-noise ratio, by three methods that are not interchangeable. Higher is better."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from SegQCLib.acquisition import Acquisition
from SegQCLib.case import Volume
from SegQCLib.geometry import same_grid
from SegQCLib.quality.quality_measurement import QualityMeasurement
from SegQCLib.quality.site import NOT_FINITE, REGION_PLACES, Sample, Site, sd

MEASURE = "snr"
# SD of Rayleigh noise in air to SD of the Gaussian noise in tissue: sqrt((4 - pi) / 2) = 0.6551.
RAYLEIGH_FACTOR = math.sqrt((4 - math.pi) / 2)
# Rayleigh noise has this mean in units of its standard deviation; that of two coils combined has 2.75.
RAYLEIGH_MEAN_TO_SD = math.sqrt(math.pi / (4 - math.pi))
_RAYLEIGH_TOLERANCE = 0.1
# A magnitude image has hardly a zero in its air, unless somebody put them there.
_MOST_ZEROS = 0.2

TISSUE_DEFINITION = (
    "mean / sample standard deviation (n - 1) of the same region; what differs in the tissue itself counts as noise (formula of"
    " MRIQC's snr, which MRIQC itself is given the median for)"
)
AIR_DEFINITION = (
    "0.6551 x mean of the tissue / standard deviation of the air around the patient (Dietrich et al., J Magn Reson Imaging"
    " 2007;26:375-385, 10.1002/jmri.20969): magnitude MR of one coil only"
)
DIFFERENCE_DEFINITION = (
    "sqrt(2) x mean of both acquisitions / standard deviation of their difference (NEMA MS 1; Dietrich et al. 2007,"
    " 10.1002/jmri.20969): two acquisitions of the same kind, one right after the other"
)
NO_SCATTER = "All values of the region are the same: there is no noise to divide by."
NO_SIGNAL = "The mean of the region is not above 0, so it is no signal that noise could be compared with."
ONE_VOXEL = "Noise needs at least two voxels."
NO_SECOND = (
    "The difference method needs a second acquisition of the same kind on the same grid (--second-image); there is none. SNR in"
    " tissue stands beside it."
)
REPEAT_REMARK = "Right only if the second image is a second acquisition with the same settings, without motion between the two."


def measure(site: Site) -> Iterator[QualityMeasurement]:
    """Yield the SNR of a segment's core (of a lesion also the whole), by every method that the image allows."""
    yield from _tissue(site)
    yield from _air(site)
    yield from _difference(site)


def _tissue(site: Site) -> Iterator[QualityMeasurement]:
    regions = ("core", *(("whole",) if site.is_lesion else ()), *site.asked_regions(MEASURE))
    for region in dict.fromkeys(regions):
        sample = site.sample(region)
        definition = f"{TISSUE_DEFINITION}, {REGION_PLACES[region]}"
        remark = None
        if site.scale.unit == "[hnsf'U]":
            remark = "Hounsfield units have water as their zero, so this ratio says little on CT; noise and CNR say more."
        value = snr_tissue(sample.mean, sample.sd)
        why = ONE_VOXEL if sample.voxels < 2 else NO_SIGNAL if sample.mean <= 0 else NO_SCATTER
        yield site.row(MEASURE, "tissue", definition, region, sample, value, "1", why, remark=remark)


def _air(site: Site) -> Iterator[QualityMeasurement]:
    if site.air is None:
        yield from site.refused(MEASURE, "air", AIR_DEFINITION, "core", "1", site.air_refusal)
        return
    sample = site.sample("core")
    value = snr_air(sample.mean, site.air.sd)
    yield site.row(MEASURE, "air", AIR_DEFINITION, "core", sample, value, "1", NO_SCATTER)


def _difference(site: Site) -> Iterator[QualityMeasurement]:
    reason = difference_refusal(site.image, site.second_image)
    if reason is not None:
        yield from site.refused(MEASURE, "difference", DIFFERENCE_DEFINITION, "core", "1", reason)
        return
    sample = site.sample("core")
    if sample.reason is None:
        pair = [array[site.core_mask].astype(np.float64) for array in (site.values, site.second_image.array[site.box])]
        finite = np.isfinite(pair[0]) & np.isfinite(pair[1])
        first, second = (values[finite] for values in pair)
        sample = Sample(first, None if len(first) else NOT_FINITE)
        value = snr_difference(first, second)
    else:
        value = math.nan
    why = ONE_VOXEL if sample.voxels < 2 else "Both images are the same in the region: they are not two acquisitions."
    yield site.row(MEASURE, "difference", DIFFERENCE_DEFINITION, "core", sample, value, "1", why, remark=REPEAT_REMARK)


def snr_tissue(mean: float, noise: float) -> float:
    """Return mean / SD of one region; higher is better.

    Parameters
    ----------
    mean, noise : float
        Mean and sample standard deviation (n - 1) of the region.

    Returns
    -------
    float
        NaN where either is not above 0 or not known.

    References
    ----------
    MRIQC, mriqc.qc.anatomical.snr: mean / (SD sqrt(n / (n - 1))), with the SD that divides by n.
    """
    return mean / noise if noise > 0 and mean > 0 else math.nan


def snr_air(mean: float, air_noise: float) -> float:
    """Return 0.6551 x mean of the tissue / SD of the air; higher is better.

    The noise of a magnitude image of one coil is Rayleigh distributed where there is no signal: its standard deviation
    is sqrt((4 - pi) / 2) of that in tissue.

    Parameters
    ----------
    mean : float
        Mean of the tissue.
    air_noise : float
        Sample standard deviation of the air.

    Returns
    -------
    float
        NaN where the air does not scatter or the mean is not known.

    References
    ----------
    Dietrich et al., J Magn Reson Imaging 2007;26:375-385, 10.1002/jmri.20969.
    """
    return RAYLEIGH_FACTOR * mean / air_noise if air_noise > 0 else math.nan


def snr_difference(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return sqrt(2) x mean / SD of the difference of two acquisitions; higher is better.

    Parameters
    ----------
    first, second : ndarray of float64, shape (n,)
        The same voxels in both.

    Returns
    -------
    float
        NaN below two values, and where the difference has one value.

    References
    ----------
    NEMA MS 1; Dietrich et al., J Magn Reson Imaging 2007;26:375-385, 10.1002/jmri.20969.
    """
    noise = sd(first - second)
    return math.sqrt(2) * float(np.mean(first) + np.mean(second)) / 2 / noise if noise > 0 else math.nan


def air_refusal(acquisition: Acquisition, modality: str | None) -> str | None:
    """Return why air is no measure of an image's noise, or None: it takes magnitude MR of one coil, and a header that says so."""
    other = "SNR in tissue stands beside it; the difference of two acquisitions holds for any coil."
    if modality is None:
        return f"Air-region SNR holds for magnitude MR only, and the header does not say what this image is. {other}"
    if modality != "MR":
        what = {"CT": "On CT, air is cut off or set to one value and its noise is not that of tissue", "PT": "On PET, noise follows"
                " the activity and is least in air"}.get(modality, f"{modality} is no MR")  # fmt: skip
        return f"Air-region SNR holds for magnitude MR only. {what}."
    parts = tuple(part.upper() for part in acquisition.image_type)
    kind = next((part for part in parts[2:] if part in _NOT_MAGNITUDE), None)
    if kind is not None:
        return f"Air-region SNR holds for magnitude MR only; Image Type (0008,0008) says {kind}. {other}"
    if acquisition.complex_image_component not in (None, "MAGNITUDE"):
        component = acquisition.complex_image_component
        return f"Air-region SNR holds for magnitude MR only; Complex Image Component (0008,9208) is {component}. {other}"
    if acquisition.parallel_acquisition == "YES":
        return (
            "Parallel Acquisition (0018,9077) is YES: parallel imaging makes noise differ from place to place,"
            " so that of the air is"
            f" not that of the tissue (Dietrich et al. 2007). {other}"
        )
    if acquisition.receive_coil_type is not None and acquisition.receive_coil_type not in _ONE_COIL:
        return (
            f"Receive Coil Type (0018,9043) is {acquisition.receive_coil_type}: signals of several coil elements were combined, so"
            " noise in air is not Rayleigh distributed (Constantinides et al. 1997, 10.1002/mrm.1910380524; Dietrich et al. 2007)."
            f" {other}"
        )
    if acquisition.receive_coil_type is None or acquisition.parallel_acquisition is None:
        return (
            "The header does not say that one coil without parallel imaging received the signal (Receive Coil Type (0018,9043) BODY"
            " or VOLUME, Parallel Acquisition (0018,9077) NO); with the coil arrays of today, noise in air is not that of tissue"
            f" (Dietrich et al. 2007). {other}"
        )
    return None


def air_sample(values: NDArray[np.float64]) -> Sample:
    """Return values of the air as a sample, or why they are no noise."""
    if not len(values):
        return Sample(values, "There is too little air in the image, 10 mm and more from the patient, to measure noise in.")
    zeros = np.count_nonzero(values == 0) / len(values)
    if zeros > _MOST_ZEROS:
        return Sample(values[:0], f"{zeros:.0%} of the air is exactly 0: a filter or mask has removed its noise.")
    noise = sd(values)
    found = float(np.mean(values)) / noise if noise > 0 else math.inf
    if abs(found / RAYLEIGH_MEAN_TO_SD - 1) > _RAYLEIGH_TOLERANCE:
        reason = (
            f"Noise in the air is not Rayleigh distributed: its mean is {found:.2f} standard deviations, not"
            f" {RAYLEIGH_MEAN_TO_SD:.2f}. Several coils, a filter or ghosts do that, and then the factor 0.6551 does not hold."
        )
        return Sample(values[:0], reason)
    return Sample(values)


def difference_refusal(image: Volume, second: Volume | None) -> str | None:
    """Return why a second image is no second acquisition of the first one, or None."""
    if second is None or second.array is None:
        return NO_SECOND
    if not same_grid(image.geometry, second.geometry):
        return "The second image lies on another grid: resampling it would change its noise. Give an acquisition on the same grid."
    first, other = image.acquisition, second.acquisition
    for fact, words in _SAME_SETTINGS.items():
        pair = getattr(first, fact), getattr(other, fact)
        if all(value not in (None, ()) for value in pair) and pair[0] != pair[1]:
            return f"The two images differ in {words}, so their difference is not noise alone."
    at = [(a.series_instance_uid, a.acquisition_time) for a in (first, other)]
    if None not in (at[0][0], at[1][0]) and at[0][0] == at[1][0]:
        return "The second image is the same series as the first (Series Instance UID (0020,000E))."
    if None not in (at[0][1], at[1][1]) and at[0][1] == at[1][1]:
        return (
            "Both images have the same Acquisition Time (0008,0032): two images made of one acquisition share its noise, so their"
            " difference does not have it."
        )
    return None


_NOT_MAGNITUDE = ("P", "R", "I", "PHASE", "REAL", "IMAGINARY", "PHASE MAP", "MIXED")
_ONE_COIL = ("BODY", "VOLUME")
_SAME_SETTINGS = {
    "modality": "Modality (0008,0060)",
    "convolution_kernel": "Convolution Kernel (0018,1210)",
    "kvp": "KVP (0018,0060)",
    "echo_time_ms": "Echo Time (0018,0081)",
    "repetition_time_ms": "Repetition Time (0018,0080)",
    "flip_angle_deg": "Flip Angle (0018,1314)",
    "sequence_name": "Sequence Name (0018,0024)",
    "slice_thicknesses_mm": "Slice Thickness (0018,0050)",
    "value_unit": "the unit of their values",
}
