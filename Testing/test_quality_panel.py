"""Image quality in the Artifacts step and compared with a study, and background regions that are changed, in the test host."""

import time
from dataclasses import replace

import numpy as np
import pytest

from slicer_host import a_host, needs_host

pytestmark = needs_host


@pytest.fixture(scope="module")
def opened():
    with a_host() as host:
        host.open("SegQCModule")
        yield host


class Steps:
    """The simulated case, evaluated under its protocol, with Report and Artifacts steps."""

    def __init__(self, host, folder):
        import slicer

        self.host, self.column = host, slicer.modules.SegQCModuleWidget.column
        self.report, self.artifacts = (
            next(panel for panel in self.column.panels if ui == panel.UI) for ui in ("ReportPanel.ui", "ArtifactsPanel.ui")
        )
        self.part = self.report._quality
        self.session = self.report.session
        self.session.reader, self.session.records_folder = "Dr A", folder / "records"
        self.case = slicer.modules.SegQCModuleWidget.logic.loadSimulatedCase()
        self.evaluate()

    def evaluate(self):
        self.column.open(self.column.panels.index(self.report))
        self.host.process_events()
        self.report.ui.evaluateButton.click()
        self.wait()

    def wait(self):
        end = time.monotonic() + 60
        while self.report._work is not None:
            assert time.monotonic() < end, self.report.ui.progressBar.text
            self.host.process_events()
        self.host.process_events()

    def rate(self, count):
        """Open the Artifacts step and give so many ratings."""
        self.column.open(self.column.panels.index(self.artifacts))
        self.host.process_events()
        for row, rating in list(enumerate(self.artifacts._ratings))[:count]:
            self.artifacts._answer(row, rating.grades[0].value)


@pytest.fixture
def steps(opened, tmp_path):
    import qt
    import slicer

    from SegQCLib.panels.quality_part import STUDY_SETTING

    slicer.mrmlScene.Clear()
    qt.QSettings().setValue(STUDY_SETTING, "")
    opened.displays.clear()
    opened.process_events()
    return Steps(opened, tmp_path)


def cell_texts(table):
    return [[table.item(row, column).text() for column in range(table.columnCount)] for row in range(table.rowCount)]


def write_study(folder, record, cases):
    """So many other examinations on one scanner with the record's numbers; returns the record as of that scanner."""
    on_scanner = replace(record.case.acquisition, manufacturer="Vendor", model="Model", study_instance_uid="1.2.0")
    own = replace(record, case=replace(record.case, acquisition=on_scanner))
    for number in range(1, cases + 1):
        other = replace(own, case=replace(own.case, acquisition=replace(on_scanner, study_instance_uid=f"1.2.{number}")))
        numbers = tuple(m if m.value is None else replace(m, value=m.value + number) for m in own.image_quality)
        (folder / f"case {number}").mkdir(parents=True)
        (folder / f"case {number}" / "record.json").write_text(replace(other, image_quality=numbers).to_json(), encoding="utf-8")
    return own


def keep(steps, record):
    """Put a record in the place of the candidate's."""
    import slicer

    from SegQCLib.mrml.record_node import write_record

    write_record(slicer.mrmlScene, record, steps.case.candidate)
    steps.report.showRecord()


def test_numbers_stand_beside_the_grades_only_once_all_ratings_are_given(steps):
    ui = steps.artifacts.ui
    count = len(steps.session.protocol.protocol.ratings)
    steps.rate(count - 1)
    assert ui.qualityButton.isVisible()
    assert not ui.qualityButton.enabled
    assert "once all ratings are given" in ui.qualityButton.text
    steps.rate(count)
    assert ui.qualityButton.enabled
    ui.qualityButton.setChecked(True)
    defined = [m for m in steps.report._record.image_quality if m.value is not None]
    assert len(cell_texts(ui.qualityTable)) == len(defined) > 0
    # A rating that the verdict never saw outdates the record.
    assert "evaluate again" in ui.qualityLabel.text
    steps.evaluate()
    assert "Your ratings: " in steps.part.ui.ratingsLabel.text
    steps.rate(count)
    assert not ui.qualityLabel.isVisible()
    ui.qualityButton.setChecked(False)
    assert not ui.qualityTable.isVisible()


def test_without_an_evaluation_there_are_no_numbers_to_show(steps):
    import slicer

    from SegQCLib.mrml.remove_results import remove_results

    remove_results(slicer.mrmlScene, steps.case.candidate)
    steps.rate(len(steps.session.protocol.protocol.ratings))
    assert not steps.artifacts.ui.qualityButton.isVisible()


def test_the_records_folder_is_compared_with_and_need_not_be_there(steps):
    assert not steps.session.records_folder.exists()
    assert steps.part.study_folder == steps.session.records_folder
    assert "No z-scores yet" in steps.part.ui.studyLabel.text
    assert steps.part.ui.studySelector.currentText.startswith("the records folder")


def test_a_chosen_study_gives_z_scores_without_measuring_again(steps, tmp_path):
    own = write_study(tmp_path / "study", steps.report._record, 20)
    keep(steps, own)
    steps.part.chooseStudy(tmp_path / "study")
    steps.wait()
    assert "among 20 other cases of" in steps.part.ui.studyLabel.text
    record = steps.report._record
    assert record.created == own.created
    number = next(m for m in record.image_quality if m.value is not None)
    # The others are higher by 1 to 20: median 10.5, median absolute deviation 5.
    assert number.in_study.cases == 20
    assert number.in_study.median == pytest.approx(number.value + 10.5)
    assert number.in_study.z == pytest.approx(-10.5 / (5 * 1.482602218505602))
    from SegQCLib.mrml.record_node import is_outdated, read_record

    assert read_record(steps.case.candidate) == record
    assert not is_outdated(steps.case.candidate)
    assert steps.part.ui.studySelector.currentText == "study"
    steps.part.onStudy(0)
    steps.wait()
    assert "No z-scores yet" in steps.part.ui.studyLabel.text


def test_eighteen_other_cases_are_too_few_and_it_is_said(steps, tmp_path):
    keep(steps, write_study(tmp_path / "study", steps.report._record, 18))
    steps.part.chooseStudy(tmp_path / "study")
    steps.wait()
    assert "18 other cases have this number" in steps.part.ui.studyLabel.text
    assert "at least 20 cases" in steps.part.ui.studyLabel.text


def test_a_study_folder_that_is_gone_is_told_and_costs_no_evaluation(steps, tmp_path):
    steps.part.chooseStudy(tmp_path / "nowhere")
    steps.wait()
    assert "cannot be listed" in steps.part.ui.studyLabel.text
    steps.evaluate()
    assert steps.report._record is not None
    assert "cannot be listed" in steps.part.ui.studyLabel.text
    assert steps.host.displays == []


def test_only_changed_records_are_read_again(steps, tmp_path):
    from SegQCLib.quality.study_folder import read_study_folder

    write_study(tmp_path / "study", steps.report._record, 3)
    known = {}
    assert read_study_folder(tmp_path / "study", known).cases == 3
    before = {path: entry[1] for path, entry in known.items()}
    changed = tmp_path / "study" / "case 2" / "record.json"
    changed.write_text("{}", encoding="utf-8")
    again = read_study_folder(tmp_path / "study", known)
    assert (again.cases, again.left_out) == (2, 1)
    assert [path for path, entry in known.items() if entry[1] is not before[path]] == [changed]


def lesion_protocol(steps, folder):
    """Evaluate under a protocol whose spleen is a lesion, so that it is measured against normal tissue."""
    from SegQCLib.dataclass_json import to_json

    protocol = steps.session.protocol.protocol
    structures = tuple(replace(one, is_lesion=one.name == "spleen") for one in protocol.structures)
    (folder / "lesion.json").write_text(to_json(replace(protocol, structures=structures)), encoding="utf-8")
    steps.case.protocol = str(folder / "lesion.json")
    steps.host.process_events()
    steps.evaluate()
    steps.report.ui.qualityButton.setChecked(True)


def regions(node):
    segmentation = node.GetSegmentation()
    return {segmentation.GetSegment(one).GetName(): one for one in segmentation.GetSegmentIDs()}


def test_a_region_that_is_changed_outdates_the_record_and_is_used_by_the_next_evaluation(steps, tmp_path):
    import slicer

    from SegQCLib.mrml.background_nodes import background_of
    from SegQCLib.mrml.record_node import is_outdated

    lesion_protocol(steps, tmp_path)
    name = next(m.background for m in steps.report._record.image_quality if m.background is not None)
    steps.part.ui.backgroundButton.click()
    node, candidate = background_of(steps.case.candidate), steps.case.candidate
    assert set(regions(node)) == {m.background for m in steps.report._record.image_quality if m.background and m.background_voxels}
    steps.host.process_events()
    assert not is_outdated(candidate)
    array = np.zeros_like(slicer.util.arrayFromVolume(steps.case.volume), np.uint8)
    array[2:4, 2:6, 2:6] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(array, node, regions(node)[name], steps.case.volume)
    steps.host.process_events()
    assert is_outdated(candidate)
    steps.part.showState()
    assert f"Drawn or changed by hand: {name}. Evaluate again" in steps.part.ui.backgroundLabel.text
    steps.evaluate()
    measured = [m for m in steps.report._record.image_quality if m.background == name]
    assert {m.background_voxels for m in measured} == {2 * 4 * 4}
    assert all("drawn by hand" in m.definition for m in measured)
    assert "background" in [entry.role for entry in steps.report._record.inputs]
    assert not is_outdated(candidate)
    assert f"drawn or changed by hand: {name}" in steps.part.ui.backgroundLabel.text
    slicer.mrmlScene.RemoveNode(node)
    steps.host.process_events()
    assert is_outdated(candidate)


def test_regions_of_an_earlier_evaluation_can_be_placed_without_measuring(steps, tmp_path):
    from SegQCLib.mrml.background_nodes import background_of

    lesion_protocol(steps, tmp_path)
    evaluated = steps.report._background
    created = steps.report._record.created
    # As in a scene that was saved and opened again: the record is there, the regions are not.
    keep(steps, replace(steps.report._record, reasons=(*steps.report._record.reasons, "opened again")))
    assert steps.report._background is None
    steps.part.ui.backgroundButton.click()
    steps.wait()
    node = background_of(steps.case.candidate)
    assert set(regions(node)) == {segment.name for segment in evaluated.segments}
    assert steps.report._record.created == created
