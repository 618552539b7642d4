"""The Checklists step in the test host: what files fill, questions one after the other, each answer kept at once."""

import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from phantoms import AXIAL
from SegQCLib.acquisition import Acquisition
from SegQCLib.case import Case, Segment, Segmentation, Volume
from SegQCLib.checklists.filled_html import item_html, sources_html
from SegQCLib.checklists.filled_study import fill_study
from SegQCLib.checklists.kept_answers import keep_answer, kept_answers, take_back_answer
from SegQCLib.checklists.study_files import StudyFiles
from SegQCLib.errors import BadDataError
from SegQCLib.evaluate import evaluate
from SegQCLib.geometry import Geometry
from SegQCLib.protocol import load_protocol
from SegQCLib.readers.simulated_logs import simulate_department
from slicer_host import a_host, needs_host

pytestmark = needs_host

PROTOCOL = "ct-abdomen-portal-venous"
READER = "Dr. Éva Szabó"


def a_record(number):
    """Return the record of a simulated case with a liver of 6 x 8 x 6 voxels."""
    geometry = Geometry((10, 20, 20), (3.0, 2.0, 2.0), (0.0, 0.0, 0.0), AXIAL)
    layer = np.zeros(geometry.size, np.uint8)
    layer[2:8, 5:13, 3:9] = 1
    acquisition = Acquisition(source="SIMULATED header", modality="CT", slice_thicknesses_mm=(3.0,), value_unit="HU")
    image = np.random.default_rng(number).normal(60, 10, geometry.size).astype(np.int16)
    candidate = Segmentation("SIMULATED candidate", geometry, (layer,), (Segment("liver", "liver", 1),))
    return evaluate(Case(Volume(image, geometry, acquisition), candidate), load_protocol(PROTOCOL))


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """A records folder with two simulated cases."""
    folder = tmp_path_factory.mktemp("records")
    for number in range(2):
        (folder / f"case{number}").mkdir()
        (folder / f"case{number}" / "record.json").write_text(a_record(number).to_json(), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def study(records, tmp_path_factory):
    """What fills from that folder, without Slicer."""
    return fill_study(records, None, PROTOCOL, StudyFiles(), tmp_path_factory.mktemp("none") / "answers.json")


@pytest.fixture(scope="module")
def opened():
    """One host for all: opening all panels takes longer than a test."""
    with a_host() as host:
        host.open("SegQCModule")
        yield host


@pytest.fixture
def host(opened, tmp_path):
    import qt
    import slicer

    slicer.mrmlScene.Clear()
    opened.displays.clear()
    qt.QSettings().remove("SegQC/ChecklistFiles")
    session = slicer.modules.SegQCModuleWidget.session
    session.records_folder = tmp_path
    session.reader = READER
    opened.process_events()
    return opened


@pytest.fixture
def session(host):
    import slicer

    return slicer.modules.SegQCModuleWidget.session


@pytest.fixture
def panel(host, session):
    import slicer

    column = slicer.modules.SegQCModuleWidget.column
    panel = next(panel for panel in column.panels if type(panel).__name__ == "ChecklistPanel")
    column.open(column.panels.index(panel))
    session.case.protocol = PROTOCOL
    for box in (panel.ui.openCheckBox, panel.ui.annotationCheckBox):
        box.setChecked(False)
    panel.ui.checklistSelector.setCurrentIndex(0)
    host.process_events()
    return panel


@pytest.fixture
def filled(host, panel, session, records, tmp_path):
    """The panel, filled from a copy of the records: answers are written there."""
    shutil.copytree(records, tmp_path / "study")
    session.records_folder = tmp_path / "study"
    fill(host, panel)
    return panel


def done(host, panel):
    host.wait_until(lambda: not panel._work.busy, 60)


def fill(host, panel):
    host.click(panel.ui.fillButton)
    done(host, panel)


def numbers(panel):
    table = panel.ui.itemsTable
    return [table.item(row, 0).text() for row in range(table.rowCount)]


def states(panel):
    table = panel.ui.itemsTable
    return {table.item(row, 0).text(): table.item(row, 2).text() for row in range(table.rowCount)}


def choose(host, panel, number):
    panel.ui.itemsTable.setCurrentCell(numbers(panel).index(number), 1)
    host.process_events()


def chosen(panel):
    return numbers(panel)[panel.ui.itemsTable.currentRow()]


def save(host, panel):
    host.click(panel._answer.ui.saveButton)
    done(host, panel)
    host.process_events()


def answer(host, panel, number, text):
    choose(host, panel, number)
    panel._answer.ui.textEdit.setPlainText(text)
    save(host, panel)


def answers(session):
    path = session.records_folder / "Checklists" / "answers.json"
    return {one["question"]: one for one in json.loads(path.read_text(encoding="utf-8"))["answers"]}


def test_nothing_is_read_before_it_is_asked_for(host, panel):
    assert not panel.ui.filledFrame.visible
    assert panel.standing().words == "for a paper"
    assert not panel.standing().is_open


def test_every_item_is_listed_with_open_ones_about_annotation_first(host, filled, study):
    claim = study.filled["claim-2024"]
    first = [item.number for item in claim.items if item.annotation and item.is_open]
    others = [item.number for item in claim.items if item.number not in first]
    assert first == ["14", "15", "16", "17", "18"]
    assert numbers(filled) == first + others
    assert "44 items: " in filled.ui.summaryLabel.text
    assert filled.ui.summaryLabel.text.endswith(f"About annotation and still open: {len(first)}.")
    assert chosen(filled) == first[0]


def test_what_is_simulated_says_so(filled):
    assert filled.ui.summaryLabel.text.startswith("SIMULATED DATA. ")
    assert filled.ui.tabs.tabText(2) == "Sources, 1 note"
    assert "SIMULATED DATA" in filled.ui.sourcesBrowser.toPlainText()
    assert filled.ui.methodsBrowser.toPlainText().startswith("[SIMULATED DATA: not the methods of a real study]")


def test_evidence_stands_with_its_place(host, filled):
    choose(host, filled, "13")
    text = filled.ui.itemBrowser.toPlainText()
    assert "Reported by SegQC" in text
    assert "record.json of 2 cases: " in text


def test_an_answer_is_kept_at_once_with_who_and_when_and_the_next_item_follows(host, filled, session):
    before = numbers(filled)
    answer(host, filled, "15", "Two readers drew each case.\nA third one decided.")
    kept = answers(session)["reference_rationale"]
    assert kept["value"] == "Two readers drew each case.\nA third one decided."
    assert (kept["who"], kept["not_applicable"]) == (READER, False)
    assert kept["when"][10] == "T"
    assert states(filled)["15"] == "✎ answered"
    # Its place is with the answered ones now.
    assert chosen(filled) == before[before.index("15") + 1]
    choose(host, filled, "15")
    assert filled._answer.ui.textEdit.toPlainText() == kept["value"]
    assert filled._answer.ui.whoLabel.text == f"Answered by {READER}, {kept['when'][:10]}."


def test_one_answer_serves_all_checklists_that_ask_it(host, filled, study):
    ids = {name: {item.question.id: item.number for item in one.items} for name, one in study.filled.items()}
    shared = "reader_qualifications"
    answer(host, filled, ids["claim-2024"][shared], "reader 1: ten years")
    index = filled.ui.checklistSelector.findText("CLEAR")
    filled.ui.checklistSelector.setCurrentIndex(index)
    host.process_events()
    assert "58 items: " in filled.ui.summaryLabel.text
    assert states(filled)[ids["clear"][shared]].endswith("answered")


def test_a_choice_is_taken_from_its_list(host, filled, session):
    choose(host, filled, "5")
    ui = filled._answer.ui
    assert (ui.choiceSelector.isVisible(), ui.textEdit.isVisible()) == (True, False)
    save(host, filled)
    assert "an empty answer says nothing" in ui.faultLabel.text
    assert not (session.records_folder / "Checklists").exists()
    ui.choiceSelector.setCurrentIndex(2)
    save(host, filled)
    assert answers(session)["study_design"]["value"] == "retrospective"
    assert "This retrospective study used images from" in filled.ui.methodsBrowser.toPlainText()


def test_a_number_that_is_none_is_refused_in_words(host, filled, session, study):
    number = next(item.number for item in study.filled["clear"].items if item.question.kind == "number")
    filled.ui.checklistSelector.setCurrentIndex(filled.ui.checklistSelector.findText("CLEAR"))
    choose(host, filled, number)
    filled._answer.ui.numberEdit.setText("about three")
    save(host, filled)
    assert "'about three' is not a number" in filled._answer.ui.faultLabel.text
    filled._answer.ui.numberEdit.setText("3")
    save(host, filled)
    assert [one["value"] for one in answers(session).values()] == ["3"]


def test_what_does_not_apply_needs_a_reason(host, filled, session):
    choose(host, filled, "5")
    ui = filled._answer.ui
    ui.notApplicableCheckBox.setChecked(True)
    assert ui.questionLabel.text.startswith("Why does it not apply?")
    save(host, filled)
    assert "say why the question does not apply" in ui.faultLabel.text
    ui.textEdit.setPlainText("a phantom study")
    save(host, filled)
    assert states(filled)["5"] == "– not applicable"
    assert answers(session)["study_design"]["not_applicable"]


def test_an_answer_can_be_taken_back(host, filled, session):
    state = states(filled)["15"]
    answer(host, filled, "15", "to be taken back")
    choose(host, filled, "15")
    host.click(filled._answer.ui.takeBackButton)
    done(host, filled)
    assert answers(session) == {}
    assert states(filled)["15"] == state
    assert chosen(filled) == "15"
    assert filled._answer.ui.textEdit.toPlainText() == ""


def test_typed_text_waits_while_another_item_is_read(host, filled):
    choose(host, filled, "15")
    filled._answer.ui.textEdit.setPlainText("half a sent")
    choose(host, filled, "16")
    assert filled._answer.ui.textEdit.toPlainText() == ""
    assert states(filled)["15"].endswith("not saved")
    choose(host, filled, "15")
    assert filled._answer.ui.textEdit.toPlainText() == "half a sent"


def test_filters_leave_what_is_open_and_what_is_about_annotation(host, filled, study):
    claim = study.filled["claim-2024"].items
    filled.ui.openCheckBox.setChecked(True)
    assert set(numbers(filled)) == {item.number for item in claim if item.is_open}
    filled.ui.annotationCheckBox.setChecked(True)
    assert set(numbers(filled)) == {item.number for item in claim if item.is_open and item.annotation}
    first, second = numbers(filled)[:2]
    answer(host, filled, first, "answered")
    assert first not in numbers(filled)
    assert chosen(filled) == second


def test_without_a_name_nothing_is_answered(host, filled, session):
    session.reader = ""
    assert not filled._answer.ui.saveButton.enabled
    assert "Enter your name in step 1" in filled._answer.ui.whoLabel.text


def test_answers_of_others_given_meanwhile_stay(host, filled, session, study):
    path = session.records_folder / "Checklists" / "answers.json"
    keep_answer(path, study.questions, study.questions["funding"], "by nobody", "Dr B")
    answer(host, filled, "15", "mine")
    assert {key: one["who"] for key, one in answers(session).items()} == {"funding": "Dr B", "reference_rationale": READER}
    assert "answered" in states(filled)[next(i.number for i in study.filled["claim-2024"].items if i.question.id == "funding")]


def test_a_damaged_file_of_answers_is_told_and_left_as_it_is(host, filled, session):
    path = session.records_folder / "Checklists" / "answers.json"
    path.parent.mkdir()
    path.write_text('{"schema": "segqc-checklist-answers", "answers": [', encoding="utf-8")
    before = path.read_bytes()
    fill(host, filled)
    assert "until their file is corrected" in filled.ui.messageLabel.text
    assert not filled._answer.ui.saveButton.enabled
    assert path.read_bytes() == before


def test_a_file_of_answers_that_is_damaged_meanwhile_keeps_the_typed_text(host, filled, session):
    path = session.records_folder / "Checklists" / "answers.json"
    path.parent.mkdir()
    path.write_text("{", encoding="utf-8")
    answer(host, filled, "15", "typed")
    assert "has no usable answers" in filled.ui.messageLabel.text
    assert filled._answer.ui.textEdit.toPlainText() == "typed"
    assert path.read_text(encoding="utf-8") == "{"


def test_the_export_is_written_apart_from_the_names_and_opened_on_request(host, filled, session):
    answer(host, filled, "15", "an answer for the supplement")
    assert not filled.ui.openButton.visible
    host.click(filled.ui.exportButton)
    done(host, filled)
    folder = session.records_folder / "Checklists" / "claim-2024"
    assert sorted(path.name for path in folder.iterdir()) == ["checklist.csv", "checklist.html", "checklist.json", "methods.txt"]
    rows = list(csv.reader((folder / "checklist.csv").read_text(encoding="utf-8-sig").splitlines()))
    assert len(rows) == 45
    for path in folder.iterdir():
        assert READER not in path.read_text(encoding="utf-8")
    assert "an answer for the supplement" in (folder / "checklist.html").read_text(encoding="utf-8")
    host.click(filled.ui.openButton)
    assert host.displays[-1][0] == "openUrl"
    assert host.displays[-1][1].endswith("checklist.html")


def test_the_methods_paragraph_goes_to_the_clipboard(host, filled):
    import qt

    filled.ui.tabs.setCurrentIndex(1)
    host.click(filled.ui.copyButton)
    text = qt.QApplication.clipboard().text()
    assert text.startswith("[SIMULATED DATA")
    assert f"still to be completed: {text.count('[to be completed: ')}." in filled.ui.messageLabel.text
    filled.ui.tabs.setCurrentIndex(0)


def test_sources_and_left_out_items_are_shown(host, filled):
    filled.ui.checklistSelector.setCurrentIndex(filled.ui.checklistSelector.findText("RIDGE"))
    text = filled.ui.sourcesBrowser.toPlainText()
    assert "10.1007/s10278-024-01282-9" in text
    assert "M-13, M-17" in text
    assert "2 records of evaluated cases." in text


def test_an_empty_folder_still_asks_every_question(host, panel, session):
    fill(host, panel)
    assert len(numbers(panel)) == 44
    assert "Records of evaluated cases (record.json) were not given." in " ".join(
        text for item in panel._filled.items for text in item.missing
    )
    answer(host, panel, "15", "an answer without any case")
    assert answers(session)["reference_rationale"]["value"] == "an answer without any case"


def test_another_records_folder_is_another_study(host, filled, session, tmp_path):
    choose(host, filled, "15")
    filled._answer.ui.textEdit.setPlainText("of the first study")
    (tmp_path / "other").mkdir()
    session.records_folder = tmp_path / "other"
    assert not filled.ui.filledFrame.visible
    fill(host, filled)
    choose(host, filled, "15")
    assert filled._answer.ui.textEdit.toPlainText() == ""


def test_files_of_another_kind_are_refused_and_nothing_is_filled_anew(host, filled, tmp_path):
    path = tmp_path / "other.json"
    path.write_text('{"schema": "segqc-record"}', encoding="utf-8")
    filled.ui.tabs.setCurrentIndex(2)
    host.answers.append(str(path))
    host.click(filled.ui.addFileButton)
    assert "is of another kind (segqc-record)" in filled.ui.messageLabel.text
    assert not filled.ui.removeFilesButton.enabled
    filled.ui.tabs.setCurrentIndex(0)


def test_filling_can_be_stopped(host, panel, session, records):
    session.records_folder = records
    panel.onFill()
    assert panel.ui.cancelButton.enabled
    panel.onCancel()
    assert not panel._work.busy
    assert panel._filled is None
    assert panel.ui.messageLabel.text.startswith("Stopped.")


def test_filling_counts_the_readers_of_the_logs_and_adds_nothing_to_the_scene(host, filled, session):
    before = host.scene.GetNumberOfNodes()
    simulate_department(session.records_folder, readers=3, models=1, cases=4, seed=1)
    first_lines = [path.open(encoding="utf-8").readline() for path in session.logs_folder.glob("*.jsonl")]
    readers = {json.loads(line)["reader"] for line in first_lines}
    fill(host, filled)
    assert f"Readers. {len(readers)} readers (" in filled.ui.methodsBrowser.toPlainText()
    assert host.scene.GetNumberOfNodes() == before


# Without Slicer.


def test_records_of_another_protocol_are_not_described_by_the_chosen_one(records, tmp_path):
    study = fill_study(records, None, "ct-lung-nodule", StudyFiles(), tmp_path / "answers.json")
    assert study.notes == (f"The records are of the protocol {PROTOCOL}; ct-lung-nodule, which is chosen now, was not used.",)
    assert any(f"The protocol {PROTOCOL}, version" in line for line in study.filled["claim-2024"].read)


def test_an_added_file_that_is_gone_is_told(records, tmp_path):
    files = StudyFiles(agreement=tmp_path / "agreement.json")
    study = fill_study(records, None, PROTOCOL, files, tmp_path / "answers.json")
    assert study.notes == (f"{tmp_path / 'agreement.json'}: is not there any more, and was not read.",)


def test_added_files_are_told_apart_by_their_schema(tmp_path):
    files = StudyFiles()
    for name, schema in (
        ("a", "segqc-study-agreement"),
        ("b", "segqc-study-consistency"),
        ("c", "segqc-quality-study"),
        ("provenance", "segqc-training-provenance"),
    ):
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps({"schema": schema}), encoding="utf-8")
        files = files.with_file(path)
    assert files == StudyFiles(tmp_path / "a.json", tmp_path / "b.json", tmp_path / "c.json", tmp_path)
    for name, text in (("no.json", "no JSON"), ("list.json", "[]"), ("number.json", '{"schema": 1}')):
        (tmp_path / name).write_text(text, encoding="utf-8")
        with pytest.raises(BadDataError, match=r"provenance\.json"):
            StudyFiles().with_file(tmp_path / name)


def test_an_answer_that_does_not_fit_leaves_the_file_as_it_is(study, tmp_path):
    path, questions = tmp_path / "new" / "answers.json", study.questions
    assert kept_answers(path, questions).answers == ()
    keep_answer(path, questions, questions["study_design"], "prospective", READER)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="is not one of"):
        keep_answer(path, questions, questions["study_design"], "sideways", READER)
    assert path.read_bytes() == before
    assert take_back_answer(path, questions, questions["study_design"]).answers == ()
    assert kept_answers(path, questions).answers == ()


def test_texts_of_files_and_persons_are_no_markup(study):
    filled = study.filled["claim-2024"]
    hostile = "<img src=x>"
    item = replace(filled.items[0], topic=hostile, missing=(hostile,))
    for html in (item_html(item), sources_html(replace(filled, notes=(hostile,)), [hostile])):
        assert hostile not in html
        assert "&lt;img src=x&gt;" in html
