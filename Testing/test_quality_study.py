"""Image quality over a study: z-scores within scanner and protocol, and ratings beside the numbers."""

import csv
import dataclasses
import html
import io
import json
import math
import re

import numpy as np
import pytest
from scipy import stats

from phantoms import a_geometry
from SegQCLib.case import Acquisition, Code, Terminology
from SegQCLib.cli import main
from SegQCLib.errors import BadDataError
from SegQCLib.protocol import AllowedTexts, ImageQualityLimit, QCProtocol, Range, Structure
from SegQCLib.quality.quality_measurement import QualityMeasurement
from SegQCLib.quality.quality_study import furthest, quality_study, quality_study_schema
from SegQCLib.quality.quality_study_csv import quality_study_csv
from SegQCLib.quality.quality_study_page import render_quality_study
from SegQCLib.quality.rating_correlation import Correlation, case_grades, chance_sentence, correlation
from SegQCLib.quality.study_norms import FEWEST_CASES, place_in_study, position, quality_norms, stratum_of, z_scores
from SegQCLib.quality.study_records import NamedRecord, read_study_records
from SegQCLib.readers.ratings import RatingGiven
from SegQCLib.record import CaseFacts, Input, ProtocolIdentity, QCRecord, Verdict
from SegQCLib.resources import resource

HASH = "0123456789abcdef" * 4
LIVER = Terminology(Code("123037004", "SCT", "Anatomical Structure"), Code("10200004", "SCT", "Liver"))
SCANNER = Acquisition(modality="CT", manufacturer="SIEMENS", model="SOMATOM Force", device_serial="76001")
DEFINITION = "standard deviation of the core"


def noise(value=10.0, **changes) -> QualityMeasurement:
    m = QualityMeasurement("liver", "liver", "noise", "sd", DEFINITION, "core", 1000, value, "[hnsf'U]")
    return dataclasses.replace(m, **changes)


def refused(reason="CT has no air region with Rayleigh noise.") -> QualityMeasurement:
    return QualityMeasurement("liver", "liver", "snr", "air", "0.6551 mean / SD of air", "core", 1000, None, "1", reason=reason)


def a_rating(grade, reader="R1", best="highest", created="2026-11-21T10:00:00+00:00", rating="noise"):
    wording = None if grade is None else f"grade {grade}"
    return RatingGiven(rating, "Noise", grade, wording, best, 1, 5, reader, created, "test", grade is None)


def a_record(case=1, *numbers, ratings=(), scanner=SCANNER, created="2026-11-21T10:00:00+00:00", version="1.0.0") -> QCRecord:
    """Return the record of a case; its numbers are image-quality measurements, or values of the noise."""
    return QCRecord(
        "segqc-record",
        "1.0",
        created,
        {"SegQC": "0.1.0"},
        (Input("image", "ct", None, None), Input("candidate", "Reader 7", None, None)),
        CaseFacts(a_geometry(), dataclasses.replace(scanner, study_instance_uid=f"1.2.{case}")),
        ProtocolIdentity("liver-ct", version, "Liver on CT", HASH),
        (),
        (),
        (),
        (),
        (),
        Verdict.REVIEW,
        (),
        ratings=ratings,
        image_quality=tuple(n if isinstance(n, QualityMeasurement) else noise(n) for n in numbers),
    )


def a_protocol(*limits) -> QCProtocol:
    return QCProtocol(
        "segqc-protocol", "1.0", "liver-ct", "1.0.0", "Liver on CT", "Liver volume.", AllowedTexts(("CT",), "test"),
        (Structure("liver", LIVER),), image_quality=limits,
    )  # fmt: skip


def named(*records) -> list[NamedRecord]:
    return [NamedRecord(f"case-{n:02d}", record) for n, record in enumerate(records, 1)]


def words(page: str) -> str:
    body = re.sub(r"(?s)<style>.*?</style>", "", page)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", body)))


def placed(record, others):
    (m,) = place_in_study(record, quality_norms(others)).image_quality
    return m


def test_the_z_score_is_the_distance_from_the_median_in_units_of_the_scaled_mad():
    # Median 10.5 and MAD 5 by hand: deviations of 1 ... 20 from 10.5 are 0.5, 0.5, 1.5, 1.5 ... 9.5, 9.5.
    place = position(20.5, range(1, 21), "scanner A")
    assert (place.median, place.mad, place.cases) == (10.5, 5.0, 20)
    assert place.z == pytest.approx((20.5 - 10.5) / (1.4826 * 5), rel=1e-4)


def test_all_z_scores_at_once_are_those_of_each_case_alone():
    values = np.random.default_rng(2).gamma(4, 3, 27).round(1).tolist()
    for n, (value, z) in enumerate(zip(values, z_scores(values), strict=True)):
        assert z == pytest.approx(position(value, values[:n] + values[n + 1 :], "test").z)
        scale = stats.median_abs_deviation(values[:n] + values[n + 1 :], scale="normal")
        assert z == pytest.approx((value - np.median(values[:n] + values[n + 1 :])) / scale)
    assert z_scores([1.0] * 30) == [None] * 30


def test_a_study_of_twenty_cases_has_z_scores_and_one_of_nineteen_has_none():
    enough = placed(a_record(99, 30.0), [a_record(case, case) for case in range(1, 20)])
    assert enough.in_study.cases == FEWEST_CASES - 1 == 19
    assert enough.not_in_study is None
    few = placed(a_record(99, 30.0), [a_record(case, case) for case in range(1, 19)])
    assert few.in_study is None
    assert few.not_in_study.startswith("18 other cases have this number")
    assert "at least 20 cases, this one counted" in few.not_in_study
    with pytest.raises(ValueError, match="at least 19"):
        position(1.0, range(18), "test")


def test_the_case_itself_is_not_counted():
    records = [a_record(case, case) for case in range(1, 21)]
    assert placed(records[0], records).in_study.cases == 19
    m = placed(records[0], records[:-1])
    assert m.in_study is None
    assert m.not_in_study.startswith("18 other cases")


def test_cases_that_are_all_the_same_give_no_z_score():
    m = placed(a_record(99, 11.0), [a_record(case, 10.0) for case in range(1, 21)])
    assert m.in_study.z is None
    assert (m.in_study.median, m.in_study.mad) == (10.0, 0.0)


@pytest.mark.parametrize(
    "other",
    [
        {"scanner": dataclasses.replace(SCANNER, device_serial="76002")},
        {"scanner": dataclasses.replace(SCANNER, device_serial=None)},
        {"scanner": dataclasses.replace(SCANNER, model="SOMATOM Edge")},
        {"version": "2.0.0"},
    ],
    ids=["device", "device not known", "model", "version of the protocol"],
)
def test_another_scanner_or_protocol_is_not_compared(other):
    assert placed(a_record(99, 10.0, **other), [a_record(case, case) for case in range(1, 31)]).in_study is None


@pytest.mark.parametrize(
    "changes",
    [
        {"structure": "spleen"},
        {"method": "local"},
        {"region": "whole"},
        {"unit": "{arbitrary}"},
        {"background": "aorta", "background_voxels": 9},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_another_kind_of_number_is_not_compared(changes):
    assert placed(a_record(99, noise(**changes)), [a_record(case, case) for case in range(1, 31)]).in_study is None


def test_names_of_scanners_differ_in_case_and_white_space_only():
    same = dataclasses.replace(SCANNER, manufacturer="Siemens ", model="Somatom  Force")
    assert placed(a_record(99, 10.0, scanner=same), [a_record(case, case) for case in range(1, 31)]).in_study.cases == 30


def test_without_a_serial_number_the_text_says_that_devices_are_not_told_apart():
    scanner = dataclasses.replace(SCANNER, device_serial=None)
    m = placed(a_record(99, 10.0, scanner=scanner), [a_record(case, case, scanner=scanner) for case in range(1, 31)])
    assert "serial number not known" in m.in_study.stratum


def test_without_a_scanner_nothing_is_compared_and_it_is_said():
    m = placed(a_record(99, 10.0, scanner=Acquisition()), [a_record(case, case, scanner=Acquisition()) for case in range(1, 31)])
    assert m.in_study is None
    assert "(0008,0070)" in m.not_in_study


def test_simulated_and_real_images_are_never_compared():
    def simulated(record):
        return dataclasses.replace(record, inputs=(Input("image", "simulated CT", None, None),))

    assert placed(a_record(99, 10.0), [simulated(a_record(case, case)) for case in range(1, 31)]).in_study is None
    assert stratum_of(simulated(a_record())).words.startswith("simulated")


def test_the_latest_record_of_an_examination_counts_in_whatever_order_they_come():
    study = [a_record(case, float(case)) for case in range(1, 22)]
    first = a_record(1, 500.0, created="2026-11-20T23:00:00-03:00")  # 02:00 UTC on 21 November: before 10:00
    for records in ([first, *study], [*study, first]):
        assert placed(a_record(99, 11.0), records).in_study.median == 11.0


def test_several_segments_of_a_structure_count_as_one_case_with_their_median():
    lesions = [
        a_record(case, *(noise(case + add, segment=f"lesion {n}", structure="lesion") for n, add in enumerate((-90.0, 0.0, 1.0))))
        for case in range(1, 21)
    ]
    m = placed(a_record(99, noise(10.5, segment="lesion 7", structure="lesion")), lesions)
    assert (m.in_study.cases, m.in_study.median, m.in_study.z) == (20, 10.5, 0.0)


def test_background_of_its_own_segment_is_one_kind_whatever_the_segment_is_called():
    def cnr(segment, value):
        return noise(value, segment=segment, structure="lesion", background=f"{segment} background", background_voxels=50)

    others = [a_record(case, cnr(f"lesion {case}", float(case))) for case in range(1, 21)]
    assert placed(a_record(99, cnr("lesion 44", 3.0)), others).in_study.cases == 20


def test_a_refused_number_keeps_its_own_reason_and_gets_no_place():
    m = placed(a_record(99, refused()), [a_record(case, refused()) for case in range(1, 31)])
    assert (m.in_study, m.not_in_study) == (None, None)


def test_grades_are_turned_so_that_the_best_is_highest_and_readers_count_as_their_median():
    ratings = (a_rating(1, "A", "lowest"), a_rating(2, "B", "lowest"), a_rating(4, "C", "lowest"), a_rating(None, "D", "lowest"))
    ((scale, grade),) = case_grades(ratings).items()
    assert scale.words == "1 to 5, 1 is best"
    assert (grade.grade, grade.readers, grade.not_assessable) == (4.0, 3, 1)


def test_the_last_answer_of_a_reader_counts():
    ratings = (a_rating(5, created="2026-11-22T10:00:00+00:00"), a_rating(1))
    assert next(iter(case_grades(ratings).values())).grade == 5


def test_the_coefficient_with_many_ties_is_that_of_the_formula_with_correction_for_ties():
    # Marques de Sa, Applied Statistics Using SPSS, STATISTICA, MATLAB and R, 2nd ed., Springer 2007, p. 70: Table 2.10 (150 cork
    # stoppers in four classes of two features) and formula 2.22.
    table = np.array([[25, 9, 4, 1], [12, 13, 10, 1], [1, 13, 15, 9], [1, 1, 9, 26]])
    x, y = (np.repeat(classes.ravel(), table.ravel()) for classes in np.indices(table.shape))
    n, squares = len(x), float(((stats.rankdata(x) - stats.rankdata(y)) ** 2).sum())
    tx, ty = (float((counts**3 - counts).sum()) for counts in (table.sum(axis=1), table.sum(axis=0)))
    expected = (n**3 - n - 6 * squares - (tx + ty) / 2) / math.sqrt((n**3 - n) ** 2 - (tx + ty) * (n**3 - n) + tx * ty)
    found = correlation(dict(zip(map(str, range(n)), x, strict=True)), dict(zip(map(str, range(n)), y, strict=True)))
    assert found.rho == pytest.approx(expected)
    assert found.lower < found.rho < found.upper


def test_the_bootstrap_interval_is_that_of_spearman_over_drawn_cases():
    generator = np.random.default_rng(3)
    y = generator.integers(1, 6, 40).astype(float)
    x = y + generator.normal(0, 2, 40)
    found = correlation({str(n): v for n, v in enumerate(x)}, {str(n): v for n, v in enumerate(y)})

    def rho(x, y):
        return stats.spearmanr(x, y).statistic

    # Paired resamples of scipy itself, another seed: ends of 2,000 resamples differ by chance.
    peer = stats.bootstrap((x, y), rho, paired=True, vectorized=False, method="percentile", n_resamples=2000, rng=5)
    assert (found.lower, found.upper) == pytest.approx(tuple(peer.confidence_interval), abs=0.03)


def test_fewer_than_twenty_cases_with_both_have_no_correlation():
    numbers = {str(n): float(n) for n in range(30)}
    found = correlation(numbers, {str(n): float(n % 5) for n in range(19)})
    assert (found.cases, found.rho) == (19, None)
    assert "at least 20" in found.reason


def test_one_grade_for_all_has_no_correlation_and_nearly_one_no_interval():
    numbers = {str(n): float(n) for n in range(30)}
    assert "the same" in correlation(numbers, dict.fromkeys(numbers, 4.0)).reason
    found = correlation(numbers, {**dict.fromkeys(numbers, 4.0), "29": 5.0})
    assert found.rho > 0
    # Of 30 cases drawn, (29/30)^30 = 36 % of the samples lack the one that differs.
    assert found.lower is None
    assert found.reason


def test_a_few_samples_of_one_grade_do_not_cost_the_interval():
    numbers = {str(n): float(n) for n in range(30)}
    # (26/30)^30 = 1.4 % of the samples have none of the four.
    found = correlation(numbers, {**dict.fromkeys(numbers, 4.0), **dict.fromkeys(("26", "27", "28", "29"), 5.0)})
    assert found.lower is not None


def test_how_many_correlations_stand_out_by_chance_is_said():
    apart, none = Correlation(30, 0.5, 0.2, 0.7), Correlation(30, 0.1, -0.2, 0.4)
    sentence = chance_sentence([apart, *[none] * 39, Correlation(5, None, None, None, "few")])
    assert "40 correlations" in sentence
    assert "1 of the intervals" in sentence
    assert "2.0 of 40" in sentence
    assert chance_sentence([]) is None


def a_study(cases=25):
    """Records whose noise rises with the case, whose SNR falls, and whose readers see it; the air method is refused."""
    return named(
        *(
            a_record(
                case,
                float(case + (200 if case == cases else 0)),
                refused(),
                ratings=(a_rating(1 + case * 4 // (cases + 1), "A", "lowest"), a_rating(None, "B", "lowest")),
            )
            for case in range(1, cases + 1)
        )
    )


def test_the_study_has_every_case_with_its_z_and_names_the_furthest():
    study = quality_study(a_study())
    snr, noise_ = study.numbers
    (stratum,) = noise_.strata
    assert (study.cases, len(stratum.cases)) == (25, 25)
    assert stratum.why_no_z is None
    # Of the other 24, 1 ... 24: median 12.5, MAD 6.
    case, (far,) = next(iter(furthest(study).items()))
    assert case == "case-25"
    assert far.case.z == pytest.approx((225 - 12.5) / (1.4826 * 6), rel=1e-4)
    assert snr.strata[0].cases == ()
    assert snr.strata[0].refused == {"CT has no air region with Rayleigh noise.": 25}


def test_each_case_of_a_study_of_twenty_has_a_z_score_and_of_nineteen_none():
    (number,) = (number for number in quality_study(a_study(20)).numbers if number.measure == "noise")
    assert all(case.z is not None for case in number.strata[0].cases)
    (number,) = (number for number in quality_study(a_study(19)).numbers if number.measure == "noise")
    assert all(case.z is None for case in number.strata[0].cases)
    assert number.strata[0].why_no_z.startswith("18 other cases")


def test_more_noise_with_worse_grades_is_a_negative_correlation_although_one_is_best():
    (found,) = quality_study(a_study()).ratings
    assert found.turned
    assert found.upper < 0
    assert found.not_assessable == 25
    assert len(found.cases) == 25
    assert found.rho == pytest.approx(stats.spearmanr([c.value for c in found.cases], [c.grade for c in found.cases]).statistic)


def test_ratings_of_all_records_of_a_case_count_and_numbers_of_the_latest():
    one = a_record(1, 5.0, ratings=(a_rating(5, "A"),))
    later = a_record(1, 7.0, ratings=(a_rating(3, "B"),), created="2026-11-22T10:00:00+00:00")
    study = quality_study(named(one, later))
    assert study.superseded == ("case-01",)
    ((rated,),) = [found.cases for found in study.ratings]
    assert (rated.case, rated.value, rated.grade, rated.readers) == ("case-02", 7.0, 4.0, 2)


def test_the_page_shows_limits_z_scores_ratings_refusals_and_rules():
    limit = ImageQualityLimit("noise", "liver", Range("[hnsf'U]", "the study's phantom scans", None, 30.0))
    page = render_quality_study(quality_study(a_study(), a_protocol(limit)))
    text = words(page)
    for expected in (
        "25 cases from 25 records", "case-25", "up to 30 HU", "the study's phantom scans", "CT has no air region", "Spearman",
        "higher numbers go with worse grades", "itself is left out", DEFINITION, "no published limit", "serial number 76001",
    ):  # fmt: skip
        assert expected in text, expected
    assert "://" not in page
    assert 'class="limit"' in page


def test_the_page_of_a_few_cases_says_what_is_missing():
    text = words(render_quality_study(quality_study(a_study(3))))
    assert "2 other cases have this number" in text
    assert "3 cases have both; at least 20 are needed" in text


def test_simulated_records_are_called_so():
    records = [
        dataclasses.replace(entry, record=dataclasses.replace(entry.record, inputs=(Input("image", "simulated", None, None),)))
        for entry in a_study(3)
    ]
    study = quality_study(records)
    assert study.simulated
    assert "SIMULATED" in words(render_quality_study(study))
    assert {row["simulated"] for row in csv.DictReader(io.StringIO(quality_study_csv(study)))} == {"SIMULATED"}


def test_the_table_has_one_line_per_case_and_number_and_one_per_correlation():
    rows = list(csv.DictReader(io.StringIO(quality_study_csv(quality_study(a_study())))))
    kinds = [row["of"] for row in rows]
    assert (kinds.count("case"), kinds.count("refused"), kinds.count("correlation")) == (25, 1, 1)
    last = next(row for row in rows if row["case"] == "case-25")
    assert (last["unit"], float(last["value"]), last["scanner_cases"]) == ("[hnsf'U]", 225.0, "25")


def test_the_shipped_schema_is_the_one_of_the_program():
    shipped = resource("Schemas/quality_study.schema.json").read_text(encoding="utf-8")
    assert json.loads(shipped) == quality_study_schema()


@pytest.fixture
def folder(tmp_path):
    for entry in a_study(21):
        (tmp_path / entry.name).mkdir()
        (tmp_path / entry.name / "record.json").write_text(entry.record.to_json(), encoding="utf-8")
    return tmp_path


def test_a_folder_is_read_and_a_broken_record_is_left_out_and_said(folder, capsys):
    (folder / "broken").mkdir()
    (folder / "broken" / "record.json").write_text("{}", encoding="utf-8")
    (folder / ".trash").mkdir()
    (folder / ".trash" / "record.json").write_text("{}", encoding="utf-8")
    out = folder / "out.json"
    assert (
        main(
            ["quality", "study", str(folder), "--json", str(out), "--csv", str(folder / "q.csv"), "--html", str(folder / "q.html")]
        )
        == 0
    )
    told = capsys.readouterr()
    assert "21 cases from 21 records" in told.out
    assert "case-21" in told.out
    assert "broken" in told.err
    assert ".trash" not in told.err
    assert json.loads(out.read_text(encoding="utf-8"))["cases"] == 21
    assert (folder / "q.csv").read_bytes().startswith(b"\xef\xbb\xbf")


def test_a_folder_without_records_is_bad_data(tmp_path):
    with pytest.raises(BadDataError, match=r"holds no record\.json"):
        read_study_records(tmp_path)
    assert main(["quality", "study", str(tmp_path / "nothing")]) == 1


def test_the_record_keeps_its_place_in_the_study_when_it_is_written_and_read():
    record = place_in_study(a_record(99, 30.0), quality_norms([a_record(case, float(case)) for case in range(1, 31)]))
    again = QCRecord.from_json(record.to_json())
    assert again.image_quality == record.image_quality
    assert math.isfinite(again.image_quality[0].in_study.z)
