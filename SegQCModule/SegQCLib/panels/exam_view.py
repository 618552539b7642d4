"""The exam of a course: one case after the other, once, with the experts' outlines hidden until the last one is done."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from subprocess import CalledProcessError

import qt
import slicer
from slicer.i18n import tr as _

from SegQCLib.case_files import save_work
from SegQCLib.errors import BadDataError
from SegQCLib.mrml.expert_nodes import remove_experts
from SegQCLib.mrml.segmentation import crop_layers
from SegQCLib.panels.logged_words import logged_words
from SegQCLib.panels.packages import ensure_package
from SegQCLib.panels.score_texts import fill_score_row, score_row, set_up_score_table, structure_details
from SegQCLib.panels.score_view import ScoreView
from SegQCLib.progress import part
from SegQCLib.readers.log_events import EventKind
from SegQCLib.readers.training.attempt_time import active_seconds
from SegQCLib.readers.training.certificate import CERTIFICATES_FOLDER, issue_certificate, write_certificate
from SegQCLib.readers.training.exam import answer_case, attempt_facts, exam_folders, exam_result, read_exam, start_exam
from SegQCLib.readers.training.open_training_case import open_training_case
from SegQCLib.readers.training.scored_attempt import scored_attempt

# The reader's segmentations of an exam that goes on, beside exam.json.
_WORK = "work"
_ROWS, _DETAIL_LINES = 4, 5


class ExamView:
    """Start, resume and finish an exam, and show what it came to.

    Nothing of an expert is in the scene, and no score is shown, before the last case is done.

    Parameters
    ----------
    session : Session
    resource_path : callable(str) -> str
    work : PanelWork
    open_case : TrainingCaseView
    say : callable(words)
        Shows a sentence in the step.
    on_passed : callable()
        Called when a certificate was written.
    """

    def __init__(self, session, resource_path, work, open_case, say, on_passed):
        self.session, self._work, self._case, self._say, self._on_passed = session, work, open_case, say, on_passed
        self.widget = slicer.util.loadUI(resource_path("UI/TrainingExam.ui"))
        self.ui = slicer.util.childWidgetVariables(self.widget)
        self.score = ScoreView(session, resource_path, self._startIfFree)
        self.ui.scoreFrame.layout().addWidget(self.score.widget)
        self._course = self._folder = self._exam = self._result = None
        self.finishing = False  # an answer is being written: that is not stopped half-way
        self._rows = ()  # (answer, structure's score) of the table
        table = self.ui.resultTable
        set_up_score_table(table, _ROWS)
        line = qt.QFontMetrics(table.font).height()
        table.connect("currentCellChanged(int,int,int,int)", self.onRowChanged)
        ui = self.ui
        ui.rowText.setMinimumHeight(_DETAIL_LINES * line)
        ui.rowText.setMaximumHeight(_DETAIL_LINES * line)
        ui.startButton.connect("clicked(bool)", self.onStart)
        ui.resumeButton.connect("clicked(bool)", self.onResume)
        ui.finishButton.connect("clicked(bool)", self.onFinish)
        ui.leaveButton.connect("clicked(bool)", self.onLeave)
        ui.lookButton.connect("clicked(bool)", self.onLook)
        ui.certificateButton.connect("clicked(bool)", self.onCertificate)

    def cleanup(self):
        self.score.clear()

    @property
    def case_is_open(self):
        """Whether a case of an exam that goes on is open: then the experts stay out of sight everywhere."""
        return self._case.is_open and self._case.mode == "exam"

    @property
    def words(self):
        """How far an exam that goes on is, in a few words; empty where there is none."""
        if not self._goes_on:
            return ""
        return _("exam: {done} of {count} done").format(done=len(self._exam.answers), count=len(self._exam.order))

    @property
    def _goes_on(self):
        # What was begun before the course's content changed cannot be finished.
        exam = self._exam
        return exam is not None and not exam.finished and exam.course_sha256 == self._course.sha256

    def follow(self, course):
        """Turn to a course, or to none; also called where reader or records folder are others."""
        self._course = course
        self._folder = self._exam = self._result = None
        if course is not None and self.session.reader:
            try:
                folders = exam_folders(course, self.session.reader, self.session.records_folder)
                if folders:
                    self._take(folders[-1], read_exam(folders[-1]))
            except BadDataError as error:
                self._say(str(error))
        self._fill()

    def _take(self, folder, exam):
        self._folder, self._exam, self._result = folder, exam, None
        if exam.finished:
            try:
                self._result = exam_result(self._course, exam)
            except BadDataError as error:
                self._say(str(error))

    def show(self, free):
        """Show what may be done now."""
        self.finishing = self.finishing and not free
        ui, exam, cases = self.ui, self._exam, () if self._course is None else self._course.file.cases_of("exam")
        going_on = self._goes_on
        is_open, reviewing = self.case_is_open, self._case.is_open and self._case.mode == "review"
        ui.examLabel.setText(self._state(cases, going_on, is_open))
        ui.examBar.setVisible(going_on)
        if going_on:
            ui.examBar.setMaximum(len(exam.order))
            ui.examBar.setValue(len(exam.answers))
            ui.examBar.setFormat(_("%v of %m cases done"))
        ready = free and bool(cases) and bool(self.session.reader) and self.session.case is not None
        ui.startButton.setVisible(not going_on and bool(cases))
        ui.startButton.setText(_("Start the exam ...") if exam is None else _("Take the exam again ..."))
        ui.startButton.setEnabled(ready)
        ui.resumeButton.setVisible(going_on and not is_open)
        ui.resumeButton.setEnabled(ready)
        for button in (ui.finishButton, ui.leaveButton):
            button.setVisible(is_open)
        ui.finishButton.setEnabled(free and self.session.log_editing)
        ui.leaveButton.setEnabled(free)
        ui.caseFrame.setVisible(is_open or reviewing)
        done = exam is not None and exam.finished
        for widget in (ui.resultLabel, ui.resultTable, ui.rowText, ui.lookButton):
            widget.setVisible(done)
        ui.lookButton.setEnabled(free and ui.resultTable.currentRow() >= 0)
        ui.certificateButton.setVisible(done and self._result is not None and self._result.passed)
        ui.certificateButton.setEnabled(free)
        if done and self._result is not None:
            ui.resultLabel.setText(self._result.words)

    def _state(self, cases, going_on, is_open):
        if not cases:
            return _("This course has no exam.")
        if not self.session.reader:
            return _("Enter your name in step 1: exam and certificate carry it.")
        if is_open and not self.session.log_editing:
            return _("The log of your work was switched off. Switch it on in step Editing to finish this case.")
        if is_open:
            return _(
                "Exam, case {number} of {count}. Draw it as well as you can; the experts' outlines are shown at the end."
            ).format(number=len(self._exam.answers) + 1, count=len(self._exam.order))
        if going_on:
            return _("An exam is begun. What you had drawn is kept; you can go on at any time.")
        if self._exam is not None and not self._exam.finished:
            return _("The course has changed since you began exam {number}; it cannot be finished. Begin a new one.").format(
                number=self._exam.number
            )
        if self._exam is not None:
            return _("Your exam {number}, finished on {day}:").format(
                number=self._exam.number, day=self._exam.answers[-1].answered[:10]
            )
        return _("The exam has {count} cases, each of which is drawn once. Practise first.").format(count=len(cases))

    # Starting and going on

    def onStart(self, _checked=False):
        """Tell how the exam goes and what is logged, and begin it if the reader agrees."""
        cases = self._course.file.cases_of("exam")
        question = "\n\n".join(
            (
                _(
                    "The exam has {count} cases in a random order. Each is drawn once: after 'Finish this case' it cannot be"
                    " changed. The experts' outlines and all scores are hidden until the last case is done. You can stop at any"
                    " time and go on later; what you have drawn is kept."
                ).format(count=len(cases)),
                _("While you work, SegQC logs {logged}. The log and your answers are kept in {folder}; nothing is sent.").format(
                    logged=logged_words(), folder=self.session.records_folder
                ),
                _("Begin the exam of {course}?").format(course=self._course.file.title),
            )
        )
        if self._confirmed(question):
            self._openNext(None)

    def onResume(self, _checked=False):
        if not self.session.log_editing:
            question = _("In an exam your work is logged: {logged}. The log is kept in {folder}. Go on?").format(
                logged=logged_words(), folder=self.session.records_folder
            )
            if not self._confirmed(question):
                return
        self._openNext(self._folder)

    def _confirmed(self, question):
        buttons = qt.QMessageBox.Ok | qt.QMessageBox.Cancel
        return qt.QMessageBox.question(self.widget, _("Exam"), question, buttons) == qt.QMessageBox.Ok

    def _startIfFree(self, work, on_done):
        if not self._work.busy:
            self._work.start(work, on_done)

    def _openNext(self, folder):
        """Save what is open, and read the next case of an exam; `folder` None begins a new one."""
        if self._work.busy:
            return
        try:
            copy = self._case.copy_of_work()
        except BadDataError as error:
            self._say(str(error))
            return
        course, reader, records = self._course, self.session.reader, self.session.records_folder

        def work(progress):
            if copy is not None:
                save_work(copy.work)
            exam_folder = start_exam(course, reader, records) if folder is None else folder
            exam = read_exam(exam_folder)
            case = course.case(exam.next_case)
            opened = open_training_case(course, case, _name(course, exam, case), exam_folder / _WORK, reader, progress)
            return exam_folder, exam, case, opened

        self._say("")
        self._work.start(work, partial(self.onOpened, course, copy))

    def onOpened(self, course, copy, outcome):
        folder, exam, case, opened = outcome
        if course is not self._course or exam.reader != self.session.reader:
            return
        self._case.mark_saved(copy)
        self.score.clear()
        self._case.leave()
        remove_experts(slicer.mrmlScene)
        self._take(folder, exam)
        self._fill()
        self.session.log_editing = True
        try:
            self._case.open(opened, course, case, "exam")
        except BadDataError as error:
            self._say(str(error))

    def onLeave(self, _checked=False):
        """Save the case that is open and close it."""
        if self._work.busy or not self.case_is_open:
            return
        try:
            copy = self._case.copy_of_work()
        except BadDataError as error:
            self._say(str(error))
            return
        self._work.start(lambda _progress: None if copy is None else save_work(copy.work), partial(self.onLeft, copy))

    def onLeft(self, copy, _nothing):
        self._case.mark_saved(copy)
        self._case.leave()
        self._say(_("Your work is kept. Resume the exam when you like."))

    def onFinish(self, _checked=False):
        """Ask once more, and take the case that is open as the reader's answer."""
        if self._work.busy or not self.case_is_open:
            return
        case, course, folder = self._case.case, self._course, self._folder
        empty = self._case.empty_structures()
        question = _("Finish {case}? It counts as it is now and cannot be changed afterwards.").format(case=case.title)
        if empty:
            names = ", ".join(name.replace("_", " ") for name in empty)
            question += " " + _("Nothing is drawn of: {names}. That says: not there.").format(names=names)
        if not self._confirmed(question):
            return
        try:
            copy, read = self._case.copy_of_work(), self._case.reading()
        except BadDataError as error:
            self._say(str(error))
            return
        logs, name, reader = self.session.logs_folder, _name(course, self._exam, case), self._exam.reader
        certificates = self.session.records_folder / CERTIFICATES_FOLDER

        def work(progress):
            progress(_("Saving"), 0.0)
            if copy is not None:
                save_work(copy.work)
            candidate, image = read()
            seconds = active_seconds(logs, name, reader)
            exam = answer_case(course, folder, case.id, candidate, image, seconds=seconds, progress=part(progress, 0.1, 0.9))
            fault = ""
            if exam.finished and exam_result(course, exam).passed:
                try:
                    write_certificate(issue_certificate(course, exam), certificates)
                except BadDataError as error:
                    # The answer is saved; the certificate can be written later.
                    fault = str(error)
            return exam, fault

        self._say("")
        self.finishing = True
        self._work.start(work, partial(self.onFinished, copy, folder))

    def onFinished(self, copy, folder, outcome):
        exam, fault = outcome
        self.finishing = False
        if fault:
            self._say(_("The certificate is not written yet: {fault}").format(fault=fault))
        if not self.case_is_open:
            self.follow(self._course)
            return
        self._case.mark_saved(copy)
        name = _name(self._course, exam, self._case.case)
        self._take(folder, exam)
        self._fill()
        passed = None if self._result is None else self._result.passed
        self.session.write_event(EventKind.TRAINING_ATTEMPT, **attempt_facts(exam.answers[-1].score, passed))
        self.session.write_event(EventKind.CASE_FINISHED, case=name)
        if not exam.finished:
            self._openNext(folder)
            return
        self._case.leave()
        if self._result is not None and self._result.passed:
            self._on_passed()

    # What it came to

    def _fill(self):
        table, exam = self.ui.resultTable, self._exam
        done = exam is not None and exam.finished
        answers = exam.answers if done else ()
        self._rows = tuple((answer, one) for answer in answers for one in answer.score.structures)
        table.blockSignals(True)
        table.setRowCount(len(self._rows))
        for row, (answer, one) in enumerate(self._rows):
            structure, *numbers = score_row(one)
            # A case of one structure is named by its title alone.
            name = self._title(answer.case)
            if len(answer.score.structures) > 1:
                name = _("{structure}, {case}").format(structure=structure, case=name)
            fill_score_row(table, row, (name, *numbers), one)
        if self._rows:
            table.selectRow(0)
        table.blockSignals(False)
        self._showRow()

    def _title(self, case_id):
        cases = {case.id: case.title for case in self._course.file.cases}
        return cases.get(case_id, case_id)

    def onRowChanged(self, row, _column, before, _column_before):
        if row != before:
            self._showRow()

    def _showRow(self):
        row = self.ui.resultTable.currentRow()
        self.ui.rowText.setPlainText(structure_details(self._rows[row][1]) if 0 <= row < len(self._rows) else "")

    def onLook(self, _checked=False):
        """Open an answered case of a finished exam again, with the answer and the experts."""
        row = self.ui.resultTable.currentRow()
        if self._work.busy or not 0 <= row < len(self._rows) or not self._exam.finished:
            return
        try:
            copy = self._case.copy_of_work()
        except BadDataError as error:
            self._say(str(error))
            return
        answer, course, exam, folder = self._rows[row][0], self._course, self._exam, self._folder
        case, reader = course.case(answer.case), exam.reader

        def work(progress):
            if copy is not None:
                save_work(copy.work)
            name = _name(course, exam, case)
            opened = open_training_case(course, case, name, folder / _WORK, reader, progress)
            # What is looked at afterwards is no time of the exam.
            return replace(opened, entry=replace(opened.entry, case=_("{case} review").format(case=name)))

        self._say("")
        self._work.start(work, partial(self.onReviewOpened, course, case, answer, copy))

    def onReviewOpened(self, course, case, answer, copy, opened):
        if course is not self._course:
            return
        self._case.mark_saved(copy)
        self.score.clear()
        self._case.leave()
        try:
            self._case.open(opened, course, case, "review")
            read = self._case.reading()
        except BadDataError as error:
            self._say(str(error))
            return
        volume = self._case.nodes.volume

        def work(progress):
            scored = scored_attempt(course, case, read, score=answer.score, progress=progress)
            return scored, [crop_layers(reference) for reference in scored.references]

        self._startIfFree(work, partial(self.onReviewed, volume))

    def onReviewed(self, volume, outcome):
        if self._case.is_open and self._case.nodes.volume is volume:
            self.score.show(*outcome, volume)

    def onCertificate(self, _checked=False):
        """Show the certificate in the browser; one that is no longer there is written again."""
        if self._work.busy or self._exam is None:
            return
        try:
            if not ensure_package("jinja2", "jinja2>=3.1"):
                self._say(_("The certificate's page needs the Python package jinja2, which is not installed."))
                return
        except CalledProcessError as error:
            self._say(_("jinja2 could not be installed: {error}").format(error=error))
            return
        course, exam, certificates = self._course, self._exam, self.session.records_folder / CERTIFICATES_FOLDER
        self._work.start(
            lambda _progress: write_certificate(issue_certificate(course, exam), certificates), self.onCertificateWritten
        )

    def onCertificateWritten(self, paths):
        self._on_passed()
        page = next(path for path in paths if path.suffix == ".html")
        qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(page)))


def _name(course, exam, case):
    # Its own name: the times of practice are not those of the exam.
    return f"{course.file.id} exam {exam.number} {case.id}"
