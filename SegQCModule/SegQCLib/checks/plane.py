"""Are the slices in a plane that the protocol allows?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from SegQCLib.case import Case
from SegQCLib.findings import Finding, Status
from SegQCLib.protocol import QCProtocol

ID = "plane"
WHY = (
    "Outlines are drawn slice by slice. In another plane, or in oblique slices, the same structure gets other borders, and "
    "readers cannot be compared."
)

# The LPS axis that the slice normal of each plane runs along.
NORMAL_AXIS = {"sagittal": 0, "coronal": 1, "axial": 2}


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:
    """Compare the slice normal with the protocol's planes; the k axis of the grid is the slice normal."""
    allowed = protocol.plane
    if allowed is None:
        return
    normal = np.abs(case.image.geometry.axes_lps[0])
    nearest = max(NORMAL_AXIS, key=lambda name: normal[NORMAL_AXIS[name]])
    obliquity_deg = float(np.degrees(np.arccos(np.clip(normal[NORMAL_AXIS[nearest]], -1, 1))))
    measured = nearest if obliquity_deg < 0.05 else f"{nearest}, oblique by {obliquity_deg:.1f} deg"
    allowed_text = f"{', '.join(allowed.values)}; oblique by at most {allowed.maximum_obliquity_deg:g} deg"
    in_range = nearest in allowed.values and obliquity_deg <= allowed.maximum_obliquity_deg
    message = f"Slices are {measured}." if in_range else f"Slices are {measured}; the protocol asks for {allowed_text}."
    yield Finding(ID, Status.PASS if in_range else Status.FAIL, message, measured, allowed_text, "deg", allowed.source)
