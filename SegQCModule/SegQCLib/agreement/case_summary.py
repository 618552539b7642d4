"""A measure of pairs of readers, such as Dice, over many cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from SegQCLib.agreement.case_bootstrap import METHOD, TOO_FEW_PATIENTS, case_interval
from SegQCLib.agreement.estimate import Estimate, estimate, undefined


@dataclass(frozen=True)
class CaseSummary:
    """A measure of pairs, summed up over cases: a case counts once, with the mean of its pairs."""

    median: Estimate = field(metadata={"doc": "Median over cases."})
    lower_quartile: float | None = field(metadata={"doc": "25th percentile over cases; null: no case."})
    upper_quartile: float | None = field(metadata={"doc": "75th percentile over cases; null: no case."})
    pairs: int = field(metadata={"doc": "Number of pairs in which the measure is defined."})
    undefined_pairs: int = field(metadata={"doc": "Number of pairs in which it is not, as where both readers drew nothing."})


def case_summary(
    measure: str, values: Sequence[float | None], cases: Sequence[str], patients: Sequence[str] | None = None
) -> CaseSummary:
    """Return median and quartiles of a measure over cases, with an interval of the median.

    Pairs of one case are not independent: three readers make three pairs, and one difficult image lowers all of them. So a
    case counts once, with the mean of its pairs, and the bootstrap draws patients, never pairs.

    Parameters
    ----------
    measure : str
        In words.
    values : sequence of float or None, shape (pairs,)
        None: undefined in this pair; it is counted and left out.
    cases : sequence of str, shape (pairs,)
        The case of each pair.
    patients : sequence of str, optional, shape (pairs,)
        The patient of each pair; default: every case is another patient.

    Returns
    -------
    CaseSummary
        Undefined, with the reason, where no pair has a value.

    Raises
    ------
    ValueError
        If the lengths differ.
    """
    patients = cases if patients is None else patients
    if not len(values) == len(cases) == len(patients):
        raise ValueError(f"{len(values)} values need as many cases and patients: {len(cases)} and {len(patients)} were given.")
    defined: dict[tuple[str, str], list[float]] = {}
    for value, case, patient in zip(values, cases, patients, strict=True):
        if value is not None:
            defined.setdefault((patient, case), []).append(value)
    pairs = sum(map(len, defined.values()))
    name = f"median over cases of {measure}"
    if not defined:
        reason = "No pair of readers has this value." if len(values) else "There is no such pair of readers."
        return CaseSummary(undefined(name, 0, METHOD, reason), None, None, 0, len(values))
    of_case = np.array([np.mean(own) for own in defined.values()])
    drawn_together = [patient for patient, _ in defined]
    interval = case_interval(drawn_together, lambda index: float(np.median(of_case[index])))
    low, middle, high = np.quantile(of_case, (0.25, 0.5, 0.75))
    median = estimate(name, middle, interval, len(of_case), METHOD, TOO_FEW_PATIENTS)
    return CaseSummary(median, float(low), float(high), pairs, len(values) - pairs)
