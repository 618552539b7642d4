"""DICOM structured reports, read back by programs that nobody here wrote."""

import ast
import copy
import dataclasses
import json
import re
import shutil
import subprocess
from datetime import datetime
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from dicom_series import write_series
from dicom_tools import dcentvfy, dciodvfy, program, tid1500reader
from SegQCLib.case import Case, Code, Segment, Segmentation, Terminology
from SegQCLib.checks import CHECKS
from SegQCLib.cli import main
from SegQCLib.demo import DEMO_NODULE_ANNOTATIONS
from SegQCLib.dicom import private_codes
from SegQCLib.dicom.source_images import SourceImages, source_images
from SegQCLib.dicom.sr_inputs import read_same_segmentation
from SegQCLib.dicom.write_file import write_dicom_file
from SegQCLib.dicom.write_seg import segmentation_object
from SegQCLib.dicom.write_sr import report_object
from SegQCLib.errors import BadDataError
from SegQCLib.evaluate import evaluate
from SegQCLib.findings import Finding, Status
from SegQCLib.geometry import sitk_image
from SegQCLib.images import read_image
from SegQCLib.importers.lidc import read_nodule
from SegQCLib.metric_texts import METRIC_TEXTS
from SegQCLib.protocol import load_protocol, shipped_protocols
from SegQCLib.quality.methods import METHODS
from SegQCLib.quality.quality_measurement import QualityMeasurement, StudyPosition
from SegQCLib.readers.kept_findings import keep
from SegQCLib.readers.ratings import give_grade, not_assessable
from SegQCLib.record import DifficultyModelCard, Measurement, SegmentExpectedAgreement

READER = "Dr. M. Müller-Lüdenscheidt"
CREATED = datetime(2026, 11, 22, 4, 5, 6)
PACKAGE = Path(private_codes.__file__).parents[1]
# What dciodvfy warns of, and why it stays.
KNOWN_WARNINGS = (
    "Unrecognized defined term <99SEGQC> for value 1 of attribute <Coding Scheme Designator>",  # it knows no private scheme
    "Missing attribute or value that would be needed to build DICOMDIR",  # what the images do not say
)

ANATOMY = Code("123037004", "SCT", "Anatomical Structure")
LIVER, SPLEEN = Code("10200004", "SCT", "Liver"), Code("78961009", "SCT", "Spleen")
KIDNEY, LEFT = Code("64033007", "SCT", "Kidney"), Code("7771000", "SCT", "Left")
GALLBLADDER = Code("28231008", "SCT", "Gallbladder")
LESION = Terminology(Code("49755003", "SCT", "Morphologically Altered Structure"), Code("4147007", "SCT", "Mass"), region=LIVER)
CODES = {
    "liver": Terminology(ANATOMY, LIVER),
    "kidney_left": Terminology(ANATOMY, KIDNEY, LEFT),
    "Läsion 1": LESION,
    "spleen": Terminology(ANATOMY, SPLEEN),
    "gallbladder": Terminology(ANATOMY, GALLBLADDER),
}
VOXEL_MM3 = 0.8 * 0.7 * 2.0
# Box k, j, i of each segment, in voxels.
CANDIDATE = {
    "liver": ((1, 5), (3, 9), (2, 8)),
    "kidney_left": ((2, 6), (10, 14), (2, 5)),
    "Läsion 1": ((2, 5), (10, 14), (7, 10)),
    "spleen": None,
}
PLACE = StudyPosition(-1.5, 34, 12.5, 1.25, "Vendor Model (serial number 7), protocol ct-abdomen-portal-venous 1.0.0")
NOISE = QualityMeasurement("liver", "liver", "noise", "sd", "SD of the core", "core", 96, 10.25, "[hnsf'U]", in_study=PLACE)
QUALITY = (
    NOISE,
    QualityMeasurement("liver", "liver", "snr", "tissue", "mean / SD", "core", 96, 4.5, "1", remark="Says little on CT."),
    QualityMeasurement("liver", "liver", "snr", "air", "0.6551 mean / SD of air", "core", 96, None, "1", reason="This is CT."),
    QualityMeasurement("Läsion 1", None, "cnr", "background_sd", "|difference| / SD", "whole", 27, 2.5, "1", "liver sphere", 500),
    QualityMeasurement("Läsion 1", None, "tumour_to_background", "peak", "peak / mean", "whole", 27, 3.0, "1", "liver sphere", 500),
    QualityMeasurement("Läsion 1", None, "noise", "method_of_tomorrow", "unheard of", "core", 8, 7.0, "{arbitrary}"),
)
LONG_TEXT = "Prüfung: " + "Der Rand ist unscharf. " * 120


def segmentation(geometry, name, **boxes) -> Segmentation:
    layer, segments = np.zeros(geometry.size, np.uint8), []
    for value, (segment, box) in enumerate(boxes.items(), 1):
        if box is not None:
            layer[tuple(slice(*edges) for edges in box)] = value
        segments.append(
            Segment(
                f"s{value}", segment, value, terminology=CODES[segment], algorithm_type="SEMIAUTOMATIC", algorithm_name="Model 2.1",
                tracking_id=segment, tracking_uid=f"2.25.{1000 + value}",
            )
        )  # fmt: skip
    return Segmentation(name, geometry, (layer,), tuple(segments))


def expected(segment, **changes) -> SegmentExpectedAgreement:
    prediction = SegmentExpectedAgreement(
        segment, "lesion-ct 1.2.0", 0.81, 0.74, 0.88, 0.9, 0.66, "lower", True, ("Rand unscharf.",), "reference"
    )
    return dataclasses.replace(prediction, **changes)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A phantom series with a patient name in Latin-1."""
    folder = tmp_path_factory.mktemp("ct")
    write_series(
        folder, [2.0 * k for k in range(8)], SpecificCharacterSet="ISO_IR 100", PatientName="Bäcker^Jörg", PatientSex="O",
        StudyID="7", StudyDate="20261121", StudyTime="101500", SeriesNumber=3,
    )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def everything(images):
    """Image, candidate, its SEG, and a record with ratings, kept findings, expectations, two references, a draft and gaps."""
    image = read_image(images)
    candidate = segmentation(image.geometry, "Reader 7", **CANDIDATE)
    one = segmentation(
        image.geometry, "Prof. Łukasz", liver=((1, 5), (3, 9), (3, 9)), spleen=None, gallbladder=((0, 2), (12, 15), (9, 11))
    )
    two = segmentation(image.geometry, "panel", **CANDIDATE)
    draft = segmentation(image.geometry, "Model 2.1", **{**CANDIDATE, "liver": ((1, 4), (3, 9), (2, 8))})
    protocol = load_protocol("ct-abdomen-portal-venous")
    rating = {rating.id: rating for rating in protocol.protocol.ratings}
    ratings = (
        give_grade(rating["motion"], 3, READER, "Atmung", "2026-11-21T18:59:00+01:00"),
        not_assessable(rating["noise"], READER, LONG_TEXT, "2026-11-21T18:59:00+01:00"),
        give_grade(rating["overall"], 1, "读者", None, "2026-11-21T19:00:00+01:00"),
    )
    case = Case(image, candidate, (one, two), draft, ratings)
    record = evaluate(case, protocol)
    finding = next(f for f in record.findings if f.segment and f.status in (Status.WARN, Status.FAIL))
    kept = keep(finding, "gehört dazu", READER, "2026-11-21T19:00:00+01:00")
    record = evaluate(dataclasses.replace(case, kept_findings=(kept,)), protocol)
    long = Finding("islands", Status.WARN, LONG_TEXT, "2", "1", "1", "a study", "liver", (1.0, 2.5, -3.0))
    unheard = Finding("check_of_tomorrow", Status.NOT_EVALUATED, "Nobody knows it yet.")
    refused = expected("Läsion 1", dice=None, lower=None, upper=None, threshold=None, in_domain=False, reasons=("Too large.",))
    record = dataclasses.replace(
        record,
        created="2026-11-22T04:05:06+00:00",
        findings=(*record.findings, long, unheard),
        measurements=(
            *record.measurements,
            Measurement("liver", "liver", "bending_energy", 2.5, "1/mm", "by splines", "candidate", None),
        ),
        expected_agreement=(expected("liver"), refused),
        image_quality=QUALITY,
        difficulty_models=(DifficultyModelCard("lesion-ct", "1.2.0", None, "lesion", "lesions", "CT", True, ("Fitted on 3.",)),),
    )
    sources = source_images(image)
    return record, candidate, sources, segmentation_object(candidate, sources, reader=READER, created=CREATED)


@pytest.fixture(scope="module")
def report(everything):
    return report_object(*everything, reader=READER, created=CREATED)


@pytest.fixture(scope="module")
def written(report, tmp_path_factory):
    path = tmp_path_factory.mktemp("sr") / "sr.dcm"
    write_dicom_file(report, path)
    return path


@pytest.fixture(scope="module")
def as_read_by_dcmqi(written, tmp_path_factory):
    facts = tid1500reader(written, tmp_path_factory.mktemp("dcmqi") / "out")
    return facts, {group["TrackingIdentifier"]: group for group in facts["Measurements"]}


def values(group, code) -> dict[str | None, tuple[float, str]]:
    """Return value and unit of a measure, by the code of what it is compared with."""
    return {
        next((m["modifierValue"]["CodeValue"] for m in item.get("measurementModifiers", ())), None): (
            float(item["value"]),
            item["units"]["CodeValue"],
        )
        for item in group["measurementItems"]
        if item["quantity"]["CodeValue"] == code
    }


def answers(group, code) -> list[str]:
    """Return the answers to a question: code values and texts."""
    return [
        one["conceptValue"] if isinstance(one["conceptValue"], str) else one["conceptValue"]["CodeValue"]
        for one in group["qualitativeEvaluations"]
        if one["conceptCode"]["CodeValue"] == code
    ]


def every_item(dataset):
    for item in dataset.get("ContentSequence", ()):
        yield item
        yield from every_item(item)


def require_clean(path):
    judgement = dciodvfy(path)
    assert judgement.errors == ()
    assert [line for line in judgement.warnings if not any(known in line for known in KNOWN_WARNINGS)] == []


def test_dciodvfy_finds_no_error(written):
    require_clean(written)


def test_the_report_belongs_to_patient_and_study_of_its_images(written, images, everything, tmp_path):
    write_dicom_file(everything[3], tmp_path / "seg.dcm")
    said = dcentvfy([*sorted(images.glob("*.dcm")), tmp_path / "seg.dcm", written])
    # It compares the bytes of names, not their letters, and images may lack what is empty here.
    assert [line for line in said if line.startswith("Error") and "<PatientName>" not in line] == []
    report = pydicom.dcmread(written)
    assert (report.PatientName, report.PatientSex, report.SpecificCharacterSet) == ("Bäcker^Jörg", "O", "ISO_IR 192")


def test_it_is_complete_unverified_and_preliminary(written):
    report = pydicom.dcmread(written)
    assert (report.CompletionFlag, report.VerificationFlag, report.PreliminaryFlag) == ("COMPLETE", "UNVERIFIED", "PRELIMINARY")
    assert (report.ContentDate, report.ContentTime) == ("20261122", "040506")
    (scheme,) = (s for s in report.CodingSchemeIdentificationSequence if s.CodingSchemeDesignator == "99SEGQC")
    assert (scheme.CodingSchemeName, scheme.CodingSchemeResponsibleOrganization) == ("SegQC private codes", "SegQC")


def test_the_evidence_is_all_images_and_the_segmentation(written, everything):
    _, _, sources, seg = everything
    (study,) = pydicom.dcmread(written).CurrentRequestedProcedureEvidenceSequence
    found = {one.ReferencedSOPInstanceUID for series in study.ReferencedSeriesSequence for one in series.ReferencedSOPSequence}
    assert found == {seg.SOPInstanceUID, *(header.SOPInstanceUID for header in sources.headers)}


def test_dcmqi_reads_each_segment_with_its_codes_and_references(as_read_by_dcmqi, everything):
    facts, groups = as_read_by_dcmqi
    _, _, sources, seg = everything
    assert facts["observerContext"] == {"ObserverType": "PERSON", "PersonObserverName": "Müller-Lüdenscheidt^M.^^Dr."}
    assert list(groups) == ["liver", "kidney_left", "Läsion 1", "spleen", "gallbladder", "Image and case"]
    for number, name in enumerate(("liver", "kidney_left", "Läsion 1"), 1):
        assert groups[name]["ReferencedSegment"] == number
        assert groups[name]["segmentationSOPInstanceUID"] == seg.SOPInstanceUID
        assert groups[name]["SourceSeriesForImageSegmentation"] == sources.headers[0].SeriesInstanceUID
        assert groups[name]["TrackingUniqueIdentifier"] == f"2.25.{1000 + number}"
    assert groups["kidney_left"]["Finding"]["CodeValue"] == groups["kidney_left"]["FindingSite"]["CodeValue"] == KIDNEY.value
    assert groups["kidney_left"]["Laterality"]["CodeValue"] == LEFT.value
    assert [groups["Läsion 1"][key]["CodeValue"] for key in ("Finding", "FindingSite")] == ["4147007", LIVER.value]


def test_dcmqi_reads_measures_with_unit_reference_and_definition(as_read_by_dcmqi):
    liver = as_read_by_dcmqi[1]["liver"]
    assert values(liver, "118565006") == {None: (pytest.approx(144 * VOXEL_MM3), "mm3")}
    assert values(liver, "m-voxels") == {None: (144, "{voxels}")}
    # Reference 1 lies one voxel further to the left: 120 of 144 voxels are shared. Reference 2 is the candidate's copy.
    assert values(liver, "m-dice") == {"ref-1": (pytest.approx(240 / 288), "1"), "ref-2": (1, "1")}
    assert values(liver, "d-dice") == {"ref-draft": (pytest.approx(216 / 252), "1")}
    assert values(liver, "d-rvd")["ref-draft"] == (pytest.approx(144 / 108 - 1), "1")
    assert values(liver, "m-volume-ref")["ref-1"] == (pytest.approx(144 * VOXEL_MM3), "mm3")
    (dice, *_) = (item for item in liver["measurementItems"] if item["quantity"]["CodeValue"] == "m-dice")
    (made_by,) = dice["measurementAlgorithmIdentification"]["AlgorithmParameters"]
    assert "Twice the shared volume" in made_by
    assert "reference (Prof. Łukasz)" in made_by
    assert all(
        "Definition: " in i["measurementAlgorithmIdentification"]["AlgorithmParameters"][0] for i in liver["measurementItems"]
    )


def test_dcmqi_reads_image_quality_with_method_region_unit_and_definition(as_read_by_dcmqi):
    liver, lesion = (as_read_by_dcmqi[1][name] for name in ("liver", "Läsion 1"))

    def numbers(group, code):
        return [item for item in group["measurementItems"] if item["quantity"]["CodeValue"] == code]

    (noise,), (snr,) = numbers(liver, "q-noise"), numbers(liver, "113060")
    assert (float(noise["value"]), noise["units"]["CodeValue"]) == (10.25, "[hnsf'U]")
    assert [m["modifierValue"]["CodeValue"] for m in noise["measurementModifiers"]] == ["q-r-core"]
    (meaning,) = noise["measurementAlgorithmIdentification"]["AlgorithmParameters"]
    for said in ("SD of the core", "96 voxels", "34 other cases", "serial number 7"):
        assert said in meaning
    assert float(snr["value"]) == 4.5
    assert "Says little on CT." in snr["measurementAlgorithmIdentification"]["AlgorithmParameters"][0]
    (refused,) = answers(liver, "113060")
    assert "method air" in refused
    assert "undefined. This is CT." in refused
    (ratio,), (cnr,) = numbers(lesion, "126039"), numbers(lesion, "q-cnr")
    assert (float(ratio["value"]), float(cnr["value"])) == (3.0, 2.5)
    assert "against liver sphere (500 voxels)" in cnr["measurementAlgorithmIdentification"]["AlgorithmParameters"][0]
    (unheard,) = answers(lesion, "q-other")
    assert "method_of_tomorrow" in unheard
    assert "7 (UCUM unit {arbitrary})" in unheard


def test_the_z_score_stands_under_its_number_and_the_method_is_coded(report):
    (noise,) = (
        item for item in every_item(report) if item.ValueType == "NUM" and item.ConceptNameCodeSequence[0].CodeValue == "q-noise"
    )
    under = {item.ConceptNameCodeSequence[0].CodeValue: item for item in noise.ContentSequence}
    z = under["121416"]
    assert (z.RelationshipType, float(z.MeasuredValueSequence[0].NumericValue)) == ("HAS PROPERTIES", -1.5)
    assert under["370129005"].ConceptCodeSequence[0].CodeValue == "q-m-sd"


def test_every_image_quality_method_has_a_code():
    assert {method for methods in METHODS.values() for method in methods} == set(private_codes.QUALITY_METHOD_CODES)


def test_a_z_score_that_is_not_finite_is_refused(everything):
    record, *others = everything
    bad = dataclasses.replace(NOISE, in_study=dataclasses.replace(PLACE, z=float("nan")))
    with pytest.raises(BadDataError, match="nan as z of noise of liver"):
        report_object(dataclasses.replace(record, image_quality=(bad,)), *others, reader=READER, created=CREATED)


def test_dcmqi_reads_verdict_and_findings_with_their_sentences(as_read_by_dcmqi, everything):
    record, groups = everything[0], as_read_by_dcmqi[1]
    (verdict,) = (v for v in record.verdicts if v.segment == "liver")
    assert answers(groups["liver"], "verdict") == [f"v-{verdict.verdict.lower()}"]
    assert answers(groups["liver"], "verdict-reason") == list(verdict.reasons)
    assert answers(groups["Image and case"], "verdict") == [f"v-{record.verdict.lower()}"]
    assert ["s-warn", LONG_TEXT.strip()] == [text.strip() for text in answers(groups["liver"], "c-islands")[-2:]]
    statuses = {"PASS": "s-pass", "WARN": "s-warn", "FAIL": "s-fail", "NOT_EVALUATED": "s-not-evaluated"}
    for finding in record.findings:
        code = private_codes.CHECK_CODES.get(finding.check, private_codes.OTHER_CHECK).value
        said = answers(groups[finding.segment or "Image and case"], code)
        assert (statuses[finding.status], True) in [
            (status, finding.message.strip() in text) for status, text in zip(said[::2], said[1::2], strict=True)
        ]
    assert answers(groups["Image and case"], "c-other") == ["s-not-evaluated", "check_of_tomorrow: Nobody knows it yet."]


def test_dcmqi_reads_ratings_with_scale_wording_and_rater(as_read_by_dcmqi):
    case = as_read_by_dcmqi[1]["Image and case"]
    wording = "Motion artifact: 3 (Moderate: some borders are uncertain because of motion). Scale: 1 to 5, 5 is best."
    assert answers(case, "r-motion") == ["g-3-1-5-h", f"{wording} Rated by {READER}. Comment: Atmung"]
    assert answers(case, "r-noise")[0] == "r-unassessable"
    assert answers(case, "111029")[0] == "g-1-1-5-h"
    meanings = {
        one["conceptValue"]["CodeMeaning"] for one in case["qualitativeEvaluations"] if "CodeMeaning" in one["conceptValue"]
    }
    assert "3 on a scale of 1 to 5, 5 is best" in meanings


def test_dcmqi_reads_expected_agreement_in_and_out_of_domain(as_read_by_dcmqi):
    groups = as_read_by_dcmqi[1]
    found = {code: values(groups["liver"], code)[None] for code in ("e-mean", "e-lower", "e-upper", "e-coverage", "e-threshold")}
    assert found == {
        "e-mean": (0.81, "1"), "e-lower": (0.74, "1"), "e-upper": (0.88, "1"), "e-coverage": (0.9, "1"), "e-threshold": (0.66, "1"),
    }  # fmt: skip
    made_by = {
        item["measurementAlgorithmIdentification"]["AlgorithmName"]
        for item in groups["liver"]["measurementItems"]
        if item["quantity"]["CodeValue"].startswith("e-")
    }
    assert made_by == {"lesion-ct"}
    assert answers(groups["liver"], "e-in-domain") == ["373066001"]
    assert answers(groups["Läsion 1"], "e-in-domain") == ["373067005"]
    assert "Too large." in answers(groups["Läsion 1"], "e-reason")
    assert not [i for i in groups["Läsion 1"]["measurementItems"] if i["quantity"]["CodeValue"].startswith("e-")]


def test_an_empty_segment_is_assessed_and_absent(as_read_by_dcmqi):
    spleen = as_read_by_dcmqi[1]["spleen"]
    assert spleen["Finding"]["CodeValue"] == SPLEEN.value
    code, said = answers(spleen, "121052")
    assert (code, said.startswith("Assessed, absent")) == ("272519000", True)
    assert "ReferencedSegment" not in spleen
    assert values(spleen, "m-voxels") == {None: (0, "{voxels}")}


def test_an_empty_segment_that_nobody_finished_is_not_called_absent(everything, tmp_path):
    record, candidate, sources, seg = everything
    segments = tuple(dataclasses.replace(one, status="notstarted") for one in candidate.segments)
    unfinished = dataclasses.replace(candidate, segments=segments)
    write_dicom_file(report_object(record, unfinished, sources, seg, reader=None, created=CREATED), tmp_path / "sr.dcm")
    groups = {one["TrackingIdentifier"]: one for one in tid1500reader(tmp_path / "sr.dcm", tmp_path / "out")["Measurements"]}
    code, said = answers(groups["spleen"], "121052")
    assert (code, "marked as not started" in said) == ("373068000", True)
    assert answers(groups["liver"], "121052") == []


def test_numbers_are_written_as_people_write_them_with_all_digits_beside(report):
    numbers = [item.MeasuredValueSequence[0] for item in every_item(report) if item.ValueType == "NUM"]
    shown = {str(one.NumericValue) for one in numbers}
    assert {"144", "161.28", "0.8333333333"} <= shown
    assert not [text for text in shown if re.search(r"\.\d*0$", text)]
    assert any(one.FloatingPointValue == 240 / 288 for one in numbers)


def test_a_comparison_with_the_draft_says_that_it_is_no_measure_of_quality(as_read_by_dcmqi):
    for item in as_read_by_dcmqi[1]["liver"]["measurementItems"]:
        (meaning,) = item["measurementAlgorithmIdentification"]["AlgorithmParameters"]
        with_draft = any(m["modifierValue"]["CodeValue"] == "ref-draft" for m in item.get("measurementModifiers", ()))
        assert with_draft == ("how much was changed, not how good" in meaning)


def test_simulated_data_say_so_in_report_description_and_each_prediction(as_read_by_dcmqi, report):
    groups = as_read_by_dcmqi[1]
    assert len(answers(groups["Image and case"], "p-simulated")) == 1
    assert report.SeriesDescription == "Segmentation quality report (simulated data)"
    predicted = [item for item in groups["liver"]["measurementItems"] if item["quantity"]["CodeValue"].startswith("e-")]
    assert len(predicted) == 5
    for item in predicted:
        assert "Fitted on simulated readers" in item["measurementAlgorithmIdentification"]["AlgorithmParameters"][0]


def test_real_data_are_not_called_simulated(everything):
    record, candidate, sources, seg = everything
    real = dataclasses.replace(record, difficulty_models=())
    assert report_object(real, candidate, sources, seg, reader=None, created=CREATED).SeriesDescription.endswith("report")


def test_without_a_reference_the_threshold_says_that_it_judges_nobody(everything):
    record, candidate, sources, seg = everything
    own = dataclasses.replace(record, expected_agreement=(expected("liver", described_role="candidate"),))
    report = report_object(own, candidate, sources, seg, reader=None, created=CREATED)
    (threshold,) = (i for i in every_item(report) if i.ConceptNameCodeSequence[0].CodeValue == "e-threshold")
    assert any("no outline is judged" in item.TextValue for item in every_item(threshold) if item.ValueType == "TEXT")


def test_an_undefined_value_is_a_sentence_and_never_a_number(as_read_by_dcmqi, report):
    spleen = as_read_by_dcmqi[1]["spleen"]
    assert values(spleen, "m-dice") == {}
    assert (len(answers(spleen, "m-dice")), len(answers(spleen, "d-dice"))) == (2, 1)
    assert all(text.startswith("undefined. Absent in both") for text in answers(spleen, "m-dice"))
    assert "Compared with reference (Prof. Łukasz)." in answers(spleen, "m-dice")[0]
    numbers = [item.MeasuredValueSequence[0].NumericValue for item in every_item(report) if item.ValueType == "NUM"]
    assert all(np.isfinite(float(number)) for number in numbers)


def test_a_segment_that_only_a_reference_has_says_so(as_read_by_dcmqi):
    gallbladder = as_read_by_dcmqi[1]["gallbladder"]
    assert answers(gallbladder, "only-in-ref") == ["373066001"]
    assert answers(gallbladder, "121052") == []
    assert values(gallbladder, "m-dice") == {"ref-1": (0, "1")}


def test_a_measure_without_a_code_is_told_in_words(as_read_by_dcmqi):
    assert answers(as_read_by_dcmqi[1]["liver"], "m-other") == ["bending_energy: 2.5 (UCUM unit 1/mm). Definition: by splines."]


def test_who_drew_a_segment_is_told(as_read_by_dcmqi):
    liver = as_read_by_dcmqi[1]["liver"]
    assert answers(liver, "a-type") == ["a-semiautomatic"]
    assert answers(liver, "a-name") == ["Model 2.1"]


def test_highdicom_finds_the_groups_of_segments_with_voxels(written, everything):
    report = highdicom.sr.srread(written)
    groups = report.content.get_volumetric_roi_measurement_groups(referenced_sop_instance_uid=everything[3].SOPInstanceUID)
    assert [group.tracking_identifier for group in groups] == ["liver", "kidney_left", "Läsion 1"]
    liver = groups[0]
    assert liver.finding_type == highdicom.sr.CodedConcept(LIVER.value, "SCT", "Liver")
    assert liver.referenced_segment[0].referenced_segment_numbers == [1]
    (volume,) = liver.get_measurements(highdicom.sr.CodedConcept("118565006", "SCT", "Volume"))
    assert (volume.value, volume.unit.value) == (pytest.approx(144 * VOXEL_MM3), "mm3")
    assert volume.method.value == "126030"
    assert len(report.content.get_image_measurement_groups()) == 3


def test_dcmtk_shows_every_number_with_its_name(written):
    shown = subprocess.run([program("dsrdump"), str(written)], capture_output=True, text=True, errors="replace")
    assert shown.returncode == 0, shown.stderr
    assert '<contains NUM:(,,"Number of voxels")="144" ({voxels},UCUM,"voxels")>' in shown.stdout
    html = subprocess.run([program("dsr2html"), str(written)], capture_output=True, text=True, errors="replace")
    assert html.returncode == 0, html.stderr
    assert "95th percentile Hausdorff distance" in html.stdout


def test_details_stand_under_the_finding_they_belong_to(report):
    (islands,) = (
        item
        for item in every_item(report)
        if item.ValueType == "CODE" and item.ConceptNameCodeSequence[0].CodeValue == "c-islands" and "ContentSequence" in item
        and any(one.get("TextValue") == "1, 2.5, -3" for one in item.ContentSequence)
    )  # fmt: skip
    about = {one.ConceptNameCodeSequence[0].CodeValue: one.TextValue for one in islands.ContentSequence}
    assert about == {"f-measured": "2", "f-allowed": "1", "f-unit": "1", "f-source": "a study", "f-place": "1, 2.5, -3"}
    kept = [i.TextValue for i in every_item(report) if i.ConceptNameCodeSequence[0].CodeValue == "f-kept"]
    assert len(kept) == 1
    assert "gehört dazu" in kept[0]


def test_writing_twice_gives_the_same_file(everything, written, tmp_path):
    write_dicom_file(report_object(*everything, reader=READER, created=CREATED), tmp_path / "again.dcm")
    assert (tmp_path / "again.dcm").read_bytes() == written.read_bytes()


def test_another_reader_record_or_segmentation_is_another_object(everything, report):
    record, candidate, sources, seg = everything
    reports = [
        report,
        report_object(record, candidate, sources, seg, reader="Meier, Anna", created=CREATED),
        report_object(record, candidate, sources, None, reader=READER, created=CREATED),
        report_object(dataclasses.replace(record, reasons=("Another.",)), candidate, sources, seg, reader=READER, created=CREATED),
    ]
    assert len({one.SOPInstanceUID for one in reports}) == len({one.SeriesInstanceUID for one in reports}) == 4


def test_without_a_segmentation_and_a_reader_the_report_refers_to_the_images(everything, tmp_path):
    record, candidate, sources, _ = everything
    write_dicom_file(report_object(record, candidate, sources, None, reader=None, created=CREATED), tmp_path / "sr.dcm")
    require_clean(tmp_path / "sr.dcm")
    facts = tid1500reader(tmp_path / "sr.dcm", tmp_path / "out")
    assert facts["observerContext"]["ObserverType"] == "DEVICE"
    assert not [group for group in facts["Measurements"] if "ReferencedSegment" in group]
    groups = {group["TrackingIdentifier"]: group for group in facts["Measurements"]}
    assert groups["liver"]["SourceSeriesForImageSegmentation"] == sources.headers[0].SeriesInstanceUID
    assert values(groups["liver"], "m-voxels") == {None: (144, "{voxels}")}


def test_segments_of_one_name_keep_their_own_numbers(everything, images, tmp_path):
    geometry = read_image(images).geometry
    candidate = segmentation(geometry, "Reader 7", liver=((1, 5), (3, 9), (2, 8)), spleen=((2, 6), (10, 14), (2, 5)))
    two = dataclasses.replace(
        candidate, segments=tuple(dataclasses.replace(segment, name="lesion") for segment in candidate.segments)
    )
    record = evaluate(Case(read_image(images), two), load_protocol("ct-abdomen-portal-venous"))
    write_dicom_file(report_object(record, two, everything[2], None, reader=None, created=CREATED), tmp_path / "sr.dcm")
    found = tid1500reader(tmp_path / "sr.dcm", tmp_path / "out")["Measurements"][:-1]
    assert [values(group, "m-voxels")[None][0] for group in found] == [144, 48]
    assert [group["TrackingUniqueIdentifier"] for group in found] == ["2.25.1001", "2.25.1002"]


def test_a_segmentation_with_segments_of_one_name_is_known_again(everything, images, tmp_path):
    image = read_image(images)
    drawn = segmentation(image.geometry, "Reader 7", liver=((1, 5), (3, 9), (2, 8)), spleen=((2, 6), (10, 14), (2, 5)))
    candidate = dataclasses.replace(
        drawn, segments=tuple(dataclasses.replace(segment, name="lesion") for segment in drawn.segments)
    )
    write_dicom_file(segmentation_object(candidate, everything[2], reader=READER, created=CREATED), tmp_path / "seg.dcm")
    assert len(read_same_segmentation(tmp_path / "seg.dcm", candidate, image).SegmentSequence) == 2
    swapped = dataclasses.replace(candidate, segments=candidate.segments[::-1])
    with pytest.raises(BadDataError, match="has other voxels"):
        read_same_segmentation(tmp_path / "seg.dcm", swapped, image)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"reader": "a\\b"}, "The reader: cannot be named"),
        ({"segmentation": "of another study"}, "is of other images"),
        ({"segmentation": "without liver"}, "has no segment 'liver'"),
        ({"record": float("inf")}, "has inf as dice of liver"),
        (
            {"candidate": "other names"},
            "has measured liver; the candidate's segments are called Läsion 1, hepar",
        ),
        ({"images": "without UID"}, "has no SeriesInstanceUID (0020,000E)"),
    ],
)
def test_what_cannot_become_a_report_is_refused_with_the_reason(everything, changes, words):
    record, candidate, sources, seg = everything
    if "record" in changes:
        bad = Measurement("liver", "liver", "dice", changes["record"], "1", "x", "candidate", "reference")
        record = dataclasses.replace(record, measurements=(bad,))
    if "candidate" in changes:
        liver, *others = candidate.segments
        candidate = dataclasses.replace(candidate, segments=(dataclasses.replace(liver, name="hepar"), *others))
    if "segmentation" in changes:
        seg = copy.deepcopy(seg)
        if changes["segmentation"] == "without liver":
            seg.SegmentSequence = seg.SegmentSequence[1:]
        else:
            seg.StudyInstanceUID = "2.25.1"
    if "images" in changes:
        header = copy.deepcopy(sources.headers[0])
        header.SeriesInstanceUID = ""
        sources = SourceImages((header, *sources.headers[1:]), sources.slices)
    with pytest.raises(BadDataError, match=re.escape(words)):
        report_object(record, candidate, sources, seg, reader=changes.get("reader", READER), created=CREATED)


def hostile_report(image, path):
    """Write the report of segments with names, codes and tracking that DICOM cannot hold as they are."""
    names = ["a\\b\x00c", "x" * 200, "<b>&amp;</b>", "名前 ☃", "  indented ", "new\nline", "\x01"]
    odd = Terminology(Code("49755003", "SCT", "M" * 100), Code("1234567890123456789", "99LONG", "quite\\odd " * 12), LEFT)
    layer, segments = np.zeros(image.geometry.size, np.uint8), []
    for value, name in enumerate(names, 1):
        layer[value % len(layer), value, :3] = value
        uid = "no uid" if value == 2 else None
        segments.append(Segment(f"s{value}", name, value, terminology=None if value == 3 else odd, tracking_uid=uid))
    candidate = Segmentation("Reader \\ 7\x01", image.geometry, (layer,), tuple(segments))
    record = evaluate(Case(image, candidate, (candidate,)), load_protocol("ct-abdomen-portal-venous"))
    write_dicom_file(report_object(record, candidate, source_images(image), None, reader="O'Neil, Seán", created=CREATED), path)


def test_hostile_names_and_codes_become_what_dicom_can_hold(images, tmp_path):
    hostile_report(read_image(images), tmp_path / "sr.dcm")
    judgement = dciodvfy(tmp_path / "sr.dcm")
    assert judgement.errors == ()
    found = [group["TrackingIdentifier"] for group in tid1500reader(tmp_path / "sr.dcm", tmp_path / "out")["Measurements"]]
    assert found == ["a\\bc", "x" * 200, "<b>&amp;</b>", "名前 ☃", "indented", "new\nline", "?", "Image and case"]


def test_the_report_of_an_enhanced_multi_frame_ct_refers_to_its_one_object(shared_data, tmp_path):
    shutil.copy(shared_data / "pydicom_odd" / "eCT_Supplemental.dcm", tmp_path)
    image = read_image(tmp_path)
    hostile_report(image, tmp_path / "sr.dcm")
    assert dciodvfy(tmp_path / "sr.dcm").errors == ()
    report = pydicom.dcmread(tmp_path / "sr.dcm")
    (study,) = report.CurrentRequestedProcedureEvidenceSequence
    (series,) = study.ReferencedSeriesSequence
    (one,) = series.ReferencedSOPSequence
    assert one.ReferencedSOPInstanceUID == pydicom.dcmread(tmp_path / "eCT_Supplemental.dcm").SOPInstanceUID


def test_reader_contours_without_images_have_no_report(lidc_database):
    with pytest.raises(BadDataError, match="is not a DICOM series"):
        source_images(read_nodule(lidc_database, DEMO_NODULE_ANNOTATIONS).image)


# segqc export sr and segqc evaluate --dicom


@pytest.fixture(scope="module")
def evaluated(images, tmp_path_factory):
    """A folder with the candidate as label map, its names, and in out/ what segqc evaluate --dicom writes of it."""
    folder = tmp_path_factory.mktemp("evaluated")
    image = read_image(images)
    boxes = {name: box for name, box in CANDIDATE.items() if name != "Läsion 1"}  # the protocol has no code for it
    candidate = segmentation(image.geometry, "Reader 7", **boxes)
    sitk.WriteImage(sitk_image(candidate.layers[0], image.geometry), str(folder / "candidate.nii.gz"))
    names = {str(segment.label_value): segment.name for segment in candidate.segments}
    (folder / "names.json").write_text(json.dumps(names))
    assert main(["evaluate", *command(images, folder), "--out", str(folder / "out"), "--dicom", *DRAWN]) == 0
    return folder


DRAWN = ("--drawn-by", "automatic", "--model", "Model", "--model-version", "2.1")


def command(images, folder) -> list[str]:
    return [
        "--image", str(images), "--candidate", str(folder / "candidate.nii.gz"), "--labels", str(folder / "names.json"),
        "--protocol", "ct-abdomen-portal-venous",
    ]  # fmt: skip


def export(images, folder, out, **changes) -> list[str]:
    options = {
        "record": folder / "out" / "record.json", "image": images, "candidate": folder / "candidate.nii.gz",
        "labels": folder / "names.json", "out": out, **changes,
    }  # fmt: skip
    return ["export", "sr", *(word for name, value in options.items() for word in (f"--{name}", str(value)))]


def test_evaluate_dicom_writes_seg_and_sr_that_belong_together(evaluated, tmp_path):
    out = evaluated / "out"
    tables = {"measurements.csv", "image_quality.csv"}
    assert {path.name for path in out.iterdir()} == {"record.json", "report.html", *tables, "seg.dcm", "sr.dcm"}
    require_clean(out / "sr.dcm")
    groups = {group["TrackingIdentifier"]: group for group in tid1500reader(out / "sr.dcm", tmp_path / "dcmqi")["Measurements"]}
    assert groups["liver"]["segmentationSOPInstanceUID"] == pydicom.dcmread(out / "seg.dcm").SOPInstanceUID
    assert values(groups["liver"], "m-voxels") == {None: (144, "{voxels}")}
    assert answers(groups["liver"], "a-type") == ["a-automatic"]
    assert answers(groups["liver"], "a-name") == ["Model 2.1"]


def test_evaluate_dicom_writes_the_record_and_says_why_there_is_no_seg(evaluated, images, tmp_path, capsys):
    assert main(["evaluate", *command(images, evaluated), "--out", str(tmp_path), "--dicom"]) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"record.json", "report.html", "measurements.csv", "image_quality.csv"}
    said = capsys.readouterr().err
    assert "Nobody knows who or what drew" in said
    assert f"The record and its report were written to {tmp_path}; seg.dcm and sr.dcm were not." in said


def test_evaluate_dicom_refuses_images_that_are_not_dicom_before_the_work(evaluated, tmp_path, capsys):
    words = command(evaluated / "candidate.nii.gz", evaluated)
    assert main(["evaluate", *words, "--out", str(tmp_path), "--dicom", *DRAWN]) == 1
    assert "is not a DICOM series" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_evaluate_dicom_never_writes_over_its_inputs(evaluated, images, tmp_path, capsys):
    words = command(images, evaluated)
    words[3] = str(evaluated / "out" / "seg.dcm")
    before = (evaluated / "out" / "seg.dcm").read_bytes()
    assert main(["evaluate", *words, "--out", str(evaluated / "out"), "--dicom"]) == 1
    assert "would be written over" in capsys.readouterr().err
    assert (evaluated / "out" / "seg.dcm").read_bytes() == before


def test_options_of_the_seg_without_dicom_are_wrong_usage(evaluated, images, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["evaluate", *command(images, evaluated), "--out", str(tmp_path), "--reader", READER])
    assert stopped.value.code == 2
    assert "--reader does nothing without --dicom" in capsys.readouterr().err


def test_export_sr_makes_of_the_record_what_evaluate_made(evaluated, images, tmp_path):
    seg = evaluated / "out" / "seg.dcm"
    assert main(export(images, evaluated, tmp_path / "sr.dcm", segmentation=seg)) == 0
    require_clean(tmp_path / "sr.dcm")
    groups = tid1500reader(tmp_path / "sr.dcm", tmp_path / "dcmqi")["Measurements"]
    first = tid1500reader(evaluated / "out" / "sr.dcm", tmp_path / "first")["Measurements"]
    assert [group.get("measurementItems") for group in groups] == [group.get("measurementItems") for group in first]


def other_voxels(folder, tmp_path):
    image = sitk.ReadImage(str(folder / "candidate.nii.gz"))
    image[0, 0, 0] = 1
    sitk.WriteImage(image, str(tmp_path / "other.nii.gz"))
    return tmp_path / "other.nii.gz"


def test_export_sr_refuses_the_record_of_another_candidate(evaluated, images, tmp_path, capsys):
    assert main(export(images, evaluated, tmp_path / "sr.dcm", candidate=other_voxels(evaluated, tmp_path))) == 1
    assert "is of another candidate: the SHA-256 was" in capsys.readouterr().err
    assert not (tmp_path / "sr.dcm").exists()


def test_export_sr_refuses_the_record_of_another_image(evaluated, images, tmp_path, capsys):
    write_series(tmp_path / "ct", [2.0 * k for k in range(8)])
    assert main(export(tmp_path / "ct", evaluated, tmp_path / "sr.dcm")) == 1
    assert "is of another image: its Study Instance UID (0020,000D) is" in capsys.readouterr().err
    assert not (tmp_path / "sr.dcm").exists()


def test_export_sr_refuses_a_segmentation_with_other_voxels(evaluated, images, tmp_path, capsys):
    words = ["export", "seg", *command(images, evaluated), "--out", str(tmp_path / "seg.dcm"), *DRAWN]
    words[words.index("--candidate") + 1] = str(other_voxels(evaluated, tmp_path))
    assert main(words) == 0
    assert main(export(images, evaluated, tmp_path / "sr.dcm", segmentation=tmp_path / "seg.dcm")) == 1
    assert "has other voxels than the candidate in the segment 'liver'" in capsys.readouterr().err
    assert not (tmp_path / "sr.dcm").exists()


def test_export_sr_refuses_a_file_that_is_no_record(evaluated, images, tmp_path, capsys):
    assert main(export(images, evaluated, tmp_path / "sr.dcm", record=evaluated / "names.json")) == 1
    assert "is not a record" in capsys.readouterr().err


def test_private_codes_fit_into_dicom_and_none_is_used_twice():
    listed = private_codes.LISTED_CODES
    assert len({code.value for code in listed}) == len({code.meaning for code in listed}) == len(listed)
    assert all(code.scheme == "99SEGQC" and len(code.value) <= 16 and len(code.meaning) <= 64 for code in listed)
    named = {code for name, code in vars(private_codes).items() if isinstance(code, Code)}
    tables = [table for table in vars(private_codes).values() if isinstance(table, dict)]
    named |= {code for table in tables for code in table.values() if isinstance(code, Code)}
    assert named == set(listed)


def test_the_page_lists_every_private_code_with_its_meaning():
    page = (Path(__file__).parents[1] / "Documentation" / "dicom-report.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| `([^`]+)` \| (.+) \|$", page, re.MULTILINE)
    assert table == [(code.value, code.meaning) for code in private_codes.LISTED_CODES]


def test_codes_that_follow_from_a_rule_collide_with_no_listed_one():
    ruled = [private_codes.role_code(role) for role in ("reference", "reference 2", "reference 17", "draft")]
    ruled += [private_codes.grade_code(2, 1, 5, best) for best in ("highest", "lowest")]
    assert [code.meaning for code in ruled[-2:]] == ["2 on a scale of 1 to 5, 5 is best", "2 on a scale of 1 to 5, 1 is best"]
    every = [*ruled, *private_codes.LISTED_CODES]
    assert len({code.value for code in every}) == len(every)


def test_every_metric_and_every_shipped_rating_has_a_code():
    assert {text.id for text in METRIC_TEXTS} - set(private_codes.METRIC_CODES) == {"volume_candidate_mm3"}
    alone = {"voxel_count", "slice_count", "islands", "holes"}
    assert set(private_codes.METRIC_CODES) - set(private_codes.DRAFT_METRIC_CODES) == alone
    ratings = {rating.id for name in shipped_protocols() for rating in load_protocol(name).protocol.ratings}
    assert ratings - set(private_codes.RATING_CODES) == {"overall"}


def texts_of_module(tree) -> dict[str, str]:
    """Return the texts that names stand for, also where several are assigned in one line."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            names, values = node.targets[0], node.value
            are_several = isinstance(names, ast.Tuple) and isinstance(values, ast.Tuple)
            pairs = zip(names.elts, values.elts, strict=True) if are_several else [(names, values)]
            found.update({n.id: v.value for n, v in pairs if isinstance(n, ast.Name) and isinstance(v, ast.Constant)})
    return found


def test_every_check_has_a_code():
    ids = {check.ID for check in CHECKS}
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        texts = texts_of_module(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Finding" and node.args:
                first = node.args[0]
                ids.add(first.value if isinstance(first, ast.Constant) else texts.get(getattr(first, "id", "")))
    assert len(ids) > 60
    assert sorted(ids - {None} - set(private_codes.CHECK_CODES)) == []
