"""The codes of a structure, chosen by words from the tables at hand: nobody has to type a code."""

from __future__ import annotations

import qt
from slicer.i18n import tr as _

from SegQCLib.protocols.known_codes import matching_codes

# More than these are not read through: another word finds the right one sooner.
_MOST = 60
_ROWS = 6


class CodesField:
    """Show the codes, and look for others.

    Parameters
    ----------
    field : FormField
        The group of codes.
    actions : object
        With set_codes(path, terminology) and known_codes().
    by_hand : bool
        Whether the codes can be typed below.
    on_by_hand : callable(path, wanted)
    """

    def __init__(self, field, actions, by_hand, on_by_hand):
        self.path, self._actions, self._on_by_hand = field.path, actions, on_by_hand
        self._matching = ()
        self.block = qt.QWidget()
        column = qt.QVBoxLayout(self.block)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        row = qt.QHBoxLayout()
        self.label = qt.QLabel()
        self.label.setWordWrap(True)
        self.label.setTextFormat(qt.Qt.PlainText)
        self.label.setToolTip(field.doc)
        row.addWidget(self.label, 1)
        self.widget = self.chooseButton = qt.QPushButton(_("Choose ..."))
        self.chooseButton.setToolTip(_("Look for the structure by its name and take its codes."))
        self.chooseButton.setCheckable(True)
        # In a dialog a line's Enter would press it.
        self.chooseButton.setAutoDefault(False)
        self.chooseButton.connect("toggled(bool)", self.onChoose)
        row.addWidget(self.chooseButton)
        self.handCheck = qt.QCheckBox(_("By hand"))
        self.handCheck.setToolTip(_("Type codes that no table has. Take them from DICOM PS3.16 or SNOMED CT, not from memory."))
        self.handCheck.setChecked(by_hand)
        self.handCheck.connect("clicked(bool)", self.onByHand)
        row.addWidget(self.handCheck)
        column.addLayout(row)
        self._chooser = qt.QWidget()
        inner = qt.QVBoxLayout(self._chooser)
        inner.setContentsMargins(0, 0, 0, 0)
        self.searchEdit = qt.QLineEdit()
        self.searchEdit.setPlaceholderText(_("Words, for example kidney left"))
        self.searchEdit.setAccessibleName(_("Search for codes"))
        self.searchEdit.connect("textChanged(QString)", self.onSearch)
        self.list = qt.QListWidget()
        self.list.setAccessibleName(_("Structures with codes"))
        self.list.setToolTip(_("Choose one to take its codes."))
        self.list.setMaximumHeight(qt.QFontMetrics(self.list.font).lineSpacing() * (_ROWS + 1))
        self.list.connect("itemActivated(QListWidgetItem*)", self.onTaken)
        self.list.connect("itemClicked(QListWidgetItem*)", self.onTaken)
        self._few = qt.QLabel()
        for widget in (self.searchEdit, self.list, self._few):
            inner.addWidget(widget)
        self._chooser.setVisible(False)
        column.addWidget(self._chooser)
        self.show(field)

    def show(self, field):
        meanings, codes = [], []
        for code in field.children:
            parts = {part.path.rpartition(".")[2]: part.value for part in code.children}
            if code.given and parts.get("value"):
                codes.append(f"{parts.get('scheme')} {parts.get('value')}")
                if not code.path.endswith(".category"):
                    meanings.append(str(parts.get("meaning")))
        words = ", ".join(meanings) or _("none chosen yet")
        self.label.text = _("Codes: {words}").format(words=words)
        self.label.toolTip = f"{field.doc} {', '.join(codes)}".strip()

    def onChoose(self, wanted):
        self._chooser.setVisible(wanted)
        if wanted:
            self.onSearch(self.searchEdit.text)
            self.searchEdit.setFocus()

    def onSearch(self, words):
        found = matching_codes(self._actions.known_codes(), words)
        self._matching = found[:_MOST]
        self.list.clear()
        for one in self._matching:
            self.list.addItem(one.words)
        for row, one in enumerate(self._matching):
            code = one.terminology.type
            self.list.item(row).setToolTip(
                _("{category}, {scheme} {value}; from {origin}").format(
                    category=one.terminology.category.meaning, scheme=code.scheme, value=code.value, origin=one.origin
                )
            )
        if not found:
            self._few.text = _("No table has such a structure.")
        elif len(found) > _MOST:
            self._few.text = _("The first {most} of {count}; another word shows fewer.").format(most=_MOST, count=len(found))
        else:
            self._few.text = ""

    def onTaken(self, item):
        chosen = self._matching[self.list.row(item)]
        self.chooseButton.setChecked(False)
        self._actions.set_codes(self.path, chosen)

    def onByHand(self, wanted):
        self._on_by_hand(self.path, wanted)

    def commit(self):
        """Nothing waits: a choice is told at once."""

    def allow(self, may_change):
        self.chooseButton.setEnabled(may_change)
        self.handCheck.setEnabled(may_change)

    def mute(self):
        for widget in (self.chooseButton, self.handCheck, self.searchEdit, self.list):
            widget.blockSignals(True)
