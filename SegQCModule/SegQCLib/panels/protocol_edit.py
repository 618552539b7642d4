"""Editing a protocol: its parts in a list, the fields of the chosen one below it, a search, and all that is still wrong."""

from __future__ import annotations

import re

import qt
import slicer
from slicer.i18n import tr as _

from SegQCLib.mrml.slicer_codes import codes_of_terminologies
from SegQCLib.panels.protocol_page import FieldPage
from SegQCLib.protocols.form import add_item, clear_optional, remove_item, set_optional, set_value
from SegQCLib.protocols.form_sections import form_sections, has_pages_of_its_own, place_words
from SegQCLib.protocols.known_codes import known_codes, set_codes
from SegQCLib.protocols.structure_names import is_structure_s_own_name, rename_structure

_FAULT_ROWS = 3
# Of the window's width: the names of the parts are short, sources are long.
_PARTS_TO_FIELDS = (1, 3)
_INDENT = "      "
_NAMES = 3


class _Part:
    """A line of the list: a section of the form, a list with pages of its own, or an entry of such a list."""

    def __init__(self, key, level, title, fields, field=None):
        self.key, self.level, self.title, self.fields, self.field = key, level, title, fields, field

    def covers(self, path):
        """Return whether the place of a path is on this part's own page."""
        if self.field is not None:
            return path == self.field.path or path.startswith((f"{self.field.path}.", f"{self.field.path}["))
        return any(path == one.path or path.startswith((f"{one.path}.", f"{one.path}[")) for one in self.fields)


class ProtocolEdit:
    """Show an open protocol and change it.

    Parameters
    ----------
    ui : namespace of widgets
    on_changed : callable()
        Called after each change.
    """

    def __init__(self, ui, on_changed):
        self.ui, self._on_changed = ui, on_changed
        self._open = None
        self._parts: list[_Part] = []
        self._chosen = ""
        self._listed = None
        self._listed_faults = None
        self._faulty = ()
        self._slicer_codes = None
        self.page = FieldPage(ui.pageContents.layout(), self)
        line = qt.QFontMetrics(ui.faultList.font).lineSpacing() + 2
        ui.faultList.setFixedHeight(line * _FAULT_ROWS + 6)
        ui.outlineList.setIconSize(qt.QSize(line - 4, line - 4))
        # As wide as the sign of a fault: the lines stay where they are.
        room = qt.QPixmap(line - 4, line - 4)
        room.fill(qt.QColor(0, 0, 0, 0))
        self._no_sign = qt.QIcon(room)
        for side, share in enumerate(_PARTS_TO_FIELDS):
            ui.editSplitter.setStretchFactor(side, share)
        ui.outlineList.connect("currentRowChanged(int)", self.onPartChosen)
        ui.searchEdit.connect("textChanged(QString)", self.onSearch)
        ui.searchEdit.connect("returnPressed()", self.onSearchEntered)
        ui.undoButton.connect("clicked(bool)", self.onUndo)
        ui.addButton.connect("clicked(bool)", self.onAdd)
        ui.removeButton.connect("clicked(bool)", self.onRemove)
        ui.faultList.connect("itemActivated(QListWidgetItem*)", self.onFault)
        ui.faultList.connect("itemClicked(QListWidgetItem*)", self.onFault)

    def follow(self, opened):
        """Turn to an open protocol, or to none."""
        self.page.clear()
        self._open, self._chosen, self._listed, self._listed_faults = opened, "", None, None
        blocked = self.ui.searchEdit.blockSignals(True)
        self.ui.searchEdit.setText("")
        self.ui.searchEdit.blockSignals(blocked)
        self.show()

    def commit(self):
        """Take what is still being typed."""
        if self._open is not None and not self._open.is_locked:
            self.page.commit()

    # What the fields tell

    def set_value(self, path, value):
        if is_structure_s_own_name(path):
            self._take(lambda document: rename_structure(document, path, value))
        elif value == "" and path.endswith("]"):
            self.remove(path)
        else:
            self._take(lambda document: set_value(document, path, value))

    def set_group(self, path, given):
        self._take(lambda document: (set_optional if given else clear_optional)(document, path))

    def add(self, path):
        self._take(lambda document: add_item(document, path))
        field = self._open.form.at(path)
        if field.children:
            self.go_to(field.children[-1].path)

    def remove(self, path):
        self._take(lambda document: remove_item(document, path))

    def set_codes(self, path, chosen):
        """Take codes; a structure that has no name yet takes one too."""

        def changed(document):
            document = set_codes(document, path, chosen.terminology)
            name_path = path.rpartition(".")[0] + ".name"
            if self._open.form.at(name_path).value:
                return document
            return rename_structure(document, name_path, re.sub(r"\W+", "_", (*chosen.names, chosen.words)[0].lower()).strip("_"))

        self._take(changed)

    def known_codes(self):
        """Return all codes to choose from: those of SegQC, then those of Slicer's terminologies."""
        if self._slicer_codes is None:
            module = getattr(slicer.modules, "terminologies", None)
            self._slicer_codes = () if module is None else codes_of_terminologies(module.logic())
        return (*known_codes(), *self._slicer_codes)

    def refresh(self):
        self.show()

    def _take(self, change):
        if self._open is None or self._open.is_locked:
            return
        self._open.change(change(self._open.document))
        self._on_changed()

    # What is shown

    def show(self):
        """Show the present state in every widget."""
        ui, opened = self.ui, self._open
        if opened is None:
            return
        self._parts = self._shownParts()
        lines = [(_INDENT * part.level + part.title, self._faultCount(part)) for part in self._parts]
        if lines != self._listed:
            self._list(lines)
        part = self._current()
        blocked = ui.outlineList.blockSignals(True)
        ui.outlineList.setCurrentRow(-1 if part is None else [one.key for one in self._parts].index(part.key))
        ui.outlineList.blockSignals(blocked)
        free = not opened.is_locked
        ui.undoButton.enabled = opened.can_undo and free
        ui.addButton.visible = part is not None and part.field is not None and part.level == 1
        ui.removeButton.visible = part is not None and part.level == 2
        ui.addButton.enabled = ui.removeButton.enabled = free
        ui.pageLabel.text = self._pageWords(part)
        ui.pageLabel.toolTip = "" if part is None or part.field is None else part.field.doc
        self.page.show(() if part is None else part.fields, opened.document, free)
        self._showFaults()

    def _pageWords(self, part):
        if part is None:
            return _("Nothing has these words.") if self.ui.searchEdit.text.strip() else ""
        if part.field is None:
            return part.title if part.fields else _("{title}: its lists stand below it.").format(title=part.title)
        faults = " ".join(part.field.faults)
        if part.level == 1:
            return f"{part.field.doc} {faults}".strip()
        return f"{part.title}. {faults}".strip() if faults else part.title

    def _allParts(self):
        for section in form_sections(self._open.form):
            own = [field for field in section.fields if not has_pages_of_its_own(field)]
            yield _Part(section.key, 0, section.title, own)
            for field in section.fields:
                if has_pages_of_its_own(field):
                    title = _("{title} ({count})").format(title=field.title, count=len(field.children))
                    yield _Part(field.path, 1, title, (), field)
                    for child in field.children:
                        yield _Part(child.path, 2, _entryTitle(child), child.children, child)

    def _shownParts(self):
        parts, words = list(self._allParts()), self.ui.searchEdit.text.casefold().split()
        if words:
            return [part for part in parts if _place_with(part, words) is not None]
        # Entries of the chosen list only: eighty structures would hide all else.
        chosen = self._chosen.partition("[")[0]
        return [part for part in parts if part.level < 2 or part.key.partition("[")[0] == chosen]

    def _current(self):
        found = next((part for part in self._parts if part.key == self._chosen), None)
        return found or next((part for part in self._parts if part.fields or part.field is not None), None)

    def _faultCount(self, part):
        fields = part.fields if part.field is None else (part.field,)
        return sum(bool(one.faults) for field in fields for one in field.walk())

    def _list(self, lines):
        outline = self.ui.outlineList
        blocked = outline.blockSignals(True)
        if self._listed is None or len(self._listed) != len(lines):
            outline.clear()
            for text, _faults in lines:
                outline.addItem(text)
        icon = slicer.app.style().standardIcon(qt.QStyle.SP_MessageBoxWarning)
        for row, (text, faults) in enumerate(lines):
            item = outline.item(row)
            item.setText(text)
            item.setIcon(icon if faults else self._no_sign)
            item.setToolTip(_("{title}: {count} to correct").format(title=text.strip(), count=faults) if faults else text.strip())
        outline.blockSignals(blocked)
        self._listed = lines

    def _showFaults(self):
        form, ui = self._open.form, self.ui
        self._faulty = self._open.faulty_fields
        words = [f"{place_words(form, field.path)}: {fault}" for field in self._faulty for fault in field.faults]
        self._fault_paths = [field.path for field in self._faulty for _fault in field.faults]
        ui.faultsLabel.visible = ui.faultList.visible = bool(words)
        ui.faultsLabel.text = _("To correct before it can be used ({count}):").format(count=len(words))
        if words != self._listed_faults:
            self._listed_faults = words
            ui.faultList.clear()
            for row, one in enumerate(words):
                ui.faultList.addItem(one)
                ui.faultList.item(row).setToolTip(one)

    # Where one is

    def onPartChosen(self, row):
        if 0 <= row < len(self._parts):
            part = self._parts[row]
            # What was typed may add or remove lines of the list.
            self.commit()
            self._chosen = part.key
            self.ui.pageArea.verticalScrollBar().setValue(0)
            self.show()

    def go_to(self, path):
        """Show the page that a place is on, and put the keyboard there."""
        if not any(part.covers(path) for part in self._parts) and self.ui.searchEdit.text:
            self.ui.searchEdit.setText("")
        covering = [part for part in self._allParts() if part.covers(path)]
        if not covering:
            return
        self._chosen = max(covering, key=lambda part: part.level).key
        self.show()
        part = self._current()
        widget = self.page.focus(part.fields[0].path if path == part.key and part.fields else path)
        if widget is not None:
            # The page was just made: without its layout the place of the widget is not known.
            self.ui.pageContents.layout().activate()
            self.ui.pageArea.ensureWidgetVisible(widget)

    def onSearch(self, _words):
        self.commit()
        self.show()

    def onSearchEntered(self):
        words = self.ui.searchEdit.text.casefold().split()
        part = self._current()
        place = None if part is None or not words else _place_with(part, words)
        if place is not None:
            self.go_to(place)

    def onFault(self, item):
        self.go_to(self._fault_paths[self.ui.faultList.row(item)])

    def onUndo(self, _checked=False):
        self.commit()
        self._open.undo()
        self._on_changed()

    def onAdd(self, _checked=False):
        self.commit()
        self.add(self._chosen if self._current() is None else self._current().key)

    def onRemove(self, _checked=False):
        part = self._current()
        self._chosen = part.key.rpartition("[")[0]
        self.remove(part.key)


def _entryTitle(entry):
    """Return what an entry is called in the list, with the structures that it is for where it names them."""
    if entry.title.isdigit():
        return _("{number}: no name yet").format(number=entry.title)
    names = next((one.children for one in entry.children if one.path.endswith(".structures")), ())
    names = [str(one.value) for one in names if one.value != "*"]
    more = ", ..." if len(names) > _NAMES else ""
    return f"{entry.title}: {', '.join(names[:_NAMES])}{more}" if names else entry.title


def _place_with(part, words):
    """Return the first place of a part in which all words occur, or None."""
    if part.field is None:
        return next((one.path for field in part.fields for one in field.walk() if _has(one, words, one.doc)), None)
    if _has(part.field, words, part.field.doc if part.level == 1 else ""):
        return part.field.path
    # Each entry has the same fields with the same explanations: only what it says itself tells it from the others.
    of_entry = (one for field in part.fields for one in field.walk() if one.given)
    return next((one.path for one in of_entry if _has(one, words, part.title)), None)


def _has(field, words, more):
    value = "" if field.kind in ("group", "list") or field.value is None else field.value
    text = f"{field.title} {value} {field.path} {more}".casefold()
    return all(word in text for word in words)
