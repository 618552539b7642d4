import numpy as np
import pytest

from phantoms import a_geometry
from SegQCLib.geometry import (
    Geometry,
    axis_order,
    boxes_overlap,
    corner_difference_mm,
    geometry_of,
    reorder_axes,
    same_grid,
    sitk_image,
)


def oblique_geometry() -> Geometry:
    """45 degrees about the z axis: i runs left-posterior, j runs posterior-right."""
    h = np.sqrt(0.5)
    return a_geometry(axes_lps=((0.0, 0.0, 1.0), (-h, h, 0.0), (h, h, 0.0)), origin_lps_mm=(10.0, 20.0, 30.0))


def test_one_step_along_i_moves_by_the_spacing_along_the_i_axis():
    geometry = a_geometry(spacing_mm=(3.0, 2.0, 0.5))
    assert geometry.lps_mm((0, 0, 4)) == pytest.approx([2.0, 0.0, 0.0])
    assert geometry.lps_mm((2, 1, 0)) == pytest.approx([0.0, 2.0, 6.0])


def test_position_and_index_are_inverse_on_an_oblique_grid():
    geometry = oblique_geometry()
    index = np.array([[0, 0, 0], [3, 7, 11], [9, 19, 29]])
    assert geometry.index_kji(geometry.lps_mm(index)) == pytest.approx(index)


def test_geometry_survives_simpleitk():
    geometry = oblique_geometry()
    image = sitk_image(np.zeros(geometry.size, np.uint8), geometry)
    assert same_grid(geometry_of(image), geometry, tolerance_mm=1e-9)
    assert image.TransformIndexToPhysicalPoint((11, 7, 3)) == pytest.approx(geometry.lps_mm((3, 7, 11)))


def test_a_shift_moves_every_corner_by_the_shift():
    assert corner_difference_mm(a_geometry(), a_geometry(origin_lps_mm=(0.3, 0.0, 0.4))) == pytest.approx(0.5)


def test_corners_of_grids_of_different_size_are_not_compared():
    with pytest.raises(ValueError, match="one size"):
        corner_difference_mm(a_geometry(), a_geometry(size=(9, 20, 30)))


def test_flipped_rows_are_put_right_without_changing_a_position():
    geometry = a_geometry()
    array = np.arange(np.prod(geometry.size)).reshape(geometry.size)
    flipped = a_geometry(axes_lps=((0.0, 0.0, 1.0), (0.0, -1.0, 0.0), (1.0, 0.0, 0.0)), origin_lps_mm=(0.0, 19.0, 0.0))
    order = axis_order(flipped, geometry)
    assert order.flipped == (False, True, False)
    assert same_grid(reorder_axes(flipped, order), geometry)
    assert np.array_equal(order.apply(array[:, ::-1, :]), array)


def test_exchanged_axes_are_put_right():
    geometry = a_geometry()
    array = np.arange(np.prod(geometry.size)).reshape(geometry.size)
    sagittal = Geometry((30, 10, 20), (1.0, 2.0, 1.0), (0.0, 0.0, 0.0), ((1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, 1.0, 0.0)))
    order = axis_order(sagittal, geometry)
    assert same_grid(reorder_axes(sagittal, order), geometry)
    assert np.array_equal(order.apply(array.transpose(2, 0, 1)), array)


@pytest.mark.parametrize(("origin_lps_mm", "overlap"), [((29.0, 0, 0), True), ((30.5, 0, 0), False), ((0, 0, -300.0), False)])
def test_boxes_overlap_up_to_the_outer_face_of_the_last_voxel(origin_lps_mm, overlap):
    # 30 voxels of 1 mm: from -0.5 to 29.5 mm.
    assert boxes_overlap(a_geometry(), a_geometry(origin_lps_mm=origin_lps_mm)) is overlap


def test_diagonal_neighbours_whose_upright_boxes_touch_do_not_overlap():
    # A grid turned by 45 degrees just past the corner of the other: bounding boxes overlap, the grids do not.
    upright = a_geometry(size=(10, 20, 20), spacing_mm=(1.0, 1.0, 1.0))
    turned = Geometry((10, 20, 20), (1.0, 1.0, 1.0), (32.0, 18.0, 0.0), oblique_geometry().axes_lps)
    assert boxes_overlap(upright, turned) is False
