"""How readers worked: with or without drafts in sight, for how long, and how much of the image they looked at."""

from __future__ import annotations

from SegQCLib.checklists.filled_checklist import Reported
from SegQCLib.checklists.filling import NO_LOGS, Filling, nothing, of_reads
from SegQCLib.checklists.over_cases import median_with_quartiles, plural
from SegQCLib.checklists.study_facts import StudyFacts

ID = "reading_procedure"


def run(facts: StudyFacts) -> Filling:
    """Report drafts in sight, active time and slices seen over finished reads."""
    if facts.reads is None:
        return nothing(NO_LOGS)
    reads = facts.reads.reads
    if not reads:
        return nothing("The session logs have no finished clinical read.")
    anchored = sum(any(segment.ai_anchored for segment in read.segments) for read in reads)
    kept = [segment.accepted_unchanged for read in reads for segment in read.segments if segment.accepted_unchanged is not None]
    text = (
        f"An AI draft was in sight in {anchored} of {plural(len(reads), 'finished read')}; {len(reads) - anchored} were made"
        " without one."
    )
    if kept:
        text += f" Readers took {sum(kept)} of {plural(len(kept), 'drafted segment')} unchanged."
    minutes = median_with_quartiles([read.seconds.active / 60 for read in reads], 1, "min")
    reported = [
        Reported(text, of_reads(facts.reads, "segment_reads.model", "segment_reads.added_voxels", "segment_reads.removed_voxels")),
        Reported(f"Active time of a read: {minutes}.", of_reads(facts.reads, "case_reads.active_s")),
    ]
    seen = [100 * read.slices_seen / read.slices for read in reads if read.slices and read.slices_seen is not None]
    if seen:
        share = median_with_quartiles(seen, 0, "%")
        text = f"Share of the image's slices that were shown in a read: {share}."
        reported.append(Reported(text, of_reads(facts.reads, "case_reads.slices", "case_reads.slices_seen")))
    return Filling(tuple(reported))
