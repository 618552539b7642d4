"""Which outline is described to the difficulty model, and what its prediction means for the verdict."""

import json
import re
from dataclasses import dataclass, replace

import jsonschema
import numpy as np
import pytest

import test_evaluate
from phantoms import a_geometry, a_segmentation, a_volume
from SegQCLib.alignment import align_map
from SegQCLib.case import Case, Terminology, Volume
from SegQCLib.cli import main
from SegQCLib.demo import DEMO_NODULE_ANNOTATIONS
from SegQCLib.difficulty.expected_agreement import ExpectedAgreement
from SegQCLib.difficulty.in_case import expected_agreement, predict_segments, protocol_model
from SegQCLib.errors import BadDataError
from SegQCLib.evaluate import evaluate
from SegQCLib.findings import Status
from SegQCLib.geometry import axis_order, reorder_axes
from SegQCLib.importers.lidc import read_nodule
from SegQCLib.measure import measure
from SegQCLib.prepare import prepare
from SegQCLib.protocol import Decision, ExpectedAgreementRule, load_protocol
from SegQCLib.record import QCRecord, Verdict, record_schema
from SegQCLib.resources import resource
from SegQCLib.verdict import decide
from test_checks import LIVER, LIVER_CODES, a_protocol, a_range
from test_evaluate import DICE_09, loaded

# 4 x 8 x 6 = 192 voxels, three and two of its slices.
BOX, THREE_SLICES, TWO_SLICES = ((1, 5), (2, 10), (3, 9)), ((1, 4), (2, 10), (3, 9)), ((1, 3), (2, 10), (3, 9))
ONE_SLICE = ((1, 2), (2, 10), (3, 9))
CODE = {"value": "0", "scheme": "99TEST", "meaning": "Elsewhere"}


@dataclass(frozen=True)
class VoxelsPerThousand:
    """A model whose answer follows from the outline: the mean Dice is a thousandth of its voxels plus `offset`."""

    offset: float = 0.6
    fewest_voxels: int = 0
    structure: Terminology = LIVER_CODES
    id: str = "voxels"
    version: str = "1.0.0"
    unit: str = "lesion"
    modality: str = "CT"

    def predict(self, mask, spacing_mm, image=None, uncertainty=None, *, structure, modality, rule="lower", coverage=0.9):  # noqa: ARG002 - a model's
        voxels = int(np.count_nonzero(mask))
        if voxels < self.fewest_voxels:
            return ExpectedAgreement(None, None, None, coverage, None, False, (f"{voxels} voxels are too few.",))
        if uncertainty is not None:
            return ExpectedAgreement(float(uncertainty[mask].mean()), 0.0, 1.0, coverage, 0.0, True, ())
        dice = round(self.offset + voxels / 1000, 6)
        threshold = dice if rule == "mean" else dice - 0.1
        return ExpectedAgreement(dice, dice - 0.05, dice + 0.05, coverage, threshold, True, ("Reason.",))


def a_case(candidate, *references, **changes):
    case = Case(a_volume(), a_segmentation(liver=candidate), tuple(a_segmentation(liver=box) for box in references))
    return replace(case, **changes)


def predicted(case, model=None, rules=None, **options):
    return predict_segments(case, rules or a_protocol(), model or VoxelsPerThousand(), **options)


def judged(case, model, *decisions, rule="lower"):
    """Return the verdict on the only segment, and on the case."""
    rules = a_protocol(decisions=decisions, expected_agreement=ExpectedAgreementRule(rule))
    verdict = decide(rules, (), measure(case, rules).measurements, True, predicted(case, model, rules))
    return verdict.segments[0], verdict


def test_a_references_outline_is_described_so_that_a_poor_candidate_does_not_lower_its_own_bar():
    (one,) = predicted(a_case(ONE_SLICE, BOX))
    assert (one.described_role, one.dice) == ("reference", 0.792)  # 192 voxels, not the candidate's 48


def test_of_several_references_the_one_with_the_median_prediction_decides_of_two_the_lower():
    (one,) = predicted(a_case(BOX, BOX, TWO_SLICES, THREE_SLICES))
    assert (one.described_role, one.dice) == ("reference 3", 0.744)
    (one,) = predicted(a_case(BOX, BOX, TWO_SLICES))
    assert (one.described_role, one.dice) == ("reference 2", 0.696)


def test_without_a_reference_the_candidate_is_described_and_decides_nothing():
    case = a_case(TWO_SLICES)
    (one,) = predicted(case)
    assert (one.described_role, one.dice) == ("candidate", 0.696)
    segment, verdict = judged(case, VoxelsPerThousand(), DICE_09)
    assert (segment.verdict, verdict.verdict) == (Verdict.REVIEW, Verdict.REVIEW)
    assert any("mean Dice of 0.696 among themselves on liver" in reason for reason in verdict.reasons)
    assert any("how hard this image is, not how good this outline is" in reason for reason in verdict.reasons)


def test_each_of_several_lesions_has_its_own_prediction_and_other_structures_have_none():
    boxes = {"lesion 1": BOX, "lesion 2": TWO_SLICES, "spleen": THREE_SLICES}
    spleen = replace(LIVER, name="spleen", terminology=replace(LIVER_CODES, type=replace(LIVER_CODES.type, value="78961009")))
    rules = a_protocol((replace(LIVER, name="lesion", many=True), spleen))
    case = Case(a_volume(), a_segmentation(**boxes), (a_segmentation(**boxes),))
    assert [(one.segment, one.dice) for one in predicted(case, rules=rules)] == [("lesion 1", 0.792), ("lesion 2", 0.696)]


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        (a_case(None), "The segment is empty"),
        (a_case(None, None), "No reference has an outline of it"),
        (a_case(BOX, None), "No reference has an outline of it"),
        (Case(a_volume(), a_segmentation(liver=BOX), (a_segmentation(spleen=BOX),)), "No reference has an outline of it"),
    ],
)
def test_where_there_is_nothing_to_describe_the_reason_stands_in_place_of_numbers(case, reason):
    (one,) = predicted(case)
    assert (one.dice, one.threshold, one.in_domain, one.described_role) == (None, None, False, None)
    assert one.reasons[0].startswith(reason)


def test_a_lesion_that_only_the_references_have_is_described_once():
    case = Case(a_volume(), a_segmentation(spleen=BOX), (a_segmentation(liver=BOX), a_segmentation(liver=TWO_SLICES)))
    assert [(one.segment, one.described_role) for one in predicted(case)] == [("liver", "reference 2")]


def test_an_irregular_series_is_not_described():
    (one,) = predicted(a_case(BOX, BOX), measurable=False)
    assert "irregular" in one.reasons[0]


def test_references_outside_the_models_range_are_left_out_as_long_as_one_is_inside():
    model = VoxelsPerThousand(fewest_voxels=150)
    (one,) = predicted(a_case(BOX, BOX, TWO_SLICES), model)
    assert (one.described_role, one.in_domain) == ("reference", True)
    (one,) = predicted(a_case(BOX, TWO_SLICES), model)
    assert (one.in_domain, one.reasons) == (False, ("96 voxels are too few.",))


def test_a_model_that_fails_on_an_outline_stops_nothing():
    @dataclass(frozen=True)
    class Failing(VoxelsPerThousand):
        def predict(self, *_arguments, **_options):
            raise ValueError("The model needs the image's grey values, and this case has none.")

    (one,) = predicted(a_case(BOX, BOX), Failing())
    assert (one.dice, one.described_role) == (None, "reference")
    assert "needs the image's grey values" in one.reasons[0]


# Three of four slices: 2 x 3 / (3 + 4) = 0.857; two of four: 0.667; one of four: 0.4.
@pytest.mark.parametrize(
    ("candidate", "offset", "verdict", "words"),
    [
        (THREE_SLICES, 0.708, Verdict.ACCEPT, "is 0.857, at or above 0.800, the Dice that 90 % of single pairs of experts"),
        (THREE_SLICES, 0.768, Verdict.REVIEW, "is 0.857, below 0.860, the Dice that 90 % of single pairs of experts"),
        (TWO_SLICES, 0.768, Verdict.REJECT, "is 0.667; rejected: up to 0.7 (study decision for this test); it is also below 0.860"),
        # The image is so hard that experts agree no better than this: the fixed limits alone would reject it.
        (TWO_SLICES, 0.508, Verdict.ACCEPT, "is 0.667, at or above 0.600"),
    ],
)
def test_the_images_own_threshold_stands_in_for_the_accepted_dice(candidate, offset, verdict, words):
    # BOX has 192 voxels, so the threshold is offset + 0.092.
    segment, whole = judged(a_case(candidate, BOX), VoxelsPerThousand(offset), DICE_09)
    assert segment.verdict is whole.verdict is verdict
    assert words in segment.reasons[0]
    assert any(words in reason for reason in whole.reasons)


def test_the_rule_mean_asks_for_the_predicted_mean():
    segment, _ = judged(a_case(THREE_SLICES, BOX), VoxelsPerThousand(0.708), DICE_09, rule="mean")
    assert segment.verdict is Verdict.REVIEW
    assert "is 0.857, below 0.900, the mean Dice that experts are expected to reach among themselves" in segment.reasons[0]


def test_a_value_just_below_the_threshold_is_not_rounded_onto_it():
    # 6/7 = 0.857143 beside 0.8572: with three decimals both would read 0.857.
    segment, _ = judged(a_case(THREE_SLICES, BOX), VoxelsPerThousand(0.7652), DICE_09)
    assert segment.verdict is Verdict.REVIEW
    assert "is 0.8571, below 0.8572" in segment.reasons[0]
    segment, _ = judged(a_case(THREE_SLICES, BOX), VoxelsPerThousand(0.765), DICE_09)
    assert "is 0.8571, at or above 0.8570" in segment.reasons[0]


def test_other_deciding_measures_keep_their_say():
    distance = Decision("hausdorff_mm", ("*",), a_range(maximum=1.0))
    segment, _ = judged(a_case(THREE_SLICES, BOX), VoxelsPerThousand(0.508), DICE_09, distance)
    assert segment.verdict is Verdict.REVIEW
    assert "Hausdorff" in segment.reasons[0]


def test_without_a_dice_decision_the_threshold_alone_accepts_or_asks_for_review():
    assert judged(a_case(THREE_SLICES, BOX), VoxelsPerThousand(0.708))[0].verdict is Verdict.ACCEPT
    assert judged(a_case(ONE_SLICE, BOX), VoxelsPerThousand(0.708))[0].verdict is Verdict.REVIEW


def test_where_the_model_refuses_the_fixed_limits_decide_and_it_is_said_why():
    segment, _ = judged(a_case(THREE_SLICES, BOX), VoxelsPerThousand(fewest_voxels=1000), DICE_09)
    assert segment.verdict is Verdict.REVIEW
    assert "accepted: at least 0.9" in segment.reasons[0]
    assert segment.reasons[1] == "No image-specific threshold was used. 192 voxels are too few."


def test_of_many_reasons_for_a_refusal_a_verdict_gives_two_and_says_how_many_more_there_are():
    refused = replace(predicted(a_case(BOX, BOX))[0], dice=None, threshold=None, in_domain=False, reasons=("A.", "B.", "C.", "D."))
    rules = a_protocol(decisions=(DICE_09,))
    verdict = decide(rules, (), measure(a_case(BOX, BOX), rules).measurements, True, (refused,))
    assert verdict.segments[0].reasons[1] == "No image-specific threshold was used. A. B. 2 more such reasons."


def test_the_uncertainty_map_reaches_the_model_on_the_images_grid():
    values = np.arange(a_geometry().size[0] * 600, dtype=np.float32).reshape(a_geometry().size) / 6000
    stored = replace(a_geometry(), origin_lps_mm=(0.0, 19.0, 0.0), axes_lps=((0.0, 0.0, 1.0), (0.0, -1.0, 0.0), (1.0, 0.0, 0.0)))
    flipped = Volume(values[:, ::-1], stored)
    assert np.array_equal(align_map(flipped, a_geometry()).array, values)
    assert reorder_axes(stored, axis_order(stored, a_geometry())) == a_geometry()
    case = prepare(a_case(BOX, BOX, uncertainty=flipped), a_protocol()).case
    (one,) = predicted(case)
    assert one.dice == pytest.approx(values[1:5, 2:10, 3:9].mean())


def test_a_map_on_a_coarser_grid_is_interpolated_and_one_of_another_place_is_refused():
    coarse = replace(a_geometry(), size=(5, 10, 15), spacing_mm=(4.0, 2.0, 2.0))
    along_k = np.broadcast_to(4.0 * np.arange(5, dtype=np.float32)[:, None, None], coarse.size)
    aligned = align_map(Volume(along_k, coarse), a_geometry())
    assert np.allclose(aligned.array[:9, 3, 3], 2.0 * np.arange(9))  # mm along k
    with pytest.raises(BadDataError, match="outside the image"):
        align_map(Volume(along_k, replace(coarse, origin_lps_mm=(500.0, 0.0, 0.0))), a_geometry())


def test_a_model_that_cannot_be_used_is_a_warning_and_the_fixed_limits_decide():
    rules = a_protocol(decisions=(DICE_09,), expected_agreement=ExpectedAgreementRule(model="no-such-model"))
    record = evaluate(test_evaluate.a_case(BOX, BOX), loaded(rules))
    assert record.verdict is Verdict.ACCEPT
    (finding,) = [f for f in record.findings if f.check == "expected_agreement"]
    assert finding.status is Status.WARN
    assert "no-such-model" in finding.message
    # Who reads "accept" has to know that it is by other limits than the protocol means.
    assert finding.message in record.reasons


def test_a_protocol_without_a_model_predicts_nothing_and_says_nothing():
    assert expected_agreement(a_case(BOX, BOX), loaded(a_protocol())).findings == ()
    with pytest.raises(ValueError, match="names no difficulty model"):
        protocol_model(loaded(a_protocol()))
    assert load_protocol("ct-abdomen-portal-venous").protocol.expected_agreement.model is None


def own_protocol(tmp_path, model="own.json", **changes):
    """The shipped nodule protocol with the shipped model in a file of its own beside it, changed."""
    shipped = json.loads(resource("Models/lung-nodule-ct.json").read_text(encoding="utf-8"))
    (tmp_path / "own.json").write_text(json.dumps({**shipped, **changes.get("in_model", {})}), encoding="utf-8")
    protocol = json.loads(resource("Protocols/ct-lung-nodule.json").read_text(encoding="utf-8"))
    protocol["expected_agreement"]["model"] = model
    (tmp_path / "protocol.json").write_text(json.dumps({**protocol, **changes.get("in_protocol", {})}), encoding="utf-8")
    return load_protocol(tmp_path / "protocol.json")


def test_a_model_of_a_study_is_found_beside_its_protocol(tmp_path):
    assert protocol_model(own_protocol(tmp_path)).id == "lung-nodule-ct"


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"model": "absent.json"}, "absent.json"),
        ({"in_model": {"modality": "MR"}}, "is for MR, and the protocol allows CT"),
        (
            {"in_model": {"structure": {"category": CODE, "type": CODE}}},
            "is for Elsewhere, and no structure of the protocol has its",
        ),
    ],
)
def test_a_model_that_is_not_for_the_protocol_is_refused_by_validate_and_a_warning_in_a_record(tmp_path, changes, fault, capsys):
    protocol = own_protocol(tmp_path, **changes)
    with pytest.raises(BadDataError, match=re.escape(fault)):
        protocol_model(protocol)
    assert main(["protocol", "validate", protocol.path]) == 1
    assert fault in capsys.readouterr().err
    (finding,) = expected_agreement(a_case(BOX, BOX), protocol).findings
    assert fault in finding.message


def test_the_nodule_of_the_demo_is_judged_by_its_own_threshold(lidc_database):
    # One of four radiologists drew clearly less than the others.
    nodule = read_nodule(lidc_database, DEMO_NODULE_ANNOTATIONS)
    record = evaluate(Case(nodule.image, nodule.readers[0], nodule.readers[1:]), load_protocol("ct-lung-nodule"))
    (prediction,) = record.expected_agreement
    assert prediction.in_domain
    assert prediction.described_role in ("reference", "reference 2", "reference 3")
    assert 0 < prediction.lower < prediction.dice < prediction.upper < 1
    # Nine in ten single pairs reach less than pairs reach on average.
    assert prediction.threshold < prediction.dice
    dices = [m.value for m in record.measurements if m.metric == "dice"]
    accepted = sum(dices) / 3 >= prediction.threshold
    assert (record.verdicts[0].verdict is Verdict.ACCEPT) == accepted
    (card,) = record.difficulty_models
    assert card.id == "lung-nodule-ct"
    assert not card.simulated
    assert any("Licence: " in fact and "CC BY 3.0" in fact for fact in card.facts)
    assert len(card.sha256) == 64
    plain = json.loads(record.to_json())
    jsonschema.Draft202012Validator(record_schema()).validate(plain)
    assert QCRecord.from_json(record.to_json()) == record
    # Records from before there were models stay readable.
    del plain["difficulty_models"]
    for one in plain["expected_agreement"]:
        del one["described_role"], one["unit"]
    assert QCRecord.from_json(json.dumps(plain)).expected_agreement[0].threshold == prediction.threshold


def test_without_its_colleagues_the_nodule_still_has_an_expected_agreement(lidc_database):
    nodule = read_nodule(lidc_database, DEMO_NODULE_ANNOTATIONS)
    record = evaluate(Case(nodule.image, nodule.readers[1]), load_protocol("ct-lung-nodule"))
    (prediction,) = record.expected_agreement
    assert (prediction.described_role, prediction.in_domain) == ("candidate", True)
    assert record.verdict is Verdict.REVIEW
    assert any("how hard this image is" in reason for reason in record.reasons)
