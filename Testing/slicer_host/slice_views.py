# ruff: noqa: N801 - the names are Slicer's
"""Two slice views, drawn by Slicer's own displayable managers into images, and the layout manager that knows them."""

import numpy as np
import slicer
import vtk
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QImage, QPixmap
from PySide6.QtWidgets import QApplication, QWidget

from slicer_host.stand_in import Observations, stand_in

VIEWS = (("Red", "Axial"), ("Green", "Coronal"))
MANAGERS = (
    "vtkMRMLSegmentationsDisplayableManager2D",
    "vtkMRMLCrosshairDisplayableManager",
    "vtkMRMLMarkupsDisplayableManager",
    # Window/level by dragging.
    "vtkMRMLScalarBarDisplayableManager",
)


_BUTTONS = {Qt.LeftButton: "Left", Qt.MiddleButton: "Middle", Qt.RightButton: "Right"}


def _factory(application_logic):
    factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance()
    factory.SetMRMLApplicationLogic(application_logic)
    for name in MANAGERS:
        if hasattr(slicer, name) and not factory.IsDisplayableManagerRegistered(name):
            factory.RegisterDisplayableManager(name)
    return factory


class _Drawing:
    """The renderer of one slice view."""

    def __init__(self, host, name, orientation):
        scene = host.scene
        self.logic = slicer.vtkMRMLSliceLogic()
        self.logic.SetMRMLApplicationLogic(host.logic)
        self.logic.SetMRMLScene(scene)
        self.logic.AddSliceNode(name)
        self.logic.GetSliceNode().SetOrientation(orientation)
        # As Slicer's layout manager says of the views that it shows.
        self.logic.GetSliceNode().SetMappedInLayout(1)
        host.logic.GetSliceLogics().AddItem(self.logic)
        self.image_renderer = vtk.vtkRenderer()
        self.renderer = vtk.vtkRenderer()
        self.renderer.SetLayer(1)
        # The mouse belongs to the renderer of the displayable managers.
        self.image_renderer.SetInteractive(0)
        self.window = vtk.vtkRenderWindow()
        self.window.SetNumberOfLayers(2)
        self.window.SetOffScreenRendering(1)
        self.window.AddRenderer(self.image_renderer)
        self.window.AddRenderer(self.renderer)
        # The managers fail without an interactor and its style; X is not asked for one.
        self.interactor = vtk.vtkGenericRenderWindowInteractor()
        self.interactor.SetRenderWindow(self.window)
        self.interactor.SetInteractorStyle(vtk.vtkInteractorStyleUser())
        mapper = vtk.vtkImageMapper()
        # The slice logic delivers colours, 0 to 255.
        mapper.SetColorWindow(255)
        mapper.SetColorLevel(127.5)
        actor = vtk.vtkActor2D()
        actor.SetMapper(mapper)
        self.actor, self.mapper = actor, mapper
        self.image_renderer.AddViewProp(actor)
        self.managers = slicer.vtkMRMLDisplayableManagerGroup()
        self.managers.SetRenderer(self.renderer)
        self.managers.Initialize(_factory(host.logic), self.renderer)
        self.managers.SetMRMLDisplayableNode(self.logic.GetSliceNode())
        self.style = slicer.vtkMRMLSliceViewInteractorStyle()
        self.style.SetSliceLogic(self.logic)
        self.style.SetDisplayableManagers(self.managers)
        self.style.SetInteractor(self.interactor)

    def pixels(self, width, height):
        """Return the picture as an array of shape (height, width, 3), first row on top."""
        node = self.logic.GetSliceNode()
        if tuple(node.GetDimensions()[:2]) != (width, height):
            self.logic.ResizeSliceNode(width, height)
        self.window.SetSize(width, height)
        self.interactor.SetSize(width, height)
        # It changes with the layers, and is None without one.
        source = self.logic.GetImageDataConnection()
        self.actor.SetVisibility(source is not None)
        self.mapper.SetInputConnection(source)
        self.window.Render()
        grab = vtk.vtkWindowToImageFilter()
        grab.SetInput(self.window)
        grab.ReadFrontBufferOff()
        grab.Update()
        image = grab.GetOutput()
        columns, rows, _ = image.GetDimensions()
        return np.asarray(image.GetPointData().GetScalars()).reshape(rows, columns, 3)[::-1].copy()

    def close(self):
        self.managers.SetMRMLDisplayableNode(None)
        self.logic.SetMRMLScene(None)
        self.window.Finalize()


@stand_in()
class qMRMLSliceView(QWidget):
    """The picture of a slice view; the wheel scrolls through the slices."""

    resized = Signal(int, int)

    def __init__(self, drawing, name, *parent):
        QWidget.__init__(self, *parent)
        self._drawing, self._name = drawing, name
        self._picture = None
        self._waiting = QTimer(self)
        self._waiting.setSingleShot(True)
        self._waiting.setInterval(0)
        self._waiting.connect("timeout()", self._draw)
        self._observations = Observations(self)
        self.setMouseTracking(True)
        logic = drawing.logic
        for caller, event in (
            (logic, "ModifiedEvent"),
            (logic.GetSliceNode(), "ModifiedEvent"),
            (logic.GetSliceCompositeNode(), "ModifiedEvent"),
            (drawing.managers, "UpdateEvent"),
        ):
            self._observations.add(caller, event, "_draw_soon")

    def _draw_soon(self):
        # Where nobody looks, a picture is drawn when one is asked for.
        if QApplication.platformName() != "offscreen" and not self._waiting.active:
            self._waiting.start()

    def _draw(self):
        size = QWidget.size(self)
        if size.width() < 8 or size.height() < 8:
            return
        pixels = self._drawing.pixels(size.width(), size.height())
        rows, columns, _ = pixels.shape
        image = QImage(pixels.tobytes(), columns, rows, 3 * columns, QImage.Format_RGB888)
        self._picture = QPixmap.fromImage(image.copy())
        QWidget.update(self)

    def mrmlSliceNode(self):
        return self._drawing.logic.GetSliceNode()

    def renderWindow(self):
        return self._drawing.window

    def scheduleRender(self):
        self._draw_soon()

    def forceRender(self):
        self._draw()

    def paintEvent(self, _event):
        from PySide6.QtGui import QPainter

        painter = QPainter(self)
        painter.fillRect(QWidget.rect(self), Qt.black)
        if self._picture is not None:
            painter.drawPixmap(0, 0, self._picture)
        painter.setPen(Qt.white)
        painter.drawText(8, QWidget.height(self) - 8, self._name)
        painter.end()

    def resizeEvent(self, event):
        self._draw_soon()
        QWidget.resizeEvent(self, event)

    def _tell(self, event, vtk_event, wheel=False):
        """Hand a mouse event of Qt to VTK, whose lines count from below, and so to Slicer's displayable managers."""
        position = event.position()
        interactor = self._drawing.interactor
        held = event.modifiers()
        interactor.SetEventInformation(
            int(position.x()),
            QWidget.height(self) - 1 - int(position.y()),
            int(bool(held & Qt.ControlModifier)),
            int(bool(held & Qt.ShiftModifier)),
        )
        interactor.InvokeEvent(vtk_event)
        if not wheel:
            event.accept()

    def mousePressEvent(self, event):
        if event.button() in _BUTTONS:
            self._tell(event, f"{_BUTTONS[event.button()]}ButtonPressEvent")

    def mouseReleaseEvent(self, event):
        if event.button() in _BUTTONS:
            self._tell(event, f"{_BUTTONS[event.button()]}ButtonReleaseEvent")

    def mouseMoveEvent(self, event):
        self._tell(event, "MouseMoveEvent")

    def wheelEvent(self, event):
        self._tell(event, "MouseWheelForwardEvent" if event.angleDelta().y() > 0 else "MouseWheelBackwardEvent", wheel=True)

    def enterEvent(self, event):
        self._tell(event, "EnterEvent")

    def interactor(self):
        return self._drawing.interactor


@stand_in()
class qMRMLSliceWidget(QWidget):
    def __init__(self, host, name, orientation, *parent):
        from PySide6.QtWidgets import QVBoxLayout

        QWidget.__init__(self, *parent)
        self._drawing = _Drawing(host, name, orientation)
        self._view = qMRMLSliceView(self._drawing, name, self)
        self.setObjectName(f"qMRMLSliceWidget{name}")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._view)

    def sliceView(self):
        return self._view

    def sliceLogic(self):
        return self._drawing.logic

    def mrmlSliceNode(self):
        return self._drawing.logic.GetSliceNode()

    def mrmlSliceCompositeNode(self):
        return self._drawing.logic.GetSliceCompositeNode()

    def fitSliceToBackground(self):
        self._drawing.logic.FitSliceToBackground()

    def _close(self):
        self._drawing.close()


class LayoutManager:
    """Stand-in for slicer.app.layoutManager(), with the two slice views of every layout."""

    def __init__(self, host):
        self._host = host
        slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(host.scene, True)
        self._widgets = {name: qMRMLSliceWidget(host, name, orientation) for name, orientation in VIEWS}
        for widget in self._widgets.values():
            host.window.addView(widget)
        self.layout = slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView
        self.threeDViewCount = 0
        self.tableViewCount = self.plotViewCount = 0

    def setLayout(self, layout):
        self.layout = layout

    def sliceViewNames(self):
        return tuple(self._widgets)

    def sliceWidget(self, name):
        return self._widgets.get(name)

    def mrmlSliceLogics(self):
        return self._host.logic.GetSliceLogics()

    def threeDWidget(self, _index):
        return None

    def resetSliceViews(self):
        for widget in self._widgets.values():
            widget.fitSliceToBackground()

    def resetThreeDViews(self):
        pass

    def render(self):
        """Draw every view now."""
        for widget in self._widgets.values():
            widget.sliceView().forceRender()

    def close(self):
        for widget in self._widgets.values():
            widget._close()
        self._host.logic.GetSliceLogics().RemoveAllItems()
