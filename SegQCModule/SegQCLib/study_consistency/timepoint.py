"""When an image was made, as a study names it: a date, a number such as the week, or a text of its own."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

_DATE = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)")


@dataclass(frozen=True)
class Timepoint:
    """A time point.

    Attributes
    ----------
    text : str
        As it was given; of a date YYYY-MM-DD; "" where nobody gave one.
    order : float or None
        What it is sorted by: the proleptic Gregorian day number of a date, or the number; None for other texts.
    kind : "date", "number" or "text"
    """

    text: str
    order: float | None
    kind: Literal["date", "number", "text"]


NO_TIMEPOINT = Timepoint("", None, "text")


def timepoint_of(text: str | None) -> Timepoint:
    """Return what a text says of time: an ISO date (or DICOM's YYYYMMDD), a number, or neither."""
    text = (text or "").strip()
    found = _DATE.fullmatch(text)
    if found is not None:
        try:
            day = date(*map(int, found.groups()))
        except ValueError:
            day = None
        if day is not None:
            return Timepoint(day.isoformat(), float(day.toordinal()), "date")
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    return Timepoint(text, number, "number") if math.isfinite(number) else Timepoint(text, None, "text")


def in_order(timepoints: Sequence[Timepoint], scan_dates: Sequence[str | None]) -> tuple[list[list[int]], str | None]:
    """Return the places of time points in order, those of one moment together, and what it was ordered by if not by themselves.

    Parameters
    ----------
    timepoints : sequence of Timepoint
    scan_dates : sequence of str or None
        Acquisition Date (0008,0022) of each, for time points that are no dates and no numbers.
    """
    kinds = {one.kind for one in timepoints}
    note = None
    keys: list[float]
    if len(kinds) == 1 and "text" not in kinds:
        keys = [one.order or 0.0 for one in timepoints]
    else:
        dates = [timepoint_of(text) for text in scan_dates]
        named = list(dict.fromkeys(one.text for one in timepoints))
        if all(one.kind == "date" for one in dates):
            keys, note = [one.order or 0.0 for one in dates], "ordered by Acquisition Date (0008,0022)"
        else:
            keys = [float(named.index(one.text)) for one in timepoints]
            note = "in the order given: the time points are neither all dates nor all numbers, and the headers have no dates"
        if len(timepoints) < 2:
            note = None
    groups: dict[float, list[int]] = {}
    for place, key in enumerate(keys):
        groups.setdefault(key, []).append(place)
    return [groups[key] for key in sorted(groups)], note
