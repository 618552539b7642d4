"""The QC report panel in the test host, on the simulated case."""

import csv
import json
import time
from dataclasses import replace

import numpy as np
import pytest

from phantoms import a_segmentation
from SegQCLib.importers.lidc import read_nodule
from SegQCLib.record import SegmentExpectedAgreement
from slicer_host import a_host, needs_host

pytestmark = needs_host


@pytest.fixture(scope="module")
def opened():
    """One host for all: opening eight panels takes longer than a test."""
    with a_host() as host:
        host.open("SegQCModule")
        yield host


@pytest.fixture
def host(opened):
    import slicer

    slicer.mrmlScene.Clear()
    opened.displays.clear()
    opened.process_events()
    return opened


@pytest.fixture
def widget(host):
    import slicer

    return slicer.modules.SegQCModuleWidget


@pytest.fixture
def panel(widget):
    from SegQCLib.panels.report_panel import ReportPanel

    return next(panel for panel in widget.column.panels if isinstance(panel, ReportPanel))


@pytest.fixture
def case(widget, panel, host):
    """The simulated case, chosen in the module, with the panel open."""
    chosen = widget.logic.loadSimulatedCase()
    widget.column.open(widget.column.panels.index(panel))
    host.process_events()
    return chosen


def wait(host, panel, limit_s=60):
    end = time.monotonic() + limit_s
    while panel._work is not None:
        assert time.monotonic() < end, panel.ui.progressBar.text
        host.process_events()


def evaluate(host, panel):
    panel.ui.evaluateButton.click()
    wait(host, panel)


def edit(host, node):
    """Take the first slice that the first segment has away, as a tool of the Segment Editor does."""
    import slicer

    volume = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLScalarVolumeNode")
    segment_id = node.GetSegmentation().GetNthSegmentID(0)
    array = slicer.util.arrayFromSegmentBinaryLabelmap(node, segment_id, volume)
    array[array.any(axis=(1, 2)).argmax()] = 0
    slicer.util.updateSegmentBinaryLabelmapFromArray(array, node, segment_id, volume)
    host.process_events()


def shown_rows(panel):
    table = panel.ui.structuresTable
    return [
        [table.item(row, column).text() if table.item(row, column) else "" for column in range(3)] for row in range(table.rowCount)
    ]


def test_before_a_case_is_chosen_it_says_what_to_choose(panel):
    assert panel.standing().words == "choose the image"
    assert not panel.ui.evaluateButton.enabled
    assert "choose the image" in panel.ui.messageLabel.text


def test_evaluation_shows_verdict_and_structures_worst_first_and_keeps_the_record(host, panel, case):
    from SegQCLib.mrml.record_node import read_record

    assert panel.standing().words == "not evaluated"
    evaluate(host, panel)
    rows = shown_rows(panel)
    # The simulated draft has a moved kidney and a slice of the spleen left out; kidney and aorta are exact.
    assert rows[0][:2] == ["Whole case", "Review"]
    assert [row[0] for row in rows[1:3]] == ["kidney_right", "spleen"]
    assert {row[0]: row[2] for row in rows}["aorta"] == "1.000"
    assert panel.ui.verdictLabel.text == panel.standing().words == "Review"
    record = read_record(case.candidate)
    assert record.verdict == "REVIEW"
    assert "3D Slicer" in record.software
    assert panel.ui.reasonsText.toPlainText().startswith(record.reasons[0])
    assert case.candidate.GetNodeReference("SegQC.Measurements").GetNumberOfRows() > 0


def test_an_evaluation_is_logged_with_its_findings_and_measured_segments(host, panel, case):
    from SegQCLib.mrml.record_node import read_record
    from SegQCLib.readers.log_events import EventKind

    events = []
    panel.session.event_writer = lambda kind, facts: events.append((kind, facts))
    evaluate(host, panel)
    record = read_record(case.candidate)
    (measured, evaluated) = [facts for kind, facts in events if kind in (EventKind.SEGMENTS_MEASURED, EventKind.EVALUATED)]
    segments = {segment["name"]: segment for segment in measured["segments"]}
    assert segments["aorta"]["accuracy"] == 1.0
    volumes = {m.segment: m.value for m in record.measurements if m.metric == "volume_candidate_mm3"}
    assert {name: facts["voxels"] * measured["voxel_volume_mm3"] for name, facts in segments.items()} == pytest.approx(volumes)
    assert evaluated["verdict"] == "REVIEW"
    failed = [f for f in record.findings if f.status in ("WARN", "FAIL")]
    assert [finding["check"] for finding in evaluated["findings"]] == [finding.check for finding in failed]
    panel.session.event_writer = None


def test_an_edit_during_the_evaluation_leaves_its_measures_out_of_the_log(host, panel, case):
    from SegQCLib.readers.log_events import EventKind

    events = []
    panel.session.event_writer = lambda kind, facts: events.append((kind, facts))
    panel.ui.evaluateButton.click()
    edit(host, case.candidate)
    wait(host, panel)
    kinds = [kind for kind, _ in events]
    assert EventKind.SEGMENTS_MEASURED not in kinds
    assert events[kinds.index(EventKind.EVALUATED)][1]["outdated"] is True
    panel.session.event_writer = None


def test_the_selected_row_tells_its_reasons_and_measures(host, panel, case):
    evaluate(host, panel)
    panel.ui.structuresTable.setCurrentCell(1, 0)
    text = panel.ui.reasonsText.toPlainText()
    assert text.startswith(panel._rows[0].reasons[0])
    assert "95th percentile Hausdorff distance: 4.0 mm" in text  # moved by two voxels of 2 mm
    assert "not predicted" in text


def test_the_plot_takes_all_slice_views_to_the_slice(host, panel, case):
    import slicer

    evaluate(host, panel)
    panel.ui.structuresTable.setCurrentCell(1, 0)
    assert panel.ui.plotLabel.text == "kidney_right: Dice per slice, compared with the reference"
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSliceNode")
    node.SetOrientationToAxial()
    panel._plot.choose(0)
    # The offset of an axial slice is its place along superior, in mm.
    assert node.GetSliceOffset() == pytest.approx(panel._agreement.locations_lps_mm[0][2])


def test_an_edit_outdates_the_verdict_until_the_next_evaluation(host, panel, case):
    evaluate(host, panel)
    edit(host, case.candidate)
    assert panel.standing().words == "outdated (Review)"
    assert panel.standing().is_open
    assert panel.ui.verdictLabel.text == "Review (outdated)"
    assert "evaluate again" in panel.ui.outdatedLabel.text
    assert not panel.ui.saveJsonButton.enabled
    evaluate(host, panel)
    assert panel.standing().words == "Review"
    assert panel.ui.saveJsonButton.enabled


def test_what_another_panel_notes_of_the_record_is_shown_at_once(host, panel, case):
    from SegQCLib.mrml.record_node import mark_outdated

    evaluate(host, panel)
    mark_outdated(case.candidate)
    assert panel.ui.verdictLabel.text == "Review (outdated)"
    case.candidate = None
    host.process_events()
    assert (panel.ui.verdictLabel.text, panel.standing().words) == ("Not evaluated", "choose the candidate")


def test_an_edit_during_the_evaluation_outdates_its_verdict(host, panel, case):
    panel.ui.evaluateButton.click()
    edit(host, case.candidate)
    wait(host, panel)
    assert panel.standing().words == "outdated (Review)"


def test_another_reference_or_protocol_outdates_the_verdict(host, widget, panel, case):
    evaluate(host, panel)
    reference, protocol = case.reference, case.protocol
    case.reference = None
    host.process_events()
    assert "Another reference" in panel.ui.outdatedLabel.text
    case.reference = reference
    case.protocol = "ct-lung-nodule"
    host.process_events()
    assert panel.standing().words == "outdated (Review)"
    case.protocol = protocol
    host.process_events()
    assert panel.standing().words == "Review"


def test_cancelling_leaves_the_earlier_record(host, panel, case):
    evaluate(host, panel)
    node = case.candidate.GetNodeReference("SegQC.Record")
    earlier = node.GetText()
    panel.ui.evaluateButton.click()
    panel.ui.cancelButton.click()
    wait(host, panel)
    assert panel.ui.messageLabel.text == "Stopped. Nothing was changed."
    assert node.GetText() == earlier
    assert panel.standing().words == "Review"


def test_the_scene_may_close_and_the_candidate_go_while_it_runs(host, panel, case):
    import slicer

    panel.ui.evaluateButton.click()
    slicer.mrmlScene.RemoveNode(case.candidate)
    host.process_events()
    assert panel.standing().words == "choose the candidate"
    assert panel._work is None
    case.candidate = slicer.mrmlScene.GetFirstNodeByName("SIMULATED reference")
    case.reference = None
    host.process_events()
    panel.ui.evaluateButton.click()
    slicer.mrmlScene.Clear()
    host.process_events()
    assert panel.standing().words == "choose the image"
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLTextNode") == 0


def test_results_are_complete_when_another_case_is_chosen_while_they_are_written(host, panel, case):
    from SegQCLib.mrml.record_node import read_record

    evaluated, write_next = case.candidate, panel.onWriteNext

    def choose_another_first(prepared, record):
        panel.onWriteNext = write_next
        case.candidate = None
        write_next(prepared, record)

    panel.onWriteNext = choose_another_first
    panel.ui.evaluateButton.click()
    end = time.monotonic() + 120
    while panel.onWriteNext is choose_another_first:
        assert time.monotonic() < end
        host.process_events()
    host.process_events()
    assert read_record(evaluated).verdict == "REVIEW"
    assert evaluated.GetNodeReference("SegQC.Measurements").GetNumberOfRows() > 0
    assert panel.standing().words == "choose the candidate"
    assert shown_rows(panel) == []


def test_a_case_that_cannot_be_read_says_why_in_the_panel(host, panel, case):
    import slicer

    case.candidate.SetAndObserveTransformNodeID(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode").GetID())
    evaluate(host, panel)
    assert "not under the same transform" in panel.ui.messageLabel.text
    assert panel.standing().words == "not evaluated"


def test_report_record_and_table_are_saved_where_the_reader_says(host, panel, case, tmp_path):
    evaluate(host, panel)
    host.answers.extend([str(tmp_path / "r.html"), str(tmp_path / "r.json"), str(tmp_path / "r")])
    panel.ui.saveHtmlButton.click()
    wait(host, panel)
    panel.ui.saveJsonButton.click()
    panel.ui.saveCsvButton.click()
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "kidney_right" in page
    assert "data:image/png;base64," in page
    assert json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["verdict"] == "REVIEW"
    with (tmp_path / "r.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.reader(file))) == 1 + len(panel._record.measurements)
    panel.ui.openButton.click()
    assert any("r.html" in text for _, text in host.displays)


def test_a_folder_that_is_not_there_is_said_in_the_panel(host, panel, case, tmp_path):
    evaluate(host, panel)
    panel.saveText(tmp_path / "missing" / "r.json", "{}")
    assert "could not be written to" in panel.ui.messageLabel.text


def test_everything_comes_back_from_an_mrb_with_the_plot(host, widget, panel, case, tmp_path):
    import slicer

    evaluate(host, panel)
    before = shown_rows(panel)
    assert slicer.util.saveScene(str(tmp_path / "case.mrb"))
    slicer.mrmlScene.Clear()
    host.process_events()
    assert shown_rows(panel) == []
    slicer.util.loadScene(str(tmp_path / "case.mrb"))
    host.process_events()
    assert shown_rows(panel) == before
    assert panel.standing().words == "Review"
    panel.ui.structuresTable.setCurrentCell(1, 0)
    wait(host, panel)
    assert panel.ui.plotLabel.text == "kidney_right: Dice per slice, compared with the reference"


def test_without_a_reference_the_slices_are_compared_with_the_draft_and_else_not_at_all(host, panel, case):
    case.reference = None
    evaluate(host, panel)
    panel.ui.structuresTable.setCurrentCell(1, 0)
    assert panel.ui.plotLabel.text.endswith("compared with the draft")
    case.draft = None
    evaluate(host, panel)
    panel.ui.structuresTable.setCurrentCell(1, 0)
    assert panel.ui.plotLabel.text == "There is no reference and no draft to compare slices with."


def test_a_protocol_s_structures_that_the_case_lacks_leave_only_the_whole_case(host, widget, panel, case):
    import slicer

    from SegQCLib.mrml.segmentation import add_segmentation

    case.candidate = add_segmentation(slicer.mrmlScene, a_segmentation(thing=None), case.volume, "nothing")
    case.reference = case.draft = None
    evaluate(host, panel)
    assert [row[0] for row in shown_rows(panel)] == ["Whole case"]


def test_the_experts_expected_mean_and_the_images_own_threshold_stand_in_the_table(host, panel, case, lidc_database):
    import slicer

    from SegQCLib.demo import DEMO_NODULE_ANNOTATIONS
    from SegQCLib.mrml.segmentation import add_segmentation
    from SegQCLib.mrml.volume import add_volume

    nodule = read_nodule(lidc_database, DEMO_NODULE_ANNOTATIONS)
    # LIDC's contours come without pixels, which a scene needs.
    pixels = np.zeros(nodule.image.geometry.size, np.int16)
    volume = add_volume(slicer.mrmlScene, replace(nodule.image, array=pixels), "Chest CT")
    drawn = nodule.readers[:2]
    case.draft = None
    case.volume = volume
    case.candidate, case.reference = (add_segmentation(slicer.mrmlScene, item, volume, item.name) for item in drawn)
    case.protocol = "ct-lung-nodule"
    host.process_events()
    evaluate(host, panel)
    (prediction,) = panel._record.expected_agreement
    assert prediction.described_role == "reference"
    table = panel.ui.structuresTable
    headings = [table.horizontalHeaderItem(column).text() for column in range(table.columnCount)]
    cells = {heading: table.item(1, column).text() for column, heading in enumerate(headings)}
    assert cells["Structure"] == "lung_nodule"
    assert float(cells["Threshold"]) == pytest.approx(prediction.threshold, abs=5e-4)
    assert cells["Experts' mean"].startswith(f"{prediction.dice:.3f} (")
    assert not any(table.isColumnHidden(column) for column in range(table.columnCount))
    table.setCurrentCell(1, 0)
    text = panel.ui.reasonsText.toPlainText()
    assert "one outline is not to be judged by it" in text
    assert all(reason in text for reason in prediction.reasons)

    case.reference = None
    host.process_events()
    evaluate(host, panel)
    shown = [heading for column, heading in enumerate(headings) if not table.isColumnHidden(column)]
    assert shown == ["Structure", "Verdict", "Volume", "Experts' mean"]


def test_a_refused_prediction_leaves_a_dash_for_the_threshold_and_no_model_leaves_no_column(host, panel, case):
    table = panel.ui.structuresTable
    evaluate(host, panel)
    headings = [table.horizontalHeaderItem(column).text() for column in range(table.columnCount)]
    threshold, mean = headings.index("Threshold"), headings.index("Experts' mean")
    assert table.isColumnHidden(threshold)
    assert table.isColumnHidden(mean)
    refused = SegmentExpectedAgreement(
        "liver", "model 1", None, None, None, 0.9, None, "lower", False, ("Too large.",), "reference"
    )
    panel._record = replace(panel._record, expected_agreement=(refused,))
    panel._fill()
    assert not table.isColumnHidden(threshold)
    assert not table.isColumnHidden(mean)
