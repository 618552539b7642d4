"""The test host: one opened Slicer-like application, from a new scene to the removal of every trace."""

import contextlib
import sys
import tempfile
import time
import types
from pathlib import Path

import slicer
import slicer.util
import vtk
from PySide6.QtCore import QEvent, Qt, qInstallMessageHandler
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QApplication, QWidget

from slicer_host import counting, ctk_widgets, dialogs, mrml_widgets, strict_qt
from slicer_host.application import application, settings_class
from slicer_host.dicom_database import ctkDICOMDatabase
from slicer_host.main_window import qSlicerMainWindow
from slicer_host.modules import CoreModule, Modules, qSlicerScriptedLoadableModule, qSlicerScriptedLoadableModuleWidget
from slicer_host.qt_module import qt_module
from slicer_host.segment_editor import SegmentEditorModule, qMRMLSegmentEditorWidget
from slicer_host.slice_views import LayoutManager

REPOSITORY = Path(__file__).parents[2]
# A test module that was imported before keeps its SegQCLib; a Reload in the host must not take it away.
OWN_PACKAGES = ("SegQCLib", "SegQCModule")
LOGICS = {
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
    "Volumes": "vtkSlicerVolumesLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
    "Tables": "vtkSlicerTablesLogic",
    "Plots": "vtkSlicerPlotsLogic",
    "Markups": "vtkSlicerMarkupsLogic",
}


class Host:
    """An open host. `scene`, `window` (None without main window), `modules`, `errors`, `displays`, `answers`."""

    def __init__(self, main_window, testing, work, font_scale):
        self.testing = testing
        self.app = application()
        self._font_before = QApplication.font()
        font = QApplication.font()
        font.setPointSizeF(font.pointSizeF() * font_scale)
        QApplication.setFont(font)
        self.work = Path(work)
        self.settings_class = settings_class(self.work / "Slicer.ini")
        self._before = {}
        # A module that left something behind spoils its own test, not the following ones.
        self._held_before = counting.held()
        self.window = self.layout_manager = None
        self.app.serve(self)
        self._install()
        self._new_scene()
        if main_window:
            self.window = qSlicerMainWindow()
            self.window.show()
            self.layout_manager = LayoutManager(self)
        dialogs.shown.clear()
        dialogs.answers.clear()
        strict_qt.slot_errors.clear()
        self.process_events()

    # --- what tests read and set

    @property
    def displays(self):
        """Return (kind, text) of every message, question and opened address since the host was opened."""
        return dialogs.shown

    @property
    def answers(self):
        """The queue from which the next questions and file dialogues are answered."""
        return dialogs.answers

    @property
    def errors(self):
        """Return the tracebacks of all exceptions in slots, VTK observers and event filters."""
        return strict_qt.slot_errors

    def held(self):
        """Count the callbacks, timers, shortcuts and event filters that the module holds (a Counter; see counting.held)."""
        self.process_events()
        return counting.held() - self._held_before

    # --- what tests do

    def open(self, name="SegQCModule", path=None):
        """Load a scripted module, select it, and return its Python widget (as getModuleWidget does)."""
        if not hasattr(self.modules, name.lower()):
            module = qSlicerScriptedLoadableModule(self, name, path or REPOSITORY / name / f"{name}.py")
            self.modules.add(module)
            module.load()
        module = getattr(self.modules, name.lower())
        if self.window is not None:
            self.window.moduleSelector().selectModule(name)
        else:
            module.widgetRepresentation().enter()
        self.process_events()
        return module.widgetRepresentation().self()

    def unload(self, name="SegQCModule"):
        """Let a module go, as Slicer does at its end: cleanup, and its widget is deleted."""
        module = self.modules.manager.module(name)
        shown = self.window is not None and self.window.moduleSelector().selectedModule == name
        if shown and module.isBuilt():
            self.window.moduleSelector().selectModule("SegmentEditor")
        self.modules.manager.moduleAboutToBeUnloaded.emit(name)
        self.modules.remove(module)
        for attribute in (f"{name}Widget", f"{name}Instance"):
            if hasattr(self.modules, attribute):
                delattr(self.modules, attribute)
        module.unload()
        self.process_events()

    def process_events(self):
        self.app.settle()

    def wait_until(self, condition, seconds=30):
        """Process events until `condition()` is true; what runs beside the window needs them."""
        ends = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > ends:
                raise AssertionError(f"It did not come about within {seconds} s.")
            self.process_events()
            time.sleep(0.005)

    def click(self, button):
        """Click a button as the mouse would: a hidden or disabled one is a mistake of the test."""
        if not (button.enabled and button.isVisible()):
            raise AssertionError(f"The button {button.name!r} ({button.text}) cannot be clicked: hidden or disabled.")
        button.click()
        self.process_events()

    def drag(self, widget, start, end, button=Qt.LeftButton, steps=5):
        """Press a mouse button at `start` (x, y in the widget's pixels), move to `end` in steps, and release."""
        from PySide6.QtCore import QPointF
        from PySide6.QtGui import QMouseEvent

        def send(kind, share, pressed):
            place = QPointF(*(round(a + share * (b - a)) for a, b in zip(start, end, strict=True)))
            which = button if kind != QEvent.MouseMove else Qt.NoButton
            event = QMouseEvent(kind, place, widget.mapToGlobal(place), which, pressed, Qt.NoModifier)
            QApplication.sendEvent(widget, event)

        send(QEvent.MouseMove, 0, Qt.NoButton)
        send(QEvent.MouseButtonPress, 0, button)
        for step in range(1, steps + 1):
            send(QEvent.MouseMove, step / steps, button)
        send(QEvent.MouseButtonRelease, 1, Qt.NoButton)
        self.process_events()

    def key(self, widget, keys):
        """Press keys such as "3" or "Ctrl+S" in a widget, with the shortcuts of its window."""
        from PySide6.QtGui import QKeyEvent

        for combination in [QKeySequence(keys)[index] for index in range(QKeySequence(keys).count())]:
            code, modifiers = combination.key(), combination.keyboardModifiers()
            text = keys if len(keys) == 1 else ""
            widget.setFocus()
            override = QKeyEvent(QEvent.ShortcutOverride, code, modifiers, text)
            override.ignore()
            QApplication.sendEvent(widget, override)
            if override.isAccepted() or not _activate_shortcut(widget, combination):
                for kind in (QEvent.KeyPress, QEvent.KeyRelease):
                    QApplication.sendEvent(widget, QKeyEvent(kind, code, modifiers, text))
        self.process_events()

    def screenshot(self, path):
        """Save a picture of the main window, slice views included."""
        self.process_events()
        if self.layout_manager is not None:
            self.layout_manager.render()
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        if not self.window.grab().save(str(path)):
            raise OSError(f"{path} could not be written.")

    def load_sample_case(self):
        """Load the sample CT with its segmentation, show them, and return (volume node, segmentation node)."""
        from SegQCLib.demo import demo_cases
        from SegQCLib.mrml.segmentation import add_segmentation
        from SegQCLib.mrml.volume import add_volume

        sample = demo_cases(print)[0]
        volume = add_volume(self.scene, sample.case.image, "CT")
        volume.CreateDefaultDisplayNodes()
        volume.GetDisplayNode().AutoWindowLevelOff()
        volume.GetDisplayNode().SetWindowLevel(350, 40)
        segmentation = add_segmentation(self.scene, sample.case.candidate, volume, sample.case.candidate.name)
        self.show(volume)
        return volume, segmentation

    def open_dicom(self, folder):
        """Open the DICOM database on the files of a folder."""
        self.dicom_database._index(folder)

    def show(self, volume):
        """Show a volume in the slice views, as large as they are."""
        if self.layout_manager is not None:
            self.process_events()
            self.layout_manager.render()
            slicer.util.setSliceViewerLayers(background=volume, fit=True)
            self.process_events()

    def paint(self, segmentation, segment_id, voxels, *, erase=False):
        """Edit a segment as a brush stroke of Slicer's Segment Editor does, by its own logic: undo state, events, status.

        `voxels` are (k, j, i) of the segmentation's reference volume.
        """
        editor = self.modules.segmenteditor.widgetRepresentation().self().editor
        editor.setSegmentationNode(segmentation)
        editor.setSourceVolumeNode(segmentation.GetNodeReference(segmentation.GetReferenceImageGeometryReferenceRole()))
        editor.setCurrentSegmentID(segment_id)
        editor._paint(voxels, not erase)
        self.process_events()

    def run_self_tests(self, name="SegQCModule"):
        """Run the module's own tests as Slicer's runner does, and return unittest's result."""
        import unittest

        self.open(name)
        suite = unittest.defaultTestLoader.loadTestsFromTestCase(getattr(sys.modules[name], name + "Test"))
        return unittest.TextTestRunner(stream=sys.stderr, verbosity=0).run(suite)

    # --- opening and closing

    def _set(self, name, value):
        self._before.setdefault(name, vars(slicer).get(name, _MISSING))
        setattr(slicer, name, value)

    def _install(self):
        self._modules_before = dict(sys.modules)
        self._path_before = list(sys.path)
        for name in list(sys.modules):
            if name.partition(".")[0] in ("SegQCModule", "qt", "ctk") or name.startswith("SegQCLib.panels"):
                del sys.modules[name]
        self._messages_before = qInstallMessageHandler(_qt_message)
        self._hook_before = sys.excepthook
        sys.excepthook = _remember_exception
        sys.modules["qt"] = qt_module(self.settings_class)
        ctk = types.ModuleType("ctk")
        vars(ctk).update(ctk_widgets.WIDGETS)
        sys.modules["ctk"] = ctk
        self._set("app", self.app)
        for name, widget in mrml_widgets.WIDGETS.items():
            self._set(name, widget)
        self._set("qMRMLSegmentEditorWidget", qMRMLSegmentEditorWidget)
        self._set("qSlicerScriptedLoadableModule", qSlicerScriptedLoadableModule)
        self._set("qSlicerScriptedLoadableModuleWidget", qSlicerScriptedLoadableModuleWidget)
        for name in ("i18n", "ScriptedLoadableModule", "parameterNodeWrapper", "testing"):
            self._set(name, _submodule(name))

    def _new_scene(self):
        self.scene = slicer.vtkMRMLScene()
        self._set("mrmlScene", self.scene)
        self.modules = Modules()
        self._set("modules", self.modules)
        self.logic = slicer.vtkSlicerApplicationLogic()
        self.logic.SetMRMLScene(self.scene)
        colors = self.logic.GetColorLogic()
        colors.SetMRMLScene(self.scene)
        colors.AddDefaultColorNodes()
        self.logic.SetModuleLogic("Colors", colors)
        self.logic.SetSliceLogics(vtk.vtkCollection())
        self.logic.SetViewLogics(vtk.vtkCollection())
        self.logics = {}
        for name, kind in LOGICS.items():
            logic = getattr(slicer, kind)()
            logic.SetMRMLApplicationLogic(self.logic)
            logic.SetMRMLScene(self.scene)
            self.logic.SetModuleLogic(name, logic)
            self.logics[name] = logic
            self.modules.add(CoreModule(name, logic))
        # Without the scene: with it, the logic looks for Slicer's terminology files, which slicer-core does not bring.
        self.modules.add(CoreModule("Terminologies", slicer.vtkSlicerTerminologiesModuleLogic()))
        self.modules.add(SegmentEditorModule(self))
        self.dicom_database = ctkDICOMDatabase()
        self._set("dicomDatabase", self.dicom_database)

    def close(self):
        for name in self.modules.manager.modulesNames():
            if isinstance(self.modules.manager.module(name), qSlicerScriptedLoadableModule):
                self.unload(name)
        self.modules.segmenteditor.close()
        if self.window is not None:
            self.layout_manager.close()
            self.window.close()
            self.window.deleteLater()
        self.window = self.layout_manager = None
        self.process_events()
        self.scene.Clear(1)
        counting.forget_all()
        self.app.serve(None)
        QApplication.setFont(self._font_before)
        strict_qt.disconnect_all(self.app)
        for name, value in self._before.items():
            if value is _MISSING:
                delattr(slicer, name)
            else:
                setattr(slicer, name, value)
        if hasattr(slicer, "selfTests"):
            del slicer.selfTests
        sys.excepthook = self._hook_before
        qInstallMessageHandler(self._messages_before)
        sys.path[:] = self._path_before
        for name in list(sys.modules):
            if name.partition(".")[0] in (*OWN_PACKAGES, "qt", "ctk") or name.startswith(_SUBMODULES):
                if name in self._modules_before:
                    sys.modules[name] = self._modules_before[name]
                else:
                    del sys.modules[name]
        for name, module in self._modules_before.items():
            if name.partition(".")[0] in OWN_PACKAGES:
                sys.modules[name] = module


_MISSING = object()
_SUBMODULES = ("slicer.i18n", "slicer.ScriptedLoadableModule", "slicer.parameterNodeWrapper", "slicer.testing")


def _submodule(name):
    """Install slicer.<name>, freshly run, because it must see this host's qt and ctk."""
    import importlib

    own = {"ScriptedLoadableModule": "scripted_module", "parameterNodeWrapper": "parameter_node"}.get(name, name)
    sys.modules.pop(f"slicer_host.{own}", None)
    module = importlib.import_module(f"slicer_host.{own}")
    sys.modules[f"slicer.{name}"] = module
    return module


def _remember_exception(kind, value, trace):
    """VTK hands what an observer raised to this hook, and Slicer prints it and goes on."""
    import traceback

    strict_qt.slot_errors.append("".join(traceback.format_exception(kind, value, trace)))
    sys.stderr.write(strict_qt.slot_errors[-1])


def _qt_message(_kind, context, text):
    """Pass Qt's messages on, without two: ui_loader makes the connections that Qt cannot, and offscreen windows have no hints."""
    if "mrmlSceneChanged" in text or (context.category == "qt.core.qobject.connect" and "name:" in text):
        return
    if "propagateSizeHints" not in text:
        sys.stderr.write(f"Qt: {text}\n")


def _activate_shortcut(widget, combination):
    """Trigger the enabled shortcut of the widget's window that has these keys, as Qt would with the window in front."""
    from PySide6.QtGui import QAction, QShortcut

    window = widget.window()
    keys = QKeySequence(combination)
    for shortcut in window.findChildren(QShortcut):
        reach = shortcut.context
        owner = shortcut.parent()
        near = (
            reach in (Qt.WindowShortcut, Qt.ApplicationShortcut)
            or owner is widget
            or (reach == Qt.WidgetWithChildrenShortcut and isinstance(owner, QWidget) and owner.isAncestorOf(widget))
        )
        sequences = shortcut.keys()
        # Qt asks the owner whether it can be seen.
        if shortcut.enabled and near and owner.isVisible() and keys in sequences:
            shortcut.activated.emit()
            return True
    for action in window.findChildren(QAction):
        if action.enabled and keys in action.shortcuts():
            action.trigger()
            return True
    return False


@contextlib.contextmanager
def a_host(main_window=True, testing=False, allow_errors=False, font_scale=1.0):
    """Open a host for a `with` block.

    Parameters
    ----------
    main_window : bool
        False is Slicer's --no-main-window: slicer.util.mainWindow() and slicer.app.layoutManager() are None.
    testing : bool
        Slicer's --testing: messages are only logged.
    allow_errors : bool
        Without it, an exception in a slot or observer fails the test at the end of the block.
    font_scale : float
        1.25 is a reader's 125 % setting.
    """
    with tempfile.TemporaryDirectory(prefix="slicer-host-") as work:
        host = Host(main_window, testing, work, font_scale)
        try:
            yield host
            host.process_events()
            if host.errors and not allow_errors:
                raise AssertionError("Exceptions in slots or observers:\n" + "\n".join(host.errors))
        finally:
            host.close()
