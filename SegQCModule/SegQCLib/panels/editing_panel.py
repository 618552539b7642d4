"""Editing: the way to Slicer's Segment Editor and back, what was changed against the draft, and how long it took."""

from __future__ import annotations

import qt
import slicer
from slicer.i18n import tr as _

from SegQCLib.errors import BadDataError
from SegQCLib.mrml.new_candidate import add_empty_candidate
from SegQCLib.panels.draft_follower import DraftFollower
from SegQCLib.panels.edit_recorder import EditRecorder
from SegQCLib.panels.editor_toolbar import BACK_KEY, EditorToolbar
from SegQCLib.panels.logged_words import logged_words
from SegQCLib.panels.panel import Light, Panel, Standing
from SegQCLib.readers.edit_times import IDLE_AFTER_S, ReaderState, Seconds
from SegQCLib.readers.log_events import EventKind

IDLE_SETTING = "SegQC/IdleAfterSeconds"
_MODULE = "SegQCModule"
# Lines that fit beside the headings of the other steps on a screen of 1080 lines.
_TABLE_ROWS = 4


class EditingPanel(Panel):
    """Open the Segment Editor on the case, follow what is drawn there, and log times if the reader switches that on.

    Watching goes on while the reader is in the Segment Editor: until the case changes, the log is switched off, or cleanup.
    """

    UI = "EditingPanel.ui"

    def __init__(self, session, resource_path):
        Panel.__init__(self, session, resource_path)
        self._recorder = None
        self._logged = self._failed = None
        self._log_fault = ""
        self._away = self._entered = self._shown_paused = False
        self._names: dict[str, str] = {}
        self._follower = DraftFollower(self.onMet, self.onCounted)
        self._toolbar = EditorToolbar(self.onPauseAsked, self.onBack)
        self._layOut()
        self.ui.logCheckBox.setChecked(session.log_editing)
        self.ui.idleSpinBox.setValue(slicer.util.settingsValue(IDLE_SETTING, round(IDLE_AFTER_S), int))
        self.ui.openEditorButton.connect("clicked(bool)", self.onOpenEditor)
        self.ui.logCheckBox.connect("toggled(bool)", self.onLogToggled)
        self.ui.idleSpinBox.connect("valueChanged(int)", self.onIdleChanged)
        self.ui.pauseButton.connect("clicked(bool)", self.onPauseClicked)
        self.ui.pauseEdit.connect("returnPressed()", self.onPauseClicked)
        self.ui.folderButton.connect("clicked(bool)", self.onOpenFolder)
        session.observeEdits(self.onEdit)

    def _layOut(self):
        line = qt.QFontMetrics(self.widget.font).height()
        for table in (self.ui.segmentsTable, self.ui.timesTable):
            table.verticalHeader().setVisible(False)
            table.verticalHeader().setDefaultSectionSize(round(1.4 * line))
            header = table.horizontalHeader()
            header.setHighlightSections(False)
            header.setSectionResizeMode(qt.QHeaderView.ResizeToContents)
            header.setSectionResizeMode(0, qt.QHeaderView.Stretch)
        self.ui.tabs.setMaximumHeight(round((_TABLE_ROWS + 3) * 1.5 * line))

    def cleanup(self):
        self._stopLogging()
        self._follower.cleanup()
        self._toolbar.cleanup()
        Panel.cleanup(self)

    def title(self):
        return _("Editing")

    def standing(self):
        case = self.session.case
        if case is None or case.volume is None:
            return Standing(Light.WAITING, _("no image"))
        if case.candidate is None:
            return Standing(Light.OPEN, _("nothing to edit yet"))
        changes = self._follower.changes()
        drawn = sum(change.voxels > 0 for change in changes.values())
        if self._log_fault or self._follower.problem:
            return Standing(Light.ATTENTION, _("logging has stopped") if self._log_fault else _("voxels cannot be counted"))
        edited = sum(provenance.edited for provenance in self._follower.provenances().values())
        words = _("{drawn} of {count} drawn, {edited} edited").format(drawn=drawn, count=len(changes), edited=edited)
        if self._recorder is not None:
            paused = self._recorder.times.state is ReaderState.PAUSED
            words = _("{words}, paused").format(words=words) if paused else _("{words}, logged").format(words=words)
        return Standing(Light.DONE if drawn else Light.OPEN, words)

    def enter(self):
        self._entered, self._away = True, False
        self._follower.write_tags()
        self._show()

    def exit(self):
        self._entered = False
        self._showToolbar()

    def onCaseChanged(self):
        case = self.session.case
        # It can be switched in step My reading as well.
        self.ui.logCheckBox.setChecked(self.session.log_editing)
        self._followLog()
        self._follower.follow(None if case is None else case.candidate, None if case is None else _draft_of(case))
        self._show()

    def onOpenEditor(self, _checked=False):
        """Show the candidate in Slicer's Segment Editor; make an empty one where there is none."""
        case = self.session.case
        if case is None or case.volume is None:
            return
        if case.candidate is None:
            protocol = None if self.session.protocol is None else self.session.protocol.protocol
            name = _("{case} {reader}").format(case=self.session.case_name, reader=self.session.reader).strip()
            try:
                case.candidate = add_empty_candidate(slicer.mrmlScene, case.volume, protocol, name)
            except BadDataError as error:
                self.ui.stateLabel.setText(str(error))
                return
        slicer.util.selectModule("SegmentEditor")
        editor = slicer.modules.segmenteditor.widgetRepresentation().self().editor
        editor.setSegmentationNode(case.candidate)
        editor.setSourceVolumeNode(case.volume)
        self._away = True
        self._showToolbar()

    def onBack(self):
        slicer.util.selectModule(_MODULE)

    def onLogToggled(self, checked):
        self._log_fault = ""
        self.session.log_editing = checked
        self._followLog()
        self._show()

    def onIdleChanged(self, seconds):
        qt.QSettings().setValue(IDLE_SETTING, int(seconds))
        if self._recorder is not None:
            self._recorder.setIdleAfter(int(seconds))

    def onPauseClicked(self, _checked=False):
        if self._recorder is not None:
            self.onPauseAsked(self._recorder.times.state is not ReaderState.PAUSED)

    def onPauseAsked(self, pause):
        if self._recorder is None:
            return
        if pause:
            self._recorder.pause(self.ui.pauseEdit.text.strip() or _("no reason given"))
        else:
            self._recorder.resume()
            self.ui.pauseEdit.setText("")

    def onOpenFolder(self, _checked=False):
        folder = self.session.logs_folder
        while not folder.is_dir():
            folder = folder.parent
        qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(folder)))

    def onEvent(self, kind, facts):
        """Write an event of any panel to the log."""
        if kind in (EventKind.SEGMENTS_MEASURED, EventKind.CASE_FINISHED):
            # The last stroke belongs to what is finished.
            self._follower.count_now()
        self._recorder.write(kind, facts)

    def onEdit(self, change):
        self._follower.edited(change)
        if self._recorder is not None:
            self._recorder.edited(change, self._follower.effect)

    def onMet(self, provenances):
        if self._recorder is not None:
            self._recorder.met(provenances)

    def onCounted(self, changes):
        if self._recorder is not None:
            self._recorder.counted(changes)
        self._showSegments()
        self.standingChanged()

    def onTick(self):
        recorder = self._recorder
        if recorder is None:
            return
        if recorder.problem and not self._log_fault:
            self._log_fault, self._failed = recorder.problem, self._logged
            self._stopLogging()
            self._show()
            self.standingChanged()
            return
        paused = recorder.times.state is ReaderState.PAUSED
        if paused != self._shown_paused:
            self._shown_paused = paused
            self.standingChanged()
        if self._entered:
            self._showTimes()
        self._showToolbar()

    def _followLog(self):
        """Begin, end or change the log with the switch, the case, the reader and the protocol."""
        session, case = self.session, self.session.case
        wanted = None
        ready = case is not None and case.volume is not None and bool(session.reader)
        if ready and self.ui.logCheckBox.checked:
            sha256 = None if session.protocol is None else session.protocol.sha256
            wanted = (session.case_name, session.reader, case.volume.GetID(), sha256, str(session.records_folder))
        if self._log_fault and wanted is not None:
            # With the next case the folder may answer again.
            if wanted == self._failed:
                wanted = None
            else:
                self._log_fault = ""
        if wanted == self._logged:
            if self._recorder is not None:
                self._recorder.setCandidate(case.candidate)
                self._recorder.setDraft(_draft_of(case))
            return
        self._stopLogging()
        if wanted is None:
            return
        try:
            self._recorder = EditRecorder(session, self.ui.idleSpinBox.value, self.onTick)
        except BadDataError as error:
            self._log_fault, self._failed = str(error), wanted
            return
        self._logged, self._shown_paused = wanted, False
        session.event_writer = self.onEvent
        self._recorder.setCandidate(case.candidate)
        self._recorder.setDraft(_draft_of(case))
        if self._follower.candidate is case.candidate:
            self._recorder.met(self._follower.provenances())
            self._recorder.counted(self._follower.changes())

    def _stopLogging(self):
        if self._recorder is None:
            return
        self.session.event_writer = None
        recorder, self._recorder, self._logged = self._recorder, None, None
        recorder.stop()

    def _show(self):
        case = self.session.case
        volume = None if case is None else case.volume
        candidate = None if case is None else case.candidate
        self.ui.openEditorButton.setEnabled(volume is not None)
        self.ui.logLabel.setText(self._logWords())
        self.ui.folderButton.setToolTip(
            _("Show the folder with the logs in the system's file browser: {folder}").format(folder=self.session.logs_folder)
        )
        if volume is None:
            self.ui.stateLabel.setText(_("Choose an image in the first step."))
        elif candidate is None:
            self.ui.stateLabel.setText(
                _("There is no candidate yet: the button makes an empty one with a segment for each structure of the protocol.")
            )
        else:
            self.ui.stateLabel.setText(_("Back from the Segment Editor: {key}.").format(key=BACK_KEY))
        self._showSegments()
        self._showTimes()
        self._showToolbar()

    def _logWords(self):
        if self._log_fault:
            again = _("SegQC tries again with the next case, and when this is switched off and on.")
            return f"{self._log_fault} {again}"
        if self.ui.logCheckBox.checked and not self.session.reader:
            return _("Nothing is logged yet: enter your name in the first step, because a log says whose it is.")
        if self.ui.logCheckBox.checked and self._recorder is None:
            return _("Nothing is logged yet: choose an image in the first step.")
        if self._recorder is None:
            words = _("Off. Switched on, it notes {logged}. It would be written to {folder}, and SegQC sends it nowhere.")
        else:
            words = _("Noted are {logged}. It is written to {folder}, and SegQC sends it nowhere.")
        return words.format(logged=logged_words(), folder=self.session.logs_folder)

    def _showSegments(self):
        table = self.ui.segmentsTable
        changes = self._follower.changes()
        table.setRowCount(len(changes))
        for row, (segment_id, change) in enumerate(changes.items()):
            origin = self._follower.watch.of(segment_id)
            if origin.algorithm_type is not None:
                words = str(origin.algorithm_type)
            elif origin.origin_is_unknown:
                words = _("unknown")
            else:
                words = _("empty")
            texts = [self._name(segment_id), f"{change.added:,}", f"{change.removed:,}", words]
            in_voxels = _("{voxels} voxels now, {draft} voxels in the draft").format(
                voxels=f"{change.voxels:,}", draft=f"{change.draft_voxels:,}"
            )
            tips = [self._name(segment_id), in_voxels, in_voxels, origin.algorithm_name or words]
            _fill(table, row, texts, tips)

    def _showTimes(self):
        table, recorder = self.ui.timesTable, self._recorder
        if recorder is None:
            table.setRowCount(0)
            self.ui.clockLabel.setText(_("No time is measured."))
        else:
            totals = recorder.times.totals()
            table.setRowCount(len(totals))
            for row, (context, seconds) in enumerate(totals.items()):
                name = "–" if context.segment is None else self._name(context.segment)
                texts = [name, context.effect or "–", *map(_clock, (seconds.active, seconds.idle, seconds.wait))]
                _fill(table, row, texts, texts)
            self.ui.clockLabel.setText(self._clockWords(recorder.times.total()))
        paused = recorder is not None and recorder.times.state is ReaderState.PAUSED
        self.ui.pauseButton.setEnabled(recorder is not None)
        self.ui.pauseButton.setText(_("Resume") if paused else _("Pause"))
        self.ui.pauseEdit.setEnabled(recorder is not None and not paused)

    def _clockWords(self, total: Seconds):
        state = {
            ReaderState.ACTIVE: _("Active now."),
            ReaderState.IDLE: _("Idle now."),
            ReaderState.PAUSED: _("Paused: {reason}.").format(reason=self._recorder.times.pause_reason),
        }[self._recorder.times.state]
        times = _("Active {active}, idle {idle}, waiting for Slicer {wait} (h:min:s).").format(
            active=_clock(total.active), idle=_clock(total.idle), wait=_clock(total.wait)
        )
        edits = _("Edits: {edits}, undo and redo: {undos}.").format(edits=self._recorder.edits, undos=self._recorder.undos)
        return f"{times} {edits} {state}"

    def _showToolbar(self):
        recorder = self._recorder
        if recorder is None:
            stopped = bool(self._log_fault)
            away = self._away or (stopped and not self._entered)
            self._toolbar.show(_("Logging has stopped") if stopped else "", False, False, away)
            return
        total = recorder.times.total()
        words = _("Active {active}, idle {idle}").format(active=_clock(total.active), idle=_clock(total.idle))
        self._toolbar.show(words, True, recorder.times.state is ReaderState.PAUSED, not self._entered)

    def _name(self, segment_id):
        """Return a segment's name, the last known one of a segment that was removed."""
        candidate = None if self.session.case is None else self.session.case.candidate
        segment = None if candidate is None else candidate.GetSegmentation().GetSegment(segment_id)
        if segment is not None:
            self._names[segment_id] = segment.GetName()
        return self._names.get(segment_id, segment_id)


def _draft_of(case):
    # The candidate itself is no draft.
    return None if case.draft is case.candidate else case.draft


def _clock(seconds):
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def _fill(table, row, texts, tips):
    for column, (text, tip) in enumerate(zip(texts, tips, strict=True)):
        cell = table.item(row, column)
        if cell is None:
            cell = qt.QTableWidgetItem(text)
            table.setItem(row, column, cell)
        cell.setText(text)
        cell.setToolTip(tip)
