"""How candidates agree with references over a cohort, structure by structure, beside what experts are expected to reach."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from SegQCLib.cohort.report.predicted_agreement import PredictedAgreement
from SegQCLib.cohort.report.segment_values import SegmentValues

# More would make a line of dots a bar, and the page heavy.
_MOST_DOTS = 60


@dataclass(frozen=True)
class Distribution:
    """Values on one line; quartiles by linear interpolation.

    Attributes
    ----------
    dots : tuple of (value, case)
        The lowest values, at most 60; `count` says how many values there are.
    """

    count: int
    low: float
    quarter: float
    median: float
    three_quarters: float
    high: float
    dots: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class StructureAgreement:
    """One structure.

    Attributes
    ----------
    structure : str
    dice : Distribution or None
        Against the references, the mean over them; None: compared with none.
    undefined : int
        Segments that are empty in candidate and reference alike, or whose Dice is undefined for another reason.
    expected_mean, expected_lower, expected_upper : float or None
        Medians over the images of the predicted mean Dice among experts and of its interval's ends.
    predicted : int
        Segments with a prediction.
    judged, below : int
        Segments with a Dice and a threshold of their own image, and those of them that lie below it.
    volume_mm3 : Distribution or None
        Of candidates that are not empty.
    """

    structure: str
    dice: Distribution | None
    undefined: int
    expected_mean: float | None
    expected_lower: float | None
    expected_upper: float | None
    predicted: int
    judged: int
    below: int
    volume_mm3: Distribution | None


def structure_agreement(measured: SegmentValues, predicted: PredictedAgreement) -> tuple[StructureAgreement, ...]:
    """Return the structures of the protocol, those with the lowest median Dice first.

    Where no segment is a structure of the protocol, all segments are told by their names.
    """
    dice = _by_structure(measured, "dice", lambda references: references > 0)
    volumes = _by_structure(measured, "volume_candidate_mm3", lambda references: references == 0)
    known = {segment.structure for segment in measured.segments if segment.structure is not None} or set(dice) | set(volumes)
    rows = [_row(name, dice.get(name, []), volumes.get(name, []), predicted) for name in known]
    return tuple(sorted(rows, key=lambda row: (row.dice is None, row.dice.median if row.dice else 0.0, row.structure)))


def _by_structure(
    measured: SegmentValues, metric: str, wanted: Callable[[NDArray[np.int64]], NDArray[np.bool_]]
) -> dict[str, list[tuple[str, str, float]]]:
    values = measured.metrics.get(metric)
    found: dict[str, list[tuple[str, str, float]]] = {}
    if values is None:
        return found
    rows = np.flatnonzero(wanted(values.references))
    for case, segment, value in zip(
        values.cases[rows].tolist(), values.segments[rows].tolist(), values.values[rows].tolist(), strict=True
    ):
        of = measured.segments[segment]
        found.setdefault(of.group, []).append((measured.cases[case], of.segment, value))
    return found


def _row(
    name: str,
    dice: Sequence[tuple[str, str, float]],
    volumes: Sequence[tuple[str, str, float]],
    predicted: PredictedAgreement,
) -> StructureAgreement:
    known = [(value, case) for case, _, value in dice if value == value]
    segments = {(case, segment): value for case, segment, value in dice} or {
        (case, segment): float("nan") for case, segment, _ in volumes
    }
    predictions = {key: predicted.by_segment[key] for key in segments if key in predicted.by_segment}
    own = list(predictions.values())
    judged = [(segments[key], p.threshold) for key, p in predictions.items() if p.judges and segments[key] == segments[key]]
    filled = [(value, case) for case, _, value in volumes if value > 0]
    return StructureAgreement(
        name,
        _distribution(known),
        len(dice) - len(known),
        _median([p.dice for p in own]),
        _median([p.lower for p in own]),
        _median([p.upper for p in own]),
        len(own),
        len(judged),
        # As the verdict has it: 1e-6 is the rounding of a mean over references.
        sum(value < threshold - 1e-6 for value, threshold in judged),
        _distribution(filled),
    )


def _median(values: Sequence[float]) -> float | None:
    return float(np.median(values)) if values else None


def _distribution(values: Sequence[tuple[float, str]]) -> Distribution | None:
    if not values:
        return None
    low, quarter, median, three, high = np.percentile([value for value, _ in values], (0, 25, 50, 75, 100)).tolist()
    return Distribution(len(values), low, quarter, median, three, high, tuple(sorted(values)[:_MOST_DOTS]))
