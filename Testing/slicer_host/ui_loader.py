"""Stand-in for Slicer's QUiLoader: builds the stand-in widgets, and makes the scene connections that a .ui file asks for."""

import xml.etree.ElementTree as ET

from PySide6 import QtUiTools
from PySide6.QtCore import QObject

from slicer_host import ctk_widgets, mrml_widgets
from slicer_host.strict_qt import loading_ui

SCENE_SIGNAL, SCENE_SLOT = "mrmlSceneChanged(vtkMRMLScene*)", "setMRMLScene(vtkMRMLScene*)"


class QUiLoader(QtUiTools.QUiLoader):
    def createWidget(self, class_name, parent=None, name=""):
        # An exception here would end in PySide6, which drops it.
        try:
            return self._build(class_name, parent, name)
        except Exception as error:  # noqa: BLE001 - raised again by load()
            self._errors.append(error)
            return None

    def _build(self, class_name, parent, name):
        stand_in = ctk_widgets.WIDGETS.get(class_name) or mrml_widgets.WIDGETS.get(class_name)
        if stand_in is None:
            if not class_name.startswith("Q"):
                raise ValueError(f"{name}: the test host has no stand-in for {class_name}.")
            return QtUiTools.QUiLoader.createWidget(self, class_name, parent, name)
        widget = stand_in(parent)
        widget.setObjectName(name)
        self._kept.append(widget)
        return widget

    def load(self, file, *parent):
        # A Python object that only C++ holds loses its Python half, and the process with it.
        vars(self).update(_kept=[], _errors=[])
        with loading_ui():
            root = QtUiTools.QUiLoader.load(self, file, *parent)
        if self._errors:
            raise self._errors[0]
        if root is not None:
            _connect_scene(root, ET.parse(file.fileName()).getroot())  # noqa: S314 - a file of this repository
        return root


def _connect_scene(root, ui):
    widgets = {child.objectName: child for child in [root, *root.findChildren(QObject)]}
    for connection in ui.iter("connection"):
        sender, receiver = widgets[connection.findtext("sender")], widgets[connection.findtext("receiver")]
        signal, slot = connection.findtext("signal"), connection.findtext("slot")
        if signal == SCENE_SIGNAL and slot == SCENE_SLOT:
            sender.connect(signal, receiver.setMRMLScene)
