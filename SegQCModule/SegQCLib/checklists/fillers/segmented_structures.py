"""Which structures were segmented in how many cases."""

from __future__ import annotations

from collections import Counter

from SegQCLib.checklists.filled_checklist import Reported
from SegQCLib.checklists.filling import NO_RECORDS, Filling, nothing, of_records
from SegQCLib.checklists.over_cases import plural
from SegQCLib.checklists.study_facts import StudyFacts

ID = "segmented_structures"


def run(facts: StudyFacts) -> Filling:
    """Count cases with voxels of each structure of the protocol, and cases in which it was called absent."""
    if not facts.records:
        return nothing(NO_RECORDS)
    present, absent = structures_of(facts)
    if not present and not absent:
        return nothing("No segment of the evaluated cases is a structure of the protocol.")
    said = ", ".join(f"{name} ({count})" for name, count in sorted(present.items(), key=lambda item: (-item[1], item[0])))
    empty = ", ".join(f"{name} ({count})" for name, count in sorted(absent.items()))
    text = f"Structures segmented in {plural(len(facts.records), 'case')} (number of cases): {said or 'none'}."
    if empty:
        text += f" Empty segments: {empty}."
    return Filling((Reported(text, of_records(facts, "measurements[metric=voxel_count]")),))


def structures_of(facts: StudyFacts) -> tuple[Counter[str], Counter[str]]:
    """Return the number of cases with voxels of each structure, and of those with an empty segment for it alone."""
    present: Counter[str] = Counter()
    absent: Counter[str] = Counter()
    for record in facts.records:
        counts: dict[str, float] = {}
        for one in record.measurements:
            if one.metric == "voxel_count" and one.structure is not None:
                counts[one.structure] = counts.get(one.structure, 0) + (one.value or 0)
        present.update(name for name, voxels in counts.items() if voxels)
        absent.update(name for name, voxels in counts.items() if not voxels)
    return present, absent
