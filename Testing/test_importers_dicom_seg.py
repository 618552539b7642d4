import warnings
from dataclasses import replace

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from dicom_series import write_series
from SegQCLib.alignment import align
from SegQCLib.case import Code
from SegQCLib.dicom.series import read_series
from SegQCLib.errors import BadDataError
from SegQCLib.findings import Status
from SegQCLib.geometry import same_grid
from SegQCLib.importers import read_segmentation
from SegQCLib.importers.dicom_segment import color_from_cielab

highdicom = pytest.importorskip("highdicom", reason="SEG files are written by highdicom")

ROWS, COLUMNS, SLICES = 16, 12, 6


def box(k, j, i) -> np.ndarray:
    array = np.zeros((SLICES, ROWS, COLUMNS), np.uint8)
    array[slice(*k), slice(*j), slice(*i)] = 1
    return array


def description(number, label, **more):
    from pydicom.sr.codedict import codes

    algorithm = highdicom.AlgorithmIdentificationSequence(
        name="LiverNet", version="2.1", family=codes.DCM.ArtificialIntelligence, parameters={"folds": "0,1,2"}
    )
    facts = {
        "segment_number": number,
        "segment_label": label,
        "segmented_property_category": codes.SCT.Organ,
        "segmented_property_type": codes.SCT.Kidney,
        "algorithm_type": "AUTOMATIC",
        "algorithm_identification": algorithm,
    }
    return highdicom.seg.SegmentDescription(**{**facts, **more})


def a_seg(folder, pixels, descriptions, kind="BINARY", change=None, **more):
    """Write a SEG of a CT series by highdicom, change its attributes, and return its path and the series' volume."""
    needed = dict.fromkeys(("AccessionNumber", "StudyID", "PatientBirthDate", "ReferringPhysicianName", "PatientSex"), "")
    positions = np.arange(SLICES) * 2.5 - 40
    files = write_series(folder / "ct", positions, rows=ROWS, columns=COLUMNS, StudyDate="20260101", StudyTime="10", **needed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seg = highdicom.seg.Segmentation(
            [pydicom.dcmread(file) for file in files], pixels, kind, descriptions,
            series_instance_uid=highdicom.UID(), series_number=2, sop_instance_uid=highdicom.UID(), instance_number=1,
            manufacturer="x", manufacturer_model_name="x", software_versions="1", device_serial_number="1", **more,
        )  # fmt: skip
    if change is not None:
        change(seg)
    path = folder / "seg.dcm"
    seg.save_as(path)
    return path, read_series(folder / "ct")


def test_a_binary_seg_comes_back_voxel_for_voxel_on_the_grid_of_its_series(tmp_path):
    kidney = box((0, 6), (2, 9), (3, 8))
    path, ct = a_seg(tmp_path, kidney, [description(1, "left kidney")])
    segmentation = read_segmentation(path)
    assert same_grid(segmentation.geometry, ct.geometry)
    assert np.array_equal(segmentation.layers[0], kidney)
    assert segmentation.findings == ()


def without_step(seg):
    measures = seg.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    measures.pop("SpacingBetweenSlices", None)
    measures.SliceThickness = 7.5


@pytest.mark.parametrize("slices", [(3,), (0, 5), (1, 3), (1, 3, 4)])
def test_frames_of_a_known_series_lie_in_its_slices_where_nothing_else_says_how_far_apart_they_are(tmp_path, slices):
    # Slices are 7.5 mm thick and 2.5 mm apart, so that neither thickness nor gaps between frames give the step.
    drawn = sum(box((k, k + 1), (2, 9), (3, 8)) for k in slices)
    path, ct = a_seg(tmp_path, drawn, [description(1, "kidney")], change=without_step)
    on_ct = align(read_segmentation(path, image=ct), ct.geometry)
    assert np.array_equal(on_ct.layers[0], drawn)
    assert on_ct.findings == ()


def test_a_step_that_nothing_says_is_told(tmp_path):
    path, _ = a_seg(tmp_path, box((3, 4), (2, 9), (3, 8)), [description(1, "kidney")], change=without_step)
    segmentation = read_segmentation(path)
    (finding,) = segmentation.findings
    assert (finding.check, finding.status, finding.measured) == ("segment_positions", Status.WARN, "7.5")
    assert "Spacing Between Slices (0018,0088) is missing" in finding.message


def test_the_slices_of_another_series_say_nothing_about_the_frames(tmp_path):
    path, ct = a_seg(tmp_path, box((3, 4), (2, 9), (3, 8)), [description(1, "kidney")], change=without_step)
    other = replace(ct, acquisition=replace(ct.acquisition, series_instance_uid="2.25.404"))
    assert read_segmentation(path, image=other).geometry.spacing_mm[0] == 7.5
    nameless = replace(ct, acquisition=replace(ct.acquisition, series_instance_uid=None))
    assert read_segmentation(path, image=nameless).geometry.spacing_mm[0] == 2.5


def test_frames_that_were_left_out_are_empty_slices(tmp_path):
    kidney = box((1, 2), (2, 9), (3, 8)) | box((4, 5), (2, 9), (3, 8)) | box((2, 3), (0, 1), (0, 1))
    path, ct = a_seg(tmp_path, kidney, [description(1, "left kidney")])
    assert pydicom.dcmread(path).NumberOfFrames == 3
    segmentation = read_segmentation(path)
    assert segmentation.geometry.size == (4, ROWS, COLUMNS)
    assert segmentation.geometry.origin_lps_mm == tuple(ct.geometry.lps_mm((1, 0, 0)))
    assert np.array_equal(segmentation.layers[0], kidney[1:5])


def test_frames_in_any_order_are_sorted_by_their_positions(tmp_path):
    def reverse(seg):
        seg.PerFrameFunctionalGroupsSequence = list(reversed(seg.PerFrameFunctionalGroupsSequence))
        bits = np.unpackbits(np.frombuffer(seg.PixelData, np.uint8), bitorder="little")[: SLICES * ROWS * COLUMNS]
        seg.PixelData = np.packbits(bits.reshape(SLICES, ROWS, COLUMNS)[::-1], bitorder="little").tobytes()

    kidney = box((0, 6), (2, 9), (3, 8)) | box((0, 2), (0, 12), (0, 12))
    path, _ = a_seg(tmp_path, kidney, [description(1, "left kidney")], change=reverse)
    assert np.array_equal(read_segmentation(path).layers[0], kidney)


def test_overlapping_segments_lie_in_several_layers_and_an_empty_one_is_kept(tmp_path):
    organ, lesion = box((0, 6), (0, 9), (3, 8)), box((2, 4), (4, 11), (3, 8))
    stack = np.stack([organ, lesion, np.zeros_like(organ)], axis=-1)
    path, _ = a_seg(tmp_path, stack, [description(1, "organ"), description(2, "lesion"), description(3, "absent")])
    segmentation = read_segmentation(path)
    masks = [segmentation.mask(segment) for segment in segmentation.segments]
    assert np.array_equal(masks[0], organ)
    assert np.array_equal(masks[1], lesion)
    assert not masks[2].any()
    assert len(segmentation.layers) == 2


def test_a_voxel_of_a_fractional_seg_is_inside_above_half_of_the_maximum(tmp_path):
    fractions = np.zeros((SLICES, ROWS, COLUMNS, 1))
    fractions[:, 2, 2], fractions[:, 2, 3], fractions[:, 2, 4] = 1.0, 0.6, 0.4
    path, _ = a_seg(tmp_path, fractions, [description(1, "kidney")], "FRACTIONAL", max_fractional_value=200)
    segmentation = read_segmentation(path)
    assert np.argwhere(segmentation.layers[0][0]).tolist() == [[2, 2], [2, 3]]
    assert "above half of the maximum of 200" in segmentation.findings[0].message


def test_a_fraction_of_exactly_half_is_outside(tmp_path):
    fractions = np.full((SLICES, ROWS, COLUMNS, 1), 0.5)
    path, _ = a_seg(tmp_path, fractions, [description(1, "kidney")], "FRACTIONAL", max_fractional_value=200)
    assert not read_segmentation(path).layers[0].any()


def test_a_label_map_seg_has_one_layer_and_no_segment_for_the_background(tmp_path):
    labels = box((0, 6), (0, 4), (0, 4)) + 2 * box((1, 5), (6, 9), (6, 9))
    path, ct = a_seg(tmp_path, labels, [description(1, "one"), description(2, "two")], "LABELMAP")
    segmentation = read_segmentation(path)
    assert [segment.name for segment in segmentation.segments] == ["one", "two"]
    assert same_grid(segmentation.geometry, ct.geometry)
    assert np.array_equal(segmentation.layers[0], labels)


def test_codes_algorithm_tracking_and_colour_are_read(tmp_path):
    left = Code("7771000", "SCT", "Left")
    path, _ = a_seg(
        tmp_path,
        box((0, 6), (2, 9), (3, 8)),
        [
            description(
                1,
                "left kidney",
                tracking_id="kidney 1",
                tracking_uid="1.2.3",
                anatomic_regions=[highdicom.sr.CodedConcept("818983003", "SCT", "Abdomen")],
                display_color=highdicom.color.CIELabColor.from_string("#dc8265"),
            )
        ],
        change=lambda seg: setattr(
            seg.SegmentSequence[0].SegmentedPropertyTypeCodeSequence[0],
            "SegmentedPropertyTypeModifierCodeSequence",
            [highdicom.sr.CodedConcept(left.value, left.scheme, left.meaning)],
        ),
    )
    (segment,) = read_segmentation(path).segments
    assert segment.terminology.type == Code("64033007", "SCT", "Kidney")
    assert segment.terminology.modifier == left
    assert segment.terminology.region == Code("818983003", "SCT", "Abdomen")
    assert (segment.algorithm_type, segment.algorithm_name, segment.algorithm_version) == ("AUTOMATIC", "LiverNet", "2.1")
    assert segment.algorithm_parameters == "folds=0,1,2"
    assert segment.algorithm_family == Code("123110", "DCM", "Artificial Intelligence")
    assert (segment.tracking_id, segment.tracking_uid) == ("kidney 1", "1.2.3")
    assert segment.color == pytest.approx((0xDC / 255, 0x82 / 255, 0x65 / 255), abs=0.001)


@pytest.mark.parametrize(
    ("encoded", "srgb"),
    # CIELab by definition: L 100 is the white point, 0 black; sRGB red is (53.24, 80.09, 67.20) (Lindbloom, D65).
    [((65535, 32896, 32896), (1, 1, 1)), ((0, 32896, 32896), (0, 0, 0)), ((34891, 53479, 50166), (1, 0, 0))],
)
def test_a_recommended_colour_is_16_bit_cielab(encoded, srgb):
    assert color_from_cielab(encoded) == pytest.approx(srgb, abs=0.01)


def test_older_snomed_rt_codes_are_read_as_snomed_ct(tmp_path):
    def older(seg):
        code = seg.SegmentSequence[0].SegmentedPropertyTypeCodeSequence[0]
        code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "T-62000", "SRT", "Liver"

    path, _ = a_seg(tmp_path, box((0, 6), (2, 9), (3, 8)), [description(1, "x")], change=older)
    assert read_segmentation(path).segments[0].terminology.type == Code("10200004", "SCT", "Liver")


def test_a_seg_without_its_series_loads_and_says_so(tmp_path):
    kidney = box((0, 6), (2, 9), (3, 8))
    path, _ = a_seg(tmp_path, kidney, [description(1, "x")], change=lambda seg: delattr(seg, "ReferencedSeriesSequence"))
    segmentation = read_segmentation(path)
    assert np.array_equal(segmentation.layers[0], kidney)
    assert ["(0008,1115)" in finding.message for finding in segmentation.findings] == [True]


def test_uneven_frames_are_stacked_with_a_finding_of_how_far_off_they_are(tmp_path):
    def move(seg):
        positions = [groups.PlanePositionSequence[0] for groups in seg.PerFrameFunctionalGroupsSequence]
        (last,) = [position for position in positions if position.ImagePositionPatient[2] == -27.5]
        last.ImagePositionPatient = [0, 0, -26.5]

    kidney = box((0, 6), (2, 9), (3, 8))
    path, _ = a_seg(tmp_path, kidney, [description(1, "x")], change=move)
    segmentation = read_segmentation(path)
    assert np.array_equal(segmentation.layers[0], kidney)
    assert [(finding.measured, finding.unit) for finding in segmentation.findings] == [("1", "mm")]


def test_voxels_of_a_segment_that_nobody_describes_are_left_out_and_named(tmp_path):
    def forget(seg):
        seg.SegmentSequence = seg.SegmentSequence[:1]

    stack = np.stack([box((0, 6), (0, 9), (3, 8)), box((2, 4), (4, 11), (3, 8))], axis=-1)
    path, _ = a_seg(tmp_path, stack, [description(1, "organ"), description(2, "lesion")], change=forget)
    segmentation = read_segmentation(path)
    assert [segment.name for segment in segmentation.segments] == ["organ"]
    assert [finding.measured for finding in segmentation.findings] == ["2"]


@pytest.mark.parametrize("kept", [0.5, 0.9, 0.999])
def test_a_file_that_was_cut_short_is_refused(tmp_path, kept):
    path, _ = a_seg(tmp_path, box((0, 6), (2, 9), (3, 8)), [description(1, "x")])
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(BadDataError, match=r"cut short|cannot be read|missing|describes 5 of its 6 frames"):
        read_segmentation(path)


@pytest.mark.parametrize(("old", "new"), [(b"-27.5", b"-2?.5"), (b"0.8\\0.7", b"0.8\\x.7")])
def test_damage_inside_is_named_whatever_pydicom_says(tmp_path, old, new):
    path, _ = a_seg(tmp_path, box((0, 6), (2, 9), (3, 8)), [description(1, "x")])
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))
    with pytest.raises(BadDataError, match="cannot be understood"):
        read_segmentation(path)


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
def test_a_segment_number_that_voxels_would_be_lost_under_is_refused(tmp_path, kind):
    a_seg(tmp_path, box((0, 2), (0, 3), (0, 3)), [description(1, "liver")], kind)
    path = tmp_path / "seg.dcm"
    for number in (0,) if kind == "BINARY" else (65536, -1):
        dataset = pydicom.dcmread(path)
        del dataset.SegmentSequence[0].SegmentNumber
        dataset.SegmentSequence[0].add_new(0x00620004, "SL", number)
        dataset.save_as(path)
        with pytest.raises(BadDataError, match=rf"seg.dcm: has Segment Number \(0062,0004\) {number}; allowed"):
            read_segmentation(path)


def test_headers_without_end_are_refused(tmp_path, monkeypatch):
    a_seg(tmp_path, box((0, 2), (0, 3), (0, 3)), [description(1, "liver")])
    monkeypatch.setattr("SegQCLib.dicom.counted_reading.MOST_STEPS", 20)
    with pytest.raises(BadDataError, match=r"seg\.dcm: .*more elements and items"):
        read_segmentation(tmp_path / "seg.dcm")


def test_a_type_of_algorithm_that_dicom_does_not_know_is_none(tmp_path):
    path, _ = a_seg(tmp_path, box((0, 6), (2, 9), (3, 8)), [description(1, "x")])
    path.write_bytes(path.read_bytes().replace(b"AUTOMATIC", b"AUTOMAGIC"))
    assert read_segmentation(path).segments[0].algorithm_type is None


def test_another_dicom_object_is_named_with_the_way_out(tmp_path):
    (file, *_) = write_series(tmp_path, [0.0, 1.0])
    with pytest.raises(BadDataError, match=r"another DICOM object \(CT Image Storage\).*seg\.nrrd"):
        read_segmentation(file)


DCMQI = "dcmqi/data/segmentations"


@pytest.mark.parametrize(
    ("seg", "label_map"),
    [
        (f"{DCMQI}/liver.dcm", f"{DCMQI}/liver_seg.nrrd"),
        (f"{DCMQI}/sparse-labelmap-noppv.dcm", f"{DCMQI}/sparse_labelmap_noppv_seg.nrrd"),
        (f"{DCMQI}/sparse-labelmap-ppv5.dcm", f"{DCMQI}/sparse_labelmap_ppv5_seg.nrrd"),
        ("pydicom_odd/liver_j2k.dcm", f"{DCMQI}/liver_seg.nrrd"),
        ("pydicom_odd/liver_rle.dcm", f"{DCMQI}/liver_seg.nrrd"),
        ("pydicom_odd/liver_deflate.dcm", f"{DCMQI}/liver_seg.nrrd"),
        ("pydicom_odd/liver_nonbyte_aligned.dcm", f"{DCMQI}/liver_seg.nrrd"),
    ],
)
def test_segs_of_dcmqi_hold_the_voxels_that_dcmqi_reads(shared_data, seg, label_map):
    segmentation = read_segmentation(shared_data / seg)
    expected = sitk.ReadImage(str(shared_data / label_map))
    (segment,) = segmentation.segments
    points = segmentation.geometry.lps_mm(np.argwhere(segmentation.mask(segment)))
    expected_points = [
        expected.TransformIndexToPhysicalPoint((int(i), int(j), int(k)))
        for k, j, i in np.argwhere(sitk.GetArrayViewFromImage(expected) == segment.label_value)
    ]
    assert len(points) == len(expected_points)
    assert np.abs(np.sort(points, axis=0) - np.sort(expected_points, axis=0)).max() < 0.01


def test_a_seg_of_overlapping_segments_by_dcmqi(shared_data):
    segmentation = read_segmentation(shared_data / DCMQI / "partial_overlaps.dcm")
    voxels = {segment.name: segmentation.voxel_count(segment) for segment in segmentation.segments}
    images = [sitk.GetArrayFromImage(sitk.ReadImage(str(shared_data / DCMQI / f"partial_overlaps-{n}.nrrd"))) for n in (1, 2, 3)]
    counts = {n: sum(int((image == n).sum()) for image in images) for n in range(1, 6)}
    assert list(voxels.values()) == list(counts.values())


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("highdicom/data/test_files/seg_image_sm_control.dcm", "slide"),
        ("highdicom/data/test_files/seg_image_sm_dots_tiled_full.dcm", "slide"),
        ("highdicom/data/test_files/seg_image_cr_binary.dcm", "where frame 1 lies"),
        ("pydicom_odd/rtstruct.dcm", "RT Structure Set"),
    ],
)
def test_real_files_that_cannot_be_used_say_why(shared_data, name, reason):
    with pytest.raises(BadDataError, match=reason):
        read_segmentation(shared_data / name)
