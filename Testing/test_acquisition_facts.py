"""Facts of the acquisition: every one from its attribute, of classic and of enhanced objects, and what differs between slices."""

import re
from dataclasses import fields, replace
from pathlib import Path

import pydicom
import pytest
from pydicom.datadict import dictionary_description, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.uid import JPEG2000, JPEGBaseline8Bit, JPEGLSNearLossless

from dicom_series import write_series
from phantoms import a_geometry, a_segmentation, a_volume
from SegQCLib import checks
from SegQCLib.acquisition import Acquisition, DifferingFact, Span, attribute_of
from SegQCLib.case import Case
from SegQCLib.checks.fact_limits import judge_number
from SegQCLib.dataclass_json import from_json, to_json
from SegQCLib.dicom.acquisition_facts import acquisition_facts
from SegQCLib.dicom.dicom_header import EXPLICIT_LITTLE
from SegQCLib.dicom.multi_frame import frame_headers
from SegQCLib.dicom.series import read_series_headers
from SegQCLib.findings import Status
from SegQCLib.protocol import AllowedTexts, Contrast, Range, load_protocol
from SegQCLib.report_acquisition import fact_groups, missing_facts

STUDY = "study decision for this test"
JPEG_BASELINE, JPEG_LS_NEAR_LOSSLESS, JPEG_2000 = str(JPEGBaseline8Bit), str(JPEGLSNearLossless), str(JPEG2000)
LUNG = load_protocol("ct-lung-nodule").protocol


def a_header(**values) -> Dataset:
    header = Dataset()
    for keyword, value in values.items():
        setattr(header, keyword, value)
    return header


def a_code(meaning) -> Dataset:
    return a_header(CodeValue="1", CodingSchemeDesignator="99TEST", CodeMeaning=meaning)


def facts(*headers) -> Acquisition:
    return acquisition_facts(headers)


def a_case(**values) -> Case:
    geometry = a_geometry()
    volume = a_volume(geometry, Acquisition("DICOM headers", **values))
    return Case(volume, a_segmentation(geometry, liver=((1, 4), (2, 9), (3, 8))))


def judged(check, case, **limits):
    (finding,) = check.run(case, replace(LUNG, **limits))
    return finding


def test_every_fact_names_a_tag_that_dicom_has_under_that_name():
    for item in fields(Acquisition):
        for name, tag in re.findall(r"([A-Z][\w'/ -]*?(?: \(Patient\))?) \((\w{4},\w{4})\)", item.metadata["doc"]):
            described = dictionary_description(int(tag.replace(",", ""), 16))
            assert name.endswith(described), (item.name, name, described)


def test_a_classic_ct():
    found = facts(
        a_header(
            Modality="CT", ImageType=["ORIGINAL", "PRIMARY", "AXIAL"], Manufacturer="Maker", ManufacturerModelName="Model",
            DeviceSerialNumber="17", SoftwareVersions=["1", "2"], SeriesDescription="Abdomen", ProtocolName="Liver",
            BodyPartExamined="LIVER", SliceThickness=3, SpacingBetweenSlices=2, GantryDetectorTilt=0,
            ConvolutionKernel=["Br38f", "3"], FilterType="FLAT", KVP=120, Exposure=200, XRayTubeCurrent=400,
            ExposureTime=500, CTDIvol=7.5, ReconstructionDiameter=360, Rows=512, Columns=256,
            ContrastBolusAgent="Iohexol", ContrastBolusStartTime="140000", ContrastBolusVolume=90,
            AcquisitionDate="20250101", AcquisitionTime="140110.5", LossyImageCompression="01",
            LossyImageCompressionRatio=[10, 2], DerivationDescription="Filtered",
            DerivationCodeSequence=[a_code("Spatially filtered")], WindowWidth=400, WindowCenter=40,
        )
    )  # fmt: skip
    assert (found.modality, found.manufacturer, found.model, found.device_serial) == ("CT", "Maker", "Model", "17")
    assert (found.software_versions, found.image_type) == (("1", "2"), ("ORIGINAL", "PRIMARY", "AXIAL"))
    assert (found.series_description, found.protocol_name, found.body_part_examined) == ("Abdomen", "Liver", "LIVER")
    assert (found.slice_thicknesses_mm, found.spacing_between_slices_mm, found.gantry_tilt_deg) == ((3,), 2, 0)
    assert (found.convolution_kernel, found.filter_type, found.kvp) == (("Br38f", "3"), "FLAT", 120)
    assert (found.exposure_mas, found.tube_current_ma) == (Span(200, 200), Span(400, 400))
    assert (found.exposure_time_ms, found.ctdi_vol_mgy) == (Span(500, 500), Span(7.5, 7.5))
    assert (found.reconstruction_diameter_mm, found.matrix) == (360, (512, 256))
    assert (found.contrast_agent, found.contrast_start_time, found.contrast_volume_ml) == ("Iohexol", "140000", 90)
    assert (found.acquisition_date, found.acquisition_time) == ("20250101", "140110.5")
    assert (found.lossy_compression, found.lossy_compression_ratios) == ("01", (10, 2))
    assert (found.derivation_description, found.derivation_codes) == ("Filtered", ("Spatially filtered",))
    assert (found.value_unit, found.differing, found.source) == ("HU", (), "DICOM headers")


def test_an_enhanced_ct_has_other_attributes_for_the_same_facts():
    found = facts(
        a_header(
            Modality="CT", ExposureInmAs=123.4, XRayTubeCurrentInmA=250.5, ExposureTimeInms=499.5, RescaleType="HU",
            ReconstructionFieldOfView=[360.0, 300.0], FrameAcquisitionDateTime="20250101140110.5+0100",
            ContrastBolusAgentSequence=[a_code("Iohexol")], ContrastBolusUsageSequence=[
                a_header(ContrastBolusAgentNumber=1, ContrastBolusAgentAdministered="YES", ContrastBolusAgentPhase="PORTAL_VENOUS")
            ],
        )
    )  # fmt: skip
    assert (found.exposure_mas, found.tube_current_ma) == (Span(123.4, 123.4), Span(250.5, 250.5))
    assert (found.exposure_time_ms, found.reconstruction_field_of_view_mm) == (Span(499.5, 499.5), (360, 300))
    assert (found.contrast_agent, found.contrast_phase) == ("Iohexol", "PORTAL_VENOUS")
    assert (found.acquisition_date, found.acquisition_time) == ("20250101", "140110")


def test_thousandths_become_the_unit():
    found = facts(a_header(Modality="CT", ExposureInuAs=123400, XRayTubeCurrentInuA=250500, ExposureTimeInuS=499500))
    assert [span.lowest for span in (found.exposure_mas, found.tube_current_ma, found.exposure_time_ms)] == pytest.approx(
        [123.4, 250.5, 499.5]
    )


def test_an_agent_of_the_examination_that_was_not_given_yet_is_none():
    usage = a_header(ContrastBolusAgentAdministered="NO", ContrastBolusAgentPhase="PRE_CONTRAST")
    header = a_header(Modality="CT", ContrastBolusAgentSequence=[a_code("Iohexol")], ContrastBolusUsageSequence=[usage])
    assert (facts(header).contrast_agent, facts(header).contrast_phase) == (None, "PRE_CONTRAST")


@pytest.mark.parametrize(
    "attributes",
    [
        {"EchoTime": 96, "InversionTime": 1800, "SequenceName": "*spc", "ScanningSequence": ["SE", "IR"]},
        {"EffectiveEchoTime": 96.0, "InversionTimes": [1800.0], "PulseSequenceName": "*spc", "EchoPulseSequence": "SPIN"},
    ],
)
def test_a_classic_and_an_enhanced_mr(attributes):
    found = facts(
        a_header(
            Modality="MR", RepetitionTime=5000, FlipAngle=120, MagneticFieldStrength=3, MRAcquisitionType="3D",
            PixelBandwidth=751, AcquisitionMatrix=[0, 256, 256, 0], SequenceVariant=["SK", "SP"], **attributes,
        )
    )  # fmt: skip
    assert (found.echo_time_ms, found.repetition_time_ms, found.inversion_time_ms) == (96, 5000, 1800)
    assert (found.flip_angle_deg, found.magnetic_field_strength_t, found.mr_acquisition_type) == (120, 3, "3D")
    assert (found.sequence_name, found.pixel_bandwidth_hz, found.acquisition_matrix) == ("*spc", 751, (0, 256, 256, 0))
    assert found.scanning_sequence in (("SE", "IR"), ("SPIN",))
    assert (found.sequence_variant, found.value_unit) == (("SK", "SP"), None)


def test_a_pet():
    isotope = a_header(
        Radiopharmaceutical="FDG", RadionuclideTotalDose=3e8, RadionuclideHalfLife=6586.2, RadiopharmaceuticalStartTime="093000"
    )
    found = facts(
        a_header(
            Modality="PT", Units="BQML", DecayCorrection="START", CorrectedImage=["ATTN", "DECY"], ReconstructionMethod="OSEM",
            AttenuationCorrectionMethod="CT", SeriesTime="103000", AcquisitionTime="103000", PatientWeight=70,
            RadiopharmaceuticalInformationSequence=[isotope],
        )
    )  # fmt: skip
    assert (found.radiopharmaceutical, found.injected_dose_bq, found.half_life_s) == ("FDG", 3e8, 6586.2)
    assert (found.injection_time, found.uptake_time_min, found.value_unit) == ("093000", 60, "g/mL (SUVbw)")
    assert (found.units, found.decay_correction, found.corrected_image) == ("BQML", "START", ("ATTN", "DECY"))
    assert (found.reconstruction_method, found.attenuation_correction_method) == ("OSEM", "CT")


@pytest.mark.parametrize(("rescale_type", "unit"), [("HU", "HU"), (None, "HU"), ("US", "unspecified"), ("Z_EFF", "Z_EFF")])
def test_ct_values_are_hounsfield_units_unless_the_header_says_otherwise(rescale_type, unit):
    header = a_header(Modality="CT")
    if rescale_type:
        header.RescaleType = rescale_type
    assert facts(header).value_unit == unit


@pytest.mark.parametrize(
    ("values", "hounsfield", "suv"),
    [
        ({}, True, True),
        ({"modality": "CT"}, True, False),
        ({"modality": "CT", "value_unit": "HU"}, True, False),
        ({"modality": "CT", "value_unit": "Z_EFF"}, False, False),
        ({"modality": "PT", "value_unit": "g/mL (SUVbw)"}, False, True),
        ({"modality": "PT", "value_unit": "Bq/mL"}, False, False),
        ({"modality": "MR"}, False, False),
    ],
)
def test_which_limits_of_grey_values_fit_an_image(values, hounsfield, suv):
    acquisition = Acquisition(**values)
    assert (acquisition.may_be_in("[hnsf'U]"), acquisition.may_be_in("g/ml")) == (hounsfield, suv)
    assert acquisition.may_be_in("1")


def test_no_value_stands_for_a_series_whose_slices_differ():
    first = a_header(Modality="CT", KVP=100, ConvolutionKernel=["Br38f", "3"], EchoTime=10, ImageType=["ORIGINAL", "PRIMARY"])
    second = a_header(Modality="CT", KVP=120, ConvolutionKernel=["Bl57f", "3"], EchoTime=10, ImageType=["DERIVED", "PRIMARY"])
    found = facts(first, second, first)
    assert (found.kvp, found.convolution_kernel, found.image_type, found.echo_time_ms) == (None, (), (), 10)
    assert {item.fact: item.values for item in found.differing} == {
        "kvp": ("100", "120"),
        "convolution_kernel": ("Br38f\\3", "Bl57f\\3"),
        "image_type": ("ORIGINAL\\PRIMARY", "DERIVED\\PRIMARY"),
    }
    assert from_json(Acquisition, to_json(found)) == found


def test_exposure_is_given_from_lowest_to_highest():
    exposures = (220, 180, 200)
    assert facts(*(a_header(Modality="CT", Exposure=value) for value in exposures)).exposure_mas == Span(180, 220)
    assert (str(Span(180, 220)), str(Span(180, 180))) == ("180 to 220", "180")


def test_the_rounding_of_decimal_text_is_no_difference():
    headers = [a_header(Modality="MR", RepetitionTime=value) for value in ("2000", "2000.00", "1999.99999")]
    assert facts(*headers).repetition_time_ms == 2000


def test_each_slice_s_own_compression_is_no_difference_and_the_strongest_counts():
    slices = [a_header(LossyImageCompression="01", LossyImageCompressionRatio=ratios) for ratios in (9.5, [4, 3], 11)]
    found = facts(*slices)
    assert (found.lossy_compression_ratios, found.differing) == ((4, 3), ())


def test_hundreds_of_values_do_not_fill_a_sentence():
    found = facts(*(a_header(DerivationDescription=f"slice {n} of 300") for n in range(1, 301)))
    (differing,) = found.differing
    assert len(differing.values) == 300
    assert str(differing).startswith("slice 1 of 300, slice 2 of 300, ")
    assert str(differing).endswith("slice 6 of 300 and 294 more values")


def test_slices_that_lack_a_fact_do_not_differ():
    assert facts(a_header(Modality="CT", KVP=120), a_header(Modality="CT"), a_header(Modality="CT", KVP="")).kvp == 120


def test_the_acquisition_time_is_that_of_the_earliest_slice():
    headers = [
        a_header(Modality="CT", AcquisitionDate=date, AcquisitionTime=time)
        for date, time in (("20250102", "000010"), ("20250101", "235950.25"), ("20250102", "000005"))
    ]
    found = facts(*headers)
    assert (found.acquisition_date, found.acquisition_time) == ("20250101", "235950.25")


def test_unreadable_values_are_not_facts(tmp_path):
    paths = write_series(tmp_path, [0, 2, 4], KVP="120")
    for path in paths:
        content = path.read_bytes()
        assert content.count(b"120 ") == 1
        path.write_bytes(content.replace(b"120 ", b"12x "))
    found = acquisition_facts([pydicom.dcmread(path) for path in paths])
    assert (found.kvp, found.modality) == (None, "CT")


def test_the_sample_ct(totalsegmentator):
    """Expected values as pydicom and dcmdump print them."""
    found = read_series_headers(totalsegmentator / "example_ct_dicom").acquisition
    assert (found.kvp, found.filter_type, found.convolution_kernel) == (120, "FLAT", ("Br38f", "3"))
    assert (found.exposure_mas, found.tube_current_ma, found.exposure_time_ms) == (Span(253, 254), Span(614, 616), Span(330, 330))
    assert (found.matrix, found.reconstruction_diameter_mm, found.device_serial) == ((512, 512), 500, "60064")
    assert (found.value_unit, found.differing) == ("HU", ())
    assert found.transfer_syntaxes == ("1.2.840.10008.1.2.4.90",)


def test_a_real_enhanced_ct_and_a_real_classic_mr(shared_data):
    """Expected values as pydicom prints them."""
    enhanced = pydicom.dcmread(shared_data / "pydicom_odd" / "eCT_Supplemental.dcm", stop_before_pixels=True)
    found = acquisition_facts(frame_headers(Path("eCT_Supplemental.dcm"), enhanced))
    assert (found.contrast_agent, found.contrast_phase, found.image_type[:2]) == ("Iohexol", "DYNAMIC", ("DERIVED", "PRIMARY"))
    assert found.value_unit == "unspecified"
    mr = facts(pydicom.dcmread(shared_data / "pydicom_odd" / "MR_small.dcm", stop_before_pixels=True))
    assert (mr.modality, mr.value_unit, mr.mr_acquisition_type) == ("MR", None, "3D")
    assert (mr.echo_time_ms, mr.repetition_time_ms, mr.flip_angle_deg, mr.scanning_sequence) == (240, 4000, 90, ("SE",))


KVP = Range("kV", STUDY, 100, 120)


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"kvp": 100.0}, Status.PASS),
        ({"kvp": 80.0}, Status.FAIL),
        ({}, Status.NOT_EVALUATED),
        ({"differing": (DifferingFact("kvp", ("100", "120")),)}, Status.FAIL),
    ],
)
def test_a_number_of_the_header_against_its_limit(values, status):
    (finding,) = judge_number("tube_voltage", Acquisition(**values), "kvp", KVP)
    assert (finding.status, finding.allowed, finding.unit, finding.source) == (status, "100 to 120 kV", "kV", STUDY)
    assert "KVP (0018,0060)" in finding.message


@pytest.mark.parametrize(
    ("check", "key", "fact", "unit"),
    [
        (checks.tube_voltage, "kvp", "kvp", "kV"),
        (checks.field_strength, "magnetic_field_strength_t", "magnetic_field_strength_t", "T"),
        (checks.echo_time, "echo_time_ms", "echo_time_ms", "ms"),
        (checks.repetition_time, "repetition_time_ms", "repetition_time_ms", "ms"),
        (checks.inversion_time, "inversion_time_ms", "inversion_time_ms", "ms"),
        (checks.uptake_time, "uptake_time_min", "uptake_time_min", "min"),
    ],
)
def test_each_limit_judges_its_own_fact(check, key, fact, unit):
    limit = {key: Range(unit, STUDY, minimum=2, maximum=3)}
    assert judged(check, a_case(**{fact: 2.0}), **limit).status is Status.PASS
    assert judged(check, a_case(**{fact: 3.5}), **limit).status is Status.FAIL
    assert judged(check, a_case(), **limit).status is Status.NOT_EVALUATED
    assert list(check.run(a_case(**{fact: 9.0}), LUNG)) == []


FLAIR = {"mr_sequence": AllowedTexts(("*flair*", "*spc*"), STUDY)}


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"sequence_name": "*spc3d"}, Status.PASS),
        ({"sequence_name": "*tfl3d", "series_description": "Sag 3D FLAIR"}, Status.PASS),
        ({"protocol_name": "t2_FLAIR"}, Status.PASS),
        ({"sequence_name": "*tfl3d", "series_description": "MPRAGE"}, Status.FAIL),
        ({}, Status.NOT_EVALUATED),
    ],
)
def test_the_sequence_is_known_by_any_of_its_names(values, status):
    assert judged(checks.mr_sequence, a_case(**values), **FLAIR).status is status


ORIGINAL = {"image_type": AllowedTexts(("ORIGINAL\\PRIMARY*",), STUDY)}


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"image_type": ("ORIGINAL", "PRIMARY", "AXIAL")}, Status.PASS),
        ({"image_type": ("DERIVED", "SECONDARY")}, Status.FAIL),
        ({"differing": (DifferingFact("image_type", ("ORIGINAL\\PRIMARY", "DERIVED\\PRIMARY")),)}, Status.FAIL),
        ({}, Status.NOT_EVALUATED),
    ],
)
def test_derived_images_are_refused_where_the_protocol_says_so(values, status):
    assert judged(checks.image_type, a_case(**values), **ORIGINAL).status is status


def test_a_derived_image_says_how_it_was_derived():
    case = a_case(image_type=("DERIVED", "SECONDARY"), derivation_description="averaged", derivation_codes=("Mean",))
    message = judged(checks.image_type, case, **ORIGINAL).message
    assert "Derivation Description (0008,2111): 'averaged'; Derivation Code Sequence (0008,9215): Mean" in message


@pytest.mark.parametrize(
    ("values", "maximum", "status"),
    [
        ({"lossy_compression": "00"}, 1, Status.PASS),
        ({"lossy_compression": "00", "lossy_compression_ratios": (2.5,)}, 1, Status.PASS),
        ({"lossy_compression": "01", "lossy_compression_ratios": (4.0, 2.0)}, 8, Status.PASS),
        ({"lossy_compression": "01", "lossy_compression_ratios": (5.0, 2.0)}, 8, Status.FAIL),
        ({"lossy_compression": "01"}, 1, Status.FAIL),
        ({"lossy_compression": "01"}, 8, Status.NOT_EVALUATED),
        ({"differing": (DifferingFact("lossy_compression", ("00", "01")),)}, 1, Status.FAIL),
        ({"lossy_compression": "00", "transfer_syntaxes": (JPEG_BASELINE,)}, 1, Status.FAIL),
        ({"transfer_syntaxes": (EXPLICIT_LITTLE, JPEG_LS_NEAR_LOSSLESS)}, 1, Status.FAIL),
        ({"transfer_syntaxes": (JPEG_BASELINE,)}, 8, Status.NOT_EVALUATED),
        ({"transfer_syntaxes": (JPEG_BASELINE,), "lossy_compression_ratios": (9.0,)}, 8, Status.FAIL),
        # JPEG 2000 of this name may be without loss: the header decides.
        ({"lossy_compression": "00", "transfer_syntaxes": (JPEG_2000,)}, 1, Status.PASS),
        ({"transfer_syntaxes": (JPEG_2000,)}, 1, Status.NOT_EVALUATED),
        ({}, 1, Status.NOT_EVALUATED),
    ],
)
def test_lossy_compression_counts_every_step(values, maximum, status):
    limit = {"lossy_compression_ratio": Range("1", STUDY, maximum=maximum)}
    assert judged(checks.lossy_compression, a_case(**values), **limit).status is status


def test_a_kernel_that_changes_in_the_series_fails_its_limit_and_warns_under_every_protocol():
    case = a_case(differing=(DifferingFact("convolution_kernel", ("Br38f", "Bl57f")),))
    assert judged(checks.convolution_kernel, case, convolution_kernel=AllowedTexts(("*",), STUDY)).status is Status.FAIL
    finding = judged(checks.uniform_acquisition, case)
    assert (finding.status, finding.measured) == (Status.WARN, "Br38f and Bl57f")
    assert "Convolution Kernel (0018,1210) is not the same in all slices" in finding.message


@pytest.mark.parametrize(
    ("coded", "status"), [("PORTAL_VENOUS", Status.PASS), ("ARTERIAL", Status.NOT_EVALUATED), ("DYNAMIC", Status.NOT_EVALUATED)]
)
def test_the_contrast_phase_that_an_enhanced_object_names(coded, status):
    finding = judged(checks.contrast_phase, a_case(contrast_phase=coded), contrast=Contrast("portal venous", True, STUDY))
    assert finding.status is status
    assert f"Contrast/Bolus Agent Phase (0018,9344) is {coded}" in finding.message


@pytest.mark.parametrize(("field_t", "status"), [(1.494, Status.PASS), (2.89362, Status.PASS), (1.0, Status.FAIL)])
def test_the_measured_field_of_a_scanner_of_1_5_t_is_enough_for_the_shipped_brain_protocol(field_t, status):
    (finding,) = checks.field_strength.run(a_case(magnetic_field_strength_t=field_t), load_protocol("mr-brain-lesion").protocol)
    assert finding.status is status


def test_uniformity_is_judged_only_where_there_was_a_header():
    assert judged(checks.uniform_acquisition, a_case(kvp=120.0)).status is Status.PASS
    assert list(checks.uniform_acquisition.run(Case(a_volume(), a_segmentation(a_geometry())), LUNG)) == []


def test_the_report_groups_facts_and_leaves_out_what_the_header_lacks():
    acquisition = Acquisition(
        "DICOM headers", "CT", kvp=120.0, exposure_mas=Span(180, 220), convolution_kernel=("Br38f", "3"), injected_dose_bq=3.5e8,
        differing=(DifferingFact("filter_type", ("FLAT", "WEDGE")),), slice_thicknesses_mm=(3.0,), value_unit="HU",
    )  # fmt: skip
    rows = {group.title: {row.attribute: row.text for row in group.rows} for group in fact_groups(acquisition, a_geometry())}
    assert list(rows) == ["Image", "Slices and matrix", "CT", "PET"]
    assert rows["Image"] == {"Unit of the voxel values as they were read": "HU", "Modality (0008,0060)": "CT"}
    assert rows["CT"] == {
        "Convolution Kernel (0018,1210)": "Br38f, 3",
        "KVP (0018,0060)": "120\u00a0kV",
        "Filter Type (0018,1160)": "not the same in all slices: FLAT and WEDGE",
        "Exposure (0018,1152), else Exposure in mAs (0018,9332)": "180 to 220\u00a0mAs",
    }
    assert rows["Slices and matrix"]["Distance between slices, measured on the grid"] == "2 mm"
    assert rows["PET"] == {"Radionuclide Total Dose (0018,1074)": "350\u00a0MBq"}
    assert fact_groups(Acquisition(), a_geometry()) == ()


@pytest.mark.parametrize(
    ("fact", "written", "shown"),
    [
        ("acquisition_date", "20221208", "2022-12-08"),
        ("acquisition_time", "140352.457000", "14:03:52"),
        ("contrast_start_time", "1402", "14:02:00"),
        ("injection_time", "20060129135100.00", "2006-01-29 13:51:00"),
        ("injection_time", "135100", "13:51:00"),
        ("injection_time", "left out", "left out"),
        ("image_type", ("ORIGINAL", "PRIMARY", "AXIAL"), "ORIGINAL\\PRIMARY\\AXIAL"),
        ("matrix", (512, 256), "512 × 256"),
        ("lossy_compression", "00", "00: never with loss"),
        ("transfer_syntaxes", (JPEG_BASELINE,), "JPEG Baseline (Process 1), 1.2.840.10008.1.2.4.50"),
    ],
)
def test_the_report_shows_what_is_written_for_programs_as_people_read_it(fact, written, shown):
    (group,) = (g for g in fact_groups(Acquisition("DICOM headers", **{fact: written}), a_geometry()))
    assert group.rows[0].text == shown


def test_the_report_lists_what_the_protocol_needs_and_the_header_lacks():
    protocol = replace(
        LUNG, slice_thickness_mm=Range("mm", STUDY, maximum=3), kvp=KVP, convolution_kernel=None,
        contrast=Contrast("portal venous", True, STUDY), uniform_in_study=AllowedTexts(("slice_thicknesses_mm", "model"), STUDY),
    )  # fmt: skip
    assert missing_facts(Acquisition(kvp=120.0), protocol) == (
        "Slice Thickness (0018,0050)", "Contrast/Bolus Agent (0018,0010)", "Manufacturer's Model Name (0008,1090)",
    )  # fmt: skip


def test_an_attribute_has_its_tag():
    assert attribute_of("kvp") == "KVP (0018,0060)"
    assert tag_for_keyword("KVP") == 0x00180060
    with pytest.raises(KeyError):
        attribute_of("value_unit")
