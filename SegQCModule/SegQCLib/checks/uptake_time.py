"""Did the scan begin as long after the injection as the protocol asks?"""

from __future__ import annotations

from collections.abc import Iterator

from SegQCLib.case import Case
from SegQCLib.checks.fact_limits import judge_number
from SegQCLib.findings import Finding
from SegQCLib.protocol import QCProtocol

ID = "uptake_time"
WHY = (
    "Tumours take up tracer for hours while blood loses it: the same lesion has another SUV, and another volume above a "
    "threshold, half an hour later."
)


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:
    """Compare the time from the injection to the start of the scan with the protocol."""
    yield from judge_number(ID, case.image.acquisition, "uptake_time_min", protocol.uptake_time_min)
