"""Reporting checklists of papers: filled with what the study's files show, and the rest asked in short questions."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from functools import partial
from pathlib import Path
from subprocess import CalledProcessError

import qt
import slicer
from slicer.i18n import tr as _

from SegQCLib.checklists.answers import ChecklistAnswers, with_answers
from SegQCLib.checklists.checklist import shipped_checklists
from SegQCLib.checklists.checklist_files import CSV_NAME, METHODS_NAME, PAGE_NAME, write_checklist
from SegQCLib.checklists.filled_checklist import FilledChecklist, ItemState
from SegQCLib.checklists.filled_html import item_html, sources_html
from SegQCLib.checklists.filled_page import STATE_SIGNS
from SegQCLib.checklists.filled_study import FilledStudy, fill_study
from SegQCLib.checklists.kept_answers import ANSWERS_NAME, keep_answer, take_back_answer
from SegQCLib.checklists.methods_text import methods_text
from SegQCLib.checklists.study_files import StudyFiles
from SegQCLib.errors import BadDataError
from SegQCLib.panels.checklist_answer import ChecklistAnswerView
from SegQCLib.panels.checklist_table import ChecklistTable
from SegQCLib.panels.packages import ensure_package
from SegQCLib.panels.panel import Light, Panel, Standing
from SegQCLib.panels.panel_work import PanelWork

FOLDER = "Checklists"  # in the records folder
CHECKLIST_SETTING = "SegQC/Checklist"
FILES_SETTING = "SegQC/ChecklistFiles"
_TO_COMPLETE = "[to be completed: "
_ITEM_LINES = 4
_TAB_LINES = 28
_SOURCES = 2  # number of the tab


class ChecklistPanel(Panel):
    """Read a study's files in the background when asked to; keep each answer at once."""

    UI = "ChecklistPanel.ui"

    def __init__(self, session, resource_path):
        super().__init__(session, resource_path)
        self._study: FilledStudy | None = None
        self._answers: ChecklistAnswers | None = None
        self._filled: FilledChecklist | None = None  # the chosen one, with answers
        self._message = ""
        self._page: Path | None = None
        self._quiet = False  # what is done takes no time worth a progress bar
        self._next = None  # number of the item to turn to once an answer is kept
        self._of = None  # the records folder that all this is about
        self._shown_html = ""
        self._files = StudyFiles()
        ui = self.ui
        self._work = PanelWork(ui.progressBar, self._setMessage, self.show)
        self._table = ChecklistTable(ui.itemsTable, self.show)
        self._answer = ChecklistAnswerView(resource_path, self.onAnswer, self.onTakeBack)
        ui.answerFrame.layout().addWidget(self._answer.widget)
        for name in shipped_checklists():
            ui.checklistSelector.addItem(name.replace("-", " ").upper(), name)
        chosen = str(slicer.util.settingsValue(CHECKLIST_SETTING, "") or "")
        ui.checklistSelector.setCurrentIndex(max(0, ui.checklistSelector.findData(chosen)))
        line = qt.QFontMetrics(ui.itemBrowser.font).height()
        ui.itemBrowser.setMinimumHeight(_ITEM_LINES * line)
        # Slicer's column counts one line for a label that breaks into several; the rest would lie over each other.
        ui.tabs.setMinimumHeight(_TAB_LINES * line)
        ui.checklistSelector.connect("currentIndexChanged(int)", self.onChecklistChosen)
        ui.fillButton.connect("clicked(bool)", self.onFill)
        ui.cancelButton.connect("clicked(bool)", self.onCancel)
        ui.openCheckBox.connect("toggled(bool)", self.onFilter)
        ui.annotationCheckBox.connect("toggled(bool)", self.onFilter)
        ui.copyButton.connect("clicked(bool)", self.onCopy)
        ui.addFileButton.connect("clicked(bool)", self.onAddFile)
        ui.removeFilesButton.connect("clicked(bool)", self.onRemoveFiles)
        ui.exportButton.connect("clicked(bool)", self.onExport)
        ui.openButton.connect("clicked(bool)", self.onOpen)
        self.show()

    def title(self):
        return _("Checklists")

    def standing(self):
        if self._work.busy and not self._quiet:
            return Standing(Light.RUNNING, _("running"))
        if self._filled is None:
            return Standing(Light.OPTIONAL, _("for a paper"))
        still_open = sum(item.is_open for item in self._filled.items)
        if not still_open:
            return Standing(Light.DONE, _("{checklist}: nothing open").format(checklist=self._name()))
        return Standing(Light.OPTIONAL, _("{checklist}: {count} open").format(checklist=self._name(), count=still_open))

    def onCaseChanged(self):
        if self.session.records_folder != self._of:
            self._of = self.session.records_folder
            self._forget()
        self.show()

    def enter(self):
        self.show()

    def cleanup(self):
        self._work.cleanup()
        super().cleanup()

    # What fills it

    def onChecklistChosen(self, _index=0):
        qt.QSettings().setValue(CHECKLIST_SETTING, self.ui.checklistSelector.currentData)
        self._page = None
        self._message = ""
        self._fillIn()
        self._turnToFirstOpen()

    def onFill(self, _checked=False):
        """Read records, logs and protocol in the background."""
        if self._work.busy:
            return
        session, logs, left_out = self.session, self.session.logs_folder, ""
        if logs.is_dir() and not self._ensure("sqlalchemy", "SQLAlchemy>=2.0"):
            logs, left_out = None, _("Session logs were not read: that needs the Python package SQLAlchemy.")
        protocol = session.case.protocol if session.protocol is not None and session.case is not None else None
        work = partial(fill_study, session.records_folder, logs, protocol, self._files, self._answersPath())
        self._start(work, partial(self.onFilled, left_out))

    def onFilled(self, left_out, study):
        first = self._study is None
        self._study, self._answers = study, study.answers
        words = [left_out, *study.notes]
        if study.answers_fault:
            fault = _("Answers are not shown, and none can be given, until their file is corrected. {fault}")
            words.append(fault.format(fault=study.answers_fault))
        self._message = "\n".join(word for word in words if word)
        self._fillIn()
        if first:
            self._turnToFirstOpen()

    def onAddFile(self, _checked=False):
        """Add a file about the study that segqc wrote, and fill again."""
        folder = str(self.session.records_folder)
        chosen = qt.QFileDialog.getOpenFileName(self.widget, _("Add a file about the study"), folder, _("JSON (*.json)"))
        if chosen and not self._work.busy:
            try:
                self._keepFiles(self._files.with_file(Path(chosen)))
            except BadDataError as error:
                self._say(str(error))
            else:
                self.onFill()

    def onRemoveFiles(self, _checked=False):
        if not self._work.busy:
            self._keepFiles(StudyFiles())
            self.onFill()

    def _keepFiles(self, files):
        self._files = files
        paths = {name: str(path) for name, path in dataclasses.asdict(files).items() if path is not None}
        qt.QSettings().setValue(FILES_SETTING, json.dumps({"records": str(self._of), "files": paths}))

    def _keptFiles(self):
        """Return the files that were added to this records folder."""
        try:
            told = json.loads(str(slicer.util.settingsValue(FILES_SETTING, "") or "{}"))
        except ValueError:
            return StudyFiles()
        if told.get("records") != str(self._of):
            return StudyFiles()
        return StudyFiles(**{name: Path(path) for name, path in told["files"].items()})

    def _forget(self):
        self._work.stop()
        self._study = self._answers = self._filled = self._page = None
        self._message = ""
        self._answer.forget()
        self._files = self._keptFiles()
        self._table.show((), ())

    # Answers

    def onAnswer(self, question, typed):
        """Keep an answer in the study's file at once."""
        if self._work.busy:
            return
        self._next = self._after(question.id)
        work = partial(
            _kept, self._answersPath(), self._study.questions, question, typed.value, self.session.reader, typed.not_applicable
        )
        self._start(work, partial(self.onAnswered, question.id), quiet=True)

    def onTakeBack(self, question):
        if self._work.busy:
            return
        self._next = None if self._table.chosen is None else self._table.chosen.number
        work = partial(_taken_back, self._answersPath(), self._study.questions, question)
        self._start(work, partial(self.onAnswered, question.id), quiet=True)

    def onAnswered(self, question_id, answers):
        self._answers = answers
        self._page = None
        self._answer.saved(question_id)
        self._fillIn(self._next)
        self._answer.focus()

    def _after(self, question_id):
        """Return the number of the open item to turn to when this question is answered."""
        items = self._table.items
        row = next((row for row, item in enumerate(items) if item == self._table.chosen), -1)
        waiting = [item for item in (*items[row + 1 :], *items[: row + 1]) if item.is_open and item.question.id != question_id]
        # Those about annotation first, as in the table.
        waiting.sort(key=lambda item: not item.annotation)
        if waiting:
            return waiting[0].number
        return None if row < 0 else items[row].number

    def _answersPath(self):
        return self.session.records_folder / FOLDER / ANSWERS_NAME

    # What is done with it

    def onCopy(self, _checked=False):
        text = methods_text(self._filled)
        qt.QApplication.clipboard().setText(text)
        count = text.count(_TO_COMPLETE)
        self._say(
            _("The methods paragraph is on the clipboard. Places still to be completed: {count}.").format(count=count)
            if count
            else _("The methods paragraph is on the clipboard.")
        )

    def onExport(self, _checked=False):
        """Write the checklist as it is now into a folder of its own, where no answers with names lie."""
        if self._work.busy:
            return
        if not self._ensure("jinja2", "jinja2>=3.1"):
            self._say(_("The export needs the Python package jinja2, which is not installed."))
            return
        folder = self.session.records_folder / FOLDER / self._filled.checklist
        self._start(partial(_export, self._filled, folder), self.onExported)

    def onExported(self, folder):
        self._page = folder / PAGE_NAME
        names = f"{PAGE_NAME}, {CSV_NAME}, {METHODS_NAME}"
        self._message = _("Saved in {folder}: {names}.").format(folder=folder, names=names)

    def onOpen(self, _checked=False):
        qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(self._page)))

    # What is shown

    def onFilter(self, _checked=False):
        self.show()

    def onCancel(self, _checked=False):
        self._work.stop()
        self._say(_("Stopped. What was filled before is as it was."))

    def _ensure(self, module, requirement):
        try:
            return ensure_package(module, requirement)
        except CalledProcessError:
            return False

    def _start(self, work, on_done, quiet=False):
        self._quiet = quiet
        self._work.start(work, on_done)

    def _setMessage(self, words):
        self._message = words

    def _say(self, words):
        self._message = words
        self.show()

    def _name(self):
        return self.ui.checklistSelector.currentText

    def _fillIn(self, number=None):
        """Put the answers into the chosen checklist, and turn to an item of it."""
        if self._study is None:
            self._filled = None
        else:
            filled = self._study.filled[self.ui.checklistSelector.currentData]
            self._filled = with_answers(filled, self._answers or ChecklistAnswers())
            self._showTexts()
            self._table.show(self._items(), self._answer.unsaved)
            if number is not None:
                self._table.choose(number)
        self.show()

    def _turnToFirstOpen(self):
        self._table.choose(next((item.number for item in self._table.items if item.is_open), None))
        self.show()

    def _items(self):
        if self._filled is None:
            return []
        ui, items = self.ui, self._filled.items
        shown = [
            item
            for item in items
            if (item.is_open or not ui.openCheckBox.checked) and (item.annotation or not ui.annotationCheckBox.checked)
        ]
        return sorted(shown, key=lambda item: not (item.annotation and item.is_open))

    def _showTexts(self):
        """Show what changes only with the checklist or an answer."""
        ui, filled = self.ui, self._filled
        counts = Counter(item.state for item in filled.items)
        said = ", ".join(f"{counts[state]} {STATE_SIGNS[state]} {state}" for state in ItemState if counts[state])
        words = _("{items} items: {states}. About annotation and still open: {count}.").format(
            items=len(filled.items), states=said, count=len(filled.missing_annotation)
        )
        ui.summaryLabel.setText(_("SIMULATED DATA. {words}").format(words=words) if filled.simulated else words)
        text = methods_text(filled)
        ui.methodsLabel.setText(
            _("What files and answers say, in the words of a paper. Places still to be completed: {count}.").format(
                count=text.count(_TO_COMPLETE)
            )
        )
        ui.methodsBrowser.setPlainText(text)
        given = [_("Added: {words}, {path}.").format(words=words, path=path) for words, path in self._files.named]
        ui.sourcesBrowser.setHtml(sources_html(filled, given))
        parts = [_("Sources")]
        if filled.notes:
            parts.append(_("{count} notes").format(count=len(filled.notes)) if len(filled.notes) > 1 else _("1 note"))
        if filled.left_out:
            parts.append(_("items left out"))
        ui.tabs.setTabText(_SOURCES, ", ".join(parts))
        ui.tabs.setTabToolTip(_SOURCES, "\n".join(filled.notes))

    def show(self):
        """Show what there is, and what may be done now."""
        if not hasattr(self, "_answer"):
            return  # while the panel is built
        ui, filled, busy = self.ui, self._filled, self._work.busy
        slow = busy and not self._quiet
        ui.fromLabel.setText(self._fromWords())
        ui.fromLabel.setToolTip(str(self.session.records_folder))
        ui.fromLabel.setVisible(filled is None)
        ui.checklistSelector.setEnabled(not slow)
        ui.fillButton.setText(_("&Fill from this study") if filled is None else _("&Fill again"))
        for widget in (ui.progressBar, ui.cancelButton):
            widget.setVisible(slow)
        ui.messageLabel.setText(self._message)
        ui.messageLabel.setVisible(bool(self._message))
        for label in (ui.messageLabel, ui.summaryLabel):
            _grow(label)
        ui.filledFrame.setVisible(filled is not None)
        for button in (ui.copyButton, ui.addFileButton):
            button.setEnabled(not slow)
        ui.removeFilesButton.setEnabled(not slow and bool(self._files.named))
        ui.fillButton.setVisible(not slow)
        ui.exportButton.setVisible(not slow and filled is not None)
        ui.openButton.setVisible(not slow and self._page is not None)
        self._table.show(self._items(), self._answer.unsaved)
        self._showItem()
        self.standingChanged()

    def _showItem(self):
        ui, item = self.ui, self._table.chosen
        html = "" if item is None else item_html(item)
        if html != self._shown_html:
            self._shown_html = html
            ui.itemBrowser.setHtml(html)
        ready = self._answers is not None and not self._work.busy
        if item is None:
            self._answer.show(None, None, self.session.reader, ready)
            return
        answers = self._answers.answers if self._answers is not None else ()
        given = next((one for one in answers if one.question == item.question.id), None)
        self._answer.show(item.question, given, self.session.reader, ready)

    def _fromWords(self):
        folder, protocol = self.session.records_folder.name, self.session.protocol
        if protocol is None:
            words = _("Records and session logs in {folder} fill in what they show; the rest is asked in short questions.")
            return words.format(folder=folder)
        words = _("Records and session logs in {folder} and the protocol {protocol} fill in what they show; the rest is asked.")
        return words.format(folder=folder, protocol=protocol.protocol.title)


def _grow(label):
    """Let a label have the height of its text."""
    if label.visible:
        label.setMinimumHeight(label.heightForWidth(label.width))


def _kept(path, questions, question, value, who, not_applicable, _progress):
    return keep_answer(path, questions, question, value, who, not_applicable=not_applicable)


def _taken_back(path, questions, question, _progress):
    return take_back_answer(path, questions, question)


def _export(filled, folder, progress):
    progress("Writing", 0.5)
    write_checklist(filled, folder)
    return folder
