"""A record as a DICOM structured report, TID 1500 Imaging Measurement Report.

It is an Enhanced SR: the report has numbers, codes, texts and references, but no coordinates, and what reads a
Comprehensive or Comprehensive 3D SR (dcmqi, highdicom, 3D Slicer, OHIF) reads this one, which older archives know too.
"""

from __future__ import annotations

import importlib.util
import math
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from SegQCLib import __version__
from SegQCLib.case import Segment, Segmentation
from SegQCLib.dicom import private_codes
from SegQCLib.dicom.person_name import person_name
from SegQCLib.dicom.sr_groups import case_group, segment_group
from SegQCLib.dicom.sr_images import copy_patient_and_study, evidence_of, image_library, procedure_reported, require_one_series
from SegQCLib.dicom.sr_items import concept, separate
from SegQCLib.dicom.sr_segments import SegmentStatements, statements_by_segment
from SegQCLib.dicom.stable_uid import stable_uid
from SegQCLib.errors import BadDataError
from SegQCLib.importers.dicom_segment import segment_from_item
from SegQCLib.record import QCRecord
from SegQCLib.training_mark import refuse_in_dicom
from SegQCLib.words import few

if TYPE_CHECKING:
    from highdicom.sr import MeasurementReport, ObservationContext
    from pydicom import Dataset

    from SegQCLib.dicom.source_images import SourceImages

# Far from what scanners number their series with.
_SERIES_NUMBER = 9002


def require_highdicom() -> None:
    """Raise BadDataError where highdicom, which builds DICOM objects, is not installed."""
    if importlib.util.find_spec("highdicom") is None:
        raise BadDataError(
            "DICOM SR",
            "needs highdicom, which is not installed here.",
            "Install it with: pip install highdicom (3D Slicer 5.12 has it).",
        )


def report_object(
    record: QCRecord,
    candidate: Segmentation,
    images: SourceImages,
    segmentation: Dataset | None,
    *,
    reader: str | None,
    created: datetime,
) -> Dataset:
    """Return the structured report of a record.

    One group per segment of the candidate (TID 1411 where the DICOM SEG has its voxels, TID 1501 where it is empty or there
    is no DICOM SEG), one per segment that only a reference has, and one (TID 1501) for image and case. Nothing is computed:
    every number and word is the record's. The same input gives the same object with the same UIDs.

    Parameters
    ----------
    record : QCRecord
    candidate : Segmentation
        The candidate that was evaluated: names, codes, tracking and which of equal names comes first.
    images : SourceImages
        The series that was evaluated.
    segmentation : Dataset or None
        The candidate as DICOM SEG; without it no group refers to voxels.
    reader : str or None
        Person observer (TID 1003), as a person types a name; None: only SegQC itself is an observer (TID 1004).
    created : datetime
        Content Date (0008,0023) and Content Time (0008,0033).

    Raises
    ------
    BadDataError
        If images lack UIDs or are of several series, the segmentation is of other images or lacks a segment, the record has
        measured a segment that the candidate has not, has a number that is not finite or is de-identified, the reader's name
        cannot be a DICOM person name, highdicom is not installed, or the candidate was made for a training set.

    References
    ----------
    DICOM PS3.16 TID 1500, 1411, 1501, 300, 1003, 1004, 1204, 1600, 4019; PS3.3 A.35.2 (Enhanced SR).
    """
    refuse_in_dicom(candidate)
    require_highdicom()
    require_report_can_be_written(record, reader)
    _require_same_names(record, candidate)
    require_one_series(images)
    described = _described(candidate, segmentation, images)
    name = None if reader is None else person_name(reader)
    facts = (
        record.to_json(), str(images.headers[0].SeriesInstanceUID),
        "" if segmentation is None else str(segmentation.SOPInstanceUID), name or "", created.isoformat(), __version__,
    )  # fmt: skip
    report_uid = stable_uid("quality report", *facts)
    statements, case_findings = statements_by_segment(record, candidate)
    groups = []
    for one in statements:
        own = described.get(one.segment.id) if one.segment is not None else None
        _require_described(one, own, segmentation)
        drawn = segmentation if own is not None and not one.is_empty else None
        groups.append(segment_group(one, own or one.segment, drawn, images, record))
    # The last one, because 3D Slicer takes the first ones for the segments of the DICOM SEG.
    groups.append(case_group(record, case_findings, images, report_uid))
    report = _measurement_report(groups, images, name, record)
    return _document(report, images, segmentation, record, created, report_uid, stable_uid("quality report series", *facts))


def require_report_can_be_written(record: QCRecord, reader: str | None) -> None:
    """Raise BadDataError if a record is de-identified or has a number that is not finite, or a name is no person's name."""
    if record.deidentification is not None:
        raise BadDataError(
            "The record", "is de-identified, and a DICOM report names patient and images.", "Export the record that has not been."
        )
    numbers = [(m.metric, m.segment, m.value) for m in record.measurements]
    for prediction in record.expected_agreement:
        numbers += [(name, prediction.segment, getattr(prediction, name)) for name in ("dice", "lower", "upper", "threshold")]
    for q in record.image_quality:
        numbers += [(q.measure, q.segment, q.value), (f"z of {q.measure}", q.segment, None if q.in_study is None else q.in_study.z)]
    for name, segment, value in numbers:
        if value is not None and not math.isfinite(value):
            raise BadDataError("The record", f"has {value} as {name} of {segment}.", "Evaluate the case again.")
    if reader is not None:
        try:
            person_name(reader)
        except ValueError as error:
            raise BadDataError("The reader", f"cannot be named: {error}.", "Give a name such as 'Dr. Anna Meier'.") from error


def _require_same_names(record: QCRecord, candidate: Segmentation) -> None:
    # Names are all that a record and a label map have in common: without them the report would call every segment a reference's.
    own = {segment.name for segment in candidate.segments}
    of_candidate = (m.segment for m in record.measurements if m.metric == "voxel_count" and m.candidate_role == "candidate")
    missing = [name for name in dict.fromkeys(of_candidate) if name not in own]
    if missing:
        raise BadDataError(
            "The record",
            f"has measured {few(missing)}; the candidate's segments are called {few(sorted(own)) or 'nothing'}.",
            "Give the segmentation with the names that it was evaluated with (--labels), or evaluate it again.",
        )


def _described(candidate: Segmentation, segmentation: Dataset | None, images: SourceImages) -> dict[str, Segment]:
    """Return the DICOM SEG's segments by id of the candidate's: by Tracking UID, else by label and order."""
    if segmentation is None:
        return {}
    series = str(images.headers[0].SeriesInstanceUID)
    referenced = {str(item.SeriesInstanceUID) for item in segmentation.get("ReferencedSeriesSequence") or ()}
    if str(segmentation.StudyInstanceUID) != str(images.headers[0].StudyInstanceUID) or (referenced and series not in referenced):
        raise BadDataError(
            "the DICOM SEG",
            f"is of other images: it refers to the series {', '.join(sorted(referenced)) or 'of another study'}.",
            f"Give the segmentation of the series {series}.",
        )
    segments = [segment_from_item(item, 0) for item in segmentation.SegmentSequence]
    by_uid = {segment.tracking_uid: segment for segment in segments if segment.tracking_uid}
    by_label: dict[str, list[Segment]] = defaultdict(list)
    for segment in segments:
        by_label[_label(segment.name)].append(segment)
    found = {}
    for segment in candidate.segments:
        same_label = by_label[_label(segment.name)]
        match = by_uid.get(segment.tracking_uid) if segment.tracking_uid else None
        if match is None and same_label:
            match = same_label[0]
        if match is not None:
            found[segment.id] = match
            if match in same_label:
                same_label.remove(match)
    return found


def _label(name: str) -> str:
    """Return a name as far as Segment Label (0062,0005) can hold it: value representation LO."""
    return name.strip()[:64].strip()


def _require_described(statements: SegmentStatements, described: Segment | None, segmentation: Dataset | None) -> None:
    if segmentation is not None and described is None and statements.segment is not None and not statements.is_empty:
        raise BadDataError(
            "the DICOM SEG", f"has no segment {statements.name!r}.", "Give the DICOM SEG that was made of this candidate."
        )


def _measurement_report(groups: Iterable, images: SourceImages, reader: str | None, record: QCRecord) -> MeasurementReport:
    from highdicom.sr import MeasurementReport

    report = MeasurementReport(
        _observation_context(reader, record), concept(procedure_reported(images.headers[0])), imaging_measurements=list(groups)
    )
    # highdicom's own image library repeats each slice's geometry, and needs attributes that images may lack.
    content = separate(report[0]).ContentSequence
    separate(content[-1])
    content.insert(len(content) - 1, image_library(images))
    return report


def _observation_context(reader: str | None, record: QCRecord) -> ObservationContext:
    from highdicom.sr import (
        DeviceObserverIdentifyingAttributes,
        ObservationContext,
        ObserverContext,
        PersonObserverIdentifyingAttributes,
    )
    from pydicom.sr.codedict import codes

    version = record.software.get("SegQC", "unknown")
    device = DeviceObserverIdentifyingAttributes(
        uid=stable_uid("software", "SegQC", version), name=f"SegQC {version}", manufacturer_name="SegQC", model_name="SegQC"
    )
    device_context = ObserverContext(codes.DCM.Device, device)
    if reader is None:
        return ObservationContext(observer_device_context=device_context)
    person_context = ObserverContext(codes.DCM.Person, PersonObserverIdentifyingAttributes(name=reader))
    return ObservationContext(observer_person_context=person_context, observer_device_context=device_context)


def _document(
    report: MeasurementReport,
    images: SourceImages,
    segmentation: Dataset | None,
    record: QCRecord,
    created: datetime,
    report_uid: str,
    series_uid: str,
) -> Dataset:
    from highdicom.coding_schemes import CodingSchemeIdentificationItem
    from highdicom.sr import ContainerContentItem, ContentSequence, EnhancedSR
    from pydicom import Dataset
    from pydicom.valuerep import DT

    first, *others = images.headers
    version = record.software.get("SegQC", "unknown")
    scheme = CodingSchemeIdentificationItem(
        private_codes.SCHEME, name=private_codes.SCHEME_NAME, responsible_organization=private_codes.SCHEME_ORGANIZATION
    )
    root = report[0]
    without_content = ContainerContentItem(root.name, is_content_continuous=False, template_id="1500")
    without_content.ContentSequence = ContentSequence(root.ContentSequence[:1])
    document = EnhancedSR(
        evidence=[evidence_of(first), *others, *([] if segmentation is None else [segmentation])],
        content=without_content,
        series_instance_uid=series_uid,
        series_number=_SERIES_NUMBER,
        sop_instance_uid=report_uid,
        instance_number=1,
        manufacturer="SegQC",
        manufacturer_model_name="SegQC",
        software_versions=version,
        device_serial_number=f"SegQC {version}",
        series_description=f"Segmentation quality report{' (simulated data)' if record.says_simulated else ''}",
        is_complete=True,
        # Nobody has signed it, and a verdict of software is never final.
        is_final=False,
        is_verified=False,
        coding_schemes=[scheme],
        content_date=created.date(),
        content_time=created.time().replace(tzinfo=None),
        series_date=created.date(),
        series_time=created.time().replace(tzinfo=None),
    )
    # highdicom's constructor copies the content twice and searches it three times, most of the time for 117 segments:
    # it gets the first item only. A plain Dataset, because its own `content` would still be that item.
    plain = Dataset()
    plain.update(document)
    plain.file_meta = document.file_meta
    # highdicom 0.28 takes it from the first image, 0.27 leaves it out.
    plain.SpecificCharacterSet = "ISO_IR 192"
    plain.ContentSequence = root.ContentSequence
    copy_patient_and_study(first, plain)
    # highdicom puts the present moment there: equal objects would differ.
    plain.InstanceCreationDate, plain.InstanceCreationTime = document.ContentDate, document.ContentTime
    for equipment in plain.get("ContributingEquipmentSequence", ()):
        if equipment.get("ManufacturerModelName") == "highdicom":
            equipment.ContributionDateTime = DT(created.replace(tzinfo=None))
    return plain
