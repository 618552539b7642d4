"""The check of the reader's training: what the gate and the report say."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
import SimpleITK as sitk

from SegQCLib.case import Case
from SegQCLib.checks import protocol_coverage, reader_training
from SegQCLib.cli import main
from SegQCLib.evaluate import evaluate
from SegQCLib.findings import Status
from SegQCLib.geometry import sitk_image
from SegQCLib.protocol import load_protocol
from SegQCLib.readers.training.certificate import issue_certificate, write_certificate
from SegQCLib.readers.training.course import read_course
from SegQCLib.readers.training.exam import answer_case, read_exam, start_exam
from SegQCLib.readers.training.standing import TrainingStanding
from SegQCLib.segmentation_file import write_segmentation
from training_courses import a_protocol_file, an_image, outlines, write_course


@pytest.fixture(scope="module")
def protocol(tmp_path_factory):
    path = tmp_path_factory.mktemp("protocol") / "p.json"
    path.write_text(json.dumps(a_protocol_file()))
    return load_protocol(path)


def rules(protocol, missing="warn"):
    return replace(protocol.protocol, reader_training=replace(protocol.protocol.reader_training, missing=missing))


def a_standing(state, **named):
    return TrainingStanding(
        "Dr. A", "boxes", state, "Boxes 1.0.0 was passed on 2026-11-22.", valid_until=date(2027, 11, 22), **named
    )


def finding(protocol, standing, missing="warn"):
    (found,) = reader_training.run(Case(an_image(), outlines(), reader_training=standing), rules(protocol, missing))
    return found


@pytest.mark.parametrize(
    ("state", "warns", "refuses"),
    [
        ("valid", Status.PASS, Status.PASS),
        ("expiring", Status.PASS, Status.PASS),
        ("not_yet_valid", Status.WARN, Status.FAIL),
        ("other_version", Status.WARN, Status.FAIL),
        ("expired", Status.WARN, Status.FAIL),
        ("altered", Status.WARN, Status.FAIL),
        ("missing", Status.WARN, Status.FAIL),
    ],
)
def test_the_protocol_says_whether_missing_training_warns_or_refuses(protocol, state, warns, refuses):
    assert finding(protocol, a_standing(state)).status is warns
    assert finding(protocol, a_standing(state), "refuse").status is refuses


def test_a_refresh_that_is_due_warns(protocol):
    found = finding(protocol, a_standing("valid", refresh_due=True, refresh_words="A refresh is due."), "refuse")
    assert (found.status, "A refresh is due." in found.message) == (Status.WARN, True)


@pytest.mark.parametrize(("simulated", "status"), [(False, Status.PASS), (True, Status.WARN)])
def test_an_exam_on_simulated_images_counts_and_is_told(protocol, tmp_path, simulated, status):
    course = read_course(write_course(tmp_path / "boxes"))
    begun = start_exam(course, "Dr. A", tmp_path)
    for _ in range(2):
        exam = answer_case(course, begun, read_exam(begun).next_case, outlines(), an_image())
    certificate = replace(issue_certificate(course, exam), simulated=simulated)
    assert finding(protocol, a_standing("valid", certificate=certificate), "refuse").status is status


def test_where_nobody_said_who_read_it_is_not_evaluated(protocol):
    found = finding(protocol, None, "refuse")
    assert (found.status, "Nobody said who read" in found.message) == (Status.NOT_EVALUATED, True)


def test_the_finding_says_course_limit_and_source_and_no_name(protocol):
    found = finding(protocol, a_standing("valid"))
    assert (found.allowed, found.source) == ("boxes, passed within 1000 days", "study decision of this test")
    assert "Dr. A" not in str(found)


def test_a_protocol_without_training_has_no_such_finding(protocol):
    free = replace(protocol.protocol, reader_training=None)
    assert list(reader_training.run(Case(an_image(), outlines()), free)) == []


def test_training_is_no_longer_among_what_nobody_looked_at(protocol):
    told = " ".join(found.message for found in protocol_coverage.run(Case(an_image(), outlines()), protocol.protocol))
    assert "training" not in told


def test_refused_training_keeps_a_case_from_being_accepted(protocol):
    strict = replace(protocol, protocol=rules(protocol, "refuse"))
    record = evaluate(Case(an_image(), outlines(), reader_training=a_standing("missing")), strict)
    assert record.verdict != "ACCEPT"
    assert any("was passed on 2026-11-22" in reason for reason in record.reasons)


def test_evaluate_looks_for_the_reader_s_certificate(tmp_path, capsys):
    course = read_course(write_course(tmp_path / "boxes"))
    begun = start_exam(course, "Dr. A", tmp_path)
    for _ in range(2):
        exam = answer_case(course, begun, read_exam(begun).next_case, outlines(), an_image(), now=datetime.now(UTC))
    write_certificate(issue_certificate(course, exam), tmp_path / "certificates")
    image = an_image()
    sitk.WriteImage(sitk_image(image.array, image.geometry), str(tmp_path / "image.nii.gz"))
    write_segmentation(tmp_path / "candidate.seg.nrrd", outlines())
    asked = ["evaluate", "--image", str(tmp_path / "image.nii.gz"), "--candidate", str(tmp_path / "candidate.seg.nrrd")]
    asked += ["--protocol", str(tmp_path / "boxes" / "protocol.json"), "--out", str(tmp_path / "out")]

    def status(*more):
        assert main([*asked, *more]) == 0
        findings = json.loads((tmp_path / "out" / "record.json").read_text())["findings"]
        return [one["status"] for one in findings if one["check"] == "reader_training"]

    assert status() == ["NOT_EVALUATED"]
    assert status("--reader", "Dr. A", "--certificates", str(tmp_path / "certificates")) == ["WARN"]
    assert "exam were simulated" in (tmp_path / "out" / "report.html").read_text()
    assert "boxes, passed within" in (tmp_path / "out" / "report.html").read_text()
    assert status("--reader", "Dr. B", "--certificates", str(tmp_path / "certificates")) == ["WARN"]
    with pytest.raises(SystemExit):
        main([*asked, "--certificates", str(tmp_path / "certificates")])
    assert main([*asked, "--reader", "R", "--certificates", str(tmp_path / "nowhere")]) == 1
    assert "is no folder" in capsys.readouterr().err
