"""The protocol gate: is the image as the protocol asks, and is it looked at as the protocol asks?"""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta
from functools import partial

import qt
import slicer
import vtk
from slicer.i18n import tr as _

from SegQCLib.case import Acquisition, WindowLevel
from SegQCLib.checks import why
from SegQCLib.dicom.series import read_series
from SegQCLib.errors import BadDataError
from SegQCLib.findings import Finding, Status
from SegQCLib.gate import Origin, gate_status, image_findings, origins_of, reading_plane, with_window_of
from SegQCLib.mrml.database_acquisition import keep_series_acquisition, series_file
from SegQCLib.mrml.slice_views import orient_slices
from SegQCLib.mrml.volume import ACQUISITION_ATTRIBUTE, volume_from_node
from SegQCLib.mrml.window_hold import WindowHold, apply_window, rule_for_segment
from SegQCLib.panels.background import Background
from SegQCLib.panels.panel import Light, Panel, Standing
from SegQCLib.words import UNIT_WORDS, worst_first

LOOK_AWAY_S = 30
# Changes of the volume and of its window come in bursts.
_SETTLE_MS = 300
_TICK_MS = 250
# Rows and lines that fit on a screen of 1080 lines beside the headings of the other steps.
_CHECK_ROWS, _DETAIL_LINES, _DEVIATION_ROWS = 5, 5, 2

_ICONS = {
    Status.PASS: qt.QStyle.SP_DialogApplyButton,
    Status.WARN: qt.QStyle.SP_MessageBoxWarning,
    Status.FAIL: qt.QStyle.SP_MessageBoxCritical,
    Status.NOT_EVALUATED: qt.QStyle.SP_MessageBoxQuestion,
}


class GatePanel(Panel):
    """Show what the image checks say, apply and hold the protocol's window/level, and turn the slices to its plane.

    The hold goes on while another module is open: the reader draws in Slicer's Segment Editor.

    Events that it writes, stored, never renamed:

    - gate_confirmed: `volume`, `checks` (those that failed), `reason`. The reader goes on all the same.
    - window_hold: `on`, `rule`.
    - window_deviation: `rule`, `started`, `duration_s`, `count`, `window` and `level` (smallest and largest), `unit`
      (UCUM). Each push outside of the range was undone at once.
    - look_away: the same facts. The window was outside with leave, and was restored at the end.
    """

    UI = "GatePanel.ui"

    def __init__(self, session, resource_path):
        Panel.__init__(self, session, resource_path)
        # Slicer looks each text up in the source file: twenty for every row would freeze the window.
        self._titles = _titles()
        self._volume = None
        self._protocol = None
        self._image = None
        self._read_state = None
        self._findings: tuple[Finding, ...] = ()
        self._shown: list[Finding] = []
        self._fault = self._database_fault = ""
        self._job = None
        self._tried_database: set[str] = set()
        self._from_database: set[str] = set()
        self._confirmed: dict[tuple, str] = {}
        self._rule = None
        self._window_fault = ""
        self._hold = None
        self._database = getattr(slicer, "dicomDatabase", None)
        self._settle = qt.QTimer()
        self._settle.setSingleShot(True)
        self._settle.setInterval(_SETTLE_MS)
        self._settle.connect("timeout()", self.onSettled)
        self._ticker = qt.QTimer()
        self._ticker.setInterval(_TICK_MS)
        self._ticker.connect("timeout()", self.onTick)
        self._layOut()
        self.ui.checksTable.connect("itemSelectionChanged()", self.onCheckSelected)
        self.ui.reasonEdit.connect("textChanged(QString)", self.onReasonEdited)
        self.ui.reasonEdit.connect("returnPressed()", self.onGoOn)
        self.ui.goOnButton.connect("clicked(bool)", self.onGoOn)
        self.ui.windowSelector.connect("currentIndexChanged(int)", self.onRuleChosen)
        self.ui.applyButton.connect("clicked(bool)", self.onApply)
        self.ui.orientButton.connect("clicked(bool)", self.onOrient)
        self.ui.holdCheckBox.connect("toggled(bool)", self.onHoldToggled)
        self.ui.lookAwayButton.connect("clicked(bool)", self.onLookAway)
        if self._database is not None:
            self._database.connect("databaseChanged()", self.onDatabaseChanged)
            self._database.connect("opened()", self.onDatabaseChanged)
            self._database.connect("closed()", self.onDatabaseChanged)
        self._showEverything()

    def _layOut(self):
        line = qt.QFontMetrics(self.widget.font).height()
        for table, rows in ((self.ui.checksTable, _CHECK_ROWS), (self.ui.deviationsTable, _DEVIATION_ROWS)):
            table.verticalHeader().setVisible(False)
            # A default row leaves half of its height empty.
            table.verticalHeader().setDefaultSectionSize(round(1.4 * line))
            table.setMinimumHeight(round((rows + 1) * 1.5 * line))
            table.setMaximumHeight(round((rows + 1) * 1.5 * line))
            header = table.horizontalHeader()
            # Bold headings need more room than there is.
            header.setHighlightSections(False)
            header.setSectionResizeMode(qt.QHeaderView.Stretch)
            header.setSectionResizeMode(0, qt.QHeaderView.ResizeToContents)
        self.ui.deviationsTable.horizontalHeader().setSectionResizeMode(2, qt.QHeaderView.ResizeToContents)
        self.ui.deviationsTable.setVisible(False)
        self.ui.detailText.setMinimumHeight((_DETAIL_LINES + 1) * line)
        self.ui.detailText.setMaximumHeight((_DETAIL_LINES + 1) * line)

    def title(self):
        return _("Protocol gate")

    def standing(self):
        if self._volume is None:
            return Standing(Light.WAITING, _("no image"))
        if self._protocol is None:
            return Standing(Light.WAITING, _("no protocol"))
        if self._fault:
            return Standing(Light.PROBLEM, _("cannot be judged"))
        if self._job is not None:
            return Standing(Light.RUNNING, _("reading the image"))
        status = gate_status(self._findings)
        count = sum(finding.status is status for finding in self._findings)
        if status is Status.FAIL:
            if self._confirmation() is not None:
                return Standing(Light.ATTENTION, _("gone on with {count} not as asked").format(count=count))
            return Standing(Light.PROBLEM, _("{count} not as the protocol asks").format(count=count))
        if status is Status.WARN:
            return Standing(Light.ATTENTION, _("passed, warnings: {count}").format(count=count))
        if status is Status.NOT_EVALUATED:
            return Standing(Light.ATTENTION, _("passed, not known: {count}").format(count=count))
        return Standing(Light.DONE, _("passed"))

    def enter(self):
        # The database may have been opened while Slicer did not tell: it is made when its module first needs it.
        self.onDatabaseChanged()
        # Another segment was selected or renamed in the Segment Editor.
        self._chooseRule()

    def cleanup(self):
        self._abandon()
        self._stopHold()
        self._settle.stop()
        self._settle.disconnect("timeout()", self.onSettled)
        self._ticker.disconnect("timeout()", self.onTick)
        if self._database is not None:
            self._database.disconnect("databaseChanged()", self.onDatabaseChanged)
            self._database.disconnect("opened()", self.onDatabaseChanged)
            self._database.disconnect("closed()", self.onDatabaseChanged)
        Panel.cleanup(self)

    def onCaseChanged(self):
        volume = None if self.session.case is None else self.session.case.volume
        if self.session.case is None:
            # The ids of the next scene's nodes are the same again.
            self._tried_database.clear()
            self._from_database.clear()
            self._confirmed.clear()
        if volume is self._volume and self.session.protocol is self._protocol:
            self._chooseRule()
            return
        self._abandon()
        self._stopHold()
        if volume is not self._volume:
            # Those of the former image are in its log.
            self.ui.deviationsTable.setRowCount(0)
            self.ui.deviationsTable.setVisible(False)
        self._follow(volume)
        self._protocol = self.session.protocol
        self._fillRules()
        self._startHold()
        self._read()

    # What is watched

    def _follow(self, volume):
        self.removeObservers(self.onVolumeModified)
        self._volume = volume
        if volume is not None:
            events = (vtk.vtkCommand.ModifiedEvent, volume.ImageDataModifiedEvent, volume.DisplayModifiedEvent)
            for event in (*events, volume.TransformModifiedEvent):
                self.addObserver(volume, event, self.onVolumeModified)

    def onVolumeModified(self, _caller=None, _event=None):
        self._settle.start()

    def onDatabaseChanged(self):
        self._tried_database.clear()
        self._settle.start()

    def onSettled(self):
        if self._volume is None or self._protocol is None or self._job is not None:
            return
        if self._stateOfVolume() != self._read_state or self._databaseFile() is not None:
            self._read()
        elif self._image is not None and not self._fault:
            self._image = volume_from_node(self._volume)
            self._setFindings(with_window_of(self._findings, self._image, self._protocol.protocol, self._rule))

    def _stateOfVolume(self):
        """Return what the findings depend on, the window not included."""
        volume, matrix = self._volume, vtk.vtkMatrix4x4()
        volume.GetIJKToRASMatrix(matrix)
        image = volume.GetImageData()
        return (
            [matrix.GetElement(row, column) for row in range(3) for column in range(4)],
            None if image is None else (image.GetMTime(), image.GetDimensions()),
            volume.GetAttribute(ACQUISITION_ATTRIBUTE),
            volume.GetTransformNodeID(),
        )

    # Reading

    def _databaseFile(self):
        """Return a file of the volume's series that was not read yet, or None."""
        if self._volume.GetID() in self._tried_database | self._from_database:
            return None
        return series_file(self._volume, self._database)

    def _read(self):
        self._abandon()
        self._findings, self._image, self._read_state = (), None, None
        self._fault = self._database_fault = ""
        if self._volume is None or self._protocol is None:
            self._showEverything()
            return
        path = self._databaseFile()
        if path is None:
            self._judge()
            return
        self._tried_database.add(self._volume.GetID())
        # In a thread: hundreds of files, perhaps on a server.
        self._job = Background(partial(_read_series, path), self.onSeriesRead, self.onSeriesUnreadable)
        self._showEverything()

    def onSeriesRead(self, series):
        self._from_database.add(self._volume.GetID())
        keep_series_acquisition(self._volume, series)
        self._judge()

    def onSeriesUnreadable(self, error):
        self._database_fault = _told(error)
        self._judge()

    def _judge(self):
        self._read_state = self._stateOfVolume()
        try:
            self._image = volume_from_node(self._volume)
        except BadDataError as error:
            self._job, self._fault = None, str(error)
            self._showEverything()
            return
        work = partial(_find, self._image, self._protocol.protocol, self._rule)
        self._job = Background(work, self.onJudged, self.onNotJudged)
        self._showEverything()

    def onJudged(self, findings):
        self._job, self._findings = None, findings
        self._showEverything()
        # What changed while it was read.
        self._settle.start()

    def onNotJudged(self, error):
        self._job, self._fault = None, _told(error)
        self._showEverything()

    def _abandon(self):
        if self._job is not None:
            self._job.abandon()
            self._job = None

    # Showing

    def _setFindings(self, findings):
        if findings != self._findings:
            self._findings = findings
            self._showChecks()
            self._showConfirmation()
            self.standingChanged()

    def _showEverything(self):
        self._showFacts()
        self._showChecks()
        self._showConfirmation()
        self._showWindow()
        self.standingChanged()

    def _header(self):
        """Return where the volume's header facts were read."""
        if self._volume.GetID() in self._from_database:
            return Origin.DATABASE
        return Origin.UNKNOWN if self._image.acquisition.source == Acquisition().source else Origin.SCENE

    def _showFacts(self):
        self.ui.factsLabel.setText(self._facts())

    def _facts(self):
        if self._volume is None:
            return _("Choose the image in the first step.")
        if self._protocol is None:
            return self.session.protocol_fault or _("Choose the protocol in the first step.")
        if self._fault:
            return self._fault
        if self._image is None:
            return _("The image is being read.")
        if self._database_fault:
            return _("The files in the DICOM database cannot be read: {fault}").format(fault=self._database_fault)
        return {
            Origin.DATABASE: _("Header facts: DICOM database."),
            Origin.SCENE: _("Header facts: kept with the scene, not read from the DICOM database."),
            Origin.UNKNOWN: _("No DICOM header: what only a header says is not known. Spacing: voxel grid of the volume."),
        }[self._header()]

    def _showChecks(self):
        table, before = self.ui.checksTable, self._selectedCheck()
        self._shown = worst_first(self._findings)
        blocked = table.blockSignals(True)
        table.clearContents()
        table.setRowCount(len(self._shown))
        style, not_known = slicer.app.style(), _("not known")
        for row, finding in enumerate(self._shown):
            title = self._titles.get(finding.check, finding.check)
            unmeasured = not_known if finding.status is Status.NOT_EVALUATED else ""
            texts = (title, finding.measured or unmeasured, finding.allowed or "", finding.source or "")
            for column, text in enumerate(texts):
                item = qt.QTableWidgetItem(text)
                item.setToolTip(text if column else finding.message)
                if column == 0:
                    item.setIcon(style.standardIcon(_ICONS[finding.status]))
                table.setItem(row, column, item)
        same = [row for row, finding in enumerate(self._shown) if finding.check == before]
        if self._shown:
            table.selectRow(same[0] if same else 0)
        table.blockSignals(blocked)
        self.onCheckSelected()

    def _selectedCheck(self):
        row = self.ui.checksTable.currentRow()
        return self._shown[row].check if 0 <= row < len(self._shown) else None

    def onCheckSelected(self):
        row = self.ui.checksTable.currentRow()
        if not 0 <= row < len(self._shown):
            self.ui.detailText.setPlainText("")
            return
        finding = self._shown[row]
        parts = [finding.message]
        if finding.allowed:
            parts.append(_("Allowed: {allowed}.").format(allowed=finding.allowed))
        if why(finding.check) is not None:
            parts.append(_("Why: {why}").format(why=why(finding.check)))
        origins = origins_of(finding, self._image, self._header())
        parts.append(_("Read from: {origins}.").format(origins=" and ".join(origins)))
        if finding.source:
            parts.append(_("Limit set by: {source}").format(source=finding.source))
        self.ui.detailText.setPlainText("\n".join(parts))

    # Going on all the same

    def _confirmationKey(self):
        failed = tuple((finding.check, finding.measured) for finding in self._findings if finding.status is Status.FAIL)
        return self._volume.GetID(), self._protocol.sha256, failed

    def _confirmation(self):
        return self._confirmed.get(self._confirmationKey())

    def _showConfirmation(self):
        failed = self._protocol is not None and self._volume is not None and gate_status(self._findings) is Status.FAIL
        confirmation = self._confirmation() if failed else None
        self.ui.reasonWidget.setVisible(failed and confirmation is None)
        self.ui.confirmationLabel.setVisible(confirmation is not None)
        self.ui.confirmationLabel.setText(confirmation or "")

    def onReasonEdited(self, text):
        self.ui.goOnButton.setEnabled(bool(text.strip()))

    def onGoOn(self, _checked=False):
        reason = self.ui.reasonEdit.text.strip()
        if not reason or self._volume is None or gate_status(self._findings) is not Status.FAIL:
            return
        checks = [finding.check for finding in self._findings if finding.status is Status.FAIL]
        reader = self.session.reader or _("a reader without name")
        self._confirmed[self._confirmationKey()] = _("Gone on at {time} by {reader}: {reason}").format(
            time=f"{datetime.now():%H:%M}", reader=reader, reason=reason
        )
        self.ui.reasonEdit.setText("")
        self.session.write_event("gate_confirmed", volume=self._volume.GetName(), checks=checks, reason=reason)
        self._showConfirmation()
        self.standingChanged()

    # Window/level

    def _fillRules(self):
        selector, rules = self.ui.windowSelector, self._rules()
        blocked = selector.blockSignals(True)
        selector.clear()
        if len(rules) > 1:
            selector.addItem(_("the selected segment"))
        for rule in rules:
            selector.addItem(rule.name)
        selector.blockSignals(blocked)
        for widget in (self.ui.windowSelectorLabel, selector):
            widget.setVisible(len(rules) > 1)
        self._rule, self._window_fault = self._chosenRule(), ""
        self._showWindow()

    def _rules(self):
        return () if self._protocol is None else self._protocol.protocol.windows

    def _chosenRule(self):
        rules = self._rules()
        index = self.ui.windowSelector.currentIndex
        if len(rules) > 1 and index > 0:
            return rules[index - 1]
        if not rules:
            return None
        candidate = None if self.session.case is None else self.session.case.candidate
        return rule_for_segment(self._protocol.protocol, candidate, self.session.selectedSegment())

    def onRuleChosen(self, _index):
        self._chooseRule()

    def _chooseRule(self):
        rule = self._chosenRule()
        if rule == self._rule:
            return
        self._rule, self._window_fault = rule, ""
        self._stopHold()
        self._startHold()
        self._showWindow()
        self._settle.start()

    def _showWindow(self):
        rule, possible = self._rule, self._rule is not None and self._volume is not None
        if self._window_fault:
            text = self._window_fault
        elif rule is None:
            text = _("The protocol sets no window/level.") if self._protocol is not None else ""
        else:
            text = _("{name}: window {window}, level {level}; Apply sets {applied} {unit}.").format(
                name=rule.name,
                window=rule.window,
                level=rule.level,
                applied=WindowLevel(rule.apply_window, rule.apply_level),
                unit=UNIT_WORDS.get(rule.window.unit, rule.window.unit),
            )
            self.ui.windowLabel.setToolTip(f"{rule.window.source}; {rule.level.source}")
        self.ui.windowLabel.setText(text)
        self.ui.applyButton.setEnabled(possible)
        self.ui.holdCheckBox.setEnabled(self._protocol is not None and rule is not None)
        plane = None if self._protocol is None else self._protocol.protocol.plane
        self.ui.orientButton.setEnabled(self._volume is not None and plane is not None)
        self._showLookAway()

    def onApply(self, _checked=False):
        try:
            apply_window(self._volume, self._rule)
        except BadDataError as error:
            self._window_fault = str(error)
            self._showWindow()

    def onOrient(self, _checked=False):
        if self._image is None:
            return
        orient_slices(slicer.mrmlScene, reading_plane(self._image, self._protocol.protocol), self._volume)
        logic = slicer.app.applicationLogic()
        if logic is not None:
            # The field of view of the former plane may show a corner only.
            logic.FitSliceToBackground(False, False)

    def onHoldToggled(self, checked):
        if checked:
            self._startHold()
        else:
            self._stopHold()
        self.session.write_event("window_hold", on=checked, rule="" if self._rule is None else self._rule.name)
        self._showLookAway()

    def _startHold(self):
        if not self.ui.holdCheckBox.checked or self._volume is None or self._rule is None:
            return
        try:
            self._hold = WindowHold(self._volume, self._rule, partial(self.onDeviation, self._rule.window.unit))
        except BadDataError as error:
            self._window_fault = str(error)
            self._showWindow()
            return
        self._ticker.start()
        self._showLookAway()

    def _stopHold(self):
        self._ticker.stop()
        if self._hold is not None:
            hold, self._hold = self._hold, None
            hold.stop()
        self._showLookAway()

    def onTick(self):
        if self._hold is None or not self._hold.active:
            self._stopHold()
            return
        self._hold.tick()
        # The reader goes on to another segment in the Segment Editor.
        self._chooseRule()
        self._showLookAway()

    def onLookAway(self, _checked=False):
        if self._hold is None:
            return
        if self._hold.looking_away:
            self._hold.look_back()
        else:
            self._hold.look_away(LOOK_AWAY_S)
        self._showLookAway()

    def _showLookAway(self):
        away = self._hold is not None and self._hold.looking_away
        self.session.looking_away = away
        button = self.ui.lookAwayButton
        button.setEnabled(self._hold is not None)
        if away:
            text = _("Look back ({seconds} s left)").format(seconds=round(self._hold.look_away_left_s))
        else:
            text = _("Look away for {seconds} s").format(seconds=LOOK_AWAY_S)
        if button.text != text:
            button.setText(text)

    def onDeviation(self, unit, deviation):
        started = datetime.now().astimezone() - timedelta(seconds=time.monotonic() - deviation.start_s)
        self.session.write_event(
            "look_away" if deviation.looked_away else "window_deviation",
            rule=deviation.rule,
            started=started.isoformat(timespec="milliseconds"),
            duration_s=round(deviation.duration_s, 3),
            count=deviation.count,
            window=[deviation.narrowest_window, deviation.widest_window],
            level=[deviation.lowest_level, deviation.highest_level],
            unit=unit,
        )
        unit_word = UNIT_WORDS.get(unit, unit)
        window = _span(deviation.narrowest_window, deviation.widest_window)
        level = _span(deviation.lowest_level, deviation.highest_level)
        words = _("Away: {window}/{level} {unit}") if deviation.looked_away else _("{window}/{level} {unit}")
        table = self.ui.deviationsTable
        table.setVisible(True)
        table.insertRow(0)
        seconds = f"{deviation.duration_s:.1f}"
        duration = _("at once") if seconds == "0.0" else _("{seconds} s").format(seconds=seconds)
        texts = (f"{started:%H:%M:%S}", words.format(window=window, level=level, unit=unit_word), duration)
        hover = _("{rule}: {words}; {count} times outside the range").format(
            rule=deviation.rule, words=texts[1], count=deviation.count
        )
        for column, text in enumerate(texts):
            item = qt.QTableWidgetItem(text)
            item.setToolTip(hover)
            table.setItem(0, column, item)


def _read_series(path, _progress):
    return read_series(path)


def _told(error):
    if not isinstance(error, BadDataError):
        logging.error("SegQC could not read an image.", exc_info=error)
    return str(error)


def _find(image, protocol, rule, _progress):
    return image_findings(image, protocol, rule)


def _span(low, high):
    low, high = (f"{value:.0f}" if abs(value) >= 10 else f"{value:.3g}" for value in (low, high))
    return low if low == high else _("{low} to {high}").format(low=low, high=high)


def _titles():
    return {
        "modality": _("Modality"),
        "plane": _("Plane"),
        "slice_thickness": _("Slice thickness"),
        "slice_spacing": _("Slice spacing"),
        "slice_gap": _("Slice gap"),
        "missing_slices": _("Missing slices"),
        "duplicate_slices": _("Doubled slices"),
        "spacing_regularity": _("Equal steps"),
        "gantry_tilt": _("Gantry tilt"),
        "pixel_spacing": _("Voxel size"),
        "in_plane_size": _("Matrix"),
        "convolution_kernel": _("Kernel"),
        "contrast_agent": _("Contrast agent"),
        "contrast_phase": _("Contrast phase"),
        "window_level": _("Window/level"),
        "image_values": _("Voxel values"),
        "regular_grid": _("Regular grid"),
        "files_ignored": _("Files ignored"),
    }
