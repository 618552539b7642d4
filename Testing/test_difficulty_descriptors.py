"""Sharpness, Fourier, wavelets, bands, uncertainty and position against answers that follow from arithmetic."""

import importlib.util
import math
import sys

import numpy as np
import pytest
import SimpleITK as sitk

from phantoms import box_array
from SegQCLib.difficulty.descriptors.describe import describe_lesion, describe_slice, descriptor_meaning, descriptor_names
from SegQCLib.difficulty.descriptors.fourier import fourier
from SegQCLib.difficulty.descriptors.position import CELLS, FrequencyMap
from SegQCLib.difficulty.descriptors.radiomics import radiomics
from SegQCLib.difficulty.descriptors.regions import border_bands, plain_box
from SegQCLib.difficulty.descriptors.sharpness import sharpness
from SegQCLib.difficulty.descriptors.uncertainty import uncertainty_statistics
from SegQCLib.difficulty.descriptors.wavelets import wavelet_8_levels, wavelet_bounded
from SegQCLib.errors import BadDataError

SPACING_MM = (2.5, 0.7, 0.7)

needs_wavelets = pytest.mark.skipif(importlib.util.find_spec("pywt") is None, reason="PyWavelets is not installed")


def a_box(size, k, j, i):
    return box_array(size, k, j, i).astype(bool)


def a_texture(shape, seed=0):
    return np.random.default_rng(seed).normal(-400, 120, shape)


def test_a_ramp_has_its_slope_squared_as_gradient_energy_and_no_curvature():
    j, i = np.meshgrid(np.arange(8), np.arange(9), indexing="ij")
    values = sharpness(6.0 * j + 2.0 * i, np.ones((8, 9), bool), (2.0, 0.5))
    assert values == pytest.approx({"gradient_energy": 3.0**2 + 4.0**2, "laplacian_variance": 0})


def test_a_chessboard_has_the_curvature_of_its_squares():
    board = np.indices((9, 9)).sum(axis=0) % 2 * 10.0
    values = sharpness(board, np.ones((9, 9), bool), (1.0, 1.0))
    # Each inner pixel differs by 10 from its four neighbours: +40 and -40, 25 of one and 24 of the other.
    mean = 40 / 49
    assert values["gradient_energy"] == pytest.approx(2 * 100)
    assert values["laplacian_variance"] == pytest.approx(1600 - mean**2)


def test_what_surrounds_the_region_does_not_count_in_its_sharpness():
    mask = a_box((6, 9, 9), (1, 5), (2, 7), (2, 7))
    image = a_texture(mask.shape)
    elsewhere = np.where(mask, image, 3000.0)
    assert sharpness(image, mask, SPACING_MM) == sharpness(elsewhere, mask, SPACING_MM)


def test_sharpness_of_one_voxel_is_undefined():
    assert all(math.isnan(value) for value in sharpness(np.ones((1, 1)), np.ones((1, 1), bool), (1.0, 1.0)).values())


def test_a_volume_of_one_slice_is_as_sharp_as_the_slice():
    image, mask = a_texture((1, 8, 8)), np.ones((1, 8, 8), bool)
    assert sharpness(image, mask, SPACING_MM) == sharpness(image[0], mask[0], SPACING_MM[1:])


@pytest.mark.parametrize(("cycles", "expected_db"), [(4, 120.0), (12, -120.0)])
def test_a_sine_lies_on_one_side_of_a_quarter_of_a_cycle_per_pixel(cycles, expected_db):
    wave = np.sin(2 * math.pi * cycles * np.arange(32) / 32)
    assert fourier(np.tile(wave, (16, 1)))["snr_db"] == expected_db


def test_a_coarse_sine_of_three_times_the_amplitude_has_nine_times_the_power():
    i = np.arange(64)
    wave = 3 * np.sin(2 * math.pi * 5 * i / 64) + np.sin(2 * math.pi * 25 * i / 64)
    assert fourier(np.tile(wave, (8, 1)) + 40)["snr_db"] == pytest.approx(10 * math.log10(9))


def test_fourier_of_equal_values_is_undefined():
    assert math.isnan(fourier(np.full((7, 5, 3), 0.1))["snr_db"])


@needs_wavelets
def test_squares_of_one_pixel_are_all_detail_of_the_finest_scale():
    board = np.indices((16, 16)).sum(axis=0) % 2.0
    values = wavelet_bounded(board, "db1")
    assert (values["dominant_scale"], values["scale_ratio"]) == (1, pytest.approx(1))
    # 16 pixels hold four levels of db1; all energy in one of them: variance of (1, 0, 0, 0).
    assert values["energy_variance"] == pytest.approx(3 / 16)
    assert math.isnan(values["fractality"])


@needs_wavelets
def test_stripes_four_pixels_wide_are_detail_of_the_third_scale():
    stripes = np.tile(np.arange(32) // 4 % 2, (32, 1)).astype(float)
    values = wavelet_bounded(stripes, "db1")
    assert values["dominant_scale"] == 3


@needs_wavelets
def test_detail_of_a_ramp_has_sixteen_times_the_energy_from_scale_to_scale():
    # From level to level, a ramp's step over a block doubles and the orthonormal sum over twice as many pixels along each
    # axis brings a factor of sqrt(2) twice: 4 in amplitude.
    ramp = np.tile(np.arange(32.0), (32, 1))
    assert wavelet_bounded(ramp, "db1")["fractality"] == pytest.approx(math.log2(16))


@needs_wavelets
def test_eight_levels_go_beyond_what_a_crop_holds():
    crop = a_texture((30, 30))
    eight, bounded = wavelet_8_levels(crop, "db2"), wavelet_bounded(crop, "db2")
    # shares of three levels have another variance than shares of eight.
    assert eight["energy_variance"] < bounded["energy_variance"]
    assert all(math.isfinite(value) for value in eight.values())


@needs_wavelets
def test_wavelets_of_equal_values_and_of_a_crop_without_a_level_are_undefined():
    for values in (wavelet_8_levels(np.full((9, 9), 0.1), "db2"), wavelet_bounded(a_texture((2, 2)), "db2")):
        assert all(math.isnan(value) for value in values.values())


@needs_wavelets
def test_a_volume_s_wavelets_are_those_of_its_slices_together():
    one = a_texture((16, 16))
    assert wavelet_bounded(np.stack([one, one]), "db2") == pytest.approx(wavelet_bounded(one, "db2"))


def test_bands_of_a_large_square_are_as_wide_as_said():
    mask = a_box((1, 40, 40), (0, 1), (10, 30), (10, 30))[0]
    inside, outside = border_bands(mask, (1.0, 1.0))
    assert not np.any(inside & ~mask)
    assert not np.any(outside & mask)
    assert np.count_nonzero(inside) == 20**2 - 14**2
    assert outside[20].sum() == 2 * 3


def test_bands_of_one_pixel_larger_than_the_width_are_the_pixel_and_its_neighbours():
    mask = a_box((1, 5, 5), (0, 1), (2, 3), (2, 3))[0]
    inside, outside = border_bands(mask, (4.0, 4.0))
    assert np.array_equal(inside, mask)
    assert np.count_nonzero(outside) == 4


def test_the_outer_band_ends_with_the_image():
    mask = a_box((4, 6, 6), (0, 4), (0, 3), (0, 6))
    inside, outside = border_bands(mask, SPACING_MM)
    assert inside.any()
    assert np.array_equal(outside, ~mask)
    inside, outside = border_bands(np.ones((2, 3, 3), bool), SPACING_MM)
    assert inside.all()
    assert not outside.any()


def test_a_plain_box_has_the_region_s_mean_around_the_region():
    mask = np.array([[False, False, False], [False, True, True], [False, True, False]])
    image = np.array([[9.0, 9, 9], [9, 1, 2], [9, 3, 9]])
    assert np.array_equal(plain_box(image, mask), [[1, 2], [3, 2]])


def test_uncertainty_statistics_are_those_of_the_region():
    values = np.array([[0.0, 0.1, 0.2, 0.3, 0.4, 9.9]])
    found = uncertainty_statistics(values, values < 1)
    assert found["mean"] == pytest.approx(0.2)
    assert found["standard_deviation"] == pytest.approx(math.sqrt(0.02))
    assert found["entropy"] == pytest.approx(math.log2(5))
    assert (found["percentile_25"], found["percentile_50"]) == pytest.approx((0.1, 0.2))
    assert (found["above_0_05"], found["above_0_1"], found["above_0_3"]) == (0.8, 0.6, 0.2)


def test_equal_uncertainty_has_no_entropy():
    assert uncertainty_statistics(np.full((3, 3), 0.25), np.ones((3, 3), bool))["entropy"] == 0


@pytest.mark.parametrize("wrong", [-0.1, math.nan, math.inf])
def test_uncertainty_that_is_negative_or_no_number_is_refused(wrong):
    with pytest.raises(BadDataError, match="uncertainty"):
        uncertainty_statistics(np.full((2, 2), wrong), np.ones((2, 2), bool))


def an_organ():
    return a_box((30, 30, 30), (3, 27), (3, 27), (3, 27))


def test_the_place_of_most_lesions_is_fully_usual_and_one_without_any_not_at_all():
    organ = an_organ()
    low, high = a_box(organ.shape, (4, 6), (4, 6), (4, 6)), a_box(organ.shape, (20, 22), (20, 22), (20, 22))
    usual = FrequencyMap.of([(low, organ), (low, organ), (high, organ)])
    assert usual.orthodoxy(low, organ) == pytest.approx(1)
    assert usual.orthodoxy(high, organ) == pytest.approx(1 / 2)
    assert usual.orthodoxy(a_box(organ.shape, (12, 14), (12, 14), (12, 14)), organ) == 0


def test_position_does_not_depend_on_where_the_organ_lies_or_how_large_it_is():
    lesion, organ = a_box((30, 30, 30), (3, 5), (3, 5), (3, 5)), an_organ()
    usual = FrequencyMap.of([(lesion, organ)])
    larger = np.pad(np.repeat(organ, 2, axis=1), ((5, 0), (0, 0), (2, 2)))
    same = np.pad(np.repeat(lesion, 2, axis=1), ((5, 0), (0, 0), (2, 2)))
    assert usual.orthodoxy(same, larger) == usual.orthodoxy(lesion, organ) == 1


def test_a_frequency_map_survives_its_file(tmp_path):
    usual = FrequencyMap.of([(a_box((30, 30, 30), (4, 9), (4, 9), (4, 9)), an_organ())])
    usual.save(tmp_path / "lung.npz")
    again = FrequencyMap.load(tmp_path / "lung.npz")
    assert (again.frequency.shape, again.lesions) == (CELLS, 1)
    assert np.array_equal(again.frequency, usual.frequency)


@pytest.mark.parametrize("content", [b"", b"no arrays", b"PK\x03\x04 and then nothing"])
def test_a_file_that_is_no_frequency_map_is_refused(tmp_path, content):
    path = tmp_path / "lung.npz"
    path.write_bytes(content)
    with pytest.raises(BadDataError, match=r"lung\.npz"):
        FrequencyMap.load(path)


def test_a_frequency_map_that_holds_something_else_is_refused(tmp_path):
    np.savez(tmp_path / "lung.npz", frequency=np.full((2, 2, 2), 7.0), lesions=3)
    with pytest.raises(BadDataError, match="shares from 0 to 1"):
        FrequencyMap.load(tmp_path / "lung.npz")


def a_described_lesion(**chosen):
    mask = a_box((7, 24, 24), (2, 5), (8, 16), (8, 16))
    healthy = a_box(mask.shape, (0, 7), (0, 4), (0, 24))
    uncertain = np.abs(a_texture(mask.shape, 1)) / 5000
    arguments = {"image": a_texture(mask.shape), "healthy": healthy, "uncertainty": uncertain, **chosen}
    return mask, arguments


@needs_wavelets
def test_every_group_is_described_in_a_lesion_and_in_a_slice_and_has_a_meaning():
    mask, arrays = a_described_lesion()
    usual = {"organ": np.ones_like(mask), "frequency": FrequencyMap.of([(mask, np.ones_like(mask))])}
    for unit, values in (
        ("lesion", describe_lesion(mask, SPACING_MM, **arrays, **usual)),
        ("slice", describe_slice(mask, 3, SPACING_MM, **arrays, **usual)),
    ):
        assert tuple(values) == descriptor_names(unit)
        for name in values:
            meaning = descriptor_meaning(name)
            assert meaning.text
            assert meaning.unit


def test_texture_is_that_of_the_lesion_and_imaging_that_of_healthy_tissue():
    mask, arrays = a_described_lesion()
    values = describe_lesion(mask, SPACING_MM, **arrays)
    for group, region in (("texture", mask), ("imaging", arrays["healthy"])):
        direct = radiomics(arrays["image"], region, SPACING_MM)
        assert {name: values[f"{group}.{name}"] for name in direct} == pytest.approx(direct, nan_ok=True)


def test_a_border_ratio_is_inside_over_outside():
    mask, arrays = a_described_lesion()
    arrays["image"] = np.where(mask, 60.0, -800.0)
    names = [f"border.{part}.first_order.mean" for part in ("inside", "outside", "ratio")]
    names += [f"border.{part}.sharpness.gradient_energy" for part in ("inside", "outside", "ratio")]
    values = describe_slice(mask, 3, SPACING_MM, **arrays, names=names)
    assert list(values) == names
    assert list(values.values())[:5] == [60, -800, 60 / -800, 0, 0]
    assert math.isnan(values["border.ratio.sharpness.gradient_energy"])


def test_a_lesion_that_fills_the_image_has_no_outside():
    values = describe_slice(np.ones((1, 6, 6), bool), 0, SPACING_MM, a_texture((1, 6, 6)), groups=["border"])
    assert math.isfinite(values["border.inside.first_order.mean"])
    assert all(math.isnan(value) for name, value in values.items() if ".inside." not in name)


def test_what_lies_far_away_changes_nothing():
    mask, arrays = a_described_lesion()
    near = describe_slice(mask, 3, SPACING_MM, **arrays)
    wider = {name: np.pad(array, ((1, 2), (9, 3), (4, 8))) for name, array in arrays.items()}
    assert describe_slice(np.pad(mask, ((1, 2), (9, 3), (4, 8))), 4, SPACING_MM, **wider) == pytest.approx(near, nan_ok=True)


def test_one_pixel_is_described():
    mask = a_box((3, 9, 9), (1, 2), (4, 5), (4, 5))
    values = describe_slice(mask, 1, SPACING_MM, a_texture(mask.shape), uncertainty=np.full(mask.shape, 0.2))
    assert values["geometry.sampling.pixels"] == 1
    assert math.isfinite(values["border.outside.first_order.mean"])
    assert values["uncertainty.region.mean"] == pytest.approx(0.2)
    assert all(math.isnan(values[f"texture.{name}"]) for name in ("sharpness.gradient_energy", "fourier.snr_db"))


def test_only_the_families_that_names_ask_for_are_computed():
    mask, arrays = a_described_lesion()
    arrays["image"] = arrays["image"] * 1e6
    with pytest.raises(BadDataError, match="grey levels"):
        describe_lesion(mask, SPACING_MM, **arrays, names=["texture.first_order.mean"])
    assert len(describe_lesion(mask, SPACING_MM, **arrays, names=["texture.sharpness.laplacian_variance"])) == 1


def test_a_descriptor_without_its_array_is_refused_by_name():
    mask, _ = a_described_lesion()
    with pytest.raises(ValueError, match=r"texture\.first_order\.mean"):
        describe_lesion(mask, SPACING_MM, names=["texture.first_order.mean", "geometry.shape.holes"])


def test_arrays_of_another_grid_are_refused():
    mask, arrays = a_described_lesion()
    with pytest.raises(ValueError, match="healthy"):
        describe_lesion(mask, SPACING_MM, arrays["image"], np.ones((7, 24, 23), bool))


def test_an_unknown_group_is_refused():
    mask, _ = a_described_lesion()
    with pytest.raises(ValueError, match="colour"):
        describe_lesion(mask, SPACING_MM, groups=["colour"])


def test_without_pywavelets_wavelets_are_left_out_unless_asked_for_by_name(monkeypatch):
    monkeypatch.setitem(sys.modules, "pywt", None)
    mask, _ = a_described_lesion()
    assert not [name for name in describe_lesion(mask, SPACING_MM) if "wavelet" in name]
    with pytest.raises(ImportError, match="pip install PyWavelets"):
        describe_lesion(mask, SPACING_MM, names=["geometry.wavelet_bounded.fractality"])


def test_a_real_organ_is_described_with_image(totalsegmentator):
    image = sitk.ReadImage(str(totalsegmentator / "example_ct_sm.nii.gz"))
    labels = sitk.GetArrayFromImage(sitk.ReadImage(str(totalsegmentator / "example_seg.nii.gz")))
    values, counts = np.unique(labels[labels > 0], return_counts=True)
    mask = labels == values[np.argsort(counts)[len(counts) // 2]]
    spacing_mm = image.GetSpacing()[::-1]
    found = describe_lesion(mask, spacing_mm, sitk.GetArrayFromImage(image), groups=("texture", "border"))
    assert found["texture.first_order.mean"] == pytest.approx(sitk.GetArrayFromImage(image)[mask].mean())
    assert sum(map(math.isfinite, found.values())) > 0.9 * len(found)
