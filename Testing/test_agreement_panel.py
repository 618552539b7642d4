"""The Agreement panel in the test host: readers of one image compared, and a blinded adjudication."""

import json
from pathlib import Path

import numpy as np
import pytest

from phantoms import a_segmentation, a_volume
from slicer_host import a_host, needs_host

pytestmark = needs_host

# Voxels of 2 x 1 x 1 mm. Ada has one slice of 25 voxels more, Ben and Cyd a row of 15; the spleen is Cyd's alone.
ADA = ((1, 5), (2, 7), (3, 8))
BEN = ((1, 4), (2, 8), (3, 8))
READERS = {"Ada": ADA, "Ben": BEN, "Cyd": BEN}


@pytest.fixture(scope="module")
def opened():
    """One host for all: opening all panels takes longer than a test."""
    with a_host() as host:
        host.open("SegQCModule")
        yield host


@pytest.fixture
def host(opened, tmp_path):
    import slicer

    slicer.mrmlScene.Clear()
    opened.displays.clear()
    session = slicer.modules.SegQCModuleWidget.session
    session.records_folder = tmp_path
    session.reader = "Third"
    opened.process_events()
    return opened


@pytest.fixture
def session(host):
    import slicer

    return slicer.modules.SegQCModuleWidget.session


@pytest.fixture
def panel(host):
    import slicer

    column = slicer.modules.SegQCModuleWidget.column
    panel = next(panel for panel in column.panels if type(panel).__name__ == "AgreementPanel")
    column.open(column.panels.index(panel))
    return panel


@pytest.fixture
def nodes(host, session, panel):
    """Return three readers' segmentations of one image by name, listed in the panel."""
    from SegQCLib.mrml.segmentation import add_segmentation
    from SegQCLib.mrml.volume import add_volume

    volume = add_volume(host.scene, a_volume(), "CT")
    volume.CreateDefaultDisplayNodes()
    made = {}
    for name, box in READERS.items():
        spleen = ((6, 8), (2, 6), (3, 8)) if name == "Cyd" else None
        made[name] = add_segmentation(host.scene, a_segmentation(name=name, liver=box, spleen=spleen), volume, name)
    session.case.volume = volume
    host.process_events()
    return made


def wait(host, panel):
    host.wait_until(lambda: not panel._busy(), 60)


def compare(host, panel):
    host.click(panel.ui.compareButton)
    wait(host, panel)
    assert panel._compared is not None, panel.ui.messageLabel.text


def cells(table):
    return [[table.item(row, column).text() for column in range(table.columnCount)] for row in range(table.rowCount)]


def begin(host, panel, smallest_ml=0.0):
    compare(host, panel)
    panel._adjudication.ui.smallestSpinBox.setValue(smallest_ml)
    host.click(panel._adjudication.ui.beginButton)
    return panel._adjudication


def logged(session):
    events = []
    session.event_writer = lambda kind, facts: events.append((kind, facts))
    return events


def ok():
    import qt

    return qt.QMessageBox.Ok


def test_one_segmentation_is_nothing_to_compare_and_the_next_step_does_not_nag(host, panel, nodes):
    import qt

    for row in (0, 1):
        panel.ui.readersTable.item(row, 0).setCheckState(qt.Qt.Unchecked)
    host.process_events()
    assert panel.standing().words == "tick two segmentations or more"
    assert not panel.standing().is_open
    assert not panel.ui.compareButton.enabled


def test_readers_need_names_of_their_own(host, panel, nodes):
    panel.ui.readersTable.item(1, 1).setText("Ada")
    assert panel.standing().words == "give every reader another name"
    panel.ui.readersTable.item(1, 1).setText(" ")
    assert panel.standing().words == "name every reader"


def test_the_matrix_shows_every_pair_of_a_structure(host, panel, nodes):
    compare(host, panel)
    selector = panel.ui.structureSelector
    selector.setCurrentIndex([selector.itemText(n) for n in range(selector.count)].index("liver"))
    # 2 * 75 / (100 + 90); Ben and Cyd drew the same.
    assert cells(panel.ui.matrixTable) == [["", "0.789", "0.789"], ["0.789", "", "1.000"], ["0.789", "1.000", ""]]
    panel.ui.measureSelector.setCurrentIndex(3)
    # 100 against 90 voxels: 10 / 95.
    assert cells(panel.ui.matrixTable)[0][1:] == ["+10.5 %", "+10.5 %"]
    assert cells(panel.ui.matrixTable)[1][0] == "−10.5 %"
    tip = panel.ui.matrixTable.item(0, 1).toolTip()
    assert "row minus" in tip
    assert "image's grid" in tip
    assert "200 %" in tip


def test_a_reader_who_stands_out_is_named_in_a_sentence(host, panel, nodes):
    compare(host, panel)
    # Nobody else drew a spleen.
    assert "Cyd" in panel.ui.outlierLabel.text
    assert "spleen" in panel.ui.outlierLabel.text
    assert panel.standing().light.value == "attention"


def test_with_two_readers_nobody_stands_out_and_it_is_said(host, panel, nodes):
    import qt

    panel.ui.readersTable.item(2, 0).setCheckState(qt.Qt.Unchecked)
    compare(host, panel)
    assert "cannot be told with two" in panel.ui.outlierLabel.text


def test_the_worst_slices_are_those_of_the_chosen_structure_and_lead_there(host, panel, nodes):
    compare(host, panel)
    selector = panel.ui.structureSelector
    selector.setCurrentIndex([selector.itemText(n) for n in range(selector.count)].index("liver"))
    rows = cells(panel.ui.worstTable)
    # Slice 4 is Ada's alone: 25 voxels of 2 mm3; on slices 1 to 3 a row of 5 voxels is in dispute.
    assert rows[0][:3] == ["liver", "4", "0.050 mL"]
    assert sorted(row[1] for row in rows[1:]) == ["1", "2", "3"]
    node = host.scene.AddNewNodeByClass("vtkMRMLSliceNode")
    node.SetOrientationToAxial()
    panel.onSliceChosen(0, 0)
    assert node.GetSliceOffset() == pytest.approx(4 * 2.0)


def test_the_map_is_one_node_that_can_be_taken_away(host, panel, nodes, session):
    import slicer

    from SegQCLib.mrml.disagreement_map_node import map_is_shown, map_of

    compare(host, panel)
    volume = session.case.volume
    host.click(panel.ui.mapButton)
    wait(host, panel)
    assert map_is_shown(host.scene, volume)
    map_node = map_of(volume)
    values = slicer.util.arrayFromVolume(map_node)
    # Ada alone, then Cyd alone: two of three pairs differ. The map is as large as what is in dispute, from slice 1 on.
    assert np.unique(values) == pytest.approx([0, 2 / 3])
    assert np.count_nonzero(values) == 25 + 15 + 40
    assert map_node.GetOrigin()[2] == pytest.approx(1 * 2.0)
    host.click(panel.ui.mapButton)
    assert not map_is_shown(host.scene, volume)
    host.click(panel.ui.removeMapButton)
    assert map_of(volume) is None


def test_a_consensus_is_a_segmentation_that_says_what_it_is(host, panel, nodes):
    compare(host, panel)
    selector = panel.ui.consensusSelector
    selector.setCurrentIndex(next(n for n in range(selector.count) if "Majority" in selector.itemText(n)))
    host.click(panel.ui.consensusButton)
    wait(host, panel)
    names = [node.GetName() for node in host.scene.GetNodesByClass("vtkMRMLSegmentationNode")]
    assert names[-1] == "Majority consensus of Ada, Ben, Cyd"
    host.process_events()
    # It is no reader's, and not ticked for the next comparison.
    assert [one.name for one in panel._choice.chosen()] == list(READERS)


def test_readers_who_saw_a_draft_are_not_put_together_with_the_others_by_default(host, panel, nodes):
    for row, index in ((0, 1), (1, 1), (2, 2)):
        box = panel.ui.readersTable.cellWidget(row, 2)
        box.setCurrentIndex(index)
    panel._choice.onDraftChosen(0)
    compare(host, panel)
    texts = [panel.ui.consensusSelector.itemText(n) for n in range(panel.ui.consensusSelector.count)]
    assert texts[0] == "STAPLE of 2 readers (AI-free)"
    assert any("all, AI-free or not" in text for text in texts)
    assert panel.ui.matrixTable.horizontalHeaderItem(2).text() == "Cyd (AI)"


def test_an_edit_outdates_the_comparison(host, panel, nodes, session):
    compare(host, panel)
    host.paint(nodes["Ada"], "s0", [(0, 0, 0)])
    assert panel.standing().words == "outdated"
    assert "compare again" in panel.ui.messageLabel.text
    assert not panel.ui.adjudicationFrame.isVisible()
    compare(host, panel)
    assert panel.standing().words != "outdated"


def test_while_it_runs_no_view_and_no_word_tells_a_reader(host, panel, nodes, session):
    view = begin(host, panel)
    assert panel.standing().words == "adjudication"
    shown = [node for node in host.scene.GetNodesByClass("vtkMRMLSegmentationNode") if node.GetDisplayNode().GetVisibility()]
    (outlines,) = shown
    segmentation = outlines.GetSegmentation()
    assert [segmentation.GetSegment(one).GetName() for one in segmentation.GetSegmentIDs()] == ["A", "B", "Piece"]
    visible = [
        text
        for widget in panel.widget.findChildren(host_widget())
        if widget.isVisible()
        for text in (getattr(widget, "text", ""), widget.toolTip)
        if isinstance(text, str)
    ]
    assert len(visible) > 10
    assert not any(name in text for name in READERS for text in visible)
    stored = host.scene.GetFirstNodeByName("SegQC adjudication").GetText()
    assert not any(name in stored for name in READERS)
    view.pause()
    assert all(node.GetDisplayNode().GetVisibility() for node in nodes.values())


def host_widget():
    import qt

    return qt.QWidget


def test_keys_decide_every_decision_is_logged_and_the_result_is_what_was_accepted(host, panel, nodes, session):
    import slicer

    events = logged(session)
    view = begin(host, panel)
    window = slicer.util.mainWindow()
    expected = {25: "1", 15: "2", 40: "3"}
    order = [item.voxels for item in view._adjudication.items]
    for voxels in order:
        assert view._adjudication.items[view._place].voxels == voxels
        host.key(window, expected[voxels])
    decided = [facts for kind, facts in events if kind == "disagreement_decided"]
    assert [facts["order"] for facts in decided] == [1, 2, 3]
    assert {facts["structure"]: facts["decision"] for facts in decided if facts["structure"] == "spleen"} == {"spleen": "undecided"}
    host.answers.append(ok())
    host.click(view.ui.closeButton)
    wait(host, panel)
    result = host.scene.GetFirstNodeByName("CT adjudicated by Third")
    counts = [
        int(slicer.util.arrayFromSegmentBinaryLabelmap(result, f"adjudicated_{n}", session.case.volume).sum()) for n in (1, 2)
    ]
    assert counts == [75 + 25, 0]
    text = view.ui.outcomeText.toPlainText()
    assert "Pieces that belong: 1; that do not: 1; undecided: 1." in text
    assert all(name in text for name in READERS)
    assert not host.scene.GetFirstNodeByName("SegQC adjudication outlines")
    assert all(node.GetDisplayNode().GetVisibility() for node in nodes.values())
    session.event_writer = None


def test_it_cannot_be_closed_while_a_piece_is_open(host, panel, nodes):
    view = begin(host, panel)
    assert not view.ui.closeButton.enabled
    assert "3 pieces have no decision" in view.ui.closeButton.toolTip
    view.pause()


def test_after_a_pause_or_a_crash_it_goes_on_in_the_same_order(host, panel, nodes, session):
    view = begin(host, panel)
    order = [item.voxels for item in view._adjudication.items]
    view.ui.commentEdit.setText("clear margin")
    host.click(view.ui.acceptButton)
    host.click(view.ui.pauseButton)
    host.wait_until(lambda: view._saving is None)
    stored = json.loads(next(Path(session.records_folder).rglob("*.adjudication.json")).read_text(encoding="utf-8"))
    assert [item["voxels"] for item in stored["items"]] == order
    assert stored["items"][0]["comment"] == "clear margin"
    # As after a crash: the scene knows nothing of it.
    host.scene.RemoveNode(host.scene.GetFirstNodeByName("SegQC adjudication"))
    compare(host, panel)
    assert "1 of 3 pieces decided" in view.ui.headlineLabel.text
    host.click(view.ui.resumeButton)
    assert view.ui.headlineLabel.text.startswith("2 of 3, 1 decided")
    assert [item.voxels for item in view._adjudication.items] == order
    view.pause()


def test_previous_and_next_lead_through_the_pieces_and_a_decision_can_be_changed(host, panel, nodes):
    view = begin(host, panel)
    host.click(view.ui.acceptButton)
    host.click(view.ui.previousButton)
    assert view.ui.acceptButton.checked
    host.click(view.ui.rejectButton)
    assert [item.decision for item in view._adjudication.items] == ["reject", None, None]
    view.pause()


def test_a_digit_in_the_comment_is_text(host, panel, nodes):
    view = begin(host, panel)
    view.ui.commentEdit.setFocus()
    host.key(view.ui.commentEdit, "1")
    assert view._adjudication.decided == 0
    view.pause()


def test_a_compared_reader_is_told_that_another_one_has_to_decide(host, panel, nodes, session):
    session.reader = "ben"
    compare(host, panel)
    assert "one of the compared readers" in panel._adjudication.ui.headlineLabel.text
    assert not panel._adjudication.ui.beginButton.enabled


def test_outlines_can_be_hidden_by_a_key(host, panel, nodes):
    import slicer

    view = begin(host, panel)
    node = host.scene.GetFirstNodeByName("SegQC adjudication outlines")
    host.key(slicer.util.mainWindow(), "0")
    assert not node.GetDisplayNode().GetVisibility()
    host.key(slicer.util.mainWindow(), "0")
    assert node.GetDisplayNode().GetVisibility()
    view.pause()


def test_small_pieces_are_counted_and_left_to_more_than_half_of_the_readers(host, panel, nodes):
    compare(host, panel)
    panel._adjudication.ui.smallestSpinBox.setValue(0.04)
    # 15 voxels of 2 mm3 are 0.03 mL.
    assert panel._adjudication.ui.headlineLabel.text.startswith("Pieces to decide: 2. Smaller ones (1, together 0.030 mL)")


def test_closing_the_scene_while_it_runs_leaves_nothing_behind(host, panel, nodes):
    begin(host, panel)
    host.scene.Clear()
    host.process_events()
    assert not panel._adjudication.running
    assert panel.standing().words == "choose the image"


def test_readers_segmentations_are_never_changed(host, panel, nodes, session):
    from SegQCLib.mrml.segmentation import segmentation_from_node
    from SegQCLib.voxel_hash import voxels_sha256

    def voxels():
        return [voxels_sha256(segmentation_from_node(node, session.case.volume)) for node in nodes.values()]

    before = voxels()
    view = begin(host, panel)
    while view._adjudication.next_open is not None:
        host.click(view.ui.acceptButton)
    host.answers.append(ok())
    host.click(view.ui.closeButton)
    wait(host, panel)
    assert voxels() == before


def test_a_segmentation_under_another_transform_is_named_and_the_others_can_be_compared_at_once(host, panel, nodes):
    transform = host.scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    nodes["Ben"].SetAndObserveTransformNodeID(transform.GetID())
    host.click(panel.ui.compareButton)
    wait(host, panel)
    assert panel.ui.messageLabel.text.startswith("Ben: is not under the same transform")
    assert panel.standing().words == "not compared"
    assert panel.ui.compareButton.enabled
    nodes["Ben"].SetAndObserveTransformNodeID(None)
    compare(host, panel)


def test_digits_decide_only_while_the_question_is_on_the_screen(host, panel, nodes):
    import slicer

    view = begin(host, panel)
    column = slicer.modules.SegQCModuleWidget.column
    column.open(0)
    host.key(slicer.util.mainWindow(), "1")
    assert view.running
    assert view._adjudication.decided == 0
    column.open(column.panels.index(panel))
    host.key(slicer.util.mainWindow(), "1")
    assert view._adjudication.decided == 1
    view.pause()


def test_a_segmentation_switched_on_or_added_is_out_of_sight_at_the_next_piece(host, panel, nodes, session):
    from SegQCLib.mrml.segmentation import add_segmentation

    view = begin(host, panel)
    nodes["Ada"].GetDisplayNode().SetVisibility(True)
    added = add_segmentation(host.scene, a_segmentation(name="Dan", liver=ADA), session.case.volume, "Dan")
    host.click(view.ui.nextButton)
    assert not nodes["Ada"].GetDisplayNode().GetVisibility()
    assert not added.GetDisplayNode().GetVisibility()
    view.pause()
    assert added.GetDisplayNode().GetVisibility()


def test_an_image_removed_in_the_middle_leaves_no_outlines_and_nothing_hidden(host, panel, nodes, session):
    view = begin(host, panel)
    host.scene.RemoveNode(session.case.volume)
    host.process_events()
    assert not view.running
    assert not host.scene.GetFirstNodeByName("SegQC adjudication outlines")
    assert all(node.GetDisplayNode().GetVisibility() for node in nodes.values())


def test_the_outcome_is_told_also_if_a_segmentation_was_edited_meanwhile(host, panel, nodes):
    view = begin(host, panel)
    host.paint(nodes["Ada"], "s0", [(0, 0, 0)])
    while view._adjudication.next_open is not None:
        host.click(view.ui.acceptButton)
    host.answers.append(ok())
    host.click(view.ui.closeButton)
    wait(host, panel)
    assert view.ui.outcomeText.isVisible()
    assert not view.ui.beginButton.enabled
    assert panel.standing().words == "outdated"


def test_numbers_are_whole_in_a_matrix_of_six_readers(host, panel, nodes, session):
    import qt

    from SegQCLib.mrml.segmentation import add_segmentation

    for name in ("Dan", "Eve", "Fay"):
        add_segmentation(host.scene, a_segmentation(name=name, liver=ADA), session.case.volume, name)
    host.process_events()
    compare(host, panel)
    table = panel.ui.matrixTable
    for column in range(table.columnCount):
        widest = max(qt.QFontMetrics(table.font).horizontalAdvance(table.item(row, column).text()) for row in range(6))
        assert table.columnWidth(column) > widest
