"""Which slices were before the reader: real slice nodes (slicer-core), moved by hand."""

import math

import numpy as np
import pytest

from phantoms import a_geometry, a_volume

slicer = pytest.importorskip("slicer", reason="the MRML layer needs slicer-core")

from SegQCLib.mrml.scene import new_scene  # noqa: E402
from SegQCLib.mrml.slices_seen import SlicesSeen, shown_slice  # noqa: E402
from SegQCLib.mrml.volume import add_volume  # noqa: E402

# 10 slices, 2 mm apart.
SLICES, APART_MM = 10, 2.0


def add_view(scene, name, orientation, volume, mapped=True):
    composite = scene.AddNewNodeByClass("vtkMRMLSliceCompositeNode", name)
    composite.SetLayoutName(name)
    composite.SetBackgroundVolumeID(volume.GetID())
    node = scene.AddNewNodeByClass("vtkMRMLSliceNode", name)
    node.SetLayoutName(name)
    node.SetOrientation(orientation)
    node.SetMappedInLayout(mapped)
    return node, composite


@pytest.fixture
def scene():
    scene = new_scene()
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene, True)
    return scene


@pytest.fixture
def volume(scene):
    return add_volume(scene, a_volume(), "CT")


def tilted(degrees):
    """Return axes (k, j, i in LPS) turned about the patient's left-right axis."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return ((0.0, -s, c), (0.0, c, s), (1.0, 0.0, 0.0))


@pytest.mark.parametrize(
    ("offset_mm", "k"), [(0.0, 0), (6.0, 3), (6.9, 3), (7.1, 4), (18.0, 9), (18.9, 9), (19.1, None), (-1.1, None)]
)
def test_an_axial_view_shows_the_slice_that_its_plane_is_nearest_to(scene, volume, offset_mm, k):
    view, _ = add_view(scene, "Red", "Axial", volume)
    view.SetSliceOffset(offset_mm)
    assert shown_slice(view, volume) == k


@pytest.mark.parametrize("orientation", ["Coronal", "Sagittal"])
def test_a_view_across_the_slices_shows_none(scene, volume, orientation):
    view, _ = add_view(scene, "Green", orientation, volume)
    view.JumpSliceByCentering(-15.0, -10.0, 9.0)
    assert shown_slice(view, volume) is None


def test_an_oblique_volume_shows_its_slices_only_in_a_view_turned_to_it(scene):
    oblique = add_volume(scene, a_volume(a_geometry(axes_lps=tilted(20))), "oblique")
    view, _ = add_view(scene, "Red", "Axial", oblique)
    assert shown_slice(view, oblique) is None
    view.RotateToVolumePlane(oblique)
    place = a_geometry(axes_lps=tilted(20)).lps_mm((4, 9.5, 14.5))
    view.JumpSliceByCentering(*(np.array(place) * (-1, -1, 1)))
    assert shown_slice(view, oblique) == 4


def test_a_volume_with_its_slices_from_head_to_foot_counts_from_its_own_first_slice(scene):
    upside_down = a_geometry(origin_lps_mm=(0, 0, 18.0), axes_lps=((0, 0, -1.0), (0, 1.0, 0), (1.0, 0, 0)))
    volume = add_volume(scene, a_volume(upside_down), "head first")
    view, _ = add_view(scene, "Red", "Axial", volume)
    view.SetSliceOffset(16.0)
    assert shown_slice(view, volume) == 1


def test_slices_are_told_as_ranges_since_the_last_look(scene, volume):
    view, _ = add_view(scene, "Red", "Axial", volume)
    view.SetSliceOffset(0.0)
    seen = SlicesSeen(scene, volume)
    assert seen.slices == SLICES
    assert seen.take() == ([[0, 0]], False)
    for k in (1, 2, 7, 6, 2):
        view.SetSliceOffset(k * APART_MM)
    assert seen.take() == ([[1, 2], [6, 7]], True)
    assert seen.take() == ([], False)
    seen.stop()
    view.SetSliceOffset(8.0)
    assert seen.take() == ([], False)


def test_scrolling_another_view_is_scrolling_and_shows_no_whole_slice(scene, volume):
    view, _ = add_view(scene, "Green", "Coronal", volume)
    seen = SlicesSeen(scene, volume)
    view.SetSliceOffset(-3.0)
    assert seen.take() == ([], True)


def test_turning_a_view_is_no_scrolling(scene, volume):
    view, _ = add_view(scene, "Red", "Coronal", volume)
    seen = SlicesSeen(scene, volume)
    view.SetOrientation("Axial")
    assert seen.take()[1] is False


def test_views_of_other_layouts_and_of_other_volumes_show_nothing(scene, volume):
    other = add_volume(scene, a_volume(), "other")
    hidden, _ = add_view(scene, "Red", "Axial", volume, mapped=False)
    elsewhere, composite = add_view(scene, "Slice4", "Axial", other)
    hidden.SetSliceOffset(4.0)
    elsewhere.SetSliceOffset(4.0)
    seen = SlicesSeen(scene, volume)
    assert seen.take() == ([], False)
    hidden.SetMappedInLayout(True)
    assert seen.take()[0] == [[2, 2]]
    composite.SetForegroundVolumeID(volume.GetID())
    composite.SetForegroundOpacity(0.5)
    assert seen.take()[0] == [[2, 2]]


def test_a_view_that_is_made_later_is_followed(scene, volume):
    seen = SlicesSeen(scene, volume)
    view, _ = add_view(scene, "Slice4", "Axial", volume)
    view.SetSliceOffset(10.0)
    assert [5, 5] in seen.take()[0]


def test_a_volume_that_was_removed_has_no_slices(scene, volume):
    view, _ = add_view(scene, "Red", "Axial", volume)
    seen = SlicesSeen(scene, volume)
    seen.take()
    scene.RemoveNode(volume)
    view.SetSliceOffset(4.0)
    assert (seen.slices, seen.take()) == (0, ([], False))
