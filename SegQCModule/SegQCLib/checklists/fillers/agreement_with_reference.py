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
    values = _values(facts)
    reported = []
    for structure in sorted({structure for structure, _ in values}):
        said = []
        for metric, unit in METRICS:
            own = values.get((structure, metric), [])
            defined = [value for value in own if value is not None]
            if defined:
                without = f", {len(own) - len(defined)} undefined" if len(defined) < len(own) else ""
                said.append(f"{metric_text(metric).long_name} {_median(median_estimate(defined), unit)}{without}")
        if said:
            text = f"{structure}, candidate against reference, medians over cases: {'; '.join(said)}."
            reported.append(Reported(text, of_records(facts, f"measurements[structure={structure}]")))
    if not reported:
        return nothing("No evaluated case has a reference segmentation.")
    return Filling(tuple(reported))


def _values(facts: StudyFacts) -> dict[tuple[str, str], list[float | None]]:
    """Return by structure and measure one value for each case that has a reference; None: undefined in it."""
    wanted = {metric for metric, _ in METRICS}
    found: dict[tuple[str, str], list[float | None]] = {}
    for record in facts.records:
        of_case: dict[tuple[str, str], list[float | None]] = {}
        for one in record.measurements:
            if one.structure is not None and one.metric in wanted and one.reference_role not in (None, DRAFT_ROLE):
                of_case.setdefault((one.structure, one.metric), []).append(one.value)
        for key, own in of_case.items():
            defined = [value for value in own if value is not None]
            found.setdefault(key, []).append(float(np.mean(defined)) if defined else None)
    return found


def _median(found: MedianEstimate, unit: str) -> str:
    interval = (
        f"no interval: fewer than {FEWEST} cases"
        if found.lower is None
        else f"95 % CI {found.lower:.3f} to {found.upper:.3f}{unit}"
    )
    return f"{found.value:.3f}{unit} ({interval}, n = {found.n})"
