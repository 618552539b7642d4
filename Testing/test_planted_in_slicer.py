"""Planted errors in the test host: a practice case is read, finished, and only then the reader is told."""

import numpy as np
import pytest
import SimpleITK as sitk

from phantoms import a_geometry, a_segmentation, a_volume
from SegQCLib.errors import BadDataError
from SegQCLib.geometry import sitk_image
from SegQCLib.readers.planted_cases import plant_in_case
from SegQCLib.readers.planted_errors import PlantedErrorKind
from SegQCLib.readers.planted_result import NAME
from SegQCLib.readers.planted_truth import draft_path
from SegQCLib.segmentation_file import write_segmentation
from SegQCLib.training_set import new_training_set
from slicer_host import a_host, needs_host
from test_case_panel import click, open_worklist

pytestmark = needs_host

GRID = a_geometry(size=(30, 40, 60))
KIDNEY = ((5, 25), (10, 30), (40, 52))


@pytest.fixture
def practice(tmp_path):
    """A training set of one case, whose left kidney lacks its lowest or highest slices."""
    folder = tmp_path / "set"
    new_training_set(folder)
    sitk.WriteImage(sitk_image(a_volume(GRID).array, GRID), tmp_path / "image.nrrd")
    write_segmentation(tmp_path / "draft.seg.nrrd", a_segmentation(GRID, "model", kidney_left=KIDNEY))
    files = {"draft": tmp_path / "draft.seg.nrrd", "image": tmp_path / "image.nrrd"}
    plant_in_case(folder, "one", PlantedErrorKind.CUT_END, "kidney_left", 1, **files)
    return folder / "cases.csv"


def training_panel(host):
    widget = host.open("SegQCModule")
    return next(panel for panel in widget.column.panels if type(panel).__name__ == "TrainingPanel")


def opened(host, practice):
    panel = open_worklist(host, practice)
    events = []
    panel.session.event_writer = lambda kind, facts: events.append((str(kind), facts))
    click(host, panel, "nextButton")
    return panel, events


def planted_events(events):
    return [facts for kind, facts in events if kind == "planted_error"]


def draw_the_kidney(panel):
    import slicer

    case = panel.session.case
    array = np.zeros(GRID.size, np.uint8)
    array[tuple(slice(*axis) for axis in KIDNEY)] = 1
    segment_id = case.candidate.GetSegmentation().GetNthSegmentID(0)
    slicer.util.updateSegmentBinaryLabelmapFromArray(array, case.candidate, segment_id, case.volume)


def test_nothing_is_told_before_the_case_is_finished(practice):
    with a_host() as host:
        panel, events = opened(host, practice)
        training = training_panel(host)
        assert panel.session.purpose == "training"
        assert panel.session.case.candidate.GetName() == "one candidate TRAINING"
        click(host, panel, "saveButton")
        assert planted_events(events) == []
        assert training.ui.plantedList.count == 0
        assert panel.session.planted_result is None


def test_a_missed_error_is_told_when_the_case_is_finished_and_views_jump_to_it(practice):
    with a_host() as host:
        panel, events = opened(host, practice)
        training = training_panel(host)
        click(host, panel, "finishButton")
        (facts,) = planted_events(events)
        assert facts == {"error": "cut_end", "segment": "kidney_left", "corrected": 0.0, "detected": False, "seconds": None}
        assert [kind for kind, _ in events][-2:] == ["case_finished", "planted_error"]
        assert training.ui.plantedList.count == 1
        assert "A cut end: kidney_left, still there" in training.ui.plantedList.item(0).text()
        assert "You found 0 of 1" in training.ui.plantedLabel.text
        # The case stays open, to look at.
        assert panel.session.worklist_case == "one"
        import slicer

        red = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSliceNode")
        training.ui.plantedList.setCurrentRow(0)
        if red is not None:
            k = panel.session.planted_result.outcomes[0].centre_lps_mm[2]
            assert red.GetSliceToRAS().GetElement(2, 3) == pytest.approx(k)


def test_a_corrected_error_is_found_and_counts_once(practice):
    with a_host() as host:
        panel, events = opened(host, practice)
        draw_the_kidney(panel)
        click(host, panel, "finishButton")
        (facts,) = planted_events(events)
        assert facts["detected"]
        assert facts["corrected"] == 1.0
        assert (panel.session.records_folder / "one" / "Anna" / NAME).is_file()
        click(host, panel, "finishButton")
        assert len(planted_events(events)) == 1


def test_the_scene_refuses_a_planted_draft_on_a_patient_s_image(practice):
    with a_host() as host:
        import slicer

        from SegQCLib.mrml.evaluate_scene import case_from_nodes
        from SegQCLib.mrml.segmentation import segmentation_from_node
        from SegQCLib.mrml.volume import add_volume

        panel, _events = opened(host, practice)
        case = panel.session.case
        assert case_from_nodes(case.volume, case.candidate).candidate.segments
        patient = add_volume(slicer.mrmlScene, a_volume(GRID), "patient")
        with pytest.raises(BadDataError, match="made for a training set"):
            segmentation_from_node(case.draft, patient)
        with pytest.raises(BadDataError, match="made for a training set"):
            case_from_nodes(patient, case.candidate)


def test_whatever_is_added_on_a_practice_case_is_marked(practice):
    with a_host() as host:
        import slicer

        from SegQCLib.mrml.segmentation import add_segmentation, segmentation_from_node
        from SegQCLib.mrml.volume import add_volume

        panel, _events = opened(host, practice)
        consensus = a_segmentation(GRID, "consensus", liver=KIDNEY)
        node = add_segmentation(slicer.mrmlScene, consensus, panel.session.case.volume, "consensus")
        with pytest.raises(BadDataError, match="made for a training set"):
            segmentation_from_node(node, add_volume(slicer.mrmlScene, a_volume(GRID), "patient"))


def test_the_draft_step_refuses_a_planted_draft_for_a_patient(practice, tmp_path):
    with a_host() as host:
        import slicer

        from SegQCLib.mrml.volume import add_volume

        widget = host.open("SegQCModule")
        panel = next(panel for panel in widget.column.panels if type(panel).__name__ == "DraftPanel")
        panel.session.case.volume = add_volume(slicer.mrmlScene, a_volume(GRID), "patient")
        panel.read(draft_path(practice.parent, "one"))
        for _ in range(2000):
            host.process_events()
            if panel._job is None:
                break
        assert "made for a training set" in panel.ui.messageLabel.text
        assert panel._draft is None


def test_what_a_reader_saves_of_a_practice_case_is_training_too(practice):
    from SegQCLib.importers import read_segmentation

    with a_host() as host:
        panel, _events = opened(host, practice)
        draw_the_kidney(panel)
        click(host, panel, "saveButton")
        with pytest.raises(BadDataError, match="made for a training set"):
            read_segmentation(panel.session.records_folder / "one" / "Anna" / "candidate.seg.nrrd")
