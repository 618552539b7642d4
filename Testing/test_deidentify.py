"""De-identified reports: nothing that tells whose case it is or who read it, and the same verdict and numbers."""

import base64
import html
import json
import re
import subprocess
import sys
import unicodedata
import warnings
import zlib
from dataclasses import fields, replace
from datetime import UTC, datetime

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydicom.datadict import dictionary_VR, keyword_for_tag

from dicom_series import write_series
from phantoms import a_geometry, a_segmentation, a_volume
from SegQCLib.acquisition import Acquisition, DifferingFact, WindowLevel
from SegQCLib.case import Case, Code, FileSource, Segment, Segmentation, Terminology
from SegQCLib.checks import contrast_phase, mr_sequence
from SegQCLib.cli import main
from SegQCLib.deidentify import KEPT_FACTS, deidentified_case, deidentified_segmentation, marked_deidentified, segment_name
from SegQCLib.evaluate import evaluate
from SegQCLib.findings import Finding, Status
from SegQCLib.image_quality_csv import render_quality_csv
from SegQCLib.measurements_csv import render_csv
from SegQCLib.protocol import AllowedTexts, LoadedProtocol, Structure, load_protocol
from SegQCLib.pseudonyms import KEY_VARIABLE, Pseudonyms
from SegQCLib.readers.kept_findings import keep
from SegQCLib.readers.ratings import give_grade, ratings_text
from SegQCLib.record import QCRecord
from SegQCLib.report import render_report

PROTOCOL = load_protocol("ct-abdomen-portal-venous")
OUTPUTS = ["image_quality.csv", "measurements.csv", "record.json", "report.html"]
KEY = b"a secret of this test, 32 bytes."

# Identifying attributes of Table E.1-1 that a CT image may have and the sample, which is public, has not.
ADDED = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientBirthTime", "OtherPatientNames", "PatientAddress",
    "PatientTelephoneNumbers", "PatientComments", "PatientMotherBirthName", "MilitaryRank", "EthnicGroup", "Occupation",
    "AdditionalPatientHistory", "AccessionNumber", "StudyID", "StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate",
    "StudyTime", "SeriesTime", "AcquisitionTime", "ContentTime", "AcquisitionDateTime", "InstanceCreationDate",
    "InstanceCreationTime", "ReferringPhysicianName", "PerformingPhysicianName", "OperatorsName",
    "NameOfPhysiciansReadingStudy", "PhysiciansOfRecord", "RequestingPhysician", "InstitutionName", "InstitutionAddress",
    "InstitutionalDepartmentName", "StationName", "DeviceSerialNumber", "DeviceUID", "StudyDescription", "SeriesDescription",
    "ProtocolName", "RequestedProcedureDescription", "PerformedProcedureStepDescription", "PerformedProcedureStepStartDate",
    "PerformedProcedureStepID", "ImageComments", "DerivationDescription", "ContrastBolusAgent", "ContrastBolusStartTime",
    "AdmissionID", "IssuerOfPatientID", "DateOfLastCalibration", "TimeOfLastCalibration",
)  # fmt: skip
# What a report keeps, and what makes the file what it is.
NOT_IDENTIFYING = {
    "SOPClassUID", "TransferSyntaxUID", "SpecificCharacterSet", "ImageType", "Modality", "Manufacturer", "ManufacturerModelName",
    "SoftwareVersions", "ConvolutionKernel", "BodyPartExamined", "PhotometricInterpretation", "PatientPosition",
    "PositionReferenceIndicator", "RescaleType", "RotationDirection", "FilterType", "PatientSex", "PatientAge", "ScanOptions",
    "ExposureModulationType", "SequenceName", "PatientIdentityRemoved", "BurnedInAnnotation", "LossyImageCompression",
    "TimezoneOffsetFromUTC", "WindowCenterWidthExplanation",
}  # fmt: skip


def sentinel(vr: str, number: int, seed: str, keyword: str = "") -> str:
    """Return a value of a VR that occurs nowhere else; `seed` is a word of letters."""
    if vr == "PN":
        return f"{seed}family{number:03}^{seed}given{number:03}"
    if vr == "DA":
        return f"19{31 + number % 60}0{1 + number % 9}1{number % 10}"
    if vr == "TM":
        # The delay between contrast and scan is kept, the times are not.
        return {"ContrastBolusStartTime": "171819", "AcquisitionTime": "171934.117"}.get(
            keyword, f"13{10 + number % 50}{number % 60:02}.731"
        )
    if vr == "DT":
        return f"19330417{number % 24:02}5959.77"
    if vr == "UI":
        return f"1.2.826.0.1.3680043.10.{number + 4711}.{sum(map(ord, seed))}.31415926"
    return f"{seed}text{number:03}"


def identify(folder, target, seed):
    """Write the real series to `target` with a sentinel in every text, name, date, time and UID that can identify; return them."""
    values: dict[str, str] = {}
    target.mkdir(parents=True)
    for position, path in enumerate(sorted(folder.iterdir())[:8]):
        dataset = pydicom.dcmread(path)
        keywords = [keyword_for_tag(element.tag) for element in dataset if not element.tag.is_private]
        for number, keyword in enumerate(dict.fromkeys([*ADDED, *keywords])):
            vr = dictionary_VR(keyword) if keyword else ""
            if keyword in NOT_IDENTIFYING or vr not in ("PN", "LO", "SH", "ST", "LT", "UT", "DA", "TM", "DT", "UI", "AE"):
                continue
            value = sentinel(vr, number, seed, keyword)
            values.setdefault(keyword, value)
            setattr(dataset, keyword, f"{value}.{position}" if keyword == "SOPInstanceUID" else value)
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.save_as(target / f"{seed}file{position:03}.dcm")
    (target / f"{seed}notes.txt").write_text("not an image")
    return values


@pytest.fixture(scope="module")
def outputs(tmp_path_factory, totalsegmentator):
    """Two evaluations of one real series that differ in nothing but who it is; and what each must not tell."""
    source = totalsegmentator / "example_ct_dicom"
    made = []
    for seed in ("qzalpha", "xybravo"):
        folder = tmp_path_factory.mktemp("case") / f"{seed}folder"
        values = identify(source, folder / f"{seed}series", seed)
        image = sitk.ReadImage([str(path) for path in sorted((folder / f"{seed}series").glob("*.dcm"))])
        labels = np.zeros(image.GetSize()[::-1], np.uint8)
        labels[2:6, 200:260, 150:230], labels[3:6, 300:330, 300:330] = 1, 2
        for name, array in ((f"{seed}candidate", labels), (f"{seed}reference", np.roll(labels, 1, 2))):
            drawn = sitk.GetImageFromArray(array)
            drawn.CopyInformation(image)
            sitk.WriteImage(drawn, folder / f"{name}.nrrd")
        (folder / f"{seed}names.json").write_text(json.dumps({"liver": 1, f"{seed}lesion": 2}))
        rating = PROTOCOL.protocol.ratings[0]
        given_ = [
            give_grade(rating, 4, f"Dr. {seed}reader One", f"{seed}comment", "2021-03-04T05:06:07+01:00"),
            give_grade(rating, 1, f"{seed}reader Two", None, "2021-03-05T05:06:07+01:00"),
        ]
        (folder / f"{seed}ratings.json").write_text(ratings_text(tuple(given_)), encoding="utf-8")
        made.append((seed, folder, values))
    return made


def run(seed, folder, out, *more):
    arguments = ["evaluate", "--image", folder / f"{seed}series", "--candidate", folder / f"{seed}candidate.nrrd"]
    arguments += ["--reference", folder / f"{seed}reference.nrrd", "--labels", folder / f"{seed}names.json"]
    arguments += ["--ratings", folder / f"{seed}ratings.json", "--protocol", PROTOCOL.protocol.id, "--out", out, *more]
    return main([str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def reports(outputs, tmp_path_factory):
    """Out folder of each evaluation without a key, and one that is not de-identified."""
    folders = []
    for seed, folder, _ in outputs:
        folders.append(tmp_path_factory.mktemp("out"))
        assert run(seed, folder, folders[-1], "--deidentify") == 0
    plain = tmp_path_factory.mktemp("plain")
    assert run(*outputs[0][:2], plain) == 0
    return folders, plain


def everything_in(folder) -> str:
    """Return file names and contents, with HTML entities, JSON escapes and base64 undone, and what is compressed inside."""
    texts = []
    for path in sorted(folder.rglob("*")):
        text = path.read_bytes().decode("utf-8")
        texts += [path.name, text, html.unescape(text)]
        if path.suffix == ".json":
            texts.append(json.dumps(json.loads(text), ensure_ascii=False))
        for coded in re.findall(r"base64,([A-Za-z0-9+/=]+)", text):
            content = base64.b64decode(coded)
            texts.append(content.decode("latin-1"))
            chunks = re.findall(rb"IDAT(.*?)(?=.{4}I(?:DAT|END))", content, re.DOTALL)
            texts.append(zlib.decompressobj().decompress(b"".join(chunks)).decode("latin-1") if chunks else "")
    return "\n".join(texts)


def spellings(value: str) -> set[str]:
    """Return the ways in which an identifying value, or a part of it that identifies alone, can be written."""
    forms = {value, value.casefold(), value.upper(), unicodedata.normalize("NFD", value)}
    forms |= set(value.split("^"))
    if re.fullmatch(r"\d{8}", value):
        day = datetime.strptime(value, "%Y%m%d")
        forms |= {day.strftime(f) for f in ("%Y-%m-%d", "%Y%m%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d %B %Y", "%Y/%m/%d")}
    if re.fullmatch(r"\d{6}(\.\d+)?", value):
        forms |= {value[:6], f"{value[:2]}:{value[2:4]}:{value[4:6]}", f"{value[:2]}:{value[2:4]}"}
    if value.count(".") > 5:
        forms |= {value.rsplit(".", cut)[0] for cut in (1, 2)}
    return forms


def test_no_identifying_value_of_the_inputs_is_in_any_output(outputs, reports):
    for (seed, folder, values), out in zip(outputs, reports[0], strict=True):
        found = everything_in(out)
        lowered = found.casefold()
        assert sorted(path.name for path in out.iterdir()) == OUTPUTS
        assert len(values) > 50
        for keyword, value in values.items():
            for form in spellings(value):
                assert form.casefold() not in lowered, f"{keyword}: {form}"
        # Every sentinel, reader, file and folder of the test begins with the seed.
        assert seed not in lowered
        assert str(folder.parent) not in found
        today = datetime.now(UTC)
        assert not any(today.strftime(form) in found for form in ("%Y-%m-%d", "%Y%m%d", "%d.%m.%Y"))
        for written in ("2021-03-04", "05:06"):
            assert written not in found


def test_the_same_values_are_in_a_report_that_is_not_deidentified(outputs, reports):
    # So that the test above looks where they would be.
    seed, _, values = outputs[0]
    found = everything_in(reports[1])
    shown = (
        "SeriesInstanceUID",
        "StudyInstanceUID",
        "SeriesDescription",
        "DeviceSerialNumber",
        "ContrastBolusAgent",
        "AcquisitionTime",
    )
    for keyword in shown:
        assert values[keyword] in found
    for name in (f"{seed}reader One", f"{seed}comment", f"{seed}notes.txt", f"{seed}lesion", f"{seed}candidate.nrrd"):
        assert name in found


def test_two_people_with_one_image_have_one_report_byte_for_byte(reports):
    (one, other), _ = reports
    for name in OUTPUTS:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


def test_verdict_findings_and_numbers_are_those_of_the_full_report(reports):
    folders, plain = reports
    read = [QCRecord.from_json((folder / "record.json").read_text(encoding="utf-8")) for folder in (folders[0], plain)]
    without, full = read
    assert without.verdict == full.verdict
    assert [(f.check, f.status, f.size_voxels) for f in without.findings] == [
        (f.check, f.status, f.size_voxels) for f in full.findings
    ]
    assert [(m.metric, m.value) for m in without.measurements] == [(m.metric, m.value) for m in full.measurements]
    assert [(v.verdict, v.structure) for v in without.verdicts] == [(v.verdict, v.structure) for v in full.verdicts]
    assert without.case.geometry == full.case.geometry
    assert (without.case.acquisition.kvp, without.case.acquisition.model) == (
        full.case.acquisition.kvp,
        full.case.acquisition.model,
    )
    assert [r.grade for r in without.ratings] == [4, 1]


def test_the_record_and_the_page_say_that_they_were_deidentified_and_not_with_the_whole_profile(reports):
    (out, _), plain = reports
    record = QCRecord.from_json((out / "record.json").read_text(encoding="utf-8"))
    assert record.deidentification.keyed is False
    assert "not the whole profile" in record.deidentification.profile
    assert "<strong>De-identified.</strong>" in (out / "report.html").read_text(encoding="utf-8")
    assert QCRecord.from_json((plain / "record.json").read_text(encoding="utf-8")).deidentification is None
    assert [i.path for i in record.inputs] == [i.sha256 for i in record.inputs] == [None, None, None]


def test_the_contrast_delay_is_kept_and_the_times_are_not(reports):
    (out, _), _ = reports
    record = QCRecord.from_json((out / "record.json").read_text(encoding="utf-8"))
    # 17:18:19 to 17:19:34
    assert (record.case.acquisition.contrast_start_time, record.case.acquisition.acquisition_time) == ("000000", "000115")
    assert any(finding.check == "contrast_phase" and "75 s" in finding.message for finding in record.findings)


def test_with_a_key_pseudonyms_are_the_same_in_every_report_and_the_key_is_in_none(outputs, tmp_path, monkeypatch, capsys):
    seed, folder, values = outputs[0]
    (tmp_path / "key").write_bytes(KEY + b"\n")
    assert run(seed, folder, tmp_path / "a", "--deidentify", "--deidentify-key", tmp_path / "key") == 0
    monkeypatch.setenv(KEY_VARIABLE, KEY.decode())
    assert run(seed, folder, tmp_path / "b", "--deidentify") == 0
    printed = capsys.readouterr()
    monkeypatch.setenv(KEY_VARIABLE, "another secret of this test")
    assert run(seed, folder, tmp_path / "c", "--deidentify") == 0
    records = [(tmp_path / name / "record.json").read_text(encoding="utf-8") for name in "abc"]
    assert records[0] == records[1] != records[2]
    record = QCRecord.from_json(records[0])
    assert record.case.acquisition.series_instance_uid.startswith("2.25.")
    assert len(record.case.acquisition.series_instance_uid) <= 64
    assert re.fullmatch(r"reader [0-9a-f]{12}", record.ratings[0].reader)
    assert len({record.ratings[0].reader, record.ratings[1].reader, record.inputs[1].name}) == 3
    for text in (everything_in(tmp_path / "a"), printed.out, printed.err):
        assert seed not in text.casefold()
        assert KEY.decode() not in text
        assert KEY.hex() not in text
        assert values["SeriesInstanceUID"] not in text


def test_the_terminal_names_no_folder(outputs, tmp_path, capsys):
    seed, folder, _ = outputs[1]
    assert run(seed, folder, tmp_path / f"{seed}out", "--deidentify") == 0
    printed = capsys.readouterr()
    assert seed not in (printed.out + printed.err).casefold()
    assert "report.html" in printed.out


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--scene", "x.mrb", "--deidentify"), "--scene and --deidentify contradict"),
        (("--dicom", "--deidentify"), "--dicom and --deidentify contradict"),
        (("--deidentify-key", "key"), "does nothing without --deidentify"),
    ],
)
def test_options_that_contradict_it_are_wrong_usage(outputs, tmp_path, capsys, more, words):
    with pytest.raises(SystemExit) as stopped:
        run(*outputs[0][:2], tmp_path, *more)
    assert stopped.value.code == 2
    assert words in capsys.readouterr().err


def test_a_short_key_is_refused_without_showing_it(outputs, tmp_path, capsys):
    (tmp_path / "key").write_text("birdsong")
    assert run(*outputs[0][:2], tmp_path / "out", "--deidentify", "--deidentify-key", tmp_path / "key") == 1
    message = capsys.readouterr().err
    assert "holds a key of 8 bytes" in message
    assert "birdsong" not in message


def test_compare_names_no_file_either(outputs, tmp_path, capsys):
    seed, folder, _ = outputs[0]
    pair = [str(folder / f"{seed}{name}.nrrd") for name in ("reference", "candidate")]
    options = ["--labels", str(folder / f"{seed}names.json"), "--json", str(tmp_path / "c.json"), "--csv", str(tmp_path / "c.csv")]
    assert main(["compare", *pair, *options, "--deidentify"]) == 0
    printed = capsys.readouterr()
    assert seed not in (everything_in(tmp_path) + printed.out + printed.err).casefold()
    report = json.loads((tmp_path / "c.json").read_text(encoding="utf-8"))
    assert [entry["segment"] for entry in report["segments"]] == ["liver", "renamed segment 1"]
    assert report["deidentification"]["keyed"] is False


def test_warnings_of_libraries_quote_no_header(tmp_path):
    # In a process of its own: pytest keeps warnings away from the terminal.
    invalid = {"StudyInstanceUID": "1.2.qzinvalid", "SeriesDescription": "qzlong" * 20, "PatientBirthDate": "qzdate"}
    with warnings.catch_warnings(action="ignore"):
        write_series(tmp_path / "series", range(0, 20, 2), rows=20, columns=30, **invalid)
    drawn = sitk.GetImageFromArray(np.ones((10, 20, 30), np.uint8))
    sitk.WriteImage(drawn, tmp_path / "candidate.nrrd")
    arguments = ["evaluate", "--image", tmp_path / "series", "--candidate", tmp_path / "candidate.nrrd"]
    arguments += ["--out", tmp_path / "out", "--protocol", PROTOCOL.protocol.id]
    command = [sys.executable, "-m", "SegQCLib.cli", *map(str, arguments)]
    first = next((tmp_path / "series").iterdir())
    with pytest.warns(UserWarning, match="qzinvalid"):
        str(pydicom.dcmread(first).StudyInstanceUID)
    done = subprocess.run([*command, "--deidentify"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "qz" not in done.stdout + done.stderr
    done = subprocess.run(command, capture_output=True, text=True)
    assert "UserWarning" not in done.stderr


@pytest.mark.parametrize(("value", "warned"), [("YES", True), ("NO", False), (None, False)])
def test_burned_in_annotation_is_a_warning(tmp_path, capsys, value, warned):
    attributes = {} if value is None else {"BurnedInAnnotation": value}
    write_series(tmp_path / "series", range(0, 20, 2), rows=20, columns=30, **attributes)
    image = sitk.ReadImage([str(path) for path in sorted((tmp_path / "series").iterdir())])
    labels = np.zeros(image.GetSize()[::-1], np.uint8)
    labels[2:5, 3:9, 3:9] = 1
    drawn = sitk.GetImageFromArray(labels)
    drawn.CopyInformation(image)
    sitk.WriteImage(drawn, tmp_path / "candidate.nrrd")
    arguments = ["evaluate", "--image", tmp_path / "series", "--candidate", tmp_path / "candidate.nrrd", "--out", tmp_path / "out"]
    assert main([*map(str, arguments), "--protocol", PROTOCOL.protocol.id, "--deidentify"]) == 0
    message = "Burned In Annotation (0028,0301) is YES in 10 of 10 files"
    assert (message in capsys.readouterr().err) is warned
    assert (message in (tmp_path / "out" / "record.json").read_text(encoding="utf-8")) is warned


def test_facts_that_are_kept_exist_and_new_ones_are_left_out_until_somebody_decides():
    names = {field.name for field in fields(Acquisition)}
    assert names >= KEPT_FACTS
    assert not {name for name in KEPT_FACTS if re.search(r"uid|serial|date|_time$|description|protocol|patient|institution", name)}


def test_facts_that_differ_between_slices_still_do_without_their_values():
    differing = (DifferingFact("device_serial", ("zz1", "zz2")), DifferingFact("kvp", ("100", "120")))
    case = Case(replace(a_volume(), acquisition=Acquisition("DICOM headers", differing=differing)), a_segmentation())
    shown = deidentified_case(case, None, Pseudonyms(None)).image.acquisition.differing
    assert [item.values for item in shown] == [("value 1 (left out)", "value 2 (left out)"), ("100", "120")]


def a_case(names: dict[str, str]) -> Case:
    """Return a case with a name, word or identifier from `names` in every place that has one."""
    geometry = a_geometry()
    codes = Terminology(Code("1", "99X", names["meaning"]), Code("2", "99X", names["meaning"]))
    image = replace(
        a_volume(geometry),
        acquisition=Acquisition(
            source="DICOM headers",
            modality="CT",
            device_serial=names["serial"],
            study_instance_uid=names["study"],
            series_instance_uid=names["series"],
            frame_of_reference_uid=names["frame"],
            series_description=names["description"],
            contrast_agent=names["agent"],
            window_levels=(WindowLevel(400, 40, names["window"]),),
        ),
        source=FileSource(f"/data/{names['folder']}/image", "0" * 64),
        findings=(Finding("files_ignored", Status.PASS, f"1 file was not read: {names['file']}.", names["file"]),),
    )

    def drawn(box, name, reader):
        segmentation = a_segmentation(geometry, reader, liver=box, other=((6, 8), (2, 6), (3, 9)))
        liver, other = segmentation.segments
        other = replace(
            other,
            name=name,
            terminology=codes,
            algorithm_type="AUTOMATIC",
            algorithm_name=names["algorithm"],
            algorithm_version=names["version"],
            tracking_uid=names["tracking"],
        )
        source = FileSource(f"/data/{names['folder']}/{reader}", "1" * 64)
        return replace(segmentation, segments=(liver, other), source=source)

    rating = PROTOCOL.protocol.ratings[0]
    finding = Finding("islands", Status.FAIL, f"{names['segment']} has an island.", segment=names["segment"])
    return Case(
        image=image,
        candidate=drawn(((1, 5), (2, 10), (3, 9)), names["segment"], names["reader"]),
        references=(drawn(((1, 5), (2, 11), (3, 9)), names["segment"], names["other reader"]),),
        draft=drawn(((1, 5), (2, 9), (3, 9)), names["segment"], names["draft"]),
        ratings=(give_grade(rating, 1, names["reader"], names["comment"]), give_grade(rating, 5, names["other reader"])),
        kept_findings=(keep(finding, names["reason"], names["reader"]),),
    )


@pytest.mark.parametrize(
    ("description", "shown"),
    [("Mueller T2 ax venous", "venous T2"), ("Mueller abdomen", "left out"), ("Ax FLAIR", "Ax FLAIR"), (None, None)],
)
def test_of_a_description_only_words_of_the_protocol_are_kept(description, shown):
    protocol = replace(PROTOCOL.protocol, mr_sequence=AllowedTexts(("*T2*", "Ax FLAIR"), "this test"))
    case = a_case({**{place: f"zz{place}" for place in PLACES}, "other reader": "zzother", "description": description})
    case = replace(case, image=replace(case.image, acquisition=replace(case.image.acquisition, protocol_name=description)))
    facts = deidentified_case(case, protocol, Pseudonyms(None)).image.acquisition
    assert (facts.series_description, facts.protocol_name) == (shown, shown)
    before, after = (
        [finding.status for check in (mr_sequence, contrast_phase) for finding in check.run(one, protocol)]
        for one in (case, deidentified_case(case, protocol, Pseudonyms(None)))
    )
    assert before == after


PLACES = (
    "meaning", "serial", "study", "series", "frame", "description", "agent", "window", "folder", "file", "algorithm",
    "version", "tracking", "segment", "reader", "draft", "comment", "reason",
)  # fmt: skip
NAME = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=30).filter(
    lambda t: t.strip() != ""
)


def deidentified_record(names: dict[str, str], key: bytes | None = None) -> QCRecord:
    pseudonyms = Pseudonyms(key)
    case = deidentified_case(a_case(names), PROTOCOL.protocol, pseudonyms)
    return marked_deidentified(evaluate(case, PROTOCOL), pseudonyms)


@pytest.fixture(scope="module")
def nobody() -> str:
    plain = {place: f"zz{place}" for place in PLACES}
    record = deidentified_record({**plain, "other reader": "zzother"})
    return record.to_json() + render_csv(record) + render_quality_csv(record, PROTOCOL.protocol)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(names=st.fixed_dictionaries(dict.fromkeys(PLACES, NAME)), other=NAME)
def test_a_record_does_not_depend_on_any_name(nobody, names, other):
    def same(name):
        return unicodedata.normalize("NFC", name.strip())

    assume(same(other) != same(names["reader"]))
    # Known names stay: a segment that is called kidney_left, a description that says portal, a tool that is allowed.
    assume(segment_name(names["segment"], PROTOCOL.protocol, Pseudonyms(None)) == "renamed segment 1")
    assume(not re.search("portal|venous|venös|pv|simulated", names["description"].casefold()))
    assume(not any("simulated" in value.casefold() for value in (*names.values(), other)))
    assume(not re.search("totalsegmentator|nnu-net", names["algorithm"].casefold()))
    assume(not re.match(r"v?\d", names["version"].casefold()))
    record = deidentified_record({**names, "other reader": other})
    assert record.to_json() + render_csv(record) + render_quality_csv(record, PROTOCOL.protocol) == nobody


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("zzMueller background", "renamed segment 1 background"),
        ("background_zzMueller", "renamed segment 1 background"),
        ("zzMueller", "renamed segment 1"),
        ("Liver background", "Liver background"),
        ("Background", "background"),
        ("zzbackgrounded", "renamed segment 1"),
    ],
)
def test_a_background_stays_the_background_of_its_segment(name, shown):
    assert segment_name(name, PROTOCOL.protocol, Pseudonyms(None)) == shown


def a_lesion_case() -> tuple[LoadedProtocol, Case]:
    """A lesion called after a person, and a background region drawn for it; grey values differ from voxel to voxel."""
    names = ("zzMueller lesion", "zzMueller lesion background")
    case = a_case({**{place: f"zz{place}" for place in PLACES}, "other reader": "zzother"})
    grid = case.image.geometry
    layer = np.zeros(grid.size, np.uint8)
    middle = tuple(n // 2 for n in grid.size)
    layer[: middle[0]], layer[middle[0] :] = 1, 2
    values = np.random.default_rng(1).normal(50, 10, grid.size).astype(np.float32)
    lesion = Terminology(Code("49755003", "SCT", "Morphologically Altered Structure"), Code("4147007", "SCT", "Mass"))
    segments = (Segment("1", names[0], 1, terminology=lesion), Segment("2", names[1], 2))
    rules = replace(
        PROTOCOL.protocol, structures=(Structure("lesion", lesion, is_lesion=True, many=True),), windows=(), contrast=None
    )
    image = replace(case.image, array=values)
    drawn = Segmentation("zzreader", grid, (layer,), segments)
    return replace(PROTOCOL, protocol=rules), Case(image, drawn)


def test_image_quality_against_a_drawn_background_is_the_same_and_names_nobody():
    protocol, case = a_lesion_case()
    pseudonyms = Pseudonyms(KEY)
    full = evaluate(case, protocol)
    without = marked_deidentified(evaluate(deidentified_case(case, protocol.protocol, pseudonyms), protocol), pseudonyms)

    def numbers(record):
        return [(m.measure, m.method, m.region, m.voxels, m.background_voxels, m.value) for m in record.image_quality]

    assert any(m.background == "zzMueller lesion background" for m in full.image_quality)
    assert numbers(without) == numbers(full)
    shown = without.to_json() + render_quality_csv(without, protocol.protocol) + render_report(without, protocol.protocol, ())
    assert "zz" not in shown.casefold()


def test_findings_of_reading_say_what_they_are_about_and_of_which_segment_without_their_sentence():
    case = a_case({**{place: f"zz{place}" for place in PLACES}, "other reader": "zzother"})
    crossing = Finding("contour_points", Status.FAIL, "Contours of zzsegment cross one another.", "3", segment="zzsegment")
    case = replace(case, candidate=replace(case.candidate, findings=(crossing, replace(crossing, check="zznew", segment="liver"))))
    known, unknown = deidentified_case(case, PROTOCOL.protocol, Pseudonyms(None)).candidate.findings
    assert (known.status, known.segment, known.measured) == (Status.FAIL, "renamed segment 1", None)
    assert known.message.startswith("Points and crossings of contours: noticed at reading")
    assert (unknown.segment, unknown.message.partition(":")[0]) == ("liver", "Something about the files")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("liver", "liver"),
        ("Left Kidney", "Left Kidney"),
        ("lung_upper_lobe_left", "lung_upper_lobe_left"),
        ("Segment_1", "Segment_1"),
        ("label_12", "label_12"),
        ("White liver", "renamed segment 1"),
        ("label_20261122", "renamed segment 1"),
        ("liver 20261122", "renamed segment 1"),
    ],
)
def test_segments_keep_names_that_are_not_a_persons_choice(name, shown):
    assert segment_name(name, PROTOCOL.protocol, Pseudonyms(None)) == shown


@pytest.mark.parametrize(
    ("status", "shown"), [(None, None), ("inprogress", "inprogress"), ("left to Dr. Qzalpha", "another status")]
)
def test_a_status_that_is_none_of_slicers_is_not_shown(status, shown):
    candidate = a_segmentation(a_geometry(), liver=((1, 2), (1, 2), (1, 2)))
    candidate = replace(candidate, segments=(replace(candidate.segments[0], status=status),))
    (segment,) = deidentified_segmentation(candidate, None, Pseudonyms(None)).segments
    assert segment.status == shown


def test_a_reader_is_one_name_however_it_is_typed_and_no_other_kind_of_name():
    keyed = Pseudonyms(KEY)
    assert keyed.of("reader", "José") == keyed.of("reader", " Jose\u0301 ")
    assert keyed.of("reader", "José").split()[1] != keyed.of("segment", "José").split()[1]


def test_simulated_data_still_say_so():
    case = a_case({**{place: f"zz{place}" for place in PLACES}, "other reader": "zzother", "reader": "zz (simulated reader)"})
    assert deidentified_case(case, PROTOCOL.protocol, Pseudonyms(None)).candidate.name == "reader 1 (simulated)"
