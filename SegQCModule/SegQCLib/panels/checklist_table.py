"""The items of a checklist in a table: those about annotation that are still open come first."""

from __future__ import annotations

import qt
from slicer.i18n import tr as _

from SegQCLib.checklists.filled_checklist import FilledItem, ItemState
from SegQCLib.checklists.filled_page import STATE_MEANINGS, STATE_SIGNS
from SegQCLib.panels.table_columns import set_columns

_NUMBER, _TOPIC, _STATE = range(3)
_LINES = 4


class ChecklistTable:
    """Show items, and tell which one is chosen.

    Parameters
    ----------
    table : QTableWidget
    on_chosen : callable()
        Called when another item was chosen by hand.
    """

    def __init__(self, table, on_chosen):
        self._table, self._on_chosen = table, on_chosen
        self._items: tuple[FilledItem, ...] = ()
        self._shown = None
        titles = (
            (_("Item"), _("Number in the source. Bold: about annotation. Open items about annotation come first.")),
            (_("Topic"), _("In SegQC's words; the source's wording is the authority.")),
            (_("State"), "\n".join(f"{STATE_SIGNS[state]} {state}: {STATE_MEANINGS[state]}" for state in ItemState)),
        )
        set_columns(table, titles)
        header = table.horizontalHeader()
        header.setSectionResizeMode(qt.QHeaderView.ResizeToContents)
        header.setSectionResizeMode(_TOPIC, qt.QHeaderView.Stretch)
        line = qt.QFontMetrics(table.font).height()
        table.verticalHeader().setDefaultSectionSize(round(1.4 * line))
        table.setMinimumHeight(round((_LINES + 1.3) * 1.4 * line))
        table.connect("currentCellChanged(int,int,int,int)", self.onCurrentChanged)

    @property
    def items(self) -> tuple[FilledItem, ...]:
        """The items that are shown, from top to bottom."""
        return self._items

    @property
    def chosen(self) -> FilledItem | None:
        row = self._table.currentRow()
        return self._items[row] if 0 <= row < len(self._items) else None

    def show(self, items, unsaved):
        """Show items in this order; the one that is chosen stays chosen where it is among them.

        Parameters
        ----------
        items : sequence of FilledItem
        unsaved : collection of str
            Ids of questions with something typed that was not saved.
        """
        shown = [(item, item.question.id in unsaved) for item in items]
        if shown == self._shown:
            return
        before = self.chosen
        self._shown, self._items = shown, tuple(items)
        table = self._table
        blocked = table.blockSignals(True)
        table.setUpdatesEnabled(False)
        table.setRowCount(0)
        table.setRowCount(len(shown))
        for row, (item, waiting) in enumerate(shown):
            self._fillRow(row, item, waiting)
        table.setUpdatesEnabled(True)
        table.blockSignals(blocked)
        self.choose(None if before is None else before.number)

    def choose(self, number):
        """Choose the item with this number, or none where it is not shown."""
        row = next((row for row, item in enumerate(self._items) if item.number == number), -1)
        blocked = self._table.blockSignals(True)
        self._table.setCurrentCell(row, _TOPIC)
        self._table.blockSignals(blocked)

    def _fillRow(self, row, item, waiting):
        state = _("{state}, typed and not saved").format(state=item.state) if waiting else str(item.state)
        texts = (item.number, item.topic, f"{STATE_SIGNS[item.state]} {_('not saved') if waiting else item.state}")
        for column, text in enumerate(texts):
            cell = qt.QTableWidgetItem(text)
            cell.setToolTip(f"{item.number}. {item.topic}\n{item.section}\n{state}")
            if item.annotation:
                font = cell.font()
                font.setBold(True)
                cell.setFont(font)
            self._table.setItem(row, column, cell)

    def onCurrentChanged(self, row, _column, row_before, _column_before):
        if row != row_before:
            self._on_chosen()
