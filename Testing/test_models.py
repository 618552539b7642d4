"""Two models on one cohort: matching, rules for absent structures, statistics with other people's numbers, and the pages."""

import csv
import json
import re

import jsonschema
import numpy as np
import pytest
import SimpleITK as sitk
from scipy import stats

from phantoms import a_geometry, box_array
from SegQCLib import cli_models
from SegQCLib.agreement.case_bootstrap import TOO_FEW_PATIENTS
from SegQCLib.cli import main
from SegQCLib.errors import BadDataError
from SegQCLib.geometry import sitk_image
from SegQCLib.model_comparison.cohort import match_cohort
from SegQCLib.model_comparison.measured_cohort import MeasuredStructure, ModelValues, measure_cohort
from SegQCLib.model_comparison.model_comparison import compare_models, models_schema
from SegQCLib.model_comparison.models_page import render_models_page
from SegQCLib.model_comparison.paired_statistics import compare_structures, hodges_lehmann
from SegQCLib.resources import resource

GRID = a_geometry(size=(16, 16, 24), spacing_mm=(1.0, 1.0, 1.0))
CUBE = ((2, 12), (2, 12), (2, 12))


def cube(lost=0, value=1, grid=GRID):
    """A cube of 10 x 10 x 10 voxels that lacks `lost` of its slices."""
    return box_array(grid.size, (2 + lost, 12), *CUBE[1:], value=value)


def dice_without(lost):
    # 2 * both / (reference + candidate), in slices of 100 voxels.
    return 2 * (10 - lost) / (10 + 10 - lost)


def write(folder, name, array, grid=GRID):
    folder.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(sitk_image(array, grid), folder / f"{name}.nrrd")


@pytest.fixture
def folders(tmp_path):
    return tmp_path / "A", tmp_path / "B", tmp_path / "R"


def a_cohort(folders, lost_a, lost_b):
    a, b, reference = folders
    for number, (in_a, in_b) in enumerate(zip(lost_a, lost_b, strict=True)):
        write(reference, f"case{number}", cube())
        write(a, f"case{number}", cube(in_a))
        write(b, f"case{number}", cube(in_b))


def compared(folders, patients=None, **options):
    cohort = match_cohort(*folders, patients)
    return compare_models(cohort, measure_cohort(cohort, **options), ("old", "new"), patients_given=patients is not None)


def rows(a, b, patients=None, structure="liver"):
    """Measured values with these Dice; None: absent in reference and model."""

    def values(dice):
        return ModelValues("neither" if dice is None else "both", dice, dice, None)

    patients = patients or [f"p{n}" for n in range(len(a))]
    numbered = enumerate(zip(patients, a, b, strict=True))
    return [MeasuredStructure(f"c{n}", patient, structure, values(x), values(y)) for n, (patient, x, y) in numbered]


def dice_of(found, structure=0):
    return found[structure].of("dice")


# Statistics with other people's numbers.

# Hamilton depression scale factor IV of nine patients before and after a tranquilizer: Hollander and Wolfe, Nonparametric
# Statistical Methods, Wiley 1973, p. 29; R's help of wilcox.test reports V = 40, p = 0.01953 one-sided for it.
BEFORE = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30]
AFTER = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29]


def test_the_signed_rank_test_is_that_of_hollander_and_wolfe():
    found = compare_structures(rows(BEFORE, AFTER), ["liver"])
    assert dice_of(found).test.p == pytest.approx(2 * 10 / 512)
    assert dice_of(found).conclusion == "A better"


def test_holm_s_correction_is_that_of_the_example():
    """p of 0.01, 0.04, 0.03 and 0.005: only the first and last stay below 0.05 (Holm-Bonferroni method, GeeksforGeeks).

    0.005 x 4 = 0.02; 0.01 x 3 = 0.03; 0.03 x 2 = 0.06; 0.04 x 1 = 0.04, but not below the one before: 0.06.
    """
    from statsmodels.stats.multitest import multipletests

    assert multipletests([0.01, 0.04, 0.03, 0.005], method="holm")[1] == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_structures_of_one_metric_are_one_family():
    """Two structures, p 0.0390625 each: Holm doubles the smaller one, and the other is not below it."""
    found = compare_structures(rows(BEFORE, AFTER) + rows(AFTER, BEFORE, structure="spleen"), ["liver", "spleen"])
    assert [dice_of(found, n).test.p_holm for n in (0, 1)] == pytest.approx([0.078125, 0.078125])
    assert [dice_of(found, n).conclusion for n in (0, 1)] == ["no difference shown"] * 2


def test_the_hodges_lehmann_estimate_is_the_median_of_walsh_averages():
    # Of 1, 2, 4: 1, 1.5, 2, 2.5, 3, 4.
    assert hodges_lehmann(np.array([1.0, 2.0, 4.0])) == 2.25
    assert hodges_lehmann(np.array([[1.0, 2.0, 4.0], [-1.0, -2.0, -4.0]])).tolist() == [2.25, -2.25]


def test_the_interval_of_a_mean_is_scipy_s_bootstrap():
    values = np.random.default_rng(5).uniform(0.6, 0.9, 40)
    found = dice_of(compare_structures(rows(values, values / 2), ["liver"])).mean_a
    of_scipy = stats.bootstrap((values,), np.mean, method="percentile", n_resamples=9999, rng=1).confidence_interval
    assert (found.lower, found.upper) == pytest.approx(tuple(of_scipy), abs=0.003)
    assert found.value == pytest.approx(values.mean())


def test_cases_of_one_patient_count_as_one():
    """24 cases of six patients: patients are drawn and tested, not cases."""
    a, b = [0.9] * 12 + [0.5] * 12, [0.8] * 24
    alone = dice_of(compare_structures(rows(a, b), ["liver"]))
    together = dice_of(compare_structures(rows(a, b, [patient for patient in "uvwxyz" for _ in range(4)]), ["liver"]))
    assert (alone.patients, together.patients) == (24, 6)
    assert together.test.patients == 6
    # How many of n draws are 0.9 and not 0.5 is binomial: 1 to 5 of 6 patients, 7 to 17 of 24 cases.
    assert together.mean_a.upper - together.mean_a.lower == pytest.approx(0.4 * (5 - 1) / 6)
    assert alone.mean_a.upper - alone.mean_a.lower == pytest.approx(0.4 * (17 - 7) / 24)


def test_two_patients_have_no_interval_however_many_cases_they_have():
    found = dice_of(compare_structures(rows([0.9] * 4 + [0.5] * 4, [0.8] * 8, ["x"] * 4 + ["y"] * 4), ["liver"]))
    assert (found.mean_a.lower, found.mean_a.upper) == (None, None)
    assert found.mean_a.reason


def test_five_patients_have_no_interval_however_many_cases_they_have():
    few = dice_of(compare_structures(rows([0.9, 0.8, 0.7, 0.6, 0.5] * 4, [0.4] * 20, list("abcde") * 4), ["liver"]))
    assert (few.mean_a.lower, few.mean_a.reason) == (None, TOO_FEW_PATIENTS)


def test_the_difference_is_of_patients_as_the_test_is():
    """One patient with ten cases where A is far worse, seven with one case where A is a little better."""
    a, b = [0.1] * 10 + [0.9] * 7, [0.8] * 17
    found = dice_of(compare_structures(rows(a, b, ["a"] * 10 + list("bcdefgh")), ["liver"]))
    assert found.mean_difference.value < 0
    # Of the 36 averages of two of the eight patients 28 are 0.1.
    assert found.difference.value == pytest.approx(0.1)


def test_patients_without_a_difference_leave_the_exact_test_of_the_others():
    """Four patients differ and ten do not: all four signs alike have a p of 2 / 16, not the 0.046 of the normal curve."""
    found = dice_of(compare_structures(rows([0.9] * 4 + [0.8] * 10, [0.8] * 14), ["liver"]))
    assert (found.test.patients, found.test.p) == (14, pytest.approx(0.125))
    assert found.conclusion == "no difference shown"


def test_one_patient_is_no_sample():
    one = dice_of(compare_structures(rows([0.9], [0.8]), ["liver"]))
    assert (one.test.p, one.conclusion) == (None, "not tested")
    assert one.difference.value == pytest.approx(0.1)
    assert one.difference.lower is None
    assert "Fewer than 6 cases" in one.difference.reason


# A cohort whose Dice follows from arithmetic.


def test_averages_and_differences_follow_from_the_lost_slices(folders):
    lost_a, lost_b = [0, 1, 1, 2, 2, 3], [1, 2, 3, 4, 4, 4]
    a_cohort(folders, lost_a, lost_b)
    (structure,) = compared(folders).structures
    dice = structure.of("dice")
    of_a, of_b = ([dice_without(lost) for lost in losses] for losses in (lost_a, lost_b))
    assert dice.mean_a.value == pytest.approx(np.mean(of_a))
    assert dice.median_b.value == pytest.approx(np.median(of_b))
    assert dice.mean_difference.value == pytest.approx(np.mean(of_a) - np.mean(of_b))
    # Six differences of one sign: p = 2 / 2^6, and A is better in each case.
    assert dice.test.p == pytest.approx(2 / 64)
    assert dice.conclusion == "A better"
    # A face that moved by more than 3 mm in B: the larger distance is the worse one.
    assert structure.of("hausdorff_95_mm").difference.value < 0


def test_the_same_model_twice_differs_nowhere_and_is_named(folders):
    a_cohort(folders, [0, 1, 2, 1, 0, 2, 3], [0, 1, 2, 1, 0, 2, 3])
    comparison = compared(folders)
    assert comparison.same_files == tuple(f"case{n}" for n in range(7))
    dice = comparison.structures[0].of("dice")
    assert (dice.difference.value, dice.difference.lower, dice.difference.upper) == (0, 0, 0)
    assert (dice.conclusion, dice.test.p) == ("identical", None)
    assert "identical in every case" in render_models_page(comparison)


def test_exchanged_models_exchange_the_conclusion(folders):
    a_cohort(folders, [0] * 6, [1, 2, 3, 4, 5, 6])
    a, b, reference = folders
    assert compared((a, b, reference)).structures[0].of("dice").conclusion == "A better"
    assert compared((b, a, reference)).structures[0].of("dice").conclusion == "B better"
    assert compared((a, b, reference)).structures[0].of("hausdorff_95_mm").conclusion == "A better"


def test_cases_that_one_folder_lacks_are_named(folders):
    a_cohort(folders, [0, 1, 2], [0, 1, 2])
    (folders[0] / "case1.nrrd").unlink()
    write(folders[1], "stray", cube())
    left_out = {one.case: one.reason for one in compared(folders).left_out}
    assert left_out == {"case1": "no file of model A", "stray": "no file of model A and the reference"}


def test_a_file_that_cannot_be_read_leaves_out_its_case(folders):
    a_cohort(folders, [0, 1], [1, 2])
    (folders[1] / "case0.nrrd").write_bytes(b"NRRD0004\n")
    comparison = compared(folders)
    assert comparison.cases == 1
    assert [one.case for one in comparison.left_out] == ["case0"]


def test_a_structure_absent_on_one_side_is_a_dice_of_0_and_told_apart(folders):
    a, b, reference = folders
    for number in range(3):
        write(reference, f"case{number}", cube() + (cube(value=2)[:, :, ::-1] if number else 0))
        write(a, f"case{number}", cube() + cube(value=2)[:, :, ::-1])
        write(b, f"case{number}", cube() + (cube(value=2)[:, :, ::-1] if number == 2 else 0))
    second = next(one for one in compared(folders).structures if one.structure == "label_2")
    assert (second.cases, second.missed_a, second.missed_b, second.false_a, second.false_b) == (3, 0, 1, 1, 0)
    # In case 0 neither reference nor B has it: of the pairs, A 1 and 1, B 0 and 1.
    dice = second.of("dice")
    assert (dice.pairs, dice.mean_a.value, dice.mean_b.value) == (2, 1.0, 0.5)
    assert second.of("hausdorff_95_mm").pairs == 1


def test_a_structure_that_a_model_never_has_is_named_and_not_compared(folders):
    a, b, reference = folders
    for number in range(2):
        both = cube() + cube(value=2)[:, :, ::-1]
        write(reference, f"case{number}", both)
        write(a, f"case{number}", both)
        write(b, f"case{number}", cube())
    comparison = compared(folders)
    assert [one.structure for one in comparison.structures] == ["label_1"]
    assert comparison.not_in_b == ("label_2",)


def test_another_grid_is_brought_onto_the_reference_s(folders):
    a_cohort(folders, [0, 0], [0, 0])
    fine = a_geometry(size=(32, 16, 24), spacing_mm=(0.5, 1.0, 1.0), origin_lps_mm=(0.0, 0.0, -0.25))
    write(folders[1], "case0", np.repeat(cube(), 2, axis=0), fine)
    comparison = compared(folders)
    assert comparison.resampled == ("case0",)
    assert comparison.structures[0].of("dice").mean_b.value == 1.0


def test_folders_without_a_common_case_or_structure_are_refused(folders):
    for folder, name in zip(folders, ("x", "y", "z"), strict=True):
        write(folder, name, cube())
    with pytest.raises(BadDataError, match="no case in common"):
        match_cohort(*folders)
    for folder, value in zip(folders, (1, 2, 3), strict=True):
        write(folder, "one", cube(value=value))
    with pytest.raises(BadDataError, match="no structure that the reference and both models have"):
        compared(folders)


def test_two_files_of_one_case_are_refused(folders):
    a_cohort(folders, [0], [0])
    sitk.WriteImage(sitk_image(cube(), GRID), folders[0] / "case0.nii.gz")
    with pytest.raises(BadDataError, match="for one case"):
        match_cohort(*folders)


def test_a_table_of_patients_has_to_name_every_case(folders, tmp_path):
    a_cohort(folders, [0, 1], [1, 1])
    (tmp_path / "patients.csv").write_text("case,patient\ncase0,p\n")
    with pytest.raises(BadDataError, match="does not name the case case1"):
        match_cohort(*folders, tmp_path / "patients.csv")


# What is written.


@pytest.fixture
def written(folders, tmp_path, capsys):
    a_cohort(folders, [0, 1, 1, 2, 2, 3], [1, 2, 3, 4, 4, 4])
    (tmp_path / "patients.csv").write_text("case,patient\n" + "".join(f"case{n},p{n}\n" for n in range(6)))
    a, b, reference = map(str, folders)
    out = tmp_path / "out"
    names = ["--names", "nnU-Net <2.5>, 50 $ model", "--patients", str(tmp_path / "patients.csv")]
    assert main(["models", a, b, "--reference", reference, "--out", str(out), *names]) == 0
    assert "nnU-Net <2.5> better" in capsys.readouterr().out
    return out


def test_json_keeps_to_its_schema_and_the_schema_is_shipped(written):
    jsonschema.Draft202012Validator(models_schema()).validate(json.loads((written / "models.json").read_text()))
    shipped = resource("Schemas/models.schema.json").read_text(encoding="utf-8")
    assert shipped == json.dumps(models_schema(), indent=2, ensure_ascii=False) + "\n"


def test_csv_has_a_line_for_each_structure_and_metric(written):
    with (written / "models.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["metric"] for line in lines] == ["dice", "surface_dice_2mm", "hausdorff_95_mm"]
    assert float(lines[0]["p"]) == pytest.approx(2 / 64)


def test_the_page_needs_no_network_and_says_who_is_better_where(written):
    page = (written / "models.html").read_text(encoding="utf-8")
    assert not re.search(r'(src|href)="(?!#)', page)
    assert page.count("<svg") == 3
    assert "nnU-Net &lt;2.5&gt; better →" in page
    assert "← 50 $ model better" in page
    assert "no proof of equality" in page
    assert "<2.5>" not in page


def test_stopping_writes_nothing(folders, tmp_path, monkeypatch, capsys):
    a_cohort(folders, [0, 1], [1, 2])

    def stopped():
        def progress(words, _share):
            if "2 of 2" in words:
                raise KeyboardInterrupt

        return progress

    monkeypatch.setattr(cli_models, "terminal_progress", stopped)
    a, b, reference = map(str, folders)
    assert main(["models", a, b, "--reference", reference, "--out", str(tmp_path / "out")]) == 130
    assert "stopped" in capsys.readouterr().err
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("names", ["one", "a,b,c", "a,", "a,a"])
def test_two_different_names_are_needed(folders, tmp_path, capsys, names):
    a_cohort(folders, [0], [0])
    a, b, reference = map(str, folders)
    assert main(["models", a, b, "--reference", reference, "--out", str(tmp_path / "out"), "--names", names]) == 1
    assert "two different names" in capsys.readouterr().err


def test_two_models_of_one_real_abdomen_are_compared(totalsegmentator, tmp_path):
    """TotalSegmentator's full and fast model on one scan, the full one taken as the reference."""
    files = {"A": "example_seg.nii.gz", "B": "example_seg_fast.nii.gz", "R": "example_seg.nii.gz"}
    if not all((totalsegmentator / name).is_file() for name in files.values()):
        pytest.skip("the sample's small scan is not here")
    for folder, name in files.items():
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "abdomen.nii.gz").write_bytes((totalsegmentator / name).read_bytes())
    comparison = compared((tmp_path / "A", tmp_path / "B", tmp_path / "R"), labels="totalsegmentator")
    assert comparison.same_files == ()
    assert {one.of("dice").mean_a.value for one in comparison.structures} == {1.0}
    full, fast = (sitk.GetArrayFromImage(sitk.ReadImage(totalsegmentator / files[model])) == 5 for model in "AB")
    liver = next(one for one in comparison.structures if one.structure == "liver")
    assert liver.of("dice").mean_b.value == pytest.approx(2 * (full & fast).sum() / (full.sum() + fast.sum()))
