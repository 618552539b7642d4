import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from phantoms import box_array
from SegQCLib.metrics.compare import compare_masks
from SegQCLib.metrics.components import hole_count, island_count
from SegQCLib.metrics.overlap import dice, jaccard
from SegQCLib.metrics.surface import surface_distances

SIZE = (12, 14, 16)


def box(k, j, i):
    return box_array(SIZE, k, j, i).astype(bool)


def test_half_of_a_box_has_dice_two_thirds_and_jaccard_one_half():
    whole, half = box((2, 6), (2, 6), (2, 6)), box((2, 4), (2, 6), (2, 6))
    assert dice(whole, half) == pytest.approx(2 / 3)
    assert jaccard(whole, half) == pytest.approx(1 / 2)


def test_two_empty_masks_have_no_overlap_value():
    empty = np.zeros(SIZE, bool)
    assert dice(empty, empty) is None
    assert jaccard(empty, empty) is None
    assert surface_distances(empty, empty, (1, 1, 1)) is None


def test_masks_of_different_grids_are_misuse():
    with pytest.raises(ValueError, match="one grid"):
        dice(np.zeros((2, 2, 2), bool), np.zeros((2, 2, 3), bool))
    with pytest.raises(ValueError, match="one grid"):
        surface_distances(np.zeros((2, 2, 2), bool), np.zeros((2, 2, 3), bool), (1, 1, 1))


def test_hausdorff_of_a_shifted_box_is_the_shift_in_mm():
    distances = surface_distances(box((2, 5), (3, 6), (3, 6)), box((4, 7), (3, 6), (3, 6)), (2.5, 0.7, 0.7))
    assert distances.hausdorff_mm() == pytest.approx(2 * 2.5)


def test_one_voxel_against_its_neighbour_is_one_step_away():
    distances = surface_distances(box((2, 3), (3, 4), (3, 4)), box((2, 3), (3, 4), (4, 5)), (3.0, 2.0, 0.5))
    assert distances.hausdorff_mm() == distances.assd_mm() == distances.hausdorff_95_mm() == pytest.approx(0.5)
    assert distances.surface_dice(0.5) == 1
    assert distances.surface_dice(0.49) == 0


def test_distance_95_is_the_larger_directed_percentile():
    # 1 voxel against a row of 21 voxels at distance 0..20 mm: the row's 95th percentile is 19 mm, the voxel's is 0.
    row, voxel = np.zeros((1, 1, 30), bool), np.zeros((1, 1, 30), bool)
    row[0, 0, :21] = True
    voxel[0, 0, 0] = True
    distances = surface_distances(row, voxel, (1, 1, 1))
    assert distances.hausdorff_95_mm() == pytest.approx(19)
    assert distances.hausdorff_mm() == pytest.approx(20)
    # mean over 21 + 1 border voxels: (0 + 1 + ... + 20) / 22
    assert distances.assd_mm() == pytest.approx(210 / 22)


def test_one_empty_mask_scores_zero_and_has_no_distance():
    comparison = compare_masks(box((2, 5), (3, 6), (3, 6)), np.zeros(SIZE, bool), (1, 1, 1), (1.0,))
    assert (comparison.dice, comparison.jaccard, comparison.surface_dice) == (0, 0, ((1.0, 0.0),))
    assert comparison.hausdorff_mm is comparison.hausdorff_95_mm is comparison.assd_mm is None
    assert comparison.relative_volume_difference == -1


def test_volumes_are_in_mm3():
    comparison = compare_masks(box((2, 4), (3, 6), (3, 6)), box((2, 5), (3, 6), (3, 6)), (2.0, 0.5, 0.5), ())
    assert comparison.volume_reference_mm3 == pytest.approx(2 * 3 * 3 * 0.5)
    assert comparison.relative_volume_difference == pytest.approx(0.5)


@settings(max_examples=40, deadline=None)
@given(
    a=arrays(bool, (4, 5, 6), elements=st.booleans()),
    b=arrays(bool, (4, 5, 6), elements=st.booleans()),
    spacing=st.tuples(*[st.floats(0.3, 5)] * 3),
)
def test_exchanging_the_masks_changes_no_symmetric_measure(a, b, spacing):
    there, back = compare_masks(a, b, spacing, (1.0,)), compare_masks(b, a, spacing, (1.0,))
    for metric in ("dice", "jaccard", "hausdorff_mm", "hausdorff_95_mm", "assd_mm"):
        assert getattr(there, metric) == pytest.approx(getattr(back, metric))
    assert there.surface_dice[0][1] == pytest.approx(back.surface_dice[0][1])


@settings(max_examples=40, deadline=None)
@given(a=arrays(bool, (4, 5, 6), elements=st.booleans()), b=arrays(bool, (4, 5, 6), elements=st.booleans()))
def test_distances_equal_those_of_every_pair_of_border_voxels(a, b):
    if not (a.any() and b.any()):
        return
    spacing = (2.0, 1.0, 0.5)

    def border_mm(mask):
        padded = np.pad(mask, 1)
        inner = padded.copy()
        for axis in range(3):
            inner &= np.roll(padded, 1, axis) & np.roll(padded, -1, axis)
        return np.argwhere(mask & ~inner[1:-1, 1:-1, 1:-1]) * spacing

    pairs = np.linalg.norm(border_mm(a)[:, None] - border_mm(b)[None], axis=-1)
    distances = surface_distances(a, b, spacing)
    assert distances.hausdorff_mm() == pytest.approx(max(pairs.min(axis=1).max(), pairs.min(axis=0).max()))
    assert distances.assd_mm() == pytest.approx(np.concatenate([pairs.min(axis=1), pairs.min(axis=0)]).mean())


def test_islands_and_holes_are_counted():
    mask = box((1, 6), (1, 6), (1, 6))
    assert (island_count(mask), hole_count(mask)) == (0, 0)
    mask[3, 3, 3] = False
    mask[9, 9, 9] = mask[11, 13, 15] = True
    assert (island_count(mask), hole_count(mask)) == (2, 1)
    assert (island_count(np.zeros(SIZE, bool)), hole_count(np.zeros(SIZE, bool))) == (0, 0)


def test_voxels_that_touch_at_a_corner_are_one_piece_and_a_hole_open_at_a_face_is_none():
    mask = np.zeros((4, 4, 4), bool)
    mask[0, 0, 0] = mask[1, 1, 1] = True
    assert island_count(mask) == 0
    cup = np.ones((3, 3, 3), bool)
    cup[1:, 1, 1] = False
    assert hole_count(cup) == 0


def square(shape, first, last):
    mask = np.zeros(shape, bool)
    mask[first:last, first:last] = True
    return mask


def figures():
    """2-D masks of figures of Reinke et al., Nat Methods 2024, as MetricsReloaded's own tests have them."""
    cross = square((11, 11), 3, 8)
    cross[5, 1:10] = cross[1:10, 5] = True
    middle, error = square((14, 14), 5, 9), square((14, 14), 9, 12)
    error[1, 1] = True
    return {
        "10": (square((11, 11), 3, 8), cross),
        "SN2.10 small": (middle, square((14, 14), 6, 8)),
        "SN2.10 large": (middle, square((14, 14), 4, 10)),
        "5c": (error, square((14, 14), 9, 12)),
    }


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("10", {"dice": 0.862, "jaccard": 0.76, "assd_mm": 0.44, "surface_dice_1mm": 0.89}),
        ("SN2.10 small", {"hausdorff_mm": 1.41, "assd_mm": 1.10, "surface_dice_1mm": 0.75}),
        ("SN2.10 large", {"hausdorff_mm": 1.41, "assd_mm": 1.05, "surface_dice_1mm": 0.875}),
        ("5c", {"hausdorff_mm": 11.31, "hausdorff_95_mm": 6.79}),
    ],
)
def test_values_published_by_metrics_reloaded(name, published):
    reference, candidate = figures()[name]
    distances = surface_distances(reference, candidate, (1, 1))
    measured = {
        "dice": dice(reference, candidate),
        "jaccard": jaccard(reference, candidate),
        "hausdorff_mm": distances.hausdorff_mm(),
        "hausdorff_95_mm": distances.hausdorff_95_mm(),
        "assd_mm": distances.assd_mm(),
        "surface_dice_1mm": distances.surface_dice(1.0),
    }
    # Published with two or three digits.
    assert {metric: measured[metric] for metric in published} == pytest.approx(published, abs=0.006)


def test_published_cases_are_the_ones_above(shared_data):
    cases = json.loads((shared_data / "reference_metrics" / "published_cases.json").read_text())["metricsreloaded_pitfalls_figures"]
    by_figure = {case["figure"]: case for case in cases["cases"]}
    assert by_figure["10 (cross)"]["assd"] == 0.44
    assert by_figure["SN2.10"]["hd"] == [1.41, 1.41]
    assert by_figure["5c (annotation error)"]["hd95"] == 6.79
    assert math.isclose(by_figure["10 (cross)"]["dsc"], 0.862)
