"""What a model reached on patients that no part of it has seen: errors, coverage, and how many pairs of experts pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from SegQCLib.difficulty.agreement_target import TargetKind
from SegQCLib.difficulty.model_file import CrossValidation, Measured
from SegQCLib.difficulty.patient_bootstrap import mean_interval
from SegQCLib.difficulty.study_table import StudyTable, row_weights


@dataclass(frozen=True)
class Said:
    """Per row what a model that has not seen its patient says; interval and threshold are NaN where it refuses.

    All are NaN where an undefined descriptor leaves nothing to say.
    """

    dice: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    reached: NDArray[np.float64]
    constant: NDArray[np.float64]

    @classmethod
    def empty(cls, rows: int) -> Said:
        return cls(*(np.full(rows, np.nan) for _ in range(5)))

    def tell(self, rows: Sequence[int], dice: NDArray, lower: NDArray, upper: NDArray, reached: NDArray) -> None:
        """Enter the limits of these rows."""
        for column, values in ((self.dice, dice), (self.lower, lower), (self.upper, upper), (self.reached, reached)):
            column[rows] = values

    def refuse(self, rows: Sequence[int]) -> None:
        """Take interval and threshold of these rows back: no user would be shown them."""
        for column in (self.lower, self.upper, self.reached):
            column[rows] = np.nan


def facts_on_unseen(
    table: StudyTable, said: Said, kind: TargetKind, size_descriptor: str, folds: int, coverage: float
) -> CrossValidation:
    """Return what predictions for patients that no part of the model has seen amount to; each unit counts once."""
    weights = row_weights(table.units)
    without = without_describing_reader(table, kind)
    described = np.isfinite(said.dice)
    known = np.isfinite(without) & described
    predicted = np.isfinite(said.lower)
    kept = table.rows(predicted)
    w = weights[predicted]
    dice, lower, upper, reached = (part[predicted] for part in (said.dice, said.lower, said.upper, said.reached))
    size = kept.values[:, kept.names.index(size_descriptor)]
    # By rank: where many have one size, quantiles would leave a third empty.
    third = np.argsort(np.argsort(size, kind="stable"), kind="stable") * 3 // len(size)
    inside = (lower <= kept.target) & (kept.target <= upper)
    reaching_lower = np.array([np.mean(pairs >= limit) for pairs, limit in zip(kept.pairs, reached, strict=True)])
    reaching_mean = np.array([np.mean(pairs >= limit) for pairs, limit in zip(kept.pairs, dice, strict=True)])

    def error(from_what: NDArray, to: NDArray, rows: NDArray) -> Measured:
        return _measured(np.abs(from_what - to)[rows], weights[rows], np.asarray(table.patients)[rows])

    def mean(values: NDArray) -> float:
        return float(np.average(values, weights=w))

    def thirds(values: NDArray) -> tuple[float, ...]:
        return tuple(float(np.average(values[third == one], weights=w[third == one])) for one in range(3))

    return CrossValidation(
        folds=folds,
        mae=error(said.dice, table.target, described),
        mae_per_patient=_per_patient(
            (said.dice - table.target)[described], weights[described], np.asarray(table.patients)[described]
        ),
        mae_constant=error(said.constant, table.target, described),
        mae_without_describing_reader=error(said.dice, without, known) if known.any() else None,
        stated_coverage=coverage,
        coverage=mean(inside),
        coverage_by_size=thirds(inside),
        interval_width=mean(upper - lower),
        pairs_reaching_lower=mean(reaching_lower),
        pairs_reaching_lower_by_size=thirds(reaching_lower),
        pairs_reaching_mean=mean(reaching_mean),
        in_domain=float(np.average(predicted, weights=weights)),
    )


def without_describing_reader(table: StudyTable, kind: TargetKind) -> NDArray[np.float64]:
    """Return per row the mean Dice of the pairs that its describing reader has no part in, shape (n,), 0 to 1.

    NaN, undefined: where the target has one operator's pairs only, no pair is left, or a reader's row is missing, so that it is not
    known whose pairs are whose. Pairs stand in the order (0, 1), (0, 2), ... of the readers who outlined something, who are
    the describing readers of the unit's rows.
    """
    if kind == "without_describing_reader":
        return table.target
    if kind == "against_operator":
        return np.full(len(table), np.nan)
    readers: dict[str, list[int]] = {}
    for unit, reader in zip(table.units, table.describing_reader, strict=True):
        readers.setdefault(unit, []).append(int(reader))
    found = np.full(len(table), np.nan)
    for row, (unit, reader, pairs) in enumerate(zip(table.units, table.describing_reader, table.pairs, strict=True)):
        number = len(readers[unit])
        if number * (number - 1) // 2 != len(pairs):
            continue
        first, second = np.triu_indices(number, 1)
        place = sorted(readers[unit]).index(int(reader))
        others = (first != place) & (second != place)
        if others.any():
            found[row] = pairs[others].mean()
    return found


def _measured(errors: NDArray, weights: NDArray, patients: Sequence[str]) -> Measured:
    """Return the weighted mean of errors with its interval by bootstrap over patients."""
    return Measured(float(np.average(errors, weights=weights)), *mean_interval(errors, weights, patients))


def _per_patient(errors: NDArray, weights: NDArray, patients: Sequence[str]) -> Measured:
    """Return the mean over patients of |weighted mean of signed errors| with its interval."""
    names, patient = np.unique(np.asarray(patients), return_inverse=True)
    of_patients = np.abs(np.bincount(patient, weights * errors)) / np.bincount(patient, weights)
    return _measured(of_patients, np.ones(len(names)), names)
