"""The record's image-quality numbers in a table: beside the ratings, and in the QC report."""

from __future__ import annotations

import qt
import slicer
from slicer.i18n import tr as _

from SegQCLib.mrml.slice_views import jump_slices
from SegQCLib.panels.table_columns import set_columns
from SegQCLib.quality_lines import quality_lines

_FEWEST_ROWS, _MOST_ROWS, _LINES = 4, 8, 2.15
_VALUE, _Z, _LIMIT = 2, 3, 4


class QualityTable:
    """Fills a QTableWidget with the numbers that have a value; a double click takes the slice views to the row's segment.

    Parameters
    ----------
    session : Session
    table : QTableWidget

    Attributes
    ----------
    lines : tuple of QualityLine
        What is shown, one for each row.
    """

    def __init__(self, session, table):
        self.session = session
        self.lines = ()
        self._table = table
        self._record = None
        titles = [
            (_("Structure"), _("The segment in or around which it was measured.")),
            (_("Number"), _("Which number, by which method.")),
            (_("Value"), _("The value with its unit.")),
            (
                _("z"),
                _(
                    "Robust z-score among the study's cases of this scanner and protocol, once there are 20, this one counted. It"
                    " says that an image differs, not that it is bad."
                ),
            ),
            (_("Limit"), _("The study's limit. No published limit holds for all studies.")),
            (_("Where"), _("The region with its voxels, and the normal tissue that it was measured against.")),
        ]
        set_columns(table, titles)
        line = qt.QFontMetrics(table.font).height()
        # Every name has two lines: heights that are known need not be asked of each cell.
        height = round(_LINES * line)
        table.verticalHeader().setDefaultSectionSize(height)
        table.setMinimumHeight(_FEWEST_ROWS * height)
        table.setMaximumHeight(_MOST_ROWS * height)
        table.connect("cellActivated(int,int)", self.onRowActivated)

    def show(self, record):
        """Show a record's numbers; None: nothing."""
        table, protocol = self._table, self.session.protocol
        own = protocol is not None and record is not None and protocol.sha256 == record.protocol.sha256
        self._record = record
        self.lines = () if record is None else quality_lines(record, protocol.protocol if own else None)
        table.setUpdatesEnabled(False)
        table.setRowCount(len(self.lines))
        for row, line in enumerate(self.lines):
            limit = line.limit if line.kept is not False else _("{limit}: not kept").format(limit=line.limit)
            for column, text in enumerate([line.segment, line.name, line.value, line.z, limit, line.where]):
                item = qt.QTableWidgetItem(text)
                item.setToolTip(line.tip)
                if column in (_VALUE, _Z):
                    item.setTextAlignment(qt.Qt.AlignRight | qt.Qt.AlignVCenter)
                if column == _LIMIT and line.kept is not None:
                    icon = qt.QStyle.SP_DialogApplyButton if line.kept else qt.QStyle.SP_MessageBoxCritical
                    item.setIcon(slicer.app.style().standardIcon(icon))
                table.setItem(row, column, item)
        for column in (_LIMIT, _Z):
            table.setColumnHidden(column, all(table.item(row, column).text() == "–" for row in range(len(self.lines))))
        table.resizeColumnsToContents()
        table.setUpdatesEnabled(True)

    def onRowActivated(self, row, _column):
        """Take the slice views to the slice that the report shows of the row's segment."""
        places = [view.location_lps_mm for view in self._record.slices_to_view if view.segment == self.lines[row].segment]
        if places:
            jump_slices(slicer.mrmlScene, places[0])
