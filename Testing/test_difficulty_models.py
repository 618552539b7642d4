"""Difficulty models: what they fit, how they are stored, where they refuse; answers follow from known linear studies."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from SegQCLib.case import Code, Terminology
from SegQCLib.difficulty import load_model
from SegQCLib.difficulty.agreement_target import TargetDefinition
from SegQCLib.difficulty.descriptors.describe import describe_lesion
from SegQCLib.difficulty.evaluate_model import evaluate_model
from SegQCLib.difficulty.fit import fit_model
from SegQCLib.difficulty.model_file import model_schema, model_text, read_model
from SegQCLib.difficulty.models.boosting import GrowthSettings, fit_boosting, from_sklearn, grow
from SegQCLib.difficulty.models.constant import fit_constant
from SegQCLib.difficulty.models.median_ridge import fit_median_ridge
from SegQCLib.difficulty.models.ridge import PENALTIES, fit_ridge
from SegQCLib.difficulty.patients import patient_folds
from SegQCLib.difficulty.reached import without_describing_reader
from SegQCLib.difficulty.reasons import group_contributions, group_of
from SegQCLib.difficulty.recalibrate import recalibrate
from SegQCLib.difficulty.study_table import StudyTable
from SegQCLib.errors import BadDataError
from SegQCLib.importers.lidc import LUNG_NODULE
from SegQCLib.resources import resource

VOLUME, ROUND, SPACING = "geometry.shape.log_volume", "geometry.shape.sphericity", "geometry.sampling.slice_spacing_mm"
NAMES = (VOLUME, ROUND, SPACING)


def a_study(units=300, level=0.5, noise=0.02, seed=0, names=NAMES, patient="p", largest=7.0):
    """Return a table whose agreement is level + 0.05 (log volume - 5) + normal noise; three readers describe the same outline."""
    chance = np.random.default_rng(seed)
    size = chance.uniform(10 - largest, largest, units)
    values = np.column_stack(
        [size, chance.uniform(0.7 - largest * 0.2 / 7, 0.7 + largest * 0.2 / 7, units), chance.choice([1.0, 2.5, 5.0], units)]
    )[:, : len(names)]
    pairs = level + 0.05 * (size - 5)[:, None] + chance.normal(0, noise, (units, 3))
    row = np.repeat(np.arange(units), 3)
    return StudyTable(
        unit="lesion",
        names=names,
        values=values[row],
        units=tuple(f"lesion {n}" for n in row),
        patients=tuple(f"{patient}{n // 2}" for n in row),
        describing_reader=np.tile(np.arange(3), units),
        target=pairs.mean(axis=1)[row],
        pairs=tuple(pairs[n] for n in row),
    )


def a_model(table=None, regressor="ridge", **changes):
    arguments = {
        "id": "test-lesions", "version": "1", "date": "2026-11-22", "structure": LUNG_NODULE, "modality": "CT",
        "target": TargetDefinition(), "data": "a study made up for tests", "licence": "none", "citation": "none",
        "regressor": regressor, "folds": 5, "outer_folds": 5,
    }  # fmt: skip
    return fit_model(a_study() if table is None else table, **(arguments | changes))


@pytest.fixture(scope="module")
def model():
    return a_model()


def a_ball(radius, spacing_mm=(1.0, 0.7, 0.7)):
    k, j, i = (np.arange(-20, 21)[(slice(None),) + (None,) * (2 - axis)] * spacing_mm[axis] for axis in range(3))
    return k**2 + j**2 + i**2 <= radius**2


def a_nodule(radius, spacing_mm=(1.0, 0.7, 0.7)):
    """Return an ellipsoid with a bump: no reader draws a ball as round as an exact one, and a model refuses it."""
    k, j, i = (np.arange(-22, 23)[(slice(None),) + (None,) * (2 - axis)] * spacing_mm[axis] for axis in range(3))
    body = (k / 0.85) ** 2 + j**2 + (i / 1.15) ** 2 <= radius**2
    bump = (k - 0.3 * radius) ** 2 + (j - 0.8 * radius) ** 2 + (i + 0.6 * radius) ** 2 <= (0.45 * radius) ** 2
    return body | bump


def test_constant_is_the_weighted_mean():
    constant = fit_constant(np.zeros((3, 1)), np.array([0.2, 0.4, 0.9]), np.array([1.0, 1.0, 2.0]))
    assert constant.predict(np.zeros((2, 1))) == pytest.approx([0.6, 0.6])


def test_ridge_is_sklearns_ridge_on_standardised_descriptors():
    linear_model = pytest.importorskip("sklearn.linear_model")
    chance = np.random.default_rng(4)
    values, weights = chance.normal(3, 2, (80, 4)), chance.uniform(0.5, 1.5, 80)
    target = values @ [0.1, 0, -0.2, 0.05] + chance.normal(0, 0.3, 80)
    ridge = fit_ridge(values, target, weights, [f"p{n}" for n in range(80)])
    means = np.average(values, axis=0, weights=weights)
    standard = (values - means) / np.sqrt(np.average((values - means) ** 2, axis=0, weights=weights))
    peer = linear_model.Ridge(alpha=ridge.penalty).fit(standard, target, sample_weight=weights / weights.mean())
    assert ridge.predict(values) == pytest.approx(peer.predict(standard), abs=1e-9)


@pytest.mark.parametrize("noise", [0.1, 1.0, 4.0])
def test_the_penalty_of_ridge_is_that_of_a_grid_search_on_the_same_folds_of_patients(noise):
    pytest.importorskip("sklearn")
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GridSearchCV, PredefinedSplit
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    chance = np.random.default_rng(14)
    values = chance.choice([-1.0, 1.0], (120, 8))  # within the range at fitting in every fold, so nothing is limited
    target = values @ chance.normal(0, 1, 8) + chance.normal(0, noise, 120)
    patients = [f"p{n // 3}" for n in range(120)]
    search = GridSearchCV(
        make_pipeline(StandardScaler(), Ridge()), {"ridge__alpha": PENALTIES},
        scoring="neg_mean_squared_error", cv=PredefinedSplit(patient_folds(patients, 10)),
    )  # fmt: skip
    assert fit_ridge(values, target, np.ones(120), patients).penalty == search.fit(values, target).best_params_["ridge__alpha"]


def test_ridge_does_not_extrapolate():
    values = np.linspace(0, 1, 50)[:, None]
    ridge = fit_ridge(values, values[:, 0], np.ones(50), [f"p{n}" for n in range(50)])
    assert ridge.predict(np.array([[100.0]])) == pytest.approx(ridge.predict(np.array([[1.0]])))


def test_median_ridge_follows_the_median_where_a_third_of_readings_is_far_off():
    chance = np.random.default_rng(5)
    values = chance.uniform(0, 1, (3000, 1))
    target = 0.5 + 0.3 * values[:, 0] - np.where(chance.uniform(size=3000) < 1 / 3, 0.4, 0)
    median = fit_median_ridge(values, target, np.ones(3000), 100.0)
    mean = fit_ridge(values, target, np.ones(3000), [f"p{n % 50}" for n in range(3000)])
    at_half = np.array([[0.5]])
    assert median.predict(at_half)[0] == pytest.approx(0.65, abs=0.015)
    assert mean.predict(at_half)[0] == pytest.approx(0.65 - 0.4 / 3, abs=0.015)


def test_median_ridge_minimises_what_it_says():
    from scipy.optimize import minimize

    chance = np.random.default_rng(15)
    values, weights = chance.normal(0, 1, (200, 3)), chance.uniform(0.5, 1.5, 200)
    target = 0.7 + values @ [0.05, -0.03, 0.0] + 0.05 * chance.standard_t(3, 200)
    limited = np.clip(values, *np.quantile(values, (0.005, 0.995), axis=0))
    means = np.average(limited, axis=0, weights=weights)
    standard = (limited - means) / np.sqrt(np.average((limited - means) ** 2, axis=0, weights=weights))

    def objective(x, penalty=100.0):
        error = np.abs(target - x[0] - standard @ x[1:])
        huber = np.where(error <= 0.02, error**2 / 0.04, error - 0.01)
        return np.sum(weights / weights.mean() * huber) + penalty * np.sum(x[1:] ** 2) / 2

    best = minimize(objective, np.r_[0.7, 0, 0, 0], method="BFGS", options={"gtol": 1e-8})
    ridge = fit_median_ridge(values, target, weights, 100.0)
    assert (ridge.intercept, *ridge.coefficients) == pytest.approx(tuple(best.x), abs=5e-4)
    assert objective(np.array([ridge.intercept, *ridge.coefficients])) == pytest.approx(best.fun, rel=1e-4)


@pytest.mark.parametrize("loss", ["absolute_error", "squared_error"])
def test_trees_predict_what_sklearn_predicts(loss):
    pytest.importorskip("sklearn")
    chance = np.random.default_rng(6)
    values = chance.normal(size=(400, 5))
    target = np.sin(values[:, 0]) + values[:, 1] * values[:, 2]
    peer = grow(values, target, np.ones(400), GrowthSettings(loss=loss, trees=20, rows_per_leaf=5), 0)
    new = np.vstack([chance.normal(size=(200, 5)), values[:50]])  # values at fitting can lie on a threshold
    assert from_sklearn(peer).predict(new) == pytest.approx(peer.predict(new), abs=1e-9)


def test_contributions_of_linear_models_and_trees_add_up_to_the_prediction():
    pytest.importorskip("sklearn")
    chance = np.random.default_rng(7)
    values = chance.normal(size=(200, 3))
    target = values @ [0.3, -0.2, 0.0]
    patients = [f"p{n}" for n in range(200)]
    boosting = fit_boosting(values, target, np.ones(200), GrowthSettings(trees=10))
    for fitted in (fit_ridge(values, target, np.ones(200), patients), boosting):
        assert fitted.base + fitted.contributions(values).sum(axis=1) == pytest.approx(fitted.predict(values), abs=1e-12)


def test_a_linear_study_is_predicted_to_its_noise(model):
    # The mean of three pairs has a deviation of 0.02 / sqrt(3); the mean absolute error of a normal is sqrt(2 / pi) of that.
    floor = 0.02 / np.sqrt(3) * np.sqrt(2 / np.pi)
    assert model.cross_validation.mae.value == pytest.approx(floor, rel=0.1)
    assert model.cross_validation.mae.lower < floor < model.cross_validation.mae.upper * 1.05
    # Sizes are uniform over 4, so levels over 0.2, whose mean absolute deviation is a quarter of that.
    assert model.cross_validation.mae_constant.value == pytest.approx(0.05, rel=0.1)


def test_unseen_patients_reach_the_stated_coverage_and_pairs_their_threshold(model):
    facts = model.cross_validation
    assert facts.coverage == pytest.approx(0.9, abs=0.04)
    assert facts.pairs_reaching_lower == pytest.approx(0.9, abs=0.04)
    assert facts.pairs_reaching_mean == pytest.approx(0.5, abs=0.06)
    assert len(facts.coverage_by_size) == len(facts.pairs_reaching_lower_by_size) == 3


def test_the_leak_free_error_is_that_against_the_one_pair_without_the_describing_reader(model):
    # One pair of three leaves each describing reader out; its own deviation is 0.02.
    assert model.cross_validation.mae_without_describing_reader.value == pytest.approx(0.02 * np.sqrt(2 / np.pi), rel=0.1)


def test_the_pairs_of_others_are_known_only_where_every_reader_is():
    table = a_study(2)
    others = without_describing_reader(table, "mean_pairwise")
    # Pairs stand as (0, 1), (0, 2), (1, 2): without reader 0 the last is left, without reader 2 the first.
    assert others[:3] == pytest.approx(table.pairs[0][::-1])
    some = without_describing_reader(table.rows(np.array([0, 1, 3, 4, 5])), "mean_pairwise")
    assert np.isnan(some[:2]).all()
    assert some[2:] == pytest.approx(others[3:])
    assert np.isnan(without_describing_reader(table, "against_operator")).all()
    assert without_describing_reader(table, "without_describing_reader") == pytest.approx(table.target)


def test_rows_with_an_undefined_descriptor_are_left_out_and_counted():
    table = a_study()
    table.values[:5, 1] = np.nan
    fitted = a_model(table, "constant")
    assert (fitted.left_out, fitted.outlines) == (5, 895)


def test_a_study_of_few_patients_is_refused():
    with pytest.raises(BadDataError, match=r"has 15 patients.*At least 20"):
        a_model(a_study(30))


def test_too_few_lesions_for_an_interval_without_one_fold_are_refused():
    # 21 patients with a lesion each, in ten folds: one of them has three, and 18 lesions have no interval of 90 %.
    few = a_study(21)
    few = dataclasses.replace(few, patients=tuple(unit.replace("lesion", "p") for unit in few.units))
    with pytest.raises(BadDataError, match=r"has 18 lesions left without one of 10 folds.*19 are needed"):
        a_model(few, "constant", folds=10, outer_folds=10)


def test_lesions_of_one_size_still_come_in_thirds():
    table = a_study(60)
    table.values[:, 0] = 5.0
    assert len(a_model(table, "constant").cross_validation.coverage_by_size) == 3


def test_the_size_must_be_among_the_descriptors():
    with pytest.raises(ValueError, match=r"lack geometry\.shape\.log_volume"):
        a_model(names=(ROUND, SPACING))


def test_a_table_of_simulated_readers_makes_a_model_that_says_so():
    assert a_model(dataclasses.replace(a_study(60), simulated=True), "constant").simulated


def test_a_prediction_has_the_mean_within_its_interval_and_the_rule_chooses_the_threshold(model):
    values = np.array([5.0, 0.7, 2.5])
    lower, mean = (model.predict_described(values, rule=rule) for rule in ("lower", "mean"))
    assert lower.in_domain
    assert lower.lower < lower.dice < lower.upper
    assert lower.dice == pytest.approx(0.5, abs=0.01)
    # 90 % of single pairs of deviation 0.02 lie above 1.2816 deviations below their mean.
    assert lower.threshold == pytest.approx(0.5 - 1.2816 * 0.02, abs=0.006)
    assert mean.threshold == mean.dice == lower.dice


def test_more_coverage_is_a_wider_interval_and_a_lower_threshold(model):
    values = np.array([5.0, 0.7, 2.5])
    usual, more = (model.predict_described(values, coverage=coverage) for coverage in (0.8, 0.95))
    assert more.lower < usual.lower < usual.upper < more.upper
    assert more.threshold < usual.threshold


def test_outside_the_fitted_range_nothing_is_predicted_and_the_descriptor_is_named(model):
    refused = model.predict_described(np.array([5.0, 0.7, 9.0]))
    assert (refused.dice, refused.lower, refused.upper, refused.threshold, refused.in_domain) == (None, None, None, None, False)
    assert refused.reasons == ("Distance between slices: 9 mm; the model was fitted on 1 mm to 5 mm.",)


def test_an_unusual_combination_within_all_ranges_is_refused():
    chance = np.random.default_rng(8)
    table = a_study()
    size = table.values[:, 0]
    table.values[:, 1] = 0.5 + (size - 3) / 10 + chance.normal(0, 0.005, len(size))  # small ones ragged, large ones round
    refused = a_model(table, "constant").predict_described(np.array([3.2, 0.88, 2.5]))
    assert not refused.in_domain
    assert "robust Mahalanobis distance" in refused.reasons[0]
    assert "sphericity" in refused.reasons[0]


def test_an_undefined_descriptor_is_named(model):
    refused = model.predict_described(np.array([5.0, np.nan, 2.5]))
    assert refused.reasons == ("Sphericity, 1 for a ball: undefined for this outline, so the model cannot predict.",)


def test_another_structure_or_modality_is_refused(model):
    liver = Terminology(LUNG_NODULE.category, Code("10200004", "SCT", "Liver"))
    refused = model.predict(a_ball(6), (1.0, 0.7, 0.7), structure=liver, modality="MR")
    assert not refused.in_domain
    assert "Nodule" in refused.reasons[0]
    assert "Liver" in refused.reasons[0]
    assert "fitted on CT; this image is MR" in refused.reasons[1]


def test_groups_add_up_and_each_names_its_largest_descriptor(model):
    values = np.array([3.5, 0.7, 2.5])
    base, added = model.contributions(values)
    groups = group_contributions(model.descriptors, values, added)
    assert base + sum(one.change for one in groups) == pytest.approx(model.predict_described(values).dice, abs=1e-9)
    assert (groups[0].group, groups[0].main.name) == ("the size", VOLUME)


def test_the_reason_says_what_stands_out_with_its_number(model):
    reasons = model.predict_described(np.array([3.5, 0.55, 2.5])).reasons
    assert reasons[0].startswith("Small, irregular shape; expected agreement 0.4")
    assert reasons[1].startswith("The size lowers the expected agreement by 0.0")
    assert "; volume: 33.1 mm³, median of the study 1" in reasons[1]  # exp(3.5), and about exp(5)


def test_every_geometry_descriptor_belongs_to_a_group():
    for name in describe_lesion(a_ball(6), (1.0, 0.7, 0.7), groups=("geometry",)):
        assert group_of(name)


def test_a_model_keeps_its_errors_and_levels_on_other_patients(model):
    facts = evaluate_model(model, a_study(300, seed=11, patient="other", largest=6.5))
    assert facts.mae.value == pytest.approx(0.02 / np.sqrt(3) * np.sqrt(2 / np.pi), rel=0.1)
    assert (facts.coverage, facts.pairs_reaching_lower) == pytest.approx((0.9, 0.9), abs=0.05)
    assert (facts.folds, facts.in_domain) == (1, pytest.approx(1, abs=0.02))


def test_outlines_that_the_model_refuses_count_in_the_error_and_not_in_the_coverage(model):
    table = a_study(60, seed=12, patient="other", largest=6.5)
    table.values[:90, 2] = 9.0  # slices farther apart than in any study
    table.values[90:93, 1] = np.nan
    facts = evaluate_model(model, table)
    usable = table.rows(np.r_[0:90, 93:180])
    errors = np.abs(model.limits(usable.values, 0.9)[0] - usable.target)
    assert facts.mae.value == pytest.approx(errors.mean())
    assert facts.in_domain == pytest.approx(87 / 180)
    assert np.isfinite(facts.mae_per_patient.value)


def test_a_table_without_a_descriptor_of_the_model_or_of_another_unit_is_refused(model):
    for use in (evaluate_model, lambda model, table: recalibrate(model, table, centre="north", date="2026-11-22")):
        with pytest.raises(BadDataError, match=r"lacks the descriptors geometry\.sampling"):
            use(model, a_study(names=(VOLUME, ROUND)))
        with pytest.raises(BadDataError, match="gives slices, but test-lesions predicts for a lesion"):
            use(model, dataclasses.replace(a_study(), unit="slice"))


def a_centre(units, offset, seed=9):
    return a_study(units, level=0.5 + offset, seed=seed, patient="own", largest=6.5)  # within the domain


def test_a_centre_whose_readers_agree_less_gets_its_own_level(model):
    own = recalibrate(model, a_centre(60, -0.12), centre="north", date="2026-11-22")
    values = np.array([5.0, 0.7, 2.5])
    assert model.predict_described(values).dice == pytest.approx(0.5, abs=0.01)
    prediction = own.predict_described(values)
    assert prediction.dice == pytest.approx(0.38, abs=0.01)
    assert prediction.threshold == pytest.approx(0.38 - 1.2816 * 0.02, abs=0.01)
    new = a_centre(200, -0.12, seed=10)
    said = [own.predict_described(row) for row in new.values[::3]]
    inside = [one.lower <= target <= one.upper for one, target in zip(said, new.target[::3], strict=True) if one.in_domain]
    assert np.mean(inside) == pytest.approx(0.9, abs=0.07)
    base, added = own.contributions(values)
    assert base + added.sum() == pytest.approx(prediction.dice, abs=1e-9)


def test_nineteen_cases_are_too_few_to_recalibrate(model):
    with pytest.raises(BadDataError, match=r"has 19 cases in the model's domain.*At least 20"):
        recalibrate(model, a_centre(19, 0.0), centre="north", date="2026-11-22")


def test_twenty_cases_are_enough_to_recalibrate(model):
    own = recalibrate(model, a_centre(20, 0.0), centre="north", date="2026-11-22")
    assert own.recalibration.cases == 20
    assert own.predict_described(np.array([5.0, 0.7, 2.5])).in_domain


@pytest.mark.parametrize("regressor", ["constant", "ridge", "median_ridge", "boosting", "median_ridge_and_boosting"])
def test_a_model_read_again_is_the_same(regressor, tmp_path):
    if "boosting" in regressor:
        pytest.importorskip("sklearn")
    fitted = a_model(a_study(60), regressor, folds=2, outer_folds=2)
    (tmp_path / "model.json").write_text(model_text(fitted), encoding="utf-8")
    again = read_model(tmp_path / "model.json")
    assert again == fitted
    values = np.array([5.0, 0.7, 2.5])
    assert again.predict_described(values) == fitted.predict_described(values)
    jsonschema.Draft202012Validator(model_schema()).validate(json.loads((tmp_path / "model.json").read_text()))


def test_a_recalibrated_model_read_again_is_the_same(model, tmp_path):
    own = recalibrate(model, a_centre(20, 0.1), centre="north", date="2026-11-22")
    (tmp_path / "own.json").write_text(model_text(own), encoding="utf-8")
    assert load_model(tmp_path / "own.json") == own


def test_all_faults_of_a_file_are_said_at_once(model, tmp_path):
    (tmp_path / "model.json").write_text(model_text(model), encoding="utf-8")
    plain = json.loads((tmp_path / "model.json").read_text())
    plain["unit"] = "volume"
    plain["members"][0]["ridge"]["penalty"] = "much"
    del plain["licence"]
    (tmp_path / "model.json").write_text(json.dumps(plain))
    with pytest.raises(BadDataError) as caught:
        read_model(tmp_path / "model.json")
    for words in ("unit: ", "members[0].ridge.penalty", "licence: is missing"):
        assert words in str(caught.value)


def test_contradictions_in_a_file_are_said(model, tmp_path):
    (tmp_path / "model.json").write_text(model_text(model), encoding="utf-8")
    plain = json.loads((tmp_path / "model.json").read_text())
    plain["readers_without_ai"] = False
    plain["descriptors"][1]["name"] = "geometry.shape.colour"
    plain["members"][0]["ridge"]["coefficients"].pop()
    plain["of_pairs"]["folds"].pop()
    (tmp_path / "model.json").write_text(json.dumps(plain))
    with pytest.raises(BadDataError) as caught:
        read_model(tmp_path / "model.json")
    for words in ("readers_without_ai: must be true", "geometry.shape.colour", "coefficients: has 2 of 3", "of_pairs.folds: has 4"):
        assert words in str(caught.value)


def test_a_tree_that_leads_back_is_refused():
    pytest.importorskip("sklearn")
    values = np.linspace(0, 1, 200)[:, None]
    tree = fit_boosting(values, values[:, 0], np.ones(200), GrowthSettings(trees=1))
    circle = dataclasses.replace(tree, right=(0,) + tree.right[1:])
    assert not list(tree.faults())
    assert [where for where, _ in circle.faults()] == ["right[0]"]


def test_an_unknown_name_lists_the_models_there_are():
    with pytest.raises(BadDataError, match="lung-nodule-ct"):
        load_model("liver-tumour-mr")


def test_the_shipped_schema_is_the_one_of_the_code():
    shipped = resource("Schemas/difficulty_model.schema.json").read_text(encoding="utf-8")
    assert shipped == json.dumps(model_schema(), indent=2, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("name", ["lung-nodule-ct", "lung-nodule-ct-slice"])
def test_a_shipped_model_keeps_what_was_asked_of_it(name):
    facts = load_model(name).cross_validation
    assert facts.mae.value < facts.mae_constant.lower
    for level in (facts.coverage, *facts.coverage_by_size, facts.pairs_reaching_lower, *facts.pairs_reaching_lower_by_size):
        assert level == pytest.approx(0.9, abs=0.03)
    assert not load_model(name).simulated


@pytest.mark.parametrize(("name", "k"), [("lung-nodule-ct", None), ("lung-nodule-ct-slice", 22)])
def test_a_shipped_model_predicts_less_for_a_smaller_nodule(name, k):
    model = load_model(name)
    large, small = (model.predict(a_nodule(radius), (1.0, 0.7, 0.7), k=k) for radius in (9, 3.5))
    assert large.in_domain, large.reasons
    assert small.in_domain, small.reasons
    assert large.dice > small.dice
    assert large.threshold > small.threshold


def test_a_lesion_model_takes_no_slice_and_a_slice_model_needs_one():
    with pytest.raises(ValueError, match="slice number"):
        load_model("lung-nodule-ct").predict(a_ball(6), (1.0, 0.7, 0.7), k=20)
    with pytest.raises(ValueError, match="slice number"):
        load_model("lung-nodule-ct-slice").predict(a_ball(6), (1.0, 0.7, 0.7))


def test_a_shipped_model_was_not_fitted_on_test_patients():
    # 689 patients have a nodule with three readers or more (shared/docs/data.md); 124 of them are test patients.
    assert load_model("lung-nodule-ct").patients == load_model("lung-nodule-ct-slice").patients == 565


def test_a_shipped_model_refuses_what_is_rounder_than_any_outline_of_a_reader():
    refused = load_model("lung-nodule-ct").predict(a_ball(6), (1.0, 0.7, 0.7))
    assert not refused.in_domain
    assert any("round" in reason for reason in refused.reasons)


def test_prediction_needs_no_package_for_fitting(tmp_path):
    np.save(tmp_path / "mask.npy", a_nodule(6))
    script = """
import sys
for name in ("sklearn", "pywt", "torch", "pydicom", "jinja2"):
    sys.modules[name] = None
import numpy as np
from SegQCLib.difficulty import load_model
mask = np.load(sys.argv[1])
print(load_model("lung-nodule-ct").predict(mask, (1.0, 0.7, 0.7)).dice)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "mask.npy")],
        capture_output=True,
        text=True,
        cwd=Path(resource("Models")).parents[1],
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert 0.5 < float(done.stdout) < 1
