"""A centre's own level: offset and scale of a model's prediction, refitted on cases that several of its readers outlined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from SegQCLib.difficulty.conformal import calibrate
from SegQCLib.difficulty.domain import outside
from SegQCLib.difficulty.model_file import DifficultyModel, Recalibration
from SegQCLib.difficulty.study_table import StudyTable, row_weights
from SegQCLib.errors import BadDataError

LEAST_CASES = 20
# Of a scale in other centres around 1; SegQC's choice: on few cases an estimate is pulled to "the model's slope is right".
SCALE_DEVIATION = 0.25


def recalibrate(model: DifficultyModel, table: StudyTable, *, centre: str, date: str) -> DifficultyModel:
    """Return the model with offset, scale, interval and threshold refitted on a centre's own cases.

    Prediction becomes offset + scale * model's mean prediction. Offset and scale minimise the weighted squared error plus
    (error variance / 0.25^2) (scale - 1)^2. The scores of each case come from an offset and scale fitted without its patient,
    so interval and threshold hold for the centre's next patients.

    Parameters
    ----------
    model : DifficultyModel
    table : StudyTable
        The centre's cases with the model's descriptors; each read by several of its readers without AI. Outlines that the
        model refuses are left out.
    centre, date : str
        Stored with the model.

    Raises
    ------
    BadDataError
        With fewer than 20 cases that the model does not refuse, fewer than 2 patients, another unit, or without a descriptor of
        the model.
    """
    table = model.columns_of(table, centre)
    table = table.rows(np.array([not outside(row, model.descriptors, model.domain) for row in table.values], bool))
    cases = len(set(table.units))
    if cases < LEAST_CASES or len(set(table.patients)) < 2:
        raise BadDataError(
            centre,
            f"has {cases} cases in the model's domain, of {len(set(table.patients))} patients.",
            f"At least {LEAST_CASES} cases of 2 or more patients are needed: of {LEAST_CASES}, one lies in each tail of 5 % beyond"
            " an interval of 90 %.",
        )
    weights = row_weights(table.units)
    predicted = model.centres(table.values).mean(axis=1)
    size = table.values[:, model.names.index(model.size_descriptor)]
    patients = np.array(table.patients)
    honest = np.empty(len(table))
    for patient in np.unique(patients):
        here = patients == patient
        offset, scale = _offset_and_scale(predicted[~here], table.target[~here], weights[~here])
        honest[here] = offset + scale * predicted[here]
    offset, scale = _offset_and_scale(predicted, table.target, weights)
    one_fold = np.zeros(len(table), np.int64)
    return replace(
        model,
        version=f"{model.version}+{centre}",
        recalibration=Recalibration(
            centre=centre,
            date=date,
            cases=cases,
            patients=len(set(table.patients)),
            offset=offset,
            scale=scale,
            mae=float(np.average(np.abs(honest - table.target), weights=weights)),
            # Too few cases to say anew where errors are large: the study's spread stays, its level comes from the scores.
            of_mean=calibrate([np.array([value]) for value in table.target], honest, size, weights, one_fold, model.of_mean.spread),
            of_pairs=calibrate(table.pairs, honest, size, weights, one_fold, model.of_pairs.spread),
        ),
    )


def _offset_and_scale(predicted: Sequence[float], target: Sequence[float], weights: Sequence[float]) -> tuple[float, float]:
    mean_predicted, mean_target = np.average(predicted, weights=weights), np.average(target, weights=weights)
    x, y = np.asarray(predicted) - mean_predicted, np.asarray(target) - mean_target
    variance = float(np.average((y - x) ** 2, weights=weights))
    prior = variance / SCALE_DEVIATION**2
    scale = float((np.sum(weights * x * y) + prior) / (np.sum(weights * x * x) + prior)) if prior else 1.0
    return float(mean_target - scale * mean_predicted), scale
