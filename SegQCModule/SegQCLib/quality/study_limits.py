"""Which of a study's limits an image-quality number is held against."""

from __future__ import annotations

from collections.abc import Mapping, Set

from SegQCLib.protocol import ImageQualityLimit, QCProtocol
from SegQCLib.quality.background import around_name, sphere_name
from SegQCLib.quality.quality_measurement import QualityMeasurement
from SegQCLib.record import QCRecord


def segments_by_structure(record: QCRecord) -> dict[str, set[str]]:
    """Return the names of the segments of each of the protocol's structures, as far as something was measured on them."""
    found: dict[str, set[str]] = {}
    for m in (*record.measurements, *record.image_quality):
        if m.structure is not None:
            found.setdefault(m.structure, set()).add(m.segment)
    return found


def limits_of(m: QualityMeasurement, protocol: QCProtocol, segments: Mapping[str, Set[str]]) -> tuple[ImageQualityLimit, ...]:
    """Return the limits of a protocol on a number: same measure, method, part, structure and background.

    Parameters
    ----------
    m : QualityMeasurement
    protocol : QCProtocol
    segments : mapping of str to set of str
        The record's segments of each structure.
    """
    return tuple(limit for limit in protocol.image_quality if _is_on(limit, m, segments))


def _is_on(limit: ImageQualityLimit, m: QualityMeasurement, segments: Mapping[str, Set[str]]) -> bool:
    asked = (limit.measure, limit.wanted_method, limit.wanted_part, limit.region)
    if asked != (m.measure, m.method, m.region, m.structure):
        return False
    if limit.background is not None:
        organs = segments.get(limit.background, set())
        return m.background in organs | {sphere_name(organ) for organ in organs}
    return m.background is None or limit.wanted_part == "background" or m.background == around_name(m.segment)
