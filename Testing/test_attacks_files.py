"""Files and names that are none, given to the commands for courses, checklists, protocols, studies and image quality."""

import csv
import io
import json
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from phantoms import a_geometry, a_segmentation, a_volume
from SegQCLib.acquisition import HU, Acquisition
from SegQCLib.case import Case
from SegQCLib.checklists.checklist import load_checklist
from SegQCLib.checklists.kept_answers import keep_answer, kept_answers
from SegQCLib.cli import main
from SegQCLib.evaluate import evaluate
from SegQCLib.figure_svg import figure_svg, new_figure
from SegQCLib.file_name import file_name
from SegQCLib.protocol import load_protocol
from SegQCLib.segmentation_file import write_segmentation
from training_courses import outlines, write_course


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    folder = write_course(tmp_path_factory.mktemp("course") / "boxes")
    write_segmentation(folder.parent / "attempt.seg.nrrd", outlines())
    return folder


@pytest.fixture(scope="module")
def record_text():
    geometry = a_geometry(size=(6, 20, 20))
    case = Case(a_volume(geometry), a_segmentation(geometry, liver=((1, 5), (4, 16), (4, 16))))
    return evaluate(case, load_protocol("ct-abdomen-portal-venous")).to_json()


def commands(bad, course, out):
    attempt = str(course.parent / "attempt.seg.nrrd")
    fill = ["checklist", "fill", "--checklist", "claim-2024", "--out", str(out / "checklist")]
    return [
        ["training", "validate", bad],
        ["training", "render", bad],
        ["training", "mark", str(course), "--case", "p1", "--candidate", bad],
        ["training", "mark", str(course), "--case", "p1", "--candidate", attempt, "--labels", bad],
        ["training", "certificate", "verify", bad],
        ["training", "certificate", "issue", str(course), "--exam", bad, "--out", str(out / "certificates")],
        ["training", "standing", "--reader", "R", "--protocol", str(course / "protocol.json"), "--certificates", bad],
        *([*fill, option, bad] for option in ("--records", "--agreement", "--dataset", "--study", "--quality", "--protocol")),
        ["checklist", "export", bad, "--out", str(out / "export")],
        ["checklist", "show", bad],
        ["protocol", "diff", bad, "ct-lung-nodule"],
        ["protocol", "sign", bad, "--role", "author", "--name", "R"],
        ["protocol", "verify", bad],
        ["protocol", "sop", "ct-lung-nodule", "--course", bad, "--out", str(out / "sop.html")],
        ["protocol", "from-cases", bad, "--id", "x", "--title", "t", "--out", str(out / "p.json")],
        ["study", bad],
        ["quality", "study", bad],
        ["quality", "measure", "--image", bad, "--segmentation", bad],
    ]


@pytest.mark.parametrize("kind", ["missing", "too long", "nested", "random", "null", "latin"])
def test_what_is_no_file_of_segqc_ends_with_one_sentence(course, tmp_path, kind, capsys):
    content = {"nested": b"[" * 100_000, "random": bytes(range(256)) * 4, "null": b"null", "latin": b'{"schema": "\xff"}'}
    bad = tmp_path / ("x" * 400 if kind == "too long" else "bad.json")
    if kind in content:
        bad.write_bytes(content[kind])
    for command in commands(str(bad), course, tmp_path):
        assert main(command) == 1, command
        told = capsys.readouterr()
        assert told.err.startswith("segqc: ") or command[:2] == ["training", "validate"], command
    assert not (tmp_path / "p.json").exists()


def test_a_path_and_a_reader_need_not_be_unicode(course, tmp_path, capsys):
    name = os.fsdecode(b"\xff\xfe")
    assert main(["training", "validate", str(tmp_path / name)]) == 1
    asked = ["--protocol", str(course / "protocol.json"), "--certificates", str(tmp_path)]
    assert main(["training", "standing", "--reader", name, *asked]) == 0
    assert "missing" in capsys.readouterr().out
    assert file_name(name) != file_name(os.fsdecode(b"\xff\xfd"))


def test_a_broken_record_among_good_ones_is_told_and_the_others_count(record_text, tmp_path, capsys):
    broken = {"cut": record_text[:500].encode(), "nested": b"[" * 200_000, "binary": b"\xff\x00", "other": b'{"schema": "other"}'}
    for name in ("a", "b", *broken):
        (tmp_path / "records" / name).mkdir(parents=True)
        (tmp_path / "records" / name / "record.json").write_bytes(broken.get(name, record_text.encode()))
    records = str(tmp_path / "records")
    assert main(["checklist", "fill", "--checklist", "claim-2024", "--records", records, "--out", str(tmp_path / "c")]) == 0
    told = capsys.readouterr().err
    assert "4 files named record.json could not be read" in told
    filled = json.loads((tmp_path / "c" / "checklist.json").read_text(encoding="utf-8"))
    assert "2 records of evaluated cases." in filled["read"]
    assert main(["study", records, "--json", str(tmp_path / "study.json")]) == 0
    study = json.loads((tmp_path / "study.json").read_text(encoding="utf-8"))
    assert len([one for one in study["series"] if one["error"]]) == 4
    assert main(["quality", "study", records, "--json", str(tmp_path / "quality.json")]) == 0
    assert capsys.readouterr().err.count("is not a record") == 4
    assert json.loads((tmp_path / "quality.json").read_text(encoding="utf-8"))["cases"] == 2


def _answer(path, number):
    checklist = load_checklist("claim-2024")
    question = list(checklist.questions().values())[number]
    value = question.choices[0] if question.choices else "1"
    keep_answer(path, checklist.questions(), question, value, f"Author {number}")


def test_answers_that_several_people_give_at_once_are_all_kept(tmp_path):
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(partial(_answer, tmp_path / "answers.json"), range(12)))
    assert len(kept_answers(tmp_path / "answers.json", load_checklist("claim-2024").questions()).answers) == 12


def test_another_author_s_answers_outlive_a_session_at_the_terminal(record_text, tmp_path, monkeypatch, capsys):
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "record.json").write_text(record_text)
    out = tmp_path / "out"
    assert main(["checklist", "fill", "--checklist", "claim-2024", "--records", str(tmp_path / "records"), "--out", str(out)]) == 0
    last = len(load_checklist("claim-2024").questions()) - 1

    class AnotherAuthorIsFaster(io.StringIO):
        def readline(self, *arguments):
            _answer(out / "answers.json", last)
            return super().readline(*arguments)

    monkeypatch.setattr("sys.stdin", AnotherAuthorIsFaster("na: not a trial\nq\n"))
    assert main(["checklist", "answer", str(out / "checklist.json"), "--who", "First Author"]) == 0
    kept = json.loads((out / "answers.json").read_text(encoding="utf-8"))["answers"]
    assert {one["who"] for one in kept if one["value"]} == {"First Author", f"Author {last}"}
    capsys.readouterr()


def test_formulas_and_markup_in_answers_stay_text(record_text, tmp_path, capsys):
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "record.json").write_text(record_text)
    out, checklist = tmp_path / "out", load_checklist("claim-2024")
    question = next(one for one in checklist.questions().values() if one.kind == "text")
    out.mkdir()
    keep_answer(out / "answers.json", checklist.questions(), question, "=cmd|' /C calc'!A0 <script>alert(1)</script>", "A")
    asked = ["checklist", "fill", "--checklist", "claim-2024", "--records", str(tmp_path / "records"), "--out", str(out)]
    assert main([*asked, "--answers", str(out / "answers.json")]) == 0
    assert "<script>alert" not in (out / "checklist.html").read_text(encoding="utf-8")
    with (out / "checklist.csv").open(encoding="utf-8-sig", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert any("calc" in cell for cell in cells)
    assert not any(cell.startswith(("=", "+", "@", "\t", "\r")) for cell in cells)
    capsys.readouterr()


def test_an_input_without_a_role_is_no_reference_and_no_crash(record_text, tmp_path, capsys):
    record = json.loads(record_text)
    record["inputs"][0]["role"] = ""
    (tmp_path / "record.json").write_text(json.dumps(record))
    assert main(["checklist", "fill", "--checklist", "claim-2024", "--records", str(tmp_path), "--out", str(tmp_path / "c")]) == 0
    capsys.readouterr()


@pytest.mark.parametrize(
    ("key", "value"),
    [("size", [-1, 20, 20]), ("size", [1e300, 20, 20]), ("spacing_mm", [0, 1, 1]), ("axes_lps", [[0, 0, 1], [0, 0, 1], [1, 0, 0]])],
)
def test_a_record_with_an_impossible_grid_is_told_and_the_others_count(record_text, tmp_path, key, value, capsys):
    record = json.loads(record_text)
    record["case"]["geometry"][key] = value
    for name, text in (("good", record_text), ("bad", json.dumps(record))):
        (tmp_path / "records" / name).mkdir(parents=True)
        (tmp_path / "records" / name / "record.json").write_text(text)
    assert main(["study", str(tmp_path / "records"), "--json", str(tmp_path / "study.json")]) == 0
    errors = {one["case"]: one["error"] for one in json.loads((tmp_path / "study.json").read_text(encoding="utf-8"))["series"]}
    assert errors["good"] is None
    assert f"case.geometry.{key}" in errors["bad"]
    capsys.readouterr()


def test_folders_whose_names_are_no_unicode_are_followed_over_time(tmp_path, capsys):
    geometry, protocol = a_geometry(size=(6, 20, 20)), load_protocol("ct-lung-nodule")
    for number in range(2):
        nodule = a_segmentation(geometry, lung_nodule=((2, 4), (4, 10 + number), (4, 10)))
        acquisition = Acquisition(modality="CT", value_unit=HU, series_instance_uid=f"1.2.{number}")
        place = tmp_path / "records" / os.fsdecode(b"M\xfcller") / f"202{number}-01-01"
        place.mkdir(parents=True)
        record = evaluate(Case(a_volume(geometry, acquisition), nodule), protocol)
        (place / "record.json").write_text(record.to_json(), encoding="utf-8")
    asked = ["study", str(tmp_path / "records"), "--json", str(tmp_path / "study.json"), "--html", str(tmp_path / "study.html")]
    assert main(asked) == 0
    assert "ller" in (tmp_path / "study.html").read_text(encoding="utf-8")
    capsys.readouterr()


@pytest.mark.parametrize("name", [os.fsdecode(b"M\xfcller"), "\ud800 lesion"])
def test_names_that_are_no_unicode_can_be_drawn(name):
    figure = new_figure(2, 2)
    axes = figure.add_axes((0.2, 0.2, 0.6, 0.6))
    axes.plot([0, 1], [0, 1], label=name)
    axes.legend()
    axes.set_title(name)
    svg = figure_svg(figure)
    assert svg.count(name.encode("utf-8", "replace").decode()) >= 2
