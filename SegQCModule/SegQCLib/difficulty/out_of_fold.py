"""Predictions for patients that a model has not seen: what comparisons of models are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from SegQCLib.difficulty.models.boosting import fit_boosting
from SegQCLib.difficulty.models.constant import fit_constant
from SegQCLib.difficulty.models.ridge import fit_ridge
from SegQCLib.difficulty.study_table import StudyTable, row_weights
from SegQCLib.progress import Progress, counted, unwatched

_MOST_UNDEFINED = 0.05
_INNER_FOLDS = 5


class Predictor(Protocol):
    """What a fitted model has to offer here."""

    def predict(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the predicted Dice of each row of descriptors, shape (n,)."""


Fit = Callable[[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], Sequence[str]], Predictor]
"""From descriptors (n, m), target (n,), weights (n,) and patients to a fitted model."""


def constant(values: NDArray, target: NDArray, weights: NDArray, patients: Sequence[str]) -> Predictor:  # noqa: ARG001
    """Fit the global threshold."""
    return fit_constant(values, target, weights)


def ridge(values: NDArray, target: NDArray, weights: NDArray, patients: Sequence[str]) -> Predictor:
    """Fit Ridge regression, its penalty chosen on five folds of the patients given."""
    return fit_ridge(values, target, weights, patients, folds=_INNER_FOLDS)


def boosting(values: NDArray, target: NDArray, weights: NDArray, patients: Sequence[str]) -> Predictor:  # noqa: ARG001
    """Fit gradient-boosted trees with the settings of the shipped models; needs scikit-learn."""
    from threadpoolctl import threadpool_limits

    # On a busy machine, threads that wait for each other make trees on a small table take a hundred times as long.
    with threadpool_limits(1, user_api="openmp"):
        return fit_boosting(values, target, weights)


def out_of_fold(table: StudyTable, fit: Fit, folds: NDArray[np.int64], *, progress: Progress = unwatched) -> NDArray[np.float64]:
    """Return for each row what a model fitted on the other folds predicts, limited to 0 to 1.

    A descriptor that is undefined in more than 5 % of the rows is left out; in other rows the median of the patients that
    are fitted on stands in, and so does it for infinite values. Each unit has weight 1, shared by its rows.

    Parameters
    ----------
    table : StudyTable
    fit : callable
    folds : ndarray of int, shape (n,)
        `patients.patient_folds`: whole patients.
    progress : callable

    Raises
    ------
    ValueError
        If a patient is in two folds.
    """
    _require_whole_patients(table, folds)
    values = np.where(np.isfinite(table.values), table.values, np.nan)
    values = values[:, np.isnan(values).mean(axis=0) <= _MOST_UNDEFINED]
    weights = row_weights(table.units)
    predicted = np.full(len(table), np.nan)
    for fold in counted(progress, "Fold", range(int(folds.max()) + 1)):
        here = folds == fold
        known = values[~here]
        stand_in = np.zeros(values.shape[1])
        if known.shape[1]:
            stand_in = np.nan_to_num(np.nanmedian(known, axis=0))
        filled = np.where(np.isnan(values), stand_in, values)
        patients = [patient for patient, left_out in zip(table.patients, here, strict=True) if not left_out]
        model = fit(filled[~here], table.target[~here], weights[~here], patients)
        predicted[here] = model.predict(filled[here])
    return np.clip(predicted, 0.0, 1.0)


def _require_whole_patients(table: StudyTable, folds: NDArray[np.int64]) -> None:
    if len(folds) != len(table):
        raise ValueError(f"{len(folds)} folds for {len(table)} rows; one per row is needed.")
    split = {patient for patient, _ in set(zip(table.patients, folds.tolist(), strict=True))}
    if len(split) != len(set(zip(table.patients, folds.tolist(), strict=True))):
        raise ValueError("A patient is in two folds: use patient_folds, which keeps patients whole.")


def by_patient(values: NDArray[np.float64], patients: Sequence[str]) -> NDArray[np.float64]:
    """Return the mean of the values of each patient, in the order of the sorted patients."""
    _, index = np.unique(np.asarray(patients), return_inverse=True)
    return np.bincount(index, values) / np.bincount(index)
