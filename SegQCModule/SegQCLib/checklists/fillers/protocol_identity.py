"""Which protocol file a study used: enough to find and to check it."""

from __future__ import annotations

from SegQCLib.checklists.filled_checklist import Reported
from SegQCLib.checklists.filling import NO_PROTOCOL, Filling, nothing, of_protocol, of_records, protocol_doubts
from SegQCLib.checklists.over_cases import plural
from SegQCLib.checklists.study_facts import StudyFacts

ID = "protocol_identity"


def run(facts: StudyFacts) -> Filling:
    """Report id, version and SHA-256 of every protocol that records name, or of the one that was given."""
    if facts.protocols:
        named = "; ".join(
            f"{one.id}, version {one.version}, SHA-256 {one.sha256} ({plural(count, 'case')})"
            for one, count in facts.protocols.items()
        )
        place = of_records(facts, "protocol.id", "protocol.version", "protocol.sha256")
        return Filling((Reported(f"Segmentation protocol of the evaluated cases: {named}.", place),), protocol_doubts(facts))
    if facts.protocol is None:
        return nothing(NO_PROTOCOL)
    rules = facts.protocol.protocol
    text = f"Segmentation protocol: {rules.id}, version {rules.version}, SHA-256 {facts.protocol.sha256}."
    return Filling((Reported(text, of_protocol(facts.protocol, "id", "version")),))
