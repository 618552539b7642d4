"""Measurement groups of a structured report: one per segment, one for image and case."""

from __future__ import annotations

from typing import TYPE_CHECKING

from SegQCLib.case import Code, Segment, Terminology
from SegQCLib.dicom import private_codes
from SegQCLib.dicom.sr_items import code_item, concept, plain_text, separate, text_item
from SegQCLib.dicom.sr_quality import quality_items
from SegQCLib.dicom.sr_segments import SegmentStatements
from SegQCLib.dicom.sr_statements import (
    YES,
    expected_items,
    expected_numbers,
    finding_items,
    measurement_items,
    rating_items,
    verdict_items,
)
from SegQCLib.dicom.stable_uid import stable_uid
from SegQCLib.findings import Finding
from SegQCLib.record import QCRecord
from SegQCLib.words import UNFINISHED

if TYPE_CHECKING:
    from highdicom.sr import ContentItem, FindingSite, TrackingIdentifier
    from highdicom.sr.templates import Template
    from pydicom import Dataset

    from SegQCLib.dicom.source_images import SourceImages

PRESENCE = Code("121052", "DCM", "Presence of property")
ABSENT, UNDETERMINED = Code("272519000", "SCT", "Absent"), Code("373068000", "SCT", "Undetermined")  # CID 240
_SOURCE_SERIES = Code("121232", "DCM", "Source series for segmentation")
# A segment of these categories is a place in the body: Anatomical Structure and Tissue.
_PLACES = (("SCT", "123037004"), ("SCT", "85756007"))
_SIMULATED = (
    "An input, a finding or a model of this report says that its data are simulated. The numbers say nothing about a patient or a"
    " reader."
)
_LATERALITIES = ("7771000", "24028007", "51440002", "66459002")  # CID 244


def segment_group(
    statements: SegmentStatements, described: Segment | None, segmentation: Dataset | None, images: SourceImages, record: QCRecord
) -> Template:
    """Return what the record says of one segment.

    TID 1411 with the referenced segment where a DICOM SEG has its voxels, else TID 1501: for an empty segment, for one that
    only a reference has, and where there is no DICOM SEG.

    Parameters
    ----------
    statements : SegmentStatements
    described : Segment or None
        The segment as the DICOM SEG describes it, else as the candidate does; None for one that only a reference has.
    segmentation : Dataset or None
        The DICOM SEG that has this segment's voxels, with `described.label_value` as its Segment Number (0062,0004).
    images : SourceImages
    record : QCRecord

    References
    ----------
    DICOM PS3.16 TID 1411, TID 1501, TID 300, TID 4019, CID 240, CID 244.
    """
    from highdicom.sr import (
        Measurement,
        MeasurementsAndQualitativeEvaluations,
        ReferencedSegment,
        SourceSeriesForSegmentation,
        VolumetricROIMeasurementsAndQualitativeEvaluations,
    )

    series = str(images.headers[0].SeriesInstanceUID)
    numbers: list[Measurement] = []
    rest: list[ContentItem] = []
    for m in statements.measurements:
        for item in measurement_items(m, record):
            (numbers if isinstance(item, Measurement) else rest).append(item)
    for prediction in statements.expected:
        numbers += expected_numbers(prediction, record)
        rest += expected_items(prediction)
    for q in statements.quality:
        for item in quality_items(q, record):
            (numbers if isinstance(item, Measurement) else rest).append(item)
    terminology = None if described is None else described.terminology
    common = {
        "tracking_identifier": _tracking(statements.name, described, series),
        "finding_type": None if terminology is None else concept(terminology.type),
        "finding_sites": _sites(terminology),
        "measurements": numbers,
    }
    if segmentation is None:
        group = MeasurementsAndQualitativeEvaluations(**common)
        group[0].ContentSequence.append(_source_series(series))
    else:
        segment = ReferencedSegment(
            str(segmentation.SOPClassUID),
            str(segmentation.SOPInstanceUID),
            described.label_value,
            source_series=SourceSeriesForSegmentation(series),
        )
        group = VolumetricROIMeasurementsAndQualitativeEvaluations(referenced_segment=segment, **common)
    verdicts = [item for verdict in statements.verdicts for item in verdict_items(verdict.verdict, verdict.reasons)]
    items = [*_presence(statements), *verdicts, *_origin(described), *rest, *finding_items(statements.findings)]
    separate(group[0]).ContentSequence.extend(items)
    return group


def case_group(record: QCRecord, findings: tuple[Finding, ...], images: SourceImages, report_uid: str) -> Template:
    """Return what the record says of the image and of the case as a whole, as TID 1501 that refers to all images."""
    from highdicom.sr import MeasurementsAndQualitativeEvaluations, SourceImageForMeasurementGroup, TrackingIdentifier

    group = MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(stable_uid("image and case", report_uid), "Image and case"),
        source_images=[
            SourceImageForMeasurementGroup(str(header.SOPClassUID), str(header.SOPInstanceUID)) for header in images.headers
        ],
    )
    items = [text_item(private_codes.SIMULATED, _SIMULATED)] if record.says_simulated else []
    items += verdict_items(record.verdict, record.reasons)
    for answer in record.ratings:
        items += rating_items(answer)
    items += finding_items(findings)
    protocol = record.protocol
    judged_by = f"{protocol.title} ({protocol.id} {protocol.version}), SHA-256 of its file {protocol.sha256}"
    items.append(text_item(private_codes.PROTOCOL, judged_by))
    for entry in record.inputs:
        checksum = f", SHA-256 {entry.sha256}" if entry.sha256 else ""
        items.append(text_item(private_codes.INPUT, f"{entry.role}: {entry.name}{checksum}"))
    for card in record.difficulty_models:
        facts = " ".join((f"{card.id} {card.version}, for {card.structure} on {card.modality}.", *card.facts))
        items.append(text_item(private_codes.DIFFICULTY_MODEL, f"{facts} Simulated." if card.simulated else facts))
    versions = ", ".join(f"{name} {version}" for name, version in record.software.items())
    items.append(text_item(private_codes.SOFTWARE, versions))
    separate(group[0]).ContentSequence.extend(items)
    return group


def _tracking(name: str, described: Segment | None, series: str) -> TrackingIdentifier:
    from highdicom.sr import TrackingIdentifier
    from pydicom import config
    from pydicom.uid import UID

    if described is None:
        return TrackingIdentifier(stable_uid("segment of a reference", series, name), plain_text(name))
    identifier, uid = described.tracking_id or name, described.tracking_uid
    if uid is None or not UID(uid, validation_mode=config.IGNORE).is_valid:
        # As in the DICOM SEG, where one is written.
        uid = stable_uid("tracked segment", series, identifier)
    return TrackingIdentifier(uid, plain_text(identifier))


def _sites(terminology: Terminology | None) -> list[FindingSite] | None:
    """Return where the segment is: its region, or the structure that it is, with the side."""
    from highdicom.sr import FindingSite

    if terminology is None:
        return None
    if terminology.region is not None:
        place, modifier = terminology.region, terminology.region_modifier
    elif (terminology.category.scheme, terminology.category.value) in _PLACES:
        place, modifier = terminology.type, terminology.modifier
    else:
        return None
    is_side = modifier is not None and modifier.scheme == "SCT" and modifier.value in _LATERALITIES
    coded = None if modifier is None else concept(modifier)
    return [FindingSite(concept(place), coded if is_side else None, None if is_side else coded)]


def _source_series(series: str) -> ContentItem:
    from highdicom.sr import UIDRefContentItem

    return UIDRefContentItem(concept(_SOURCE_SERIES), series, "CONTAINS")


def _presence(statements: SegmentStatements) -> list[ContentItem]:
    if statements.segment is None:
        return [code_item(private_codes.ONLY_IN_REFERENCE, YES)]
    if not statements.is_empty:
        return []
    unfinished = UNFINISHED.get(statements.segment.status or "")
    if unfinished is not None:
        said = f"Nobody says that it was looked for: its segment has no voxels and is marked as {unfinished}."
        return [code_item(PRESENCE, UNDETERMINED), text_item(PRESENCE, said)]
    # A sternum is absent from a scan of the abdomen, and from nobody's chest.
    said = "Assessed, absent: its segment has no voxels. This says nothing about what lies outside of the images."
    return [code_item(PRESENCE, ABSENT), text_item(PRESENCE, said)]


def _origin(described: Segment | None) -> list[ContentItem]:
    """Return who or what drew the segment, where it is known."""
    if described is None:
        return []
    items: list[ContentItem] = []
    kind = private_codes.ALGORITHM_TYPE_CODES.get(described.algorithm_type or "")
    if kind is not None:
        items.append(code_item(private_codes.ALGORITHM_TYPE, kind))
    name = " ".join(part for part in (described.algorithm_name, described.algorithm_version) if part)
    if name:
        items.append(text_item(private_codes.ALGORITHM_NAME, name))
    return items
