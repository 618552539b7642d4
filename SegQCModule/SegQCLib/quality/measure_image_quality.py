"""Measure the image's quality where a case is segmented."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from SegQCLib.case import Case, Segmentation, Volume
from SegQCLib.progress import Progress, counted, unwatched
from SegQCLib.protocol import QCProtocol
from SegQCLib.quality import cnr, contrast_at_border, noise, sharpness, snr, ssim, tumour_to_background
from SegQCLib.quality.background import Background, BackgroundPlacer, is_drawn_background
from SegQCLib.quality.background_segmentation import background_segmentation
from SegQCLib.quality.body import ct_body, mr_air_values
from SegQCLib.quality.image_scale import image_scale
from SegQCLib.quality.quality_measurement import QualityMeasurement
from SegQCLib.quality.site import Site
from SegQCLib.segment_shape import is_lesion

_LARGEST = 1e150
# In the order in which a report lists them.
MEASURES = (noise, snr, cnr, contrast_at_border, sharpness, tumour_to_background, ssim)


@dataclass(frozen=True, eq=False)
class QualityMeasured:
    """What measuring the image's quality gave.

    Attributes
    ----------
    measurements : tuple of QualityMeasurement
    background : Segmentation or None
        The background regions that were placed automatically, one segment each, on the image's grid; None: there are none.
    """

    measurements: tuple[QualityMeasurement, ...]
    background: Segmentation | None


def measure_image_quality(case: Case, protocol: QCProtocol | None, progress: Progress = unwatched) -> QualityMeasured:
    """Return the image-quality numbers of every segment that stands for a structure of the protocol, lesions first.

    Only the neighbourhood of a segment is looked at, one at a time. A segment without voxels has no neighbourhood and no
    numbers. What an image cannot have, as SSIM without a second image, is told once, at the first segment, and wherever the
    protocol has a limit for it.

    Parameters
    ----------
    case : Case
        With all segmentations on the image's grid (see `prepare`).
    protocol : QCProtocol or None
        None: every segment is measured, and segments coded as morphologically abnormal structures count as lesions.
    progress : Progress
    """
    found: list[QualityMeasurement] = []
    used: dict[int, Background] = {}
    for site in _sites(case, protocol, progress, "Measuring image quality", with_air=True):
        for module in MEASURES:
            found += module.measure(site)
        # Two lesions may have one name; an organ's sphere is one for all of its lesions.
        used |= {id(background): background for background in site.backgrounds if background.is_saved}
    named = {row.background for row in found}
    kept = tuple(background for background in used.values() if background.name in named)
    return QualityMeasured(tuple(found), background_segmentation(kept, case.image.geometry))


def place_background(case: Case, protocol: QCProtocol | None, progress: Progress = unwatched) -> Segmentation | None:
    """Return the background regions that image quality would be measured against, without measuring anything.

    Parameters as in `measure_image_quality`. None: there are none.
    """
    sites = _sites(case, protocol, progress, "Placing background regions", with_air=False)
    placed = {background.name: background for site in sites for background in site.backgrounds if background.is_saved}
    return background_segmentation(tuple(placed.values()), case.image.geometry)


def _sites(case: Case, protocol: QCProtocol | None, progress: Progress, words: str, with_air: bool) -> Iterator[Site]:
    """Yield the neighbourhood of each segment that is asked for, lesions first, with what it is measured against."""
    if case.image.array is None:
        return
    second = None if case.second_image is None else _computable(case.second_image)
    case = replace(case, image=_computable(case.image), second_image=second)
    candidate, scale = case.candidate, image_scale(case.image.acquisition, protocol)
    structures = {segment.id: protocol.structure_of(segment) if protocol else None for segment in candidate.segments}
    present = [segment for segment in candidate.segments if candidate.box(segment) is not None and not is_drawn_background(segment)]
    lesions = tuple(segment for segment in present if is_lesion(segment, structures[segment.id]))
    asked = (segment for segment in present if protocol is None or structures[segment.id])
    measured = sorted(asked, key=lambda segment: segment not in lesions)
    if not measured:
        return
    progress(words, 0.0)
    body = ct_body(case.image) if scale.modality == "CT" else None
    refusal = snr.air_refusal(case.image.acquisition, scale.modality)
    air = None if refusal or not with_air else snr.air_sample(mr_air_values(case.image))
    placer = BackgroundPlacer(case.image, candidate, protocol, lesions, case.drawn_background)
    told: set[tuple[str, str]] = set()
    for segment in counted(progress, words, measured):
        structure = structures[segment.id]
        site = Site(
            case.image,
            candidate,
            segment,
            structure,
            segment in lesions,
            tuple(limit for limit in protocol.image_quality if limit.region == structure.name) if structure else (),
            scale,
            body,
            lesions,
            case.second_image,
            air if air is None or not air.reason else None,
            refusal or (air.reason if air else None),
            told=told,
        )
        site.backgrounds = placer.backgrounds_of(site)
        yield site


def _computable(volume: Volume) -> Volume:
    """Return an image in which values whose squares are not finite, as files with damaged numbers have them, are NaN."""
    array = volume.array
    if array is None or array.dtype != np.float64:
        return volume
    too_large = np.abs(array) > _LARGEST
    return replace(volume, array=np.where(too_large, np.nan, array)) if too_large.any() else volume
