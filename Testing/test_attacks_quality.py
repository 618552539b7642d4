"""Image quality of images that are none: constant, damaged, with the largest numbers of their format, with tiny voxels."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from phantoms import a_geometry, a_segmentation
from SegQCLib.acquisition import HU, SUVBW, Acquisition
from SegQCLib.case import Case, Volume
from SegQCLib.dataclass_json import to_json
from SegQCLib.evaluate import evaluate
from SegQCLib.protocol import load_protocol
from SegQCLib.quality.measure_image_quality import measure_image_quality
from SegQCLib.quality.near import within_mm
from SegQCLib.quality.tumour_to_background import peak_value

PROTOCOL = load_protocol("ct-abdomen-portal-venous")
CT = Acquisition(modality="CT", value_unit=HU)
GEOMETRY = a_geometry(size=(12, 40, 40))
LIVER = a_segmentation(GEOMETRY, liver=((2, 10), (8, 32), (8, 32)), spleen=((0, 12), (0, 4), (0, 40)))


def measured(array, segmentation=LIVER, acquisition=CT, protocol=PROTOCOL.protocol, **case):
    rows = measure_image_quality(
        Case(Volume(array, segmentation.geometry, acquisition), segmentation, **case), protocol
    ).measurements
    assert all(not list(row.faults()) and to_json(row) for row in rows)
    return {(row.segment, row.measure, row.method, row.region, row.background): row for row in rows}


def noise_of(dtype=np.float64):
    return (40 + 10 * np.random.default_rng(1).normal(size=GEOMETRY.size)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_constant_region_has_no_noise_also_where_its_value_is_no_binary_number(dtype):
    rows = measured(np.full(GEOMETRY.size, 0.1, dtype))
    assert rows["liver", "noise", "sd", "core", None].value == 0
    snr = rows["liver", "snr", "tissue", "core", None]
    assert snr.value is None
    assert "no noise" in snr.reason


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint16, np.int32])
def test_the_largest_numbers_of_a_format_do_not_run_over(dtype):
    limits = np.iinfo(dtype)
    extreme = np.where(np.random.default_rng(2).random(GEOMETRY.size) < 0.5, limits.min, limits.max).astype(dtype)
    second = extreme[::-1].copy()
    of_format = measured(extreme, second_image=Volume(second, GEOMETRY, CT))
    as_floats = measured(extreme.astype(np.float64), second_image=Volume(second.astype(np.float64), GEOMETRY, CT))
    assert of_format == as_floats
    assert of_format["liver", "noise", "sd", "core", None].value == pytest.approx((limits.max - float(limits.min)) / 2, rel=0.01)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e300])
def test_voxels_without_a_usable_value_are_left_out_and_told(bad):
    image, clean = noise_of(), noise_of()
    image[5, 20, 15:25] = bad
    where = np.isclose(image, clean)
    row = measured(image)["liver", "noise", "sd", "core", None]
    assert "10 voxels without a finite value were left out" in row.remark
    core = np.zeros(GEOMETRY.size, bool)
    # More than 2 mm from the nearest voxel outside: without two voxels in plane, and without one slice.
    core[3:9, 10:30, 10:30] = True
    assert row.voxels == np.count_nonzero(core & where)
    assert row.value == pytest.approx(np.std(clean[core & where], ddof=1))


@pytest.mark.parametrize("bad", [math.nan, math.inf, 1e300])
def test_an_image_without_any_usable_value_has_reasons_and_no_numbers(bad):
    rows = measured(np.full(GEOMETRY.size, bad), second_image=Volume(noise_of(), GEOMETRY, CT))
    assert rows
    assert all(row.value is None for row in rows.values())


def test_numbers_too_large_for_the_record_s_json_do_not_end_an_evaluation():
    image = noise_of()
    image[:, 10:20] = np.finfo(np.float64).max
    record = evaluate(Case(Volume(image, GEOMETRY, CT), LIVER), PROTOCOL)
    assert record.image_quality
    assert "Infinity" not in record.to_json()


def test_voxels_of_micrometres_take_no_longer_than_others_of_their_number():
    """A sphere of SUVpeak, or a rim of 2 mm, is thousands of such voxels wide; a kernel of that size never ends."""
    geometry = replace(GEOMETRY, spacing_mm=(0.002, 0.002, 0.002))
    lesion = a_segmentation(geometry, lesion=((4, 8), (18, 22), (18, 22)), liver=((0, 12), (0, 8), (0, 40)))
    pet = Acquisition(modality="PT", value_unit=SUVBW)
    rows = measured(noise_of(), lesion, pet, load_protocol("pet-ct-fdg-lesion").protocol)
    assert rows
    part = noise_of()[:5, :6, :7]
    assert peak_value(part, np.ones(part.shape, bool), geometry.spacing_mm) == pytest.approx(part.mean())


@pytest.mark.parametrize("spacing_mm", [(0.02, 0.02, 0.02), (0.01, 0.02, 0.5), (3.0, 0.01, 0.02)])
def test_what_is_near_is_the_same_however_it_is_found(spacing_mm):
    targets = np.random.default_rng(3).random((130, 110, 12)) < 0.0002
    radius_mm = 40 * spacing_mm[1]
    expected = ndimage.distance_transform_edt(~targets, sampling=spacing_mm) <= radius_mm * (1 + 1e-5)
    assert np.array_equal(within_mm(targets, spacing_mm, radius_mm), expected)
    assert not within_mm(np.zeros_like(targets), spacing_mm, radius_mm).any()


@pytest.mark.parametrize("size", [(1, 1, 1), (2, 1, 1), (1, 3, 1), (3, 3, 3)])
def test_images_of_a_few_voxels_have_reasons_and_no_crash(size):
    geometry = a_geometry(size=size)
    whole = a_segmentation(geometry, liver=tuple((0, n) for n in size), spleen=None)
    rows = measured(np.ones(size, np.int16), whole, second_image=Volume(np.ones(size, np.int16), geometry, CT))
    assert {row.segment for row in rows.values()} == {"liver"}


def test_two_lesions_of_one_name_keep_both_regions_of_tissue_around():
    nodules = a_segmentation(GEOMETRY, first=((2, 4), (6, 9), (6, 9)), second=((8, 10), (28, 32), (28, 32)))
    same = replace(nodules, segments=tuple(replace(one, name="lung_nodule") for one in nodules.segments))
    nodule_protocol = load_protocol("ct-lung-nodule").protocol
    found = measure_image_quality(Case(Volume(noise_of(np.int16), GEOMETRY, CT), same), nodule_protocol)
    counts = {row.background_voxels for row in found.measurements if row.background == "tissue around lung_nodule"}
    saved = [segment for segment in found.background.segments if segment.name == "tissue around lung_nodule"]
    assert len(saved) == len(counts) == 2
    assert {int(np.count_nonzero(found.background.mask(segment))) for segment in saved} == counts
