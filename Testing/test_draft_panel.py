"""The AI draft panel in the test host, as a reader uses it."""

import json
import time

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from phantoms import a_segmentation, a_volume, box_array
from rt_structure_sets import Roi, around, write_structure_set
from SegQCLib.geometry import sitk_image
from SegQCLib.protocol import shipped_protocols
from slicer_host import a_host, needs_host

pytestmark = needs_host

SIZE = a_volume().geometry.size


class Opened:
    """The panel with an image, and what it wrote to the log."""

    def __init__(self, host):
        import slicer

        from SegQCLib.mrml.volume import add_volume

        self.host, self.scene = host, slicer.mrmlScene
        self.widget = host.open("SegQCModule")
        self.panel = next(panel for panel in self.widget.column.panels if panel.UI == "DraftPanel.ui")
        self.ui, self.session = self.panel.ui, self.widget.session
        self.events = []
        self.session.event_writer = lambda kind, _facts: self.events.append(kind)
        self.volume = add_volume(self.scene, a_volume(), "CT")
        self.session.case.volume = self.volume
        self.widget.column.open(self.widget.column.panels.index(self.panel))
        self.wait()

    def wait(self):
        end = time.monotonic() + 120
        while (self.panel._job is not None or self.panel._check is not None) and time.monotonic() < end:
            self.host.process_events()
        self.host.process_events()

    def read(self, path):
        self.ui.pathEdit.setText(str(path))
        self.host.key(self.ui.pathEdit, "Return")
        self.wait()

    def click(self, button):
        self.host.click(button)
        self.wait()

    def light(self):
        return self.panel.standing().light.value

    def shown_rows(self):
        table = self.ui.previewTable
        return [tuple(table.item(line, column).text() for column in range(3)) for line in range(table.rowCount)]


@pytest.fixture
def opened():
    with a_host() as host:
        yield Opened(host)


@pytest.fixture
def prediction(tmp_path):
    """An nnU-Net prediction of a liver and something that no protocol knows, with its probabilities."""
    labels = box_array(SIZE, (1, 4), (2, 9), (3, 8)) + box_array(SIZE, (6, 8), (2, 9), (3, 8), 2)
    sitk.WriteImage(sitk_image(labels, a_volume().geometry), str(tmp_path / "case.nii.gz"))
    names = {"labels": {"background": 0, "thing": 2, "liver": 1}}
    (tmp_path / "dataset.json").write_text(json.dumps(names))
    (tmp_path / "plans.json").write_text(json.dumps({"dataset_name": "Dataset003_Liver"}))
    liver = np.where(labels == 1, 0.75, 0.0)
    np.savez_compressed(tmp_path / "case.npz", probabilities=np.stack([1 - liver, liver, np.zeros(SIZE)]))
    return tmp_path / "case.nii.gz"


def names_of(node):
    return [node.GetSegmentation().GetNthSegment(n).GetName() for n in range(node.GetSegmentation().GetNumberOfSegments())]


def test_what_is_read_is_previewed_with_the_unknown_last_and_nothing_is_in_the_scene_yet(opened, prediction):
    opened.read(prediction)
    assert opened.shown_rows() == [("1: liver", "liver", "Liver"), ("2: thing", "unknown", "")]
    assert opened.ui.summaryLabel.text.startswith("nnU-Net prediction, segments: 2, known to the protocol: 1.")
    assert opened.ui.nameEdit.text == "nnU-Net Dataset003_Liver"
    assert opened.scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0
    assert opened.light() == "optional"


def test_contours_of_an_rtstruct_are_filled_on_the_grid_of_the_image(opened, tmp_path):
    contours = [around(a_volume().geometry, k, (4, 9), (3, 13)) for k in (2, 3)]
    opened.read(write_structure_set(tmp_path / "rs.dcm", Roi("liver", contours)))
    assert opened.ui.summaryLabel.text.startswith("DICOM RT Structure Set, segments: 1, known to the protocol: 1.")
    opened.click(opened.ui.importButton)
    from SegQCLib.mrml.segmentation import segmentation_from_node

    draft = segmentation_from_node(opened.session.case.draft, opened.volume)
    assert draft.voxel_count(draft.segments[0]) == 2 * 5 * 10


def test_an_imported_draft_carries_what_the_reader_typed_and_chose(opened, prediction):
    opened.read(prediction)
    opened.ui.previewTable.setCurrentCell(1, 0)
    opened.ui.structureSelector.setCurrentIndex(opened.ui.structureSelector.findText("spleen"))
    opened.panel.preview.onStructureChosen(opened.ui.structureSelector.currentIndex)
    opened.ui.versionEdit.setText("3")
    opened.click(opened.ui.importButton)
    draft = opened.session.case.draft
    assert names_of(draft) == ["spleen", "liver"]
    from SegQCLib.mrml.segmentation import segmentation_from_node

    segments = segmentation_from_node(draft, opened.volume).segments
    assert {(s.algorithm_type, s.algorithm_name, s.algorithm_version) for s in segments} == {
        ("AUTOMATIC", "nnU-Net Dataset003_Liver", "3")
    }
    assert opened.light() == "done"
    assert opened.events == ["draft_imported"]


def test_the_candidate_has_the_protocols_structures_and_the_draft_all(opened, prediction):
    opened.read(prediction)
    opened.click(opened.ui.importButton)
    opened.click(opened.ui.candidateButton)
    first = opened.session.case.candidate
    assert names_of(first) == ["liver"]
    assert opened.ui.candidateButton.text.replace("&", "") == "Start another candidate from the draft"
    assert f"{first.GetName()} stays in the scene" in opened.ui.candidateButton.toolTip
    opened.ui.onlyProtocolCheckBox.checked = False
    opened.click(opened.ui.candidateButton)
    assert sorted(names_of(opened.session.case.candidate)) == ["liver", "thing"]
    assert sorted(names_of(opened.session.case.draft)) == ["liver", "thing"]


def test_an_edit_of_the_draft_is_said_and_taken_back_with_it(opened, prediction):
    import slicer

    opened.read(prediction)
    opened.click(opened.ui.importButton)
    draft = opened.session.case.draft
    segment_id = draft.GetSegmentation().GetNthSegmentID(0)
    voxels = slicer.util.arrayFromSegmentBinaryLabelmap(draft, segment_id, opened.volume)
    slicer.util.updateSegmentBinaryLabelmapFromArray(np.zeros_like(voxels), draft, segment_id, opened.volume)
    opened.host.process_events()
    opened.wait()
    assert opened.light() == "attention"
    assert "edited after its import" in opened.ui.draftLabel.text
    assert not opened.ui.candidateButton.enabled
    slicer.util.updateSegmentBinaryLabelmapFromArray(voxels, draft, segment_id, opened.volume)
    opened.host.process_events()
    opened.wait()
    assert opened.light() == "done"
    assert opened.events == ["draft_imported", "draft_edited", "draft_restored"]


def test_maps_wait_for_the_first_read_where_the_protocol_says_so(opened, prediction, tmp_path):
    shipped = json.loads(shipped_protocols()["ct-abdomen-portal-venous"].read_text(encoding="utf-8"))
    (tmp_path / "p.json").write_text(json.dumps({**shipped, "uncertainty_maps": "after_first_read"}))
    opened.session.case.protocol = str(tmp_path / "p.json")
    opened.session.reader = "Dr. A"
    opened.read(prediction)
    opened.click(opened.ui.importButton)
    assert opened.ui.mapSelector.currentText == "case.npz"
    assert not opened.ui.showMapButton.enabled
    assert "only after the first read" in opened.ui.mapReasonLabel.text
    opened.click(opened.ui.firstReadButton)
    assert opened.ui.showMapButton.enabled
    assert "bit" in opened.ui.mapReasonLabel.text
    opened.click(opened.ui.showMapButton)
    assert opened.ui.showMapButton.checked
    assert opened.events == ["draft_imported", "first_read_done", "map_shown"]
    # Another reader has not read yet.
    opened.session.reader = "Dr. B"
    assert not opened.ui.showMapButton.enabled


def test_a_loaded_segmentation_becomes_the_draft(opened):
    from SegQCLib.mrml.segmentation import add_segmentation

    node = add_segmentation(opened.scene, a_segmentation(liver=((1, 4), (2, 9), (3, 8))), opened.volume, "loaded")
    opened.ui.loadedSelector.setCurrentNode(node)
    opened.wait()
    assert opened.shown_rows() == [("1: liver", "liver", "Liver")]
    opened.ui.nameEdit.setText("LiverNet")
    opened.click(opened.ui.importButton)
    assert opened.session.case.draft is node
    assert opened.panel.standing().words == "LiverNet"


def test_a_draft_chosen_in_the_case_step_is_looked_through_at_once(opened):
    from SegQCLib.mrml.segmentation import add_segmentation

    node = add_segmentation(opened.scene, a_segmentation(liver=((1, 4), (2, 9), (3, 8))), opened.volume, "chosen")
    opened.session.case.draft = node
    opened.wait()
    assert "which algorithm made chosen" in opened.ui.messageLabel.text
    assert opened.shown_rows() == [("1: liver", "liver", "Liver")]
    opened.click(opened.ui.importButton)
    assert opened.session.case.draft is node
    assert opened.panel.standing().words == "algorithm not named"


def test_the_candidate_itself_cannot_become_the_draft(opened):
    from SegQCLib.mrml.segmentation import add_segmentation

    node = add_segmentation(opened.scene, a_segmentation(liver=((1, 4), (2, 9), (3, 8))), opened.volume, "mine")
    opened.session.case.candidate = node
    opened.ui.loadedSelector.setCurrentNode(node)
    opened.wait()
    assert "mine is the candidate" in opened.ui.messageLabel.text
    assert not opened.ui.previewBox.visible


def test_a_file_that_cannot_be_used_says_why_and_leaves_the_way_open(opened, prediction, tmp_path):
    affine = np.eye(4)
    affine[:3, 3] = 5000
    nib.save(nib.Nifti1Image(np.ones((3, 3, 3), np.uint8), affine), tmp_path / "far.nii.gz")
    opened.read(tmp_path / "far.nii.gz")
    assert "lies outside the image" in opened.ui.messageLabel.text
    assert opened.light() == "attention"
    opened.read(prediction)
    assert not opened.ui.messageLabel.visible
    assert len(opened.shown_rows()) == 2


def test_what_was_read_is_forgotten_with_the_image_it_lies_on(opened, prediction):
    opened.read(prediction)
    opened.scene.RemoveNode(opened.volume)
    opened.host.process_events()
    assert opened.shown_rows() == []
    assert opened.light() == "waiting"


def test_the_draft_comes_back_with_the_scene(opened, prediction, tmp_path):
    import slicer

    opened.read(prediction)
    opened.click(opened.ui.importButton)
    words = opened.ui.draftLabel.text
    assert slicer.util.saveScene(str(tmp_path / "case.mrb"))
    opened.scene.Clear(0)
    opened.wait()
    assert opened.light() == "waiting"
    slicer.util.loadScene(str(tmp_path / "case.mrb"))
    opened.wait()
    assert opened.ui.draftLabel.text == words
    assert opened.light() == "done"
    assert opened.ui.mapSelector.currentText == "case.npz"
    opened.scene.RemoveNode(opened.session.case.draft)
    opened.host.process_events()
    assert opened.light() == "optional"
    # Its map went with it.
    assert opened.scene.GetFirstNodeByName("case.npz") is None
