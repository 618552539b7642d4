"""By which measures segmentations were compared, and how these are defined."""

from __future__ import annotations

from SegQCLib.checklists.filled_checklist import Reported
from SegQCLib.checklists.filling import NO_RECORDS, Filling, nothing, of_protocol, of_records
from SegQCLib.checklists.study_facts import StudyFacts
from SegQCLib.measure import DRAFT_ROLE
from SegQCLib.metric_texts import metric_order, metric_text

ID = "measures_used"


def run(facts: StudyFacts) -> Filling:
    """Report measures against references with definition and source, and which of them decide."""
    if not facts.records:
        return nothing(NO_RECORDS)
    used = {
        one.metric
        for record in facts.records
        for one in record.measurements
        if one.reference_role not in (None, DRAFT_ROLE) and one.metric != "volume_reference_mm3"
    }
    if not used:
        return nothing("No evaluated case has a reference segmentation, so nothing was compared with one.")
    texts = [metric_text(metric) for metric in sorted(used, key=metric_order)]
    said = " ".join(f"{text.long_name}: {text.definition[0].lower()}{text.definition[1:]} ({text.source})." for text in texts)
    reported = [Reported(f"Segmentations were compared by: {said}", of_records(facts, "measurements[].metric"))]
    decisions = () if facts.protocol is None else facts.protocol.protocol.decisions
    if decisions:
        deciding = ", ".join(dict.fromkeys(metric_text(one.metric).long_name for one in decisions))
        text = f"Measures that decide by the protocol: {deciding}."
        reported.append(Reported(text, of_protocol(facts.protocol, "decisions[].metric")))
    return Filling(tuple(reported))
