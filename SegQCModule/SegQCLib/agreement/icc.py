"""Intraclass correlation: which share of the variation of a measurement comes from the cases, and not from who read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from SegQCLib.agreement.estimate import Estimate, estimate, undefined
from SegQCLib.statistics.missing_package import missing_package

METHOD = "F distribution of the two-way or one-way analysis of variance (McGraw and Wong 1996), by pingouin.intraclass_corr"
EXCHANGEABLE_REASON = (
    "Readers are exchangeable: 'reader 1' of two cases is not one person, so no two-way form applies, only the one-way ICC(1,1)."
)


@dataclass(frozen=True)
class ICCForm:
    """A form of the coefficient: both of its names, and the question that it answers."""

    shrout_fleiss: str = field(metadata={"doc": "As Shrout and Fleiss name it (Psychol Bull 1979;86:420-428)."})
    mcgraw_wong: str = field(metadata={"doc": "As McGraw and Wong name it (Psychol Methods 1996;1:30-46)."})
    model: str = field(metadata={"doc": "One-way or two-way, agreement or consistency, single or mean."})
    question: str = field(metadata={"doc": "What it answers."})

    @property
    def name(self) -> str:
        """ICC(2,1) = ICC(A,1)."""
        return f"{self.shrout_fleiss} = {self.mcgraw_wong}"


_SINGLE, _MEAN = "single read", "mean of all readers"
# In the order in which pingouin gives them.
ICC_FORMS = (
    ICCForm(
        "ICC(1,1)",
        "ICC(1)",
        f"one-way random, absolute agreement, {_SINGLE}",
        "Do any two reads of a case give the same value, whoever made them? For readers who differ from case to case, or who"
        " cannot be told apart.",
    ),
    ICCForm(
        "ICC(2,1)",
        "ICC(A,1)",
        f"two-way random, absolute agreement, {_SINGLE}",
        "Would another reader of this kind give the same value? For the same readers on every case, who stand for all such"
        " readers.",
    ),
    ICCForm(
        "ICC(3,1)",
        "ICC(C,1)",
        f"two-way mixed, consistency, {_SINGLE}",
        "Do these very readers put cases in the same order and distance? A constant difference between readers is not counted.",
    ),
    ICCForm("ICC(1,k)", "ICC(k)", f"one-way random, absolute agreement, {_MEAN}", "As ICC(1,1), for the mean of k reads."),
    ICCForm("ICC(2,k)", "ICC(A,k)", f"two-way random, absolute agreement, {_MEAN}", "As ICC(2,1), for the mean of k readers."),
    ICCForm("ICC(3,k)", "ICC(C,k)", f"two-way mixed, consistency, {_MEAN}", "As ICC(3,1), for the mean of these k readers."),
)
_ONE_WAY = ("ICC(1,1)", "ICC(1,k)")
# pingouin's analysis of variance takes no fewer.
_FEWEST_VALUES = 5
_NEGATIVE = (
    "Negative: reads of one case differ more than cases do. The share of variation that comes from cases cannot be below 0; it is"
    " an estimate of no reliability, shown as computed."
)
_EXACT = "The readers agree exactly, or differ by the same in every case: the interval has no width."


@dataclass(frozen=True)
class ICC:
    """One form of the coefficient for one table of cases and readers."""

    form: ICCForm = field(metadata={"doc": "Which form."})
    estimate: Estimate = field(metadata={"doc": "The coefficient, at most 1; it can come out negative."})
    readers: int = field(metadata={"doc": "Number of readers k, or of reads of each case."})


@dataclass(frozen=True)
class ICCTable:
    """All forms that apply, and what they are of."""

    forms: tuple[ICC, ...] = field(metadata={"doc": "The forms that apply."})
    left_out: tuple[str, ...] = field(
        metadata={"doc": "Cases without a value of every reader: the analysis takes complete cases only."}
    )
    not_applicable: str | None = field(metadata={"doc": "Why the other forms are not given; null: all are."})

    def form(self, shrout_fleiss: str) -> ICC | None:
        """Return one form by its name after Shrout and Fleiss; None: it does not apply."""
        return next((icc for icc in self.forms if icc.form.shrout_fleiss == shrout_fleiss), None)


def intraclass_correlation(values: ArrayLike, cases: Sequence[str], *, exchangeable: bool = False) -> ICCTable:
    """Return the intraclass correlation of readers' measurements in all forms that apply, with intervals.

    Parameters
    ----------
    values : array of float, shape (cases, readers)
        NaN: this reader has no value for this case. Such cases are left out, and named.
    cases : sequence of str, shape (cases,)
        Unique.
    exchangeable : bool
        Columns are reads in any order and not persons: two-way forms are not given.

    Returns
    -------
    ICCTable
        Undefined, with the reason, below 2 complete cases or 2 readers, or where cases do not differ.

    Raises
    ------
    ValueError
        If the shapes do not fit, or cases are not unique.
    BadDataError
        If pingouin is not installed.

    References
    ----------
    Shrout PE, Fleiss JL. Psychol Bull 1979;86:420-428, doi:10.1037/0033-2909.86.2.420. McGraw KO, Wong SP. Psychol Methods
    1996;1:30-46, doi:10.1037/1082-989X.1.1.30. Koo TK, Li MY. J Chiropr Med 2016;15:155-163,
    doi:10.1016/j.jcm.2016.02.012 (which form).
    """
    table = np.asarray(values, float)
    if table.ndim != 2 or len(table) != len(cases) or len(set(cases)) != len(cases):
        raise ValueError(f"ICC needs one row for each case, each once: values are {table.shape}, cases {len(cases)}.")
    forms = [form for form in ICC_FORMS if not exchangeable or form.shrout_fleiss in _ONE_WAY]
    why_not = EXCHANGEABLE_REASON if exchangeable else None
    complete = np.isfinite(table).all(axis=1)
    left_out = tuple(case for case, whole in zip(cases, complete, strict=True) if not whole)
    table = table[complete]
    n, k = table.shape
    reason = None
    if n < 2 or k < 2:
        reason = f"ICC needs at least 2 cases with at least 2 readers; there are {n} complete cases and {k} readers."
        if left_out and not exchangeable:
            reason += " Where readers differ from case to case, only the one-way ICC(1,1) applies: readers are exchangeable then."
    elif table.size < _FEWEST_VALUES:
        reason = f"ICC needs at least {_FEWEST_VALUES} values; {n} cases with {k} readers have {table.size}."
    elif np.ptp(table.mean(axis=1)) == 0:
        reason = "The cases do not differ from each other: there is no variation between them that readers could agree in."
    if reason is not None:
        nothing = tuple(ICC(form, undefined(form.name, n, METHOD, reason), k) for form in forms)
        return ICCTable(nothing, left_out, why_not)
    computed = _by_pingouin(table)
    found = tuple(ICC(form, _estimate(form, *computed[ICC_FORMS.index(form)], n), k) for form in forms)
    return ICCTable(found, left_out, why_not)


def _estimate(form: ICCForm, value: float, lower: float, upper: float, n: int) -> Estimate:
    if not np.isfinite(value):
        return undefined(form.name, n, METHOD, "The analysis of variance has no value for these cases.")
    # Rounding leaves a millionth of a millionth of an error where there is none.
    exact = value > 1 - 1e-12
    value, interval = (1.0, None) if exact else (value, (lower, upper))
    found = estimate(form.name, value, interval, n, METHOD, _EXACT)
    if value < 0:
        note = _NEGATIVE if found.note is None else f"{_NEGATIVE} {found.note}"
        return Estimate(found.statistic, found.value, found.lower, found.upper, n, METHOD, found.reason, note)
    return found


def _by_pingouin(table: np.ndarray) -> list[tuple[float, float, float]]:
    """Return value, lower and upper of each of `ICC_FORMS`."""
    try:
        import pandas
        import pingouin
    except ImportError as error:
        raise missing_package("The intraclass correlation", error) from error

    n, k = table.shape
    long = pandas.DataFrame(
        {"case": np.repeat(np.arange(n), k), "reader": np.tile(np.arange(k), n), "value": table.ravel()},
    )
    # pingouin rounds intervals to two decimals unless told otherwise.
    rounding = {name: pingouin.options[name] for name in pingouin.options if name.startswith("round")}
    pingouin.options.update(dict.fromkeys(rounding))
    try:
        with np.errstate(all="ignore"):
            forms = pingouin.intraclass_corr(long, targets="case", raters="reader", ratings="value")
    finally:
        pingouin.options.update(rounding)
    interval = next(name for name in forms.columns if name.startswith("CI95"))
    return [(float(value), float(lower), float(upper)) for value, (lower, upper) in zip(forms["ICC"], forms[interval], strict=True)]
