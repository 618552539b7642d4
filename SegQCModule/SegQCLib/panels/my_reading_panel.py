"""The reader's own reading: what it cost, where it goes, and the logs that tell it. Nobody else's is opened or shown."""

from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from SegQCLib.mrml.my_reading_nodes import own_nodes, own_reader
from SegQCLib.mrml.my_reading_plots import hide_plot, plot_is_shown, remove_reading, show_plot, write_reading_plots
from SegQCLib.mrml.my_reading_tables import write_reading_tables
from SegQCLib.my_reading.alert_html import alerts_html
from SegQCLib.my_reading.own_check import check_own_logs, check_words
from SegQCLib.my_reading.own_reading import OwnReading, own_reading, summary_words
from SegQCLib.my_reading.plot_points import MEASURES, reading_plots
from SegQCLib.my_reading.read_rows import ReadRow
from SegQCLib.my_reading.row_texts import COURSE_TITLES, READ_TITLES, course_texts, read_texts
from SegQCLib.my_reading.structure_course import StructureCourse
from SegQCLib.panels.logged_words import logged_words
from SegQCLib.panels.panel import Light, Panel, Standing
from SegQCLib.panels.panel_work import PanelWork
from SegQCLib.readers.reader_logs import delete_reader_logs, export_reader_logs

_MOST_ROWS = 200
_LINES = 7.5
# Letters that are shown at first.
_LONG_NAMES = {"case": 16, "draft": 14, "structure": 14}
_NUMBERS = {"reads", "active_min", "minutes_per_ml", "changed_part", "dice_with_draft", "slices_seen", "trend"}


class MyReadingPanel(Panel):
    """Read the current reader's logs in the background when asked to; forget them as soon as there is another reader."""

    UI = "MyReadingPanel.ui"

    def __init__(self, session, resource_path):
        super().__init__(session, resource_path)
        self._work = PanelWork(self.ui.progressBar, self._setMessage, self.show)
        self._stop_words = ""  # what is said if the reader stops it
        self._message = ""
        self._known = {}  # what was read of each log
        self._own: OwnReading | None = None
        self._of = None  # reader and folder that all this is about
        ui = self.ui
        self._setUp(ui.structuresTable, StructureCourse, COURSE_TITLES)
        self._setUp(ui.readsTable, ReadRow, READ_TITLES)
        line = qt.QFontMetrics(ui.tabs.font).height()
        ui.tabs.setMinimumHeight(round(_LINES * line))
        for measure, words in MEASURES.items():
            ui.measureSelector.addItem(words, measure)
        ui.readButton.connect("clicked(bool)", self.onRead)
        ui.cancelButton.connect("clicked(bool)", self.onCancel)
        ui.structureSelector.connect("currentIndexChanged(int)", self.onPlotChosen)
        ui.measureSelector.connect("currentIndexChanged(int)", self.onPlotChosen)
        ui.plotButton.connect("clicked(bool)", self.onPlot)
        ui.tablesButton.connect("clicked(bool)", self.onTables)
        ui.removeButton.connect("clicked(bool)", self.onRemove)
        ui.logCheckBox.connect("toggled(bool)", self.onLogToggled)
        ui.folderButton.connect("clicked(bool)", self.onOpenFolder)
        ui.verifyButton.connect("clicked(bool)", self.onVerify)
        ui.exportButton.connect("clicked(bool)", self.onExport)
        ui.deleteButton.connect("clicked(bool)", self.onDelete)
        self.show()

    def _setUp(self, table, row_class, titles):
        docs = {field.name: field.metadata["doc"] for field in dataclasses.fields(row_class)}
        table.setColumnCount(len(titles))
        for column, (name, title) in enumerate(titles.items()):
            item = qt.QTableWidgetItem(title)
            item.setToolTip(docs[name])
            table.setHorizontalHeaderItem(column, item)
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(qt.QHeaderView.ResizeToContents)
        table.setTextElideMode(qt.Qt.ElideMiddle)
        for column, name in enumerate(titles):
            if name in _LONG_NAMES:
                # In full they would push the numbers out of sight.
                header.setSectionResizeMode(column, qt.QHeaderView.Interactive)
                header.resizeSection(column, _LONG_NAMES[name] * qt.QFontMetrics(table.font).averageCharWidth())
        table.verticalHeader().setDefaultSectionSize(round(1.4 * qt.QFontMetrics(table.font).height()))

    def title(self):
        return _("My reading")

    def standing(self):
        # Never a sign of what was found: others see the screen too.
        if self._work.busy:
            return Standing(Light.RUNNING, _("running"))
        if not self.session.reader:
            return Standing(Light.OPTIONAL, _("enter your name in the first step"))
        if self._own is None:
            return Standing(Light.OPTIONAL, _("not read yet"))
        return Standing(Light.OPTIONAL, _("{count} reads").format(count=len(self._own.reads)))

    def onCaseChanged(self):
        of = (self.session.reader, str(self.session.logs_folder))
        if of != self._of:
            self._of = of
            self._forget()
            if own_reader(slicer.mrmlScene) not in (None, self.session.reader):
                remove_reading(slicer.mrmlScene)
        self.ui.logCheckBox.setChecked(self.session.log_editing)
        self.show()

    def enter(self):
        self.show()

    def cleanup(self):
        self._work.cleanup()
        if not slicer.mrmlScene.IsClosing():
            hide_plot(slicer.mrmlScene)
        super().cleanup()

    def onRead(self, _checked=False):
        """Read the reader's own logs; those that did not change since the last time are not read again."""
        if self._ready():
            work = partial(own_reading, self.session.logs_folder, self.session.reader, self._known)
            self._start(work, self.onOwnRead, _("Stopped. What was read so far is not read again."))

    def onOwnRead(self, own):
        self._own = own
        _fill(self.ui.structuresTable, COURSE_TITLES, [(course_texts(course), course.trend.reason) for course in own.courses])
        _fill(self.ui.readsTable, READ_TITLES, [(read_texts(row), None) for row in own.rows[:_MOST_ROWS]])
        more = len(own.rows) > _MOST_ROWS
        self.ui.rowsLabel.setText(
            _("The newest {shown} of {count} rows; the tables in the scene have all.").format(shown=_MOST_ROWS, count=len(own.rows))
            if more
            else ""
        )
        self.ui.rowsLabel.setVisible(more)
        self.ui.draftsBrowser.setHtml(alerts_html(own.alerts))
        selector = self.ui.structureSelector
        chosen = selector.currentText
        selector.blockSignals(True)
        selector.clear()
        for structure in own.structures:
            selector.addItem(structure)
        selector.setCurrentIndex(max(selector.findText(chosen), 0))
        selector.blockSignals(False)

    def onPlot(self, _checked=False):
        """Show the plot that is chosen, or take it from the view if it is there."""
        scene = slicer.mrmlScene
        self._message = ""
        if plot_is_shown(scene):
            hide_plot(scene)
        else:
            self._plot()
        self.show()

    def onPlotChosen(self, _index=0):
        if self._own is not None and plot_is_shown(slicer.mrmlScene):
            self._message = ""
            self._plot()
            self.show()

    def _plot(self):
        own, structure, measure = self._own, self.ui.structureSelector.currentText, self.ui.measureSelector.currentData
        plots = reading_plots(own.rows, structure)
        charts = write_reading_plots(slicer.mrmlScene, plots, own.reader, own.simulated)
        if measure in charts:
            show_plot(slicer.mrmlScene, charts[measure])
        else:
            hide_plot(slicer.mrmlScene)
            self._message = _("There is nothing to plot: no finished clinical read of {structure} has this measure.").format(
                structure=structure
            )

    def onTables(self, _checked=False):
        tables = write_reading_tables(slicer.mrmlScene, self._own)
        self._message = _("In the scene, until you remove them: {names}. The Tables module shows them.").format(
            names="; ".join(table.GetName() for table in tables)
        )
        self.show()

    def onRemove(self, _checked=False):
        remove_reading(slicer.mrmlScene)
        self._message = _("Your tables and plots are no longer in the scene.")
        self.show()

    def onLogToggled(self, checked):
        self.session.log_editing = checked
        self.show()

    def onOpenFolder(self, _checked=False):
        folder = self.session.logs_folder
        while not folder.is_dir():
            folder = folder.parent
        qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(folder)))

    def onVerify(self, _checked=False):
        if self._ready():
            work = partial(check_own_logs, self.session.logs_folder, self.session.reader)
            self._start(work, self.onVerified, _("Stopped. Your logs were not checked to the end."))

    def onVerified(self, check):
        self._message = check_words(check)

    def onExport(self, _checked=False):
        """Copy the reader's logs to a folder that the reader chooses."""
        if not self._ready():
            return
        out = qt.QFileDialog.getExistingDirectory(self.widget, _("Folder for a copy of your session logs"), str(Path.home()))
        if out:
            folder, reader = self.session.logs_folder, self.session.reader
            work = partial(export_reader_logs, folder, reader, Path(out))
            self._start(work, partial(self.onExported, out), _("Stopped. Logs that were copied already are in the folder."))

    def onExported(self, out, copies):
        self._message = _(
            "{count} logs were copied to {folder}. session-logs.json there says what they are. They hold your name and the cases'."
        ).format(count=len(copies), folder=out)

    def onDelete(self, _checked=False):
        """Delete the reader's logs, after a question that says what stays."""
        if not self._ready():
            return
        folder, reader = self.session.logs_folder, self.session.reader
        question = _(
            "Delete all session logs of {reader} in {folder}? They cannot be brought back.\n\n"
            "Logging is switched off first. In place of each log a small file stays: it says that a session of that day was"
            " deleted, and how long its log was, without your name, the case or anything you did. Other logs can be checked only"
            " with it.\n\n"
            "What else stays: segmentations and QC records that you saved, copies of logs that you made, and a database that"
            " logs were loaded into (segqc records delete removes them there)."
        ).format(reader=reader, folder=folder)
        buttons = qt.QMessageBox.Yes | qt.QMessageBox.Cancel
        title = _("Delete my logs")
        if qt.QMessageBox.question(self.widget, title, question, buttons, qt.QMessageBox.Cancel) != qt.QMessageBox.Yes:
            return
        # A log that is being written would be removed under its writer.
        self.session.log_editing = False
        self._forget()
        remove_reading(slicer.mrmlScene)
        stopped = _("Stopped. Some of your logs may be deleted already: delete again to go on.")
        self._start(partial(delete_reader_logs, folder, reader), self.onDeleted, stopped)

    def onDeleted(self, deleted):
        self._message = _("{count} logs were deleted, and logging is off.").format(count=len(deleted.sessions))
        if deleted.unreadable:
            names = ", ".join(path.name for path in deleted.unreadable[:3])
            self._message += " " + _(
                "{count} logs stay, because their first line is damaged and nobody can tell whose they are: {names}"
            ).format(count=len(deleted.unreadable), names=names)

    def onCancel(self, _checked=False):
        self._work.stop()
        self._message = self._stop_words
        self.show()

    def _ready(self):
        return not self._work.busy and bool(self.session.reader)

    def _setMessage(self, words):
        self._message = words

    def _start(self, work, on_done, stop_words):
        self._stop_words = stop_words
        self._work.start(work, on_done)

    def _forget(self):
        self._work.stop()
        self._known, self._own, self._message = {}, None, ""
        for table in (self.ui.structuresTable, self.ui.readsTable):
            table.setRowCount(0)
        self.ui.draftsBrowser.clear()
        self.ui.structureSelector.clear()

    def show(self):
        """Show what there is, and what may be done now."""
        ui, own, scene, busy = self.ui, self._own, slicer.mrmlScene, self._work.busy
        reader = self.session.reader
        if not reader:
            ui.summaryLabel.setText(_("Enter your name in the first step: only your own reading is shown here."))
        elif own is None:
            ui.summaryLabel.setText(
                _("Time, changes and trends of {reader}, from {reader}'s own session logs. No other reader's are opened.").format(
                    reader=reader
                )
            )
        else:
            ui.summaryLabel.setText(summary_words(own))
        ui.readButton.setEnabled(bool(reader) and not busy)
        for widget in (ui.progressBar, ui.cancelButton):
            widget.setVisible(busy)
        ui.resultsFrame.setVisible(own is not None and bool(own.reads))
        has_nodes = bool(own_nodes(scene))
        ui.plotButton.setChecked(has_nodes and plot_is_shown(scene))
        ui.removeButton.setEnabled(has_nodes)
        ui.messageLabel.setText(self._message)
        ui.messageLabel.setVisible(bool(self._message))
        ui.logLabel.setText(self._logWords())
        ui.folderButton.setToolTip(str(self.session.logs_folder))
        ready = self._ready()
        for button in (ui.verifyButton, ui.exportButton, ui.deleteButton):
            button.setEnabled(ready)
        self.standingChanged()

    def _logWords(self):
        words = (
            _("Noted are {logged}. It is written to {folder} and nowhere else: SegQC sends nothing from this computer.")
            if self.session.log_editing
            else _("Off. Switched on, it notes {logged}. It would be written to {folder} and nowhere else.")
        )
        shared = _("Whoever may open that folder can read the logs.")
        return f"{words.format(logged=logged_words(), folder=self.session.logs_folder)} {shared}"


def _fill(table, titles, rows):
    """Show rows of texts by column, each with the reason why its trend is undefined, or None."""
    table.setUpdatesEnabled(False)
    table.setRowCount(0)
    table.setRowCount(len(rows))
    for row, (texts, reason) in enumerate(rows):
        for column, name in enumerate(titles):
            item = qt.QTableWidgetItem(texts[name] or "–")
            if name in _NUMBERS:
                item.setTextAlignment(qt.Qt.AlignRight | qt.Qt.AlignVCenter)
            item.setToolTip((reason if texts[name] is None and name == "trend" else texts[name]) or "")
            table.setItem(row, column, item)
    table.setUpdatesEnabled(True)
