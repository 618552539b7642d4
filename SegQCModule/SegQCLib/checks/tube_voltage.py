"""Was the image made with a tube voltage that the protocol allows?"""

from __future__ import annotations

from collections.abc import Iterator

from SegQCLib.case import Case
from SegQCLib.checks.fact_limits import judge_number
from SegQCLib.findings import Finding
from SegQCLib.protocol import QCProtocol

ID = "tube_voltage"
WHY = (
    "Hounsfield units of bone, calcification and contrast agent rise as the tube voltage falls, so thresholds hold for one voltage."
)


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:
    """Compare KVP (0018,0060) with the protocol."""
    yield from judge_number(ID, case.image.acquisition, "kvp", protocol.kvp)
