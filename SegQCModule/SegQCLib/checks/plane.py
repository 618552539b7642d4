"""Are the slices in a plane that the protocol allows?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from SegQCLib.case import Case
from SegQCLib.findings import Finding, Status
from SegQCLib.geometry import Geometry
from SegQCLib.protocol import Plane, QCProtocol

ID = "plane"
WHY = (
    "Outlines are drawn slice by slice. In another plane, or in oblique slices, the same structure gets other borders, and "
    "readers cannot be compared."
)

# The LPS axis that the slice normal of each plane runs along.
NORMAL_AXIS: dict[Plane, int] = {"sagittal": 0, "coronal": 1, "axial": 2}


def nearest_plane(geometry: Geometry) -> tuple[Plane, float]:
    """Return the plane that the slices lie closest to, and the angle between its normal and theirs in degrees, 0 to 55."""
    normal = np.abs(geometry.axes_lps[0])
    nearest = max(NORMAL_AXIS, key=lambda name: normal[NORMAL_AXIS[name]])
    return nearest, float(np.degrees(np.arccos(np.clip(normal[NORMAL_AXIS[nearest]], -1, 1))))


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:
    """Compare the slice normal with the protocol's planes; the k axis of the grid is the slice normal."""
    allowed = protocol.plane
    if allowed is None:
        return
    nearest, obliquity_deg = nearest_plane(case.image.geometry)
    measured = nearest if obliquity_deg < 0.05 else f"{nearest}, oblique by {obliquity_deg:.1f} deg"
    allowed_text = f"{', '.join(allowed.values)}; oblique by at most {allowed.maximum_obliquity_deg:g} deg"
    in_range = nearest in allowed.values and obliquity_deg <= allowed.maximum_obliquity_deg
    message = f"Slices are {measured}." if in_range else f"Slices are {measured}; the protocol asks for {allowed_text}."
    yield Finding(ID, Status.PASS if in_range else Status.FAIL, message, measured, allowed_text, "deg", allowed.source)
