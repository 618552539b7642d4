"""Folds of a training data set in which no patient is in training and validation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from SegQCLib.training_provenance import TrainingCase

FOLDS = 5


def patient_splits(cases: Sequence[TrainingCase]) -> list[dict[str, list[str]]] | None:
    """Return five folds, as nnU-Net's splits_final.json has them, in which no patient is in training and validation.

    None where nnU-Net's own random folds do as well (no patient has two cases), where a case's patient is not known, or
    where there are fewer than five patients.
    """
    patients = [case.patient for case in cases]
    if None in patients or len(set(patients)) == len(patients) or len(set(patients)) < FOLDS:
        return None
    from SegQCLib.difficulty.patients import patient_folds

    folds = patient_folds(patients, FOLDS)
    return [
        {
            "train": sorted(case.case for case, own in zip(cases, folds, strict=True) if own != fold),
            "val": sorted(case.case for case, own in zip(cases, folds, strict=True) if own == fold),
        }
        for fold in range(FOLDS)
    ]
