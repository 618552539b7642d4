import base64
import csv
import dataclasses
import io
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import SimpleITK as sitk

from phantoms import a_geometry, a_segmentation, a_volume
from SegQCLib.case import Acquisition, Case, Code, Segment, Segmentation, Terminology, Volume, WindowLevel
from SegQCLib.findings import Finding, Status
from SegQCLib.geometry import geometry_of
from SegQCLib.measurements_csv import render_csv
from SegQCLib.metric_texts import METRIC_TEXTS, metric_text
from SegQCLib.pictures import orientation_letters, outline_path_mm, slice_pictures, slice_view
from SegQCLib.protocol import AllowedTexts, Decision, ExpectedAgreementRule, QCProtocol, Range, Structure, WindowRule
from SegQCLib.record import (
    CaseFacts,
    DifficultyModelCard,
    Input,
    Measurement,
    ProtocolIdentity,
    QCRecord,
    SegmentExpectedAgreement,
    SegmentVerdict,
    SliceToView,
    Verdict,
)
from SegQCLib.report import render_report

R, L, A, P, S, I = (-1.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (0.0, 0.0, -1.0)  # noqa: E741
HASH = "0123456789abcdef" * 4
LIVER = Terminology(Code("123037004", "SCT", "Anatomical Structure"), Code("10200004", "SCT", "Liver"))
SOFT_TISSUE = WindowRule(
    "Soft tissue", ("*",), Range("[hnsf'U]", "test", 350, 450), Range("[hnsf'U]", "test", 30, 60), apply_window=400, apply_level=40
)


def a_protocol(**changes) -> QCProtocol:
    protocol = QCProtocol(
        "segqc-protocol",
        "1.0",
        "liver-ct",
        "1.0.0",
        "Liver on CT",
        "Liver volume.",
        AllowedTexts(("CT",), "test"),
        (Structure("liver", LIVER),),
    )
    return dataclasses.replace(protocol, **changes)


def a_measurement(metric="dice", value=0.9, unit="1", segment="liver", structure="liver", reference="reference", reason=None):
    return Measurement(segment, structure, metric, value, unit, "voxel count", "candidate", reference, reason)


def a_record(**changes) -> QCRecord:
    record = QCRecord(
        "segqc-record",
        "1.0",
        "2026-11-21T18:59:48+00:00",
        {"SegQC": "0.1.0", "numpy": "2.3.1"},
        (
            Input("image", "ct", None, None),
            Input("candidate", "Reader 7", "/a/b.nii.gz", HASH),
            Input("reference", "Panel", None, None),
        ),
        CaseFacts(a_geometry(), Acquisition(modality="CT")),
        ProtocolIdentity("liver-ct", "1.0.0", "Liver on CT", HASH),
        findings=(),
        measurements=(),
        slices_to_view=(),
        expected_agreement=(),
        verdicts=(SegmentVerdict("liver", "liver", Verdict.REVIEW, ("Dice 0.9 is below 0.95",)),),
        verdict=Verdict.REVIEW,
        reasons=("Dice 0.9 is below 0.95.",),
    )
    return dataclasses.replace(record, **changes)


def a_slice(k=2, segment="liver", reference="reference", location=(5.0, 5.0, 4.0)) -> SliceToView:
    return SliceToView(segment, "liver", reference, k, "Differs most here: 4 voxels", location)


def words(page: str) -> str:
    """Return what the page shows, without its style and tags."""
    body = re.sub(r"(?s)<style>.*?</style>", "", page)
    return re.sub(r"[ \n]+", " ", re.sub(r"<[^>]+>", " ", body))


def report(protocol=None, pictures=(), **changes) -> str:
    return render_report(a_record(**changes), protocol or a_protocol(), pictures)


@pytest.mark.parametrize("metric", [text.id for text in METRIC_TEXTS])
def test_every_metric_has_a_sentence_of_definition(metric):
    text = metric_text(metric)
    assert text.definition.endswith(".")
    assert all((text.long_name, text.short_name, text.values, text.source))


def test_an_unknown_metric_is_shown_by_its_id():
    page = words(report(measurements=(a_measurement("bending_energy", 2.5, "1/mm"),)))
    assert "bending_energy" in page
    assert "2.5" in page
    assert "no description of this measure" in page


def test_the_verdict_and_its_reasons_come_before_everything_else():
    page = words(report())
    assert page.index("REVIEW") < page.index("Dice 0.9 is below 0.95.") < page.index("Checks") < page.index("Measures")


def test_segments_of_one_verdict_for_one_reason_share_a_row_and_the_worst_stand_first():
    reason = ("not compared with a reference",)
    verdicts = (
        SegmentVerdict("spleen", "spleen", Verdict.REVIEW, reason),
        SegmentVerdict("liver", "liver", Verdict.REJECT, ("Dice 0.1 is below 0.7",)),
        SegmentVerdict("aorta", "aorta", Verdict.REVIEW, reason),
    )
    page = words(report(verdicts=verdicts))
    assert "1 REJECT, 2 REVIEW among 3 segments" in page
    assert re.search(r"liver ✗ REJECT Dice 0\.1 is below 0\.7\. spleen, aorta \? REVIEW not compared with a reference\.", page)


def test_a_hostile_segment_name_is_shown_and_not_run():
    name = '"><script>alert(1)</script>'
    page = report(
        measurements=(a_measurement(segment=name, value=None, reason=name),),
        findings=(Finding("x", Status.FAIL, name, segment=name),),
        verdicts=(SegmentVerdict(name, "liver", Verdict.REVIEW, (name,)),),
        reasons=(name,),
    )
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_names_in_other_scripts_survive():
    page = report(measurements=(a_measurement(segment="foie – печень 肝"),))
    assert "foie – печень 肝" in page


def test_the_page_loads_nothing():
    page = report(measurements=(a_measurement(),))
    assert not re.search(r"""(?:src|href|action)\s*=\s*["'](?!data:)|url\(|@import|<script|<link""", page)
    assert "default-src 'none'" in page


def test_an_undefined_value_is_the_word_with_its_reason_in_a_footnote():
    page = report(measurements=(a_measurement(value=None, reason="The segment is absent in both"),))
    assert "undefined" in words(page)
    assert "Undefined: The segment is absent in both." in words(page)
    assert 'title="The segment is absent in both"' in page


def test_a_record_without_measurements_findings_and_predictions_says_so():
    page = words(report(verdicts=(), reasons=()))
    assert "The record has no measurements." in page
    assert "No check failed and none warned." in page
    assert "Not predicted: the protocol names no difficulty model" in page
    assert "No slice picture was made" in page


@pytest.mark.parametrize(
    ("metric", "value", "unit", "shown"),
    [
        ("dice", 0.91234, "1", "0.912"),
        ("dice", 1.0, "1", "1.000"),
        ("dice", 0.99996, "1", ">\u202f0.999"),
        ("dice", 0.00001, "1", "<\u202f0.001"),
        ("dice", 0.0, "1", "0.000"),
        ("hausdorff_mm", 3.0, "mm", "3.00"),
        ("volume_candidate_mm3", 1_234_567.0, "mm3", "1\u202f234.6 mL (1\u202f234\u202f567 mm³)"),
        ("volume_candidate_mm3", 27.0, "mm3", "0.027 mL (27.0 mm³)"),
        ("relative_volume_difference", -0.034, "1", "−0.034"),
        ("relative_volume_difference", 0.5, "1", "+0.500"),
        ("relative_volume_difference", -0.00001, "1", ">\u202f−0.001"),
        ("islands", 3.0, "1", "3"),
        ("voxel_count", 12345.0, "{voxels}", "12\u202f345"),
    ],
)
def test_numbers_have_sensible_digits_and_rounding_invents_no_perfect_value(metric, value, unit, shown):
    page = report(measurements=(a_measurement(metric, value, unit),))
    (cell,) = re.findall(r'<td class="number">(.*?)</td>', page)
    assert cell.replace("&gt;", ">").replace("&lt;", "<") == shown


def test_each_reference_gets_its_own_block_and_each_definition_its_own_column():
    surfel = dataclasses.replace(a_measurement("hausdorff_mm", 4.0, "mm"), definition="surfel")
    voxel = dataclasses.replace(surfel, definition="voxel", value=5.0)
    second, alone = a_measurement(reference="reference 2"), a_measurement("islands", 1.0, reference=None)
    page = words(report(measurements=(surfel, voxel, second, alone)))
    first = page.index("Candidate (Reader 7) compared with reference (Panel)")
    assert first < page.index("compared with reference 2") < page.index("Candidate (Reader 7) by itself")
    assert re.search(r"mm surfel Hausdorff mm voxel .* 4\.00 5\.00", page)


def test_a_tolerance_that_differs_between_segments_stands_under_each_value():
    three = dataclasses.replace(a_measurement("surface_dice_protocol", 0.8), definition="voxel, tolerance 3 mm")
    two = dataclasses.replace(three, segment="spleen", value=0.7, definition="voxel, tolerance 2 mm")
    page = words(report(measurements=(three, two)))
    assert "0.800 voxel, tolerance 3 mm" in page
    assert "0.700 voxel, tolerance 2 mm" in page
    assert page.count("Surface Dice, protocol 0 to 1") == 1


def test_agreement_with_the_draft_is_not_shown_as_quality():
    page = words(report(measurements=(a_measurement(reference="draft"),)))
    assert "how much of the draft was changed, not how good the outlines are" in page


def test_two_segments_of_one_name_keep_their_own_rows():
    page = report(measurements=(a_measurement(value=0.5), a_measurement(value=0.75)))
    assert re.findall(r'<td class="number">(.*?)</td>', page) == ["0.500", "0.750"]


def test_segments_outside_the_protocol_are_folded_away():
    page = report(measurements=(a_measurement(), a_measurement(segment="rib_left_1", structure=None)))
    assert page.index(">liver<") < page.index("<details>") < page.index("rib_<wbr>left_<wbr>1")


def test_empty_segments_outside_the_protocol_share_a_row_below_the_others():
    voxels = {"a": 0.0, "b": 7.0, "c": 0.0, "d": 7.0}
    page = words(report(measurements=tuple(a_measurement("voxel_count", n, "{voxels}", name, None) for name, n in voxels.items())))
    assert "4 segments that the protocol does not name" in page
    assert re.search(r"b – 7 d – 7 a ?, c – 0", page)


def test_failures_stand_before_warnings_before_the_rest():
    order = (Status.FAIL, Status.WARN, Status.NOT_EVALUATED, Status.PASS)
    page = words(report(findings=tuple(Finding("x", status, f"is {status}") for status in reversed(order))))
    positions = [page.index(f"is {status}") for status in order]
    assert positions == sorted(positions)
    assert "Fail: 1; Warning: 1; Not evaluated: 1; Pass: 1." in page


def test_the_limits_on_measures_stand_with_their_source():
    limit = Decision("relative_volume_difference", ("liver",), Range("1", "Study plan 3.2", -0.05, 0.05))
    page = words(report(a_protocol(decisions=(limit,))))
    assert "-0.05 to 0.05" in page
    assert "Study plan 3.2" in page


def test_a_refused_prediction_gives_its_reasons_and_no_number():
    prediction = SegmentExpectedAgreement(
        "liver", "liver 1.0", None, None, None, 0.9, None, "lower", False, ("CNR 0.4 is below 2",)
    )
    page = words(report(expected_agreement=(prediction,), measurements=(a_measurement(value=0.88),)))
    assert "Not predicted. The protocol's fixed limits decide. Measured Dice: 0.880." in page
    assert "CNR 0.4 is below 2." in page
    assert "Experts' mean" not in page


def predicted(**changes) -> SegmentExpectedAgreement:
    prediction = SegmentExpectedAgreement(
        "liver", "liver 1.0", 0.95, 0.91, 0.98, 0.9, 0.85, "lower", True, ("Sharp border",), "reference"
    )
    return dataclasses.replace(prediction, **changes)


def test_the_interval_of_the_experts_mean_and_the_threshold_for_one_outline_are_told_apart():
    page = words(report(expected_agreement=(predicted(),), measurements=(a_measurement(value=0.88),)))
    assert "Threshold 0.850 for one outline: 90 % of single pairs of experts are expected to reach it" in page
    assert "Experts' mean 0.950 expected; the mean of all pairs lies between 0.910 and 0.980 with a probability of 90 %" in page
    assert "Compare the diamond with the flag, not with the bar." in page
    assert "Measured 0.880 against the reference" in page
    assert "Sharp border. Model liver 1.0; it was given the outline of the reference." in page


def test_without_a_reference_no_threshold_is_drawn_or_said_to_decide():
    limit = Decision("dice", ("liver",), Range("1", "Study plan 3.2", 0.9))
    changes = {"expected_agreement": (predicted(described_role="candidate"),), "measurements": ()}
    page = report(a_protocol(decisions=(limit,)), **changes)
    assert 'class="mean" cx=' in page
    assert 'class="threshold"' not in page
    assert "there is no reference, so no outline is judged; an expert's outline like the candidate's would have 0.850" in words(
        page
    )
    assert "own threshold" not in words(page)


def test_a_model_that_could_not_be_used_is_named_where_its_prediction_would_stand():
    finding = Finding("expected_agreement", Status.WARN, "No expected expert agreement was predicted. absent.json: is missing.")
    rules = a_protocol(expected_agreement=ExpectedAgreementRule(model="absent.json"))
    assert "Not predicted by the model absent.json. No expected" in words(report(rules, findings=(finding,)))


def test_the_protocols_limit_on_dice_is_not_shown_as_if_it_had_decided():
    limit = Decision("dice", ("liver",), Range("1", "Study plan 3.2", 0.9))
    page = words(report(a_protocol(decisions=(limit,)), expected_agreement=(predicted(),), measurements=(a_measurement(),)))
    assert "The image's own threshold stands in place of the accepted Dice for liver (0.850): see Expected" in page
    assert "own threshold" not in words(report(a_protocol(decisions=(limit,)), measurements=(a_measurement(),)))


def test_with_the_rule_mean_it_says_what_that_costs():
    page = words(report(expected_agreement=(predicted(rule="mean", threshold=0.95),)))
    assert "Threshold 0.950 for one outline: the experts' expected mean, which about half of the pairs of experts miss" in page


def test_the_mean_over_the_references_stands_beside_the_threshold_and_is_not_rounded_onto_it():
    dices = (
        a_measurement(value=0.8494),
        a_measurement(value=0.8502, reference="reference 2"),
        a_measurement(value=0.2, reference="draft"),
    )
    page = words(report(expected_agreement=(predicted(),), measurements=dices))
    assert "Measured 0.8498 mean over 2 references" in page
    assert "Threshold 0.8500" in page


def test_the_marks_lie_on_the_axis_by_their_values():
    page = report(
        expected_agreement=(predicted(dice=0.75, lower=0.5, upper=1.0, threshold=0.25),), measurements=(a_measurement(value=0.0),)
    )
    # 0 is at 80, 1 at 290.
    assert 'class="interval" d="M185.0 13H290.0"' in page
    assert 'class="mean" cx="237.5"' in page
    assert 'class="threshold" d="M132.5 50' in page
    assert 'class="measured" d="M80.0 25' in page


def test_the_models_card_stands_below_and_says_if_it_was_fitted_on_simulated_data():
    card = DifficultyModelCard(
        "liver", "1.0", HASH, "lesion", "Liver", "CT", False, ("Fitted on 100 patients", "Licence: CC BY 3.0")
    )
    page = words(report(expected_agreement=(predicted(),), difficulty_models=(card,)))
    assert (
        "The model liver 1.0 It holds for Liver on CT and predicts for a whole lesion. Fitted on 100 patients. Licence: CC BY"
        in page
    )
    assert "imulated" not in page
    page = words(report(expected_agreement=(predicted(),), difficulty_models=(dataclasses.replace(card, simulated=True),)))
    assert "Fitted on simulated readers or images." in page
    assert "Simulated data." in page


def test_simulated_data_are_named_and_real_data_are_not():
    assert "Simulated data." not in report()
    assert "Simulated data." in report(inputs=(Input("candidate", "Simulated reader", None, None),))


def test_the_methods_paragraph_says_what_the_record_says():
    page = words(report(measurements=(a_measurement(),)))
    methods = page[page.index("Methods paragraph") :]
    assert "SegQC 0.1.0 (with numpy 2.3.1)" in methods
    assert "liver-ct, version 1.0.0; SHA-256 of its file begins 0123456789ab" in methods
    assert "10 × 20 × 30 voxels (slices, rows, columns) spaced 2 × 1 × 1 mm apart" in methods
    assert "one reference segmentation" in methods
    assert "Dice similarity coefficient (voxel count)" in methods
    assert "no reference segmentation" in words(report(inputs=()))


def test_the_record_of_another_protocol_version_is_refused():
    with pytest.raises(ValueError, match=r"liver-ct 1\.0\.0, the protocol given is liver-ct 2\.0\.0"):
        report(a_protocol(version="2.0.0"))


def test_the_outline_of_one_voxel_is_its_four_edges_in_mm():
    mask = np.zeros((3, 4), bool)
    mask[1, 2] = True
    # Voxels are 2 mm high and 0.5 mm wide: rows 2 to 4 mm, columns 1 to 1.5 mm.
    assert outline_path_mm(mask, row_mm=2.0, column_mm=0.5) == "M1.5 2V4H1V2Z"


def shoelace_mm2(path: str) -> float:
    """Return the signed area of all loops of an SVG path of M, H, V and Z."""
    area = 0.0
    for loop in path.split("Z")[:-1]:
        points = []
        for command, numbers in re.findall(r"([MHV])([^MHV]+)", loop):
            x, y = points[-1] if points else (0.0, 0.0)
            values = [float(value) for value in numbers.split()]
            points.append((values[0], values[1]) if command == "M" else (values[0], y) if command == "H" else (x, values[0]))
        for (x, y), (x2, y2) in zip(points, points[1:] + points[:1], strict=True):
            assert x == x2 or y == y2, "an outline runs along voxel edges only"
            area += (x * y2 - x2 * y) / 2
    return area


def test_outlines_enclose_exactly_the_area_of_the_voxels():
    mask = np.random.default_rng(3).random((25, 30)) < 0.5
    assert shoelace_mm2(outline_path_mm(mask, 2.0, 0.5)) == pytest.approx(np.count_nonzero(mask) * 2.0 * 0.5)


def test_an_empty_mask_has_no_outline_and_a_ring_has_two_loops():
    ring = np.ones((3, 3), bool)
    ring[1, 1] = False
    assert outline_path_mm(np.zeros((2, 2), bool), 1, 1) == ""
    assert outline_path_mm(ring, 1, 1).count("M") == 2


def test_voxels_that_touch_at_a_corner_have_separate_loops():
    assert outline_path_mm(np.eye(2, dtype=bool), 1, 1).count("M") == 2


@pytest.mark.parametrize(
    ("axes", "plane", "edges"),
    [
        ((S, P, L), "axial", "ALPR"),  # edges: top, right, bottom, left
        ((S, A, R), "axial", "ALPR"),
        ((I, P, R), "axial", "ALPR"),
        ((S, L, P), "axial", "ALPR"),
        ((P, I, L), "coronal", "SLIR"),
        ((A, S, R), "coronal", "SLIR"),
        ((L, I, P), "sagittal", "SPIA"),
        ((R, P, S), "sagittal", "SPIA"),
    ],
)
def test_slices_are_turned_to_radiological_orientation(axes, plane, edges):
    geometry = a_geometry(size=(3, 4, 5), axes_lps=axes)
    view = slice_view(geometry)
    assert (view.plane, view.top + view.right + view.bottom + view.left) == (plane, edges)
    # The pixel on the far right of the display is the one farthest along the direction of its letter.
    positions = geometry.lps_mm(np.stack(np.meshgrid(0, range(4), range(5), indexing="ij"), axis=-1))[0]
    component, sign = {"L": (0, 1), "P": (1, 1)}[view.right]
    shown = view.apply(sign * positions[..., component])
    assert np.all(np.diff(shown, axis=1) > 0)


def test_displayed_rows_and_columns_follow_the_slice():
    view = slice_view(a_geometry(size=(3, 4, 5), axes_lps=(S, R, A)))
    slice_ji = np.zeros((4, 5))
    slice_ji[1, 3] = 1
    assert tuple(np.argwhere(view.apply(slice_ji))[0]) == view.row_column(1, 3, (4, 5))


@pytest.mark.parametrize(
    ("direction", "letters"),
    [((1, 0, 0), "L"), ((0, 0, -1), "I"), ((0.8, -0.6, 0), "LA"), ((0.99, 0.14, 0), "L")],
)
def test_orientation_letters_name_obliqueness_from_15_degrees_on(direction, letters):
    assert orientation_letters(direction) == letters


def a_case(acquisition=None, **arguments) -> Case:
    geometry = a_geometry(**arguments)
    return Case(
        a_volume(geometry, acquisition),
        a_segmentation(geometry, "Reader 7", liver=((1, 4), (2, 9), (3, 8))),
        (a_segmentation(geometry, "Panel", liver=((1, 4), (2, 9), (3, 9))),),
    )


def test_a_picture_has_the_proportions_of_the_patient():
    # 20 rows of 2 mm and 30 columns of 1 mm fit into the smallest field, so the whole slice is shown.
    (picture,) = slice_pictures(a_case(spacing_mm=(3.0, 2.0, 1.0)), a_record(slices_to_view=(a_slice(),)), a_protocol())
    assert (picture.width_mm, picture.height_mm) == (30.0, 40.0)
    reference, candidate = picture.outlines
    assert (reference.role, shoelace_mm2(reference.path_mm)) == ("reference", 7 * 6 * 2.0)
    assert (candidate.role, shoelace_mm2(candidate.path_mm)) == ("candidate", 7 * 5 * 2.0)
    assert candidate.path_mm == "M8 4V18H3V4Z"


def test_a_slice_of_a_large_image_is_cropped_around_the_segment():
    (picture,) = slice_pictures(a_case(size=(5, 300, 300)), a_record(slices_to_view=(a_slice(),)), a_protocol())
    assert picture.width_mm < 80
    assert picture.height_mm < 80
    assert shoelace_mm2(picture.outlines[1].path_mm) == 7 * 5


def test_the_window_is_the_protocols_then_the_headers_then_percentiles():
    record, header = a_record(slices_to_view=(a_slice(),)), Acquisition(modality="CT", window_levels=(WindowLevel(1500, -600),))

    def window(acquisition, protocol):
        (picture,) = slice_pictures(a_case(acquisition), record, protocol)
        return picture.window

    assert window(header, a_protocol(windows=(SOFT_TISSUE,))) == "Window 400, level 40 HU, from the protocol (Soft tissue)."
    assert window(header, a_protocol()) == "Window 1500, level -600 HU, from the image header."
    assert "1st to 99th percentile of this slice" in window(None, a_protocol())
    assert "percentile" in window(Acquisition(modality="MR"), a_protocol(windows=(SOFT_TISSUE,)))


def test_grey_values_follow_the_window():
    from PIL import Image

    case = a_case(Acquisition(modality="CT"))
    pixels = np.full(case.image.geometry.size, 40.0)
    pixels[2, 0, :4] = (-160, 240, np.nan, 1000)
    case = dataclasses.replace(case, image=Volume(pixels, case.image.geometry, case.image.acquisition))
    (picture,) = slice_pictures(case, a_record(slices_to_view=(a_slice(),)), a_protocol(windows=(SOFT_TISSUE,)))
    shown = np.array(Image.open(io.BytesIO(base64.b64decode(picture.png_base64))))
    assert shown.shape == (20, 30)
    assert shown[0, :4].tolist() == [0, 255, 0, 255]
    assert shown[5, 5] in (127, 128)


def test_contours_without_pixels_are_drawn_on_grey_and_say_so():
    case = a_case()
    case = dataclasses.replace(case, image=Volume(None, case.image.geometry))
    pictures = slice_pictures(case, a_record(slices_to_view=(a_slice(),)), a_protocol())
    page = report(pictures=pictures)
    assert pictures[0].png_base64 is None
    assert "without pixels" in words(page)
    assert "<image" not in page


def test_without_a_reference_only_the_candidate_is_drawn():
    case = dataclasses.replace(a_case(), references=())
    (picture,) = slice_pictures(case, a_record(slices_to_view=(a_slice(reference=None),)), a_protocol())
    assert [outline.role for outline in picture.outlines] == ["candidate"]
    assert "reference" not in picture.alt


def test_a_reference_segment_is_found_when_its_name_is_spelt_otherwise():
    case = a_case()
    panel = a_segmentation(case.image.geometry, "Panel", Liver=((1, 4), (2, 9), (3, 9)))
    case = dataclasses.replace(case, references=(panel,))
    (picture,) = slice_pictures(case, a_record(slices_to_view=(a_slice(),)), a_protocol())
    assert shoelace_mm2(picture.outlines[0].path_mm) == 7 * 6


def test_a_segment_that_is_absent_on_the_slice_is_said_to_be_absent():
    (picture,) = slice_pictures(a_case(), a_record(slices_to_view=(a_slice(k=8),)), a_protocol())
    assert [outline.path_mm for outline in picture.outlines] == ["", ""]
    assert "candidate absent on this slice" in picture.alt


@pytest.mark.parametrize("entry", [a_slice(k=10), a_slice(reference="reference 2")])
def test_the_record_of_another_case_is_refused(entry):
    with pytest.raises(ValueError, match="Give its own record"):
        slice_pictures(a_case(), a_record(slices_to_view=(entry,)), a_protocol())


def test_pictures_are_well_formed_and_described_for_those_who_cannot_see_them():
    pictures = slice_pictures(a_case(), a_record(slices_to_view=(a_slice(segment="liver"),)), a_protocol())
    page = report(pictures=pictures)
    (drawing,) = re.findall(r'(?s)<svg viewBox="0 0 [\d.]+ [\d.]+" role="img".*?</svg>', page)
    assert ET.fromstring(drawing).get("aria-label").replace("\u00a0", " ") == (  # noqa: S314
        "Axial slice 3 of 10 (k = 2 counted from 0), at L 5.0, P 5.0, S 4.0 mm. liver: reference as a solid line and"
        " candidate as a dashed line."
    )
    assert [element.text for element in ET.fromstring(drawing).iter("text")] == ["A", "P", "R", "L", "10 mm"]  # noqa: S314


def test_totalsegmentators_liver_lies_on_the_left_of_the_picture(totalsegmentator):
    image = sitk.ReadImage(str(totalsegmentator / "example_ct_sm.nii.gz"))
    geometry = geometry_of(image)
    layer = sitk.GetArrayFromImage(sitk.ReadImage(str(totalsegmentator / "example_seg.nii.gz"))).astype(np.uint8)
    liver = Segmentation("TotalSegmentator", geometry, (layer,), (Segment("s5", "liver", 5),))
    k, j, i = (int(index) for index in np.argwhere(layer == 5)[0])
    location = tuple(float(value) for value in geometry.lps_mm((k, j, i)))
    case = Case(Volume(sitk.GetArrayFromImage(image), geometry), liver)
    record = a_record(slices_to_view=(a_slice(k, reference=None, location=location),))
    (picture,) = slice_pictures(case, record, a_protocol())
    assert (picture.left, picture.right, picture.top, picture.bottom) == ("R", "L", "A", "P")
    voxels = np.count_nonzero(layer[k] == 5)
    assert shoelace_mm2(picture.outlines[0].path_mm) == pytest.approx(voxels * 9.0, rel=1e-3)
    columns = np.argwhere(slice_view(geometry).apply(layer[k] == 5))[:, 1]
    assert columns.mean() < layer.shape[2] / 2


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_csv_keeps_all_digits_and_leaves_undefined_cells_empty():
    undefined = a_measurement(value=None, reference=None, reason="Absent, both")
    text = render_csv(a_record(measurements=(a_measurement(value=1 / 3), undefined)))
    assert text.startswith("segment,structure,metric,value,unit,definition,candidate_role,reference_role,reason\r\n")
    first, second = rows_of(text)
    assert float(first["value"]) == 1 / 3
    assert (second["value"], second["reference_role"], second["reason"]) == ("", "", "Absent, both")


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "＝1", "'quoted"])
def test_csv_texts_that_a_spreadsheet_would_run_get_one_apostrophe(name):
    (row,) = rows_of(render_csv(a_record(measurements=(a_measurement(segment=name, value=-0.5),))))
    assert row["segment"] == f"'{name}"
    assert row["value"] == "-0.5"


@pytest.mark.parametrize("name", ["liver, left", 'the "big" one', "two\r\nlines", "печень"])
def test_csv_quotes_what_rfc_4180_says(name):
    (row,) = rows_of(render_csv(a_record(measurements=(a_measurement(segment=name),))))
    assert row["segment"] == name


def test_csv_without_measurements_is_its_header():
    assert render_csv(a_record()).count("\r\n") == 1


def test_the_expected_agreement_follows_the_measurements_in_rows_of_its_own():
    rows = rows_of(render_csv(a_record(expected_agreement=(predicted(threshold=0.85),))))
    assert [(row["metric"], row["value"]) for row in rows] == [
        ("expected_dice", "0.95"), ("expected_dice_lower", "0.91"), ("expected_dice_upper", "0.98"), ("dice_threshold", "0.85"),
    ]  # fmt: skip
    assert {(row["segment"], row["structure"], row["unit"], row["candidate_role"]) for row in rows} == {
        ("liver", "liver", "1", "reference")
    }
    assert "90 % of single pairs of experts" in rows[3]["definition"]
    refused = predicted(dice=None, lower=None, upper=None, threshold=None, in_domain=False, reasons=("Too large.",))
    assert {(row["value"], row["reason"]) for row in rows_of(render_csv(a_record(expected_agreement=(refused,))))} == {
        ("", "Too large.")
    }
