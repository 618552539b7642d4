"""Practice without a window: a case as it is opened, attempts that are kept, and a page of the atlas."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from SegQCLib.case_files import CandidateOrigin
from SegQCLib.readers.training.atlas_page import about_html, page_html, repeats_rules
from SegQCLib.readers.training.attempt_time import active_seconds
from SegQCLib.readers.training.course import read_course
from SegQCLib.readers.training.open_training_case import open_training_case
from SegQCLib.readers.training.practice import ATTEMPTS, attempts_folder, keep_attempt, practice_attempts, practice_folder
from SegQCLib.readers.training.scored_attempt import scored_attempt
from SegQCLib.segmentation_file import write_segmentation
from training_courses import a_course_file, an_image, outlines, write_course

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_course(tmp_path_factory.mktemp("course") / "boxes")


@pytest.fixture(scope="module")
def course(folder):
    return read_course(folder)


@pytest.fixture(scope="module")
def scored(course):
    # Two columns of ten beside Expert A, one beside B, three beside C.
    return scored_attempt(course, course.case("p1"), lambda: (outlines(shift=2), an_image()))


def opened(course, tmp_path, case_id="p1"):
    return open_training_case(course, course.case(case_id), f"boxes {case_id}", practice_folder(course, tmp_path), "Ada")


def test_a_case_opens_empty_with_a_coded_segment_for_each_structure_and_no_expert(course, tmp_path):
    case = opened(course, tmp_path)
    assert case.origin is CandidateOrigin.EMPTY
    assert [(segment.name, segment.terminology is not None) for segment in case.candidate.segments] == [
        ("liver", True),
        ("spleen", True),
        ("pancreas", True),
    ]
    assert (case.reference, case.draft) == (None, None)
    assert not any(layer.any() for layer in case.candidate.layers)


def test_what_is_drawn_on_a_case_can_be_used_for_nothing_but_this_course(course, tmp_path):
    assert opened(course, tmp_path).image.training_set == "boxes"


def test_with_a_starting_draft_the_segmentation_still_begins_empty(tmp_path):
    folder = write_course(tmp_path / "drafted")
    write_segmentation(folder / "draft.seg.nrrd", outlines(shift=3))
    cases = [{**one, "draft": "draft.seg.nrrd"} for one in a_course_file()["cases"]]
    (folder / "course.json").write_text(json.dumps(a_course_file(cases=cases)))
    case = opened(read_course(folder), tmp_path / "records")
    assert case.draft is not None
    assert case.origin is CandidateOrigin.EMPTY
    assert not any(layer.any() for layer in case.candidate.layers)


def test_the_work_of_a_reader_comes_back(course, tmp_path):
    work = attempts_folder(course, course.case("p1"), "Ada", tmp_path)
    work.mkdir(parents=True)
    write_segmentation(work / "candidate.seg.nrrd", _for_the_course(outlines(shift=2)))
    case = opened(course, tmp_path)
    assert case.origin is CandidateOrigin.SAVED
    assert sum(int(layer.astype(bool).sum()) for layer in case.candidate.layers) == 3 * 8 * 8 * 10


def _for_the_course(segmentation):
    return replace(segmentation, segments=tuple(replace(segment, training_set="boxes") for segment in segmentation.segments))


def test_the_error_map_holds_what_was_missed_and_what_was_drawn_too_much(scored):
    # Against the majority, which is Expert A: two columns of 8 rows and 8 slices of 2 mm to either side, three structures.
    assert scored.errors.missed_ml == pytest.approx(3 * 2 * 8 * 8 * 0.002)
    assert scored.errors.extra_ml == pytest.approx(3 * 2 * 8 * 8 * 0.002)
    # Slices 2 to 9, rows 1 to 28, columns 15 to 26: no more of the image.
    assert scored.errors.map.array.shape == (8, 28, 12)
    assert scored.errors.map.geometry.origin_lps_mm == pytest.approx((15, 1, 4))


def test_attempts_are_kept_one_after_the_other(course, scored, tmp_path):
    for _ in range(2):
        kept = keep_attempt(course, course.case("p1"), "Ada", tmp_path, scored.score, NOON)
    assert [attempt.scored for attempt in kept.attempts] == ["2026-11-22T12:00:00+00:00"] * 2
    assert practice_attempts(course, "Ada", tmp_path) == ({"p1": kept}, ())
    assert practice_attempts(course, "Ben", tmp_path) == ({}, ())


def test_attempts_that_cannot_be_read_are_named_and_put_aside_by_the_next_one(course, scored, tmp_path):
    case = course.case("p1")
    keep_attempt(course, case, "Ada", tmp_path, scored.score, NOON)
    path = attempts_folder(course, case, "Ada", tmp_path) / ATTEMPTS
    path.write_text("{}")
    found, unread = practice_attempts(course, "Ada", tmp_path)
    assert found == {}
    assert "is not a list of practice attempts" in unread[0]
    assert len(keep_attempt(course, case, "Ada", tmp_path, scored.score, NOON).attempts) == 1
    assert (path.parent / f"unreadable.{ATTEMPTS}").read_text() == "{}"


def test_no_log_is_no_time(tmp_path):
    assert active_seconds(tmp_path, "boxes p1", "Ada") is None


def test_a_page_shows_pictures_no_wider_than_there_is_room_and_says_what_is_simulated(course):
    (page,) = course.file.pages
    html = page_html(course, page, "", 300, lambda _path: 700)
    assert 'width="300"' in html
    assert "The box SIMULATED." in html
    assert "<h3>Belongs to it</h3><ul><li>The box</li></ul>" in html
    assert 'width="200"' in page_html(course, page, "", 300, lambda _path: 200)
    assert "cannot be read" in page_html(course, page, "", 300, lambda _path: 0)


def test_rules_in_a_page_s_own_text_are_not_told_twice(course):
    (page,) = course.file.pages
    assert repeats_rules(page, "# Liver\n\n- The box\n- All else\n")
    assert not repeats_rules(page, "# Liver\n\n- The box\n")


def test_text_of_a_course_is_text_not_markup(course):
    file = replace(course.file, title="<script>alert(1)</script>")
    assert "<script>" not in about_html(replace(course, file=file), "")
