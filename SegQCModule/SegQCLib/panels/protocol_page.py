"""One page of the protocol editor: a widget for each field, made from the form, with its explanation and its faults."""

from __future__ import annotations

import qt
from slicer.i18n import tr as _

from SegQCLib.panels.protocol_codes import CodesField
from SegQCLib.panels.protocol_fields import ChoiceField, OptionalGroup, PressedAt, SwitchField, TextField, unit_words
from SegQCLib.protocols.form import unit_of
from SegQCLib.protocols.form_sections import has_pages_of_its_own
from SegQCLib.protocols.known_values import known_values

_INDENT = 18
_SINGLE = ("text", "number", "whole_number", "switch", "choice")
# Readable on a light and on a dark window.
_FAULT_STYLE = "color: #d9372c"


class FieldPage:
    """Show fields of the form and tell what is changed in them.

    Widgets stay as long as the same fields are shown, so that the keyboard's place is not lost.

    Parameters
    ----------
    layout : QVBoxLayout
        Where the page is.
    actions : object
        With set_value(path, value), set_group(path, given), add(path), remove(path), set_codes(path, terminology) and
        known_codes().
    """

    def __init__(self, layout, actions):
        self._layout, self._actions = layout, actions
        self._content = None
        self._shape = None
        self.editors = {}  # by path
        self._fault_labels = {}
        self._by_hand = set()

    def show(self, fields, document, enabled):
        """Show fields; `document` says what names there are to choose from."""
        fields = [field for field in fields if not has_pages_of_its_own(field)]
        known = {one.path: known_values(document, one.path) for field in fields for one in field.walk() if one.kind in ("text",)}
        shape = (_shape(fields), tuple(known.items()), frozenset(self._by_hand))
        if shape != self._shape:
            self._build(fields, known)
            self._shape = shape
        for field in fields:
            for one in field.walk():
                editor, label = self.editors.get(one.path), self._fault_labels.get(one.path)
                if editor is not None:
                    editor.show(one)
                if label is not None:
                    label.setText("\n".join(one.faults))
                    label.setVisible(bool(one.faults))
        for editor in self.editors.values():
            editor.allow(enabled)

    def commit(self):
        """Take what was typed and not yet told: a button pressed by its key does not take the focus from a line."""
        for editor in list(self.editors.values()):
            editor.commit()

    def focus(self, path):
        """Put the keyboard at a place, or at the nearest one around it, and return its widget; None if it has none."""
        while path:
            editor = self.editors.get(path)
            if editor is not None:
                editor.widget.setFocus()
                return editor.widget
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return None

    def clear(self):
        if self._content is not None:
            # A line that loses the focus while it goes away would tell a change at a place that is another by now.
            for editor in self.editors.values():
                editor.mute()
            self._content.hide()
            self._layout.removeWidget(self._content)
            self._content.deleteLater()
        self._content, self._shape, self.editors, self._fault_labels = None, None, {}, {}

    def _build(self, fields, known):
        kept = next((path for path, editor in self.editors.items() if editor.widget.hasFocus()), None)
        self.clear()
        self._content = qt.QWidget()
        column = qt.QVBoxLayout(self._content)
        column.setContentsMargins(4, 4, 4, 4)
        column.setSpacing(4)
        self._fill(column, fields, known)
        column.addStretch(1)
        self._layout.addWidget(self._content)
        if kept is not None:
            self.focus(kept)

    def _fill(self, column, fields, known):
        """Add fields to a layout, texts and numbers side by side with their names."""
        form = None
        for field in fields:
            if field.kind in _SINGLE and field.kind != "switch":
                if form is None:
                    form = self._form(column)
                self._single(form, field, known)
            else:
                form = None
                self._block(column, field, known)

    def _form(self, column):
        form = qt.QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(qt.QFormLayout.AllNonFixedFieldsGrow)
        form.setRowWrapPolicy(qt.QFormLayout.WrapLongRows)
        column.addLayout(form)
        return form

    def _single(self, form, field, known):
        label = qt.QLabel(_("{title}:").format(title=field.title))
        label.setToolTip(field.doc)
        widget = self._editor(field, known)
        if field.unit:
            row = qt.QWidget()
            line = qt.QHBoxLayout(row)
            line.setContentsMargins(0, 0, 0, 0)
            line.addWidget(widget)
            line.addWidget(qt.QLabel(unit_words(field.unit)))
            line.addStretch(1)
            widget = row
        form.addRow(label, widget)
        form.addRow(self._faultLabel(field))

    def _block(self, column, field, known):
        if field.kind == "switch":
            column.addWidget(self._editor(field, known))
            column.addWidget(self._faultLabel(field))
            return
        if field.kind == "unknown":
            self._unknown(column, field)
            return
        if field.path.endswith("terminology"):
            self._codes(column, field, known)
            return
        if field.kind == "list":
            self._list(column, field, known)
            return
        if field.required:
            column.addWidget(_heading(field))
        else:
            self.editors[field.path] = OptionalGroup(field, self._actions.set_group)
            column.addWidget(self.editors[field.path].widget)
        column.addWidget(self._faultLabel(field))
        if field.children:
            inner = _indented(column)
            if _is_limit(field):
                self._limit(inner, field, known)
            else:
                self._fill(inner, field.children, known)

    def _limit(self, column, field, known):
        """Add minimum, maximum and unit in one line, the source below it."""
        parts = {child.path.rpartition(".")[2]: child for child in field.children}
        row = qt.QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        for key, words in (("minimum", _("from")), ("maximum", _("to"))):
            row.addWidget(qt.QLabel(words))
            row.addWidget(self._editor(parts[key], known))
        unit = parts["unit"]
        if unit_of(field.path) == unit.value:
            row.addWidget(qt.QLabel(unit_words(unit.value)))
        else:
            row.addWidget(self._editor(unit, known))
        row.addStretch(1)
        column.addLayout(row)
        for key in ("minimum", "maximum", "unit"):
            column.addWidget(self._faultLabel(parts[key]))
        form = self._form(column)
        self._single(form, parts["source"], known)
        self.editors[parts["source"].path].setPlaceholder(_("paper, guideline, standard, or study decision with its reason"))
        self._fill(column, [child for key, child in parts.items() if key not in ("minimum", "maximum", "unit", "source")], known)

    def _list(self, column, field, known):
        head = qt.QHBoxLayout()
        head.setContentsMargins(0, 0, 0, 0)
        head.addWidget(_heading(field))
        adder = PressedAt(field.path, _("Add"), _("Add an entry to: {title}").format(title=field.title), self._actions.add)
        self.editors[field.path] = adder
        head.addWidget(adder.widget)
        head.addStretch(1)
        column.addLayout(head)
        column.addWidget(self._faultLabel(field))
        inner = _indented(column)
        for child in field.children:
            if child.kind == "group" and not _is_small(child):
                box = qt.QFrame()
                box.setFrameShape(qt.QFrame.StyledPanel)
                inside = qt.QVBoxLayout(box)
                inside.setContentsMargins(4, 4, 4, 4)
                self._fill(inside, child.children, known)
                inside.addWidget(self._faultLabel(child))
                inside.addWidget(self._remover(child).widget, 0, qt.Qt.AlignRight)
                inner.addWidget(box)
                continue
            row = qt.QHBoxLayout()
            row.setContentsMargins(0, 0, 0, 0)
            single = child.children if child.kind == "group" else (child,)
            for one in single:
                row.addWidget(self._editor(one, known), 1 if one.kind == "text" else 0)
            row.addWidget(self._remover(child).widget)
            if not any(one.kind in ("text", "choice") for one in single):
                row.addStretch(1)
            inner.addLayout(row)
            for one in {part.path: part for part in (child, *single)}.values():
                inner.addWidget(self._faultLabel(one))

    def _unknown(self, column, field):
        row = qt.QHBoxLayout()
        row.addWidget(qt.QLabel(_("{title}: {doc}").format(title=field.title, doc=field.doc)), 1)
        row.addWidget(self._remover(field).widget)
        column.addLayout(row)
        column.addWidget(self._faultLabel(field))

    def _codes(self, column, field, known):
        by_hand = field.path in self._by_hand
        codes = CodesField(field, self._actions, by_hand, self.onByHand)
        self.editors[field.path] = codes
        column.addWidget(codes.block)
        column.addWidget(self._faultLabel(field))
        if by_hand:
            self._fill(_indented(column), field.children, known)
        else:
            # What is wrong in a code is said although its line is not shown.
            for one in field.walk():
                if one is not field:
                    column.addWidget(self._faultLabel(one))

    def onByHand(self, path, wanted):
        (self._by_hand.add if wanted else self._by_hand.discard)(path)
        self._actions.refresh()

    def _remover(self, field):
        button = PressedAt(field.path, "✕", _("Remove {title}").format(title=field.title), self._actions.remove)
        side = qt.QFontMetrics(button.widget.font).height() + 8
        button.widget.setMaximumWidth(side + 4)
        self.editors[f"{field.path} remove"] = button
        return button

    def _editor(self, field, known):
        if field.kind == "switch":
            editor = SwitchField(field, self._actions.set_value)
        elif field.kind == "choice":
            editor = ChoiceField(field, self._actions.set_value)
        else:
            editor = TextField(field, known.get(field.path, ()), self._actions.set_value)
        self.editors[field.path] = editor
        return editor.widget

    def _faultLabel(self, field):
        label = qt.QLabel()
        label.setWordWrap(True)
        label.setStyleSheet(_FAULT_STYLE)
        # It quotes what was typed, such as <5.
        label.setTextFormat(qt.Qt.PlainText)
        label.setVisible(False)
        self._fault_labels[field.path] = label
        return label


def _heading(field):
    label = qt.QLabel(_("{title}:").format(title=field.title))
    label.setToolTip(field.doc)
    return label


def _indented(column):
    frame = qt.QWidget()
    inner = qt.QVBoxLayout(frame)
    inner.setContentsMargins(_INDENT, 0, 0, 4)
    inner.setSpacing(4)
    column.addWidget(frame)
    return inner


def _is_limit(field):
    return {"minimum", "maximum", "unit", "source"} <= {child.path.rpartition(".")[2] for child in field.children}


def _is_small(field):
    return len(field.children) <= 2 and all(child.kind in ("text", "number", "whole_number") for child in field.children)


def _shape(fields):
    """Return what has to be the same for the same widgets to do."""
    return tuple(
        (one.path, one.kind, one.kind not in _SINGLE and one.given, one.required, one.unit)
        for field in fields
        for one in field.walk()
    )
