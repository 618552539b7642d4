"""Widgets that edit one value of a protocol: each shows what the form says, and tells what was typed or chosen."""

from __future__ import annotations

import ctk
import qt
from slicer.i18n import tr as _

from SegQCLib.protocols.typed_number import number_text, typed_number

# Widest that a number can be, in characters.
_NUMBER_WIDTH = 9
_LONG = 40
_UNIT_WORDS = {"[hnsf'U]": "HU", "1": _("no unit"), "mm3": "mm³", "mm2": "mm²", "ml": "mL"}


def unit_words(unit: str) -> str:
    """Return a UCUM unit as people write it."""
    return _UNIT_WORDS.get(str(unit), str(unit))


class TextField:
    """A text or a number; where it is known what can stand there, it is also offered.

    Parameters
    ----------
    field : FormField
    known : tuple of str
        What is offered.
    change : callable(path, value)
        Called once something else was typed or chosen.
    """

    def __init__(self, field, known, change):
        self.path, self._change = field.path, change
        self._is_number = field.kind in ("number", "whole_number")
        self._can_be_left_out = not field.required
        self._shown = ""
        if known:
            self.widget = ctk.ctkComboBox()
            _without_wheel(self.widget)
            self.widget.setEditable(True)
            self.widget.setInsertPolicy(qt.QComboBox.NoInsert)
            self.widget.setMinimumContentsLength(8)
            self.widget.setSizeAdjustPolicy(qt.QComboBox.AdjustToMinimumContentsLengthWithIcon)
            for one in known:
                self.widget.addItem(one)
            self.widget.connect("activated(int)", self.onEdited)
            self._line = self.widget.lineEdit()
        else:
            self.widget = self._line = qt.QLineEdit()
        if self._is_number:
            self._line.setMaximumWidth(qt.QFontMetrics(self._line.font).averageCharWidth() * (_NUMBER_WIDTH + 3))
        self.widget.setAccessibleName(field.title)
        self._line.connect("editingFinished()", self.onEdited)
        self.show(field)

    def show(self, field):
        self._shown = number_text(field.value) if self._is_number else "" if field.value is None else str(field.value)
        if self._line.text != self._shown:
            self._line.setText(self._shown)
            # Of a long text, the beginning.
            self._line.setCursorPosition(0)
        # Sources are longer than the line.
        self.widget.setToolTip(f"{field.doc}\n\n{self._shown}" if len(self._shown) > _LONG else field.doc)
        if field.default is not None:
            self._line.setPlaceholderText(_("{value} if left out").format(value=number_text(field.default)))

    def setPlaceholder(self, words):
        self._line.setPlaceholderText(words)

    def onEdited(self, _index=None):
        text = self._line.text
        if text == self._shown:
            return
        self._shown = text
        value = typed_number(text) if self._is_number else text.strip()
        if value in ("", None):
            value = None if self._can_be_left_out else ""
        self._change(self.path, value)

    commit = onEdited

    def allow(self, may_change):
        # A line that is read only can still be read to its end, and copied.
        self._line.setReadOnly(not may_change)
        if self.widget is not self._line:
            self.widget.setEnabled(may_change)

    def mute(self):
        self._line.blockSignals(True)
        self.widget.blockSignals(True)


class SwitchField:
    """Yes or no."""

    def __init__(self, field, change):
        self.path, self._change = field.path, change
        self._default = None if field.required else field.default
        self.widget = qt.QCheckBox(field.title)
        self.widget.setToolTip(field.doc)
        self.widget.connect("clicked(bool)", self.onClicked)
        self.show(field)

    def show(self, field):
        self.widget.setChecked(bool(field.default if field.value is None else field.value))

    def onClicked(self, checked):
        self._change(self.path, None if checked is self._default else checked)

    def commit(self):
        """Nothing waits: a click is told at once."""

    def allow(self, may_change):
        self.widget.setEnabled(may_change)

    def mute(self):
        self.widget.blockSignals(True)


class ChoiceField:
    """One of a few values."""

    def __init__(self, field, change):
        self.path, self._change = field.path, change
        self.widget = ctk.ctkComboBox()
        _without_wheel(self.widget)
        self.widget.setAccessibleName(field.title)
        self.widget.setToolTip(field.doc)
        self._values = []
        self.show(field)
        self.widget.connect("activated(int)", self.onActivated)

    def show(self, field):
        self._value = field.value
        values = [None] if not field.required else []
        values += field.choices
        if field.value is not None and field.value not in values:
            values.append(field.value)
        if values != self._values:
            self._values = values
            self.widget.clear()
            for value in values:
                self.widget.addItem(_choice_words(field, value))
        self.widget.setCurrentIndex(values.index(field.value) if field.value in values else -1)

    def onActivated(self, index):
        # What stands there already may be no text at all, in a file that was written by hand.
        if self._values[index] != self._value:
            self._change(self.path, self._values[index])

    def commit(self):
        """Nothing waits: a choice is told at once."""

    def allow(self, may_change):
        self.widget.setEnabled(may_change)

    def mute(self):
        self.widget.blockSignals(True)


class OptionalGroup:
    """The check box of a group that can be left out."""

    def __init__(self, field, change):
        self.path, self._change = field.path, change
        self.widget = qt.QCheckBox(field.title)
        self.widget.setToolTip(field.doc)
        self.widget.connect("clicked(bool)", self.onClicked)
        self.show(field)

    def show(self, field):
        self.widget.setChecked(field.given)

    def onClicked(self, checked):
        self._change(self.path, checked)

    def commit(self):
        """Nothing waits: a click is told at once."""

    def allow(self, may_change):
        self.widget.setEnabled(may_change)

    def mute(self):
        self.widget.blockSignals(True)


class PressedAt:
    """A button that tells its place in the protocol."""

    def __init__(self, path, words, tip, on_pressed):
        self.path, self._on_pressed = path, on_pressed
        self.widget = qt.QPushButton(words)
        # In a dialog a line's Enter would press it.
        self.widget.setAutoDefault(False)
        self.widget.setToolTip(tip)
        self.widget.connect("clicked(bool)", self.onClicked)

    def show(self, field):
        """Nothing of the form is on it."""

    def onClicked(self, _checked=False):
        self._on_pressed(self.path)

    def commit(self):
        """Nothing waits."""

    def allow(self, may_change):
        self.widget.setEnabled(may_change)

    def mute(self):
        self.widget.blockSignals(True)


def _without_wheel(box):
    """Keep who scrolls past a choice from changing it."""
    box.scrollWheelEffect = ctk.ctkComboBox.NeverScroll


def _choice_words(field, value):
    if value is None:
        if field.default is None:
            return _("as usual")
        return _("{value} (if left out)").format(value=_choice_words(field, field.default))
    if field.path.endswith(".unit"):
        return unit_words(value)
    return str(value).replace("_", " ")
