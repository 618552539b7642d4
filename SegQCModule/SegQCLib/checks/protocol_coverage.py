"""What does the protocol ask for that this evaluation did not look at?"""

from __future__ import annotations

from collections.abc import Iterator

from SegQCLib.case import Case
from SegQCLib.findings import Finding, Status
from SegQCLib.protocol import QCProtocol

ID = "protocol_coverage"
WHY = "An accepted case must not seem to have passed what nobody looked at. Uniformity of a study is judged over all its cases."


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:  # noqa: ARG001
    """Name the protocol's requirements that one image and its segmentations cannot answer.

    An accepted case must not seem to have passed what nobody asked: uniformity is a matter of the whole study.
    """
    if protocol.uniform_in_study:
        asked = f"uniformity over the study ({protocol.uniform_in_study})"
        message = f"The protocol also asks for {asked}. This evaluation did not look at that."
        yield Finding(ID, Status.NOT_EVALUATED, message, source=f"protocol {protocol.id} {protocol.version}")
