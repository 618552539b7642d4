"""The flat module `qt` of Slicer: QtCore, QtGui, QtWidgets and QtUiTools under one name."""

import types

from slicer_host import strict_qt
from slicer_host.dialogs import DIALOGS
from slicer_host.ui_loader import QUiLoader

# In PySide6, and unknown to PythonQt.
ABSENT = {"ClassInfo", "QAccessible", "QEnum", "QFlag"}


class _Qt(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith("__") or name in ABSENT:
            raise AttributeError(f"module 'qt' has no attribute {name!r}")
        for module in strict_qt.MODULES:
            if name in dir(module):
                found = getattr(module, name)
                setattr(self, name, found)
                return found
        raise AttributeError(f"module 'qt' has no attribute {name!r}")


def qt_module(settings_class):
    """Return a module that can stand in for `qt`; settings_class is its QSettings."""
    strict_qt.make_strict()
    module = _Qt("qt")
    module.QUiLoader = QUiLoader
    module.QSettings = settings_class
    for name, value in DIALOGS.items():
        setattr(module, name, value)
    return module
