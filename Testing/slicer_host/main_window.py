# ruff: noqa: N801, N815 - the names are Slicer's
"""Stand-in for Slicer's main window: the module's column on the left, two slice views beside it, a status bar below."""

import slicer
from PySide6.QtCore import Property, Qt, Signal
from PySide6.QtWidgets import QDockWidget, QMainWindow, QScrollArea, QSplitter, QStackedWidget, QToolBar, QWidget

from slicer_host.stand_in import signals, stand_in

WIDTH, HEIGHT = 1600, 1000
PANEL_WIDTH = 440


@stand_in()
class qSlicerModuleSelectorToolBar(QToolBar):
    moduleSelected = Signal(str)
    SIGNALS = signals("moduleSelected(QString)")
    selectedModule = Property(str, lambda self: self._selected)

    def __init__(self, *parent):
        QToolBar.__init__(self, *parent)
        self._selected = ""
        self.setObjectName("ModuleSelectorToolBar")

    def selectModule(self, name):
        if name == self._selected:
            return
        manager = slicer.app.moduleManager()
        if not manager.isLoaded(name):
            raise RuntimeError(f"There is no module {name!r} in the test host.")
        before = manager.module(self._selected)
        if before is not None and hasattr(before.widgetRepresentation(), "exit"):
            before.widgetRepresentation().exit()
        vars(self)["_selected"] = name
        slicer.util.mainWindow().showModule(manager.module(name).widgetRepresentation())
        if hasattr(manager.module(name).widgetRepresentation(), "enter"):
            manager.module(name).widgetRepresentation().enter()
        self.moduleSelected.emit(name)


@stand_in()
class qSlicerMainWindow(QMainWindow):
    def __init__(self, *parent):
        QMainWindow.__init__(self, *parent)
        self.setObjectName("qSlicerMainWindow")
        self.setWindowTitle("SegQC test host")
        self.resize(WIDTH, HEIGHT)
        self._selector = qSlicerModuleSelectorToolBar(self)
        self._stack = QStackedWidget()
        # As Slicer's module panel: scrolls up and down, and never sideways.
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarAlwaysOff)
        scroll.setWidget(self._stack)
        self._scroll = scroll
        dock = QDockWidget("SegQC", self)
        dock.setObjectName("PanelDockWidget")
        dock.setWidget(scroll)
        self.addDockWidget(Qt.LeftDockWidgetArea, dock)
        self._views = QSplitter(Qt.Vertical)
        self.setCentralWidget(self._views)
        self._dock = dock
        self.resizeDocks([dock], [PANEL_WIDTH], Qt.Horizontal)
        self.statusBar()

    def moduleSelector(self):
        return self._selector

    def showModule(self, widget):
        if widget is None:
            widget = QWidget()
        if self._stack.indexOf(widget) < 0:
            self._stack.addWidget(widget)
        self._stack.setCurrentWidget(widget)

    def addView(self, widget):
        self._views.addWidget(widget)

    def setPanelWidth(self, width):
        """Make the module's column that wide, in pixels."""
        self.resizeDocks([self._dock], [width], Qt.Horizontal)
