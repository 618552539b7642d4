"""The scale of the voxel values that everything was measured on."""

from __future__ import annotations

from SegQCLib.checklists.filled_checklist import Reported
from SegQCLib.checklists.filling import NO_RECORDS, Filling, nothing, of_records
from SegQCLib.checklists.over_cases import counted_texts, plural
from SegQCLib.checklists.study_facts import StudyFacts

ID = "value_units"


def run(facts: StudyFacts) -> Filling:
    """Report the unit of voxel values, such as HU or SUV; images without a known scale are counted."""
    if not facts.records:
        return nothing(NO_RECORDS)
    units = [record.case.acquisition.value_unit for record in facts.records]
    known = [unit for unit in units if unit is not None]
    if not known:
        return Filling()
    none = len(units) - len(known)
    more = f" {plural(none, 'image')} without a known scale." if none else ""
    text = f"Unit of voxel values as they were read (number of images): {counted_texts(known)}.{more}"
    return Filling((Reported(text, of_records(facts, "case.acquisition.value_unit")),))
