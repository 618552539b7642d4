"""What a check says: one finding, with what was measured, what is allowed and who says so."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Status(StrEnum):
    """How a finding stands. NOT_EVALUATED is an answer of its own: a missing header is never a failure."""

    PASS = "PASS"
    WARN = "WARN"
    FAIL = "FAIL"
    NOT_EVALUATED = "NOT_EVALUATED"


@dataclass(frozen=True)
class Finding:
    """One statement about a case.

    Numbers in `measured` and `allowed` are text because they are for reading: what can be
    computed with stands in the record's measurements and in the case's acquisition.
    """

    check: str = field(metadata={"doc": "Identifier of the check; stored in reports and DICOM SR, never renamed."})
    status: Status = field(metadata={"doc": "PASS, WARN, FAIL or NOT_EVALUATED."})
    message: str = field(metadata={"doc": "The finding as a sentence for a radiologist."})
    measured: str | None = field(default=None, metadata={"doc": "What was found, with unit."})
    allowed: str | None = field(default=None, metadata={"doc": "What the protocol allows, with unit."})
    unit: str | None = field(default=None, metadata={"doc": "UCUM unit of measured and allowed, where they are numbers."})
    source: str | None = field(default=None, metadata={"doc": "Who set the limit: paper, guideline, standard or study."})
    segment: str | None = field(default=None, metadata={"doc": "Name of the segment the finding is about."})
    location_lps_mm: tuple[float, float, float] | None = field(
        default=None, metadata={"doc": "Where to look: a point inside what was found: left, posterior, superior, in mm."}
    )
    center_lps_mm: tuple[float, float, float] | None = field(
        default=None, metadata={"doc": "Centre of mass of what was found, LPS, in mm; it may lie outside of it."}
    )
    size_voxels: int | None = field(default=None, metadata={"doc": "Voxels of what was found."})
    size_mm3: float | None = field(default=None, metadata={"doc": "Volume of what was found, mm3."})
    repair: str | None = field(
        default=None, metadata={"doc": "Identifier of the repair that is proposed (SegQCLib.repairs); nothing is repaired unasked."}
    )
    kept: str | None = field(
        default=None,
        metadata={"doc": "Why a reader keeps what was found as it is, with reader and date; null: nobody does."},
    )
