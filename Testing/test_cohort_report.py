"""The sections of a cohort's page, from tables that are written by hand."""

import math

import numpy as np
import pytest

from cohort_report_tables import case, finding, measurement, write_cohort
from SegQCLib.cohort.case_outcome import Outcome
from SegQCLib.cohort.cohort_folder import CohortFolder
from SegQCLib.cohort.report.alike_texts import alike_texts
from SegQCLib.cohort.report.case_faults import case_faults
from SegQCLib.cohort.report.cohort_report import cohort_report
from SegQCLib.cohort.report.duplicates import duplicates
from SegQCLib.cohort.report.gate_failures import gate_failures
from SegQCLib.cohort.report.missing_structures import StructureAsked, missing_structures
from SegQCLib.cohort.report.outliers import measurement_outliers, quality_outliers
from SegQCLib.cohort.report.predicted_agreement import predicted_agreement, reached_dice
from SegQCLib.cohort.report.report_cases import report_cases
from SegQCLib.cohort.report.robust_z import robust_z
from SegQCLib.cohort.report.runtime import runtime
from SegQCLib.cohort.report.segment_values import segment_values
from SegQCLib.cohort.report.structure_agreement import structure_agreement
from SegQCLib.cohort.report.verdict_counts import verdict_counts
from SegQCLib.cohort.report.worst_cases import worst_cases
from SegQCLib.errors import BadDataError
from SegQCLib.record import Verdict


def test_the_robust_z_score_is_the_modified_z_score_of_iglewicz_and_hoaglin():
    # They write 0.6745 (x - median) / MAD. 1 ... 19: median 10, MAD 5 with 100 added at the end: median 10.5, MAD 5.
    values = np.array([*range(1, 20), 100], float)
    found = robust_z(values)
    assert (found.median, found.mad) == (10.5, 5.0)
    np.testing.assert_allclose(found.z, 0.6745 * (values - 10.5) / 5.0, rtol=1e-4)


@pytest.mark.parametrize(
    ("values", "mad"), [(range(19), math.nan), ([3.0] * 20, 0.0), ([0.1 + 0.2] * 11 + [0.3] * 5 + [1, 2, 3, 4], 0.0)]
)
def test_too_few_or_equal_values_have_no_robust_z_score(values, mad):
    found = robust_z(np.array(list(values), float))
    assert found.z is None
    assert found.mad == pytest.approx(mad, nan_ok=True)


def test_texts_that_differ_in_numbers_and_paths_only_are_told_as_one():
    texts = ["Dice is 0.81; accepted: at least 0.9 (Smith 2020).", "other", "Dice is 0.7; accepted: at least 0.9 (Smith 2020)."]
    first, second = alike_texts(texts)
    assert (first.text, first.places) == ("Dice is …; accepted: at least 0.9 (Smith 2020).", (0, 2))
    assert (second.text, second.places) == ("other", (1,))
    (paths,) = alike_texts(["file /a/b.nii is cut", "file /c/d.nii is cut"])
    assert paths.text == "file … is cut"


def test_an_apostrophe_is_no_quotation():
    texts = ["the protocol's limit is near, the organ's is not", "the protocol's range is near, the organ's is not"]
    assert len(alike_texts(texts)) == 2


def test_a_value_against_several_references_is_their_mean_and_undefined_where_one_is(tmp_path):
    rows = [
        measurement("a", "dice", 0.8),
        measurement("a", "dice", 0.6, reference="reference 2"),
        measurement("a", "dice", 0.1, reference="draft"),
        measurement("b", "dice", 0.8),
        measurement("b", "dice", None, reference="reference 2"),
        measurement("b", "dice", 0.5, segment="extra", structure=None),
    ]
    measured = segment_values(write_cohort(tmp_path, measurements=rows))
    dice = measured.metrics["dice"]
    told = {
        (measured.cases[c], measured.segments[s].group): (value, references)
        for c, s, value, references in zip(dice.cases, dice.segments, dice.values, dice.references, strict=True)
    }
    assert told["a", "liver"] == (pytest.approx(0.7), 2)
    assert told["b", "extra"] == (0.5, 1)
    assert np.isnan(told["b", "liver"][0])


def test_values_keep_their_cases_over_parts_with_other_codes(tmp_path):
    rows = [measurement(f"case {n % 10}", metric, float(n), f"s{n % 3}") for n in range(40) for metric in ("dice", "assd_mm")]
    measured = segment_values(write_cohort(tmp_path, measurements=rows))
    found = measured.metrics["dice"]
    told = {
        (measured.cases[c], measured.segments[s].segment): value
        for c, s, value in zip(found.cases, found.segments, found.values, strict=True)
    }
    # n and n + 30 are the same case and segment.
    expected = {(f"case {n % 10}", f"s{n % 3}"): (n + (n + 30)) / 2 if n < 10 else float(n) for n in range(30)}
    assert told == expected


def test_verdicts_are_counted_by_case_and_structure_with_reasons_by_frequency(tmp_path):
    low, other = "Dice is 0.{}; accepted: at least 0.9 (study).", "Not compared with a reference."
    rows = [
        {"case": "a", "segment": "liver", "structure": "liver", "verdict": "REVIEW", "reasons": [low.format(7)]},
        {"case": "b", "segment": "liver", "structure": "liver", "verdict": "REVIEW", "reasons": [low.format(8), other]},
        {"case": "b", "segment": "spleen", "structure": "spleen", "verdict": "ACCEPT", "reasons": ["fine"]},
        {"case": "c", "segment": "spleen", "structure": "spleen", "verdict": "REJECT", "reasons": [low.format(1)]},
    ]
    checks = [
        finding("a", "islands", "FAIL", "3 islands"),
        finding("a", "islands", "FAIL", "4 islands", kept="a reader keeps it"),
        finding("b", "holes", "FAIL", "2 holes"),
        finding("c", "holes", "FAIL", "5 holes"),
        finding("c", "spikes", "WARN"),
        finding("a", "holes", "NOT_EVALUATED"),
        finding("a", "holes", "NOT_EVALUATED"),
        finding("b", "spikes", "NOT_EVALUATED"),
    ]
    cases = [case("a", "REVIEW"), case("b", "REVIEW"), case("c", "REJECT"), case("d", None, outcome="failed")]
    folder = write_cohort(tmp_path, cases=cases, verdicts=rows, findings=checks)
    counts = verdict_counts(folder, report_cases(folder))
    assert counts.cases == {Verdict.ACCEPT: 0, Verdict.REVIEW: 2, Verdict.REJECT: 1}
    assert [(row.structure, row.segments, row.counts[Verdict.ACCEPT]) for row in counts.structures] == [
        ("liver", 2, 0),
        ("spleen", 2, 1),
    ]
    told = [(reason.verdict, reason.text, reason.segments, reason.cases) for reason in counts.reasons]
    assert told[0] == (Verdict.REVIEW, "Dice is …; accepted: at least 0.9 (study).", 2, 2)
    assert (Verdict.REJECT, "Dice is 0.1; accepted: at least 0.9 (study).", 1, 1) in told
    assert [(row.check, row.cases, row.findings, row.kept, row.text, row.not_made) for row in counts.checks] == [
        ("holes", 2, 2, 0, "… holes", 1),
        ("islands", 1, 2, 1, "… islands", 0),
    ]


def test_faults_are_grouped_by_what_was_found_refused_ones_first(tmp_path):
    def broken(name, outcome, found):
        return case(name, None, outcome=outcome, error_where=f"/{name}", error_found=found, error_remedy="Copy it again.")

    rows = [
        broken("a", "failed", "its worker was killed."),
        broken("b", "refused", "is empty (0 bytes)."),
        broken("c", "refused", "has 3 of 9 slices."),
        broken("d", "refused", "has 4 of 9 slices."),
        case("e"),
    ]
    kinds = case_faults(report_cases(write_cohort(tmp_path, cases=rows)))
    assert [(kind.outcome, kind.found, [own.case for own in kind.cases]) for kind in kinds] == [
        (Outcome.REFUSED, "has … of 9 slices.", ["c", "d"]),
        (Outcome.REFUSED, "is empty (0 bytes).", ["b"]),
        (Outcome.FAILED, "its worker was killed.", ["a"]),
    ]


def prediction(case, threshold, segment="liver", **more):
    numbers = {"dice": 0.9, "lower": 0.85, "upper": 0.95, "threshold": threshold, "described_role": "reference"}
    return {
        "case": case,
        "segment": segment,
        "model": "m 1",
        "coverage": 0.8,
        "rule": "lower",
        "in_domain": True,
        **numbers,
        **more,
    }


def test_worst_is_by_verdict_then_failed_checks_then_dice_below_the_image_s_threshold_then_dice(tmp_path):
    cases = [
        case("accepted", "ACCEPT", failed_findings=0),
        case("review, two failed", "REVIEW", failed_findings=2),
        case("review, far below", "REVIEW", failed_findings=1),
        case("review, near", "REVIEW", failed_findings=1),
        case("review, low without threshold", "REVIEW", failed_findings=1),
        case("rejected", "REJECT", failed_findings=0),
    ]
    dice = {"review, far below": 0.6, "review, near": 0.55, "review, low without threshold": 0.1, "rejected": 0.9}
    folder = write_cohort(
        tmp_path,
        cases=cases,
        measurements=[measurement(name, "dice", value) for name, value in dice.items()],
        expected_agreement=[prediction("review, far below", 0.8), prediction("review, near", 0.6)],
        verdicts=[{"case": "rejected", "segment": "liver", "structure": "liver", "verdict": "REJECT", "reasons": ["why"]}],
        findings=[finding("review, two failed", "islands", "FAIL", "One."), finding("review, two failed", "holes", "FAIL", "Two.")],
    )
    predicted = predicted_agreement(folder)
    found = worst_cases(folder, report_cases(folder), reached_dice(segment_values(folder)), predicted, 10)
    assert [entry.case.case for entry in found] == [
        "rejected",
        "review, two failed",
        "review, far below",
        "review, near",
        "review, low without threshold",
    ]
    assert found[0].reasons == ("liver: why",)
    assert found[1].reasons == ("One.", "Two.")
    assert [entry.rank for entry in found] == [1, 2, 3, 4, 5]


def test_outliers_are_beyond_3_5_and_say_whether_they_are_worse(tmp_path):
    # Median 0.8, MAD 0.05 of 0.70, 0.75, ... 0.90 in turn; 0.5 lies 6 MAD below: z = -6 / 1.4826 = -4.05; 0.6: -2.7.
    values = [0.70 + 0.05 * (n % 5) for n in range(30)]
    rows = [measurement(f"c{n}", "dice", value) for n, value in enumerate(values)]
    rows += [measurement("low", "dice", 0.5), measurement("near", "dice", 0.6), measurement("unknown", "dice", 0.1, structure=None)]
    rows += [measurement(f"c{n}", "islands", 0.0, reference=None) for n in range(25)] + [
        measurement("i", "islands", 7.0, reference=None)
    ]
    rows += [measurement(f"c{n}", "assd_mm", 1.0 * n, unit="mm") for n in range(19)]
    found = measurement_outliers(segment_values(write_cohort(tmp_path, measurements=rows)))
    (low,) = found.found
    assert (low.case, low.of, low.measure, low.side, low.count) == ("low", "liver", "dice", "worse", 32)
    assert low.z == pytest.approx(-0.3 / (1.4826 * 0.05), rel=1e-4)
    (same,) = found.alike
    assert (same.measure, same.value, same.differing, same.count, same.others) == ("islands", 0.0, 1, 26, ("i",))
    assert (found.compared, found.too_few) == (2, 1)


def test_a_spread_that_the_page_cannot_show_gives_no_z_score(tmp_path):
    # MAD 0.00001: 0.97 would be 2,000 of them below the median.
    rows = [measurement(f"c{n}", "dice", 0.9999 + 0.00001 * (n % 5)) for n in range(30)]
    rows += [measurement("near", "dice", 0.97), measurement("far", "dice", 0.4)]
    found = measurement_outliers(segment_values(write_cohort(tmp_path, measurements=rows)))
    assert found.found == ()
    (alike,) = found.alike
    assert (alike.differing, alike.count, alike.others) == (2, 32, ("far", "near"))


def test_numbers_with_other_definitions_are_not_compared(tmp_path):
    def rows(name, count, low, tolerance):
        text = {"definition": f"surfel, tolerance {tolerance} mm"}
        return [measurement(f"{name}{n}", "surface_dice_protocol", low + 0.01 * (n % 5), **text) for n in range(count)]

    measured = segment_values(write_cohort(tmp_path, measurements=[*rows("a", 40, 0.9, 3), *rows("b", 20, 0.5, 1)]))
    assert (measurement_outliers(measured).found, measurement_outliers(measured).compared) == ((), 2)


def test_simulated_cases_are_compared_among_themselves(tmp_path):
    rows = [measurement(f"real {n}", "dice", 0.8 + 0.01 * (n % 5)) for n in range(25)] + [measurement("made", "dice", 0.1)]
    measured = segment_values(write_cohort(tmp_path, measurements=rows))
    assert [one.case for one in measurement_outliers(measured).found] == ["made"]
    assert measurement_outliers(measured, frozenset({"made"})).found == ()


def test_image_quality_is_compared_within_scanner_and_protocol_one_value_for_each_case(tmp_path):
    def row(name, value, segment="Lesion 1"):
        told = {"segment": segment, "structure": "lesion", "measure": "cnr", "method": "tissue", "region": "whole", "unit": "1"}
        return {"case": name, "value": value, "background": f"{segment} background", "definition": "d", "voxels": 9, **told}

    scanners = {f"a{n}": "Alpha" for n in range(24)} | {"far": "Alpha"} | {f"b{n}": "Beta" for n in range(5)} | {"nifti": None}
    cases = [case(name, manufacturer="Maker", model=model) for name, model in scanners.items()]
    rows = [row(f"a{n}", 5.0 + 0.1 * (n % 5), f"Lesion {n % 2}") for n in range(24)]
    # The median of 30 and 50 stands for the case.
    rows += [row("far", 30.0), row("far", 50.0, "Lesion 2"), row("nifti", 99.0), *(row(f"b{n}", 90.0) for n in range(5))]
    folder = write_cohort(tmp_path, cases=cases, image_quality=rows)
    found = quality_outliers(folder, report_cases(folder))
    (far,) = found.found
    assert (far.case, far.value, far.count, far.within) == ("far", 40.0, 25, "Maker Alpha, protocol p 1")
    assert (found.compared, found.too_few, found.scanner_not_known) == (1, 1, 1)


def test_dice_is_told_beside_the_predicted_mean_and_counted_below_the_image_s_own_threshold(tmp_path):
    rows = [measurement(f"c{n}", "dice", value) for n, value in enumerate((0.5, 0.7, 0.9, 0.8))]
    rows += [measurement("both empty", "dice", None)]
    rows += [measurement("c0", "volume_candidate_mm3", 1000.0, reference=None, unit="mm3", segment="cyst", structure="cyst")]
    predictions = [
        prediction("c0", 0.6),
        prediction("c1", 0.7),
        prediction("c2", 0.95),
        prediction("c3", 0.99, described_role="candidate"),
    ]
    predictions += [prediction("both empty", None, dice=None)]
    folder = write_cohort(tmp_path, measurements=rows, expected_agreement=predictions)
    predicted = predicted_agreement(folder)
    liver, cyst = structure_agreement(segment_values(folder), predicted)
    assert (liver.dice.count, liver.dice.low, liver.dice.median, liver.dice.high) == (4, 0.5, pytest.approx(0.75), 0.9)
    assert (liver.undefined, liver.predicted, liver.judged, liver.below) == (1, 4, 3, 2)
    assert (liver.expected_lower, liver.expected_mean, liver.expected_upper) == (0.85, 0.9, 0.95)
    assert (cyst.dice, cyst.volume_mm3.median, cyst.judged) == (None, 1000.0, 0)
    assert (predicted.asked, predicted.refused) == (5, 1)


def test_gate_failures_are_counted_by_scanner_and_site_in_evaluated_cases(tmp_path):
    cases = [
        case("a", manufacturer="Maker", model="One", site="North"),
        case("b", manufacturer="MAKER ", model="One", site="north"),
        case("c", manufacturer="Maker", model="Two", site=None),
        case("gone", None, outcome="refused", manufacturer="Maker", model="One"),
    ]
    rows = [
        finding("a", "slice_thickness", "FAIL"),
        finding("a", "modality", "FAIL"),
        finding("b", "slice_thickness", "NOT_EVALUATED"),
        finding("c", "islands", "FAIL"),
    ]
    folder = write_cohort(tmp_path, cases=cases, findings=rows)
    gate = gate_failures(folder, report_cases(folder))
    assert (gate.all.judged, gate.all.failed, gate.all.not_evaluated) == (3, 1, 1)
    assert [(row.name, row.judged, row.failed, row.checks) for row in gate.scanners] == [
        ("Maker One", 2, 1, (("modality", 1), ("slice_thickness", 1))),
        ("Maker Two", 1, 0, ()),
    ]
    assert [(row.name, row.judged) for row in gate.sites] == [("North", 2), ("not known", 1)]


def test_the_interval_of_a_share_is_wilson_s(tmp_path):
    # Newcombe, Stat Med 1998;17:857-872, table I, method 3.
    cases = [case(f"c{n}", manufacturer="M", model="81 of 263") for n in range(263)]
    cases += [case(f"z{n}", manufacturer="M", model="0 of 20") for n in range(20)]
    folder = write_cohort(tmp_path, cases=cases, findings=[finding(f"c{n}", "modality", "FAIL") for n in range(81)])
    many, none = gate_failures(folder, report_cases(folder)).scanners
    assert (round(many.low, 4), round(many.high, 4)) == (0.2553, 0.3662)
    assert (round(none.low, 4), round(none.high, 4)) == (0.0, 0.1611)


def test_structures_are_present_said_to_be_absent_or_missing(tmp_path):
    cases = [case(name) for name in ("there", "empty", "missing")]
    counts = [
        measurement("there", "voxel_count", 50.0, reference=None),
        measurement("empty", "voxel_count", 0.0, reference=None),
        measurement("there", "voxel_count", 0.0, reference=None, segment="cyst", structure="cyst"),
    ]
    rows = [
        finding("missing", "structures", "FAIL", segment="liver", measured="no segment"),
        finding("empty", "structures", "WARN", segment="liver", measured="0 voxels"),
        finding("there", "structures", "FAIL", measured="2 segments"),
    ]
    folder = write_cohort(tmp_path, cases=cases, measurements=counts, findings=rows)
    liver, cyst = missing_structures(folder, report_cases(folder), segment_values(folder))
    assert (liver.structure, liver.required, liver.present, liver.stated, liver.missing) == (
        "liver",
        True,
        1,
        ("empty",),
        ("missing",),
    )
    assert (liver.not_there, liver.not_said) == (("missing", "empty"), 0)
    assert (cyst.required, cyst.present, cyst.stated, cyst.not_said, cyst.not_there) == (None, 0, ("there",), 2, ())


def test_the_same_files_under_two_names_and_patients_with_several_cases_are_told(tmp_path):
    rows = [
        case("a", image_sha256="1", candidate_sha256="x", patient="P"),
        case("b", image_sha256="1", candidate_sha256="x", patient="P"),
        case("c", image_sha256="2", candidate_sha256="y"),
        case("d", image_sha256="2", candidate_sha256="z"),
        case("e", image_sha256="3", candidate_sha256="z"),
        case("f", None, outcome="failed"),
        case("g", None, outcome="failed"),
    ]
    found = duplicates(report_cases(write_cohort(tmp_path, cases=rows)))
    assert (found.both, found.repeated) == ((("a", "b"),), 1)
    assert (found.images, found.candidates) == ((("c", "d"),), (("d", "e"),))
    assert (found.patients, found.patients_known) == ({"P": ("a", "b")}, True)


def test_running_time_is_of_cases_that_have_one(tmp_path):
    cases = [case("a", size_k=10, size_j=100, size_i=1000), case("b"), case("c", None, outcome="failed")]
    costs = [
        {"case": "a", "kept": True, "seconds": 2.0, "reading_s": 1.0, "peak_memory_mib": 300.0, "host": "h"},
        {"case": "b", "kept": False, "seconds": 4.0, "reading_s": 1.0, "peak_memory_mib": None, "host": "h"},
        {"case": "c", "kept": False},
    ]
    folder = write_cohort(tmp_path, cases=cases, costs=costs)
    found = runtime(folder, report_cases(folder))
    assert (found.seconds.median, found.seconds.low, found.seconds.high, found.total_s) == (3.0, 2.0, 4.0, 6.0)
    assert (found.kept, found.without, found.hosts, found.points) == (1, 1, ("h",), ((1.0, 2.0),))
    assert (found.memory_mib.median, found.memory_mib.count) == (300.0, 1)


def test_a_folder_that_is_no_cohort_s_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(BadDataError, match=r"tables.*segqc cohort"):
        cohort_report(CohortFolder(tmp_path), 3)


def test_a_table_of_an_older_version_is_refused_with_the_missing_column(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    (tmp_path / "tables" / "cases").mkdir(parents=True)
    pq.write_table(pa.table({"case": ["a"]}), tmp_path / "tables" / "cases" / "part-0.parquet")
    with pytest.raises(BadDataError, match=r"has no column outcome"):
        report_cases(CohortFolder(tmp_path))


def test_a_structure_counts_in_cases_whose_protocol_names_it(tmp_path):
    cases = [case(name) for name in ("a", "b", "c")]
    folder = write_cohort(tmp_path, cases=cases, measurements=[measurement("a", "voxel_count", 5.0, reference=None)])
    asked_for = {"liver": StructureAsked(True, 2), "nodule": StructureAsked(False, 1)}
    liver, nodule = missing_structures(folder, report_cases(folder), segment_values(folder), asked_for)
    assert (liver.structure, liver.cases, liver.required, liver.present, liver.not_said) == ("liver", 2, True, 1, 1)
    assert (nodule.structure, nodule.cases, nodule.required, nodule.present, nodule.not_said) == ("nodule", 1, False, 0, 1)


@pytest.mark.parametrize("column", ["case", "image_path", "candidate_path"])
def test_a_case_is_simulated_where_a_name_or_path_says_so(tmp_path, column):
    row = case("a") | {column: "/data/Simulated lesion 3.nii.gz"}
    real, simulated = report_cases(write_cohort(tmp_path, cases=[case("b"), row]))
    assert (real.simulated, simulated.simulated) == (False, True)
