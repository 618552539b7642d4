"""How far measured image quality and readers' ratings go together over a study."""

from __future__ import annotations

from SegQCLib.checklists.filled_checklist import Evidence, Reported
from SegQCLib.checklists.filling import Filling
from SegQCLib.checklists.over_cases import plural
from SegQCLib.checklists.study_facts import StudyFacts
from SegQCLib.quality.quality_texts import number_name

ID = "quality_and_ratings"
_MOST = 6


def run(facts: StudyFacts) -> Filling:
    """Report the strongest rank correlations that have an interval; where quality was not studied, nothing is missing."""
    study = facts.quality
    if study is None:
        return Filling()
    known = [one for one in study.ratings if None not in (one.rho, one.lower, one.upper)]
    strongest = sorted(known, key=lambda one: -abs(one.rho))[:_MOST]
    text = f"Image quality was measured over {plural(study.cases, 'case')}."
    if strongest:
        said = "; ".join(
            f"{one.title} beside {number_name(one.measure, one.method)} of {one.structure}: rho {one.rho:.2f}"
            f" (95 % CI {one.lower:.2f} to {one.upper:.2f}, n = {len(one.cases)})"
            for one in strongest
        )
        text += f" Spearman correlation with readers' ratings, the strongest of {len(known)}: {said}."
        text += f" {study.chance}" if study.chance else ""
    place = Evidence(f"segqc quality study --json, {plural(study.cases, 'case')}", "ratings[].rho")
    return Filling((Reported(text, (place,)),))
