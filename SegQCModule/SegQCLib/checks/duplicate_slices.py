"""Does the series hold one position twice?"""

from __future__ import annotations

from collections.abc import Iterator

from SegQCLib.case import Case
from SegQCLib.findings import Finding, Status
from SegQCLib.protocol import QCProtocol

ID = "duplicate_slices"
WHY = (
    "Two images at one position are two pictures of the same place, for example a repeated export or a second phase. Only "
    "one is used, and it may be the wrong one."
)
SOURCE = "SegQC: Image Position (Patient) (0020,0032) less than 0.001 mm apart"


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:  # noqa: ARG001
    """Report positions that more than one file has."""
    acquisition = case.image.acquisition
    if not acquisition.slice_positions_mm:
        message = "Slice positions (Image Position (Patient), (0020,0032)) are not known, so duplicates cannot be told."
        yield Finding(ID, Status.NOT_EVALUATED, message, source=SOURCE)
    elif acquisition.duplicate_positions_mm:
        places = ", ".join(f"{position:g} mm" for position in sorted(set(acquisition.duplicate_positions_mm))[:5])
        message = (
            f"{len(acquisition.duplicate_positions_mm)} images repeat a position along the slice normal ({places}). The one with"
            " the lowest Instance Number (0020,0013) was read; check which of them belongs to the series."
        )
        measured = f"{len(acquisition.duplicate_positions_mm)} duplicates"
        yield Finding(ID, Status.FAIL, message, measured, "0 duplicates", source=SOURCE)
    else:
        yield Finding(ID, Status.PASS, "No position is imaged twice.", "0 duplicates", "0 duplicates", source=SOURCE)
