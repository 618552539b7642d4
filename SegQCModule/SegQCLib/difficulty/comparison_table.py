"""How well regressors predict the agreement of readers, side by side: Table 3 of Fournel et al., for any study table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from SegQCLib.difficulty.gating import Gating, Share, synthetic_gating
from SegQCLib.difficulty.models.ensemble import best_of, ensemble
from SegQCLib.difficulty.out_of_fold import Fit, boosting, by_patient, constant, out_of_fold, ridge
from SegQCLib.difficulty.patient_bootstrap import mean_interval
from SegQCLib.difficulty.study_table import StudyTable
from SegQCLib.progress import Progress, counted, unwatched

GLOBAL = "Global threshold"
RIDGE_WITHOUT, RIDGE_WITH = "Ridge w/o UM", "Ridge w. UM"
RESNET_WITHOUT, RESNET_WITH = "ResNet w/o UM", "ResNet w. UM"
ENSEMBLE = "Ensemble"
BOOSTING = "Gradient boosting w. UM (ours)"


@dataclass(frozen=True)
class PublishedRow:
    """One row of the paper's Table 3: error in Dice with its standard deviation over slices, and shares, 0 to 1."""

    mae: float
    mae_sd: float
    good_included: float
    bad_rejected: float


PUBLISHED = {
    GLOBAL: PublishedRow(0.100, 0.083, 0.762, 0.738),
    RIDGE_WITHOUT: PublishedRow(0.064, 0.059, 0.863, 0.856),
    RIDGE_WITH: PublishedRow(0.062, 0.059, 0.870, 0.861),
    RESNET_WITHOUT: PublishedRow(0.065, 0.060, 0.865, 0.842),
    RESNET_WITH: PublishedRow(0.062, 0.060, 0.836, 0.882),
    ENSEMBLE: PublishedRow(0.056, 0.055, 0.877, 0.873),
}
"""Fournel et al., Difficulty estimation for image-specific medical image segmentation quality control, Table 3: 7,740 slices
of COVID-19 lesions on CT, 30 patients; UM is the uncertainty map."""


@dataclass(frozen=True)
class ComparedRow:
    """How well one method predicts the agreement on patients it has not seen."""

    name: str
    mae: float = field(metadata={"doc": "Mean absolute error, out of fold, in Dice."})
    mae_sd: float = field(metadata={"doc": "Standard deviation of the absolute error over slices or lesions."})
    lower: float = field(metadata={"doc": "Lower end of the 95 % interval of the mean absolute error, by patient bootstrap."})
    upper: float = field(metadata={"doc": "Its upper end."})
    mae_patient: float = field(metadata={"doc": "Mean over patients of |mean predicted - mean observed agreement|, in Dice."})
    gating: Gating = field(metadata={"doc": "The paper's gating simulation with these predictions as thresholds."})


def paper_methods(table: StudyTable) -> dict[str, tuple[tuple[str, ...], Fit]]:
    """Return by name the methods that read descriptors, each with the descriptors that it is given and how it is fitted.

    The global threshold, Ridge without uncertainty descriptors, and, where the table has such, Ridge with them as well;
    gradient boosting on all descriptors where scikit-learn is installed.
    """
    without = tuple(name for name in table.names if not name.startswith("uncertainty."))
    methods = {GLOBAL: (without, constant), RIDGE_WITHOUT: (without, ridge)}
    if len(without) < len(table.names):
        methods[RIDGE_WITH] = (table.names, ridge)
    if find_spec("sklearn") is not None:
        methods[BOOSTING] = (table.names, boosting)
    return methods


def compare(
    table: StudyTable,
    methods: Mapping[str, tuple[tuple[str, ...], Fit]],
    folds: NDArray[np.int64],
    *,
    predictions: Mapping[str, NDArray[np.float64]] | None = None,
    seed: int = 0,
    progress: Progress = unwatched,
) -> tuple[ComparedRow, ...]:
    """Return one row per method, all out of fold.

    `predictions` adds methods that do not read descriptors. Where a ResNet is among them (a name starting with ResNet) and
    a Ridge among `methods`, the ensemble of the best of each is added, as in the paper.

    Parameters
    ----------
    table : StudyTable
    methods : mapping
        `paper_methods`, or others: by name the descriptors and a `Fit`.
    folds : ndarray of int, shape (n,)
        `patients.patient_folds`. Predictions that are given should come from the same folds.
    predictions : mapping of str to ndarray, shape (n,)
        Out-of-fold predictions in the order of the table's rows.
    seed : int
    progress : callable

    Raises
    ------
    ValueError
        If predictions do not have one finite number per row, or a method asks for a descriptor that the table lacks.
    """
    given = dict(predictions or {})
    for name, predicted in given.items():
        if predicted.shape != (len(table),) or not np.isfinite(predicted).all():
            raise ValueError(
                f"{name}: predictions of shape {predicted.shape}; {len(table)} finite numbers are needed, one per row."
            )
    found = {}
    for name in counted(progress, "Method", list(methods)):
        names, fit = methods[name]
        found[name] = out_of_fold(table.columns(names), fit, folds)
    ridges = {name: predicted for name, predicted in found.items() if name.startswith("Ridge")}
    networks = {name: predicted for name, predicted in given.items() if name.startswith("ResNet")}
    if ridges and networks:
        best_ridge, best_network = best_of(ridges, table.target), best_of(networks, table.target)
        given[ENSEMBLE] = ensemble({best_ridge: found[best_ridge], best_network: networks[best_network]})
    return tuple(row_of(name, predicted, table, seed=seed) for name, predicted in (found | given).items())


def row_of(name: str, predicted: NDArray[np.float64], table: StudyTable, *, resamples: int = 2000, seed: int = 0) -> ComparedRow:
    """Return the row of one method's predictions, shape (n,), for the rows of a table.

    The interval comes from `resamples` draws of whole patients with replacement.
    """
    errors = np.abs(predicted - table.target)
    lower, upper = mean_interval(errors, np.ones(len(errors)), table.patients, draws=resamples, seed=seed)
    return ComparedRow(
        name=name,
        mae=float(errors.mean()),
        mae_sd=float(errors.std()),
        lower=lower,
        upper=upper,
        mae_patient=float(np.abs(by_patient(predicted - table.target, table.patients)).mean()),
        gating=synthetic_gating(table.target, predicted, seed=seed),
    )


def comparison_markdown(rows: tuple[ComparedRow, ...]) -> str:
    """Return the rows as a Markdown table beside the paper's."""
    headings = ["Method", "MAE (95 % CI over patients)", "MAE per patient", "Good included", "Bad rejected"]
    headings += [f"Paper: {name}" for name in ("MAE", "good included", "bad rejected")]
    lines = [f"| {' | '.join(headings)} |", "|---" * len(headings) + "|"]
    for row in rows:
        published = PUBLISHED.get(row.name)
        cells = [
            row.name,
            f"{100 * row.mae:.1f} ± {100 * row.mae_sd:.1f} % ({100 * row.lower:.1f} to {100 * row.upper:.1f})",
            f"{100 * row.mae_patient:.1f} %",
            _share(row.gating.good_included),
            _share(row.gating.bad_rejected),
            "-" if published is None else f"{100 * published.mae:.1f} ± {100 * published.mae_sd:.1f} %",
            "-" if published is None else f"{100 * published.good_included:.1f} %",
            "-" if published is None else f"{100 * published.bad_rejected:.1f} %",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _share(share: Share) -> str:
    return f"{100 * share.share:.1f} % ({share.count:.0f}/{share.of:.0f})"
