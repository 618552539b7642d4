import json
from dataclasses import replace

import jsonschema
import numpy as np
import pytest

from dicom_series import write_series
from phantoms import a_geometry, a_segmentation, a_volume
from SegQCLib.case import Case, Segment, Segmentation
from SegQCLib.evaluate import evaluate
from SegQCLib.findings import Status
from SegQCLib.images import read_image
from SegQCLib.importers import read_segmentation
from SegQCLib.pairing import pair_segments
from SegQCLib.protocol import Decision, LoadedProtocol, load_protocol
from SegQCLib.record import Measurement, QCRecord, Verdict, record_schema
from SegQCLib.verdict import decide
from test_checks import LIVER, LIVER_CODES, a_protocol, a_range

BOX = ((1, 5), (2, 10), (3, 9))


def loaded(protocol) -> LoadedProtocol:
    return LoadedProtocol(protocol, "test.json", "0" * 64)


DICE_09 = Decision("dice", ("*",), a_range(0.9, unit="1"), a_range(maximum=0.7, unit="1"))


def a_case(candidate_box, *reference_boxes, volume=None) -> Case:
    volume = volume or a_volume()
    references = tuple(a_segmentation(volume.geometry, f"reader {n}", liver=box) for n, box in enumerate(reference_boxes))
    image = replace(volume, array=np.arange(volume.array.size, dtype=np.int32).reshape(volume.array.shape))
    return Case(image, a_segmentation(volume.geometry, liver=candidate_box), references)


def value_of(record, metric, role="reference"):
    (measurement,) = [m for m in record.measurements if (m.metric, m.reference_role) == (metric, role)]
    return measurement


@pytest.mark.parametrize(
    ("candidate_box", "dice", "verdict"),
    [
        (BOX, 1.0, Verdict.ACCEPT),
        (((1, 4), (2, 10), (3, 9)), 2 * 3 / 7, Verdict.REVIEW),  # 3 of 4 slices
        (((1, 3), (2, 10), (3, 9)), 2 * 2 / 6, Verdict.REJECT),
        (None, 0.0, Verdict.REJECT),
    ],
)
def test_the_protocols_ranges_decide(candidate_box, dice, verdict):
    record = evaluate(a_case(candidate_box, BOX), loaded(a_protocol(decisions=(DICE_09,))))
    assert value_of(record, "dice").value == pytest.approx(dice)
    assert record.verdict is verdict
    assert record.verdicts[0].verdict is verdict
    assert "Dice" in record.verdicts[0].reasons[0]


def test_the_mean_over_several_readers_decides():
    smaller = ((1, 4), (2, 10), (3, 9))
    record = evaluate(a_case(BOX, BOX, smaller), loaded(a_protocol(decisions=(DICE_09,))))
    assert {m.reference_role for m in record.measurements} == {None, "reference", "reference 2"}
    # (1 + 6/7) / 2 = 0.929
    assert record.verdict is Verdict.ACCEPT
    assert "mean over 2 references" in record.verdicts[0].reasons[0]


def test_a_value_just_below_a_limit_is_not_rounded_onto_it():
    # 2 x 899 / (899 + 1101) = 0.899: shown with three decimals; 0.89995 with five.
    limit = Decision("dice", ("*",), a_range(0.9, unit="1"), a_range(maximum=0.7, unit="1"))
    rule = loaded(a_protocol(decisions=(limit,))).protocol
    for value, text in ((0.899, "0.899"), (0.89995, "0.89995"), (0.9, "0.900")):
        row = Measurement("liver", "liver", "dice", value, "1", "d", "candidate", "reference")
        (verdict,) = decide(rule, (), (row,), measured=True).segments
        assert f"is {text};" in verdict.reasons[0]


def test_a_failed_check_asks_for_review_or_rejects_as_the_protocol_says():
    protocol = a_protocol(decisions=(DICE_09,), slice_spacing_mm=a_range(maximum=1.0))
    assert evaluate(a_case(BOX, BOX), loaded(protocol)).verdict is Verdict.REVIEW
    rejecting = replace(protocol, rejecting_checks=("slice_spacing",))
    assert evaluate(a_case(BOX, BOX), loaded(rejecting)).verdict is Verdict.REJECT


def test_without_a_reference_a_person_decides():
    record = evaluate(a_case(BOX), loaded(a_protocol(decisions=(DICE_09,))))
    assert record.verdict is Verdict.REVIEW
    assert "No reference" in record.reasons[0]


def test_absent_in_both_is_agreement_and_undefined_with_its_reason():
    record = evaluate(a_case(None, None), loaded(a_protocol(decisions=(DICE_09,))))
    assert value_of(record, "dice").value is None
    assert "Absent in both" in value_of(record, "dice").reason
    assert record.verdicts[0].verdict is Verdict.ACCEPT


def test_every_undefined_value_has_a_reason_and_every_value_a_definition():
    for candidate, reference in ((BOX, BOX), (None, BOX), (BOX, None), (None, None)):
        record = evaluate(a_case(candidate, reference), loaded(a_protocol()))
        for m in record.measurements:
            assert (m.value is None) == (m.reason is not None), m
            assert m.definition
            assert m.unit


def test_volumes_follow_from_voxels_and_spacing():
    record = evaluate(a_case(BOX, BOX), loaded(a_protocol()))
    # 4 x 8 x 6 voxels of 2 x 1 x 1 mm
    assert value_of(record, "volume_candidate_mm3", None).value == 384
    assert value_of(record, "volume_reference_mm3").value == 384


def test_segments_that_only_one_side_has_are_measured_too():
    geometry = a_geometry()
    case = Case(a_volume(), a_segmentation(liver=BOX), (a_segmentation(geometry, "r", liver=BOX, spleen=BOX),))
    record = evaluate(case, loaded(a_protocol()))
    assert {m.segment: m.value for m in record.measurements if m.metric == "dice"} == {"liver": 1.0, "spleen": 0.0}


def test_the_draft_shows_what_was_changed_and_decides_nothing():
    case = replace(a_case(BOX), draft=a_segmentation(name="model", liver=((1, 3), (2, 10), (3, 9))))
    record = evaluate(case, loaded(a_protocol(decisions=(DICE_09,))))
    assert value_of(record, "dice", "draft").value == pytest.approx(2 / 3)
    assert record.verdict is Verdict.REVIEW
    assert "No reference" in record.reasons[0]


def test_a_structures_own_tolerance_is_measured():
    protocol = a_protocol((replace(LIVER, surface_tolerance_mm=a_range(maximum=2.0)),))
    # Shifted by one slice of 2 mm: every border voxel is within 2 mm.
    record = evaluate(a_case(((2, 6), (2, 10), (3, 9)), BOX), loaded(protocol))
    assert value_of(record, "surface_dice_protocol").value == 1
    assert "tolerance 2 mm" in value_of(record, "surface_dice_protocol").definition


def test_a_tolerance_finer_than_the_grid_decides_nothing():
    tolerance = a_protocol(
        (replace(LIVER, surface_tolerance_mm=a_range(maximum=0.5)),),
        decisions=(Decision("surface_dice_protocol", ("*",), a_range(0.9, unit="1"), a_range(maximum=0.7, unit="1")),),
    )
    record = evaluate(a_case(((1, 4), (2, 10), (3, 9)), BOX), loaded(tolerance))
    assert value_of(record, "surface_dice_protocol").value is None
    assert "0.5 mm, is below the smallest voxel edge, 1 mm" in value_of(record, "surface_dice_protocol").reason
    assert record.verdict is Verdict.REVIEW


def test_the_worst_slice_is_where_most_area_differs():
    layer = a_segmentation(liver=BOX).layers[0].copy()
    layer[3, 2:10, 3:6] = 0
    candidate = Segmentation("c", a_geometry(), (layer,), (Segment("s", "liver", 1),))
    record = evaluate(Case(a_volume(), candidate, (a_segmentation(liver=BOX),)), loaded(a_protocol()))
    (view,) = record.slices_to_view
    assert view.slice_index == 3
    assert "24 mm²" in view.reason
    assert view.location_lps_mm == (4.0, 5.5, 6.0)


def test_an_irregular_series_is_not_measured_or_is_resampled_as_the_protocol_says(tmp_path):
    write_series(tmp_path, [0, 2, 6, 8])
    image = read_image(tmp_path)
    case = Case(image, a_segmentation(image.geometry, liver=((1, 3), (2, 9), (3, 8))))
    stopped = evaluate(case, loaded(a_protocol()))
    assert stopped.measurements == ()
    assert stopped.verdict is Verdict.REVIEW
    assert any(f.check == "regular_grid" and f.status is Status.FAIL for f in stopped.findings)
    resampled = evaluate(case, loaded(a_protocol(irregular_geometry="resample")))
    # Slices 2, 4 and 6 mm of 7 x 5 pixels of 0.8 x 0.7 mm, 2 mm apart.
    assert value_of(resampled, "volume_candidate_mm3", None).value == pytest.approx(3 * 35 * 0.8 * 0.7 * 2)


def test_irregular_slices_without_known_places_are_never_measured():
    # As for contours whose scan table lists uneven slice positions.
    image = replace(a_volume(), acquisition=replace(a_volume().acquisition, slice_displacement_mm=1.5))
    record = evaluate(Case(image, a_segmentation(liver=BOX)), loaded(a_protocol(irregular_geometry="resample")))
    assert record.measurements == ()
    (finding,) = [f for f in record.findings if f.check == "regular_grid"]
    assert finding.status is Status.FAIL
    assert "is not known here" in finding.message


def test_a_real_tilted_series_stops_or_is_resampled(shared_data):
    image = read_image(shared_data / "dcm_qa_ct" / "In" / "GE")
    case = Case(image, a_segmentation(image.geometry, liver=((3, 9), (200, 260), (200, 260))))
    assert evaluate(case, loaded(a_protocol())).measurements == ()
    record = evaluate(case, loaded(a_protocol(irregular_geometry="resample")))
    assert value_of(record, "volume_candidate_mm3", None).value > 0


def test_names_decide_before_codes_because_lesions_share_a_code():
    geometry = a_geometry()

    def lesions(name, *names):
        layers = tuple(np.zeros(geometry.size, np.uint8) for _ in names)
        segments = tuple(Segment(n, n, 1, layer=k, terminology=LIVER_CODES) for k, n in enumerate(names))
        return Segmentation(name, geometry, layers, segments)

    pairs = pair_segments(lesions("r", "lesion 2", "lesion 1"), lesions("c", "Lesion 1", "lesion 2", "lesion 3"))
    assert [(p.candidate and p.candidate.name, p.reference and p.reference.name) for p in pairs] == [
        ("Lesion 1", "lesion 1"),
        ("lesion 2", "lesion 2"),
        ("lesion 3", None),
    ]
    (pair,) = pair_segments(lesions("r", "Leber"), lesions("c", "liver"))
    assert pair.reference.name == "Leber"


@pytest.fixture(scope="module")
def real_record(totalsegmentator) -> QCRecord:
    case = Case(
        image=read_image(totalsegmentator / "example_ct_dicom"),
        candidate=read_segmentation(totalsegmentator / "example_seg_dicom.nii.gz", labels="totalsegmentator"),
    )
    return evaluate(case, load_protocol("ct-abdomen-portal-venous"))


def test_findings_of_the_real_series_are_true(real_record):
    findings = {f.check: f for f in real_record.findings}
    assert findings["slice_thickness"].measured == "3 mm"
    assert findings["slice_spacing"].measured == "2 mm"
    assert findings["slice_gap"].status is Status.PASS
    assert "neighbours overlap by 1 mm (overlapping reconstruction)" in findings["slice_gap"].message
    assert findings["convolution_kernel"].measured == "Br38f"
    assert findings["convolution_kernel"].status is Status.PASS
    assert findings["contrast_agent"].measured == "APPLIED"
    assert findings["contrast_phase"].status is Status.NOT_EVALUATED
    assert all(
        f.measured == "300/40, 1500/300" and f.status is Status.WARN for f in real_record.findings if f.check == "window_level"
    )
    assert findings["geometry_match"].status is Status.PASS
    assert not [f for f in real_record.findings if f.status is Status.FAIL]


def test_measures_of_the_real_series_follow_from_the_file(real_record, totalsegmentator):
    import nibabel

    labels = np.asarray(nibabel.load(totalsegmentator / "example_seg_dicom.nii.gz").dataobj)
    volumes = {m.segment: m.value for m in real_record.measurements if m.metric == "volume_candidate_mm3"}
    for number, name in ((1, "spleen"), (5, "liver"), (52, "aorta"), (2, "kidney_right")):
        assert volumes[name] == pytest.approx(np.count_nonzero(labels == number) * 0.9765625**2 * 2.0)
    assert len(volumes) == 117


def test_the_record_is_valid_json_and_comes_back_equal(real_record):
    text = real_record.to_json()
    jsonschema.Draft202012Validator(record_schema()).validate(json.loads(text))
    assert QCRecord.from_json(text) == real_record


def test_a_model_is_measured_against_another_on_the_real_ct(totalsegmentator):
    case = Case(
        image=read_image(totalsegmentator / "example_ct_sm.nii.gz"),
        candidate=read_segmentation(totalsegmentator / "example_seg_fast.nii.gz", labels="totalsegmentator"),
        references=(read_segmentation(totalsegmentator / "example_seg.nii.gz", labels="totalsegmentator"),),
    )
    record = evaluate(case, load_protocol("ct-abdomen-portal-venous"))
    liver = {m.metric: m.value for m in record.measurements if m.segment == "liver" and m.reference_role == "reference"}
    assert 0.9 < liver["dice"] < 1
    assert 0 < liver["assd_mm"] < liver["hausdorff_95_mm"] <= liver["hausdorff_mm"]
    # NIfTI says nothing about thickness, kernel or contrast.
    silent = {f.check for f in record.findings if f.status is Status.NOT_EVALUATED}
    assert {"modality", "slice_thickness", "convolution_kernel", "contrast_agent"} <= silent
