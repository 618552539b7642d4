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


def stand_in(kind):
    """Mark a class as a stand-in: as strict as a class of Qt, and with setX() for each property."""
    kind.STANDS_IN = True
    for name, value in list(vars(kind).items()):
        setter = "set" + name[0].upper() + name[1:]
        if isinstance(value, QtCore.Property) and value.fset is not None and setter not in vars(kind):
            setattr(kind, setter, _setter(setter, value.fset))
    return kind


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

    def clear(self):
        for caller, tag in self._tags:
            caller.RemoveObserver(tag)
        self._tags = []
