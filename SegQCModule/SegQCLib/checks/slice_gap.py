"""Do slices overlap, touch, or leave tissue between them unimaged?"""

from __future__ import annotations

from collections.abc import Iterator

from SegQCLib.case import Case
from SegQCLib.checks.slice_spacing import median_step_mm
from SegQCLib.findings import Finding, Status
from SegQCLib.protocol import QCProtocol

ID = "slice_gap"
WHY = (
    "Tissue between slices that leave a gap was never imaged. A volume across gaps is partly a guess, and a small lesion "
    "can lie in one unseen."
)


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:
    """Compare the distance between slices with Slice Thickness (0018,0050)."""
    thicknesses = case.image.acquisition.slice_thicknesses_mm
    allowed = protocol.slice_gap_mm
    source = allowed.source if allowed else None
    allowed_text = f"gap {allowed}" if allowed else None
    if not thicknesses:
        if allowed is not None:
            message = "Slice Thickness (0018,0050) is not in the header, so gaps between slices cannot be told."
            yield Finding(ID, Status.NOT_EVALUATED, message, allowed=allowed_text, unit="mm", source=source)
        return
    step_mm, origin = median_step_mm(case)
    thickness_mm = thicknesses[0]  # the thinnest: where a gap shows first
    gap_mm = round(step_mm - thickness_mm, 4)
    facts = f"Slices are {thickness_mm:g} mm thick (Slice Thickness (0018,0050)) and {step_mm:g} mm apart (from {origin})"
    if gap_mm < 0:
        message = (
            f"{facts}: neighbours overlap by {-gap_mm:g} mm (overlapping reconstruction). That is no fault; volumes use the"
            f" {step_mm:g} mm between slices, never the thickness."
        )
        yield Finding(ID, Status.PASS, message, f"no gap, overlap {-gap_mm:g} mm", allowed_text, "mm", source)
    elif gap_mm == 0:
        yield Finding(ID, Status.PASS, f"{facts}: they touch without a gap.", "0 mm", allowed_text, "mm", source)
    else:
        inside = allowed is None or gap_mm in allowed
        message = f"{facts}: {gap_mm:g} mm between neighbours is not imaged" + (
            "." if inside else f"; the protocol allows {allowed}."
        )
        status = Status.PASS if inside and allowed else Status.WARN if inside else Status.FAIL
        yield Finding(ID, status, message, f"{gap_mm:g} mm", allowed_text, "mm", source)
