"""What a finished model reaches on a study of patients that it has not seen."""

from __future__ import annotations

import numpy as np

from SegQCLib.difficulty.domain import outside
from SegQCLib.difficulty.model_file import CrossValidation, DifficultyModel
from SegQCLib.difficulty.reached import Said, facts_on_unseen
from SegQCLib.difficulty.study_table import StudyTable
from SegQCLib.errors import BadDataError


def evaluate_model(model: DifficultyModel, table: StudyTable) -> CrossValidation:
    """Return the errors, coverage and pair rates of a model on a table of other patients than it was fitted on.

    The numbers are those that `cross_validation` of the model has for its own study, at the same coverage; `folds` is 1. The
    constant to compare with is what the model predicts for a mean outline of its study.

    Parameters
    ----------
    model : DifficultyModel
    table : StudyTable
        With the model's descriptors and target. Outlines that the model refuses count in the errors, and not in coverage
        and pair rates; those with an undefined descriptor in none of them.

    Raises
    ------
    BadDataError
        If the table is of another unit, lacks descriptors of the model, or the model predicts for fewer than three units of it.
    """
    table = model.columns_of(table, "The study")
    coverage = model.cross_validation.stated_coverage
    said = Said.empty(len(table))
    said.constant[:] = model.base
    defined = np.flatnonzero(np.isfinite(table.values).all(axis=1))
    said.tell(defined, *model.limits(table.values[defined], coverage))
    said.refuse([row for row in defined if outside(table.values[row], model.descriptors, model.domain)])
    predicted = np.isfinite(said.lower)
    if len({unit for unit, known in zip(table.units, predicted, strict=True) if known}) < 3:
        raise BadDataError(
            "The study", f"has fewer than three {table.unit}s that {model.id} predicts for.", "Its images are of another kind."
        )
    return facts_on_unseen(table, said, model.target.kind, model.size_descriptor, 1, coverage)
