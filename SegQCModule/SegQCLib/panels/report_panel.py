"""The panel that evaluates the candidate, shows the record with its reasons, and saves it."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from subprocess import CalledProcessError

import qt
import slicer
import vtk
from slicer.i18n import tr as _

from SegQCLib.dicom.series import read_series_headers
from SegQCLib.errors import BadDataError
from SegQCLib.evaluate import evaluate_with_background
from SegQCLib.file_name import file_name
from SegQCLib.measure import DRAFT_ROLE
from SegQCLib.measurements_csv import render_csv
from SegQCLib.mrml.background_nodes import (
    background_of,
    drawn_stamp,
    is_measured,
    measured_against,
    note_measured,
    show_background,
)
from SegQCLib.mrml.database_acquisition import keep_series_acquisition, series_file
from SegQCLib.mrml.evaluate_scene import case_reader
from SegQCLib.mrml.record_node import RECORD_ROLE, is_outdated, mark_outdated, read_record, write_record
from SegQCLib.mrml.results_table import write_findings, write_image_quality, write_measurements
from SegQCLib.mrml.segmentation import crop_layers
from SegQCLib.mrml.slice_views import jump_slices
from SegQCLib.mrml.volume import ACQUISITION_ATTRIBUTE
from SegQCLib.output import require_writable, write_files
from SegQCLib.panels.background import Background
from SegQCLib.panels.dicom_export import DicomExport
from SegQCLib.panels.packages import ensure_package
from SegQCLib.panels.panel import Light, Panel, Standing
from SegQCLib.panels.quality_part import QualityPart
from SegQCLib.panels.slice_plot import SlicePlot
from SegQCLib.prepare import prepare
from SegQCLib.progress import part
from SegQCLib.quality.measure_image_quality import place_background
from SegQCLib.quality.study_folder import read_study_folder
from SegQCLib.quality.study_norms import place_in_study, quality_norms
from SegQCLib.readers.log_events import EventKind
from SegQCLib.readers.measured_segments import logged_findings, measured_segments
from SegQCLib.record import Verdict
from SegQCLib.renderers import html_report
from SegQCLib.slice_agreement import slice_agreement
from SegQCLib.structure_rows import UNDEFINED, structure_rows

_ICONS = {
    Verdict.ACCEPT: qt.QStyle.SP_DialogApplyButton,
    Verdict.REVIEW: qt.QStyle.SP_MessageBoxWarning,
    Verdict.REJECT: qt.QStyle.SP_MessageBoxCritical,
}
_LARGE = 1.25
_TELL_EVERY_S = 0.1
_DICE, _THRESHOLD, _EXPERTS_MEAN = 2, 3, 8  # columns of the table
_FEWEST_ROWS, _MOST_ROWS, _REASON_LINES = 4, 7, 4


class ReportPanel(Panel):
    """Evaluate in the background; what is shown is the record that the scene holds for the candidate."""

    UI = "ReportPanel.ui"

    def __init__(self, session, resource_path):
        super().__init__(session, resource_path)
        self._work = None
        self._number = 0  # of the work that may still tell something
        self._stopping = []  # work that was stopped and has not ended
        self._chosen = ()
        self._edited = False  # since the running evaluation took its copy
        self._told = 0.0  # when progress was last shown
        self._text = ""
        self._record = None
        self._message = ""
        self._prepared = None  # the record's case on the image's grid
        self._rows = ()
        self._agreement = None
        self._report_path = None
        self._shown_staleness = ""
        self._unwritten = []  # what is still to be written of the last evaluation
        self._finishing = None  # its case
        self._plot = SlicePlot(self.onSliceChosen)
        self.ui.plotFrame.layout().addWidget(self._plot)
        self._export = DicomExport(session, resource_path)
        self.ui.exportFrame.layout().addWidget(self._export.widget)
        self._quality = QualityPart(session, resource_path, self.onPlaceBackground, self.onStudyChosen)
        self.ui.qualityFrame.layout().addWidget(self._quality.widget)
        self._background = self._layers = None  # the regions that the last evaluation placed
        self._drawn = ""  # stamp of the drawn regions that it began with
        self._study_fault = ""
        self._known_records = {}  # what was read of the study's records
        self._setUpTexts()
        self._setUpTable()
        self.ui.evaluateButton.connect("clicked(bool)", self.onEvaluate)
        self.ui.cancelButton.connect("clicked(bool)", self.onCancel)
        self.ui.structuresTable.connect("currentCellChanged(int,int,int,int)", self.onRowChanged)
        self.ui.structuresTable.connect("cellActivated(int,int)", self.onRowActivated)
        self.ui.saveHtmlButton.connect("clicked(bool)", self.onSaveHtml)
        self.ui.saveJsonButton.connect("clicked(bool)", self.onSaveJson)
        self.ui.saveCsvButton.connect("clicked(bool)", self.onSaveCsv)
        self.ui.exportDicomButton.connect("toggled(bool)", self.onExportDicom)
        self.ui.openButton.connect("clicked(bool)", self.onOpen)
        self.ui.qualityButton.connect("toggled(bool)", self._quality.setOpen)
        session.observeEdits(self.onEdit)
        self._fill()

    def _setUpTexts(self):
        font = self.ui.verdictLabel.font
        font.setBold(True)
        font.setPointSizeF(font.pointSizeF() * _LARGE)
        self.ui.verdictLabel.setFont(font)
        line = qt.QFontMetrics(self.ui.reasonsText.font).height()
        self.ui.reasonsText.setMinimumHeight(_REASON_LINES // 2 * line)
        self.ui.reasonsText.setMaximumHeight(_REASON_LINES * line)
        # A row is a quarter taller than its text; one row more for the heading, one for the scroll bar.
        self.ui.structuresTable.setMinimumHeight(round((_FEWEST_ROWS + 1) * 1.25 * line))
        self.ui.structuresTable.setMaximumHeight(round((_MOST_ROWS + 2) * 1.25 * line))

    def _setUpTable(self):
        table = self.ui.structuresTable
        titles = [
            (_("Structure"), _("The segment, worst verdict first.")),
            (_("Verdict"), _("What follows from the protocol.")),
            (_("Dice"), _("Twice the shared volume, divided by the sum of the volumes: 0 to 1.")),
            (
                _("Threshold"),
                _(
                    "The Dice that is accepted on this very image: by default nine in ten single pairs of experts are expected to"
                    " reach it there. A dash: none was predicted, and the protocol's own limit decides. Without a reference"
                    " there is none."
                ),
            ),
            (_("Surface Dice"), _("Share of the surfaces within the protocol's tolerance for the structure: 0 to 1.")),
            (_("HD95"), _("95th percentile of the distances between the surfaces.")),
            (_("Volume"), _("Volume of the candidate.")),
            (_("Difference"), _("How much larger (+) or smaller (−) the candidate is than the reference.")),
            (
                _("Experts' mean"),
                _(
                    "Mean Dice that experts are expected to reach among themselves on this image and, in brackets, the interval of"
                    " that mean. It says how hard the image is; what one outline has to reach is the threshold."
                ),
            ),
        ]
        table.setColumnCount(len(titles))
        for column, (title, tip) in enumerate(titles):
            item = qt.QTableWidgetItem(title)
            item.setToolTip(tip)
            table.setHorizontalHeaderItem(column, item)

    def title(self):
        return _("QC report")

    def standing(self):
        if self._work is not None:
            return Standing(Light.RUNNING, _("running"))
        obstacle = self._obstacle()
        if self._record is None:
            return Standing(Light.WAITING, obstacle) if obstacle else Standing(Light.OPEN, _("not evaluated"))
        verdict = self._word(self._record.verdict)
        if self._staleness():
            return Standing(Light.OPEN, _("outdated ({verdict})").format(verdict=verdict))
        return Standing(Light.DONE if self._record.verdict is Verdict.ACCEPT else Light.ATTENTION, verdict)

    def onCaseChanged(self):
        case = self.session.case
        nodes = () if case is None else (case.volume, case.candidate, case.reference, case.draft)
        protocol = self.session.protocol
        chosen = (*(node and node.GetID() for node in nodes), protocol and protocol.sha256)
        if chosen != self._chosen:
            self._chosen = chosen
            self._stopWork()
            self._prepared = self._report_path = self._background = self._layers = None
            self._message = self._study_fault = ""
        self.showRecord()

    def enter(self):
        # Another module may have changed or removed the record.
        self.showRecord()

    def cleanup(self):
        self._stopWork()
        for work in self._stopping:
            work.abandon()
        self._export.cleanup()
        self.session.unobserveEdits(self.onEdit)
        super().cleanup()

    def onEdit(self, _change):
        self._edited = True
        self.onRecordModified()

    def onRecordModified(self, _caller=None, _event=None):
        """Follow what is noted of the record: an edit outdates it, and so does a rating that is changed."""
        if self._work is None and self._staleness() != self._shown_staleness:
            self._message = ""
            self._showStanding()

    def onEvaluate(self, _checked=False):
        """Evaluate what is chosen, in the background; headers that the scene does not hold yet are read first."""
        if self._work is not None or self._obstacle():
            return
        self._message = ""
        volume = self.session.case.volume
        path = None if volume.GetAttribute(ACQUISITION_ATTRIBUTE) else series_file(volume, getattr(slicer, "dicomDatabase", None))
        if path is None:
            self._evaluate()
        else:
            self._start(partial(_read_headers, path), self.onHeadersRead, self.onHeadersFailed)

    def onHeadersRead(self, series):
        keep_series_acquisition(self.session.case.volume, series)
        self._work = None
        self._evaluate()

    def onHeadersFailed(self, error):
        if not isinstance(error, BadDataError):
            self.onFailed(error)
            return
        logging.warning("SegQC evaluates without DICOM headers: %s", error)
        self._work = None
        self._evaluate()

    def _evaluate(self):
        self._edited = False
        # Measuring what is logged of the segments takes time as well.
        logs = self.session.event_writer is not None
        self._drawn = drawn_stamp(background_of(self.session.case.candidate))
        self._startOnCase(partial(_evaluated, self.session.protocol, logs, self._study()), self.onEvaluated)

    def onEvaluated(self, outcome):
        # One after the other, so that the window answers in between; the record last: it says that there are results.
        prepared, record, measured, background, layers, self._study_fault = outcome
        record = replace(record, software={**record.software, "3D Slicer": slicer.app.applicationVersion})
        self._finishing, self._background, self._layers = prepared, background, layers
        scene, candidate = slicer.mrmlScene, self.session.case.candidate
        self._unwritten = [
            partial(write_findings, scene, record, candidate),
            partial(write_measurements, scene, record, candidate),
            partial(write_image_quality, scene, record, candidate),
            partial(_follow_background, scene, record, background, layers, self.session.case.volume, candidate),
            partial(self._keepRecord, measured, scene, record, candidate),
        ]
        self.onWriteNext(prepared, record)

    def onWriteNext(self, prepared, record):
        if self._unwritten:
            self._unwritten.pop(0)()
        elif self._finishing is not prepared:
            return  # another case was chosen meanwhile
        elif self._prepared is not prepared:
            self._prepared, self._record = prepared, record
            self._message, self._report_path = "", None
            self._text = self._followRecord().GetText()
            self._fill()
        else:
            self._work = self._finishing = None
            self._showStanding()
            return
        qt.QTimer.singleShot(0, partial(self.onWriteNext, prepared, record))

    def _keepRecord(self, measured, scene, record, candidate):
        write_record(scene, record, candidate)
        note_measured(candidate, self._drawn)
        self._edited = self._edited or not is_measured(candidate)
        if self._edited:
            # It is about the voxels of the moment at which it began.
            mark_outdated(candidate)
        elif measured is not None:
            self.session.write_event(EventKind.SEGMENTS_MEASURED, **measured)
        self.session.write_event(
            EventKind.EVALUATED,
            verdict=str(record.verdict),
            protocol=record.protocol.id,
            outdated=self._edited,
            findings=logged_findings(record),
        )

    def onCancel(self, _checked=False):
        if self._work is not None and self._finishing is None:
            self._stopWork()
            self._say(_("Stopped. Nothing was changed."))

    def onFailed(self, error):
        self._work = None
        if not isinstance(error, BadDataError):
            logging.error("SegQC: work in the background failed.", exc_info=error)
        self._say(str(error) if isinstance(error, BadDataError) else _("It failed: {error}").format(error=error))

    def onProgress(self, words, share):
        # In the bar: a label would lay out the whole column anew for each word. And seldom: it paints each of them.
        now = time.monotonic()
        if now - self._told < _TELL_EVERY_S:
            return
        self._told = now
        self.ui.progressBar.setValue(round(100 * share))
        self.ui.progressBar.setFormat(f"%p %  {words}")

    def _startOnCase(self, work, on_done):
        """Start `work(make, progress)`, where `make()` gives the chosen nodes' case in any thread."""
        case = self.session.case
        try:
            make = case_reader(case.volume, case.candidate, [case.reference] if case.reference else [], case.draft)
        except BadDataError as error:
            self.onFailed(error)
        else:
            self._start(partial(work, partial(_read_by, make, self._trainingStanding())), on_done, self.onFailed)

    def _trainingStanding(self):
        # Who practises needs no certificate yet.
        return None if self.session.purpose == "training" else self.session.training_standing

    def _start(self, work, on_done, on_failed):
        self._message = ""
        self.ui.progressBar.setValue(0)
        self.ui.progressBar.setFormat("%p %")
        self._number += 1
        told = [partial(self._ifCurrent, self._number, callback) for callback in (on_done, on_failed, self.onProgress)]
        self._work = Background(work, *told)
        self._showStanding()

    def _ifCurrent(self, number, callback, *arguments):
        if number == self._number:
            callback(*arguments)

    def _stopWork(self):
        """Stop what runs; results that are there already are written to the end, if their segmentation still is."""
        unwritten, self._unwritten, self._finishing = self._unwritten, [], None
        for write in unwritten:
            if write.args[-1].GetScene() is not None and not slicer.mrmlScene.IsClosing():
                write()
        if self._work is not None:
            # It ends at its next word of progress, which may take a while; nobody waits for it.
            self._work.cancel()
            self._stopping = [work for work in (*self._stopping, self._work) if work.running]
            self._work = None
            self._number += 1

    def _obstacle(self):
        """Return why nothing can be evaluated yet, in a few words, or an empty text."""
        case = self.session.case
        if case is None or case.volume is None:
            return _("choose the image")
        if case.candidate is None:
            return _("choose the candidate")
        if case.candidate in (case.reference, case.draft):
            return _("reference or draft is the candidate itself")
        if self.session.protocol is None:
            return _("choose a usable protocol")
        return ""

    def _staleness(self):
        """Return why the record does not stand for what is chosen now, in a sentence, or an empty text."""
        case, record, protocol = self.session.case, self._record, self.session.protocol
        if case is None or case.candidate is None or record is None:
            return ""
        if is_outdated(case.candidate):
            return _("The candidate, a rating or a kept finding was changed after this verdict: evaluate again.")
        if protocol is not None and record.protocol.sha256 != protocol.sha256:
            return _("This verdict is by {title}, version {version}: evaluate again by the chosen protocol.").format(
                title=record.protocol.title, version=record.protocol.version
            )
        if not self._recordNamesChosen("reference", case.reference):
            return _("Another reference was chosen after this verdict: evaluate again.")
        return ""

    def _recordNamesChosen(self, role, node):
        names = [entry.name for entry in self._record.inputs if entry.role == role]
        return names == ([] if node is None else [node.GetName()])

    def showRecord(self):
        """Show the record that the scene holds for the chosen candidate."""
        node = self._followRecord()
        text = node.GetText() if node else ""
        if text != self._text:
            self._text, self._prepared, self._background, self._layers = text, None, None, None
            try:
                self._record = read_record(self.session.case.candidate) if node else None
            except BadDataError as error:
                self._record = None
                self._message = str(error)
            self._fill()
        self._showStanding()

    def _followRecord(self):
        """Return the candidate's record node, which is watched from now on, or None."""
        candidate = None if self.session.case is None else self.session.case.candidate
        node = candidate and candidate.GetNodeReference(RECORD_ROLE)
        if node is None or not self.hasObserver(node, vtk.vtkCommand.ModifiedEvent, self.onRecordModified):
            # All: after removeObservers(method) Slicer's mixin still holds the node until cleanup.
            self.removeObservers()
            if node is not None:
                self.addObserver(node, vtk.vtkCommand.ModifiedEvent, self.onRecordModified)
        return node

    def _showStanding(self):
        """Show what may be done now, and whether the verdict still stands."""
        ui, running, obstacle, stale = self.ui, self._work is not None, self._obstacle(), self._staleness()
        self._shown_staleness = stale
        ui.evaluateButton.enabled = not obstacle
        ui.evaluateButton.setVisible(not running)
        for widget in (ui.progressBar, ui.cancelButton):
            widget.setVisible(running)
        self._quality.setBusy(running)
        self._showVerdict(stale)
        hint = obstacle and _("To evaluate: {obstacle}.").format(obstacle=obstacle)
        ui.messageLabel.setText(self._message or hint)
        ui.messageLabel.setVisible(bool(self._message or hint))
        savable = self._record is not None and not (stale or running or obstacle)
        why = _("Evaluate again first: a saved report must be about what is drawn now.") if stale else ""
        for button in (ui.saveHtmlButton, ui.saveJsonButton, ui.saveCsvButton):
            button.enabled = savable
            if why:
                button.setStatusTip(why)
        ui.openButton.enabled = self._report_path is not None
        self._followExport(savable, stale)
        self.standingChanged()

    def _followExport(self, savable, stale):
        if savable:
            self._export.follow(self._record, "")
        elif stale:
            self._export.follow(None, stale)
        else:
            self._export.follow(None, _("Evaluate first: the files are made of the record."))

    def _showVerdict(self, stale):
        record, label = self._record, self.ui.verdictLabel
        words = _("Not evaluated") if record is None else self._word(record.verdict)
        label.setText(_("{verdict} (outdated)").format(verdict=words) if stale else words)
        side = qt.QFontMetrics(label.font).height()
        icon = qt.QStyle.SP_BrowserReload if stale else record and _ICONS[record.verdict]
        self.ui.verdictIcon.setPixmap(qt.QPixmap() if record is None else self._icon(icon).pixmap(side, side))
        self.ui.outdatedLabel.setText(stale)
        self.ui.outdatedLabel.setVisible(bool(stale))

    def _say(self, text):
        self._message = text
        self._showStanding()

    def _icon(self, pixmap):
        return slicer.app.style().standardIcon(pixmap)

    def _word(self, verdict):
        return {Verdict.ACCEPT: _("Accept"), Verdict.REVIEW: _("Review"), Verdict.REJECT: _("Reject")}[verdict]

    def _fill(self):
        """Show the record's verdict and rows, the case's reasons first."""
        record, table = self._record, self.ui.structuresTable
        self._rows = () if record is None else structure_rows(record)
        for widget in (table, self.ui.reasonsText, self.ui.saveFrame, self.ui.exportFrame):
            widget.setVisible(record is not None)
        self._showQuality()
        table.blockSignals(True)
        table.setUpdatesEnabled(False)
        table.setRowCount(0 if record is None else 1 + len(self._rows))
        if record is not None:
            self._fillRow(0, _("Whole case"), record.verdict, [])
            for number, row in enumerate(self._rows, 1):
                values = [
                    row.dice, row.threshold, row.surface_dice, row.hausdorff_95, row.volume, row.volume_difference,
                    row.expected_agreement,
                ]  # fmt: skip
                self._fillRow(number, row.title, row.verdict, values)
            table.setCurrentCell(0, 0)
            self._hideEmptyColumns()
        # Once for all cells: a header that follows each of them takes a hundred times as long.
        table.resizeColumnsToContents()
        table.resizeRowsToContents()
        table.setUpdatesEnabled(True)
        table.blockSignals(False)
        self._showRow(0)

    def _showQuality(self):
        self._quality.follow(self._record, self._background, self._layers, self._study_fault)
        count = self._quality.count()
        for widget in (self.ui.qualityButton, self.ui.qualityFrame):
            widget.setVisible(count > 0)
        self.ui.qualityButton.setText(_("Image quality ({count} numbers)").format(count=count))
        self._quality.setOpen(self.ui.qualityButton.checked)

    def _study(self):
        """Return the folder to compare with, whether it has to be there, and what is known of it."""
        return self._quality.study_folder, not self._quality.is_own_study, self._known_records

    def onStudyChosen(self):
        """Compare the numbers that are shown with the cases of another folder; nothing is measured again."""
        if self._record is None or self._work is not None or self._obstacle() or self._staleness():
            return
        self._edited = False
        self._start(partial(_compared, self._record, self._study()), self.onCompared, self.onFailed)

    def onCompared(self, outcome):
        self._work = None
        self._record, self._study_fault = outcome
        scene, candidate = slicer.mrmlScene, self.session.case.candidate
        write_image_quality(scene, self._record, candidate)
        self._text = write_record(scene, self._record, candidate).GetText()
        if self._edited:
            mark_outdated(candidate)
        self._showQuality()
        self._showStanding()

    def onPlaceBackground(self):
        if self._work is None and not self._obstacle():
            self._startOnCase(partial(_placed, self.session.protocol), self.onBackgroundPlaced)

    def onBackgroundPlaced(self, outcome):
        self._work = None
        self._quality.place(*outcome)
        self._showStanding()

    def _fillRow(self, number, title, verdict, values):
        table = self.ui.structuresTable
        for column, text in enumerate([title, self._word(verdict), *values]):
            item = qt.QTableWidgetItem(text)
            if column == 1:
                item.setIcon(self._icon(_ICONS[verdict]))
            elif column > 1:
                item.setTextAlignment(qt.Qt.AlignRight | qt.Qt.AlignVCenter)
            table.setItem(number, column, item)

    def _hideEmptyColumns(self):
        """Hide the measures that no structure has: without a reference they would push what there is out of sight."""
        table = self.ui.structuresTable
        rows, columns = range(1, table.rowCount), range(_DICE, table.columnCount)
        empty = {column for column in columns if all(table.item(row, column).text() == UNDEFINED for row in rows)}
        if empty.isdisjoint((_DICE, _EXPERTS_MEAN)):
            # There a dash says that a model was asked, and that the protocol's own limit decides.
            empty.discard(_THRESHOLD)
        for column in columns:
            table.setColumnHidden(column, column in empty)

    def onRowChanged(self, row, _column, _before_row, _before_column):
        self._showRow(row)

    def onRowActivated(self, row, _column):
        """Take the slice views to the slice that the report shows of the row's structure."""
        segment = self._rows[row - 1].segment if row > 0 else None
        places = [view.location_lps_mm for view in self._record.slices_to_view if segment in (None, view.segment)]
        if places:
            jump_slices(slicer.mrmlScene, places[0])

    def _showRow(self, number):
        """Show reasons and measures of a row of the table, and its plot."""
        record = self._record
        if record is None:
            lines = []
        elif number < 1:
            by = _("By {title}, version {version}, {created}.").format(
                title=record.protocol.title, version=record.protocol.version, created=record.created.replace("T", " ")
            )
            lines = [*record.reasons, by]
        else:
            lines = [*self._rows[number - 1].reasons, *self._rows[number - 1].details]
        self.ui.reasonsText.setPlainText("\n".join(lines))
        self._showPlot(self._rows[number - 1] if record is not None and number > 0 else None)

    def _showPlot(self, row):
        self._agreement = None
        words = self._plotObstacle(row)
        if row is not None and not words:
            self._agreement = slice_agreement(self._prepared.case, row.segment, row.slices_role)
            if self._agreement.slices:
                role = _("draft") if row.slices_role == DRAFT_ROLE else row.slices_role
                words = _("{segment}: Dice per slice, compared with the {role}").format(segment=row.segment, role=role)
            else:
                words = _("{segment} has no voxels on any slice.").format(segment=row.segment)
                self._agreement = None
        self.ui.plotLabel.setText(words)
        self.ui.plotLabel.setVisible(bool(words))
        self.ui.plotFrame.setVisible(self._agreement is not None)
        if self._agreement is not None:
            self._plot.show_slices(self._agreement.slices, self._agreement.dice)

    def _plotObstacle(self, row):
        """Return why there is no plot of a row; where the case only has to be read again, start that."""
        if row is None:
            return ""
        if row.slices_role is None:
            return _("There is no reference and no draft to compare slices with.")
        if self._prepared is None:
            if self._obstacle() or self._staleness() or not self._recordNamesChosen(DRAFT_ROLE, self.session.case.draft):
                return _("Evaluate again to see the Dice of each slice.")
            if self._work is None:
                self._startOnCase(partial(_prepared, self.session.protocol), self.onCaseRead)
            return _("Reading the case ...")
        return ""

    def onCaseRead(self, prepared):
        self._work = None
        self._prepared = prepared
        self._message = ""
        self._showStanding()
        self._showRow(self.ui.structuresTable.currentRow())

    def onSliceChosen(self, number):
        jump_slices(slicer.mrmlScene, self._agreement.locations_lps_mm[number])

    def onSaveHtml(self, _checked=False):
        try:
            if not ensure_package("jinja2", "jinja2>=3.1"):
                self._say(_("The HTML page needs the Python package jinja2, which is not installed. JSON and CSV need nothing."))
                return
        except CalledProcessError as error:
            self._say(_("jinja2 could not be installed: {error}").format(error=error))
            return
        path = self._ask(_("Save the report"), _("Web page (*.html)"), ".html")
        if path is not None:
            self.saveHtml(path)

    def onSaveJson(self, _checked=False):
        path = self._ask(_("Save the record"), _("JSON (*.json)"), ".json")
        if path is not None:
            self.saveText(path, self._record.to_json())

    def onSaveCsv(self, _checked=False):
        path = self._ask(_("Save the measurements"), _("CSV (*.csv)"), ".csv")
        if path is not None:
            self.saveText(path, render_csv(self._record))

    def onExportDicom(self, checked):
        """Open or close the export; what writes DICOM objects is asked for first where Slicer does not have it."""
        words = self._missingForDicom() if checked else ""
        if words:
            self.ui.exportDicomButton.setChecked(False)
            self._say(words)
        self._export.setOpen(checked and not words)

    def _missingForDicom(self):
        """Return why DICOM objects cannot be written in this Slicer, in a sentence, or an empty text."""
        consequence = _("With it comes pydicom 3, in the place of the pydicom 2.4 of Slicer 5.10: start Slicer again afterwards.")
        try:
            if not ensure_package("highdicom", "highdicom>=0.27", consequence):
                return _("DICOM files need the Python package highdicom, which is not installed. Slicer 5.12 and later bring it.")
        except CalledProcessError as error:
            return _("highdicom could not be installed: {error}").format(error=error)
        import pydicom

        # highdicom brings pydicom 3, and Slicer 5.10 has loaded its own before.
        if int(pydicom.__version__.partition(".")[0]) < 3:
            return _("highdicom needs pydicom 3, and this Slicer has loaded pydicom {version}: start Slicer again.").format(
                version=pydicom.__version__
            )
        return ""

    def _ask(self, title, kinds, ending):
        """Return where to save, or None if the reader changed their mind."""
        name = file_name(self.session.case_name or self.session.case.candidate.GetName())
        folder = self.session.records_folder
        start = (folder if folder.is_dir() else Path.home()) / f"{name} report{ending}"
        chosen = qt.QFileDialog.getSaveFileName(self.widget, title, str(start), kinds)
        if not chosen:
            return None
        return Path(chosen) if Path(chosen).suffix else Path(chosen + ending)

    def saveHtml(self, path):
        """Save the report with its slice pictures as a web page, in the background."""
        if self._prepared is not None:
            self._start(
                partial(_save_page, self._record, self.session.protocol, self._prepared, path), self.onPageSaved, self.onFailed
            )
        else:
            self._startOnCase(partial(_read_and_save_page, self._record, self.session.protocol, path), self.onPageSaved)

    def onPageSaved(self, path):
        self._work = None
        self._report_path = path
        self._message = _("Saved: {path}").format(path=path)
        self._showStanding()

    def saveText(self, path, text):
        """Save a text; what went wrong is said in the panel."""
        try:
            write_files(path.parent, {path.name: text})
        except BadDataError as error:
            self._say(str(error))
        else:
            self._say(_("Saved: {path}").format(path=path))

    def onOpen(self, _checked=False):
        qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(self._report_path)))


def _read_headers(path, progress):
    progress("Reading the DICOM headers", 0.0)
    return read_series_headers(path)


def _prepared(protocol, make, progress):
    progress("Reading the segmentations", 0.0)
    return prepare(make(), protocol.protocol, part(progress, 0.5, 1.0))


def _read_by(make, standing):
    """Return a case with where its reader stands with the training that the protocol asks for."""
    return replace(make(), reader_training=standing)


def _evaluated(protocol, logs, study, make, progress):
    norms, fault = _norms(study, part(progress, 0.0, 0.05))
    case = replace(make(), quality_norms=norms)
    prepared = _prepared(protocol, lambda: case, part(progress, 0.05, 0.15))
    evaluated = evaluate_with_background(prepared, protocol, part(progress, 0.15, 1.0))
    measured = measured_segments(prepared.case, evaluated.record) if logs else None
    return prepared, evaluated.record, measured, *_shown(evaluated.background, case), fault


def _placed(protocol, make, progress):
    case = make()
    prepared = _prepared(protocol, lambda: case, part(progress, 0.0, 0.3))
    placed = place_background(prepared.case, protocol.protocol, part(progress, 0.3, 1.0)) if prepared.measurable else None
    return _shown(placed, case)


def _shown(background, case):
    """Return background regions with their layers for the scene; they cannot be shown on slices that were resampled."""
    if background is None or background.geometry != case.image.geometry:
        return None, None
    # Found here, not in the window's thread.
    for segment in background.segments:
        background.box(segment)
    return background, crop_layers(background)


def _follow_background(scene, record, background, layers, volume, candidate):
    """Put the regions of an evaluation in the place of those that are shown."""
    node = background_of(candidate)
    if node is not None:
        show_background(scene, background, candidate, volume, node.GetName(), measured_against(record), layers)


def _norms(study, progress):
    """Return the numbers of the study's cases, and why there are none, a sentence."""
    folder, has_to_be_there, known = study
    if not has_to_be_there and not folder.is_dir():
        return quality_norms([]), ""
    try:
        return read_study_folder(folder, known, progress).norms, ""
    except BadDataError as error:
        return None, str(error)


def _compared(record, study, progress):
    norms, fault = _norms(study, progress)
    if norms is None:
        numbers = tuple(replace(m, in_study=None, not_in_study=None) for m in record.image_quality)
        return replace(record, image_quality=numbers), fault
    return place_in_study(record, norms), fault


def _save_page(record, protocol, prepared, path, progress):
    require_writable(path.parent)
    page = html_report(record, prepared.case, protocol.protocol, progress)
    progress("Writing the page", 1.0)
    write_files(path.parent, {path.name: page})
    return path


def _read_and_save_page(record, protocol, path, make, progress):
    prepared = _prepared(protocol, make, part(progress, 0.0, 0.5))
    return _save_page(record, protocol, prepared, path, part(progress, 0.5, 1.0))
