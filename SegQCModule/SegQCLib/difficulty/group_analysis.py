"""Which group of descriptors explains how readers agree: Table 2 of Fournel et al., for any study table."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from SegQCLib.difficulty.descriptors.describe import GROUPS
from SegQCLib.difficulty.out_of_fold import by_patient, out_of_fold, ridge
from SegQCLib.difficulty.patients import patient_folds
from SegQCLib.difficulty.study_table import StudyTable
from SegQCLib.progress import Progress, counted, unwatched

FEWEST_VALUES = 10


@dataclass(frozen=True)
class PublishedGroup:
    """One row of the paper's Table 2: the largest correlation, and errors in Dice with their standard deviations."""

    correlation: float
    mae: float
    mae_sd: float
    mae_patient: float
    mae_patient_sd: float


PUBLISHED = {
    "imaging": PublishedGroup(-0.25, 0.110, 0.030, 0.068, 0.044),
    "texture": PublishedGroup(-0.57, 0.078, 0.030, 0.051, 0.035),
    "border": PublishedGroup(-0.30, 0.086, 0.020, 0.048, 0.036),
    "geometry": PublishedGroup(-0.56, 0.080, 0.030, 0.055, 0.046),
}
"""Fournel et al., Difficulty estimation for image-specific medical image segmentation quality control, Table 2: 7,740 slices
of COVID-19 lesions on CT, 30 patients. The uncertainty map has no row there."""


@dataclass(frozen=True)
class GroupRow:
    """What one group of descriptors says of the readers' agreement."""

    group: str = field(metadata={"doc": "imaging, texture, border, geometry or uncertainty."})
    descriptors: int = field(metadata={"doc": "How many descriptors the group has."})
    strongest: str = field(metadata={"doc": "Descriptor with the largest absolute correlation with the agreement."})
    correlation: float = field(metadata={"doc": "Its Pearson correlation, -1 to 1."})
    mae: float = field(metadata={"doc": "Mean absolute error of Ridge on this group alone, out of fold, in Dice."})
    mae_sd: float = field(metadata={"doc": "Standard deviation of that error over the folds."})
    mae_patient: float = field(metadata={"doc": "Mean over patients of |mean predicted - mean observed agreement|, in Dice."})
    mae_patient_sd: float = field(metadata={"doc": "Its standard deviation over patients."})


def group_analysis(
    table: StudyTable, *, most_folds: int = 30, seed: int = 0, progress: Progress = unwatched
) -> tuple[GroupRow, ...]:
    """Return one row per group of descriptors that the table has.

    The largest of many correlations is optimistic: a group of 300 descriptors has more chances than one of 12. The errors
    are out of fold and are not.

    Parameters
    ----------
    table : StudyTable
    most_folds : int
        One fold per patient, up to this many (30 in the paper).
    seed : int
    progress : callable

    Returns
    -------
    tuple of GroupRow
        `mae_sd` is over folds: the paper does not say what its slice errors vary over, but 3 points about a mean error of 11
        cannot be single slices.

    Raises
    ------
    ValueError
        If the table has fewer than three patients, or no group has a descriptor that varies.
    """
    folds = patient_folds(table.patients, min(most_folds, len(set(table.patients))), seed)
    names = {group: [name for name in table.names if name.partition(".")[0] == group] for group in GROUPS}
    rows = []
    for group in counted(progress, "Group of descriptors", [group for group in GROUPS if names[group]]):
        part = table.columns(names[group])
        correlations = pearson(part.values, part.target)
        if np.isnan(correlations).all():
            continue
        strongest = int(np.nanargmax(np.abs(correlations)))
        predicted = out_of_fold(part, ridge, folds)
        errors = np.abs(predicted - part.target)
        of_folds = np.array([errors[folds == fold].mean() for fold in range(int(folds.max()) + 1)])
        of_patients = np.abs(by_patient(predicted - part.target, part.patients))
        rows.append(
            GroupRow(
                group=group,
                descriptors=len(part.names),
                strongest=part.names[strongest],
                correlation=float(correlations[strongest]),
                mae=float(errors.mean()),
                mae_sd=float(of_folds.std()),
                mae_patient=float(of_patients.mean()),
                mae_patient_sd=float(of_patients.std()),
            )
        )
    if not rows:
        raise ValueError("No group of descriptors varies in this table; nothing can be correlated with the agreement.")
    return tuple(rows)


def pearson(values: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Pearson correlation of each column with the target, over the rows where it is defined.

    Parameters
    ----------
    values : ndarray, shape (n, m)
    target : ndarray, shape (n,)

    Returns
    -------
    ndarray, shape (m,)
        NaN for a column that does not vary or has fewer than ten finite values.
    """
    found = np.full(values.shape[1], np.nan)
    for column in range(values.shape[1]):
        defined = np.isfinite(values[:, column])
        if defined.sum() < FEWEST_VALUES:
            continue
        # Scaled first: sums of squares of energies near 1e12 lose what varies.
        x = values[defined, column] / max(np.abs(values[defined, column]).max(), 1e-300)
        y = target[defined]
        if x.std() > 1e-9 and y.std() > 0:
            found[column] = np.mean((x - x.mean()) * (y - y.mean())) / (x.std() * y.std())
    return found


def group_markdown(rows: tuple[GroupRow, ...]) -> str:
    """Return the rows as a Markdown table beside the paper's."""
    headings = ["Group", "Descriptors", "Largest correlation with the agreement", "MAE", "MAE per patient"]
    headings += [f"Paper: {name}" for name in ("correlation", "MAE per slice", "MAE per patient")]
    lines = [f"| {' | '.join(headings)} |", "|---" * len(headings) + "|"]
    for row in rows:
        published = PUBLISHED.get(row.group)
        cells = [
            row.group,
            str(row.descriptors),
            f"{row.correlation:+.2f} (`{row.strongest}`)",
            _percent(row.mae, row.mae_sd),
            _percent(row.mae_patient, row.mae_patient_sd),
            "-" if published is None else f"{published.correlation:+.2f}",
            "-" if published is None else _percent(published.mae, published.mae_sd),
            "-" if published is None else _percent(published.mae_patient, published.mae_patient_sd),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _percent(value: float, sd: float) -> str:
    return f"{100 * value:.1f} ± {100 * sd:.1f} %"
