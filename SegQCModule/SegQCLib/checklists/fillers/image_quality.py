"""Image quality that was measured in the structures."""

from __future__ import annotations

from SegQCLib.checklists.filled_checklist import Reported
from SegQCLib.checklists.filling import Filling, of_records
from SegQCLib.checklists.over_cases import numbers
from SegQCLib.checklists.study_facts import StudyFacts
from SegQCLib.quality.quality_texts import number_name, quality_order, unit_words

ID = "image_quality"
_MOST = 12


def run(facts: StudyFacts) -> Filling:
    """Report each image-quality number by structure, method and region; where none was measured, nothing is missing."""
    groups: dict[tuple[str, str, str, str, str], list[float]] = {}
    for record in facts.records:
        for one in record.image_quality:
            if one.value is not None and one.structure is not None:
                groups.setdefault((one.measure, one.method, one.structure, one.region, one.unit), []).append(one.value)
    if not groups:
        return Filling()
    ordered = sorted(groups.items(), key=lambda item: (quality_order(item[0][0]), item[0]))
    said = "; ".join(
        f"{number_name(measure, method)} of {structure}, {region}: {numbers(values, unit_words(unit))} (n = {len(values)})"
        for (measure, method, structure, region, unit), values in ordered[:_MOST]
    )
    more = len(ordered) - _MOST
    said += f"; and {more} more, which the records have" if more > 0 else ""
    return Filling((Reported(f"Image quality, measured in the images: {said}.", of_records(facts, "image_quality[]")),))
