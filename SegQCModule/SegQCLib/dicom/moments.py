"""Dates and times of DICOM headers as moments that can be subtracted."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

# Headers without any date still tell durations; a date that no scanner writes shows that it stands for none.
NO_DATE = "19000101"

_DATE = re.compile(r"(\d{4})[.-]?(\d\d)[.-]?(\d\d)")
_TIME = re.compile(r"(\d\d):?(\d\d)?:?(\d\d)?(?:\.(\d{1,6}))?")
_DATE_TIME = re.compile(r"(\d{8})(\d\d(?:\d\d(?:\d\d(?:\.\d{1,6})?)?)?)(?:[+-]\d{4})?")


def moment(date: Any, time: Any) -> datetime | None:
    """Return a DICOM date (DA) and time (TM) as one moment, or None where the time is missing or neither is readable.

    Parameters
    ----------
    date : str or None
        YYYYMMDD, or with dots as ACR-NEMA had it; missing: NO_DATE stands for it.
    time : str or None
        HHMMSS.FFFFFF, from the right as short as HH (DICOM PS3.5 6.2), or with colons as ACR-NEMA had it.
    """
    found_date = _DATE.fullmatch(str(date or NO_DATE).strip())
    found_time = _TIME.fullmatch(str(time or "").strip())
    if found_date is None or found_time is None:
        return None
    hour, minute, second, fraction = found_time.groups()
    try:
        # A leap second is written as 60.
        start = datetime(*map(int, found_date.groups()), int(hour), int(minute or 0))
        return start + timedelta(seconds=int(second or 0), microseconds=int((fraction or "0").ljust(6, "0")))
    except (ValueError, OverflowError):
        return None


def moment_of_date_time(text: Any) -> datetime | None:
    """Return a DICOM date and time in one value (DT), which must name at least the hour, or None.

    The offset from UTC is left out: all times of a header are local times of one place.
    """
    found = _DATE_TIME.fullmatch(str(text or "").strip())
    return None if found is None else moment(found[1], found[2])
