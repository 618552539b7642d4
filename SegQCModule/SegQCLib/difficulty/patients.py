"""Which patients a model may learn from, and which it is tested on: always whole patients."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def is_test_patient(patient: str) -> bool:
    """Return whether a patient belongs to the test set: SHA-256 of the id, read as a number, ends in 0 or 1.

    About one patient in five, and the same ones on every machine. Test patients are never used for fitting a model nor
    for choosing one.
    """
    return int(hashlib.sha256(patient.encode()).hexdigest(), 16) % 10 in (0, 1)


def of_test_patients(patients: Sequence[str]) -> NDArray[np.bool_]:
    """Return for each row, given by its patient, whether it belongs to the test set; shape (n,)."""
    test = {patient for patient in set(patients) if is_test_patient(patient)}
    return np.array([patient in test for patient in patients], bool)


def patient_folds(patients: Sequence[str], n: int, seed: int = 0) -> NDArray[np.int64]:
    """Return the fold of each row, 0 to n - 1, so that no patient is in two folds.

    Patients are shuffled, then placed one after the other, those with the most rows first, in the fold with the fewest
    rows so far: folds differ by no more rows than the patient placed last has.

    Parameters
    ----------
    patients : sequence of str
        Patient of each row; the order of the rows does not change a patient's fold.
    n : int
        Number of folds, 2 or more.
    seed : int
        The same seed gives the same folds.

    Returns
    -------
    ndarray of int64, shape (rows,)

    Raises
    ------
    ValueError
        If there are fewer patients than folds, or fewer than two folds.
    """
    rows = Counter(patients)
    if not 2 <= n <= len(rows):
        raise ValueError(f"{len(rows)} patients cannot be divided into {n} folds; 2 to {len(rows)} folds are possible.")
    names = sorted(rows)
    shuffled = [names[index] for index in np.random.default_rng(seed).permutation(len(names))]
    filled = [0] * n
    fold_of = {}
    for patient in sorted(shuffled, key=rows.__getitem__, reverse=True):
        fold_of[patient] = fold = filled.index(min(filled))
        filled[fold] += rows[patient]
    return np.array([fold_of[patient] for patient in patients], np.int64)
