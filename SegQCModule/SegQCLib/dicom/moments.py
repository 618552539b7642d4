"""Dates and times of DICOM headers as moments that can be subtracted."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

# Headers without any date still tell durations; a date that no scanner writes shows that it stands for none.
NO_DATE = "19000101"

_DATE = re.compile(r"(\d{4})[.-]?(\d\d)[.-]?(\d\d)")
_TIME = re.compile(r"(\d\d):?(\d\d)?:?(\d\d)?(?:\.(\d{1,6}))?")
_DATE_TIME = re.compile(r"(\d{8})(\d\d(?:\d\d(?:\d\d(?:\.\d{1,6})?)?)?)([+-]\d{4})?")
_OFFSET = re.compile(r"([+-])(\d\d)(\d\d)")


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


def moment_of_date_time(text: Any, time_zone: Any = None) -> datetime | None:
    """Return a DICOM date and time in one value (DT), which must name at least the hour, or None.

    Parameters
    ----------
    text : str or None
        YYYYMMDDHHMMSS.FFFFFF&ZZXX, from the right as short as YYYYMMDDHH (DICOM PS3.5 6.2).
    time_zone : str or None
        Timezone Offset From UTC (0008,0201) of the header's other times: a value with another offset is brought to that one.
        Without it offsets are left out.
    """
    found = _DATE_TIME.fullmatch(str(text or "").strip())
    if found is None or (local := moment(found[1], found[2])) is None:
        return None
    own, others = _minutes(found[3]), _minutes(time_zone)
    try:
        return local if own is None or others is None else local + timedelta(minutes=others - own)
    except OverflowError:
        return None


def offset_from_utc_min(text: Any) -> int | None:
    """Return the offset from UTC in minutes that a date and time in one value (DT) names, or None."""
    found = _DATE_TIME.fullmatch(str(text or "").strip())
    return None if found is None else _minutes(found[3])


def _minutes(offset: Any) -> int | None:
    found = _OFFSET.fullmatch(str(offset or "").strip())
    return None if found is None else int(f"{found[1]}1") * (int(found[2]) * 60 + int(found[3]))
