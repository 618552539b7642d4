"""Fitting a difficulty model on a study: members on folds of patients and their calibration, repeated for the cross-validation."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from SegQCLib.case import Terminology
from SegQCLib.difficulty.agreement_target import TargetDefinition
from SegQCLib.difficulty.conformal import Calibration, calibrate, least_units, limits
from SegQCLib.difficulty.domain import Domain, FittedDescriptor, fit_descriptors, fit_domain, outside
from SegQCLib.difficulty.model_file import DifficultyModel, Member, Regressor
from SegQCLib.difficulty.models.boosting import fit_boosting
from SegQCLib.difficulty.models.constant import fit_constant
from SegQCLib.difficulty.models.median_ridge import choose_penalty, fit_median_ridge
from SegQCLib.difficulty.models.ridge import fit_ridge
from SegQCLib.difficulty.patients import patient_folds
from SegQCLib.difficulty.reached import Said, facts_on_unseen
from SegQCLib.difficulty.study_table import StudyTable, row_weights
from SegQCLib.errors import BadDataError
from SegQCLib.progress import Progress, unwatched

SIZE_DESCRIPTORS = {"lesion": "geometry.shape.log_volume", "slice": "geometry.shape.log_area"}

COVERAGE = 0.9
"""Level at which the facts in `cross_validation` are measured; predictions can be asked for at others."""

_LEAST_PATIENTS = 20


def fit_model(
    table: StudyTable,
    *,
    id: str,  # noqa: A002 - the field's name in the file
    version: str,
    date: str,
    structure: Terminology,
    modality: str,
    target: TargetDefinition,
    data: str,
    licence: str,
    citation: str,
    regressor: Regressor = "median_ridge",
    names: Sequence[str] | None = None,
    folds: int = 10,
    outer_folds: int = 10,
    seed: int = 0,
    progress: Progress = unwatched,
) -> DifficultyModel:
    """Return a model fitted on a study of several readers who outlined without AI.

    One member per fold is fitted without that fold's patients; the mean of the members predicts, and the folds' scores
    calibrate interval and threshold (`conformal`). Each row counts 1 / (number of rows of its unit), so that a lesion with four
    readers counts no more than one with three. The penalty of the median Ridge is chosen once, on three folds of the study.
    For the facts in `cross_validation` all of this, penalty, folds, calibration and domain included, is repeated without each
    outer fold's patients, and measured on those.

    Parameters
    ----------
    table : StudyTable
        Rows with an undefined descriptor are left out and counted.
    id, version, date, structure, modality, target, data, licence, citation
        Stored with the model; see `DifficultyModel`.
    regressor : str
        constant, ridge, median_ridge (the default: the best on LIDC-IDRI for its simplicity), boosting (needs scikit-learn), or
        median_ridge_and_boosting, the mean of both.
    names : sequence of str or None
        Descriptors to use; None: all of the table. The size descriptor (log_volume or log_area) must be among them.
    folds, outer_folds : int
        Folds of whole patients: members, and repetitions of everything.

    Raises
    ------
    BadDataError
        If the study has fewer than 20 patients whose descriptors are all defined, or without one outer fold of them fewer
        than the 19 lesions or slices that an interval of 90 % needs.
    ValueError
        If a name is unknown, or an unknown regressor is asked for.
    """
    if regressor not in get_args(Regressor):
        raise ValueError(f"There is no regressor {regressor!r}; there are {', '.join(get_args(Regressor))}.")
    size_descriptor = SIZE_DESCRIPTORS[table.unit]
    given = table.columns(names) if names is not None else table
    if size_descriptor not in given.names:
        raise ValueError(f"The descriptors lack {size_descriptor}, by which interval and thirds go.")
    usable = given.rows(np.isfinite(given.values).all(axis=1))
    patients = len(set(usable.patients))
    if patients < _LEAST_PATIENTS:
        raise BadDataError(
            data,
            f"has {patients} patients with outlines whose descriptors are all defined.",
            f"At least {_LEAST_PATIENTS} patients are needed to tell the error on unseen ones.",
        )
    work = _Work(regressor, size_descriptor, folds, seed)
    outer = patient_folds(usable.patients, min(outer_folds, patients), seed + 1)
    fewest = min(len(set(usable.rows(outer != number).units)) for number in range(outer.max() + 1))
    needed = least_units((1 - COVERAGE) / 2)
    if fewest < needed:
        raise BadDataError(
            data,
            f"has {fewest} {table.unit}s left without one of {outer.max() + 1} folds of patients.",
            f"{needed} are needed for an interval of {COVERAGE:.0%}.",
        )
    said = Said.empty(len(usable))
    for number in range(outer.max() + 1):
        progress(f"Cross-validating: fold {number + 1} of {outer.max() + 1}", number / (outer.max() + 2))
        here = outer == number
        _say(work.fitted(usable.rows(~here)), usable, np.flatnonzero(here), said)
    progress("Fitting on all patients", (outer.max() + 1) / (outer.max() + 2))
    fitted = work.fitted(usable)
    return DifficultyModel(
        schema="segqc-difficulty-model",
        schema_version="1.0",
        id=id,
        version=version,
        date=date,
        structure=structure,
        modality=modality,
        unit=table.unit,
        regressor=regressor,
        target=target,
        readers_without_ai=True,
        simulated=table.simulated,
        data=data,
        patients=patients,
        units=len(set(usable.units)),
        outlines=len(usable),
        left_out=len(given) - len(usable),
        licence=licence,
        citation=citation,
        seed=seed,
        software=_software(regressor),
        size_descriptor=size_descriptor,
        descriptors=fitted.descriptors,
        domain=fitted.domain,
        members=fitted.members,
        of_mean=fitted.of_mean,
        of_pairs=fitted.of_pairs,
        cross_validation=facts_on_unseen(usable, said, target.kind, size_descriptor, int(outer.max()) + 1, COVERAGE),
    )


@dataclass(frozen=True)
class _Fitted:
    descriptors: tuple[FittedDescriptor, ...]
    domain: Domain
    members: tuple[Member, ...]
    of_mean: Calibration
    of_pairs: Calibration
    size_index: int


@dataclass(frozen=True)
class _Work:
    """All that is done to a table, once for the model and once per outer fold."""

    regressor: Regressor
    size_descriptor: str
    folds: int
    seed: int

    def fitted(self, table: StudyTable) -> _Fitted:
        weights = row_weights(table.units)
        fold = patient_folds(table.patients, min(self.folds, len(set(table.patients))), self.seed)
        predicted = np.empty(len(table))
        members = []
        arrays = (table.values, table.target, weights)
        penalty = choose_penalty(*arrays, table.patients, seed=self.seed) if "median_ridge" in self.regressor else None
        for number in range(fold.max() + 1):
            here = fold == number
            members.append(self._member(table.rows(~here), weights[~here], number, penalty))
            predicted[here] = members[-1].predict(table.values[here])
        size_index = table.names.index(self.size_descriptor)
        size = table.values[:, size_index]
        return _Fitted(
            fit_descriptors(table.names, table.values),
            fit_domain(table.values),
            tuple(members),
            calibrate([np.array([value]) for value in table.target], predicted, size, weights, fold),
            calibrate(table.pairs, predicted, size, weights, fold),
            size_index,
        )

    def _member(self, table: StudyTable, weights: NDArray, number: int, penalty: float | None) -> Member:
        arrays = (table.values, table.target, weights)
        seed = self.seed + number
        ridge = None
        if penalty is not None:
            ridge = fit_median_ridge(*arrays, penalty)
        elif self.regressor == "ridge":
            ridge = fit_ridge(*arrays, table.patients, seed=seed)
        return Member(
            constant=fit_constant(*arrays) if self.regressor == "constant" else None,
            ridge=ridge,
            boosting=fit_boosting(*arrays, seed=seed) if "boosting" in self.regressor else None,
        )


def _say(fitted: _Fitted, table: StudyTable, rows: NDArray, said: Said) -> None:
    seen = np.setdiff1d(np.arange(len(table)), rows)
    said.constant[rows] = np.average(table.target[seen], weights=row_weights([table.units[row] for row in seen]))
    centres = np.stack([member.predict(table.values[rows]) for member in fitted.members], axis=1)
    size = table.values[rows, fitted.size_index]
    said.tell(rows, *limits(centres, size, fitted.of_mean, fitted.of_pairs, COVERAGE))
    said.refuse([row for row in rows if outside(table.values[row], fitted.descriptors, fitted.domain)])


def _software(regressor: Regressor) -> dict[str, str]:
    from importlib.metadata import version

    import scipy

    from SegQCLib import __version__

    versions = {"python": platform.python_version(), "segqc": __version__, "numpy": np.__version__, "scipy": scipy.__version__}
    if "boosting" in regressor:
        versions["scikit-learn"] = version("scikit-learn")
    return versions
