"""The Training step: courses, the atlas beside the slices, practice with a score, and what is left of it afterwards."""

import json
from pathlib import Path

import pytest

from SegQCLib.errors import BadDataError
from SegQCLib.segmentation_file import write_segmentation
from SegQCLib.training_course import page_title, read_course
from slicer_host import a_host, needs_host
from training_courses import a_case_of, a_course_file, outlines, write_case, write_course
from training_panels import cells, draw, logged, open_course, segmentations, tab, training_panel, wait

_PRACTICE = 1


@pytest.fixture
def simple_course(tmp_path):
    atlas = tmp_path / "Liver course" / "atlas"
    atlas.mkdir(parents=True)
    (atlas / "01_motion.md").write_text("# Motion\n\nBlurred edges: ![edge](edge.png)\n", encoding="utf-8")
    (atlas / "02-metal.html").write_text("<h1>Metal</h1>", encoding="utf-8")
    icon = Path(__file__).parents[1] / "SegQCModule" / "Resources" / "Icons" / "SegQCModule.png"
    (atlas / "edge.png").write_bytes(icon.read_bytes())
    (tmp_path / "Liver course" / "cases.csv").write_text("case,image\n")
    return tmp_path / "Liver course"


@pytest.fixture(scope="module")
def boxes(tmp_path_factory):
    """Return the folder of a course with a practice case of three experts, one with a draft, and two exam cases."""
    folder = write_course(tmp_path_factory.mktemp("courses") / "boxes")
    write_case(folder / "cases" / "p2", {"Expert A": 0})
    write_segmentation(folder / "cases" / "p2" / "draft.seg.nrrd", outlines(shift=3))
    cases = [*a_course_file()["cases"], a_case_of("p2", "practice", {"Expert A": 0}, draft="cases/p2/draft.seg.nrrd")]
    (folder / "course.json").write_text(json.dumps(a_course_file(cases=cases)))
    return folder


@pytest.fixture(scope="module")
def opened():
    """One host for all: opening all panels takes longer than a test."""
    with a_host() as host:
        host.open("SegQCModule")
        yield host


@pytest.fixture
def host(opened, tmp_path):
    import slicer

    session = slicer.modules.SegQCModuleWidget.session
    training_panel(opened).case.leave()
    slicer.mrmlScene.Clear()
    opened.displays.clear()
    opened.errors.clear()
    session.worklist = None
    session.records_folder = tmp_path / "records"
    session.reader = "Ada"
    session.log_editing = False
    opened.process_events()
    yield opened
    wait(opened, training_panel(opened))
    assert not opened.errors


@pytest.fixture
def panel(host):
    return training_panel(host)


@pytest.fixture
def practice(host, panel, boxes):
    open_course(host, panel, boxes)
    tab(host, panel, _PRACTICE)
    return panel.practice


def open_practice(host, panel, row):
    panel.practice.ui.casesTable.selectRow(row)
    host.process_events()
    host.click(panel.practice.ui.openButton)
    wait(host, panel)
    assert panel.case.is_open, panel.ui.courseMessageLabel.text


def score(host, panel):
    host.click(panel.practice.ui.scoreButton)
    wait(host, panel)
    return panel.practice.score


def test_a_course_folder_has_its_pages_by_name_and_its_cases(simple_course):
    read = read_course(simple_course)
    assert [page_title(page) for page in read.pages] == ["motion", "metal"]
    assert read.cases == simple_course / "cases.csv"


def test_a_course_folder_may_have_pages_or_cases_only(simple_course):
    (simple_course / "cases.csv").unlink()
    assert read_course(simple_course).cases is None


def test_a_folder_with_neither_is_no_course(tmp_path):
    with pytest.raises(BadDataError, match="sub-folder atlas"):
        read_course(tmp_path)


@needs_host
def test_pages_are_turned_and_pictures_are_not_wider_than_the_column(host, panel, simple_course):
    import qt

    open_course(host, panel, simple_course)
    ui = panel.ui
    assert "Blurred edges" in ui.pageBrowser.toPlainText()
    assert ui.pageBrowser.loadResource(qt.QTextDocument.ImageResource, qt.QUrl("edge.png")) is not None
    assert not ui.previousPageButton.enabled
    host.click(ui.nextPageButton)
    assert ui.pageBrowser.toPlainText().strip() == "Metal"
    assert not ui.nextPageButton.enabled
    host.click(ui.previousPageButton)
    assert "Blurred edges" in ui.pageBrowser.toPlainText()
    widths = [int(piece.partition('"')[0]) for piece in ui.pageBrowser.toHtml().split('width="')[1:]]
    assert widths
    assert max(widths) < ui.pageBrowser.viewport().width


@needs_host
def test_practice_cases_of_a_course_folder_become_the_session_s_worklist(host, panel, simple_course):
    open_course(host, panel, simple_course)
    host.click(panel.ui.casesButton)
    assert panel.session.worklist == simple_course / "cases.csv"


@needs_host
def test_a_folder_that_is_no_course_is_explained_in_the_panel(host, panel, tmp_path):
    panel.openCourse(tmp_path)
    wait(host, panel)
    assert "is not a training course" in panel.ui.courseMessageLabel.text


@needs_host
def test_a_page_has_rules_pictures_and_links_to_the_structure_s_codes(host, panel, boxes):
    open_course(host, panel, boxes)
    panel.atlas.turn_to("liver")
    text, page = panel.ui.pageBrowser.toPlainText(), panel.ui.pageBrowser.toHtml()
    assert "Belongs to it" in text
    assert "The box" in text
    # SNOMED CT's concept of the liver, as the protocol has it.
    assert "10200004" in text
    assert "https://browser.ihtsdotools.org/?perspective=full&amp;conceptId1=10200004" in page


@needs_host
def test_the_page_of_the_structure_that_is_selected_in_the_segment_editor_is_shown(host, panel, practice):
    import slicer

    open_practice(host, panel, 0)
    panel.atlas.turn_to(None)
    panel.ui.pageSelector.setCurrentIndex(0)
    editor = slicer.mrmlScene.GetSingletonNode("SegmentEditor", "vtkMRMLSegmentEditorNode")
    if editor is None:
        editor = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentEditorNode")
        editor.SetSingletonTag("SegmentEditor")
    editor.SetSelectedSegmentID("liver")
    panel.enter()
    assert panel.ui.pageSelector.currentText == "Liver"


@needs_host
def test_the_step_says_what_the_protocol_asks_for_and_that_no_certificate_was_found(host, panel, boxes):
    panel.session.case.protocol = str(boxes / "protocol.json")
    wait(host, panel)
    assert "no certificate of it was found" in panel.ui.requirementLabel.text
    assert panel.standing().words == "boxes: no valid certificate"


@needs_host
def test_a_practice_case_opens_empty_under_the_course_s_protocol_and_is_training(host, panel, practice, boxes):
    open_practice(host, panel, 0)
    case = panel.session.case
    assert panel.session.purpose == "training"
    assert case.protocol == str(boxes / "protocol.json")
    assert (case.reference, case.draft) == (None, None)
    names = [case.candidate.GetSegmentation().GetNthSegment(n).GetName() for n in range(3)]
    assert names == ["liver", "spleen", "pancreas"]
    assert segmentations() == ["boxes p1 candidate TRAINING"]
    assert [row[1] for row in cells(practice.ui.casesTable)] == ["open", "new"]


@needs_host
def test_the_score_beside_the_experts_follows_from_arithmetic(host, panel, practice):
    events = logged(panel.session)
    open_practice(host, panel, 0)
    # Two columns of ten beside Expert A, one beside B, three beside C: Dice 0.8, 0.9 and 0.7.
    draw(host, panel, shift=2)
    view = score(host, panel)
    rows = cells(view.ui.structuresTable)
    assert rows[0][0] == "all structures"
    # Experts among themselves: 0.9, 0.9 and 0.8.
    assert rows[1][:2] == ["liver", "0.800\n(0.80–0.90)"]
    # A column of 8 slices, 8 rows and 2 mm is 0.128 mL; the majority is Expert A: two missed, two extra, three structures.
    assert "missed: 0.768 mL" in view.ui.legendLabel.text
    assert "extra: 0.768 mL" in view.ui.legendLabel.text
    assert cells(practice.ui.casesTable)[0][2].endswith("of 3 within")
    (attempt,) = [facts for kind, facts in events if kind == "training_attempt"]
    assert (attempt["course"], attempt["case"], attempt["mode"]) == ("boxes", "p1", "practice")
    assert attempt["scores"]["liver dice"] == pytest.approx(0.8)


@needs_host
def test_the_error_map_lies_over_the_image_and_follows_structure_and_expert(host, panel, practice):
    from SegQCLib.mrml.error_map_node import error_map_is_shown, error_map_of

    open_practice(host, panel, 0)
    draw(host, panel, shift=2)
    view = score(host, panel)
    volume = panel.case.nodes.volume
    assert error_map_is_shown(host.scene, volume)
    view.ui.structuresTable.selectRow(1)
    wait(host, panel)
    assert "missed: 0.256 mL" in view.ui.legendLabel.text
    assert "Expert C" in view.ui.structureText.plainText
    # Against Expert B alone it is one column.
    view.ui.againstSelector.setCurrentIndex(2)
    view.onAgainst(2)
    wait(host, panel)
    assert "missed: 0.128 mL" in view.ui.legendLabel.text
    view.ui.mapButton.setChecked(False)
    assert not error_map_is_shown(host.scene, volume)
    panel.case.leave()
    assert error_map_of(volume) is None


@needs_host
def test_a_click_on_a_place_takes_the_slices_there(host, panel, practice):
    open_practice(host, panel, 0)
    draw(host, panel, shift=5, structures=("liver", "spleen"))
    view = score(host, panel)
    places = [view.ui.lookList.item(row).text() for row in range(view.ui.lookList.count)]
    missed = next(row for row, words in enumerate(places) if words.startswith("Pancreas"))
    view.ui.lookList.setCurrentRow(missed)
    host.process_events()
    red = host.layout_manager.sliceWidget("Red").mrmlSliceNode()
    matrix = red.GetSliceToRAS()
    # Rows 21 to 28 of 1 mm, posterior of the first: -24.5 mm in RAS is the middle.
    assert -28.5 <= matrix.GetElement(1, 3) <= -20.5


@needs_host
def test_the_experts_are_in_the_scene_only_while_they_are_shown(host, panel, practice):
    open_practice(host, panel, 0)
    draw(host, panel)
    view = score(host, panel)
    assert len(segmentations()) == 1
    view.ui.expertsButton.setChecked(True)
    assert [name for name in segmentations() if "(expert)" in name] == [f"boxes p1 Expert {one} (expert)" for one in "ABC"]
    assert "Expert B" in view.ui.legendLabel.text
    view.ui.expertsButton.setChecked(False)
    assert len(segmentations()) == 1


@needs_host
def test_an_edit_after_the_score_is_told(host, panel, practice):
    open_practice(host, panel, 0)
    draw(host, panel)
    view = score(host, panel)
    candidate = panel.case.nodes.candidate
    host.paint(candidate, candidate.GetSegmentation().GetNthSegmentID(0), [(5, 5, 5)])
    assert "press Score again" in view.ui.summaryLabel.text
    assert "press Score again" not in score(host, panel).ui.summaryLabel.text


@needs_host
def test_work_is_there_again_when_the_case_is_opened_again_and_can_be_begun_anew(host, panel, practice):
    open_practice(host, panel, 0)
    draw(host, panel)
    open_practice(host, panel, 1)
    assert [row[1] for row in cells(practice.ui.casesTable)] == ["begun", "open"]
    open_practice(host, panel, 0)
    assert "Your saved segmentation is shown" in panel.case.ui.caseLabel.text
    assert not panel.case.empty_structures()
    host.click(panel.case.ui.anewButton)
    wait(host, panel)
    assert panel.case.empty_structures() == ("liver", "spleen", "pancreas")
    assert panel.session.case.candidate is panel.case.nodes.candidate


@needs_host
def test_a_starting_draft_is_said_to_be_none_of_the_truth_and_can_be_begun_with(host, panel, practice):
    open_practice(host, panel, 1)
    assert "It is not the truth" in panel.case.ui.caseLabel.text
    draft = panel.session.case.draft
    assert not draft.GetDisplayVisibility()
    panel.case.ui.draftButton.setChecked(True)
    assert draft.GetDisplayVisibility()
    host.click(panel.case.ui.fromDraftButton)
    wait(host, panel)
    assert not panel.case.empty_structures()
    assert not panel.case.ui.fromDraftButton.enabled
    assert len(segmentations()) == 2


@needs_host
def test_with_one_expert_there_is_no_range_and_nothing_is_judged(host, panel, practice):
    open_practice(host, panel, 1)
    draw(host, panel, shift=1)
    view = score(host, panel)
    assert cells(view.ui.structuresTable)[1][:2] == ["liver", "0.900\n(no range)"]
    assert "Within the experts' own range" not in view.ui.summaryLabel.text


@needs_host
def test_unsaved_work_is_kept_when_the_scene_closes(host, panel, practice):
    import slicer

    open_practice(host, panel, 0)
    draw(host, panel)
    slicer.mrmlScene.Clear()
    host.process_events()
    assert not panel.case.is_open
    tab(host, panel, _PRACTICE)
    open_practice(host, panel, 0)
    assert "Recovered" in panel.case.ui.caseLabel.text
    assert not panel.case.empty_structures()


@needs_host
def test_another_image_ends_the_case_and_its_work_is_kept(host, panel, practice):
    from phantoms import a_volume
    from SegQCLib.mrml.volume import add_volume

    open_practice(host, panel, 0)
    draw(host, panel)
    other = add_volume(host.scene, a_volume(), "patient")
    other.CreateDefaultDisplayNodes()
    panel.session.case.volume = other
    host.process_events()
    assert not panel.case.is_open
    assert panel.session.purpose == "clinical"
    assert [name for name in segmentations() if "TRAINING" in name] == []
    assert list((panel.session.records_folder / "training").rglob("candidate.autosave.seg.nrrd"))


@needs_host
def test_another_reader_does_not_go_on_with_the_case(host, panel, practice):
    open_practice(host, panel, 0)
    draw(host, panel)
    panel.session.reader = "Ben"
    host.process_events()
    assert not panel.case.is_open
    assert [row[1] for row in cells(practice.ui.casesTable)] == ["new", "new"]


@needs_host
def test_work_that_is_stopped_tells_nothing_more_and_leaves_the_case_as_it_is(host, panel, practice):
    open_practice(host, panel, 0)
    draw(host, panel)
    panel.practice.onScore()
    host.click(panel.ui.cancelButton)
    assert "Stopped" in panel.ui.courseMessageLabel.text
    assert panel.case.is_open
    assert practice.score.widget.isHidden()
