"""The table in which the segmentations to compare are ticked, with their readers' names and who saw an AI draft."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import qt
from slicer.i18n import tr as _

from SegQCLib.mrml.agreement_readers import is_a_readers, saw_draft
from SegQCLib.panels.table_columns import set_columns

_NAME, _READER, _DRAFT = range(3)
_UNKNOWN, _NO, _YES = range(3)
_ROWS = 4


@dataclass(frozen=True)
class ChosenReader:
    """A segmentation that is to be compared. `saw_draft` None: nobody knows."""

    node: Any
    name: str
    saw_draft: bool | None


class ReaderChoice:
    """Show the segmentations of an image; what was typed or ticked stays while they are in the scene.

    Parameters
    ----------
    table : QTableWidget
    on_changed : callable
        Called after the reader has changed something.
    """

    def __init__(self, table, on_changed):
        self._table, self._on_changed = table, on_changed
        self._nodes = []
        self._ticked, self._names, self._saw = {}, {}, {}  # by node id
        self._boxes = []
        self._shown = None
        titles = (
            (_("Segmentation"), _("Tick those to compare.")),
            (_("Reader"), _("Who drew it. Adjudication hides these names.")),
            (_("Saw AI"), _("Whether the reader saw an AI draft of this case: two who both saw it agree because of it.")),
        )
        set_columns(table, titles)
        header = table.horizontalHeader()
        # A consensus has a name that is wider than the panel.
        header.setSectionResizeMode(qt.QHeaderView.Stretch)
        header.setSectionResizeMode(_DRAFT, qt.QHeaderView.ResizeToContents)
        self._line = qt.QFontMetrics(table.font).height()
        table.verticalHeader().setDefaultSectionSize(round(1.6 * self._line))
        table.connect("itemChanged(QTableWidgetItem*)", self.onItemChanged)

    def cleanup(self):
        self._table.disconnect("itemChanged(QTableWidgetItem*)", self.onItemChanged)
        self._forgetBoxes()
        self._nodes = []

    def forget(self):
        """Forget what was typed and ticked: another image is read, and a new scene gives out the same node ids again."""
        self._ticked, self._names, self._saw, self._shown = {}, {}, {}, None

    def show(self, nodes):
        """Show these segmentations; the same again changes nothing."""
        shown = [(node.GetID(), node.GetName(), saw_draft(node)) for node in nodes]
        if shown == self._shown:
            return
        self._shown, self._nodes = shown, list(nodes)
        table = self._table
        table.blockSignals(True)
        self._forgetBoxes()
        table.setRowCount(0)
        table.setRowCount(len(nodes))
        for row, node in enumerate(nodes):
            self._fillRow(row, node)
        table.blockSignals(False)
        height = round((min(max(len(nodes), 2), _ROWS) + 1.2) * 1.6 * self._line)
        table.setMinimumHeight(height)
        table.setMaximumHeight(height)

    def _fillRow(self, row, node):
        node_id, table = node.GetID(), self._table
        name = qt.QTableWidgetItem(node.GetName())
        name.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsSelectable | qt.Qt.ItemIsUserCheckable)
        name.setCheckState(qt.Qt.Checked if self._ticked.get(node_id, is_a_readers(node)) else qt.Qt.Unchecked)
        name.setToolTip(node.GetName())
        table.setItem(row, _NAME, name)
        table.setItem(row, _READER, qt.QTableWidgetItem(self._names.get(node_id, node.GetName())))
        box = qt.QComboBox()
        for words in (_("not known"), _("no"), _("yes")):
            box.addItem(words)
        known = self._saw.get(node_id, saw_draft(node))
        box.setCurrentIndex(_UNKNOWN if known is None else _YES if known else _NO)
        box.setAccessibleName(_("Whether the reader of {name} saw an AI draft").format(name=node.GetName()))
        box.setToolTip(_("From the tags of the segments where they say so. Whoever saw the draft is not averaged with the others."))
        box.connect("activated(int)", self.onDraftChosen)
        table.setCellWidget(row, _DRAFT, box)
        self._boxes.append(box)

    def chosen(self):
        """Return the ticked segmentations as a tuple of ChosenReader."""
        found = []
        for row, node in enumerate(self._nodes):
            if self._table.item(row, _NAME).checkState() == qt.Qt.Checked:
                index = self._boxes[row].currentIndex
                name = self._table.item(row, _READER).text().strip()
                found.append(ChosenReader(node, name, None if index == _UNKNOWN else index == _YES))
        return tuple(found)

    def obstacle(self):
        """Return why what is ticked cannot be compared, in a few words, or an empty text."""
        chosen = self.chosen()
        names = [one.name for one in chosen]
        if len(chosen) < 2:
            return _("tick two segmentations or more")
        if not all(names):
            return _("name every reader")
        if len(set(names)) < len(names):
            return _("give every reader another name")
        return ""

    def onItemChanged(self, item):
        node_id = self._nodes[item.row()].GetID()
        if item.column() == _NAME:
            self._ticked[node_id] = item.checkState() == qt.Qt.Checked
        else:
            self._names[node_id] = item.text().strip()
        self._on_changed()

    def onDraftChosen(self, _index):
        for node, box in zip(self._nodes, self._boxes, strict=True):
            index = box.currentIndex
            self._saw[node.GetID()] = None if index == _UNKNOWN else index == _YES
        self._on_changed()

    def _forgetBoxes(self):
        for box in self._boxes:
            box.disconnect("activated(int)", self.onDraftChosen)
        self._boxes = []
