"""A protocol while it is edited, without a window: versions, drafts, names, known values, codes, typed numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from SegQCLib.errors import BadDataError
from SegQCLib.protocol import load_protocol
from SegQCLib.protocols.difference import LOOK_AGAIN
from SegQCLib.protocols.form import form_faults, protocol_form
from SegQCLib.protocols.form_sections import form_sections, place_words
from SegQCLib.protocols.known_codes import known_codes, matching_codes, set_codes
from SegQCLib.protocols.known_values import known_values
from SegQCLib.protocols.open_protocol import kept_versions, new_protocol, next_version, open_copy, open_protocol_file
from SegQCLib.protocols.protocol_file import draft_path, finished_path, open_document, protocol_of, save_document
from SegQCLib.protocols.sign_off import sign_protocol
from SegQCLib.protocols.structure_names import rename_structure
from SegQCLib.protocols.typed_number import number_text, typed_number

ABDOMEN = open_document("ct-abdomen-portal-venous")


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "abdomen.json"
    save_document(ABDOMEN | {"id": "abdomen"}, path)
    return path


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("3", 3), ("-3", -3), ("\N{MINUS SIGN}3", -3), ("2.50", 2.5), ("2,5", 2.5), (".5", 0.5), ("1e-2", 0.01),
        ("1,000", "1,000"), ("3 mm", "3 mm"), ("nan", "nan"), ("inf", "inf"), ("1e999", "1e999"), ("1_0", "1_0"),
    ],
)  # fmt: skip
def test_numbers_are_read_as_people_type_them(text, value):
    assert typed_number(text) == value


@given(st.floats(-1e6, 1e6, allow_nan=False) | st.integers(-(10**9), 10**9))
def test_a_number_that_is_shown_is_read_as_it_was(value):
    assert typed_number(number_text(value)) == pytest.approx(value, rel=0, abs=0)


@pytest.mark.parametrize(
    ("version", "following"),
    [("1.2.0", "1.3.0"), ("1.2.9", "1.3.0"), ("1.2", "1.3"), ("4", "5"), ("pilot", "pilot-2"), ("pilot-2", "pilot-3")],
)  # fmt: skip
def test_versions_follow_each_other(version, following):
    assert next_version(version) == following


def test_a_version_that_was_signed_is_not_given_again():
    assert next_version("1.0.0", {"1.1.0", "1.2.0"}) == "1.3.0"


def test_a_structure_is_renamed_wherever_rules_name_it():
    renamed = rename_structure(ABDOMEN, "structures[0].name", "whole_liver")
    assert form_faults(renamed) == ()
    before, after = protocol_of(ABDOMEN), protocol_of(renamed)
    old = before.structures[0].name
    assert [rule.structures for rule in after.windows] == [
        tuple("whole_liver" if name == old else name for name in rule.structures) for rule in before.windows
    ]
    assert after.structures[0].name == "whole_liver"
    assert old not in [name for item in after.structures for name in item.may_overlap]


def test_one_of_two_structures_of_one_name_is_renamed_alone():
    twins = ABDOMEN | {"structures": [ABDOMEN["structures"][0], *ABDOMEN["structures"]]}
    assert rename_structure(twins, "structures[0].name", "other")["windows"] == ABDOMEN["windows"]


def test_only_structures_have_names_to_change():
    with pytest.raises(ValueError, match="structures"):
        rename_structure(ABDOMEN, "windows[0].name", "x")


def test_every_field_is_in_one_section_with_a_title():
    sections = form_sections(protocol_form(ABDOMEN))
    listed = [field.path for section in sections for field in section.fields]
    assert sorted(listed) == sorted({field.path for field in protocol_form(ABDOMEN).children} - {"schema", "schema_version"})
    assert {section.key for section in sections} == set(LOOK_AGAIN)


def test_a_wrong_file_format_and_a_foreign_key_are_shown():
    sections = form_sections(protocol_form(ABDOMEN | {"schema": "other", "colour": 1}))
    assert "schema" in [field.path for section in sections for field in section.fields]
    assert [field.path for field in sections[-1].fields] == ["colour"]


def test_places_are_named_from_the_outside_in():
    form = protocol_form(ABDOMEN)
    name = ABDOMEN["structures"][0]["name"]
    assert place_words(form, "structures[0].name") == f"Structures › {name} › Name"


def test_known_values_are_the_protocol_s_own_names_and_what_segqc_knows():
    names = tuple(item["name"] for item in ABDOMEN["structures"])
    assert known_values(ABDOMEN, "structures[1].may_overlap[0]") == names
    assert known_values(ABDOMEN, "decisions[0].structures[0]") == ("*", *names)
    assert known_values(ABDOMEN, "image_quality[0].background") == names
    assert "slice_thickness" in known_values(ABDOMEN, "rejecting_checks[0]")
    assert "convolution_kernel" in known_values(ABDOMEN, "uniform_in_study.values[0]")
    assert "lung-nodule-ct" in known_values(ABDOMEN, "expected_agreement.model")
    assert "CT" in known_values(ABDOMEN, "modality.values[0]")
    assert known_values(ABDOMEN, "title") == ()


def test_codes_are_found_by_words_in_any_order_and_by_their_value():
    (one,) = [one for one in matching_codes(known_codes(), "left kidney") if one.words == "Kidney, Left"]
    assert matching_codes(known_codes(), "Kidney left")[0] == one
    assert one in matching_codes(known_codes(), "64033007")
    assert matching_codes(known_codes(), "no such organ") == ()


def test_chosen_codes_replace_all_that_were_there():
    (left,) = [one for one in known_codes() if one.words == "Kidney, Left"]
    (liver,) = [one for one in known_codes() if one.words == "Liver"]
    with_side = set_codes(ABDOMEN, "structures[0].terminology", left.terminology)
    assert protocol_of(set_codes(with_side, "structures[0].terminology", liver.terminology)).structures[0].terminology == (
        liver.terminology
    )


def test_drafts_and_finished_files_have_names_for_each_other(tmp_path):
    assert draft_path(tmp_path / "liver.json").name == "liver.draft.json"
    assert draft_path(tmp_path / "liver.draft.json").name == "liver.draft.json"
    assert finished_path(tmp_path / "liver.draft.json").name == "liver.json"
    assert finished_path(tmp_path / "liver.v1.JSON").name == "liver.v1.JSON"


def test_an_empty_protocol_has_faults_and_is_kept_as_a_draft(tmp_path):
    opened = new_protocol()
    with pytest.raises(ValueError, match="name"):
        opened.save()
    with pytest.raises(BadDataError, match="not a usable protocol"):
        opened.save(tmp_path / "new.json")
    file = opened.save_draft(tmp_path / "new.json")
    assert file.name == "new.draft.json"
    assert open_protocol_file(file).document == opened.document
    assert not (tmp_path / "new.json").exists()


def test_a_copy_is_compared_with_what_it_is_a_copy_of(tmp_path):
    opened = open_copy("ct-lung-nodule")
    assert opened.basis == load_protocol("ct-lung-nodule").protocol
    assert opened.is_changed
    assert not opened.has_unsaved_work
    opened.save(tmp_path / "own.json")
    assert not opened.is_changed
    assert opened.sign_off.state == "unsigned"


def test_undoing_a_new_version_locks_again(own):
    for role, name in (("author", "Ada"), ("responsible radiologist", "Berta")):
        sign_protocol(own, role, name)
    opened = open_protocol_file(own)
    assert opened.is_locked
    opened.make_new_version()
    assert not opened.is_locked
    opened.undo()
    assert opened.is_locked


def test_what_another_program_wrote_is_not_overwritten(own):
    opened = open_protocol_file(own)
    save_document(open_document(own) | {"title": "Theirs"}, own)
    opened.change(opened.document | {"title": "Mine"})
    with pytest.raises(BadDataError, match="changed by someone else"):
        opened.save()
    assert open_document(own)["title"] == "Theirs"


def test_a_damaged_sign_off_file_is_said_and_does_not_hide_the_protocol(own):
    sign_protocol(own, "author", "Ada")
    own.with_name("abdomen.signoff.json").write_text("{")
    opened = open_protocol_file(own)
    assert opened.protocol is not None
    assert "signoff" in opened.sign_off_fault


def test_a_draft_does_not_overwrite_what_its_file_became_meanwhile(own):
    opened = open_protocol_file(own)
    opened.change({**opened.document, "title": "Mine", "id": ""})
    draft = opened.save_draft()
    again = open_protocol_file(draft)
    assert again.basis == load_protocol(own).protocol
    save_document(open_document(own) | {"title": "Theirs"}, own)
    again.change({**again.document, "id": "abdomen"})
    with pytest.raises(BadDataError, match="changed by someone else"):
        again.save()
    assert draft.exists()
    assert open_document(own)["title"] == "Theirs"


def test_the_version_of_a_draft_is_none_that_was_signed(own):
    save_document(open_document(own) | {"version": "1.1.0"}, own)
    for role, name in (("author", "Ada"), ("responsible radiologist", "Berta")):
        sign_protocol(own, role, name)
    opened = open_protocol_file(own)
    opened.make_new_version()
    opened.change({**opened.document, "version": "1.0.0", "id": ""})
    again = open_protocol_file(opened.save_draft())
    again.make_new_version()
    assert again.version == "1.2.0"


def test_signed_versions_of_another_protocol_in_the_same_folder_are_not_offered(own, tmp_path):
    other = tmp_path / "other.json"
    save_document(ABDOMEN | {"id": "abdomen-two"}, other)
    sign_protocol(own, "author", "Ada")
    sign_protocol(other, "author", "Ada")
    assert [load_protocol(file).protocol.id for file in kept_versions(own, "abdomen")] == ["abdomen"]


def test_a_finished_protocol_does_not_get_the_name_of_a_draft(own, tmp_path):
    opened = open_protocol_file(own)
    opened.save(tmp_path / "x.draft.json")
    assert opened.path == tmp_path / "x.json"
