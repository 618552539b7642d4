"""How well readers agreed on a lesion or slice: what difficulty models predict."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from SegQCLib.difficulty.study_table import Unit

TargetKind = Literal["mean_pairwise", "against_operator", "without_describing_reader"]


@dataclass(frozen=True)
class TargetDefinition:
    """Which Dice coefficients make up the agreement, and on which lesions or slices it is defined; stored with a model.

    Only readers who outlined something on the unit count: a reader who saw no lesion there did not disagree about its
    border. On LIDC-IDRI slices this is the rule with the published level (0.78; counting absent outlines as Dice 0
    gives 0.75).

    Attributes
    ----------
    kind : str
        mean_pairwise: mean over all pairs of readers. against_operator: mean over the pairs of one operator with each
        other reading, as in Fournel et al. without_describing_reader: mean over the pairs that the reader whose outline
        is described has no part in, so that nothing of the target is in the descriptors.
    unit : str
        lesion or slice.
    least_readers : int
        A lesion or slice counts if this many readers outlined something there; 2 or more.
    operator : int or None
        Only against_operator: the reader that all others are compared with, from 0.
    repeat : int or None
        Only against_operator: the operator's own second reading, where there is one. Its pair is counted like the others, and
        raises the level: a person agrees more with themselves than with colleagues.
    """

    kind: TargetKind = field(
        default="mean_pairwise",
        metadata={"doc": "Which pairs of readers the agreement is the mean Dice of."},
    )
    unit: Unit = field(default="lesion", metadata={"doc": "What one value belongs to: a lesion, or one slice of it."})
    least_readers: int = field(default=3, metadata={"doc": "How many readers must have outlined something on a unit, 2 or more."})
    operator: int | None = field(
        default=None, metadata={"doc": "Reader that the others are compared with, from 0 (against_operator)."}
    )
    repeat: int | None = field(default=None, metadata={"doc": "The operator's own second reading, from 0 (against_operator)."})

    def faults(self) -> Iterator[tuple[str, str]]:
        """Yield path and text of every contradiction."""
        if self.least_readers < 2:
            yield "least_readers", f"agreement is between readers: 2 or more are needed, not {self.least_readers}."
        if (self.operator is not None) != (self.kind == "against_operator"):
            yield "operator", "an operator is named for the kind against_operator, and for no other."
        if self.repeat is not None and (self.operator is None or self.repeat == self.operator):
            yield "repeat", "the second reading needs an operator and is another reading than the operator's first."

    def in_words(self) -> str:
        """Return the definition as a sentence for model cards and reports."""
        if self.kind == "against_operator":
            pairs = f"reader {self.operator + 1} with each other reading"
            if self.repeat is not None:
                pairs += f", among them the same reader's second reading (reading {self.repeat + 1})"
        elif self.kind == "without_describing_reader":
            pairs = "all pairs of readers that leave out the reader whose outline is described"
        else:
            pairs = "all pairs of readers"
        return (
            f"Mean Dice of {pairs}, per {self.unit}; only readers who outlined something on the {self.unit} count, and there"
            f" must be {self.least_readers} or more of them."
        )


def pairwise_dice(readers: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the Dice coefficient of each reader with each, 2 |A & B| / (|A| + |B|).

    Parameters
    ----------
    readers : ndarray of bool, shape (reader, ...)

    Returns
    -------
    ndarray of float64, shape (reader, reader)
        0 to 1; NaN where both outlines are empty.
    """
    voxels = readers.reshape(len(readers), -1).astype(np.float64)
    shared = voxels @ voxels.T
    total = np.add.outer(np.diag(shared), np.diag(shared))
    return np.divide(2 * shared, total, out=np.full_like(shared, np.nan), where=total > 0)


def target_pairs(
    readers: NDArray[np.bool_], definition: TargetDefinition, describing_reader: int | None = None
) -> NDArray[np.float64]:
    """Return the Dice of each single pair that the agreement is the mean of.

    Parameters
    ----------
    readers : ndarray of bool, shape (reader, k, j, i) or (reader, j, i)
        Outlines of the lesion or of the slice.
    definition : TargetDefinition
    describing_reader : int, optional
        Needed for without_describing_reader, without effect otherwise.

    Returns
    -------
    ndarray of float64, shape (pairs,)
        0 to 1, in the order (0, 1), (0, 2), ... (1, 2), ...; empty where the agreement is undefined: too few readers
        outlined something, the operator is not among them, or no pair is left without the describing reader.

    Raises
    ------
    ValueError
        If the definition contradicts itself or names a reader that is not there, or the describing reader is needed
        and not given.
    """
    for path, fault in definition.faults():
        raise ValueError(f"Target definition, {path}: {fault}")
    named = [reader for reader in (definition.operator, definition.repeat, describing_reader) if reader is not None]
    if any(not 0 <= reader < len(readers) for reader in named):
        raise ValueError(f"The target names the readers {named} (from 0), but there are {len(readers)}.")
    if definition.kind == "without_describing_reader" and describing_reader is None:
        raise ValueError("The agreement without the describing reader needs to know who that is.")
    counted = np.flatnonzero(readers.any(axis=tuple(range(1, readers.ndim))))
    if len(counted) < definition.least_readers:
        return np.empty(0)
    first, second = (counted[side] for side in np.triu_indices(len(counted), 1))
    if definition.kind == "against_operator":
        kept = (first == definition.operator) | (second == definition.operator)
    elif definition.kind == "without_describing_reader":
        kept = (first != describing_reader) & (second != describing_reader)
    else:
        kept = np.ones(len(first), bool)
    return pairwise_dice(readers)[first[kept], second[kept]]


def agreement_target(readers: NDArray[np.bool_], definition: TargetDefinition, describing_reader: int | None = None) -> float:
    """Return the agreement of readers on a lesion or slice: the mean of `target_pairs`.

    Returns
    -------
    float
        0 to 1, higher is better agreement; NaN where it is undefined, as `target_pairs` says.
    """
    pairs = target_pairs(readers, definition, describing_reader)
    return float(pairs.mean()) if len(pairs) else math.nan
