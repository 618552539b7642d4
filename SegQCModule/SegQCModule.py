import sys
import unittest

import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)


class SegQCModule(ScriptedLoadableModule):
    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = _("SegQC")
        parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        parent.dependencies = ["Segmentations", "Tables", "Terminologies", "Volumes"]
        parent.contributors = ["SegQC contributors"]
        parent.helpText = _(
            "Segment under a written protocol and prove the quality of what was drawn: is the image as the protocol asks, which"
            " artifacts are in it, what did the AI draft contribute, where are technical errors, how well does the segmentation"
            " agree with a reference, and what follows from that. Everything stays on this computer, in the scene and in the"
            " records folder."
        )
        parent.acknowledgementText = _("SegQC is open-source software under the Apache License 2.0. It is not a medical device.")
        slicer.app.connect("startupCompleted()", self.registerSampleData)

    def registerSampleData(self):
        """Offer the simulated case in Slicer's Sample Data module; nothing is downloaded for it."""
        import SampleData

        SampleData.SampleDataLogic.registerCustomSampleDataSource(
            category="SegQC",
            sampleName="SegQC simulated CT",
            thumbnailFileName=self.resourcePath("Icons/SegQCSimulatedCT.png"),
            # Made here, by the module itself: there is no address and no file.
            uris="",
            fileNames="",
            nodeNames="SIMULATED CT of the upper abdomen",
            customDownloader=self.loadSimulatedCase,
        )

    def loadSimulatedCase(self, _source=None):
        """Load the simulated case and choose its nodes in the module."""
        return SegQCModuleLogic().loadSimulatedCase()


class SegQCModuleWidget(ScriptedLoadableModuleWidget):
    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        # Here, not at file scope: Slicer reads this file at each start, whether SegQC is opened or not.
        from SegQCLib.panels.column import Column
        from SegQCLib.panels.session import Session
        from SegQCLib.panels.steps import STEPS

        self.logic = SegQCModuleLogic()
        self.session = Session(self.logic)
        self.column = Column(self.session, [panel(self.session, self.resourcePath) for panel in STEPS], self.layout)
        # Reload builds new panels in a module that is open already, and Slicer does not enter it again.
        if self.parent.isEntered:
            self.enter()

    def enter(self):
        if getattr(self, "column", None) is None:
            return
        if self.session.case is None:
            self.session.connect()
        self.column.enter()

    def exit(self):
        if getattr(self, "column", None) is not None:
            self.column.exit()

    def cleanup(self):
        # Slicer calls it too where setup failed, and may call it twice.
        column, self.column = getattr(self, "column", None), None
        if column is not None:
            column.cleanup()
            self.session.cleanup()

    def onReload(self):
        # Slicer runs only this file again; the package would stay as it was.
        for name in [name for name in sys.modules if name.partition(".")[0] == "SegQCLib"]:
            del sys.modules[name]
        ScriptedLoadableModuleWidget.onReload(self)


class SegQCModuleLogic(ScriptedLoadableModuleLogic):
    """What the module does without its panels, for scripts."""

    def evaluate(self, volume_node, segmentation_node, protocol, reference_nodes=()):
        """Evaluate nodes by a protocol (id or path of a file), keep the record in their scene, and return it."""
        from SegQCLib.mrml.background_nodes import background_of, drawn_stamp, note_measured
        from SegQCLib.mrml.evaluate_scene import evaluate_nodes
        from SegQCLib.mrml.record_node import write_record
        from SegQCLib.mrml.results_table import write_findings, write_image_quality, write_measurements
        from SegQCLib.protocol import load_protocol

        record = evaluate_nodes(volume_node, segmentation_node, load_protocol(protocol), reference_nodes)
        for write in (write_findings, write_measurements, write_image_quality, write_record):
            write(volume_node.GetScene(), record, segmentation_node)
        note_measured(segmentation_node, drawn_stamp(background_of(segmentation_node)))
        return record

    def loadSimulatedCase(self):
        """Add the simulated case to the scene, choose its nodes and its protocol in the module, and return the choice."""
        from SegQCLib.mrml.draft import add_candidate, add_draft
        from SegQCLib.mrml.segmentation import add_segmentation
        from SegQCLib.mrml.volume import add_volume
        from SegQCLib.panels.case_parameters import CaseParameters
        from SegQCLib.phantom import NAME, PROTOCOL_ID, phantom_case
        from SegQCLib.voxel_hash import voxels_sha256

        case = phantom_case()
        chosen = CaseParameters(self.getParameterNode())
        volume_node = add_volume(slicer.mrmlScene, case.image, NAME)
        volume_node.CreateDefaultDisplayNodes()
        (reference,) = case.references
        reference_node = add_segmentation(slicer.mrmlScene, reference, volume_node, reference.name)
        draft_node = add_draft(slicer.mrmlScene, case.draft, volume_node, case.draft.name, voxels_sha256(case.draft))
        candidate_node = add_candidate(slicer.mrmlScene, case.candidate, draft_node, volume_node, case.candidate.name)
        for node in (reference_node, draft_node):
            node.SetDisplayVisibility(False)
        chosen.volume, chosen.protocol = volume_node, PROTOCOL_ID
        chosen.candidate, chosen.reference, chosen.draft = candidate_node, reference_node, draft_node
        if slicer.app.layoutManager() is not None:
            slicer.util.setSliceViewerLayers(background=volume_node, fit=True)
        return chosen


class SegQCModuleTest(ScriptedLoadableModuleTest):
    def setUp(self):
        slicer.mrmlScene.Clear()

    def runTest(self):
        # Reload and Test calls this once; ctest runs each test_... by itself.
        for name in unittest.defaultTestLoader.getTestCaseNames(type(self)):
            self.setUp()
            getattr(self, name)()

    def test_logic_keeps_the_record_it_returns(self):
        from SegQCLib.mrml.record_node import read_record

        chosen = SegQCModuleLogic().loadSimulatedCase()
        record = SegQCModuleLogic().evaluate(chosen.volume, chosen.candidate, chosen.protocol, [chosen.reference])
        assert read_record(chosen.candidate) == record

    def test_every_step_opens_and_says_how_it_stands(self):
        SegQCModuleLogic().loadSimulatedCase()
        widget = slicer.modules.segqcmodule.widgetRepresentation().self()
        widget.enter()
        try:
            for number, panel in enumerate(widget.column.panels):
                widget.column.open(number)
                assert [heading.collapsed for heading in widget.column.headings].count(False) == 1
                assert panel.standing().words in widget.column.headings[number].text
        finally:
            widget.exit()

    def test_closing_the_scene_empties_the_choice_and_keeps_the_panels_alive(self):
        SegQCModuleLogic().loadSimulatedCase()
        widget = slicer.modules.segqcmodule.widgetRepresentation().self()
        widget.enter()
        try:
            assert widget.session.case.volume is not None
            slicer.mrmlScene.Clear()
            assert widget.session.case.volume is None
            SegQCModuleLogic().loadSimulatedCase()
            assert widget.session.case.candidate is not None
        finally:
            widget.exit()
