"""Which of a study's limits an image-quality number is held against."""

from __future__ import annotations

from SegQCLib.protocol import ImageQualityLimit, QCProtocol
from SegQCLib.quality.quality_measurement import QualityMeasurement


def limits_of(m: QualityMeasurement, protocol: QCProtocol) -> tuple[ImageQualityLimit, ...]:
    """Return the limits of a protocol on a number: same measure, structure and background."""
    return tuple(
        limit
        for limit in protocol.image_quality
        if (limit.measure, limit.region) == (m.measure, m.structure)
        and (limit.background is None or m.background is None or limit.background == m.background)
    )
