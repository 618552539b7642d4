"""Image-quality numbers of a record as items of a structured report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from SegQCLib.case import Code
from SegQCLib.dicom import private_codes
from SegQCLib.dicom.sr_items import algorithm, concept, number, text_item, unit_code
from SegQCLib.quality.quality_measurement import QualityMeasurement
from SegQCLib.quality.quality_texts import REGION_WORDS, place_text, quality_text
from SegQCLib.record import QCRecord

if TYPE_CHECKING:
    from highdicom.sr import ContentItem
    from highdicom.sr import Measurement as MeasurementItem

SIGNAL_TO_NOISE = Code("113060", "DCM", "Signal to noise")  # CID 7469
LESION_TO_BACKGROUND = Code("126039", "DCM", "Lesion to Background SUV Ratio")  # CID 7466
Z_SCORE = Code("121416", "DCM", "Z-Score of measurement")  # CID 227
_CODES = {"snr": SIGNAL_TO_NOISE, "tumour_to_background": LESION_TO_BACKGROUND, **private_codes.QUALITY_CODES}


def quality_items(m: QualityMeasurement, record: QCRecord) -> Iterator[MeasurementItem | ContentItem]:
    """Yield an image-quality number with method, region and its place in the study; where it is undefined, a text that says why.

    A method or measure without a code is told as text, with its id.
    """
    name = _CODES.get(m.measure)
    method = private_codes.QUALITY_METHOD_CODES.get(m.method)
    told = f"{quality_text(m.measure).long_name}, method {m.method}, {_where(m)}"
    if m.value is None:
        reason = m.reason or "The record gives no reason."
        yield text_item(name or private_codes.OTHER_QUALITY, f"{told}: undefined. {reason} Definition: {m.definition}.")
        return
    if name is None or method is None:
        text = f"{told}: {m.value:.12g} (UCUM unit {m.unit}). Definition: {m.definition}."
        yield text_item(private_codes.OTHER_QUALITY, text)
        return
    place = m.in_study
    texts = [f"Definition: {quality_text(m.measure).meaning} Computed as: {m.definition}. Measured in the {_where(m)}."]
    texts += [m.remark] if m.remark else []
    if place is not None:
        texts.append(f"Robust z-score, (value - median) / (1.4826 MAD). {place_text(place, m.unit)}")
    item = number(
        name,
        m.value,
        m.unit,
        algorithm("SegQC", record.software.get("SegQC", "unknown"), " ".join(texts)),
        method,
        [(private_codes.QUALITY_REGION, private_codes.QUALITY_REGION_CODES[m.region])],
    )
    if place is not None and place.z is not None:
        item[0].ContentSequence.append(_z_item(place.z))
    yield item


def _where(m: QualityMeasurement) -> str:
    against = "" if m.background is None else f", against {m.background} ({m.background_voxels} voxels)"
    return f"{REGION_WORDS[m.region]} ({m.voxels} voxels){against}"


def _z_item(z: float) -> ContentItem:
    from highdicom.sr import NumContentItem

    item = NumContentItem(concept(Z_SCORE), z, concept(unit_code("1")), relationship_type="HAS PROPERTIES")
    item.MeasuredValueSequence[0].NumericValue = f"{z:.10g}"
    return item
