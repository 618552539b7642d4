"""How a check judges a header fact against a limit of the protocol: one way for all numbers."""

from __future__ import annotations

from collections.abc import Iterator

from SegQCLib.acquisition import Acquisition, attribute_of, values_in_words
from SegQCLib.findings import Finding, Status
from SegQCLib.protocol import Range


def judge_number(check_id: str, acquisition: Acquisition, fact: str, allowed: Range | None) -> Iterator[Finding]:
    """Yield what is to be said of a fact that is one number for the series; nothing where the protocol sets no limit.

    Parameters
    ----------
    check_id : str
    acquisition : Acquisition
    fact : str
        Name of a field of it that holds one number, in the unit of `allowed`.
    allowed : Range or None
    """
    if allowed is None:
        return
    attribute, value = attribute_of(fact), getattr(acquisition, fact)
    differing = acquisition.differing_values(fact)

    def finding(status: Status, message: str, measured: str | None = None) -> Finding:
        return Finding(check_id, status, message, measured, str(allowed), allowed.unit, allowed.source)

    if differing:
        measured = f"{values_in_words(differing)} {allowed.unit}"
        yield finding(Status.FAIL, f"{attribute} is not the same in all slices: {measured}.", measured)
    elif value is None:
        yield finding(Status.NOT_EVALUATED, f"{attribute} is not in the header.")
    elif value in allowed:
        yield finding(Status.PASS, f"{attribute} is {value:g} {allowed.unit}.", f"{value:g} {allowed.unit}")
    else:
        message = f"{attribute} is {value:g} {allowed.unit}; the protocol allows {allowed}."
        yield finding(Status.FAIL, message, f"{value:g} {allowed.unit}")
