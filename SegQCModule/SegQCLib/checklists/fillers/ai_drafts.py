"""Which AI models made drafts, and which the protocol allows."""

from __future__ import annotations

from SegQCLib.checklists.filled_checklist import Evidence, Reported
from SegQCLib.checklists.filling import Filling, of_protocol, of_reads, of_records
from SegQCLib.checklists.over_cases import counted_texts
from SegQCLib.checklists.study_facts import StudyFacts
from SegQCLib.checks import ai_tool

ID = "ai_drafts"


def run(facts: StudyFacts) -> Filling:
    """Report models and versions in logs and in segmentations, beside what the protocol allows; none is no fault."""
    reported = []
    seen: list[str] = []
    places: tuple[Evidence, ...] = ()
    if facts.reads is not None:
        for read in facts.reads.reads:
            seen += sorted({f"{one.model} {one.model_version or '(version not given)'}" for one in read.segments if one.model})
        places = of_reads(facts.reads, "segment_reads.model", "segment_reads.model_version")
    if seen:
        text = f"AI models whose drafts readers saw (number of reads): {counted_texts(seen)}."
        reported.append(Reported(text, places))
    stored = [
        finding
        for record in facts.records
        for finding in {one.measured for one in record.findings if one.check == ai_tool.ID and one.measured}
    ]
    if stored:
        text = f"Models that evaluated segmentations name as their origin (number of cases): {counted_texts(stored)}."
        reported.append(Reported(text, of_records(facts, f"findings[check={ai_tool.ID}].measured")))
    tools = () if facts.protocol is None else facts.protocol.protocol.ai_tools
    # What is allowed need not have been used.
    if tools and reported:
        allowed = "; ".join(f"{tool.name} (versions {', '.join(tool.versions)})" for tool in tools)
        reported.append(Reported(f"The protocol allows drafts by: {allowed}.", of_protocol(facts.protocol, "ai_tools[]")))
    return Filling(tuple(reported))
