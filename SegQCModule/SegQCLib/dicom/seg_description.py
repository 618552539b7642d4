"""A Segment as an item of DICOM's Segment Sequence (0062,0002): the way back of `importers.dicom_segment`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from SegQCLib.case import Code, Segment, Segmentation
from SegQCLib.dicom.stable_uid import stable_uid

if TYPE_CHECKING:
    from pydicom import Dataset


def with_tracking(candidate: Segmentation, series_instance_uid: str) -> Segmentation:
    """Return a segmentation whose segments all have a Tracking ID (0062,0020) and a Tracking UID (0062,0021).

    What they have is kept, but for a text that is no UID. The rest follows from the series of the images and the
    segment's name, numbered where names repeat: two lesions must not be tracked as one.
    """
    names = [segment.name for segment in candidate.segments]
    segments = []
    for n, segment in enumerate(candidate.segments):
        own = segment.name if names.count(segment.name) == 1 else f"{segment.name} {names[: n + 1].count(segment.name)}"
        tracking_id = segment.tracking_id or own
        kept = segment.tracking_uid if is_uid(segment.tracking_uid) else None
        uid = kept or stable_uid("tracked segment", series_instance_uid, tracking_id)
        segments.append(replace(segment, tracking_id=tracking_id, tracking_uid=uid))
    return candidate.with_segments(tuple(segments))


def is_uid(text: str | None) -> bool:
    """Return whether a text is a UID by its form (PS3.5 9.1)."""
    from pydicom import config
    from pydicom.uid import UID

    return text is not None and UID(text, validation_mode=config.IGNORE).is_valid


def segment_description(segment: Segment, number: int) -> Dataset:
    """Return the item that describes a segment.

    Parameters
    ----------
    segment : Segment
        With codes, algorithm type and tracking; `seg_preflight` says what else it needs.
    number : int
        Segment Number (0062,0004), from 1.

    Raises
    ------
    ValueError
        If the segment has no codes or no algorithm type.

    References
    ----------
    DICOM PS3.3 C.8.20.4 (Segment Description Macro), 10.16 (Algorithm Identification Macro).
    """
    from highdicom.color import CIELabColor
    from highdicom.seg import SegmentDescription

    meaning = segment.terminology
    if meaning is None or segment.algorithm_type is None:
        raise ValueError(f"Segment {segment.name} has no codes or no algorithm type; see seg_preflight.seg_export_faults.")
    item = SegmentDescription(
        segment_number=number,
        segment_label=segment.name,
        segmented_property_category=_concept(meaning.category),
        segmented_property_type=_concept(meaning.type),
        algorithm_type="MANUAL",
        tracking_id=segment.tracking_id,
        tracking_uid=segment.tracking_uid,
        anatomic_regions=None if meaning.region is None else [_concept(meaning.region)],
        display_color=None
        if segment.color is None
        else CIELabColor.from_rgb(*(255 * min(max(channel, 0), 1) for channel in segment.color)),
    )
    if meaning.modifier is not None:
        item.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = [_concept(meaning.modifier)]
    if meaning.region is not None and meaning.region_modifier is not None:
        item.AnatomicRegionSequence[0].AnatomicRegionModifierSequence = [_concept(meaning.region_modifier)]
    # highdicom's constructor wants a complete identification for every algorithm; the standard wants its name only.
    item.SegmentAlgorithmType = segment.algorithm_type
    if segment.algorithm_type != "MANUAL":
        item.SegmentAlgorithmName = segment.algorithm_name
        if is_identified(segment):
            item.SegmentationAlgorithmIdentificationSequence = [_identification(segment)]
    return item


def is_identified(segment: Segment) -> bool:
    """Return whether family, name and version of the algorithm are known: Algorithm Identification asks for all three."""
    texts = (segment.algorithm_name, segment.algorithm_version)
    return segment.algorithm_family is not None and all(text is not None and text.strip() for text in texts)


def _identification(segment: Segment) -> Dataset:
    from pydicom import Dataset

    item = Dataset()
    item.AlgorithmFamilyCodeSequence = [_concept(segment.algorithm_family)]
    item.AlgorithmName = segment.algorithm_name
    item.AlgorithmVersion = segment.algorithm_version
    if segment.algorithm_parameters:
        item.AlgorithmParameters = segment.algorithm_parameters
    return item


def _concept(code: Code) -> Dataset:
    from highdicom.sr import CodedConcept

    return CodedConcept(code.value, code.scheme, code.meaning)
