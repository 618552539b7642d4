"""Cohorts from nnU-Net data sets with predictions."""

import json
from pathlib import Path

import pytest

from SegQCLib.cohort.sources.find_cases import find_cases
from SegQCLib.cohort.sources.source_options import SourceOptions
from SegQCLib.errors import BadDataError

VERSION_2 = {"channel_names": {"0": "CT"}, "labels": {"background": 0, "liver": 1}, "file_ending": ".nii.gz", "numTraining": 1}


def a_set(root, dataset, *paths):
    for path in paths:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"only its name matters here")
    (root / "dataset.json").write_text(json.dumps(dataset))
    return root


def test_a_prediction_comes_with_its_image_its_labels_and_the_label_table(tmp_path):
    root = a_set(
        tmp_path,
        VERSION_2,
        "imagesTr/liver_1_0000.nii.gz",
        "labelsTr/liver_1.nii.gz",
        "imagesTs/liver_10_0000.nii.gz",
        "imagesTs/liver_2_0000.nii.gz",
        "labelsTs/liver_10.nii.gz",
        "predictions_3d/liver_10.nii.gz",
        "predictions_3d/liver_2.nii.gz",
        "predictions_3d/plans.json",
    )
    found = find_cases(root)
    two, ten = found.cases
    assert (found.kind, two.case, ten.case) == ("nnunet", "liver_2", "liver_10")
    assert (ten.image, ten.candidate) == (root / "imagesTs/liver_10_0000.nii.gz", root / "predictions_3d/liver_10.nii.gz")
    assert (two.references, ten.references) == ((), (root / "labelsTs/liver_10.nii.gz",))
    assert {case.labels for case in found.cases} == {str(root / "dataset.json")}
    assert any("imagesTr: passed over, because none of its 1 images has a prediction" in note for note in found.notes)


def test_the_channel_is_chosen_and_one_that_is_missing_is_a_fault(tmp_path):
    dataset = {**VERSION_2, "channel_names": {"0": "T1", "1": "FLAIR"}, "file_ending": ".nrrd"}
    files = ("a_0000.nrrd", "a_0001.nrrd", "b_0000.nrrd")
    root = a_set(tmp_path, dataset, *(f"imagesTs/{name}" for name in files), "predictions/a.nrrd", "predictions/b.nrrd")
    assert [case.image.name for case in find_cases(root).cases] == ["a_0000.nrrd", "b_0000.nrrd"]
    found = find_cases(root, SourceOptions(channel=1))
    assert found.cases[0].image.name == "a_0001.nrrd"
    assert "has no channel 1 (it has 0000)" in found.cases[1].fault.found
    assert "Of 2 channels, channel 1 (FLAIR) is the image." in found.notes


def test_version_1_may_do_without_channel_numbers_even_where_cases_end_in_four_digits(tmp_path):
    dataset = {"modality": {"0": "CT"}, "labels": {"0": "background", "1": "liver"}, "numTraining": 2}
    names = ("case_0001.nii.gz", "case_0002.nii.gz")
    root = a_set(tmp_path, dataset, *(f"{place}/{name}" for place in ("imagesTr", "labelsTr", "predictions") for name in names))
    assert [(case.case, case.image.name, case.fault) for case in find_cases(root).cases] == [
        ("case_0001", "case_0001.nii.gz", None),
        ("case_0002", "case_0002.nii.gz", None),
    ]


def test_a_prediction_without_image_and_an_image_without_prediction_are_rows(tmp_path):
    root = a_set(
        tmp_path, VERSION_2, *(f"imagesTs/{name}_0000.nii.gz" for name in "ab"), "predictions/b.nii.gz", "predictions/c.nii.gz"
    )
    a, b, c = find_cases(root).cases
    assert "there is no prediction of it" in a.fault.found
    assert b.fault is None
    assert "of which there is no image in imagesTr, imagesTs" in c.fault.found


def test_a_case_in_both_image_folders_is_never_one_of_them_in_silence(tmp_path):
    root = a_set(tmp_path, VERSION_2, "imagesTr/a_0000.nii.gz", "imagesTs/a_0000.nii.gz", "predictions/a.nii.gz")
    (case,) = find_cases(root).cases
    assert "in imagesTr or in imagesTs" in case.fault.found


def test_the_folder_with_predictions_is_asked_for_where_it_is_not_the_only_one(tmp_path):
    root = a_set(tmp_path, VERSION_2, "imagesTs/a_0000.nii.gz", "mine/a.nii.gz")
    with pytest.raises(BadDataError, match="has 0 folders whose names begin with predictions"):
        find_cases(root)
    (case,) = find_cases(root, SourceOptions(predictions=Path("mine"))).cases
    assert case.candidate == root / "mine/a.nii.gz"
    a_set(tmp_path, VERSION_2, "predictions_a/a.nii.gz", "Predictions_b/a.nii.gz")
    with pytest.raises(BadDataError, match=r"has 2 folders .*Predictions_b"):
        find_cases(root)


def test_regions_are_told_of_because_a_label_map_s_numbers_have_no_names_then(tmp_path):
    dataset = {**VERSION_2, "labels": {"background": 0, "whole tumor": [1, 2], "core": [2]}}
    root = a_set(tmp_path, dataset, "imagesTs/a_0000.nii.gz", "predictions/a.nii.gz")
    found = find_cases(root)
    assert found.cases[0].labels is None
    assert any("region of several labels" in note and "--labels" in note for note in found.notes)


@pytest.mark.parametrize("text", ["{", "[]", "\xff"])
def test_a_dataset_json_that_is_none_is_an_error(tmp_path, text):
    root = a_set(tmp_path, VERSION_2, "imagesTs/a_0000.nii.gz", "predictions/a.nii.gz")
    (root / "dataset.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(BadDataError, match=r"dataset\.json: is not (a JSON object|JSON text)"):
        find_cases(root)
