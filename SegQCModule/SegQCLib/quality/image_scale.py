"""What the values of an image are: Hounsfield units, SUV, or grey values without a scale."""

from __future__ import annotations

from dataclasses import dataclass

from SegQCLib.acquisition import HU, HU_MODIFIED, SUVBW, Acquisition
from SegQCLib.protocol import QCProtocol

HOUNSFIELD, SUV, ARBITRARY = "[hnsf'U]", "g/ml", "{arbitrary}"


@dataclass(frozen=True)
class ImageScale:
    """The unit of an image's values.

    Attributes
    ----------
    modality : str or None
        As the header has it; without one, the protocol's, if it allows only one.
    unit : str
        UCUM unit: [hnsf'U], g/ml or {arbitrary}.
    remark : str or None
        What was taken for granted.
    """

    modality: str | None
    unit: str
    remark: str | None = None


def image_scale(acquisition: Acquisition, protocol: QCProtocol | None) -> ImageScale:
    """Return the unit of an image's values; an image without a header is of the protocol's modality, if there is only one."""
    allowed = protocol.modality.values if protocol else ()
    modality = acquisition.modality or (allowed[0] if len(allowed) == 1 else None)
    if acquisition.value_unit in (HU, HU_MODIFIED):
        return ImageScale(modality, HOUNSFIELD)
    if acquisition.value_unit == SUVBW:
        return ImageScale(modality, SUV)
    if acquisition.modality is None and acquisition.value_unit is None and modality == "CT":
        # NIfTI has no unit; files made from CT have Hounsfield units.
        return ImageScale(modality, HOUNSFIELD, "The file does not say its unit; Hounsfield units are assumed, as on any CT.")
    return ImageScale(modality, ARBITRARY)
