"""What PET values mean, and what turns them into standardised uptake values by body weight (SUVbw).

SUVbw = activity concentration in Bq/mL x body weight in g / injected activity in Bq, both activities at one moment.
The rules follow QIBA's vendor-neutral pseudo-code for SUVbw, with two cases that it leaves out after the manual
of OncoRay's SUV project (github.com/oncoray/suv_computation, CC BY 4.0): images without decay correction, and a dose
written in MBq. Attributes: DICOM PS3.3 C.8.9.1 (PET Series), C.8.9.2 (PET Isotope) and C.8.9.4 (PET Image).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from SegQCLib.acquisition import SUVBW, Acquisition
from SegQCLib.dicom.dicom_header import parser_errors
from SegQCLib.dicom.moments import NO_DATE, moment, moment_of_date_time
from SegQCLib.dicom.slice_values import distinct, number, only_text, texts, value_of
from SegQCLib.findings import Finding, Status

if TYPE_CHECKING:
    from pydicom import Dataset

ID = "suv"
BQ_PER_ML = "Bq/mL"
_SOURCE = "QIBA vendor-neutral pseudo-code for SUVbw"
# Nobody waits longer for an image: less than a thousandth of the activity is left.
_MOST_HALF_LIVES = 10
_DAY_S = 86400.0
# No PET image comes from 10 kBq; a dose of 50 to 800 MBq that is written in MBq is a number below it.
_LEAST_DOSE_BQ = 1e4
_HEAVIEST_KG = 1000
# One of the two times may be written without its fraction of a second.
_ROUNDING = timedelta(seconds=1)
_PHILIPS, _PHILIPS_SUV, _PHILIPS_ACTIVITY = "Philips PET Private Group", 0x00, 0x09
_GE, _GE_SCAN = "GEMS_PETD_01", 0x0D


@dataclass(frozen=True, eq=False)
class PETScale:
    """What the rescaled values of a PET series are to be multiplied with.

    Attributes
    ----------
    factors : ndarray, shape (k,)
        One for each slice; all 1 where the values stay as they are.
    unit : str or None
        Unit of the values after that: `SUVBW`, `BQ_PER_ML` or another; None where the header does not say.
    findings : tuple of Finding
        How SUVbw was computed, or why it could not be and what is missing.
    """

    factors: NDArray[np.float64]
    unit: str | None
    findings: tuple[Finding, ...]

    def is_identity(self) -> bool:
        return bool(np.all(self.factors == 1))


@dataclass(frozen=True)
class _ScanStart:
    """The moment to which the scan's decay correction refers, for each slice, and how it is known."""

    moments: tuple[datetime, ...]
    said_by: str
    doubt: str | None = None


@dataclass(frozen=True)
class _Uptake:
    """Seconds from injection to the start of the scan, for each slice; None with the reason where that cannot be told."""

    seconds: tuple[float, ...] | None
    said_by: str = ""
    doubts: tuple[str, ...] = ()
    missing: str = ""


def pet_scale(headers: Sequence[Dataset]) -> PETScale:
    """Return what turns the rescaled values of a PET series into SUVbw, where its headers allow that.

    Parameters
    ----------
    headers : sequence of Dataset
        One flat header per slice, in the order of k.

    Returns
    -------
    PETScale
        Values that cannot become SUVbw keep their unit; a finding says what is missing.
    """
    units = only_text(headers, "Units")
    if units == "BQML":
        return _from_activity(headers, np.ones(len(headers)), "Units (0054,1001) BQML")
    if units == "CNTS":
        return _from_counts(headers)
    suv_type = only_text(headers, "SUVType") or "BW"
    if units == "GML" and suv_type == "BW":
        return PETScale(np.ones(len(headers)), SUVBW, (_passed("PET values are SUVbw as stored: Units (0054,1001) is GML."),))
    if units in ("GML", "CM2ML"):
        unit = f"{'g/mL' if units == 'GML' else 'cm²/mL'} (SUV, type {suv_type})"
        reason = f"the stored values are SUV of SUV Type (0054,1006) {suv_type}, not by body weight"
        return _kept(headers, unit, f"PET values stay {unit}", reason)
    if units is None:
        differing = distinct(headers, "Units")
        reason = "Units (0054,1001) " + (
            f"differs between slices: {' and '.join(map(str, differing))}" if differing else "is missing"
        )
        return _kept(headers, None, "PET values stay as stored", reason)
    reason = f"Units (0054,1001) is {units}; BQML, CNTS with Philips's factors and GML can be converted"
    return _kept(headers, units, f"PET values stay in {units}", reason)


def in_reported_unit(array: NDArray, headers: Sequence[Dataset]) -> tuple[NDArray, tuple[Finding, ...]]:
    """Return rescaled values as a volume has them, PET as SUVbw where its headers allow that, and findings about it.

    Parameters
    ----------
    array : ndarray, shape (k, j, i)
    headers : sequence of Dataset
        One flat header per slice, in the order of k.

    Returns
    -------
    ndarray, shape (k, j, i)
        float32 where values were converted; the array itself where they stay as they are.
    tuple of Finding
        () for other modalities.
    """
    if only_text(headers, "Modality") != "PT":
        return array, ()
    scale = pet_scale(headers)
    if scale.is_identity():
        return array, scale.findings
    converted = np.empty(array.shape, np.float32)
    for plane, values, factor in zip(converted, array, scale.factors, strict=True):
        np.multiply(values, factor, out=plane, dtype=np.float64, casting="same_kind")
    return converted, scale.findings


def stored_unit(acquisition: Acquisition) -> str | None:
    """Return the unit of rescaled PET values that nobody converted, as another program loads them; None where it is not known."""
    if acquisition.units == "GML" and acquisition.suv_type in (None, "BW"):
        return SUVBW
    return {"BQML": BQ_PER_ML, "CNTS": "counts"}.get(acquisition.units, acquisition.units)


def uptake_time_min(headers: Sequence[Dataset]) -> float | None:
    """Return the minutes from injection to the start of the scan, None where the headers do not tell them."""
    uptake = _uptake(headers, _half_life_s(headers))
    return None if uptake.seconds is None else float(round(min(uptake.seconds) / 60, 2))


def _passed(message: str) -> Finding:
    return Finding(ID, Status.PASS, message, source=_SOURCE)


def _kept(headers: Sequence[Dataset], unit: str | None, what: str, reason: str) -> PETScale:
    message = f"{what}: SUVbw cannot be computed, because {reason}."
    return PETScale(np.ones(len(headers)), unit, (Finding(ID, Status.WARN, message, unit, SUVBW, source=_SOURCE),))


def _from_counts(headers: Sequence[Dataset]) -> PETScale:
    uncorrected = _uncorrected_attenuation(headers)
    if uncorrected is not None:
        return _kept(headers, "counts", "PET values stay counts", uncorrected)
    to_suv = _private_numbers(headers, 0x7053, _PHILIPS, _PHILIPS_SUV)
    # Philips: a factor of 0 says that values cannot be converted by it.
    if to_suv is not None and np.all(to_suv > 0):
        message = "PET values are SUVbw: counts x SUV Scale Factor (7053,xx00) of Philips's private group."
        return PETScale(to_suv, SUVBW, (_passed(message),))
    to_activity = _private_numbers(headers, 0x7053, _PHILIPS, _PHILIPS_ACTIVITY)
    if to_activity is not None and np.all(to_activity > 0):
        said_by = "counts x Activity Concentration Scale Factor (7053,xx09) of Philips's private group"
        return _from_activity(headers, to_activity, said_by)
    reason = (
        "Units (0054,1001) is CNTS and neither SUV Scale Factor (7053,xx00) nor Activity Concentration Scale Factor"
        " (7053,xx09) of Philips's private group is there and above 0"
    )
    return _kept(headers, "counts", "PET values stay counts", reason)


def _from_activity(headers: Sequence[Dataset], to_activity: NDArray[np.float64], said_by: str) -> PETScale:
    """Return the scale of values that `to_activity` turns into Bq/mL."""
    weight_kg, missing_weight = _positive(headers, "PatientWeight", "Patient's Weight (0010,1030)", "kg")
    half_life_s, uncorrected = _half_life_s(headers), _uncorrected_attenuation(headers)
    dose_bq, missing_dose, doubts = _dose_bq(headers)
    missing = [text for text in (missing_weight, missing_dose, uncorrected, _contradicted_decay_correction(headers)) if text]
    if weight_kg is not None and weight_kg > _HEAVIEST_KG:
        missing.append(f"Patient's Weight (0010,1030) is {weight_kg:g} kg, which nobody weighs")
    correction = _decay_correction(headers)
    uptake, decayed = _Uptake(None), np.ones(len(headers))
    if correction not in ("START", "ADMIN", "NONE"):
        found = " and ".join(map(str, distinct(headers, "DecayCorrection")))
        missing.append(f"Decay Correction (0054,1102) is {found or 'missing'}; START, ADMIN and NONE are defined")
    elif correction != "ADMIN":
        if half_life_s is None:
            missing.append("Radionuclide Half Life (0018,1075) is missing, 0, or not the same in all slices")
        else:
            uptake, decayed, missing_times = _decay(headers, half_life_s, correction)
            missing += missing_times
    if missing:
        scale = _kept(headers, BQ_PER_ML, "PET values stay in Bq/mL", "; ".join(missing))
        return PETScale(to_activity, scale.unit, scale.findings)
    factors = to_activity * weight_kg * 1000 / (dose_bq * decayed)
    doubts = (*doubts, *uptake.doubts)
    message = f"PET values are SUVbw: {said_by}, body weight {weight_kg:g} kg, injected dose {dose_bq / 1e6:.4g} MBq"
    if correction == "ADMIN":
        message += ", decay corrected to the injection."
    else:
        minutes = [seconds / 60 for seconds in (min(uptake.seconds), max(uptake.seconds))]
        span = f"{minutes[0]:.1f}" + (f" to {minutes[1]:.1f}" if minutes[1] - minutes[0] >= 0.1 else "")
        message += f", decayed over {span} min from the injection to {uptake.said_by} (half-life {half_life_s:g} s)."
    finding = _passed(message)
    if doubts:
        finding = Finding(ID, Status.WARN, f"{message} {' '.join(doubts)}", source=_SOURCE)
    return PETScale(factors, SUVBW, (finding,))


def _uncorrected_attenuation(headers: Sequence[Dataset]) -> str | None:
    corrected = only_text(headers, "AttenuationCorrected")
    if corrected == "NO":
        return "Attenuation Corrected (0018,9759) is NO"
    if corrected is None and not _corrected(headers, "ATTN"):
        return "Corrected Image (0028,0051) does not say that attenuation was corrected (ATTN)"
    return None


def _contradicted_decay_correction(headers: Sequence[Dataset]) -> str | None:
    if only_text(headers, "DecayCorrected") is not None or _corrected(headers, "DECY"):
        return None
    correction = _decay_correction(headers)
    if correction not in ("START", "ADMIN"):
        return None
    return f"Decay Correction (0054,1102) {correction} and Corrected Image (0028,0051) without DECY contradict each other"


def _corrected(headers: Sequence[Dataset], correction: str) -> bool:
    found = distinct(headers, "CorrectedImage")
    return bool(found) and all(correction in texts(value) for value in found)


def _decay_correction(headers: Sequence[Dataset]) -> str | None:
    # An enhanced object names the moment instead of the event.
    if only_text(headers, "DecayCorrected") == "YES" and only_text(headers, "DecayCorrectionDateTime"):
        return "START"
    return only_text(headers, "DecayCorrection")


def _decay(headers: Sequence[Dataset], half_life_s: float, correction: str) -> tuple[_Uptake, NDArray[np.float64], list[str]]:
    """Return the uptake, the share of the dose that is left at the moment that the values refer to, and what is missing."""
    unknown = np.ones(len(headers))
    if correction == "START":
        uptake = _uptake(headers, half_life_s)
        if uptake.seconds is None:
            return uptake, unknown, [uptake.missing]
        return uptake, np.exp2(-np.array(uptake.seconds) / half_life_s), []
    durations = _durations_s(headers)
    acquired = _acquired(headers)
    if durations is None or acquired is None:
        needed = "Acquisition Time (0008,0032) and Actual Frame Duration (0018,1242)"
        return _Uptake(None), unknown, [f"Decay Correction (0054,1102) is NONE, and {needed} are not given for each slice"]
    start = _ScanStart(acquired, "Acquisition Time (0008,0032) of each slice")
    uptake = _since_injection(headers, start, half_life_s)
    if uptake.seconds is None:
        return uptake, unknown, [uptake.missing]
    # A value is the mean over its frame, during which the activity decays.
    decays = math.log(2) / half_life_s * durations
    mean_over_frame = -np.expm1(-decays) / decays
    return uptake, np.exp2(-np.array(uptake.seconds) / half_life_s) * mean_over_frame, []


def _dose_bq(headers: Sequence[Dataset]) -> tuple[float | None, str | None, tuple[str, ...]]:
    """Return the injected dose, or what is wrong with it, and doubts."""
    dose, missing = _positive(_isotopes(headers), "RadionuclideTotalDose", "Radionuclide Total Dose (0018,1074)", "Bq")
    if dose is None or dose >= _LEAST_DOSE_BQ:
        return dose, missing, ()
    doubt = f"Radionuclide Total Dose (0018,1074) is {dose:g}, which cannot be Bq, its unit in DICOM; it was taken as MBq."
    return dose * 1e6, None, (doubt,)


def _positive(headers: Sequence[Dataset], keyword: str, attribute: str, unit: str) -> tuple[float | None, str | None]:
    """Return the one value above 0 of all slices, or a sentence part that says what is wrong with it."""
    found = sorted({value for value in (number(item) for item in distinct(headers, keyword)) if value is not None})
    if not found:
        return None, f"{attribute} is missing"
    if len(found) > 1:
        return None, f"{attribute} differs between slices: {' and '.join(f'{value:g}' for value in found)} {unit}"
    return (found[0], None) if found[0] > 0 else (None, f"{attribute} is {found[0]:g} {unit}")


def _half_life_s(headers: Sequence[Dataset]) -> float | None:
    return _positive(_isotopes(headers), "RadionuclideHalfLife", "", "s")[0]


def _isotopes(headers: Sequence[Dataset]) -> list[Dataset]:
    """Return the first item of Radiopharmaceutical Information Sequence (0054,0016) of each slice that has one."""
    sequences = [value_of(header, "RadiopharmaceuticalInformationSequence") for header in headers]
    return [sequence[0] for sequence in sequences if sequence]


def _uptake(headers: Sequence[Dataset], half_life_s: float | None) -> _Uptake:
    start = _scan_start(headers, half_life_s)
    if start is None:
        return _Uptake(None, missing="neither Series Time (0008,0031) nor Acquisition Time (0008,0032) is given")
    return _since_injection(headers, start, half_life_s)


def _scan_start(headers: Sequence[Dataset], half_life_s: float | None) -> _ScanStart | None:
    """Return the start of the scan, to which Decay Correction (0054,1102) START refers, None where no time is given.

    Series Time is that start unless a later processing wrote it, which shows where it is later than an Acquisition Time.
    Then QIBA's order: GE's private scan time, the moment that Frame Reference Time (0054,1300) counts from, and
    last the earliest Acquisition Time.
    """
    count = len(headers)
    corrected_to = distinct(headers, "DecayCorrectionDateTime")
    if len(corrected_to) == 1 and (found := moment_of_date_time(corrected_to[0])) is not None:
        return _ScanStart((found,) * count, "Decay Correction DateTime (0018,9701)")
    series, acquired = _series(headers), _acquired(headers)
    if acquired is None:
        doubt = "Acquisition Time (0008,0032) is missing, so Series Time could not be checked against it."
        return None if series is None else _ScanStart((series,) * count, "Series Time (0008,0031)", doubt)
    first = min(acquired)
    if series is not None and series <= first + _ROUNDING:
        return _ScanStart((series,) * count, "Series Time (0008,0031)")
    later = "Series Time (0008,0031) is " + ("missing" if series is None else "later than Acquisition Time (0008,0032)")
    ge = _ge_scan_start(headers)
    if ge is not None:
        return _ScanStart((ge,) * count, "GE's private PET scan_datetime (0009,xx0D)")
    counted_from = _counted_from(headers, acquired, half_life_s)
    if counted_from is not None:
        said_by = "the moment from which Frame Reference Time (0054,1300) counts"
        return _ScanStart(counted_from, said_by)
    doubt = (
        f"{later}, so the earliest Acquisition Time was taken for the start of the scan; slices that are left out may be earlier."
    )
    return _ScanStart((first,) * count, "the earliest Acquisition Time (0008,0032)", doubt)


def _series(headers: Sequence[Dataset]) -> datetime | None:
    header = headers[0]
    return moment(value_of(header, "SeriesDate") or value_of(header, "AcquisitionDate"), value_of(header, "SeriesTime"))


def _acquired(headers: Sequence[Dataset]) -> tuple[datetime, ...] | None:
    """Return when each slice was acquired, or None if one does not say it."""
    moments = tuple(acquisition_moment(header) for header in headers)
    return None if any(found is None for found in moments) else moments


def acquisition_moment(header: Dataset) -> datetime | None:
    """Return when a slice was acquired, None where its header does not say."""
    for keyword in ("FrameAcquisitionDateTime", "AcquisitionDateTime"):
        found = moment_of_date_time(value_of(header, keyword))
        if found is not None:
            return found
    return moment(value_of(header, "AcquisitionDate") or value_of(header, "SeriesDate"), value_of(header, "AcquisitionTime"))


def _ge_scan_start(headers: Sequence[Dataset]) -> datetime | None:
    found = {moment_of_date_time(_private(header, 0x0009, _GE, _GE_SCAN)) for header in headers}
    return found.pop() if len(found) == 1 else None


def _durations_s(headers: Sequence[Dataset]) -> NDArray[np.float64] | None:
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
    durations = _durations_s(headers)
    if half_life_s is None or durations is None or any(reference is None or reference <= 0 for reference in references):
        return None
    decays = math.log(2) / half_life_s * durations
    mean_s = np.log(decays / -np.expm1(-decays)) * half_life_s / math.log(2)
    return tuple(
        moment_ + timedelta(seconds=float(mean) - reference / 1000)
        for moment_, mean, reference in zip(acquired, mean_s, references, strict=True)
    )


def _since_injection(headers: Sequence[Dataset], start: _ScanStart, half_life_s: float | None) -> _Uptake:
    """Return the time from the injection to the start of the scan.

    A time of day without a date, and a date that makes no sense (de-identification moves dates one by one), leaves the
    number of days open: it is the one that fits ten half-lives, and there must be one only.
    """
    isotopes = _isotopes(headers)
    date_times, times = distinct(isotopes, "RadiopharmaceuticalStartDateTime"), distinct(isotopes, "RadiopharmaceuticalStartTime")
    dated = moment_of_date_time(date_times[0]) if len(date_times) == 1 else None
    injected = dated or (moment(None, times[0]) if len(times) == 1 else None)
    if injected is None:
        attributes = "Radiopharmaceutical Start DateTime (0018,1078) or Radiopharmaceutical Start Time (0018,1072)"
        return _Uptake(None, missing=f"{attributes} is missing, unreadable or not the same in all slices")
    doubts = (start.doubt,) if start.doubt else ()
    longest_s = _DAY_S if half_life_s is None else _MOST_HALF_LIVES * half_life_s
    first = min(start.moments)
    after_first = tuple((found - first).total_seconds() for found in start.moments)
    has_dates = first.strftime("%Y%m%d") != NO_DATE
    if dated is not None and has_dates:
        seconds = (first - dated).total_seconds()
        if 0 <= seconds <= longest_s:
            return _Uptake(tuple(seconds + later for later in after_first), start.said_by, doubts)
        wrong = (
            f"The date in Radiopharmaceutical Start DateTime (0018,1078) puts the injection {abs(seconds) / 3600:.1f} h"
            f" {'before' if seconds > 0 else 'after'} the start of the scan, so only the times of day were used."
        )
        doubts += (wrong,)
    of_day = ((first - datetime.min) - (injected - datetime.min)).total_seconds() % _DAY_S
    if of_day > longest_s:
        return _Uptake(None, missing="the injection is later than the start of the scan")
    if of_day + _DAY_S <= longest_s:
        return _Uptake(None, missing="the date of the injection is not known, and the half-life allows several days")
    return _Uptake(tuple(of_day + later for later in after_first), start.said_by, doubts)


def _private_numbers(headers: Sequence[Dataset], group: int, creator: str, element: int) -> NDArray[np.float64] | None:
    values = [number(_private(header, group, creator, element)) for header in headers]
    return None if any(value is None for value in values) else np.array(values, np.float64)


def _private(header: Dataset, group: int, creator: str, element: int) -> Any:
    """Return the value of a private element, also where de-identification dropped its creator, as text where it was bytes."""
    try:
        return _text_of(header.private_block(group, creator)[element].value)
    except KeyError:
        pass  # no such creator
    except parser_errors():
        return None
    # The creator's block is free to choose; vendors use the first. Another creator there owns another element.
    if (group, 0x0010) in header or (group, 0x1000 + element) not in header:
        return None
    try:
        return _text_of(header[group, 0x1000 + element].value)
    except parser_errors():
        return None


def _text_of(value: Any) -> Any:
    # In implicit VR a private element may come as bytes.
    return value.decode("ascii", "replace").strip("\0 ") if isinstance(value, bytes) else value
