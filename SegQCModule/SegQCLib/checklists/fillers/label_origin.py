"""Whose work the labels of an exported data set are: drawn by hand, edited drafts, or an algorithm's output."""

from __future__ import annotations

from collections import Counter

from SegQCLib.checklists.filled_checklist import Reported
from SegQCLib.checklists.filling import Filling, of_dataset
from SegQCLib.checklists.over_cases import plural
from SegQCLib.checklists.study_facts import StudyFacts

ID = "label_origin"
_WORDS = {
    "MANUAL": "drawn by a person",
    "SEMIAUTOMATIC": "an algorithm's result that a person edited",
    "AUTOMATIC": "an algorithm's result",
    None: "of origin not stated in the file",
}


def run(facts: StudyFacts) -> Filling:
    """Count segments by Segment Algorithm Type (0062,0008); where no data set was given, nothing is missing."""
    if facts.dataset is None:
        return Filling()
    counts = Counter(kind for case in facts.dataset.provenance.cases for one in case.labels for kind in one.algorithm_types)
    if not counts:
        return Filling()
    said = "; ".join(f"{count} {_WORDS.get(kind, kind)}" for kind, count in counts.most_common())
    text = f"Origin of the {plural(sum(counts.values()), 'segment')} in the exported data set: {said}."
    return Filling((Reported(text, of_dataset("provenance.json: cases[].labels[].algorithm_types")),))
