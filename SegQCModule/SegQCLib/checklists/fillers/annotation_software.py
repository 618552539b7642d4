"""What readers drew with: program, version, and the tools of its editor."""

from __future__ import annotations

from SegQCLib.checklists.filled_checklist import Reported
from SegQCLib.checklists.filling import NO_LOGS, Filling, nothing, of_reads
from SegQCLib.checklists.over_cases import counted_texts
from SegQCLib.checklists.study_facts import StudyFacts

ID = "annotation_software"
SLICER = "3D Slicer"


def run(facts: StudyFacts) -> Filling:
    """Report the versions that session logs name, and the effects of the Segment Editor that readers used."""
    if facts.reads is None:
        return nothing(NO_LOGS)
    reported, missing = [], []
    if facts.reads.software:
        versions = "; ".join(", ".join(f"{name} {version}" for name, version in one.items()) for one in facts.reads.software)
        reported.append(Reported(f"Session logs were written by: {versions}.", of_reads(facts.reads, "sessions.software")))
    if not any(SLICER in one for one in facts.reads.software):
        missing.append(f"The session logs do not name the version of {SLICER}.")
    effects = [effect for read in facts.reads.reads for one in read.segments for effect in one.active_s_by_effect if effect]
    if effects:
        text = f"Editing tools in use (number of segments that they were used on): {counted_texts(effects)}."
        reported.append(Reported(text, of_reads(facts.reads, "segment_reads.active_s_by_effect")))
    return Filling(tuple(reported), tuple(missing))
