# ruff: noqa: N801, N815 - the names are Slicer's
"""Stand-in for qMRMLNodeComboBox: the nodes of a scene that have the wanted classes, and the one that is chosen."""

import slicer
from PySide6.QtCore import Property, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QSizePolicy, QWidget

from slicer_host.stand_in import Observations, setting, signals, stand_in


@stand_in()
class qMRMLNodeComboBox(QWidget):
    currentNodeChanged = Signal(object)
    currentNodeIDChanged = Signal(str)
    nodeAdded = Signal(object)
    nodeAddedByUser = Signal(object)
    nodeActivated = Signal(object)
    nodeAboutToBeRemoved = Signal(object)
    _nodeValid = Signal(bool)
    SIGNALS = signals(
        "currentNodeChanged(vtkMRMLNode*)",
        "currentNodeIDChanged(QString)",
        "nodeAdded(vtkMRMLNode*)",
        "nodeAddedByUser(vtkMRMLNode*)",
        "nodeActivated(vtkMRMLNode*)",
        "nodeAboutToBeRemoved(vtkMRMLNode*)",
        **{"currentNodeChanged(bool)": "_nodeValid"},
    )
    nodeTypes = setting("QStringList", "nodeTypes", [], "_fill")
    showHidden = setting(bool, "showHidden", False, "_fill")
    showChildNodeTypes = setting(bool, "showChildNodeTypes", True, "_fill")
    hideChildNodeTypes = setting("QStringList", "hideChildNodeTypes", [], "_fill")
    baseName = setting(str, "baseName", "")
    noneEnabled = setting(bool, "noneEnabled", False, "_fill")
    noneDisplay = setting(str, "noneDisplay", "None", "_fill")
    addEnabled = setting(bool, "addEnabled", True)
    removeEnabled = setting(bool, "removeEnabled", True)
    editEnabled = setting(bool, "editEnabled", False)
    renameEnabled = setting(bool, "renameEnabled", False)
    selectNodeUponCreation = setting(bool, "selectNodeUponCreation", True)
    currentNodeID = Property(str, lambda self: self._read_id(), lambda self, node_id: self.setCurrentNodeID(node_id))
    sizeAdjustPolicy = Property(
        int, lambda self: int(self._box.sizeAdjustPolicy), lambda self, policy: self._box.setSizeAdjustPolicy(policy)
    )
    interactionNodeSingletonTag = setting(str, "interactionNodeSingletonTag", "")

    def __init__(self, *parent):
        QWidget.__init__(self, *parent)
        self._scene = None
        self._current = None
        self._nodes = []
        self._attributes = []
        self._box = QComboBox(self)
        self._box.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Expanding)
        self.setSizePolicy(QSizePolicy(QSizePolicy.Preferred, QSizePolicy.Fixed, QSizePolicy.ComboBox))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._box)
        self.setFocusProxy(self._box)
        self._observations = Observations(self)
        self._box.connect("activated(int)", self._on_activated)
        self._fill()

    def _read_id(self):
        return "" if self._current is None else self._current.GetID() or ""

    def setMRMLScene(self, scene):
        if scene is self._scene:
            return
        self._scene = scene
        self._observations.clear()
        if scene is not None:
            for event in (scene.NodeAddedEvent, scene.NodeRemovedEvent, scene.EndBatchProcessEvent, scene.EndCloseEvent):
                self._observations.add(scene, event, "_fill")
        self._fill()
        if scene is None:
            self._choose(None)

    def mrmlScene(self):
        return self._scene

    def addAttribute(self, node_type, name, value=None):
        self._attributes.append((node_type, name, value))
        self._fill()

    def _wanted(self, node):
        if node.GetHideFromEditors() and not self.showHidden:
            return False
        for kind in self.nodeTypes:
            fits = node.IsA(kind) if self.showChildNodeTypes else node.GetClassName() == kind
            if fits and all(
                node.GetAttribute(name) is not None and (value is None or node.GetAttribute(name) == str(value))
                for of, name, value in self._attributes
                if of == kind
            ):
                return True
        return False

    def _fill(self):
        if self._scene is not None and self._scene.IsBatchProcessing():
            return
        count = 0 if self._scene is None else self._scene.GetNumberOfNodes()
        nodes = [node for node in map(self._scene.GetNthNode, range(count)) if self._wanted(node)] if count else []
        added = [node for node in nodes if node not in self._nodes]
        for node in self._nodes:
            if node not in nodes:
                self._observations.remove(node)
        self._nodes = nodes
        self._write_names()
        for node in added:
            self._observations.add(node, "ModifiedEvent", "_write_names")
        if self._current not in nodes:
            self._choose(nodes[0] if nodes and not self.noneEnabled else None)
        else:
            self._show_current()
        for node in added:
            self.nodeAdded.emit(node)

    def _write_names(self):
        names = ([self.noneDisplay] if self.noneEnabled else []) + [node.GetName() or "" for node in self._nodes]
        if names != [self._box.itemText(index) for index in range(self._box.count)]:
            self._box.blockSignals(True)
            self._box.clear()
            self._box.addItems(names)
            self._box.blockSignals(False)
            self._show_current()

    def _show_current(self):
        offset = 1 if self.noneEnabled else 0
        index = self._nodes.index(self._current) + offset if self._current in self._nodes else offset - 1
        self._box.blockSignals(True)
        self._box.setCurrentIndex(index)
        self._box.blockSignals(False)

    def _choose(self, node):
        if node is self._current:
            self._show_current()
            return
        self._current = node
        self._show_current()
        self.currentNodeChanged.emit(node)
        self._nodeValid.emit(node is not None)
        self.currentNodeIDChanged.emit(self._read_id())

    def _on_activated(self, index):
        node = self.nodeFromIndex(index - (1 if self.noneEnabled else 0))
        self._choose(node)
        self.nodeActivated.emit(node)

    def currentNode(self):
        return self._current

    def setCurrentNode(self, node):
        """Choose a node; one that the selector does not list chooses nothing, as in Slicer."""
        if isinstance(node, str):
            self.setCurrentNodeID(node)
            return
        if node is not None and not isinstance(node, slicer.vtkMRMLNode):
            raise ValueError(f"setCurrentNode() takes a node, its ID or None, and was called with {node!r}.")
        self._choose(node if node in self._nodes else None)

    def setCurrentNodeID(self, node_id):
        self._choose(next((node for node in self._nodes if node.GetID() == node_id), None))

    def setCurrentNodeIndex(self, index):
        self._choose(self.nodeFromIndex(index))

    def nodeCount(self):
        return len(self._nodes)

    def nodeFromIndex(self, index):
        return self._nodes[index] if 0 <= index < len(self._nodes) else None

    def addNode(self, node_type=None):
        node = self._scene.AddNewNodeByClass(node_type or self.nodeTypes[0], self.baseName or "")
        if self.selectNodeUponCreation:
            self._choose(node)
        self.nodeAddedByUser.emit(node)
        return node
