"""Readers' ratings of an image: given on a scale, checked, stored in file, record and scene, and shown."""

import dataclasses
import json

import pytest

from phantoms import a_segmentation, a_volume
from SegQCLib.case import Case
from SegQCLib.checks import protocol_coverage, ratings
from SegQCLib.errors import BadDataError
from SegQCLib.evaluate import evaluate
from SegQCLib.findings import Status
from SegQCLib.protocol import Grade, LoadedProtocol, Rating, load_protocol, shipped_protocols
from SegQCLib.readers.rating_pictures import example_picture
from SegQCLib.readers.ratings import (
    answers,
    give_grade,
    not_assessable,
    ratings_from_text,
    ratings_text,
    read_ratings_file,
    scale_text,
    with_answer,
)
from SegQCLib.record import QCRecord, Verdict
from SegQCLib.report import render_report
from test_checks import a_protocol
from test_cli import evaluate as evaluate_by_command
from test_cli import files as files  # a fixture

BOX = ((1, 5), (2, 10), (3, 9))
NOON = "2026-11-21T12:00:00+01:00"
# Two published directions: 5 is best in PMC4965355; MRIQC-like artifact scores count upwards with the artifact.
MOTION = Rating(
    "motion", "Motion", (Grade(1, "Severe"), Grade(3, "Moderate"), Grade(5, "None")), "highest", "PMC4965355", unusable=(1,)
)
NOISE = Rating("noise", "Noise", (Grade(0, "Absent"), Grade(4, "Overwhelming")), "lowest", "study", unusable=(4,))


def a_case(*given) -> Case:
    return Case(a_volume(), a_segmentation(liver=BOX), (a_segmentation(name="reference", liver=BOX),), ratings=given)


def a_loaded(**changes) -> LoadedProtocol:
    return LoadedProtocol(a_protocol(ratings=(MOTION, NOISE), **changes), "test.json", "0" * 64)


def findings(*given, protocol=None):
    return list(ratings.run(a_case(*given), protocol or a_protocol(ratings=(MOTION, NOISE))))


def test_an_answer_keeps_the_scale_the_wording_and_which_end_is_best():
    motion, noise = give_grade(MOTION, 5, "Dr A"), give_grade(NOISE, 0, "Dr A")
    assert (motion.wording, motion.scale, motion.source) == ("None", "1 to 5, 5 is best", "PMC4965355")
    assert (noise.wording, noise.scale) == ("Absent", "0 to 4, 0 is best")
    assert scale_text(NOISE) == noise.scale


def test_only_grades_of_the_scale_can_be_given():
    with pytest.raises(ValueError, match=r"its grades are \[1, 3, 5\]"):
        give_grade(MOTION, 2, "Dr A")


def test_a_grade_that_the_protocol_calls_unusable_proposes_exclusion_at_either_end():
    assert give_grade(MOTION, 1, "Dr A").proposes_exclusion
    assert give_grade(NOISE, 4, "Dr A").proposes_exclusion
    assert not give_grade(MOTION, 3, "Dr A").proposes_exclusion


def test_a_changed_answer_replaces_only_the_same_reader_s_answer_to_the_same_rating():
    given = (give_grade(MOTION, 1, "Dr A"), give_grade(MOTION, 3, "Dr B"), give_grade(NOISE, 0, "Dr A"))
    changed = with_answer(given, give_grade(MOTION, 5, "Dr A"))
    assert {(a.rating, a.reader): a.grade for a in changed} == {
        ("motion", "Dr A"): 5,
        ("motion", "Dr B"): 3,
        ("noise", "Dr A"): 0,
    }


def test_ratings_that_nobody_gave_are_named_in_one_finding():
    (finding,) = findings()
    assert finding.status is Status.NOT_EVALUATED
    assert "Motion, Noise" in finding.message
    assert [f.status for f in findings(give_grade(MOTION, 5, "Dr A"))] == [Status.PASS, Status.NOT_EVALUATED]


def test_a_grade_passes_with_its_wording_and_direction():
    (finding, _) = findings(give_grade(MOTION, 3, "Dr A", "mainly at the diaphragm"))
    assert finding.message == (
        "Motion: Dr A gave 3 (Moderate) on a scale of 1 to 5, 5 is best. Comment: “mainly at the diaphragm”."
    )
    assert finding.allowed == "3, 5 (1 to 5, 5 is best)"


def test_an_unusable_grade_fails_and_says_what_it_proposes():
    _, finding = findings(give_grade(MOTION, 5, "Dr A"), give_grade(NOISE, 4, "Dr A", "large patient"))
    assert finding.status is Status.FAIL
    assert "proposes to exclude the image" in finding.message
    assert "large patient" in finding.message


def test_not_assessable_is_an_answer_of_its_own():
    finding, unanswered = findings(not_assessable(MOTION, "Dr A", "only one slice"))
    assert (finding.status, finding.measured) == (Status.NOT_EVALUATED, "not assessable")
    assert "only one slice" in finding.message
    assert "Motion" not in unanswered.message


def test_every_reader_s_answer_is_a_finding():
    found = findings(give_grade(MOTION, 5, "Dr A"), give_grade(MOTION, 1, "Dr B"), give_grade(NOISE, 0, "Dr B"))
    assert [f.status for f in found] == [Status.PASS, Status.FAIL, Status.PASS]


@pytest.mark.parametrize(
    "other",
    [
        dataclasses.replace(MOTION, best="lowest"),
        dataclasses.replace(MOTION, grades=(*MOTION.grades, Grade(7, "Perfect"))),
        dataclasses.replace(MOTION, grades=(Grade(1, "Severe"), Grade(3, "Slight"), Grade(5, "None"))),
        dataclasses.replace(MOTION, unusable=(1, 3)),
    ],
)
def test_an_answer_on_another_scale_does_not_count(other):
    answer = give_grade(other, 3, "Dr A")
    assert not answers(MOTION, answer)
    finding, _ = findings(answer)
    assert finding.status is Status.NOT_EVALUATED
    assert "rate it again" in finding.message


def test_an_unusable_grade_asks_for_review_and_rejects_only_where_the_protocol_says_so():
    case = a_case(give_grade(MOTION, 1, "Dr A"))
    assert evaluate(case, a_loaded()).verdict is Verdict.REVIEW
    record = evaluate(case, a_loaded(rejecting_checks=("ratings",)))
    assert record.verdict is Verdict.REJECT
    assert any("Motion: Dr A gave 1 (Severe)" in reason for reason in record.reasons)


def test_protocol_coverage_leaves_ratings_to_their_own_check():
    assert list(protocol_coverage.run(a_case(), a_protocol(ratings=(MOTION,)))) == []


@pytest.mark.parametrize("protocol_id", shipped_protocols())
def test_only_severe_artifact_proposes_exclusion_in_the_shipped_protocols(protocol_id):
    # ESR Essentials on segmentation (Chupetlovska et al., Eur Radiol 2025): exclude only for severe artifacts.
    for rating in load_protocol(protocol_id).protocol.ratings:
        proposing = [g.value for g in rating.grades if give_grade(rating, g.value, "Dr A").proposes_exclusion]
        worst = min if rating.best == "highest" else max
        assert proposing == [worst(g.value for g in rating.grades)]


def test_a_file_of_ratings_comes_back(tmp_path):
    given = (give_grade(MOTION, 1, "Dr Ä", 'in "both" lungs', NOON), not_assessable(NOISE, "Dr Ä", created=NOON))
    (tmp_path / "ratings.json").write_text(ratings_text(given), encoding="utf-8-sig")
    assert read_ratings_file(tmp_path / "ratings.json") == given


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"grade": 9}, "ratings[0].grade: 9 is not on the scale of 1 to 5"),
        ({"grade": None}, "ratings[0].grade: is null"),
        ({"not_assessable": True}, "ratings[0].grade: is 1 although"),
        ({"best": "middle"}, 'ratings[0].best: "middle" is not one of "highest", "lowest"'),
        ({"reader": " "}, "ratings[0].reader: is empty"),
        ({"created": "yesterday"}, "ratings[0].created: 'yesterday' is not a time with time zone"),
        ({"created": "2026-11-21T12:00:00"}, "ratings[0].created"),
        ({"highest": 1}, "ratings[0].highest: 1 is not above lowest, 1"),
        ({"wording": None}, "ratings[0].wording"),
    ],
)
def test_a_faulty_file_is_refused_with_what_is_wrong(changes, fault):
    plain = json.loads(ratings_text((give_grade(MOTION, 1, "Dr A", created=NOON),)))
    plain["ratings"][0].update(changes)
    with pytest.raises(BadDataError) as raised:
        ratings_from_text(json.dumps(plain), "ratings.json")
    assert str(raised.value).startswith("ratings.json: has no usable ratings.")
    assert fault in str(raised.value)


def test_one_reader_with_two_answers_to_one_rating_is_refused():
    text = ratings_text((give_grade(MOTION, 1, "Dr A"), give_grade(MOTION, 3, "Dr A")))
    with pytest.raises(BadDataError, match=r"ratings\[1\]: Dr A answers 'motion' here and in ratings\[0\]"):
        ratings_from_text(text, "ratings.json")


def test_the_record_keeps_the_ratings():
    given = (give_grade(MOTION, 1, "Dr A"), not_assessable(NOISE, "Dr B", "no fat"))
    record = evaluate(a_case(*given), a_loaded())
    assert QCRecord.from_json(record.to_json()).ratings == given


def test_a_record_of_before_ratings_can_still_be_read():
    plain = json.loads(evaluate(a_case(), a_loaded()).to_json())
    del plain["ratings"]
    assert QCRecord.from_json(json.dumps(plain)).ratings == ()


def test_the_report_shows_each_answer_with_words_direction_comment_and_reader():
    loaded = a_loaded()
    given = (give_grade(MOTION, 1, "Dr A", "<b>breathing</b>", NOON), not_assessable(MOTION, "Dr B", "few slices", NOON))
    page = render_report(evaluate(a_case(*given), loaded), loaded.protocol, ())
    table = page.partition("Ratings of the image")[2].partition("</table>")[0]
    for text in (
        "1 to 5, 5 is best",
        "Severe",
        "Proposes to exclude the image",
        "&lt;b&gt;breathing",
        "Dr A",
        "few slices",
        "Not assessable",
    ):
        assert text in table
    assert "<b>breathing" not in page
    assert "Not rated." in table  # noise, with its own scale
    assert "0 to 4, 0 is best" in table


def test_ratings_go_to_the_command_line_as_a_file(files, capsys):
    protocol = load_protocol("ct-abdomen-portal-venous").protocol
    motion = next(rating for rating in protocol.ratings if rating.id == "motion")
    (files / "ratings.json").write_text(ratings_text((give_grade(motion, 1, "Dr A"),)), encoding="utf-8")
    assert evaluate_by_command(files, "good.nrrd", "--ratings", files / "ratings.json", "--json", "-") == 0
    record = QCRecord.from_json(capsys.readouterr().out)
    assert [answer.reader for answer in record.ratings] == ["Dr A"]
    (files / "ratings.json").write_text("{}", encoding="utf-8")
    assert evaluate_by_command(files, "good.nrrd", "--ratings", files / "ratings.json") == 1
    assert "has no usable ratings" in capsys.readouterr().err


def test_the_protocol_s_own_example_picture_is_found_and_none_outside_of_an_atlas(tmp_path):
    loaded = load_protocol("pet-ct-fdg-lesion")  # SegQC has no pictures of PET
    protocol = dataclasses.replace(loaded, path=str(tmp_path / "protocol.json"))
    assert example_picture(MOTION, 1, protocol) is None
    picture = tmp_path / "Atlas" / "ratings" / "motion" / "1.png"
    picture.parent.mkdir(parents=True)
    picture.touch()
    assert example_picture(MOTION, 1, protocol) == picture
    assert example_picture(MOTION, 3, protocol) is None
    assert example_picture(dataclasses.replace(MOTION, id="../ratings/motion"), 1, protocol) is None


@pytest.fixture
def scene():
    pytest.importorskip("slicer", reason="the MRML layer needs slicer-core")
    from SegQCLib.mrml.scene import new_scene

    return new_scene()


def test_ratings_of_several_readers_stand_side_by_side_in_a_saved_scene(scene, tmp_path):
    from SegQCLib.mrml.ratings_node import RATINGS_ROLE, read_ratings, write_answer
    from SegQCLib.mrml.scene import load_scene, save_scene
    from SegQCLib.mrml.volume import add_volume

    volume_node = add_volume(scene, a_volume(), "CT")
    assert read_ratings(volume_node) == ()
    first, second, changed = give_grade(MOTION, 3, "Dr Ä"), give_grade(MOTION, 5, "Dr B"), give_grade(MOTION, 1, "Dr Ä")
    nodes = {write_answer(scene, answer, volume_node) for answer in (first, second, changed)}
    assert len(nodes) == 1
    assert not nodes.pop().GetHideFromEditors()
    save_scene(scene, tmp_path / "case.mrb")
    loaded = load_scene(tmp_path / "case.mrb")
    again = loaded.GetFirstNodeByName("CT")
    assert read_ratings(again) == (second, changed)
    again.GetNodeReference(RATINGS_ROLE).SetText("{}")
    with pytest.raises(BadDataError, match="CT SegQC ratings: has no usable ratings"):
        read_ratings(again)


def test_ratings_reach_the_record_through_a_scene(scene, tmp_path):
    from SegQCLib.mrml.evaluate_scene import evaluate_in_new_scene

    given = (give_grade(MOTION, 1, "Dr A"),)
    assert evaluate_in_new_scene(a_case(*given), a_loaded(), tmp_path / "case.mrb").record.ratings == given
