"""The simulated study and the paper's tables made of it."""

import json
from dataclasses import replace

import numpy as np
import pytest

from SegQCLib.difficulty.comparison_table import PUBLISHED, compare, comparison_markdown, paper_methods, row_of
from SegQCLib.difficulty.group_analysis import group_analysis, group_markdown, pearson
from SegQCLib.difficulty.host_scans import HostScan, host_scans
from SegQCLib.difficulty.out_of_fold import constant, out_of_fold, ridge
from SegQCLib.difficulty.patients import patient_folds
from SegQCLib.difficulty.simulated_lesion import LesionDesign, implant, signed_distance_mm, smooth_noise
from SegQCLib.difficulty.simulated_readers import READERS, REPEAT_OF_FIRST, displacement_sd_mm, read, segment_twice
from SegQCLib.difficulty.simulated_study import simulate_study, slices_of
from SegQCLib.difficulty.simulated_table import CANDIDATE, simulated_table
from SegQCLib.difficulty.simulation_report import simulate_in
from SegQCLib.difficulty.study_table import StudyTable
from SegQCLib.errors import BadDataError

SPACING_MM = (2.0, 1.0, 1.0)
PLAIN = LesionDesign(
    radius_mm=12.0, half_axes=(1.0, 1.0, 1.0), complexity=0.0, contrast_hu=-60.0, border_mm=0.5, fragmentation=0.0,
    grain_mm=1.5, texture_hu=0.0, noise_hu=5.0,
)  # fmt: skip


@pytest.fixture(scope="module")
def host():
    """An organ of 100 HU that fills a box of 80 x 100 x 100 mm, with noise of 10 HU."""
    image = (100 + np.random.default_rng(0).normal(0, 10, (40, 100, 100))).astype(np.float32)
    depth = np.full(image.shape, 30, np.float32)
    depth[:15], depth[25:] = 0, 0
    depth[:, :40], depth[:, 60:] = 0, 0
    depth[..., :40], depth[..., 60:] = 0, 0
    return HostScan("SIMULATED box", image, np.ones(image.shape, bool), depth, SPACING_MM)


@pytest.fixture(scope="module")
def lesions(host):
    return tuple(simulate_study([host], patients=4, slices_per_patient=6, seed=1))


@pytest.fixture(scope="module")
def table(lesions):
    return simulated_table(lesions, groups=("geometry", "uncertainty"))


def an_implanted(host, seed=3, **changes):
    return implant(host, replace(PLAIN, **changes), np.random.default_rng(seed))


def pairwise_dice_of(host, **changes):
    values = []
    for seed in range(4):
        lesion = an_implanted(host, seed, **changes)
        readers = read(lesion, displacement_sd_mm(lesion), np.random.default_rng(seed))[:REPEAT_OF_FIRST]
        for a, b in ((0, 1), (0, 2), (1, 2)):
            values.append(2 * (readers[a] & readers[b]).sum() / (readers[a].sum() + readers[b].sum()))
    return np.mean(values)


def test_smooth_noise_has_mean_0_and_standard_deviation_1():
    noise = smooth_noise(np.random.default_rng(0), (40, 80, 80), (2.0, 3.0, 1.0), SPACING_MM)
    assert noise.std() == pytest.approx(1, abs=0.05)
    assert noise.mean() == pytest.approx(0, abs=0.1)


def test_the_signed_distance_of_a_slab_runs_through_0_halfway_between_voxels():
    mask = np.zeros((3, 8, 8), bool)
    mask[:, :, :4] = True
    distance = signed_distance_mm(mask, (1.0, 1.0, 1.0))
    assert distance[1, 4].tolist() == [-3.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5]


def test_a_lesion_without_complexity_has_the_volume_of_its_ball(host):
    lesion = an_implanted(host)
    volume = lesion.mask.sum() * np.prod(SPACING_MM)
    assert volume == pytest.approx(4 / 3 * np.pi * 12**3, rel=0.08)


def test_a_lesion_has_its_contrast_deep_inside_and_none_far_outside(host):
    lesion = an_implanted(host)
    assert lesion.image[lesion.distance_mm < -4].mean() == pytest.approx(40, abs=2)
    assert lesion.image[lesion.distance_mm > 5].mean() == pytest.approx(100, abs=2)


def test_complexity_lengthens_the_border(host):
    def perimeter_to_area(complexity):
        mask = an_implanted(host, complexity=complexity).mask
        return np.abs(np.diff(mask.astype(int), axis=2)).sum() / mask.sum()

    assert perimeter_to_area(0.4) > 1.2 * perimeter_to_area(0.0)


def test_fragmentation_takes_contrast_out_of_gaps(host):
    inner = an_implanted(host, fragmentation=0.8)
    deep = inner.distance_mm < -4
    whole = an_implanted(host)
    assert inner.image[deep].mean() > whole.image[deep].mean() + 10
    assert inner.image[deep].std() > whole.image[deep].std() + 5


def test_healthy_tissue_is_organ_away_from_the_lesion(host):
    lesion = an_implanted(host)
    assert lesion.healthy.any()
    assert not (lesion.healthy & (lesion.distance_mm < 7)).any()
    assert not (lesion.healthy & ~lesion.organ).any()


def test_an_organ_without_room_is_refused(host):
    with pytest.raises(ValueError, match="choose a smaller radius"):
        an_implanted(host, radius_mm=60.0)


def test_readers_scatter_more_where_the_border_is_weak(host):
    strong, weak = an_implanted(host), an_implanted(host, contrast_hu=-10.0)
    assert np.median(displacement_sd_mm(weak)[weak.mask]) > 1.5 * np.median(displacement_sd_mm(strong)[strong.mask])


def test_readers_agree_less_on_a_weak_border(host):
    assert pairwise_dice_of(host, contrast_hu=-10.0) < pairwise_dice_of(host) - 0.05


def test_readers_agree_less_on_a_complex_border(host):
    assert pairwise_dice_of(host, complexity=0.4) < pairwise_dice_of(host) - 0.02


def test_readers_agree_less_on_a_fragmented_lesion(host):
    assert pairwise_dice_of(host, fragmentation=0.9) < pairwise_dice_of(host) - 0.05


def test_a_reader_agrees_more_with_the_own_second_reading_than_with_others(lesions):
    def mean_dice(a, b):
        pairs = [(made.lesion.readers[a], made.lesion.readers[b]) for made in lesions]
        return np.mean([2 * (x & y).sum() / (x.sum() + y.sum()) for x, y in pairs])

    assert mean_dice(0, REPEAT_OF_FIRST) > max(mean_dice(0, 1), mean_dice(0, 2))


def test_two_models_differ_where_the_border_is_weak_and_never_by_more_than_half(host):
    def uncertainty(contrast_hu):
        lesion = an_implanted(host, contrast_hu=contrast_hu)
        mean, sd = segment_twice(lesion, displacement_sd_mm(lesion), np.random.default_rng(0))
        assert 0 <= mean.min() <= mean.max() <= 1
        assert 0 <= sd.min() <= sd.max() <= 0.5
        return sd.sum()

    assert uncertainty(-10.0) > 1.5 * uncertainty(-60.0)


def test_every_lesion_says_that_it_is_simulated(lesions):
    assert all(made.lesion.simulated and made.lesion.patient.startswith("SIMULATED-") for made in lesions)
    assert all(len(made.lesion.readers) == len(READERS) for made in lesions)
    assert all("simulated" in reader for reader in READERS)


def test_each_patient_has_the_slices_asked_for(lesions):
    patients = {made.lesion.patient for made in lesions}
    assert len(patients) == 4
    for patient in patients:
        assert sum(len(made.slices) for made in lesions if made.lesion.patient == patient) >= 6


def test_on_a_slice_that_counts_everybody_drew_and_so_did_the_candidate(lesions):
    for made in lesions:
        for one in slices_of(made):
            assert one.readers.any(axis=(1, 2)).all()
            assert one.candidate.sum() >= 80
            assert one.image.shape == one.candidate.shape == one.uncertainty.shape == one.readers.shape[1:]


def test_the_same_seed_gives_the_same_patient_in_a_larger_study(host, lesions):
    again = next(simulate_study([host], patients=9, slices_per_patient=6, seed=1))
    assert np.array_equal(again.lesion.image, lesions[0].lesion.image)
    assert np.array_equal(again.lesion.readers, lesions[0].lesion.readers)


def test_another_seed_gives_another_study(host, lesions):
    other = next(simulate_study([host], patients=1, slices_per_patient=1, seed=2))
    assert other.lesion.readers.shape != lesions[0].lesion.readers.shape or not np.array_equal(
        other.lesion.readers, lesions[0].lesion.readers
    )


def test_a_study_of_no_patients_is_refused(host):
    with pytest.raises(ValueError, match="1 or more"):
        next(simulate_study([host], patients=0))


def test_the_table_describes_the_candidate_and_says_that_it_is_simulated(lesions, table):
    assert table.simulated
    assert set(table.describing_reader) == {CANDIDATE}
    assert list(table.units) == [one.id for made in lesions for one in slices_of(made)]


def test_the_target_is_the_papers_with_the_second_reading(lesions, table):
    one = next(slices_of(lesions[0]))
    first = one.readers[0]
    dice = [2 * (first & other).sum() / (first.sum() + other.sum()) for other in one.readers[1:]]
    assert table.target[0] == pytest.approx(np.mean(dice))


def a_table(patients=12, rows=10, noise=0.01, seed=0):
    """Geometry holds the agreement up to noise, texture holds nothing, and one uncertainty value is undefined."""
    rng = np.random.default_rng(seed)
    n = patients * rows
    cause = rng.normal(size=n)
    values = np.column_stack([cause, rng.normal(size=n), rng.normal(size=n)])
    values[0, 2] = np.nan
    target = 0.7 - 0.05 * cause + noise * rng.normal(size=n)
    return StudyTable(
        "slice", ("geometry.shape.a", "texture.first_order.b", "uncertainty.region.c"), values, tuple(map(str, range(n))),
        tuple(f"p{i // rows}" for i in range(n)), np.zeros(n, np.int64), target, (np.array([0.5]),) * n, simulated=True,
    )  # fmt: skip


def test_out_of_fold_predictions_of_a_constant_are_the_other_folds_means():
    study = a_table()
    folds = patient_folds(study.patients, 3)
    predicted = out_of_fold(study, constant, folds)
    for fold in range(3):
        assert predicted[folds == fold] == pytest.approx(study.target[folds != fold].mean())


def test_units_with_several_rows_count_once():
    study = a_table(patients=2, rows=3)
    # Patient p0 has one unit of two rows and one of one row: the mean of its units is what the other patient is given.
    study = replace(study, units=("a", "a", "b", "c", "d", "e"), target=np.array([0.2, 0.2, 0.8, 0.5, 0.5, 0.5]))
    assert out_of_fold(study, constant, np.array([0, 0, 0, 1, 1, 1]))[3:] == pytest.approx(0.5)


def test_a_patient_in_two_folds_is_refused():
    study = a_table()
    with pytest.raises(ValueError, match="in two folds"):
        out_of_fold(study, ridge, np.arange(len(study)) % 2)


def test_ridge_finds_a_linear_cause_to_within_the_noise():
    study = a_table(noise=0.01)
    errors = np.abs(out_of_fold(study, ridge, patient_folds(study.patients, 4)) - study.target)
    # The mean absolute value of normal noise is 0.798 standard deviations.
    assert errors.mean() == pytest.approx(0.798 * 0.01, rel=0.2)


def test_pearson_is_that_of_numpy_and_undefined_where_nothing_varies():
    rng = np.random.default_rng(5)
    values = np.column_stack([rng.normal(size=50) * 1e14, np.ones(50), rng.normal(size=50)])
    values[:45, 2] = np.nan
    target = values[:, 0] / 1e14 + rng.normal(size=50)
    found = pearson(values, target)
    assert found[0] == pytest.approx(np.corrcoef(values[:, 0], target)[0, 1])
    assert np.isnan(found[1:]).all()


def test_the_group_that_holds_the_cause_is_the_strongest():
    rows = {row.group: row for row in group_analysis(a_table())}
    assert rows["geometry"].strongest == "geometry.shape.a"
    assert rows["geometry"].correlation < -0.9
    assert abs(rows["texture"].correlation) < 0.3
    assert rows["geometry"].mae < 0.5 * rows["texture"].mae


def without_boosting(study):
    return {name: method for name, method in paper_methods(study).items() if "boosting" not in name}


def test_the_methods_are_the_papers_and_ours():
    pytest.importorskip("sklearn")
    study = a_table()
    methods = paper_methods(study)
    assert list(methods) == ["Global threshold", "Ridge w/o UM", "Ridge w. UM", "Gradient boosting w. UM (ours)"]
    assert methods["Ridge w/o UM"][0] == ("geometry.shape.a", "texture.first_order.b")
    assert methods["Ridge w. UM"][0] == study.names


def test_a_resnet_adds_the_ensemble_of_the_best_ridge_and_it():
    study = a_table()
    rows = compare(study, without_boosting(study), patient_folds(study.patients, 4), predictions={"ResNet w. UM": study.target})
    by_name = {row.name: row for row in rows}
    assert list(by_name) == ["Global threshold", "Ridge w/o UM", "Ridge w. UM", "ResNet w. UM", "Ensemble"]
    assert by_name["ResNet w. UM"].mae == 0
    # The network has no error here, so the mean of both has half of the error of the Ridge.
    best = min(by_name["Ridge w/o UM"].mae, by_name["Ridge w. UM"].mae)
    assert by_name["Ensemble"].mae == pytest.approx(best / 2)
    assert by_name["Ridge w. UM"].gating.good_included.share > by_name["Global threshold"].gating.good_included.share


def test_the_interval_of_the_error_is_over_patients():
    study = a_table(patients=2, rows=50)
    target = np.repeat([0.5, 0.7], 50)
    row = row_of("x", np.full(100, 0.5), replace(study, target=target))
    assert (row.lower, row.upper) == pytest.approx((0.0, 0.2))
    assert row.mae_patient == pytest.approx(0.1)


def test_predictions_of_another_study_are_refused():
    study = a_table()
    with pytest.raises(ValueError, match="one per row"):
        compare(study, {}, patient_folds(study.patients, 4), predictions={"ResNet": np.zeros(3)})


def test_the_papers_numbers_stand_beside_ours():
    study = a_table()
    groups = group_markdown(group_analysis(study))
    methods = comparison_markdown(compare(study, without_boosting(study), patient_folds(study.patients, 4)))
    assert "7.8 ± 3.0 %" in groups
    assert "10.0 ± 8.3 %" in methods
    assert PUBLISHED["Ensemble"].mae == 0.056
    assert len({line.count("|") for line in methods.splitlines()}) == 1
    assert len({line.count("|") for line in groups.splitlines()}) == 1


def test_the_hosts_are_the_livers_of_the_sample_scans(totalsegmentator):
    portal_venous, unenhanced = host_scans(totalsegmentator)
    assert portal_venous.spacing_mm == (2.0, 1.0, 1.0)
    assert unenhanced.spacing_mm == (3.0, 1.0, 1.0)
    # Liver: about 100 HU with contrast medium, about 50 HU without (Boll, Merkle).
    assert 80 < np.median(portal_venous.image[portal_venous.organ]) < 120
    assert 35 < np.median(unenhanced.image[unenhanced.organ]) < 65


def test_a_folder_without_the_scans_is_named(tmp_path):
    with pytest.raises(BadDataError, match=r"example_ct\.nii\.gz"):
        host_scans(tmp_path)


def test_a_whole_simulation_says_that_it_is_simulated_everywhere(host):
    told = []
    report = simulate_in(
        [host], patients=3, slices_per_patient=3, seed=0, folds=10, predictions={},
        progress=lambda _words, share: told.append(share),
    )  # fmt: skip
    as_json = json.loads(report.to_json())
    assert as_json["simulated"] is True
    assert report.markdown().startswith("# Simulated readers on a real CT with implanted lesions")
    assert "says nothing about radiologists" in report.markdown()
    assert [row["group"] for row in as_json["groups"]] == ["texture", "imaging", "border", "geometry", "uncertainty"]
    assert told == sorted(told)


def test_a_simulation_of_two_patients_has_no_folds_within_folds(host):
    with pytest.raises(ValueError, match="three patients"):
        simulate_in([host], patients=2, slices_per_patient=1, seed=0, folds=10, predictions={})
