"""Whether the series of a study were acquired alike, and whether follow-ups were made on other platforms."""

from __future__ import annotations

from SegQCLib.checklists.filled_checklist import Evidence, Reported
from SegQCLib.checklists.filling import Filling
from SegQCLib.checklists.over_cases import plural
from SegQCLib.checklists.study_facts import StudyFacts
from SegQCLib.study_consistency.study_consistency import KindOfImage, StudyConsistency

ID = "image_uniformity"


def run(facts: StudyFacts) -> Filling:
    """Report facts that differ within each kind of image; where consistency was not computed, nothing is missing."""
    study = facts.consistency
    if study is None:
        return Filling()
    reported = [_kind(study, kind, n) for n, kind in enumerate(study.kinds)]
    if study.follow_ups:
        others = len(study.on_other_platform)
        text = f"{others} of {plural(len(study.follow_ups), 'follow-up')} were made on another platform than the first series."
        reported.append(Reported(text, _places(study, "follow_ups[].other_platform")))
    return Filling(tuple(reported))


def _kind(study: StudyConsistency, kind: KindOfImage, n: int) -> Reported:
    # Not by the kind's own name: it can have words of Series Description (0008,103E), which is free text.
    modality = next((one.modality for one in study.series if one.kind == kind.kind and one.modality), "modality not stated")
    text = f"Kind of image {n + 1} ({modality}), {kind.series} series"
    differing = [
        f"{fact.title}: {', '.join(f'{one.value} ({len(one.cases)})' for one in fact.values)}"
        for fact in kind.facts
        if fact.status in ("differs", "tie") and fact.values
    ]
    alike = sum(fact.status == "uniform" for fact in kind.facts)
    said = f"differing facts (number of series): {'; '.join(differing)}" if differing else "no differing fact"
    return Reported(f"{text}: {alike} of {len(kind.facts)} facts uniform; {said}.", _places(study, f"kinds[{n}].facts"))


def _places(study: StudyConsistency, *paths: str) -> tuple[Evidence, ...]:
    return tuple(Evidence(f"segqc study --json, {plural(len(study.series), 'series', 'series')}", path) for path in paths)
