import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from SegQCLib.errors import BadDataError
from SegQCLib.protocol import load_protocol, protocol_schema, shipped_protocols
from SegQCLib.protocols.form import (
    add_item,
    blank_protocol,
    clear_optional,
    form_faults,
    protocol_form,
    remove_item,
    set_optional,
    set_value,
)
from SegQCLib.protocols.protocol_file import open_document, save_document
from SegQCLib.protocols.sign_off import sign_protocol, signoff_state

NODULE = open_document("ct-lung-nodule")
LIVER = {
    "schema": "segqc-protocol",
    "schema_version": "1.0",
    "id": "liver-ct",
    "version": "1.0.0",
    "title": "Liver",
    "purpose": "Volume.",
    "modality": {"values": ["CT"], "source": "the study"},
    "structures": [
        {
            "name": "liver",
            "terminology": {
                "category": {"value": "123037004", "scheme": "SCT", "meaning": "Anatomical Structure"},
                "type": {"value": "10200004", "scheme": "SCT", "meaning": "Liver"},
            },
        }
    ],
    "slice_thickness_mm": {"maximum": 5, "unit": "mm", "source": "the study"},
}


def faults_at(document) -> dict[str, tuple[str, ...]]:
    return {field.path: field.faults for field in protocol_form(document).walk() if field.faults}


@pytest.mark.parametrize("name", shipped_protocols())
def test_a_shipped_protocol_is_saved_as_it_was_opened(name, tmp_path):
    document = open_document(name)
    assert faults_at(document) == {}
    saved = save_document(document, tmp_path / "copy.json")
    assert saved.protocol == load_protocol(name).protocol
    assert (tmp_path / "copy.json").read_bytes() == shipped_protocols()[name].read_bytes()


def test_every_key_of_the_schema_is_a_field_with_its_explanation():
    properties = protocol_schema()["properties"]
    children = {field.path: field for field in protocol_form(LIVER).children}
    assert set(children) == set(properties) - {"$schema"}
    for name, field in children.items():
        assert field.doc == properties[name]["description"]
        assert field.required == (name in protocol_schema()["required"])


def test_fields_have_the_kind_unit_choices_and_value_of_the_document():
    form = protocol_form(NODULE)
    thickness = form.at("slice_thickness_mm.maximum")
    assert (thickness.kind, thickness.value, thickness.unit) == ("number", 1.5, "mm")
    assert form.at("windows[0].apply_level").unit == "[hnsf'U]"
    assert form.at("irregular_geometry").choices == ("stop", "resample")
    assert form.at("structures[0].required").kind == "switch"
    assert form.at("ratings[0].unusable[0]").kind == "whole_number"
    assert form.at("structures[0]").title == "lung_nodule"
    assert not form.at("kvp").given
    assert form.at("plane.maximum_obliquity_deg").unit == "deg"


def test_a_value_is_changed_in_a_new_document():
    changed = set_value(LIVER, "slice_thickness_mm.maximum", 3)
    assert changed["slice_thickness_mm"]["maximum"] == 3
    assert LIVER["slice_thickness_mm"]["maximum"] == 5


def test_a_fault_stands_at_its_field_in_the_words_of_the_loader(tmp_path):
    changed = set_value(set_value(LIVER, "slice_thickness_mm.minimum", 9.5), "modality.source", " ")
    at = faults_at(changed)
    assert set(at) == {"slice_thickness_mm.maximum", "modality.source"}
    (tmp_path / "p.json").write_text(json.dumps(changed), encoding="utf-8")
    with pytest.raises(BadDataError) as error:
        load_protocol(tmp_path / "p.json")
    for path, texts in at.items():
        for text in texts:
            assert f"{path}: {text}" in str(error.value)


def test_an_optional_limit_is_begun_with_the_unit_of_its_key_and_told_as_unfinished():
    begun = set_optional(LIVER, "echo_time_ms")
    assert begun["echo_time_ms"] == {"unit": "ms", "source": ""}
    assert set(faults_at(begun)) == {"echo_time_ms", "echo_time_ms.source"}
    finished = set_value(set_value(begun, "echo_time_ms.maximum", 120), "echo_time_ms.source", "the study")
    assert faults_at(finished) == {}
    assert clear_optional(finished, "echo_time_ms") == LIVER
    assert set_value(LIVER, "kvp.maximum", 120)["kvp"] == {"unit": "kV", "source": "", "maximum": 120}


def test_entries_are_added_and_removed():
    more = add_item(LIVER, "structures")
    assert len(more["structures"]) == 2
    assert {"structures[1].name", "structures[1].terminology.type.value"} <= set(faults_at(more))
    assert remove_item(more, "structures[1]") == LIVER
    windows = add_item(LIVER, "windows")
    assert {"windows[0].apply_window", "windows[0].apply_level"} <= set(faults_at(windows))
    named = set_value(add_item(windows, "windows[0].structures"), "windows[0].structures[0]", "livr")
    assert protocol_form(named).at("windows[0].structures[0]").value == "livr"


def test_what_is_needed_cannot_be_left_out():
    for path in ("title", "modality", "structures", "structures[0].terminology", "slice_thickness_mm.unit"):
        with pytest.raises(ValueError, match="cannot be left out"):
            clear_optional(LIVER, path)
    assert "slice_thickness_mm" not in clear_optional(LIVER, "slice_thickness_mm")
    assert clear_optional(LIVER, "contrast.delay_s") == LIVER


@pytest.mark.parametrize("path", ["", "nothing", "structures[7].name", "structures[0].nothing", "a..b", "structures", "modality"])
def test_a_place_that_no_protocol_has_is_misuse(path):
    with pytest.raises(ValueError, match=re.compile("no|path")):
        set_value(LIVER, path, "x")


def test_the_file_format_is_not_edited():
    with pytest.raises(ValueError, match="not edited"):
        set_value(LIVER, "schema", "other")


def test_a_key_that_no_protocol_has_is_shown_and_can_be_removed():
    strange = {**LIVER, "window": 3}
    field = protocol_form(strange).at("window")
    assert field.kind == "unknown"
    assert "did you mean 'windows'" in field.faults[0]
    assert remove_item(strange, "window") == LIVER
    with pytest.raises(ValueError, match="no entry"):
        remove_item(LIVER, "title")


def test_a_new_protocol_lacks_only_what_a_person_must_say(tmp_path):
    new = blank_protocol()
    missing = set(faults_at(new))
    assert missing == {"id", "version", "title", "purpose", "structures", "modality.values", "modality.source"}
    for path, value in (("id", "new-one"), ("version", "1"), ("title", "New"), ("purpose", "Test"), ("modality.source", "study")):
        new = set_value(new, path, value)
    new = set_value(add_item(new, "modality.values"), "modality.values[0]", "MR")
    new = set_value(add_item(new, "structures"), "structures[0].name", "brain")
    assert all(path.startswith("structures[0].terminology") for path in faults_at(new))
    new["structures"][0]["terminology"] = LIVER["structures"][0]["terminology"]
    assert faults_at(new) == {}
    assert save_document(new, tmp_path / "new.json").protocol.id == "new-one"


def test_a_document_with_faults_is_not_saved_and_all_are_told(tmp_path):
    with pytest.raises(BadDataError, match=r"id: .*\n.*kvp.source"):
        save_document(set_value(set_value(LIVER, "id", "Not good"), "kvp.maximum", 3), tmp_path / "p.json")
    assert list(tmp_path.iterdir()) == []


def test_a_signed_version_stays_as_it_is_and_a_new_version_is_saved(tmp_path):
    path = tmp_path / "liver-ct.json"
    save_document(LIVER, path)
    sign_protocol(path, "author", "A")
    sign_protocol(path, "responsible radiologist", "B")
    signed = path.read_bytes()
    changed = set_value(LIVER, "slice_thickness_mm.maximum", 3)
    with pytest.raises(BadDataError, match="new version number"):
        save_document(changed, path)
    assert path.read_bytes() == signed
    assert save_document(set_value(changed, "version", "1.1.0"), path).protocol.slice_thickness_mm.maximum == 3
    assert signoff_state(load_protocol(path)).state == "altered"


def test_saving_what_the_file_says_already_keeps_its_formatting_and_its_signatures(tmp_path):
    path = tmp_path / "liver-ct.json"
    path.write_text(json.dumps(LIVER), encoding="utf-8")
    sign_protocol(path, "author", "A")
    sign_protocol(path, "responsible radiologist", "B")
    save_document(open_document(path), path)
    assert signoff_state(load_protocol(path)).state == "locked"


def test_a_shipped_example_is_not_overwritten():
    with pytest.raises(BadDataError, match="example"):
        save_document(set_value(NODULE, "title", "Mine"), shipped_protocols()["ct-lung-nodule"])


@pytest.mark.parametrize("text", ["", "[1]", '{"id": 1, "id": 2}', "\ufffe", "[" * 100_000])
def test_what_is_no_document_is_told(tmp_path, text):
    path = tmp_path / "p.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadDataError, match=r"p\.json"):
        open_document(path)
    with pytest.raises(BadDataError, match="cannot be read"):
        open_document(tmp_path / "none.json")


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**6), 10**6),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["liver", "*", "mm", "CT", "dice", "kvp"]),
)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_random_edits_never_crash_and_every_fault_stands_at_a_field(data):
    document = LIVER if data.draw(st.booleans()) else blank_protocol()
    for _ in range(data.draw(st.integers(1, 8))):
        field = data.draw(st.sampled_from(list(protocol_form(document).walk())))
        if field.kind == "list":
            document = add_item(document, field.path)
        elif field.kind == "group" and field.path and not field.path.endswith("]"):
            document = set_optional(document, field.path)
            if not field.required and data.draw(st.booleans()):
                document = clear_optional(document, field.path)
        elif field.path.endswith("]"):
            document = remove_item(document, field.path)
        elif field.path and field.path not in ("schema", "schema_version"):
            document = set_value(document, field.path, data.draw(VALUES))
    form = protocol_form(document)
    paths = [field.path for field in form.walk()]
    assert len(paths) == len(set(paths))
    faults = form_faults(document)
    assert {fault.path for fault in faults} <= set(paths)
    assert sorted(fault.text for fault in faults) == sorted(text for field in form.walk() for text in field.faults)
