"""What could not be checked because headers or readers do not say."""

from __future__ import annotations

from SegQCLib.checklists.filled_checklist import Reported
from SegQCLib.checklists.filling import NO_RECORDS, Filling, nothing, of_reads, of_records
from SegQCLib.checklists.over_cases import counted_texts, plural
from SegQCLib.checklists.study_facts import StudyFacts
from SegQCLib.findings import Status

ID = "missing_facts"


def run(facts: StudyFacts) -> Filling:
    """Count checks that could not be made, and reads that do not count."""
    if not facts.records and facts.reads is None:
        return nothing(NO_RECORDS)
    reported = []
    if facts.records:
        without = [
            sorted({one.check.replace("_", " ") for one in record.findings if one.status is Status.NOT_EVALUATED})
            for record in facts.records
        ]
        cases = sum(map(bool, without))
        named = counted_texts(check for checks in without for check in checks)
        which = f" (check and number of cases): {named}" if cases else ""
        text = f"In {cases} of {len(without)} cases a check could not be made for want of a fact{which}."
        reported.append(Reported(text, of_records(facts, "findings[status=NOT_EVALUATED].check")))
    if facts.reads is not None and facts.reads.not_counted:
        text = f"{plural(facts.reads.not_counted, 'read')} not finished, or made for training, do not count."
        reported.append(Reported(text, of_reads(facts.reads, "case_reads.finished", "case_reads.purpose")))
    return Filling(tuple(reported))
