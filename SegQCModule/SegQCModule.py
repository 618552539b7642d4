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
            "Evaluate a segmentation under a written protocol: is the image as the protocol asks, is the segmentation"
            " complete, how well does it agree with a reference, and what follows from that. The record stays in the scene."
        )
        parent.acknowledgementText = _("SegQC is open-source software under the Apache License 2.0. It is not a medical device.")


class SegQCModuleWidget(ScriptedLoadableModuleWidget):
    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        # Here, not at file scope: Slicer reads this file at each start, whether SegQC is opened or not.
        from SegQCLib.panels.evaluate_panel import EvaluatePanel

        self.logic = SegQCModuleLogic()
        self.panel = EvaluatePanel(self.resourcePath("UI/EvaluatePanel.ui"), self.logic)
        self.layout.addWidget(self.panel.widget)
        # Reload builds a new panel in a module that is open already, and Slicer does not enter it again.
        if self.parent.isEntered:
            self.panel.enter()

    def enter(self):
        self.panel.enter()

    def exit(self):
        self.panel.exit()

    def cleanup(self):
        # Slicer calls it too where setup failed.
        if hasattr(self, "panel"):
            self.panel.cleanup()

    def onReload(self):
        # Slicer runs only this file again; the package would stay as it was.
        for name in [name for name in sys.modules if name.partition(".")[0] == "SegQCLib"]:
            del sys.modules[name]
        ScriptedLoadableModuleWidget.onReload(self)


class SegQCModuleLogic(ScriptedLoadableModuleLogic):
    """Evaluate without the panel, for scripts."""

    def evaluate(self, volume_node, segmentation_node, protocol, reference_nodes=()):
        """Evaluate nodes by a protocol (id or path of a file), keep the record in their scene, and return it."""
        from SegQCLib.mrml.evaluate_scene import evaluate_nodes
        from SegQCLib.mrml.record_node import write_record
        from SegQCLib.mrml.results_table import write_findings, write_measurements
        from SegQCLib.protocol import load_protocol

        record = evaluate_nodes(volume_node, segmentation_node, load_protocol(protocol), reference_nodes)
        for write in (write_findings, write_measurements, write_record):
            write(volume_node.GetScene(), record, segmentation_node)
        return record


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
        from SegQCLib.protocol import shipped_protocols

        volume_node, segmentation_node = self._box_in_a_volume()
        record = SegQCModuleLogic().evaluate(volume_node, segmentation_node, next(iter(shipped_protocols())))
        assert read_record(segmentation_node) == record

    def test_panel_evaluates_what_is_chosen_and_shows_the_verdict(self):
        volume_node, segmentation_node = self._box_in_a_volume()
        widget = slicer.modules.segqcmodule.widgetRepresentation().self()
        widget.enter()
        try:
            panel = widget.panel
            panel.ui.volumeSelector.setCurrentNode(volume_node)
            panel.ui.segmentationSelector.setCurrentNode(segmentation_node)
            assert panel.ui.evaluateButton.enabled
            panel.ui.evaluateButton.click()
            assert panel.ui.verdictLabel.text in (_("Accept"), _("Review"), _("Reject"))
            assert segmentation_node.GetNodeReference("SegQC.Measurements").GetNumberOfRows() > 0
        finally:
            widget.exit()

    def test_closing_the_scene_empties_the_panel(self):
        _volume_node, segmentation_node = self._box_in_a_volume()
        widget = slicer.modules.segqcmodule.widgetRepresentation().self()
        widget.enter()
        try:
            widget.panel.ui.segmentationSelector.setCurrentNode(segmentation_node)
            slicer.mrmlScene.Clear()
            assert not widget.panel.ui.evaluateButton.enabled
            assert widget.panel.ui.verdictLabel.text == _("Not evaluated")
        finally:
            widget.exit()

    def _box_in_a_volume(self):
        import numpy as np

        from SegQCLib.case import Segment, Segmentation, Volume
        from SegQCLib.geometry import Geometry
        from SegQCLib.mrml.segmentation import add_segmentation
        from SegQCLib.mrml.volume import add_volume

        axes = ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))
        geometry = Geometry((10, 20, 30), (2.0, 1.0, 1.0), (0.0, 0.0, 0.0), axes)
        layer = np.zeros(geometry.size, np.uint8)
        layer[2:6, 5:15, 5:25] = 1
        segmentation = Segmentation("reader", geometry, (layer,), (Segment("liver", "liver", 1),))
        volume_node = add_volume(slicer.mrmlScene, Volume(np.full(geometry.size, 40, np.int16), geometry), "CT")
        return volume_node, add_segmentation(slicer.mrmlScene, segmentation, volume_node, "reader")
