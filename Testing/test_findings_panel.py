"""The findings as a reader works through them, in the test host."""

import json
import time

import numpy as np
import pytest

from phantoms import a_geometry, a_volume, box_array
from SegQCLib.case import Segment, Segmentation
from SegQCLib.protocol import shipped_protocols
from slicer_host import a_host, needs_host

pytestmark = needs_host

LIVER, SPLEEN, GALLBLADDER = "a", "b", "c"
# On a_geometry: a voxel is 2 x 1 x 1 mm.
ISLAND, SMALL_ISLAND = [(8, 18, 27), (8, 18, 28)], (8, 18, 2)


def with_errors() -> Segmentation:
    """A liver with two islands (two voxels, one voxel) and a hole of three; a gallbladder painted over it; a clean spleen."""
    labels = box_array((10, 20, 30), (2, 6), (5, 15), (5, 15))
    labels[2:6, 5:15, 18:24] = 2
    labels[4, 10, 9:12] = 0
    for voxel in (*ISLAND, SMALL_ISLAND):
        labels[voxel] = 1
    over = box_array((10, 20, 30), (2, 6), (5, 9), (5, 9))
    segments = (Segment(LIVER, "liver", 1), Segment(SPLEEN, "spleen", 2), Segment(GALLBLADDER, "gallbladder", 1, 1))
    return Segmentation("reader", a_geometry(), (labels, over), segments)


def a_protocol(folder):
    """The shipped protocol for small boxes: no limit to volumes and flat sides, and a right kidney is required."""
    content = json.loads(shipped_protocols()["ct-abdomen-portal-venous"].read_text(encoding="utf-8"))
    content["technical_limits"] = []
    content["skipped_checks"] = ["end_slices", "flat_faces", "area_jumps"]
    for structure in content["structures"]:
        structure["required"] = structure["name"] == "kidney_right"
    path = folder / "small-boxes.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


class Findings:
    """The module with the findings open on a case."""

    def __init__(self, host, folder, segmentation=None, reader="Dr. A"):
        import slicer

        from SegQCLib.mrml.segmentation import add_segmentation
        from SegQCLib.mrml.volume import add_volume

        self.host, self.slicer = host, slicer
        self.module = host.open("SegQCModule")
        self.session = self.module.session
        self.panel = next(panel for panel in self.module.column.panels if type(panel).__name__ == "FindingsPanel")
        self.ui, self.table = self.panel.ui, self.panel.ui.findingsTable
        self.module.column.open(self.module.column.panels.index(self.panel))
        self.events = []
        self.session.event_writer = lambda kind, facts: self.events.append((kind, facts))
        self.volume = add_volume(slicer.mrmlScene, a_volume(), "CT")
        self.candidate = add_segmentation(slicer.mrmlScene, segmentation or with_errors(), self.volume, "candidate")
        self.session.reader = reader
        self.session.case.protocol = str(a_protocol(folder))
        self.session.case.volume = self.volume
        self.session.case.candidate = self.candidate
        host.process_events()

    def look(self):
        self.host.click(self.ui.lookButton)
        self.wait(lambda: self.panel._work is None)
        return self

    def wait(self, condition):
        end = time.monotonic() + 120
        while not condition():
            assert time.monotonic() < end
            self.host.process_events()
            time.sleep(0.005)

    def settle(self):
        """Wait for the check that follows an edit."""
        self.host.process_events()
        panel = self.panel
        self.wait(lambda: not panel._timer.active and not any((panel._work, panel._check, panel._plan, panel._count)))

    def rows(self):
        return [tuple(self.table.item(row, column).text() for column in range(3)) for row in range(self.table.rowCount)]

    def of(self, segment):
        return [row[1:] for row in self.rows() if row[0] == segment]

    def select(self, *row):
        number = self.rows().index(row)
        self.table.setCurrentCell(number, 0)
        self.host.process_events()

    def current(self):
        row = self.table.currentRow()
        return self.rows()[row] if row >= 0 else None

    def mask(self, segment_id):
        from SegQCLib.mrml.segmentation import segmentation_from_node

        now = segmentation_from_node(self.candidate, self.volume)
        return now.mask(next(segment for segment in now.segments if segment.id == segment_id))

    def facts(self, kind):
        return [facts for known, facts in self.events if known == kind]


@pytest.fixture
def host():
    with a_host() as opened:
        yield opened


@pytest.fixture
def findings(host, tmp_path):
    opened = Findings(host, tmp_path)
    yield opened
    opened.session.reader = ""


def test_without_a_candidate_there_is_nothing_to_look_for(host):
    module = host.open("SegQCModule")
    panel = next(panel for panel in module.column.panels if type(panel).__name__ == "FindingsPanel")
    assert panel.standing().light.value == "waiting"
    assert not panel.ui.lookButton.enabled
    assert not panel.ui.repairButton.enabled


def test_a_look_lists_the_errors_with_their_size_failures_first(findings):
    assert findings.panel.standing().words == "not looked for"
    findings.look()
    rows = findings.rows()
    assert rows[0][:2] == ("liver + gallbladder", "Overlap")
    assert findings.of("liver") == [("Hole", "6 mm³"), ("Island", "4 mm³"), ("Island", "2 mm³")]
    assert findings.of("spleen") == []
    assert findings.panel.standing().light.value == "problem"
    assert findings.panel.standing().words == "5 to look at"
    assert findings.facts("technical_look") == [{"errors": 5, "failures": 2}]


def test_what_is_allowed_has_a_unit_or_is_none(findings):
    findings.look()
    findings.select("liver", "Hole", "6 mm³")
    assert "Allowed: none." in findings.ui.detailText.toPlainText()


def test_a_chosen_finding_is_where_the_slices_go_and_its_segment_is_selected(findings):
    findings.look()
    editor = findings.slicer.modules.segmenteditor.widgetRepresentation().self().editor
    editor.setSegmentationNode(findings.candidate)
    editor.setCurrentSegmentID(SPLEEN)
    findings.select("liver", "Island", "2 mm³")
    left, posterior, superior = a_geometry().lps_mm(SMALL_ISLAND)
    red = findings.slicer.mrmlScene.GetNodeByID("vtkMRMLSliceNodeRed").GetSliceToRAS()
    assert [red.GetElement(axis, 3) for axis in range(3)] == pytest.approx([-left, -posterior, superior])
    assert editor.currentSegmentID() == LIVER
    assert "liver has an island of 1 voxel, 2 mm³" in findings.ui.detailText.plainText
    assert findings.facts("finding_viewed") == [{"check": "islands", "segment_ids": [LIVER]}]


def test_enter_on_the_chosen_finding_goes_there_again(findings):
    from SegQCLib.mrml.slice_views import jump_slices

    findings.look()
    findings.select("liver", "Island", "2 mm³")
    red = findings.slicer.mrmlScene.GetNodeByID("vtkMRMLSliceNodeRed").GetSliceToRAS()
    there = [red.GetElement(axis, 3) for axis in range(3)]
    jump_slices(findings.slicer.mrmlScene, (0.0, 0.0, 0.0))
    assert [red.GetElement(axis, 3) for axis in range(3)] != there
    findings.host.key(findings.table, "Return")
    assert [red.GetElement(axis, 3) for axis in range(3)] == there
    assert len(findings.facts("finding_viewed")) == 1


def test_keys_lead_from_one_finding_to_the_next_past_those_that_are_kept(findings):
    findings.look()
    rows = findings.rows()
    findings.host.key(findings.table, "Alt+Down")
    assert findings.current() == rows[0]
    findings.host.key(findings.table, "Alt+Down")
    assert findings.current() == rows[1]
    findings.ui.reasonEdit.setText("Vessel")
    findings.host.click(findings.ui.keepButton)
    findings.host.key(findings.table, "Alt+Up")
    findings.host.key(findings.table, "Alt+Down")
    assert findings.current() == rows[2]
    for _ in rows:
        findings.host.key(findings.table, "Alt+Up")
    assert findings.current() == rows[0]


def test_the_keys_also_work_in_the_segment_editor_and_nowhere_else(findings):
    findings.look()
    rows = findings.rows()
    findings.slicer.util.selectModule("SegmentEditor")
    findings.host.key(findings.host.window, "Alt+Down")
    assert findings.current() == rows[0]
    findings.slicer.util.selectModule("Volumes")
    findings.host.key(findings.host.window, "Alt+Down")
    assert findings.current() == rows[0]


def test_a_repair_says_what_it_will_do_and_what_it_did_and_changes_only_its_place(findings):
    findings.look()
    findings.select("liver", "Island", "4 mm³")
    assert findings.ui.repairLabel.text == "Repair removes this island: 2 voxels, 4 mm³."
    before, spleen = findings.mask(LIVER), findings.mask(SPLEEN)
    findings.host.click(findings.ui.repairButton)
    findings.settle()
    expected = before.copy()
    for voxel in ISLAND:
        expected[voxel] = False
    np.testing.assert_array_equal(findings.mask(LIVER), expected)
    np.testing.assert_array_equal(findings.mask(SPLEEN), spleen)
    assert findings.of("liver") == [("Hole", "6 mm³"), ("Island", "2 mm³")]
    assert findings.ui.repairLabel.text == "Repaired liver: 2 voxels removed; 0.80 ml before, 0.80 ml now."
    (facts,) = findings.facts("finding_repaired")
    assert (facts["segment"], facts["repair"], facts["removed_voxels"], facts["added_voxels"]) == ("liver", "remove_islands", 2, 0)


def test_after_a_repair_none_is_selected_and_the_next_one_is_that_after_it(findings):
    findings.look()
    findings.select("liver", "Hole", "6 mm³")
    findings.host.click(findings.ui.repairButton)
    findings.settle()
    assert findings.current() is None
    assert not findings.ui.repairButton.enabled
    findings.host.key(findings.table, "Alt+Down")
    assert findings.current() == ("liver", "Island", "4 mm³")


def test_a_repair_is_undone_until_something_else_is_edited(findings):
    findings.look()
    before = findings.mask(LIVER)
    findings.select("liver", "Hole", "6 mm³")
    findings.host.click(findings.ui.repairButton)
    findings.settle()
    assert findings.of("liver") == [("Island", "4 mm³"), ("Island", "2 mm³")]
    findings.host.click(findings.ui.undoButton)
    findings.settle()
    np.testing.assert_array_equal(findings.mask(LIVER), before)
    assert findings.current() == ("liver", "Hole", "6 mm³")
    assert not findings.ui.undoButton.enabled
    findings.host.click(findings.ui.repairButton)
    findings.settle()
    assert findings.ui.undoButton.enabled
    findings.host.paint(findings.candidate, SPLEEN, [(3, 6, 24)])
    findings.settle()
    assert not findings.ui.undoButton.enabled


def test_a_second_click_on_repair_does_nothing_while_it_works(findings):
    findings.look()
    findings.select("liver", "Hole", "6 mm³")
    findings.panel.onRepair()
    assert findings.ui.repairButton.text == "Repairing..."
    assert findings.panel.standing().words == "repairing"
    assert not any(button.enabled for button in (findings.ui.repairButton, findings.ui.lookButton, findings.ui.keepButton))
    findings.panel.onRepair()
    findings.settle()
    assert len(findings.facts("finding_repaired")) == 1
    assert findings.ui.repairButton.text == "&Repair"
    assert findings.ui.lookButton.enabled


def test_an_edit_while_a_repair_is_planned_discards_it_and_says_so(findings):
    findings.look()
    before = findings.mask(LIVER)
    findings.select("liver", "Hole", "6 mm³")
    findings.panel.onRepair()
    findings.host.paint(findings.candidate, SPLEEN, [(3, 6, 24)])
    findings.settle()
    np.testing.assert_array_equal(findings.mask(LIVER), before)
    assert findings.ui.repairLabel.text.startswith("Not repaired: the segmentation was edited meanwhile.")
    assert findings.facts("finding_repaired") == []
    assert findings.current() == ("liver", "Hole", "6 mm³")
    findings.host.click(findings.ui.repairButton)
    findings.settle()
    assert ("Hole", "6 mm³") not in findings.of("liver")


def test_a_neighbour_that_a_stroke_cut_is_checked_again_and_others_are_not(findings):
    findings.look()
    # A plane of the liver goes to the spleen, and opens the liver's hole.
    cut = [(k, j, 11) for k in range(2, 6) for j in range(5, 15)]
    findings.host.paint(findings.candidate, SPLEEN, cut)
    findings.settle()
    assert [facts["segment_id"] for facts in findings.facts("segment_checked_again")] == [SPLEEN, LIVER]
    assert findings.of("liver") == [("Skipped slice", "1 slice"), ("Island", "4 mm³"), ("Island", "2 mm³")]
    findings.slicer.modules.segmenteditor.widgetRepresentation().self().editor.undo()
    findings.settle()
    assert findings.of("liver") == [("Hole", "6 mm³"), ("Island", "4 mm³"), ("Island", "2 mm³")]


def test_the_rest_of_many_islands_is_repaired_at_once_but_for_those_that_are_kept(host, tmp_path):
    labels = box_array((10, 20, 30), (2, 6), (5, 15), (5, 15))
    islands = [(k, j, 27) for k in (1, 3, 5, 7) for j in range(1, 19, 3)]
    for voxel in islands:
        labels[voxel] = 1
    findings = Findings(host, tmp_path, Segmentation("reader", a_geometry(), (labels,), (Segment(LIVER, "liver", 1),))).look()
    assert len(islands) == 24
    findings.select("liver", "Island", "24 in all")
    assert findings.ui.repairLabel.text == "Repair removes all islands of liver that are not kept."
    findings.table.setCurrentCell(findings.rows().index(("liver", "Island", "2 mm³")), 0)
    findings.ui.reasonEdit.setText("Vessel")
    findings.host.click(findings.ui.keepButton)
    findings.select("liver", "Island", "24 in all")
    findings.host.click(findings.ui.repairButton)
    findings.settle()
    assert findings.of("liver") == [("Island, kept", "2 mm³")]
    assert np.count_nonzero(findings.mask(LIVER)) == 400 + 1


def test_findings_without_a_repair_offer_none(findings):
    findings.look()
    findings.table.setCurrentCell(0, 0)
    assert findings.current()[1] == "Overlap"
    assert not findings.ui.repairButton.enabled
    assert findings.ui.repairButton.toolTip == "There is no automatic repair of this finding."


def test_a_finding_is_kept_with_a_reason_and_counts_again_when_it_is_kept_no_longer(findings):
    from SegQCLib.mrml.kept_findings_node import read_kept_findings

    findings.look()
    count = len(findings.rows())
    findings.select("liver", "Island", "4 mm³")
    assert not findings.ui.keepButton.enabled
    findings.ui.reasonEdit.setText("Riedel lobe")
    findings.host.click(findings.ui.keepButton)
    assert findings.current() == ("liver", "Island, kept", "4 mm³")
    assert findings.panel.standing().words == f"{count - 1} to look at, 1 kept"
    assert not findings.ui.repairButton.enabled
    (kept,) = read_kept_findings(findings.candidate)
    assert (kept.check, kept.segment, kept.reason, kept.reader) == ("islands", "liver", "Riedel lobe", "Dr. A")
    assert "Kept: Riedel lobe (Dr. A," in findings.ui.detailText.plainText
    findings.look()
    assert ("liver", "Island, kept", "4 mm³") in findings.rows()
    findings.select("liver", "Island, kept", "4 mm³")
    findings.host.click(findings.ui.keepButton)
    assert findings.current() == ("liver", "Island", "4 mm³")
    assert read_kept_findings(findings.candidate) == ()


def test_nobody_keeps_a_finding_without_a_name(host, tmp_path):
    findings = Findings(host, tmp_path, reader="").look()
    findings.select("liver", "Island", "4 mm³")
    findings.ui.reasonEdit.setText("Riedel lobe")
    assert not findings.ui.keepButton.enabled
    assert "name" in findings.ui.keepButton.toolTip


def test_after_a_stroke_only_the_edited_segment_is_checked_again_and_the_list_keeps_its_place(findings):
    findings.look()
    findings.select("liver", "Island", "2 mm³")
    viewed = findings.facts("finding_viewed")
    findings.host.paint(findings.candidate, SPLEEN, [(8, 2, 20)])
    findings.settle()
    assert findings.of("spleen") == [("Island", "2 mm³")]
    assert findings.current() == ("liver", "Island", "2 mm³")
    assert [facts["segment_id"] for facts in findings.facts("segment_checked_again")] == [SPLEEN]
    assert len(findings.facts("technical_look")) == 1
    assert findings.facts("finding_viewed") == viewed


def test_undo_in_the_segment_editor_is_seen(findings):
    findings.look()
    findings.host.paint(findings.candidate, SPLEEN, [(8, 2, 20)])
    findings.settle()
    findings.slicer.modules.segmenteditor.widgetRepresentation().self().editor.undo()
    findings.settle()
    assert findings.of("spleen") == []


def test_what_was_undone_can_be_redone_after_looking_keeping_and_going_from_finding_to_finding(findings):
    findings.look()
    findings.host.paint(findings.candidate, SPLEEN, [(8, 2, 20)])
    findings.settle()
    editor = findings.slicer.modules.segmenteditor.widgetRepresentation().self().editor
    editor.undo()
    findings.settle()
    findings.look()
    findings.host.key(findings.table, "Alt+Down")
    findings.select("liver", "Island", "2 mm³")
    findings.ui.reasonEdit.setText("Vessel")
    findings.host.click(findings.ui.keepButton)
    findings.settle()
    editor.redo()
    findings.settle()
    assert findings.mask(SPLEEN)[8, 2, 20]


def test_findings_about_all_segments_are_marked_after_an_edit(findings):
    findings.look()
    whole = next(row for row in findings.rows() if row[1] == "Structures")
    findings.host.paint(findings.candidate, SPLEEN, [(3, 6, 24)])
    findings.settle()
    findings.select(*whole)
    assert "From before the last edit." in findings.ui.detailText.plainText


def test_a_removed_segment_takes_its_findings_along(findings):
    findings.look()
    findings.candidate.GetSegmentation().RemoveSegment(GALLBLADDER)
    findings.settle()
    assert "Overlap" not in {row[1] for row in findings.rows()}


def test_the_list_starts_from_a_record_that_is_not_outdated(findings):
    from SegQCLib.mrml.evaluate_scene import evaluate_nodes
    from SegQCLib.mrml.record_node import mark_outdated, write_record

    record = evaluate_nodes(findings.volume, findings.candidate, findings.session.protocol)
    write_record(findings.slicer.mrmlScene, record, findings.candidate)
    findings.session.announceStanding()
    assert findings.of("liver") == [("Hole", "6 mm³"), ("Island", "4 mm³"), ("Island", "2 mm³")]
    assert findings.rows()[0][:2] == ("liver + gallbladder", "Overlap")
    mark_outdated(findings.candidate)
    findings.session.case.candidate = None
    findings.session.case.candidate = findings.candidate
    assert findings.rows() == []
    assert findings.panel.standing().words == "not looked for"


def test_a_look_that_is_stopped_leaves_the_list(findings):
    findings.look()
    rows = findings.rows()
    findings.ui.lookButton.click()
    findings.ui.cancelButton.click()
    findings.wait(lambda: findings.panel._work is None)
    assert findings.rows() == rows


def test_a_clean_segmentation_is_done(host, tmp_path):
    labels = box_array((10, 20, 30), (2, 6), (5, 15), (5, 15))
    clean = Segmentation("reader", a_geometry(), (labels,), (Segment("k", "right kidney", 1),))
    findings = Findings(host, tmp_path, clean).look()
    assert findings.rows() == []
    assert findings.panel.standing().light.value == "done"
    assert findings.ui.messageLabel.text == "No technical errors were found."


def test_another_case_has_findings_of_its_own(findings):
    findings.look()
    findings.session.case.candidate = None
    assert findings.rows() == []
    findings.slicer.mrmlScene.Clear()
    findings.host.process_events()
    assert findings.panel.standing().light.value == "waiting"


def test_nothing_is_held_after_the_module_was_let_go(findings):
    findings.look()
    findings.host.paint(findings.candidate, SPLEEN, [(8, 2, 20)])
    findings.host.unload()
    assert not [held for held in findings.host.held() if "Findings" in str(held)]
