"""segqc difficulty: features, fit, predict, evaluate, recalibrate, simulate."""

import json
import math

import numpy as np
import pytest
import SimpleITK as sitk

from phantoms import a_geometry
from SegQCLib.cli import main
from SegQCLib.difficulty.descriptors.describe import describe_lesion, descriptor_names
from SegQCLib.difficulty.model_file import read_model
from SegQCLib.difficulty.patients import is_test_patient
from SegQCLib.difficulty.table_file import read_table
from SegQCLib.geometry import sitk_image

GRID = a_geometry(size=(9, 24, 24), spacing_mm=(2.0, 1.0, 1.0))
FIT_FACTS = ("--structure", "ct-lung-nodule:lung_nodule", "--modality", "CT", "--data", "balls", "--licence", "none")
NAMES = "geometry.shape.log_volume,geometry.shape.surface_to_volume_per_mm"


def segqc(*arguments):
    return main(["difficulty", *map(str, arguments)])


def a_ball(radius_mm):
    k, j, i = (np.arange(size) - (size - 1) / 2 for size in GRID.size)
    distance = np.sqrt((2 * k[:, None, None]) ** 2 + j[None, :, None] ** 2 + i[None, None, :] ** 2)
    return distance <= radius_mm


def patients(test, number):
    names = (f"patient {n}" for n in range(10_000))
    return [next(name for name in names if is_test_patient(name) == test) for _ in range(number)]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """30 develop and 8 test patients with a ball each; three readers draw it 0, 0.5 and 1 mm larger."""
    folder = tmp_path_factory.mktemp("study")
    lines = ["patient,lesion,reader,segmentation"]
    for number, patient in enumerate(patients(False, 30) + patients(True, 8)):
        for reader in range(3):
            name = f"{number}-{reader}.nrrd"
            ball = a_ball(3 + (number * 7 % 30) / 6 + reader / 2)
            sitk.WriteImage(sitk_image(ball.astype(np.uint8), GRID), folder / name)
            lines.append(f"{patient},1,reader {reader},{name}")
    (folder / "study.csv").write_text("\n".join(lines))
    return folder


@pytest.fixture(scope="module")
def table(study):
    """Table of the develop patients."""
    assert segqc("features", "--study", study / "study.csv", "--out", study / "table.csv") == 0
    return study / "table.csv"


@pytest.fixture(scope="module")
def model(study, table):
    done = segqc(
        "fit", "--table", table, "--model", "ridge", "--descriptors", NAMES, *FIT_FACTS, "--readers-without-ai",
        "--out", study / "model.json", "--json", study / "fitted.json",
    )  # fmt: skip
    assert done == 0
    return study / "model.json"


def test_features_of_a_study_are_those_of_its_outlines_without_the_test_patients(table):
    found, definition = read_table(table)
    assert len(found) == 90
    assert set(found.patients) == set(patients(False, 30))
    assert (definition.kind, definition.unit) == ("mean_pairwise", "lesion")
    column = found.names.index("geometry.sampling.voxels")
    assert found.values[0, column] == np.count_nonzero(a_ball(3))


def test_features_of_the_test_patients_are_asked_for(study):
    assert segqc("features", "--study", study / "study.csv", "--test", "--out", study / "test.csv", "--unit", "slice") == 0
    found, _ = read_table(study / "test.csv")
    assert set(found.patients) == set(patients(True, 8))
    assert found.unit == "slice"


def test_features_of_one_segmentation_are_printed_with_unit_and_meaning(study, capsys):
    assert segqc("features", "--segmentation", study / "0-0.nrrd") == 0
    printed = capsys.readouterr().out.splitlines()
    (line,) = [line for line in printed if "geometry.sampling.voxel_mm3" in line]
    assert line.split() == ["geometry.sampling.voxel_mm3", "2", "mm3", "volume", "of", "a", "voxel"]


def test_features_as_json_are_those_of_describe_lesion(study, capsys):
    image = np.random.default_rng(0).normal(size=GRID.size).astype(np.float32)
    sitk.WriteImage(sitk_image(image, GRID), study / "image.nrrd")
    assert segqc("features", "--segmentation", study / "3-0.nrrd", "--image", study / "image.nrrd", "--json", "-") == 0
    (one,) = json.loads(capsys.readouterr().out)
    mask = sitk.GetArrayFromImage(sitk.ReadImage(study / "3-0.nrrd")) == 1
    expected = describe_lesion(mask, GRID.spacing_mm, image)
    found = {row["name"]: row["value"] for row in one["descriptors"]}
    assert found == {name: None if math.isnan(value) else pytest.approx(value) for name, value in expected.items()}
    assert "texture.glrlm.short_run_emphasis" in found


def test_features_of_one_slice(study, capsys):
    arguments = ("features", "--segmentation", study / "0-0.nrrd", "--unit", "slice", "--json", "-")
    assert segqc(*arguments, "--slice", 4) == 0
    (one,) = json.loads(capsys.readouterr().out)
    assert one["slice"] == 4
    assert {row["name"] for row in one["descriptors"]} <= set(descriptor_names("slice"))
    assert segqc(*arguments, "--slice", 0) == 1
    assert "has no voxel in slice 0" in capsys.readouterr().err


def test_fit_writes_a_model_with_what_it_was_fitted_on(model, study):
    fitted = read_model(model)
    assert fitted.id == "model"
    assert fitted.names == tuple(NAMES.split(","))
    assert (fitted.patients, fitted.units, fitted.outlines) == (30, 30, 90)
    assert fitted.structure.type.meaning == "Nodule"
    written = json.loads((study / "fitted.json").read_text())
    assert written["cross_validation"]["mae"]["value"] == fitted.cross_validation.mae.value


def test_fit_never_uses_test_patients_even_where_a_table_has_them(study, table, tmp_path):
    test_table = tmp_path / "test.csv"
    assert segqc("features", "--study", study / "study.csv", "--test", "--out", test_table) == 0
    both = table.read_text() + "".join(test_table.read_text().splitlines(keepends=True)[1:])
    (tmp_path / "both.csv").write_text(both, newline="")
    done = segqc(
        "fit", "--table", tmp_path / "both.csv", "--model", "constant", "--descriptors", NAMES, *FIT_FACTS,
        "--readers-without-ai", "--out", tmp_path / "m.json",
    )  # fmt: skip
    assert done == 0
    assert read_model(tmp_path / "m.json").patients == 30


def test_fit_asks_for_readers_without_ai_and_for_the_facts(table, tmp_path, capsys):
    arguments = ("fit", "--table", table, "--out", tmp_path / "m.json")
    assert segqc(*arguments, *FIT_FACTS) == 1
    assert "made without AI (drafts inflate agreement)" in capsys.readouterr().err
    assert segqc(*arguments, "--modality", "CT") == 1
    assert "--structure, --data, --licence" in capsys.readouterr().err
    assert segqc(*arguments, *FIT_FACTS, "--readers-without-ai", "--descriptors", "geometry.sha") == 1
    assert "'geometry.sha' is the beginning of no descriptor" in capsys.readouterr().err
    assert segqc(*arguments, *FIT_FACTS, "--readers-without-ai", "--model", "forest") == 1
    assert "'forest' is no kind of model. There are constant, ridge" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_predict_gives_dice_interval_threshold_and_reasons(model, study, capsys):
    assert segqc("predict", "--model", model, "--segmentation", study / "10-1.nrrd", "--json", "-") == 0
    whole = json.loads(capsys.readouterr().out)
    (said,) = whole["predictions"]
    assert said["in_domain"]
    assert 0 <= said["lower"] <= said["dice"] <= said["upper"] <= 1
    assert said["threshold"] < said["dice"]
    assert segqc("predict", "--model", model, "--segmentation", study / "10-1.nrrd", "--rule", "mean") == 0
    printed = capsys.readouterr().out
    assert f"threshold for one outline       {said['dice']:.2f}  (rule mean)" in printed
    assert "taken for Nodule (Lung)" in printed


def test_predict_refuses_another_modality_in_words(model, study, capsys):
    assert segqc("predict", "--model", model, "--segmentation", study / "10-1.nrrd", "--modality", "MR") == 0
    printed = capsys.readouterr().out
    assert "not predicted" in printed
    assert "MR" in printed


def test_predict_refuses_a_modality_that_the_image_contradicts(model, totalsegmentator, capsys):
    files = ("--segmentation", totalsegmentator / "example_seg_dicom.nii.gz", "--image", totalsegmentator / "example_ct_dicom")
    assert segqc("predict", "--model", model, *files, "--modality", "MR") == 1
    assert "--modality: is MR, but the image says CT" in " ".join(capsys.readouterr().err.split())


def test_evaluate_prints_the_cross_validation_and_asks_before_it_spends_the_test_patients(model, study, capsys):
    assert segqc("evaluate", "--model", model, "--json", "-") == 0
    assert json.loads(capsys.readouterr().out)["measured_on"] == "cross-validation"
    assert segqc("evaluate", "--model", model, "--study", study / "study.csv") == 1
    assert "--test" in capsys.readouterr().err
    assert segqc("evaluate", "--model", model, "--study", study / "study.csv", "--test", "--json", "-") == 0
    captured = capsys.readouterr()
    assert "test patients are being spent" in captured.err
    found = json.loads(captured.out)
    assert (found["measured_on"], found["units"], found["outlines"]) == ("test patients", 8, 24)
    # the balls of the test patients are drawn by the same rule
    assert found["reached"]["mae"]["value"] < found["reached"]["mae_constant"]["value"]


def test_evaluate_of_another_study_takes_all_its_patients(model, study, capsys):
    assert segqc("evaluate", "--model", model, "--study", study / "study.csv", "--all-patients", "--json", "-") == 0
    assert json.loads(capsys.readouterr().out)["units"] == 38


def test_evaluate_of_a_table_without_test_patients_is_refused(model, table, capsys):
    assert segqc("evaluate", "--model", model, "--table", table, "--test") == 1
    assert "has no patients left" in capsys.readouterr().err


@pytest.mark.parametrize("action", [("evaluate", "--all-patients"), ("recalibrate", "--centre", "here", "--readers-without-ai")])
def test_a_table_of_lidc_is_refused_where_all_patients_are_taken(action, model, table, tmp_path, capsys):
    # Its test patients would be learned from, and the others have been.
    lidc = tmp_path / "lidc.csv"
    lidc.write_text(table.read_text().replace("patient ", "LIDC-IDRI-"), newline="")
    more = ("--out", tmp_path / "own.json") if action[0] == "recalibrate" else ()
    assert segqc(*action, "--model", model, "--table", lidc, *more) == 1
    assert "which the shipped models were fitted on" in capsys.readouterr().err
    assert not (tmp_path / "own.json").exists()


def test_a_table_of_another_agreement_than_the_model_s_is_refused(model, study, tmp_path, capsys):
    other = tmp_path / "other.csv"
    assert segqc("features", "--study", study / "study.csv", "--target", "leave-out", "--out", other) == 0
    assert segqc("evaluate", "--model", model, "--table", other, "--all-patients") == 1
    assert "another agreement" in capsys.readouterr().err


def test_recalibrate_writes_the_centre_s_model(model, study, tmp_path, capsys):
    arguments = ("recalibrate", "--model", model, "--study", study / "study.csv", "--centre", "here", "--readers-without-ai")
    assert segqc(*arguments, "--out", tmp_path / "own.json", "--json", "-") == 0
    found = json.loads(capsys.readouterr().out)["recalibration"]
    assert (found["centre"], found["patients"]) == ("here", 38)
    assert read_model(tmp_path / "own.json").recalibration.cases == found["cases"]


def test_contradictory_target_options_are_refused(study, capsys):
    assert segqc("features", "--study", study / "study.csv", "--out", study / "x.csv", "--operator", "1") == 1
    assert "--operator" in capsys.readouterr().err
    assert segqc("features", "--study", study / "study.csv") == 1
    assert "--out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("features", "--study", "study.csv", "--image", "i.nrrd"), "--image: without effect beside --study"),
        (("features", "--segmentation", "0-0.nrrd", "--out", "x.csv"), "--out: without effect beside --segmentation"),
        (("fit", "--table", "table.csv", "--unit", "slice", "--out", "m.json"), "--unit: without effect beside --table"),
    ],
)
def test_options_without_effect_are_refused(arguments, named, capsys):
    assert segqc(*arguments) == 1
    assert named in capsys.readouterr().err


def test_simulate_needs_enough_patients(totalsegmentator, capsys):
    assert segqc("simulate", "--patients", "1", "--slices", "3") == 1
    assert "patients or more, not 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--seed", "-1"], "-1 is below 0"),
        (["--workers", "0"], "0 is below 1"),
        (["--target", "operator", "--operator", "0"], "0 is below 1"),
        (["--json", "."], "is a folder"),
        (["--out", "."], "is a folder"),
    ],
)
def test_options_that_cannot_be_right_are_wrong_usage_before_anything_is_done(arguments, fault, capsys):
    with pytest.raises(SystemExit) as stopped:
        segqc("fit", "--study", "lidc", "--out", "model.json", *arguments)
    assert stopped.value.code == 2
    assert fault in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--modality", "--version"])
def test_a_model_says_what_it_is_for(option, study, tmp_path, capsys):
    arguments = ("--study", study, "--out", tmp_path / "own.json", *FIT_FACTS, "--readers-without-ai", option, "")
    assert segqc("fit", *arguments) == 1
    assert f"{option}: is missing" in capsys.readouterr().err
    assert not (tmp_path / "own.json").exists()
