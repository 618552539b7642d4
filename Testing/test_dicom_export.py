"""The QC report's DICOM export in the test host: who drew what, every refusal in words, and what other programs read."""

import json
import time
from dataclasses import replace

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from dicom_series import write_series
from dicom_tools import dcentvfy, dciodvfy, segimage2itkimage, tid1500reader
from SegQCLib.case import Code, Segment, Segmentation, Terminology
from SegQCLib.dicom.series import read_series_of_files
from SegQCLib.geometry import sitk_image
from slicer_host import a_host, needs_host

pytest.importorskip("highdicom", reason="DICOM objects are made by highdicom")
pytestmark = needs_host

SIZE = (8, 24, 20)  # (k, j, i)
STUDY = {
    "AccessionNumber": "", "StudyID": "1", "PatientBirthDate": "", "ReferringPhysicianName": "", "PatientSex": "O",
    "StudyDate": "20260101", "StudyTime": "101112", "PatientName": "Phantom^Simulated",
}  # fmt: skip
LIVER = (slice(2, 6), slice(4, 12), slice(4, 12))
SPLEEN = (slice(3, 6), slice(14, 20), slice(4, 10))
KIDNEY = (slice(1, 3), slice(14, 20), slice(12, 16))
OTHER = (slice(6, 8), slice(0, 3), slice(0, 3))  # what the protocol does not know
ANATOMY = Code("123037004", "SCT", "Anatomical Structure")
LIVER_CODES = Terminology(ANATOMY, Code("10200004", "SCT", "Liver"))
MODEL = "nnU-Net Dataset003_Liver"


class Reading:
    """A reader's work on a simulated CT that Slicer loaded from its DICOM database."""

    def __init__(self, host, folder):
        import slicer

        self.host, self.scene, self.folder = host, slicer.mrmlScene, folder
        self.widget = slicer.modules.SegQCModuleWidget
        self.session = self.widget.session
        self.session.reader = "Dr. Anna Meier"
        self.session.records_folder = folder / "records"
        self.report, self.draft, self.editing = (
            next(panel for panel in self.widget.column.panels if f"{name}Panel.ui" == panel.UI)
            for name in ("Report", "Draft", "Editing")
        )
        self.report.ui.exportDicomButton.setChecked(False)
        self.export = self.report._export
        self.export._folder = None
        self.ui = self.export.ui
        self.ui.storedAsSelector.setCurrentIndex(0)
        self.ui.databaseCheckBox.setChecked(False)

    def load(self, positions_mm=None, stored=lambda series: series, **attributes):
        """Write a series and choose it, as `choose` does; `stored` says how Slicer stacks it."""
        positions_mm = [5 * k for k in range(SIZE[0])] if positions_mm is None else positions_mm
        self.files = write_series(self.folder / "ct", positions_mm, rows=SIZE[1], columns=SIZE[2], **STUDY, **attributes)
        return self.choose(self.files, stored)

    def choose(self, files, stored=lambda series: series):
        """Choose a series as Slicer's DICOM import leaves it: voxels, place, and the UIDs of its images."""
        from SegQCLib.mrml.volume import ACQUISITION_ATTRIBUTE, SERIES_FILES_ATTRIBUTE, SLICE_ORIGINS_ATTRIBUTE, add_volume

        self.host.open_dicom(files[0].parent)
        self.series = read_series_of_files(files)
        node = add_volume(self.scene, stored(self.series), "CT")
        for attribute in (ACQUISITION_ATTRIBUTE, SERIES_FILES_ATTRIBUTE, SLICE_ORIGINS_ATTRIBUTE):
            node.RemoveAttribute(attribute)
        uids = [str(pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID) for path in files]
        node.SetAttribute("DICOM.instanceUIDs", " ".join(uids))
        self.session.case.volume = self.volume = node
        self.host.process_events()
        return self

    def draw(self, geometry=None, box=LIVER, **facts):
        """Choose a candidate with a liver in a box, drawn as `facts` of the segment say."""
        from SegQCLib.mrml.segmentation import add_segmentation

        geometry = geometry or self.series.geometry
        layer = np.zeros(geometry.size, np.uint8)
        layer[box] = 1
        facts = {"terminology": LIVER_CODES, "algorithm_type": "MANUAL"} | facts
        segments = (Segment("liver", "liver", 1, **facts),)
        drawn = Segmentation("drawn", geometry, (layer,), segments)
        self.session.case.candidate = add_segmentation(self.scene, drawn, self.volume, "drawn")
        self.host.process_events()
        return self

    def start_from_draft(self):
        labels = np.zeros(SIZE, np.uint8)
        labels[LIVER], labels[SPLEEN], labels[OTHER] = 1, 2, 3
        (self.folder / "draft").mkdir()
        sitk.WriteImage(sitk_image(labels, self.series.geometry), str(self.folder / "draft" / "case.nii.gz"))
        names = {"labels": {"background": 0, "liver": 1, "spleen": 2, "thing": 3}}
        (self.folder / "draft" / "dataset.json").write_text(json.dumps(names))
        (self.folder / "draft" / "plans.json").write_text(json.dumps({"dataset_name": "Dataset003_Liver"}))
        self.draft.ui.pathEdit.setText(str(self.folder / "draft" / "case.nii.gz"))
        self.host.key(self.draft.ui.pathEdit, "Return")
        self.wait()
        self.draft.ui.versionEdit.setText("2.1")
        for button in (self.draft.ui.importButton, self.draft.ui.candidateButton):
            button.click()
            self.wait()
        # The Editing step has counted each segment against the draft.
        self.host.wait_until(lambda: len(self.editing._follower.provenances()) == 2)
        return self

    @property
    def segments(self):
        return self.session.case.candidate.GetSegmentation()

    def paint(self, segment_id, box, *, erase=False):
        voxels = np.ndindex(*(part.stop - part.start for part in box))
        places = [tuple(a + part.start for a, part in zip(index, box, strict=True)) for index in voxels]
        editor = self.host.modules.segmenteditor.widgetRepresentation().self().editor
        editor.setSegmentationNode(self.session.case.candidate)
        editor.setActiveEffectByName("Paint")
        self.host.paint(self.session.case.candidate, segment_id, places, erase=erase)
        self.wait()

    def wait(self):
        ends = time.monotonic() + 60
        while (
            self.report._work is not None or self.draft._job is not None or self.draft._check is not None
            or self.export.running or self.export._timer.active or self.editing._follower._timer.active
        ):  # fmt: skip
            assert time.monotonic() < ends
            self.host.process_events()
        self.host.process_events()

    def evaluate(self):
        self.report.ui.evaluateButton.click()
        self.wait()
        return self

    def check(self):
        self.report.ui.exportDicomButton.setChecked(True)
        self.wait()
        return self

    @property
    def reasons(self):
        return self.ui.faultsText.toPlainText()

    def write(self):
        assert self.ui.writeButton.enabled, self.reasons
        self.ui.writeButton.click()
        self.wait()
        return self.written()

    def written(self):
        """Return the two files; None where there is no file at all, not even a part of one."""
        folder = self.folder / "records" / "DICOM"
        files = sorted(folder.iterdir()) if folder.exists() else []
        if not files:
            return None
        seg, sr = files
        return seg, sr

    def assert_refused(self, *words):
        assert not self.ui.writeButton.enabled
        assert self.reasons.startswith("Cannot be written until this is solved:\n• ")
        for part in words:
            assert part in self.reasons
        assert self.written() is None


@pytest.fixture(scope="module")
def opened():
    with a_host(main_window=False) as host:
        host.open("SegQCModule")
        yield host


@pytest.fixture
def reading(opened, tmp_path):
    import slicer

    slicer.mrmlScene.Clear()
    slicer.dicomDatabase._close()
    opened.process_events()
    yield Reading(opened, tmp_path)
    assert not opened.errors


def origins(path):
    segments = pydicom.dcmread(path).SegmentSequence
    return {item.SegmentLabel: (item.SegmentAlgorithmType, item.get("SegmentAlgorithmName")) for item in segments}


def masks_of(path, tmp_path, grid):
    """Return dcmqi's masks by segment label, on the grid of the series, as (k, j, i)."""
    read = segimage2itkimage(path, tmp_path / "dcmqi")
    like = sitk_image(np.zeros(grid.size, np.uint8), grid)
    labels = {one["labelID"]: one["SegmentLabel"] for one in read.segments}
    return {
        labels[number]: sitk.GetArrayFromImage(sitk.Resample(mask, like, sitk.Transform(), sitk.sitkNearestNeighbor)) > 0
        for number, mask in read.masks.items()
    }


def box_mask(*boxes):
    mask = np.zeros(SIZE, bool)
    for box in boxes:
        mask[box] = True
    return mask


def test_untouched_is_automatic_corrected_is_semiautomatic_and_drawn_by_hand_is_manual(reading, tmp_path):
    """3D Slicer's own export writes MANUAL for all three."""
    reading.load().start_from_draft()
    stroke = (slice(2, 4), slice(12, 13), slice(4, 8))
    reading.paint(id_of(reading, "liver"), stroke)
    by_hand = reading.segments.AddEmptySegment("", "kidney_left")
    reading.paint(by_hand, KIDNEY)
    reading.evaluate().check()
    assert reading.reasons == ""
    assert reading.ui.headlineLabel.text == "Can be written."
    assert reading.ui.contentLabel.text.splitlines() == [
        f"SEMIAUTOMATIC ({MODEL} 2.1): liver", f"AUTOMATIC ({MODEL} 2.1): spleen", "MANUAL: kidney_left",
        "Reader: Dr. Anna Meier", "Images: 8",
    ]  # fmt: skip
    seg, sr = reading.write()
    assert origins(seg) == {"liver": ("SEMIAUTOMATIC", MODEL), "spleen": ("AUTOMATIC", MODEL), "kidney_left": ("MANUAL", None)}
    identified = pydicom.dcmread(seg).SegmentSequence[0].SegmentationAlgorithmIdentificationSequence[0]
    assert (identified.AlgorithmVersion, identified.AlgorithmFamilyCodeSequence[0].CodeMeaning) == (
        "2.1",
        "Artificial Intelligence",
    )
    masks = masks_of(seg, tmp_path, reading.series.geometry)
    for name, expected in (("liver", box_mask(LIVER, stroke)), ("spleen", box_mask(SPLEEN)), ("kidney_left", box_mask(KIDNEY))):
        assert np.array_equal(masks[name], expected), name
    assert dciodvfy(seg).errors == dciodvfy(sr).errors == ()
    assert [line for line in dcentvfy([*reading.files, seg, sr]) if line.startswith("Error")] == []
    report = tid1500reader(sr, tmp_path / "sr")
    volumes = {
        group["TrackingIdentifier"]: item["value"]
        for group in report["Measurements"]
        for item in group["measurementItems"]
        if item["quantity"]["CodeValue"] == "118565006"
    }
    assert set(volumes) == {"liver", "spleen", "kidney_left"}
    # 2 slices x 6 x 4 voxels of 5 x 0.8 x 0.7 mm.
    assert float(volumes["kidney_left"]) == pytest.approx(48 * 2.8)
    assert seg.name in reading.ui.headlineLabel.text


def id_of(reading, name):
    segments = reading.segments
    return next(item for item in segments.GetSegmentIDs() if segments.GetSegment(item).GetName() == name)


def test_an_edit_that_nobody_watched_is_not_written_as_automatic(reading):
    reading.load().start_from_draft()
    liver = id_of(reading, "liver")
    reading.paint(liver, (slice(2, 4), slice(12, 13), slice(4, 8)))
    reading.segments.GetSegment(liver).SetTag("DICOM.SegmentAlgorithmType", "AUTOMATIC")
    reading.evaluate().check()
    assert "liver is tagged AUTOMATIC" in reading.reasons
    assert "8 voxels were changed" in reading.reasons
    assert reading.ui.headlineLabel.text == "Can be written, but would mislead. Points to read: 1."
    seg, _sr = reading.write()
    assert origins(seg) == {"liver": ("SEMIAUTOMATIC", MODEL), "spleen": ("AUTOMATIC", MODEL)}


def test_a_tag_that_says_manual_of_the_draft_s_very_voxels_is_refused(reading):
    reading.load().start_from_draft()
    reading.segments.GetSegment(id_of(reading, "spleen")).SetTag("DICOM.SegmentAlgorithmType", "MANUAL")
    reading.evaluate().check()
    reading.assert_refused(
        "not clear who drew spleen", "MANUAL", "AUTOMATIC (the same voxels)", "start the candidate from it again"
    )


def test_a_draft_that_was_edited_says_nothing_of_the_candidate(reading):
    reading.load().start_from_draft()
    reading.host.paint(reading.session.case.draft, id_of(reading, "liver"), [(0, 0, 0)])
    reading.evaluate().check()
    assert "was edited after its import" in reading.reasons
    assert reading.ui.writeButton.enabled


def test_a_segment_of_unknown_origin_is_refused_until_the_reader_says_that_it_was_drawn_by_hand(reading):
    reading.load().draw(algorithm_type=None).evaluate().check()
    reading.assert_refused("Nobody knows who or what drew liver", "tick the box below")
    assert not reading.ui.byHandCheckBox.isHidden()
    reading.ui.byHandCheckBox.setChecked(True)
    reading.wait()
    assert origins(reading.write()[0]) == {"liver": ("MANUAL", None)}


def test_what_slicer_loaded_from_another_program_s_dicom_seg_is_that_program_s_word(reading, shared_data):
    import slicer

    reading.load().draw().evaluate()
    reading.host.open_dicom(shared_data / "dcmqi")
    uid, path = next(
        (uid, path)
        for uid, path in slicer.dicomDatabase._files.items()
        if slicer.dicomDatabase.fileValue(path, "0008,0060") == "SEG"
    )
    # As 3D Slicer's own import leaves it.
    reading.session.case.candidate.SetAttribute("DICOM.instanceUIDs", uid)
    reading.check()
    made_by = slicer.dicomDatabase.fileValue(path, "0008,0070")
    assert f"That segments are MANUAL is the word of {made_by} alone." in reading.reasons
    assert "start the candidate from it" in reading.reasons


def test_a_type_that_dicom_does_not_know_says_nothing(reading):
    reading.load().draw(algorithm_type="by hand").evaluate().check()
    reading.assert_refused("Nobody knows who or what drew liver")


def test_codes_come_from_the_protocol_and_what_has_none_is_refused(reading):
    reading.load().draw(terminology=None).evaluate().check()
    assert pydicom.dcmread(reading.write()[0]).SegmentSequence[0].SegmentedPropertyTypeCodeSequence[0].CodeValue == "10200004"
    reading.segments.GetSegment("liver").SetName("something")
    reading.evaluate()
    assert "something has no codes" in reading.reasons
    assert "double-click the colour" in reading.reasons
    assert "--" not in reading.reasons
    assert not reading.ui.writeButton.enabled


def test_a_stack_that_slicer_stores_from_the_last_slice_is_written_where_it_was_drawn(reading, tmp_path):
    def reversed_stack(series):
        grid = series.geometry
        first = tuple(grid.lps_mm(np.array([[SIZE[0] - 1, 0, 0]]))[0])
        axes = (tuple(-value for value in grid.axes_lps[0]), *grid.axes_lps[1:])
        turned = replace(grid, origin_lps_mm=first, axes_lps=axes)
        return replace(series, array=series.array[::-1].copy(), geometry=turned, slice_origins_lps_mm=None)

    reading.load(stored=reversed_stack).draw(box=KIDNEY).evaluate().check()
    seg, _sr = reading.write()
    assert np.array_equal(masks_of(seg, tmp_path, reading.series.geometry)["liver"], box_mask(KIDNEY))


def test_uneven_slices_keep_the_places_that_their_images_have(reading):
    positions = [0, 5, 10, 15, 20, 27, 32, 37]

    def evenly_stacked(series):
        return replace(series, slice_origins_lps_mm=None, acquisition=replace(series.acquisition, slice_displacement_mm=None))

    reading.load(positions, stored=evenly_stacked).draw(box=KIDNEY).evaluate().check()
    assert "off a regular grid" in reading.reasons
    seg, _sr = reading.write()
    places = {
        float(frame.PlanePositionSequence[0].ImagePositionPatient[2])
        for frame in pydicom.dcmread(seg).PerFrameFunctionalGroupsSequence
    }
    assert places == {5, 10}


def test_frames_of_an_enhanced_ct_are_named_by_their_numbers(reading, shared_data):
    image = shared_data / "dcmqi" / "data" / "segmentations" / "24x38x3" / "multiframe" / "mf.dcm"
    reading.choose([image]).draw(box=(slice(1, 3), slice(3, 9), slice(4, 7))).evaluate().check()
    seg, sr = reading.write()
    header = pydicom.dcmread(image, stop_before_pixels=True)
    sources = [
        frame.DerivationImageSequence[0].SourceImageSequence[0] for frame in pydicom.dcmread(seg).PerFrameFunctionalGroupsSequence
    ]
    assert {source.ReferencedSOPInstanceUID for source in sources} == {header.SOPInstanceUID}
    heights = [header.PerFrameFunctionalGroupsSequence[source.ReferencedFrameNumber - 1] for source in sources]
    places = sorted(frame.PlanePositionSequence[0].ImagePositionPatient[2] for frame in heights)
    expected = reading.series.geometry.lps_mm(np.array([[1, 0, 0], [2, 0, 0]]))[:, 2]
    assert places == pytest.approx(sorted(expected))
    assert dciodvfy(sr).errors == ()


def test_a_part_of_the_series_is_written_onto_the_whole_slices(reading, tmp_path):
    def cropped(series):
        grid = series.geometry
        first = tuple(grid.lps_mm(np.array([[1, 2, 3]]))[0])
        part = replace(grid, size=(5, 20, 15), origin_lps_mm=first)
        return replace(series, array=series.array[1:6, 2:22, 3:18].copy(), geometry=part, slice_origins_lps_mm=None)

    reading.load(stored=cropped).draw(box=LIVER).evaluate().check()
    assert "is a part of its DICOM series (15 x 20 x 5 of 20 x 24 x 8 voxels" in reading.reasons
    seg, _sr = reading.write()
    assert np.array_equal(masks_of(seg, tmp_path, reading.series.geometry)["liver"], box_mask(LIVER))


def test_a_resampled_image_is_refused(reading):
    def resampled(series):
        grid = replace(series.geometry, size=(8, 12, 10), spacing_mm=(5.0, 1.6, 1.4))
        return replace(series, array=series.array[:, ::2, ::2].copy(), geometry=grid, slice_origins_lps_mm=None)

    reading.load(stored=resampled)
    reading.draw(geometry=resampled(reading.series).geometry, box=(slice(2, 4), slice(2, 4), slice(2, 4))).evaluate().check()
    reading.assert_refused("was resampled", "as Slicer loaded it from DICOM")


def test_a_series_that_segqc_itself_read_as_of_a_worklist_needs_no_database(reading, tmp_path):
    import slicer

    from SegQCLib.mrml.volume import add_volume

    reading.load()
    slicer.dicomDatabase._close()
    reading.session.case.volume = reading.volume = add_volume(reading.scene, reading.series, "case 1")
    reading.draw(box=KIDNEY).evaluate().check()
    seg, _sr = reading.write()
    assert np.array_equal(masks_of(seg, tmp_path, reading.series.geometry)["liver"], box_mask(KIDNEY))
    for path in reading.files:
        path.unlink()
    reading.ui.checkButton.click()
    reading.wait()
    assert not reading.ui.writeButton.enabled


def test_an_image_that_is_not_from_dicom_is_refused(reading):
    reading.load().draw()
    reading.volume.RemoveAttribute("DICOM.instanceUIDs")
    reading.evaluate().check()
    reading.assert_refused("CT: was not loaded from DICOM", "Import the series")


def test_a_database_that_is_closed_lacks_images_or_names_files_that_are_gone_is_said(reading):
    import slicer

    reading.load().draw().evaluate().check()
    assert reading.ui.writeButton.enabled
    reading.files[3].unlink()
    reading.ui.checkButton.click()
    reading.wait()
    reading.assert_refused(reading.files[3].name)
    slicer.dicomDatabase._files.pop(next(iter(slicer.dicomDatabase._files)))
    reading.ui.checkButton.click()
    reading.wait()
    reading.assert_refused("consists of 8 images; Slicer's DICOM database lacks 1 of them")
    slicer.dicomDatabase._close()
    reading.ui.checkButton.click()
    reading.wait()
    reading.assert_refused("DICOM database that is not open")


def test_a_volume_of_two_series_is_refused(reading, tmp_path):
    reading.load().draw().evaluate()
    others = write_series(tmp_path / "other", [5 * k for k in range(8)], rows=SIZE[1], columns=SIZE[2], **STUDY)
    reading.host.open_dicom(tmp_path / "other")
    uids = [str(pydicom.dcmread(path).SOPInstanceUID) for path in (*reading.files[:4], *others[4:])]
    reading.volume.SetAttribute("DICOM.instanceUIDs", " ".join(uids))
    reading.check().assert_refused("2 different sets of images")


def test_a_verdict_that_does_not_know_its_series_or_is_of_another_one_is_refused(reading):
    from SegQCLib.mrml.volume import ACQUISITION_ATTRIBUTE

    reading.load().draw()
    reading.volume.SetAttribute(ACQUISITION_ATTRIBUTE, "{}")
    reading.evaluate().check()
    reading.assert_refused("The verdict is of another series", "Evaluate again")


def test_an_edit_asks_for_another_evaluation_before_anything_is_written(reading):
    reading.load().draw().evaluate().check()
    assert reading.ui.writeButton.enabled
    reading.paint("liver", KIDNEY)
    assert not reading.ui.writeButton.enabled
    assert "evaluate again" in reading.ui.headlineLabel.text
    reading.evaluate()
    assert reading.ui.headlineLabel.text == "Can be written."


def test_without_a_reader_it_says_that_nobody_is_named(reading):
    reading.session.reader = ""
    reading.load().draw().evaluate().check()
    assert "Content Creator's Name (0070,0084) stays empty. Give your name in the step Case." in reading.reasons
    assert "Reader: not named" in reading.ui.contentLabel.text
    assert pydicom.dcmread(reading.write()[0]).ContentCreatorName == ""


def test_a_label_map_is_written_on_request(reading):
    reading.load().draw().evaluate().check()
    reading.ui.storedAsSelector.setCurrentIndex(1)
    reading.wait()
    seg, _sr = reading.write()
    assert pydicom.dcmread(seg).SegmentationType == "LABELMAP"


def test_the_database_gets_both_only_if_the_reader_wants_it(reading):
    import slicer

    reading.load().draw().evaluate().check()
    before = set(slicer.dicomDatabase.allFiles())
    reading.write()
    assert set(slicer.dicomDatabase.allFiles()) == before
    reading.ui.databaseCheckBox.setChecked(True)
    files = reading.write()
    reading.host.process_events()
    for path in files:
        assert slicer.dicomDatabase.fileForInstance(str(pydicom.dcmread(path).SOPInstanceUID))
    reading.host.process_events()
    assert "Both are in Slicer's DICOM database." in reading.ui.headlineLabel.text


def test_what_is_there_already_is_named_before_it_is_replaced_and_equal_work_gives_equal_files(reading):
    reading.load().draw().evaluate().check()
    files = reading.write()
    contents = [path.read_bytes() for path in files]
    reading.ui.checkButton.click()
    reading.wait()
    assert f"Replaces, of an earlier export: {files[0].name}, {files[1].name}" in reading.ui.contentLabel.text
    assert [path.read_bytes() for path in reading.write()] == contents


def test_a_folder_that_cannot_be_written_to_leaves_nothing_behind(reading, tmp_path):
    (tmp_path / "file").write_text("no folder")
    reading.load().draw().evaluate().check()
    reading.host.answers.append(str(tmp_path / "file" / "below"))
    reading.ui.folderButton.click()
    reading.wait()
    reading.ui.writeButton.click()
    reading.wait()
    assert "could not be written" in reading.reasons
    assert [path.name for path in tmp_path.iterdir() if path.name != "ct"] == ["file"]


def test_cancelling_writes_nothing(reading):
    reading.load().draw().evaluate().check()
    reading.ui.writeButton.click()
    assert not reading.ui.writeButton.isVisible()
    reading.ui.cancelButton.click()
    reading.wait()
    assert reading.ui.headlineLabel.text == "Stopped. Nothing was written."
    assert reading.written() is None


def test_the_scene_may_close_while_it_is_checked_or_written(reading):
    import slicer

    reading.load().draw().evaluate()
    reading.report.ui.exportDicomButton.setChecked(True)
    reading.export._check()
    slicer.mrmlScene.Clear()
    reading.wait()
    assert "Evaluate first" in reading.ui.headlineLabel.text
    assert not reading.ui.writeButton.enabled


def test_where_slicer_has_loaded_its_own_pydicom_2_it_says_to_start_again(reading, monkeypatch):
    reading.load().draw().evaluate()
    monkeypatch.setattr(pydicom, "__version__", "2.4.4")
    reading.report.ui.exportDicomButton.click()
    assert "start Slicer again" in reading.report.ui.messageLabel.text
    assert reading.export.widget.isHidden()


def test_where_highdicom_is_missing_the_button_asks_and_a_no_closes_it(reading, monkeypatch):
    from SegQCLib.panels import report_panel

    reading.load().draw().evaluate()
    monkeypatch.setattr(report_panel, "ensure_package", lambda *_words: False)
    reading.report.ui.exportDicomButton.click()
    assert "DICOM files need the Python package highdicom" in reading.report.ui.messageLabel.text
    assert not reading.report.ui.exportDicomButton.checked
    assert reading.export.widget.isHidden()
