"""The Protocol step: every kind of field through its widget, faults, drafts, versions, signatures, and proposals from cases."""

import json
import random

import pytest

from SegQCLib.errors import BadDataError
from SegQCLib.protocol import load_protocol, shipped_protocols
from SegQCLib.protocols.form import protocol_form
from SegQCLib.protocols.protocol_file import open_document, save_document
from SegQCLib.protocols.sign_off import sign_protocol
from slicer_host import a_host, needs_host

pytestmark = needs_host

NODULE = "ct-lung-nodule"
ABDOMEN = "ct-abdomen-portal-venous"
_EDIT, _SAVE, _SIGN, _REMARKS = range(4)


@pytest.fixture(scope="module")
def opened():
    """One host for all: opening all panels takes longer than a test."""
    with a_host() as host:
        host.open("SegQCModule")
        yield host


@pytest.fixture
def session(opened, tmp_path):
    import slicer

    session = slicer.modules.SegQCModuleWidget.session
    slicer.mrmlScene.Clear()
    session.worklist = None
    session.records_folder = tmp_path / "records"
    session.reader = "Ada"
    opened.process_events()
    return session


@pytest.fixture
def host(opened, session):
    opened.displays.clear()
    opened.errors.clear()
    yield opened
    assert not opened.errors


@pytest.fixture
def panel(host):
    import slicer

    column = slicer.modules.SegQCModuleWidget.column
    panel = next(panel for panel in column.panels if type(panel).__name__ == "ProtocolPanel")
    column.open(column.panels.index(panel))
    panel.openNew()
    host.process_events()
    return panel


@pytest.fixture
def own(tmp_path):
    """Return the file of a study's own protocol, a copy of the one for nodules."""
    path = tmp_path / "nodules.json"
    save_document(open_document(NODULE) | {"id": "nodules"}, path)
    return path


def editor(host, panel, path):
    panel.edit.go_to(path)
    host.process_events()
    return panel.edit.page.editors[path]


def type_in(host, panel, path, text):
    line = editor(host, panel, path)._line
    line.setText(text)
    host.key(line, "Return")


def choose(host, panel, path, words):
    box = editor(host, panel, path).widget
    index = next(n for n in range(box.count) if box.itemText(n) == words)
    box.setCurrentIndex(index)
    box.activated.emit(index)
    host.process_events()


def press(host, panel, path):
    host.click(editor(host, panel, path).widget)


def tab(host, panel, number):
    panel.ui.tabs.setCurrentIndex(number)
    host.process_events()


def save_as(host, panel, path):
    tab(host, panel, _SAVE)
    host.answers.append(str(path))
    host.click(panel.ui.saveAsButton)
    tab(host, panel, _EDIT)


def outline(panel):
    return [panel.ui.outlineList.item(row).text().strip() for row in range(panel.ui.outlineList.count)]


def fault_words(panel):
    return [panel.ui.faultList.item(row).text() for row in range(panel.ui.faultList.count)]


def test_every_kind_of_field_is_edited_and_the_file_says_what_was_entered(host, panel, own, tmp_path):
    panel.openFile(own)
    type_in(host, panel, "title", "Nodules of our study")
    type_in(host, panel, "slice_thickness_mm.maximum", "1,25")
    type_in(host, panel, "slice_thickness_mm.source", "our physicist")
    choose(host, panel, "irregular_geometry", "resample")
    press(host, panel, "gantry_tilt_deg")
    press(host, panel, "kvp")
    type_in(host, panel, "kvp.minimum", "100")
    type_in(host, panel, "kvp.maximum", "120")
    type_in(host, panel, "kvp.source", "study decision: one contrast")
    press(host, panel, "structures[0].required")
    press(host, panel, "structures[0].aliases")
    last = len(panel.opened.document["structures"][0]["aliases"]) - 1
    type_in(host, panel, f"structures[0].aliases[{last}]", "SPN")
    type_in(host, panel, "ratings[0].grades[0].wording", "none at all")
    press(host, panel, "ratings[0].unusable")
    count = len(panel.opened.document["ratings"][0]["unusable"])
    type_in(host, panel, f"ratings[0].unusable[{count - 1}]", "1")
    save_as(host, panel, tmp_path / "ours.json")

    before = json.loads(own.read_text())
    expected = json.loads(own.read_text())
    expected["title"] = "Nodules of our study"
    expected["slice_thickness_mm"] |= {"maximum": 1.25, "source": "our physicist"}
    expected["irregular_geometry"] = "resample"
    if "gantry_tilt_deg" in before:
        del expected["gantry_tilt_deg"]
    expected["kvp"] = {"unit": "kV", "source": "study decision: one contrast", "minimum": 100, "maximum": 120}
    nodule = expected["structures"][0]
    if before["structures"][0].get("required"):
        del nodule["required"]
    else:
        nodule["required"] = True
    nodule["aliases"] = [*nodule.get("aliases", []), "SPN"]
    expected["ratings"][0]["grades"][0]["wording"] = "none at all"
    expected["ratings"][0]["unusable"] = [*before["ratings"][0].get("unusable", []), 1]
    assert json.loads((tmp_path / "ours.json").read_text()) == expected


def test_limits_stand_with_their_unit_and_their_source(host, panel):
    import qt

    panel.openCopy(NODULE)
    limit = editor(host, panel, "slice_thickness_mm.maximum")
    assert limit._line.text == "1.5"
    assert "Slice Thickness (0018,0050)" in panel.edit.page.editors["slice_thickness_mm"].widget.toolTip
    assert panel.edit.page.editors["slice_thickness_mm.source"]._line.text
    assert "mm" in [label.text for label in limit.widget.parentWidget().findChildren(qt.QLabel)]


def test_a_field_that_is_left_out_again_is_not_in_the_file(host, panel, own):
    panel.openFile(own)
    type_in(host, panel, "slice_thickness_mm.minimum", "0.4")
    type_in(host, panel, "slice_thickness_mm.minimum", "")
    choose(host, panel, "irregular_geometry", "resample")
    choose(host, panel, "irregular_geometry", "stop (if left out)")
    assert "minimum" not in panel.opened.document["slice_thickness_mm"]
    assert "irregular_geometry" not in panel.opened.document


def test_a_change_is_taken_back(host, panel, own):
    panel.openFile(own)
    before = panel.opened.document
    type_in(host, panel, "title", "Other")
    press(host, panel, "structures[0].aliases")
    host.click(panel.ui.undoButton)
    host.click(panel.ui.undoButton)
    assert panel.opened.document == before
    assert not panel.ui.undoButton.enabled
    assert editor(host, panel, "title")._line.text == before["title"]


def test_structures_are_added_with_codes_that_nobody_types_and_removed(host, panel):
    panel.openCopy(NODULE)
    panel.edit.go_to("structures")
    host.process_events()
    host.click(panel.ui.addButton)
    count = len(panel.opened.document["structures"])
    codes = editor(host, panel, f"structures[{count - 1}].terminology")
    host.click(codes.chooseButton)
    codes.searchEdit.setText("left kid")
    host.process_events()
    assert codes.list.item(0).text() == "Kidney, Left"
    codes.list.itemActivated.emit(codes.list.item(0))
    host.process_events()
    added = panel.opened.document["structures"][-1]
    assert added["name"] == "kidney_left"
    assert added["terminology"]["type"] == {"value": "64033007", "scheme": "SCT", "meaning": "Kidney"}
    assert added["terminology"]["modifier"]["meaning"] == "Left"
    assert not panel.opened.faulty_fields
    panel.edit.go_to(f"structures[{count - 1}]")
    host.process_events()
    host.click(panel.ui.removeButton)
    assert len(panel.opened.document["structures"]) == count - 1
    assert "kidney_left" not in outline(panel)


def test_codes_that_no_table_has_can_be_typed(host, panel):
    panel.openCopy(NODULE)
    codes = editor(host, panel, "structures[0].terminology")
    host.click(codes.handCheck)
    type_in(host, panel, "structures[0].terminology.type.meaning", "Nodule of lung")
    assert panel.opened.document["structures"][0]["terminology"]["type"]["meaning"] == "Nodule of lung"


def test_a_structure_s_new_name_goes_where_rules_name_it(host, panel):
    panel.openCopy(ABDOMEN)
    type_in(host, panel, "structures[0].name", "whole_liver")
    assert not panel.opened.faulty_fields
    text = json.dumps(panel.opened.document)
    assert '"whole_liver"' in text
    assert '"name": "liver"' not in text
    tab(host, panel, _SAVE)
    assert "whole_liver" in panel.ui.changesBrowser.toPlainText()


def test_rules_choose_among_the_protocol_s_structures(host, panel):
    panel.openCopy(ABDOMEN)
    box = editor(host, panel, "windows[0].structures[0]").widget
    offered = [box.itemText(n) for n in range(box.count)]
    assert offered == ["*", *(item["name"] for item in panel.opened.document["structures"])]
    choose(host, panel, "windows[0].structures[0]", "spleen")
    assert panel.opened.document["windows"][0]["structures"][0] == "spleen"


def test_faults_stand_beside_their_field_and_in_a_list_that_leads_there(host, panel, own):
    panel.openFile(own)
    type_in(host, panel, "slice_thickness_mm.maximum", "thin")
    type_in(host, panel, "structures[0].name", "")
    panel.edit.go_to("title")
    host.process_events()
    words = fault_words(panel)
    assert any(one.startswith("Slice thickness › Maximum: ") for one in words)
    row = next(n for n, one in enumerate(words) if one.startswith("Slice thickness › Maximum"))
    panel.ui.faultList.itemClicked.emit(panel.ui.faultList.item(row))
    host.process_events()
    assert panel.ui.outlineList.item(panel.ui.outlineList.currentRow).text().strip() == "Which images are allowed"
    label = panel.edit.page._fault_labels["slice_thickness_mm.maximum"]
    assert label.isVisible()
    assert label.text in words[row]
    assert "to correct" in panel.ui.stateLabel.text


def test_an_entry_that_was_not_filled_in_is_a_fault(host, panel, own):
    panel.openFile(own)
    press(host, panel, "structures[0].aliases")
    assert any("is empty; fill it in" in words for words in fault_words(panel))


def test_a_structure_without_name_and_codes_is_a_fault(host, panel):
    panel.openCopy(NODULE)
    panel.edit.add("structures")
    words = fault_words(panel)
    assert any(one.endswith("Name: is empty; fill it in") for one in words)
    assert any("Type › Code: is empty" in one for one in words)
    tab(host, panel, _SAVE)
    assert not panel.ui.saveAsButton.enabled


def test_what_has_faults_is_kept_as_a_draft_only(host, panel, own):
    panel.openFile(own)
    content = own.read_bytes()
    type_in(host, panel, "slice_thickness_mm.maximum", "")
    tab(host, panel, _SAVE)
    assert not panel.ui.saveButton.enabled
    assert not panel.ui.saveAsButton.enabled
    host.click(panel.ui.draftButton)
    draft = own.with_name("nodules.draft.json")
    assert own.read_bytes() == content
    with pytest.raises(BadDataError, match="slice_thickness_mm"):
        load_protocol(draft)
    assert "unfinished" in panel.ui.stateLabel.text
    panel.openFile(draft)
    type_in(host, panel, "slice_thickness_mm.maximum", "1")
    tab(host, panel, _SAVE)
    host.click(panel.ui.saveButton)
    assert load_protocol(own).protocol.slice_thickness_mm.maximum == 1
    assert not draft.exists()


def test_what_changed_is_said_before_it_is_saved(host, panel, own):
    panel.openFile(own)
    type_in(host, panel, "slice_thickness_mm.maximum", "1.25")
    tab(host, panel, _SAVE)
    words = panel.ui.changesBrowser.toPlainText()
    assert "tighter" in words
    assert "1.25 mm" in words
    assert "Which images are allowed" in words
    assert "version is still" in panel.ui.versionLabel.text
    host.click(panel.ui.versionButton)
    assert not panel.ui.versionLabel.isVisible()
    host.click(panel.ui.saveButton)
    assert load_protocol(own).protocol.slice_thickness_mm.maximum == 1.25
    assert "Nothing changed" in panel.ui.changesBrowser.toPlainText()


def test_a_chosen_version_is_compared(host, panel, own, tmp_path):
    other = tmp_path / "other.json"
    save_document(open_document(own) | {"title": "An older title"}, other)
    panel.openFile(own)
    tab(host, panel, _SAVE)
    host.answers.append(str(other))
    panel.ui.compareSelector.activated.emit(panel.ui.compareSelector.count - 1)
    host.process_events()
    assert "An older title" in panel.ui.changesBrowser.toPlainText()


def test_what_someone_else_saved_meanwhile_is_not_overwritten(host, panel, own):
    panel.openFile(own)
    type_in(host, panel, "title", "Mine")
    save_document(open_document(own) | {"title": "Theirs"}, own)
    tab(host, panel, _SAVE)
    host.click(panel.ui.saveButton)
    assert "changed by someone else" in panel.ui.messageLabel.text
    assert load_protocol(own).protocol.title == "Theirs"


def test_two_roles_sign_and_then_it_is_locked(host, panel, own):
    panel.openFile(own)
    tab(host, panel, _SIGN)
    assert not panel.ui.signButton.enabled
    panel.ui.nameEdit.setText("Ada")
    host.click(panel.ui.signButton)
    assert panel.ui.roleSelector.currentText == "responsible radiologist"
    panel.ui.nameEdit.setText("ada")
    host.click(panel.ui.signButton)
    assert "four eyes" in panel.ui.messageLabel.text
    panel.ui.nameEdit.setText("Berta")
    host.click(panel.ui.signButton)
    assert "signed off by all roles" in panel.ui.stateLabel.text
    assert panel.opened.is_locked
    assert editor(host, panel, "title").widget.readOnly


def test_what_is_not_saved_is_not_signed(host, panel, own):
    panel.openFile(own)
    type_in(host, panel, "title", "Other")
    tab(host, panel, _SIGN)
    panel.ui.nameEdit.setText("Ada")
    assert not panel.ui.signButton.enabled
    assert "Save it first" in panel.ui.signLabel.text


def test_a_locked_protocol_is_changed_as_a_new_version(host, panel, own):
    for role, name in (("author", "Ada"), ("responsible radiologist", "Berta")):
        sign_protocol(own, role, name)
    version = load_protocol(own).protocol.version
    panel.openFile(own)
    with pytest.raises(ValueError, match="new version"):
        panel.opened.change({})
    assert editor(host, panel, "title").widget.readOnly
    assert not editor(host, panel, "structures[0].required").widget.enabled
    assert not editor(host, panel, "structures[0].terminology").chooseButton.enabled
    assert not panel.ui.removeButton.enabled
    host.click(panel.ui.newVersionButton)
    type_in(host, panel, "title", "The next")
    tab(host, panel, _SAVE)
    host.click(panel.ui.saveButton)
    assert load_protocol(own).protocol.title == "The next"
    assert load_protocol(own).protocol.version != version
    tab(host, panel, _SIGN)
    assert "not signed" in panel.ui.signLabel.text
    assert "The next" in panel.ui.signChangesBrowser.toPlainText()
    tab(host, panel, _SAVE)
    panel.ui.compareSelector.activated.emit(1)
    host.process_events()
    assert "The next" in panel.ui.changesBrowser.toPlainText()


def test_the_page_for_the_reading_room_is_written_beside_the_protocol_and_opened(host, panel, own):
    panel.openFile(own)
    tab(host, panel, _SIGN)
    host.click(panel.ui.pageButton)
    host.wait_until(lambda: not panel._work.busy)
    page = own.with_name("nodules.html")
    assert "lung_nodule" in page.read_text(encoding="utf-8")
    assert ("openUrl", page.as_uri()) in list(host.displays)


def test_the_case_takes_the_protocol_that_is_open(host, panel, session, own):
    panel.openFile(own)
    tab(host, panel, _SIGN)
    host.click(panel.ui.useButton)
    assert session.protocol.protocol.id == "nodules"
    tab(host, panel, _EDIT)
    type_in(host, panel, "title", "Renamed")
    tab(host, panel, _SAVE)
    host.click(panel.ui.saveButton)
    tab(host, panel, _SIGN)
    host.click(panel.ui.useButton)
    assert session.protocol.protocol.title == "Renamed"


def test_shipped_protocols_are_opened_as_copies(host, panel):
    panel.openCopy(ABDOMEN)
    assert panel.opened.path is None
    assert panel.opened.document["id"] == f"{ABDOMEN}-copy"
    tab(host, panel, _SAVE)
    content = shipped_protocols()[ABDOMEN].read_bytes()
    host.answers.append(str(shipped_protocols()[ABDOMEN]))
    host.click(panel.ui.saveAsButton)
    assert "example" in panel.ui.messageLabel.text
    assert shipped_protocols()[ABDOMEN].read_bytes() == content


def test_eighty_structures_are_listed_only_where_they_are_asked_for(host, panel):
    panel.openCopy(NODULE)
    document = panel.opened.document
    first = document["structures"][0]
    names = [f"nodule_{n}" for n in range(80)]
    structures = [
        first
        | {
            "name": name,
            "aliases": [],
            "terminology": first["terminology"] | {"type": first["terminology"]["type"] | {"value": name}},
        }
        for name in names
    ]
    panel.opened.change(document | {"structures": [*document["structures"], *structures]})
    panel.edit.go_to("title")
    host.process_events()
    assert "nodule_7" not in outline(panel)
    panel.ui.searchEdit.setText("nodule_7")
    host.process_events()
    assert outline(panel) == ["nodule_7", *(f"nodule_7{n}" for n in range(10))]
    host.key(panel.ui.searchEdit, "Return")
    assert panel.ui.pageLabel.text == "nodule_7"
    panel.ui.searchEdit.setText("no such words")
    host.process_events()
    assert outline(panel) == []
    panel.ui.searchEdit.setText("")
    host.process_events()
    assert "What decides" in outline(panel)


def test_scrolling_past_a_choice_does_not_change_it(host, panel):
    import ctk

    panel.openCopy(NODULE)
    assert editor(host, panel, "irregular_geometry").widget.scrollWheelEffect == ctk.ctkComboBox.NeverScroll


def test_another_protocol_is_opened_over_unsaved_work_only_after_asking(host, panel, own):
    import qt

    panel.openFile(own)
    type_in(host, panel, "title", "Unsaved")
    new = next(n for n in range(panel.ui.openSelector.count) if panel.ui.openSelector.itemText(n) == "A new one, empty")
    host.answers.append(qt.QMessageBox.Cancel)
    panel.ui.openSelector.activated.emit(new)
    assert panel.opened.document["title"] == "Unsaved"
    host.answers.append(qt.QMessageBox.Ok)
    panel.ui.openSelector.activated.emit(new)
    assert panel.opened.document["title"] == ""


def test_what_is_typed_counts_without_leaving_the_line(host, panel, own):
    panel.openFile(own)
    editor(host, panel, "title")._line.setText("Typed")
    tab(host, panel, _SAVE)
    assert panel.opened.document["title"] == "Typed"


def test_a_protocol_is_proposed_from_the_cases_of_the_worklist(host, panel, session, totalsegmentator, tmp_path):
    image, drawn = totalsegmentator / "example_ct_dicom", totalsegmentator / "example_seg_dicom.nii.gz"
    (tmp_path / "Our cases.csv").write_text(f"case,image,candidate,labels\nA,{image},{drawn},totalsegmentator\n")
    session.worklist = tmp_path / "Our cases.csv"
    host.wait_until(lambda: panel.session.worklist is not None)
    panel.proposeFromWorklist()
    host.wait_until(lambda: not panel._work.busy, 60)
    assert panel.opened.document["id"] == "our-cases"
    assert panel.opened.protocol is not None
    assert "liver" in [item["name"] for item in panel.opened.document["structures"]]
    assert panel.ui.tabs.currentIndex == _REMARKS
    assert "Left out" in panel.ui.remarksBrowser.toPlainText()
    assert panel.opened.has_unsaved_work


def test_cases_without_segments_are_no_protocol_and_the_step_says_why(host, panel, totalsegmentator, tmp_path):
    before = panel.opened
    (tmp_path / "cases.csv").write_text(f"case,image\nA,{totalsegmentator / 'example_ct_dicom'}\n")
    panel.propose(tmp_path / "cases.csv")
    host.wait_until(lambda: not panel._work.busy, 60)
    assert "No segment has codes" in panel.ui.messageLabel.text
    assert panel.opened is before


def test_without_a_worklist_the_step_asks_for_one(host, panel):
    panel.proposeFromWorklist()
    assert "step 1" in panel.ui.messageLabel.text


@pytest.mark.parametrize("value", [True, 7, [], {"a": 1}, [[1]]])
def test_a_file_with_something_odd_in_it_is_opened_and_says_so(host, panel, tmp_path, value):
    for path in ("structures", "slice_thickness_mm", "slice_thickness_mm.unit", "title", "structures.0.terminology"):
        document = open_document(NODULE)
        *above, last = path.split(".")
        place = document
        for step in above:
            place = place[int(step) if step.isdigit() else step]
        place[last] = value
        (tmp_path / "odd.json").write_text(json.dumps(document))
        panel.openFile(tmp_path / "odd.json")
        for field in panel.opened.faulty_fields:
            panel.edit.go_to(field.path)
        assert fault_words(panel), path


def test_a_file_that_is_no_json_is_told(host, panel, tmp_path):
    before = panel.opened
    (tmp_path / "broken.json").write_text("{")
    panel.openFile(tmp_path / "broken.json")
    assert "broken.json" in panel.ui.messageLabel.text
    assert panel.opened is before


def test_random_editing_always_leaves_what_the_widgets_show(host, panel, own, tmp_path):
    generator = random.Random(8)  # noqa: S311 - repeatable
    panel.openFile(own)
    for _step in range(40):
        field = generator.choice(
            [one for one in panel.opened.form.walk() if one.path and one.path not in ("schema", "schema_version")]
        )
        panel.edit.go_to(field.path)
        known = panel.edit.page.editors.get(field.path)
        if known is None or (field.kind == "group" and "terminology" in field.path):
            continue
        if field.kind in ("text", "number", "whole_number"):
            known._line.setText(generator.choice(["", "3", "2,5", "x y", "lung_nodule", field.path]))
            known.onEdited()
        elif known.widget.enabled:
            known.widget.click() if hasattr(known.widget, "click") else known.onActivated(generator.randrange(known.widget.count))
    host.process_events()
    for path, known in panel.edit.page.editors.items():
        if hasattr(known, "_line"):
            value = panel.opened.form.at(path).value
            assert known._line.text == ("" if value is None else str(value).removesuffix(".0"))
    while panel.opened.can_undo:
        panel.edit.onUndo()
    assert panel.opened.document == json.loads(own.read_text())
    assert panel.opened.form == protocol_form(json.loads(own.read_text()))
