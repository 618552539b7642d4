"""Noise, SNR, CNR, tumour-to-background ratio, contrast and sharpness at the border, SSIM: on images with known answers."""

import dataclasses
import math
from statistics import NormalDist

import numpy as np
import pytest
import SimpleITK as sitk
from scipy.special import erf

from quality_cases import CT, MR, ONE_COIL_MR, PET, a_case, a_limit, a_protocol, box, number, rows, sphere
from SegQCLib.acquisition import Acquisition
from SegQCLib.case import Case, Volume
from SegQCLib.checks import image_quality, protocol_coverage
from SegQCLib.findings import Status
from SegQCLib.quality.contrast_at_border import border_step, border_step_to_noise
from SegQCLib.quality.measure_image_quality import measure_image_quality
from SegQCLib.quality.noise import local_noise
from SegQCLib.quality.sharpness import TEN_TO_NINETY, edge_width
from SegQCLib.quality.snr import air_refusal, air_sample, difference_refusal, snr_difference
from SegQCLib.quality.ssim import ssim_map
from SegQCLib.quality.tumour_to_background import peak_value

SIZE = (40, 60, 60)
LIVER = box(SIZE, (5, 35), (5, 55), (5, 55))
LESION = sphere(SIZE, (1, 1, 1), (20, 30, 30), 8)


def gaussian(mean=60.0, noise=10.0, size=SIZE, seed=0) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, noise, size)


def rayleigh_mr(signal=200.0, noise=10.0, size=(40, 80, 80), seed=0) -> np.ndarray:
    """Magnitude of one coil's complex signal: Rayleigh noise where there is none."""
    real, imaginary = np.random.default_rng(seed).normal(0, noise, (2, *size))
    real[10:30, 25:55, 25:55] += signal
    return np.hypot(real, imaginary)


def blurred_ball(size, spacing_mm, center_kji, radius_mm, sigma_mm):
    """A ball of value 1 blurred by a Gaussian, in closed form, and each voxel's distance from its centre."""
    indices = np.ogrid[tuple(slice(0, n) for n in size)]
    r = np.sqrt(sum(((index - c) * mm) ** 2 for index, c, mm in zip(indices, center_kji, spacing_mm, strict=True)))
    r = np.maximum(r, 1e-6)
    wide = sigma_mm * math.sqrt(2)
    bells = np.exp(-(((radius_mm - r) / wide) ** 2)) - np.exp(-(((radius_mm + r) / wide) ** 2))
    steps = (erf((radius_mm - r) / wide) + erf((radius_mm + r) / wide)) / 2
    return steps - sigma_mm / (math.sqrt(2 * math.pi) * r) * bells, r


def test_noise_of_a_phantom_is_what_was_added_within_2_percent():
    case = a_case(gaussian(60, 12.5), liver=LIVER)
    for method in ("sd", "local"):
        row = number(case, measure="noise", method=method)
        assert row.value == pytest.approx(12.5, rel=0.02)
        assert row.unit == "[hnsf'U]"
        assert row.region == "core"


def test_local_noise_does_not_count_vessels():
    values = gaussian(60, 10)
    values[:, 20:24, :] += 150
    case = a_case(values, liver=LIVER)
    assert number(case, measure="noise", method="sd").value > 30
    assert number(case, measure="noise", method="local").value == pytest.approx(10, rel=0.05)


def test_noise_of_an_organ_that_is_not_uniform_says_that_it_is_none_of_the_image():
    values = gaussian(60, 10)
    assert number(a_case(values, liver=LIVER), measure="noise", method="sd").remark is None
    values[:, 20:24, :] -= 1000
    found = number(a_case(values, liver=LIVER), measure="noise", method="sd")
    assert found.remark.startswith("More than twice the local noise")


@pytest.mark.parametrize("pixel_mm", [0.7, 1.0, 2.0, 4.0])
def test_local_noise_is_the_noise_within_2_percent_on_fine_and_coarse_grids(pixel_mm):
    values = np.random.default_rng(5).normal(60, 12.5, (25, 90, 90))
    assert local_noise(values, np.ones(values.shape, bool), (3.0, pixel_mm, pixel_mm)) == pytest.approx(12.5, rel=0.02)


def test_local_noise_is_the_median_of_the_windows_standard_deviations():
    values = np.random.default_rng(1).normal(0, 5, (1, 9, 9))
    # 2 mm voxels: windows of 3 x 3, and 7 x 7 of them lie in the mask.
    expected = np.median(np.lib.stride_tricks.sliding_window_view(values[0], (3, 3)).reshape(-1, 9).std(axis=1, ddof=1))
    # The median of chi-squared with 8 degrees of freedom, from printed tables: 7.344.
    expected /= math.sqrt(7.344 / 8)
    assert local_noise(values, np.ones(values.shape, bool), (5.0, 2.0, 2.0)) == pytest.approx(expected, rel=1e-4)


def test_snr_in_tissue_is_mean_over_noise_within_2_percent():
    row = number(a_case(gaussian(300, 10), acquisition=MR, liver=LIVER), measure="snr", method="tissue")
    assert row.value == pytest.approx(30, rel=0.02)
    assert row.unit == "1"


def test_snr_from_the_air_is_signal_over_noise_of_a_coil_within_2_percent():
    masks = {"liver": box((40, 80, 80), (12, 28), (27, 53), (27, 53))}
    row = number(
        a_case(rayleigh_mr(200, 10), acquisition=ONE_COIL_MR, **masks), a_protocol(modality="MR"), measure="snr", method="air"
    )
    assert row.value == pytest.approx(20, rel=0.02)


def test_snr_of_two_acquisitions_is_that_of_one_within_2_percent_and_ignores_what_both_share():
    shared = gaussian(300, 40, seed=5)
    first, second = shared + gaussian(0, 10, seed=1), shared + gaussian(0, 10, seed=2)
    row = number(a_case(first, acquisition=MR, second=second, liver=LIVER), measure="snr", method="difference")
    assert row.value == pytest.approx(30, rel=0.02)
    assert "without motion" in row.remark


def test_cnr_against_the_tissue_around_a_lesion_is_the_contrast_in_units_of_its_noise():
    values = gaussian(60, 10) - 40 * LESION
    row = number(a_case(values, Lesion_1=LESION), measure="cnr", region="whole")
    assert row.value == pytest.approx(4, rel=0.02)
    assert row.voxels == np.count_nonzero(LESION)


def test_tumour_to_background_is_the_ratio_of_uptakes():
    size, spacing_mm = (40, 40, 40), (3.0, 4.0, 4.0)
    liver, lesion = box(size, (0, 40), (0, 40), (0, 20)), sphere(size, spacing_mm, (20, 20, 30), 14)
    values = np.where(lesion, 10.0, np.where(liver, 2.0, 1.0))
    values[20, 20, 30] = 16.0
    case = a_case(values, spacing_mm, PET, liver=liver, Lesion_1=lesion)
    ball = np.count_nonzero(sphere((9, 9, 9), spacing_mm, (4, 4, 4), (750 / math.pi) ** (1 / 3)))
    expected = {
        "mean": (10 + 6 / np.count_nonzero(lesion)) / 2,
        "max": 8.0,
        "peak": (10 + 6 / ball) / 2,
    }
    for method, value in expected.items():
        row = number(case, a_protocol(modality="PT"), measure="tumour_to_background", method=method, background="liver sphere")
        assert row.value == pytest.approx(value)
        against_shell = number(
            case, a_protocol(modality="PT"), measure="tumour_to_background", method=method, background="tissue around Lesion 1"
        )
        assert against_shell.value > value
    assert "g/ml" in {row.unit for row in rows(case, a_protocol(modality="PT"), measure="noise")}


def test_on_pet_a_segment_of_which_nothing_is_known_says_why_it_has_no_ratio():
    case = a_case(np.full((20, 20, 20), 2.0), (4.0, 4.0, 4.0), PET, GTV=box((20, 20, 20), (5, 15), (5, 15), (5, 15)))
    found = [m for m in measure_image_quality(case, None).measurements if m.measure == "tumour_to_background"]
    assert [m.method for m in found] == ["mean", "max", "peak"]
    assert all("Nothing says whether this segment is a lesion" in m.reason for m in found)


def test_a_ratio_to_the_tissue_beside_a_lesion_says_that_uptake_spills_over():
    size, spacing_mm = (40, 40, 40), (4.0, 4.0, 4.0)
    liver, lesion = (sphere(size, spacing_mm, (20, 20, i), radius_mm) for i, radius_mm in ((12, 40), (32, 10)))
    case = a_case(np.where(lesion, 8.0, 2.0), spacing_mm, PET, liver=liver, Lesion_1=lesion)
    found = rows(case, a_protocol(modality="PT"), measure="tumour_to_background")
    told = {row.background: "spreads" in (row.remark or "") for row in found}
    assert told == {"liver sphere": False, "tissue around Lesion 1": True}


def test_suv_peak_of_a_ramp_is_the_ramp_at_the_highest_centre():
    # The mean of a straight ramp over a sphere is its value in the middle of the sphere.
    values = np.broadcast_to(np.arange(40.0)[:, None, None], (40, 30, 30))
    mask = box((40, 30, 30), (10, 21), (10, 20), (10, 20))
    assert peak_value(values, mask, (1.0, 2.0, 2.0)) == pytest.approx(20)


def test_suv_peak_of_the_ibsi_digital_phantom_is_its_global_intensity_peak(shared_data):
    # 3.1 (tag loc_peak_glob): the Image Biomarker Standardisation Initiative's reference for the digital phantom.
    folder = shared_data / "ibsi" / "ibsi_1_digital_phantom" / "nifti"
    image, mask = (sitk.ReadImage(folder / name / f"{file}.nii.gz") for name, file in (("image", "phantom"), ("mask", "mask")))
    found = peak_value(sitk.GetArrayFromImage(image), sitk.GetArrayFromImage(mask) == 1, image.GetSpacing()[::-1])
    assert found == pytest.approx(3.1, abs=0.05)


def test_contrast_at_the_border_is_the_step_across_it():
    values = gaussian(50, 8) + 60 * LESION
    case = a_case(values, Lesion_1=LESION)
    step = number(case, measure="contrast_at_border", method="step")
    assert step.value == pytest.approx(60, rel=0.02)
    assert step.unit == "[hnsf'U]"
    assert number(case, measure="contrast_at_border", method="step_to_noise").value == pytest.approx(60 / 8, rel=0.05)


def test_the_border_s_shells_are_three_millimetres_of_voxels_on_both_sides():
    values = np.zeros((1, 1, 20))
    values[0, 0, :10] = [0, 0, 0, 0, 0, 0, 0, 30, 40, 50]
    values[0, 0, 10:] = [5, 6, 7, 99, 99, 99, 99, 99, 99, 99]
    mask = box((1, 1, 20), (0, 1), (0, 1), (0, 10))
    row = number(a_case(values, acquisition=MR, liver=mask), a_protocol(modality="MR"), measure="contrast_at_border", method="step")
    assert row.value == pytest.approx(40 - 6)
    assert row.voxels == 6
    assert row.unit == "{arbitrary}"


def test_a_border_step_without_scatter_has_no_ratio_to_it():
    ones, tens = np.ones(5), np.full(5, 10.0)
    assert border_step(ones, tens) == 9
    assert math.isnan(border_step_to_noise(ones, tens))
    assert math.isnan(border_step(ones, tens[:0]))


@pytest.mark.parametrize("spacing_mm", [(1.0, 1.0, 1.0), (3.0, 0.8, 0.8), (5.0, 0.7, 0.7)])
@pytest.mark.parametrize("sigma_mm", [0.6, 1.0, 2.0])
def test_the_edge_of_a_blurred_ball_is_2_563_sigma_wide(spacing_mm, sigma_mm):
    size = tuple(int(50 / mm) for mm in spacing_mm)
    center = tuple(n / 2 + 0.21 for n in size)
    values, r = blurred_ball(size, spacing_mm, center, 15, sigma_mm)
    found = edge_width(100 * values + 40, r <= 15, spacing_mm)
    assert found.width_mm == pytest.approx(2.563 * sigma_mm, rel=0.03)
    # Noise of a tenth of the step, and an outline drawn 1 mm too wide, change little.
    noisy = 100 * values + gaussian(0, 10, size)
    assert edge_width(noisy, r <= 16, spacing_mm).width_mm == pytest.approx(2.563 * sigma_mm, rel=0.12)


def test_ten_to_ninety_percent_of_a_gaussian_edge_is_2_563_sigma():
    assert pytest.approx(2 * NormalDist().inv_cdf(0.9)) == TEN_TO_NINETY
    assert round(TEN_TO_NINETY, 3) == 2.563


def test_no_edge_is_found_in_noise():
    found = edge_width(gaussian(60, 10), LESION, (1.0, 1.0, 1.0))
    assert math.isnan(found.width_mm)
    assert found.visible < found.profiles / 4
    row = number(a_case(gaussian(60, 10), Lesion_1=LESION), measure="sharpness")
    assert row.value is None
    assert "visible at" in row.reason


# Values by MRIQC 24.0.2 (mriqc.qc.anatomical), run on the same voxels.
def test_snr_in_tissue_is_mriqc_s_snr(shared_data):
    files = [shared_data / "pyradiomics" / f"brain1_{name}.nrrd" for name in ("image", "label")]
    image, label = (sitk.GetArrayFromImage(sitk.ReadImage(file)) for file in files)
    row = number(
        a_case(image, (6.5, 0.78125, 0.78125), MR, Lesion_1=label == 1), a_protocol(modality="MR"), measure="snr", region="whole"
    )
    assert row.value == pytest.approx(5.268687697766578, rel=1e-12)


@pytest.fixture(scope="module")
def multiple_sclerosis(shared_data):
    """Return FLAIR, T1 and consensus lesions of a patient (Lesjak et al., Neuroinformatics 2017)."""
    folder = shared_data / "open_ms" / "MNI" / "patient07"
    names = (
        "FLAIR_N4_noneck_reduced_winsor_regtoFLAIR_brain_N4_regtoMNI",
        "T1_N4_noneck_reduced_winsor_regtoFLAIR_brain_N4_regtoMNI",
        "GOLD_STANDARD_N4_noneck_reduced_winsor_regtoFLAIR_regtoMNI",
    )
    flair, t1, lesions = (sitk.GetArrayFromImage(sitk.ReadImage(folder / f"{name}.nii.gz")) for name in names)
    return flair, t1, lesions == 1


def test_snr_and_cnr_of_lesions_on_flair_and_t1_are_mriqc_s(multiple_sclerosis):
    flair, t1, lesions = multiple_sclerosis
    block = box(flair.shape, (100, 108), (100, 108), (60, 68))
    masks = {"Lesion_1": lesions, "Lesion_1_background": block}
    protocol = a_protocol(modality="MR")
    case = a_case(flair, acquisition=MR, second=t1, **masks)
    assert number(case, protocol, measure="snr", region="whole").value == pytest.approx(7.561525407614047, rel=1e-6)
    # mriqc's cnr with the background's standard deviation as the only one.
    assert number(case, protocol, measure="cnr", region="whole", background="Lesion 1 background").value == pytest.approx(
        3.736392383928123, rel=1e-6
    )
    t1_case = a_case(t1, acquisition=MR, Lesion_1=lesions)
    assert number(t1_case, protocol, measure="snr", region="whole").value == pytest.approx(4.811091771694153, rel=1e-6)


# Values by scikit-image 0.26.0 (skimage.metrics.structural_similarity, full=True; gaussian_weights with
# use_sample_covariance=False for gaussian_11): mean of the map, and single voxels of it.
def test_ssim_is_scikit_image_s():
    rng = np.random.default_rng(7)
    first = rng.normal(100, 20, (31, 40))
    second = first + rng.normal(0, 10, first.shape)
    second[5:12, 8:20] += 30
    expected = {
        "uniform_7": (0.8502125654570868, 0.702971046298922, 0.8076708999118629, 0.8274716739724143, 0.8763375421519789),
        "gaussian_11": (0.8506365362414521, 0.5925273092445694, 0.8510824467729349, 0.8315120259708617, 0.8384755209950637),
    }
    for window, (mean, *voxels) in expected.items():
        found = ssim_map(first, second, float(np.ptp(first)), window)
        assert found.mean() == pytest.approx(mean, abs=1e-12)
        assert [found[place] for place in ((0, 0), (9, 14), (30, 39), (15, 5))] == pytest.approx(voxels, abs=1e-12)


def test_ssim_of_two_real_brain_images_is_scikit_image_s(multiple_sclerosis):
    flair, t1, _ = multiple_sclerosis
    first, second = (image[90:110, 100:140, 60:100].astype(float) for image in (flair, t1))
    data_range = float(np.ptp(first))
    inside = (slice(3, -3),) * 3
    assert ssim_map(first, second, data_range)[inside].mean() == pytest.approx(0.027330951828189207, abs=1e-9)
    inside = (slice(5, -5),) * 3
    assert ssim_map(first, second, data_range, "gaussian_11")[inside].mean() == pytest.approx(0.049073426215714304, abs=1e-9)


def test_ssim_of_an_image_with_itself_is_1_and_falls_with_noise():
    values = gaussian(60, 10) + 100 * LESION
    same = rows(a_case(values, second=values, Lesion_1=LESION), measure="ssim")
    assert [row.value for row in same] == [pytest.approx(1), pytest.approx(1)]
    noisy = rows(a_case(values, second=values + gaussian(0, 30, seed=3), Lesion_1=LESION), measure="ssim")
    assert all(row.value < 0.9 for row in noisy)


def test_ssim_is_refused_without_a_second_image_and_on_another_grid():
    values = gaussian()
    alone = rows(a_case(values, Lesion_1=LESION, liver=LIVER), measure="ssim")
    assert {row.segment for row in alone} == {"Lesion 1"}
    assert all(row.value is None and "two registered images" in row.reason for row in alone)
    case = a_case(values, Lesion_1=LESION)
    other = a_case(values, (2.0, 1.0, 1.0), Lesion_1=LESION).image
    moved = rows(Case(case.image, case.candidate, second_image=other), measure="ssim")
    assert all("another grid" in row.reason for row in moved)


def test_ssim_remarks_that_two_frames_of_reference_need_a_registration():
    acquisitions = [dataclasses.replace(CT, frame_of_reference_uid=uid) for uid in ("1.2.3", "1.2.4")]
    case = a_case(gaussian(), acquisition=acquisitions[0], Lesion_1=LESION)
    second = Volume(gaussian(seed=1), case.image.geometry, acquisitions[1])
    found = rows(Case(case.image, case.candidate, second_image=second), measure="ssim")
    assert all("registered" in row.remark for row in found)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"modality": "CT"}, "CT"),
        ({"modality": "PT"}, "PET"),
        ({"modality": None}, "does not say"),
        ({"receive_coil_type": None}, "does not say that one coil"),
        ({"receive_coil_type": "MULTICOIL"}, "MULTICOIL"),
        ({"receive_coil_type": "SURFACE"}, "SURFACE"),
        ({"parallel_acquisition": "YES"}, "parallel imaging"),
        ({"parallel_acquisition": None}, "does not say that one coil"),
        ({"image_type": ("ORIGINAL", "PRIMARY", "P")}, "Image Type"),
        ({"complex_image_component": "PHASE"}, "PHASE"),
    ],
)
def test_air_is_no_measure_of_noise_but_on_magnitude_mr_of_one_coil(changes, word):
    acquisition = dataclasses.replace(ONE_COIL_MR, **changes)
    assert word in air_refusal(acquisition, acquisition.modality)
    assert air_refusal(ONE_COIL_MR, "MR") is None


def test_an_enhanced_mr_says_what_coil_received_it(tmp_path):
    pytest.importorskip("pydicom")
    from pydicom.uid import EnhancedMRImageStorage

    from dicom_multi_frame import at, write_multi_frame
    from SegQCLib.images import read_image

    coil = {"MRReceiveCoilSequence": {"ReceiveCoilType": "BODY"}, "MRModifierSequence": {"ParallelAcquisition": "NO"}}
    path = write_multi_frame(
        tmp_path / "mr.dcm", [at(0.0), at(2.0)], np.ones((2, 4, 4), np.int16), shared=coil, sop_class=EnhancedMRImageStorage,
        Modality="MR", ComplexImageComponent="MAGNITUDE",
    )  # fmt: skip
    acquisition = read_image(path).acquisition
    assert (acquisition.receive_coil_type, acquisition.parallel_acquisition) == ("BODY", "NO")
    assert air_refusal(acquisition, acquisition.modality) is None


def test_air_that_is_not_rayleigh_distributed_is_no_measure_of_noise():
    rng = np.random.default_rng(0)
    one_coil = np.hypot(*rng.normal(0, 10, (2, 5000)))
    # Two coils combined by their root sum of squares.
    two_coils = np.sqrt((rng.normal(0, 10, (4, 5000)) ** 2).sum(axis=0))
    assert air_sample(one_coil).reason is None
    assert "not Rayleigh" in air_sample(two_coils).reason
    assert "exactly 0" in air_sample(np.where(rng.random(5000) < 0.4, 0, one_coil)).reason
    assert "too little air" in air_sample(np.zeros(0)).reason


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"convolution_kernel": ("Br64",)}, "Convolution Kernel"),
        ({"modality": "MR"}, "Modality"),
        ({"series_instance_uid": "1.2"}, "same series"),
        ({"acquisition_time": "101500"}, "one acquisition"),
    ],
)
def test_another_reconstruction_is_no_second_acquisition(changes, word):
    first = dataclasses.replace(CT, convolution_kernel=("Br40",), series_instance_uid="1.2", acquisition_time="101500")
    second = dataclasses.replace(first, series_instance_uid="1.3", acquisition_time="101900")
    image = a_case(gaussian(), acquisition=first, liver=LIVER).image
    assert difference_refusal(image, dataclasses.replace(image, acquisition=second)) is None
    changed = dataclasses.replace(image, acquisition=dataclasses.replace(second, **changes))
    assert word in difference_refusal(image, changed)


def test_the_difference_of_two_equal_images_has_no_noise():
    assert math.isnan(snr_difference(np.ones(9), np.ones(9)))


def test_a_constant_image_has_no_ratios_to_its_noise_and_never_an_infinite_number():
    found = rows(a_case(np.full(SIZE, 40, np.int16), liver=LIVER, Lesion_1=LESION))
    assert all(row.value is None or math.isfinite(row.value) for row in found)
    for row in found:
        if row.measure in ("snr", "cnr", "sharpness") or row.method == "step_to_noise":
            assert row.value is None
            assert row.reason
        if row.measure == "noise":
            assert row.value == 0


@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.float32, np.float64])
def test_integers_and_floats_give_the_same_numbers(dtype):
    values = gaussian(100, 10).round().clip(0, 255)
    expected = [row.value for row in rows(a_case(values, liver=LIVER, Lesion_1=LESION))]
    assert [row.value for row in rows(a_case(values.astype(dtype), liver=LIVER, Lesion_1=LESION))] == pytest.approx(expected)


def test_values_that_are_not_finite_are_left_out_and_counted():
    values = gaussian(60, 10)
    values[10:12, 10:20, 10:20] = np.nan
    values[30, 30, 30] = np.inf
    row = number(a_case(values, liver=LIVER), measure="noise", method="sd")
    assert row.value == pytest.approx(10, rel=0.02)
    assert row.remark == "201 voxels without a finite value were left out."
    found = rows(a_case(np.full(SIZE, np.nan), liver=LIVER, Lesion_1=LESION))
    assert found
    assert all(row.value is None and row.reason for row in found)


def test_a_lesion_of_one_voxel_says_why_it_has_no_numbers():
    lesion = sphere(SIZE, (1, 1, 1), (20, 30, 30), 0.1)
    found = {(row.measure, row.method, row.region): row for row in rows(a_case(gaussian(), Lesion_1=lesion))}
    assert "at least two voxels" in found["snr", "tissue", "whole"].reason
    assert "too small or too thin" in found["noise", "sd", "core"].reason
    assert "too small or too thin" in found["sharpness", "edge_width", "shell"].reason
    assert found["cnr", "background_sd", "whole"].value is not None


def test_a_segment_at_the_corner_of_the_image_is_measured():
    found = rows(a_case(gaussian() + 100 * box(SIZE, (0, 12), (0, 12), (0, 12)), Lesion_1=box(SIZE, (0, 12), (0, 12), (0, 12))))
    step = next(row for row in found if row.method == "step")
    assert step.value == pytest.approx(100, rel=0.03)


def test_a_negative_mean_is_no_signal():
    row = number(a_case(gaussian(-80, 10), liver=LIVER), measure="snr", method="tissue")
    assert row.value is None
    assert "not above 0" in row.reason


def test_tumour_to_background_is_refused_without_suv():
    becquerel = Acquisition(modality="PT", value_unit="Bq/mL")
    found = rows(a_case(gaussian(5000, 100), acquisition=becquerel, Lesion_1=LESION), measure="tumour_to_background")
    assert [row.method for row in found] == ["mean", "max", "peak"]
    assert all("standardised uptake values" in row.reason for row in found)
    assert rows(a_case(gaussian(), Lesion_1=LESION), measure="tumour_to_background") == []


def test_hounsfield_units_are_assumed_for_a_nifti_under_a_ct_protocol_and_said_so():
    row = number(a_case(gaussian(), acquisition=Acquisition(), liver=LIVER), measure="noise", method="sd")
    assert row.unit == "[hnsf'U]"
    assert "assumed" in row.remark


def judged(case, *limits, **more):
    protocol = a_protocol(*limits, **more)
    return list(image_quality.judge(case, protocol, measure_image_quality(case, protocol).measurements))


@pytest.mark.parametrize(("maximum", "status"), [(12.0, Status.PASS), (8.0, Status.FAIL)])
def test_the_study_s_limit_for_noise_passes_or_fails(maximum, status):
    (finding,) = judged(a_case(gaussian(60, 10), liver=LIVER), a_limit("noise", maximum=maximum, unit="[hnsf'U]"))
    assert finding.status is status
    assert finding.check == "image_quality"
    assert finding.segment == "liver"
    assert finding.measured.endswith(" HU")
    assert finding.source == "study decision"


def test_a_limit_is_about_the_method_and_the_part_that_it_names():
    values = gaussian(60, 10)
    values[:, 20:24, :] += 150
    case = a_case(values, liver=LIVER)
    limit = a_limit("noise", maximum=15, unit="[hnsf'U]")
    assert judged(case, limit)[0].status is Status.FAIL
    assert judged(case, dataclasses.replace(limit, method="local"))[0].status is Status.PASS
    (whole,) = judged(case, dataclasses.replace(limit, part="whole"))
    assert "whole" in whole.message
    (shell,) = judged(case, dataclasses.replace(limit, part="shell"))
    assert shell.status is Status.FAIL


def test_a_limit_against_the_tissue_around_a_lesion_does_not_take_another_background():
    values = gaussian(60, 10) + 30 * LESION
    values[:, :, 50:] += 300
    liver = box(SIZE, (0, 40), (0, 60), (0, 60))
    (finding,) = judged(a_case(values, liver=liver, Lesion_1=LESION), a_limit("cnr", "lesion", minimum=2))
    assert finding.status is Status.PASS
    assert "tissue around Lesion 1" in finding.message


def test_every_lesion_is_judged_by_itself():
    other = sphere(SIZE, (1, 1, 1), (20, 12, 12), 5)
    values = gaussian(60, 10) + 50 * LESION + 3 * other
    findings = judged(a_case(values, Lesion_1=LESION, Lesion_2=other), a_limit("cnr", "lesion", minimum=2))
    assert [(finding.segment, finding.status) for finding in findings] == [("Lesion 1", Status.PASS), ("Lesion 2", Status.FAIL)]


@pytest.mark.parametrize(
    ("limit", "word"),
    [
        (a_limit("snr", minimum=10, method="air"), "magnitude MR"),
        (a_limit("snr", minimum=10, method="difference"), "second acquisition"),
        (a_limit("ssim", minimum=0.9), "two registered images"),
        (a_limit("tumour_to_background", minimum=1.5), "standardised uptake values"),
        (a_limit("tumour_to_background", "lesion", minimum=1.5, background="liver"), "standardised uptake values"),
        (a_limit("cnr", minimum=1, background="spleen"), "no segment of spleen"),
        (a_limit("cnr", "lesion", minimum=1, background="liver"), "No sphere of 10 mm fits into liver"),
        (a_limit("noise", "spleen", maximum=15, unit="[hnsf'U]"), "There is no segment of spleen"),
        (a_limit("noise", maximum=15, unit="g/ml"), "It is in HU"),
    ],
)
def test_what_cannot_be_measured_is_not_judged_and_says_why(limit, word):
    liver = box(SIZE, (5, 22), (5, 55), (5, 55))
    case = a_case(gaussian(), Lesion_1=sphere(SIZE, (1, 1, 1), (30, 50, 50), 4), liver=liver)
    (finding,) = judged(case, limit)
    assert finding.status is Status.NOT_EVALUATED
    assert word in finding.message


def test_an_empty_segment_and_a_case_without_numbers_are_not_judged():
    limit = a_limit("noise", maximum=15, unit="[hnsf'U]")
    (empty,) = judged(a_case(gaussian(), liver=np.zeros(SIZE, bool)), limit)
    assert "no voxels" in empty.message
    case = a_case(gaussian(), liver=LIVER)
    (unmeasured,) = image_quality.judge(case, a_protocol(limit), ())
    assert (unmeasured.status, "was not measured" in unmeasured.message) == (Status.NOT_EVALUATED, True)


def test_a_protocol_may_skip_the_check_and_coverage_no_longer_lists_it():
    limit = a_limit("noise", maximum=15, unit="[hnsf'U]")
    case = a_case(gaussian(), liver=LIVER)
    assert judged(case, limit, skipped_checks=("image_quality",)) == []
    assert list(protocol_coverage.run(case, a_protocol(limit))) == []


@pytest.mark.parametrize(
    ("limit", "place", "word"),
    [
        (a_limit("snr", minimum=1, method="local"), "method", "tissue, air, difference"),
        (a_limit("sharpness", maximum=3, unit="mm", part="core"), "part", "shell"),
        (a_limit("snr", minimum=1, unit="mm"), "limit.unit", "'1'"),
        (a_limit("noise", maximum=1, unit="mm"), None, None),
    ],
)
def test_a_limit_of_another_measure_s_method_part_or_unit_is_a_fault(limit, place, word):
    faults = dict(limit.faults())
    if place is None:
        assert faults == {}
    else:
        assert word in faults[place]


def test_a_value_that_is_not_finite_spoils_only_the_windows_it_lies_in():
    values, second = gaussian(60, 10), gaussian(60, 10, seed=2)
    spoilt = values.copy()
    # Data range counts within 10 mm of the lesion, windows within 5 voxels.
    spoilt[20, 30, 30 - 8 - 9] = np.inf
    expected = [row.value for row in rows(a_case(values, second=second, Lesion_1=LESION), measure="ssim")]
    found = [row.value for row in rows(a_case(spoilt, second=second, Lesion_1=LESION), measure="ssim")]
    assert found == pytest.approx(expected, rel=1e-3)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("seed", range(40))
def test_whatever_the_image_a_number_is_finite_or_has_its_reason(seed):
    rng = np.random.default_rng(seed)
    size = tuple(int(n) for n in rng.integers(1, (8, 40, 40)))
    values = rng.normal(50, 20, size)
    values[rng.random(size) < 0.2] = (np.nan, np.inf, 0, 50)[seed % 4]
    masks = {}
    for name in ("liver", "Lesion_1", "Lesion_2", "Lesion_1_background")[: rng.integers(1, 5)]:
        masks[name] = box(size, *(sorted(rng.integers(0, n + 1, 2)) for n in size)) & (rng.random(size) < 0.8)
    acquisition = (CT, PET, MR, ONE_COIL_MR, Acquisition())[seed % 5]
    case = a_case(values, tuple(rng.choice([0.1, 0.8, 3, 12], 3)), acquisition, values + 1 if seed % 2 else None, **masks)
    found = rows(case, a_protocol(a_limit("noise", "lesion", maximum=5, unit="[hnsf'U]", part="shell")))
    assert all((row.value is None) == (row.reason is not None) for row in found)
    assert all(row.value is None or math.isfinite(row.value) for row in found)
    assert not [fault for row in found for fault in row.faults()]
