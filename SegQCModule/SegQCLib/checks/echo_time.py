"""Is the echo time one that the protocol allows?"""

from __future__ import annotations

from collections.abc import Iterator

from SegQCLib.case import Case
from SegQCLib.checks.fact_limits import judge_number
from SegQCLib.findings import Finding
from SegQCLib.protocol import QCProtocol

ID = "echo_time"
WHY = "The echo time sets the T2 weighting, and with it which tissue is bright and where a border seems to be."


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:
    """Compare Echo Time (0018,0081), in an enhanced object Effective Echo Time (0018,9082), with the protocol."""
    yield from judge_number(ID, case.image.acquisition, "echo_time_ms", protocol.echo_time_ms)
