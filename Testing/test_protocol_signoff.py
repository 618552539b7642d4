import json
from dataclasses import replace
from pathlib import Path

import pytest

from phantoms import a_segmentation, a_volume
from SegQCLib.case import Case
from SegQCLib.cli import main
from SegQCLib.dataclass_json import to_json, to_plain
from SegQCLib.errors import BadDataError
from SegQCLib.evaluate import evaluate
from SegQCLib.protocol import load_protocol, shipped_protocols
from SegQCLib.protocols.sign_off import (
    KEPT_FOLDER,
    kept_copy_path,
    locked_contents,
    sign_off_path,
    sign_protocol,
    signoff_schema,
    signoff_state,
)
from SegQCLib.protocols.sign_off_state import SIGN_OFF_WORDS
from SegQCLib.report import render_report
from SegQCLib.resources import resource

SHIPPED = load_protocol("ct-lung-nodule").protocol
MINE = replace(SHIPPED, id="my-nodules", version="1.0.0")


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "my-nodules.json"
    path.write_text(to_json(MINE), encoding="utf-8")
    return path


def state(path):
    return signoff_state(load_protocol(path))


def signed_by_both(path):
    sign_protocol(path, "author", "Ada Muster")
    return sign_protocol(path, "responsible radiologist", "Ben Muster")


def test_two_people_in_two_roles_lock_a_protocol(file):
    assert state(file).state == "unsigned"
    first = sign_protocol(file, "author", "Ada Muster")
    assert first.state == "one_role"
    assert "Needed: responsible radiologist" in first.words
    assert sign_protocol(file, "responsible radiologist", "Ben Muster").state == "locked"
    assert [signature.name for signature in state(file).signatures] == ["Ada Muster", "Ben Muster"]
    assert locked_contents(file) == {("my-nodules", "1.0.0"): load_protocol(file).sha256}


@pytest.mark.parametrize("name", ["Ada Muster", "  ada   MUSTER "])
def test_one_person_cannot_sign_both_roles(file, name):
    sign_protocol(file, "author", "Ada Muster")
    with pytest.raises(BadDataError, match="second person"):
        sign_protocol(file, "responsible radiologist", name)


def test_a_role_signs_one_content_once(file):
    sign_protocol(file, "author", "Ada Muster")
    with pytest.raises(BadDataError, match="already signed"):
        sign_protocol(file, "author", "Cy Muster")


def test_any_change_ends_the_sign_off_and_is_told(file):
    signed_by_both(file)
    file.write_text(to_json(replace(MINE, version="1.1.0", lesion_voxels=None)), encoding="utf-8")
    after = state(file)
    assert after.state == "altered"
    assert [difference.path for difference in after.differences] == ["version", "lesion_voxels"]
    assert "1.0.0" in after.words
    assert "2 changes" in after.words


def test_a_change_under_the_signed_version_is_told_and_cannot_be_signed(file):
    signed_by_both(file)
    file.write_text(to_json(replace(MINE, lesion_voxels=None)), encoding="utf-8")
    assert "version was not raised" in state(file).words
    with pytest.raises(BadDataError, match="Raise its version"):
        sign_protocol(file, "author", "Ada Muster")


def test_a_draft_that_only_one_role_signed_may_change_under_its_version(file):
    sign_protocol(file, "author", "Ada Muster")
    file.write_text(to_json(replace(MINE, lesion_voxels=None)), encoding="utf-8")
    assert state(file).state == "altered"
    assert signed_by_both(file).state == "locked"
    assert len(state(file).earlier) == 1


def test_another_formatting_is_told_as_such(file):
    signed_by_both(file)
    file.write_text(json.dumps(to_plain(MINE)), encoding="utf-8")
    after = state(file)
    assert (after.state, after.differences) == ("altered", ())
    assert "only the formatting" in after.words


def test_without_the_kept_copy_what_changed_is_not_guessed(file):
    signed_by_both(file)
    kept = kept_copy_path(file, "my-nodules", "1.0.0")
    assert kept.parent.name == KEPT_FOLDER
    assert kept.read_bytes() == file.read_bytes()
    file.write_text(to_json(replace(MINE, title="Other")), encoding="utf-8")
    kept.write_text(to_json(replace(MINE, title="Forged")), encoding="utf-8")
    assert state(file).differences is None
    kept.unlink()
    assert "cannot be told" in state(file).words


def test_the_second_version_is_signed_beside_the_first(file):
    signed_by_both(file)
    file.write_text(to_json(replace(MINE, version="2.0.0", lesion_voxels=None)), encoding="utf-8")
    assert signed_by_both(file).state == "locked"
    assert sorted(path.name for path in (file.parent / KEPT_FOLDER).iterdir()) == ["my-nodules-1.0.0.json", "my-nodules-2.0.0.json"]


def test_roles_are_data(file):
    roles = ("physicist", "head of department", "statistician")
    sign_protocol(file, "physicist", "A", roles=roles)
    with pytest.raises(BadDataError, match="physicist, head of department, statistician"):
        sign_protocol(file, "author", "B")
    assert sign_protocol(file, "statistician", "B").state == "one_role"
    assert sign_protocol(file, "head of department", "C").state == "locked"


@pytest.mark.parametrize("roles", [("author",), ("author", "Author"), ()])
def test_fewer_than_two_roles_are_refused(file, roles):
    with pytest.raises(BadDataError, match="two different roles"):
        sign_protocol(file, "author", "A", roles=roles)


@pytest.mark.parametrize("name", shipped_protocols())
def test_a_shipped_protocol_is_an_example_that_nobody_signs(name):
    assert state(name).state == "example"
    with pytest.raises(BadDataError, match="example"):
        sign_protocol(Path(name), "author", "A")
    with pytest.raises(BadDataError, match="example"):
        sign_protocol(shipped_protocols()[name], "author", "A")


def test_a_protocol_with_faults_cannot_be_signed(file):
    file.write_text(to_json(MINE).replace('"my-nodules"', '"My Nodules"'), encoding="utf-8")
    with pytest.raises(BadDataError, match="not a usable protocol"):
        sign_protocol(file, "author", "A")
    assert not sign_off_path(file).exists()


@pytest.mark.parametrize("text", ["", "{}", '{"schema": "segqc-signoff"}', "[]"])
def test_a_damaged_sign_off_file_is_told_and_stops_no_evaluation(file, text):
    sign_off_path(file).write_text(text, encoding="utf-8")
    with pytest.raises(BadDataError, match="not a sign-off file"):
        state(file)
    record = evaluate(Case(a_volume(), a_segmentation()), load_protocol(file))
    assert record.protocol_sign_off == "unreadable"


def test_the_record_and_the_report_say_how_far_the_sign_off_is(file):
    case = Case(a_volume(), a_segmentation())
    for make, expected in ((lambda: None, "unsigned"), (lambda: signed_by_both(file), "locked")):
        make()
        record = evaluate(case, load_protocol(file))
        assert record.protocol_sign_off == expected
        assert SIGN_OFF_WORDS[expected] in render_report(record, MINE, ())
    example = evaluate(case, load_protocol("ct-lung-nodule"))
    assert "example, not signed off" in render_report(example, SHIPPED, ())


def test_names_of_signers_are_not_in_the_record(file):
    signed_by_both(file)
    assert "Muster" not in evaluate(Case(a_volume(), a_segmentation()), load_protocol(file)).to_json()


def test_the_shipped_schema_is_the_one_of_the_code():
    shipped = resource("Schemas/signoff.schema.json").read_text(encoding="utf-8")
    assert shipped == json.dumps(signoff_schema(), indent=2, ensure_ascii=False) + "\n"


def test_verify_exits_with_0_only_when_all_roles_signed_this_content(file, capsys):
    assert main(["protocol", "verify", str(file)]) == 1
    assert main(["protocol", "sign", str(file), "--role", "author", "--name", "Ada Muster"]) == 0
    assert main(["protocol", "verify", str(file)]) == 1
    assert main(["protocol", "sign", str(file), "--role", "responsible radiologist", "--name", "Ben Muster"]) == 0
    assert main(["protocol", "verify", str(file)]) == 0
    assert "does not prove who signed" in capsys.readouterr().err
    file.write_text(to_json(replace(MINE, lesion_voxels=None)), encoding="utf-8")
    assert main(["protocol", "verify", str(file)]) == 1
    assert "Voxels of a lesion: at least 27 -> no limit" in capsys.readouterr().out
