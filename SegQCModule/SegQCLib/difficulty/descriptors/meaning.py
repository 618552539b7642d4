"""What a descriptor is, in a radiologist's words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Meaning:
    """What a descriptor measures.

    Attributes
    ----------
    text : str
        In radiology English, without the unit, so that it can stand in a sentence: "surface to volume ratio".
    unit : str
        "mm", "1/mm", ...; "1" for a number without a unit.
    """

    text: str
    unit: str = "1"
