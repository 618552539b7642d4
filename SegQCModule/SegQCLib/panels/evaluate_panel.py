"""The panel that evaluates a segmentation: choose image, segmentation and protocol, read verdict, findings and numbers."""

import qt
import slicer
import vtk
from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode
from slicer.i18n import tr as _
from slicer.parameterNodeWrapper import parameterNodeWrapper
from slicer.util import VTKObservationMixin

from SegQCLib.errors import BadDataError
from SegQCLib.mrml.database_acquisition import keep_database_acquisition
from SegQCLib.mrml.evaluate_scene import evaluate_nodes
from SegQCLib.mrml.record_node import RECORD_ROLE, is_outdated, mark_outdated, read_record, write_record
from SegQCLib.mrml.results_table import FINDINGS_ROLE, MEASUREMENTS_ROLE, write_findings, write_measurements
from SegQCLib.protocol import load_protocol, shipped_protocols
from SegQCLib.record import Verdict

# More would push the tables off the screen.
MOST_REASONS = 5


# Without postponed annotations: the wrapper reads the classes themselves.
@parameterNodeWrapper
class EvaluateParameters:
    """What is chosen in the panel, kept in the scene. `protocol` is the id of a shipped protocol."""

    volume: vtkMRMLScalarVolumeNode
    segmentation: vtkMRMLSegmentationNode
    reference: vtkMRMLSegmentationNode
    protocol: str


class EvaluatePanel(VTKObservationMixin):
    """Evaluate a segmentation node, show the record, and keep it in the scene.

    Parameters
    ----------
    ui_path : str
        EvaluatePanel.ui.
    logic : ScriptedLoadableModuleLogic
        Gives the module's parameter node.
    """

    def __init__(self, ui_path, logic):
        VTKObservationMixin.__init__(self)
        self.logic = logic
        self.widget = slicer.util.loadUI(ui_path)
        self.ui = slicer.util.childWidgetVariables(self.widget)
        self.widget.setMRMLScene(slicer.mrmlScene)
        # Sentences wrap in a column as wide as the panel; one line each would be 2,000 pixels. Rows as tall as their
        # text only for findings: with hundreds of measurements Slicer would be busy for minutes.
        self.ui.findingsTable.horizontalHeader().setMaximumSectionSize(260)
        self.ui.findingsTable.verticalHeader().setSectionResizeMode(qt.QHeaderView.ResizeToContents)
        self.ui.findingsTable.setWordWrap(True)
        self.ui.findingsTable.setTextElideMode(qt.Qt.ElideNone)
        self.ui.measurementsTable.horizontalHeader().setMaximumSectionSize(260)
        self._parameters = None
        self._gui_connection = None
        self._entered = False
        self._protocol_ids = list(shipped_protocols())
        for protocol_id in self._protocol_ids:
            self.ui.protocolSelector.addItem(load_protocol(protocol_id).protocol.title)
        self.ui.protocolSelector.connect("currentIndexChanged(int)", self.onProtocolChosen)
        self.ui.evaluateButton.connect("clicked(bool)", self.onEvaluate)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.onSceneEndImport)
        self.setParameters(None)

    def enter(self):
        self._entered = True
        self.connectParameters()

    def exit(self):
        self._entered = False
        self.setParameters(None)

    def cleanup(self):
        self.setParameters(None)
        self.removeObservers()

    def onSceneStartClose(self, _caller=None, _event=None):
        self.setParameters(None)
        self.removeObservers(self.onSegmentationEdited)
        self.removeObservers(self.onSegmentModified)

    def onSceneEndClose(self, _caller=None, _event=None):
        if self._entered:
            self.connectParameters()

    def onSceneEndImport(self, _caller=None, _event=None):
        self.followEvaluatedSegmentations()
        # The import may have brought other parameters: read them again.
        if self._entered:
            self.connectParameters()

    def connectParameters(self):
        parameters = EvaluateParameters(self.logic.getParameterNode())
        if parameters.protocol not in self._protocol_ids and self._protocol_ids:
            parameters.protocol = self._protocol_ids[0]
        self.setParameters(parameters)
        self.followEvaluatedSegmentations()

    def setParameters(self, parameters):
        """Connect the widgets to parameters, or to none (None) while there is no scene to choose from."""
        if self._parameters is not None:
            self._parameters.disconnectGui(self._gui_connection)
            self.removeObserver(self._parameters, vtk.vtkCommand.ModifiedEvent, self.onParametersModified)
        self._parameters = parameters
        if parameters is not None:
            self._gui_connection = parameters.connectGui(self.ui)
            self.addObserver(parameters, vtk.vtkCommand.ModifiedEvent, self.onParametersModified)
        self.onParametersModified()

    def onParametersModified(self, _caller=None, _event=None):
        obstacle = self.obstacle()
        self.ui.evaluateButton.enabled = obstacle is None
        self.ui.evaluateButton.toolTip = obstacle or _("Check, measure and judge the segmentation by the protocol.")
        if self._parameters is not None and self._parameters.protocol in self._protocol_ids:
            self.ui.protocolSelector.setCurrentIndex(self._protocol_ids.index(self._parameters.protocol))
        self.showRecord()

    def obstacle(self):
        """Return the sentence that says why nothing can be evaluated yet, or None."""
        if self._parameters is None or self._parameters.volume is None:
            return _("Choose the image.")
        if self._parameters.segmentation is None:
            return _("Choose the segmentation to evaluate.")
        if self._parameters.reference is self._parameters.segmentation:
            return _("Choose another reference: the segmentation cannot be compared with itself.")
        return None

    def onProtocolChosen(self, index):
        if self._parameters is not None and index >= 0:
            self._parameters.protocol = self._protocol_ids[index]

    def onEvaluate(self, _checked=False):
        with slicer.util.tryWithErrorDisplay(_("The segmentation could not be evaluated."), waitCursor=True):
            self.evaluate()

    def evaluate(self):
        """Evaluate what is chosen, keep record and tables in the scene, show them, and return the record."""
        chosen = self._parameters
        keep_database_acquisition(chosen.volume, getattr(slicer, "dicomDatabase", None))
        references = [] if chosen.reference is None else [chosen.reference]
        record = evaluate_nodes(chosen.volume, chosen.segmentation, load_protocol(chosen.protocol), references)
        # A view that is looking follows every column that is filled.
        for table in (self.ui.findingsTable, self.ui.measurementsTable):
            table.setMRMLTableNode(None)
        for write in (write_findings, write_measurements, write_record):
            write(slicer.mrmlScene, record, chosen.segmentation)
        self.followEvaluatedSegmentations()
        self.showRecord()
        return record

    def showRecord(self):
        """Show the record that the scene holds for the chosen segmentation."""
        segmentation = None if self._parameters is None else self._parameters.segmentation
        self.ui.findingsTable.setMRMLTableNode(segmentation and segmentation.GetNodeReference(FINDINGS_ROLE))
        self.ui.measurementsTable.setMRMLTableNode(segmentation and segmentation.GetNodeReference(MEASUREMENTS_ROLE))
        # Source and check id make every row tall; they stay in the table node and in the report.
        for column in (5, 6):
            self.ui.findingsTable.setColumnHidden(column, True)
        self.ui.changedLabel.visible = segmentation is not None and is_outdated(segmentation)
        try:
            record = segmentation and read_record(segmentation)
        except BadDataError as error:
            self.ui.verdictLabel.text = _("Not evaluated")
            self.ui.reasonsLabel.text = str(error)
            return
        if record is None:
            self.ui.verdictLabel.text = _("Not evaluated")
            self.ui.reasonsLabel.text = ""
            return
        self.ui.verdictLabel.text = {
            Verdict.ACCEPT: _("Accept"),
            Verdict.REVIEW: _("Review"),
            Verdict.REJECT: _("Reject"),
        }[record.verdict]
        by = _("By {title}, version {version}, {created}.").format(
            title=record.protocol.title, version=record.protocol.version, created=record.created.replace("T", " ")
        )
        shown = list(record.reasons[:MOST_REASONS])
        if len(record.reasons) > MOST_REASONS:
            shown.append(_("... and {count} more reasons: see the findings.").format(count=len(record.reasons) - MOST_REASONS))
        self.ui.reasonsLabel.text = "\n".join([*shown, by])

    def followEvaluatedSegmentations(self):
        """Watch every segmentation that has a record, also while another module is open: edits outdate it."""
        for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode"):
            edited = slicer.vtkSegmentation.SourceRepresentationModified
            if node.GetNodeReference(RECORD_ROLE) and not self.hasObserver(node, edited, self.onSegmentationEdited):
                self.addObserver(node, edited, self.onSegmentationEdited)
                self.addObserver(node, slicer.vtkSegmentation.SegmentModified, self.onSegmentModified)

    def onSegmentationEdited(self, segmentation, _event):
        # A verdict must not seem to stand for voxels that it never saw.
        mark_outdated(segmentation)
        if self._parameters is not None and self._parameters.segmentation is segmentation:
            self.ui.changedLabel.visible = True

    @vtk.calldata_type(vtk.VTK_STRING)
    def onSegmentModified(self, segmentation, event, callData=None):  # noqa: N803
        # Undo, redo, adding and removing come without a segment id; showing in 3D and renaming with one.
        if callData is None:
            self.onSegmentationEdited(segmentation, event)
