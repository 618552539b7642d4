"""Which training the protocol asks of readers, and for how many cases it held."""

from __future__ import annotations

from collections import Counter

from SegQCLib.checklists.filled_checklist import Reported
from SegQCLib.checklists.filling import NO_PROTOCOL, Filling, nothing, of_protocol, of_records, protocol_doubts
from SegQCLib.checklists.study_facts import StudyFacts
from SegQCLib.checks import reader_training
from SegQCLib.findings import Status

ID = "reader_training"


def run(facts: StudyFacts) -> Filling:
    """Report course and validity, and the readers' standing in the records; a protocol that asks for none is told as missing."""
    if facts.protocol is None:
        return nothing(NO_PROTOCOL)
    training = facts.protocol.protocol.reader_training
    if training is None:
        return nothing("The protocol asks for no training of readers.")
    days = f"{training.valid_d.maximum:g} days"
    text = f"The protocol asks readers to have passed the course “{training.course}”, which holds for {days}."
    reported = [Reported(text, of_protocol(facts.protocol, "reader_training"))]
    standings = Counter(
        finding.measured
        for record in facts.records
        for finding in record.findings
        if finding.check == reader_training.ID and finding.status is not Status.NOT_EVALUATED and finding.measured
    )
    if standings:
        said = "; ".join(f"{standing} ({count})" for standing, count in standings.most_common())
        text = f"The training of whoever read a case, when it was evaluated (number of cases): {said}."
        reported.append(Reported(text, of_records(facts, f"findings[check={reader_training.ID}].measured")))
    return Filling(tuple(reported), protocol_doubts(facts))
