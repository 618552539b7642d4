"""Is the repetition time one that the protocol allows?"""

from __future__ import annotations

from collections.abc import Iterator

from SegQCLib.case import Case
from SegQCLib.checks.fact_limits import judge_number
from SegQCLib.findings import Finding
from SegQCLib.protocol import QCProtocol

ID = "repetition_time"
WHY = "The repetition time sets the T1 weighting. Scanners give the name of one sequence to very different ones."


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:
    """Compare Repetition Time (0018,0080) with the protocol."""
    yield from judge_number(ID, case.image.acquisition, "repetition_time_ms", protocol.repetition_time_ms)
