"""What a table shows of each structure of a record: verdict, measures and expected agreement as texts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from SegQCLib.difficulty.in_case import model_fault
from SegQCLib.difficulty.in_words import NOT_PREDICTED, sentences, sets_limit
from SegQCLib.measure import DRAFT_ROLE
from SegQCLib.metric_texts import metric_text
from SegQCLib.number_texts import beside, grouped, millilitres, ratio, signed
from SegQCLib.record import Measurement, QCRecord, SegmentExpectedAgreement, SegmentVerdict, Verdict

UNDEFINED = "–"
_WORST_FIRST = (Verdict.REJECT, Verdict.REVIEW, Verdict.ACCEPT)


@dataclass(frozen=True)
class StructureRow:
    """One structure, against one reference where there is any.

    Attributes
    ----------
    title : str
        Name of the segment, with the reference's role where there are several.
    segment : str
        Name of the segment.
    reference_role : str or None
        What the measures compare with: reference, reference 2, ...; None where there is no reference.
    slices_role : str or None
        What slices can be compared with: the reference, else the draft, else None.
    verdict : Verdict
    reasons : tuple of str
        The verdict's reasons, in sentences.
    dice, surface_dice, hausdorff_95, volume, volume_difference : str
        Values with their units; a dash where a value is undefined or was not measured.
    threshold : str
        The Dice that was predicted to be asked of one outline on this image; a dash where none was, or where there is
        no reference.
    expected_agreement : str
        The experts' expected mean Dice with the interval of that mean; a dash where no model is for the structure.
    details : tuple of str
        The same in sentences, each with the definition or with the reason why there is no value.
    """

    title: str
    segment: str
    reference_role: str | None
    slices_role: str | None
    verdict: Verdict
    reasons: tuple[str, ...]
    dice: str
    threshold: str
    surface_dice: str
    hausdorff_95: str
    volume: str
    volume_difference: str
    expected_agreement: str
    details: tuple[str, ...]


def structure_rows(record: QCRecord) -> tuple[StructureRow, ...]:
    """Return the rows of all judged segments, the worst verdict first, then the lowest Dice.

    A segment has one row for each reference. What was compared with the draft only shows what was changed, so none
    of it is a measure here.
    """
    rows = [
        (_WORST_FIRST.index(row.verdict), 2.0 if value is None else value, row)
        for verdict in record.verdicts
        for value, row in _rows(record, verdict)
    ]
    return tuple(row for _, _, row in sorted(rows, key=lambda entry: entry[:2]))


def _rows(record: QCRecord, verdict: SegmentVerdict) -> Iterator[tuple[float | None, StructureRow]]:
    own = [m for m in record.measurements if (m.segment, m.structure) == (verdict.segment, verdict.structure)]
    roles = list(dict.fromkeys(m.reference_role for m in own if m.reference_role is not None))
    references = [role for role in roles if role != DRAFT_ROLE]
    expected = next((e for e in record.expected_agreement if e.segment == verdict.segment), None)
    fault = model_fault(record.findings)
    for role in references or [None]:
        found = {m.metric: m for m in own if m.reference_role in (None, role)}
        dice = found.get("dice")
        shown_dice, shown_threshold = _beside(dice, expected)
        yield (
            None if dice is None else dice.value,
            StructureRow(
                title=verdict.segment if len(references) < 2 else f"{verdict.segment} ({role})",
                segment=verdict.segment,
                reference_role=role,
                slices_role=role or next(iter(roles), None),
                verdict=verdict.verdict,
                reasons=verdict.reasons,
                dice=shown_dice,
                threshold=shown_threshold,
                surface_dice=_shown(found.get("surface_dice_protocol")),
                hausdorff_95=_shown(found.get("hausdorff_95_mm")),
                volume=_shown(found.get("volume_candidate_mm3")),
                volume_difference=_shown(found.get("relative_volume_difference")),
                expected_agreement=_expected(expected, fault),
                details=tuple(_details(found, expected, fault)),
            ),
        )


def _shown(measurement: Measurement | None) -> str:
    if measurement is None or measurement.value is None:
        return UNDEFINED
    value = measurement.value
    if measurement.metric == "relative_volume_difference":
        return f"{signed(100 * value, 1)} %"
    if measurement.unit == "mm3":
        return millilitres(value)
    return f"{grouped(value, 1)} mm" if measurement.unit == "mm" else ratio(value)


def _beside(dice: Measurement | None, expected: SegmentExpectedAgreement | None) -> tuple[str, str]:
    """Return a Dice and the threshold of its image as texts, each a dash where there is none."""
    if expected is None or expected.threshold is None or not sets_limit(expected):
        return _shown(dice), UNDEFINED
    if dice is None or dice.value is None:
        return UNDEFINED, ratio(expected.threshold)
    return beside(dice.value, expected.threshold)


def _expected(expected: SegmentExpectedAgreement | None, fault: str | None) -> str:
    if expected is None and fault is None:
        return UNDEFINED
    if expected is None or expected.dice is None:
        return NOT_PREDICTED
    return f"{ratio(expected.dice)} ({ratio(expected.lower)} to {ratio(expected.upper)})"


def _details(found: dict[str, Measurement], expected: SegmentExpectedAgreement | None, fault: str | None) -> Iterator[str]:
    for metric in ("dice", "surface_dice_protocol", "hausdorff_95_mm", "relative_volume_difference"):
        measurement = found.get(metric)
        if measurement is not None:
            # Libraries differ in what they measure between surfaces, not in what Dice and volumes are.
            named = measurement.definition if metric in ("surface_dice_protocol", "hausdorff_95_mm") else ""
            why = named if measurement.value is not None else measurement.reason or "undefined"
            in_brackets = f" ({why.rstrip('.')})" if why else ""
            yield f"{metric_text(metric).long_name}: {_shown(measurement)}{in_brackets}."
    for metric in ("volume_candidate_mm3", "volume_reference_mm3"):
        measurement = found.get(metric)
        if measurement is not None:
            yield f"{metric_text(metric).long_name}: {_shown(measurement)}."
    if expected is not None:
        yield from sentences(expected)
    else:
        why = "no model for this structure was used" if fault is None else "the model could not be used"
        yield f"Expected agreement of experts on this image: {NOT_PREDICTED} ({why})."
        yield from [] if fault is None else [fault]
