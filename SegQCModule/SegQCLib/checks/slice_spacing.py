"""How far apart are the slices, by their positions?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from SegQCLib.case import Case
from SegQCLib.findings import Finding, Status
from SegQCLib.protocol import QCProtocol

ID = "slice_spacing"
WHY = (
    "The distance between slice centres, not their thickness, enters every volume. With wide steps a small lesion is on "
    "too few slices to be measured."
)


def median_step_mm(case: Case) -> tuple[float, str]:
    """Return the median distance between slice centres along the normal in mm, and where it comes from."""
    positions = case.image.acquisition.slice_positions_mm
    if len(positions) > 1:
        return round(float(np.median(np.diff(positions))), 4), "Image Position (Patient) (0020,0032)"
    return round(case.image.geometry.spacing_mm[0], 4), "the voxel size of the volume's grid"


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:
    """Compare the distance between slice centres with the protocol."""
    allowed = protocol.slice_spacing_mm
    if allowed is None:
        return
    step_mm, origin = median_step_mm(case)
    measured = f"{step_mm:g} mm"
    if step_mm in allowed:
        message = f"Slice centres are {measured} apart (from {origin})."
        yield Finding(ID, Status.PASS, message, measured, str(allowed), "mm", allowed.source)
    else:
        message = f"Slice centres are {measured} apart (from {origin}); the protocol allows {allowed}."
        yield Finding(ID, Status.FAIL, message, measured, str(allowed), "mm", allowed.source)
