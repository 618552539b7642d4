"""Are the image's values usable numbers?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from SegQCLib.case import Case
from SegQCLib.findings import Finding, Status
from SegQCLib.protocol import QCProtocol

ID = "image_values"
WHY = (
    "Voxels that are no numbers, or an image of one grey value, come from a failed conversion or a damaged file. Nothing "
    "measured on them means anything."
)


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:  # noqa: ARG001
    """Look for NaN and infinite voxels and for an image without contrast."""
    array = case.image.array
    if array is None:
        yield Finding(ID, Status.NOT_EVALUATED, "The image's pixels were not given, only its grid.")
        return
    if array.dtype.kind == "f":
        bad = ~np.isfinite(array)
        count = int(np.count_nonzero(bad))
        if count:
            index = np.unravel_index(int(np.argmax(bad)), bad.shape)
            message = f"{count:,} voxels are not numbers (NaN or infinite); the first is at (k, j, i) = {tuple(map(int, index))}."
            location = tuple(float(value) for value in case.image.geometry.lps_mm(index))
            yield Finding(ID, Status.FAIL, message, f"{count:,} voxels", "0 voxels", location_lps_mm=location)
            return
    low, high = array.min(), array.max()
    if low == high:
        yield Finding(ID, Status.FAIL, f"Every voxel has the value {low:g}: the image is empty.", f"{low:g}", "more than one value")
    else:
        unit = case.image.acquisition.value_unit
        run_of_values = f"{low:g} to {high:g}{f' {unit}' if unit else ''}"
        yield Finding(ID, Status.PASS, f"Voxel values run from {run_of_values}.", run_of_values)
