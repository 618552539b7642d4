"""Which cases were not accepted, and what was found in them."""

from __future__ import annotations

from SegQCLib.checklists.filled_checklist import Reported
from SegQCLib.checklists.filling import NO_RECORDS, Filling, nothing, of_records
from SegQCLib.checklists.over_cases import counted_texts
from SegQCLib.checklists.study_facts import StudyFacts
from SegQCLib.findings import Status
from SegQCLib.record import Verdict

ID = "flagged_cases"


def run(facts: StudyFacts) -> Filling:
    """Count cases with the verdicts REVIEW and REJECT, and the checks that fail in them."""
    if not facts.records:
        return nothing(NO_RECORDS)
    total, flagged = len(facts.records), [record for record in facts.records if record.verdict is not Verdict.ACCEPT]
    text = f"{len(flagged)} of {total} cases were not accepted as they are."
    if flagged:
        text = f"{text[:-1]} ({counted_texts(str(record.verdict) for record in flagged)})."
    failed = [
        check
        for record in flagged
        for check in sorted({one.check.replace("_", " ") for one in record.findings if one.status is Status.FAIL})
    ]
    if failed:
        text += f" Failed checks (number of cases): {counted_texts(failed)}."
    return Filling((Reported(text, of_records(facts, "verdict", "findings[status=FAIL].check")),))
