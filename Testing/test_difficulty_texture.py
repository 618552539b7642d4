import csv
import math
import re
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from SegQCLib.difficulty.descriptors.first_order import first_order
from SegQCLib.difficulty.descriptors.glcm import glcm_features
from SegQCLib.difficulty.descriptors.gldm import dependences, gldm_features
from SegQCLib.difficulty.descriptors.glrlm import glrlm_features
from SegQCLib.difficulty.descriptors.glszm import glszm_features, zone_sizes
from SegQCLib.difficulty.descriptors.grey_levels import bin_grey_values, grey_levels
from SegQCLib.difficulty.descriptors.line_runs import count_along_lines
from SegQCLib.difficulty.descriptors.ngtdm import ngtdm_features, tone_differences
from SegQCLib.difficulty.descriptors.radiomics import DEFINITIONS, FAMILIES, radiomics
from SegQCLib.errors import BadDataError


def region_of(image):
    """Region of a whole image whose grey values are its levels; 0 lies outside."""
    image = np.array(image)
    return grey_levels(image[image > 0], image > 0)


def texture(region, merged=False):
    pairs, runs = count_along_lines(region)
    if merged:
        pairs, runs = pairs.sum(axis=0, keepdims=True), runs.sum(axis=0, keepdims=True)
    levels = region.levels
    return {
        "glcm": glcm_features(pairs, levels),
        "glrlm": glrlm_features(runs, levels),
        "glszm": glszm_features(*zone_sizes(region), levels),
        "gldm": gldm_features(dependences(region), levels),
        "ngtdm": ngtdm_features(region.counts, tone_differences(region), levels),
    }


def in_direction(region, per_direction, direction):
    return per_direction[[found for found, _ in region.directions].index(direction)]


PYRADIOMICS_FAMILIES = {"firstorder": "first_order"} | {name: name for name in ("glcm", "glrlm", "glszm", "gldm", "ngtdm")}


def snake_case(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def baseline(folder, family, column):
    with (folder / f"baseline_{family}.csv").open(newline="") as lines:
        rows = {row[0]: row[1:] for row in csv.reader(lines)}
    if column not in rows["featureName"]:
        return {}
    place = rows["featureName"].index(column)
    return {snake_case(name.rsplit("_", 1)[1]): float(row[place]) for name, row in rows.items() if name.startswith("original_")}


def pyradiomics_case(folder, case):
    image, label = sitk.ReadImage(folder / f"{case}_image.nrrd"), sitk.ReadImage(folder / f"{case}_label.nrrd")
    return image, sitk.GetArrayFromImage(label) == 1


@pytest.mark.parametrize("case", ["brain1", "breast1"])
@pytest.mark.parametrize("setting", ["", "_2d", "_FBN", "_combined", "_flatRegion", "_normalization", "_resegmentation"])
def test_every_value_equals_the_pyradiomics_baseline(shared_data, case, setting):
    folder = shared_data / "pyradiomics"
    image, mask = pyradiomics_case(folder, case)
    if setting == "_normalization":
        image = sitk.Normalize(image) * 100
    array = sitk.GetArrayFromImage(image).astype(float)
    if setting == "_resegmentation":
        inside = array[mask]
        mask = mask & (np.abs(array - inside.mean()) <= 3 * inside.std())
    values = array[mask]
    if setting == "_FBN":
        edges = np.histogram(values, 64)[1]
        edges[-1] += 1
        levels = np.digitize(values, edges)
    else:
        levels = bin_grey_values(values, {"_flatRegion": 5000, "_normalization": 5}.get(setting, 25))
    region = grey_levels(levels, mask)
    if setting == "_2d":
        region = replace(region, axes=(1, 2))
    # The first baseline column was made with voxelArrayShift 2000, which adds 2000 to grey values in the energies.
    shift = 2000 if setting == "" else 0
    found = texture(region, merged=setting == "_combined")
    found["first_order"] = first_order(values, region.counts, math.prod(image.GetSpacing()))
    shifted = first_order(values + shift, region.counts, math.prod(image.GetSpacing()))
    found["first_order"] |= {name: shifted[name] for name in ("energy", "total_energy", "root_mean_squared")}
    compared = 0
    for theirs, ours in PYRADIOMICS_FAMILIES.items():
        expected = baseline(folder / "baseline", theirs, case + setting)
        assert not expected or expected.keys() == FAMILIES[ours].keys()
        for name, value in expected.items():
            assert found[ours][name] == pytest.approx(value, rel=1e-5, abs=1e-11), f"{ours}.{name}"
        compared += len(expected)
    assert compared == {"_combined": 40, "_2d": 75, "_FBN": 75, "_flatRegion": 75}.get(setting, 93)


def test_radiomics_joins_the_families_of_the_baseline(shared_data):
    folder = shared_data / "pyradiomics"
    image, mask = pyradiomics_case(folder, "brain1")
    found = radiomics(sitk.GetArrayFromImage(image), mask, image.GetSpacing()[::-1])
    for theirs, ours in PYRADIOMICS_FAMILIES.items():
        for name, value in baseline(folder / "baseline", theirs, "brain1").items():
            if name not in ("energy", "total_energy", "root_mean_squared"):
                assert found[f"{ours}.{name}"] == pytest.approx(value, rel=1e-5)


# Tags of the reference values, in the order of the families' definitions; None where IBSI has no such feature.
IBSI_TAGS = {
    "first_order": (
        "stat_energy - ih_entropy stat_min stat_p10 stat_p90 stat_max stat_mean stat_median stat_iqr stat_range stat_mad"
        " stat_rmad stat_rms stat_skew stat_kurt stat_var ih_uniformity"
    ),
    "glcm": (
        "cm_auto_corr cm_joint_avg cm_clust_prom cm_clust_shade cm_clust_tend cm_contrast cm_corr cm_diff_avg cm_diff_entr"
        " cm_diff_var cm_energy cm_joint_entr cm_info_corr1 cm_info_corr2 cm_inv_diff_mom - cm_inv_diff_mom_norm cm_inv_diff"
        " cm_inv_diff_norm cm_inv_var cm_joint_max cm_sum_avg cm_sum_entr cm_joint_var"
    ),
    "glrlm": (
        "rlm_sre rlm_lre rlm_glnu rlm_glnu_norm rlm_rlnu rlm_rlnu_norm rlm_r_perc rlm_gl_var rlm_rl_var rlm_rl_entr rlm_lgre"
        " rlm_hgre rlm_srlge rlm_srhge rlm_lrlge rlm_lrhge"
    ),
    "glszm": (
        "szm_sze szm_lze szm_glnu szm_glnu_norm szm_zsnu szm_zsnu_norm szm_z_perc szm_gl_var szm_zs_var szm_zs_entr szm_lgze"
        " szm_hgze szm_szlge szm_szhge szm_lzlge szm_lzhge"
    ),
    "gldm": (
        "ngl_lde ngl_hde ngl_glnu ngl_dcnu ngl_dcnu_norm ngl_gl_var ngl_dc_var ngl_dc_entr ngl_lgce ngl_hgce ngl_ldlge"
        " ngl_ldhge ngl_hdlge ngl_hdhge"
    ),
    "ngtdm": "ngt_coarseness ngt_contrast ngt_busyness ngt_complexity ngt_strength",
}


@pytest.fixture(scope="module")
def phantom(shared_data):
    folder = shared_data / "ibsi" / "ibsi_1_digital_phantom" / "nifti"
    image, mask = (sitk.ReadImage(folder / name / f"{file}.nii.gz") for name, file in (("image", "phantom"), ("mask", "mask")))
    return sitk.GetArrayFromImage(image), sitk.GetArrayFromImage(mask) == 1, image.GetSpacing()[::-1]


@pytest.fixture(scope="module")
def references(shared_data):
    path = shared_data / "ibsi" / "reference_values" / "ibsi_1_reference_values_digital_phantom.csv"
    with path.open(newline="", encoding="utf-8-sig") as lines:
        rows = [row for row in csv.DictReader(lines) if row["reference value"]]
    return {row["tag"]: (row["reference value"], float(row["tolerance"] or 0)) for row in rows}


def assert_reference(value, reference, what):
    text, tolerance = reference
    # References are rounded to three significant digits.
    last_digit = 10.0 ** (math.floor(math.log10(abs(float(text)))) - 2) if float(text) else 0.005
    assert abs(value - float(text)) <= tolerance + 0.5001 * last_digit, f"{what}: {value}, reference {text} ± {tolerance}"


def assert_family(found, family, suffix, references):
    names = [(name, tag) for name, tag in zip(FAMILIES[family], IBSI_TAGS[family].split(), strict=True) if tag != "-"]
    for name, tag in names:
        assert (FAMILIES[family][name].ibsi is None) == (tag == "-")
        excess = 3 if name == "kurtosis" else 0  # IBSI's kurtosis is 0 for a normal distribution, pyradiomics' 3
        assert_reference(found[name] - excess, references[tag + suffix], f"{family}.{name}")


def test_phantom_in_3d_averaged_over_directions_matches_the_ibsi_references(phantom, references):
    image, mask, spacing_mm = phantom
    found = radiomics(image, mask, spacing_mm, bin_width=1)
    suffixes = {"first_order": "", "glcm": "_3D_avg", "glrlm": "_3D_avg", "glszm": "_3D", "gldm": "_3D", "ngtdm": "_3D"}
    for family, suffix in suffixes.items():
        assert_family({name: found[f"{family}.{name}"] for name in FAMILIES[family]}, family, suffix, references)


def test_phantom_in_3d_merged_over_directions_matches_the_ibsi_references(phantom, references):
    image, mask, _ = phantom
    region = grey_levels(image[mask].astype(int), mask)
    found = texture(region, merged=True)
    for family in ("glcm", "glrlm"):
        assert_family(found[family], family, "_3D_comb", references)


def test_phantom_slice_by_slice_matches_the_ibsi_references(phantom, references):
    image, mask, spacing_mm = phantom
    slices = [radiomics(image[k], mask[k], spacing_mm[1:], bin_width=1) for k in range(len(image)) if mask[k].any()]
    averaged = {name: np.mean([found[name] for found in slices]) for name in slices[0]}
    suffixes = {"glcm": "_2D_avg", "glrlm": "_2D_avg", "glszm": "_2D", "gldm": "_2D", "ngtdm": "_2D"}
    for family, suffix in suffixes.items():
        found = {name: averaged[f"{family}.{name}"] for name in FAMILIES[family]}
        assert_family(found, family, suffix, references)


HARALICK = [[1, 1, 2, 2], [1, 1, 2, 2], [1, 3, 3, 3], [3, 3, 4, 4]]
GALLOWAY = [[1, 2, 3, 4], [1, 3, 4, 4], [3, 2, 2, 2], [4, 1, 4, 1]]


def test_co_occurrences_of_haralicks_example():
    # Haralick et al. 1973, figure 3; the grey levels are 0 to 3 there.
    region = region_of(HARALICK)
    pairs, _ = count_along_lines(region)
    assert in_direction(region, pairs, (0, 1)).tolist() == [[4, 2, 1, 0], [2, 4, 0, 0], [1, 0, 6, 1], [0, 0, 1, 2]]
    assert in_direction(region, pairs, (1, 0)).tolist() == [[6, 0, 2, 0], [0, 4, 2, 0], [2, 2, 2, 2], [0, 0, 2, 0]]
    assert in_direction(region, pairs, (1, 1)).tolist() == [[2, 1, 3, 0], [1, 2, 1, 0], [3, 1, 0, 2], [0, 0, 2, 0]]
    assert in_direction(region, pairs, (1, -1)).tolist() == [[4, 1, 0, 0], [1, 2, 2, 0], [0, 2, 4, 1], [0, 0, 1, 0]]


def test_runs_of_galloways_example():
    # Galloway 1975; the grey levels are 0 to 3 there.
    region = region_of(GALLOWAY)
    _, runs = count_along_lines(region)
    assert in_direction(region, runs, (0, 1)).tolist() == [[4, 0, 0, 0], [1, 0, 1, 0], [3, 0, 0, 0], [3, 1, 0, 0]]
    assert in_direction(region, runs, (1, -1)).tolist() == [[4, 0, 0, 0], [4, 0, 0, 0], [0, 0, 1, 0], [3, 1, 0, 0]]


def test_zones_of_thibaults_example():
    counts, sizes = zone_sizes(region_of(GALLOWAY))
    assert sizes.tolist() == [1, 2, 3]
    assert counts.tolist() == [[2, 1, 0], [1, 0, 1], [0, 0, 1], [2, 0, 1]]


def test_dependences_of_pyradiomics_example():
    image = [[5, 2, 5, 4, 4], [3, 3, 3, 1, 3], [2, 1, 1, 1, 3], [4, 2, 2, 2, 3], [3, 5, 3, 3, 2]]
    counts = dependences(region_of(image))
    assert counts[:, :4].tolist() == [[0, 1, 2, 1], [1, 2, 3, 0], [1, 4, 4, 0], [1, 2, 0, 0], [3, 0, 0, 0]]
    assert not counts[:, 4:].any()


def test_tone_differences_of_amadasun_and_kings_matrix():
    # The example of the IBSI manual and of pyradiomics: no voxel has level 4.
    region = region_of([[1, 2, 5, 2], [3, 5, 1, 3], [1, 3, 5, 5], [3, 1, 1, 1]])
    expected = [
        sum(abs(1 - Fraction(mean)) for mean in ("10/3", "30/8", "15/5", "13/5", "15/5", "11/3")),
        abs(2 - Fraction(15, 5)) + abs(2 - Fraction(9, 3)),
        abs(3 - Fraction(12, 5)) + abs(3 - Fraction(18, 5)) + abs(3 - Fraction(20, 8)) + abs(3 - Fraction(5, 3)),
        abs(5 - Fraction(13, 5)) + abs(5 - Fraction(21, 8)) + abs(5 - Fraction(20, 8)) + abs(5 - Fraction(11, 5)),
    ]
    assert region.levels.tolist() == [1, 2, 3, 5]
    assert region.counts.tolist() == [6, 2, 4, 4]
    assert tone_differences(region) == pytest.approx([float(value) for value in expected])


def test_features_of_a_two_by_two_checkerboard_follow_from_arithmetic():
    # Levels 1 2 / 2 1: rows and columns hold only pairs 1-2, diagonals only equal pairs.
    found = radiomics(np.array([[0, 25], [25, 0]]), np.ones((2, 2), bool), (0.5, 2.0))
    assert found["glcm.contrast"] == pytest.approx((1 + 1 + 0 + 0) / 4)
    assert found["glcm.correlation"] == pytest.approx((-1 - 1 + 1 + 1) / 4)
    assert found["glcm.joint_energy"] == pytest.approx((0.5 + 0.5 + 1 + 1) / 4)
    assert found["glrlm.short_run_emphasis"] == pytest.approx((1 + 1 + (1 / 4 + 1 + 1) / 3 * 2) / 4)
    assert found["glszm.zone_percentage"] == 2 / 4
    assert found["gldm.large_dependence_emphasis"] == 4
    assert found["first_order.total_energy"] == 2 * 25**2 * 0.5 * 2.0
    assert found["first_order.entropy"] == 1


def test_grey_levels_begin_at_multiples_of_the_width():
    # pyradiomics' example: 54 to 166 with width 25 falls into bins from 50, 75, 100, 125, 150.
    assert bin_grey_values(np.array([54.0, 74.9, 75, 99, 100, 125, 166]), 25).tolist() == [1, 1, 2, 2, 3, 4, 5]
    assert bin_grey_values(np.array([-30.0, -25, -0.1, 0]), 25).tolist() == [1, 2, 2, 3]


def test_a_flat_region_has_the_values_that_pyradiomics_documents():
    found = radiomics(np.full((3, 4, 5), 40), np.ones((3, 4, 5), bool), (1.0, 1.0, 1.0))
    ones = "glcm.correlation glcm.mcc glcm.idm glcm.idn glcm.joint_energy first_order.uniformity gldm.low_gray_level_emphasis"
    zeros = (
        "first_order.skewness first_order.kurtosis first_order.variance first_order.entropy glcm.imc1 glcm.imc2"
        " glcm.joint_entropy glcm.inverse_variance ngtdm.contrast ngtdm.busyness ngtdm.complexity ngtdm.strength"
        " glszm.zone_variance"
    )
    assert {found[name] for name in ones.split()} == {1}
    assert {found[name] for name in zeros.split()} == {0}
    assert found["ngtdm.coarseness"] == 1e6
    assert found["glszm.large_area_emphasis"] == 60**2
    assert all(math.isfinite(value) for value in found.values())


@pytest.mark.parametrize("shape", [(1, 1), (1, 1, 1)])
def test_one_voxel_has_no_neighbours_but_every_other_value(shape):
    found = radiomics(np.full(shape, -800), np.ones(shape, bool), (1.0,) * len(shape))
    undefined = {name for name, value in found.items() if math.isnan(value)}
    assert undefined == {name for name in DEFINITIONS if name.startswith(("glcm.", "glrlm."))}
    assert found["first_order.mean"] == -800
    assert found["glszm.small_area_emphasis"] == found["gldm.small_dependence_emphasis"] == 1


def test_two_voxels_apart_in_a_line_have_runs_but_no_pairs():
    image = np.array([[0, 0, 100]])
    found = radiomics(image, np.array([[True, False, True]]), (1.0, 1.0))
    assert math.isnan(found["glcm.contrast"])
    assert math.isnan(found["first_order.robust_mean_absolute_deviation"])
    assert found["glrlm.run_percentage"] == 1
    assert found["glrlm.short_run_emphasis"] == 1


def test_more_than_255_grey_levels_are_counted():
    image = np.arange(400).reshape(20, 20)
    found = radiomics(image, np.ones(image.shape, bool), (1.0, 1.0), bin_width=1)
    assert found["first_order.entropy"] == pytest.approx(math.log2(400))
    # Neighbours differ by 1, 20, 21 or 19 in the four directions.
    assert found["glcm.contrast"] == pytest.approx((1 + 20**2 + 21**2 + 19**2) / 4)
    assert found["glszm.zone_percentage"] == 1


def test_an_empty_region_is_refused():
    with pytest.raises(BadDataError, match="no voxel"):
        radiomics(np.zeros((3, 3)), np.zeros((3, 3), bool), (1.0, 1.0))


def test_grey_values_that_are_not_numbers_are_refused_inside_the_region_only():
    image, mask = np.zeros((2, 3)), np.ones((2, 3), bool)
    image[0, 0] = math.nan
    with pytest.raises(BadDataError, match="not a number"):
        radiomics(image, mask, (1.0, 1.0))
    mask[0, 0] = False
    assert radiomics(image, mask, (1.0, 1.0))["first_order.mean"] == 0


@pytest.mark.parametrize("image", [np.arange(1200.0).reshape(30, 40), np.array([[0.0, 1e9]])])
def test_too_many_grey_levels_ask_for_a_wider_bin(image):
    with pytest.raises(BadDataError, match="larger bin width"):
        radiomics(image, np.ones(image.shape, bool), (1.0, 1.0), bin_width=1)


@pytest.mark.parametrize(
    ("shape", "spacing_mm", "bin_width"), [((3, 3), (1.0, 1.0, 1.0), 25), ((4, 3), (1.0, 1.0), 25), ((3, 3), (1.0, 1.0), 0)]
)
def test_misuse_is_a_value_error(shape, spacing_mm, bin_width):
    with pytest.raises(ValueError, match=r"grid|bin width"):
        radiomics(np.zeros((3, 3)), np.ones(shape, bool), spacing_mm, bin_width)


@st.composite
def regions(draw):
    dimensions = draw(st.integers(2, 3))
    shape = draw(st.tuples(*[st.integers(1, 6)] * dimensions))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    image = random.integers(0, draw(st.integers(1, 8)), shape) * 25 + random.integers(0, 25, shape)
    mask = random.random(shape) < draw(st.sampled_from([0.2, 0.6, 1]))
    mask.flat[0] = True
    return image, mask


def assert_same(found, expected, names=tuple(DEFINITIONS)):
    for name in names:
        assert found[name] == pytest.approx(expected[name], rel=1e-9, abs=1e-9, nan_ok=True), name


@settings(max_examples=60, deadline=None)
@given(regions(), st.integers(0, 1000))
def test_turning_and_mirroring_changes_nothing(region, number):
    image, mask = region
    spacing_mm = (1.0,) * image.ndim
    random = np.random.default_rng(number)
    order = random.permutation(image.ndim)
    mirrored = tuple(np.flatnonzero(random.random(image.ndim) < 0.5))
    turned = [np.flip(array.transpose(order), mirrored) for array in (image, mask)]
    assert_same(radiomics(*turned, spacing_mm), radiomics(image, mask, spacing_mm))


@settings(max_examples=40, deadline=None)
@given(regions())
def test_what_lies_outside_of_the_region_changes_nothing(region):
    image, mask = region
    spacing_mm = (1.0,) * image.ndim
    other = np.pad(np.where(mask, image, 3000), 2, constant_values=-1000)
    assert_same(radiomics(other, np.pad(mask, 2), spacing_mm), radiomics(image, mask, spacing_mm))


@settings(max_examples=40, deadline=None)
@given(regions(), st.integers(-40, 40))
def test_texture_ignores_a_shift_by_whole_bins(region, bins):
    image, mask = region
    spacing_mm = (1.0,) * image.ndim
    found, shifted = radiomics(image, mask, spacing_mm), radiomics(image + 25 * bins, mask, spacing_mm)
    assert_same(shifted, found, [name for name in DEFINITIONS if not name.startswith("first_order.")])
    assert shifted["first_order.mean"] == pytest.approx(found["first_order.mean"] + 25 * bins)


@settings(max_examples=60, deadline=None)
@given(regions())
def test_zones_are_the_connected_components_of_each_level(region):
    image, mask = region
    levels = bin_grey_values(image[mask].astype(float), 25)
    full = np.zeros(image.shape, int)
    full[mask] = levels
    counts, sizes = zone_sizes(grey_levels(levels, mask))
    for row, level in zip(counts, np.unique(levels), strict=True):
        labelled, _ = ndimage.label(full == level, np.ones((3,) * image.ndim))
        expected = np.bincount(labelled.ravel())[1:]
        assert sorted(np.repeat(sizes, row)) == sorted(expected)


def test_a_long_winding_zone_is_one_zone():
    image = np.full((41, 41), 2)
    image[::2] = 1
    image[1::4, -1] = image[3::4, 0] = 1
    counts, sizes = zone_sizes(region_of(image))
    assert counts[0].tolist()[-1] == 1
    assert sizes[-1] == np.count_nonzero(image == 1)


def test_every_descriptor_is_defined_in_words_and_as_a_formula():
    assert [len(FAMILIES[family]) for family in FAMILIES] == [18, 24, 16, 16, 14, 5]
    assert radiomics(np.zeros((2, 2)), np.ones((2, 2), bool), (1.0, 1.0)).keys() == DEFINITIONS.keys()
    codes = [definition.ibsi for definition in DEFINITIONS.values() if definition.ibsi]
    assert len(codes) == len(set(codes)) == 91
    for definition in DEFINITIONS.values():
        assert definition.meaning
        assert definition.formula
        assert definition.unit
        assert definition.range
        assert not set("{}") & set(definition.meaning)
