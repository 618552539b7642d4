import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from SegQCLib.mask_runs import cavity_numbers, piece_numbers, runs_of

MASKS = arrays(bool, array_shapes(min_dims=3, max_dims=3, max_side=6), elements=st.booleans()).map(lambda mask: np.pad(mask, 1))


def painted(runs, numbers, background):
    background.ravel()[runs.indices()] = np.repeat(numbers, runs.lengths)
    return background


@given(MASKS)
def test_pieces_are_those_of_scipy_in_scipys_order(mask):
    runs = runs_of(mask)
    labels, _ = ndimage.label(mask, np.ones((3, 3, 3)))
    np.testing.assert_array_equal(painted(runs, piece_numbers(runs), np.zeros(mask.shape, int)), labels)


@given(MASKS)
def test_cavities_are_those_of_scipy_in_scipys_order(mask):
    cavities, numbers = cavity_numbers(runs_of(mask))
    labels, _ = ndimage.label(~mask)
    np.testing.assert_array_equal(painted(cavities, numbers, np.where(mask, 0, 1)), labels)


@given(MASKS)
def test_areas_are_the_voxels_of_each_plane(mask):
    runs = runs_of(mask)
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        np.testing.assert_array_equal(runs.areas(axis), np.count_nonzero(mask, axis=others))


@given(MASKS.filter(np.any))
def test_the_box_and_the_mask_of_runs_are_those_of_their_voxels(mask):
    runs = runs_of(mask)
    assert runs.box() == ndimage.find_objects(mask.view(np.int8))[0]
    np.testing.assert_array_equal(runs.mask(runs.box()), mask[runs.box()])
