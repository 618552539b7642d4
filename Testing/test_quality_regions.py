"""Where image quality is measured: core, shell, background regions, the air around a patient."""

import numpy as np
import pytest
from scipy import ndimage

from quality_cases import LESION, LIVER, PET, SPLEEN, a_case, a_limit, a_protocol, box, number, rows, sphere
from SegQCLib.case import Code, Segment, Segmentation, Terminology
from SegQCLib.geometry import Geometry
from SegQCLib.quality.background import largest_sphere
from SegQCLib.quality.body import ct_body
from SegQCLib.quality.measure_image_quality import measure_image_quality
from SegQCLib.quality.near import next_to, within_mm

SIZE = (40, 60, 60)


def ct(size=SIZE, seed=0, mean=60.0, noise=10.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, noise, size).astype(np.float32)


@pytest.mark.parametrize("seed", range(12))
def test_voxels_within_a_radius_are_those_of_a_distance_map(seed):
    rng = np.random.default_rng(seed)
    size, spacing_mm, radius_mm = rng.integers(1, (9, 20, 150)), rng.uniform(0.05, 5, 3), rng.uniform(0, 8)
    targets = rng.random(size) < 0.01
    targets[tuple(n // 2 for n in size)] = True
    distance_mm = ndimage.distance_transform_edt(~targets, sampling=spacing_mm)
    assert np.array_equal(within_mm(targets, tuple(spacing_mm), radius_mm), distance_mm <= radius_mm)
    assert np.array_equal(next_to(targets), ndimage.binary_dilation(targets))


def test_a_radius_of_ten_voxels_keeps_the_tenth_although_headers_round():
    targets = np.zeros((1, 1, 21), bool)
    targets[0, 0, 10] = True
    assert np.count_nonzero(within_mm(targets, (1.0, 1.0, 0.7000001), 7.0)) == 21
    assert np.count_nonzero(within_mm(targets, (1.0, 1.0, 0.7), 6.99)) == 19


def test_voxels_next_to_a_mask_in_plane_are_not_above_or_below_it():
    targets = box((3, 3, 3), (1, 2), (1, 2), (1, 2))
    assert np.count_nonzero(next_to(targets)) == 7
    assert np.count_nonzero(next_to(targets, in_plane=True)) == 5


def test_the_core_of_a_box_is_the_box_without_two_millimetres():
    # 1 mm voxels: more than 2 mm from the nearest voxel outside leaves 20 - 2 x 2 of 20.
    row = number(a_case(ct(), liver=box(SIZE, (10, 30), (10, 30), (10, 30))), measure="noise", method="sd")
    assert (row.region, row.voxels) == ("core", 16**3)


def test_the_core_loses_a_slice_at_each_end_although_slices_are_thicker_than_its_rim():
    row = number(a_case(ct(), (5.0, 1.0, 1.0), liver=box(SIZE, (10, 30), (10, 30), (10, 30))), measure="noise", method="sd")
    assert row.voxels == 18 * 16 * 16


def test_the_edge_of_the_image_is_no_border_of_a_segment():
    row = number(a_case(ct(), liver=np.ones(SIZE, bool)), measure="noise", method="sd")
    assert row.voxels == np.prod(SIZE)


def test_a_thin_segment_has_no_core_and_says_so():
    row = number(a_case(ct(), liver=box(SIZE, (10, 30), (10, 30), (10, 14))), measure="noise", method="sd")
    assert row.value is None
    assert row.voxels == 0
    assert "too small or too thin" in row.reason


def test_an_organ_s_core_leaves_its_lesions_out():
    liver, lesion = box(SIZE, (5, 35), (10, 50), (10, 50)), box(SIZE, (15, 20), (20, 25), (20, 25))
    values = ct()
    values[lesion] += 1000
    case = a_case(values, liver=liver, Lesion_1=lesion)
    row = number(case, measure="noise", method="sd", segment="liver", region="core")
    assert row.voxels == 26 * 36 * 36 - 125
    assert row.value == pytest.approx(10, rel=0.02)


def test_the_shell_of_a_single_voxel_has_the_voxels_between_two_spheres():
    lesion = sphere(SIZE, (1, 1, 1), (20, 30, 30), 0.1)
    shell = sphere(SIZE, (1, 1, 1), (20, 30, 30), 7) & ~sphere(SIZE, (1, 1, 1), (20, 30, 30), 2)
    row = number(a_case(ct(), Lesion_1=lesion), measure="cnr", region="whole")
    assert row.voxels == 1
    assert row.background == "tissue around Lesion 1"
    assert row.background_voxels == np.count_nonzero(shell)


def test_the_shell_is_measured_in_millimetres_whatever_the_voxels():
    spacing_mm = (3.0, 0.8, 0.8)
    lesion = sphere(SIZE, spacing_mm, (20, 30, 30), 0.1)
    ring = sphere(SIZE, spacing_mm, (20, 30, 30), 7) & ~sphere(SIZE, spacing_mm, (20, 30, 30), 2)
    # A voxel of 3 mm above and below touches the segment.
    ring &= ~ndimage.binary_dilation(lesion)
    row = number(a_case(ct(), spacing_mm, Lesion_1=lesion), measure="cnr", region="whole")
    assert row.background_voxels == np.count_nonzero(ring)


def test_the_shell_leaves_out_other_segments_but_the_organ_that_the_lesion_lies_in():
    liver, spleen = box(SIZE, (0, 40), (0, 60), (0, 31)), box(SIZE, (0, 40), (0, 60), (34, 60))
    lesion = sphere(SIZE, (1, 1, 1), (20, 30, 25), 4)
    inside = number(
        a_case(ct(), liver=liver & ~lesion, spleen=spleen, Lesion_1=lesion),
        measure="cnr", region="whole", background="tissue around Lesion 1",
    )  # fmt: skip
    alone = number(a_case(ct(), Lesion_1=lesion), measure="cnr", region="whole", background="tissue around Lesion 1")
    ring = sphere(SIZE, (1, 1, 1), (20, 30, 25), 20)
    beyond = within_mm(lesion, (1, 1, 1), 7) & ~within_mm(lesion, (1, 1, 1), 2) & ~next_to(lesion) & spleen & ring
    assert alone.background_voxels - inside.background_voxels == np.count_nonzero(beyond) > 0


def test_the_shell_leaves_out_the_air_outside_the_body_but_not_the_lung():
    values = np.full((30, 80, 80), -1000.0, np.float32)
    body, lung = box(values.shape, (0, 30), (9, 72), (9, 72)), box(values.shape, (0, 30), (27, 54), (27, 54))
    values[body], values[lung] = 40.0, -850.0
    values += ct(values.shape, mean=0.0)
    at_skin = sphere(values.shape, (1, 1, 1), (15, 40, 12), 3)
    in_lung = sphere(values.shape, (1, 1, 1), (15, 40, 40), 3)
    case = a_case(values, Lesion_1=at_skin, Lesion_2=in_lung)
    skin, nodule = (
        number(case, measure="noise", region="background", segment=name, method="sd") for name in ("Lesion 1", "Lesion 2")
    )
    assert 0 < skin.voxels < nodule.voxels
    assert skin.value == pytest.approx(10, rel=0.1)
    kept = ct_body(case.image).cut(np.ones(values.shape, bool), (slice(0, 30), slice(0, 80), slice(0, 80)))
    assert kept[lung].all()
    assert np.array_equal(kept, body)


def test_the_largest_sphere_lies_in_the_middle_of_a_cube_and_is_30_mm_at_most():
    mask, diameter_mm = largest_sphere(np.ones((61, 61, 61), bool), (1.0, 1.0, 1.0))
    assert diameter_mm == 30
    assert np.array_equal(mask, sphere((61, 61, 61), (1, 1, 1), (30, 30, 30), 15))


def test_the_sphere_keeps_5_mm_from_the_border_and_gives_up_below_10_mm():
    # From the middle of 25 voxels it is 13 mm to the next voxel outside: 8 mm of radius are left.
    mask, diameter_mm = largest_sphere(np.ones((25, 25, 25), bool), (1.0, 1.0, 1.0))
    assert diameter_mm == 16
    assert np.array_equal(mask, sphere((25, 25, 25), (1, 1, 1), (12, 12, 12), 8))
    assert largest_sphere(np.ones((17, 17, 17), bool), (1.0, 1.0, 1.0))[1] == 0
    assert largest_sphere(np.ones((19, 19, 19), bool), (1.0, 1.0, 1.0))[1] == 10


def test_a_lesion_in_the_liver_is_measured_against_normal_liver_away_from_all_lesions():
    liver, first = box(SIZE, (0, 40), (0, 60), (0, 60)), sphere(SIZE, (1, 1, 1), (20, 14, 14), 6)
    second = sphere(SIZE, (1, 1, 1), (20, 44, 44), 6)
    measured = measure_image_quality(a_case(ct(), liver=liver, Lesion_1=first, Lesion_2=second), a_protocol())
    background = next(segment for segment in measured.background.segments if segment.name == "liver sphere")
    mask = measured.background.mask(background)
    assert mask.any()
    assert ndimage.distance_transform_edt(~mask)[first | second].min() >= 5
    against = [row for row in measured.measurements if row.background == "liver sphere" and row.measure == "cnr"]
    assert {row.segment for row in against} == {"Lesion 1", "Lesion 2"}
    assert {row.background_voxels for row in against} == {np.count_nonzero(mask)}
    assert "sphere of" in against[0].definition


def test_on_pet_the_background_is_the_liver_wherever_the_lesion_is():
    liver, lesion = box(SIZE, (0, 40), (0, 60), (0, 34)), sphere(SIZE, (1, 1, 1), (20, 30, 50), 5)
    values = np.where(lesion, 8.0, 2.0).astype(np.float32)
    row = number(
        a_case(values, acquisition=PET, liver=liver, Lesion_1=lesion), a_protocol(modality="PT"),
        measure="tumour_to_background", method="mean", background="liver sphere",
    )  # fmt: skip
    assert row.value == pytest.approx(4)


def test_a_background_drawn_by_hand_replaces_the_automatic_one():
    liver, lesion = box(SIZE, (0, 40), (0, 60), (0, 60)), sphere(SIZE, (1, 1, 1), (20, 30, 30), 5)
    drawn = box(SIZE, (2, 6), (2, 12), (2, 12))
    measured = measure_image_quality(
        a_case(ct(), liver=liver & ~lesion & ~drawn, Lesion_1=lesion, Lesion_1_background=drawn), a_protocol()
    )
    against = {row.background: row.background_voxels for row in measured.measurements if row.measure == "cnr"}
    assert against["Lesion 1 background"] == 400
    assert "liver sphere" not in against
    assert [segment.name for segment in measured.background.segments] == ["tissue around Lesion 1"]


def test_a_segment_coded_as_background_serves_every_lesion():
    lesion, drawn = sphere(SIZE, (1, 1, 1), (20, 30, 30), 5), box(SIZE, (2, 6), (2, 12), (2, 12))
    case = a_case(ct(), Lesion_1=lesion, muscle=drawn)
    coded = Terminology(Code("309825002", "SCT", "Spatial and Relational Concept"), Code("125040", "DCM", "Background"))
    first, second = case.candidate.segments
    candidate = case.candidate.with_segments((first, Segment(second.id, second.name, 1, layer=1, terminology=coded)))
    case = type(case)(case.image, candidate)
    assert {row.background for row in rows(case, measure="cnr")} == {"muscle", "tissue around Lesion 1"}


def test_a_protocol_names_the_organ_that_a_lesion_is_measured_against():
    spleen, lesion = box(SIZE, (0, 40), (0, 60), (34, 60)), sphere(SIZE, (1, 1, 1), (20, 30, 14), 5)
    protocol = a_protocol(a_limit("cnr", "lesion", minimum=1, background="spleen"))
    row = number(a_case(ct(), spleen=spleen, Lesion_1=lesion), protocol, measure="cnr", region="whole", background="spleen sphere")
    assert row.background_voxels > 500


def test_an_organ_too_small_for_a_sphere_gives_the_reason_and_the_way_out():
    liver, lesion = box(SIZE, (12, 28), (20, 40), (20, 40)), sphere(SIZE, (1, 1, 1), (20, 30, 30), 3)
    row = number(a_case(ct(), liver=liver & ~lesion, Lesion_1=lesion), measure="cnr", region="whole", background="liver sphere")
    assert row.value is None
    assert "No sphere of 10 mm fits into liver" in row.reason
    assert "by hand" in row.reason


def test_background_regions_that_overlap_are_kept_in_layers_of_their_own():
    lesions = [sphere(SIZE, (1, 1, 1), (20, 30, 30 + offset), 3) for offset in (0, 10)]
    found = measure_image_quality(a_case(ct(), Lesion_1=lesions[0], Lesion_2=lesions[1]), a_protocol())
    background = found.background
    assert len(background.layers) == 2
    counts = {row.background: row.background_voxels for row in found.measurements if row.background}
    assert {segment.name: background.voxel_count(segment) for segment in background.segments} == counts
    assert {segment.terminology.type.meaning for segment in background.segments} == {"Reference Region"}
    assert {segment.algorithm_type for segment in background.segments} == {"AUTOMATIC"}


def test_an_oblique_image_has_the_numbers_of_the_same_voxels_upright():
    lesion = sphere(SIZE, (2, 1, 1), (20, 30, 30), 8)
    values = ct() + 100 * lesion
    turned = tuple(map(tuple, np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]))
    upright, oblique = (
        [(row.measure, row.method, row.region, row.value) for row in rows(a_case(values, (2.0, 1.0, 1.0), Lesion_1=lesion, **axes))]
        for axes in ({}, {"axes_lps": turned})
    )
    assert upright == oblique


def test_segments_that_are_no_structure_of_the_protocol_are_not_measured():
    case = a_case(ct(), liver=box(SIZE, (5, 30), (5, 30), (5, 30)), kidney=box(SIZE, (5, 30), (35, 55), (5, 30)))
    assert {row.segment for row in rows(case)} == {"liver"}
    without = measure_image_quality(case, None).measurements
    assert {(row.segment, row.structure) for row in without} == {("liver", None), ("kidney", None)}


def test_a_segment_without_voxels_has_no_numbers():
    assert rows(a_case(ct(), liver=np.zeros(SIZE, bool))) == []


def test_an_image_of_which_only_the_grid_is_known_has_no_numbers():
    grid = Geometry(SIZE, (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)))
    case = a_case(ct(), liver=box(SIZE, (5, 30), (5, 30), (5, 30)))
    case = type(case)(type(case.image)(None, grid), Segmentation("r", grid, case.candidate.layers, case.candidate.segments))
    assert measure_image_quality(case, a_protocol()).measurements == ()


def test_lesions_come_first_and_each_number_names_its_structure():
    case = a_case(ct(), liver=box(SIZE, (5, 30), (5, 30), (5, 30)), Lesion_1=sphere(SIZE, (1, 1, 1), (20, 45, 45), 5))
    found = rows(case, a_protocol(structures=(LIVER, SPLEEN, LESION)))
    assert found[0].structure == "lesion"
    assert found[-1].structure == "liver"
    assert all(not list(row.faults()) for row in found)


def test_in_coarse_images_the_shell_reaches_the_second_voxel_in_plane():
    spacing_mm = (3.0, 5.5, 5.5)
    lesion = sphere(SIZE, spacing_mm, (20, 30, 30), 0.1)
    ring = sphere(SIZE, spacing_mm, (20, 30, 30), 11) & ~ndimage.binary_dilation(lesion)
    assert ring[20, 30, 32]
    row = number(a_case(ct(), spacing_mm, Lesion_1=lesion), measure="cnr", region="whole")
    assert row.background_voxels == np.count_nonzero(ring)


def test_in_a_large_organ_the_sphere_keeps_its_margin_to_a_lesion_of_one_voxel():
    normal = np.ones((110, 110, 110), bool)
    normal[55, 55, 55] = False
    mask, diameter_mm = largest_sphere(normal, (1.0, 1.0, 1.0))
    assert diameter_mm == 30
    distance_mm = ndimage.distance_transform_edt(~mask)
    assert distance_mm[55, 55, 55] >= 5
    assert np.count_nonzero(mask) == np.count_nonzero(sphere((31, 31, 31), (1, 1, 1), (15, 15, 15), 15))
