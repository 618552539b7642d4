"""The Editing panel in the test host: strokes of Slicer's own editor logic in; voxels, tags, clock and log out."""

import time

import pytest

from phantoms import a_segmentation, a_volume
from SegQCLib.readers.effort import case_reads
from SegQCLib.readers.log_times import times_of
from SegQCLib.readers.provenance import provenance_of
from SegQCLib.readers.session_log import read_log
from slicer_host import a_host, needs_host

pytestmark = needs_host

MODEL = "TotalSegmentator 2.18.0: total"
LIVER, SPLEEN = "s0", "s1"
LIVER_VOXELS = 3 * 7 * 5
ONE_MORE_ROW = [(2, 9, i) for i in range(3, 8)]


class Opened:
    """The panel of an opened module with a reader and a volume; with a draft and its copy as the candidate if asked for."""

    def __init__(self, host, folder, *, drafted=True):
        import slicer

        from SegQCLib.mrml.segmentation import add_segmentation
        from SegQCLib.mrml.volume import add_volume
        from SegQCLib.panels import steps

        # Alone: what another panel keeps after cleanup would keep this one.
        steps.STEPS = tuple(panel for panel in steps.STEPS if panel.UI == "EditingPanel.ui")

        self.host, self.slicer = host, slicer
        widget = host.open("SegQCModule")
        self.session = widget.session
        self.panel = next(panel for panel in widget.column.panels if panel.UI == "EditingPanel.ui")
        self.ui = self.panel.ui
        widget.column.open(widget.column.panels.index(self.panel))
        self.session.records_folder = folder / "records"
        self.session.reader = "Dr A"
        self.volume = add_volume(slicer.mrmlScene, a_volume(), "CT 1")
        self.session.case.volume = self.volume
        if drafted:
            model = a_segmentation(name="model", liver=((1, 4), (2, 9), (3, 8)), spleen=((5, 8), (2, 9), (3, 8)))
            draft, candidate = (add_segmentation(slicer.mrmlScene, model, self.volume, name) for name in ("draft", "candidate"))
            for node in (draft, candidate):
                for segment_id in (LIVER, SPLEEN):
                    node.GetSegmentation().GetSegment(segment_id).SetTag("DICOM.SegmentAlgorithmType", "AUTOMATIC")
                    node.GetSegmentation().GetSegment(segment_id).SetTag("DICOM.SegmentAlgorithmName", MODEL)
            self.session.case.draft, self.session.case.candidate = draft, candidate
        host.process_events()

    def settle(self, seconds=0.4):
        """Let the panel count, which it does 0.3 s after a stroke."""
        until = time.monotonic() + seconds
        while time.monotonic() < until or self.panel._follower._timer.active:
            self.host.process_events()
            time.sleep(0.01)

    def paint(self, voxels, segment_id=LIVER, effect="Paint", **options):
        editor = self.slicer.modules.segmenteditor.widgetRepresentation().self().editor
        editor.setSegmentationNode(self.session.case.candidate)
        editor.setActiveEffectByName(effect)
        self.host.paint(self.session.case.candidate, segment_id, voxels, **options)
        self.settle()

    def overwrite(self, box):
        """Paint the liver in a box (k, j, i) as Slicer's brush does, which takes voxels from the neighbours."""
        from vtk.util.numpy_support import vtk_to_numpy

        editor = self.slicer.modules.segmenteditor.widgetRepresentation().self().editor
        editor.setSegmentationNode(self.session.case.candidate)
        editor.setSourceVolumeNode(self.volume)
        editor.setActiveEffectByName("Paint")
        logic = self.slicer.vtkSlicerSegmentEditorLogic()
        logic.SetMRMLScene(self.slicer.mrmlScene)
        logic.SetSegmentEditorNode(editor.mrmlSegmentEditorNode())
        logic.UpdateReferenceGeometryImage()
        logic.ResetModifierLabelmapToDefault()
        brush = logic.GetModifierLabelmap()
        vtk_to_numpy(brush.GetPointData().GetScalars()).reshape(brush.GetDimensions()[::-1])[box] = 1
        logic.ModifySegmentByLabelmap(self.session.case.candidate, LIVER, brush, logic.ModificationModeAdd, False, False)
        self.settle()

    def log(self, on=True):
        self.ui.logCheckBox.setChecked(on)
        self.host.process_events()

    def logs(self):
        return [read_log(path) for path in sorted((self.session.records_folder).rglob("*.jsonl"))]

    def rows(self, table):
        return [[table.item(row, column).text() for column in range(table.columnCount)] for row in range(table.rowCount)]

    @property
    def toolbars(self):
        import qt

        return [bar for bar in self.host.window.findChildren(qt.QToolBar) if bar.objectName == "SegQCEditingToolBar"]


@pytest.fixture
def host():
    with a_host() as opened:
        yield opened


def kinds(log):
    return [event.kind for event in log.events]


def test_nothing_is_logged_or_watched_unless_the_reader_switches_it_on(host, tmp_path):
    opened = Opened(host, tmp_path)
    opened.paint(ONE_MORE_ROW)
    assert not opened.ui.logCheckBox.checked
    assert opened.session.event_writer is None
    assert opened.logs() == []
    assert not [name for name in host.held() if name.startswith("event filter")]
    assert opened.ui.clockLabel.text == "No time is measured."
    assert opened.ui.logLabel.text.startswith("Off.")
    assert not opened.ui.pauseButton.enabled


def test_the_button_makes_a_coded_candidate_opens_the_editor_on_it_and_the_toolbar_leads_back(host, tmp_path):
    opened = Opened(host, tmp_path, drafted=False)
    assert opened.panel.standing().words == "nothing to edit yet"
    host.click(opened.ui.openEditorButton)
    opened.settle(0.1)
    candidate = opened.session.case.candidate
    structures = opened.session.protocol.protocol.structures
    assert [candidate.GetSegmentation().GetSegment(i).GetName() for i in candidate.GetSegmentation().GetSegmentIDs()] == [
        structure.name for structure in structures
    ]
    editor = opened.slicer.modules.segmenteditor.widgetRepresentation().self().editor
    assert (editor.segmentationNode(), editor.sourceVolumeNode()) == (candidate, opened.volume)
    assert opened.slicer.util.selectedModule() == "SegmentEditor"
    (toolbar,) = opened.toolbars
    assert toolbar.visible
    host.key(host.window, "Ctrl+Shift+B")
    assert opened.slicer.util.selectedModule() == "SegQCModule"
    assert not toolbar.visible
    assert opened.panel.standing().words == f"0 of {len(structures)} drawn, 0 edited"


def test_strokes_change_voxels_and_origin_in_the_table_and_the_tags(host, tmp_path):
    opened = Opened(host, tmp_path)
    opened.settle(0.1)
    table = opened.ui.segmentsTable
    assert opened.rows(table) == [["liver", "0", "0", "AUTOMATIC"], ["spleen", "0", "0", "AUTOMATIC"]]
    opened.paint(ONE_MORE_ROW)
    opened.paint([(1, j, i) for j in range(2, 9) for i in range(3, 8)], effect="Erase", erase=True)
    assert opened.rows(table) == [["liver", "5", "35", "SEMIAUTOMATIC"], ["spleen", "0", "0", "AUTOMATIC"]]
    opened.slicer.modules.segmenteditor.widgetRepresentation().self().editor.undo()
    opened.settle()
    assert opened.rows(table)[0] == ["liver", "5", "0", "SEMIAUTOMATIC"]
    opened.slicer.modules.segmenteditor.widgetRepresentation().self().editor.undo()
    opened.settle()
    assert opened.rows(table)[0] == ["liver", "0", "0", "AUTOMATIC"]


def test_a_stroke_over_a_neighbour_in_the_same_layer_takes_its_voxels(host, tmp_path):
    """Slicer announces the painted segment only."""
    opened = Opened(host, tmp_path)
    opened.session.case.candidate.GetSegmentation().CollapseBinaryLabelmaps()
    opened.settle()
    # Two rows of the spleen, and one row beside it.
    opened.overwrite((slice(6, 7), slice(7, 10), slice(3, 8)))
    assert opened.session.case.candidate.GetSegmentation().GetNumberOfLayers() == 1
    assert opened.rows(opened.ui.segmentsTable) == [["liver", "15", "0", "SEMIAUTOMATIC"], ["spleen", "0", "10", "SEMIAUTOMATIC"]]
    assert opened.panel.standing().words == "2 of 2 drawn, 2 edited"


def test_undo_can_be_redone_after_the_voxels_were_counted(host, tmp_path):
    """Slicer forgets what can be redone when a tag changes."""
    opened = Opened(host, tmp_path)
    opened.paint(ONE_MORE_ROW)
    editor = opened.slicer.modules.segmenteditor.widgetRepresentation().self().editor
    editor.undo()
    opened.settle()
    editor.redo()
    opened.settle()
    assert opened.rows(opened.ui.segmentsTable)[0] == ["liver", "5", "0", "SEMIAUTOMATIC"]


def test_the_log_tells_edits_effects_voxels_and_what_was_done_while_looking_away(host, tmp_path):
    opened = Opened(host, tmp_path)
    opened.settle(0.1)
    opened.log()
    opened.paint(ONE_MORE_ROW)
    opened.session.looking_away = True
    opened.paint(ONE_MORE_ROW[:2], effect="Erase", erase=True)
    opened.session.looking_away = False
    opened.paint([(8, 15, 20)], SPLEEN, effect="Threshold")
    opened.slicer.modules.segmenteditor.widgetRepresentation().self().editor.undo()
    opened.settle()
    opened.session.write_event("gate_confirmed", reason="trauma")
    opened.panel.onTick()
    assert "Edits: 3, undo and redo: 1." in opened.ui.clockLabel.text
    opened.log(False)
    (log,) = opened.logs()
    assert (log.header.case, log.header.reader, log.torn) == ("CT 1", "Dr A", None)
    assert log.header.protocol.sha256 == opened.session.protocol.sha256
    edits = [event.facts for event in log.events if event.kind == "edit"]
    assert [(edit["segments"][0]["name"], edit["effect"], edit["looking_away"]) for edit in edits] == [
        ("liver", "Paint", False), ("liver", "Erase", True), ("spleen", "Threshold", False)
    ]  # fmt: skip
    counted = {segment["name"]: segment for event in log.events if event.kind == "voxels" for segment in event.facts["segments"]}
    assert (counted["liver"]["added"], counted["liver"]["removed"], counted["liver"]["voxels"]) == (3, 0, LIVER_VOXELS + 3)
    assert counted["spleen"]["added"] == 0
    assert {"undo_or_structure", "gate_confirmed", "context"} <= set(kinds(log))
    assert (kinds(log)[0], kinds(log)[-1]) == ("logging_started", "logging_stopped")
    found = provenance_of(log.events)
    assert [str(found[segment_id].algorithm_type) for segment_id in (LIVER, SPLEEN)] == ["SEMIAUTOMATIC", "AUTOMATIC"]
    total = times_of(log).total()
    assert (total.active + total.wait > 1.5, total.idle) == (True, 0)


def facts_of(log, kind):
    return [event.facts for event in log.events if event.kind == kind]


def test_the_log_tells_which_slices_were_shown_and_whether_the_reader_scrolled(host, tmp_path):
    opened = Opened(host, tmp_path)
    red = opened.slicer.mrmlScene.GetNodeByID("vtkMRMLSliceNodeRed")
    opened.slicer.util.setSliceViewerLayers(background=opened.volume)
    red.SetSliceOffset(4.0)
    host.process_events()
    opened.log()
    red.SetSliceOffset(6.0)
    # A script turned it: nobody touched mouse or keys.
    opened.panel.onTick()
    opened.settle(1.2)
    red.SetSliceOffset(12.0)
    host.key(opened.ui.segmentsTable, "7")
    opened.settle(1.2)
    opened.log(False)
    (log,) = opened.logs()
    told = facts_of(log, "slices_seen")
    assert {(facts["volume"], facts["slices"]) for facts in told} == {("CT 1", 10)}
    assert sorted(k for facts in told for first, last in facts["seen"] for k in range(first, last + 1)) == [2, 3, 6]
    assert [facts["scrolled"] for facts in told][-1] is True
    assert not any(facts["scrolled"] for facts in told[:-1])
    (read,) = case_reads([log])
    assert (read.slices, read.slices_seen, read.scrolled) == (10, 3, True)


def test_a_read_of_a_draft_s_copy_is_ai_anchored_from_the_start(host, tmp_path):
    opened = Opened(host, tmp_path)
    opened.session.case.draft.SetDisplayVisibility(False)
    opened.log()
    opened.settle()
    opened.log(False)
    (log,) = opened.logs()
    (facts,) = facts_of(log, "draft_shown")
    assert (facts["algorithm"], facts["version"]) == (MODEL, None)
    assert facts["segments"] == [{"id": LIVER, "name": "liver"}, {"id": SPLEEN, "name": "spleen"}]
    (read,) = case_reads([log])
    assert [(segment.model, segment.edited, segment.accepted_unchanged) for segment in read.segments] == [(MODEL, False, True)] * 2


def test_a_first_read_without_the_draft_stays_free_of_it_until_the_draft_is_shown(host, tmp_path):
    from SegQCLib.mrml.segmentation import add_segmentation

    opened = Opened(host, tmp_path)
    opened.session.case.draft.SetDisplayVisibility(False)
    own = add_segmentation(opened.slicer.mrmlScene, a_segmentation(name="own", liver=None, spleen=None), opened.volume, "own")
    opened.session.case.candidate = own
    opened.log()
    opened.paint(ONE_MORE_ROW)
    opened.log(False)
    (free,) = opened.logs()
    opened.log()
    opened.settle(0.2)
    opened.session.case.draft.GetDisplayNode().SetSegmentVisibility(SPLEEN, False)
    opened.session.case.draft.SetDisplayVisibility(True)
    opened.log(False)
    # Logs of one second have no order by name.
    (anchored,) = (log for log in opened.logs() if log.path != free.path)
    assert facts_of(free, "draft_shown") == []
    assert [facts["segments"] for facts in facts_of(anchored, "draft_shown")] == [[{"id": LIVER, "name": "liver"}]]
    (read,) = case_reads([free])
    assert not any(segment.ai_anchored for segment in read.segments)
    (read,) = case_reads([free, anchored])
    assert [segment.ai_anchored for segment in read.segments] == [True, False]


def test_a_drawing_that_is_resumed_in_the_log_still_shows_that_it_began_as_the_draft(host, tmp_path):
    opened = Opened(host, tmp_path)
    opened.session.case.draft.SetDisplayVisibility(False)
    opened.paint(ONE_MORE_ROW, effect="Threshold")
    opened.log()
    opened.settle()
    opened.log(False)
    (log,) = opened.logs()
    shown = {segment["name"]: facts["algorithm"] for facts in facts_of(log, "draft_shown") for segment in facts["segments"]}
    assert shown == {"liver": MODEL, "spleen": MODEL}


def test_what_a_read_cost_is_read_from_its_log(host, tmp_path):
    opened = Opened(host, tmp_path)
    opened.settle(0.1)
    opened.log()
    opened.paint(ONE_MORE_ROW)
    opened.paint([(8, 15, 20)], SPLEEN)
    opened.slicer.modules.segmenteditor.widgetRepresentation().self().editor.undo()
    opened.settle(1.2)
    opened.log(False)
    (log,) = opened.logs()
    (read,) = case_reads([log])
    liver, spleen = read.segments
    assert (liver.voxels, liver.added_voxels, liver.removed_voxels, liver.edited) == (LIVER_VOXELS + 5, 5, 0, True)
    assert (spleen.added_voxels, spleen.edited) == (0, False)
    assert read.seconds == times_of(log).total()
    assert (read.purpose, read.finished, read.simulated) == ("clinical", False, False)


def test_the_log_counts_keys_and_says_not_which(host, tmp_path):
    opened = Opened(host, tmp_path)
    opened.log()
    host.key(opened.ui.segmentsTable, "7")
    opened.settle(1.2)
    opened.log(False)
    (log,) = opened.logs()
    activity = [event.facts for event in log.events if event.kind == "activity"]
    assert any(facts.get("key", 0) >= 1 for facts in activity)
    assert all(set(facts) <= {"mouse", "wheel", "key", "tablet"} for facts in activity)


def test_what_is_done_before_there_is_a_candidate_is_logged_too(host, tmp_path):
    opened = Opened(host, tmp_path, drafted=False)
    opened.log()
    opened.session.write_event("map_added", name="uncertainty")
    host.click(opened.ui.openEditorButton)
    opened.settle()
    opened.log(False)
    (log,) = opened.logs()
    wanted = ("logging_started", "map_added", "candidate", "segments", "voxels", "logging_stopped")
    assert [kind for kind in kinds(log) if kind in wanted] == list(wanted)
    assert [event.facts["name"] for event in log.events if event.kind == "candidate"] == ["CT 1 Dr A"]


def test_a_log_waits_for_the_reader_s_name(host, tmp_path):
    opened = Opened(host, tmp_path)
    opened.session.reader = ""
    opened.log()
    assert opened.ui.logLabel.text.startswith("Nothing is logged yet: enter your name")
    assert opened.logs() == []
    opened.session.reader = "Dr A"
    host.process_events()
    assert [log.header.reader for log in opened.logs()] == ["Dr A"]


def test_time_in_another_program_is_idle(host, tmp_path):
    from PySide6.QtCore import QEvent
    from PySide6.QtWidgets import QApplication

    opened = Opened(host, tmp_path)
    opened.log()
    QApplication.sendEvent(QApplication.instance(), QEvent(QEvent.ApplicationDeactivate))
    opened.settle(1.2)
    assert opened.ui.clockLabel.text.endswith("Idle now.")
    QApplication.sendEvent(QApplication.instance(), QEvent(QEvent.ApplicationActivate))
    opened.settle(1.2)
    assert opened.ui.clockLabel.text.endswith("Active now.")
    opened.log(False)
    (log,) = opened.logs()
    assert [event.facts["in_front"] for event in log.events if event.kind == "focus"] == [False, True]
    assert times_of(log).total().idle > 0.5


def test_a_pause_has_its_reason_and_an_edit_ends_it(host, tmp_path):
    opened = Opened(host, tmp_path)
    opened.log()
    opened.ui.pauseEdit.setText("telephone")
    host.click(opened.ui.pauseButton)
    assert opened.panel.standing().words.endswith("paused")
    assert opened.ui.clockLabel.text.endswith("Paused: telephone.")
    assert opened.ui.pauseButton.text == "Resume"
    opened.paint(ONE_MORE_ROW)
    assert opened.panel.standing().words.endswith("logged")
    opened.log(False)
    (log,) = opened.logs()
    assert [event.facts for event in log.events if event.kind == "paused"] == [{"reason": "telephone"}]
    assert kinds(log).index("paused") < kinds(log).index("resumed") < kinds(log).index("edit")


def test_a_lost_folder_stops_the_log_in_words_and_the_reader_goes_on(host, tmp_path):
    opened = Opened(host, tmp_path)
    opened.log()
    (log,) = opened.logs()
    log.path.unlink()
    opened.paint(ONE_MORE_ROW)
    opened.settle(2.5)
    assert opened.ui.logLabel.text.startswith("Logging has stopped")
    assert opened.panel.standing().words == "logging has stopped"
    assert opened.session.event_writer is None
    opened.paint(ONE_MORE_ROW[:1], erase=True)
    assert opened.rows(opened.ui.segmentsTable)[0][1] == "4"
    opened.log(False)
    opened.log()
    assert len(opened.logs()) == 1
    assert host.displays == []


def test_after_a_lost_folder_the_next_case_is_logged_again(host, tmp_path):
    import qt

    from SegQCLib.mrml.volume import add_volume

    opened = Opened(host, tmp_path)
    opened.log()
    (log,) = opened.logs()
    log.path.unlink()
    opened.paint(ONE_MORE_ROW)
    opened.settle(2.5)
    assert "tries again with the next case" in opened.ui.logLabel.text
    opened.slicer.util.selectModule("SegmentEditor")
    (toolbar,) = opened.toolbars
    assert toolbar.visible
    assert "Logging has stopped" in [label.text for label in toolbar.findChildren(qt.QLabel)]
    opened.slicer.util.selectModule("SegQCModule")
    opened.session.case.candidate = None
    assert opened.logs() == []
    opened.session.case.volume = add_volume(host.scene, a_volume(), "CT 2")
    host.process_events()
    assert opened.session.event_writer is not None
    opened.log(False)
    assert [log.header.case for log in opened.logs()] == ["CT 2"]


def test_a_records_folder_that_cannot_be_written_to_is_said_at_once(host, tmp_path):
    opened = Opened(host, tmp_path)
    (tmp_path / "file").write_text("no folder")
    opened.session.records_folder = tmp_path / "file"
    opened.log()
    assert "nothing is logged" in opened.ui.logLabel.text
    assert opened.session.event_writer is None


def test_another_reader_or_scene_begins_another_log_and_the_switch_is_kept(host, tmp_path):
    opened = Opened(host, tmp_path)
    opened.log()
    opened.session.reader = "Dr B"
    host.process_events()
    assert [log.header.reader for log in opened.logs()] == ["Dr A", "Dr B"]
    opened.slicer.mrmlScene.Clear()
    host.process_events()
    assert opened.session.event_writer is None
    assert [kinds(log)[-1] for log in opened.logs()] == ["logging_stopped", "logging_stopped"]
    host.unload()
    assert opened.toolbars == []
    again = Opened(host, tmp_path)
    assert again.ui.logCheckBox.checked
    assert again.session.event_writer is not None


def test_after_cleanup_no_timer_filter_observer_or_toolbar_is_left(host, tmp_path):
    before = host.held()
    opened = Opened(host, tmp_path)
    opened.log()
    opened.paint(ONE_MORE_ROW)
    host.click(opened.ui.openEditorButton)
    assert opened.toolbars
    assert any(name.startswith("event filter") for name in host.held())
    del opened
    host.unload()
    assert host.held() == before


def test_without_a_main_window_there_is_no_toolbar_and_the_log_runs(tmp_path):
    with a_host(main_window=False) as host:
        opened = Opened(host, tmp_path)
        opened.log()
        opened.paint(ONE_MORE_ROW)
        opened.log(False)
        (log,) = opened.logs()
        assert "edit" in kinds(log)


def test_the_folder_button_opens_the_folder_of_the_logs(host, tmp_path):
    opened = Opened(host, tmp_path)
    opened.log()
    host.click(opened.ui.folderButton)
    assert [str(tmp_path / "records" / "Session logs") in text for _kind, text in host.displays] == [True]


def test_the_idle_limit_is_logged_and_kept(host, tmp_path):
    opened = Opened(host, tmp_path)
    opened.log()
    opened.ui.idleSpinBox.setValue(45)
    opened.log(False)
    (log,) = opened.logs()
    assert [event.facts["seconds"] for event in log.events if event.kind == "idle_limit"] == [30.0, 45.0]
    host.unload()
    assert Opened(host, tmp_path).ui.idleSpinBox.value == 45
