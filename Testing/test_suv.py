"""PET values as SUVbw.

Every phantom is 70 kg and was given 368.08 MBq of fluorine-18 (half-life 6586.2 s) one hour before the scan, as the digital
reference objects of OncoRay's SUV project are (github.com/oncoray/suv_computation, CC BY 4.0).
"""

import math
from datetime import datetime

import numpy as np
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset

from dicom_series import write_series
from SegQCLib.acquisition import Acquisition
from SegQCLib.dicom.moments import moment, moment_of_date_time
from SegQCLib.dicom.series import read_series, read_series_headers
from SegQCLib.dicom.suv import BQ_PER_ML, SUVBW, pet_scale, stored_unit, uptake_time_min
from SegQCLib.findings import Status

HALF_LIFE_S, DOSE_BQ, WEIGHT_KG = 6586.2, 368.08e6, 70
# One hour after the injection; SUVbw 1 is this activity concentration.
DECAYED_BQ = DOSE_BQ * 2 ** (-3600 / HALF_LIFE_S)
FACTOR = WEIGHT_KG * 1000 / DECAYED_BQ
CORRECTED = ["NORM", "DTIM", "ATTN", "SCAT", "DECY", "RAN"]


def an_isotope(**changes) -> Dataset:
    item = Dataset()
    values = {
        "Radiopharmaceutical": "FDG",
        "RadiopharmaceuticalStartDateTime": "20250101100000.000000",
        "RadiopharmaceuticalStartTime": "100000.000000",
        "RadionuclideTotalDose": DOSE_BQ,
        "RadionuclideHalfLife": HALF_LIFE_S,
    }
    for keyword, value in {**values, **changes}.items():
        if value is not None:
            setattr(item, keyword, value)
    return item


def a_header(isotope=None, **changes) -> Dataset:
    header = Dataset()
    values = {
        "Modality": "PT",
        "Units": "BQML",
        "DecayCorrection": "START",
        "CorrectedImage": CORRECTED,
        "PatientWeight": WEIGHT_KG,
        "SeriesDate": "20250101",
        "SeriesTime": "110000",
        "AcquisitionDate": "20250101",
        "AcquisitionTime": "110000",
        "ActualFrameDuration": 300000,
        "FrameReferenceTime": 150000,
        "RadiopharmaceuticalInformationSequence": [isotope or an_isotope()],
    }
    for keyword, value in {**values, **changes}.items():
        if value is not None:
            setattr(header, keyword, value)
    return header


def scale_of(*headers):
    scale = pet_scale(headers)
    (finding,) = scale.findings
    return scale, finding


def test_activity_that_was_decay_corrected_to_the_start_of_the_scan():
    scale, finding = scale_of(a_header(), a_header())
    assert scale.factors == pytest.approx([FACTOR, FACTOR])
    assert (scale.unit, finding.status) == (SUVBW, Status.PASS)
    for said in ("70 kg", "368.1 MBq", "60.0 min", "Series Time (0008,0031)"):
        assert said in finding.message


def test_activity_that_was_decay_corrected_to_the_injection_needs_no_times():
    header = a_header(DecayCorrection="ADMIN", SeriesTime=None, AcquisitionTime=None)
    assert scale_of(header)[0].factors == pytest.approx([WEIGHT_KG * 1000 / DOSE_BQ])


def test_activity_without_decay_correction_is_corrected_slice_by_slice_over_its_frame():
    # The second bed position begins ten minutes after the first. A frame's value is the mean over its 603 s.
    corrections = [name for name in CORRECTED if name != "DECY"]
    common = {"DecayCorrection": "NONE", "CorrectedImage": corrections, "ActualFrameDuration": 603000}
    scale, finding = scale_of(a_header(**common), a_header(**common, AcquisitionTime="111000"))
    decay = math.log(2) / HALF_LIFE_S

    def mean_activity_bq(begin_s):
        steps = np.linspace(begin_s, begin_s + 603, 200001)
        return np.mean(DOSE_BQ * np.exp(-decay * steps))

    assert scale.factors == pytest.approx([WEIGHT_KG * 1000 / mean_activity_bq(begin_s) for begin_s in (3600, 4200)], rel=1e-5)
    assert "60.0 to 70.0 min" in finding.message


@pytest.mark.parametrize(
    ("times", "isotope", "weight_kg", "factor"),
    [
        (("110155", "110156", 1328700, 120700), ("20201217100058", 126000000, 6586.199707), 64, 0.0007463747013889488),
        (("104829", "104830.351370", 38513.36, 74324), ("20201217083045", 374000000, 6586.2), 67, 0.00042748316187197236),
        (("095621", "095621", 0, 120000), ("20201217084500.00 ", 152022720, 6586.2001953125), 52, 0.0005367387681819742),
        (("134918", "130348.234000", 0, 180000), ("20201217120037", 388000000, 6586.2), 69, 0.00026503312764157046),
        (("135431.843", "141555.687", 1372857.9, 180000), ("20201217125000", 412000000, 6586.2), 102, 0.0003721089202818729),
    ],
)
def test_factors_of_real_series_that_others_published(times, isotope, weight_kg, factor):
    """Philips, Siemens, GE and two CPS headers with the factors in the tests of cornerstonejs/calculate-suv (MIT)."""
    series, acquired, reference_ms, duration_ms = times
    start, dose, half_life = isotope
    item = an_isotope(
        RadiopharmaceuticalStartDateTime=start, RadiopharmaceuticalStartTime=None, RadionuclideTotalDose=dose,
        RadionuclideHalfLife=half_life,
    )  # fmt: skip
    dates = {"SeriesDate": "20201217", "AcquisitionDate": "20201217"}
    header = a_header(
        item, **dates, SeriesTime=series, AcquisitionTime=acquired, FrameReferenceTime=reference_ms,
        ActualFrameDuration=duration_ms, PatientWeight=weight_kg,
    )  # fmt: skip
    assert scale_of(header)[0].factors == pytest.approx([factor], rel=1e-9)


def test_series_time_of_a_later_processing_is_not_the_scan():
    """Frame Reference Time counts from the start of the scan: 450 s, the frame began at 150 s, its mean is near its middle."""
    later = a_header(SeriesTime="113000", AcquisitionTime="110230", ActualFrameDuration=603000, FrameReferenceTime=450000)
    scale, finding = scale_of(later)
    assert scale.factors == pytest.approx([FACTOR], rel=5e-4)
    assert finding.status is Status.PASS
    assert "Frame Reference Time (0054,1300)" in finding.message


def test_ge_s_private_scan_time_stands_in_for_a_later_series_time():
    header = a_header(Manufacturer="GE MEDICAL SYSTEMS", SeriesTime="120000", AcquisitionTime="113000", FrameReferenceTime=None)
    block = header.private_block(0x0009, "GEMS_PETD_01", create=True)
    block.add_new(0x0D, "DT", "20250101110000.00")
    scale, finding = scale_of(header)
    assert scale.factors == pytest.approx([FACTOR])
    assert "GE's private PET scan_datetime (0009,xx0D)" in finding.message


def test_without_both_the_earliest_acquisition_time_is_taken_with_a_warning():
    headers = [a_header(SeriesTime="120000", AcquisitionTime=time, FrameReferenceTime=0) for time in ("111000", "110000")]
    scale, finding = scale_of(*headers)
    assert scale.factors == pytest.approx([FACTOR, FACTOR])
    assert finding.status is Status.WARN
    assert "the earliest Acquisition Time was taken" in finding.message


def test_an_enhanced_object_names_the_moment_of_its_decay_correction():
    header = a_header(
        DecayCorrection=None, CorrectedImage=None, SeriesTime="130000", DecayCorrected="YES", AttenuationCorrected="YES",
        DecayCorrectionDateTime="20250101110000",
    )  # fmt: skip
    assert scale_of(header)[0].factors == pytest.approx([FACTOR])
    assert scale_of(a_header(AttenuationCorrected="NO"))[0].unit == BQ_PER_ML


@pytest.mark.parametrize(
    "isotope",
    [
        an_isotope(RadiopharmaceuticalStartTime=None),
        an_isotope(RadiopharmaceuticalStartDateTime=None),
        an_isotope(RadiopharmaceuticalStartDateTime=None, RadiopharmaceuticalStartTime="10"),
        an_isotope(RadiopharmaceuticalStartDateTime="20250101100000-0500"),
    ],
)
def test_the_injection_is_known_from_its_date_and_time_or_its_time_alone(isotope):
    assert scale_of(a_header(isotope))[0].factors == pytest.approx([FACTOR])


@pytest.mark.parametrize(("zone", "status"), [("-0600", Status.PASS), (None, Status.WARN)])
def test_a_date_and_time_of_another_zone_is_brought_to_that_of_the_other_times(zone, status):
    # 11:00 five hours behind UTC is 10:00 six hours behind it.
    written = "20250101110000-0500" if zone else "20250101100000-0500"
    scale, finding = scale_of(a_header(an_isotope(RadiopharmaceuticalStartDateTime=written), TimezoneOffsetFromUTC=zone))
    assert scale.factors == pytest.approx([FACTOR])
    assert finding.status is status
    assert ("names a time zone" in finding.message) is (zone is None)


def test_a_scan_many_half_lives_after_the_injection_is_doubted():
    scale, finding = scale_of(a_header(an_isotope(RadiopharmaceuticalStartDateTime="20241231200000")))
    assert scale.factors == pytest.approx([WEIGHT_KG * 1000 / (DOSE_BQ * 2 ** (-15 * 3600 / HALF_LIFE_S))])
    assert finding.status is Status.WARN
    assert "8.2 half-lives lie between injection and scan" in finding.message


def test_an_injection_before_midnight_and_a_scan_after_it():
    isotope = an_isotope(RadiopharmaceuticalStartDateTime=None, RadiopharmaceuticalStartTime="233000")
    times = {"SeriesDate": "20250102", "AcquisitionDate": "20250102", "SeriesTime": "003000", "AcquisitionTime": "003000"}
    assert scale_of(a_header(isotope, **times))[0].factors == pytest.approx([FACTOR])


@pytest.mark.parametrize("date", ["20250102", "20241230", "20260101"])
def test_a_date_that_de_identification_moved_leaves_the_times_of_day_with_a_warning(date):
    scale, finding = scale_of(a_header(an_isotope(RadiopharmaceuticalStartDateTime=f"{date}100000")))
    assert scale.factors == pytest.approx([FACTOR])
    assert finding.status is Status.WARN
    assert "only the times of day were used" in finding.message


def test_removed_dates_leave_the_times_of_day():
    isotope = an_isotope(RadiopharmaceuticalStartDateTime=None)
    scale, finding = scale_of(a_header(isotope, SeriesDate="", AcquisitionDate=None))
    assert scale.factors == pytest.approx([FACTOR])
    assert finding.status is Status.PASS


def test_a_nuclide_of_days_may_have_been_injected_days_before():
    zirconium = {"RadionuclideHalfLife": 78.41 * 3600, "RadiopharmaceuticalStartDateTime": "20241229110000"}
    scale, _ = scale_of(a_header(an_isotope(**zirconium)))
    assert scale.factors == pytest.approx([WEIGHT_KG * 1000 / (DOSE_BQ * 2 ** (-72 / 78.41))])
    scale, finding = scale_of(a_header(an_isotope(**{**zirconium, "RadiopharmaceuticalStartDateTime": None})))
    assert scale.unit == BQ_PER_ML
    assert "the half-life allows several days" in finding.message


def test_a_dose_that_can_only_be_megabecquerels_is_read_as_such_with_a_warning():
    scale, finding = scale_of(a_header(an_isotope(RadionuclideTotalDose=368.08)))
    assert scale.factors == pytest.approx([FACTOR])
    assert finding.status is Status.WARN
    assert "it was taken as MBq" in finding.message


@pytest.mark.parametrize(
    ("header", "missing"),
    [
        (a_header(PatientWeight=None), "Patient's Weight (0010,1030) is missing"),
        (a_header(PatientWeight=0), "Patient's Weight (0010,1030) is 0 kg"),
        (a_header(PatientWeight=70000), "Patient's Weight (0010,1030) is 70000 kg, which nobody weighs"),
        (a_header(an_isotope(RadionuclideTotalDose=0)), "Radionuclide Total Dose (0018,1074) is 0 Bq"),
        (a_header(an_isotope(RadionuclideTotalDose=None)), "Radionuclide Total Dose (0018,1074) is missing"),
        (a_header(an_isotope(RadionuclideHalfLife=None)), "Radionuclide Half Life (0018,1075) is missing"),
        (a_header(RadiopharmaceuticalInformationSequence=[]), "Radionuclide Total Dose (0018,1074) is missing"),
        (
            a_header(an_isotope(RadiopharmaceuticalStartDateTime=None, RadiopharmaceuticalStartTime=None)),
            "Radiopharmaceutical Start Time (0018,1072) is missing",
        ),
        (
            a_header(an_isotope(RadiopharmaceuticalStartDateTime=None, RadiopharmaceuticalStartTime="113000")),
            "the injection is later than the start of the scan",
        ),
        (a_header(SeriesTime=None, AcquisitionTime=None), "neither Series Time (0008,0031) nor Acquisition Time"),
        (a_header(DecayCorrection=None), "Decay Correction (0054,1102) is missing"),
        (a_header(CorrectedImage=["DECY"]), "does not say that attenuation was corrected (ATTN)"),
        (a_header(CorrectedImage=["ATTN"]), "without DECY contradict each other"),
        (a_header(DecayCorrection="NONE"), "NONE and Corrected Image (0028,0051) with DECY contradict each other"),
        # Millicuries, and kilobecquerels.
        (a_header(an_isotope(RadionuclideTotalDose=9.95)), "is 9.95, which can be neither Bq, its unit in DICOM, nor MBq"),
        (a_header(an_isotope(RadionuclideTotalDose=368080)), "is 368080, which can be neither Bq"),
        (
            a_header(DecayCorrection="NONE", CorrectedImage=["ATTN"], ActualFrameDuration=None),
            "Actual Frame Duration (0018,1242) are not given",
        ),
    ],
)
def test_values_stay_in_becquerels_and_a_warning_says_what_is_missing(header, missing):
    scale, finding = scale_of(header)
    assert scale.factors.tolist() == [1]
    assert (scale.unit, finding.status, finding.check) == (BQ_PER_ML, Status.WARN, "suv")
    assert missing in finding.message


def test_everything_that_is_missing_is_said_at_once():
    _, finding = scale_of(a_header(an_isotope(RadionuclideTotalDose=0), PatientWeight=None))
    assert "Patient's Weight (0010,1030) is missing; Radionuclide Total Dose (0018,1074) is 0 Bq" in finding.message


def test_slices_of_two_injections_are_no_series():
    scale, finding = scale_of(a_header(), a_header(an_isotope(RadionuclideTotalDose=2e8)))
    assert scale.unit == BQ_PER_ML
    assert "differs between slices: 2e+08 and 3.6808e+08 Bq" in finding.message


@pytest.mark.parametrize("creator", ["Philips PET Private Group", None])
def test_philips_counts_become_suv_by_philips_s_own_factor(creator):
    header = a_header(Units="CNTS")
    if creator:
        header.private_block(0x7053, creator, create=True).add_new(0x00, "DS", "0.0005")
    else:  # de-identification dropped the creator, and implicit VR left bytes
        header.add_new(0x70531000, "UN", b"0.0005")
    scale, finding = scale_of(header)
    assert scale.factors.tolist() == [0.0005]
    assert (scale.unit, finding.status) == (SUVBW, Status.PASS)


def test_philips_counts_become_activity_first_where_the_suv_factor_is_0():
    header = a_header(Units="CNTS")
    block = header.private_block(0x7053, "Philips PET Private Group", create=True)
    block.add_new(0x00, "DS", "0.0")
    block.add_new(0x09, "DS", "0.5")
    assert scale_of(header)[0].factors == pytest.approx([0.5 * FACTOR])
    header.PatientWeight = None
    scale, _ = scale_of(header)
    assert (scale.factors.tolist(), scale.unit) == ([0.5], BQ_PER_ML)


@pytest.mark.parametrize(
    ("changes", "unit", "reason"),
    [
        ({"Units": "CNTS"}, "counts", "neither SUV Scale Factor (7053,xx00) nor"),
        ({"Units": "GML", "SUVType": "LBMJAMES128"}, "g/mL (SUV, type LBMJAMES128)", "not by body weight"),
        ({"Units": "CM2ML", "SUVType": "BSA"}, "cm²/mL (SUV, type BSA)", "not by body weight"),
        ({"Units": "PROPCPS"}, "PROPCPS", "Units (0054,1001) is PROPCPS"),
        ({"Units": None}, None, "Units (0054,1001) is missing"),
    ],
)
def test_other_values_stay_what_they_are(changes, unit, reason):
    scale, finding = scale_of(a_header(**changes))
    assert scale.is_identity()
    assert (scale.unit, finding.status) == (unit, Status.WARN)
    assert reason in finding.message


def test_another_creator_s_private_element_is_not_philips_s():
    header = a_header(Units="CNTS")
    header.private_block(0x7053, "SOMEBODY ELSE", create=True).add_new(0x00, "DS", "0.0005")
    assert scale_of(header)[0].unit == "counts"


@pytest.mark.parametrize("suv_type", [None, "BW"])
def test_grams_per_millilitre_are_suv_by_body_weight_unless_another_type_is_named(suv_type):
    scale, finding = scale_of(a_header(Units="GML", SUVType=suv_type))
    assert scale.is_identity()
    assert (scale.unit, finding.status) == (SUVBW, Status.PASS)
    assert "uptake" not in finding.message


@pytest.mark.parametrize("changes", [{"Units": "GML"}, {"DecayCorrection": "ADMIN"}])
def test_a_doubtful_uptake_time_is_told_where_the_values_do_not_depend_on_it(changes):
    _, finding = scale_of(a_header(an_isotope(RadiopharmaceuticalStartDateTime="20250102100000"), **changes))
    assert finding.status is Status.PASS
    assert "About the uptake time only: The date in Radiopharmaceutical Start DateTime" in finding.message


def test_uptake_time_is_from_the_injection_to_the_start_of_the_scan():
    assert uptake_time_min([a_header()]) == 60
    assert uptake_time_min([a_header(an_isotope(RadiopharmaceuticalStartDateTime="20250101094530"))]) == 74.5
    assert uptake_time_min([a_header(an_isotope(), RadiopharmaceuticalInformationSequence=[])]) is None


@pytest.mark.parametrize(
    ("units", "unit"), [("BQML", BQ_PER_ML), ("GML", SUVBW), ("CNTS", "counts"), ("PROPCPS", "PROPCPS"), (None, None)]
)
def test_values_that_another_program_loaded_keep_the_header_s_unit(units, unit):
    assert stored_unit(Acquisition(units=units)) == unit


@pytest.mark.parametrize(
    ("date", "time", "expected"),
    [
        ("20250101", "110203.5", datetime(2025, 1, 1, 11, 2, 3, 500000)),
        ("2025.01.01", "11:02:03", datetime(2025, 1, 1, 11, 2, 3)),
        ("20250101", "11", datetime(2025, 1, 1, 11)),
        (None, "1102", datetime(1900, 1, 1, 11, 2)),
        ("20250101", "235960", datetime(2025, 1, 2)),
        ("20250101", "", None),
        ("20251301", "1102", None),
        ("20250101", "1:2", None),
    ],
)
def test_dates_and_times_of_dicom_and_of_acr_nema(date, time, expected):
    assert moment(date, time) == expected


def test_a_date_without_an_hour_is_no_moment():
    assert moment_of_date_time("20250101") is None
    assert moment_of_date_time("20250101110000.00+0100") == datetime(2025, 1, 1, 11)
    assert moment_of_date_time("20250101003000+0100", "-0230") == datetime(2024, 12, 31, 21)
    assert moment_of_date_time("20250101110000", "+0100") == datetime(2025, 1, 1, 11)


def a_pet_series(folder, **changes):
    header = a_header(**changes)
    attributes = {element.keyword: element.value for element in header}
    planes = [np.full((16, 12), value) for value in (0, 1000, 2000)]
    slopes = iter((1.0, 2.0, 4.0))
    write_series(folder, [0, 4, 8], planes=planes, RescaleIntercept=0, **attributes)
    for path in sorted(folder.iterdir()):
        change_slope(path, next(slopes))


def change_slope(path, slope):
    import pydicom

    dataset = pydicom.dcmread(path)
    dataset.RescaleSlope = slope
    dataset.save_as(path)


def test_a_series_is_read_as_suv_with_the_rescale_slope_of_each_slice(tmp_path):
    a_pet_series(tmp_path)
    volume = read_series(tmp_path)
    assert volume.array.dtype == np.float32
    assert volume.array[:, 3, 3] == pytest.approx(np.array([0, 2000, 8000]) * FACTOR, rel=1e-6)
    assert volume.acquisition.value_unit == SUVBW
    assert volume.acquisition.uptake_time_min == 60
    assert [finding.check for finding in volume.findings] == ["suv"]
    assert read_series_headers(tmp_path).acquisition == volume.acquisition


def test_a_series_without_a_weight_is_read_in_becquerels(tmp_path):
    a_pet_series(tmp_path, PatientWeight=None)
    volume = read_series(tmp_path)
    assert volume.array[:, 3, 3].tolist() == [0, 2000, 8000]
    assert volume.acquisition.value_unit == BQ_PER_ML
    assert [finding.status for finding in volume.findings] == [Status.WARN]


def test_windows_in_becquerels_are_not_kept_for_values_in_suv(tmp_path):
    a_pet_series(tmp_path / "suv", WindowWidth=5000, WindowCenter=2500)
    assert read_series(tmp_path / "suv").acquisition.window_levels == ()
    a_pet_series(tmp_path / "bq", WindowWidth=5000, WindowCenter=2500, PatientWeight=None)
    assert len(read_series(tmp_path / "bq").acquisition.window_levels) == 1


def test_a_real_pet_series_agrees_with_the_suv_that_others_computed(shared_data):
    """STS_002 of the IBSI data: the NIfTI beside the DICOM series holds the SUV that MIRP computed."""
    folder = shared_data / "ibsi" / "ibsi_validation"
    volume = read_series(folder / "dicom" / "STS_002" / "PET" / "image")
    others = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "nifti" / "STS_002" / "PET_image.nii.gz")))
    assert np.abs(volume.array - others).max() < 4e-6
    assert others.max() == pytest.approx(21.676, abs=1e-3)
    assert volume.acquisition.value_unit == SUVBW
    # By pydicom: injected 135100, scan 145759; the injection's date is a day after the scan's.
    assert volume.acquisition.uptake_time_min == pytest.approx(66 + 59 / 60, abs=0.01)
