"""How many reference segmentations each case has."""

from __future__ import annotations

from collections import Counter

from SegQCLib.checklists.filled_checklist import Reported
from SegQCLib.checklists.filling import NO_RECORDS, Filling, nothing, of_records
from SegQCLib.checklists.over_cases import plural
from SegQCLib.checklists.study_facts import StudyFacts

ID = "reference_segmentations"


def run(facts: StudyFacts) -> Filling:
    """Count cases by their number of references."""
    if not facts.records:
        return nothing(NO_RECORDS)
    counts = Counter(sum(one.role.partition(" ")[0] == "reference" for one in record.inputs) for record in facts.records)
    if set(counts) == {0}:
        return nothing("No evaluated case has a reference segmentation.")
    said = "; ".join(f"{plural(count, 'case')} with {plural(number, 'reference')}" for number, count in sorted(counts.items()))
    text = f"Reference segmentations that candidates were compared with: {said}."
    return Filling((Reported(text, of_records(facts, "inputs[role=reference ...]")),))
