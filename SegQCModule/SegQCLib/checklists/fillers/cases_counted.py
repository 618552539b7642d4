"""How many cases were evaluated, and with which outcome."""

from __future__ import annotations

from collections import Counter

from SegQCLib.checklists.filled_checklist import Reported
from SegQCLib.checklists.filling import NO_RECORDS, Filling, nothing, of_dataset, of_records
from SegQCLib.checklists.over_cases import counted_texts, plural
from SegQCLib.checklists.study_facts import StudyFacts

ID = "cases_counted"


def run(facts: StudyFacts) -> Filling:
    """Report evaluated cases by verdict, images that readers propose to exclude, and what a data set leaves out."""
    if not facts.records and facts.dataset is None:
        return nothing(NO_RECORDS)
    reported = []
    if facts.records:
        verdicts = counted_texts(str(record.verdict) for record in facts.records)
        images = "" if facts.images is None else f" of {plural(facts.images, 'image')}"
        text = f"{plural(len(facts.records), 'evaluation')}{images}, by verdict: {verdicts}."
        reported.append(Reported(text, of_records(facts, "verdict", "inputs[role=image].sha256")))
        excluded = sum(any(one.proposes_exclusion for one in record.ratings) for record in facts.records)
        if any(record.ratings for record in facts.records):
            text = f"Readers' ratings propose to exclude the image of {plural(excluded, 'case')}."
            reported.append(Reported(text, of_records(facts, "ratings[].proposes_exclusion")))
    if facts.dataset is not None:
        data = facts.dataset.provenance
        why = Counter(one.reason for one in data.left_out)
        reasons = "".join(f" {count} x: {reason}" for reason, count in why.most_common())
        text = f"The exported data set has {plural(len(data.cases), 'case')}; {len(data.left_out)} were left out.{reasons}"
        reported.append(Reported(text, of_dataset("provenance.json: cases", "provenance.json: left_out")))
    return Filling(tuple(reported))
