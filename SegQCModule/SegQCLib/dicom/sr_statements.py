"""Findings, verdicts, ratings and expected agreement of a record as items of a structured report.

Each coded answer that has a sentence is followed by that sentence as a text of the same name: readers that list only coded
answers and texts side by side, as dcmqi's tid1500reader, show both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from SegQCLib.case import Code
from SegQCLib.dicom import private_codes
from SegQCLib.dicom.sr_items import algorithm, code_item, number, properties_of, text_item
from SegQCLib.difficulty.in_words import described_words, percent, sentences, threshold_sentence
from SegQCLib.findings import Finding
from SegQCLib.measure import DRAFT_ROLE
from SegQCLib.metric_texts import metric_text
from SegQCLib.readers.ratings import RatingGiven
from SegQCLib.record import Measurement, QCRecord, SegmentExpectedAgreement, Verdict
from SegQCLib.words import worst_first

if TYPE_CHECKING:
    from highdicom.sr import ContentItem
    from highdicom.sr import Measurement as MeasurementItem

COMMENT = Code("121106", "DCM", "Comment")
YES, NO = Code("373066001", "SCT", "Yes"), Code("373067005", "SCT", "No")  # CID 230
IMAGE_QUALITY_RATING = Code("111029", "DCM", "Image Quality Rating")
VOLUME = Code("118565006", "SCT", "Volume")
SUM_OF_VOXELS = Code("126030", "DCM", "Sum of segmented voxel method for volume")  # CID 7474
# Above it a grade's code would not fit into Code Value (0008,0100).
_LONGEST_CODE = 16


def finding_items(findings: Iterable[Finding]) -> Iterator[ContentItem]:
    """Yield each finding as a coded status with what was measured and allowed, and its message; failures first."""
    for finding in worst_first(tuple(findings)):
        name = private_codes.CHECK_CODES.get(finding.check)
        message = finding.message if name is not None else f"{finding.check}: {finding.message}"
        place = finding.location_lps_mm
        about = properties_of(
            (private_codes.MEASURED, finding.measured),
            (private_codes.ALLOWED, finding.allowed),
            (private_codes.UNIT, finding.unit if finding.measured or finding.allowed else None),
            (private_codes.LIMIT_SOURCE, finding.source),
            (private_codes.PLACE, None if place is None else ", ".join(f"{value:g}" for value in place)),
            (private_codes.KEPT, finding.kept),
        )
        name = name or private_codes.OTHER_CHECK
        yield code_item(name, private_codes.STATUS_CODES[finding.status], about)
        yield text_item(name, message)


def verdict_items(verdict: Verdict, reasons: Iterable[str]) -> Iterator[ContentItem]:
    """Yield a verdict with its reasons."""
    yield code_item(private_codes.VERDICT, private_codes.VERDICT_CODES[verdict])
    for reason in reasons:
        yield text_item(private_codes.VERDICT_REASON, reason)


def rating_items(answer: RatingGiven) -> Iterator[ContentItem]:
    """Yield a rating as the code of its grade, which says scale and direction, with rater and wording, and as a sentence."""
    overall = IMAGE_QUALITY_RATING if answer.rating == "overall" else None
    name = overall or private_codes.RATING_CODES.get(answer.rating, private_codes.OTHER_RATING)
    about = properties_of(
        (private_codes.WORDING, answer.wording),
        (private_codes.RATER, answer.reader),
        (private_codes.RATED, answer.created),
        (private_codes.SCALE_SOURCE, answer.source),
        (COMMENT, answer.comment),
    )
    if answer.proposes_exclusion:
        about.append(code_item(private_codes.PROPOSES_EXCLUSION, YES, relationship="HAS PROPERTIES"))
    value = private_codes.NOT_ASSESSABLE
    if answer.grade is not None:
        value = private_codes.grade_code(answer.grade, answer.lowest, answer.highest, answer.best)
    if len(value.value) <= _LONGEST_CODE:
        yield code_item(name, value, about)
    given = "not assessable" if answer.grade is None else f"{answer.grade} ({answer.wording})"
    comment = f" Comment: {answer.comment}" if answer.comment else ""
    yield text_item(name, f"{answer.title}: {given}. Scale: {answer.scale}. Rated by {answer.reader}.{comment}")


def measurement_items(m: Measurement, record: QCRecord) -> Iterator[MeasurementItem | ContentItem]:
    """Yield a measure as a number; where it is undefined, or has no code, as a text that says so.

    A NUM item without a value is allowed by PS3.3 C.18.1, but highdicom (and Slicer through it) and OHIF stop at one.
    """
    against = "" if m.reference_role is None else f" Compared with {_named(m.reference_role, record)}."
    if m.reference_role == DRAFT_ROLE:
        against += " The draft stands in for a reference here: this says how much was changed, not how good the outline is."
    metric_codes = private_codes.DRAFT_METRIC_CODES if m.reference_role == DRAFT_ROLE else private_codes.METRIC_CODES
    name = VOLUME if m.metric == "volume_candidate_mm3" else metric_codes.get(m.metric)
    if m.value is None:
        what = "" if name is not None else f"{m.metric}: "
        text = f"{what}undefined. {m.reason or 'The record gives no reason.'} Definition: {m.definition}.{against}"
        yield text_item(name or private_codes.OTHER_METRIC, text)
        return
    if name is None:
        text = f"{m.metric}: {m.value:.12g} (UCUM unit {m.unit}). Definition: {m.definition}.{against}"
        yield text_item(private_codes.OTHER_METRIC, text)
        return
    definition = f"Definition: {metric_text(m.metric).definition} Computed as: {m.definition}.{against}"
    yield number(
        name,
        m.value,
        m.unit,
        algorithm("SegQC", record.software.get("SegQC", "unknown"), definition),
        SUM_OF_VOXELS if name is VOLUME else None,
        [(private_codes.COMPARED_WITH, private_codes.role_code(m.reference_role))] if m.reference_role is not None else [],
    )


def expected_numbers(prediction: SegmentExpectedAgreement, record: QCRecord) -> Iterator[MeasurementItem]:
    """Yield the numbers of a prediction, each with what it means; none where nothing was predicted."""
    if prediction.dice is None:
        return
    cards = {f"{card.id} {card.version}": card for card in record.difficulty_models}
    card = cards.get(prediction.model)
    name, version = (card.id, card.version) if card else (prediction.model, "not in the record")
    simulated = " Fitted on simulated readers or images." if card is not None and card.simulated else ""
    of_what = "one slice" if prediction.unit == "slice" else "the whole lesion"
    mean, share = f"the mean Dice of {of_what} over all pairs of experts", percent(prediction.coverage)
    numbers = (
        (private_codes.EXPECTED_MEAN, prediction.dice, f"Predicted is {mean}. It was not measured."),
        (private_codes.EXPECTED_LOWER, prediction.lower, f"Lower end of the interval that holds {mean} with {share}."),
        (private_codes.EXPECTED_UPPER, prediction.upper, f"Upper end of the interval that holds {mean} with {share}."),
        (private_codes.EXPECTED_COVERAGE, prediction.coverage, f"Probability that the interval holds {mean}."),
        (private_codes.EXPECTED_THRESHOLD, prediction.threshold, threshold_sentence(prediction)),
    )
    for concept, value, meaning in numbers:
        if value is not None:
            definition = f"Definition: {meaning} {described_words(prediction)}{simulated}"
            yield number(concept, value, "1", algorithm(name, version, definition))


def expected_items(prediction: SegmentExpectedAgreement) -> Iterator[ContentItem]:
    """Yield whether the model holds for the image, what the threshold is, and why."""
    yield code_item(private_codes.IN_DOMAIN, YES if prediction.in_domain else NO)
    if prediction.threshold is not None:
        yield code_item(private_codes.EXPECTED_RULE, private_codes.EXPECTED_RULE_CODES[prediction.rule])
    for sentence in sentences(prediction):
        yield text_item(private_codes.EXPECTED_REASON, sentence)


def _named(role: str, record: QCRecord) -> str:
    names = [entry.name for entry in record.inputs if entry.role == role]
    return f"{role} ({names[0]})" if names else role
