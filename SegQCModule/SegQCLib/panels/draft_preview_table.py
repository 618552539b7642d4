"""The table in which a reader looks through a draft before it is imported, and says what its segments are."""

from __future__ import annotations

import qt
import slicer
from slicer.i18n import tr as _

from SegQCLib.importers.draft_preview import PreviewRow, RecognisedBy, preview, terminology_words, with_structure

# Rows that fit on a screen of 1080 lines beside the fields below them and the headings of the other steps.
_ROWS = 5


class DraftPreviewTable:
    """Show a draft's segments with their structures and codes; the chosen ones can be given another structure.

    Parameters
    ----------
    table : QTableWidget
        Three columns: segment, structure, codes.
    detail : QLabel
        The selected row in full: columns are narrow.
    selector : QComboBox
        The structure of the selected segments.
    on_changed : callable
        Called after the reader has corrected a row.
    """

    def __init__(self, table, detail, selector, on_changed):
        self.rows: tuple[PreviewRow, ...] = ()
        self._table, self._detail, self._selector, self._on_changed = table, detail, selector, on_changed
        self._protocol = None
        self._order: list[int] = []
        line = qt.QFontMetrics(table.font).height()
        table.verticalHeader().setDefaultSectionSize(round(1.4 * line))
        table.setMinimumHeight(round((_ROWS + 1) * 1.5 * line))
        table.setMaximumHeight(round((_ROWS + 1) * 1.5 * line))
        header = table.horizontalHeader()
        # Bold headings need more room than there is.
        header.setHighlightSections(False)
        header.setSectionResizeMode(qt.QHeaderView.Stretch)
        table.connect("itemSelectionChanged()", self.onSelected)
        selector.connect("activated(int)", self.onStructureChosen)

    def fill(self, segmentation, protocol):
        """Show the segments of a segmentation (None: nothing) as a protocol, or none, knows them."""
        self._protocol = protocol
        self.rows = () if segmentation is None else preview(segmentation, protocol)
        # What the protocol knows comes first; a whole-body model has a hundred others.
        self._order = sorted(range(len(self.rows)), key=lambda n: (self.rows[n].structure is None, n))
        self._selector.clear()
        self._selector.addItem(_("none of the protocol's"))
        for structure in () if protocol is None else protocol.structures:
            self._selector.addItem(structure.name)
        self._selector.enabled = protocol is not None
        self._table.clearContents()
        self._table.setRowCount(len(self.rows))
        for line, number in enumerate(self._order):
            self._fillLine(line, self.rows[number])
        if self.rows:
            self._table.setCurrentCell(0, 0)
        self.onSelected()

    def _fillLine(self, line, row):
        style = slicer.app.style()
        for column, text in enumerate((_segment(row), row.structure or _("unknown"), terminology_words(row.terminology))):
            item = qt.QTableWidgetItem(text)
            item.setToolTip(text)
            if column == 1 and row.structure is None:
                item.setIcon(style.standardIcon(qt.QStyle.SP_MessageBoxQuestion))
            self._table.setItem(line, column, item)

    def _selected(self):
        return [self._order[index.row()] for index in self._table.selectionModel().selectedRows()]

    def onSelected(self):
        rows = [self.rows[number] for number in self._selected()]
        names = {row.structure for row in rows}
        if len(names) != 1:
            self._selector.setCurrentIndex(-1)
        else:
            name = names.pop()
            structures = [None, *([] if self._protocol is None else [structure.name for structure in self._protocol.structures])]
            self._selector.setCurrentIndex(structures.index(name))
        if len(rows) == 1:
            self._detail.text = _in_words(rows[0])
        else:
            self._detail.text = _("{count} segments are selected.").format(count=len(rows))

    def onStructureChosen(self, index):
        numbers = self._selected()
        if self._protocol is None or not numbers:
            return
        structure = self._protocol.structures[index - 1] if index > 0 else None
        rows = list(self.rows)
        for number in numbers:
            rows[number] = with_structure(rows[number], structure)
        self.rows = tuple(rows)
        for number in numbers:
            self._fillLine(self._order.index(number), self.rows[number])
        self.onSelected()
        self._on_changed()


def _segment(row):
    text = _("{value}: {name} (empty)") if row.is_empty else _("{value}: {name}")
    return text.format(value=row.label_value, name=row.name)


def _in_words(row):
    codes = terminology_words(row.terminology)
    text = {
        RecognisedBy.CODES: _("{name} is the structure {structure}, by its codes: {codes}."),
        RecognisedBy.NAME: _("{name} is the structure {structure}, by its name. Codes: {codes}."),
        RecognisedBy.ALIAS: _("{name} is the structure {structure}, by another name of it. Codes: {codes}."),
        RecognisedBy.READER: _("{name} is the structure {structure}, as you said. Codes: {codes}."),
        RecognisedBy.NOTHING: _("{name} is not a structure of the protocol. Codes: {codes}."),
    }[row.recognised_by]
    if row.structure is None and not row.is_unknown:
        text = _("{name} is none of the protocol's structures, as you said. Codes: {codes}.")
    return text.format(name=row.name, structure=row.structure, codes=codes or _("none"))
