"""The panel with the technical errors of the candidate: go there, repair them, or keep them with a reason."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial

import qt
import slicer
from slicer.i18n import tr as _

from SegQCLib.case import Case
from SegQCLib.errors import BadDataError
from SegQCLib.findings import Status
from SegQCLib.mrml.edit_watch import ChangeKind
from SegQCLib.mrml.evaluate_scene import case_reader
from SegQCLib.mrml.kept_findings_node import read_kept_findings, write_kept_findings
from SegQCLib.mrml.one_segment import SegmentationPart, segment_with_surroundings
from SegQCLib.mrml.record_node import RECORD_ROLE, is_outdated, mark_outdated, read_record
from SegQCLib.mrml.repair import repair_planner, still_applies, write_repair
from SegQCLib.mrml.slice_views import jump_slices
from SegQCLib.mrml.volume import volume_from_node, volume_geometry
from SegQCLib.mrml.voxel_counts import voxel_counter
from SegQCLib.panels.background import Background
from SegQCLib.panels.panel import Light, Panel, Standing
from SegQCLib.prepare import prepare
from SegQCLib.readers.kept_findings import can_be_kept, keep, mark_kept, with_kept, without_kept
from SegQCLib.recheck import errors_among, errors_of, look, replaced
from SegQCLib.regular_grid import is_regular
from SegQCLib.segment_shape import size_text, volume_text

# An undo can concern all segments that were edited; more than a few are looked at in the background.
_MOST_CHECKED_AGAIN = 5
# After the last stroke: while a reader paints, nothing is checked.
_RECHECK_MS = 500
_TABLE_LINES, _DETAIL_LINES, _REPAIR_LINES = 6, 5, 2
_SEGMENT, _WHAT, _MEASURED = range(3)
_ICONS = {
    Status.FAIL: qt.QStyle.SP_MessageBoxCritical,
    Status.WARN: qt.QStyle.SP_MessageBoxWarning,
    "kept": qt.QStyle.SP_DialogApplyButton,
}


class FindingsPanel(Panel):
    """List the technical errors of the candidate; after an edit, those of the edited segment are looked for again."""

    UI = "FindingsPanel.ui"

    def __init__(self, session, resource_path):
        super().__init__(session, resource_path)
        self._errors = None  # None: nobody has looked yet
        self._kept = ()
        self._chosen = ()
        self._work = None
        self._check = None  # of one segment
        self._checked_id = None
        self._plan = None  # of a repair
        self._count = None  # of the voxels of segments
        self._voxels = {}  # of each segment by its id when it was last counted
        self._checked = {}  # ids of segments that were checked again and not counted since
        self._message = ""
        self._pending = {}  # ids of segments to check again, in the order of their edits
        self._edited = {}  # ids of all segments that were edited since the candidate was chosen
        self._edited_unknown = False
        self._done = ""  # what the last repair did
        self._record_stamp = None
        self._own_edit = None  # id of the segment that a repair or its undo has just changed
        self._repaired = None  # the finding whose repair can be undone
        self._place = 0  # row from which the next finding counts while none is selected
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.connect("timeout()", self.onRecheck)
        self._setUpTable()
        ui = self.ui
        ui.lookButton.connect("clicked(bool)", self.onLook)
        ui.cancelButton.connect("clicked(bool)", self.onCancel)
        ui.findingsTable.connect("currentCellChanged(int,int,int,int)", self.onRowChanged)
        ui.findingsTable.connect("cellClicked(int,int)", self.onRowChosen)
        ui.findingsTable.connect("cellActivated(int,int)", self.onRowChosen)
        ui.previousButton.connect("clicked(bool)", self.onPrevious)
        ui.nextButton.connect("clicked(bool)", self.onNext)
        ui.repairButton.connect("clicked(bool)", self.onRepair)
        ui.undoButton.connect("clicked(bool)", self.onUndo)
        ui.keepButton.connect("clicked(bool)", self.onKeep)
        ui.reasonEdit.connect("returnPressed()", self.onKeep)
        ui.reasonEdit.connect("textChanged(QString)", self.onReasonChanged)
        # Of the main window: findings are corrected in the Segment Editor, and the eyes are on the slices.
        window = slicer.util.mainWindow() or self.widget
        self._shortcuts = [self._shortcut(window, "Alt+Down", self.onNextKey), self._shortcut(window, "Alt+Up", self.onPreviousKey)]
        session.observeEdits(self.onEdit)
        session.observeStandings(self.onStandings)
        self._showState()

    def _setUpTable(self):
        table = self.ui.findingsTable
        table.setColumnCount(3)
        table.setHorizontalHeaderLabels([_("Segment"), _("What"), _("Measured")])
        header = table.horizontalHeader()
        header.setSectionResizeMode(_SEGMENT, qt.QHeaderView.Stretch)
        header.setHighlightSections(False)
        line = qt.QFontMetrics(self.ui.detailText.font).height()
        table.verticalHeader().setDefaultSectionSize(round(1.4 * line))
        # The line for a reason stays where it is from finding to finding.
        self.ui.repairLabel.setMinimumHeight(_REPAIR_LINES * line)
        table.setMinimumHeight(_TABLE_LINES * line)
        self.ui.detailText.setMinimumHeight(_DETAIL_LINES * line)
        self.ui.detailText.setMaximumHeight((_DETAIL_LINES + 1) * line)

    def _shortcut(self, window, keys, slot):
        shortcut = qt.QShortcut(qt.QKeySequence(keys), window)
        shortcut.connect("activated()", slot)
        return shortcut

    def title(self):
        return _("Findings")

    def standing(self):
        if self._work is not None:
            return Standing(Light.RUNNING, _("looking"))
        if self._plan is not None:
            return Standing(Light.RUNNING, _("repairing"))
        obstacle = self._obstacle()
        if obstacle:
            return Standing(Light.WAITING, obstacle)
        if self._errors is None:
            return Standing(Light.OPEN, _("not looked for"))
        left = [error.finding for error in self._errors if error.finding.kept is None]
        kept = len(self._errors) - len(left)
        words = _("{count} to look at").format(count=len(left)) if left else _("none")
        if kept:
            words = _("{words}, {count} kept").format(words=words, count=kept)
        if any(finding.status is Status.FAIL for finding in left):
            return Standing(Light.PROBLEM, words)
        return Standing(Light.ATTENTION if left else Light.DONE, words)

    def onCaseChanged(self):
        case, protocol = self.session.case, self.session.protocol
        nodes = () if case is None else (case.volume, case.candidate)
        chosen = (*(node and node.GetID() for node in nodes), protocol and protocol.sha256)
        if chosen != self._chosen:
            self._chosen = chosen
            self._stopWork()
            self._timer.stop()
            self._pending, self._edited, self._edited_unknown = {}, {}, False
            self._voxels, self._checked = {}, {}
            self._repaired = self._own_edit = None
            self._message = self._done = ""
            self._place = 0
            self._record_stamp = None
            self._takeRecord()
        self._showState()

    def enter(self):
        self.onCaseChanged()

    def onStandings(self):
        """Take over what an evaluation has found since, where nobody has looked yet."""
        case = self.session.case
        if self._errors is None and self._work is None and case is not None and case.candidate is not None:
            node = case.candidate.GetNodeReference(RECORD_ROLE)
            stamp = None if node is None else node.GetMTime()
            if stamp != self._record_stamp:
                self._record_stamp = stamp
                self._takeRecord()

    def cleanup(self):
        self._stopWork()
        self._timer.stop()
        self._timer.disconnect("timeout()", self.onRecheck)
        for shortcut in self._shortcuts:
            shortcut.setParent(None)
            shortcut.deleteLater()
        self._shortcuts = []
        self.session.unobserveEdits(self.onEdit)
        super().cleanup()

    # Looking

    def _obstacle(self):
        """Return why nothing can be looked for, in a few words, or an empty text."""
        case = self.session.case
        if case is None or case.volume is None:
            return _("choose the image")
        if case.candidate is None:
            return _("choose the candidate")
        return "" if self.session.protocol is not None else _("choose a usable protocol")

    def _takeRecord(self):
        """Start the list from the record, or without one."""
        self._readKept()
        errors = self._errorsOfRecord()
        self._errors = None if errors is None else self._marked(errors)
        if errors is not None:
            self._countVoxels(None)
        self._fill(-1)
        self._showState()

    def _errorsOfRecord(self):
        """Return the errors that the last evaluation found, or None where they are not those of what is drawn now."""
        candidate, protocol = self.session.case and self.session.case.candidate, self.session.protocol
        if self._obstacle() or is_outdated(candidate):
            return None
        try:
            record = read_record(candidate)
        except BadDataError as error:
            self._message = str(error)
            return None
        if record is None or record.protocol.sha256 != protocol.sha256:
            return None
        segmentation = candidate.GetSegmentation()
        return errors_among(record.findings, {i: segmentation.GetSegment(i).GetName() for i in segmentation.GetSegmentIDs()})

    def _readKept(self):
        try:
            self._kept = () if self._obstacle() else read_kept_findings(self.session.case.candidate)
        except BadDataError as error:
            self._kept, self._message = (), str(error)

    def onLook(self, _checked=False):
        """Look for all technical errors, in the background."""
        if self._work is not None or self._plan is not None or self._obstacle():
            return
        self._timer.stop()
        self._stopWork()
        self._pending, self._edited_unknown, self._checked = {}, False, {}
        case = self.session.case
        try:
            make = case_reader(case.volume, case.candidate)
        except BadDataError as error:
            self.onFailed(error)
            return
        self.ui.progressBar.setValue(0)
        work = partial(_errors_of_case, make, voxel_counter(case.candidate), self.session.protocol.protocol)
        self._work = Background(work, self.onLooked, self.onFailed, self.onProgress, self.onCancelled)
        self._showState()

    def onLooked(self, outcome):
        errors, self._voxels = outcome
        self._work = None
        shown = self._currentError()
        self._message = self._done = ""
        self._readKept()
        self._errors = self._marked(errors)
        self.session.write_event(
            "technical_look", errors=len(errors), failures=sum(error.finding.status is Status.FAIL for error in errors)
        )
        self._fill(self._rowOf(shown))
        self._showState()

    def onFailed(self, error):
        self._work = self._check = self._plan = self._count = None
        if not isinstance(error, BadDataError):
            logging.error("SegQC: looking for technical errors failed.", exc_info=error)
        self._message = str(error) if isinstance(error, BadDataError) else _("It failed: {error}").format(error=error)
        self._showState()

    def onCancel(self, _checked=False):
        if self._work is not None:
            self._work.cancel()
            self.ui.cancelButton.enabled = False

    def onCancelled(self):
        self._work = None
        self._message = _("Stopped. The list is as it was.")
        self._showState()

    def onProgress(self, _words, share):
        self.ui.progressBar.setValue(round(100 * share))

    def _stopWork(self):
        for work in (self._work, self._check, self._plan, self._count):
            if work is not None:
                work.abandon()
        self._work = self._check = self._plan = self._count = None

    # Looking again after an edit

    def onEdit(self, change):
        known = change.segment_ids
        own, self._own_edit = self._own_edit, None
        if own is not None and known in (None, (own,)):
            # A repair or its undo: checked again at once.
            self._edited[own] = None
            return
        self._repaired = None
        if self._plan is not None:
            self._plan.abandon()
            self._discardPlan()
        if known is None and change.kind is ChangeKind.UNDO_OR_STRUCTURE:
            # What is undone or done again was an edit before.
            known = tuple(self._edited)
        if known is None:
            self._edited_unknown = True
        else:
            self._edited.update(dict.fromkeys(known))
            self._pending.update(dict.fromkeys(known))
        if self._errors is not None or self._work is not None:
            self._schedule(_RECHECK_MS)
        self.ui.undoButton.enabled = False

    def onRecheck(self):
        """Check one of the edited segments again; the others follow when it is done."""
        if self._work is not None or self._plan is not None:
            # The look was at the voxels of the moment at which it began; what was edited since comes after it.
            self._schedule(_RECHECK_MS)
        elif self._errors is None or self._obstacle() or self._check is not None:
            return
        elif self._edited_unknown or len(self._pending) > _MOST_CHECKED_AGAIN:
            self.onLook()
        elif self._pending:
            self._checkAgain(next(iter(self._pending)))

    def _schedule(self, delay_ms):
        self._timer.setInterval(delay_ms)
        self._timer.start()

    def _checkAgain(self, segment_id, shown=None):
        """Replace the errors of one segment by those that it has now; `shown` (else the present one) stays selected."""
        self._pending.pop(segment_id, None)
        case = self.session.case
        try:
            image = volume_from_node(case.volume)
            part = _part_of(case.candidate, case.volume, segment_id)
        except BadDataError as error:
            self.onFailed(error)
            return
        if not is_regular(image) or not isinstance(part, SegmentationPart):
            # Resampling a whole image takes as long as a look.
            self.onLook()
            return
        if self._check is not None:
            self._pending.setdefault(self._checked_id)
            self._check.abandon()
        self._checked_id = segment_id
        work = partial(_errors_of_segment, Case(image, part), segment_id, self.session.protocol.protocol)
        # An organ takes a tenth of a second; a body of a hundred million voxels must not stop the window either.
        self._check = Background(work, partial(self.onChecked, segment_id, shown), self.onFailed)

    def onChecked(self, segment_id, shown, found):
        self._check = None
        self._checked[segment_id] = None
        row = self.ui.findingsTable.currentRow()
        if row >= 0:
            self._place = row
        shown = shown or self._currentError()
        self._errors = self._marked(replaced(self._errors, segment_id, found))
        # Where it is gone, none is selected: Repair must not act on a finding that the reader has not seen.
        self._fill(self._rowOf(shown))
        self.session.write_event("segment_checked_again", segment_id=segment_id, errors=len(found))
        self._showState()
        if self._pending:
            self._schedule(0)
        elif self._count is None:
            self._countVoxels(self._checked)

    def _countVoxels(self, segment_ids):
        """Count the voxels of segments and of all in their layers (None: all) in the background.

        A stroke over a neighbour takes voxels from it, and Slicer names the painted segment only.
        """
        if self._count is not None:
            self._count.abandon()
        count, checked = voxel_counter(self.session.case.candidate, segment_ids), self._checked
        self._checked = {}
        self._count = Background(lambda _progress: count(), partial(self.onCounted, checked), self.onFailed)

    def onCounted(self, checked, voxels):
        self._count = None
        before, self._voxels = self._voxels, self._voxels | voxels
        lost = [known for known, now in voxels.items() if before.get(known, now) != now and known not in checked]
        self._pending.update(dict.fromkeys(lost))
        if self._pending:
            self._schedule(0)
        elif self._checked:
            self._countVoxels(self._checked)

    # The list

    def _marked(self, errors):
        findings = mark_kept([error.finding for error in errors], self._kept)
        return tuple(replace(error, finding=finding) for error, finding in zip(errors, findings, strict=True))

    def _currentError(self):
        row = self.ui.findingsTable.currentRow()
        return self._errors[row] if self._errors is not None and 0 <= row < len(self._errors) else None

    def _rowOf(self, error):
        """Return the row of the same finding in the present list, -1 if it is not there."""
        if error is not None:
            for row, other in enumerate(self._errors):
                same = (other.finding.check, other.segment_ids) == (error.finding.check, error.segment_ids)
                if same and other.finding.location_lps_mm == error.finding.location_lps_mm:
                    return row
        return -1

    def _fill(self, row):
        """Show the list with a row selected (-1: none); the slices stay where they are."""
        table = self.ui.findingsTable
        table.blockSignals(True)
        errors = self._errors or ()
        table.setRowCount(len(errors))
        words = _words()
        icons = {kind: slicer.app.style().standardIcon(pixmap) for kind, pixmap in _ICONS.items()}
        for number, error in enumerate(errors):
            finding = error.finding
            what = words.get(finding.check, finding.check)
            if finding.kept is not None:
                what = _("{what}, kept").format(what=what)
            measured = finding.measured or ("" if finding.size_mm3 is None else volume_text(finding.size_mm3))
            for column, text in enumerate((self._segmentText(error), what, measured)):
                item = qt.QTableWidgetItem(text)
                item.setToolTip(finding.message)
                if column == _SEGMENT:
                    item.setIcon(icons["kept" if finding.kept is not None else finding.status])
                elif column == _MEASURED:
                    item.setTextAlignment(qt.Qt.AlignRight | qt.Qt.AlignVCenter)
                table.setItem(number, column, item)
        # Once for all cells: a header that follows each of them measures all rows each time.
        for column in (_WHAT, _MEASURED):
            table.resizeColumnToContents(column)
        table.setCurrentCell(row, _SEGMENT)
        table.blockSignals(False)
        self._showRow()

    def _segmentText(self, error):
        candidate = self.session.case.candidate.GetSegmentation()
        segments = [candidate.GetSegment(segment_id) for segment_id in error.segment_ids]
        names = [segment.GetName() for segment in segments if segment is not None]
        return " + ".join(names) or error.finding.segment or _("Segmentation")

    def onRowChanged(self, _row, _column, _before_row, _before_column):
        self._done = ""
        self._showRow()
        self._goThere()
        error = self._currentError()
        if error is not None:
            self.session.write_event("finding_viewed", check=error.finding.check, segment_ids=list(error.segment_ids))

    def onRowChosen(self, _row, _column):
        self._goThere()

    def onPrevious(self, _checked=False):
        self._step(-1)

    def onNext(self, _checked=False):
        self._step(1)

    def onPreviousKey(self):
        if self._mayStep():
            self._step(-1)

    def onNextKey(self):
        if self._mayStep():
            self._step(1)

    def _mayStep(self):
        """Return whether the keys are this panel's now: in SegQC and in the Segment Editor, not in other modules."""
        return slicer.util.mainWindow() is None or slicer.util.selectedModule() in ("SegQCModule", "SegmentEditor")

    def _step(self, direction):
        """Go to the next finding that is not kept."""
        row = self.ui.findingsTable.currentRow()
        row = row + direction if row >= 0 else self._place - (direction < 0)
        while 0 <= row < len(self._errors or ()):
            if self._errors[row].finding.kept is None:
                self.ui.findingsTable.setCurrentCell(row, _SEGMENT)
                return
            row += direction

    def _goThere(self):
        """Take the slices to the selected finding, and the Segment Editor to its segment."""
        error = self._currentError()
        if error is None:
            return
        if error.finding.location_lps_mm is not None:
            jump_slices(slicer.mrmlScene, error.finding.location_lps_mm)
        editor_node = slicer.mrmlScene.GetSingletonNode("SegmentEditor", "vtkMRMLSegmentEditorNode")
        candidate = self.session.case.candidate
        there = error.segment_ids and candidate.GetSegmentation().GetSegment(error.segment_ids[0]) is not None
        if there and editor_node is not None and editor_node.GetSegmentationNode() is candidate:
            editor_node.SetSelectedSegmentID(error.segment_ids[0])

    def _showRow(self):
        """Show the selected finding in full, what its repair would do, and whether it is kept."""
        error = self._currentError()
        ui = self.ui
        lines = []
        if error is not None:
            finding = error.finding
            lines.append(finding.message)
            if finding.kept is not None:
                lines.append(_("Kept: {kept}.").format(kept=finding.kept))
            if error.edited_since:
                lines.append(_("From before the last edit. It needs the whole segmentation: look again to renew it."))
            if finding.allowed is not None:
                lines.append(_("Allowed: {allowed}.").format(allowed=_allowed_words(finding)))
            if finding.source is not None:
                lines.append(finding.source + ".")
        ui.detailText.setPlainText("\n".join(lines))
        self._showRepair(error)
        self._showKeep()

    # Repairing

    def _showRepair(self, error):
        proposed = _repair_words(error) if error is not None and error.finding.repair is not None else ""
        repairing = self._plan is not None
        # Until a segment was checked again, the list still has what was repaired.
        unchecked = {*self._pending, *(() if self._check is None else (self._checked_id,))}
        checking = error is not None and not unchecked.isdisjoint(error.segment_ids)
        busy = repairing or checking or self._work is not None
        self.ui.repairButton.text = _("Repairing...") if repairing else _("&Repair")
        self.ui.repairButton.enabled = bool(proposed) and error.finding.kept is None and bool(error.segment_ids) and not busy
        self.ui.repairButton.setToolTip(proposed or _("There is no automatic repair of this finding."))
        text = "\n".join(filter(None, (self._done, proposed)))
        self.ui.repairLabel.setText(text)
        self.ui.undoButton.enabled = self._repaired is not None and not repairing

    def _spared(self, error):
        """Return the places in the finding's segment that a reader keeps as they are."""
        alike = [
            other for other in self._errors if (other.finding.check, other.segment_ids) == (error.finding.check, error.segment_ids)
        ]
        places = [other.finding.location_lps_mm for other in alike if other.finding.kept is not None]
        return [place for place in places if place is not None]

    def onRepair(self, _checked=False):
        """Plan the repair of the selected finding in the background."""
        error, case = self._currentError(), self.session.case
        if error is None or not self.ui.repairButton.enabled:
            return
        segment_id, finding = error.segment_ids[0], error.finding
        if case.candidate.GetSegmentation().GetSegment(segment_id) is None:
            # It was removed a moment ago, and its findings go with the next check.
            return
        # A summary of many has no place of its own: all are repaired.
        places = None if finding.location_lps_mm is None else [finding.location_lps_mm]
        try:
            plan = repair_planner(case.candidate, case.volume, segment_id, finding.repair, places, self._spared(error))
        except BadDataError as fault:
            self._done = str(fault)
            self._showRow()
            return
        self._plan = Background(lambda _progress: plan(), partial(self.onPlanned, error), self.onFailed)
        self._showState()

    def _discardPlan(self):
        self._plan = None
        self._done = _("Not repaired: the segmentation was edited meanwhile. Choose the finding and Repair again.")
        self._showState()

    def onPlanned(self, error, planned):
        """Write the repaired voxels; the Segment Editor's undo state is saved before."""
        segment_id, finding, candidate = error.segment_ids[0], error.finding, self.session.case.candidate
        # An edit is announced a moment after it.
        if not still_applies(candidate, planned):
            self._discardPlan()
            return
        self._plan = None
        if not planned.changed_voxels:
            self._done = _("There is nothing left to repair at this place.")
            self._showState()
            return
        editor = self._editor()
        if editor is not None:
            editor.saveStateForUndo()
        self._own_edit = segment_id
        try:
            write_repair(candidate, planned)
        except BadDataError as fault:
            self._own_edit = None
            self._done = str(fault)
            self._showState()
            return
        self._repaired = None if editor is None else error
        self._done = _change_words(finding.segment, planned)
        self.session.write_event(
            "finding_repaired",
            check=finding.check,
            repair=finding.repair,
            segment_id=segment_id,
            segment=finding.segment,
            added_voxels=planned.added_voxels,
            removed_voxels=planned.removed_voxels,
            volume_before_mm3=planned.volume_before_mm3,
            volume_after_mm3=planned.volume_after_mm3,
            dice_with_before=planned.dice_with_before,
        )
        # Slicer's views follow the repair first.
        self._pending[segment_id] = None
        self._schedule(0)
        self._showState()

    def onUndo(self, _checked=False):
        """Undo the repair, as the Segment Editor does."""
        editor, repaired = self._editor(), self._repaired
        if editor is None or repaired is None:
            return
        segment_id = repaired.segment_ids[0]
        self._repaired, self._own_edit = None, segment_id
        editor.undo()
        self._done = _("The repair was undone.")
        self.session.write_event("repair_undone", segment_id=segment_id)
        self._checkAgain(segment_id, repaired)

    def _editor(self):
        """Return the Segment Editor on the candidate, or None where Slicer runs without it."""
        module = getattr(slicer.modules, "segmenteditor", None)
        if module is None:
            return None
        editor = module.widgetRepresentation().self().editor
        if editor.mrmlSegmentEditorNode() is None:
            return None
        case = self.session.case
        if editor.segmentationNode() is not case.candidate:
            editor.setSegmentationNode(case.candidate)
        if editor.sourceVolumeNode() is not case.volume:
            editor.setSourceVolumeNode(case.volume)
        return editor

    # Keeping

    def _showKeep(self):
        error, ui = self._currentError(), self.ui
        kept = error is not None and error.finding.kept is not None
        keepable = error is not None and can_be_kept(error.finding)
        if not keepable:
            hint = _("Only a finding about one segment can be kept.")
        elif not self.session.reader:
            hint = _("Give your name in step 1 first: somebody keeps a finding.")
        else:
            hint = _("Keep the finding as it is: it no longer counts as an error. The reason goes into the report.")
        ui.reasonEdit.enabled = keepable and not kept and bool(self.session.reader)
        ui.reasonEdit.setToolTip(hint)
        ui.keepButton.text = _("Keep no longer") if kept else _("&Keep")
        ui.keepButton.setToolTip(_("Let the finding count again.") if kept else hint)
        # What is kept is spared by a repair, and a repair is under way.
        ui.keepButton.enabled = self._plan is None and (kept or (ui.reasonEdit.enabled and bool(ui.reasonEdit.text.strip())))

    def onReasonChanged(self, _text):
        self._showKeep()

    def onKeep(self, _checked=False):
        """Keep the selected finding with the reason, or let it count again."""
        error, candidate = self._currentError(), self.session.case and self.session.case.candidate
        if error is None or not self.ui.keepButton.enabled:
            return
        finding = replace(error.finding, kept=None)
        reason = self.ui.reasonEdit.text.strip()
        facts = {"check": finding.check, "segment": finding.segment, "message": finding.message}
        if error.finding.kept is None:
            self._kept = with_kept(self._kept, finding, keep(finding, reason, self.session.reader))
            self.session.write_event("finding_kept", reason=reason, **facts)
        else:
            self._kept = without_kept(self._kept, finding)
            self.session.write_event("finding_kept_no_longer", **facts)
        write_kept_findings(slicer.mrmlScene, self._kept, candidate)
        # The verdict counts without what is kept.
        mark_outdated(candidate)
        self.ui.reasonEdit.clear()
        self._errors = self._marked(self._errors)
        self._fill(self.ui.findingsTable.currentRow())
        self._showState()

    def _showState(self):
        """Show what may be done now."""
        ui, running, obstacle = self.ui, self._work is not None, self._obstacle()
        ui.lookButton.enabled = not running and self._plan is None and not obstacle
        for widget in (ui.progressBar, ui.cancelButton):
            widget.setVisible(running)
        ui.cancelButton.enabled = running
        text = self._message
        if not text and obstacle:
            text = _("To look for errors: {obstacle}.").format(obstacle=obstacle)
        elif not text and self._errors is not None and not self._errors:
            text = _("No technical errors were found.")
        ui.messageLabel.setText(text)
        ui.messageLabel.setVisible(bool(text))
        for button in (ui.previousButton, ui.nextButton):
            button.enabled = bool(self._errors)
        self._showRepair(self._currentError())
        self._showKeep()
        self.standingChanged()


def _errors_of_case(make, count, protocol, progress):
    return look(prepare(make(), protocol).case, protocol, progress), count()


def _errors_of_segment(case, segment_id, protocol, _progress):
    return tuple(errors_of(case, segment_id, protocol))


def _part_of(candidate, volume, segment_id):
    """Return a segment with its surroundings, or no segment where it was removed."""
    if candidate.GetSegmentation().GetSegment(segment_id) is not None:
        return segment_with_surroundings(candidate, volume, segment_id)
    return SegmentationPart(candidate.GetName(), volume_geometry(volume), (), ())


def _words():
    return {
        "outside_image": _("Outside the image"),
        "structures": _("Structures"),
        "field_of_view": _("Cut off"),
        "islands": _("Island"),
        "holes": _("Hole"),
        "skipped_slices": _("Skipped slice"),
        "area_jumps": _("Area jump"),
        "end_slices": _("Abrupt end"),
        "flat_faces": _("Flat face"),
        "spikes": _("Spike"),
        "empty_or_full": _("Empty or full"),
        "identical_segments": _("Same voxels"),
        "overlaps": _("Overlap"),
        "laterality": _("Side"),
        "volume_range": _("Volume"),
        "impossible_intensity": _("Density"),
        "lesion_size": _("Lesion size"),
    }


def _allowed_words(finding):
    if finding.allowed.split()[:3] == ["up", "to", "0"]:
        return _("none")
    # The protocol counts them without a unit.
    return _("{count} slices").format(count=finding.allowed) if finding.check == "skipped_slices" else finding.allowed


def _repair_words(error):
    """Return what the repair of a finding would do."""
    finding = error.finding
    if finding.location_lps_mm is None:
        everywhere = {
            "remove_islands": _("Repair removes all islands of {segment} that are not kept."),
            "fill_holes": _("Repair fills all holes of {segment} that are not kept."),
            "interpolate_slices": _("Repair draws all skipped slices of {segment} that are not kept."),
        }
        text = everywhere.get(finding.repair, _("Repair changes {segment} at all places that are not kept."))
        return text.format(segment=finding.segment)
    texts = {
        "remove_islands": _("Repair removes this island: {size}."),
        "fill_holes": _("Repair fills this hole: {size}."),
        "interpolate_slices": _("Repair draws the skipped slices from the slices on both sides."),
    }
    text = texts.get(finding.repair, _("Repair changes the segment at this place."))
    return text.format(size=size_text(finding.size_voxels or 0, finding.size_mm3 or 0.0))


def _change_words(segment, planned):
    """Return what a repair did."""
    changes = []
    if planned.removed_voxels:
        changes.append(_("{count:,} voxels removed").format(count=planned.removed_voxels))
    if planned.added_voxels:
        changes.append(_("{count:,} voxels added").format(count=planned.added_voxels))
    return _("Repaired {segment}: {changes}; {before:,.2f} ml before, {after:,.2f} ml now.").format(
        segment=segment,
        changes=", ".join(changes),
        before=planned.volume_before_mm3 / 1000,
        after=planned.volume_after_mm3 / 1000,
    )
