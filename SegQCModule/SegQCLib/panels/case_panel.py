"""Which case: image, segmentations, protocol and reader, chosen by hand or one after the other from a worklist."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from SegQCLib.alignment import align
from SegQCLib.case_files import (
    CANDIDATE,
    CandidateOrigin,
    autosave_work,
    empty_candidate,
    open_case,
    reader_folder,
    save_work,
)
from SegQCLib.errors import BadDataError
from SegQCLib.mrml.evaluate_scene import case_reader
from SegQCLib.mrml.open_case import OpenCase
from SegQCLib.mrml.record_node import is_outdated, read_record
from SegQCLib.mrml.segmentation import add_segmentation
from SegQCLib.mrml.volume import volume_geometry
from SegQCLib.number_texts import ratio
from SegQCLib.panels.background import Background
from SegQCLib.panels.panel import Light, Panel, Standing
from SegQCLib.protocol import load_protocol, shipped_protocols
from SegQCLib.readers.log_events import EventKind
from SegQCLib.readers.logs_of_read import logs_of_read
from SegQCLib.readers.measured_segments import measured_segments
from SegQCLib.readers.planted_result import finish_planted_case
from SegQCLib.readers.planted_truth import has_planted_errors
from SegQCLib.worklist import read_worklist
from SegQCLib.worklist_difficulty import case_difficulties, hard_cases_first
from SegQCLib.worklist_progress import CaseState, case_to_resume, read_progress, write_state

AUTOSAVE_INTERVAL_MS = 120_000
# More faults of a protocol or worklist would push the rest of the panel off the screen.
MOST_LINES = 8
_LISTED_CASES = 5


class CasePanel(Panel):
    """Choose the case; step through a worklist without losing work.

    Work on a worklist's case is saved before another one is shown. If it cannot be saved, the step is not made.
    """

    UI = "CasePanel.ui"

    def __init__(self, session, resource_path):
        super().__init__(session, resource_path)
        self._parameters = None
        self._gui_connection = None
        self._worklist = None
        self._worklist_path = None
        self._progress = None
        self._difficulties = {}
        self._as_read = None  # the worklist in its own order
        self._listed = None
        self._open: OpenCase | None = None
        self._background: Background | None = None
        self._waiting_for = ""
        self._message = ""
        self._read_for = None
        self._protocols = []
        for protocol_id in shipped_protocols():
            self._protocols.append(protocol_id)
            self.ui.protocolSelector.addItem(load_protocol(protocol_id).protocol.title)
        self.ui.protocolSelector.addItem(_("From file ..."))
        self.ui.newCandidateButton.connect("clicked(bool)", self.onNewCandidate)
        self.ui.openFileButton.connect("clicked(bool)", self.onOpenFile)
        self.ui.openFolderButton.connect("clicked(bool)", self.onOpenFolder)
        self.ui.closeButton.connect("clicked(bool)", self.onCloseWorklist)
        self.ui.recordsButton.connect("clicked(bool)", self.onChooseRecordsFolder)
        self.ui.previousButton.connect("clicked(bool)", self.onPrevious)
        self.ui.nextButton.connect("clicked(bool)", self.onNext)
        self.ui.resumeButton.connect("clicked(bool)", self.onResume)
        self.ui.saveButton.connect("clicked(bool)", self.onSave)
        self.ui.finishButton.connect("clicked(bool)", self.onFinish)
        self.ui.cancelButton.connect("clicked(bool)", self.onCancel)
        self.ui.protocolSelector.connect("activated(int)", self.onProtocolChosen)
        self.ui.readerEdit.connect("editingFinished()", self.onReaderEntered)
        self.ui.caseList.connect("itemActivated(QListWidgetItem*)", self.onCaseActivated)
        self.ui.hardFirstCheck.connect("toggled(bool)", self.onHardFirst)
        self._next_shortcut = self._shortcut("Alt+PgDown")
        self._next_shortcut.connect("activated()", self.onNext)
        self._previous_shortcut = self._shortcut("Alt+PgUp")
        self._previous_shortcut.connect("activated()", self.onPrevious)
        self._finish_shortcut = self._shortcut("Alt+Return")
        self._finish_shortcut.connect("activated()", self.onFinish)
        self._autosave_timer = qt.QTimer()
        self._autosave_timer.setInterval(AUTOSAVE_INTERVAL_MS)
        self._autosave_timer.connect("timeout()", self.onAutosave)

    def _shortcut(self, keys):
        # On the main window: the reader steps from the Segment Editor too.
        shortcut = qt.QShortcut(qt.QKeySequence(keys), slicer.util.mainWindow() or self.widget)
        shortcut.setEnabled(False)
        return shortcut

    def _shortcuts(self):
        return (self._next_shortcut, self._previous_shortcut, self._finish_shortcut)

    def title(self):
        return _("Case")

    def standing(self):
        case = self.session.case
        if self._waiting_for:
            return Standing(Light.RUNNING, self._waiting_for)
        if case is None or case.volume is None:
            return Standing(Light.OPEN, _("choose the image") if self._worklist is None else self._progressWords())
        if self.session.protocol is None:
            return Standing(Light.PROBLEM, _("the protocol cannot be used"))
        if case.candidate is None:
            return Standing(Light.OPEN, _("choose the segmentation"))
        if not self.session.reader and self.session.protocol.protocol.ratings:
            # The ratings that the protocol asks for wait for it: the next open step would be one after them.
            return Standing(Light.OPEN, _("enter your name"))
        if self._open is not None:
            return Standing(Light.DONE, self._progressWords())
        return Standing(Light.DONE, self.session.case_name)

    def cleanup(self):
        self._keepNow()
        self._autosave_timer.stop()
        self._autosave_timer.disconnect("timeout()", self.onAutosave)
        if self._background is not None:
            self._background.abandon()
        self._next_shortcut.disconnect("activated()", self.onNext)
        self._previous_shortcut.disconnect("activated()", self.onPrevious)
        self._finish_shortcut.disconnect("activated()", self.onFinish)
        for shortcut in self._shortcuts():
            # Of two shortcuts with the same keys neither works, and deleting waits for the event loop.
            shortcut.setEnabled(False)
            shortcut.setParent(None)
            shortcut.deleteLater()
        self._open = None
        self._connectParameters(None)
        super().cleanup()

    def onCaseChanged(self):
        case = self.session.case
        if case is None:
            # The scene is closing; its nodes are still there.
            self._message = ""
            self._keepNow()
            self._open = None
        self._connectParameters(case)
        if self._open is not None and case.volume is self._open.nodes.volume:
            self._open.choose(case.candidate, case.draft)
        elif self._open is not None:
            # Later: while a scene is being loaded the choice changes more than once.
            qt.QTimer.singleShot(0, self.onAnotherImage)
        self._follow()
        self.show()

    def onAnotherImage(self):
        """End the worklist's case where a scene was loaded or the image deleted: what is chosen now is not this case."""
        case = self.session.case
        if self._open is not None and case is not None and case.volume is not self._open.nodes.volume:
            self._message = ""
            self._keepNow()
            self._leaveCase()
            self.show()

    def _follow(self):
        """Read what the session says anew: a worklist that another panel opened, another reader or records folder."""
        if self._background is not None:
            return
        if self.session.worklist != self._worklist_path:
            self._saveThen(self._readWorklist)
        elif self._worklist is not None and (self.session.reader, self.session.records_folder) != self._read_for:
            if self._open is not None:
                entry = self._open.opened.entry
                self._open.move(reader_folder(self.session.records_folder, entry.case, self.session.reader))
            self._readWorklist()

    def _connectParameters(self, case):
        if case is self._parameters:
            return
        if self._parameters is not None:
            self._parameters.disconnectGui(self._gui_connection)
        self._parameters = case
        if case is not None:
            self._gui_connection = case.connectGui(self.ui)

    # What is shown

    def show(self):
        """Show the present state in every widget."""
        case, ui = self.session.case, self.ui
        free = self._background is None or not self._waiting_for
        ui.obstacleLabel.text = self._obstacle()
        ui.obstacleLabel.visible = bool(ui.obstacleLabel.text)
        ui.newCandidateButton.enabled = case is not None and case.volume is not None
        self._showProtocol()
        if not ui.readerEdit.hasFocus():
            ui.readerEdit.text = self.session.reader
        for widget in (ui.volumeSelector, ui.readerEdit):
            widget.enabled = self._open is None
        ui.recordsButton.text = self.session.records_folder.name
        ui.recordsButton.toolTip = _("Candidates, ratings and logs are kept in {folder}. Click to choose another folder.").format(
            folder=self.session.records_folder
        )
        listed = self._worklist is not None
        ui.worklistFrame.visible = listed
        ui.closeButton.visible = listed
        for button in (ui.openFileButton, ui.openFolderButton, ui.closeButton):
            button.enabled = free
        if listed:
            self._showWorklist()
        can_step = listed and free and bool(self.session.reader) and case is not None
        current = self._open.opened.entry.case if self._open is not None else None
        ui.previousButton.enabled = can_step and current is not None and self._worklist.step(current, -1) is not None
        ui.nextButton.enabled = can_step and (current is None or self._worklist.step(current, 1) is not None)
        ui.resumeButton.enabled = can_step and self._toResume() is not None
        ui.saveButton.enabled = ui.finishButton.enabled = can_step and current is not None
        for shortcut in self._shortcuts():
            shortcut.setEnabled(can_step)
        ui.messageLabel.text = self._message
        ui.messageLabel.visible = bool(self._message)
        ui.waitBar.visible = bool(self._waiting_for)
        ui.cancelButton.visible = bool(self._waiting_for)
        self.standingChanged()

    def _obstacle(self):
        case = self.session.case
        if case is None or case.volume is None:
            return _("Choose the image, or open a worklist.")
        if self.session.protocol_fault:
            return _short(self.session.protocol_fault)
        if case.candidate is None:
            return _("Choose the segmentation, or make a new one.")
        if case.candidate is case.reference:
            return _("Choose another reference: the segmentation cannot be compared with itself.")
        if case.candidate is case.draft:
            return _("Choose another draft: it is kept as it is, beside the segmentation that you edit.")
        if not self.session.reader:
            return _("Enter the reader's name: records and logs carry it.")
        return ""

    def _showProtocol(self):
        chosen = self.session.case.protocol if self.session.case is not None else ""
        if chosen and chosen not in self._protocols:
            self._protocols.append(chosen)
            self.ui.protocolSelector.insertItem(len(self._protocols) - 1, Path(chosen).name)
        if chosen:
            self.ui.protocolSelector.setCurrentIndex(self._protocols.index(chosen))
        if self.session.protocol is not None:
            self.ui.protocolSelector.setItemText(self._protocols.index(chosen), self.session.protocol.protocol.title)

    def _showWorklist(self):
        worklist, ui = self._worklist, self.ui
        ui.progressLabel.text = _("{name}: {progress}").format(name=worklist.path.name, progress=self._progressWords())
        ui.hardFirstCheck.visible = bool(self._difficulties)
        if self._listed != (worklist, self._progress, self._difficulties):
            self._listed = (worklist, self._progress, self._difficulties)
            self._listCases()
        if self._open is not None:
            ui.caseList.setCurrentRow(worklist.number(self._open.opened.entry.case))

    def _listCases(self):
        worklist, ui = self._worklist, self.ui
        if ui.caseList.count != len(worklist.cases):
            ui.caseList.clear()
            for entry in worklist.cases:
                ui.caseList.addItem(entry.case)
        icons = {
            CaseState.NOT_STARTED: qt.QIcon(),
            CaseState.IN_PROGRESS: slicer.app.style().standardIcon(qt.QStyle.SP_ArrowRight),
            CaseState.DONE: slicer.app.style().standardIcon(qt.QStyle.SP_DialogApplyButton),
        }
        words = {
            CaseState.NOT_STARTED: _("{case}: not started"),
            CaseState.IN_PROGRESS: _("{case}: in progress"),
            CaseState.DONE: _("{case}: done"),
        }
        for number, entry in enumerate(worklist.cases):
            state = CaseState.NOT_STARTED if self._progress is None else self._progress.state(entry.case)
            item = ui.caseList.item(number)
            text, tip = entry.case, words[state].format(case=entry.case)
            hardest = self._difficulties.get(entry.case)
            if hardest is not None:
                text = _("{case}  (experts' mean {dice})").format(case=entry.case, dice=ratio(hardest.dice))
                expected = (
                    _(". Experts are expected to reach a mean Dice of {dice} among themselves on its hardest segment.")
                    if hardest.segment is None
                    else _(
                        ". Experts are expected to reach a mean Dice of {dice} among themselves on {segment}, its hardest segment."
                    )
                )
                tip += expected.format(dice=ratio(hardest.dice), segment=hardest.segment)
            item.setText(text)
            item.setIcon(icons[state])
            item.setToolTip(tip)
        frame = ui.caseList.height - ui.caseList.viewport().height
        ui.caseList.setMaximumHeight(ui.caseList.sizeHintForRow(0) * min(_LISTED_CASES, len(worklist.cases)) + max(frame, 4))

    def _progressWords(self):
        count = len(self._worklist.cases)
        done = 0 if self._progress is None else self._progress.done(self._worklist)
        if self._open is None:
            return _("{count} cases, {done} done").format(count=count, done=done)
        number = self._worklist.number(self._open.opened.entry.case) + 1
        return _("{number} of {count}, {done} done").format(number=number, count=count, done=done)

    def _toResume(self):
        if self._progress is None:
            return self._worklist.cases[0]
        return case_to_resume(self._worklist, self._progress)

    # What is chosen by hand

    def onProtocolChosen(self, index):
        if self.session.case is None:
            return
        if index < len(self._protocols):
            self.session.case.protocol = self._protocols[index]
            return
        path = qt.QFileDialog.getOpenFileName(self.widget, _("Protocol"), "", _("Protocols (*.json)"))
        if path and path == self.session.case.protocol:
            self.session.reload_protocol()
        elif path:
            self.session.case.protocol = path
        self.show()

    def onReaderEntered(self):
        self.session.reader = self.ui.readerEdit.text

    def onNewCandidate(self, _checked=False):
        case = self.session.case
        protocol = None if self.session.protocol is None else self.session.protocol.protocol
        try:
            geometry = volume_geometry(case.volume)
        except BadDataError as error:
            self._message = str(error)
            self.show()
            return
        empty = empty_candidate(geometry, protocol, case.volume.GetName())
        case.candidate = add_segmentation(slicer.mrmlScene, empty, case.volume, f"{case.volume.GetName()} segmentation")

    def onChooseRecordsFolder(self, _checked=False):
        folder = qt.QFileDialog.getExistingDirectory(self.widget, _("Records folder"), str(self.session.records_folder))
        if folder:
            self.session.records_folder = Path(folder)

    # The worklist

    def onOpenFile(self, _checked=False):
        path = qt.QFileDialog.getOpenFileName(self.widget, _("Worklist"), "", _("Worklists (*.csv)"))
        if path:
            self._openWorklist(Path(path))

    def onOpenFolder(self, _checked=False):
        path = qt.QFileDialog.getExistingDirectory(self.widget, _("Folder with a sub-folder for each case"), "")
        if path:
            self._openWorklist(Path(path))

    def _openWorklist(self, path):
        # Also the same one again: it may have been corrected.
        self._worklist_path = None
        self.session.worklist = path

    def onCloseWorklist(self, _checked=False):
        self.session.worklist = None

    def _readWorklist(self):
        path, reader, records = self.session.worklist, self.session.reader, self.session.records_folder
        if path != self._worklist_path or path is None:
            self._leaveCase()
            self._worklist, self._progress = None, None
            self._as_read, self._difficulties = None, {}
        self._worklist_path, self._read_for = path, (reader, records)
        if path is None:
            self._message = ""
            self.show()
            return

        def work(_progress):
            worklist = read_worklist(path)
            progress = read_progress(worklist, reader, records) if reader else None
            return worklist, progress, case_difficulties(worklist, records)

        self._run(work, self._onWorklistRead, _("Reading the worklist ..."))

    def _onWorklistRead(self, read):
        self._as_read, self._progress, self._difficulties = read
        self._orderCases()
        self._message = "" if self.session.reader else _("Enter the reader's name to open a case.")

    def onHardFirst(self, _checked=False):
        if self._as_read is not None:
            self._orderCases()
            self.show()

    def _orderCases(self):
        hard_first = self.ui.hardFirstCheck.checked and bool(self._difficulties)
        self._worklist = hard_cases_first(self._as_read, self._difficulties) if hard_first else self._as_read

    def onPrevious(self, _checked=False):
        self._step(-1)

    def onNext(self, _checked=False):
        self._step(1)

    def _step(self, by):
        if not self._canStep():
            return
        entry = self._worklist.cases[0] if self._open is None else self._worklist.step(self._open.opened.entry.case, by)
        if entry is not None:
            self._openEntry(entry)

    def _canStep(self):
        free = self._background is None
        return free and self._worklist is not None and self.session.case is not None and bool(self.session.reader)

    def onResume(self, _checked=False):
        if self._canStep():
            self._openEntry(self._toResume())

    def onCaseActivated(self, item):
        if self._canStep():
            self._openEntry(self._worklist.cases[self.ui.caseList.row(item)])

    def _openEntry(self, entry):
        if self._open is None or entry.case != self._open.opened.entry.case:
            self._message = ""
            self._saveThen(partial(self._load, entry))

    def _load(self, entry):
        worklist, reader, records = self._worklist, self.session.reader, self.session.records_folder
        protocol = self.session.protocol

        def work(progress):
            opened = open_case(entry, records, reader, protocol, progress)
            known = read_progress(worklist, reader, records).state(entry.case)
            state = CaseState.DONE if known is CaseState.DONE else CaseState.IN_PROGRESS
            return opened, write_state(worklist, reader, records, entry.case, state)

        self._run(work, self._onLoaded, _("Opening {case} ...").format(case=entry.case))

    def _onLoaded(self, loaded):
        # The reader may have drawn on while the next case was read.
        self._saveThen(partial(self._showCase, *loaded))

    def _showCase(self, opened, progress):
        case = self.session.case
        if case is None:
            return
        try:
            shown = OpenCase(slicer.mrmlScene, opened)
        except BadDataError as error:
            self._onFailed(error)
            return
        # The case before stays until its successor is there.
        left, self._open, self._progress = self._open, shown, progress
        nodes = shown.nodes
        self.session.worklist_case = opened.entry.case
        with slicer.util.NodeModify(case.parameterNode):
            case.volume, case.candidate, case.reference, case.draft = nodes.volume, nodes.candidate, nodes.reference, nodes.draft
            if opened.entry.protocol is not None:
                case.protocol = opened.entry.protocol
        if left is not None:
            left.remove()
        if slicer.app.layoutManager() is not None:
            slicer.util.resetSliceViews()
        self._autosave_timer.start()
        self._message = "\n".join([self._originWords(opened.origin), *opened.unread]).strip()
        self.session.write_event(EventKind.CASE_OPENED, case=opened.entry.case, candidate=opened.origin.value)
        self.session.announce()

    def _originWords(self, origin):
        return {
            CandidateOrigin.SAVED: _("Your saved segmentation is shown."),
            CandidateOrigin.AUTOSAVED: _("Recovered: work that was kept automatically and never saved is shown."),
            CandidateOrigin.WORKLIST: "",
            CandidateOrigin.DRAFT: _("The segmentation starts as a copy of the AI draft."),
            CandidateOrigin.EMPTY: _("The segmentation starts empty, with the structures that the protocol requires."),
        }[origin]

    def _leaveCase(self):
        self._autosave_timer.stop()
        if self._open is not None:
            left, self._open = self._open, None
            self.session.worklist_case = None
            left.remove()

    def onSave(self, _checked=False):
        if self._canStep() and self._open is not None:
            self._saveThen(self._onSaved, always=True)

    def _onSaved(self):
        self._message = _("Saved {time}.").format(time=qt.QTime.currentTime().toString("HH:mm:ss"))
        self.show()

    def onFinish(self, _checked=False):
        if self._canStep() and self._open is not None:
            self._saveThen(self._markDone, always=not (self._open.folder / CANDIDATE).is_file())

    def _markDone(self):
        entry, worklist, reader, records = (
            self._open.opened.entry, self._worklist, self.session.reader, self.session.records_folder,
        )  # fmt: skip
        measure, score = self._measurer(), self._scorer()

        def work(_progress):
            return write_state(worklist, reader, records, entry.case, CaseState.DONE), measure(), score()

        self._run(work, self._onDone, _("Saving ..."))

    def _measurer(self):
        """Return what measures the finished segments for the log, in any thread; it returns None where nothing is logged."""
        nodes = self._open.nodes
        if self.session.event_writer is None:
            return lambda: None
        try:
            record = None if is_outdated(nodes.candidate) else read_record(nodes.candidate)
            references = [] if nodes.reference is None else [nodes.reference]
            make = case_reader(nodes.volume, nodes.candidate, references, nodes.draft)
        except BadDataError as error:
            logging.warning("SegQC does not log how large the segments are: %s", error)
            return lambda: None
        return partial(_measured, make, record)

    def _scorer(self):
        """Return what scores the errors planted into a practice case, in any thread; it returns None where none were."""
        case, reader, folder, work = self._open.opened.entry.case, self.session.reader, self._worklist.folder, self._open.folder
        logs = self.session.logs_folder

        def score():
            try:
                return finish_planted_case(folder, case, reader, work, logs_of_read(logs, case, reader))
            except BadDataError as error:
                # A damaged training set does not keep a reader from finishing.
                logging.warning("SegQC does not score the errors planted into %s: %s", case, error)
                return None

        planted = self._open.opened.entry.training_set is not None and has_planted_errors(folder, case)
        return score if planted else lambda: None

    def _onDone(self, done):
        self._progress, measured, planted = done
        if self._open is None:
            return
        progress, entry = self._progress, self._open.opened.entry
        if measured is not None:
            self.session.write_event(EventKind.SEGMENTS_MEASURED, **measured)
        self.session.write_event(EventKind.CASE_FINISHED, case=entry.case)
        if planted is not None:
            # The case stays: the reader sees what was planted where it is.
            self._tellPlanted(*planted)
            return
        number = self._worklist.number(entry.case)
        after = [*self._worklist.cases[number + 1 :], *self._worklist.cases[:number]]
        left = next((other for other in after if progress.state(other.case) is not CaseState.DONE), None)
        if left is None:
            self._message = _("All cases are done.")
        else:
            self._openEntry(left)

    def _tellPlanted(self, result, is_first):
        if is_first:
            for read in result.reads():
                self.session.write_event(
                    EventKind.PLANTED_ERROR,
                    error=read.error,
                    segment=read.segment,
                    corrected=read.corrected,
                    detected=read.detected,
                    seconds=read.seconds,
                )
        self._message = _("Finished. Errors had been put into this draft on purpose; the step Training shows them.")
        self.session.planted_result = result
        self.session.announce()

    # Saving

    def _saveThen(self, then, always=False):
        """Save the work, and only then go on; where the reader drew on meanwhile, save again."""
        if self._open is None or not (always or self._open.is_unsaved):
            then()
            return
        copy = self._copyOfWork()
        if copy is not None:
            self._run(lambda _progress: save_work(copy.work), partial(self._onWorkSaved, copy, then), _("Saving ..."))

    def _copyOfWork(self):
        try:
            return self._open.copy()
        except BadDataError as error:
            self._onFailed(error)
            return None

    def _onWorkSaved(self, copy, then, _nothing):
        if self._open is None:
            # The scene was closed meanwhile.
            return
        self._open.mark_saved(copy)
        self.session.write_event(EventKind.CASE_SAVED, case=self._open.opened.entry.case)
        self._saveThen(then)

    def onAutosave(self):
        if self._open is None or self._background is not None or not self._open.is_unkept:
            return
        copy = self._copyOfWork()
        if copy is not None:
            self._run(lambda _progress: autosave_work(copy.work), partial(self._onKept, copy), "")

    def _onKept(self, copy, _nothing):
        if self._open is not None:
            self._open.mark_kept(copy)

    def _keepNow(self):
        """Keep unsaved work while its nodes are still there: the scene or Slicer closes and waits for nobody."""
        if self._open is None or not self._open.is_unkept:
            return
        try:
            autosave_work(self._open.copy().work)
            self._message = _("Unsaved work on {case} was kept; Resume brings it back.").format(case=self._open.opened.entry.case)
        except BadDataError as error:
            self._message = str(error)

    # Work in the background

    def _run(self, work, on_done, words):
        """Run work in a thread; words say what the reader waits for, none where nobody waits."""
        self._waiting_for = words
        self.ui.waitBar.setValue(0)
        self._background = Background(work, partial(self._onRun, on_done), self._onFailed, self.onProgress, self._onCancelled)
        self.show()

    def onProgress(self, _step, share):
        self.ui.waitBar.setValue(round(100 * share))

    def onCancel(self, _checked=False):
        if self._background is not None:
            self._background.cancel()

    def _onRun(self, on_done, value):
        self._background, self._waiting_for = None, ""
        on_done(value)
        self._follow()
        self.show()

    def _onFailed(self, error):
        self._background, self._waiting_for = None, ""
        if isinstance(error, BadDataError):
            self._message = _short(str(error))
            self.show()
            return
        self._message = _("Something unexpected went wrong: {error}. See Slicer's log.").format(error=error)
        self.show()
        raise error

    def _onCancelled(self):
        self._background, self._waiting_for = None, ""
        self._message = _("Cancelled.")
        self.show()


def _measured(make, record):
    try:
        case = make()
        drawn = [case.candidate] if case.draft is None else [case.candidate, case.draft]
        candidate, *draft = (align(segmentation, case.image.geometry) for segmentation in drawn)
    except BadDataError as error:
        logging.warning("SegQC does not log how large the segments are: %s", error)
        return None
    return measured_segments(replace(case, candidate=candidate, draft=draft[0] if draft else None), record)


def _short(text):
    lines = text.splitlines()
    more = len(lines) - MOST_LINES
    return text if more <= 0 else "\n".join([*lines[:MOST_LINES], _("... and {count} more").format(count=more)])
