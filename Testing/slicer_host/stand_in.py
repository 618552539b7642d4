"""How a stand-in for one of Slicer's widget classes is written: properties with setters, and signals by their C++ signature."""

import weakref

import shiboken6
from PySide6 import QtCore


def setting(kind, name, default, changed=None):
    """Return a Qt property kept in the Python object; `changed` is the name of a method that is called after a change."""
    key = f"_{name}"

    def read(self):
        return vars(self).get(key, default)

    def write(self, value):
        if vars(self).get(key, default) != value:
            vars(self)[key] = value
            if changed is not None:
                getattr(self, changed)()

    return QtCore.Property(kind, read, write)


def signals(*signatures, **other_names):
    """Return each signal's C++ signature with the name of the Python signal; by itself the part before the bracket."""
    return {signature: signature.partition("(")[0] for signature in signatures} | other_names


def stand_in(*slots):
    """Return the decorator of a stand-in, which makes it as strict as a class of Qt.

    `slots` are the setX that Slicer's class has; of CTK's and qMRML's properties most can be assigned only.
    """

    def mark(kind):
        kind.STANDS_IN = True
        for slot in slots:
            name = slot[3].lower() + slot[4:]
            setattr(kind, slot, _setter(slot, vars(kind)[name].fset))
        return kind

    return mark


def _setter(name, write):
    def set_property(self, value):
        write(self, value)

    set_property.__name__ = name
    return set_property


class Observations:
    """VTK observers of a widget; they end with the widget and do not keep it alive."""

    def __init__(self, widget):
        self._widget = weakref.ref(widget)
        self._tags = []
        QtCore.QObject.connect(widget, QtCore.SIGNAL("destroyed()"), self.clear)

    def add(self, caller, event, method_name):
        owner = self._widget

        def call(_caller, _event):
            widget = owner()
            if widget is not None and shiboken6.isValid(widget):
                getattr(widget, method_name)()

        self._tags.append((caller, caller.AddObserver(event, call)))

    def remove(self, caller):
        for tag in [tag for known, tag in self._tags if known is caller]:
            caller.RemoveObserver(tag)
        self._tags = [(known, tag) for known, tag in self._tags if known is not caller]

    def clear(self):
        for caller, tag in self._tags:
            caller.RemoveObserver(tag)
        self._tags = []
