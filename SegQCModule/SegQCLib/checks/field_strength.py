"""Was the image made at a field strength that the protocol allows?"""

from __future__ import annotations

from collections.abc import Iterator

from SegQCLib.case import Case
from SegQCLib.checks.fact_limits import judge_number
from SegQCLib.findings import Finding
from SegQCLib.protocol import QCProtocol

ID = "field_strength"
WHY = (
    "Signal, contrast and the number of visible lesions grow with the field strength. Volumes from 1.5 T and 3 T are not "
    "measured alike."
)


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:
    """Compare Magnetic Field Strength (0018,0087) with the protocol."""
    yield from judge_number(ID, case.image.acquisition, "magnetic_field_strength_t", protocol.magnetic_field_strength_t)
