"""Is the inversion time one that the protocol allows?"""

from __future__ import annotations

from collections.abc import Iterator

from SegQCLib.case import Case
from SegQCLib.checks.fact_limits import judge_number
from SegQCLib.findings import Finding
from SegQCLib.protocol import QCProtocol

ID = "inversion_time"
WHY = "The inversion time decides which tissue gives no signal: cerebrospinal fluid, fat or blood. Without it FLAIR is not FLAIR."


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:
    """Compare Inversion Time (0018,0082), in an enhanced object Inversion Times (0018,9079), with the protocol."""
    yield from judge_number(ID, case.image.acquisition, "inversion_time_ms", protocol.inversion_time_ms)
