"""Exams: order, one attempt each, what a crash leaves, what was changed afterwards, and the result."""

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from phantoms import a_segmentation
from SegQCLib.errors import BadDataError
from SegQCLib.findings import Finding, Status
from SegQCLib.readers.training.course import read_course
from SegQCLib.readers.training.exam import (
    answer_case,
    attempt_facts,
    exam_folders,
    exam_result,
    read_exam,
    start_exam,
)
from SegQCLib.readers.training.score import read_references, score_attempt
from training_courses import GEOMETRY, a_case_of, a_course_file, an_image, outlines, write_course

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_course(tmp_path_factory.mktemp("course") / "boxes")


@pytest.fixture(scope="module")
def course(folder):
    return read_course(folder)


def answer(course, exam_folder, candidate=None, case_id=None, **named):
    case_id = case_id or read_exam(exam_folder).next_case
    return answer_case(course, exam_folder, case_id, candidate or outlines(), an_image(), now=NOW, **named)


def test_the_order_follows_from_the_recorded_seed(course, tmp_path):
    orders = set()
    for seed in range(8):
        exam = read_exam(start_exam(course, "R", tmp_path / str(seed), seed=seed, now=NOW))
        assert exam.seed == seed
        assert sorted(exam.order) == ["e1", "e2"]
        orders.add(exam.order)
        again = read_exam(start_exam(course, "R", tmp_path / f"again {seed}", seed=seed, now=NOW))
        assert again.order == exam.order
    assert len(orders) == 2


def test_an_exam_that_was_interrupted_goes_on_where_it_was(course, tmp_path):
    begun = start_exam(course, "R", tmp_path, now=NOW)
    first = answer(course, begun, seconds=10)
    assert start_exam(course, "R", tmp_path) == begun
    assert read_exam(begun) == first
    assert first.next_case == first.order[1]
    assert first.answers[0].score.seconds == 10


def test_each_case_has_one_attempt_in_the_order_of_the_exam(course, tmp_path):
    begun = start_exam(course, "R", tmp_path, now=NOW)
    order = read_exam(begun).order
    with pytest.raises(BadDataError, match=f"not its next case. Go on with {order[0]}"):
        answer(course, begun, case_id=order[1])
    answer(course, begun)
    with pytest.raises(BadDataError, match="one attempt"):
        answer(course, begun, case_id=order[0])
    answer(course, begun)
    with pytest.raises(BadDataError, match="Every case is done"):
        answer(course, begun, case_id=order[1])
    assert len(read_exam(begun).answers) == 2


def test_a_finished_exam_is_followed_by_another_with_the_next_number(course, tmp_path):
    begun = start_exam(course, "R", tmp_path, now=NOW)
    for _ in range(2):
        answer(course, begun)
    second = start_exam(course, "R", tmp_path, now=NOW)
    assert second != begun
    assert read_exam(second).number == 2
    assert exam_folders(course, "R", tmp_path) == (begun, second)


@pytest.mark.parametrize("reader", ["Dr. A/B", "..", "Müller, Ä.", "李 医生", "con", "a" * 300])
def test_any_reader_s_name_is_a_folder_of_the_reader_s_own(course, tmp_path, reader):
    begun = start_exam(course, reader, tmp_path, now=NOW)
    assert begun.resolve().is_relative_to((tmp_path / "training" / "boxes" / "exams").resolve())
    assert read_exam(begun).reader == reader
    assert exam_folders(course, f"{reader} 2", tmp_path) == ()


def test_names_that_differ_in_a_sign_only_are_two_readers(course, tmp_path):
    assert start_exam(course, "Dr. A/B", tmp_path) != start_exam(course, "Dr. A B", tmp_path)


@pytest.mark.parametrize("what", ["score", "order", "reader", "segmentation", "missing", "dropped"])
def test_what_was_changed_afterwards_is_told(course, tmp_path, what):
    begun = start_exam(course, "R", tmp_path, seed=1, now=NOW)
    answer(course, begun, outlines(4))
    answer(course, begun)
    path = begun / "exam.json"
    written = json.loads(path.read_text())
    if what == "score":
        written["answers"][0]["score"]["structures"][0]["dice"]["reader"] = 0.99
    elif what == "order":
        written["order"].reverse()
    elif what == "reader":
        written["reader"] = "Somebody else"
    elif what == "dropped":
        del written["answers"][0]
    else:
        segmentation = begun / written["answers"][0]["file"]
        segmentation.write_bytes(segmentation.read_bytes() + b" ") if what == "segmentation" else segmentation.unlink()
    path.write_text(json.dumps(written))
    with pytest.raises(BadDataError, match="changed"):
        read_exam(begun)


def test_the_layout_of_the_file_does_not_matter(course, tmp_path):
    begun = start_exam(course, "R", tmp_path, now=NOW)
    exam = answer(course, begun)
    path = begun / "exam.json"
    path.write_text(json.dumps(json.loads(path.read_text()), indent=None, sort_keys=True))
    assert read_exam(begun) == exam


def test_an_exam_of_a_course_that_changed_cannot_go_on_and_a_new_one_begins(folder, tmp_path):
    own = tmp_path / "boxes"
    shutil.copytree(folder, own)
    begun = start_exam(read_course(own), "R", tmp_path, now=NOW)
    (own / "atlas" / "01-liver.md").write_text("Other rules")
    course = read_course(own)
    with pytest.raises(BadDataError, match="has changed since this exam began"):
        answer(course, begun)
    assert start_exam(course, "R", tmp_path, now=NOW) != begun


def test_a_clock_set_back_changes_no_order(course, tmp_path):
    begun = start_exam(course, "R", tmp_path, now=NOW)
    answer_case(course, begun, read_exam(begun).next_case, outlines(), an_image(), now=datetime(2020, 1, 1, tzinfo=UTC))
    exam = answer(course, begun)
    assert [one.case for one in exam.answers] == list(exam.order)
    assert read_exam(begun).finished


def test_a_reader_who_draws_as_an_expert_passes(course, tmp_path):
    begun = start_exam(course, "R", tmp_path, now=NOW)
    for _ in range(2):
        exam = answer(course, begun)
    result = exam_result(course, exam)
    assert (result.passed, result.within, result.within_surface, result.judged, result.required) == (True, 6, 6, 6, 3)
    assert "passed the exam" in result.words


def test_a_reader_who_draws_far_beside_does_not(course, tmp_path):
    begun = start_exam(course, "R", tmp_path, now=NOW)
    for _ in range(2):
        exam = answer(course, begun, outlines(5))
    result = exam_result(course, exam)
    assert (result.passed, result.within) == (False, 0)
    assert "not passed yet" in result.words


def test_a_technical_error_that_the_course_names_fails_the_exam_also_as_a_warning(course, tmp_path):
    begun = start_exam(course, "R", tmp_path, now=NOW)
    for _ in range(2):
        exam = answer(course, begun)

    # The course names islands; whether one warns or fails is the check's matter, so both are put here.
    def with_finding(status, check="islands"):
        first = exam.answers[0]
        found = (Finding(check, status, "An island."),)
        return replace(exam, answers=(replace(first, score=replace(first.score, technical=found)), *exam.answers[1:]))

    assert exam_result(course, with_finding(Status.FAIL, "holes")).passed
    for status in (Status.WARN, Status.FAIL):
        result = exam_result(course, with_finding(status))
        assert not result.passed
        assert "An island." in result.words


def test_an_explicit_limit_has_to_be_reached(folder, tmp_path):
    own = tmp_path / "boxes"
    shutil.copytree(folder, own)
    limit = {"structure": "*", "dice": 0.85, "source": "study decision of this test"}
    cases = [a_case_of("e1", "exam", experts={"Expert A": 0}, limits=[limit])]
    (own / "course.json").write_text(json.dumps(a_course_file(cases=cases)))
    course = read_course(own)
    results = []
    for shift in (1, 2):  # Dice 0.9 and 0.8
        begun = start_exam(course, f"R{shift}", tmp_path, now=NOW)
        results.append(exam_result(course, answer(course, begun, outlines(shift))))
    assert [(one.passed, one.limits_met, one.limits, one.judged) for one in results] == [(True, 3, 3, 0), (False, 0, 3, 0)]


def test_the_result_of_an_exam_that_goes_on_is_misuse(course, tmp_path):
    begun = start_exam(course, "R", tmp_path, now=NOW)
    with pytest.raises(ValueError, match="0 of 2 cases are done"):
        exam_result(course, read_exam(begun))


def test_an_attempt_of_another_patient_is_refused_and_the_case_stays_open(course, tmp_path):
    begun = start_exam(course, "R", tmp_path, now=NOW)
    elsewhere = replace(outlines(), geometry=replace(GEOMETRY, origin_lps_mm=(900.0, 900.0, 900.0)))
    with pytest.raises(BadDataError, match="outside the image"):
        answer(course, begun, elsewhere)
    assert read_exam(begun).answers == ()


def test_an_empty_attempt_is_an_attempt(course, tmp_path):
    begun = start_exam(course, "R", tmp_path, now=NOW)
    exam = answer(course, begun, a_segmentation(GEOMETRY, "R"))
    assert [one.drawn for one in exam.answers[0].score.structures] == [False] * 3


def test_attempts_go_into_the_log_as_facts(course):
    case, image = course.case("p1"), an_image()
    facts = attempt_facts(score_attempt(course, case, outlines(4), image, read_references(course, case, image)))
    assert (facts["course"], facts["case"], facts["mode"], facts["passed"]) == ("boxes", "p1", "practice", None)
    # Dice 0.6, 0.7 and 0.5 with the three experts.
    assert facts["scores"]["liver dice"] == pytest.approx(0.6)
    assert json.loads(json.dumps(facts)) == facts
