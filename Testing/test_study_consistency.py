"""Consistency over a study: which series were made alike, which break uniformity, and who was scanned on another platform."""

import json
import shutil
from dataclasses import replace
from datetime import datetime

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.uid import generate_uid

from dicom_series import write_series
from phantoms import a_geometry
from SegQCLib.acquisition import Acquisition, DifferingFact, WindowLevel
from SegQCLib.case import Code, Segment, Segmentation, Terminology
from SegQCLib.dicom.series import read_series_headers
from SegQCLib.dicom.source_images import source_images
from SegQCLib.dicom.write_file import write_dicom_file
from SegQCLib.errors import BadDataError
from SegQCLib.protocol import AllowedTexts, load_protocol
from SegQCLib.pseudonyms import Pseudonyms
from SegQCLib.resources import resource
from SegQCLib.study_consistency.deidentified_study import deidentified_study
from SegQCLib.study_consistency.fact_rules import CONSENSUS, fact_rules
from SegQCLib.study_consistency.image_kinds import image_kinds
from SegQCLib.study_consistency.read_study import read_study
from SegQCLib.study_consistency.study_consistency import study_consistency, study_schema
from SegQCLib.study_consistency.study_series import ReadStudy, StudySeries, with_same_images_together
from SegQCLib.study_consistency.timepoint import in_order, timepoint_of

SCANNER = Acquisition(
    source="DICOM headers",
    modality="CT",
    manufacturer="ACME",
    model="One",
    software_versions=("1.0",),
    convolution_kernel=("B30f",),
    slice_thicknesses_mm=(2.0,),
)
FACTS = {
    "Manufacturer": "ACME", "ManufacturerModelName": "One", "SoftwareVersions": "1.0", "ConvolutionKernel": "B30f",
    "StudyDate": "20260101", "PatientID": "P1",
}  # fmt: skip


def a_series(case, patient="P1", when="", kind=None, **facts):
    return StudySeries(case, patient, timepoint_of(when), kind, replace(SCANNER, **facts), a_geometry())


def of(*series, protocol=None):
    return study_consistency(with_same_images_together(ReadStudy("test", series)), protocol)


def fact_of(study, name, kind=0):
    (found,) = [fact for fact in study.kinds[kind].facts if fact.fact == name]
    return found


def read(folder, protocol=None, **options):
    study, protocol = read_study(folder, protocol, **options)
    return study_consistency(study, protocol)


# Uniformity


def test_the_most_frequent_value_is_the_study_s_and_the_minority_breaks_uniformity():
    study = of(*(a_series(f"c{n}", slice_thicknesses_mm=(5.0 if n == 2 else 2.0,)) for n in range(4)))
    thickness = fact_of(study, "slice_thicknesses_mm")
    assert (thickness.status, thickness.most_frequent, thickness.breaking) == ("differs", "2\u00a0mm", ("c2",))
    assert [len(value.cases) for value in thickness.values] == [3, 1]
    assert study.kinds[0].breaking == ("c2",)
    assert {one.case: one.breaks for one in study.series} == {"c0": (), "c1": (), "c2": ("slice_thicknesses_mm",), "c3": ()}


def test_a_tie_names_no_value_as_the_study_s_and_nobody_breaks_it():
    study = of(*(a_series(f"c{n}", model="One" if n < 2 else "Two") for n in range(4)))
    model = fact_of(study, "model")
    assert (model.status, model.most_frequent, model.breaking) == ("tie", None, ())
    assert study.kinds[0].breaking == ()


def test_a_value_rarer_than_the_tied_ones_breaks_uniformity():
    study = of(*(a_series(f"c{n}", model=name) for n, name in enumerate("AABBC")))
    assert fact_of(study, "model").breaking == ("c4",)


def test_what_a_header_does_not_say_is_no_difference():
    study = of(a_series("c0"), a_series("c1"), a_series("c2", convolution_kernel=()))
    kernel = fact_of(study, "convolution_kernel")
    assert (kernel.status, kernel.not_told, kernel.breaking) == ("uniform", ("c2",), ())
    assert study.series[2].not_told == ("convolution_kernel",)


def test_letters_of_another_case_are_the_same_value():
    study = of(a_series("c0", manufacturer="SIEMENS"), a_series("c1", manufacturer="Siemens "))
    assert fact_of(study, "manufacturer").status == "uniform"


def test_a_series_that_changes_within_itself_breaks_uniformity():
    mixed = a_series("c1", convolution_kernel=(), differing=(DifferingFact("convolution_kernel", ("B30f", "B50f")),))
    study = of(a_series("c0"), mixed)
    assert fact_of(study, "convolution_kernel").mixed == ("c1",)
    assert study.kinds[0].breaking == ("c1",)


def test_contrast_given_or_not_counts_without_a_protocol_and_not_how_the_agent_is_spelled():
    alike = of(a_series("c0", contrast_agent="AGENT 300"), a_series("c1", contrast_agent="Agent300 100 ml"))
    assert fact_of(alike, "contrast_agent").status == "uniform"
    one_without = of(a_series("c0", contrast_agent="AGENT 300"), a_series("c1", contrast_agent="AGENT"), a_series("c2"))
    assert fact_of(one_without, "contrast_agent").breaking == ("c2",)


def test_another_window_is_told_and_does_not_make_a_case_break_uniformity():
    windows = [(WindowLevel(350, 40),), (WindowLevel(350, 40),), (WindowLevel(1500, -600),)]
    study = of(*(a_series(f"c{n}", window_levels=pair) for n, pair in enumerate(windows)))
    window = fact_of(study, "window_levels")
    assert (window.breaking, window.hinders_comparison) == (("c2",), False)
    assert study.kinds[0].breaking == ()


def test_a_single_series_of_two_thicknesses_breaks_uniformity_by_itself():
    study = of(a_series("c0", slice_thicknesses_mm=(4.0, 7.0)))
    assert [(fact.fact, fact.breaking) for fact in study.kinds[0].facts] == [("slice_thicknesses_mm", ("c0",))]
    assert study.series[0].breaks == ("slice_thicknesses_mm",)


def test_a_single_series_has_nothing_to_be_compared_with():
    study = of(a_series("c0"))
    assert (study.kinds[0].series, study.kinds[0].facts, study.follow_ups, study.lesions) == (1, (), (), ())


# Rules


def test_without_a_protocol_each_fact_names_the_guideline_that_asks():
    rules = {rule.fact: rule for rule in fact_rules("CT", None)}
    asked = ("slice_thicknesses_mm", "convolution_kernel", "contrast_agent", "contrast_phase", "manufacturer", "model")
    assert set(rules) == {*asked, "software_versions", "window_levels"}
    assert all(rules[fact].source == CONSENSUS for fact in ("manufacturer", "model", "software_versions"))
    assert "ESR Essentials" in rules["slice_thicknesses_mm"].source


def test_the_protocol_s_facts_come_with_its_source_and_guidelines_add_what_it_does_not_name():
    loaded = load_protocol("ct-lung-nodule")
    protocol = replace(loaded.protocol, uniform_in_study=AllowedTexts(("kvp", "slice_thicknesses_mm"), "our study"))
    sources = {rule.fact: rule.source for rule in fact_rules("CT", protocol)}
    assert sources["kvp"] == sources["slice_thicknesses_mm"] == "our study"
    assert sources["model"] == CONSENSUS


def test_facts_of_another_modality_are_not_asked_for():
    assert "convolution_kernel" not in {rule.fact for rule in fact_rules("MR", None)}
    assert "sequence_name" in {rule.fact for rule in fact_rules("MR", None)}
    assert "reconstruction_method" in {rule.fact for rule in fact_rules("PT", None)}
    assert "window_levels" not in {rule.fact for rule in fact_rules("MR", None)}


def test_the_phase_is_read_from_the_protocol_s_words_in_the_series_description():
    protocol = load_protocol("ct-abdomen-portal-venous")
    word = protocol.protocol.contrast.series_description_words[0].replace("*", "")
    study = of(a_series("c0", series_description=word), a_series("c1", series_description=word), protocol=protocol)
    assert fact_of(study, "contrast_phase").most_frequent == protocol.protocol.contrast.phase


# Kinds of images


def test_modalities_and_body_parts_are_not_compared_with_each_other():
    kinds = image_kinds([a_series("a"), a_series("b", modality="MR"), a_series("c", body_part_examined="HEAD"),
                         a_series("d", body_part_examined="CHEST")])  # fmt: skip
    assert len(set(kinds)) == 4


def test_a_header_without_body_part_belongs_to_the_only_one_there_is():
    kinds = image_kinds([a_series("a", body_part_examined="CHEST"), a_series("b"), a_series("c", body_part_examined="Chest")])
    assert kinds == ["CT chest"] * 3


def test_several_series_of_one_time_point_are_told_apart_by_their_description_without_numbers():
    series = [
        a_series("a", when="1", series_description="Lung 1.0 B60f"),
        a_series("b", when="1", series_description="Abdomen 3.0 B30f"),
        a_series("c", when="2", series_description="Lung 1.5 B70f"),
    ]
    assert image_kinds(series) == ["CT lung", "CT abdomen", "CT lung"]


def test_t1_and_t2_are_two_kinds():
    series = [a_series(n, when="1", modality="MR", series_description=f"{n} tra") for n in ("T1", "T2")]
    assert image_kinds(series) == ["MR t1 tra", "MR t2 tra"]


def test_the_worklist_s_word_decides():
    assert image_kinds([a_series("a", kind="baseline CT"), a_series("b", kind="baseline CT", modality="MR")]) == ["baseline CT"] * 2


# Over time


def test_other_hardware_and_other_software_are_another_platform():
    study = of(a_series("a", when="1"), a_series("b", when="2", model="Two"), a_series("c", when="3", software_versions=("2.0",)),
               a_series("d", when="4", slice_thicknesses_mm=(5.0,)))  # fmt: skip
    assert {one.case: one.other_platform for one in study.follow_ups} == {"b": True, "c": True, "d": False}
    assert [one.differences[0].platform for one in study.follow_ups] == ["hardware", "software", "acquisition"]
    assert {one.case for one in study.on_other_platform} == {"b", "c"}
    assert not any(one.comparable for one in study.follow_ups)


def test_a_platform_that_headers_do_not_name_is_not_called_the_same():
    study = of(a_series("a", when="1", model=None), a_series("b", when="2", model=None))
    assert study.follow_ups[0].other_platform is None


def test_patients_are_not_follow_ups_of_each_other():
    assert of(a_series("a", "P1", "1"), a_series("b", "P2", "2")).follow_ups == ()


def test_a_patient_with_one_time_point_has_no_follow_up():
    assert of(a_series("a", when="1"), a_series("b", when="1")).follow_ups == ()


def test_the_same_series_twice_is_counted_once():
    study = of(a_series("a", when="1", series_instance_uid="1.2"), a_series("b", when="1", series_instance_uid="1.2"))
    assert [one.case for one in study.series] == ["a"]
    assert any("same images" in note for note in study.notes)


def test_the_same_images_under_another_time_point_are_told_and_are_no_follow_up():
    study = of(a_series("a", when="1", series_instance_uid="1.2"), a_series("b", when="2", series_instance_uid="1.2"))
    assert study.kinds[0].series == 1
    assert study.follow_ups == ()
    assert "same images as a" in study.series[1].remarks[0]


@pytest.mark.parametrize(
    ("text", "kind", "order"),
    [("2026-11-22", "date", 739942), ("20261122", "date", 739942), ("6", "number", 6), ("-1.5", "number", -1.5),
     ("baseline", "text", None), ("", "text", None), ("nan", "text", None), ("2026-13-45", "text", None)],
)  # fmt: skip
def test_time_points_are_dates_numbers_or_words(text, kind, order):
    found = timepoint_of(text)
    assert (found.kind, found.order) == (kind, order)


def test_one_moment_is_one_group():
    assert in_order([timepoint_of(text) for text in ("2", "1", "2.0")], [None] * 3) == ([[1], [0, 2]], None)


# DICOM folders


def test_a_dicom_folder_is_grouped_by_patient_and_study_date(tmp_path):
    write_series(tmp_path / "a", range(4), **FACTS)
    write_series(tmp_path / "b", range(4), **(FACTS | {"StudyDate": "20260301", "SoftwareVersions": "2.0"}))
    write_series(tmp_path / "c", range(4), **(FACTS | {"PatientID": "P2"}))
    study = read(tmp_path)
    assert [(one.patient, one.timepoint, one.case) for one in study.series] == [
        ("P1", "2026-01-01", "a"), ("P1", "2026-03-01", "b"), ("P2", "2026-01-01", "c"),
    ]  # fmt: skip
    (follow_up,) = study.on_other_platform
    assert (follow_up.first_case, follow_up.case) == ("a", "b")


def test_series_mixed_in_one_folder_are_taken_apart_and_copies_of_files_counted_once(tmp_path):
    first = write_series(tmp_path, range(4), prefix="a", **FACTS, SeriesDescription="one")
    write_series(tmp_path, range(4), prefix="b", **FACTS, SeriesDescription="two")
    shutil.copy(first[0], tmp_path / "copy.dcm")
    study = read(tmp_path)
    assert sorted(one.case for one in study.series) == ["one", "two"]
    assert [one.slices for one in study.series] == [4, 4]
    assert any("1 file is a copy" in note for note in study.notes)


def test_damaged_files_and_segmentations_without_their_series_are_rows_with_their_error(tmp_path, shared_data):
    (whole, *_) = write_series(tmp_path / "good", range(4), **FACTS)
    (tmp_path / "cut").mkdir()
    for name in "ab":
        (tmp_path / "cut" / f"{name}.dcm").write_bytes(whole.read_bytes()[:700])
    write_series(tmp_path / "single", [0], **FACTS)
    shutil.copy(next((shared_data / "dcmqi").rglob("liver.dcm")), tmp_path / "seg.dcm")
    (tmp_path / "notes.txt").write_text("nothing")
    study = read(tmp_path)
    errors = {one.case: one.error for one in study.unread}
    assert set(errors) == {"single", "seg.dcm", "cut: damaged files"}
    assert "1 more damaged file" in errors["cut: damaged files"]
    assert "not in this folder" in errors["seg.dcm"]
    assert any("1 x files that are not DICOM" in note for note in study.notes)
    assert [one.case for one in study.series if one.error is None] == ["good"]


def test_a_localizer_is_left_out_and_told(tmp_path):
    write_series(tmp_path / "scan", range(4), **FACTS)
    write_series(tmp_path / "scout", range(2), **(FACTS | {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}))
    study = read(tmp_path)
    assert [one.case for one in study.series] == ["scan"]
    assert "scout: left out, a localizer." in study.notes


@pytest.mark.parametrize("content", [None, "notes.txt"])
def test_a_folder_with_nothing_to_read_is_bad_data(tmp_path, content):
    if content:
        (tmp_path / content).write_text("nothing")
    with pytest.raises(BadDataError, match=r"holds no .*worklist.csv and no record.json"):
        read(tmp_path)


def test_a_folder_that_does_not_exist_is_bad_data(tmp_path):
    with pytest.raises(BadDataError, match="does not exist"):
        read(tmp_path / "nowhere")


def test_post_reconstruction_is_reported_as_far_as_the_header_has_it(tmp_path):
    write_series(tmp_path, range(4), **FACTS, FilterType="BODY", DerivationDescription="denoised")
    (one,) = read(tmp_path).series
    texts = {fact.fact: fact.text for fact in one.post_reconstruction}
    assert texts == {
        "image_type": "ORIGINAL\\PRIMARY\\AXIAL", "convolution_kernel": "B30f", "filter_type": "BODY",
        "derivation_description": "denoised",
    }  # fmt: skip


def test_structure_sets_belong_to_the_series_they_name(shared_data):
    study = read(shared_data / "ibsi" / "ibsi_validation" / "dicom")
    assert {one.modality: one.segmentations for one in study.series} == {"CT": 1, "MR": 1, "PT": 1}
    assert [kind.series for kind in study.kinds] == [1, 1, 1]
    volumes = {course.lesion: course.points[0].volume_ml for course in study.lesions}
    # Three outlines of one tumour on CT, MR and PET grids.
    assert volumes["GTV_Mass_CT"] == pytest.approx(volumes["GTV_Mass_PET"], rel=0.05)


def test_a_derived_follow_up_of_a_real_ct_with_another_kernel_and_thickness_is_told(tmp_path, totalsegmentator):
    source = totalsegmentator / "example_ct_dicom"
    for name, changes in {"first": {}, "second": {"ConvolutionKernel": "Bl57f", "SliceThickness": "5"}}.items():
        uids = {"SeriesInstanceUID": generate_uid(), "StudyInstanceUID": generate_uid()}
        date = {"first": "20260110", "second": "20260412"}[name]
        (tmp_path / name).mkdir()
        for number, file in enumerate(sorted(source.iterdir())):
            dataset = pydicom.dcmread(file)
            described = {"DerivationDescription": "derived for a test of SegQC", "PatientID": "P", "StudyDate": date}
            for keyword, value in (uids | described | changes).items():
                setattr(dataset, keyword, value)
            dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
            dataset.save_as(tmp_path / name / f"{number:03}.dcm")
    (follow_up,) = read(tmp_path).follow_ups
    assert {one.fact: (one.first, one.second) for one in follow_up.differences} == {
        "slice_thicknesses_mm": ("3\u00a0mm", "5\u00a0mm"),
        "convolution_kernel": ("Br38f, 3", "Bl57f"),
    }
    assert follow_up.other_platform is False


def test_segmentations_that_segqc_wrote_are_followed_over_series_of_one_folder(tmp_path):
    pytest.importorskip("highdicom", reason="SEG files are written by highdicom")
    from SegQCLib.dicom.write_seg import segmentation_object

    mass = Terminology(Code("49755003", "SCT", "Morphologically Abnormal Structure"), Code("4147007", "SCT", "Mass"))
    liver = Terminology(Code("123037004", "SCT", "Anatomical Structure"), Code("10200004", "SCT", "Liver"))
    empty = dict.fromkeys(
        ("AccessionNumber", "StudyID", "PatientBirthDate", "ReferringPhysicianName", "PatientSex", "StudyTime"), ""
    )
    for n, date in enumerate(("20260101", "20260301")):
        write_series(tmp_path / date, [0, 2, 4, 6], **(FACTS | empty | {"StudyDate": date}))
        image = read_series_headers(tmp_path / date)
        layer = np.zeros(image.geometry.size, np.uint8)
        layer[1:3, 4:10, 3 : 7 + n] = 1
        layer[3, :4, :4] = 2
        segments = (
            Segment("a", "mass", 1, terminology=mass, algorithm_type="MANUAL"),
            Segment("b", "liver", 2, terminology=liver, algorithm_type="MANUAL"),
        )
        drawn = Segmentation("reader", image.geometry, (layer,), segments)
        created = datetime(2026, 11, 22, 4, 5, 6)
        dataset = segmentation_object(drawn, source_images(image), reader="Doe^Jane", created=created)
        write_dicom_file(dataset, tmp_path / f"seg{n}.dcm")
    study = read(tmp_path)
    assert [one.segmentations for one in study.series] == [1, 1]
    (course,) = study.lesions  # the liver is no lesion
    assert [point.voxels for point in course.points] == [48, 60]
    assert {point.reader for point in course.points} == {"Doe^Jane"}
    assert {point.assisted for point in course.points} == {False}
    assert course.points[1].since_first.volume_percent == pytest.approx(25)


# Worklists


def a_worklist(folder, lines, header="case,image,candidate,Patient,timepoint,reader"):
    (folder / "worklist.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return folder / "worklist.csv"


def a_label_map(path, box, size=(4, 16, 12), spacing=(2.0, 0.8, 0.7)):
    array = np.zeros(size, np.uint8)
    array[box] = 1
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing[::-1])
    sitk.WriteImage(image, str(path))


def test_a_worklist_s_further_columns_name_patient_and_time_point(tmp_path):
    for n, _date in enumerate(("2026-01-01", "2026-03-01")):
        write_series(tmp_path / f"c{n}", [0, 2, 4, 6], **FACTS)
        a_label_map(tmp_path / f"c{n}.nii.gz", np.s_[1:3, 4:10, 3 : 7 + n])
    worklist = a_worklist(tmp_path, [f"c{n},c{n},c{n}.nii.gz,P1,2026-0{1 + 2 * n}-01,dr-a" for n in range(2)])
    study = read(worklist)
    (course,) = study.lesions
    voxel_ml = 2.0 * 0.8 * 0.7 / 1000
    assert [point.volume_ml for point in course.points] == [pytest.approx(n * voxel_ml, rel=1e-5) for n in (48, 60)]
    assert [point.reader for point in course.points] == ["dr-a", "dr-a"]
    assert course.points[1].since_first.volume_percent == pytest.approx(25, rel=1e-5)
    assert course.points[0].longest_diameter_mm == pytest.approx(np.hypot(6 * 0.8, 4 * 0.7), rel=1e-5)
    assert read(tmp_path).series == study.series  # worklist.csv in the folder is found


def test_images_without_a_dicom_header_are_measured_and_never_compared(tmp_path):
    for n in range(2):
        a_label_map(tmp_path / f"i{n}.nii.gz", np.s_[:, :, :])
        a_label_map(tmp_path / f"s{n}.nii.gz", np.s_[1:3, 4:10, 3:7])
    study = read(a_worklist(tmp_path, [f"c{n},i{n}.nii.gz,s{n}.nii.gz,P1,{n},dr-a" for n in range(2)]))
    (course,) = study.lesions
    assert course.points[1].voxels == 48
    assert course.points[1].since_first.reasons[0].startswith("Not in the headers")


def test_a_case_whose_image_or_segmentation_cannot_be_read_is_a_row_and_the_others_go_on(tmp_path):
    write_series(tmp_path / "good", [0, 2, 4, 6], **FACTS)
    (tmp_path / "bad.nii.gz").write_bytes(b"\x1f\x8b nothing")
    study = read(a_worklist(tmp_path, ["a,good,bad.nii.gz,P1,1,dr-a", "b,bad.nii.gz,,P1,2,dr-a"]))
    assert [one.case for one in study.unread] == ["b"]
    assert "bad" in study.series[0].remarks[0]


def test_without_a_column_patient_every_case_is_another_one(tmp_path):
    for name in "ab":
        write_series(tmp_path / name, range(4), **FACTS)
    study = read(a_worklist(tmp_path, ["a,a", "b,b"], header="case,image"))
    assert study.follow_ups == ()
    assert "no column patient" in study.notes[0]


def test_deidentification_changes_nothing_of_what_is_compared():
    protocol = load_protocol("ct-abdomen-portal-venous")
    agents = ("Agent of Smith", "agent of  smith", "another")
    series = [
        replace(
            a_series(f"{word} {n}", "Smith", when, series_description=f"{word} 1.0", contrast_agent=agents[n], device_serial=str(n))
        )
        for n, when in enumerate(("2026-01-01", "2026-02-01", "2026-03-01"))
        for word in ("Lung Smith", "Abdomen")
    ]
    names = Pseudonyms(None)
    plain = of(*series, protocol=protocol)
    hidden = study_consistency(deidentified_study(ReadStudy("test", tuple(series)), protocol.protocol, names), protocol)
    assert "Smith" not in hidden.to_json()
    assert [kind.series for kind in hidden.kinds] == [kind.series for kind in plain.kinds] == [3, 3]
    for ours, theirs in zip(hidden.follow_ups, plain.follow_ups, strict=True):
        assert (ours.comparable, ours.other_platform) == (theirs.comparable, theirs.other_platform)
        assert [one.fact for one in ours.differences] == [one.fact for one in theirs.differences]
        assert len(ours.caveats) == len(theirs.caveats)
    assert [one.comparable for one in plain.follow_ups] == [True, False, True, False]


def test_the_schema_is_the_one_that_is_shipped():
    shipped = resource("Schemas/study_consistency.schema.json").read_text(encoding="utf-8")
    assert json.loads(shipped) == study_schema()
