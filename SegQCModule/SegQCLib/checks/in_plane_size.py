"""Does the image have as many rows and columns as the protocol allows?"""

from __future__ import annotations

from collections.abc import Iterator

from SegQCLib.case import Case
from SegQCLib.findings import Finding, Status
from SegQCLib.protocol import QCProtocol

ID = "in_plane_size"
WHY = "Other numbers of rows and columns than the study's show that a series was cropped, resampled or reconstructed differently."


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:
    """Compare Rows (0028,0010) and Columns (0028,0011) with the protocol."""
    allowed = protocol.in_plane_size
    if allowed is None:
        return
    rows, columns = case.image.geometry.size[1:]
    measured = f"{rows} x {columns}"
    inside = rows in allowed and columns in allowed
    message = f"Slices have {rows} rows and {columns} columns" + ("." if inside else f"; the protocol allows {allowed}.")
    yield Finding(ID, Status.PASS if inside else Status.FAIL, message, measured, str(allowed), "1", allowed.source)
