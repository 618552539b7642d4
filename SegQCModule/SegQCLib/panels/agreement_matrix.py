"""The table of readers against readers."""

from __future__ import annotations

import qt
import slicer
from slicer.i18n import tr as _

from SegQCLib.agreement.outlier_readers import outliers_by_structure
from SegQCLib.agreement.pair_matrix import PAIR_MEASURES, UNDEFINED, pair_matrix, worst_first
from SegQCLib.number_texts import grouped

_MOST_ROWS = 6
# More columns of numbers than these can be wider than the panel.
_MOST_COLUMNS = 4


class AgreementMatrix:
    """Show one measure of one structure, or its median over all; definition, grid and empty cases are said on hover.

    Parameters
    ----------
    table : QTableWidget
    structure_selector, measure_selector : QComboBox
    on_structure : callable
        Called after another structure was chosen, or another agreement is shown.
    """

    def __init__(self, table, structure_selector, measure_selector, on_structure):
        self._on_structure = on_structure
        self._table, self._structures, self._measures = table, structure_selector, measure_selector
        self._agreement = None
        self._names = ()
        for measure in PAIR_MEASURES:
            measure_selector.addItem(measure.title)
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(qt.QHeaderView.Stretch)
        header.setSectionsClickable(False)
        # Of a long name the beginning tells more than the middle.
        header.setDefaultAlignment(qt.Qt.AlignLeft | qt.Qt.AlignVCenter)
        table.verticalHeader().setSectionsClickable(False)
        self._line = qt.QFontMetrics(table.font).height()
        table.verticalHeader().setDefaultSectionSize(round(1.4 * self._line))
        table.verticalHeader().setMaximumWidth(8 * self._line)
        structure_selector.connect("currentIndexChanged(int)", self.onStructureChosen)
        measure_selector.connect("currentIndexChanged(int)", self.onChosen)

    @property
    def structure(self):
        """The chosen structure's name, or None for all."""
        index = self._structures.currentIndex
        return self._names[index - 1] if 0 < index <= len(self._names) else None

    def show(self, agreement):
        """Show an agreement, or none (None)."""
        self._agreement = agreement
        blocked = self._structures.blockSignals(True)
        self._structures.clear()
        self._names = ()
        if agreement is not None:
            self._names = worst_first(agreement)
            if len(self._names) == 1:
                self._structures.addItem(_("All structures"))
            else:
                self._structures.addItem(_("All {count} structures: median").format(count=len(self._names)))
            for name in self._names:
                self._structures.addItem(name)
        self._structures.blockSignals(blocked)
        self.onStructureChosen()

    def onStructureChosen(self, _index=0):
        self.onChosen()
        self._on_structure()

    def onChosen(self, _index=0):
        agreement, table = self._agreement, self._table
        table.setRowCount(0)
        if agreement is None:
            return
        measure = PAIR_MEASURES[max(self._measures.currentIndex, 0)]
        readers = agreement.readers
        table.setColumnCount(len(readers))
        table.setRowCount(len(readers))
        titles = [_("{name} (AI)").format(name=reader.name) if reader.ai_anchored else reader.name for reader in readers]
        self._setHeadings(titles, readers)
        named = self._outliers()
        warning = slicer.app.style().standardIcon(qt.QStyle.SP_MessageBoxWarning)
        for row, values in enumerate(pair_matrix(agreement, self.structure, measure)):
            for column, value in enumerate(values):
                item = qt.QTableWidgetItem(UNDEFINED if value is None else measure.text(value))
                item.setTextAlignment(qt.Qt.AlignCenter)
                if row == column:
                    item.setText("")
                    item.setFlags(qt.Qt.NoItemFlags)
                else:
                    item.setToolTip(self._hover(readers[row], readers[column], measure))
                    if {readers[row].name, readers[column].name} & named:
                        item.setIcon(warning)
                table.setItem(row, column, item)
        self._keepNumbersWhole()
        height = round((min(len(readers), _MOST_ROWS) + 1.3) * 1.4 * self._line) + 2 * table.frameWidth
        if len(readers) > _MOST_COLUMNS:
            height += table.horizontalScrollBar().sizeHint.height()
        table.setMinimumHeight(height)
        table.setMaximumHeight(height)

    def _keepNumbersWhole(self):
        table, metrics = self._table, qt.QFontMetrics(self._table.font)
        items = [table.item(row, column) for row in range(table.rowCount) for column in range(table.columnCount)]
        text = max((metrics.horizontalAdvance(item.text()) for item in items), default=0)
        icon = 0 if all(item.icon().isNull() for item in items) else table.style().pixelMetric(qt.QStyle.PM_SmallIconSize)
        table.horizontalHeader().setMinimumSectionSize(text + icon + self._line)

    def _outliers(self):
        """Return the readers who are named as outliers of what is shown."""
        by_structure = outliers_by_structure(self._agreement.outliers)
        shown = by_structure if self.structure is None else [self.structure]
        return {name for structure in shown for name in by_structure.get(structure, ())}

    def _setHeadings(self, titles, readers):
        words = {
            True: _("saw an AI result of this case"),
            False: _("saw no AI result of this case"),
            None: _("nobody knows whether an AI result was seen"),
        }
        for number, (title, reader) in enumerate(zip(titles, readers, strict=True)):
            for set_item in (self._table.setHorizontalHeaderItem, self._table.setVerticalHeaderItem):
                item = qt.QTableWidgetItem(title)
                item.setToolTip(f"{reader.name}: {words[reader.ai_anchored]}")
                set_item(number, item)

    def _hover(self, one, other, measure):
        agreement = self._agreement
        what = _("median over all structures") if self.structure is None else self.structure
        lines = [
            f"{one.name} / {other.name}, {what}",
            measure.definition,
            _("Surfaces by the {definition} definition. Compared on {grid}, voxels of {spacing} mm (k, j, i).").format(
                definition=agreement.definition,
                grid=agreement.grid,
                spacing=" x ".join(grouped(spacing, 2) for spacing in agreement.grid_spacing_mm),
            ),
        ]
        if one.ai_anchored and other.ai_anchored:
            lines.append(_("Both saw an AI result: part of their agreement is the AI's."))
        elif one.ai_anchored != other.ai_anchored:
            lines.append(_("Only one of the two is known to have seen an AI result."))
        # A tool tip without a tag would not be broken into lines.
        return "<p>" + "</p><p>".join(line.replace("<", "&lt;") for line in lines) + "</p>"
