"""Protocols under attack: two who sign at once, one person under two spellings, damaged copies, hostile texts."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest

from SegQCLib.cli import main
from SegQCLib.dataclass_json import to_json, to_plain
from SegQCLib.errors import BadDataError
from SegQCLib.protocol import load_protocol
from SegQCLib.protocols.sign_off import kept_copy_path, sign_off_path, sign_protocol, signoff_state

MINE = replace(load_protocol("ct-lung-nodule").protocol, id="my-nodules", version="1.0.0")
ROLES = ("author", "responsible radiologist")


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "my-nodules.json"
    path.write_text(to_json(MINE), encoding="utf-8")
    return path


def test_two_who_sign_at_once_have_both_signed(file):
    for round_number in range(5):
        sign_off_path(file).unlink(missing_ok=True)
        start = Barrier(2)

        def sign(role, name):
            start.wait()  # noqa: B023 - of this round
            return sign_protocol(file, role, name)

        with ThreadPoolExecutor(2) as threads:
            list(threads.map(sign, ROLES, ("Ada Muster", "Ben Muster")))
        assert signoff_state(load_protocol(file)).state == "locked", round_number


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Zoë Müller", "Zoe\u0308 Mu\u0308ller"),
        ("Ada", "A\u200bda"),
        ("Ada", "\uff21da"),
        ("Ada M", "ADA\u00a0m"),
        ("Ada", "\u202eAda"),
    ],
)
def test_one_name_in_two_spellings_is_one_person(file, first, second):
    sign_protocol(file, ROLES[0], first)
    with pytest.raises(BadDataError, match="second person"):
        sign_protocol(file, ROLES[1], second)


@pytest.mark.parametrize("name", ["", "  ", "\u200b", "\u202e \u2060"])
def test_a_name_that_nobody_sees_is_none(file, name):
    with pytest.raises(BadDataError, match="is empty"):
        sign_protocol(file, ROLES[0], name)


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff\xfe", b"null"])
def test_a_damaged_kept_copy_hides_no_state(file, damage):
    for role, name in zip(ROLES, ("Ada", "Ben"), strict=True):
        sign_protocol(file, role, name)
    file.write_text(to_json(replace(MINE, version="1.1.0")), encoding="utf-8")
    kept_copy_path(file, MINE.id, MINE.version).write_bytes(damage)
    after = signoff_state(load_protocol(file))
    assert (after.state, after.differences) == ("altered", None)
    assert "not at hand" in after.words


def test_no_single_changed_byte_keeps_a_lock(file):
    for role, name in zip(ROLES, ("Ada", "Ben"), strict=True):
        sign_protocol(file, role, name)
    content = file.read_bytes()
    for at in range(0, len(content), 397):
        file.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        try:
            state = signoff_state(load_protocol(file)).state
        except BadDataError:
            continue
        assert state == "altered", at
    file.write_bytes(content + b"\n")
    assert signoff_state(load_protocol(file)).state == "altered"


def test_hostile_texts_are_text_on_the_page(file, tmp_path, capsys):
    plain = to_plain(MINE)
    plain["title"] = plain["purpose"] = "<script>alert(1)</script>"
    plain["structures"][0]["aliases"] = ['"><img src=x onerror=alert(1)>']
    file.write_text(json.dumps(plain), encoding="utf-8")
    sign_protocol(file, ROLES[0], "<b onclick=alert(1)>Ada</b>")
    page = tmp_path / "page.html"
    assert main(["protocol", "sop", str(file), "--out", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert "<script>alert" not in text
    assert "<img src=x" not in text
    assert "<b onclick" not in text
    capsys.readouterr()


@pytest.mark.parametrize("course", ["x" * 5000, "../../../etc", "a\0b", "/etc", "\\\\server\\share"])
def test_the_course_that_a_protocol_names_is_no_way_out_of_the_page(file, tmp_path, course, capsys):
    plain = to_plain(MINE)
    valid = {"minimum": None, "maximum": 365, "unit": "d", "source": "study decision of this test"}
    plain["reader_training"] = {"course": course, "valid_d": valid, "missing": "warn"}
    file.write_text(json.dumps(plain), encoding="utf-8")
    assert main(["protocol", "sop", str(file), "--out", str(tmp_path / "page.html")]) in (0, 1)
    assert "Traceback" not in capsys.readouterr().err
