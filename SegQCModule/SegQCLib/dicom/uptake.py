"""How long after the injection PET values are meant: from the injection to the moment that they were decay corrected to.

The rules follow QIBA's vendor-neutral pseudo-code for SUVbw. Attributes: DICOM PS3.3 C.8.9.1 (PET Series), C.8.9.2 (PET
Isotope) and C.8.9.4 (PET Image).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from SegQCLib.dicom.moments import NO_DATE, moment, moment_of_date_time, offset_from_utc_min
from SegQCLib.dicom.private_elements import private_value
from SegQCLib.dicom.slice_values import distinct, number, value_of

if TYPE_CHECKING:
    from pydicom import Dataset

# Nobody waits longer for an image: less than a thousandth of the activity is left.
_MOST_HALF_LIVES = 10
# What is left after that, a thirtieth, makes a poor image; wrong clocks and dates make such times more often.
_USUAL_HALF_LIVES = 5
_DAY_S = 86400.0
# One of the two times may be written without its fraction of a second.
_ROUNDING = timedelta(seconds=1)
_GE, _GE_SCAN = "GEMS_PETD_01", 0x0D


@dataclass(frozen=True)
class ScanStart:
    """The moment to which the scan's decay correction refers, for each slice, and how it is known."""

    moments: tuple[datetime, ...]
    said_by: str
    doubt: str | None = None


@dataclass(frozen=True)
class Uptake:
    """Seconds from injection to the start of the scan, for each slice; None with the reason where that cannot be told."""

    seconds: tuple[float, ...] | None
    said_by: str = ""
    doubts: tuple[str, ...] = ()
    missing: str = ""


def first_isotopes(headers: Sequence[Dataset]) -> list[Dataset]:
    """Return the first item of Radiopharmaceutical Information Sequence (0054,0016) of each slice that has one."""
    sequences = [value_of(header, "RadiopharmaceuticalInformationSequence") for header in headers]
    return [sequence[0] for sequence in sequences if sequence]


def uptake_to_start(headers: Sequence[Dataset], half_life_s: float | None) -> Uptake:
    """Return the time from the injection to the start of the scan.

    Parameters
    ----------
    headers : sequence of Dataset
        One flat header per slice.
    half_life_s : float or None
        Radionuclide Half Life (0018,1075), which bounds how long ago the injection can be.
    """
    start = _scan_start(headers, half_life_s)
    if start is None:
        return Uptake(None, missing="neither Series Time (0008,0031) nor Acquisition Time (0008,0032) is given")
    return since_injection(headers, start, half_life_s)


def _scan_start(headers: Sequence[Dataset], half_life_s: float | None) -> ScanStart | None:
    """Return the start of the scan, to which Decay Correction (0054,1102) START refers, None where no time is given.

    Series Time is that start unless a later processing wrote it, which shows where it is later than an Acquisition Time.
    Then QIBA's order: GE's private scan time, the moment that Frame Reference Time (0054,1300) counts from, and
    last the earliest Acquisition Time.
    """
    count = len(headers)
    corrected_to = distinct(headers, "DecayCorrectionDateTime")
    if len(corrected_to) == 1 and (found := moment_of_date_time(corrected_to[0], _time_zone(headers[0]))) is not None:
        return ScanStart((found,) * count, "Decay Correction DateTime (0018,9701)")
    series, acquired = _series_moment(headers), acquired_moments(headers)
    if acquired is None:
        doubt = "Acquisition Time (0008,0032) is missing, so Series Time could not be checked against it."
        return None if series is None else ScanStart((series,) * count, "Series Time (0008,0031)", doubt)
    first = min(acquired)
    if series is not None and series <= first + _ROUNDING:
        return ScanStart((series,) * count, "Series Time (0008,0031)")
    later = "Series Time (0008,0031) is " + ("missing" if series is None else "later than Acquisition Time (0008,0032)")
    ge = _ge_scan_start(headers)
    if ge is not None:
        return ScanStart((ge,) * count, "GE's private PET scan_datetime (0009,xx0D)")
    counted_from = _counted_from(headers, acquired, half_life_s)
    if counted_from is not None:
        said_by = "the moment from which Frame Reference Time (0054,1300) counts"
        return ScanStart(counted_from, said_by)
    doubt = (
        f"{later}, so the earliest Acquisition Time was taken for the start of the scan; slices that are left out may be earlier."
    )
    return ScanStart((first,) * count, "the earliest Acquisition Time (0008,0032)", doubt)


def _series_moment(headers: Sequence[Dataset]) -> datetime | None:
    header = headers[0]
    return moment(value_of(header, "SeriesDate") or value_of(header, "AcquisitionDate"), value_of(header, "SeriesTime"))


def acquired_moments(headers: Sequence[Dataset]) -> tuple[datetime, ...] | None:
    """Return when each slice was acquired, or None if one does not say it."""
    moments = tuple(acquisition_moment(header) for header in headers)
    return None if any(found is None for found in moments) else moments


def acquisition_moment(header: Dataset) -> datetime | None:
    """Return when a slice was acquired, None where its header does not say."""
    for keyword in ("FrameAcquisitionDateTime", "AcquisitionDateTime"):
        found = moment_of_date_time(value_of(header, keyword), _time_zone(header))
        if found is not None:
            return found
    return moment(value_of(header, "AcquisitionDate") or value_of(header, "SeriesDate"), value_of(header, "AcquisitionTime"))


def _time_zone(header: Dataset) -> str | None:
    """Return Timezone Offset From UTC (0008,0201), which holds for all dates and times without an offset of their own."""
    return value_of(header, "TimezoneOffsetFromUTC")


def _ge_scan_start(headers: Sequence[Dataset]) -> datetime | None:
    found = {moment_of_date_time(private_value(header, 0x0009, _GE, _GE_SCAN), _time_zone(header)) for header in headers}
    return found.pop() if len(found) == 1 else None


def durations_s(headers: Sequence[Dataset]) -> NDArray[np.float64] | None:
    """Return how long the frame of each slice took, s, or None if one does not say it."""
    durations = [
        number(value_of(header, "ActualFrameDuration")) or number(value_of(header, "FrameAcquisitionDuration"))
        for header in headers
    ]
    if any(duration is None or duration <= 0 for duration in durations):
        return None
    return np.array(durations) / 1000


def _counted_from(
    headers: Sequence[Dataset], acquired: tuple[datetime, ...], half_life_s: float | None
) -> tuple[datetime, ...] | None:
    """Return the moment from which Frame Reference Time counts, for each slice, or None where it is not given.

    Frame Reference Time is when, during the frame, the activity was at its mean.
    """
    references = [number(value_of(header, "FrameReferenceTime")) for header in headers]
    durations = durations_s(headers)
    if half_life_s is None or durations is None or any(reference is None or reference <= 0 for reference in references):
        return None
    decays = math.log(2) / half_life_s * durations
    mean_s = np.log(decays / -np.expm1(-decays)) * half_life_s / math.log(2)
    return tuple(
        moment_ + timedelta(seconds=float(mean) - reference / 1000)
        for moment_, mean, reference in zip(acquired, mean_s, references, strict=True)
    )


def since_injection(headers: Sequence[Dataset], start: ScanStart, half_life_s: float | None) -> Uptake:
    """Return the time from the injection to the start of the scan.

    A time of day without a date, and a date that makes no sense (de-identification moves dates one by one), leaves the
    number of days open: it is the one that fits ten half-lives, and there must be one only.
    """
    isotopes = first_isotopes(headers)
    date_times, times = distinct(isotopes, "RadiopharmaceuticalStartDateTime"), distinct(isotopes, "RadiopharmaceuticalStartTime")
    zone = _time_zone(headers[0])
    dated = moment_of_date_time(date_times[0], zone) if len(date_times) == 1 else None
    injected = dated or (moment(None, times[0]) if len(times) == 1 else None)
    if injected is None:
        attributes = "Radiopharmaceutical Start DateTime (0018,1078) or Radiopharmaceutical Start Time (0018,1072)"
        return Uptake(None, missing=f"{attributes} is missing, unreadable or not the same in all slices")
    doubts = (start.doubt,) if start.doubt else ()
    if dated is not None and zone is None and offset_from_utc_min(date_times[0]) is not None:
        zones = (
            "Radiopharmaceutical Start DateTime (0018,1078) names a time zone and Timezone Offset From UTC (0008,0201), that of"
            " the other times, is missing: all were taken for times of one zone."
        )
        doubts = (*doubts, zones)
    longest_s = _DAY_S if half_life_s is None else _MOST_HALF_LIVES * half_life_s
    first = min(start.moments)
    seconds = None
    if dated is not None and first.strftime("%Y%m%d") != NO_DATE:
        seconds = (first - dated).total_seconds()
        if not 0 <= seconds <= longest_s:
            wrong = (
                f"The date in Radiopharmaceutical Start DateTime (0018,1078) puts the injection {abs(seconds) / 3600:.1f} h"
                f" {'before' if seconds > 0 else 'after'} the start of the scan, so only the times of day were used."
            )
            doubts, seconds = (*doubts, wrong), None
    if seconds is None:
        seconds = ((first - datetime.min) - (injected - datetime.min)).total_seconds() % _DAY_S
        if seconds > longest_s:
            return Uptake(None, missing="the injection is later than the start of the scan")
        if seconds + _DAY_S <= longest_s:
            return Uptake(None, missing="the date of the injection is not known, and the half-life allows several days")
    if half_life_s is not None and seconds > _USUAL_HALF_LIVES * half_life_s:
        late = f"{seconds / half_life_s:.1f} half-lives lie between injection and scan: are both times right?"
        doubts = (*doubts, late)
    return Uptake(tuple(seconds + (found - first).total_seconds() for found in start.moments), start.said_by, doubts)
