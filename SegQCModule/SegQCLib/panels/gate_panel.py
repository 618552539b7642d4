"""The protocol gate: is the image as the protocol asks, and is it looked at as the protocol asks?"""

from __future__ import annotations

import logging
from datetime import datetime
from functools import partial

import qt
import slicer
import vtk
from slicer.i18n import tr as _

from SegQCLib.case import Acquisition
from SegQCLib.checks import why
from SegQCLib.dicom.series import read_series_headers
from SegQCLib.errors import BadDataError
from SegQCLib.findings import Finding, Status
from SegQCLib.gate import Origin, gate_status, image_findings, origins_of, reading_plane, training_findings, with_window_of
from SegQCLib.mrml.database_acquisition import keep_series_acquisition, series_file
from SegQCLib.mrml.gate_confirmation import GateConfirmation, read_confirmation, write_confirmation
from SegQCLib.mrml.slice_views import orient_slices
from SegQCLib.mrml.volume import ACQUISITION_ATTRIBUTE, volume_from_node
from SegQCLib.panels.background import Background
from SegQCLib.panels.panel import Light, Panel, Standing
from SegQCLib.panels.window_controls import WindowControls
from SegQCLib.words import worst_first

# Changes of the volume and of its window come in bursts.
_SETTLE_MS = 300
# Rows and lines that fit on a screen of 1080 lines beside the headings of the other steps.
_CHECK_ROWS, _DETAIL_LINES, _DEVIATION_ROWS = 4, 4, 2

_ICONS = {
    Status.PASS: qt.QStyle.SP_DialogApplyButton,
    Status.WARN: qt.QStyle.SP_MessageBoxWarning,
    Status.FAIL: qt.QStyle.SP_MessageBoxCritical,
    Status.NOT_EVALUATED: qt.QStyle.SP_MessageBoxQuestion,
}


class GatePanel(Panel):
    """Show what the image checks say, apply and hold the protocol's window/level, and turn the slices to its plane.

    Event that it writes, stored, never renamed: gate_confirmed, with `volume`, `checks` (those that failed) and `reason`.
    The reader goes on all the same.
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
        self._training: tuple[Finding, ...] = ()  # about the reader's certificate
        self._standing_shown = None
        self._shown: list[Finding] = []
        self._fault = self._database_fault = ""
        self._job = None
        self._tried_database: set[str] = set()
        self._from_database: set[str] = set()
        self._database = None
        self._settle = qt.QTimer()
        self._settle.setSingleShot(True)
        self._settle.setInterval(_SETTLE_MS)
        self._settle.connect("timeout()", self.onSettled)
        self.window = WindowControls(
            session,
            self._settle.start,
            selector=self.ui.windowSelector,
            selector_label=self.ui.windowSelectorLabel,
            rule_label=self.ui.windowLabel,
            apply_button=self.ui.applyButton,
            hold_box=self.ui.holdCheckBox,
            look_away_button=self.ui.lookAwayButton,
            deviations=self.ui.deviationsTable,
        )
        self._layOut()
        self.ui.checksTable.connect("itemSelectionChanged()", self.onCheckSelected)
        self.ui.reasonEdit.connect("textChanged(QString)", self.onReasonEdited)
        self.ui.reasonEdit.connect("returnPressed()", self.onGoOn)
        self.ui.goOnButton.connect("clicked(bool)", self.onGoOn)
        self.ui.orientButton.connect("clicked(bool)", self.onOrient)
        self._showEverything()

    def _layOut(self):
        line = qt.QFontMetrics(self.widget.font).height()
        for table, rows in ((self.ui.checksTable, _CHECK_ROWS), (self.ui.deviationsTable, _DEVIATION_ROWS)):
            table.verticalHeader().setVisible(False)
            # A default row leaves half of its height empty.
            table.verticalHeader().setDefaultSectionSize(round(1.4 * line))
            table.setMinimumHeight(round((rows + 1) * 1.42 * line))
            table.setMaximumHeight(round((rows + 1) * 1.42 * line))
            header = table.horizontalHeader()
            # Bold headings need more room than there is.
            header.setHighlightSections(False)
            header.setSectionResizeMode(qt.QHeaderView.Stretch)
            header.setSectionResizeMode(0, qt.QHeaderView.ResizeToContents)
        self.ui.deviationsTable.horizontalHeader().setSectionResizeMode(2, qt.QHeaderView.ResizeToContents)
        self.ui.detailText.setMinimumHeight(round((_DETAIL_LINES + 0.8) * line))
        self.ui.detailText.setMaximumHeight(round((_DETAIL_LINES + 0.8) * line))

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
        if self._isRefused():
            return Standing(Light.PROBLEM, _("no valid certificate"))
        findings = (*self._findings, *self._training)
        status = gate_status(findings)
        count = sum(finding.status is status for finding in findings)
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
        # The reader comes back from the Segment Editor.
        self.window.chooseRule()

    def cleanup(self):
        self._abandon()
        self.window.cleanup()
        self._settle.stop()
        self._settle.disconnect("timeout()", self.onSettled)
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
        if volume is self._volume and self.session.protocol is self._protocol:
            self.window.chooseRule()
            if self._reader() != self._standing_shown:
                self._showEverything()
            return
        self._abandon()
        self._follow(volume)
        self._protocol = self.session.protocol
        self.window.follow(volume, None if self._protocol is None else self._protocol.protocol)
        self._read()

    # What is watched

    def _follow(self, volume):
        # All: after removeObservers(method) Slicer's mixin still holds the node, and with it the image, until cleanup.
        self.removeObservers()
        self._volume = volume
        if volume is not None:
            events = (vtk.vtkCommand.ModifiedEvent, volume.ImageDataModifiedEvent, volume.DisplayModifiedEvent)
            for event in (*events, volume.TransformModifiedEvent):
                self.addObserver(volume, event, self.onVolumeModified)

    def _followDatabase(self):
        # Not at the start: where SegQC is the module that Slicer opens with, Slicer makes its database later.
        if self._database is None:
            self._database = getattr(slicer, "dicomDatabase", None)
            if self._database is not None:
                self._database.connect("databaseChanged()", self.onDatabaseChanged)
                self._database.connect("opened()", self.onDatabaseChanged)
                self._database.connect("closed()", self.onDatabaseChanged)

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
            self._setFindings(with_window_of(self._findings, self._image, self._protocol.protocol, self.window.rule))

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
        self._followDatabase()
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
        work = partial(_find, self._image, self._protocol.protocol, self.window.rule)
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
        self._judgeReader()
        self._showFacts()
        self._showChecks()
        self._showConfirmation()
        plane = None if self._protocol is None else self._protocol.protocol.plane
        self.ui.orientButton.setEnabled(self._volume is not None and plane is not None)
        self.standingChanged()

    def _reader(self):
        """Return what the finding about the reader's training depends on."""
        return self.session.training_standing, self.session.purpose

    def _judgeReader(self):
        """Judge the reader's certificate; who practises needs none yet."""
        self._standing_shown = standing, purpose = self._reader()
        known = standing is not None and purpose != "training" and self._image is not None
        self._training = training_findings(self._image, self._protocol.protocol, standing) if known else ()

    def _isRefused(self):
        return gate_status(self._training) is Status.FAIL

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
        self._shown = worst_first((*self._findings, *self._training))
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
        if finding in self._training:
            origins = (_("certificates in the records folder"),)
        else:
            origins = origins_of(finding, self._image, self._header())
        parts.append(_("Read from: {origins}.").format(origins=_(" and ").join(origins)))
        if finding.source:
            parts.append(_("Limit set by: {source}").format(source=finding.source))
        self.ui.detailText.setPlainText("\n".join(parts))

    # Going on all the same

    def _failed(self):
        return tuple(f"{finding.check}: {finding.measured}" for finding in self._findings if finding.status is Status.FAIL)

    def _confirmation(self):
        """Return the confirmation of just these failures: another one, or another value, was confirmed by nobody."""
        kept = read_confirmation(self._volume)
        stands = kept is not None and (kept.protocol_sha256, kept.failed) == (self._protocol.sha256, self._failed())
        return kept if stands else None

    def _showConfirmation(self):
        failed = self._protocol is not None and self._volume is not None and gate_status(self._findings) is Status.FAIL
        confirmation = self._confirmation() if failed else None
        refused = self._isRefused()
        self.ui.reasonWidget.setVisible(failed and confirmation is None and not refused)
        self.ui.confirmationLabel.setVisible(confirmation is not None or refused)
        words = ""
        if confirmation is not None:
            words = _("Gone on at {time} by {reader}: {reason}").format(
                time=confirmation.created[:16].replace("T", " "),
                reader=confirmation.reader or _("a reader without name"),
                reason=confirmation.reason,
            )
        if refused:
            # No reason of the reader's own takes the place of a certificate.
            words = _(
                "This protocol refuses cases of readers without a valid certificate. Take the exam of {course} in step Training,"
                " or let a reader whose certificate is valid read this case."
            ).format(course=self._protocol.protocol.reader_training.course)
        self.ui.confirmationLabel.setText(words)

    def onReasonEdited(self, text):
        self.ui.goOnButton.setEnabled(bool(text.strip()))

    def onGoOn(self, _checked=False):
        reason = self.ui.reasonEdit.text.strip()
        if not reason or self._volume is None or gate_status(self._findings) is not Status.FAIL or self._isRefused():
            return
        checks = [finding.check for finding in self._findings if finding.status is Status.FAIL]
        created = datetime.now().astimezone().isoformat(timespec="seconds")
        write_confirmation(
            self._volume, GateConfirmation(self._protocol.sha256, self._failed(), reason, self.session.reader, created)
        )
        self.ui.reasonEdit.setText("")
        self.session.write_event("gate_confirmed", volume=self._volume.GetName(), checks=checks, reason=reason)
        self._showConfirmation()
        self.standingChanged()

    # Slices

    def onOrient(self, _checked=False):
        if self._image is None:
            return
        orient_slices(slicer.mrmlScene, reading_plane(self._image, self._protocol.protocol), self._volume)
        logic = slicer.app.applicationLogic()
        if logic is not None:
            # The field of view of the former plane may show a corner only.
            logic.FitSliceToBackground(False, False)


def _read_series(path, _progress):
    return read_series_headers(path)


def _told(error):
    if not isinstance(error, BadDataError):
        logging.error("SegQC could not read an image.", exc_info=error)
    return str(error)


def _find(image, protocol, rule, _progress):
    return image_findings(image, protocol, rule)


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
        "tube_voltage": _("Tube voltage"),
        "mr_sequence": _("Sequence"),
        "field_strength": _("Field strength"),
        "echo_time": _("Echo time"),
        "repetition_time": _("Repetition time"),
        "inversion_time": _("Inversion time"),
        "uptake_time": _("Uptake time"),
        "uniform_acquisition": _("Slices made alike"),
        "image_type": _("Image type"),
        "lossy_compression": _("Lossy compression"),
        "suv": _("SUV"),
        "window_level": _("Window/level"),
        "image_values": _("Voxel values"),
        "regular_grid": _("Regular grid"),
        "files_ignored": _("Files ignored"),
        "images_left_out": _("Images left out"),
        "inverted_grey_scale": _("Inverted grey scale"),
        "padding_voxels": _("Padding"),
        "reader_training": _("Training"),
    }
