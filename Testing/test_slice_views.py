"""Planes and places of slice views, on real slice nodes (slicer-core)."""

import math

import numpy as np
import pytest

from phantoms import a_geometry, a_volume

slicer = pytest.importorskip("slicer", reason="the MRML layer needs slicer-core")

from SegQCLib.mrml.scene import new_scene  # noqa: E402
from SegQCLib.mrml.slice_views import jump_slices, orient_slices, slice_nodes  # noqa: E402
from SegQCLib.mrml.volume import add_volume  # noqa: E402


def add_view(scene, name, orientation):
    node = scene.AddNewNodeByClass("vtkMRMLSliceNode", name)
    node.SetLayoutName(name)
    node.SetOrientation(orientation)
    return node


@pytest.fixture
def scene():
    scene = new_scene()
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene, True)
    # In the order in which Slicer makes them.
    for name, orientation in (("Green", "Coronal"), ("Red", "Axial"), ("Yellow", "Sagittal")):
        add_view(scene, name, orientation)
    return scene


def orientations(scene):
    return {node.GetLayoutName(): node.GetOrientation() for node in slice_nodes(scene)}


def place_ras(node):
    matrix = node.GetSliceToRAS()
    return [matrix.GetElement(row, 3) for row in range(3)]


def normal_ras(node):
    matrix = node.GetSliceToRAS()
    return np.array([matrix.GetElement(row, 2) for row in range(3)])


@pytest.mark.parametrize(
    ("plane", "expected"),
    [
        ("axial", {"Red": "Axial", "Yellow": "Sagittal", "Green": "Coronal"}),
        ("sagittal", {"Red": "Sagittal", "Yellow": "Axial", "Green": "Coronal"}),
        ("coronal", {"Red": "Coronal", "Yellow": "Axial", "Green": "Sagittal"}),
    ],
)
def test_the_reading_view_shows_the_protocols_plane_and_the_others_the_other_two(scene, plane, expected):
    slice_nodes(scene)[1].SetOrientation("Coronal")
    orient_slices(scene, plane)
    assert orientations(scene) == expected


def test_further_views_show_the_protocols_plane_and_views_of_other_windows_stay(scene):
    add_view(scene, "Compare1", "Axial")
    elsewhere = add_view(scene, "Practice", "Axial")
    elsewhere.SetAndObserveParentLayoutNode(scene.AddNewNodeByClass("vtkMRMLLayoutNode"))
    orient_slices(scene, "coronal")
    assert orientations(scene)["Compare1"] == "Coronal"
    assert elsewhere.GetOrientation() == "Axial"


def test_turning_does_not_move_the_slices(scene):
    jump_slices(scene, (10, 20, 30))
    orient_slices(scene, "sagittal")
    assert all(place_ras(node) == pytest.approx([-10, -20, 30]) for node in slice_nodes(scene))


def test_an_upright_volume_leaves_the_planes_upright(scene):
    orient_slices(scene, "axial", add_volume(scene, a_volume(), "CT"))
    assert orientations(scene) == {"Red": "Axial", "Yellow": "Sagittal", "Green": "Coronal"}


def test_slices_of_an_oblique_volume_are_shown_as_they_were_acquired(scene):
    cos, sin = math.cos(math.radians(20)), math.sin(math.radians(20))
    normal_lps = (0.0, -sin, cos)
    geometry = a_geometry(axes_lps=(normal_lps, (0.0, cos, sin), (1.0, 0.0, 0.0)))
    orient_slices(scene, "axial", add_volume(scene, a_volume(geometry), "MR"))
    red, yellow, green = slice_nodes(scene)
    assert abs(np.dot(normal_ras(red), (0.0, sin, cos))) == pytest.approx(1)
    assert abs(np.dot(normal_ras(yellow), (1.0, 0.0, 0.0))) == pytest.approx(1)
    assert abs(np.dot(normal_ras(green), (0.0, cos, -sin))) == pytest.approx(1)


def test_a_place_in_lps_is_centred_in_every_view(scene):
    jump_slices(scene, (12.5, -40, 7))
    assert [place_ras(node) for node in slice_nodes(scene)] == [[-12.5, 40, 7]] * 3


def test_an_unknown_plane_is_misuse(scene):
    with pytest.raises(ValueError, match="axial, sagittal, coronal"):
        orient_slices(scene, "oblique")
