"""What the report panel's table shows of a record."""

from dataclasses import replace

import pytest

from phantoms import a_segmentation, a_volume
from SegQCLib.case import Case
from SegQCLib.evaluate import evaluate
from SegQCLib.number_texts import beside, grouped, millilitres, ratio, signed
from SegQCLib.protocol import ExpectedAgreementRule, Range
from SegQCLib.record import SegmentExpectedAgreement
from SegQCLib.structure_rows import structure_rows
from test_evaluate import DICE_09, a_protocol, loaded

# 5 x 8 x 10 = 400 voxels of 2 mm3.
BOX = ((2, 7), (4, 12), (5, 15))
SHIFTED = ((2, 7), (4, 12), (10, 20))

PREDICTED = SegmentExpectedAgreement("liver", "model 1", 0.88, 0.81, 0.93, 0.9, 0.7, "lower", True, ("Sharp border.",), "reference")


def rows_of(*references, candidate=BOX, draft=None):
    segmentations = [a_segmentation(liver=box) for box in references]
    case = Case(a_volume(), a_segmentation(liver=candidate), tuple(segmentations), draft)
    return structure_rows(evaluate(case, loaded(a_protocol(decisions=(DICE_09,)))))


def test_values_follow_from_the_boxes_and_have_their_units():
    (row,) = rows_of(SHIFTED)
    # Half of each is shared; 800 mm3 are 0.8 mL.
    assert (row.title, row.dice, row.volume, row.volume_difference) == ("liver", "0.500", "0.800 mL", "0.0 %")
    assert row.hausdorff_95 == "5.0 mm"
    assert any("Volume of the reference: 0.800 mL." in line for line in row.details)


def test_a_difference_has_its_sign():
    (row,) = rows_of(((2, 7), (4, 12), (5, 13)))  # 320 voxels against 400: a quarter more
    assert row.volume_difference == "+25.0 %"


def test_without_a_reference_there_is_nothing_to_compare_and_it_says_so():
    (row,) = rows_of()
    assert (row.reference_role, row.slices_role, row.dice, row.hausdorff_95, row.volume_difference) == (None, None, "–", "–", "–")
    assert row.volume == "0.800 mL"
    assert row.reasons == ("Not compared with a reference.",)


def test_agreement_with_the_draft_is_no_measure_but_its_slices_can_be_seen():
    (row,) = rows_of(draft=a_segmentation(liver=BOX))
    assert (row.dice, row.reference_role, row.slices_role) == ("–", None, "draft")


def test_several_references_have_a_row_each():
    rows = rows_of(BOX, SHIFTED)
    assert [(row.title, row.segment, row.dice) for row in rows] == [
        ("liver (reference 2)", "liver", "0.500"),
        ("liver (reference)", "liver", "1.000"),
    ]


def test_the_worst_verdict_comes_first_then_the_lowest_dice():
    boxes = {"liver": BOX, "spleen": ((2, 7), (14, 18), (5, 15)), "aorta": ((2, 7), (4, 12), (22, 26))}
    candidate = {**boxes, "spleen": ((2, 7), (14, 18), (10, 20)), "aorta": ((2, 7), (4, 12), (23, 27))}
    case = Case(a_volume(), a_segmentation(**candidate), (a_segmentation(**boxes),))
    protocol = a_protocol(decisions=(replace(DICE_09, reject=Range("1", "test", maximum=0.6)),))
    structures = tuple(replace(protocol.structures[0], name=name, aliases=()) for name in boxes)
    rows = structure_rows(evaluate(case, loaded(replace(protocol, structures=structures))))
    # Spleen shares 5 of 10 columns, aorta 3 of 4, liver all.
    assert [(row.title, row.verdict, row.dice) for row in rows] == [
        ("spleen", "REJECT", "0.500"), ("aorta", "REVIEW", "0.750"), ("liver", "ACCEPT", "1.000"),
    ]  # fmt: skip


def test_the_experts_mean_with_its_interval_and_the_threshold_for_one_outline_are_kept_apart():
    (row,) = rows_of(BOX)
    assert (row.expected_agreement, row.threshold) == ("–", "–")
    record = evaluate(Case(a_volume(), a_segmentation(liver=BOX)), loaded(a_protocol()))
    (row,) = structure_rows(replace(record, expected_agreement=(PREDICTED,)))
    assert (row.expected_agreement, row.threshold) == ("0.880 (0.810 to 0.930)", "0.700")
    text = " ".join(row.details)
    assert "mean Dice of 0.880 among themselves" in text
    assert "with a probability of 90 % their mean lies between 0.810 and 0.930" in text
    assert "0.700 (90 % of single pairs of experts are expected to reach it)" in text
    assert "it was given the outline of the reference" in text
    assert row.details[-1] == "Sharp border."


def test_what_the_candidates_own_outline_predicts_is_no_threshold():
    record = evaluate(Case(a_volume(), a_segmentation(liver=BOX)), loaded(a_protocol()))
    (row,) = structure_rows(replace(record, expected_agreement=(replace(PREDICTED, described_role="candidate"),)))
    assert (row.expected_agreement, row.threshold) == ("0.880 (0.810 to 0.930)", "–")
    text = " ".join(row.details)
    assert "There is no reference, so no outline is judged" in text
    assert "it was given the outline of the candidate, as there is no reference" in text


def test_a_model_that_could_not_be_used_is_told_beside_the_structure():
    rules = a_protocol(decisions=(DICE_09,), expected_agreement=ExpectedAgreementRule(model="no-such-model"))
    (row,) = structure_rows(evaluate(Case(a_volume(), a_segmentation(liver=BOX), (a_segmentation(liver=BOX),)), loaded(rules)))
    assert (row.verdict, row.expected_agreement, row.threshold) == ("ACCEPT", "not predicted", "–")
    assert "no-such-model" in row.details[-1]


def test_a_refused_prediction_has_its_reason_and_no_number():
    record = evaluate(Case(a_volume(), a_segmentation(liver=BOX)), loaded(a_protocol()))
    refused = SegmentExpectedAgreement("liver", "model 1", None, None, None, 0.9, None, "lower", False, ("Too large.",))
    (row,) = structure_rows(replace(record, expected_agreement=(refused,)))
    assert (row.expected_agreement, row.threshold) == ("not predicted", "–")
    assert row.details[-3:] == (
        "Expected agreement of experts on this image: not predicted.", "Too large.",
        "Model model 1; it was given no outline.",
    )  # fmt: skip


def test_a_dice_and_its_threshold_are_never_rounded_onto_each_other():
    case = Case(a_volume(), a_segmentation(liver=BOX), (a_segmentation(liver=SHIFTED),))  # Dice 0.5
    record = evaluate(case, loaded(a_protocol()))
    expected = SegmentExpectedAgreement("liver", "m 1", 0.7, 0.6, 0.8, 0.9, 0.5002, "lower", True, (), "reference")
    (row,) = structure_rows(replace(record, expected_agreement=(expected,)))
    assert (row.dice, row.threshold) == ("0.5000", "0.5002")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (ratio(0.9996), ">\u202f0.999"), (ratio(1.0), "1.000"), (ratio(0.9994), "0.999"), (signed(-0.25), "−0.250"),
        (grouped(1234567.0, 0), "1\u202f234\u202f567"), (millilitres(12_345.0), "12.3 mL"), (millilitres(1_234.0), "1.23 mL"),
    ],
)  # fmt: skip
def test_numbers_are_not_rounded_onto_a_limit_and_stay_in_one_line(text, shown):
    assert text == shown


@pytest.mark.parametrize(
    ("numbers", "shown"),
    [
        ((0.61, 0.58), ("0.610", "0.580")), ((0.5796, 0.58), ("0.5796", "0.5800")), ((0.58, 0.58), ("0.580", "0.580")),
        ((0.5404, 0.62, 0.54), ("0.5404", "0.6200", "0.5400")),
    ],
)  # fmt: skip
def test_a_value_and_its_limits_have_as_many_digits_as_it_takes_to_tell_them_apart(numbers, shown):
    assert beside(*numbers) == shown
