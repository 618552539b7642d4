"""Courses, exams and certificates under attack: other windows, copies, forged files, what must stay hidden."""

import json
import multiprocessing
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

import SegQCLib.readers.training.exam as exams
from phantoms import a_geometry, a_segmentation, a_volume
from SegQCLib.case import Case
from SegQCLib.cli import main
from SegQCLib.dataclass_json import to_json
from SegQCLib.deidentify import deidentified_case
from SegQCLib.errors import BadDataError
from SegQCLib.protocols.sign_off import sign_protocol
from SegQCLib.pseudonyms import Pseudonyms
from SegQCLib.readers.training.atlas_pictures import render_pictures
from SegQCLib.readers.training.certificate import (
    certificate_sha256,
    issue_certificate,
    months_later,
    read_certificate,
    write_certificate,
)
from SegQCLib.readers.training.course import read_course
from SegQCLib.readers.training.course_check import course_faults
from SegQCLib.readers.training.exam import answer_case, exam_folders, read_exam, start_exam
from SegQCLib.readers.training.standing import TrainingStanding, TrainingState, training_standing
from SegQCLib.segmentation_file import write_segmentation
from training_courses import a_case_of, a_course_file, an_image, outlines, write_course

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_course(tmp_path_factory.mktemp("course") / "boxes")


@pytest.fixture(scope="module")
def course(folder):
    return read_course(folder)


@pytest.fixture(scope="module")
def passed(course, tmp_path_factory):
    """Return the folder of a passed exam."""
    begun = start_exam(course, "R", tmp_path_factory.mktemp("records"), now=NOW)
    while (case := read_exam(begun).next_case) is not None:
        answer_case(course, begun, case, outlines(), an_image(), now=NOW)
    return begun


def sealed_anew(exam):
    """Return a forged exam with all seals as they would have to be."""
    previous, answers = exams._beginning_sha256(exam), []
    for answer in exam.answers:
        changed = replace(answer, previous_sha256=previous)
        answers.append(replace(changed, sha256=exams._answer_sha256(changed)))
        previous = answers[-1].sha256
    return replace(exam, answers=tuple(answers))


# Two windows at once


def test_the_answer_of_a_second_window_is_not_taken_over_the_first_one_s(course, tmp_path):
    begun = start_exam(course, "R", tmp_path, now=NOW)
    case = read_exam(begun).next_case
    done = []

    def meanwhile(_words, _share):
        if not done:
            done.append(answer_case(course, begun, case, outlines(1), an_image(), now=NOW))

    with pytest.raises(BadDataError, match="another window"):
        answer_case(course, begun, case, outlines(5), an_image(), now=NOW, progress=meanwhile)
    assert read_exam(begun) == done[0]


def test_no_answer_is_lost_where_another_window_finishes_the_exam(course, tmp_path):
    begun = start_exam(course, "R", tmp_path, now=NOW)
    first, second = read_exam(begun).order

    def meanwhile(_words, _share):
        if not read_exam(begun).answers:
            for case in (first, second):
                answer_case(course, begun, case, outlines(), an_image(), now=NOW)

    with pytest.raises(BadDataError, match="another window"):
        answer_case(course, begun, first, outlines(5), an_image(), now=NOW, progress=meanwhile)
    assert read_exam(begun).finished


def _start(folder, records, names):
    names.put(start_exam(read_course(folder), "R", records).name)


def test_windows_that_begin_at_once_begin_one_exam(folder, course, tmp_path):
    context = multiprocessing.get_context("spawn")
    names = context.Queue()
    processes = [context.Process(target=_start, args=(folder, tmp_path, names)) for _ in range(3)]
    for process in processes:
        process.start()
    begun = {names.get(timeout=60) for _ in processes}
    for process in processes:
        process.join()
    assert begun == {"exam-01"}
    assert [one.name for one in exam_folders(course, "R", tmp_path)] == ["exam-01"]


# Folders that somebody copied or changed


@pytest.mark.parametrize("copy", ["exam-01 (copy)", "exam-old", "exam-1e3", "exam--1"])
def test_a_copy_of_an_exam_s_folder_is_no_exam(course, passed, tmp_path, copy):
    records = tmp_path / "records"
    shutil.copytree(passed, records / "training" / "boxes" / "exams" / "R" / copy)
    assert exam_folders(course, "R", records) == ()
    assert start_exam(course, "R", records).name == "exam-01"


def test_a_course_that_changes_while_it_is_open_takes_no_more_answers(folder, tmp_path):
    own = shutil.copytree(folder, tmp_path / "own")
    course = read_course(own)
    begun = start_exam(course, "R", tmp_path / "records", now=NOW)
    case = read_exam(begun).next_case
    write_segmentation(own / "cases" / case / "Expert A.seg.nrrd", outlines(7))
    with pytest.raises(BadDataError, match="has changed since this exam began"):
        answer_case(course, begun, case, outlines(), an_image(), now=NOW)
    (own / "cases" / case / "Expert A.seg.nrrd").unlink()
    with pytest.raises(BadDataError, match="belongs to the course boxes"):
        answer_case(course, begun, case, outlines(), an_image(), now=NOW)
    assert not read_exam(begun).answers


@pytest.mark.parametrize(
    ("forge", "words"),
    [
        (lambda exam: replace(exam, order=(), answers=()), "not of all exam cases"),
        (lambda exam: replace(exam, order=exam.order[:1], answers=exam.answers[:1]), "not of all exam cases"),
        (
            lambda exam: replace(
                exam, answers=tuple(replace(one, score=replace(one.score, structures=())) for one in exam.answers)
            ),
            "not of all exam cases",
        ),
        (lambda exam: replace(exam, answers=tuple(replace(one, answered="today") for one in exam.answers)), "ISO 8601"),
        (
            lambda exam: replace(exam, answers=tuple(replace(one, file="x" * 5000) for one in exam.answers)),
            "missing or was changed",
        ),
        (lambda exam: replace(exam, answers=tuple(replace(one, file="a\0b") for one in exam.answers)), "missing or was changed"),
    ],
)
def test_forged_exams_give_no_certificate_and_no_crash(course, passed, tmp_path, forge, words):
    own = shutil.copytree(passed, tmp_path / "exam-01")
    (own / "exam.json").write_text(to_json(sealed_anew(forge(read_exam(own)))))
    with pytest.raises(BadDataError, match=words):
        issue_certificate(course, read_exam(own))


# Certificates


def test_no_changed_byte_of_a_certificate_changes_what_it_says(course, passed, tmp_path):
    path, _ = write_certificate(issue_certificate(course, read_exam(passed)), tmp_path)
    certificate, content = read_certificate(path), path.read_bytes()
    for at in range(0, len(content), 7):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        try:
            assert read_certificate(path) == certificate
        except BadDataError:
            continue


@pytest.mark.parametrize(
    ("changes", "state"),
    [({"issued": "9999-12-31T23:00:00+00:00"}, "not_yet_valid"), ({"drift_reads": 0}, "altered")],
)
def test_a_certificate_with_impossible_numbers_is_no_crash(course, passed, tmp_path, changes, state):
    path, _ = write_certificate(issue_certificate(course, read_exam(passed)), tmp_path)
    changed = replace(read_certificate(path), **changes)
    path.write_text(to_json(replace(changed, sha256=certificate_sha256(changed))))
    assert training_standing(course.protocol, "R", tmp_path, now=NOW + timedelta(days=1)).state == state


def test_a_certificate_of_a_clock_at_the_end_of_time_ends_with_it():
    day = datetime.max.date()
    assert months_later(day, 12) == day


def test_names_are_text_on_the_certificate_s_page(folder, tmp_path):
    own = shutil.copytree(folder, tmp_path / "own")
    (own / "course.json").write_text(json.dumps(a_course_file(title="<script>alert(1)</script>")))
    course, reader = read_course(own), '"><img src=x onerror=alert(1)>/../../..'
    begun = start_exam(course, reader, tmp_path / "records", now=NOW)
    while (case := read_exam(begun).next_case) is not None:
        answer_case(course, begun, case, outlines(), an_image(), now=NOW)
    path, page = write_certificate(issue_certificate(course, read_exam(begun)), tmp_path / "certificates")
    assert path.parent == tmp_path / "certificates"
    text = page.read_text(encoding="utf-8")
    assert "<script>alert" not in text
    assert "<img src=x" not in text


# What must stay hidden until the exam's end


def test_mark_tells_nothing_about_exam_cases(folder, tmp_path, capsys):
    write_segmentation(tmp_path / "attempt.seg.nrrd", outlines())
    asked = ["training", "mark", str(folder), "--case", "e1", "--candidate", str(tmp_path / "attempt.seg.nrrd")]
    assert main([*asked, "--error-map", str(tmp_path / "map.seg.nrrd"), "--json", "-"]) == 1
    told = capsys.readouterr()
    assert "end of the exam" in told.err
    assert told.out == ""
    assert not (tmp_path / "map.seg.nrrd").exists()


@pytest.mark.parametrize("where", ["references", "draft"])
def test_an_exam_s_outline_is_no_practice_reference_and_no_draft(folder, tmp_path, where):
    own = shutil.copytree(folder, tmp_path / "own")
    shown = "./cases/e1/Expert A.seg.nrrd"
    practice = a_case_of("p1", "practice")
    if where == "draft":
        practice["draft"] = shown
    else:
        practice["references"][1]["file"] = shown
    file = a_course_file(cases=[practice, a_case_of("e1", "exam"), a_case_of("e2", "exam")])
    (own / "course.json").write_text(json.dumps(file))
    assert any("shows the liver of the exam case e1 before the exam" in fault for fault in course_faults(own))


def test_an_atlas_picture_of_an_exam_outline_is_refused(folder, tmp_path):
    own = shutil.copytree(folder, tmp_path / "own")
    recipe = {"file": "atlas/x.png", "title": "x", "image": "cases/e1/image.nii.gz", "structure": "liver"}
    recipe["segmentation"] = "cases/e1//Expert A.seg.nrrd"
    recipes = {"schema": "segqc-course-pictures", "schema_version": "1.0", "protocol": "protocol.json", "pictures": [recipe]}
    (own / "pictures.json").write_text(json.dumps(recipes))
    with pytest.raises(BadDataError, match="exam case"):
        render_pictures(own)
    assert not (own / "atlas" / "x.png").exists()


def test_atlas_pictures_and_what_they_name_stay_in_the_course_s_folder(folder, tmp_path):
    own = shutil.copytree(folder, tmp_path / "own")
    (tmp_path / "elsewhere").mkdir()
    (own / "link").symlink_to(tmp_path / "elsewhere")
    recipe = {"file": "link/x.png", "title": "x", "image": "cases/p1/image.nii.gz", "structure": "liver"}
    recipe["segmentation"] = "cases/p1/Expert A.seg.nrrd"
    recipes = {"schema": "segqc-course-pictures", "schema_version": "1.0", "protocol": "protocol.json", "pictures": [recipe]}
    for changes in ({}, {"protocol": str(folder / "protocol.json")}):
        (own / "pictures.json").write_text(json.dumps(recipes | changes))
        with pytest.raises(BadDataError, match="course folder"):
            render_pictures(own)
    assert not list((tmp_path / "elsewhere").iterdir())


def test_voxels_that_the_hash_would_not_see_are_a_fault(folder, tmp_path):
    own = shutil.copytree(folder, tmp_path / "own")
    reference = own / "cases" / "e1" / "Expert A.seg.nrrd"
    header, _, voxels = reference.read_bytes().partition(b"\n\n")
    (tmp_path / "voxels.raw").write_bytes(voxels)
    reference.write_bytes(header + b"\ndata file: ../../../voxels.raw\n\n")
    (fault,) = course_faults(own)
    assert "keeps its voxels in another file" in fault


# Privacy


def test_a_deidentified_report_has_neither_the_exam_s_day_nor_the_centre_s_course(folder, tmp_path, capsys):
    own = shutil.copytree(folder, tmp_path / "own")
    (own / "course.json").write_text(json.dumps(a_course_file(title="Course of St Elsewhere")))
    course = read_course(own)
    begun = start_exam(course, "Reader Muster", tmp_path / "records", now=NOW)
    while (case := read_exam(begun).next_case) is not None:
        answer_case(course, begun, case, outlines(), an_image(), now=NOW)
    write_certificate(issue_certificate(course, read_exam(begun)), tmp_path / "certificates")
    for role, name in (("author", "Ada Signer"), ("responsible radiologist", "Ben Signer")):
        sign_protocol(own / "protocol.json", role, name)
    write_segmentation(tmp_path / "Reader Muster.seg.nrrd", outlines(name="Reader Muster"))
    asked = ["evaluate", "--image", str(own / "cases" / "p1" / "image.nii.gz"), "--protocol", str(own / "protocol.json")]
    asked += ["--candidate", str(tmp_path / "Reader Muster.seg.nrrd"), "--reader", "Reader Muster"]
    asked += ["--certificates", str(tmp_path / "certificates"), "--out", str(tmp_path / "out")]
    findings = {}
    for options in ([], ["--deidentify"]):
        assert main([*asked, *options]) == 0
        record = json.loads((tmp_path / "out" / "record.json").read_text(encoding="utf-8"))
        (finding,) = [one for one in record["findings"] if one["check"] == "reader_training"]
        findings[bool(options)] = finding
    assert "St Elsewhere" in findings[False]["message"]
    assert findings[True]["status"] == findings[False]["status"], findings
    assert findings[True]["measured"] == findings[False]["measured"]
    hidden = ("Muster", "Signer", "Elsewhere", NOW.date().isoformat(), months_later(NOW.date(), 12).isoformat(), str(tmp_path))
    for file in (tmp_path / "out").iterdir():
        text = file.read_text(encoding="utf-8", errors="replace")
        assert [word for word in hidden if word in text] == [], file.name
    capsys.readouterr()


@pytest.mark.parametrize("state", get_args(TrainingState))
def test_every_standing_has_words_without_dates(state):
    geometry = a_geometry()
    standing = TrainingStanding(
        "R", "boxes", state, "Passed on 2026-11-22.", refresh_due=True, refresh_words="Due since 2026-11-21."
    )
    case = Case(a_volume(geometry), a_segmentation(geometry, liver=None), reader_training=standing)
    after = deidentified_case(case, None, Pseudonyms(b"a secret of this test, 32 bytes.")).reader_training
    assert (after.state, after.holds, after.refresh_due) == (state, standing.holds, True)
    assert "2026" not in f"{after.words}{after.refresh_words}"
