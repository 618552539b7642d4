"""How well the evaluated segmentations agree with their reference."""

from __future__ import annotations

import numpy as np

from SegQCLib.automation_bias.robust_summary import FEWEST, MedianEstimate, median_estimate
from SegQCLib.checklists.filled_checklist import Reported
from SegQCLib.checklists.filling import NO_RECORDS, Filling, nothing, of_records
from SegQCLib.checklists.study_facts import StudyFacts
from SegQCLib.measure import DRAFT_ROLE
from SegQCLib.metric_texts import metric_text

ID = "agreement_with_reference"
METRICS = (("dice", ""), ("surface_dice_protocol", ""), ("hausdorff_95_mm", " mm"))


def run(facts: StudyFacts) -> Filling:
    """Report the median over cases of each measure by structure; a case with several references counts once, with their mean."""
    if not facts.records:
        return nothing(NO_RECORDS)
    reported = []
    for structure in sorted({one.structure for record in facts.records for one in record.measurements if one.structure}):
        said = []
        for metric, unit in METRICS:
            values, undefined = values_of(facts, structure, metric)
            if values:
                without = f", {undefined} undefined" if undefined else ""
                said.append(f"{metric_text(metric).long_name} {_median(median_estimate(values), unit)}{without}")
        if said:
            text = f"{structure}, candidate against reference, medians over cases: {'; '.join(said)}."
            reported.append(Reported(text, of_records(facts, f"measurements[structure={structure}]")))
    if not reported:
        return nothing("No evaluated case has a reference segmentation.")
    return Filling(tuple(reported))


def values_of(facts: StudyFacts, structure: str, metric: str) -> tuple[list[float], int]:
    """Return the values of a measure against references, one for each case that has one, and the number of cases without."""
    values, undefined = [], 0
    for record in facts.records:
        own = [
            one.value
            for one in record.measurements
            if one.structure == structure and one.metric == metric and one.reference_role not in (None, DRAFT_ROLE)
        ]
        defined = [value for value in own if value is not None]
        if defined:
            values.append(float(np.mean(defined)))
        elif own:
            undefined += 1
    return values, undefined


def _median(found: MedianEstimate, unit: str) -> str:
    interval = (
        f"no interval: fewer than {FEWEST} cases"
        if found.lower is None
        else f"95 % CI {found.lower:.3f} to {found.upper:.3f}{unit}"
    )
    return f"{found.value:.3f}{unit} ({interval}, n = {found.n})"
