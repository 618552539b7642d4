# ruff: noqa: N801, N815 - the names are Slicer's
"""Stand-ins for the qMRML widgets that show tables and segments."""

import slicer
from PySide6.QtCore import Property, QAbstractTableModel, QItemSelection, QItemSelectionModel, Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QSlider,
    QTableView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from slicer_host.mrml_node_selector import qMRMLNodeComboBox
from slicer_host.stand_in import Observations, setting, signals, stand_in


@stand_in()
class qMRMLWidget(QWidget):
    """A widget that passes its scene on to the children that its .ui file connects to mrmlSceneChanged(vtkMRMLScene*)."""

    mrmlSceneChanged = Signal(object)
    SIGNALS = signals("mrmlSceneChanged(vtkMRMLScene*)")

    def __init__(self, *parent):
        QWidget.__init__(self, *parent)
        self._scene = None

    def setMRMLScene(self, scene):
        if scene is not self._scene:
            self._scene = scene
            self.mrmlSceneChanged.emit(scene)

    def mrmlScene(self):
        return self._scene


@stand_in()
class qSlicerWidget(qMRMLWidget):
    pass


class _TableModel(QAbstractTableModel):
    """The cells of a vtkMRMLTableNode."""

    def __init__(self, parent):
        QAbstractTableModel.__init__(self, parent)
        self.node = None

    def rowCount(self, *_parent):
        return 0 if self.node is None else self.node.GetNumberOfRows()

    def columnCount(self, *_parent):
        return 0 if self.node is None else self.node.GetNumberOfColumns()

    def data(self, index, role=Qt.DisplayRole):
        if role == Qt.DisplayRole and self.node is not None:
            return self.node.GetCellText(index.row(), index.column())
        return None

    def headerData(self, section, orientation, role=Qt.DisplayRole):
        if role != Qt.DisplayRole or self.node is None:
            return None
        if orientation == Qt.Vertical:
            return str(section + 1)
        name = self.node.GetColumnName(section)
        return self.node.GetColumnTitle(name) or name if self.node.GetUseColumnTitleAsColumnHeader() else name

    def follow(self, node):
        self.beginResetModel()
        self.node = node
        self.endResetModel()


@stand_in("setTransposed")
class qMRMLTableView(QTableView):
    mrmlSceneChanged = Signal(object)
    SIGNALS = signals("mrmlSceneChanged(vtkMRMLScene*)")
    transposed = setting(bool, "transposed", False)

    def __init__(self, *parent):
        QTableView.__init__(self, *parent)
        self._scene = None
        self._model = _TableModel(self)
        self._observations = Observations(self)
        self.setModel(self._model)

    def setMRMLScene(self, scene):
        self._scene = scene
        if scene is None:
            self.setMRMLTableNode(None)

    def mrmlScene(self):
        return self._scene

    def mrmlTableNode(self):
        return self._model.node

    def setMRMLTableNode(self, node):
        if node is not None and not isinstance(node, slicer.vtkMRMLTableNode):
            raise ValueError(f"setMRMLTableNode() takes a table node or None, and was called with {node!r}.")
        if node is self._model.node:
            return
        self._observations.clear()
        if node is not None:
            self._observations.add(node, "ModifiedEvent", "_read_again")
        self._model.follow(node)

    def _read_again(self):
        self._model.follow(self._model.node)


class _SegmentRows:
    """What both segment widgets need: the segmentation, and its segments in order."""

    def _segment_ids(self):
        node = self._node
        return () if node is None or node.GetSegmentation() is None else node.GetSegmentation().GetSegmentIDs()

    def _follow(self, node):
        if node is not None and not isinstance(node, slicer.vtkMRMLSegmentationNode):
            raise ValueError(f"A segmentation node or None was expected, and {node!r} was given.")
        self._node = node
        self._observations.clear()
        if node is not None:
            for event in ("SegmentAdded", "SegmentRemoved", "SegmentModified", "SegmentsOrderModified"):
                self._observations.add(node, getattr(slicer.vtkSegmentation, event), "_fill")
        self._fill()


@stand_in(
    "setColorColumnVisible",
    "setFilterBarVisible",
    "setHeaderVisible",
    "setLayerColumnVisible",
    "setOpacityColumnVisible",
    "setReadOnly",
    "setSelectionMode",
    "setStatusColumnVisible",
    "setUseTerminologySelector",
    "setVisibilityColumnVisible",
)
class qMRMLSegmentsTableView(QWidget, _SegmentRows):
    selectionChanged = Signal(QItemSelection, QItemSelection)
    segmentAboutToBeModified = Signal(str)
    SIGNALS = signals("selectionChanged(QItemSelection,QItemSelection)", "segmentAboutToBeModified(QString)")
    selectionMode = setting(int, "selectionMode", int(QAbstractItemView.ExtendedSelection), "_configure")
    headerVisible = setting(bool, "headerVisible", True, "_configure")
    visibilityColumnVisible = setting(bool, "visibilityColumnVisible", True)
    colorColumnVisible = setting(bool, "colorColumnVisible", True)
    opacityColumnVisible = setting(bool, "opacityColumnVisible", False)
    statusColumnVisible = setting(bool, "statusColumnVisible", False)
    layerColumnVisible = setting(bool, "layerColumnVisible", False)
    filterBarVisible = setting(bool, "filterBarVisible", False)
    readOnly = setting(bool, "readOnly", False)
    useTerminologySelector = setting(bool, "useTerminologySelector", True)
    segmentCount = Property(int, lambda self: len(self._segment_ids()))

    def __init__(self, *parent):
        QWidget.__init__(self, *parent)
        self._scene = self._node = None
        self._observations = Observations(self)
        self._table = QTableWidget(0, 1, self)
        self._table.setHorizontalHeaderLabels(["Name"])
        self._table.setSelectionBehavior(QAbstractItemView.SelectRows)
        self._table.horizontalHeader().setStretchLastSection(True)
        self._configure()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._table)
        self._table.selectionModel().connect("selectionChanged(QItemSelection,QItemSelection)", self._on_selection)

    def _configure(self):
        self._table.setSelectionMode(QAbstractItemView.SelectionMode(int(self.selectionMode)))
        self._table.horizontalHeader().setVisible(self.headerVisible)

    def _on_selection(self, selected, deselected):
        self.selectionChanged.emit(selected, deselected)

    def _fill(self):
        chosen = self._chosen()
        ids = self._segment_ids()
        self._table.blockSignals(True)
        self._table.setRowCount(len(ids))
        for row, segment_id in enumerate(ids):
            segment = self._node.GetSegmentation().GetSegment(segment_id)
            item = QTableWidgetItem(segment.GetName())
            item.setData(Qt.UserRole, segment_id)
            item.setBackground(QColor.fromRgbF(*segment.GetColor()))
            self._table.setItem(row, 0, item)
        self._table.blockSignals(False)
        self._select(chosen)

    def _chosen(self):
        rows = sorted({index.row() for index in self._table.selectionModel().selectedRows()})
        return [self._table.item(row, 0).data(Qt.UserRole) for row in rows if self._table.item(row, 0) is not None]

    def _select(self, segment_ids):
        model = self._table.selectionModel()
        wanted = QItemSelection()
        for row, segment_id in enumerate(self._segment_ids()):
            if segment_id in segment_ids:
                index = self._table.model().index(row, 0)
                wanted.select(index, index)
        model.select(wanted, QItemSelectionModel.ClearAndSelect | QItemSelectionModel.Rows)

    def setMRMLScene(self, scene):
        self._scene = scene
        if scene is None:
            self._follow(None)

    def mrmlScene(self):
        return self._scene

    def setSegmentationNode(self, node):
        self._follow(node)

    def segmentationNode(self):
        return self._node

    def segmentIDForRow(self, row):
        ids = self._segment_ids()
        return ids[row] if 0 <= row < len(ids) else ""

    def selectedSegmentIDs(self):
        return self._chosen()

    def rowForSegmentID(self, segment_id):
        ids = list(self._segment_ids())
        return ids.index(segment_id) if segment_id in ids else -1

    def setSelectedSegmentIDs(self, segment_ids):
        self._select(list(segment_ids))

    def clearSelection(self):
        self._table.clearSelection()

    def tableWidget(self):
        return self._table


@stand_in()
class qMRMLSegmentSelectorWidget(QWidget, _SegmentRows):
    currentNodeChanged = Signal(object)
    currentSegmentChanged = Signal(str)
    segmentSelectionChanged = Signal(list)
    SIGNALS = signals("currentNodeChanged(vtkMRMLNode*)", "currentSegmentChanged(QString)", "segmentSelectionChanged(QStringList)")
    noneEnabled = setting(bool, "noneEnabled", False)
    multiSelection = setting(bool, "multiSelection", False)
    segmentationNodeSelectorVisible = setting(bool, "segmentationNodeSelectorVisible", True, "_configure")
    horizontalLayout = setting(bool, "horizontalLayout", False)

    def __init__(self, *parent):
        QWidget.__init__(self, *parent)
        self._scene = self._node = None
        self._observations = Observations(self)
        self._nodes = qMRMLNodeComboBox(self)
        self._nodes.nodeTypes = ["vtkMRMLSegmentationNode"]
        self._nodes.noneEnabled = True
        self._segments = QComboBox(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._nodes)
        layout.addWidget(self._segments)
        self._nodes.connect("currentNodeChanged(vtkMRMLNode*)", self._on_node)
        self._segments.connect("currentIndexChanged(int)", self._on_segment)

    def _configure(self):
        self._nodes.setVisible(self.segmentationNodeSelectorVisible)

    def _on_node(self, node):
        self._follow(node)
        self.currentNodeChanged.emit(node)

    def _on_segment(self, _index):
        self.currentSegmentChanged.emit(self.currentSegmentID())

    def _fill(self):
        chosen = self.currentSegmentID()
        self._segments.blockSignals(True)
        self._segments.clear()
        for segment_id in self._segment_ids():
            self._segments.addItem(self._node.GetSegmentation().GetSegment(segment_id).GetName(), segment_id)
        self._segments.setCurrentIndex(max(self._segments.findData(chosen), 0) if self._segments.count else -1)
        self._segments.blockSignals(False)
        if self.currentSegmentID() != chosen:
            self.currentSegmentChanged.emit(self.currentSegmentID())

    def setMRMLScene(self, scene):
        self._scene = scene
        self._nodes.setMRMLScene(scene)

    def mrmlScene(self):
        return self._scene

    def currentNode(self):
        return self._node

    def currentNodeID(self):
        return "" if self._node is None else self._node.GetID()

    def setCurrentNode(self, node):
        self._nodes.setCurrentNode(node)

    def currentSegmentID(self):
        return self._segments.currentData if self._segments.currentIndex >= 0 else ""

    def setCurrentSegmentID(self, segment_id):
        self._segments.setCurrentIndex(self._segments.findData(segment_id))

    def selectedSegmentIDs(self):
        return [self.currentSegmentID()] if self.currentSegmentID() else []


@stand_in()
class qMRMLSliderWidget(QSlider):
    pass


@stand_in()
class qMRMLSpinBox(QWidget):
    pass


@stand_in()
class qMRMLRangeWidget(QWidget):
    pass


@stand_in()
class qMRMLSubjectHierarchyTreeView(QWidget):
    pass


@stand_in()
class qMRMLSubjectHierarchyComboBox(QWidget):
    pass


WIDGETS = {
    kind.__name__: kind
    for kind in (
        qMRMLNodeComboBox, qMRMLWidget, qSlicerWidget, qMRMLTableView, qMRMLSegmentsTableView, qMRMLSegmentSelectorWidget,
        qMRMLSliderWidget, qMRMLSpinBox, qMRMLRangeWidget, qMRMLSubjectHierarchyTreeView, qMRMLSubjectHierarchyComboBox,
    )
}  # fmt: skip
