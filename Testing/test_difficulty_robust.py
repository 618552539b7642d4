"""Odd outlines, images and model files: the same whatever arrays look like in memory, refused where they cannot be true."""

import functools
import json
import math
import operator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from SegQCLib.difficulty import load_model
from SegQCLib.difficulty.descriptors.describe import describe_lesion, describe_slice
from SegQCLib.difficulty.model_file import read_model
from SegQCLib.errors import BadDataError
from SegQCLib.resources import resource

SPACING_MM = (2.5, 0.7, 0.7)
# Marching cubes as in pyradiomics cut ambiguous corners one way round; a wavelet's grid of blocks starts at one end.
_HANDED = ("mesh_volume", "surface", "geometry.shape.sphericity", "geometry.lesion.sphericity", "wavelet")
_FROM_ONE_END = ("geometry.slice.position",)

outlines = arrays(bool, array_shapes(min_dims=3, max_dims=3, max_side=6)).filter(np.any)


def around(mask, margin=5):
    """Return a mask with room around it, an image of whole HU, an uncertainty map and healthy tissue."""
    mask = np.pad(mask, margin)
    chance = np.random.default_rng(int(mask.sum()))
    return (
        mask,
        chance.integers(-900, 200, mask.shape).astype(np.int16),
        chance.random(mask.shape) / 2,
        chance.random(mask.shape) < 0.2,
    )


def described(mask, image, uncertainty, healthy):
    k = int(np.flatnonzero(mask.any(axis=(1, 2)))[0])
    of_slice = describe_slice(mask, k, SPACING_MM, image, healthy, uncertainty)
    return {**describe_lesion(mask, SPACING_MM, image, healthy, uncertainty), **{f"slice {n}": v for n, v in of_slice.items()}}


def differing(one, other, but=()):
    assert list(one) == list(other)
    return {
        name: (one[name], other[name])
        for name in one
        if not any(part in name for part in but) and one[name] != pytest.approx(other[name], rel=1e-6, abs=1e-9, nan_ok=True)
    }


@settings(max_examples=6, deadline=None)
@given(outlines)
def test_memory_layout_number_type_and_surroundings_change_nothing(outline):
    given_arrays = around(outline)
    expected = described(*given_arrays)
    mask, image, uncertainty, healthy = given_arrays
    assert not differing(expected, described(*map(np.asfortranarray, given_arrays)))
    for kind in (np.float64, np.float32, np.int32, ">i2"):
        assert not differing(expected, described(mask, image.astype(kind), uncertainty, healthy))
    assert not differing(expected, described(*(np.pad(array, ((2, 3), (1, 4), (0, 5))) for array in given_arrays)))
    views = [np.repeat(array, 2, axis=2)[..., ::2] for array in given_arrays]
    for view in views:
        view.flags.writeable = False
    assert not differing(expected, described(*views))
    assert not [name for name, value in expected.items() if math.isinf(value)]


@settings(max_examples=12, deadline=None)
@given(outlines, st.integers(0, 2))
def test_a_mirrored_lesion_is_described_alike(outline, axis):
    given_arrays = around(outline)
    one = describe_lesion(given_arrays[0], SPACING_MM, *given_arrays[1:2])
    mirrored = [np.flip(array, axis) for array in given_arrays]
    assert not differing(one, describe_lesion(mirrored[0], SPACING_MM, mirrored[1]), but=_HANDED)
    k = int(np.flatnonzero(given_arrays[0].any(axis=(1, 2)))[0])
    there = len(given_arrays[0]) - 1 - k if axis == 0 else k
    assert not differing(
        describe_slice(given_arrays[0], k, SPACING_MM, given_arrays[1]),
        describe_slice(mirrored[0], there, SPACING_MM, mirrored[1]),
        but=(*_HANDED, *_FROM_ONE_END),
    )


def test_nan_beyond_the_bands_of_a_lesion_is_not_looked_at():
    mask, image, _, _ = around(np.ones((3, 6, 6), bool), margin=9)
    beyond = np.where(np.pad(np.ones((7, 18, 18), bool), ((7, 7), (3, 3), (3, 3))), image.astype(float), np.nan)
    with np.errstate(all="raise"):
        assert not differing(describe_lesion(mask, SPACING_MM, image), describe_lesion(mask, SPACING_MM, beyond))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_grey_values_that_are_no_numbers_in_the_lesion_are_refused(wrong):
    mask, image, _, _ = around(np.ones((3, 6, 6), bool))
    with pytest.raises(BadDataError, match="not a number or is infinite"):
        describe_lesion(mask, SPACING_MM, np.where(mask, wrong, image))


def test_masks_that_are_not_bool_are_refused():
    mask, image, _, healthy = around(np.ones((3, 6, 6), bool))
    counts = mask.astype(np.uint8)
    for refused in (
        lambda: describe_lesion(counts, SPACING_MM),
        lambda: describe_slice(counts, 6, SPACING_MM),
        lambda: describe_lesion(mask, SPACING_MM, image, healthy.astype(np.uint8)),
        lambda: load_model("lung-nodule-ct").predict(counts, SPACING_MM),
    ):
        with pytest.raises(ValueError, match=r"uint8.*bool"):
            refused()


def test_images_of_complex_numbers_or_text_are_refused():
    mask, image, _, _ = around(np.ones((3, 6, 6), bool))
    for kind in (complex, str):
        with pytest.raises(ValueError, match="numbers are needed"):
            describe_lesion(mask, SPACING_MM, image.astype(kind))


def test_a_single_slice_as_lesion_is_refused():
    with pytest.raises(ValueError, match=r"\(5, 6\); \(k, j, i\) is needed"):
        describe_lesion(np.ones((5, 6), bool), (1.0, 1.0))


@pytest.mark.parametrize("spacing_mm", [(0.0, 1.0, 1.0), (-1.0, 1.0, 1.0), (math.nan, 1.0, 1.0), (math.inf, 1.0, 1.0), (1.0, 1.0)])
def test_an_impossible_spacing_is_refused_for_lesions_and_slices(spacing_mm):
    mask = np.ones((3, 4, 5), bool)
    for describe in (describe_lesion, lambda mask, spacing: describe_slice(mask, 1, spacing, names=["geometry.shape.log_area"])):
        with pytest.raises(ValueError, match="one number above 0 per axis"):
            describe(mask, spacing_mm)


def test_a_spacing_in_metres_is_refused_before_it_fills_the_memory():
    with pytest.raises(BadDataError, match=r"0\.0025 x 0\.0007 x 0\.0007 mm"):
        load_model("lung-nodule-ct").predict(np.ones((3, 8, 8), bool), (0.0025, 0.0007, 0.0007))


def test_of_equally_large_slices_the_one_nearest_to_the_middle_counts():
    mask = np.ones((5, 4, 4), bool)
    mask[1, 0] = False
    assert describe_lesion(mask, SPACING_MM, names=["geometry.profile.largest_off_middle"]) == {
        "geometry.profile.largest_off_middle": 0.0
    }


def a_changed_model(folder, changes):
    """Return the path of the shipped lesion model with other values: path in the file, with dots -> value."""
    plain = json.loads(resource("Models/lung-nodule-ct.json").read_text(encoding="utf-8"))
    for path, value in changes.items():
        *outer, last = (int(part) if part.isdigit() else part for part in path.split("."))
        functools.reduce(operator.getitem, outer, plain)[last] = value
    (folder / "model.json").write_text(json.dumps(plain), encoding="utf-8")
    return folder / "model.json"


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        ("members.0.ridge.coefficients.0", math.nan, r"members\[0\].ridge.coefficients\[0\]: NaN is not a finite number"),
        ("members.0.ridge.coefficients.0", 1e308, "nothing can be predicted for the study's own median outline"),
        ("of_mean.spread.by_size", 1e300, "nothing can be predicted for the study's own median outline"),
        ("of_mean.folds.0.units", -5000, r"of_mean.folds\[0\].units: is -5000, must be above 0"),
        ("domain.limit", -1, "domain: the study's own median outline is refused"),
        ("descriptors.0.minimum", 1e9, r"descriptors\[0\]: minimum, lower_third, median.* must ascend"),
        ("descriptors.0.name", "geometry.slice.position", "there is no descriptor 'geometry.slice.position' of a lesion"),
        ("descriptors.0.name", "geometry.shape.log_volume", "geometry.shape.log_volume is given twice"),
        ("modality", "", "modality: is empty"),
        ("members.0", {"constant": None, "ridge": None, "boosting": None}, r"members\[0\]: has neither constant nor ridge"),
        *(
            ("members.0", {"boosting": {"baseline": 0.7, "threshold": [1.0, 0, 0], "value": [0, 0.1, -0.1], **tree}}, fault)
            for tree, fault in (
                ({"roots": [], "descriptor": [0, -1, -1], "right": [2, 1, 2]}, "roots: is empty"),
                ({"roots": [0], "descriptor": [0, -1, -1], "right": [0, 1, 2]}, "is 0, which is not behind node 1"),
                ({"roots": [0], "descriptor": [0, -1, -1], "right": [9, 1, 2]}, "is 9, which is not behind node 1"),
                ({"roots": [3], "descriptor": [0, -1, -1], "right": [2, 1, 2]}, "names a node outside 0 to 2"),
                ({"roots": [0], "descriptor": [999, -1, -1], "right": [2, 1, 2]}, "names a descriptor beyond"),
            )
        ),
    ],
)
def test_a_model_file_that_somebody_edited_is_refused_with_the_place(tmp_path, path, value, fault):
    with pytest.raises(BadDataError, match=fault):
        read_model(a_changed_model(tmp_path, {path: value}))


def test_a_model_file_that_is_cut_short_is_refused(tmp_path):
    text = a_changed_model(tmp_path, {}).read_text()
    assert read_model(tmp_path / "model.json").id == "lung-nodule-ct"
    (tmp_path / "model.json").write_text(text[: len(text) // 2])
    with pytest.raises(BadDataError, match="is not a usable difficulty model"):
        read_model(tmp_path / "model.json")


def test_a_stray_voxel_far_away_is_refused_by_the_diameter_alone():
    mask = np.zeros((300, 300, 300), bool)
    mask[100:106, 100:110, 100:110] = True
    assert load_model("lung-nodule-ct").predict(mask, (1.0, 0.8, 0.8)).in_domain
    mask[0, 0, 0] = mask[-1, -1, -1] = True
    said = load_model("lung-nodule-ct").predict(mask, (1.0, 0.8, 0.8))
    assert not said.in_domain
    # (300, 300, 300) voxels from corner to corner, less the half voxel at both ends where the mesh stands.
    assert said.reasons[0].startswith("Largest diameter in any direction: 4")
    assert "model was fitted on" in said.reasons[0]


def test_a_mesh_without_volume_has_no_surface_to_volume_ratio():
    mask = np.zeros((2, 5, 6), bool)
    mask[0, 4, 1] = mask[0, 1, 0] = mask[1, 4, 0] = True
    form = describe_lesion(mask, SPACING_MM)
    assert form["geometry.shape.mesh_volume_mm3"] == 0
    assert math.isnan(form["geometry.shape.surface_to_volume_per_mm"])
    assert form["geometry.shape.voxel_volume_mm3"] == pytest.approx(3 * 2.5 * 0.7 * 0.7)
