"""Which programs, in which versions, evaluated the cases."""

from __future__ import annotations

from collections import Counter

from SegQCLib.checklists.filled_checklist import Reported
from SegQCLib.checklists.filling import NO_RECORDS, Filling, nothing, of_records
from SegQCLib.checklists.over_cases import plural
from SegQCLib.checklists.study_facts import StudyFacts

ID = "evaluation_software"


def run(facts: StudyFacts) -> Filling:
    """Report each combination of versions with the number of cases."""
    if not facts.records:
        return nothing(NO_RECORDS)
    counts = Counter(tuple(sorted(record.software.items())) for record in facts.records)
    said = "; ".join(
        f"{', '.join(f'{name} {version}' for name, version in items)} ({plural(count, 'case')})"
        for items, count in counts.most_common()
    )
    return Filling((Reported(f"Segmentations were evaluated with: {said}.", of_records(facts, "software")),))
