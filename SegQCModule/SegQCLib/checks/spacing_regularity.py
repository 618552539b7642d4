"""Are the steps between slices equal?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from SegQCLib.case import Case
from SegQCLib.findings import Finding, Status
from SegQCLib.protocol import QCProtocol

ID = "spacing_regularity"
WHY = "A volume on screen has one step for all slices. Where the true steps differ, what is drawn is measured in the wrong place."


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:
    """Compare each step between slice positions with the median step."""
    allowed = protocol.spacing_variation_mm
    if allowed is None:
        return
    positions = np.array(case.image.acquisition.slice_positions_mm)
    if len(positions) < 3:
        message = (
            "Slice positions (Image Position (Patient), (0020,0032)) are not known, so the regularity of steps cannot be told."
        )
        yield Finding(ID, Status.NOT_EVALUATED, message, allowed=str(allowed), unit="mm", source=allowed.source)
        return
    steps = np.diff(positions)
    variation_mm = round(float(np.abs(steps - np.median(steps)).max()), 4)
    measured = f"{variation_mm:g} mm"
    if variation_mm in allowed:
        message = f"Steps between slices are equal to within {measured}."
        yield Finding(ID, Status.PASS, message, measured, str(allowed), "mm", allowed.source)
    else:
        message = f"Steps between slices run from {steps.min():g} to {steps.max():g} mm: the series is irregularly spaced."
        yield Finding(ID, Status.FAIL, message, measured, str(allowed), "mm", allowed.source)
