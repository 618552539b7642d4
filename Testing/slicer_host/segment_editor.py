# ruff: noqa: N801, N815 - the names are Slicer's
"""Stand-in for the Segment Editor's widget, on Slicer's real editor logic: what a module asks of it, and edits for tests."""

import numpy as np
import slicer
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from slicer_host.stand_in import setting, signals, stand_in


@stand_in("setMaximumNumberOfUndoStates", "setReadOnly")
class qMRMLSegmentEditorWidget(QWidget):
    currentSegmentIDChanged = Signal(str)
    segmentationNodeChanged = Signal(object)
    sourceVolumeNodeChanged = Signal(object)
    SIGNALS = signals(
        "currentSegmentIDChanged(QString)",
        **{
            "segmentationNodeChanged(vtkMRMLSegmentationNode*)": "segmentationNodeChanged",
            "sourceVolumeNodeChanged(vtkMRMLVolumeNode*)": "sourceVolumeNodeChanged",
        },
    )
    maximumNumberOfUndoStates = setting(int, "maximumNumberOfUndoStates", 10)
    readOnly = setting(bool, "readOnly", False)

    def __init__(self, *parent):
        QWidget.__init__(self, *parent)
        self._scene = None
        self._logic = slicer.vtkSlicerSegmentEditorLogic()
        self._node = None

    def setMRMLScene(self, scene):
        self._scene = scene
        self._logic.SetMRMLScene(scene)

    def mrmlScene(self):
        return self._scene

    def setMRMLSegmentEditorNode(self, node):
        self._node = node
        self._logic.SetSegmentEditorNode(node)

    def mrmlSegmentEditorNode(self):
        return self._node

    def segmentationNode(self):
        return None if self._node is None else self._node.GetSegmentationNode()

    def setSegmentationNode(self, node):
        if node is self.segmentationNode():
            return
        self._node.SetAndObserveSegmentationNode(node)
        if node is not None:
            if node.GetSegmentation().GetNumberOfSegments():
                self._node.SetSelectedSegmentID(node.GetSegmentation().GetNthSegmentID(0))
            self._logic.SetSourceRepresentationToBinaryLabelMap()
        self.segmentationNodeChanged.emit(node)

    def sourceVolumeNode(self):
        return None if self._node is None else self._node.GetSourceVolumeNode()

    def setSourceVolumeNode(self, node):
        self._node.SetAndObserveSourceVolumeNode(node)
        segmentation = self.segmentationNode()
        if segmentation is not None and node is not None:
            segmentation.SetReferenceImageGeometryParameterFromVolumeNode(node)
        self.sourceVolumeNodeChanged.emit(node)

    def currentSegmentID(self):
        return (self._node.GetSelectedSegmentID() or "") if self._node is not None else ""

    def setCurrentSegmentID(self, segment_id):
        self._node.SetSelectedSegmentID(segment_id)
        self.currentSegmentIDChanged.emit(segment_id)

    def activeEffect(self):
        return None

    def setActiveEffect(self, _effect):
        self._node.SetActiveEffectName("")

    def setActiveEffectByName(self, name):
        """Only the name is set: the effects themselves are part of the Slicer application."""
        self._node.SetActiveEffectName(name)

    def saveStateForUndo(self):
        self._logic.SaveStateForUndo()

    def undo(self):
        self._logic.Undo()

    def redo(self):
        self._logic.Redo()

    def installKeyboardShortcuts(self, *_parent):
        pass

    def uninstallKeyboardShortcuts(self):
        pass

    def setupViewObservations(self):
        pass

    def removeViewObservations(self):
        pass

    def updateWidgetFromMRML(self):
        pass

    def _paint(self, voxels, add):
        """Paint as an effect does: state for undo, modifier labelmap, modification."""
        segmentation = self.segmentationNode()
        self._logic.SaveStateForUndo()
        self._logic.UpdateReferenceGeometryImage()
        self._logic.ResetModifierLabelmapToDefault()
        modifier = self._logic.GetModifierLabelmap()
        low_i, _, low_j, _, low_k, _ = modifier.GetExtent()
        size = modifier.GetDimensions()
        array = np.asarray(modifier.GetPointData().GetScalars()).reshape(size[2], size[1], size[0])
        array[:] = 0
        for k, j, i in voxels:
            array[k - low_k, j - low_j, i - low_i] = 1
        modifier.GetPointData().GetScalars().Modified()
        modifier.Modified()
        mode = (
            slicer.vtkSlicerSegmentEditorLogic.ModificationModeAdd
            if add
            else slicer.vtkSlicerSegmentEditorLogic.ModificationModeRemove
        )
        self._logic.ModifySegmentByLabelmap(segmentation, self.currentSegmentID(), modifier, mode, False, False)


class SegmentEditorWidget:
    """What `slicer.modules.segmenteditor.widgetRepresentation().self()` is."""

    def __init__(self, host):
        self._host = host
        self.editor = qMRMLSegmentEditorWidget()
        self.parent = None
        self._connect()
        scene = host.scene
        self._tags = [
            scene.AddObserver(scene.StartCloseEvent, self._on_start_close),
            scene.AddObserver(scene.EndCloseEvent, self._on_end_close),
            scene.AddObserver(scene.EndImportEvent, self._on_end_close),
        ]

    def _connect(self):
        scene = self._host.scene
        node = scene.GetSingletonNode("SegmentEditor", "vtkMRMLSegmentEditorNode")
        if node is None:
            node = slicer.vtkMRMLSegmentEditorNode()
            node.SetSingletonTag("SegmentEditor")
            node = scene.AddNode(node)
        self.editor.setMRMLSegmentEditorNode(node)
        self.editor.setMRMLScene(scene)

    def _on_start_close(self, _caller, _event):
        self.editor.setSegmentationNode(None)

    def _on_end_close(self, _caller, _event):
        self._connect()

    def close(self):
        for tag in self._tags:
            self._host.scene.RemoveObserver(tag)


class SegmentEditorModule:
    """slicer.modules.segmenteditor; its widget is made at the first use, as in Slicer."""

    name = title = "SegmentEditor"

    def __init__(self, host):
        self._host = host
        self._python = None
        self._widget = None

    def widgetRepresentation(self):
        if self._python is None:
            self._python = SegmentEditorWidget(self._host)
            self._widget = _Representation(self._python)
        return self._widget

    def logic(self):
        return None

    def close(self):
        if self._python is not None:
            self._python.close()


@stand_in()
class _Representation(QWidget):
    def __init__(self, python):
        from PySide6.QtWidgets import QLabel, QVBoxLayout

        QWidget.__init__(self)
        self._python = python
        layout = QVBoxLayout(self)
        layout.addWidget(QLabel("Segment Editor"))
        layout.addWidget(python.editor)

    def self(self):
        return self._python
