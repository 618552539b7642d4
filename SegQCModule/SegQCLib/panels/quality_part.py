"""The part of the QC report that shows the image's quality, and where it was measured against normal tissue."""

from __future__ import annotations

import qt
import slicer
from slicer.i18n import tr as _

from SegQCLib.mrml.background_nodes import background_of, remove_background, show_background
from SegQCLib.mrml.slice_views import jump_slices
from SegQCLib.quality_lines import quality_lines, refused_text

_FEWEST_ROWS, _MOST_ROWS = 4, 10
_VALUE, _LIMIT, _Z = 2, 3, 4


class QualityPart:
    """A table of the record's image-quality numbers with limits and z-scores, and the background regions as a segmentation.

    Attributes
    ----------
    widget : QWidget
        Hidden until `setOpen(True)`.
    """

    def __init__(self, session, resource_path):
        self.session = session
        self.widget = slicer.util.loadUI(resource_path("UI/QualityPart.ui"))
        self.ui = slicer.util.childWidgetVariables(self.widget)
        self._record = None
        self._background = None
        self._lines = ()
        self._setUpTable()
        self.ui.backgroundButton.connect("toggled(bool)", self.onShowBackground)
        self.ui.qualityTable.connect("cellActivated(int,int)", self.onRowActivated)
        self.widget.setVisible(False)

    def _setUpTable(self):
        table = self.ui.qualityTable
        titles = [
            (_("Structure"), _("The segment in or around which it was measured.")),
            (_("Number"), _("Which number, by which method.")),
            (_("Value"), _("The value with its unit.")),
            (_("Limit"), _("The study's limit. No published limit holds for all studies.")),
            (
                _("z"),
                _(
                    "Robust z-score among the study's cases of this scanner and protocol, once there are 20 others. It says that"
                    " an image differs, not that it is bad."
                ),
            ),
            (_("Where"), _("The region with its voxels, and the normal tissue that it was measured against.")),
        ]
        table.setColumnCount(len(titles))
        for column, (title, tip) in enumerate(titles):
            item = qt.QTableWidgetItem(title)
            item.setToolTip(tip)
            table.setHorizontalHeaderItem(column, item)
        line = qt.QFontMetrics(table.font).height()
        table.setMinimumHeight(round((_FEWEST_ROWS + 1) * 1.25 * line))
        table.setMaximumHeight(round((_MOST_ROWS + 2) * 1.25 * line))

    def setOpen(self, is_open):
        self.widget.setVisible(is_open and bool(self.count()))

    def count(self):
        """Return how many numbers there are, with or without a value."""
        return 0 if self._record is None else len(self._record.image_quality)

    def follow(self, record, background):
        """Show a record, and the background regions of its evaluation (None: there are none, or it was not made just now)."""
        self._background = background
        if record is not self._record:
            self._record = record
            self._fill()
        self._showBackgroundState()

    def _fill(self):
        table, record, protocol = self.ui.qualityTable, self._record, self.session.protocol
        own = protocol is not None and record is not None and protocol.sha256 == record.protocol.sha256
        self._lines = () if record is None else quality_lines(record, protocol.protocol if own else None)
        table.setUpdatesEnabled(False)
        table.setRowCount(len(self._lines))
        for row, line in enumerate(self._lines):
            limit = line.limit if line.kept is not False else _("{limit}: not kept").format(limit=line.limit)
            for column, text in enumerate([line.segment, line.name, line.value, limit, line.z, line.where]):
                item = qt.QTableWidgetItem(text)
                item.setToolTip(line.tip)
                if column in (_VALUE, _Z):
                    item.setTextAlignment(qt.Qt.AlignRight | qt.Qt.AlignVCenter)
                if column == _LIMIT and line.kept is not None:
                    icon = qt.QStyle.SP_DialogApplyButton if line.kept else qt.QStyle.SP_MessageBoxCritical
                    item.setIcon(slicer.app.style().standardIcon(icon))
                table.setItem(row, column, item)
        for column in (_LIMIT, _Z):
            table.setColumnHidden(column, all(table.item(row, column).text() == "–" for row in range(len(self._lines))))
        table.resizeColumnsToContents()
        table.resizeRowsToContents()
        table.setUpdatesEnabled(True)
        refused = "" if record is None else refused_text(record)
        missing = self.count() - len(self._lines)
        self.ui.refusedLabel.setText(_("{count} numbers do not apply here: rest the mouse on this line.").format(count=missing))
        self.ui.refusedLabel.setToolTip(refused)
        self.ui.refusedLabel.setVisible(bool(refused))

    def _showBackgroundState(self):
        shown = background_of(self._candidate())
        button = self.ui.backgroundButton
        blocked = button.blockSignals(True)
        button.setChecked(shown is not None)
        button.blockSignals(blocked)
        button.enabled = shown is not None or self._background is not None
        measured = self._record is not None and any(m.background is not None for m in self._record.image_quality)
        if button.enabled or not measured:
            words = _("To measure against tissue that you choose, draw a segment in the candidate and name it after the lesion"
                      " with the word background, as “Lesion 1 background”; then evaluate again.")  # fmt: skip
        else:
            words = _("Evaluate again to see the background regions: the record keeps their numbers only.")
        self.ui.backgroundLabel.setText(words)
        for widget in (button, self.ui.backgroundLabel):
            widget.setVisible(measured)

    def _candidate(self):
        return None if self.session.case is None else self.session.case.candidate

    def onShowBackground(self, checked):
        """Put the background regions into a segmentation of their own, or take them away."""
        scene, candidate = slicer.mrmlScene, self._candidate()
        if checked and candidate is not None and self._background is not None:
            show_background(scene, self._background, candidate, self.session.case.volume, _("Background regions"))
        elif candidate is not None:
            remove_background(scene, candidate)
        self._showBackgroundState()

    def onRowActivated(self, row, _column):
        """Take the slice views to the slice that the report shows of the row's segment."""
        places = [view.location_lps_mm for view in self._record.slices_to_view if view.segment == self._lines[row].segment]
        if places:
            jump_slices(slicer.mrmlScene, places[0])
