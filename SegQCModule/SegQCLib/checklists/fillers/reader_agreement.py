"""How well readers agree with each other and with themselves."""

from __future__ import annotations

from SegQCLib.agreement.estimate import Estimate
from SegQCLib.agreement.study_agreement import MeasureSummary, RatingGroup, StructureGroup, StudyAgreement
from SegQCLib.checklists.filled_checklist import Reported
from SegQCLib.checklists.filling import NO_AGREEMENT, Filling, of_agreement, of_reads
from SegQCLib.checklists.over_cases import plural
from SegQCLib.checklists.study_facts import StudyFacts
from SegQCLib.words import UNIT_WORDS

ID = "reader_agreement"
_RELATIONS = {"inter-reader": "between readers", "intra-reader": "of readers with their own repeats"}
_ANCHORING = {
    "AI-free": "both without AI",
    "AI-anchored": "both with an AI draft in sight",
    "AI-free against AI-anchored": "one without, one with an AI draft in sight",
}


def run(facts: StudyFacts) -> Filling:
    """Report medians over cases with intervals, ICC of volumes and agreement of ratings; without them, what could be computed."""
    if facts.agreement is None:
        return Filling(_could_be_computed(facts), (NO_AGREEMENT,))
    study = facts.agreement
    reported = [
        *(_structure(study, group, n) for n, group in enumerate(study.structures) if group.measures or group.icc),
        *(_rating(study, group, n) for n, group in enumerate(study.ratings)),
    ]
    relations = {group.relation for group in (*study.structures, *study.ratings)}
    missing = []
    if "inter-reader" not in relations:
        missing.append("No case was read by two readers: variability between readers is not known.")
    if "intra-reader" not in relations:
        missing.append("No reader read a case twice: variability of a reader with herself or himself is not known.")
    return Filling(tuple(reported), tuple(missing))


def _could_be_computed(facts: StudyFacts) -> tuple[Reported, ...]:
    if facts.reads is None:
        return ()
    several, again = facts.reads.cases_of_several, facts.reads.repeats
    if not several and not again:
        return ()
    text = (
        f"{plural(several, 'case was', 'cases were')} read by more than one reader, and {plural(again, 'read was', 'reads were')} a"
        " reader's repeat."
    )
    return (Reported(text, of_reads(facts.reads, "case_reads.reader", "case_reads.case", "case_reads.repeat")),)


def _structure(study: StudyAgreement, group: StructureGroup, n: int) -> Reported:
    said = [_measure(one) for one in group.measures]
    for volumes in group.icc[:1]:
        said += [f"ICC of volumes, {one.form.mcgraw_wong}: {_interval(one.estimate)}" for one in volumes.table.forms[:1]]
    text = (
        f"{group.structure}, {_RELATIONS[group.relation]}, {_ANCHORING[group.anchoring]} ({plural(len(group.readers), 'reader')},"
        f" {plural(group.cases, 'case')}, {plural(group.pairs, 'pair')} of reads): {'; '.join(said)}."
    )
    return Reported(text, of_agreement(study, f"structures[{n}].measures", f"structures[{n}].icc"))


def _measure(summary: MeasureSummary) -> str:
    unit = UNIT_WORDS.get(summary.unit, summary.unit)
    return f"{summary.title}, median over cases {_interval(summary.all_pairs.median, unit)}"


def _rating(study: StudyAgreement, group: RatingGroup, n: int) -> Reported:
    said = [f"{one.estimate.statistic}: {_interval(one.estimate)}" for one in group.statistics]
    text = (
        f"Rating {group.rating} ({group.lowest} to {group.highest}), {_RELATIONS[group.relation]}, {_ANCHORING[group.anchoring]}"
        f" ({plural(group.cases, 'case')}, {plural(group.answers, 'answer')}): {'; '.join(said) or 'too few answers'}."
    )
    return Reported(text, of_agreement(study, f"ratings[{n}].statistics"))


def _interval(found: Estimate, unit: str = "") -> str:
    if found.value is None:
        return "not defined in these cases"
    end = f" {unit}" if unit else ""
    if found.lower is None or found.upper is None:
        return f"{found.value:.3f}{end} (no interval: too few cases)"
    return f"{found.value:.3f}{end} (95 % CI {found.lower:.3f} to {found.upper:.3f}{end})"
