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
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from SegQCLib.acquisition import SUVBW, Acquisition
from SegQCLib.dicom.private_elements import private_value
from SegQCLib.dicom.slice_values import distinct, number, only_text, texts
from SegQCLib.dicom.uptake import ScanStart, Uptake, acquired_moments, durations_s, first_isotopes, since_injection, uptake_to_start
from SegQCLib.findings import Finding, Status

if TYPE_CHECKING:
    from pydicom import Dataset

ID = "suv"
BQ_PER_ML = "Bq/mL"
_SOURCE = "QIBA vendor-neutral pseudo-code for SUVbw"
# A mouse is given some MBq. A dose that is written in MBq is a number from 30 on; in mCi, as in the USA, one below.
_LEAST_DOSE_BQ = 1e6
_DOSES_IN_MBQ = (30, 1e4)
_HEAVIEST_KG = 1000
_PHILIPS, _PHILIPS_SUV, _PHILIPS_ACTIVITY = "Philips PET Private Group", 0x00, 0x09


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
        message = f"PET values are SUVbw as stored: Units (0054,1001) is GML.{_about_uptake(headers)}"
        return PETScale(np.ones(len(headers)), SUVBW, (_passed(message),))
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
    uptake = uptake_to_start(headers, _half_life_s(headers))
    return None if uptake.seconds is None else float(round(min(uptake.seconds) / 60, 2))


def _about_uptake(headers: Sequence[Dataset]) -> str:
    """Return what is doubtful about the uptake time, for values that do not depend on it."""
    doubts = uptake_to_start(headers, _half_life_s(headers)).doubts
    return f" About the uptake time only: {' '.join(doubts)}" if doubts else ""


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
    uptake, decayed = Uptake(None), np.ones(len(headers))
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
        message += f", decay corrected to the injection.{_about_uptake(headers)}"
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
    correction, is_corrected = _decay_correction(headers), _corrected(headers, "DECY")
    if only_text(headers, "DecayCorrected") is not None or correction not in ("START", "ADMIN", "NONE"):
        return None
    if is_corrected == (correction != "NONE"):
        return None
    also = "with" if is_corrected else "without"
    return f"Decay Correction (0054,1102) {correction} and Corrected Image (0028,0051) {also} DECY contradict each other"


def _corrected(headers: Sequence[Dataset], correction: str) -> bool:
    found = distinct(headers, "CorrectedImage")
    return bool(found) and all(correction in texts(value) for value in found)


def _decay_correction(headers: Sequence[Dataset]) -> str | None:
    # An enhanced object names the moment instead of the event.
    if only_text(headers, "DecayCorrected") == "YES" and only_text(headers, "DecayCorrectionDateTime"):
        return "START"
    return only_text(headers, "DecayCorrection")


def _decay(headers: Sequence[Dataset], half_life_s: float, correction: str) -> tuple[Uptake, NDArray[np.float64], list[str]]:
    """Return the uptake, the share of the dose that is left at the moment that the values refer to, and what is missing."""
    unknown = np.ones(len(headers))
    if correction == "START":
        uptake = uptake_to_start(headers, half_life_s)
        if uptake.seconds is None:
            return uptake, unknown, [uptake.missing]
        return uptake, np.exp2(-np.array(uptake.seconds) / half_life_s), []
    durations = durations_s(headers)
    acquired = acquired_moments(headers)
    if durations is None or acquired is None:
        needed = "Acquisition Time (0008,0032) and Actual Frame Duration (0018,1242)"
        return Uptake(None), unknown, [f"Decay Correction (0054,1102) is NONE, and {needed} are not given for each slice"]
    start = ScanStart(acquired, "Acquisition Time (0008,0032) of each slice")
    uptake = since_injection(headers, start, half_life_s)
    if uptake.seconds is None:
        return uptake, unknown, [uptake.missing]
    # A value is the mean over its frame, during which the activity decays.
    decays = math.log(2) / half_life_s * durations
    mean_over_frame = -np.expm1(-decays) / decays
    return uptake, np.exp2(-np.array(uptake.seconds) / half_life_s) * mean_over_frame, []


def _dose_bq(headers: Sequence[Dataset]) -> tuple[float | None, str | None, tuple[str, ...]]:
    """Return the injected dose, or what is wrong with it, and doubts."""
    dose, missing = _positive(first_isotopes(headers), "RadionuclideTotalDose", "Radionuclide Total Dose (0018,1074)", "Bq")
    if dose is None or dose >= _LEAST_DOSE_BQ:
        return dose, missing, ()
    lowest, highest = _DOSES_IN_MBQ
    if not lowest <= dose < highest:
        return None, f"Radionuclide Total Dose (0018,1074) is {dose:g}, which can be neither Bq, its unit in DICOM, nor MBq", ()
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
    return _positive(first_isotopes(headers), "RadionuclideHalfLife", "", "s")[0]


def _private_numbers(headers: Sequence[Dataset], group: int, creator: str, element: int) -> NDArray[np.float64] | None:
    values = [number(private_value(header, group, creator, element)) for header in headers]
    return None if any(value is None for value in values) else np.array(values, np.float64)
