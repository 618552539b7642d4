"""By which methods intervals were computed."""

from __future__ import annotations

from SegQCLib.checklists.filled_checklist import Reported
from SegQCLib.checklists.filling import NO_AGREEMENT, Filling, nothing, of_agreement
from SegQCLib.checklists.study_facts import StudyFacts

ID = "statistics_used"


def run(facts: StudyFacts) -> Filling:
    """Report the methods that the agreement of readers was computed by."""
    if facts.agreement is None:
        return nothing(NO_AGREEMENT)
    study = facts.agreement
    methods = [one.all_pairs.median.method for group in study.structures for one in group.measures]
    methods += [form.estimate.method for group in study.structures for icc in group.icc for form in icc.table.forms]
    methods += [one.estimate.method for group in study.ratings for one in group.statistics]
    if not methods:
        return nothing("The agreement of readers has no statistic.")
    text = f"95 % intervals of the readers' agreement: {'; '.join(dict.fromkeys(methods))}."
    places = of_agreement(study, "structures[].measures[].all_pairs.median.method", "ratings[].statistics[].estimate.method")
    return Filling((Reported(text, places),))
