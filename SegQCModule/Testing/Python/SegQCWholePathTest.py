"""A case's whole way through SegQC's panels, in Slicer, on the simulated case. Nothing is downloaded.

With SEGQC_PICTURES=folder a picture of Slicer's window is saved after each step.
"""

import importlib.util
import os
import tempfile
import time
import unittest
from pathlib import Path

import qt
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

LONGEST_S = 120
SETTINGS = ("SegQC/Reader", "SegQC/RecordsFolder", "SegQC/LogEditing", "SegQC/IdleAfterSeconds")


class SegQCWholePathTest(unittest.TestCase):
    def setUp(self):
        slicer.mrmlScene.Clear()
        for name in SETTINGS:
            self.addCleanup(qt.QSettings().setValue, name, qt.QSettings().value(name))
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        if slicer.util.mainWindow() is not None:
            slicer.util.selectModule("SegQCModule")
        self.widget = slicer.modules.segqcmodule.widgetRepresentation().self()
        self.widget.enter()
        self.addCleanup(self.widget.exit)
        self.session = self.widget.session
        self.session.reader = "Reader 1"
        self.session.records_folder = self.folder / "records"

    def test_a_case_from_the_protocol_to_the_report_and_back_from_a_bundle(self):
        self.case_is_chosen()
        self.panel("EditingPanel").ui.logCheckBox.setChecked(True)
        self.gate_holds_the_window()
        self.artifacts_are_rated()
        self.candidate_is_started_from_the_draft()
        self.edits_are_followed()
        self.findings_are_repaired_and_kept()
        record = self.report_is_made()
        self.log_tells_what_the_read_cost(record)
        self.everything_comes_back_from_a_bundle(record)

    def case_is_chosen(self):
        from SegQCModule import SegQCModuleLogic

        case = SegQCModuleLogic().loadSimulatedCase()
        slicer.mrmlScene.RemoveNode(case.candidate)
        self.assertIsNone(self.session.case.candidate)
        self.assertEqual(self.session.protocol.protocol.id, "ct-abdomen-portal-venous")
        self.picture("case", "CasePanel")

    def gate_holds_the_window(self):
        gate = self.panel("GatePanel")
        self.wait(lambda: gate.ui.checksTable.rowCount > 10)
        rule = self.session.protocol.protocol.windows[0]
        display = self.session.case.volume.GetScalarVolumeDisplayNode()
        gate.ui.applyButton.click()
        self.assertEqual((display.GetWindow(), display.GetLevel()), (rule.apply_window, rule.apply_level))
        gate.ui.holdCheckBox.setChecked(True)
        display.SetWindowLevel(2000, 500)
        self.assertIn(display.GetWindow(), rule.window)
        self.assertIn(display.GetLevel(), rule.level)
        self.wait(lambda: gate.ui.deviationsTable.rowCount == 1)
        gate.ui.lookAwayButton.click()
        display.SetWindowLevel(2000, 500)
        self.assertEqual(display.GetWindow(), 2000)
        self.assertTrue(self.session.looking_away)
        gate.ui.lookAwayButton.click()
        self.assertIn(display.GetWindow(), rule.window)
        self.assertFalse(self.session.looking_away)
        gate.ui.orientButton.click()
        self.picture("gate", "GatePanel")

    def artifacts_are_rated(self):
        artifacts = self.panel("ArtifactsPanel")
        ratings = self.session.protocol.protocol.ratings
        for row in range(len(ratings)):
            artifacts.ui.ratingsTable.setCurrentCell(row, 0)
            artifacts.onDigit(4 if row else 5)
        self.assertIn(f"{len(ratings)} of {len(ratings)}", artifacts.standing().words)
        self.picture("artifacts", "ArtifactsPanel")

    def candidate_is_started_from_the_draft(self):
        draft = self.panel("DraftPanel")
        self.assertTrue(draft.ui.candidateButton.enabled)
        draft.ui.candidateButton.click()
        self.wait(lambda: self.session.case.candidate is not None)
        self.assertIsNot(self.session.case.candidate, self.session.case.draft)
        self.assertEqual(self.algorithm_type("liver"), "AUTOMATIC")
        self.picture("draft", "DraftPanel")

    def edits_are_followed(self):
        editing = self.panel("EditingPanel")
        self.wait(lambda: editing.ui.segmentsTable.rowCount == 5)
        self.paint("liver", ((20, 22), (74, 84), (86, 96)))
        self.wait(lambda: self.algorithm_type("liver") == "SEMIAUTOMATIC")
        self.assertEqual(self.algorithm_type("spleen"), "AUTOMATIC")
        self.picture("editing", "EditingPanel")

    def findings_are_repaired_and_kept(self):
        findings = self.panel("FindingsPanel")
        findings.ui.lookButton.click()
        self.wait(lambda: findings.ui.findingsTable.rowCount >= 3)
        self.select_finding(findings, "island")
        self.picture("findings", "FindingsPanel")
        before = findings.ui.findingsTable.rowCount
        self.select_finding(findings, "island")
        findings.ui.repairButton.click()
        self.wait(lambda: findings.ui.findingsTable.rowCount == before - 1)
        findings.ui.undoButton.click()
        self.wait(lambda: findings.ui.findingsTable.rowCount == before)
        self.select_finding(findings, "island")
        findings.ui.repairButton.click()
        self.wait(lambda: findings.ui.findingsTable.rowCount == before - 1)
        self.select_finding(findings, "hole")
        findings.ui.reasonEdit.setText("Necrosis, left out on purpose")
        findings.ui.keepButton.click()
        self.assertIn("1 kept", findings.standing().words)
        self.picture("findings-repaired", "FindingsPanel")

    def report_is_made(self):
        from SegQCLib.mrml.record_node import read_record

        report = self.panel("ReportPanel")
        report.ui.evaluateButton.click()
        self.wait(lambda: read_record(self.session.case.candidate) is not None and not report.ui.cancelButton.visible)
        record = read_record(self.session.case.candidate)
        self.assertEqual(len(record.ratings), len(self.session.protocol.protocol.ratings))
        self.assertEqual([f.check for f in record.findings if f.kept], ["holes"])
        # The displaced kidney is the worst structure, below the row of the whole case.
        self.wait(lambda: report.ui.structuresTable.rowCount > 1 and report.ui.structuresTable.item(1, 0) is not None)
        report.ui.structuresTable.setCurrentCell(1, 0)
        self.assertEqual(report.ui.structuresTable.item(1, 0).text(), "kidney_right")
        self.picture("report", "ReportPanel")
        self.simulated_image_is_no_dicom(report)
        self.paint("liver", ((22, 23), (78, 80), (90, 97)))
        self.wait(lambda: "outdated" in report.standing().words)
        report.ui.evaluateButton.click()
        self.wait(lambda: read_record(self.session.case.candidate) != record)
        return read_record(self.session.case.candidate)

    def simulated_image_is_no_dicom(self, report):
        if importlib.util.find_spec("highdicom") is None:
            # The button would ask whether to install it.
            return
        report.ui.exportDicomButton.click()
        self.wait(lambda: "was not loaded from DICOM" in report._export.ui.faultsText.toPlainText())
        self.assertFalse(report._export.ui.writeButton.enabled)
        report.ui.exportDicomButton.click()

    def log_tells_what_the_read_cost(self, record):
        from SegQCLib.readers.effort import case_reads
        from SegQCLib.readers.log_times import times_of
        from SegQCLib.readers.session_log import read_log

        case = self.session.case
        if slicer.app.layoutManager() is not None:
            node = slicer.app.layoutManager().sliceWidget("Red").mrmlSliceNode()
            node.SetSliceOffset(node.GetSliceOffset() + case.volume.GetSpacing()[2])
        editing = self.panel("EditingPanel")
        self.wait(lambda: not editing._follower._timer.active)
        editing.ui.logCheckBox.setChecked(False)
        (path,) = (self.folder / "records").rglob("*.jsonl")
        log = read_log(path)
        (read,) = case_reads([log])
        self.assertEqual((read.reader, read.purpose, read.simulated, read.finished), ("Reader 1", "clinical", False, False))
        self.assertEqual(read.protocol, record.protocol.id)
        self.assertEqual(read.verdict, record.verdict)
        self.assertEqual(read.seconds, times_of(log).total())
        self.assertEqual(len(read.ratings), len(record.ratings))
        # What was drawn, counted in the nodes.
        liver, spleen = (next(segment for segment in read.segments if segment.name == name) for name in ("liver", "spleen"))
        now, draft = (
            slicer.util.arrayFromSegmentBinaryLabelmap(node, "liver", case.volume) > 0 for node in (case.candidate, case.draft)
        )
        self.assertGreater((now & ~draft).sum(), 0)
        self.assertEqual((liver.added_voxels, liver.removed_voxels), ((now & ~draft).sum(), (draft & ~now).sum()))
        self.assertAlmostEqual(liver.volume_ml, now.sum() * case.volume.GetSpacing()[0] ** 2 * case.volume.GetSpacing()[2] / 1000)
        self.assertGreater(liver.added_path_length_mm, 0)
        self.assertTrue(liver.edited and liver.ai_anchored and spleen.ai_anchored)
        self.assertFalse(spleen.edited)
        paths = {(path.check, path.repaired, path.kept) for path in read.findings}
        self.assertIn(("islands", True, False), paths)
        self.assertIn(("holes", False, True), paths)
        if slicer.app.layoutManager() is not None:
            self.assertEqual(read.slices, case.volume.GetImageData().GetDimensions()[2])
            self.assertGreaterEqual(read.slices_seen, 2)

    def everything_comes_back_from_a_bundle(self, record):
        from SegQCLib.mrml.ratings_node import read_ratings
        from SegQCLib.mrml.record_node import is_outdated, read_record

        ratings = read_ratings(self.session.case.volume)
        path = str(self.folder / "case.mrb")
        slicer.util.saveScene(path)
        slicer.mrmlScene.Clear()
        self.assertIsNone(self.session.case.candidate)
        slicer.util.loadScene(path)
        self.wait(lambda: self.session.case.candidate is not None)
        self.assertEqual(read_record(self.session.case.candidate), record)
        self.assertFalse(is_outdated(self.session.case.candidate))
        self.assertEqual(read_ratings(self.session.case.volume), ratings)
        self.assertEqual(self.algorithm_type("liver"), "SEMIAUTOMATIC")
        self.picture("bundle", "ReportPanel")

    # What a reader does

    def panel(self, name):
        return next(panel for panel in self.widget.column.panels if type(panel).__name__ == name)

    def select_finding(self, findings, word):
        table = findings.ui.findingsTable
        for row in range(table.rowCount):
            if any(word in table.item(row, column).text().lower() for column in range(table.columnCount)):
                table.setCurrentCell(row, 0)
                return
        self.fail(f"No finding says {word!r}.")

    def paint(self, segment_id, box):
        """Add the voxels of a half-open box (k, j, i) to a segment, as one stroke of the Segment Editor does."""
        editor_node = slicer.mrmlScene.GetSingletonNode("SegmentEditor", "vtkMRMLSegmentEditorNode")
        if editor_node is None:
            editor_node = slicer.mrmlScene.CreateNodeByClass("vtkMRMLSegmentEditorNode")
            editor_node.SetSingletonTag("SegmentEditor")
            editor_node.UnRegister(None)
            editor_node = slicer.mrmlScene.AddNode(editor_node)
        editor_node.SetAndObserveSegmentationNode(self.session.case.candidate)
        editor_node.SetAndObserveSourceVolumeNode(self.session.case.volume)
        editor_node.SetSelectedSegmentID(segment_id)
        logic = slicer.vtkSlicerSegmentEditorLogic()
        logic.SetMRMLScene(slicer.mrmlScene)
        logic.SetSegmentEditorNode(editor_node)
        logic.SetSourceRepresentationToBinaryLabelMap()
        logic.UpdateReferenceGeometryImage()
        logic.ResetModifierLabelmapToDefault()
        image = logic.GetModifierLabelmap()
        voxels = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])
        voxels[tuple(slice(*edges) for edges in box)] = 1
        logic.ModifySegmentByLabelmap(self.session.case.candidate, segment_id, image, logic.ModificationModeAdd, False, False)
        logic.SetSegmentEditorNode(None)
        self.wait(lambda: True)

    def algorithm_type(self, segment_id):
        text = vtk.reference("")
        self.session.case.candidate.GetSegmentation().GetSegment(segment_id).GetTag("DICOM.SegmentAlgorithmType", text)
        return str(text)

    def wait(self, finished):
        """Let Slicer go on until something is so."""
        end = time.monotonic() + LONGEST_S
        slicer.app.processEvents()
        while not finished():
            self.assertLess(time.monotonic(), end, "Waited in vain.")
            slicer.app.processEvents()

    def picture(self, name, panel):
        number = self.widget.column.panels.index(self.panel(panel))
        self.widget.column.open(number)
        slicer.app.processEvents()
        folder = os.environ.get("SEGQC_PICTURES")
        if folder and slicer.util.mainWindow() is not None:
            # The views are drawn, and the curve is made in the background.
            for _ in range(50):
                slicer.app.processEvents()
                time.sleep(0.02)
            slicer.util.mainWindow().grab().save(str(Path(folder) / f"{name}.png"))


if __name__ == "__main__":
    unittest.main()
