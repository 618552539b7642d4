"""Who or what drew a segment, in DICOM's three words."""

from __future__ import annotations

from enum import StrEnum


class AlgorithmType(StrEnum):
    """DICOM Segment Algorithm Type (0062,0008)."""

    AUTOMATIC = "AUTOMATIC"
    SEMIAUTOMATIC = "SEMIAUTOMATIC"
    MANUAL = "MANUAL"


# What a file says is text, and asking an enumeration whether it has a text raises TypeError before Python 3.12.
ALGORITHM_TYPES = tuple(AlgorithmType)
