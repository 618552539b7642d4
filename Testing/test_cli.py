import json
import os
import subprocess
import sys
from dataclasses import replace

import jsonschema
import numpy as np
import pytest
import SimpleITK as sitk

from dicom_series import write_series
from phantoms import a_geometry, a_segmentation, a_volume
from SegQCLib.cli import main
from SegQCLib.comparison_report import compare_segmentations
from SegQCLib.geometry import sitk_image
from SegQCLib.record import record_schema

BOX = ((1, 5), (2, 10), (3, 9))


@pytest.fixture
def files(tmp_path):
    """Image, a good and a bad candidate and a reference of one phantom, with their label names."""
    geometry = a_geometry()
    image = a_volume(geometry).array.copy()
    image[2:] += 1
    sitk.WriteImage(sitk_image(image, geometry), tmp_path / "image.nrrd")
    for name, box in (("reference", BOX), ("good", BOX), ("bad", ((1, 2), (2, 10), (3, 9)))):
        sitk.WriteImage(sitk_image(a_segmentation(geometry, liver=box).layers[0], geometry), tmp_path / f"{name}.nrrd")
    (tmp_path / "names.json").write_text('{"liver": 1, "spleen": 2}')
    return tmp_path


def evaluate(files, candidate, *more):
    arguments = ["evaluate", "--image", files / "image.nrrd", "--candidate", files / candidate, "--out", files / "out"]
    arguments += ["--protocol", "ct-abdomen-portal-venous", "--labels", files / "names.json", *more]
    return main([str(argument) for argument in arguments])


def test_evaluate_writes_record_report_and_table(files, capsys):
    assert evaluate(files, "good.nrrd", "--reference", files / "reference.nrrd") == 0
    assert sorted(os.listdir(files / "out")) == ["image_quality.csv", "measurements.csv", "record.json", "report.html"]
    record = json.loads((files / "out" / "record.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(record_schema()).validate(record)
    assert [i["role"] for i in record["inputs"]] == ["image", "candidate", "reference"]
    assert all(len(i["sha256"]) == 64 for i in record["inputs"])
    printed = capsys.readouterr().out
    assert f"verdict: {record['verdict']}" in printed
    assert str(files / "out" / "report.html") in printed


def test_an_uncertainty_map_is_an_input_of_the_record(files, capsys):
    values = np.full(a_geometry().size, 0.25, np.float32)
    sitk.WriteImage(sitk_image(values, a_geometry()), files / "uncertainty.nii.gz")
    assert evaluate(files, "good.nrrd", "--uncertainty", files / "uncertainty.nii.gz") == 0
    record = json.loads((files / "out" / "record.json").read_text(encoding="utf-8"))
    assert [i["role"] for i in record["inputs"]] == ["image", "candidate", "uncertainty"]
    moved = replace(a_geometry(), origin_lps_mm=(900.0, 0.0, 0.0))
    sitk.WriteImage(sitk_image(values, moved), files / "uncertainty.nii.gz")
    assert evaluate(files, "good.nrrd", "--uncertainty", files / "uncertainty.nii.gz") == 1
    assert "Give the map that was made of this image" in capsys.readouterr().err


def test_the_record_goes_to_standard_output_on_demand(files, capsys):
    assert evaluate(files, "good.nrrd", "--json", "-") == 0
    assert json.loads(capsys.readouterr().out)["schema"] == "segqc-record"


@pytest.mark.parametrize(
    ("candidate", "fail_on", "code"),
    [("bad.nrrd", "reject", 3), ("bad.nrrd", "review", 3), ("good.nrrd", "reject", 0), ("good.nrrd", "review", 3)],
)
def test_only_fail_on_turns_a_verdict_into_an_exit_code(files, candidate, fail_on, code):
    # The phantom has no header, so that good outlines still ask for review; bad ones are rejected.
    reference = ("--reference", files / "reference.nrrd")
    assert evaluate(files, candidate, *reference) == 0
    record = json.loads((files / "out" / "record.json").read_text(encoding="utf-8"))
    expected = {"ACCEPT": 0, "REVIEW": 3 if fail_on == "review" else 0, "REJECT": 3}[record["verdict"]]
    assert evaluate(files, candidate, *reference, "--fail-on", fail_on) == expected
    if candidate == "bad.nrrd":
        assert (record["verdict"], expected) == ("REJECT", code)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("--image", "nothing.nrrd"), "does not exist"),
        (("--candidate", "names.json"), "not a segmentation file"),
        (("--protocol", "ct-abdomen"), "shipped protocol: ct-abdomen-portal-venous"),
        (("--labels", "image.nrrd"), "image.nrrd"),
        (("--out", "image.nrrd/out"), "cannot be written to"),
    ],
)
def test_bad_data_is_one_message_and_exit_code_one(files, capsys, change, message):
    name, value = change
    path = value if name == "--protocol" else files / value
    assert evaluate(files, "good.nrrd", name, path) == 1
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.err.startswith("segqc: ")
    assert "Traceback" not in printed.err


def test_a_label_map_of_another_patient_is_refused_and_an_old_report_stays(files, capsys):
    assert evaluate(files, "good.nrrd") == 0
    before = (files / "out" / "report.html").read_bytes()
    elsewhere = a_geometry(origin_lps_mm=(0.0, 0.0, 900.0))
    sitk.WriteImage(sitk_image(a_segmentation(elsewhere, liver=BOX).layers[0], elsewhere), files / "other.nrrd")
    assert evaluate(files, "other.nrrd") == 1
    assert "another patient" in capsys.readouterr().err
    assert (files / "out" / "report.html").read_bytes() == before


@pytest.mark.parametrize("arguments", [["evaluate"], ["nonsense"], []])
def test_wrong_usage_exits_with_two(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage: segqc" in capsys.readouterr().err


def test_a_scene_is_saved_with_the_record_that_it_gives(files):
    pytest.importorskip("slicer", reason="scenes need slicer-core")
    from SegQCLib.mrml.record_node import read_record
    from SegQCLib.mrml.scene import load_scene

    assert evaluate(files, "good.nrrd", "--reference", files / "reference.nrrd", "--scene", files / "new" / "case.mrb") == 0
    scene = load_scene(files / "new" / "case.mrb")
    segmentations = scene.GetNodesByClass("vtkMRMLSegmentationNode")
    records = [read_record(segmentations.GetItemAsObject(n)) for n in range(segmentations.GetNumberOfItems())]
    (record,) = [record for record in records if record is not None]
    assert record.to_json() == (files / "out" / "record.json").read_text(encoding="utf-8")


def test_a_scene_needs_the_ending_mrb(files, capsys):
    with pytest.raises(SystemExit) as stopped:
        evaluate(files, "good.nrrd", "--scene", files / "case.txt")
    assert stopped.value.code == 2
    assert "ends in .mrb" in capsys.readouterr().err


def test_help_names_every_command_and_nothing_else(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    printed = capsys.readouterr().out
    assert all(command in printed for command in ("demo", "evaluate", "compare", "protocol", "not a medical device"))


def test_protocols_are_listed_shown_and_validated(tmp_path, capsys):
    assert main(["protocol", "list"]) == 0
    listed = capsys.readouterr().out
    assert main(["protocol", "show", "ct-lung-nodule"]) == 0
    (tmp_path / "own.json").write_text(capsys.readouterr().out, encoding="utf-8")
    assert main(["protocol", "validate", str(tmp_path / "own.json")]) == 0
    assert [line.split()[0] for line in listed.splitlines()] == [
        "ct-abdomen-portal-venous",
        "ct-lung-nodule",
        "mr-brain-lesion",
        "pet-ct-fdg-lesion",
    ]


def test_compare_prints_and_writes_every_measure_with_its_definition(files, capsys):
    arguments = ["compare", files / "reference.nrrd", files / "bad.nrrd", "--labels", files / "names.json"]
    arguments += ["--json", files / "c.json", "--csv", files / "c.csv"]
    assert main([str(argument) for argument in arguments]) == 0
    printed = capsys.readouterr().out
    assert "liver" in printed
    assert "1 more segments are absent in both" in printed
    report = json.loads((files / "c.json").read_text(encoding="utf-8"))
    liver = next(segment for segment in report["segments"] if segment["segment"] == "liver")
    # 1 of 4 slices: Dice 2 x 1 / 5; the missing three slices of 2 mm are the largest distance.
    assert liver["values"]["dice"] == pytest.approx(0.4)
    assert liver["values"]["hausdorff_mm"] == pytest.approx(6)
    # The reference's last surface lies between slices 4 and 5: at 9 mm.
    assert liver["worst_point_lps_mm"][2] == pytest.approx(9)
    assert (report["definition"], report["resampled"]) == ("surfel", False)
    assert (files / "c.csv").read_text(encoding="utf-8").splitlines()[1].startswith("liver,surfel,0.4,")


def test_the_worst_point_is_in_patient_space_on_an_oblique_grid():
    h = 0.5**0.5
    oblique = a_geometry(axes_lps=((0.0, 0.0, 1.0), (-h, h, 0.0), (h, h, 0.0)), origin_lps_mm=(10.0, 20.0, 30.0))
    reference = a_segmentation(oblique, "r", liver=((2, 5), (3, 6), (3, 6)))
    # One voxel more, 8 voxels of 1 mm along i beyond the body's last.
    layer = reference.layers[0].copy()
    layer[3, 4, 13] = 1
    report = compare_segmentations(reference, replace(reference, layers=(layer,)), "voxel")
    assert report.segments[0].values["hausdorff_mm"] == pytest.approx(8)
    # Origin + 3 x 2 mm along k + 4 x (-h, h) + 13 x (h, h).
    assert report.segments[0].worst_point_lps_mm == pytest.approx((10 + 9 * h, 20 + 17 * h, 36), abs=1e-3)


def test_compare_of_two_patients_is_refused(files, capsys):
    elsewhere = a_geometry(origin_lps_mm=(0.0, 0.0, 900.0))
    sitk.WriteImage(sitk_image(a_segmentation(elsewhere, liver=BOX).layers[0], elsewhere), files / "other.nrrd")
    assert main(["compare", str(files / "reference.nrrd"), str(files / "other.nrrd")]) == 1
    assert "another patient" in capsys.readouterr().err


def test_a_faulty_protocol_is_explained_line_by_line(tmp_path, capsys):
    path = tmp_path / "own.json"
    assert main(["protocol", "show", "ct-lung-nodule"]) == 0
    protocol = json.loads(capsys.readouterr().out)
    protocol["slice_thickness_mm"]["minimum"] = 9
    protocol["windoes"] = []
    path.write_text(json.dumps(protocol), encoding="utf-8")
    assert main(["protocol", "validate", str(path)]) == 1
    printed = capsys.readouterr().err
    assert "slice_thickness_mm.maximum: 1.5 is below minimum 9" in printed
    assert "windoes: unknown key; did you mean 'windows'?" in printed


def test_a_dicom_folder_is_evaluated_by_the_installed_command(tmp_path):
    write_series(tmp_path / "dicom", [0, 2, 4, 6], ConvolutionKernel="Br38f")
    volume_geometry = a_geometry(size=(4, 16, 12), spacing_mm=(2.0, 0.8, 0.7))
    candidate = a_segmentation(volume_geometry, liver=((1, 3), (2, 9), (3, 8))).layers[0]
    sitk.WriteImage(sitk_image(candidate, volume_geometry), tmp_path / "c.nii.gz")
    command = [sys.executable, "-m", "SegQCLib.cli", "evaluate", "--image", str(tmp_path / "dicom")]
    command += ["--candidate", str(tmp_path / "c.nii.gz"), "--protocol", "ct-abdomen-portal-venous", "--out", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "out" / "record.json").read_text(encoding="utf-8"))
    assert record["case"]["acquisition"]["convolution_kernel"] == ["Br38f"]


def test_output_that_nobody_reads_on_ends_the_command_without_a_traceback():
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as nobody:
        command = [sys.executable, "-m", "SegQCLib.cli", "protocol", "list"]
        done = subprocess.run(command, stdout=nobody, stderr=subprocess.PIPE, text=True, cwd="SegQCModule")
    assert (done.returncode, done.stderr) == (141, "")
