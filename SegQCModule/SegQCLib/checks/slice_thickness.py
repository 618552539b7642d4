"""Is every slice as thick as the protocol allows?"""

from __future__ import annotations

from collections.abc import Iterator

from SegQCLib.case import Case
from SegQCLib.findings import Finding, Status
from SegQCLib.protocol import QCProtocol

ID = "slice_thickness"
WHY = (
    "Thick slices average tissue over their depth: borders blur and small lesions fade. All 14 features of one study "
    "differed between slices of 1.25 and 5 mm (Zhao et al. 2014, PMC4000020)."
)


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:
    """Compare Slice Thickness (0018,0050) with the protocol."""
    allowed = protocol.slice_thickness_mm
    if allowed is None:
        return
    found = case.image.acquisition.slice_thicknesses_mm
    if not found:
        # The distance between slices is no substitute: slices may overlap or leave gaps.
        message = "Slice Thickness (0018,0050) is not in the header."
        yield Finding(ID, Status.NOT_EVALUATED, message, allowed=str(allowed), unit="mm", source=allowed.source)
        return
    measured = " and ".join(f"{value:g}" for value in found) + " mm"
    if len(found) > 1:
        message = (
            f"Slice thickness is not uniform in this series: {measured}. Measures would mix slices of different partial volume."
        )
        yield Finding(ID, Status.FAIL, message, measured, str(allowed), "mm", allowed.source)
    elif found[0] in allowed:
        yield Finding(ID, Status.PASS, f"Slices are {measured} thick.", measured, str(allowed), "mm", allowed.source)
    else:
        message = f"Slices are {measured} thick; the protocol allows {allowed}."
        yield Finding(ID, Status.FAIL, message, measured, str(allowed), "mm", allowed.source)
