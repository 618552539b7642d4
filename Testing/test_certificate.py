"""Certificates: issued only for a passed exam of this content, sealed, dated by the calendar; and what they are worth today."""

import json
import shutil
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest

from SegQCLib.cli import main
from SegQCLib.dataclass_json import to_json
from SegQCLib.errors import BadDataError
from SegQCLib.file_name import file_name
from SegQCLib.protocol import load_protocol
from SegQCLib.readers.training.certificate import (
    certificate_page,
    certificate_schema,
    certificate_sha256,
    issue_certificate,
    months_later,
    read_certificate,
    write_certificate,
)
from SegQCLib.readers.training.course import read_course
from SegQCLib.readers.training.exam import answer_case, read_exam, start_exam
from SegQCLib.readers.training.standing import training_standing
from SegQCLib.resources import resource
from training_courses import a_protocol_file, an_image, outlines, write_course

ISSUED = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_course(tmp_path_factory.mktemp("course") / "boxes")


@pytest.fixture(scope="module")
def course(folder):
    return read_course(folder)


def an_exam(course, records, candidate=None, cases=2, reader="Dr. A"):
    begun = start_exam(course, reader, records, now=ISSUED)
    for _ in range(cases):
        answer_case(course, begun, read_exam(begun).next_case, candidate or outlines(), an_image(), now=ISSUED)
    return begun


@pytest.fixture(scope="module")
def certificate(course, tmp_path_factory):
    return issue_certificate(course, read_exam(an_exam(course, tmp_path_factory.mktemp("records"))))


def sealed(certificate, **changes):
    other = replace(certificate, **changes)
    return replace(other, sha256=certificate_sha256(other))


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2028, 2, 29), 12, date(2029, 2, 28)),
        (date(2028, 2, 29), 48, date(2032, 2, 29)),
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2026, 12, 15), 1, date(2027, 1, 15)),
        (date(2026, 11, 30), 3, date(2027, 2, 28)),
        (date(2026, 11, 22), 12, date(2027, 11, 22)),
    ],
)
def test_months_are_those_of_the_calendar(day, months, expected):
    assert months_later(day, months) == expected


def test_a_certificate_says_what_was_passed_and_until_when(certificate, course):
    assert (certificate.reader, certificate.course, certificate.protocol) == ("Dr. A", "boxes", "boxes-protocol")
    assert certificate.course_sha256 == course.sha256
    assert certificate.protocol_sha256 == course.protocol.sha256
    assert certificate.issued_on == date(2026, 11, 22)
    assert (certificate.valid_until, certificate.refresh_due) == ("2027-11-22", "2027-05-22")
    assert len(certificate.structures) == 6
    # With the experts 1, 0.9 and 0.9; the experts among themselves 0.9, 0.9 and 0.8.
    assert certificate.structures[0].dice == pytest.approx(2.8 / 3)
    assert certificate.structures[0].experts_lowest == pytest.approx(0.8)
    assert certificate.median_dice == pytest.approx(2.8 / 3)
    assert certificate.simulated
    assert "3 of 6 structures had to be within" in certificate.pass_rule


def test_the_shipped_schema_is_that_of_the_code():
    shipped = resource("Schemas/certificate.schema.json").read_text(encoding="utf-8")
    assert shipped == json.dumps(certificate_schema(), indent=2, ensure_ascii=False) + "\n"


def test_no_certificate_without_a_passed_exam(course, tmp_path):
    with pytest.raises(BadDataError, match="1 of 2 cases to do"):
        issue_certificate(course, read_exam(an_exam(course, tmp_path / "half", cases=1)))
    with pytest.raises(BadDataError, match="was not passed"):
        issue_certificate(course, read_exam(an_exam(course, tmp_path / "bad", outlines(5))))


def test_no_certificate_for_content_that_changed_after_the_exam(folder, tmp_path):
    own = tmp_path / "boxes"
    shutil.copytree(folder, own)
    exam = read_exam(an_exam(read_course(own), tmp_path / "records"))
    (own / "atlas" / "01-liver.md").write_text("Other rules")
    with pytest.raises(BadDataError, match="with other content"):
        issue_certificate(read_course(own), exam)


def test_a_certificate_is_read_as_it_was_written(certificate, tmp_path):
    path, page = write_certificate(certificate, tmp_path)
    assert read_certificate(path) == certificate
    assert path.name == f"{file_name('Dr. A')}.boxes.2026-11-22.{certificate.exam[:8]}.json"
    assert page.suffix == ".html"


@pytest.mark.parametrize(("key", "value"), [("reader", "Dr. B"), ("valid_until", "2099-01-01"), ("course_version", "2.0.0")])
def test_a_changed_certificate_is_refused(certificate, tmp_path, key, value, capsys):
    path, _ = write_certificate(certificate, tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    with pytest.raises(BadDataError, match="changed after it was issued"):
        read_certificate(path)
    assert main(["training", "certificate", "verify", str(path)]) == 1
    assert "changed after it was issued" in capsys.readouterr().err


@pytest.mark.parametrize(("key", "value"), [("issued", "2026-11-22T10:00:00"), ("issued", "yesterday"), ("valid_until", "soon")])
def test_dates_that_are_none_are_refused(certificate, tmp_path, key, value):
    path = tmp_path / "c.json"
    path.write_text(to_json(sealed(certificate, **{key: value})))
    with pytest.raises(BadDataError, match=f"{key}: '{value}' is no ISO 8601"):
        read_certificate(path)


def test_the_layout_of_the_file_does_not_matter(certificate, tmp_path):
    path, _ = write_certificate(certificate, tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()), sort_keys=True))
    assert read_certificate(path) == certificate


def test_a_page_of_a_second_attempt_says_that_the_outlines_had_been_shown(certificate):
    assert "not the first attempt" not in certificate_page(certificate)
    assert "not the first attempt" in certificate_page(replace(certificate, exam_number=2))


def test_the_page_stands_alone_and_says_what_is_not_proved(certificate):
    page = certificate_page(replace(certificate, reader="<b>Dr. A</b>"))
    assert "&lt;b&gt;Dr. A&lt;/b&gt;" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "src=" not in page
    for words in (
        "What it does not prove",
        "no board certification",
        "there is no secret in it",
        "simulated",
        "until <strong>2027-11-22",
    ):
        assert words in page


def test_verify_and_issue_from_the_exam_s_folder(course, folder, tmp_path, capsys):
    exam = an_exam(course, tmp_path)
    assert main(["training", "certificate", "issue", str(folder), "--exam", str(exam), "--out", str(tmp_path / "out")]) == 0
    path = capsys.readouterr().out.splitlines()[0]
    assert main(["training", "certificate", "verify", path]) == 0
    told = capsys.readouterr().out
    assert "Dr. A passed Boxes" in told
    assert "simulated" in told


# What a certificate is worth on a day.


@pytest.fixture
def protocol(course):
    return course.protocol


def standing(certificate, protocol, folder, day=date(2026, 12, 1), reader="Dr. A", **named):
    write_certificate(certificate, folder)
    return training_standing(protocol, reader, folder, now=datetime(day.year, day.month, day.day, 12, tzinfo=UTC), **named)


@pytest.mark.parametrize(
    ("day", "state", "days_left"),
    [
        (date(2026, 11, 22), "valid", 365),
        (date(2027, 10, 22), "valid", 31),
        (date(2027, 10, 23), "expiring", 30),
        (date(2027, 11, 22), "expiring", 0),
        (date(2027, 11, 23), "expired", -1),
        (date(2026, 11, 21), "not_yet_valid", 366),
    ],
)
def test_state_by_day(certificate, protocol, tmp_path, day, state, days_left):
    found = standing(certificate, protocol, tmp_path, day)
    assert (found.state, found.days_left, found.valid_until) == (state, days_left, date(2027, 11, 22))
    assert found.holds == (state in ("valid", "expiring"))
    assert "Dr. A" not in found.words


def test_the_protocol_s_days_count_where_they_are_fewer(certificate, protocol, tmp_path):
    training = protocol.protocol.reader_training
    shorter = replace(training, valid_d=replace(training.valid_d, maximum=100))
    strict = replace(protocol, protocol=replace(protocol.protocol, reader_training=shorter))
    assert standing(certificate, strict, tmp_path).valid_until == date(2026, 11, 22) + timedelta(days=100)


def test_a_protocol_that_asks_for_none_has_no_standing(certificate, protocol, tmp_path):
    free = replace(protocol, protocol=replace(protocol.protocol, reader_training=None))
    assert standing(certificate, free, tmp_path) is None


@pytest.mark.parametrize("reader", ["Dr. B", "dr. a", ""])
def test_a_certificate_of_another_reader_does_not_count(certificate, protocol, tmp_path, reader):
    assert standing(certificate, protocol, tmp_path, reader=reader).state == "missing"


def test_letters_composed_in_two_ways_are_one_name(certificate, protocol, tmp_path):
    assert standing(sealed(certificate, reader="Mu\u0308ller"), protocol, tmp_path, reader="M\u00fcller").state == "valid"


def test_no_folder_is_no_certificate(protocol, tmp_path):
    assert training_standing(protocol, "Dr. A", tmp_path / "none").state == "missing"


def test_a_course_of_another_name_does_not_count_and_its_title_does(certificate, protocol, tmp_path):
    assert standing(sealed(certificate, course="other", course_title="Other"), protocol, tmp_path).state == "missing"
    assert standing(sealed(certificate, course="other", course_title="boxes "), protocol, tmp_path).state == "valid"


def test_another_version_of_the_protocol_is_told(certificate, protocol, tmp_path):
    found = standing(sealed(certificate, protocol_version="0.9.0"), protocol, tmp_path)
    assert found.state == "other_version"
    assert "under version 0.9.0" in found.words


def test_another_protocol_or_a_changed_file_of_it_is_told_and_counts(certificate, protocol, tmp_path):
    found = standing(sealed(certificate, protocol="other-protocol"), protocol, tmp_path / "a")
    assert (found.state, "trains the protocol other-protocol" in found.words) == ("valid", True)
    found = standing(sealed(certificate, protocol_sha256="0" * 64), protocol, tmp_path / "b")
    assert (found.state, "file has changed since" in found.words) == ("valid", True)


def test_a_changed_course_is_told_also_where_its_id_and_version_are_the_same(certificate, protocol, course, tmp_path):
    words = standing(sealed(certificate, course_sha256="0" * 64), protocol, tmp_path, course=course).words
    assert "has changed since, without another version number" in words


def test_an_altered_certificate_is_told_and_another_one_counts_still(certificate, protocol, tmp_path):
    path, _ = write_certificate(certificate, tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"valid_until": "2099-01-01"}))
    assert training_standing(protocol, "Dr. A", tmp_path, now=ISSUED).state == "altered"
    assert standing(sealed(certificate, exam="f" * 32), protocol, tmp_path).state == "valid"


def test_of_several_certificates_the_one_that_holds_longest_counts(certificate, protocol, tmp_path):
    write_certificate(sealed(certificate, exam="a" * 32, valid_until="2026-11-23"), tmp_path)
    assert standing(certificate, protocol, tmp_path).valid_until == date(2027, 11, 22)


def test_other_files_in_the_folder_do_not_matter(certificate, protocol, tmp_path):
    (tmp_path / "notes.json").write_text("{}")
    (tmp_path / "odd.json").write_bytes(b"\xff\xfe")
    assert standing(certificate, protocol, tmp_path).state == "valid"


def test_a_refresh_is_due_from_its_day_on(certificate, protocol, tmp_path):
    assert not standing(certificate, protocol, tmp_path, date(2027, 5, 21)).refresh_due
    found = standing(certificate, protocol, tmp_path, date(2027, 5, 22))
    assert found.refresh_due
    assert found.holds
    assert "due since 2027-05-22" in found.refresh_words


def reads(*values, reader="Dr. A", ended=datetime(2026, 12, 1, tzinfo=UTC), finished=True):
    """Reads one hour apart, each of one segment with this accuracy (None: without a reference)."""
    return [
        SimpleNamespace(
            reader=reader, finished=finished, ended=ended + timedelta(hours=n), segments=(SimpleNamespace(accuracy=value),)
        )
        for n, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("given", "due"),
    [
        # The exam's median Dice is 0.9333; three reads are looked at, and a fall of 0.05 is allowed: 0.8833.
        (reads(0.95, 0.87, 0.88), True),
        (reads(0.95, 0.88, 0.89), False),
        (reads(0.5, 0.5, 0.5, 0.9, 0.9, 0.9), False),
        (reads(0.5, 0.5), False),
        (reads(0.5, None, 0.5), False),
        (reads(0.5, None, 0.5, 0.5), True),
        (reads(0.5, 0.5, 0.5, reader="Dr. B"), False),
        (reads(0.5, 0.5, 0.5, finished=False), False),
        (reads(0.5, 0.5, 0.5, ended=datetime(2026, 11, 1, tzinfo=UTC)), False),
    ],
)
def test_a_refresh_is_due_by_drift(certificate, protocol, tmp_path, given, due):
    found = standing(certificate, protocol, tmp_path, date(2026, 12, 5), reads=given)
    assert found.refresh_due is due
    if due:
        assert "Harder images lower it too" in found.refresh_words


def test_standing_on_the_command_line(certificate, tmp_path, capsys):
    (tmp_path / "p.json").write_text(json.dumps(a_protocol_file()))
    write_certificate(certificate, tmp_path / "certificates")
    asked = ["training", "standing", "--protocol", str(tmp_path / "p.json"), "--certificates", str(tmp_path / "certificates")]
    assert main([*asked, "--reader", "Nobody"]) == 0
    assert capsys.readouterr().out.startswith("missing: ")
    assert main([*asked, "--reader", "Dr. A", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["course"] == "boxes"
    assert main([*asked[:-1], str(tmp_path / "nowhere"), "--reader", "R"]) == 1
    assert "is no folder" in capsys.readouterr().err
    assert load_protocol(tmp_path / "p.json").protocol.id == "boxes-protocol"
