"""What the test host supplies of Slicer: node selectors, parameter nodes, scenes, views, the Segment Editor, DICOM look-ups."""

import gc

import numpy as np
import pytest

from slicer_host import a_host, needs_host

pytestmark = needs_host


@pytest.fixture
def host():
    with a_host(main_window=False) as opened:
        yield opened


def box_in_a_volume():
    """Return a volume of 10 x 20 x 30 voxels and a segmentation of a box of 4 x 10 x 20 = 800 voxels."""
    import slicer

    from SegQCLib.case import Segment, Segmentation, Volume
    from SegQCLib.geometry import Geometry
    from SegQCLib.mrml.segmentation import add_segmentation
    from SegQCLib.mrml.volume import add_volume

    geometry = Geometry((10, 20, 30), (2.0, 1.0, 1.0), (0.0, 0.0, 0.0), ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)))
    layer = np.zeros(geometry.size, np.uint8)
    layer[2:6, 5:15, 5:25] = 1
    volume = add_volume(slicer.mrmlScene, Volume(np.full(geometry.size, 40, np.int16), geometry), "CT")
    volume.CreateDefaultDisplayNodes()
    drawn = Segmentation("reader", geometry, (layer,), (Segment("liver", "liver", 1),))
    return volume, add_segmentation(slicer.mrmlScene, drawn, volume, "reader")


def test_a_selector_lists_the_scene_s_nodes_and_forgets_a_removed_one(host):
    import slicer

    selector = slicer.qMRMLNodeComboBox()
    selector.nodeTypes = ["vtkMRMLSegmentationNode"]
    selector.noneEnabled = True
    selector.setMRMLScene(slicer.mrmlScene)
    chosen = []
    selector.connect("currentNodeChanged(vtkMRMLNode*)", chosen.append)
    volume, segmentation = box_in_a_volume()
    assert selector.nodeCount() == 1
    assert selector.currentNode() is None
    selector.setCurrentNode(volume)
    assert selector.currentNode() is None
    selector.setCurrentNode(segmentation)
    assert selector.currentNodeID == segmentation.GetID()
    slicer.mrmlScene.RemoveNode(segmentation)
    assert selector.currentNode() is None
    assert chosen == [segmentation, None]


def test_a_selector_without_none_takes_the_first_node_by_itself(host):
    import slicer

    selector = slicer.qMRMLNodeComboBox()
    selector.nodeTypes = ["vtkMRMLScalarVolumeNode"]
    selector.setMRMLScene(slicer.mrmlScene)
    volume, _segmentation = box_in_a_volume()
    assert selector.currentNode() is volume


def test_parameters_are_kept_in_the_scene_and_shown_in_widgets(host):
    import qt
    import slicer
    from slicer import vtkMRMLSegmentationNode
    from slicer.parameterNodeWrapper import parameterNodeWrapper
    from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic

    @parameterNodeWrapper
    class Choice:
        candidate: vtkMRMLSegmentationNode
        name: str
        count: int = 3
        share: float = 0.5
        held: bool = True

    logic = ScriptedLoadableModuleLogic()
    choice = Choice(logic.getParameterNode())
    assert (choice.candidate, choice.name, choice.count, choice.share, choice.held) == (None, "", 3, 0.5, True)
    line = qt.QLineEdit()
    box = qt.QCheckBox()
    tag = choice.connectParametersToGui({"name": line, "held": box})
    assert box.checked
    line.setText("reader A")
    choice.held = False
    assert (choice.name, box.checked) == ("reader A", False)
    choice.disconnectGui(tag)
    line.setText("reader B")
    assert Choice(logic.getParameterNode()).name == "reader A"
    with pytest.raises(TypeError):
        choice.count = "3"
    _volume, segmentation = box_in_a_volume()
    choice.candidate = segmentation
    slicer.mrmlScene.RemoveNode(segmentation)
    assert choice.candidate is None


def test_a_scene_comes_back_from_an_mrb(host, tmp_path):
    import slicer

    volume, segmentation = box_in_a_volume()
    segment_id = segmentation.GetSegmentation().GetNthSegmentID(0)
    assert slicer.util.saveScene(str(tmp_path / "case.mrb"))
    slicer.mrmlScene.Clear(0)
    assert slicer.util.getNodesByClass("vtkMRMLSegmentationNode") == []
    slicer.util.loadScene(str(tmp_path / "case.mrb"))
    (back,) = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
    volume = slicer.util.getNode("CT")
    assert slicer.util.arrayFromSegmentBinaryLabelmap(back, segment_id, volume).sum() == 800


def test_a_brush_stroke_adds_voxels_says_so_in_slicer_s_order_and_is_undone(host):
    import slicer

    volume, segmentation = box_in_a_volume()
    segment_id = segmentation.GetSegmentation().GetNthSegmentID(0)
    told = []
    for name in ("SourceRepresentationModified", "RepresentationModified", "SegmentModified"):
        segmentation.AddObserver(getattr(slicer.vtkSegmentation, name), lambda _caller, _event, name=name: told.append(name))
    host.paint(segmentation, segment_id, [(0, 0, 0), (0, 0, 1)])
    assert slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segment_id, volume).sum() == 802
    assert told == ["SourceRepresentationModified", "RepresentationModified", "SegmentModified"]
    slicer.modules.segmenteditor.widgetRepresentation().self().editor.undo()
    assert slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segment_id, volume).sum() == 800
    assert told[3:] == ["SegmentModified"]


def test_the_dicom_database_reads_the_headers_of_real_files(host, totalsegmentator):
    import pydicom
    import slicer

    database = slicer.dicomDatabase
    assert not database.isOpen
    host.open_dicom(totalsegmentator / "example_ct_dicom")
    assert database.isOpen
    path = next(iter(database.allFiles()))
    header = pydicom.dcmread(path, stop_before_pixels=True)
    assert float(database.fileValue(path, "0018,0050")) == header.SliceThickness
    assert database.fileForInstance(header.SOPInstanceUID) == path
    assert database.fileValue(path, "0028,0030").split("\\") == [str(value) for value in header.PixelSpacing]
    assert database.fileValue(path, "0040,A730") == ""


def test_settings_are_a_file_of_the_host(host):
    import qt
    import slicer

    qt.QSettings().setValue("SegQC/Reader", "reader A")
    assert slicer.util.settingsValue("SegQC/Reader", "") == "reader A"
    with a_host(main_window=False):
        assert slicer.util.settingsValue("SegQC/Reader", "") == ""


def test_without_a_main_window_there_is_none(host):
    import slicer

    assert slicer.util.mainWindow() is None
    assert slicer.app.layoutManager() is None


def test_the_slice_views_show_the_volume_and_the_segment(tmp_path):
    """The liver's outline is drawn in its colour over grey voxels, by Slicer's own displayable managers."""
    with a_host() as host:
        import slicer

        volume, segmentation = box_in_a_volume()
        volume.GetDisplayNode().AutoWindowLevelOff()
        volume.GetDisplayNode().SetWindowLevel(80, 40)
        host.show(volume)
        host.layout_manager.render()
        red = slicer.app.layoutManager().sliceWidget("Red").sliceView()._drawing.pixels(300, 300)
        colours = {tuple(colour) for colour in red.reshape(-1, 3).tolist()}
        # 40 HU in the middle of the window is half of 255.
        assert any(abs(red_ - 127.5) < 1 and red_ == green == blue for red_, green, blue in colours)
        assert any(red_ != green for red_, green, _blue in colours)
        segmentation.SetDisplayVisibility(False)
        red = slicer.app.layoutManager().sliceWidget("Red").sliceView()._drawing.pixels(300, 300)
        assert all(red_ == green == blue for red_, green, blue in red.reshape(-1, 3).tolist())
        host.screenshot(tmp_path / "window.png")
        assert (tmp_path / "window.png").stat().st_size > 5000


def test_dragging_in_a_slice_view_changes_the_window_in_that_mouse_mode_only():
    with a_host() as host:
        import slicer

        volume, _segmentation = box_in_a_volume()
        slicer.util.arrayFromVolume(volume)[0] = 1000
        slicer.util.arrayFromVolumeModified(volume)
        display = volume.GetDisplayNode()
        display.AutoWindowLevelOff()
        display.SetWindowLevel(80, 40)
        host.show(volume)
        view = slicer.app.layoutManager().sliceWidget("Red").sliceView()
        mouse = slicer.app.applicationLogic().GetInteractionNode()
        mouse.SetCurrentInteractionMode(mouse.ViewTransform)
        host.drag(view, (200, 200), (260, 230))
        assert (display.GetWindow(), display.GetLevel()) == (80, 40)
        mouse.SetCurrentInteractionMode(mouse.AdjustWindowLevel)
        host.drag(view, (200, 200), (260, 230))
        assert display.GetWindow() > 80
        assert display.GetLevel() < 40


def test_what_a_module_leaves_behind_is_counted(tmp_path):
    (tmp_path / "SegQCModule.py").write_text(
        "import qt, slicer, vtk\n"
        "from slicer.ScriptedLoadableModule import *\n"
        "from slicer.util import VTKObservationMixin\n"
        "class SegQCModule(ScriptedLoadableModule):\n"
        "    pass\n"
        "class SegQCModuleWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):\n"
        "    def setup(self):\n"
        "        VTKObservationMixin.__init__(self)\n"
        "        self.timer = qt.QTimer()\n"
        "        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onClosed)\n"
        "    def onClosed(self, caller, event):\n"
        "        pass\n",
        encoding="utf-8",
    )
    with a_host() as host:
        assert not host.held()
        host.open("SegQCModule", tmp_path / "SegQCModule.py")
        assert {"timer": 1, "callback SegQCModuleWidget.onClosed": 1}.items() <= host.held().items()
        host.unload()
        # No cleanup() in this module: its observer stays, and keeps everything alive.
        assert {"timer": 1, "callback SegQCModuleWidget.onClosed": 1}.items() <= host.held().items()


def test_hosts_come_and_go_without_growth():
    def objects():
        gc.collect()
        return len(gc.get_objects())

    def visit():
        with a_host() as host:
            box_in_a_volume()
            host.process_events()

    # What is loaded at first use is loaded by the second visit.
    visit()
    visit()
    before = objects()
    for _ in range(5):
        visit()
    # A host is some 20,000 objects; what is cached along the way is far less.
    assert objects() - before < 5 * 400
