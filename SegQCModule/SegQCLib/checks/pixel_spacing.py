"""Is the in-plane voxel size what the protocol allows?"""

from __future__ import annotations

from collections.abc import Iterator

from SegQCLib.case import Case
from SegQCLib.findings import Finding, Status
from SegQCLib.protocol import QCProtocol

ID = "pixel_spacing"
WHY = "An outline can hardly be more exact than a voxel. Large voxels hide fine borders, and small structures suffer most."


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:
    """Compare the in-plane voxel size, Pixel Spacing (0028,0030), with the protocol."""
    allowed = protocol.pixel_spacing_mm
    if allowed is None:
        return
    rows_mm, columns_mm = (round(value, 4) for value in case.image.geometry.spacing_mm[1:])
    measured = f"{rows_mm:g} mm" if rows_mm == columns_mm else f"{rows_mm:g} x {columns_mm:g} mm"
    inside = rows_mm in allowed and columns_mm in allowed
    message = f"In-plane voxels measure {measured}" + ("." if inside else f"; the protocol allows {allowed}.")
    yield Finding(ID, Status.PASS if inside else Status.FAIL, message, measured, str(allowed), "mm", allowed.source)
