"""The error map of a training attempt in the scene, on Slicer's own nodes."""

import numpy as np
import pytest

from phantoms import a_segmentation, a_volume

slicer = pytest.importorskip("slicer", reason="the MRML layer needs slicer-core")

from SegQCLib.case import Volume  # noqa: E402
from SegQCLib.geometry import part_of  # noqa: E402
from SegQCLib.mrml.error_map_node import (  # noqa: E402
    COLORS_ROLE,
    error_map_is_shown,
    error_map_of,
    remove_error_map,
    show_error_map,
    write_error_map,
)
from SegQCLib.mrml.scene import load_scene, new_scene, save_scene  # noqa: E402
from SegQCLib.mrml.segmentation import add_segmentation  # noqa: E402
from SegQCLib.mrml.volume import add_volume, volume_geometry  # noqa: E402
from SegQCLib.readers.training.error_map import COLORS, EXTRA, MISSED  # noqa: E402

WORDS = {MISSED: "missed: 1.00 mL", EXTRA: "extra: 2.00 mL"}
# Machado, Oliveira, Fernandes, IEEE Trans Vis Comput Graph 2009;15:1291-1298, severity 1, for linear RGB.
DICHROMACY = {
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
    "all colours seen": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
}


@pytest.fixture
def scene():
    return new_scene()


@pytest.fixture
def volume_node(scene):
    return add_volume(scene, a_volume(), "CT")


@pytest.fixture
def composite(scene):
    return scene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")


def a_map(scene, volume_node, words=WORDS):
    geometry = volume_geometry(volume_node)
    array = np.zeros(geometry.size, np.uint8)
    array[2, 3, 4], array[5, 6, 7] = MISSED, EXTRA
    return write_error_map(scene, Volume(array, geometry), volume_node, "Errors", "Errors", words)


def test_the_legend_has_no_box_for_what_is_not_wrong(scene, volume_node):
    """Slicer draws one for each colour that is defined."""
    colors = a_map(scene, volume_node).GetNodeReference(COLORS_ROLE)
    assert [bool(colors.GetColorDefined(value)) for value in (0, MISSED, EXTRA)] == [False, True, True]


def linear(color):
    values = np.array(color)
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lightness_and_colour(linear_rgb):
    """CIELAB of linear sRGB under D65 (CIE 15)."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    shares = to_xyz @ np.clip(linear_rgb, 0, 1) / (0.9505, 1.0, 1.089)
    x, y, z = np.where(shares > (6 / 29) ** 3, np.cbrt(shares), shares / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array((116 * y - 16, 500 * (x - y), 200 * (y - z)))


def test_the_map_has_the_voxels_and_the_colours_say_what_they_mean(scene, volume_node):
    import slicer.util

    node = a_map(scene, volume_node)
    voxels = slicer.util.arrayFromVolume(node)
    assert (voxels[2, 3, 4], voxels[5, 6, 7], np.count_nonzero(voxels)) == (MISSED, EXTRA, 2)
    colors = node.GetDisplayNode().GetColorNode()
    assert [colors.GetColorName(value) for value in (MISSED, EXTRA)] == ["missed: 1.00 mL", "extra: 2.00 mL"]


def test_a_map_of_a_part_of_the_image_lies_where_the_part_is(scene, volume_node):
    geometry = part_of(volume_geometry(volume_node), (2, 3, 4), (1, 1, 1))
    part = Volume(np.full((1, 1, 1), MISSED, np.uint8), geometry)
    node = write_error_map(scene, part, volume_node, "Errors", "Errors", WORDS)
    bounds = [0.0] * 6
    node.GetRASBounds(bounds)
    # Voxels of 2 x 1 x 1 mm (k, j, i): i 4 is left 4 mm, which is -4 in RAS, with half a voxel to either side.
    assert bounds == pytest.approx([-4.5, -3.5, -3.5, -2.5, 3.0, 5.0])


def test_the_map_lies_over_the_image_and_what_lay_there_before_comes_back(scene, volume_node, composite):
    labels = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "labels")
    composite.SetLabelVolumeID(labels.GetID())
    composite.SetLabelOpacity(0.25)
    node = a_map(scene, volume_node)
    assert not error_map_is_shown(scene, volume_node)
    show_error_map(scene, volume_node, True)
    show_error_map(scene, volume_node, True)
    assert error_map_is_shown(scene, volume_node)
    assert composite.GetLabelVolumeID() == node.GetID()
    show_error_map(scene, volume_node, False)
    assert (composite.GetLabelVolumeID(), composite.GetLabelOpacity()) == (labels.GetID(), 0.25)


def test_while_the_map_is_shown_no_area_covers_it(scene, volume_node, composite):
    filled, outlined = (
        add_segmentation(scene, a_segmentation(name=name, liver=((1, 5), (2, 7), (3, 8))), volume_node, name).GetDisplayNode()
        for name in ("mine", "expert")
    )
    outlined.SetVisibility2DFill(False)
    a_map(scene, volume_node)
    show_error_map(scene, volume_node, True)
    assert (filled.GetVisibility2DFill(), outlined.GetVisibility2DFill()) == (0, 0)
    show_error_map(scene, volume_node, False)
    assert (filled.GetVisibility2DFill(), outlined.GetVisibility2DFill()) == (1, 0)


def test_a_second_map_is_written_where_the_first_is_shown_and_nothing_is_left_of_it(scene, volume_node, composite):
    import slicer.util

    first = a_map(scene, volume_node)
    show_error_map(scene, volume_node, True)
    count = scene.GetNumberOfNodes()
    part = Volume(np.full((1, 1, 1), EXTRA, np.uint8), part_of(volume_geometry(volume_node), (2, 3, 4), (1, 1, 1)))
    second = write_error_map(scene, part, volume_node, "Errors", "Errors", {MISSED: "missed: 0 mL", EXTRA: "extra: 3.00 mL"})
    assert second is first
    assert (scene.GetNumberOfNodes(), slicer.util.arrayFromVolume(second).tolist()) == (count, [[[EXTRA]]])
    assert second.GetDisplayNode().GetColorNode().GetColorName(EXTRA) == "extra: 3.00 mL"
    assert error_map_is_shown(scene, volume_node)


def test_a_removed_map_leaves_nothing_behind(scene, volume_node, composite):
    count = scene.GetNumberOfNodes()
    a_map(scene, volume_node)
    show_error_map(scene, volume_node, True)
    remove_error_map(scene, volume_node)
    assert (scene.GetNumberOfNodes(), error_map_of(volume_node), composite.GetLabelVolumeID()) == (count, None, None)
    remove_error_map(scene, volume_node)


def test_a_scene_that_was_saved_has_the_map_and_its_words(scene, volume_node, tmp_path):
    a_map(scene, volume_node)
    save_scene(scene, tmp_path / "scene.mrb")
    loaded = load_scene(tmp_path / "scene.mrb")
    volume = loaded.GetFirstNodeByName("CT")
    assert error_map_of(volume).GetDisplayNode().GetColorNode().GetColorName(MISSED) == "missed: 1.00 mL"


@pytest.mark.parametrize("vision", DICHROMACY)
def test_missed_and_extra_differ_for_readers_who_do_not_see_all_colours(vision):
    seen = [lightness_and_colour(np.array(DICHROMACY[vision]) @ linear(color)) for color in (COLORS[MISSED], COLORS[EXTRA])]
    # A difference of about 2.3 is just noticeable (Mahy et al., Color Res Appl 1994;19:105-121).
    assert np.linalg.norm(seen[0] - seen[1]) > 20 * 2.3
