"""What was left out of records so that they do not tell whose they are."""

from __future__ import annotations

from SegQCLib.checklists.filled_checklist import Reported
from SegQCLib.checklists.filling import NO_RECORDS, Filling, nothing, of_records
from SegQCLib.checklists.study_facts import StudyFacts

ID = "deidentification"


def run(facts: StudyFacts) -> Filling:
    """Report how many records were de-identified, and by which profile; images are another matter."""
    if not facts.records:
        return nothing(NO_RECORDS)
    treated = [record.deidentification for record in facts.records if record.deidentification is not None]
    if not treated:
        return nothing("The records were not de-identified by SegQC.")
    profiles = " ".join(dict.fromkeys(one.profile for one in treated))
    text = f"{len(treated)} of {len(facts.records)} records were de-identified. {profiles}"
    rest = len(facts.records) - len(treated)
    missing = (f"{rest} of {len(facts.records)} records were not de-identified by SegQC.",) if rest else ()
    return Filling((Reported(text, of_records(facts, "deidentification.profile")),), missing)
