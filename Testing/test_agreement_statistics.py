"""Statistics over many cases: equal to what the papers print and to what other people's programs give."""

import importlib
import math
import sys

import numpy as np
import pytest

from SegQCLib.agreement.bland_altman import bland_altman
from SegQCLib.agreement.case_bootstrap import TOO_FEW_PATIENTS, case_interval
from SegQCLib.agreement.case_summary import case_summary
from SegQCLib.agreement.estimate import FEW_RULE, FEWEST_RULE, REPEATED_PATIENTS, of_patients
from SegQCLib.agreement.gwet import gwet_ac
from SegQCLib.agreement.icc import EXCHANGEABLE_REASON, ICC_FORMS, intraclass_correlation
from SegQCLib.agreement.kappa import ASYMPTOTIC, NEARLY_ONE_GRADE, ONE_GRADE, cohen_kappa, fleiss_kappa
from SegQCLib.errors import BadDataError

NAN = math.nan

# Bland and Altman, Lancet 1986;327:307-310, table 1: peak expiratory flow rate (L/min), first reading of each meter.
WRIGHT = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
MINI_WRIGHT = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]

# Shrout and Fleiss, Psychol Bull 1979;86:420-428, table 2: six targets, four judges.
SHROUT_FLEISS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]

# Fleiss, Psychol Bull 1971;76:378-382, table 1: 30 patients, how many of 6 psychiatrists gave each of 5 diagnoses,
# here as the diagnoses themselves (also in R's irr and in statsmodels).
FLEISS = [
    "444444", "222555", "233335", "555555", "222444", "113333", "333355", "113334", "114444", "555555",
    "144444", "124444", "222333", "144444", "224445", "333335", "111455", "111112", "224444", "133555",
    "555555", "244444", "224555", "114444", "144445", "222224", "111155", "224444", "133333", "555555",
]  # fmt: skip

# The 14 judges and 10 subjects of the article on Fleiss' kappa in Wikipedia: how many gave grades 1 to 5.
FOURTEEN_JUDGES = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip

# Gwet, Handbook of Inter-Rater Reliability, 4th ed. 2014, p. 120: 4 raters, 12 units, categories 1 to 5.
GWET = [
    [1, 1, NAN, 1], [2, 2, 3, 2], [3, 3, 3, 3], [3, 3, 3, 3], [2, 2, 2, 2], [1, 2, 3, 4],
    [4, 4, 4, 4], [1, 1, 2, 1], [2, 2, 2, 2], [NAN, 5, 5, 5], [NAN, NAN, 1, 1], [NAN, NAN, 3, NAN],
]  # fmt: skip

# The same book: 5 observers, 15 units, scores 0 to 3 (irrCAC.datasets.raw_5observers).
GWET_OBSERVERS = [
    [1, 1, 2, NAN, 2], [1, 1, 0, 1, NAN], [2, 3, 3, 3, NAN], [NAN, 0, 0, NAN, 0], [0, 0, 0, NAN, 0],
    [0, 0, 0, NAN, 0], [1, 0, 2, NAN, 1], [1, NAN, 2, 0, NAN], [2, 2, 2, NAN, 2], [2, 1, 1, 1, NAN],
    [NAN, 1, 0, 0, NAN], [0, 0, 0, 0, NAN], [1, 2, 2, 2, NAN], [3, 3, 2, 2, 3], [1, 1, 1, NAN, 1],
]  # fmt: skip

# Eight cases by three readers, and what psych's ICC() gives for them: value, lower and upper end, form by form.
PSYCH = [
    [12.1, 11.8, 13.0], [30.4, 29.9, 32.5], [8.2, 8.9, 8.8], [51.0, 47.3, 52.2],
    [22.5, 23.1, 22.9], [17.7, 16.2, 18.8], [40.3, 41.9, 43.1], [26.6, 24.8, 27.9],
]  # fmt: skip
PSYCH_ICC = [
    (0.9907637268, 0.9706653455, 0.9979570300), (0.9907760126, 0.9549915052, 0.9981444504),
    (0.9947455743, 0.9823872279, 0.9988536209), (0.9969021673, 0.9900267404, 0.9993180812),
    (0.9969063135, 0.9845330730, 0.9993807174), (0.9982423679, 0.9940593214, 0.9996175814),
]  # fmt: skip

# Weights, kappa and its standard error of vcd's Kappa().
VCD = (
    ("unweighted", 0.5691976306, 0.0893010399),
    ("linear", 0.7056786704, 0.0665805063),
    ("quadratic", 0.8230912477, 0.0502220969),
)


def answers_of_table(table, grades):
    """Return the two readers' answers of a table of counts, rows being the first reader."""
    pairs = [(a, b) for a, row in zip(grades, table, strict=True) for b, n in zip(grades, row, strict=True) for _ in range(n)]
    return [a for a, _ in pairs], [b for _, b in pairs]


def with_mean_and_sd(n, mean, sd):
    values = np.arange(n, dtype=float)
    return mean + sd * (values - values.mean()) / values.std(ddof=1)


def test_bland_altman_gives_the_peak_flow_numbers_of_1986():
    found = bland_altman(WRIGHT, MINI_WRIGHT, "L/min")
    assert round(found.bias.value, 1) == -2.1
    assert round(found.sd, 1) == 38.8
    # The paper: -22.0 to 17.8 L/min.
    assert (found.bias.lower, found.bias.upper) == pytest.approx((-22.0, 17.8), abs=0.06)
    # The paper takes two standard deviations, -79.7 and 75.5; 1.96 of them are 1.55 less.
    assert found.lower_limit.value == pytest.approx(-79.7 + 0.04 * 38.77, abs=0.1)
    assert found.upper_limit.value == pytest.approx(75.5 - 0.04 * 38.77, abs=0.1)
    assert found.proportional_bias is False


def test_bland_altman_gives_the_blood_pressure_numbers_of_1999():
    # Stat Methods Med Res 1999;8:135-160: 85 subjects, mean -16.29, SD 19.61 mmHg, limits -54.7 and 22.1 (p. 139); intervals
    # -20.5 to -12.1, -61.9 to -47.5 and 14.9 to 29.3 (p. 142), those of the limits by a large-sample formula.
    difference = with_mean_and_sd(85, -16.29, 19.61)
    found = bland_altman(120 + difference, np.full(85, 120.0), "mmHg")
    assert (found.lower_limit.value, found.upper_limit.value) == pytest.approx((-54.7, 22.1), abs=0.05)
    assert (found.bias.lower, found.bias.upper) == pytest.approx((-20.5, -12.1), abs=0.06)
    assert (found.upper_limit.lower, found.upper_limit.upper) == pytest.approx((14.9, 29.3), abs=2.5)
    assert found.upper_limit.lower > 14.9
    assert found.lower_limit.upper < -47.5


# R 4.2.2: qt(c(0.025, 0.975), n - 1, qnorm(0.975) * sqrt(n)) / sqrt(n)
@pytest.mark.parametrize(("n", "inner", "outer"), [(10, 1.16318089, 3.80090236), (20, 1.35648425, 3.01400309)])
def test_intervals_of_the_limits_are_those_of_the_noncentral_t_distribution_in_r(n, inner, outer):
    found = bland_altman(100 + with_mean_and_sd(n, 0.0, 1.0), np.full(n, 100.0), "mL")
    assert (found.upper_limit.lower, found.upper_limit.upper) == pytest.approx((inner, outer), abs=1e-7)
    assert (found.lower_limit.upper, found.lower_limit.lower) == pytest.approx((-inner, -outer), abs=1e-7)


def test_the_interval_of_a_limit_holds_the_true_one_in_95_of_100_studies():
    rng = np.random.default_rng(0)
    studies, n = 800, 8
    held = 0
    for _ in range(studies):
        limit = bland_altman(rng.normal(0.5, 1.0, n), np.zeros(n), "mL").upper_limit
        held += limit.lower <= 0.5 + 1.959964 <= limit.upper
    # Four standard errors of a share of 0.95 among 800.
    assert abs(held / studies - 0.95) < 4 * math.sqrt(0.95 * 0.05 / studies)


def test_differences_that_are_all_the_same_have_limits_without_an_interval():
    found = bland_altman([2.0] * 8, [1.0] * 8, "mL")
    assert (found.bias.value, found.upper_limit.value, found.upper_limit.lower) == (1.0, 1.0, None)
    assert "no width" in found.bias.reason


def test_volumes_that_differ_by_a_tenth_differ_by_ten_percent_at_every_size():
    volumes = np.array([1.0, 5.0, 20.0, 80.0, 150.0, 400.0, 900.0])
    absolute = bland_altman(1.05 * volumes, 0.95 * volumes, "mL")
    assert absolute.proportional_bias is True
    assert absolute.slope.value == pytest.approx(0.1)
    assert "percent" in absolute.notes[-1]
    percent = bland_altman(1.05 * volumes, 0.95 * volumes, "mL", percent=True)
    assert percent.unit == "%"
    assert percent.bias.value == pytest.approx(10.0)
    assert percent.sd == pytest.approx(0.0, abs=1e-12)


def test_a_structure_that_both_readers_call_absent_has_no_percent_and_is_counted():
    found = bland_altman([0.0, 2.0, 4.0], [0.0, 1.0, 4.0], "mL", percent=True)
    assert (found.left_out, found.bias.cases) == (1, 2)
    assert found.bias.value == pytest.approx((100 / 1.5 + 0) / 2)


def test_several_cases_of_one_patient_are_said_beside_the_limits():
    found = bland_altman(range(8), range(1, 9), "mL", patients=list("aabbccdd"))
    assert "too narrow" in found.notes[0]
    assert not bland_altman(range(8), range(1, 9), "mL", patients=list("abcdefgh")).notes


def test_limits_of_one_case_are_undefined_and_five_cases_have_no_interval():
    assert bland_altman([1.0], [2.0], "mL").bias.value is None
    five = bland_altman([1, 2, 3, 4, 5], [2, 2, 3, 5, 5], "mL").bias
    assert (five.lower, five.reason) == (None, FEWEST_RULE)
    assert bland_altman(range(6), [1, 1, 3, 3, 5, 5], "mL").bias.note == FEW_RULE


def test_icc_gives_the_six_numbers_of_shrout_and_fleiss():
    found = intraclass_correlation(SHROUT_FLEISS, list("123456"))
    assert [round(icc.estimate.value, 2) for icc in found.forms] == [0.17, 0.29, 0.71, 0.44, 0.62, 0.91]
    # Intervals as R's DMAR::icc and psych::ICC print them for these data.
    expected = [(-0.133, 0.723), (0.0188, 0.761), (0.342, 0.946), (-0.884, 0.912), (0.0711, 0.927), (0.676, 0.986)]
    for icc, (lower, upper) in zip(found.forms, expected, strict=True):
        assert (icc.estimate.lower, icc.estimate.upper) == pytest.approx((lower, upper), abs=6e-4)
    assert found.form("ICC(2,1)").form.name == "ICC(2,1) = ICC(A,1)"


def test_icc_leaves_pingouin_s_settings_as_they_were():
    import pingouin

    before = dict(pingouin.options)
    intraclass_correlation(SHROUT_FLEISS, list("123456"))
    assert dict(pingouin.options) == before


def test_cases_without_every_reader_are_left_out_of_icc_and_named():
    found = intraclass_correlation([*SHROUT_FLEISS, [1, NAN, 3, 4]], list("1234567"))
    assert found.left_out == ("7",)
    assert found.form("ICC(2,1)").estimate.cases == 6


def test_exchangeable_readers_have_one_way_forms_only():
    found = intraclass_correlation(SHROUT_FLEISS, list("123456"), exchangeable=True)
    assert [icc.form.shrout_fleiss for icc in found.forms] == ["ICC(1,1)", "ICC(1,k)"]
    assert found.not_applicable == EXCHANGEABLE_REASON
    shuffled = [sorted(row) for row in SHROUT_FLEISS]
    assert intraclass_correlation(shuffled, list("123456"), exchangeable=True).form("ICC(1,1)").estimate.value == pytest.approx(
        found.form("ICC(1,1)").estimate.value
    )


def test_icc_is_one_for_equal_readers_negative_for_opposite_ones_and_undefined_without_differences():
    same = intraclass_correlation([[n, n] for n in range(8)], list("abcdefgh"))
    assert [icc.estimate.value for icc in same.forms] == [1.0] * 6
    assert same.forms[0].estimate.lower is None
    opposite = intraclass_correlation([[n, 7.5 - n] for n in range(8)] + [[1.0, 1.0]], list("abcdefghi"))
    negative = opposite.form("ICC(2,1)").estimate
    assert negative.value < 0
    assert negative.note.startswith("Negative")
    equal = intraclass_correlation([[1.0, 2.0]] * 8, list("abcdefgh"))
    assert {icc.estimate.value for icc in equal.forms} == {None}


def test_icc_recovers_a_known_ratio_of_variances():
    # Cases of variance 4, readers of variance 1, rest 1: ICC(2,1) = 4/6, ICC(3,1) = 4/5 by definition. SIMULATED.
    random = np.random.default_rng(7)
    held = {"ICC(2,1)": 0, "ICC(3,1)": 0}
    for _ in range(60):
        values = random.normal(0, 2, (60, 1)) + random.normal(0, 1, (1, 12)) + random.normal(0, 1, (60, 12))
        found = intraclass_correlation(values, [str(n) for n in range(60)])
        for form, true in (("ICC(2,1)", 4 / 6), ("ICC(3,1)", 4 / 5)):
            held[form] += found.form(form).estimate.lower <= true <= found.form(form).estimate.upper
    # Of 60 intervals of 95 %, fewer than 51 hold the truth with a probability of 0.0003.
    assert min(held.values()) >= 51


def test_cohen_s_kappa_is_that_of_his_table_of_1968():
    # Psychol Bull 1968;70:213-220, table 1: 200 patients, judge B in rows; kappa .492.
    first, second = answers_of_table([[88, 14, 18], [10, 40, 10], [2, 6, 12]], [1, 2, 3])
    assert cohen_kappa(first, second, [1, 2, 3]).value == pytest.approx(0.492, abs=5e-4)


def test_kappa_and_its_interval_are_those_of_sas():
    # PROC FREQ's printout for this table, as statsmodels' tests hold it: simple and (linearly) weighted kappa.
    first, second = answers_of_table([[0, 4, 1], [0, 8, 0], [0, 1, 5]], [0, 1, 2])
    simple = cohen_kappa(first, second, [0, 1, 2])
    assert (simple.value, simple.lower, simple.upper) == pytest.approx((0.4842, 0.2137, 0.7547), abs=6e-5)
    weighted = cohen_kappa(first, second, [0, 1, 2], "linear")
    assert (weighted.value, weighted.lower, weighted.upper) == pytest.approx((0.4701, 0.1845, 0.7558), abs=6e-5)


def test_quadratic_weights_are_one_minus_the_mean_squared_difference_over_that_by_chance():
    first, second = [1, 2, 3, 4, 5, 3, 2, 1], [1, 3, 3, 5, 4, 3, 2, 2]
    by_chance = np.mean([(a - b) ** 2 for a in first for b in second])
    expected = 1 - np.mean((np.array(first) - second) ** 2) / by_chance
    assert cohen_kappa(first, second, range(1, 6), "quadratic").value == pytest.approx(expected)


def test_a_grade_that_nobody_used_keeps_its_place_on_the_scale():
    # 1 and 5 lie four steps apart although nobody gave 2, 3 or 4; as if the scale were 1, 5.
    first, second = [1, 1, 5, 5, 1, 5, 1, 4], [1, 5, 5, 5, 1, 5, 1, 5]
    by_chance = np.mean([abs(a - b) for a in first for b in second])
    expected = 1 - np.mean(np.abs(np.array(first) - second)) / by_chance
    assert cohen_kappa(first, second, range(1, 6), "linear").value == pytest.approx(expected)


def test_one_grade_only_is_undefined_with_a_reason_and_never_nan():
    assert cohen_kappa([3] * 9, [3] * 9, range(1, 6)).reason == ONE_GRADE
    assert fleiss_kappa([[3, 3, 3]] * 9, range(1, 6)).value is None
    assert gwet_ac([[3, 3, 3]] * 9, range(1, 6)).value == 1.0
    assert cohen_kappa([], [], range(1, 6)).value is None


def test_equal_readers_have_kappa_one_and_no_interval():
    found = cohen_kappa([1, 2, 3, 1, 2, 3], [1, 2, 3, 1, 2, 3], [1, 2, 3])
    assert (found.value, found.lower) == (1.0, None)
    assert "no width" in found.reason


def test_a_grade_outside_of_the_scale_is_refused():
    with pytest.raises(ValueError, match="not on the scale"):
        cohen_kappa([1, 6], [1, 2], range(1, 6))
    with pytest.raises(ValueError, match="outside of the scale"):
        fleiss_kappa([[1, 2], [9, 1]], range(1, 6))


def test_fleiss_kappa_is_that_of_1971_and_of_the_fourteen_judges():
    diagnoses = [[int(digit) for digit in row] for row in FLEISS]
    assert fleiss_kappa(diagnoses, range(1, 6)).value == pytest.approx(0.430, abs=5e-4)
    judged = [[grade for grade, n in enumerate(row, 1) for _ in range(n)] for row in FOURTEEN_JUDGES]
    found = fleiss_kappa(judged, range(1, 6))
    assert found.value == pytest.approx(0.210, abs=5e-4)
    assert found.lower < found.value < found.upper


def test_fleiss_kappa_leaves_out_cases_with_a_missing_answer():
    diagnoses = [[float(digit) for digit in row] for row in FLEISS]
    more = fleiss_kappa([*diagnoses, [1, 2, NAN, 1, 1, 1]], range(1, 6))
    assert (more.cases, more.value) == (30, pytest.approx(0.430, abs=5e-4))


@pytest.mark.parametrize(
    ("answers", "grades", "weights", "value", "lower", "upper"),
    [
        # irrCAC 0.4.4 (Python), CAC(answers, weights=..., digits=8).gwet(), with numpy 1.26 and scipy 1.12.
        (GWET, range(1, 6), "unweighted", 0.77544407, 0.46081335, 1.0),
        (GWET, range(1, 6), "linear", 0.85873914, 0.6004997, 1.0),
        (GWET, range(1, 6), "quadratic", 0.91400072, 0.68518137, 1.0),
        (GWET_OBSERVERS, range(4), "unweighted", 0.49662205, 0.2350152, 0.75822891),
        (GWET_OBSERVERS, range(4), "linear", 0.68963942, 0.50156145, 0.8777174),
        (GWET_OBSERVERS, range(4), "quadratic", 0.83043357, 0.70550746, 0.95535969),
    ],
)
def test_gwet_s_coefficient_is_that_of_irrcac(answers, grades, weights, value, lower, upper):
    found = gwet_ac(answers, grades, weights)
    assert (found.value, found.lower, found.upper) == pytest.approx((value, lower, upper), abs=2e-8)


def test_gwet_s_ac1_is_that_of_his_r_package_on_the_abstractors_table():
    # irrCAC for R, vignette "overview", cont3x3abstractors: AC1 0.8493305, standard error 0.04321747.
    first, second = answers_of_table([[13, 0, 0], [0, 20, 7], [0, 4, 56]], [1, 2, 3])
    found = gwet_ac(np.stack([first, second], axis=1), [1, 2, 3])
    assert found.value == pytest.approx(0.8493305, abs=5e-8)
    # Its formula for two readers divides by n, that for several by n - 1.
    assert (found.lower, found.upper) == pytest.approx((0.764, 0.935), abs=2e-3)


def test_gwet_s_weighted_coefficient_is_high_for_grades_at_random_that_lie_close_together():
    """All nine pairs of 2, 3 and 4 on a scale of five.

    Observed 1 - (4 / 3) / 16 = 11 / 12; by chance 18.75 / 20 x 3 x 2 / 9 = 0.625; (11 / 12 - 0.625) / 0.375 = 7 / 9.
    """
    pairs = [(a, b) for a in (2, 3, 4) for b in (2, 3, 4)]
    assert gwet_ac(pairs, range(1, 6), "quadratic").value == pytest.approx(7 / 9)
    assert cohen_kappa(*zip(*pairs, strict=True), range(1, 6), "quadratic").value == pytest.approx(0.0)


def test_gwet_s_coefficient_does_not_collapse_where_kappa_does():
    # 118 of 125 both "present", 7 disagreements: the paradox of Feinstein and Cicchetti, J Clin Epidemiol 1990;43:543-549.
    first, second = answers_of_table([[118, 5], [2, 0]], [1, 0])
    assert cohen_kappa(first, second, [0, 1]).value < 0
    assert gwet_ac(np.stack([first, second], axis=1), [0, 1]).value == pytest.approx(0.94, abs=0.005)


def test_a_case_counts_once_however_many_pairs_it_has():
    values = [0.9, 0.9, 0.9, 0.5, 0.7]
    found = case_summary("Dice", values, ["a", "a", "a", "b", "c"])
    assert found.median.value == pytest.approx(0.7)
    assert (found.pairs, found.median.cases) == (5, 3)
    assert found.median.reason == FEWEST_RULE


def test_undefined_pairs_are_counted_and_left_out():
    found = case_summary("Dice", [None, 0.8, None], ["a", "b", "b"])
    assert (found.pairs, found.undefined_pairs, found.median.value) == (1, 2, 0.8)
    assert case_summary("Dice", [None], ["a"]).median.reason == "No pair of readers has this value."


def test_the_bootstrap_draws_patients_and_so_ten_pairs_of_each_case_make_it_no_surer():
    random = np.random.default_rng(3)
    dice = random.uniform(0.6, 0.9, 20)
    cases = [str(n) for n in range(20)]
    alone = case_summary("Dice", dice.tolist(), cases)
    tenfold = case_summary("Dice", np.repeat(dice, 10).tolist(), np.repeat(cases, 10).tolist())
    assert (tenfold.median.lower, tenfold.median.upper) == pytest.approx((alone.median.lower, alone.median.upper))
    patients = [str(n // 2) for n in range(20)]
    together = case_summary("Dice", np.repeat(dice[::2], 2).tolist(), cases, patients).median
    assert together.upper - together.lower > alone.median.upper - alone.median.lower


def test_the_bootstrap_s_interval_of_a_mean_is_close_to_the_normal_one():
    values = with_mean_and_sd(400, 0.8, 0.1)
    lower, upper = case_interval([str(n) for n in range(400)], lambda index: float(values[index].mean()))
    assert (lower, upper) == pytest.approx((0.8 - 1.96 * 0.005, 0.8 + 1.96 * 0.005), abs=1e-3)
    assert case_interval(["a", "a", "a"], lambda index: float(values[index].mean())) is None


def test_every_form_of_icc_says_which_question_it_answers():
    assert all(form.question.endswith((".", "?")) and form.model for form in ICC_FORMS)


@pytest.mark.parametrize(
    ("package", "call"),
    [
        ("pingouin", lambda: intraclass_correlation(SHROUT_FLEISS, list("123456"))),
        ("statsmodels.stats.inter_rater", lambda: cohen_kappa([1, 2], [1, 1], [1, 2])),
    ],
)
def test_a_missing_package_is_named_with_what_installs_it(monkeypatch, package, call):
    importlib.import_module(package)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(BadDataError, match=r"pip install 'segqc\[records\]'"):
        call()


def test_weighted_kappa_is_that_of_vcd_in_r():
    # R 4.2.2, vcd 1.4-11: t <- matrix(c(8, 2, 0, 0, 3, 9, 1, 0, 1, 4, 10, 2, 0, 0, 3, 7), 4, byrow = TRUE)
    # k <- Kappa(t); q <- Kappa(t, weights = "Fleiss-Cohen"); c(k$Unweighted, k$Weighted, q$Weighted)
    table = [[8, 2, 0, 0], [3, 9, 1, 0], [1, 4, 10, 2], [0, 0, 3, 7]]
    first, second = answers_of_table(table, range(1, 5))
    for weights, value, error in VCD:
        found = cohen_kappa(first, second, range(1, 5), weights)
        assert found.value == pytest.approx(value, abs=1e-8)
        assert found.value - found.lower == pytest.approx(1.959963985 * error, abs=1e-8)
        assert found.note.startswith(ASYMPTOTIC)


def test_kappa_has_no_interval_where_nearly_all_answers_are_one_grade():
    # 60 cases; both readers say no in 4, one of them alone in 1: nine answers of 120.
    found = cohen_kappa([0] * 4 + [1] * 56, [0] * 5 + [1] * 55, (0, 1))
    assert (found.lower, found.reason) == (None, NEARLY_ONE_GRADE)
    assert cohen_kappa([0] * 5 + [1] * 55, [1] + [0] * 5 + [1] * 54, (0, 1)).lower is not None


def test_gwet_s_interval_needs_six_cases_that_two_readers_graded():
    answers = [[1, 1], [2, 2], [2, 1], [1, 1], [2, 2]] + [[1, NAN]] * 20
    assert gwet_ac(answers, (1, 2)).reason == FEWEST_RULE
    assert gwet_ac([*answers, [2, 2]], (1, 2)).lower is not None


def test_fewer_than_six_patients_are_too_few_for_a_bootstrap_however_many_cases_they_have():
    five = case_summary("Dice", [0.7, 0.8, 0.9, 0.85] * 5, list("abcdefghijklmnopqrst"), list("12345") * 4)
    assert (five.median.value, five.median.lower, five.median.reason) == (pytest.approx(0.825), None, TOO_FEW_PATIENTS)
    six = case_summary("Dice", [0.7, 0.8, 0.9, 0.85] * 6, list("abcdefghijklmnopqrstuvwx"), list("123456") * 4)
    assert six.median.lower is not None


def test_an_interval_that_takes_cases_of_one_patient_as_independent_says_so():
    found = cohen_kappa([1, 2, 3, 1, 2, 3] * 3, [1, 2, 3, 1, 2, 2] * 3, (1, 2, 3))
    assert of_patients(found, [str(n // 2) for n in range(18)]).note.startswith(REPEATED_PATIENTS)
    assert of_patients(found, [str(n) for n in range(18)]) == found


def test_icc_and_its_intervals_are_those_of_psych_in_r():
    # R 4.2.2, psych 2.2.9: ICC(x, lmer = FALSE)$results[, c("ICC", "lower bound", "upper bound")]
    for icc, (value, lower, upper) in zip(intraclass_correlation(PSYCH, list("abcdefgh")).forms, PSYCH_ICC, strict=True):
        found = (icc.estimate.value, icc.estimate.lower, icc.estimate.upper)
        assert found == pytest.approx((value, lower, upper), abs=1e-8)


def test_readers_who_differ_by_the_same_in_every_case_are_consistent_without_an_interval():
    values = np.arange(8.0)[:, None] * 3.3 + np.array([[0.0, 0.1, 0.7]])
    consistency = intraclass_correlation(values, list("abcdefgh")).form("ICC(3,1)").estimate
    assert (consistency.value, consistency.lower) == (1.0, None)
    assert "by the same in every case" in consistency.reason
