"""The exam in the Training step, the certificate, and the gate that asks for it, in the test host."""

import json
import shutil

import pytest

from slicer_host import a_host, needs_host
from training_courses import a_protocol_file, write_course
from training_panels import draw, logged, no, open_course, segmentations, tab, training_panel, wait, yes

pytestmark = needs_host

_PRACTICE, _EXAM = 1, 2


@pytest.fixture(scope="module")
def boxes(tmp_path_factory):
    """Return the folder of a course with one practice case and two exam cases of three experts and three structures."""
    return write_course(tmp_path_factory.mktemp("courses") / "boxes")


def test_closing_slicer_in_an_exam_keeps_the_work_and_leaves_no_timer(boxes, tmp_path):
    """The first one: it has a host of its own, and there is one at a time."""
    with a_host() as host:
        import slicer

        host.open("SegQCModule")
        slicer.modules.SegQCModuleWidget.session.records_folder = tmp_path
        slicer.modules.SegQCModuleWidget.session.reader = "Ada"
        panel = training_panel(host)
        open_course(host, panel, boxes)
        tab(host, panel, _EXAM)
        start(host, panel)
        draw(host, panel)
        host.unload()
        assert not [name for name in host.held() if name.startswith(("timer", "event filter", "shortcut"))]
        assert not host.errors
    assert list(tmp_path.rglob("candidate.autosave.seg.nrrd"))


@pytest.fixture(scope="module")
def opened():
    """One host for all: opening all panels takes longer than a test."""
    with a_host() as host:
        host.open("SegQCModule")
        yield host


@pytest.fixture
def host(opened, tmp_path):
    import slicer

    session = slicer.modules.SegQCModuleWidget.session
    training_panel(opened).case.leave()
    slicer.mrmlScene.Clear()
    opened.displays.clear()
    opened.answers.clear()
    opened.errors.clear()
    session.worklist = None
    session.records_folder = tmp_path / "records"
    session.reader = "Ada"
    session.log_editing = False
    session.case.protocol = "ct-abdomen-portal-venous"
    opened.process_events()
    yield opened
    wait(opened, training_panel(opened))
    assert not opened.errors
    assert not opened.answers


@pytest.fixture
def panel(host):
    return training_panel(host)


@pytest.fixture
def session(panel):
    return panel.session


@pytest.fixture
def exam(host, panel, boxes):
    open_course(host, panel, boxes)
    tab(host, panel, _EXAM)
    return panel.exam


def start(host, panel):
    yes(host)
    host.click(panel.exam.ui.startButton)
    wait(host, panel)
    assert panel.exam.case_is_open, panel.ui.courseMessageLabel.text


def finish(host, panel):
    yes(host)
    host.click(panel.exam.ui.finishButton)
    wait(host, panel)


def take(host, panel, shift=0):
    """Take the whole exam with boxes that lie some columns beside Expert A's."""
    start(host, panel)
    while panel.exam.case_is_open:
        draw(host, panel, shift)
        finish(host, panel)


def gate_of(host):
    import slicer

    column = slicer.modules.SegQCModuleWidget.column
    return next(panel for panel in column.panels if type(panel).__name__ == "GatePanel")


def settled(host, gate):
    host.wait_until(lambda: gate._job is None and not gate._settle.active, 60)


def a_patient(host, session):
    from phantoms import a_volume
    from SegQCLib.mrml.volume import add_volume

    volume = add_volume(host.scene, a_volume(), "patient")
    volume.CreateDefaultDisplayNodes()
    session.case.volume = volume
    host.process_events()
    return volume


def a_protocol(folder, missing):
    asked = a_protocol_file()
    asked["reader_training"]["missing"] = missing
    path = folder / f"{missing}.json"
    path.write_text(json.dumps(asked))
    return str(path)


def test_the_exam_says_first_what_is_logged_and_does_not_begin_without_the_reader_s_yes(host, panel, exam, session, monkeypatch):
    import qt

    asked = []
    monkeypatch.setattr(
        qt.QMessageBox, "question", lambda _parent, _title, text, _buttons: asked.append(text) or qt.QMessageBox.Cancel
    )
    host.click(exam.ui.startButton)
    assert "SegQC logs your name and the case's" in asked[0]
    assert "2 cases" in asked[0]
    assert not panel.case.is_open
    assert not (session.records_folder / "training").exists()
    assert not session.log_editing


def test_during_an_exam_no_expert_is_in_the_scene_and_nothing_is_scored(host, panel, exam, session):
    start(host, panel)
    assert session.log_editing
    assert session.purpose == "training"
    assert (session.case.reference, session.case.draft) == (None, None)
    assert segmentations() == [session.case.candidate.GetName()]
    assert exam.score.widget.isHidden()
    assert exam.ui.resultTable.isHidden()
    tab(host, panel, _PRACTICE)
    assert not panel.practice.ui.openButton.enabled
    assert not panel.practice.ui.scoreButton.enabled
    assert "While an exam case is open" in panel.practice.ui.practiceLabel.text


def test_what_practice_showed_of_experts_is_gone_when_the_exam_begins(host, panel, exam):
    tab(host, panel, _PRACTICE)
    host.click(panel.practice.ui.openButton)
    wait(host, panel)
    draw(host, panel)
    host.click(panel.practice.ui.scoreButton)
    wait(host, panel)
    panel.practice.score.ui.expertsButton.setChecked(True)
    assert len(segmentations()) == 4
    tab(host, panel, _EXAM)
    start(host, panel)
    assert len(segmentations()) == 1
    assert panel.practice.score.widget.isHidden()


def test_a_reference_that_is_chosen_in_an_exam_is_taken_back(host, panel, exam, session):
    from phantoms import a_segmentation
    from SegQCLib.mrml.segmentation import add_segmentation
    from training_courses import GEOMETRY

    start(host, panel)
    drawn = a_segmentation(GEOMETRY, "elsewhere", liver=((2, 10), (1, 9), (15, 25)))
    session.case.reference = add_segmentation(host.scene, drawn, session.case.volume, "elsewhere")
    host.process_events()
    assert session.case.reference is None
    assert "In an exam there is no reference" in panel.case.ui.caseLabel.text


def test_a_case_is_finished_only_after_a_yes_and_the_question_names_what_is_not_drawn(host, panel, exam, monkeypatch):
    import qt

    start(host, panel)
    draw(host, panel, structures=("liver",))
    asked = []
    monkeypatch.setattr(
        qt.QMessageBox, "question", lambda _parent, _title, text, _buttons: asked.append(text) or qt.QMessageBox.Cancel
    )
    host.click(exam.ui.finishButton)
    assert "cannot be changed afterwards" in asked[0]
    assert "spleen, pancreas" in asked[0]
    assert panel.case.is_open
    assert exam._exam.answers == ()


def test_an_exam_that_was_cut_off_goes_on_with_the_same_case_and_what_was_drawn(host, panel, exam, session):
    import slicer

    start(host, panel)
    first = panel.case.case.id
    draw(host, panel, structures=("liver",))
    # As a crash of the scene: nothing was saved by the reader.
    slicer.mrmlScene.Clear()
    host.process_events()
    assert not panel.case.is_open
    tab(host, panel, _EXAM)
    host.click(exam.ui.resumeButton)
    wait(host, panel)
    assert panel.case.case.id == first
    assert "Recovered" in panel.case.ui.caseLabel.text
    assert panel.case.empty_structures() == ("spleen", "pancreas")


def test_an_exam_can_be_stopped_and_gone_on_with_in_another_session(host, panel, exam, boxes):
    start(host, panel)
    order = exam._exam.order
    draw(host, panel)
    finish(host, panel)
    assert panel.case.case.id == order[1]
    draw(host, panel, structures=("liver",))
    host.click(exam.ui.leaveButton)
    wait(host, panel)
    assert "Your work is kept" in panel.ui.courseMessageLabel.text
    assert panel.standing().words == "exam: 1 of 2 done"
    # Read anew, as after a start of Slicer.
    open_course(host, panel, boxes)
    assert exam._exam.order == order
    host.click(exam.ui.resumeButton)
    wait(host, panel)
    assert panel.case.case.id == order[1]
    assert panel.case.empty_structures() == ("spleen", "pancreas")


def test_without_the_log_a_case_cannot_be_finished(host, panel, exam, session):
    start(host, panel)
    session.log_editing = False
    host.process_events()
    assert not exam.ui.finishButton.enabled
    assert "Switch it on" in exam.ui.examLabel.text
    session.log_editing = True
    host.process_events()
    assert exam.ui.finishButton.enabled


def test_a_reader_who_draws_as_an_expert_passes_and_gets_a_certificate(host, panel, exam, session, boxes):
    session.case.protocol = str(boxes / "protocol.json")
    take(host, panel)
    assert exam.ui.resultLabel.text.startswith("You passed the exam. 6 of 6 structures")
    assert exam.ui.resultTable.rowCount == 6
    assert session.training_standing.holds
    assert panel.standing().words.startswith("certificate until ")
    host.click(exam.ui.certificateButton)
    wait(host, panel)
    kind, address = host.displays[-1]
    assert kind == "openUrl"
    assert address.endswith(".html")
    (page,) = (session.records_folder / "certificates").glob("Ada.boxes.*.html")
    assert "Ada" in page.read_text(encoding="utf-8")


def test_every_answer_is_logged_and_the_last_one_says_whether_the_exam_was_passed(host, panel, exam, session):
    start(host, panel)
    events = []
    while exam.case_is_open:
        # The log begins anew with each case.
        events += [logged(session)]
        draw(host, panel)
        finish(host, panel)
    attempts = [facts for log in events for kind, facts in log if kind == "training_attempt"]
    assert [facts["mode"] for facts in attempts] == ["exam", "exam"]
    assert [facts["passed"] for facts in attempts] == [None, True]
    assert [facts["case"] for facts in attempts] == list(exam._exam.order)


def test_a_reader_far_beside_the_experts_gets_no_certificate_and_may_try_again(host, panel, exam, session):
    take(host, panel, shift=6)
    assert "not passed yet" in exam.ui.resultLabel.text
    assert exam.ui.certificateButton.isHidden()
    assert not (session.records_folder / "certificates").exists()
    assert exam.ui.startButton.enabled
    first = exam._exam.number
    start(host, panel)
    assert exam._exam.number == first + 1


def test_after_the_end_an_answer_is_looked_at_beside_the_experts_and_can_no_longer_be_changed(host, panel, exam, session):
    take(host, panel, shift=2)
    answers = exam._exam.answers
    exam.ui.resultTable.selectRow(0)
    host.click(exam.ui.lookButton)
    wait(host, panel)
    assert panel.case.mode == "review"
    assert exam.score.widget.isVisible()
    # Two of ten columns in eight rows and eight slices of 2 mm, three structures.
    assert "missed: 0.768 mL" in exam.score.ui.legendLabel.text
    draw(host, panel, shift=0)
    panel.case.leave()
    open_course(host, panel, exam._course.folder)
    assert exam._exam.answers == answers


def test_an_exam_of_a_course_that_changed_since_is_not_gone_on_with(host, panel, exam, boxes, tmp_path):
    copy = tmp_path / "boxes"
    shutil.copytree(boxes, copy)
    open_course(host, panel, copy)
    start(host, panel)
    host.click(exam.ui.leaveButton)
    wait(host, panel)
    course = json.loads((copy / "course.json").read_text())
    course["about"] = "Another text."
    (copy / "course.json").write_text(json.dumps(course))
    open_course(host, panel, copy)
    assert "The course has changed since you began exam 1" in exam.ui.examLabel.text
    assert exam.ui.resumeButton.isHidden()
    start(host, panel)
    assert exam._exam.number == 2


def test_the_gate_warns_where_the_certificate_is_missing(host, panel, session, tmp_path):
    session.case.protocol = a_protocol(tmp_path, "warn")
    a_patient(host, session)
    wait(host, panel)
    gate = gate_of(host)
    settled(host, gate)
    (row,) = [finding for finding in gate._shown if finding.check == "reader_training"]
    assert row.status.name == "WARN"
    assert "no certificate of it was found" in row.message
    assert gate.ui.confirmationLabel.isHidden()


def test_a_gate_that_refuses_takes_no_reason_in_place_of_a_certificate(host, panel, session, tmp_path):
    session.case.protocol = a_protocol(tmp_path, "refuse")
    volume = a_patient(host, session)
    wait(host, panel)
    gate = gate_of(host)
    settled(host, gate)
    assert (gate.standing().light.name, gate.standing().words) == ("PROBLEM", "no valid certificate")
    assert gate.ui.reasonWidget.isHidden()
    gate.ui.reasonEdit.setText("I know the organ well")
    gate.onGoOn()
    assert volume.GetAttribute("SegQC.GateConfirmation") is None
    assert "Take the exam of boxes in step Training" in gate.ui.confirmationLabel.text


def test_with_the_certificate_the_gate_opens(host, panel, exam, session, tmp_path, boxes):
    take(host, panel)
    session.case.protocol = a_protocol(tmp_path, "refuse")
    a_patient(host, session)
    wait(host, panel)
    gate = gate_of(host)
    settled(host, gate)
    assert gate.standing().words != "no valid certificate"
    (row,) = [finding for finding in gate._shown if finding.check == "reader_training"]
    assert row.status.name != "FAIL"
    assert "was passed on" in row.message
    session.reader = "Ben"
    wait(host, panel)
    host.process_events()
    assert gate.standing().words == "no valid certificate"


def test_who_practises_is_not_refused(host, panel, exam, boxes, tmp_path):
    copy = tmp_path / "refusing"
    shutil.copytree(boxes, copy)
    asked = a_protocol_file()
    asked["reader_training"]["missing"] = "refuse"
    (copy / "protocol.json").write_text(json.dumps(asked))
    open_course(host, panel, copy)
    start(host, panel)
    gate = gate_of(host)
    settled(host, gate)
    assert "reader_training" not in [finding.check for finding in gate._shown]
    assert gate.standing().words != "no valid certificate"


def test_declining_to_be_logged_resumes_nothing(host, panel, exam, session):
    start(host, panel)
    host.click(exam.ui.leaveButton)
    wait(host, panel)
    session.log_editing = False
    no(host)
    host.click(exam.ui.resumeButton)
    wait(host, panel)
    assert not panel.case.is_open
    assert not session.log_editing
