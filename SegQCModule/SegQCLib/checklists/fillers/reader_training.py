"""Which training the protocol asks of readers."""

from __future__ import annotations

from SegQCLib.checklists.filled_checklist import Reported
from SegQCLib.checklists.filling import NO_PROTOCOL, Filling, nothing, of_protocol, protocol_doubts
from SegQCLib.checklists.study_facts import StudyFacts

ID = "reader_training"


def run(facts: StudyFacts) -> Filling:
    """Report course and validity; a protocol that asks for none is told as missing."""
    if facts.protocol is None:
        return nothing(NO_PROTOCOL)
    training = facts.protocol.protocol.reader_training
    if training is None:
        return nothing("The protocol asks for no training of readers.")
    text = f"The protocol asks readers to have passed the course “{training.course}”, which holds for {training.valid_d}."
    return Filling((Reported(text, of_protocol(facts.protocol, "reader_training")),), protocol_doubts(facts))
