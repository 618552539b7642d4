"""Readers against readers on one structure, or on all, as a square of values: what the panel's table shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from SegQCLib.agreement.case_agreement import CaseAgreement, PairAgreement
from SegQCLib.metric_texts import metric_text
from SegQCLib.number_texts import grouped, ratio, signed

TOLERANCE_MM = 2.0
UNDEFINED = "–"


@dataclass(frozen=True)
class PairMeasure:
    """A measure between two readers.

    Attributes
    ----------
    id : str
    title : str
    definition : str
        What it measures, which values are possible, and what counts where a structure is empty.
    value : callable(PairAgreement) -> float or None
        Of the later reader against the earlier.
    text : callable(float) -> str
        The value with its unit.
    signed : bool
        Exchanging the two readers changes the sign.
    """

    id: str
    title: str
    definition: str
    value: Callable[[PairAgreement], float | None]
    text: Callable[[float], str]
    signed: bool = False


_EMPTY_OVERLAP = "Drawn by one of the two only: 0. Drawn by neither: a dash, and in no median."
_EMPTY_DISTANCE = "Drawn by one of the two or by neither: a dash, and in no median, because there is no distance to measure."


def _defined(metric: str) -> str:
    text = metric_text(metric)
    return f"{text.definition} Values: {text.values}; {text.better_text}."


PAIR_MEASURES = (
    PairMeasure(
        "dice",
        "Dice",
        f"Twice the shared volume of two readers, divided by the sum of their volumes. Values: 0 to 1; higher is better."
        f" {_EMPTY_OVERLAP}",
        lambda pair: pair.dice,
        ratio,
    ),
    PairMeasure(
        "surface_dice_2mm",
        f"Surface Dice {TOLERANCE_MM:g} mm",
        f"{_defined('surface_dice_2mm')} {_EMPTY_OVERLAP}",
        lambda pair: dict(pair.surface_dice).get(TOLERANCE_MM),
        ratio,
    ),
    PairMeasure(
        "hausdorff_95_mm",
        "Hausdorff 95 %",
        f"{_defined('hausdorff_95_mm')} {_EMPTY_DISTANCE}",
        lambda pair: pair.hausdorff_95_mm,
        lambda value: f"{grouped(value, 1)} mm",
    ),
    PairMeasure(
        "volume_difference_percent",
        "Volume difference",
        "Volume by the reader of the row minus volume by the reader of the column, in percent of the mean of the two; 0 does not"
        " mean that they overlap. Drawn by one of the two only: 200 % or −200 %. Drawn by neither: a dash.",
        lambda pair: pair.volume_difference_percent,
        lambda value: f"{signed(value, 1)} %",
        signed=True,
    ),
)


def pair_matrix(agreement: CaseAgreement, structure: str | None, measure: PairMeasure) -> tuple[tuple[float | None, ...], ...]:
    """Return the measure between every two readers, in the order of the agreement's readers.

    Parameters
    ----------
    agreement : CaseAgreement
    structure : str or None
        None: the median over all structures for which the measure is defined.
    measure : PairMeasure

    Returns
    -------
    tuple of tuples
        Rows of values; None on the diagonal and where the measure is undefined. Symmetric, or of opposite sign.
    """
    names = [reader.name for reader in agreement.readers]
    found: dict[tuple[int, int], list[float]] = {}
    for one in agreement.structures:
        if structure in (None, one.structure):
            for pair in one.pairs:
                value = measure.value(pair)
                if value is not None:
                    found.setdefault((names.index(pair.reader_a), names.index(pair.reader_b)), []).append(value)
    middle = {pair: median(values) for pair, values in found.items()}

    def cell(row: int, column: int) -> float | None:
        # The earlier reader's row holds earlier minus later.
        if (column, row) in middle:
            return middle[column, row]
        value = middle.get((row, column))
        return -value if value is not None and measure.signed else value

    return tuple(tuple(cell(row, column) for column in range(len(names))) for row in range(len(names)))


def worst_first(agreement: CaseAgreement) -> tuple[str, ...]:
    """Return the structures by the median Dice of their pairs, the lowest first; those that nobody drew come last."""

    def key(one) -> float:
        values = [pair.dice for pair in one.pairs if pair.dice is not None]
        return median(values) if values else 2.0

    return tuple(one.structure for one in sorted(agreement.structures, key=key))
