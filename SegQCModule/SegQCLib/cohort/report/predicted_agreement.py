"""The agreement of experts that was predicted for the segments of a cohort, beside the Dice that was reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from SegQCLib.cohort.cohort_folder import CohortFolder
from SegQCLib.cohort.report.cohort_columns import coded_texts, numbers, table_columns
from SegQCLib.cohort.report.segment_values import SegmentValues


@dataclass(frozen=True)
class Predicted:
    """What was predicted for one segment of one image; all Dice, 0 to 1.

    Attributes
    ----------
    dice, lower, upper : float
        Mean over all pairs of experts, and the ends of its interval.
    threshold : float
        What one outline has to reach.
    judges : bool
        Whether outlines are judged by the threshold: not where the model was given the candidate's own outline.
    """

    dice: float
    lower: float
    upper: float
    threshold: float
    judges: bool


@dataclass(frozen=True)
class PredictedAgreement:
    """Predictions by (case, segment); of several segments of one name in one case none counts.

    Attributes
    ----------
    by_segment : mapping
    asked : int
        For how many segments a prediction was asked.
    refused : int
        Of these, segments for which nothing was predicted, as outside the model's domain.
    models : tuple of str
    """

    by_segment: Mapping[tuple[str, str], Predicted]
    asked: int
    refused: int
    models: tuple[str, ...]


def predicted_agreement(folder: CohortFolder) -> PredictedAgreement:
    """Return what was predicted.

    Raises
    ------
    BadDataError
        If there is no such table.
    """
    names = ("case", "segment", "model", "dice", "lower", "upper", "threshold", "described_role")
    table = table_columns(folder, "expected_agreement", names)
    case, segment, model, role = (coded_texts(table, name) for name in ("case", "segment", "model", "described_role"))
    values = [numbers(table, name).tolist() for name in ("dice", "lower", "upper", "threshold")]
    found: dict[tuple[str, str], list[Predicted | None]] = {}
    for row, (dice, lower, upper, threshold) in enumerate(zip(*values, strict=True)):
        # NaN is not equal to itself: nothing was predicted.
        known = dice == dice and threshold == threshold
        prediction = Predicted(dice, lower, upper, threshold, role[row] != "candidate") if known else None
        found.setdefault((case[row], segment[row]), []).append(prediction)
    single = {key: own[0] for key, own in found.items() if len(own) == 1 and own[0] is not None}
    refused = sum(prediction is None for own in found.values() for prediction in own)
    return PredictedAgreement(single, table.num_rows, refused, tuple(sorted(set(model.values))))


def reached_dice(measured: SegmentValues) -> dict[tuple[str, str], float]:
    """Return the Dice of the protocol's structures against the references by (case, segment), the mean over them.

    Undefined ones are left out. Where no segment is a structure of the protocol, all segments count.
    """
    dice = measured.metrics.get("dice")
    if dice is None:
        return {}
    judged = [segment.structure is not None for segment in measured.segments]
    judged = judged if any(judged) else [True] * len(judged)
    columns = zip(dice.cases.tolist(), dice.segments.tolist(), dice.values.tolist(), dice.references.tolist(), strict=True)
    return {
        (measured.cases[case], measured.segments[segment].segment): value
        for case, segment, value, references in columns
        if references and value == value and judged[segment]
    }
