"""The Case panel in the test host: choices by hand, and a worklist gone through without losing work."""

import numpy as np
import pytest
import SimpleITK as sitk

from phantoms import a_geometry, box_array
from SegQCLib.case_files import AUTOSAVE, CANDIDATE, reader_folder
from SegQCLib.geometry import sitk_image
from SegQCLib.importers import read_segmentation
from slicer_host import a_host, needs_host
from test_worklist_difficulty import predicted
from test_worklist_difficulty import save as save_record

pytestmark = needs_host


@pytest.fixture
def worklist(tmp_path):
    """Three cases; the second has a candidate of 8 voxels."""
    geometry = a_geometry()
    for name in ("one", "two", "three"):
        (tmp_path / name).mkdir()
        sitk.WriteImage(sitk_image(np.full(geometry.size, 40, np.int16), geometry), tmp_path / name / "image.nrrd")
    sitk.WriteImage(sitk_image(box_array(geometry.size, (0, 2), (0, 2), (0, 2)), geometry), tmp_path / "two" / "candidate.nrrd")
    path = tmp_path / "cases.csv"
    path.write_text("case,image,candidate\none,one/image.nrrd,\ntwo,two/image.nrrd,two/candidate.nrrd\nthree,three/image.nrrd,\n")
    return path


def the_panel(host):
    widget = host.open("SegQCModule")
    return next(panel for panel in widget.column.panels if type(panel).__name__ == "CasePanel")


def wait(host, panel):
    for _ in range(2000):
        host.process_events()
        if panel._background is None:
            return
    raise AssertionError("the work in the background did not end")


def open_worklist(host, worklist, reader="Anna"):
    panel = the_panel(host)
    panel.session.records_folder = worklist.parent / "records"
    panel.session.reader = reader
    panel.session.worklist = worklist
    wait(host, panel)
    return panel


def click(host, panel, button):
    host.click(getattr(panel.ui, button))
    wait(host, panel)


def draw(panel, voxels=5):
    """Draw a row of voxels into the first segment."""
    import slicer

    case = panel.session.case
    segment_id = case.candidate.GetSegmentation().GetNthSegmentID(0)
    array = np.zeros(a_geometry().size, np.uint8)
    array[3, 4, :voxels] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(array, case.candidate, segment_id, case.volume)


def case_nodes(scene):
    classes = ("ScalarVolume", "ScalarVolumeDisplay", "Segmentation", "SegmentationDisplay", "Text")
    return [scene.GetNumberOfNodesByClass(f"vtkMRML{name}Node") for name in classes]


def saved_voxels(worklist, case, name=CANDIDATE):
    segmentation = read_segmentation(reader_folder(worklist.parent / "records", case, "Anna") / name)
    return segmentation.voxel_count(segmentation.segments[0])


def test_the_panel_says_what_is_missing():
    with a_host() as host:
        panel = the_panel(host)
        panel.session.reader = ""
        assert panel.ui.obstacleLabel.text == "Choose the image, or open a worklist."
        assert panel.standing().is_open
        volume = host.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "CT")
        import slicer

        slicer.util.updateVolumeFromArray(volume, np.zeros((4, 5, 6), np.int16))
        panel.ui.volumeSelector.setCurrentNode(volume)
        assert panel.ui.obstacleLabel.text == "Choose the segmentation, or make a new one."
        click(host, panel, "newCandidateButton")
        assert panel.session.case.candidate.GetSegmentation().GetNumberOfSegments() > 0
        assert panel.ui.obstacleLabel.text.startswith("Enter the reader's name")
        assert panel.standing().words == "enter your name"
        panel.ui.readerEdit.setText("Anna")
        host.key(panel.ui.readerEdit, "Return")
        assert panel.session.reader == "Anna"
        assert panel.ui.obstacleLabel.text == ""
        assert not panel.standing().is_open


def test_a_protocol_from_a_file_with_faults_lists_them_in_the_panel(tmp_path):
    (tmp_path / "mine.json").write_text('{"schema": "segqc-protocol", "title": 3}')
    with a_host() as host:
        panel = the_panel(host)
        panel.ui.volumeSelector.setCurrentNode(host.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "CT"))
        host.answers.append(str(tmp_path / "mine.json"))
        panel.onProtocolChosen(panel.ui.protocolSelector.count - 1)
        assert "title: 3 is not text" in panel.ui.obstacleLabel.text
        assert panel.ui.protocolSelector.currentText == "mine.json"
        assert panel.standing().words == "the protocol cannot be used"


def test_a_worklist_with_faults_lists_them_in_the_panel(tmp_path):
    (tmp_path / "cases.csv").write_text("case,image\none,none.nrrd\n")
    with a_host() as host:
        panel = open_worklist(host, tmp_path / "cases.csv")
        assert "line 2: image" in panel.ui.messageLabel.text
        assert not panel.ui.caseList.isVisibleTo(panel.widget)


def test_stepping_saves_and_coming_back_brings_the_work_back(worklist):
    with a_host() as host:
        panel = open_worklist(host, worklist)
        assert [panel.ui.caseList.item(row).text() for row in range(3)] == ["one", "two", "three"]
        click(host, panel, "nextButton")
        assert panel.session.case_name == "one"
        assert panel.standing().words == "1 of 3, 0 done"
        draw(panel, 5)
        click(host, panel, "nextButton")
        assert panel.session.case_name == "two"
        assert saved_voxels(worklist, "one") == 5
        assert host.scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 1
        click(host, panel, "previousButton")
        segmentation = panel.session.case.candidate.GetSegmentation()
        assert "Your saved segmentation" in panel.ui.messageLabel.text
        import slicer

        array = slicer.util.arrayFromSegmentBinaryLabelmap(
            panel.session.case.candidate, segmentation.GetNthSegmentID(0), panel.session.case.volume
        )
        assert array.sum() == 5


def test_looking_at_a_case_without_drawing_saves_nothing(worklist):
    with a_host() as host:
        panel = open_worklist(host, worklist)
        click(host, panel, "nextButton")
        click(host, panel, "nextButton")
        click(host, panel, "nextButton")
        assert panel.session.case_name == "three"
        assert list((worklist.parent / "records").rglob("*.seg.nrrd")) == []


def test_a_step_is_not_made_when_saving_fails(worklist):
    with a_host() as host:
        panel = open_worklist(host, worklist)
        click(host, panel, "nextButton")
        draw(panel)
        # Root may write everywhere: a file stands where the records folder should be.
        (worklist.parent / "records").write_text("not a folder")
        click(host, panel, "nextButton")
        assert panel.session.case_name == "one"
        assert "choose another records folder" in panel.ui.messageLabel.text
        (worklist.parent / "records").unlink()
        click(host, panel, "nextButton")
        assert panel.session.case_name == "two"
        assert saved_voxels(worklist, "one") == 5


def test_another_records_folder_is_the_way_out_when_saving_fails(worklist, tmp_path):
    with a_host() as host:
        panel = open_worklist(host, worklist)
        click(host, panel, "nextButton")
        draw(panel)
        panel.session.records_folder = tmp_path / "elsewhere"
        wait(host, panel)
        click(host, panel, "nextButton")
        assert (reader_folder(tmp_path / "elsewhere", "one", "Anna") / CANDIDATE).is_file()


def test_finish_marks_the_case_done_and_opens_the_next_one_that_is_not(worklist):
    with a_host() as host:
        panel = open_worklist(host, worklist)
        for case in ("one", "two", "three"):
            click(host, panel, "nextButton" if case == "one" else "saveButton")
            assert panel.session.case_name == case
            click(host, panel, "finishButton")
        assert panel.ui.messageLabel.text == "All cases are done."
        assert not panel.ui.resumeButton.enabled
    with a_host() as host:
        panel = open_worklist(host, worklist)
        assert "3 cases, 3 done" in panel.ui.progressLabel.text


def log(host, on=True):
    widget = host.open("SegQCModule")
    editing = next(panel for panel in widget.column.panels if type(panel).__name__ == "EditingPanel")
    editing.ui.logCheckBox.setChecked(on)
    host.process_events()


def logs_of(worklist):
    from SegQCLib.readers.session_log import read_log

    return [read_log(path) for path in (worklist.parent / "records").rglob("*.jsonl")]


def test_the_log_of_a_case_tells_what_its_read_cost(worklist):
    from SegQCLib.readers.effort import case_reads

    with a_host() as host:
        panel = open_worklist(host, worklist)
        log(host)
        for _ in range(2):
            click(host, panel, "nextButton")
        draw(panel)
        click(host, panel, "finishButton")
        assert panel.session.case_name == "three"
        log(host, on=False)
    logs = logs_of(worklist)
    one, three, two = case_reads(logs)
    assert [(read.case, read.finished) for read in (one, two, three)] == [("one", False), ("two", True), ("three", False)]
    assert {read.reader for read in (one, two, three)} == {"Anna"}
    (kinds,) = ([event.kind for event in stored.events] for stored in logs if stored.header.case == "two")
    order = [kinds.index(kind) for kind in ("case_opened", "case_saved", "segments_measured", "case_finished", "logging_stopped")]
    assert order == sorted(order)
    (segment,) = two.segments
    # It held 8 voxels; a row of 5 has taken their place. Voxels of 2 x 1 x 1 mm.
    assert (segment.voxels, segment.volume_ml) == (5, 0.01)
    assert segment.edited
    assert not segment.ai_anchored
    assert (segment.draft_voxels, segment.added_path_length_mm, segment.accuracy) == (0, None, None)
    assert (segment.slices_of_structure, two.slices) == (1, 10)


def test_the_log_of_a_course_s_case_is_one_of_training(worklist):
    with a_host() as host:
        panel = open_worklist(host, worklist)
        log(host)
        click(host, panel, "nextButton")
        assert panel.session.purpose == "clinical"
        panel.session.open_course_cases(worklist.with_name("cases.csv"))
        wait(host, panel)
        click(host, panel, "nextButton")
        assert panel.session.purpose == "training"
        click(host, panel, "nextButton")
        log(host, on=False)
    assert {stored.header.case: stored.header.purpose for stored in logs_of(worklist)}["two"] == "training"


def test_resume_opens_the_case_that_was_open_last(worklist):
    with a_host() as host:
        panel = open_worklist(host, worklist)
        click(host, panel, "nextButton")
        click(host, panel, "nextButton")
    with a_host() as host:
        panel = open_worklist(host, worklist)
        click(host, panel, "resumeButton")
        assert panel.session.case_name == "two"


def test_without_a_reader_s_name_no_case_is_opened(worklist):
    with a_host() as host:
        panel = open_worklist(host, worklist, reader="")
        assert not panel.ui.nextButton.enabled
        assert "reader's name" in panel.ui.messageLabel.text
        panel.session.reader = "Anna"
        wait(host, panel)
        assert panel.ui.nextButton.enabled


def test_closing_the_scene_keeps_unsaved_work_and_resume_brings_it_back(worklist):
    with a_host() as host:
        panel = open_worklist(host, worklist)
        click(host, panel, "nextButton")
        draw(panel, 6)
        host.scene.Clear(0)
        assert "was kept" in panel.ui.messageLabel.text
        assert saved_voxels(worklist, "one", AUTOSAVE) == 6
        click(host, panel, "resumeButton")
        assert "Recovered" in panel.ui.messageLabel.text
        click(host, panel, "nextButton")
        assert saved_voxels(worklist, "one") == 6
        assert not (reader_folder(worklist.parent / "records", "one", "Anna") / AUTOSAVE).exists()


def test_another_image_in_the_module_ends_the_case_and_keeps_its_work(worklist):
    with a_host() as host:
        panel = open_worklist(host, worklist)
        click(host, panel, "nextButton")
        draw(panel, 3)
        other = host.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "CT of somebody else")
        panel.session.case.volume = other
        host.process_events()
        assert panel.session.worklist_case is None
        assert panel.session.case.volume is other
        assert panel.session.case.candidate is None
        assert saved_voxels(worklist, "one", AUTOSAVE) == 3


def test_closing_the_module_keeps_unsaved_work(worklist):
    with a_host() as host:
        panel = open_worklist(host, worklist)
        click(host, panel, "nextButton")
        draw(panel, 4)
    assert saved_voxels(worklist, "one", AUTOSAVE) == 4


def test_work_is_kept_automatically_while_a_case_is_open(worklist):
    with a_host() as host:
        panel = open_worklist(host, worklist)
        click(host, panel, "nextButton")
        draw(panel, 4)
        # The Editing panel notes a little later that a person drew: that is kept too.
        while panel._open.is_unkept:
            panel.onAutosave()
            wait(host, panel)
        kept = reader_folder(worklist.parent / "records", "one", "Anna") / AUTOSAVE
        written = kept.stat().st_mtime_ns
        panel.onAutosave()
        wait(host, panel)
        assert kept.stat().st_mtime_ns == written
        assert not (kept.parent / CANDIDATE).exists()


def test_closing_the_worklist_saves_and_takes_its_nodes_out_of_the_scene(worklist):
    with a_host() as host:
        panel = open_worklist(host, worklist)
        click(host, panel, "nextButton")
        draw(panel, 7)
        click(host, panel, "closeButton")
        assert saved_voxels(worklist, "one") == 7
        assert panel.session.worklist_case is None
        assert panel.session.case.volume is None
        assert case_nodes(host.scene) == [0, 0, 0, 0, 0]


def test_hard_cases_can_come_first_where_saved_records_say_which_they_are(worklist):
    records = worklist.parent / "records"
    for case, dice in (("two", 0.75), ("three", 0.5)):
        save_record(records, case, "model", predicted("nodule", dice))
    with a_host() as host:
        panel = open_worklist(host, worklist)
        assert panel.ui.hardFirstCheck.visible
        texts = [panel.ui.caseList.item(row).text() for row in range(3)]
        assert texts == ["one", "two  (experts' mean 0.750)", "three  (experts' mean 0.500)"]
        assert "a mean Dice of 0.500 among themselves on nodule, its hardest segment" in panel.ui.caseList.item(2).toolTip()
        panel.ui.hardFirstCheck.setChecked(True)
        assert [panel.ui.caseList.item(row).text().split()[0] for row in range(3)] == ["three", "two", "one"]
        click(host, panel, "nextButton")
        assert panel.session.case_name == "three"
        click(host, panel, "nextButton")
        assert panel.session.case_name == "two"
        panel.ui.hardFirstCheck.setChecked(False)
        assert panel.standing().words == "2 of 3, 0 done"


def test_hard_cases_can_come_first_where_the_worklist_itself_says_which_they_are(worklist):
    rows = ["case,image,expected_dice,hardest_segment,route", "one,one/image.nrrd,0.75,nodule,general"]
    worklist.write_text("\n".join([*rows, "two,two/image.nrrd,,,senior", "three,three/image.nrrd,0.5,,senior"]))
    with a_host() as host:
        panel = open_worklist(host, worklist)
        texts = [panel.ui.caseList.item(row).text() for row in range(3)]
        assert texts == ["one  (experts' mean 0.750)", "two", "three  (experts' mean 0.500)"]
        assert "among themselves on nodule, its hardest segment." in panel.ui.caseList.item(0).toolTip()
        assert "among themselves on its hardest segment." in panel.ui.caseList.item(2).toolTip()
        panel.ui.hardFirstCheck.setChecked(True)
        assert [panel.ui.caseList.item(row).text().split()[0] for row in range(3)] == ["three", "one", "two"]
