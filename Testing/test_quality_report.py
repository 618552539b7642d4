"""Image quality in the report and in its table: beside the study's limits, other cases and ratings."""

import csv
import dataclasses
import html
import io
import re

import numpy as np
import pytest
import SimpleITK as sitk

from dicom_series import write_series
from phantoms import a_geometry, a_segmentation
from SegQCLib.case import Acquisition, Code, Terminology
from SegQCLib.cli import main
from SegQCLib.geometry import sitk_image
from SegQCLib.image_quality_csv import COLUMNS, render_quality_csv
from SegQCLib.images import read_image
from SegQCLib.protocol import AllowedTexts, ImageQualityLimit, QCProtocol, Range, Structure
from SegQCLib.quality.quality_measurement import QualityMeasurement, StudyPosition
from SegQCLib.quality.quality_texts import bare_value, value_text, z_text
from SegQCLib.quality.study_limits import limits_of, segments_by_structure
from SegQCLib.readers.ratings import RatingGiven
from SegQCLib.record import CaseFacts, Input, ProtocolIdentity, QCRecord, Verdict
from SegQCLib.report import render_report
from SegQCLib.report_quality import NO_STUDY, quality_section

HASH = "0123456789abcdef" * 4
LIVER = Terminology(Code("123037004", "SCT", "Anatomical Structure"), Code("10200004", "SCT", "Liver"))
MASS = Terminology(Code("49755003", "SCT", "Morphologically Altered Structure"), Code("4147007", "SCT", "Mass"))
PHANTOM = Range("[hnsf'U]", "the study's phantom scans", None, 12.0)
PLACE = StudyPosition(-1.5, 34, 12.5, 1.25, "Vendor Model (serial number 7), protocol liver-ct 1.0.0")


def noise(**changes) -> QualityMeasurement:
    m = QualityMeasurement("liver", "liver", "noise", "sd", "SD of the core", "core", 1234, 11.25, "[hnsf'U]")
    return dataclasses.replace(m, **changes)


def cnr(segment="lesion 1", background="liver sphere", value=2.5, **changes) -> QualityMeasurement:
    m = QualityMeasurement(segment, "lesion", "cnr", "background_sd", "|difference| / SD", "whole", 27, value, "1", background, 500)
    return dataclasses.replace(m, **changes)


def a_protocol(*limits) -> QCProtocol:
    return QCProtocol(
        "segqc-protocol", "1.0", "liver-ct", "1.0.0", "Liver on CT", "Liver volume.", AllowedTexts(("CT",), "test"),
        (Structure("liver", LIVER), Structure("lesion", MASS, is_lesion=True, many=True)), image_quality=limits,
    )  # fmt: skip


def a_record(*numbers, **changes) -> QCRecord:
    record = QCRecord(
        "segqc-record", "1.0", "2026-11-21T18:59:48+00:00", {"SegQC": "0.1.0"},
        (Input("image", "ct", None, None), Input("candidate", "Reader 7", None, None)),
        CaseFacts(a_geometry(), Acquisition(modality="CT")), ProtocolIdentity("liver-ct", "1.0.0", "Liver on CT", HASH),
        (), (), (), (), (), Verdict.REVIEW, (), image_quality=numbers,
    )  # fmt: skip
    return dataclasses.replace(record, **changes)


def page(*numbers, limits=(), **changes) -> str:
    """Return the words of the report's section on image quality."""
    text = render_report(a_record(*numbers, **changes), a_protocol(*limits), ())
    text = text.partition("<h2>Image quality</h2>")[2].partition("<h2>Measures</h2>")[0]
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", text)))


def test_a_record_without_image_quality_has_no_section():
    assert quality_section(a_record(), a_protocol()) is None
    assert "Image quality" not in re.findall(r"<h2>(.*?)</h2>", render_report(a_record(), a_protocol(), ()))


def test_each_number_stands_with_unit_region_voxels_and_definition():
    text = page(noise())
    for expected in ("Noise (SD), HU", "11.25", "core of the segment", "1 234 voxels", "SD of the core", "lower is better"):
        assert expected in text, expected


def test_background_and_its_voxels_stand_with_the_number():
    assert "27 voxels, against liver sphere: 500" in page(cnr())


def test_a_limit_stands_with_its_source_and_whether_it_is_kept():
    limit = ImageQualityLimit("noise", "liver", PHANTOM)
    assert "up to 12 HU kept" in page(noise(), limits=(limit,))
    text = page(noise(value=12.5), limits=(limit,))
    assert "up to 12 HU not kept" in text
    assert "the study's phantom scans" in text


def test_a_value_just_beyond_a_limit_does_not_read_like_the_limit():
    text = page(noise(value=12.001), limits=(ImageQualityLimit("noise", "liver", PHANTOM),))
    assert "12.001" in text
    assert "not kept" in text


def test_a_limit_in_another_unit_judges_nothing():
    text = page(noise(unit="{arbitrary}"), limits=(ImageQualityLimit("noise", "liver", PHANTOM),))
    assert "up to 12 HU" in text
    assert "kept" not in text


def test_limits_are_those_of_measure_method_part_and_background():
    limits = (
        ImageQualityLimit("noise", "liver", PHANTOM),
        ImageQualityLimit("noise", "liver", PHANTOM, method="local"),
        ImageQualityLimit("noise", "liver", PHANTOM, part="whole"),
        ImageQualityLimit("cnr", "lesion", Range("1", "study", 1.0), background="liver"),
        ImageQualityLimit("cnr", "lesion", Range("1", "study", 2.0)),
    )
    protocol = a_protocol(*limits)

    def found(m):
        record = a_record(noise(segment="Leber"), m)
        return [limits.index(limit) for limit in limits_of(m, protocol, segments_by_structure(record))]

    assert found(noise()) == [0]
    assert found(noise(method="local")) == [1]
    assert found(noise(region="whole")) == [2]
    assert found(cnr(background="Leber sphere")) == [3]
    assert found(cnr(background="Leber")) == [3]
    assert found(cnr(background="tissue around lesion 1")) == [4]
    assert found(cnr(background="spleen sphere")) == []


def test_the_place_in_the_study_stands_beside_with_cases_and_stratum():
    text = page(noise(in_study=PLACE))
    assert "z −1.5 (34 cases)" in text
    assert "serial number 7" in text
    assert "no source says" in text


def test_too_few_cases_are_said():
    assert "No z-score: 3 other cases have this number." in page(noise(not_in_study="3 other cases have this number."))
    assert NO_STUDY in page(noise())


def test_a_refused_number_is_in_the_quiet_list_with_its_reason():
    refused = noise(measure="snr", method="air", unit="1", value=None, reason="CT has no Rayleigh noise.")
    section = quality_section(a_record(noise(), refused), a_protocol())
    assert section.refused == (("SNR (air)", "CT has no Rayleigh noise."),)
    assert [row.name for table in section.tables for row in table.rows] == ["Noise (SD)"]
    assert "SNR (air): does not apply CT has no Rayleigh noise." in page(noise(), refused)


def test_a_number_that_one_segment_lacks_has_a_note():
    lacking = noise(segment="Leber", value=None, reason="Too small for a core.")
    text = page(noise(), lacking)
    assert "none 1" in text
    assert "Too small for a core." in text


def test_ratings_stand_beside_the_numbers():
    rating = RatingGiven("noise", "Noise", 2, "marked", "highest", 1, 5, "A", "2026-11-21T10:00:00+00:00", "test")
    assert "Noise: 2 (marked), 1 to 5, 5 is best; A" in page(noise(), ratings=(rating,))


def test_lesions_and_organs_have_tables_of_their_own_of_at_most_six_columns():
    numbers = [noise(segment=f"organ {n}", structure="liver") for n in range(8)] + [cnr(f"lesion {n}") for n in range(2)]
    tables = quality_section(a_record(*numbers), a_protocol()).tables
    assert [len(table.segments) for table in tables] == [2, 6, 2]
    assert tables[0].rows[0].name == "CNR (background SD)"


def test_segments_of_one_name_have_a_column_each():
    (table,) = quality_section(a_record(cnr(value=1.0), cnr(value=2.0)), a_protocol()).tables
    assert [cell.text for cell in table.rows[0].cells] == ["1.00", "2.00"]


def test_numbers_against_two_backgrounds_are_two_rows():
    (table,) = quality_section(a_record(cnr(), cnr(background="tissue around lesion 1")), a_protocol()).tables
    assert len(table.rows) == 2


def test_markup_in_names_is_shown_as_it_is():
    text = render_report(a_record(noise(segment="<b>x</b>", remark="<i>y</i>")), a_protocol(), ())
    assert "<b>x" not in text
    assert "<i>y" not in text


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [(17.206, "[hnsf'U]", "17.21 HU"), (0.8666, "1", "0.867"), (1234.5, "{arbitrary}", "1\u202f234 arbitrary units")],
)
def test_values_are_written_with_their_unit(value, unit, shown):
    assert value_text(value, unit) == shown


def test_negative_numbers_and_small_z_scores_are_written_plainly():
    assert bare_value(-0.5) == "−0.500"
    assert [z_text(dataclasses.replace(PLACE, z=z)) for z in (0.04, -0.04, 2.25, None)] == ["0.0", "0.0", "+2.2", "undefined"]


def test_the_table_has_every_number_with_all_digits_and_nothing_that_a_spreadsheet_runs():
    limit = ImageQualityLimit("noise", "liver", PHANTOM)
    numbers = (noise(value=11.123456789, in_study=PLACE), noise(segment="=cmd", value=None, reason="-1"))
    text = render_quality_csv(a_record(*numbers), a_protocol(limit))
    first, second = csv.DictReader(io.StringIO(text))
    assert tuple(first) == COLUMNS
    assert float(first["value"]) == 11.123456789
    assert (first["limit"], first["limit_kept"], first["z"], first["study_cases"]) == ("up to 12 HU", "yes", "-1.5", "34")
    assert (second["segment"], second["value"], second["limit_kept"], second["reason"]) == ("'=cmd", "", "", "'-1")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A simulated series with random noise and a segmentation of the liver, and 20 records of other cases of that scanner."""
    folder = tmp_path_factory.mktemp("study")
    planes = np.random.default_rng(1).normal(1084, 12, (12, 48, 48))
    planes[:, 8:40, 8:40] += 60
    write_series(
        folder / "ct", [2.0 * k for k in range(12)], rows=48, columns=48, planes=planes, Manufacturer="Vendor",
        ManufacturerModelName="Model", DeviceSerialNumber="7",
    )  # fmt: skip
    image = read_image(folder / "ct")
    sitk.WriteImage(
        sitk_image(a_segmentation(image.geometry, liver=((1, 11), (8, 40), (8, 40))).layers[0], image.geometry),
        str(folder / "liver.nrrd"),
    )
    (folder / "names.json").write_text('{"liver": 1}')
    return folder


def evaluate(study, out, *more):
    words = ["evaluate", "--image", study / "ct", "--candidate", study / "liver.nrrd", "--labels", study / "names.json"]
    words += ["--protocol", "ct-abdomen-portal-venous", "--out", out, *more]
    return main([str(word) for word in words])


def test_evaluate_with_a_study_gives_each_number_its_place(study, tmp_path):
    assert evaluate(study, tmp_path / "cases" / "own") == 0
    record = QCRecord.from_json((tmp_path / "cases" / "own" / "record.json").read_text(encoding="utf-8"))
    assert all(m.in_study is None and m.not_in_study is None for m in record.image_quality)
    measured = [m for m in record.image_quality if m.value is not None]
    assert measured
    for n in range(1, 21):
        facts = dataclasses.replace(record.case.acquisition, study_instance_uid=f"1.2.3.{n}")
        numbers = tuple(dataclasses.replace(m, value=m.value and m.value * (1 + (n - 10.5) / 100)) for m in record.image_quality)
        other = dataclasses.replace(record, case=dataclasses.replace(record.case, acquisition=facts), image_quality=numbers)
        (tmp_path / "cases" / f"{n}").mkdir()
        (tmp_path / "cases" / f"{n}" / "record.json").write_text(other.to_json(), encoding="utf-8")
    assert evaluate(study, tmp_path / "again", "--study", tmp_path / "cases") == 0
    again = QCRecord.from_json((tmp_path / "again" / "record.json").read_text(encoding="utf-8"))
    for m in again.image_quality:
        # Its own earlier record is in the folder and does not count.
        assert m.value is None or m.in_study.cases == 20
        # Values of the others are 0.905 ... 1.095 times its own, evenly on both sides.
        assert m.value in (None, 0) or m.in_study.z == pytest.approx(0.0, abs=1e-9)
    assert "z 0.0 (20 cases)" in html.unescape((tmp_path / "again" / "report.html").read_text(encoding="utf-8"))
    assert len(list(csv.DictReader(io.StringIO((tmp_path / "again" / "image_quality.csv").read_text(encoding="utf-8"))))) == len(
        again.image_quality
    )


def test_evaluate_with_a_study_folder_that_is_none_is_bad_data(study, tmp_path, capsys):
    assert evaluate(study, tmp_path / "out", "--study", tmp_path / "nothing") == 1
    assert "cannot be listed" in capsys.readouterr().err
