"""One reader's session from the protocol to the report, through the widgets that a reader uses, on the simulated case."""

import json

from slicer_host import a_host, needs_host

pytestmark = needs_host


class Reader:
    """Opens steps, and takes a picture of the window after each."""

    def __init__(self, host, widget, pictures):
        self.host, self.column, self.pictures = host, widget.column, pictures
        self.panels = {type(panel).__name__: panel for panel in widget.column.panels}

    def open(self, name):
        self.column.open(list(self.panels).index(name))
        self.host.process_events()
        return self.panels[name].ui

    def words(self, name):
        return self.panels[name].standing().words

    def wait_for(self, name, *words):
        """Wait until the step no longer says one of `words`, and nothing runs."""
        standing = self.panels[name].standing
        self.host.wait_until(lambda: standing().words not in words and standing().light.value != "running", seconds=60)

    def look(self, name):
        self.host.screenshot(self.pictures / f"{name}.png")
        # An empty window of this size is a few kilobytes.
        assert (self.pictures / f"{name}.png").stat().st_size > 20_000


def test_a_session_from_the_protocol_to_the_report(tmp_path):
    with a_host() as host:
        import slicer

        module = host.open()
        module.session.records_folder = tmp_path / "records"
        chosen = module.logic.loadSimulatedCase()
        host.process_events()
        reader = Reader(host, module, tmp_path / "pictures")

        ui = reader.open("CasePanel")
        ui.readerEdit.setText("Reader A")
        ui.readerEdit.editingFinished.emit()
        assert module.session.reader == "Reader A"
        reader.look("case")

        ui = reader.open("GatePanel")
        host.click(ui.applyButton)
        ui.holdCheckBox.setChecked(True)
        display = chosen.volume.GetDisplayNode()
        # The protocol asks for 350 to 400 HU at 40 to 50 HU.
        display.SetWindowLevel(3000, 500)
        assert 350 <= display.GetWindow() <= 400
        assert 40 <= display.GetLevel() <= 50
        reader.look("gate")

        ratings = reader.open("ArtifactsPanel").ratingsTable
        for row in range(ratings.rowCount):
            ratings.setCurrentCell(row, 0)
            host.key(ratings, "2")
        assert reader.words("ArtifactsPanel") == f"{ratings.rowCount} of {ratings.rowCount} rated"
        reader.look("artifacts")

        reader.open("DraftPanel")
        assert reader.words("DraftPanel") == "SIMULATED model 1.0"
        reader.look("draft")

        ui = reader.open("EditingPanel")
        ui.logCheckBox.setChecked(True)
        liver = chosen.candidate.GetSegmentation().GetNthSegmentID(0)
        host.paint(chosen.candidate, liver, [(1, 1, 1), (1, 1, 2)])
        assert reader.words("EditingPanel") == "5 of 5 drawn, 1 edited, logged"
        reader.look("editing")

        ui = reader.open("FindingsPanel")
        before = reader.words("FindingsPanel")
        host.click(ui.lookButton)
        reader.wait_for("FindingsPanel", before)
        found = [ui.findingsTable.item(row, 1).text() for row in range(ui.findingsTable.rowCount)]
        # As the simulated candidate was made, and the stroke above: an island of two voxels.
        assert sorted(found) == ["Cut off", "Hole", "Island", "Island", "Skipped slice"]
        ui.findingsTable.setCurrentCell(found.index("Skipped slice"), 0)
        host.process_events()
        host.click(ui.repairButton)
        reader.wait_for("FindingsPanel", f"{len(found)} to look at")
        assert "Skipped slice" not in [ui.findingsTable.item(row, 1).text() for row in range(ui.findingsTable.rowCount)]
        reader.look("findings")

        ui = reader.open("ReportPanel")
        before = reader.words("ReportPanel")
        host.click(ui.evaluateButton)
        reader.wait_for("ReportPanel", before)
        # kidney_right is drawn shifted, and a model drew it.
        assert reader.words("ReportPanel") == "Review"
        reader.look("report")

        (log,) = (tmp_path / "records").rglob("*.jsonl")
        assert all(json.loads(line) for line in log.read_text(encoding="utf-8").splitlines())
        assert slicer.util.saveScene(str(tmp_path / "case.mrb"))
        assert host.displays == []
