import json

import numpy as np
import pytest
import SimpleITK as sitk

from phantoms import a_geometry, box_array
from SegQCLib.errors import BadDataError
from SegQCLib.findings import Status
from SegQCLib.geometry import sitk_image
from SegQCLib.importers import read_segmentation
from SegQCLib.importers.label_names import read_label_names

LEFT, RIGHT = "7771000", "24028007"


@pytest.fixture
def label_map(tmp_path):
    array = box_array((4, 5, 6), (1, 3), (1, 4), (2, 4), 2)
    array[0, 0, 0] = 5
    sitk.WriteImage(sitk_image(array, a_geometry(array.shape)), str(tmp_path / "map.nrrd"))
    return tmp_path / "map.nrrd"


def names_file(folder, content):
    path = folder / "names.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


@pytest.mark.parametrize(
    "content",
    [
        {"liver": 2, "spleen": 5, "stomach": 6},
        {"2": "liver", "5": "spleen", "6": "stomach"},
        {"labels": {"0": "background", "2": "liver", "5": "spleen", "6": "stomach"}, "modality": {"0": "CT"}},
        {"labels": {"background": 0, "liver": 2, "spleen": 5, "stomach": 6}, "channel_names": {"0": "CT"}},
    ],
)
def test_every_named_label_is_a_segment_also_without_voxels(label_map, tmp_path, content):
    segmentation = read_segmentation(label_map, labels=names_file(tmp_path, content))
    assert {s.name: segmentation.voxel_count(s) for s in segmentation.segments} == {"liver": 12, "spleen": 1, "stomach": 0}
    assert segmentation.findings == ()


def test_label_outside_the_table_is_shown_and_said(label_map, tmp_path):
    segmentation = read_segmentation(label_map, labels=names_file(tmp_path, {"liver": 2}))
    assert [segment.name for segment in segmentation.segments] == ["liver", "label_5"]
    (finding,) = segmentation.findings
    assert (finding.check, finding.status, finding.segment) == ("label_names", Status.WARN, "label_5")


def test_voxels_that_nobody_annotated_are_refused(label_map, tmp_path):
    dataset = {"labels": {"background": 0, "liver": 2, "ignore": 5}}
    with pytest.raises(BadDataError, match="ignore label \\(5\\)"):
        read_segmentation(label_map, labels=names_file(tmp_path, dataset))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"labels": {"background": 0, "whole": [1, 2], "core": 2}}, "'whole' is a region of several labels"),
        ({"liver": 1, "spleen": 1}, "number 1 has 2 names \\(liver, spleen\\)"),
        ('{"1": "liver", "1": "spleen"}', "'1' more than once"),
        ({"liver": -1}, "-1 is not 1 or above"),
        ({"liver": 1.5}, "1.5 instead of a whole number"),
        ({"liver": True}, "true instead of a whole number"),
        ({"one": "liver"}, "'one' is not a label number"),
        ({}, "it names no label"),
        ([1], "not a JSON object"),
        ("liver", "not JSON text"),
    ],
)
def test_faulty_table_is_refused(tmp_path, content, words):
    with pytest.raises(BadDataError, match=words):
        read_label_names(names_file(tmp_path, content))


def test_unknown_table_names_the_known_ones():
    with pytest.raises(BadDataError, match="totalsegmentator, totalsegmentator_mr"):
        read_label_names("totalsegmenter")


def test_shipped_tables_have_totalsegmentators_numbers(shared_data):
    facts = json.loads((shared_data / "totalsegmentator" / "class_map_facts.json").read_text())
    for labels, task in (("totalsegmentator", "total"), ("totalsegmentator_mr", "total_mr")):
        table = read_label_names(labels)
        assert {str(label.number): label.name for label in table.labels} == facts[task]
        assert "Apache-2.0" in table.source
        # SNOMED CT has no disc in DICOM's context groups; everything else is coded.
        assert [label.name for label in table.labels if label.terminology is None] in ([], ["intervertebral_discs"])


@pytest.mark.parametrize("labels", ["totalsegmentator", "totalsegmentator_mr"])
def test_sides_in_names_and_codes_agree(labels):
    for label in read_label_names(labels).labels:
        if label.terminology is None:
            continue
        side = label.terminology.modifier or label.terminology.region_modifier
        if "_left" in label.name:
            assert side.value == LEFT, label.name
        elif "_right" in label.name and label.name != "lung_middle_lobe_right":  # that lobe exists on one side only
            assert side.value == RIGHT, label.name
        else:
            assert side is None, label.name


MASS = {
    "category": {"value": "49755003", "scheme": "SCT", "meaning": "Morphologically Abnormal Structure"},
    "type": {"value": "4147007", "scheme": "SCT", "meaning": "Mass"},
}


def test_a_table_of_one_s_own_gives_codes_and_colours(label_map, tmp_path):
    label = {"number": 2, "name": "GTV", "color_rgb": [255, 0, 51], "terminology": MASS}
    table = names_file(tmp_path, {"title": "Our lesions", "source": "study plan, section 4", "labels": [label]})
    segment = next(one for one in read_segmentation(label_map, labels=table).segments if one.name == "GTV")
    assert (segment.label_value, segment.color) == (2, (1.0, 0.0, 0.2))
    assert (segment.terminology.category.value, segment.terminology.type.value) == ("49755003", "4147007")


def test_every_fault_of_a_table_with_codes_is_named(tmp_path):
    labels = [{"number": 0, "name": "GTV"}, {"number": 2, "name": "CTV", "terminology": {"category": MASS["category"]}}]
    table = names_file(tmp_path, {"title": "Our lesions", "source": "study plan", "labels": labels})
    with pytest.raises(BadDataError, match=r"names\.json: is not a usable label table") as caught:
        read_label_names(table)
    assert "labels[0]" in str(caught.value)
    assert "labels[1]" in str(caught.value)


def test_totalsegmentator_ct_has_the_codes_of_its_organs(totalsegmentator):
    segmentation = read_segmentation(totalsegmentator / "example_seg_dicom.nii.gz", labels="totalsegmentator")
    assert len(segmentation.segments) == 117
    by_name = {segment.name: segment for segment in segmentation.segments}
    liver = by_name["liver"]
    assert (liver.label_value, liver.terminology.type.scheme, liver.terminology.type.value) == (5, "SCT", "10200004")
    assert by_name["kidney_left"].terminology.modifier.value == LEFT
    assert by_name["kidney_right"].terminology.modifier.value == RIGHT
    assert {1, 5, 6} <= {s.label_value for s in segmentation.segments if segmentation.box(s)}
    image = sitk.ReadImage(str(totalsegmentator / "example_seg_dicom.nii.gz"))
    assert segmentation.voxel_count(liver) == np.count_nonzero(sitk.GetArrayFromImage(image) == 5)
    assert segmentation.findings == ()


def test_liver_of_totalsegmentator_lies_on_the_right_of_the_spleen(totalsegmentator):
    segmentation = read_segmentation(totalsegmentator / "example_seg.nii.gz", labels="totalsegmentator")
    left = {}
    for segment in segmentation.segments:
        if segment.name in ("liver", "spleen"):
            where = np.argwhere(segmentation.mask(segment)).mean(axis=0)
            left[segment.name] = segmentation.geometry.lps_mm(where)[0]
    assert left["liver"] < left["spleen"]


def test_totalsegmentator_mr_is_read(totalsegmentator):
    segmentation = read_segmentation(totalsegmentator / "example_seg_mr.nii.gz", labels="totalsegmentator_mr")
    assert len(segmentation.segments) == 50
    assert segmentation.segments[4].terminology.type.value == "10200004"
