"""Practice: the cases of a course that are scored at once, as often as the reader likes."""

from __future__ import annotations

from functools import partial

import qt
import slicer
from slicer.i18n import tr as _

from SegQCLib.case_files import save_work
from SegQCLib.errors import BadDataError
from SegQCLib.mrml.segmentation import crop_layers
from SegQCLib.panels.score_texts import is_within
from SegQCLib.panels.score_view import ScoreView
from SegQCLib.progress import part
from SegQCLib.readers.log_events import EventKind
from SegQCLib.readers.training.attempt_time import active_seconds
from SegQCLib.readers.training.exam import attempt_facts
from SegQCLib.readers.training.open_training_case import open_training_case
from SegQCLib.readers.training.practice import attempts_folder, keep_attempt, practice_attempts, practice_folder, practice_name
from SegQCLib.readers.training.score import read_references
from SegQCLib.readers.training.scored_attempt import scored_attempt

_CASE, _STATE, _SCORE = range(3)
_ROWS = 4


class PracticeView:
    """List a course's practice cases, open one, and score what was drawn.

    Parameters
    ----------
    session : Session
    resource_path : callable(str) -> str
    work : PanelWork
    open_case : TrainingCaseView
    say : callable(words)
        Shows a sentence in the step.
    on_changed : callable()
        Called where another case was selected.
    """

    def __init__(self, session, resource_path, work, open_case, say, on_changed):
        self.session, self._work, self._case, self._say, self._on_changed = session, work, open_case, say, on_changed
        self.widget = slicer.util.loadUI(resource_path("UI/TrainingPractice.ui"))
        self.ui = slicer.util.childWidgetVariables(self.widget)
        self.score = ScoreView(session, resource_path, self._startIfFree)
        self.ui.scoreFrame.layout().addWidget(self.score.widget)
        self._course = None
        self._cases = ()
        self._attempts = {}
        self._references = ()  # the experts' segmentations of the open case, not in the scene
        table = self.ui.casesTable
        table.setColumnCount(3)
        table.setHorizontalHeaderLabels([_("Case"), _("State"), _("Last score")])
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(qt.QHeaderView.ResizeToContents)
        header.setSectionResizeMode(_CASE, qt.QHeaderView.Stretch)
        line = qt.QFontMetrics(table.font).height()
        table.verticalHeader().setDefaultSectionSize(round(1.4 * line))
        self._line = line
        self.ui.openButton.connect("clicked(bool)", self.onOpen)
        self.ui.scoreButton.connect("clicked(bool)", self.onScore)
        table.connect("cellActivated(int,int)", self.onCaseActivated)
        table.connect("currentCellChanged(int,int,int,int)", self.onRowChanged)
        session.observeEdits(self.onEdit)

    def cleanup(self):
        self.session.unobserveEdits(self.onEdit)
        self.score.clear()

    def follow(self, course):
        """Turn to a course, or to none; also called where reader or records folder are others."""
        self._course = course
        self._cases = () if course is None else course.file.cases_of("practice")
        self._readAttempts()
        self._fill()

    def _readAttempts(self):
        self._attempts = {}
        if self._course is not None and self.session.reader:
            self._attempts, unread = practice_attempts(self._course, self.session.reader, self.session.records_folder)
            if unread:
                self._say("\n".join(unread))

    def _fill(self):
        table = self.ui.casesTable
        row = table.currentRow()
        table.blockSignals(True)
        table.setRowCount(len(self._cases))
        for number, case in enumerate(self._cases):
            state, score, tip = self._state(case)
            for column, text in enumerate((case.title, state, score)):
                item = qt.QTableWidgetItem(text)
                item.setToolTip(tip or case.title)
                table.setItem(number, column, item)
        height = round((min(_ROWS, len(self._cases)) + 1.6) * 1.4 * self._line)
        table.setMinimumHeight(height)
        table.setMaximumHeight(height)
        if self._cases:
            table.selectRow(max(0, min(row, len(self._cases) - 1)))
        table.blockSignals(False)

    def _state(self, case):
        known = self._attempts.get(case.id)
        is_open = self._case.is_open and self._case.case is case
        if known is None or not known.attempts:
            return _("open") if is_open else _("begun") if self._isBegun(case) else _("new"), "", ""
        last = known.attempts[-1]
        judged = [within for within in map(is_within, last.score.structures) if within is not None]
        count = len(known.attempts)
        state = _("open") if is_open else _("done")
        score = _("{count} of {judged} within").format(count=sum(judged), judged=len(judged)) if judged else _("scored")
        tip = _("Scored {count} times, last on {day}. Within: structures within the experts' own range.").format(
            count=count, day=last.scored[:10]
        )
        if last.course_sha256 != self._course.sha256:
            tip += " " + _("The course was changed since.")
        return state, score, tip

    def _isBegun(self, case):
        reader = self.session.reader
        return bool(reader) and attempts_folder(self._course, case, reader, self.session.records_folder).is_dir()

    def show(self, free, exam_is_open):
        """Show what may be done now."""
        ui = self.ui
        mine = self._case.is_open and self._case.mode == "practice"
        if not self._cases:
            words = _("This course has no practice cases.")
        elif exam_is_open:
            words = _("While an exam case is open, there is no practice.")
        elif not self.session.reader:
            words = _("Enter your name in step 1: your attempts are kept under it.")
        else:
            words = _("Practise as often as you like: open a case, draw, and press Score.")
        ui.practiceLabel.setText(words)
        row = ui.casesTable.currentRow()
        selected = self._cases[row] if 0 <= row < len(self._cases) else None
        ui.casesTable.setVisible(bool(self._cases))
        can_open = free and selected is not None and bool(self.session.reader) and not exam_is_open
        ui.openButton.setEnabled(can_open and not (mine and self._case.case is selected))
        ui.scoreButton.setEnabled(free and mine)
        ui.caseFrame.setVisible(mine)
        self._fill()

    def onRowChanged(self, row, _column, before, _column_before):
        if row != before:
            self._on_changed()

    def onCaseActivated(self, _row, _column):
        if self.ui.openButton.enabled:
            self.onOpen()

    def _startIfFree(self, work, on_done):
        if not self._work.busy:
            self._work.start(work, on_done)

    def onOpen(self, _checked=False):
        """Save what is open and read the selected case, in the background."""
        row = self.ui.casesTable.currentRow()
        if self._work.busy or not 0 <= row < len(self._cases):
            return
        try:
            copy = self._case.copy_of_work()
        except BadDataError as error:
            self._say(str(error))
            return
        course, case, reader = self._course, self._cases[row], self.session.reader
        name, folder = practice_name(course, case), practice_folder(course, self.session.records_folder)

        def work(progress):
            if copy is not None:
                save_work(copy.work)
            opened = open_training_case(course, case, name, folder, reader, part(progress, 0.0, 0.7))
            # Now, not at the score: that should not take longer than a breath.
            return opened, read_references(course, case, opened.image)

        self._say("")
        self._work.start(work, partial(self.onOpened, course, case, reader, copy))

    def onOpened(self, course, case, reader, copy, outcome):
        if course is not self._course or reader != self.session.reader:
            return
        self._case.mark_saved(copy)
        self.score.clear()
        self._case.leave()
        opened, self._references = outcome
        try:
            self._case.open(opened, course, case, "practice")
        except BadDataError as error:
            self._say(str(error))

    def onScore(self, _checked=False):
        """Save and score what is drawn now, in the background."""
        if self._work.busy or not self._case.is_open or self._case.mode != "practice":
            return
        try:
            copy, read = self._case.copy_of_work(), self._case.reading()
        except BadDataError as error:
            self._say(str(error))
            return
        course, case, reader, records = self._course, self._case.case, self._case.reader, self.session.records_folder
        logs, name, references = self.session.logs_folder, practice_name(course, case), self._references

        def work(progress):
            progress(_("Saving"), 0.0)
            if copy is not None:
                save_work(copy.work)
            seconds = active_seconds(logs, name, reader)
            scored = scored_attempt(course, case, read, references, seconds=seconds, progress=part(progress, 0.1, 0.9))
            keep_attempt(course, case, reader, records, scored.score)
            return scored, [crop_layers(reference) for reference in scored.references]

        self._say("")
        self._work.start(work, partial(self.onScored, copy, self._case.nodes.volume))

    def onScored(self, copy, volume, outcome):
        scored, layers = outcome
        if not self._case.is_open or self._case.nodes.volume is not volume:
            return
        self._case.mark_saved(copy)
        self._readAttempts()
        self.score.show(scored, layers, volume)
        self.session.write_event(EventKind.TRAINING_ATTEMPT, **attempt_facts(scored.score))

    def onEdit(self, _change):
        self.score.outdate()
