"""The protocol gate as a reader uses it, in the test host."""

import time
from dataclasses import replace

import numpy as np
import pytest

from dicom_series import write_series
from phantoms import a_geometry, a_segmentation
from SegQCLib.case import Acquisition, Volume, WindowLevel
from slicer_host import a_host, needs_host

pytestmark = needs_host

AS_ASKED = Acquisition(
    source="DICOM headers",
    modality="CT",
    slice_thicknesses_mm=(2.0,),
    slice_positions_mm=tuple(2.0 * k for k in range(10)),
    slice_displacement_mm=0.0,
    stack_tilt_deg=0.0,
    convolution_kernel=("Br36",),
    contrast_agent="Iohexol",
    series_description="Abdomen portal venous",
)
SOFT_TISSUE = WindowLevel(400, 40)


class Gate:
    """The module with the gate open on a CT of the abdomen."""

    def __init__(self, host):
        import slicer

        self.host, self.slicer = host, slicer
        self.module = host.open("SegQCModule")
        self.session = self.module.session
        self.panel = next(panel for panel in self.module.column.panels if type(panel).__name__ == "GatePanel")
        self.ui = self.panel.ui
        self.module.column.open(self.module.column.panels.index(self.panel))
        self.session.case.protocol = "ct-abdomen-portal-venous"
        self.events = []
        self.session.event_writer = lambda kind, facts: self.events.append((kind, facts))

    def add_volume(self, acquisition=AS_ASKED, window_level=SOFT_TISSUE, name="CT"):
        from SegQCLib.mrml.volume import add_volume

        geometry = a_geometry()
        array = np.arange(np.prod(geometry.size), dtype=np.int16).reshape(geometry.size)
        return add_volume(self.slicer.mrmlScene, Volume(array, geometry, acquisition, display=window_level), name)

    def choose(self, volume):
        self.session.case.volume = volume
        self.settle()
        return volume

    def settle(self):
        """Wait until the image is read and the timer for changes has fired."""
        end = time.monotonic() + 120
        quiet = 0
        while quiet < 3 and time.monotonic() < end:
            self.host.process_events()
            time.sleep(0.01)
            quiet = 0 if self.panel._job is not None or self.panel._settle.active else quiet + 1
        assert quiet == 3

    def rows(self):
        table = self.ui.checksTable
        return [[table.item(row, column).text() for column in range(4)] for row in range(table.rowCount)]

    def row(self, title):
        return next(row for row in self.rows() if row[0] == title)

    def select(self, title):
        self.ui.checksTable.selectRow([row[0] for row in self.rows()].index(title))
        return self.ui.detailText.plainText

    def deviations(self):
        table = self.ui.deviationsTable
        return [[table.item(row, column).text() for column in range(3)] for row in range(table.rowCount)]

    def push(self, volume, window, level):
        volume.GetDisplayNode().SetWindowLevel(window, level)

    @property
    def standing(self):
        standing = self.panel.standing()
        return standing.light.name, standing.words


def shown(volume):
    return volume.GetDisplayNode().GetWindow(), volume.GetDisplayNode().GetLevel()


def test_a_database_that_is_there_only_after_the_module_was_opened_is_followed(tmp_path):
    """The first one: it has a host of its own, and there is one at a time."""
    import pydicom

    from SegQCLib.images import read_image
    from SegQCLib.mrml.volume import add_volume

    with a_host(main_window=False) as host:
        import slicer

        database = slicer.dicomDatabase
        del slicer.dicomDatabase
        gate = Gate(host)
        slicer.dicomDatabase = database
        paths = write_series(tmp_path, [0, 2, 4, 6], ConvolutionKernel="B30f")
        volume = add_volume(slicer.mrmlScene, replace(read_image(tmp_path), acquisition=Acquisition()), "CT")
        volume.SetAttribute("DICOM.instanceUIDs", str(pydicom.dcmread(paths[0], stop_before_pixels=True).SOPInstanceUID))
        gate.choose(volume)
        host.open_dicom(tmp_path)
        gate.settle()
        assert gate.row("Kernel")[1] == "B30f"


@pytest.fixture(scope="module")
def host():
    with a_host() as opened:
        yield opened


@pytest.fixture
def gate(host):
    gate = Gate(host)
    yield gate
    gate.ui.holdCheckBox.setChecked(False)
    gate.slicer.mrmlScene.Clear(0)
    gate.settle()


def test_without_an_image_the_gate_waits(gate):
    assert gate.standing == ("WAITING", "no image")
    assert not gate.rows()
    assert not gate.ui.applyButton.enabled


def test_an_image_as_the_protocol_asks_passes(gate):
    gate.choose(gate.add_volume())
    assert gate.standing == ("DONE", "passed")
    assert gate.row("Slice thickness")[1:3] == ["2 mm", "up to 5 mm"]
    assert "kept with the scene" in gate.ui.factsLabel.text


def test_a_volume_without_header_passes_with_what_is_not_known(gate):
    gate.choose(gate.add_volume(Acquisition()))
    light, words = gate.standing
    assert (light, words[:18]) == ("ATTENTION", "passed, not known:")
    assert gate.row("Slice thickness")[1] == "not known"
    assert gate.row("Slice spacing")[1] == "2 mm"
    assert "No DICOM header" in gate.ui.factsLabel.text
    assert "Read from: voxel grid of the volume." in gate.select("Slice spacing")


def test_failures_come_first_and_the_selected_row_says_why(gate):
    gate.choose(gate.add_volume(replace(AS_ASKED, slice_thicknesses_mm=(8.0,)), WindowLevel(1500, -600)))
    assert [row[0] for row in gate.rows()[:2]] == ["Slice thickness", "Window/level"]
    told = gate.ui.detailText.plainText
    assert "Slices are 8 mm thick; the protocol allows up to 5 mm." in told
    assert "Why: Thick slices average tissue" in told
    assert "Read from: DICOM header, kept with the scene." in told
    assert "Limit set by: ESR Essentials" in told
    assert "window that the volume is shown with" in gate.select("Window/level")


def test_rows_are_reached_by_key(gate):
    gate.choose(gate.add_volume(replace(AS_ASKED, slice_thicknesses_mm=(8.0,))))
    gate.host.key(gate.ui.checksTable, "Down")
    assert gate.ui.detailText.plainText.startswith("Modality is CT.")


def test_a_window_in_suv_is_refused_for_a_volume_in_bq(gate, tmp_path):
    import json

    from SegQCLib.resources import resource

    protocol = json.loads(resource("Protocols/pet-ct-fdg-lesion.json").read_text(encoding="utf-8"))
    suv = {"unit": "g/ml", "source": "study decision for this test"}
    protocol["windows"] = [
        {
            "name": "SUV",
            "structures": ["*"],
            "window": {**suv, "minimum": 5, "maximum": 10},
            "level": {**suv, "minimum": 2.5, "maximum": 5},
            "apply_window": 7,
            "apply_level": 3.5,
        }
    ]
    path = tmp_path / "pet.json"
    path.write_text(json.dumps(protocol), encoding="utf-8")
    gate.session.case.protocol = str(path)
    volume = gate.choose(gate.add_volume(replace(AS_ASKED, modality="PT", units="BQML"), WindowLevel(20000, 10000)))
    gate.host.click(gate.ui.holdCheckBox)
    assert "has voxel values in BQML" in gate.ui.windowLabel.text
    gate.host.click(gate.ui.applyButton)
    assert shown(volume) == (20000, 10000)
    assert not gate.ui.lookAwayButton.enabled


def test_the_table_follows_the_volume_its_window_and_the_protocol(gate):
    volume = gate.choose(gate.add_volume())
    gate.push(volume, 1500, -600)
    gate.settle()
    assert gate.row("Window/level")[1] == "1500/-600"
    assert gate.standing == ("ATTENTION", "passed, warnings: 1")
    plain = gate.choose(gate.add_volume(Acquisition()))
    plain.SetSpacing(1, 1, 6)
    gate.settle()
    assert gate.row("Slice spacing")[1] == "6 mm"
    gate.choose(volume)
    gate.session.case.protocol = "mr-brain-lesion"
    gate.settle()
    assert gate.row("Modality")[1:3] == ["CT", "MR"]
    assert gate.standing[0] == "PROBLEM"


def test_apply_shows_the_protocols_window_and_the_row_turns_good(gate):
    volume = gate.choose(gate.add_volume(window_level=None))
    gate.host.click(gate.ui.applyButton)
    gate.settle()
    assert shown(volume) == (400, 40)
    assert gate.row("Window/level")[1] == "400/40"


def test_a_held_window_is_restored_listed_and_logged(gate):
    volume = gate.choose(gate.add_volume())
    gate.host.click(gate.ui.holdCheckBox)
    gate.push(volume, 1500, -600)
    assert shown(volume) == (400, 40)
    gate.host.click(gate.ui.holdCheckBox)
    assert gate.deviations()[0][1:] == ["1500/-600 HU", "at once"]
    assert [kind for kind, _facts in gate.events] == ["window_hold", "window_deviation", "window_hold"]
    facts = gate.events[1][1]
    assert (facts["window"], facts["level"], facts["count"], facts["unit"]) == ([1500, 1500], [-600, -600], 1, "[hnsf'U]")
    gate.push(volume, 1500, -600)
    assert shown(volume) == (1500, -600)


def test_the_hold_goes_on_in_another_module(gate):
    volume = gate.choose(gate.add_volume())
    gate.host.click(gate.ui.holdCheckBox)
    gate.module.exit()
    gate.push(volume, 1500, -600)
    assert shown(volume) == (400, 40)


def test_looking_away_is_known_to_the_session_and_ends_with_the_window_restored(gate):
    volume = gate.choose(gate.add_volume())
    assert not gate.ui.lookAwayButton.enabled
    gate.host.click(gate.ui.holdCheckBox)
    gate.host.click(gate.ui.lookAwayButton)
    assert gate.session.looking_away
    assert "Look back" in gate.ui.lookAwayButton.text
    gate.push(volume, 1500, -600)
    assert shown(volume) == (1500, -600)
    gate.host.click(gate.ui.lookAwayButton)
    assert shown(volume) == (400, 40)
    assert not gate.session.looking_away
    assert gate.deviations()[0][1] == "Away: 400 to 1500/-600 to 40 HU"
    assert gate.events[-1][0] == "look_away"


def test_the_window_is_that_of_the_selected_segment(gate):
    from SegQCLib.mrml.segmentation import add_segmentation

    volume = gate.choose(gate.add_volume())
    candidate = add_segmentation(gate.slicer.mrmlScene, a_segmentation(spleen=None, liver=None), volume, "reader")
    gate.session.case.candidate = candidate
    gate.host.click(gate.ui.holdCheckBox)
    segmentation = candidate.GetSegmentation()
    editor = gate.slicer.vtkMRMLSegmentEditorNode()
    editor.SetSingletonTag("SegmentEditor")
    editor = gate.slicer.mrmlScene.AddNode(editor)
    editor.SetAndObserveSegmentationNode(candidate)
    editor.SetSelectedSegmentID(segmentation.GetSegmentIdBySegmentName("liver"))
    gate.panel.window.onTick()
    assert shown(volume) == (150, 90)
    assert gate.ui.windowLabel.text.startswith("Liver: window 150 HU")
    editor.SetSelectedSegmentID(segmentation.GetSegmentIdBySegmentName("spleen"))
    gate.panel.window.onTick()
    assert shown(volume) == (400, 40)
    gate.ui.windowSelector.setCurrentIndex(2)
    assert shown(volume) == (150, 90)
    assert not gate.deviations()


def test_a_reader_goes_on_with_a_reason_and_only_with_this_image(gate):
    thick = replace(AS_ASKED, slice_thicknesses_mm=(8.0,))
    first, second = gate.add_volume(thick), gate.add_volume(thick, name="CT 2")
    gate.choose(first)
    assert gate.standing == ("PROBLEM", "1 not as the protocol asks")
    assert not gate.ui.goOnButton.enabled
    gate.ui.reasonEdit.setText("  ")
    assert not gate.ui.goOnButton.enabled
    gate.ui.reasonEdit.setText("No thinner series exists.")
    gate.host.click(gate.ui.goOnButton)
    assert gate.standing == ("ATTENTION", "gone on with 1 not as asked")
    assert gate.events == [
        ("gate_confirmed", {"volume": "CT", "checks": ["slice_thickness"], "reason": "No thinner series exists."})
    ]
    assert "No thinner series exists." in gate.ui.confirmationLabel.text
    gate.choose(second)
    assert gate.standing[0] == "PROBLEM"
    gate.choose(first)
    assert gate.standing[0] == "ATTENTION"
    from SegQCLib.mrml.gate_confirmation import confirmation_findings

    (finding,) = confirmation_findings(first)
    assert "slice_thickness: 8 mm" in finding.message
    assert "No thinner series exists." in finding.message
    assert confirmation_findings(second) == ()


def test_slices_turn_to_the_protocols_plane(gate):
    gate.choose(gate.add_volume())
    from SegQCLib.mrml.slice_views import slice_nodes

    for node in slice_nodes(gate.slicer.mrmlScene):
        node.SetOrientation("Coronal")
    gate.host.click(gate.ui.orientButton)
    assert slice_nodes(gate.slicer.mrmlScene)[0].GetOrientation() == "Axial"


def test_the_hold_follows_to_the_next_volume_and_over_a_scene_that_closes(gate):
    first, second = gate.add_volume(), gate.add_volume(name="CT 2")
    gate.choose(first)
    gate.host.click(gate.ui.holdCheckBox)
    gate.choose(second)
    gate.push(first, 1500, -600)
    gate.push(second, 1500, -600)
    assert (shown(first), shown(second)) == ((1500, -600), (400, 40))
    gate.slicer.mrmlScene.RemoveNode(second)
    gate.settle()
    assert gate.standing == ("WAITING", "no image")
    gate.slicer.mrmlScene.Clear(0)
    gate.settle()
    assert gate.ui.holdCheckBox.checked
    third = gate.choose(gate.add_volume())
    gate.push(third, 1500, -600)
    assert shown(third) == (400, 40)


def test_a_volume_that_cannot_be_read_is_told_and_recovers(gate):
    volume = gate.add_volume()
    transform = gate.slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "Shift")
    volume.SetAndObserveTransformNodeID(transform.GetID())
    gate.choose(volume)
    assert gate.standing == ("PROBLEM", "cannot be judged")
    assert "is moved by the transform 'Shift'" in gate.ui.factsLabel.text
    volume.SetAndObserveTransformNodeID(None)
    gate.settle()
    assert gate.standing == ("DONE", "passed")


def test_facts_come_from_the_dicom_database_once_it_has_the_series(gate, tmp_path):
    import pydicom

    from SegQCLib.images import read_image
    from SegQCLib.mrml.volume import ACQUISITION_ATTRIBUTE, add_volume

    paths = write_series(tmp_path, [0, 2, 4, 6], SliceThickness=7, ConvolutionKernel="B30f")
    series = read_image(tmp_path)
    volume = add_volume(gate.slicer.mrmlScene, replace(series, acquisition=Acquisition()), "CT")
    volume.RemoveAttribute(ACQUISITION_ATTRIBUTE)
    uids = [pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID for path in paths]
    volume.SetAttribute("DICOM.instanceUIDs", " ".join(uids))
    gate.choose(volume)
    assert "No DICOM header" in gate.ui.factsLabel.text
    assert gate.row("Slice thickness")[1] == "not known"
    gate.host.open_dicom(tmp_path)
    gate.settle()
    assert gate.ui.factsLabel.text == "Header facts: DICOM database."
    assert gate.row("Slice thickness")[1:3] == ["7 mm", "up to 5 mm"]
    assert "Read from: DICOM header, from the DICOM database." in gate.select("Slice thickness")
    assert gate.row("Kernel")[1] == "B30f"


def test_files_of_the_database_that_cannot_be_read_are_told_and_the_grid_still_speaks(gate, tmp_path):
    import pydicom

    from SegQCLib.images import read_image
    from SegQCLib.mrml.volume import add_volume

    paths = write_series(tmp_path, [0, 2, 4, 6])
    volume = add_volume(gate.slicer.mrmlScene, replace(read_image(tmp_path), acquisition=Acquisition()), "CT")
    volume.SetAttribute("DICOM.instanceUIDs", str(pydicom.dcmread(paths[0], stop_before_pixels=True).SOPInstanceUID))
    for path in paths[1:]:
        path.unlink()
    gate.host.open_dicom(tmp_path)
    gate.choose(volume)
    assert "cannot be read" in gate.ui.factsLabel.text
    assert "holds one slice only" in gate.ui.factsLabel.text
    assert gate.row("Slice spacing")[1] == "2 mm"


def test_nothing_is_left_after_cleanup(host):
    """The last one: the module is gone afterwards."""
    gate = Gate(host)
    volume = gate.choose(gate.add_volume())
    gate.host.click(gate.ui.holdCheckBox)
    gate.host.click(gate.ui.lookAwayButton)
    gate.push(volume, 300, 40)
    gate.host.unload()
    assert shown(volume) == (400, 40)
    gate.push(volume, 1500, -600)
    assert shown(volume) == (1500, -600)
    panel, gate.panel, gate.ui, gate.module = gate.panel, None, None, None
    assert (panel._settle.active, panel.window._ticker.active, panel.window._hold, panel.Observations) == (False, False, None, [])
    assert not [name for name in map(str, gate.host.held()) if "Gate" in name or "WindowHold" in name]
