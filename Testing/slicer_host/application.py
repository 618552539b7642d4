# ruff: noqa: N815 - the names are Slicer's
"""Stand-in for slicer.app: Qt's application object with what Slicer adds to it. One for the whole process."""

import os
import sys
import tempfile

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
if os.environ["QT_QPA_PLATFORM"] == "offscreen":
    # Without it, letters are smaller than on any screen, and everything seems to fit.
    os.environ.setdefault("QT_FONT_DPI", "96")

from PySide6 import QtWidgets
from PySide6.QtCore import QCoreApplication, QEvent, QObject, QSettings, Signal

from slicer_host import file_io, strict_qt
from slicer_host.stand_in import signals, stand_in
from slicer_host.style import qSlicerStyle


@stand_in()
class ModuleManager(QObject):
    moduleAboutToBeUnloaded = Signal(str)
    moduleLoaded = Signal(str)
    SIGNALS = signals("moduleAboutToBeUnloaded(QString)", "moduleLoaded(QString)")

    def __init__(self):
        QObject.__init__(self)
        self._modules = {}

    def module(self, name):
        return self._modules.get(name)

    def modulesNames(self):
        return list(self._modules)

    def factoryManager(self):
        return self

    def loadedModuleNames(self):
        return list(self._modules)

    def isLoaded(self, name):
        return name in self._modules


@stand_in()
class SlicerApplication(QtWidgets.QApplication):
    startupCompleted = Signal()
    mrmlSceneChanged = Signal(object)
    SIGNALS = signals("startupCompleted()", "mrmlSceneChanged(vtkMRMLScene*)")

    def __init__(self):
        QtWidgets.QApplication.__init__(self, sys.argv[:1])
        self._host = None
        QCoreApplication.setApplicationName("SlicerHost")
        self.setQuitOnLastWindowClosed(False)
        self.setStyle(qSlicerStyle())

    def serve(self, host):
        """Belong to one host (None: to none) from now on."""
        vars(self)["_host"] = host

    def testingEnabled(self):
        return self._host.testing

    def moduleManager(self):
        return self._host.modules.manager

    def layoutManager(self):
        return self._host.layout_manager

    def applicationLogic(self):
        return self._host.logic

    def coreIOManager(self):
        return file_io.CoreIOManager(self._host)

    def ioManager(self):
        return file_io.CoreIOManager(self._host)

    def mrmlScene(self):
        return self._host.scene

    def settings(self):
        return self._host.settings_class()

    def userSettings(self):
        return self._host.settings_class()

    def commandOptions(self):
        raise AttributeError("The test host has no command options.")

    def translate(self, _context, text, *_more):
        return text

    def pauseRender(self):
        pass

    def resumeRender(self):
        pass

    def exit(self, code=0):
        raise SystemExit(code)

    def settle(self):
        """Deliver everything that waits, deletions too."""
        for _ in range(4):
            QCoreApplication.sendPostedEvents(None, QEvent.DeferredDelete)
            QCoreApplication.processEvents()


def _constants():
    return {
        "applicationVersion": "5.13.0",
        "majorVersion": 5,
        "minorVersion": 13,
        "revision": "0",
        "repositoryRevision": "0",
        "temporaryPath": tempfile.gettempdir(),
        "slicerHome": tempfile.gettempdir(),
        "slicerUserSettingsFilePath": "",
        "defaultScenePath": tempfile.gettempdir(),
    }


for _name, _value in _constants().items():
    setattr(SlicerApplication, _name, _value)


def application():
    """Return the application object of this process, made at the first call."""
    strict_qt.make_strict()
    running = QtWidgets.QApplication.instance()
    return running if running is not None else SlicerApplication()


def settings_class(path):
    """Return a QSettings that keeps everything in one file, so that no test reads or writes the user's."""

    class TemporarySettings(QSettings):
        STANDS_IN = True

        def __init__(self, *_organisation):
            QSettings.__init__(self, str(path), QSettings.IniFormat)

    TemporarySettings.__name__ = "QSettings"
    return TemporarySettings
