"""Are slices missing inside the series?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from SegQCLib.case import Case
from SegQCLib.findings import Finding, Status
from SegQCLib.protocol import QCProtocol

ID = "missing_slices"
WHY = (
    "A lost slice does not show on screen: the others are stacked as if nothing were missing, and volumes and lengths come "
    "out wrong."
)

# A step of one and a half medians can no longer be rounding or table motion: at least one slice is gone.
MISSING_STEP = 1.5
SOURCE = "SegQC: a step of more than 1.5 times the median step between Image Positions (Patient) (0020,0032)"


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:  # noqa: ARG001
    """Look for steps between slice positions that are too long for one slice."""
    positions = np.array(case.image.acquisition.slice_positions_mm)
    if len(positions) < 3:
        message = "Slice positions (Image Position (Patient), (0020,0032)) are not known, so missing slices cannot be told."
        yield Finding(ID, Status.NOT_EVALUATED, message, source=SOURCE)
        return
    steps = np.diff(positions)
    median_mm = float(np.median(steps))
    long = np.flatnonzero(steps > MISSING_STEP * median_mm)
    if not len(long):
        yield Finding(ID, Status.PASS, f"All {len(positions)} slices follow each other.", "0 missing", "0 missing", source=SOURCE)
        return
    missing = sum(max(1, round(steps[k] / median_mm) - 1) for k in long)
    places = ", ".join(f"after slice {k} ({steps[k]:g} mm)" for k in long[:5]) + (", ..." if len(long) > 5 else "")
    message = f"About {missing} slices are missing: {places}; the usual step is {median_mm:g} mm. Slices are numbered from 0."
    yield Finding(ID, Status.FAIL, message, f"{missing} missing", "0 missing", source=SOURCE)
