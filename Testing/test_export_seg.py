"""Segmentations as DICOM SEG: read back by programs and libraries that nobody here wrote."""

import copy
import errno
import os
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from dicom_series import write_series
from dicom_tools import dcentvfy, dciodvfy, segimage2itkimage
from rt_structure_sets import Roi, around, write_structure_set
from SegQCLib.alignment import align
from SegQCLib.case import Code, Segment, Segmentation, Terminology, Volume
from SegQCLib.cli import main
from SegQCLib.dicom.person_name import person_name
from SegQCLib.dicom.seg_preflight import overlapping_pairs, seg_export_faults
from SegQCLib.dicom.series import read_series_headers
from SegQCLib.dicom.source_images import source_images
from SegQCLib.dicom.write_file import write_dicom_file
from SegQCLib.errors import BadDataError
from SegQCLib.findings import Status
from SegQCLib.geometry import sitk_image
from SegQCLib.importers import read_segmentation
from SegQCLib.readers.session_log import SessionLog, new_header

highdicom = pytest.importorskip("highdicom", reason="SEG files are written by highdicom")
from SegQCLib.dicom.write_seg import segmentation_object  # noqa: E402

ROWS, COLUMNS, SLICES = 16, 12, 6
CREATED = datetime(2026, 11, 22, 4, 5, 6)
SCT = "SCT"
ANATOMY = Code("123037004", SCT, "Anatomical Structure")
LIVER = Terminology(ANATOMY, Code("10200004", SCT, "Liver"))
LEFT_KIDNEY = Terminology(ANATOMY, Code("64033007", SCT, "Kidney"), Code("7771000", SCT, "Left"))
LESION = Terminology(
    Code("49755003", SCT, "Morphologically Abnormal Structure"),
    Code("4147007", SCT, "Mass"),
    region=Code("64033007", SCT, "Kidney"),
    region_modifier=Code("24028007", SCT, "Right"),
)
AI = Code("123110", "DCM", "Artificial Intelligence")
MADE_BY_AI = {
    "algorithm_type": "AUTOMATIC",
    "algorithm_name": "LiverNet",
    "algorithm_version": "2.1",
    "algorithm_family": AI,
    "algorithm_parameters": "folds=0,1,2",
}
# Type 2 attributes: images have them, empty or not.
STUDY = {
    "AccessionNumber": "", "StudyID": "1", "PatientBirthDate": "", "ReferringPhysicianName": "", "PatientSex": "O",
    "StudyDate": "20260101", "StudyTime": "101112", "PatientName": "Phantom^Simulated",
}  # fmt: skip

# What dciodvfy says of an object because its source says it: no Patient ID, Study ID or name in parts there, terms that
# are not DICOM's, and codes of the scheme SECTRA, which TotalSegmentator's own table has for two structures.
KNOWN_WARNINGS = (
    "needed to build DICOMDIR - Study ID",
    "needed to build DICOMDIR - Patient ID",
    "Retired Person Name form",
    "attribute <Body Part Examined>",
    "Unrecognized defined term <SECTRA>",
)
# Debian's dciodvfy is of 2022; the Label Map Segmentation IOD came in 2024 (DICOM supplement 243).
LABEL_MAP_UNKNOWN = {
    "Error - Information Object Not found",
    (
        "Error - SegmentNumber not monotonically increasing from one by one - have SegmentSequence item number 1 (from one)"
        " with SegmentNumber of 0"
    ),
}


def box(k, j, i) -> np.ndarray:
    array = np.zeros((SLICES, ROWS, COLUMNS), np.uint8)
    array[slice(*k), slice(*j), slice(*i)] = 1
    return array


def a_series(folder, positions=None, **attributes) -> Volume:
    positions = np.arange(SLICES) * 2.5 - 40 if positions is None else positions
    write_series(folder, positions, **{"rows": ROWS, "columns": COLUMNS, **STUDY, **attributes})
    return read_series_headers(folder)


def a_candidate(image: Volume, *masks, layers=None, **more) -> Segmentation:
    """Return one segment for each (name, mask, codes), each in its own layer unless `layers` says otherwise."""
    segments = tuple(
        Segment(f"id{n}", name, 1, layer=n, terminology=codes, **{"algorithm_type": "MANUAL", **more})
        for n, (name, _, codes) in enumerate(masks)
    )
    return Segmentation("reader A", image.geometry, tuple(mask for _, mask, _ in masks), segments)


def written(candidate, image, folder, **options) -> Path:
    dataset = segmentation_object(
        candidate, source_images(image), **{"reader": "Doe^Jane", "created": CREATED, "representation": "BINARY", **options}
    )
    write_dicom_file(dataset, folder / "seg.dcm")
    return folder / "seg.dcm"


def require_valid(path: Path, label_map: bool = False, known_errors: tuple[str, ...] = ()) -> None:
    judgement = dciodvfy(path)
    errors = [line for line in judgement.errors if not any(known in line for known in known_errors)]
    assert set(errors) <= (LABEL_MAP_UNKNOWN if label_map else set())
    assert [line for line in judgement.warnings if not any(known in line for known in KNOWN_WARNINGS)] == []


def require_same_voxels(path: Path, candidate: Segmentation, folder: Path) -> None:
    """Compare with what dcmqi, highdicom and our own importer read, segment by segment."""
    read = segimage2itkimage(path, folder / "dcmqi")
    ours = align(read_segmentation(path), candidate.geometry)
    ordered = with_voxels_first(candidate)
    assert [one["SegmentLabel"] for one in read.segments if one["labelID"]] == [one.name for one in ordered]
    for number, segment in enumerate(ordered, start=1):
        mask = candidate.mask(segment)
        assert np.array_equal(ours.mask(ours.segments[number - 1]), mask)
        assert np.array_equal(on_grid(read.masks.get(number), candidate.geometry), mask)


def with_voxels_first(candidate: Segmentation) -> list[Segment]:
    """Return the segments in the order of their numbers: 3D Slicer names voxels by the place among segments that have any."""
    return sorted(candidate.segments, key=lambda segment: candidate.box(segment) is None)


def on_grid(image: sitk.Image | None, geometry) -> np.ndarray:
    """Place what dcmqi read, from the first to the last slice with a frame, into the whole grid."""
    whole = np.zeros(geometry.size, bool)
    if image is not None:
        first = np.rint(geometry.index_kji(image.GetOrigin())).astype(int)
        array = sitk.GetArrayFromImage(image).astype(bool)
        whole[tuple(slice(a, a + n) for a, n in zip(first, array.shape, strict=True))] = array
    return whole


def with_uids(folder: Path, source: Path) -> Path:
    """Copy a series whose UIDs were removed, with new ones: simulated, as no archive has handed it out so."""
    folder.mkdir()
    study, series = pydicom.uid.generate_uid(), pydicom.uid.generate_uid()
    for file in sorted(source.iterdir()):
        dataset = pydicom.dcmread(file)
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, series
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
        dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = pydicom.uid.CTImageStorage
        dataset.save_as(folder / file.name)
    return folder


# ---- what is written ----


def test_overlapping_segments_come_back_voxel_for_voxel_with_codes_colour_and_algorithm(tmp_path):
    image = a_series(tmp_path / "ct")
    liver, lesion = box((0, 6), (0, 9), (3, 8)), box((2, 4), (4, 11), (3, 8))
    candidate = a_candidate(image, ("liver", liver, LIVER), ("lesion", lesion, LESION))
    first, second = candidate.segments
    candidate = replace(
        candidate,
        segments=(
            replace(first, color=(200 / 255, 130 / 255, 40 / 255), **MADE_BY_AI),
            replace(second, tracking_id="lesion 1", tracking_uid="1.2.3.4"),
        ),
    )
    path = written(candidate, image, tmp_path)
    require_valid(path)
    require_same_voxels(path, candidate, tmp_path)
    read = read_segmentation(path).segments
    assert [segment.terminology for segment in read] == [LIVER, LESION]
    assert read[0].color == pytest.approx((200 / 255, 130 / 255, 40 / 255), abs=1 / 510)
    assert {name: getattr(read[0], name) for name in MADE_BY_AI} == MADE_BY_AI
    assert (read[1].algorithm_type, read[1].algorithm_name) == ("MANUAL", None)
    assert (read[1].tracking_id, read[1].tracking_uid) == ("lesion 1", "1.2.3.4")
    dataset = pydicom.dcmread(path)
    assert dataset.SegmentsOverlap == "YES"
    assert dataset.ContentCreatorName == "Doe^Jane"
    assert (dataset.ContentDate, dataset.ContentTime) == ("20261122", "040506")
    assert (dataset.Manufacturer, dataset.ManufacturerModelName) == ("SegQC", "SegQC")


def test_dcmqi_reads_the_same_description(tmp_path):
    image = a_series(tmp_path / "ct")
    candidate = a_candidate(image, ("left kidney", box((1, 3), (2, 9), (3, 8)), LEFT_KIDNEY), color=(1.0, 0.0, 0.0))
    path = written(candidate, image, tmp_path, reader="Dr. M. Müller-Lüdenscheidt")
    read = segimage2itkimage(path, tmp_path / "read")
    (segment,) = read.segments
    assert segment["SegmentedPropertyTypeCodeSequence"]["CodeValue"] == "64033007"
    assert segment["SegmentedPropertyTypeModifierCodeSequence"]["CodeMeaning"] == "Left"
    assert segment["SegmentAlgorithmType"] == "MANUAL"
    assert "SegmentAlgorithmName" not in segment
    assert segment["recommendedDisplayRGBValue"] == [255, 0, 0]
    assert read.facts["ContentCreatorName"] == "Müller-Lüdenscheidt^M.^^Dr."


def test_dicom_entities_are_those_of_the_source_series(tmp_path):
    image = a_series(tmp_path / "ct", PatientAge="061Y", StudyDescription="CT Oberbauch", SpecificCharacterSet="ISO_IR 192")
    path = written(a_candidate(image, ("liver", box((1, 3), (2, 9), (3, 8)), LIVER)), image, tmp_path)
    assert dcentvfy([path, *sorted((tmp_path / "ct").iterdir())]) == ()


def test_names_in_another_character_set_are_the_same_names_in_utf_8(tmp_path):
    image = a_series(tmp_path / "ct", SpecificCharacterSet="ISO_IR 100", PatientName="Müller^Jörg", StudyDescription="Übersicht")
    path = written(a_candidate(image, ("liver", box((1, 3), (2, 9), (3, 8)), LIVER)), image, tmp_path, reader="山田^太郎")
    dataset = pydicom.dcmread(path)
    assert dataset.SpecificCharacterSet == "ISO_IR 192"
    assert (dataset.PatientName, dataset.StudyDescription) == ("Müller^Jörg", "Übersicht")
    assert dataset.ContentCreatorName == "山田^太郎"
    assert "Müller^Jörg".encode() in path.read_bytes()


def test_attributes_that_de_identification_removed_are_empty_and_odd_ones_stay_as_they_are(tmp_path):
    image = a_series(tmp_path / "ct", PatientSex="U")
    for source in image.slice_sources:
        dataset = pydicom.dcmread(source.path)
        for keyword in ("PatientBirthDate", "AccessionNumber", "StudyID"):
            delattr(dataset, keyword)
        dataset.save_as(source.path)
    path = written(a_candidate(image, ("liver", box((1, 3), (2, 9), (3, 8)), LIVER)), image, tmp_path)
    dataset = pydicom.dcmread(path)
    assert (dataset.PatientBirthDate, dataset.AccessionNumber, dataset.StudyID) == ("", "", "")
    assert dataset.PatientSex == "U"


def test_every_frame_refers_to_the_slice_that_it_lies_on(tmp_path):
    image = a_series(tmp_path / "ct")
    path = written(a_candidate(image, ("liver", box((1, 4), (2, 9), (3, 8)), LIVER)), image, tmp_path)
    dataset, headers = pydicom.dcmread(path), source_images(image).headers
    groups = dataset.PerFrameFunctionalGroupsSequence
    assert dataset.NumberOfFrames == len(groups) == 3
    for group, header in zip(groups, headers[1:4], strict=True):
        (source,) = group.DerivationImageSequence[0].SourceImageSequence
        assert source.ReferencedSOPInstanceUID == header.SOPInstanceUID
        assert group.PlanePositionSequence[0].ImagePositionPatient == header.ImagePositionPatient
    assert [list(group.FrameContentSequence[0].DimensionIndexValues) for group in groups] == [[1, 1], [1, 2], [1, 3]]
    (series,) = dataset.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == image.acquisition.series_instance_uid
    assert len(series.ReferencedInstanceSequence) == SLICES
    assert dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SpacingBetweenSlices == 2.5


def test_frames_that_end_inside_a_byte_follow_each_other_bit_by_bit(tmp_path):
    image = a_series(tmp_path / "ct", rows=7, columns=5)
    rng = np.random.default_rng(1)
    one, other = (rng.integers(0, 2, (SLICES, 7, 5)).astype(np.uint8) for _ in range(2))
    candidate = a_candidate(image, ("liver", one, LIVER), ("left kidney", other, LEFT_KIDNEY))
    path = written(candidate, image, tmp_path)
    require_valid(path)
    assert len(pydicom.dcmread(path).PixelData) == 54  # 12 frames of 35 bits are 52.5 bytes, padded to an even number
    require_same_voxels(path, candidate, tmp_path)


def frames_by_place(dataset: pydicom.Dataset) -> dict:
    """Return source image, segment and voxels of each frame, by segment and position: their order is free."""
    frames = {}
    bits = np.unpackbits(np.frombuffer(dataset.PixelData, np.uint8), bitorder="little")
    for number, group in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        keywords = ("DerivationImageSequence", "PlanePositionSequence", "SegmentIdentificationSequence")
        segment = group.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        assert group.FrameContentSequence[0].DimensionIndexValues[0] == segment
        place = (segment, *map(float, group.PlanePositionSequence[0].ImagePositionPatient))
        voxels = bits[number * ROWS * COLUMNS : (number + 1) * ROWS * COLUMNS].tobytes()
        frames[place] = [group[keyword].to_json() for keyword in keywords], voxels
    return frames


def test_the_frames_are_those_that_highdicom_writes(tmp_path):
    image = a_series(tmp_path / "ct")
    rng = np.random.default_rng(3)
    masks = [box((0, 5), (0, 9), (3, 8)) * rng.integers(0, 2, (SLICES, ROWS, COLUMNS), np.uint8), box((2, 4), (4, 11), (3, 8))]
    candidate = a_candidate(image, ("liver", masks[0], LIVER), ("left kidney", masks[1], LEFT_KIDNEY))
    images = source_images(image)
    ours = segmentation_object(candidate, images, reader=None, created=CREATED)
    codes = highdicom.sr.CodedConcept("123037004", SCT, "Anatomical Structure")
    theirs = highdicom.seg.Segmentation(
        list(images.headers), np.stack(masks, axis=-1), "BINARY",
        [highdicom.seg.SegmentDescription(n, str(n), codes, codes, "MANUAL") for n in (1, 2)],
        series_instance_uid=highdicom.UID(), series_number=1, sop_instance_uid=highdicom.UID(), instance_number=1,
        manufacturer="x", manufacturer_model_name="x", software_versions="1", device_serial_number="1",
    )  # fmt: skip
    assert ours.NumberOfFrames == theirs.NumberOfFrames
    assert frames_by_place(ours) == frames_by_place(theirs)


def test_simpleitk_reads_the_frames_of_a_binary_object(tmp_path):
    image = a_series(tmp_path / "ct")
    mask = box((1, 4), (2, 9), (3, 8))
    path = written(a_candidate(image, ("liver", mask, LIVER)), image, tmp_path)
    assert np.array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(path))) != 0, mask[1:4] != 0)


def test_highdicom_reads_a_volume_of_the_whole_series_grid(tmp_path):
    image = a_series(tmp_path / "ct")
    mask = box((1, 5), (2, 9), (3, 8))
    path = written(a_candidate(image, ("liver", mask, LIVER)), image, tmp_path)
    volume = highdicom.seg.segread(path).get_volume(combine_segments=True)
    assert volume.spacing == pytest.approx((2.5, 0.8, 0.7))
    assert int(volume.array.sum()) == int(mask.sum())


# ---- label maps ----


def test_a_label_map_comes_back_voxel_for_voxel(tmp_path):
    image = a_series(tmp_path / "ct")
    liver, kidney = box((0, 6), (0, 4), (0, 4)), box((1, 5), (6, 9), (6, 9))
    candidate = a_candidate(image, ("liver", liver, LIVER), ("left kidney", kidney, LEFT_KIDNEY))
    path = written(candidate, image, tmp_path, representation="LABELMAP")
    require_valid(path, label_map=True)
    require_same_voxels(path, candidate, tmp_path)
    dataset = pydicom.dcmread(path)
    assert (dataset.SegmentationType, dataset.BitsAllocated) == ("LABELMAP", 8)
    assert np.array_equal(dataset.pixel_array, liver + 2 * kidney)


def test_a_label_map_of_segments_that_overlap_is_refused_with_the_pair(tmp_path):
    image = a_series(tmp_path / "ct")
    liver, lesion = box((0, 6), (0, 9), (3, 8)), box((2, 4), (4, 11), (3, 8))
    candidate = a_candidate(image, ("liver", liver, LIVER), ("lesion", lesion, LESION))
    with pytest.raises(BadDataError, match="segments overlap: liver and lesion"):
        written(candidate, image, tmp_path, representation="LABELMAP")


def test_segments_of_one_label_value_overlap_completely(tmp_path):
    image = a_series(tmp_path / "ct")
    twice = a_candidate(image, ("liver", box((0, 6), (0, 9), (3, 8)), LIVER))
    twice = replace(twice, segments=(*twice.segments, replace(twice.segments[0], id="again", name="liver again")))
    assert [(a.name, b.name) for a, b in overlapping_pairs(twice)] == [("liver", "liver again")]


def test_more_than_255_segments_make_a_label_map_of_16_bits(tmp_path):
    image = a_series(tmp_path / "ct", rows=20, columns=20)
    labels = np.zeros(image.geometry.size, np.uint16)
    labels[2].ravel()[:300] = np.arange(1, 301)
    segments = tuple(Segment(f"id{n}", f"s{n}", n, terminology=LIVER, algorithm_type="MANUAL") for n in range(1, 301))
    path = written(Segmentation("many", image.geometry, (labels,), segments), image, tmp_path, representation="LABELMAP")
    assert np.array_equal(pydicom.dcmread(path).pixel_array, labels[2])
    read = read_segmentation(path)
    assert np.array_equal(align(read, image.geometry).layers[0], labels)


# ---- absent ----


@pytest.mark.parametrize("representation", ["BINARY", "LABELMAP"])
def test_an_empty_segment_is_described_and_every_reader_finds_it_empty(tmp_path, representation):
    image = a_series(tmp_path / "ct")
    candidate = a_candidate(
        image, ("spleen", box((0, 0), (0, 0), (0, 0)), LEFT_KIDNEY), ("liver", box((1, 4), (2, 9), (3, 8)), LIVER)
    )
    path = written(candidate, image, tmp_path, representation=representation)
    require_valid(path, label_map=representation == "LABELMAP")
    require_same_voxels(path, candidate, tmp_path)
    assert highdicom.seg.segread(path).segment_numbers is not None


@pytest.mark.parametrize("representation", ["BINARY", "LABELMAP"])
def test_a_segmentation_of_absent_structures_only_holds_one_empty_frame(tmp_path, representation):
    image = a_series(tmp_path / "ct")
    nothing = box((0, 0), (0, 0), (0, 0))
    candidate = a_candidate(image, ("liver", nothing, LIVER), ("lesion", nothing, LESION))
    path = written(candidate, image, tmp_path, representation=representation)
    require_valid(path, label_map=representation == "LABELMAP")
    assert pydicom.dcmread(path).NumberOfFrames == 1
    require_same_voxels(path, candidate, tmp_path)
    assert any(
        "No segment has a voxel" in fault.message for fault in seg_export_faults(candidate, source_images(image), reader="A")
    )


# ---- identity ----


def test_writing_twice_gives_the_same_bytes_and_other_content_another_uid(tmp_path):
    image = a_series(tmp_path / "ct")
    mask = box((1, 4), (2, 9), (3, 8))
    candidate = a_candidate(image, ("liver", mask, LIVER))

    def uid(some, **options):
        return str(pydicom.dcmread(written(some, image, tmp_path, **options)).SOPInstanceUID)

    first = written(candidate, image, tmp_path).read_bytes()
    same = uid(candidate)
    assert written(candidate, image, tmp_path).read_bytes() == first
    assert uid(candidate, created=datetime(2027, 1, 1)) == same
    changed = mask.copy()
    changed[0, 0, 0] = 1
    others = {
        uid(replace(candidate, layers=(changed,))),
        uid(replace(candidate, segments=(replace(candidate.segments[0], name="Liver"),))),
        uid(replace(candidate, segments=(replace(candidate.segments[0], terminology=LEFT_KIDNEY),))),
        uid(candidate, reader="Roe^John"),
        uid(candidate, representation="LABELMAP"),
        same,
    }
    assert len(others) == 6
    assert all(len(one) <= 64 for one in others)


# ---- preflight ----


def messages(candidate, image, status=Status.FAIL, **options):
    images = options.pop("images", None) or source_images(image)
    return [
        fault.message
        for fault in seg_export_faults(candidate, images, **{"reader": "Doe^Jane", **options})
        if fault.status is status
    ]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"terminology": None}, "liver has no codes"),
        ({"algorithm_type": None}, "Nobody knows who or what drew liver"),
        ({"algorithm_type": "AUTOMATIC"}, "The algorithm that drew liver has no name"),
        ({"name": "x" * 65}, "has 65 characters; DICOM allows 64"),
        ({"name": "  "}, "1 of the segments have no name, and Segment Label (0062,0005) is required"),
        ({"algorithm_type": "AUTOMATIC", "algorithm_name": " "}, "The algorithm that drew liver has no name"),
        ({"name": "a\\b"}, "which DICOM does not allow there"),
        ({"algorithm_type": "AUTOMATIC", "algorithm_name": "n" * 65}, r"Segment Algorithm Name (0062,0009)"),
        ({"terminology": Terminology(ANATOMY, Code("1", SCT, ""))}, "is not complete or too long"),
    ],
)
def test_a_segment_that_cannot_be_described_is_named(tmp_path, change, sentence):
    image = a_series(tmp_path / "ct")
    candidate = a_candidate(image, ("liver", box((1, 4), (2, 9), (3, 8)), LIVER))
    candidate = replace(candidate, segments=(replace(candidate.segments[0], **change),))
    (message,) = messages(candidate, image)
    assert sentence in message
    with pytest.raises(BadDataError, match="Nothing was written"):
        written(candidate, image, tmp_path)
    assert not (tmp_path / "seg.dcm").exists()


def test_all_faults_are_told_at_once(tmp_path):
    image = a_series(tmp_path / "ct", SeriesInstanceUID="", StudyInstanceUID="")
    candidate = a_candidate(image, ("liver", box((1, 4), (2, 9), (3, 8)), None), algorithm_type=None)
    told = " ".join(messages(candidate, image, reader="a=b"))
    for part in ("SeriesInstanceUID (0020,000E)", "StudyInstanceUID (0020,000D)", "no codes", "Nobody knows", "(0070,0084)"):
        assert part in told


def test_images_without_a_frame_of_reference_get_segmentations_that_share_one(tmp_path):
    image = a_series(tmp_path / "ct", FrameOfReferenceUID="")
    candidate = a_candidate(image, ("liver", box((1, 4), (2, 9), (3, 8)), LIVER))
    (told,) = messages(candidate, image, Status.WARN)
    assert told.startswith("FrameOfReferenceUID (0020,0052) is empty or missing in the images")
    (tmp_path / "other").mkdir()
    paths = [written(candidate, image, tmp_path), written(replace(candidate, name="other"), image, tmp_path / "other")]
    require_valid(paths[0])
    require_same_voxels(paths[0], candidate, tmp_path)
    one, other = (pydicom.dcmread(path) for path in paths)
    assert one.FrameOfReferenceUID == other.FrameOfReferenceUID != ""
    assert one.SOPInstanceUID != other.SOPInstanceUID


def test_images_of_two_patients_or_with_one_uid_twice_are_refused(tmp_path):
    image = a_series(tmp_path / "ct")
    images = source_images(image)
    candidate = a_candidate(image, ("liver", box((1, 4), (2, 9), (3, 8)), LIVER))
    images.headers[0].PatientID = "another"
    images.headers[1].SOPInstanceUID = images.headers[2].SOPInstanceUID
    told = " ".join(messages(candidate, image, images=images))
    assert "different patients: PatientID (0010,0020)" in told
    assert "1 of the SOP Instance UIDs" in told


def test_what_would_mislead_is_told_and_written(tmp_path):
    image = a_series(tmp_path / "ct")
    mask = box((1, 4), (2, 9), (3, 8))
    candidate = a_candidate(image, ("lesion", mask, LESION), ("lesion", mask, LESION))
    half_known = replace(candidate.segments[1], algorithm_type="SEMIAUTOMATIC", algorithm_name="Threshold")
    candidate = replace(candidate, segments=(candidate.segments[0], half_known))
    told = " ".join(messages(candidate, image, Status.WARN, reader=None))
    for part in ("More than one segment is called lesion", "no reader is named", "Family or version of the algorithm"):
        assert part in told
    path = written(candidate, image, tmp_path, reader=None)
    require_valid(path)
    one, other = pydicom.dcmread(path).SegmentSequence
    assert "SegmentationAlgorithmIdentificationSequence" not in other
    assert (one.TrackingID, other.TrackingID) == ("lesion 1", "lesion 2")
    assert one.TrackingUID != other.TrackingUID


def test_what_nobody_finished_is_told_before_it_passes_for_absent_or_finished(tmp_path):
    image = a_series(tmp_path / "ct")
    candidate = a_candidate(
        image, ("liver", box((1, 4), (2, 9), (3, 8)), LIVER), ("left kidney", box((0, 0), (0, 0), (0, 0)), LEFT_KIDNEY)
    )
    liver, kidney = candidate.segments
    unfinished = replace(candidate, segments=(replace(liver, status="flagged"), replace(kidney, status="notstarted")))
    absent, flagged = messages(unfinished, image, Status.WARN)
    assert absent.startswith("Without voxels and marked as not started: left kidney.")
    assert flagged.startswith("Flagged for review: liver.")
    finished = replace(candidate, segments=(replace(liver, status="inprogress"), replace(kidney, status="completed")))
    assert messages(finished, image, Status.WARN) == []


@pytest.mark.parametrize("change", [{"color": (2.0, -1.0, 0.5)}, {**MADE_BY_AI, "algorithm_version": ""}])
def test_odd_values_of_a_file_make_no_invalid_object(tmp_path, change):
    image = a_series(tmp_path / "ct")
    path = written(a_candidate(image, ("liver", box((1, 4), (2, 9), (3, 8)), LIVER), **change), image, tmp_path)
    require_valid(path)
    assert "SegmentationAlgorithmIdentificationSequence" not in pydicom.dcmread(path).SegmentSequence[0]


def test_a_tracking_text_that_is_no_uid_is_told_and_replaced(tmp_path):
    image = a_series(tmp_path / "ct")
    candidate = a_candidate(image, ("liver", box((1, 4), (2, 9), (3, 8)), LIVER), tracking_id="1", tracking_uid="lesion-1")
    assert any("is no UID (lesion-1)" in message for message in messages(candidate, image, Status.WARN))
    path = written(candidate, image, tmp_path)
    require_valid(path)
    assert pydicom.dcmread(path).SegmentSequence[0].TrackingUID.startswith("2.25.")


def test_a_segmentation_on_another_grid_is_refused(tmp_path):
    image = a_series(tmp_path / "ct")
    candidate = a_candidate(image, ("liver", box((1, 4), (2, 9), (3, 8)), LIVER))
    moved = replace(candidate, geometry=replace(image.geometry, origin_lps_mm=(0.0, 0.0, 0.0)))
    (message,) = messages(moved, image)
    assert "Bring it onto the image's grid first" in message


def test_frames_of_an_irregular_series_have_the_positions_of_its_slices(tmp_path):
    image = a_series(tmp_path / "ct", positions=[0, 2.5, 5, 10, 12.5, 15])
    candidate = a_candidate(image, ("liver", box((1, 5), (2, 9), (3, 8)), LIVER))
    (warning,) = messages(candidate, image, Status.WARN)
    assert "own slice's position" in warning
    dataset = pydicom.dcmread(written(candidate, image, tmp_path))
    places = [group.PlanePositionSequence[0].ImagePositionPatient[2] for group in dataset.PerFrameFunctionalGroupsSequence]
    assert places == [2.5, 5, 10, 12.5]
    assert "SpacingBetweenSlices" not in dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]


def test_a_segmentation_resampled_to_a_regular_grid_is_refused_on_an_irregular_series(tmp_path):
    image = a_series(tmp_path / "ct", positions=[0, 2.5, 5, 10, 12.5, 15])
    geometry = replace(image.geometry, size=(7, ROWS, COLUMNS), spacing_mm=(2.5, *image.geometry.spacing_mm[1:]))
    candidate = Segmentation("r", geometry, (np.ones(geometry.size, np.uint8),), (Segment("a", "liver", 1, terminology=LIVER),))
    assert any("the series is irregular" in message for message in messages(candidate, image))


def test_the_header_of_a_wrong_slice_spacing_is_not_believed(tmp_path):
    image = a_series(tmp_path / "ct", SpacingBetweenSlices=1)
    path = written(a_candidate(image, ("liver", box((1, 4), (2, 9), (3, 8)), LIVER)), image, tmp_path)
    assert pydicom.dcmread(path).SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SpacingBetweenSlices == 2.5


def test_a_segmentation_resampled_to_the_images_voxels_is_told(tmp_path):
    image = a_series(tmp_path / "ct")
    half = replace(image.geometry, origin_lps_mm=tuple(image.geometry.lps_mm((0.4, 0.4, 0.4)).tolist()))
    drawn = a_candidate(replace(image, geometry=half), ("liver", box((1, 5), (2, 9), (3, 8)), LIVER))
    (warning,) = messages(align(drawn, image.geometry), image, Status.WARN)
    assert "up to half a voxel" in warning


def test_without_highdicom_it_says_how_to_get_it(tmp_path, monkeypatch):
    image = a_series(tmp_path / "ct")
    candidate = a_candidate(image, ("liver", box((1, 4), (2, 9), (3, 8)), LIVER))
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    (message,) = messages(candidate, image)
    assert "pip install 'segqc[dicom]'" in message


def test_a_label_map_on_the_slices_of_a_tilted_series_goes_to_those_slices(tmp_path, shared_data):
    folder = shared_data / "dcm_qa_ct/In/GE"
    image = read_series_headers(folder)
    mask = np.zeros(image.geometry.size, np.uint8)
    mask[3:24:4, 100:300, 150:310] = 5
    candidate = label_map(tmp_path / "candidate.nii.gz", mask, image)
    more = ("--labels", "totalsegmentator", "--drawn-by", "manual", "--reader", "Doe^Jane")
    assert export(folder, candidate, tmp_path / "seg.dcm", *more) == 0
    groups = pydicom.dcmread(tmp_path / "seg.dcm").PerFrameFunctionalGroupsSequence
    headers = source_images(image).headers
    for group, k in zip(groups, range(3, 24, 4), strict=True):
        assert group.PlanePositionSequence[0].ImagePositionPatient == headers[k].ImagePositionPatient


# ---- other sources ----


@pytest.mark.parametrize("orientation", [(0, 1, 0, 0, 0, -1), (0.8, 0.6, 0, -0.6, 0.8, 0)])
def test_a_sagittal_and_an_oblique_series_keep_their_planes(tmp_path, orientation):
    normal = np.cross(orientation[:3], orientation[3:])
    folder = tmp_path / "mr"
    files = write_series(folder, np.zeros(SLICES), rows=ROWS, columns=COLUMNS, orientation=orientation, **STUDY)
    for number, file in enumerate(files):
        dataset = pydicom.dcmread(file)
        dataset.ImagePositionPatient = [float(round(value, 6)) for value in 10 + normal * 2.5 * number]
        dataset.save_as(file)
    image = read_series_headers(folder)
    rng = np.random.default_rng(2)
    candidate = a_candidate(image, ("liver", rng.integers(0, 2, image.geometry.size).astype(np.uint8), LIVER))
    path = written(candidate, image, tmp_path)
    require_valid(path)
    read = read_segmentation(path)
    assert np.array_equal(align(read, image.geometry).mask(read.segments[0]), candidate.layers[0])
    assert np.allclose(segimage2itkimage(path, tmp_path / "dcmqi").masks[1].GetOrigin(), image.geometry.origin_lps_mm)


@pytest.mark.parametrize("file", ["dcmqi/data/segmentations/24x38x3/multiframe/mf.dcm", "pydicom_odd/eCT_Supplemental.dcm"])
def test_frames_of_an_enhanced_ct_are_referred_to_by_number(tmp_path, shared_data, file):
    header = pydicom.dcmread(shared_data / file, stop_before_pixels=True)
    image = read_series_headers(shared_data / file)
    mask = np.zeros(image.geometry.size, np.uint8)
    mask[1:, 3:9, 4:7] = 1
    candidate = a_candidate(image, ("liver", mask, LIVER))
    path = written(candidate, image, tmp_path)
    require_valid(path)
    require_same_voxels(path, candidate, tmp_path)
    dataset = pydicom.dcmread(path)
    for group in dataset.PerFrameFunctionalGroupsSequence:
        (source,) = group.DerivationImageSequence[0].SourceImageSequence
        there = header.PerFrameFunctionalGroupsSequence[source.ReferencedFrameNumber - 1]
        assert group.PlanePositionSequence[0].ImagePositionPatient == there.PlanePositionSequence[0].ImagePositionPatient
        assert source.ReferencedSOPInstanceUID == header.SOPInstanceUID
    (reference,) = dataset.ReferencedSeriesSequence[0].ReferencedInstanceSequence
    assert reference.ReferencedSOPInstanceUID == header.SOPInstanceUID


def test_dcmqis_overlapping_example_goes_through_unchanged(tmp_path, shared_data):
    folder = shared_data / "dcmqi/data/segmentations"
    image = read_series_headers(folder / "ct-3slice")
    candidate = align(read_segmentation(folder / "partial_overlaps.dcm"), image.geometry)
    path = written(candidate, image, tmp_path)
    require_valid(path)
    require_same_voxels(path, candidate, tmp_path)
    assert dcentvfy([path, *sorted((folder / "ct-3slice").iterdir())]) == ()
    assert pydicom.dcmread(path).SegmentsOverlap == "YES"


@pytest.mark.parametrize("modality", ["PET", "MR_T1"])
def test_a_sarcoma_on_pet_and_mr_comes_back_voxel_for_voxel(tmp_path, shared_data, modality):
    image = read_series_headers(shared_data / "ibsi/ibsi_validation/dicom/STS_002" / modality / "image")
    mask = shared_data / "ibsi/ibsi_validation/nifti/STS_002" / f"{modality}_mask.nii.gz"
    candidate = align(read_segmentation(mask), image.geometry)
    segment = replace(candidate.segments[0], name="sarcoma", terminology=LESION, algorithm_type="MANUAL")
    candidate = replace(candidate, segments=(segment,))
    path = written(candidate, image, tmp_path)
    # IBSI's own Study ID (0020,0010) has more than the 16 characters of its VR, and it is the study's.
    require_valid(path, known_errors=("SH Study ID", "contains invalid data values for Value Representations"))
    require_same_voxels(path, candidate, tmp_path)
    assert pydicom.dcmread(path).NumberOfFrames == np.count_nonzero(candidate.layers[0].any(axis=(1, 2)))


# ---- files ----


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    image = a_series(tmp_path / "ct")
    candidate = a_candidate(image, ("liver", box((1, 4), (2, 9), (3, 8)), LIVER))
    (tmp_path / "out").mkdir()
    path = written(candidate, image, tmp_path / "out")
    before = path.read_bytes()

    def full(_descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BadDataError, match="No space left on device"):
        written(candidate, image, tmp_path / "out", reader="Roe^John")
    assert path.read_bytes() == before
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["seg.dcm"]


def test_an_image_another_programs_work_and_a_file_that_is_not_dicom_are_never_overwritten(tmp_path):
    image = a_series(tmp_path / "ct")
    dataset = segmentation_object(
        a_candidate(image, ("liver", box((1, 4), (2, 9), (3, 8)), LIVER)), source_images(image), reader="A", created=CREATED
    )
    (tmp_path / "notes.txt").write_text("mine")
    foreign = copy.deepcopy(dataset)
    foreign.Manufacturer = "3D Slicer Community"
    write_dicom_file(foreign, tmp_path / "corrected.dcm")
    for path, reason in (
        (image.slice_sources[0].path, "another kind of DICOM object \\(CT Image Storage\\)"),
        (tmp_path / "notes.txt", "is not a DICOM file"),
        (tmp_path / "corrected.dcm", "is the work of another program \\(3D Slicer Community\\)"),
        (tmp_path / "ct", "is a folder"),
    ):
        with pytest.raises(BadDataError, match=reason):
            write_dicom_file(dataset, path)
    assert (tmp_path / "notes.txt").read_text() == "mine"


# ---- who drew it: the command line, end to end ----


def label_map(path: Path, array: np.ndarray, image: Volume) -> Path:
    sitk.WriteImage(sitk_image(array, image.geometry), str(path))
    return path


def slicer_file(path: Path, mask: np.ndarray, image: Volume, **tags) -> Path:
    """Write a segmentation of 3D Slicer with one coded segment, as Slicer lays it out."""
    picture = sitk_image(mask, image.geometry)
    tags = {"TerminologyEntry": "~SCT^123037004^Anatomical Structure~SCT^10200004^Liver~^^~~^^~^^", **tags}
    for key, value in {
        "Segment0_ID": "Segment_1", "Segment0_Name": "liver", "Segment0_Layer": "0", "Segment0_LabelValue": "1",
        "Segment0_Tags": "|".join(f"{name}:{value}" for name, value in tags.items()),
        "Segmentation_ReferenceImageExtentOffset": "0 0 0",
    }.items():  # fmt: skip
        picture.SetMetaData(key, value)
    sitk.WriteImage(picture, str(path))
    return path


def session_log(folder: Path, algorithm: tuple[str | None, str | None], voxels: dict[str, int], effect: str = "Paint") -> Path:
    """Write the log of a reader who met one segment and edited it once."""
    log = SessionLog(folder, new_header("case", "Dr. M. Müller-Lüdenscheidt", None, {}), lambda _: None)
    one = {"id": "Segment_1", "name": "liver"}
    log.append("segments", {"segments": [{**one, "algorithm_type": algorithm[0], "algorithm_name": algorithm[1]}]})
    log.append("edit", {"segments": [one], "effect": effect, "looking_away": False})
    log.append("voxels", {"segments": [{**one, **voxels}]})
    log.close()
    return log.path


def export(image: Path, candidate: Path, out: Path, *more) -> int:
    return main(["export", "seg", "--image", str(image), "--candidate", str(candidate), "--out", str(out), *map(str, more)])


def told_by_both(path: Path, folder: Path) -> tuple[pydicom.Dataset, dict]:
    """Return what the bytes of the file say of its one segment, and what dcmqi's reader makes of it."""
    (item,) = pydicom.dcmread(path).SegmentSequence
    (segment,) = segimage2itkimage(path, folder).segments
    require_valid(path)
    return item, segment


def test_an_untouched_draft_is_automatic_with_its_model(tmp_path):
    image = a_series(tmp_path / "ct")
    draft = label_map(tmp_path / "draft.nii.gz", 5 * box((1, 4), (2, 9), (3, 8)), image)
    names = tmp_path / "names.json"
    names.write_text('{"liver": 5}')
    more = ("--labels", names, "--protocol", "ct-abdomen-portal-venous", "--model", "LiverNet", "--model-version", "2.1")
    assert export(tmp_path / "ct", draft, tmp_path / "seg.dcm", *more, "--draft", draft) == 0
    item, read = told_by_both(tmp_path / "seg.dcm", tmp_path / "read")
    assert (item.SegmentAlgorithmType, item.SegmentAlgorithmName) == ("AUTOMATIC", "LiverNet")
    (algorithm,) = item.SegmentationAlgorithmIdentificationSequence
    assert (algorithm.AlgorithmName, algorithm.AlgorithmVersion) == ("LiverNet", "2.1")
    assert algorithm.AlgorithmFamilyCodeSequence[0].CodeValue == "123110"
    assert item.SegmentedPropertyTypeCodeSequence[0].CodeValue == "10200004"
    assert (read["SegmentAlgorithmType"], read["SegmentAlgorithmName"]) == ("AUTOMATIC", "LiverNet")


def test_a_draft_that_the_log_saw_edited_is_semiautomatic_and_names_its_model_and_the_reader(tmp_path):
    image = a_series(tmp_path / "ct")
    candidate = slicer_file(tmp_path / "work.seg.nrrd", box((1, 4), (2, 9), (3, 8)), image)
    log = session_log(
        tmp_path / "logs", ("AUTOMATIC", "LiverNet 2.1"), {"voxels": 105, "draft_voxels": 100, "added": 5, "removed": 0}
    )
    assert export(tmp_path / "ct", candidate, tmp_path / "seg.dcm", "--log", log) == 0
    item, read = told_by_both(tmp_path / "seg.dcm", tmp_path / "read")
    assert (item.SegmentAlgorithmType, item.SegmentAlgorithmName) == ("SEMIAUTOMATIC", "LiverNet 2.1")
    assert (read["SegmentAlgorithmType"], read["SegmentAlgorithmName"]) == ("SEMIAUTOMATIC", "LiverNet 2.1")
    assert pydicom.dcmread(tmp_path / "seg.dcm").ContentCreatorName == "Müller-Lüdenscheidt^M.^^Dr."


def test_what_the_log_saw_drawn_by_hand_is_manual_without_an_algorithm(tmp_path):
    image = a_series(tmp_path / "ct")
    candidate = slicer_file(tmp_path / "work.seg.nrrd", box((1, 4), (2, 9), (3, 8)), image)
    log = session_log(tmp_path / "logs", (None, None), {"voxels": 105, "draft_voxels": 0, "added": 105, "removed": 0})
    assert export(tmp_path / "ct", candidate, tmp_path / "seg.dcm", "--log", log) == 0
    item, read = told_by_both(tmp_path / "seg.dcm", tmp_path / "read")
    assert item.SegmentAlgorithmType == read["SegmentAlgorithmType"] == "MANUAL"
    assert "SegmentAlgorithmName" not in item
    assert "SegmentationAlgorithmIdentificationSequence" not in item


def test_voxels_tell_untouched_changed_and_new_segments_apart(tmp_path):
    image = a_series(tmp_path / "ct")
    drafted = 5 * box((0, 3), (0, 4), (0, 4)) + 1 * box((0, 3), (6, 9), (0, 4))
    corrected = drafted.copy()
    corrected[3, 6:9, 0:4] = 1
    corrected[4:6, 0:3, 8:11] = 6
    draft = label_map(tmp_path / "draft.nii.gz", drafted, image)
    candidate = label_map(tmp_path / "candidate.nii.gz", corrected, image)
    more = ("--labels", "totalsegmentator", "--draft", draft, "--model", "TotalSegmentator", "--reader", "Doe^Jane")
    assert export(tmp_path / "ct", candidate, tmp_path / "seg.dcm", *more) == 0
    told = {one.name: (one.algorithm_type, one.algorithm_name) for one in read_segmentation(tmp_path / "seg.dcm").segments}
    assert told["liver"] == ("AUTOMATIC", "TotalSegmentator")
    assert told["spleen"] == ("SEMIAUTOMATIC", "TotalSegmentator")
    assert told["stomach"] == ("MANUAL", None)


def test_a_file_that_says_manual_of_an_untouched_draft_is_contradicted_and_can_be_disregarded(tmp_path, capsys):
    image = a_series(tmp_path / "ct")
    mask = box((1, 4), (2, 9), (3, 8))
    says_manual = slicer_file(tmp_path / "work.seg.nrrd", mask, image, **{"DICOM.SegmentAlgorithmType": "MANUAL"})
    draft = slicer_file(
        tmp_path / "draft.seg.nrrd", mask, image,
        **{"DICOM.SegmentAlgorithmType": "AUTOMATIC", "DICOM.SegmentAlgorithmName": "LiverNet"},
    )  # fmt: skip
    assert export(tmp_path / "ct", says_manual, tmp_path / "seg.dcm", "--draft", draft) == 1
    told = capsys.readouterr().err
    assert "the candidate's file says MANUAL, the comparison with the draft says AUTOMATIC (the same voxels)" in told
    assert not (tmp_path / "seg.dcm").exists()
    assert export(tmp_path / "ct", says_manual, tmp_path / "seg.dcm", "--draft", draft, "--disregard-tags") == 0
    item, _ = told_by_both(tmp_path / "seg.dcm", tmp_path / "read")
    assert (item.SegmentAlgorithmType, item.SegmentAlgorithmName) == ("AUTOMATIC", "LiverNet")


def test_a_file_that_says_automatic_of_what_the_log_saw_drawn_by_hand_is_contradicted(tmp_path, capsys):
    image = a_series(tmp_path / "ct")
    tags = {"DICOM.SegmentAlgorithmType": "AUTOMATIC", "DICOM.SegmentAlgorithmName": "server"}
    candidate = slicer_file(tmp_path / "work.seg.nrrd", box((1, 4), (2, 9), (3, 8)), image, **tags)
    log = session_log(tmp_path / "logs", (None, None), {"voxels": 105, "draft_voxels": 0, "added": 105, "removed": 0})
    assert export(tmp_path / "ct", candidate, tmp_path / "seg.dcm", "--log", log) == 1
    assert "the candidate's file says AUTOMATIC, the session log says MANUAL" in capsys.readouterr().err
    assert export(tmp_path / "ct", candidate, tmp_path / "seg.dcm", "--log", log, "--disregard-tags") == 0
    assert pydicom.dcmread(tmp_path / "seg.dcm").SegmentSequence[0].SegmentAlgorithmType == "MANUAL"


def test_two_names_for_one_model_are_a_fault(tmp_path, capsys):
    image = a_series(tmp_path / "ct")
    tags = {"DICOM.SegmentAlgorithmType": "AUTOMATIC", "DICOM.SegmentAlgorithmName": "LiverNet"}
    candidate = slicer_file(tmp_path / "work.seg.nrrd", box((1, 4), (2, 9), (3, 8)), image, **tags)
    assert export(tmp_path / "ct", candidate, tmp_path / "seg.dcm", "--model", "OtherNet") == 1
    assert "the command line says OtherNet, the candidate's file says LiverNet" in capsys.readouterr().err


def test_a_name_that_only_ends_like_another_is_another_model(tmp_path):
    image = a_series(tmp_path / "ct")
    tags = {"DICOM.SegmentAlgorithmType": "SEMIAUTOMATIC", "DICOM.SegmentAlgorithmName": "OtherNet 2; Threshold"}
    candidate = slicer_file(tmp_path / "work.seg.nrrd", box((1, 4), (2, 9), (3, 8)), image, **tags)
    assert export(tmp_path / "ct", candidate, tmp_path / "seg.dcm", "--model", "Net") == 1
    assert export(tmp_path / "ct", candidate, tmp_path / "seg.dcm", "--model", "OtherNet", "--model-version", "2") == 0
    (segment,) = read_segmentation(tmp_path / "seg.dcm").segments
    assert (segment.algorithm_name, segment.algorithm_version) == ("OtherNet 2; Threshold", "2")


def test_the_user_can_say_it_segment_by_segment(tmp_path, capsys):
    image = a_series(tmp_path / "ct")
    candidate = label_map(tmp_path / "c.nii.gz", 5 * box((0, 3), (0, 4), (0, 4)) + box((0, 3), (6, 9), (0, 4)), image)
    more = ("--labels", "totalsegmentator", "--model", "Net", "--drawn-by", "automatic", "--drawn-by", "liver=manual")
    assert export(tmp_path / "ct", candidate, tmp_path / "seg.dcm", *more, "--drawn-by", "lung=manual") == 1
    assert "--drawn-by names the segment 'lung', which the candidate does not have" in capsys.readouterr().err
    assert export(tmp_path / "ct", candidate, tmp_path / "seg.dcm", *more) == 0
    told = {one.name: one.algorithm_type for one in read_segmentation(tmp_path / "seg.dcm").segments}
    assert (told["liver"], told["spleen"]) == ("MANUAL", "AUTOMATIC")


def test_a_version_without_a_model_is_wrong_usage(tmp_path):
    with pytest.raises(SystemExit) as ended:
        export(tmp_path, tmp_path / "c.nii.gz", tmp_path / "seg.dcm", "--model-version", "2")
    assert ended.value.code == 2


def test_a_draft_on_another_grid_cannot_show_what_was_edited(tmp_path, capsys):
    image = a_series(tmp_path / "ct")
    mask = 5 * box((1, 4), (2, 9), (3, 8))
    half = replace(image, geometry=replace(image.geometry, origin_lps_mm=tuple(image.geometry.lps_mm((0.4, 0.4, 0.4)).tolist())))
    candidate, draft = label_map(tmp_path / "c.nii.gz", mask, image), label_map(tmp_path / "d.nii.gz", mask, half)
    assert export(tmp_path / "ct", candidate, tmp_path / "seg.dcm", "--labels", "totalsegmentator", "--draft", draft) == 1
    assert "The draft lies on another grid than the image" in capsys.readouterr().err


def test_a_renamed_segment_of_the_draft_is_not_taken_for_drawn_by_hand(tmp_path, capsys):
    image = a_series(tmp_path / "ct")
    drafted = 5 * box((0, 3), (0, 4), (0, 4)) + 1 * box((0, 3), (6, 9), (0, 4))
    draft = label_map(tmp_path / "draft.nii.gz", drafted, image)
    candidate = label_map(tmp_path / "candidate.nii.gz", np.where(drafted == 5, 200, drafted).astype(np.uint8), image)
    assert export(tmp_path / "ct", candidate, tmp_path / "seg.dcm", "--draft", draft, "--model", "Net") == 1
    assert "more than half of its voxels are those of the draft's label_5" in capsys.readouterr().err


def test_another_programs_word_alone_is_passed_on_with_a_note(tmp_path, capsys):
    image = a_series(tmp_path / "ct")
    path = written(a_candidate(image, ("liver", box((1, 4), (2, 9), (3, 8)), LIVER)), image, tmp_path)
    foreign = pydicom.dcmread(path)
    foreign.Manufacturer = "QIICR"
    foreign.save_as(tmp_path / "foreign.dcm")
    assert export(tmp_path / "ct", tmp_path / "foreign.dcm", tmp_path / "again.dcm", "--reader", "A") == 0
    assert "MANUAL is the word of QIICR alone" in capsys.readouterr().err


def test_a_candidate_of_another_frame_of_reference_is_refused(tmp_path, capsys):
    image = a_series(tmp_path / "ct")
    path = written(a_candidate(image, ("liver", box((1, 4), (2, 9), (3, 8)), LIVER)), image, tmp_path)
    a_series(tmp_path / "other")
    assert export(tmp_path / "other", path, tmp_path / "again.dcm") == 1
    assert "another frame of reference" in capsys.readouterr().err


def test_a_candidate_of_another_series_in_the_same_frame_of_reference_is_told(tmp_path, capsys):
    image = a_series(tmp_path / "arterial", FrameOfReferenceUID="2.25.7")
    path = written(a_candidate(image, ("liver", box((1, 4), (2, 9), (3, 8)), LIVER)), image, tmp_path)
    a_series(tmp_path / "venous", FrameOfReferenceUID="2.25.7")
    assert export(tmp_path / "venous", path, tmp_path / "again.dcm") == 0
    assert "Note: Candidate was drawn on another series than this image" in capsys.readouterr().err
    assert export(tmp_path / "arterial", path, tmp_path / "again.dcm") == 0
    assert "another series" not in capsys.readouterr().err


def test_what_reading_the_candidate_showed_is_told(tmp_path, capsys):
    image = a_series(tmp_path / "ct")
    liver = Roi("liver", [around(image.geometry, k, (2, 9), (3, 8)) for k in (1, 2, 4)])
    candidate = write_structure_set(tmp_path / "rt.dcm", liver, frame_uid=image.acquisition.frame_of_reference_uid)
    more = ("--protocol", "ct-abdomen-portal-venous", "--drawn-by", "manual", "--reader", "Doe^Jane")
    assert export(tmp_path / "ct", candidate, tmp_path / "seg.dcm", *more) == 0
    told = capsys.readouterr().err
    warnings = [one for one in read_segmentation(candidate, image=image).findings if one.status is Status.WARN]
    assert "contour_slices" in {one.check for one in warnings}
    assert all(f"Note: {one.message}" in told for one in warnings)


def test_the_image_must_be_dicom_and_the_output_none_of_the_inputs(tmp_path, capsys):
    image = a_series(tmp_path / "ct")
    candidate = label_map(tmp_path / "candidate.nii.gz", box((1, 4), (2, 9), (3, 8)), image)
    assert export(candidate, candidate, tmp_path / "seg.dcm") == 1
    assert "is not a DICOM series" in capsys.readouterr().err
    assert export(tmp_path / "ct", candidate, candidate) == 1
    assert "is one of the inputs" in capsys.readouterr().err


def test_the_reader_must_be_the_reader_of_the_log(tmp_path, capsys):
    image = a_series(tmp_path / "ct")
    candidate = slicer_file(tmp_path / "work.seg.nrrd", box((1, 4), (2, 9), (3, 8)), image)
    log = session_log(tmp_path / "logs", (None, None), {"voxels": 105, "draft_voxels": 0, "added": 105, "removed": 0})
    assert export(tmp_path / "ct", candidate, tmp_path / "seg.dcm", "--log", log, "--reader", "Somebody Else") == 1
    assert "the session log is of Dr. M. Müller-Lüdenscheidt" in capsys.readouterr().err


def test_totalsegmentators_117_structures_are_read_back_by_dcmqi(tmp_path, totalsegmentator, capsys):
    ct = with_uids(tmp_path / "ct", totalsegmentator / "example_ct_dicom")
    source = totalsegmentator / "example_seg_dicom.nii.gz"
    more = ("--labels", "totalsegmentator", "--drawn-by", "automatic", "--model", "TotalSegmentator", "--model-version", "2.18.0")
    assert export(ct, source, tmp_path / "seg.dcm", *more) == 0
    assert "assessed, absent (described, without voxels): 86 segments" in capsys.readouterr().out
    image = read_series_headers(ct)
    candidate = align(read_segmentation(source, labels="totalsegmentator"), image.geometry)
    require_valid(tmp_path / "seg.dcm")
    require_same_voxels(tmp_path / "seg.dcm", candidate, tmp_path)
    assert dcentvfy([tmp_path / "seg.dcm", *sorted(ct.iterdir())]) == ()
    read = read_segmentation(tmp_path / "seg.dcm").segments
    assert [one.terminology for one in read] == [one.terminology for one in with_voxels_first(candidate)]


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("Dr. M. Müller-Lüdenscheidt", "Müller-Lüdenscheidt^M.^^Dr."),
        ("Meier, Anna", "Meier^Anna"),
        ("Prof. Dr. med. Ludwig van Beethoven", "van Beethoven^Ludwig^^Prof. Dr. med."),
        ("Anna Maria Schmidt, MD", "Schmidt^Anna^Maria^^MD"),
        ("Doe^John", "Doe^John"),
        ("reader 2", "reader 2"),
        ("  Schmidt ", "Schmidt"),
    ],
)
def test_a_typed_name_has_its_parts_in_dicoms_order(typed, name):
    assert person_name(typed) == name


@pytest.mark.parametrize("typed", ["", "a\\b", "a=b", "x" * 65, "a^b^c^d^e^f"])
def test_a_text_that_no_person_name_can_hold_is_refused(typed):
    with pytest.raises(ValueError, match="name"):
        person_name(typed)


def test_what_contradicts_itself_in_many_segments_is_said_once(tmp_path, capsys):
    image = a_series(tmp_path / "ct")
    drawn = 5 * box((0, 3), (0, 4), (0, 4)) + 1 * box((0, 3), (6, 9), (0, 4))
    candidate = label_map(tmp_path / "candidate.nii.gz", drawn, image)
    more = ("--labels", "totalsegmentator", "--drawn-by", "manual", "--draft", candidate, "--model", "TotalSegmentator")
    assert export(tmp_path / "ct", candidate, tmp_path / "seg.dcm", *more) == 1
    told = capsys.readouterr().err
    assert told.count("It is not clear who drew") == 2  # those with the draft's voxels, and those that are empty in both
    assert "110 more: the command line says MANUAL, the comparison with the draft says AUTOMATIC (empty in both)" in told
    assert "Nobody knows" not in told
    assert "\nNothing was written." in told


def test_a_model_that_drew_nothing_is_told(tmp_path, capsys):
    image = a_series(tmp_path / "ct")
    candidate = slicer_file(tmp_path / "work.seg.nrrd", box((1, 4), (2, 9), (3, 8)), image)
    more = ("--drawn-by", "manual", "--reader", "Doe^Jane")
    assert export(tmp_path / "ct", candidate, tmp_path / "seg.dcm", *more, "--model", "LiverNet") == 0
    assert "--model LiverNet is not written" in capsys.readouterr().err
    assert export(tmp_path / "ct", candidate, tmp_path / "seg.dcm", *more) == 0
    assert "is not written" not in capsys.readouterr().err
