"""A segmentation as DICOM SEG: BINARY, or LABELMAP where asked for."""

from __future__ import annotations

import copy
from dataclasses import astuple
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import numpy as np

from SegQCLib import __version__
from SegQCLib.dicom.person_name import person_name
from SegQCLib.dicom.seg_description import segment_description, with_tracking
from SegQCLib.dicom.seg_frames import FrameWriter, label_planes, mask_frames
from SegQCLib.dicom.seg_preflight import overlapping_pairs, refuse_faults, seg_export_faults
from SegQCLib.dicom.seg_slices import SourceSlice, positions_lps_mm, source_slices, stacked_grid
from SegQCLib.dicom.stable_uid import stable_uid
from SegQCLib.geometry import SAME_GRID_TOLERANCE_MM
from SegQCLib.regular_grid import slice_displacement_mm
from SegQCLib.training_mark import refuse_in_dicom
from SegQCLib.voxel_hash import voxels_sha256

if TYPE_CHECKING:
    from pydicom import Dataset

    from SegQCLib.case import Segmentation
    from SegQCLib.dicom.source_images import SourceImages

Representation = Literal["BINARY", "LABELMAP"]

DEVICE = "SegQC"
# Far from the numbers that scanners give to their series (some count 301, 401, 501), and before that of the report.
SERIES_NUMBER = 9001
# Patient and study attributes of type 2, which may be empty but not missing (PS3.3 C.7.1.1, C.7.2.1).
_TYPE_2 = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex",
    "StudyDate", "StudyTime", "ReferringPhysicianName", "StudyID", "AccessionNumber",
)  # fmt: skip
_LONGEST_LO = 64


def segmentation_object(
    candidate: Segmentation,
    images: SourceImages,
    *,
    reader: str | None,
    created: datetime,
    representation: Representation = "BINARY",
) -> Dataset:
    """Return a segmentation as a DICOM SEG that refers to the images it was drawn on.

    Frames hold slices in which a segment has voxels. A segment without voxels is described after the others and has no
    frame; where all segments are empty, the first one has one empty frame, because a SEG without frames cannot be. The same voxels,
    descriptions, images and reader give the same SOP Instance UID (0008,0018), whatever `created` says.

    Parameters
    ----------
    candidate : Segmentation
        On the image's grid, with codes and algorithm types.
    images : SourceImages
    reader : str or None
        Who answers for it, as typed: Content Creator's Name (0070,0084).
    created : datetime
        Content Date (0008,0023) and Time (0008,0033).
    representation : {"BINARY", "LABELMAP"}
        Segmentation Type (0062,0001). A label map cannot hold segments that overlap, and few programs read it yet.

    Raises
    ------
    BadDataError
        With every reason why it cannot be written; see `seg_preflight.seg_export_faults`. Or it was made for a training set.

    References
    ----------
    DICOM PS3.3 A.51 (Segmentation IOD), C.8.20.2 (Segmentation Image), C.8.20.3 (functional groups); label maps: A.93.
    """
    refuse_in_dicom(candidate)
    refuse_faults(seg_export_faults(candidate, images, reader=reader, representation=representation), candidate)
    # 3D Slicer gives names and codes to voxels by their order, and counts only segments that have voxels.
    ordered = tuple(sorted(candidate.segments, key=lambda segment: candidate.box(segment) is None))
    candidate = candidate.with_segments(ordered)
    slices = source_slices(images)
    dataset = _without_frames(candidate, slices, reader, created, representation)
    _add_frames(dataset, candidate, slices, representation)
    if representation == "BINARY":
        dataset.SegmentsOverlap = "YES" if overlapping_pairs(candidate, first_only=True) else "NO"
    return dataset


def _without_frames(
    candidate: Segmentation, slices: tuple[SourceSlice, ...], reader: str | None, created: datetime, representation: Representation
) -> Dataset:
    """Return what highdicom makes of one slice, with our descriptions, references and UIDs, without frames."""
    import highdicom
    from pydicom import Dataset
    from pydicom.sr.codedict import codes

    first = slices[0].header
    sop_uid = _sop_instance_uid(candidate, slices, reader, representation)
    # A backslash would separate two values.
    description = " ".join(f"Segmentation: {candidate.name}".replace("\\", "/").split())[:_LONGEST_LO]
    flat, measures = _one_slice(slices[0]), _pixel_measures(slices)
    shell = highdicom.seg.Segmentation(
        source_images=[flat],
        pixel_array=np.ones((1, int(first.Rows), int(first.Columns)), np.uint8),
        segmentation_type=representation,
        segment_descriptions=[
            highdicom.seg.SegmentDescription(1, "-", codes.SCT.AnatomicalStructure, codes.SCT.AnatomicalStructure, "MANUAL")
        ],
        series_instance_uid=stable_uid("segmentation series", sop_uid),
        series_number=SERIES_NUMBER,
        sop_instance_uid=sop_uid,
        instance_number=1,
        manufacturer=DEVICE,
        manufacturer_model_name=DEVICE,
        software_versions=__version__,
        # A program has no serial number, and Enhanced General Equipment (C.7.5.2) wants one.
        device_serial_number=__version__,
        content_description=description,
        content_label="SEGMENTATION",
        series_description=description,
        pixel_measures=measures[0],
        plane_orientation=highdicom.PlaneOrientationSequence("PATIENT", [float(value) for value in slices[0].orientation]),
        plane_positions=[highdicom.PlanePositionSequence("PATIENT", [float(value) for value in slices[0].position])],
    )
    # highdicom's own class keeps tables of its frames, and the frames are ours.
    dataset = Dataset()
    dataset.update({element.tag: element for element in shell})
    dataset.file_meta, dataset.preamble = shell.file_meta, shell.preamble
    decoded = _decoded(first)
    for keyword in (*_TYPE_2, "BodyPartExamined", "Laterality"):
        if decoded.get(keyword):
            dataset[keyword] = decoded[keyword]
        elif keyword in _TYPE_2:
            setattr(dataset, keyword, "")
    # Not through highdicom, which warns of names of one part.
    dataset.ContentCreatorName = "" if reader is None else person_name(reader)
    for equipment in dataset.ContributingEquipmentSequence:
        if equipment.get("ManufacturerModelName") == "highdicom":
            equipment.ContributionDateTime = created.strftime("%Y%m%d%H%M%S")
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.ContentDate = dataset.InstanceCreationDate = created.strftime("%Y%m%d")
    dataset.ContentTime = dataset.InstanceCreationTime = created.strftime("%H%M%S")
    _set_organization_uid(dataset, stable_uid("dimension organization", sop_uid))
    _refer_to(dataset, slices)
    background = [item for item in dataset.SegmentSequence if int(item.SegmentNumber) == 0]
    described = with_tracking(candidate, str(first.SeriesInstanceUID)).segments
    dataset.SegmentSequence = [*background, *(segment_description(one, n) for n, one in enumerate(described, start=1))]
    shared = dataset.SharedFunctionalGroupsSequence[0]
    if all(one is measures[0] for one in measures):
        shared.PixelMeasuresSequence = measures[0]
    else:
        del shared.PixelMeasuresSequence
    # Every frame says it for itself: not all readers look for it among the shared groups.
    if "SegmentIdentificationSequence" in shared:
        del shared.SegmentIdentificationSequence
    dataset.pop("DimensionOrganizationType", None)
    return dataset


def _add_frames(dataset: Dataset, candidate: Segmentation, slices: tuple[SourceSlice, ...], representation: Representation) -> None:
    from pydicom.charset import convert_encodings
    from pydicom.dataelem import RawDataElement
    from pydicom.filewriter import correct_ambiguous_vr
    from pydicom.tag import Tag

    each = () if "PixelMeasuresSequence" in dataset.SharedFunctionalGroupsSequence[0] else _pixel_measures(slices)
    frames = FrameWriter(slices, len(candidate.segments) if representation == "BINARY" else 0, each)
    if representation == "BINARY":
        for index, k, plane in mask_frames(candidate):
            frames.add_mask(plane, k, index + 1)
        if not frames.count:
            frames.add_mask(np.zeros(candidate.geometry.size[1:], bool), 0, 1)
    else:
        bits = 8 if len(candidate.segments) < 256 else 16
        dataset.BitsAllocated = dataset.BitsStored = bits
        dataset.HighBit = bits - 1
        for k, plane in label_planes(candidate):
            frames.add_labels(plane, k)
        if not frames.count:
            frames.add_labels(np.zeros(candidate.geometry.size[1:], f"u{bits // 8}"), 0)
    dataset.NumberOfFrames = frames.count
    dataset.add_new("PixelData", "OB" if dataset.BitsAllocated <= 8 else "OW", frames.pixel_data())
    correct_ambiguous_vr(dataset, True)
    # As pydicom holds what it has read and nobody has looked at: written as it is, and decoded when it is asked for.
    groups, tag = frames.per_frame_groups(), Tag("PerFrameFunctionalGroupsSequence")
    dataset[tag] = RawDataElement(tag, "SQ", len(groups), groups, 0, False, True)
    dataset.set_original_encoding(False, True, convert_encodings(dataset.SpecificCharacterSet))


def _sop_instance_uid(
    candidate: Segmentation, slices: tuple[SourceSlice, ...], reader: str | None, representation: Representation
) -> str:
    described = [repr([value for value in astuple(segment) if value is not None]) for segment in candidate.segments]
    sources = [f"{one.header.SOPInstanceUID} {one.frame or 1}" for one in slices]
    facts = (voxels_sha256(candidate), candidate.name, *described, *sources, reader or "", representation, __version__)
    return stable_uid("segmentation", *facts)


def _one_slice(one: SourceSlice) -> Dataset:
    """Return a plain CT slice in the place of one that may be a frame, or lack what de-identification took away.

    Its type 2 attributes are empty: highdicom refuses values that archives are full of, such as the sex "U".
    """
    flat = _decoded(one.header)
    flat.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    flat.ImagePositionPatient, flat.ImageOrientationPatient = list(one.position), list(one.orientation)
    flat.PixelSpacing, flat.SliceThickness = list(one.spacing), one.thickness
    # Where it is another value than the positions say, highdicom would take it for the truth.
    for keyword in ("NumberOfFrames", "SpacingBetweenSlices"):
        flat.pop(keyword, None)
    for keyword in _TYPE_2:
        setattr(flat, keyword, None)
    if not flat.get("FrameOfReferenceUID"):
        # One for all segmentations of the series: they fit each other.
        flat.FrameOfReferenceUID = stable_uid("frame of reference", str(flat.SeriesInstanceUID))
    flat.SpecificCharacterSet = "ISO_IR 192"
    return flat


def _decoded(header: Dataset) -> Dataset:
    """Return a copy without pixel data and functional groups whose texts no longer depend on its character set."""
    from pydicom import Dataset

    kept = Dataset()
    kept.update({tag: copy.deepcopy(header[tag]) for tag in header.keys() if tag.group < 0x5200})  # noqa: SIM118
    kept.decode()
    for keyword in ("PatientName", "ReferringPhysicianName"):
        if kept.get(keyword):
            setattr(kept, keyword, str(kept.get(keyword)))
    return kept


def _pixel_measures(slices: tuple[SourceSlice, ...]) -> list[object]:
    """Return what Pixel Measures Sequence (0028,9110) says of each slice."""
    import highdicom

    grid = stacked_grid(slices)
    regular = slice_displacement_mm(grid, positions_lps_mm(slices)) <= SAME_GRID_TOLERANCE_MM
    # Readers (highdicom, dciodvfy) insist on a thickness; where the image has none, a frame stands for one step, as in dcmqi.
    step = float(round(grid.spacing_mm[0], 6))
    thicknesses = [step if one.thickness in (None, "") else float(one.thickness) for one in slices]
    measures = {
        thickness: highdicom.PixelMeasuresSequence(
            pixel_spacing=[float(value) for value in slices[0].spacing],
            slice_thickness=thickness,
            spacing_between_slices=step if regular and len(slices) > 1 else None,
        )
        for thickness in set(thicknesses)
    }
    return [measures[thickness] for thickness in thicknesses]


def _set_organization_uid(dataset: Dataset, uid: str) -> None:
    for item in (*dataset.DimensionOrganizationSequence, *dataset.DimensionIndexSequence):
        item.DimensionOrganizationUID = uid


def _refer_to(dataset: Dataset, slices: tuple[SourceSlice, ...]) -> None:
    """Name every image of the series once: Source Image Sequence (0008,2112), Referenced Series Sequence (0008,1115)."""
    from pydicom import Dataset

    references = []
    for uid, header in {str(one.header.SOPInstanceUID): one.header for one in slices}.items():
        reference = Dataset()
        reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = header.SOPClassUID, uid
        references.append(reference)
    series = Dataset()
    series.SeriesInstanceUID = slices[0].header.SeriesInstanceUID
    series.ReferencedInstanceSequence = references
    dataset.SourceImageSequence, dataset.ReferencedSeriesSequence = references, [series]
