# ruff: noqa: N801, N815 - the names are Slicer's
"""Stand-ins for slicer.modules: the scripted module under test, and Slicer's own modules as far as their logics go."""

import importlib.util
import sys
import types
from pathlib import Path

import slicer
from PySide6.QtCore import Property
from PySide6.QtWidgets import QVBoxLayout

from slicer_host.application import ModuleManager
from slicer_host.mrml_widgets import qSlicerWidget
from slicer_host.stand_in import stand_in
from slicer_host.strict_qt import disconnect_all


class qSlicerScriptedLoadableModule:
    """What a module's constructor gets as `parent`, and what slicer.modules.<name> is."""

    def __init__(self, host, name, path):
        self._host, self.name, self.path = host, name, str(path)
        self.title, self.categories, self.dependencies, self.contributors = name, [], [], []
        self.helpText = self.acknowledgementText = ""
        self.icon = None
        self.hidden = False
        self.widgetRepresentationCreationEnabled = True
        self._widget = None

    def load(self):
        source = run_file(self.name, self.path)
        self._instance = getattr(source, self.name)(self)

    def widgetRepresentation(self):
        if self._widget is None:
            self._widget = self.createNewWidgetRepresentation()
        return self._widget

    def createNewWidgetRepresentation(self):
        widget = qSlicerScriptedLoadableModuleWidget()
        widget.setLayout(QVBoxLayout())
        widget.name = self.name + "ModuleWidget"
        widget.build(self.name)
        return widget

    def logic(self):
        return None

    def self(self):
        return self._instance

    def isBuilt(self):
        return self._widget is not None

    def unload(self):
        if self._widget is not None:
            self._widget.deleteLater()
        # Slicer runs a module's file once; each run here would leave one behind.
        disconnect_all(slicer.app, self._instance)
        self._widget = self._instance = None


def run_file(name, path):
    """Run a module file as Slicer does at its start and at each Reload."""
    folder = str(Path(path).parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@stand_in()
class qSlicerScriptedLoadableModuleWidget(qSlicerWidget):
    """The widget of a scripted module, around the Python object that the module's ...Widget class makes."""

    isEntered = Property(bool, lambda self: self._entered)

    def __init__(self, *parent):
        qSlicerWidget.__init__(self, *parent)
        self._entered = False
        self._python = None
        self._module_name = ""

    def build(self, name):
        vars(self)["_module_name"] = name
        self.setMRMLScene(slicer.mrmlScene)
        kind = getattr(sys.modules[name], name + "Widget")
        vars(self)["_python"] = kind(self)
        setattr(slicer.modules, name + "Widget", self._python)
        self._python.setup()

    def reload(self):
        self.build(self._module_name)

    def self(self):
        return self._python

    def enter(self):
        vars(self)["_entered"] = True
        if hasattr(self._python, "enter"):
            self._python.enter()

    def exit(self):
        vars(self)["_entered"] = False
        if hasattr(self._python, "exit"):
            self._python.exit()


class CoreModule:
    """One of Slicer's own modules: a name and a logic."""

    def __init__(self, name, logic=None, widget=None):
        self.name = self.title = name
        self._logic, self._widget = logic, widget

    def logic(self):
        return self._logic

    def widgetRepresentation(self):
        return self._widget


class Modules(types.SimpleNamespace):
    """slicer.modules, with the list of modules by name."""

    def __init__(self):
        super().__init__()
        # Not an attribute that `vars` shows: slicer.modules has modules only.
        object.__setattr__(self, "manager", ModuleManager())

    def add(self, module):
        setattr(self, module.name.lower(), module)
        self.manager._modules[module.name] = module

    def remove(self, module):
        delattr(self, module.name.lower())
        del self.manager._modules[module.name]
