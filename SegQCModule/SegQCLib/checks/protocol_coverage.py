"""What does the protocol ask for that this evaluation did not look at?"""

from __future__ import annotations

from collections.abc import Iterator

from SegQCLib.case import Case
from SegQCLib.findings import Finding, Status
from SegQCLib.protocol import QCProtocol

ID = "protocol_coverage"
WHY = (
    "An accepted case must not seem to have passed what nobody looked at. Training and uniformity of a study are judged elsewhere."
)


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:  # noqa: ARG001
    """Name the protocol's requirements that one image and its segmentations cannot answer.

    An accepted case must not seem to have passed what nobody asked: training is the reader's, uniformity a
    matter of the whole study.
    """
    asked = {
        "reader training": protocol.reader_training.course if protocol.reader_training else "",
        "uniformity over the study": str(protocol.uniform_in_study) if protocol.uniform_in_study else "",
    }
    listed = "; ".join(f"{name} ({what})" for name, what in asked.items() if what)
    if listed:
        message = f"The protocol also asks for {listed}. This evaluation did not look at that."
        yield Finding(ID, Status.NOT_EVALUATED, message, source=f"protocol {protocol.id} {protocol.version}")
