"""Course folders: reading, every fault, the skeleton, and the command line."""

import json
import shutil
from dataclasses import replace

import pytest

from phantoms import a_geometry
from SegQCLib.cli import main
from SegQCLib.errors import BadDataError
from SegQCLib.readers.training.course import is_course, read_course, shipped_courses
from SegQCLib.readers.training.course_check import course_faults, course_remarks
from SegQCLib.readers.training.course_file import course_schema
from SegQCLib.resources import resource
from SegQCLib.segmentation_file import write_segmentation
from training_courses import EXPERTS, a_case_of, a_course_file, a_protocol_file, outlines, write_case, write_course


@pytest.fixture
def folder(tmp_path):
    return write_course(tmp_path / "boxes")


def changed(folder, **changes):
    (folder / "course.json").write_text(json.dumps(a_course_file(**changes)))
    return folder


def the_fault(folder):
    (fault,) = course_faults(folder)
    return fault


def test_a_good_course_has_no_fault_and_is_read(folder):
    assert course_faults(folder) == ()
    course = read_course(folder)
    assert is_course(folder)
    assert [case.id for case in course.file.cases_of("exam")] == ["e1", "e2"]
    assert course.protocol.protocol.id == "boxes-protocol"
    assert course.file.anything_simulated


def test_the_shipped_schema_is_that_of_the_code():
    shipped = resource("Schemas/course.schema.json").read_text(encoding="utf-8")
    assert shipped == json.dumps(course_schema(), indent=2, ensure_ascii=False) + "\n"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"id": "Boxes 1"}, "lower-case letters"),
        ({"valid_months": 0}, "not from 1 to 120"),
        ({"unknown": 1}, "unknown key"),
        ({"protocol": "no-such-protocol"}, "does not exist; nor is it one of the shipped protocols"),
        ({"pass_rule": {"source": ""}}, "say who decided on the rule"),
        ({"pass_rule": {"source": "study", "failing_checks": ["island"]}}, "'island' is no check"),
        ({"refresh": {"after_months": 24}}, "later than valid_months"),
        ({"cases": [a_case_of("p1", "practice")]}, "no exam case"),
        ({"cases": [a_case_of("e1", "exam", structures=["liver"])]}, "too few structures"),
        ({"cases": [a_case_of("e1", "exam", structures=["liver", "heart", "spleen"])]}, "'heart' is no structure of the protocol"),
        ({"cases": [a_case_of("e1", "exam"), a_case_of("E1", "practice")]}, "given 2 times"),
        ({"cases": [a_case_of("e1", "exam", image="/etc/passwd")]}, "not a path within the course folder"),
        ({"cases": [a_case_of("e1", "exam", image="cases/../../secret.nii.gz")]}, "not a path within the course folder"),
        ({"cases": [a_case_of("e1", "exam", image="C:\\image.nii")]}, "not a path within the course folder"),
        ({"cases": [a_case_of("e1", "exam", image="cases/e9/image.nii.gz")]}, "does not exist"),
        ({"cases": [a_case_of("e1", "exam", labels="no-table.json")]}, "labels: 'no-table.json' does not exist"),
        (
            {"cases": [a_case_of("e1", "exam", draft="cases/e1/Expert A.seg.nrrd")]},
            "draft that a reader begins with is not the truth",
        ),
    ],
)
def test_each_fault_of_a_course_file_is_told(folder, changes, words):
    faults = course_faults(changed(folder, **changes))
    assert any(words in fault for fault in faults), faults
    with pytest.raises(BadDataError, match="not a usable course"):
        read_course(folder)


def test_all_faults_are_told_at_once(folder):
    page = {"structure": "heart", "title": "Heart", "include": [], "exclude": [], "pictures": [{"file": "x.png", "caption": " "}]}
    cases = [a_case_of("e1", "exam", image="a.nii"), a_case_of("e2", "exam", image="b.nii")]
    assert "caption" in the_fault(changed(folder, pages=[page], cases=cases))
    page["pictures"][0]["caption"] = "The heart"
    faults = course_faults(changed(folder, pages=[page], cases=cases))
    assert len(faults) == 5  # picture, structure of the page, rules of the page, two images


def test_an_exam_with_one_expert_needs_a_limit_with_a_source(folder):
    one = {"Expert A": 0}
    cases = [a_case_of("e1", "exam", experts=one)]
    faults = course_faults(changed(folder, cases=cases))
    assert sum("one expert only" in fault for fault in faults) == 3
    limit = {"structure": "*", "dice": 0.8, "source": "study decision of this test"}
    assert course_faults(changed(folder, cases=[a_case_of("e1", "exam", experts=one, limits=[limit])])) == ()
    limit["source"] = " "
    assert "say who set this limit" in the_fault(changed(folder, cases=[a_case_of("e1", "exam", experts=one, limits=[limit])]))


def test_a_practice_case_may_have_one_expert(folder):
    cases = [a_case_of("p1", "practice", experts={"Expert A": 0}), a_case_of("e1", "exam")]
    assert course_faults(changed(folder, cases=cases)) == ()


def test_a_link_that_leads_out_of_the_folder_is_refused(folder, tmp_path):
    write_case(tmp_path / "elsewhere")
    shutil.rmtree(folder / "cases" / "e1")
    (folder / "cases" / "e1").symlink_to(tmp_path / "elsewhere")
    faults = course_faults(folder)
    assert len(faults) == 1 + len(EXPERTS)
    assert all("link that leads out" in fault for fault in faults)


def test_a_link_in_a_circle_is_a_fault_and_no_crash(folder):
    (folder / "cases" / "e1" / "image.nii.gz").unlink()
    (folder / "cases" / "e1" / "image.nii.gz").symlink_to("image.nii.gz")
    assert "image.nii.gz" in the_fault(folder)


def test_an_outline_on_another_grid_is_a_fault(folder):
    moved = replace(outlines(), geometry=a_geometry(size=(12, 30, 40), spacing_mm=(2.0, 1.1, 1.0)))
    write_segmentation(folder / "cases" / "e1" / "Expert B.seg.nrrd", moved)
    assert the_fault(folder).startswith("e1, Expert B: is on another grid")


def test_an_expert_without_a_structure_is_a_fault(folder):
    write_segmentation(folder / "cases" / "e2" / "Expert C.seg.nrrd", outlines(structures=("liver", "spleen")))
    assert the_fault(folder).startswith("e2, Expert C: has no segment pancreas")


def test_a_damaged_image_is_a_fault(folder):
    path = folder / "cases" / "e2" / "image.nii.gz"
    path.write_bytes(path.read_bytes()[:200])
    assert the_fault(folder).startswith("e2: ")


def test_a_copy_of_an_expert_is_no_draft(folder):
    write_segmentation(folder / "draft.seg.nrrd", outlines(EXPERTS["Expert B"]))
    cases = [a_case_of("e1", "exam", draft="draft.seg.nrrd")]
    assert "outline of Expert B, voxel by voxel" in the_fault(changed(folder, cases=cases))
    write_segmentation(folder / "draft.seg.nrrd", outlines(3))
    assert course_faults(folder) == ()


def test_the_hash_follows_the_content_and_not_other_files(folder):
    before = read_course(folder).sha256
    (folder / "notes.txt").write_text("not named in course.json")
    assert read_course(folder).sha256 == before
    (folder / "atlas" / "01-liver.md").write_text("# Liver, other rules\n")
    assert read_course(folder).sha256 != before


def test_remarks_say_how_sharp_the_exam_is(folder):
    remarks = " ".join(course_remarks(read_course(folder)))
    # Six structures of three experts: at least 3 are within with probability 0.9624, at least 4 with 0.8306.
    assert "asks for 3 of 6 structures" in remarks
    assert "pancreas is asked for in a case and has no page" in remarks


def test_no_course_is_told(tmp_path):
    with pytest.raises(BadDataError, match=r"course\.json cannot be read"):
        read_course(tmp_path)
    assert not is_course(tmp_path)
    assert len(course_faults(tmp_path)) == 1


def test_shipped_courses_are_those_made_on_this_computer(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("SEGQC_CACHE", str(tmp_path))
    assert shipped_courses() == {}
    shutil.copytree(folder, tmp_path / "courses" / "boxes-1.0.0")
    shutil.copytree(folder, tmp_path / "courses" / ".boxes-1.0.0.half-made")
    assert shipped_courses() == {"boxes-1.0.0": tmp_path / "courses" / "boxes-1.0.0"}


def test_a_new_course_lists_what_is_to_do(tmp_path, capsys):
    folder = tmp_path / "My course"
    assert main(["training", "new", str(folder), "--protocol", "ct-lung-nodule"]) == 0
    told = capsys.readouterr().out
    assert "course.json: title" in told
    assert "cases/exam-1/image.nii.gz" in told
    written = json.loads((folder / "course.json").read_text())
    assert (written["id"], written["protocol"]) == ("my-course", "ct-lung-nodule")
    assert all((folder / page["file"]).is_file() for page in written["pages"])
    assert main(["training", "new", str(folder), "--protocol", "ct-lung-nodule"]) == 1
    assert "not empty" in capsys.readouterr().err


def test_a_new_course_carries_a_protocol_that_is_not_shipped(tmp_path):
    (tmp_path / "own.json").write_text(json.dumps(a_protocol_file()))
    assert main(["training", "new", str(tmp_path / "c"), "--protocol", str(tmp_path / "own.json")]) == 0
    assert json.loads((tmp_path / "c" / "protocol.json").read_text())["id"] == "boxes-protocol"


def test_validate_says_usable_or_lists_the_faults(folder, capsys):
    assert main(["training", "validate", str(folder)]) == 0
    assert "a usable course, boxes 1.0.0" in capsys.readouterr().out
    (folder / "cases" / "e1" / "Expert A.seg.nrrd").unlink()
    assert main(["training", "validate", str(folder)]) == 1
    assert "cases[1].references[0].file" in capsys.readouterr().out


def test_mark_scores_and_writes_the_error_map(folder, tmp_path, capsys):
    write_segmentation(tmp_path / "attempt.seg.nrrd", outlines(4))
    asked = ["training", "mark", str(folder), "--case", "p1", "--candidate", str(tmp_path / "attempt.seg.nrrd")]
    assert main([*asked, "--error-map", str(tmp_path / "errors.seg.nrrd")]) == 0
    told = capsys.readouterr().out
    assert "Expert A: Dice 0.600" in told
    assert "Look first at:" in told
    assert (tmp_path / "errors.seg.nrrd").is_file()
    assert main([*asked, "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["structures"][0]["against"][0]["dice"] == pytest.approx(0.6)
    assert main(["training", "mark", str(folder), "--case", "p9", "--candidate", str(tmp_path / "attempt.seg.nrrd")]) == 1
    assert "has no case 'p9'" in capsys.readouterr().err


def test_what_was_drawn_for_the_course_is_marked_and_scored_and_that_of_another_one_is_not(folder, tmp_path, capsys):
    def marked(course_id):
        drawn = outlines()
        return drawn.with_segments(tuple(replace(segment, training_set=course_id) for segment in drawn.segments))

    asked = ["training", "mark", str(folder), "--case", "p1", "--candidate", str(tmp_path / "attempt.seg.nrrd")]
    write_segmentation(tmp_path / "attempt.seg.nrrd", marked("boxes"))
    assert main(asked) == 0
    write_segmentation(tmp_path / "attempt.seg.nrrd", marked("another-course"))
    assert main(asked) == 1
    assert "made for a training set" in capsys.readouterr().err
