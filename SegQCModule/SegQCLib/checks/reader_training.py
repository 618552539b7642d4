"""Has whoever read the case passed the training that the protocol asks for?"""

from __future__ import annotations

from collections.abc import Iterator

from SegQCLib.case import Case
from SegQCLib.findings import Finding, Status
from SegQCLib.protocol import QCProtocol

ID = "reader_training"
WHY = (
    "Readers who have not practised under the same rules draw the same organ differently, and nobody can tell afterwards "
    "whether two cases differ or two readers."
)
_REMEDY = "Take the course's exam, or let a reader whose training holds look at the case."


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:
    """Compare the reader's standing with what the protocol asks for; who the reader is, the finding does not say."""
    training = protocol.reader_training
    if training is None:
        return
    standing = case.reader_training
    allowed = f"{training.course}, passed within {training.valid_d.maximum:g} days"
    source = training.valid_d.source
    if standing is None:
        message = f"The protocol asks for the training {training.course!r}. Nobody said who read this case."
        yield Finding(ID, Status.NOT_EVALUATED, message, None, allowed, source=source)
        return
    if standing.holds:
        # Passed on images that a program made: whether that is enough for patients, a person has to say.
        simulated = standing.certificate is not None and standing.certificate.simulated
        status = Status.WARN if standing.refresh_due or simulated else Status.PASS
        message = f"{standing.words} {standing.refresh_words}".strip()
    else:
        status = Status.FAIL if training.missing == "refuse" else Status.WARN
        remedy = "Set the clock right." if standing.state == "not_yet_valid" else _REMEDY
        message = f"{standing.words} {remedy}"
    yield Finding(ID, status, message, standing.state.replace("_", " "), allowed, source=source)
