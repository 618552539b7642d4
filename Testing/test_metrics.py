import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
import surface_distance
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from surface_distance import lookup_tables

from phantoms import box_array
from plain_metrics import border_distances_mm, contour, hole_count, island_count
from SegQCLib.metrics import compare, nearest
from SegQCLib.metrics.distance_statistics import Elements, surface_numbers
from SegQCLib.metrics.nearest import Distances
from SegQCLib.metrics.overlap import dice
from SegQCLib.metrics.pieces import pieces_of
from SegQCLib.metrics.surface_area import CORNERS, surface_areas_mm2

SIZE = (12, 14, 16)
SPACINGS = st.one_of(st.tuples(*[st.sampled_from([0.5, 1.0, 2.0, 3.0])] * 3), st.tuples(*[st.floats(0.3, 5)] * 3))
SHAPES = st.tuples(*[st.integers(1, 9)] * 3)


def box(k, j, i, value=1):
    return box_array(SIZE, k, j, i, value)


def one(reference, candidate, spacing_mm=(1.0, 1.0, 1.0), **options):
    (comparison,) = compare(reference, candidate, spacing_mm, labels=[1], **options)
    return comparison


@st.composite
def label_maps(draw):
    """Two small label maps of one shape, noisy or smooth, with labels 0 to 3."""
    shape, seed, smooth = draw(SHAPES), draw(st.integers(0, 2**32 - 1)), draw(st.booleans())
    share = draw(st.sampled_from([0.05, 0.5, 0.95]))
    rng = np.random.default_rng(seed)

    def one_map():
        if smooth:
            field = ndimage.gaussian_filter(rng.random(shape), 1.0)
            return np.digitize(field, np.quantile(field, [0.4, 0.6, 0.8])).astype(np.uint8)
        return (rng.integers(0, 4, shape) * (rng.random(shape) < share)).astype(np.uint8)

    return one_map(), one_map()


def test_half_of_a_box_has_dice_two_thirds_and_jaccard_one_half():
    comparison = one(box((2, 6), (2, 6), (2, 6)), box((2, 4), (2, 6), (2, 6)), (3.0, 1.0, 0.5))
    assert comparison.dice == pytest.approx(2 / 3)
    assert comparison.jaccard == pytest.approx(1 / 2)
    assert comparison.relative_volume_difference == pytest.approx(-1 / 2)
    assert comparison.volume_reference_mm3 == pytest.approx(64 * 1.5)


@pytest.mark.parametrize("definition", ["surfel", "voxel"])
def test_the_hausdorff_distance_of_a_shifted_box_is_the_shift_in_mm(definition):
    comparison = one(box((2, 5), (3, 6), (3, 6)), box((4, 7), (3, 6), (3, 6)), (2.5, 0.7, 0.6), definition=definition)
    assert comparison.hausdorff_mm == pytest.approx(2 * 2.5)
    assert comparison.definition == definition


def test_the_worst_point_is_where_the_spike_ends():
    spiked = box((2, 5), (3, 6), (3, 6))
    spiked[3, 4, 6:14] = 1
    voxel = one(box((2, 5), (3, 6), (3, 6)), spiked, (2.0, 1.0, 1.0), definition="voxel")
    assert (voxel.worst_point_kji, voxel.worst_point_side, voxel.hausdorff_mm) == ((3.0, 4.0, 13.0), "candidate", 8.0)
    # The surface lies between voxels: the end of the spike is between voxel 13 and 14.
    surfel = one(box((2, 5), (3, 6), (3, 6)), spiked, (2.0, 1.0, 1.0))
    assert surfel.worst_point_kji[2] == 13.5
    assert surfel.worst_point_side == "candidate"


def test_a_label_on_one_side_only_is_reported_with_zero_overlap_and_no_distance():
    comparisons = compare(box((2, 5), (3, 6), (3, 6), 3), box((2, 5), (3, 6), (3, 6), 7), (1, 1, 1))
    assert [c.label for c in comparisons] == [3, 7]
    for comparison in comparisons:
        assert (comparison.dice, comparison.jaccard) == (0, 0)
        assert {value for _, value in comparison.surface_dice} == {0}
        assert comparison.hausdorff_mm is comparison.hausdorff_95_mm is comparison.assd_mm is None
        assert comparison.worst_point_kji is None
    assert comparisons[0].relative_volume_difference == -1
    assert comparisons[1].relative_volume_difference is None


def test_a_label_on_neither_side_is_undefined():
    comparison = one(np.zeros(SIZE, np.uint8), np.zeros(SIZE, np.uint8))
    assert comparison.dice is comparison.jaccard is comparison.hausdorff_mm is comparison.surface_dice[0][1] is None
    assert comparison.added_path_voxels == 0
    assert compare(np.zeros(SIZE, np.uint8), np.zeros(SIZE, np.uint8), (1, 1, 1)) == []


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16, np.uint16, np.int32, np.uint64])
def test_labels_of_any_integer_type_are_the_same_labels(dtype):
    a, b = box((2, 6), (2, 6), (2, 6)), box((2, 5), (3, 6), (2, 8))
    assert compare(a.astype(dtype), b.astype(dtype), (2, 1, 1)) == compare(a, b, (2, 1, 1))


def test_sparse_label_values_are_fine():
    values = np.array([0, 7, 40000, 2_000_000_000], np.uint32)
    a = box((2, 6), (2, 6), (2, 6)) + 2 * box((7, 9), (2, 6), (2, 6)) + 3 * box((2, 6), (8, 12), (3, 9))
    b = np.roll(a, 1, axis=2)
    plain, sparse = compare(a, b, (2, 1, 1)), compare(values[a], values[b], (2, 1, 1))
    assert [c.label for c in sparse] == [7, 40000, 2_000_000_000]
    assert [(c.dice, c.assd_mm, c.surface_dice) for c in sparse] == [(c.dice, c.assd_mm, c.surface_dice) for c in plain]


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((np.zeros((2, 2, 2), int), np.zeros((2, 2, 3), int), (1, 1, 1)), {}, "one grid"),
        ((np.zeros((2, 2), int), np.zeros((2, 2), int), (1, 1, 1)), {}, "one grid"),
        ((np.zeros((2, 2, 2)), np.zeros((2, 2, 2), int), (1, 1, 1)), {}, "labels are integers"),
        ((np.full((2, 2, 2), -1), np.zeros((2, 2, 2), int), (1, 1, 1)), {}, "0 \\(background\\) or above"),
        ((np.zeros((2, 2, 2), int), np.zeros((2, 2, 2), int), (1, 0, 1)), {}, "spacing_mm"),
        ((np.zeros((2, 2, 2), int), np.zeros((2, 2, 2), int), (1, 1)), {}, "spacing_mm"),
        ((np.zeros((2, 2, 2), int), np.zeros((2, 2, 2), int), (1, 1, 1)), {"definition": "mesh"}, "surfel"),
        (({}, np.zeros((2, 2, 2), int), (1, 1, 1)), {}, "both be"),
    ],
)
def test_misuse_raises_with_what_was_found(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        compare(*arguments, **options)


def test_masks_may_overlap_be_cropped_and_be_read_when_needed():
    a, b = box((2, 6), (2, 6), (2, 6)).astype(bool), box((2, 5), (3, 6), (2, 8)).astype(bool)
    (whole,) = compare({1: a}, {1: b}, (2, 1, 1))
    (cropped,) = compare({1: (a[1:9, 1:9, 1:9], (1, 1, 1))}, {1: lambda: (b[2:5, 3:6, 2:8], (2, 3, 2))}, (2, 1, 1))
    (as_map,) = compare(a.astype(np.uint8), b.astype(np.uint8), (2, 1, 1))
    assert whole == cropped == as_map
    overlapping = compare({1: a, 2: a | b}, {1: b, 2: b}, (2, 1, 1))
    assert overlapping[0] == whole
    assert overlapping[1].dice == pytest.approx(dice(a | b, b))


def test_pieces_and_path_may_be_left_out_and_change_nothing_else():
    a, b = box((2, 6), (2, 6), (2, 6)), box((2, 5), (3, 6), (2, 8))
    full, quick = one(a, b, (2, 1, 1)), one(a, b, (2, 1, 1), pieces=False)
    assert quick.pieces_reference is quick.pieces_candidate is quick.added_path_voxels is quick.added_path_length_mm is None
    left_out = {"pieces_reference": None, "pieces_candidate": None, "added_path_voxels": None, "added_path_length_mm": None}
    assert replace(full, **left_out) == quick
    (masks,) = compare({1: a != 0}, {1: b != 0}, (2, 1, 1), pieces=False)
    assert masks == quick


def test_each_structure_may_have_its_own_tolerance():
    a = box((2, 5), (3, 6), (3, 6)) + 2 * box((2, 5), (8, 11), (3, 6))
    first, second = compare(a, np.roll(a, 1, axis=0), (2, 1, 1), tolerances_mm={1: (1.9,), 2: (2.0,)})
    assert second.surface_dice == ((2.0, 1.0),)
    assert first.surface_dice[0][1] < 1


def test_added_path_is_what_a_reader_would_have_to_draw_anew():
    # A 4 x 4 square has 12 contour pixels; the candidate is one column short, so one side of 4 pixels is missing.
    reference, candidate = box((3, 5), (2, 6), (2, 6)), box((3, 5), (2, 6), (2, 5))
    comparison = one(reference, candidate, (5.0, 0.5, 0.7))
    # Per slice: 4 pixels of the reference's last column; its last but one column was inside, and is no contour of its own.
    assert comparison.added_path_voxels == 2 * 4
    assert comparison.added_path_length_mm == pytest.approx(8 * 0.6)
    assert one(reference, reference).added_path_voxels == 0
    assert one(reference, np.zeros(SIZE, np.uint8)).added_path_voxels == 2 * 12


@settings(max_examples=60, deadline=None)
@given(maps=label_maps(), spacing=SPACINGS)
def test_surfel_values_equal_those_of_the_authors_of_the_surface_dice(maps, spacing):
    for comparison in compare(*maps, spacing):
        r, c = (m == comparison.label for m in maps)
        if not (r.any() and c.any()):
            continue
        theirs = surface_distance.compute_surface_distances(r, c, spacing)
        means = surface_distance.compute_average_surface_distance(theirs)
        areas = theirs["surfel_areas_gt"].sum(), theirs["surfel_areas_pred"].sum()
        assert comparison.hausdorff_mm == pytest.approx(surface_distance.compute_robust_hausdorff(theirs, 100), abs=1e-9)
        assert comparison.hausdorff_95_mm == pytest.approx(surface_distance.compute_robust_hausdorff(theirs, 95), abs=1e-9)
        assert comparison.assd_mm == pytest.approx(np.dot(means, areas) / sum(areas), abs=1e-9)
        for tolerance, value in comparison.surface_dice:
            assert value == pytest.approx(surface_distance.compute_surface_dice_at_tolerance(theirs, tolerance), abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(maps=label_maps(), spacing=SPACINGS)
def test_voxel_values_equal_plain_scipy(maps, spacing):
    for comparison in compare(*maps, spacing, definition="voxel"):
        r, c = (m == comparison.label for m in maps)
        if not (r.any() and c.any()):
            continue
        there, back = border_distances_mm(r, c, spacing)
        assert comparison.hausdorff_mm == pytest.approx(max(there.max(), back.max()))
        assert comparison.hausdorff_95_mm == pytest.approx(max(np.percentile(there, 95), np.percentile(back, 95)))
        assert comparison.assd_mm == pytest.approx(np.concatenate([there, back]).mean())
        for tolerance, value in comparison.surface_dice:
            assert value == pytest.approx(np.mean(np.concatenate([there, back]) <= tolerance))


@settings(max_examples=60, deadline=None)
@given(maps=label_maps())
def test_counts_pieces_and_paths_equal_plain_scipy(maps):
    for comparison in compare(*maps, (2.0, 1.0, 1.0)):
        r, c = (m == comparison.label for m in maps)
        assert (comparison.voxels_reference, comparison.voxels_candidate) == (r.sum(), c.sum())
        assert comparison.dice == pytest.approx(dice(r, c))
        assert comparison.added_path_voxels == np.count_nonzero(contour(r) & ~contour(c))
        for mask, pieces in ((r, comparison.pieces_reference), (c, comparison.pieces_candidate)):
            if mask.any():
                assert (pieces.islands, pieces.holes) == (island_count(mask), hole_count(mask))


@pytest.mark.parametrize(
    ("dense_plane", "most_planes", "voxels_per_point"),
    [(1, 10**6, 150), (10**9, 0, 10**9), (10**9, 0, 0)],
    ids=["plane by plane", "distance transform", "k-d tree"],
)
@settings(max_examples=25, deadline=None)
@given(maps=label_maps(), spacing=SPACINGS)
def test_every_way_to_a_far_point_gives_the_same_distance(dense_plane, most_planes, voxels_per_point, maps, spacing):
    before = nearest._DENSE_PLANE, nearest._MOST_DENSE_PLANES, nearest._VOXELS_PER_POINT, nearest._PLACES
    try:
        nearest._DENSE_PLANE, nearest._MOST_DENSE_PLANES, nearest._VOXELS_PER_POINT = dense_plane, most_planes, voxels_per_point
        nearest._PLACES = 7
        nearest._near_places.cache_clear()
        for comparison in compare(*maps, spacing, definition="voxel"):
            r, c = (m == comparison.label for m in maps)
            if r.any() and c.any():
                there, back = border_distances_mm(r, c, spacing)
                assert comparison.hausdorff_mm == pytest.approx(max(there.max(), back.max()))
                assert comparison.assd_mm == pytest.approx(np.concatenate([there, back]).mean())
    finally:
        nearest._DENSE_PLANE, nearest._MOST_DENSE_PLANES, nearest._VOXELS_PER_POINT, nearest._PLACES = before
        nearest._near_places.cache_clear()


@settings(max_examples=30, deadline=None)
@given(maps=label_maps(), spacing=SPACINGS, definition=st.sampled_from(["surfel", "voxel"]))
def test_exchanging_reference_and_candidate_changes_no_symmetric_measure(maps, spacing, definition):
    there = compare(*maps, spacing, definition=definition)
    back = compare(*maps[::-1], spacing, definition=definition)
    for a, b in zip(there, back, strict=True):
        for name in ("dice", "jaccard", "hausdorff_mm", "hausdorff_95_mm", "assd_mm"):
            x, y = getattr(a, name), getattr(b, name)
            assert (x is None) == (y is None)
            assert x is None or x == pytest.approx(y)


@settings(max_examples=30, deadline=None)
@given(maps=label_maps(), spacing=SPACINGS, shift=st.tuples(*[st.integers(0, 3)] * 3))
def test_moving_both_maps_or_renaming_labels_changes_nothing(maps, spacing, shift):
    wide = [np.pad(m, [(n, 3 - n) for n in shift]) for m in maps]
    renamed = [np.array([0, 9, 5, 200], np.uint8)[m] for m in maps]
    plain = {c.label: c for c in compare(*maps, spacing)}

    def numbers(c):
        distances = (c.hausdorff_mm, c.hausdorff_95_mm, c.assd_mm)
        # Another place may mean another way to a far point, and with it another last bit.
        rounded = tuple(value if value is None else float(f"{value:.12g}") for value in distances)
        return (c.dice, *rounded, c.surface_dice, c.pieces_reference, c.added_path_voxels)

    for c in compare(*wide, spacing):
        assert numbers(c) == numbers(plain[c.label])
    for c in compare(*renamed, spacing):
        assert numbers(c) == numbers(plain[{9: 1, 5: 2, 200: 3}[c.label]])


@settings(max_examples=20, deadline=None)
@given(maps=label_maps(), spacing=SPACINGS)
def test_a_map_compared_with_itself_agrees_completely(maps, spacing):
    for comparison in compare(maps[0], maps[0], spacing):
        assert (comparison.dice, comparison.jaccard, comparison.relative_volume_difference) == (1, 1, 0)
        assert (comparison.hausdorff_mm, comparison.assd_mm, comparison.added_path_voxels) == (0, 0, 0)
        assert {value for _, value in comparison.surface_dice} == {1}


@settings(max_examples=15, deadline=None)
@given(maps=label_maps(), spacing=SPACINGS, definition=st.sampled_from(["surfel", "voxel"]))
def test_the_number_of_threads_changes_nothing(maps, spacing, definition):
    results = [compare(*maps, spacing, definition=definition, workers=workers) for workers in (1, 2, 5)]
    assert results[0] == results[1] == results[2]


def test_areas_of_all_256_patterns_equal_the_authors_table():
    kernel = np.array(lookup_tables.ENCODE_NEIGHBOURHOOD_3D_KERNEL)
    for spacing in ((1.0, 1.0, 1.0), (2.5, 0.8, 0.7), (1.0, 5.0, 0.3)):
        theirs = lookup_tables.create_table_neighbour_code_to_surface_area(spacing)
        ours = surface_areas_mm2(spacing)
        for code in range(256):
            their_code = sum(int(kernel[corner]) for n, corner in enumerate(CORNERS) if code >> n & 1)
            assert ours[code] == pytest.approx(theirs[their_code])


def test_the_surface_of_one_voxel_is_its_eight_cut_corners():
    # Each corner is cut by a triangle through three edge midpoints, with area vector (1/8, 1/8, 1/8) of the faces.
    k, j, i = 3.0, 2.0, 1.0
    triangle = np.linalg.norm([j * i, k * i, k * j]) / 8
    assert surface_areas_mm2((k, j, i))[1] == pytest.approx(triangle)


def test_islands_and_holes_are_counted():
    mask = box((1, 6), (1, 6), (1, 6)).astype(bool)
    assert (pieces_of(mask).islands, pieces_of(mask).holes) == (0, 0)
    mask[3, 3, 3] = False
    mask[9, 9, 9] = mask[11, 13, 15] = True
    assert (pieces_of(mask).islands, pieces_of(mask).holes) == (2, 1)


def test_voxels_that_touch_at_a_corner_are_one_piece_and_a_cup_has_no_hole():
    mask = np.zeros((4, 4, 4), bool)
    mask[0, 0, 0] = mask[1, 1, 1] = True
    assert pieces_of(mask).islands == 0
    cup = np.ones((3, 3, 3), bool)
    cup[1:, 1, 1] = False
    assert pieces_of(cup).holes == 0


def two_voxels_two_mm_apart():
    a, b = np.zeros((128, 128, 128), np.uint8), np.zeros((128, 128, 128), np.uint8)
    a[50, 60, 70] = b[50, 60, 72] = 1
    return a, b


def test_values_published_with_surface_distance():
    # google-deepmind/surface-distance, surface_distance_test.py.
    apart = one(*two_voxels_two_mm_apart(), (3, 2, 1))
    assert (apart.dice, apart.hausdorff_mm, apart.hausdorff_95_mm, apart.assd_mm) == (0, 2, 2, 1.5)
    assert apart.surface_dice[0] == (1, 0.5)
    a, b = np.zeros((100, 100, 100), np.uint8), np.zeros((100, 100, 100), np.uint8)
    a[:50] = b[:51] = 1
    thicker = one(a, b, (2, 1, 1))
    assert thicker.dice == pytest.approx(0.99, abs=0.001)
    assert (thicker.hausdorff_mm, thicker.hausdorff_95_mm) == (2, 2)
    assert thicker.surface_dice[0][1] == pytest.approx(0.836, abs=0.001)
    # Published directed means 0.322 and 0.339: the area-weighted mean over both lies between them.
    assert 0.322 < thicker.assd_mm < 0.339


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
        ("5c", {"hausdorff_mm": 11.31}),
    ],
)
def test_values_published_by_metrics_reloaded_are_of_the_voxel_definition(name, published):
    # Their figures are 2-D. In a stack of 400 equal slices far apart only the two end slices differ from that.
    reference, candidate = (np.repeat(mask[None], 400, axis=0).astype(np.uint8) for mask in figures()[name])
    comparison = one(reference, candidate, (1e3, 1.0, 1.0), definition="voxel")
    measured = {metric: getattr(comparison, metric, None) for metric in published}
    measured |= {"surface_dice_1mm": comparison.surface_dice[0][1]} if "surface_dice_1mm" in published else {}
    # Published with two or three digits.
    assert measured == pytest.approx(published, abs=0.006)


def test_the_published_distance_95_of_figure_5c_interpolates_between_border_voxels_and_the_surfel_one_does_not():
    # 8 border pixels at distance 0 and one at 11.31: MetricsReloaded interpolates to 6.79, surface-distance takes 11.31.
    step = np.zeros(8, np.int16)
    there = Distances(np.array([0.0]), np.append(step, np.int16(-1)), np.array([8]), np.array([128**0.5]))
    back = Distances(np.array([0.0]), step, np.array([], int), np.array([]))
    assert surface_numbers(there, back, None, ()).hausdorff_95_mm == pytest.approx(6.79, abs=0.005)
    equal = tuple(Elements(np.ones(n, np.uint8), np.ones(256)) for n in (9, 8))
    assert surface_numbers(there, back, equal, ()).hausdorff_95_mm == pytest.approx(11.31, abs=0.005)


def test_values_published_by_panoptica_on_a_real_spine(shared_data):
    import SimpleITK as sitk

    published = json.loads((shared_data / "reference_metrics" / "published_cases.json").read_text())["panoptica_spine"]
    folder = next((shared_data / "panoptica_spine" / "spine_seg").rglob("matched_instance"))
    reference, candidate = (sitk.GetArrayFromImage(sitk.ReadImage(next(folder.glob(pattern)))) for pattern in ("*ref*", "*pred*"))
    whole = one((reference != 0).astype(np.uint8), (candidate != 0).astype(np.uint8))
    assert whole.dice == pytest.approx(published["global_bin_dsc"], abs=1e-9)
    matched = [c for c in compare(reference, candidate, (1, 1, 1), definition="voxel") if c.jaccard]
    assert len(matched) == published["tp"]
    assert np.mean([c.jaccard for c in matched]) == pytest.approx(published["sq_iou"], abs=1e-9)
    assert np.mean([c.dice for c in matched]) == pytest.approx(published["sq_dsc"], abs=1e-9)
    # panoptica averages the two directed means; the voxel definition here takes the mean over all border voxels.
    assert np.mean([c.assd_mm for c in matched]) == pytest.approx(published["sq_assd_voxel_units"], rel=0.02)


def test_the_volume_of_the_ibsi_phantom_is_592_mm3(shared_data):
    import nibabel

    (path,) = (shared_data / "ibsi" / "ibsi_1_digital_phantom").rglob("*mask*.nii*")
    mask = np.asarray(nibabel.load(path).dataobj).astype(np.uint8)
    assert one(mask, mask, (2, 2, 2)).volume_reference_mm3 == 592


def test_dice_needs_masks_on_one_grid_and_two_empty_ones_have_none():
    with pytest.raises(ValueError, match="one grid"):
        dice(np.zeros((2, 2, 2), bool), np.zeros((2, 2, 3), bool))
    assert dice(np.zeros(SIZE, bool), np.zeros(SIZE, bool)) is None


@pytest.mark.parametrize("shape", list(itertools.product((1, 2), repeat=3)))
def test_the_smallest_maps_are_measured(shape):
    full = np.ones(shape, np.uint8)
    comparison = one(full, full)
    assert (comparison.dice, comparison.hausdorff_mm, comparison.voxels_reference) == (1, 0, full.size)


@settings(max_examples=20, deadline=None)
@given(mask=arrays(bool, st.tuples(*[st.integers(1, 6)] * 3)))
def test_pieces_of_any_mask_equal_plain_scipy(mask):
    pieces = pieces_of(mask)
    assert (pieces.islands, pieces.holes) == ((island_count(mask), hole_count(mask)) if mask.any() else (0, 0))
