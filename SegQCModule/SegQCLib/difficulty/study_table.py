"""The table that difficulty models are fitted on: descriptors of each described outline, and how readers agreed there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Unit = Literal["lesion", "slice"]


@dataclass(frozen=True)
class StudyTable:
    """One row per described outline: a lesion or slice as one of its readers drew it.

    A lesion read by four readers gives four rows with one target: at use, the outline to describe is one reader's too.

    Attributes
    ----------
    unit : {"lesion", "slice"}
    names : tuple of str
        Descriptor names, m of them.
    values : ndarray of float64, shape (n, m)
        Descriptors; NaN where one is undefined, as its docstring says.
    units : tuple of str
        What each row describes: lesion id, for slices with the slice number. Rows of one unit share target and pairs.
    patients : tuple of str
    describing_reader : ndarray of int, shape (n,)
        Whose outline was described, from 0.
    target : ndarray of float64, shape (n,)
        Agreement to predict, 0 to 1 (`agreement_target`).
    pairs : tuple of ndarray
        Per row the Dice of each single pair of readers that the target is made of.
    simulated : bool
        Whether any reader or image is simulated; everything made of the table says so.
    """

    unit: Unit
    names: tuple[str, ...]
    values: NDArray[np.float64]
    units: tuple[str, ...]
    patients: tuple[str, ...]
    describing_reader: NDArray[np.int64]
    target: NDArray[np.float64]
    pairs: tuple[NDArray[np.float64], ...]
    simulated: bool = False

    def __post_init__(self) -> None:
        rows = len(self.units)
        lengths = [len(part) for part in (self.values, self.patients, self.describing_reader, self.target, self.pairs)]
        if set(lengths) != {rows} or self.values.shape != (rows, len(self.names)):
            raise ValueError(f"A study table of {rows} units has parts of lengths {lengths} and values {self.values.shape}.")

    def __len__(self) -> int:
        return len(self.units)

    def rows(self, chosen: NDArray) -> StudyTable:
        """Return the table of the rows chosen by index or by a mask."""
        index = np.arange(len(self))[chosen]
        return replace(
            self,
            values=self.values[index],
            units=tuple(self.units[n] for n in index),
            patients=tuple(self.patients[n] for n in index),
            describing_reader=self.describing_reader[index],
            target=self.target[index],
            pairs=tuple(self.pairs[n] for n in index),
        )

    def columns(self, names: Sequence[str]) -> StudyTable:
        """Return the table of these descriptors, in this order; raise ValueError naming those that it lacks."""
        absent = [name for name in names if name not in self.names]
        if absent:
            raise ValueError(f"The study table lacks the descriptors {', '.join(absent)}.")
        return replace(self, names=tuple(names), values=self.values[:, [self.names.index(name) for name in names]])


def row_weights(units: Sequence[str]) -> NDArray[np.float64]:
    """Return for each row 1 / (number of rows of its unit), so that each lesion or slice counts once."""
    rows = Counter(units)
    return np.array([1 / rows[unit] for unit in units])
