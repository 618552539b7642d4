"""Geometry descriptors against pyradiomics' published values and against boxes, balls and single voxels."""

import csv
import hashlib
import math

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from phantoms import box_array
from SegQCLib.difficulty.descriptors.describe import describe_lesion, describe_slice, descriptor_meaning, descriptor_names
from SegQCLib.difficulty.descriptors.diameter import largest_distance
from SegQCLib.difficulty.descriptors.distance import distance_to_outside_mm
from SegQCLib.difficulty.descriptors.outline import outline_of
from SegQCLib.difficulty.descriptors.shape_2d import shape_2d
from SegQCLib.difficulty.descriptors.shape_3d import shape_3d

PYRADIOMICS_3D = {
    "MeshVolume": "mesh_volume_mm3",
    "VoxelVolume": "voxel_volume_mm3",
    "SurfaceArea": "surface_area_mm2",
    "SurfaceVolumeRatio": "surface_to_volume_per_mm",
    "Sphericity": "sphericity",
    "Maximum3DDiameter": "maximum_diameter_mm",
    "Maximum2DDiameterSlice": "maximum_diameter_slice_mm",
    "Maximum2DDiameterColumn": "maximum_diameter_column_mm",
    "Maximum2DDiameterRow": "maximum_diameter_row_mm",
    "MajorAxisLength": "major_axis_mm",
    "MinorAxisLength": "minor_axis_mm",
    "LeastAxisLength": "least_axis_mm",
    "Elongation": "elongation",
    "Flatness": "flatness",
}
PYRADIOMICS_2D = {
    "MeshSurface": "mesh_area_mm2",
    "PixelSurface": "pixel_area_mm2",
    "Perimeter": "perimeter_mm",
    "PerimeterSurfaceRatio": "perimeter_to_area_per_mm",
    "Sphericity": "sphericity",
    "MaximumDiameter": "maximum_diameter_mm",
    "MajorAxisLength": "major_axis_mm",
    "MinorAxisLength": "minor_axis_mm",
    "Elongation": "elongation",
}

# What pyradiomics 3.1.1, built from source, gives for `noise_mask` and for its slice 2.
NOISE_SPACING_MM = (2.5, 0.7, 0.6)
NOISE_3D = {
    "Elongation": 0.2873545531616096,
    "Flatness": 0.24040734957023505,
    "LeastAxisLength": 6.81308486599324,
    "MajorAxisLength": 28.33975283273441,
    "Maximum2DDiameterColumn": 25.57655176133014,
    "Maximum2DDiameterRow": 25.781582573612507,
    "Maximum2DDiameterSlice": 8.840814442120138,
    "Maximum3DDiameter": 26.341032629720498,
    "MeshVolume": 440.51875000000024,
    "MinorAxisLength": 8.143557011960857,
    "Sphericity": 0.18406243126829439,
    "SurfaceArea": 1521.114486255014,
    "SurfaceVolumeRatio": 3.453007360651535,
    "VoxelVolume": 522.8999999999999,
}
NOISE_2D = {
    "Elongation": 0.8915402780967557,
    "MajorAxisLength": 8.12944494417604,
    "MaximumDiameter": 8.487638069569178,
    "MeshSurface": 17.850000000000012,
    "MinorAxisLength": 7.247727606302971,
    "Perimeter": 56.41231449198368,
    "PerimeterSurfaceRatio": 3.1603537530523047,
    "PixelSurface": 20.16,
    "Sphericity": 0.26549119594569287,
}


def noise_mask():
    """Random voxels: nearly every pattern of eight voxels occurs."""
    bits = np.frombuffer(hashlib.shake_256(b"SegQC").digest(125), np.uint8)
    return np.unpackbits(bits).astype(bool).reshape(10, 10, 10)


def published(folder, feature_class, column):
    with (folder / "pyradiomics" / "baseline" / f"baseline_{feature_class}.csv").open() as file:
        rows = {row["featureName"]: row[column] for row in csv.DictReader(file)}
    return {name.rpartition("_")[2]: float(value) for name, value in rows.items() if name.startswith("original_")}


def a_label(folder, name):
    image = sitk.ReadImage(str(folder / "pyradiomics" / f"{name}_label.nrrd"))
    return sitk.GetArrayFromImage(image) == 1, image.GetSpacing()[::-1]


def a_box(size, k, j, i):
    return box_array(size, k, j, i).astype(bool)


def a_ball(radius_mm, spacing_mm):
    axes = [np.arange(-math.ceil(radius_mm / step) - 1, math.ceil(radius_mm / step) + 2) * step for step in spacing_mm]
    return sum(axis**2 for axis in np.meshgrid(*axes, indexing="ij")) <= radius_mm**2


# The mesh values of brain1 in pyradiomics' baseline file (September 2018) are not those of its code (its tests allow 3 %).
# These are what pyradiomics 3.1.1, built from source, gives; the area is also in its baseline of March 2018 (617ddcc).
BRAIN1 = {
    "MeshVolume": 16147.51180013162,
    "SurfaceArea": 6438.821603779402,
    "SurfaceVolumeRatio": 0.3987500788652105,
    "Sphericity": 0.4798234536231755,
}


@pytest.mark.parametrize("case", ["brain1", "breast1"])
def test_lesion_shape_equals_pyradiomics(shared_data, case):
    mask, spacing_mm = a_label(shared_data, case)
    ours = shape_3d(outline_of(mask, spacing_mm))
    baseline = published(shared_data, "shape", case)
    theirs = baseline | (BRAIN1 if case == "brain1" else {})
    assert set(theirs) == set(PYRADIOMICS_3D)
    assert {name: ours[PYRADIOMICS_3D[name]] for name in theirs} == pytest.approx(theirs, rel=1e-8)
    assert {name: ours[PYRADIOMICS_3D[name]] for name in baseline} == pytest.approx(baseline, rel=1e-3)


@pytest.mark.parametrize("case", ["brain1", "breast1"])
def test_slice_shape_equals_pyradiomics(shared_data, case):
    mask, spacing_mm = a_label(shared_data, case)
    theirs = published(shared_data, "shape2D", f"{case}_shape2D")
    assert set(theirs) == set(PYRADIOMICS_2D)
    pixels = theirs["PixelSurface"] / (spacing_mm[1] * spacing_mm[2])
    fitting = [k for k in range(len(mask)) if np.count_nonzero(mask[k]) == round(pixels)]
    ours = [shape_2d(outline_of(mask[k], spacing_mm[1:])) for k in fitting]
    assert any({name: one[PYRADIOMICS_2D[name]] for name in theirs} == pytest.approx(theirs, rel=1e-8) for one in ours)


def test_shape_of_noise_equals_pyradiomics():
    mask = noise_mask()
    ours = shape_3d(outline_of(mask, NOISE_SPACING_MM))
    assert {name: ours[PYRADIOMICS_3D[name]] for name in NOISE_3D} == pytest.approx(NOISE_3D, rel=1e-10)
    ours = shape_2d(outline_of(mask[2], NOISE_SPACING_MM[1:]))
    assert {name: ours[PYRADIOMICS_2D[name]] for name in NOISE_2D} == pytest.approx(NOISE_2D, rel=1e-10)


def test_one_voxel_has_the_octahedron_of_its_neighbours_half_way():
    j_mm = i_mm = 0.7
    k_mm = 2.5
    values = shape_3d(outline_of(a_box((3, 3, 3), (1, 2), (1, 2), (1, 2)), (k_mm, j_mm, i_mm)))
    assert values["mesh_volume_mm3"] == pytest.approx(k_mm * j_mm * i_mm / 6)
    # Eight triangles, each half the length of the vector of its three projected areas.
    triangle_mm2 = math.hypot(j_mm * i_mm, k_mm * i_mm, k_mm * j_mm) / 8
    assert values["surface_area_mm2"] == pytest.approx(8 * triangle_mm2)
    assert values["maximum_diameter_mm"] == pytest.approx(k_mm)
    assert values["maximum_diameter_slice_mm"] == pytest.approx(0.7)
    assert (values["major_axis_mm"], values["components"], values["holes"]) == (0, 1, 0)
    assert math.isnan(values["elongation"])
    assert math.isnan(values["flatness"])


def test_a_box_in_the_corner_of_the_image_has_the_shape_of_one_in_its_middle():
    corner, middle = a_box((4, 6, 7), (0, 3), (0, 4), (0, 5)), a_box((9, 9, 9), (2, 5), (3, 7), (2, 7))
    assert describe_lesion(corner, (2.0, 0.7, 0.8)) == pytest.approx(describe_lesion(middle, (2.0, 0.7, 0.8)))


def test_a_box_has_its_faces_less_the_cut_edges_and_corners():
    # n voxels along each axis: faces (n - 1) wide, edges cut at 45 degrees, (n - 1) long and 1 / sqrt(2) wide.
    n = 9
    values = shape_3d(outline_of(a_box((11, 11, 11), (1, 10), (1, 10), (1, 10)), (1.0, 1.0, 1.0)))
    corner = math.sqrt(3) / 8
    assert values["surface_area_mm2"] == pytest.approx(6 * (n - 1) ** 2 + 12 * (n - 1) / math.sqrt(2) + 8 * corner)
    assert values["mesh_volume_mm3"] == pytest.approx(n**3 - 12 * (n - 1) / 8 - 8 * (1 / 8 - 1 / 48))
    assert values["major_axis_mm"] == pytest.approx(4 * math.sqrt((n**2 - 1) / 12))
    assert (values["elongation"], values["flatness"]) == pytest.approx((1, 1))
    assert values["maximum_diameter_mm"] == pytest.approx(math.sqrt(2 * (n - 1) ** 2 + n**2))


def test_a_ball_has_the_volume_diameter_and_axes_of_a_ball():
    values = shape_3d(outline_of(a_ball(12.0, (1.0, 0.5, 0.5)), (1.0, 0.5, 0.5)))
    assert values["mesh_volume_mm3"] == pytest.approx(4 / 3 * math.pi * 12**3, rel=0.01)
    assert values["maximum_diameter_mm"] == pytest.approx(24, rel=0.05)
    # The axes of a solid ball of radius r: 4 sqrt(r^2 / 5).
    assert values["least_axis_mm"] == pytest.approx(4 * 12 / math.sqrt(5), rel=0.01)
    assert values["flatness"] == pytest.approx(1, abs=0.01)


def test_parts_and_holes_are_counted():
    mask = (
        a_box((5, 9, 18), (1, 4), (1, 6), (1, 6))
        | a_box((5, 9, 18), (1, 4), (6, 8), (6, 8))
        | a_box((5, 9, 18), (1, 4), (2, 4), (10, 12))
    )
    mask[2, 3, 3] = False
    values = shape_3d(outline_of(mask, (1.0, 1.0, 1.0)))
    assert (values["components"], values["holes"]) == (2, 1)
    values = shape_2d(outline_of(mask[2], (1.0, 1.0)))
    assert (values["components"], values["holes"]) == (2, 1)


def test_one_pixel_has_a_diamond_as_outline():
    values = shape_2d(outline_of(np.ones((1, 1), bool), (0.6, 0.8)))
    assert values["mesh_area_mm2"] == pytest.approx(0.6 * 0.8 / 2)
    assert values["perimeter_mm"] == pytest.approx(4 * 0.5)
    assert values["maximum_diameter_mm"] == pytest.approx(0.8)
    assert math.isnan(values["elongation"])


def test_a_rectangle_has_its_sides_less_the_cut_corners():
    values = shape_2d(outline_of(np.ones((4, 7), bool), (0.6, 0.8)))
    assert values["perimeter_mm"] == pytest.approx(2 * 3 * 0.6 + 2 * 6 * 0.8 + 4 * 0.5)
    assert values["mesh_area_mm2"] == pytest.approx((28 - 4 / 8) * 0.48)


def test_two_pixels_that_touch_at_a_corner_are_one_part_with_two_outlines():
    values = shape_2d(outline_of(np.eye(2, dtype=bool), (1.0, 1.0)))
    assert values["components"] == 1
    assert values["perimeter_mm"] == pytest.approx(2 * 4 * math.sqrt(0.5))
    assert values["mesh_area_mm2"] == pytest.approx(1)


@pytest.mark.parametrize("spacing_mm", [(1.0, 1.0, 1.0), (2.5, 0.7, 0.65), (0.5, 0.9, 0.6)])
def test_distance_to_outside_is_that_of_scipy(spacing_mm):
    mask = np.pad(np.random.default_rng(1).random((9, 14, 11)) < 0.93, 1)
    expected = ndimage.distance_transform_edt(mask, spacing_mm)
    assert distance_to_outside_mm(mask, spacing_mm) == pytest.approx(expected, rel=1e-6)
    assert distance_to_outside_mm(mask, spacing_mm, 1.3) == pytest.approx(np.minimum(expected, 1.3), rel=1e-6)


@pytest.mark.parametrize("count", [1, 2, 40, 1500])
def test_largest_distance_is_that_of_all_pairs(count):
    points = np.random.default_rng(count).normal(size=(count, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)  # on a ball, where no point can be left out beforehand
    every = np.linalg.norm(points[:, None] - points[None, :], axis=2)
    assert largest_distance(points) == pytest.approx(every.max(), rel=1e-12)


def test_depth_of_a_plate_is_half_its_thickness():
    values = describe_lesion(a_box((7, 20, 20), (1, 6), (1, 19), (1, 19)), (2.0, 1.0, 1.0))
    # Five slices 2 mm apart: the middle slice lies 3 slices from the nearest empty one.
    assert values["geometry.thickness.maximum_depth_mm"] == pytest.approx(6.0)


def test_drawing_a_square_half_a_pixel_narrower_costs_half_of_its_border_pixels():
    values = describe_slice(np.ones((1, 5, 5), bool), 0, (3.0, 0.8, 0.8))
    lost = 16 / 2
    assert values["geometry.perturbation.eroded_half_pixel"] == pytest.approx(2 * (25 - lost) / (50 - lost))
    assert values["geometry.perturbation.eroded_pixel"] == pytest.approx(2 * 9 / (25 + 9))
    assert values["geometry.perturbation.shifted_pixel"] == pytest.approx(20 / 25)


def test_drawing_one_pixel_half_a_pixel_wider_adds_half_of_its_four_neighbours():
    values = describe_slice(np.ones((1, 1, 1), bool), 0, (3.0, 0.8, 0.8))
    # The corners are sqrt(2) - 1 of a pixel farther away.
    gained = 4 * 0.5 + 4 * (0.5 - (math.sqrt(2) - 1))
    assert values["geometry.perturbation.dilated_half_pixel"] == pytest.approx(2 / (2 + gained))
    assert values["geometry.perturbation.eroded_pixel"] == pytest.approx(0)


def test_moving_a_lesion_by_a_slice_costs_its_share_of_one_slice():
    values = describe_lesion(a_box((6, 9, 9), (1, 5), (2, 7), (2, 7)), (2.0, 1.0, 1.0))
    assert values["geometry.perturbation.shifted_slice"] == pytest.approx(3 / 4)


def test_a_disc_varies_less_in_radius_than_a_bar():
    j, i = np.ogrid[-12:13, -12:13]
    disc = (j**2 + i**2 <= 100)[None]
    bar = a_box((1, 25, 25), (0, 1), (11, 14), (1, 24))
    of_disc, of_bar = (describe_slice(mask, 0, (1.0, 1.0, 1.0)) for mask in (disc, bar))
    assert of_disc["geometry.radial.mean_mm"] == pytest.approx(10, rel=0.03)
    assert of_disc["geometry.radial.variation"] < 0.05 < of_bar["geometry.radial.variation"]
    assert of_bar["geometry.radial.minimum_to_maximum"] == pytest.approx(1.5 / math.hypot(11.5, 0), rel=0.01)


def test_a_slice_knows_its_place_in_the_lesion():
    mask = a_box((8, 9, 9), (1, 2), (2, 4), (2, 4)) | a_box((8, 9, 9), (2, 6), (2, 6), (2, 6))
    values = {k: describe_slice(mask, k, (2.5, 1.0, 1.0), groups=("geometry",)) for k in (1, 2)}
    first, second = ({n.rpartition(".")[2]: v for n, v in values[k].items() if n.startswith("geometry.slice.")} for k in (1, 2))
    assert (first["position"], second["position"]) == pytest.approx((0, 1 / 4))
    assert (first["end_distance_mm"], second["end_distance_mm"]) == (0, 2.5)
    assert (first["area_to_largest"], first["smaller_neighbour"], first["larger_neighbour"]) == pytest.approx((4 / 16, 0, 4))
    assert second["smaller_neighbour"] == pytest.approx(4 / 16)
    assert second["neighbour_dice"] == pytest.approx((2 * 4 / 20 + 1) / 2)
    assert second["lesion_log_volume"] == pytest.approx(math.log((4 + 4 * 16) * 2.5))


def test_a_slice_of_a_column_is_confirmed_by_both_neighbours_and_at_its_end_by_one():
    mask = a_box((6, 9, 9), (1, 5), (2, 6), (2, 6))
    middle, end = (describe_slice(mask, k, (2.0, 1.0, 1.0)) for k in (2, 4))
    assert middle["geometry.neighbours.covered"] == middle["geometry.neighbours.interpolated_dice"] == 1
    assert (end["geometry.neighbours.lower_dice"], end["geometry.neighbours.higher_dice"]) == (0, 1)
    assert end["geometry.neighbours.covered"] == end["geometry.neighbours.uncovered"] == 0
    assert end["geometry.neighbours.larger_second_neighbour"] == 1
    assert middle["geometry.lesion.share_beyond"] == pytest.approx(1 / 4)


def test_the_slice_between_a_small_and_a_large_square_is_the_one_of_middle_size():
    mask = a_box((3, 15, 15), (0, 1), (6, 9), (6, 9)) | a_box((3, 15, 15), (1, 2), (4, 11), (4, 11))
    mask |= a_box((3, 15, 15), (2, 3), (2, 13), (2, 13))
    assert describe_slice(mask, 1, (2.0, 1.0, 1.0))["geometry.neighbours.interpolated_dice"] > 0.85


def test_a_slice_knows_its_depth_in_the_lesion():
    mask = a_box((7, 20, 20), (1, 6), (1, 19), (1, 19))
    middle, end = (describe_slice(mask, k, (2.0, 1.0, 1.0)) for k in (3, 1))
    assert middle["geometry.lesion.maximum_depth_mm"] == middle["geometry.lesion.slice_maximum_depth_mm"] == 6
    assert end["geometry.lesion.slice_maximum_depth_mm"] == 2
    assert end["geometry.lesion.slice_depth_to_maximum"] == pytest.approx(1 / 3)
    of_lesion = describe_lesion(mask, (2.0, 1.0, 1.0))
    assert end["geometry.lesion.sphericity"] == of_lesion["geometry.shape.sphericity"]


def test_a_mask_that_was_edited_in_place_is_described_anew():
    mask = a_box((4, 9, 9), (1, 3), (2, 6), (2, 6))
    before = describe_slice(mask, 1, (2.0, 1.0, 1.0))
    mask[2, 2, 2] = False
    after = describe_slice(mask, 1, (2.0, 1.0, 1.0))
    assert (before["geometry.neighbours.higher_dice"], after["geometry.neighbours.higher_dice"]) == (1, pytest.approx(30 / 31))
    assert after["geometry.lesion.sphericity"] != before["geometry.lesion.sphericity"]


def test_a_lesion_of_one_slice_is_at_position_one_half():
    assert describe_slice(np.ones((1, 2, 2), bool), 0, (1.0, 1.0, 1.0))["geometry.slice.position"] == 0.5


def test_names_select_what_is_computed_and_in_which_order():
    names = ("geometry.thickness.mean_depth_mm", "geometry.shape.holes")
    assert tuple(describe_lesion(np.ones((2, 2, 2), bool), (1.0, 1.0, 1.0), names=names)) == names


def test_an_unknown_name_is_refused_by_name():
    with pytest.raises(ValueError, match=r"geometry\.shape\.beauty"):
        describe_lesion(np.ones((2, 2, 2), bool), (1.0, 1.0, 1.0), names=["geometry.shape.beauty"])


def test_every_geometry_descriptor_has_a_meaning():
    for unit, values in (
        ("lesion", describe_lesion(np.ones((2, 3, 3), bool), (1.0, 1.0, 1.0), groups=("geometry",))),
        ("slice", describe_slice(np.ones((2, 3, 3), bool), 0, (1.0, 1.0, 1.0), groups=("geometry",))),
    ):
        assert set(values) <= set(descriptor_names(unit))
        assert all(descriptor_meaning(name).text for name in values)


@pytest.mark.parametrize(
    ("mask", "spacing_mm", "message"),
    [
        (np.zeros((2, 2, 2), bool), (1.0, 1.0, 1.0), "empty"),
        (np.ones((2, 2, 2), np.uint8), (1.0, 1.0, 1.0), "uint8"),
        (np.ones((2, 2, 2), bool), (1.0, 0.0, 1.0), "spacing"),
        (np.ones((2, 2, 2), bool), (1.0, 1.0), "spacing"),
    ],
)
def test_what_cannot_be_described_is_refused(mask, spacing_mm, message):
    with pytest.raises(ValueError, match=message):
        describe_lesion(mask, spacing_mm)
