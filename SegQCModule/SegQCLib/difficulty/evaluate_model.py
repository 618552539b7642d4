"""What a finished model reaches on a study of patients that it has not seen."""

from __future__ import annotations

import numpy as np

from SegQCLib.difficulty.fit import Said, facts_on_unseen
from SegQCLib.difficulty.model_file import CrossValidation, DifficultyModel
from SegQCLib.difficulty.study_table import StudyTable
from SegQCLib.errors import BadDataError


def evaluate_model(model: DifficultyModel, table: StudyTable, coverage: float = 0.9) -> CrossValidation:
    """Return the errors, coverage and pair rates of a model on a table of other patients than it was fitted on.

    The numbers are those that `cross_validation` of the model has for its own study; `folds` is 1. The constant to compare with is
    what the model predicts for a mean outline of its study.

    Parameters
    ----------
    model : DifficultyModel
    table : StudyTable
        With the model's descriptors; rows with an undefined one count as not predicted.
    coverage : float
        Level of interval and threshold, in (0, 1).

    Raises
    ------
    BadDataError
        If the table is of another unit, lacks descriptors of the model, or the model predicts for fewer than three units of it.
    """
    if table.unit != model.unit:
        raise BadDataError(
            "The study", f"has {table.unit}s, but {model.id} predicts for a {model.unit}.", "Describe the same unit."
        )
    absent = [name for name in model.names if name not in table.names]
    if absent:
        raise BadDataError("The study", f"lacks the descriptors {', '.join(absent)}.", "Describe it anew, from its segmentations.")
    table = table.columns(model.names)
    said = Said.empty(len(table))
    said.constant[:] = np.mean([member.base for member in model.members])
    for row in np.flatnonzero(np.isfinite(table.values).all(axis=1)):
        one = model.predict_described(table.values[row], rule="lower", coverage=coverage)
        if one.in_domain:
            said.dice[row], said.lower[row], said.upper[row], said.reached[row] = (
                one.dice, one.lower, one.upper, one.threshold,
            )  # fmt: skip
    predicted = np.isfinite(said.dice)
    if len({unit for unit, known in zip(table.units, predicted, strict=True) if known}) < 3:
        raise BadDataError(
            "The study", f"has fewer than three {table.unit}s that {model.id} predicts for.", "Its images are of another kind."
        )
    return facts_on_unseen(table, said, model.size_descriptor, 1, coverage)
