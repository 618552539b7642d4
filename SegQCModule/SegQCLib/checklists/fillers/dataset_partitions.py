"""How an exported data set is divided into training and validation."""

from __future__ import annotations

from SegQCLib.checklists.filled_checklist import Reported
from SegQCLib.checklists.filling import NO_DATASET, Filling, nothing, of_dataset
from SegQCLib.checklists.over_cases import plural
from SegQCLib.checklists.study_facts import StudyFacts

ID = "dataset_partitions"


def run(facts: StudyFacts) -> Filling:
    """Report folds by patient, where SegQC made them."""
    if facts.dataset is None:
        return nothing(NO_DATASET)
    data, folds = facts.dataset.provenance, facts.dataset.folds
    if folds is None:
        return nothing("The exported data set has no folds of its own (splits_final.json).")
    if not facts.dataset.patients_apart:
        return nothing("The folds of the exported data set (splits_final.json) do not show that patients are kept apart.")
    patients = len({case.patient for case in data.cases})
    text = (
        f"{plural(len(data.cases), 'case')} of {plural(patients, 'patient')} were divided into {folds} folds; no patient is in"
        " training and in validation of a fold."
    )
    return Filling((Reported(text, of_dataset("splits_final.json", "provenance.json: cases[].patient")),))
