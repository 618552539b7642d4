"""Repairs: what changes follows from boxes and discs, and nothing else changes."""

import numpy as np
import pytest

from SegQCLib import repairs
from SegQCLib.repairs.clip_to_body import clip_to_body
from SegQCLib.repairs.fill_holes import fill_holes
from SegQCLib.repairs.interpolate_slices import interpolate_slices
from SegQCLib.repairs.remove_islands import remove_islands
from test_technical_shape import SIZE, SPACING_MM, ball


def boxes(*parts):
    mask = np.zeros(SIZE, bool)
    for k, j, i in parts:
        mask[slice(*k), slice(*j), slice(*i)] = True
    return mask


BODY = ((10, 20), (10, 30), (10, 30))


def test_every_repair_has_its_own_id_and_function():
    ids = [repair.ID for repair in repairs.REPAIRS]
    assert len(ids) == len(set(ids))
    assert all(callable(getattr(repair, repair.ID)) for repair in repairs.REPAIRS)


@pytest.mark.parametrize("repair", [repair.ID for repair in repairs.REPAIRS])
def test_an_empty_mask_stays_empty_and_a_clean_one_as_it_is(repair):
    image = np.zeros(SIZE, np.int16)
    for mask in (np.zeros(SIZE, bool), ball()):
        before = mask.copy()
        done = repairs.apply(repair, mask, SPACING_MM, image=image, air_below=-400)
        assert np.array_equal(mask, before)
        assert np.array_equal(done.mask, before)
        assert done.mask is not mask
        assert done.changed_voxels == 0
        assert done.dice_with_before == (1.0 if before.any() else None)


def test_islands_go_and_parts_and_pieces_at_the_border_stay():
    island, part, cut = ((25, 26), (40, 41), (40, 42)), ((10, 20), (40, 60), (10, 20)), ((0, 1), (2, 3), (2, 3))
    mask = boxes(BODY, island, part, cut)
    done = repairs.apply("remove_islands", mask, SPACING_MM)
    assert np.array_equal(done.mask, boxes(BODY, part, cut))
    assert done.changed_voxels == 2
    # 4,000 + 2,000 + 1 voxels stay of 6,003.
    assert done.dice_with_before == pytest.approx(2 * 6001 / (6001 + 6003))
    assert mask[25, 40, 40]


def test_islands_of_the_volume_given_and_more_stay():
    small, large = ((25, 26), (40, 41), (40, 42)), ((25, 26), (50, 51), (40, 43))  # 9 and 13.5 mm3
    assert np.array_equal(remove_islands(boxes(BODY, small, large), SPACING_MM, 13.5), boxes(BODY, large))


def test_slices_that_a_gap_separates_are_no_islands_to_remove():
    mask = ball(25.0)
    mask[13:28:2] = False
    assert np.array_equal(remove_islands(mask, SPACING_MM), mask)


def test_holes_are_filled_but_not_channels_shells_or_other_segments():
    mask = ball()
    mask[20, 35, 30] = mask[18, 30, 25] = False
    assert np.array_equal(fill_holes(mask), ball())
    others = np.zeros(SIZE, bool)
    others[20, 35, 30] = True
    assert np.array_equal(fill_holes(mask, others), ball() & ~others)
    channel = ball()
    channel[20, 35:, 30] = False
    assert np.array_equal(fill_holes(channel), channel)
    shell = ball() & ~ball(20.0)
    assert np.array_equal(fill_holes(shell), shell)


def test_a_skipped_slice_between_two_discs_has_the_mean_of_their_radii():
    j, i = np.ogrid[:70, :60]
    radius_mm = np.hypot(j - 35, (i - 30) * 1.5)
    mask = np.zeros(SIZE, bool)
    mask[5:10], mask[11:15] = radius_mm <= 20, radius_mm <= 14
    repaired = interpolate_slices(mask, SPACING_MM, axis=0)
    assert np.array_equal(repaired[[n for n in range(40) if n != 10]], mask[[n for n in range(40) if n != 10]])
    assert not np.any(repaired[10] & (radius_mm > 17 + 1))
    assert not np.any(~repaired[10] & (radius_mm < 17 - 1))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_lost_plane_of_a_box_comes_back_in_every_orientation(axis):
    mask = boxes(BODY)
    np.moveaxis(mask, axis, 0)[14 if axis == 0 else 20] = False
    done = repairs.apply("interpolate_slices", mask, SPACING_MM)
    assert np.array_equal(done.mask, boxes(BODY))
    assert np.array_equal(interpolate_slices(mask, SPACING_MM, axis), boxes(BODY))


def test_interpolated_slices_leave_other_segments_their_voxels():
    mask, others = boxes(BODY), boxes(((14, 15), (10, 12), (10, 30)))
    mask[14] = False
    done = repairs.apply("interpolate_slices", mask, SPACING_MM, others=others)
    assert np.array_equal(done.mask, boxes(BODY) & ~others)


def test_the_body_keeps_its_lung_and_loses_the_table_and_the_air():
    image = np.full(SIZE, -1000, np.int16)
    image[:, 10:50, 10:50] = 40
    image[:, 20:30, 20:30] = -850  # lung
    image[:, 60:63, 5:55] = 100  # table
    mask = boxes(((5, 20), (5, 65), (25, 40)))
    repaired = clip_to_body(mask, image, air_below=-400)
    assert np.array_equal(repaired, boxes(((5, 20), (10, 50), (25, 40))))


def test_misuse_says_what_is_needed():
    with pytest.raises(ValueError, match="known: remove_islands, fill_holes, interpolate_slices, clip_to_body"):
        repairs.apply("smooth", ball(), SPACING_MM)
    with pytest.raises(ValueError, match="air_below"):
        repairs.apply("clip_to_body", ball(), SPACING_MM)
    with pytest.raises(ValueError, match=r"\(40, 70, 60\) and \(2, 2, 2\)"):
        clip_to_body(ball(), np.zeros((2, 2, 2)), -400)
