"""segqc study: what is printed and written, from worklists, DICOM folders and finished evaluations."""

import csv
import io
import json
import re

import jsonschema
import numpy as np
import pytest
import SimpleITK as sitk

from dicom_series import write_series
from SegQCLib.cli import main
from SegQCLib.resources import resource

FACTS = {
    "Manufacturer": "ACME", "ManufacturerModelName": "One", "SoftwareVersions": "1.0", "ConvolutionKernel": "B30f",
    "SeriesDescription": "Thorax",
}  # fmt: skip
DATES = ("2026-01-05", "2026-03-09", "2026-05-11")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Folder with worklist.csv: patient Smith-77 with three scans, the last on other software; a lesion that shrinks."""
    folder = tmp_path_factory.mktemp("study")
    lines = ["case,image,candidate,patient,timepoint,reader,labels"]
    (folder / "labels.json").write_text('{"nodule": 1}')
    for n, date in enumerate(DATES):
        uid = {"StudyDate": date.replace("-", ""), "PatientID": "Smith-77", "SoftwareVersions": "1.0" if n < 2 else "2.0"}
        write_series(folder / f"Smith{n}", [0, 2, 4, 6], **(FACTS | uid))
        array = np.zeros((4, 16, 12), np.uint8)
        array[1:3, 4:10, 3 : 9 - 2 * n] = 1
        image = sitk.GetImageFromArray(array)
        image.SetSpacing((0.7, 0.8, 2.0))
        sitk.WriteImage(image, str(folder / f"Smith{n}.nii.gz"))
        lines.append(f"Smith{n},Smith{n},Smith{n}.nii.gz,Smith-77,{date},Dr. Jones,labels.json")
    (folder / "worklist.csv").write_text("\n".join(lines) + "\n")
    return folder


def written(folder, *arguments):
    """Return what the command writes as JSON, CSV rows and HTML."""
    names = {kind: folder / f"out.{kind}" for kind in ("json", "csv", "html")}
    outputs = [text for kind, path in names.items() for text in (f"--{kind}", str(path))]
    assert main(["study", *map(str, arguments), *outputs]) == 0
    table = names["csv"].read_text(encoding="utf-8")
    return json.loads(names["json"].read_text()), list(csv.DictReader(io.StringIO(table))), names["html"].read_text()


def test_json_csv_and_html_say_the_same(study, tmp_path, capsys):
    found, rows, page = written(tmp_path, study)
    shown = capsys.readouterr().out
    jsonschema.validate(found, json.loads(resource("Schemas/study_consistency.schema.json").read_text(encoding="utf-8")))
    (course,) = found["lesions"]
    volumes = [point["volume_ml"] for point in course["points"]]
    assert volumes == pytest.approx([voxels * 2 * 0.8 * 0.7 / 1000 for voxels in (72, 48, 24)])
    assert course["points"][1]["since_first"]["volume_percent"] == pytest.approx(-100 / 3)
    assert course["points"][2]["since_first"]["volume_percent"] is None
    lesion_rows = [row for row in rows if row["of"] == "lesion"]
    assert [float(row["volume_ml"]) for row in lesion_rows] == pytest.approx(volumes)
    assert [row["first:comparable"] for row in lesion_rows] == ["", "yes", "no"]
    assert "1 of 2 follow-ups on another platform" in shown
    assert "1 of 2 follow-ups on another platform" in page
    assert "Software Versions (0018,1020): 1.0 and 2.0" in page


def test_no_class_of_response_is_named(study, tmp_path, capsys):
    found, _, page = written(tmp_path, study)
    for text in (capsys.readouterr().out, page, json.dumps(found)):
        assert not re.search(r"\b(progressive disease|partial response|complete response|stable disease|PD|PR|CR|SD)\b", text)


def test_a_change_is_never_shown_without_its_definition_and_the_way_to_its_caveats(study, tmp_path, capsys):
    _, _, page = written(tmp_path, study)
    shown = capsys.readouterr().out
    assert "Longest diameter: RECIST-like, on the outline in one slice" in shown
    assert "caveats (small lesions" in shown
    assert "growth against the smallest sum of diameters so far" in page


def test_the_page_loads_nothing_and_runs_nothing(study, tmp_path):
    _, _, page = written(tmp_path, study)
    assert "<script" not in page
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    assert "default-src 'none'" in page


def test_the_protocol_is_named_with_its_version(study, tmp_path):
    found, _, page = written(tmp_path, study, "--protocol", "ct-lung-nodule")
    assert found["protocol"]["id"] == "ct-lung-nodule"
    assert found["protocol"]["title"] in page
    assert found["lesions"] == [] or found["lesions"][0]["structure"] in (None, "lung_nodule")


def test_json_to_standard_output_is_json_alone(study, capsys):
    assert main(["study", str(study), "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["schema"] == "segqc-study-consistency"


def test_deidentified_output_names_nobody_and_has_days_for_dates(study, tmp_path, capsys):
    found, rows, page = written(tmp_path, study, "--deidentify")
    texts = (capsys.readouterr().out, page, json.dumps(found), str(rows))
    for name in ("Smith", "Jones", "2026-0", "202601", str(study)):
        assert not any(name in text for text in texts), name
    assert [one["timepoint"] for one in found["series"]] == ["day 0", "day 63", "day 126"]
    assert {one["patient"] for one in found["series"]} == {"patient 1"}
    # What is compared is the same.
    (course,) = found["lesions"]
    assert course["points"][1]["since_first"]["volume_percent"] == pytest.approx(-100 / 3)
    assert len([one for one in found["follow_ups"] if one["other_platform"]]) == 1


def test_a_case_name_that_is_markup_or_a_formula_stays_text(tmp_path):
    write_series(tmp_path / "a", range(4), **FACTS)
    (tmp_path / "list.csv").write_text("case,image,patient\n=1+1<b>x,a,<script>alert(1)</script>\n")
    _, rows, page = written(tmp_path, tmp_path / "list.csv")
    assert rows[0]["case"] == "'=1+1<b>x"
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_simulated_data_say_so_everywhere(tmp_path, capsys):
    write_series(tmp_path / "in" / "a", range(4), **(FACTS | {"SeriesDescription": "Thorax (simulated)"}))
    found, rows, page = written(tmp_path, tmp_path / "in")
    assert found["simulated"]
    assert rows[0]["simulated"] == "SIMULATED"
    assert "<strong>SIMULATED.</strong>" in page
    assert capsys.readouterr().out.startswith("SIMULATED: ")


def test_of_many_series_the_terminal_shows_those_that_stand_out(tmp_path, capsys):
    for n in range(45):
        facts = FACTS | {"PatientID": f"P{n}", "ConvolutionKernel": "B50f" if n == 7 else "B30f"}
        write_series(tmp_path / f"s{n:02}", range(2), rows=2, columns=2, **facts)
    assert main(["study", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "≠ B50f" in shown
    assert "44 more series break nothing" in shown


def test_an_empty_folder_is_bad_data_with_what_to_give(tmp_path, capsys):
    assert main(["study", str(tmp_path)]) == 1
    assert "Give a worklist" in capsys.readouterr().err


# Finished evaluations


@pytest.fixture(scope="module")
def records(study, tmp_path_factory):
    """Folder of a record for each scan of the study, as PATIENT/DATE/record.json."""
    folder = tmp_path_factory.mktemp("records")
    for n, date in enumerate(DATES[:2]):
        one = ["--image", study / f"Smith{n}", "--candidate", study / f"Smith{n}.nii.gz", "--labels", study / "labels.json"]
        out = ["--protocol", "ct-lung-nodule", "--out", folder / "Smith-77" / date]
        assert main(["evaluate", *map(str, (*one, *out))]) == 0
    return folder


def test_records_in_folders_of_patient_and_date_are_followed(records, study, tmp_path):
    labels = ("--labels", study / "labels.json")
    found, _, _ = written(tmp_path, records, *labels)
    (course,) = found["lesions"]
    assert [(course["patient"], point["timepoint"]) for point in course["points"]] == [("Smith-77", date) for date in DATES[:2]]
    assert [point["voxels"] for point in course["points"]] == [72, 48]
    # The diameter is not in the record: it is measured on the segmentation that the record names.
    assert course["points"][0]["longest_diameter_mm"] == pytest.approx(np.hypot(6 * 0.8, 6 * 0.7))
    assert course["points"][1]["since_first"]["comparable"]


def test_the_shipped_protocol_that_records_were_judged_by_is_taken(records, tmp_path):
    found, _, _ = written(tmp_path, records)
    assert found["protocol"]["id"] == "ct-lung-nodule"


def test_a_segmentation_that_changed_since_gives_no_diameter(records, study, tmp_path):
    (tmp_path / "P" / "2026-01-05").mkdir(parents=True)
    record = json.loads((records / "Smith-77" / DATES[0] / "record.json").read_text())
    for entry in record["inputs"]:
        if entry["role"] == "candidate":
            entry["path"] = str(study / "Smith2.nii.gz")
    (tmp_path / "P" / "2026-01-05" / "record.json").write_text(json.dumps(record))
    found, _, _ = written(tmp_path, tmp_path / "P", "--labels", study / "labels.json")
    (point,) = found["lesions"][0]["points"]
    assert point["longest_diameter_mm"] is None
    assert "other voxels" in point["why_no_diameter"]
    assert point["voxels"] == 72


def test_records_of_cases_and_readers_take_patient_and_time_point_from_the_worklist(records, study, tmp_path):
    for n, date in enumerate(DATES[:2]):
        for reader in ("anna", "boris"):
            place = tmp_path / "in" / "segqc-records" / f"Smith{n}" / reader
            place.mkdir(parents=True)
            (place / "record.json").write_bytes((records / "Smith-77" / date / "record.json").read_bytes())
    worklist = ("--worklist", study / "worklist.csv")
    found, _, _ = written(tmp_path, tmp_path / "in", *worklist)
    assert len(found["series"]) == 2
    assert [one["segmentations"] for one in found["series"]] == [2, 2]
    assert sorted((course["reader"], len(course["points"])) for course in found["lesions"]) == [("anna", 2), ("boris", 2)]


def test_records_without_patient_are_told_how_to_be_followed(records, tmp_path):
    place = tmp_path / "in" / "case1"
    place.mkdir(parents=True)
    (place / "record.json").write_bytes((records / "Smith-77" / DATES[0] / "record.json").read_bytes())
    (tmp_path / "in" / "case2").mkdir()
    (tmp_path / "in" / "case2" / "record.json").write_text("{}")
    found, _, _ = written(tmp_path, tmp_path / "in")
    assert any("worklist.csv" in note for note in found["notes"])
    assert [one["case"] for one in found["series"] if one["error"]] == ["case2"]


def test_a_worklist_beside_no_records_is_refused(study, tmp_path, capsys):
    write_series(tmp_path / "a", range(4), **FACTS)
    assert main(["study", str(tmp_path), "--worklist", str(study / "worklist.csv")]) == 1
    assert "holds no record.json" in capsys.readouterr().err
