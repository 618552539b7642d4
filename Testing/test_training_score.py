"""Scores of attempts: numbers by arithmetic of boxes, the rule by exchangeable readers, and the missed and extra voxels."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from phantoms import a_segmentation
from SegQCLib.readers.training.course import read_course
from SegQCLib.readers.training.error_map import EXTRA, MISSED, RIGHT, error_map
from SegQCLib.readers.training.pass_rule import SAME, beside_experts, reaches, required_within
from SegQCLib.readers.training.score import read_references, score_attempt
from SegQCLib.segmentation_file import write_segmentation
from training_courses import EXPERTS, GEOMETRY, STRUCTURES, an_image, outlines, write_course


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    return read_course(write_course(tmp_path_factory.mktemp("course") / "boxes"))


def scored(course, candidate, case_id="p1", seconds=None):
    case, image = course.case(case_id), an_image()
    return score_attempt(course, case, candidate, image, read_references(course, case, image), seconds=seconds)


def symmetric(rng, size):
    values = rng.uniform(size=(size, size))
    return (values + values.T) / 2


@given(st.integers(2, 6), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_of_equal_readers_exactly_the_one_who_agrees_least_is_outside(experts, seed):
    table = symmetric(np.random.default_rng(seed), experts + 1)
    np.fill_diagonal(table, 0)
    within = []
    for reader in range(experts + 1):
        others = [n for n in range(experts + 1) if n != reader]
        within.append(beside_experts(table[reader, others], table[np.ix_(others, others)]).within)
    # In the place of another reader: the difference of two sums, over the values that they are sums of.
    sums = table.sum(axis=1)
    behind = (np.sort(sums)[1] - sums.min()) / (experts - 1)
    assert within == [behind <= SAME or n != np.argmin(sums) for n in range(experts + 1)]


def test_two_experts_range_is_reached_by_agreeing_with_one_of_them_as_they_do_with_each_other():
    experts = np.array([[1.0, 0.8], [0.8, 1.0]])
    assert beside_experts([0.8, 0.5], experts).within
    assert not beside_experts([0.79, 0.79], experts).within
    assert beside_experts([0.8, 0.5], experts).expert_within == pytest.approx(2 / 3)


def test_three_experts_range_by_hand():
    # A with B 0.9, A with C 0.8, B with C 0.7: in the place of C one has to reach (0.8 + 0.7) / 2 with A and B.
    experts = np.array([[1.0, 0.9, 0.8], [0.9, 1.0, 0.7], [0.8, 0.7, 1.0]])
    assert beside_experts([0.75, 0.75, 0.1], experts).within
    found = beside_experts([0.73, 0.75, 0.1], experts)
    assert not found.within
    assert (found.experts.lowest, found.experts.highest, found.experts.pairs) == (0.7, 0.9, 3)
    assert found.experts.mean == pytest.approx(0.8)
    assert found.expert_within == 0.75


def test_what_looks_the_same_on_the_page_is_the_same():
    alike = np.ones((3, 3))
    assert beside_experts([0.996] * 3, alike).within
    assert not beside_experts([0.994] * 3, alike).within


def test_one_expert_is_no_range():
    found = beside_experts([0.9], np.ones((1, 1)))
    assert (found.reader, found.experts, found.within, found.expert_within) == (0.9, None, None, None)


def test_no_expert_is_misuse():
    with pytest.raises(ValueError, match="at least one"):
        beside_experts([], np.ones((0, 0)))


@pytest.mark.parametrize(("structures", "probability", "passes"), [(6, 0.75, 0.9), (10, 2 / 3, 0.95), (20, 0.8, 0.9)])
def test_so_many_are_asked_for_as_the_binomial_distribution_says(structures, probability, passes):
    required = required_within([probability] * structures, passes)
    level = 1 - (1 - passes) / 2
    assert stats.binom.sf(required - 1, structures, probability) >= level > stats.binom.sf(required, structures, probability)


def test_structures_with_different_numbers_of_experts_follow_the_poisson_binomial_distribution():
    ranges = [2 / 3, 2 / 3, 3 / 4, 4 / 5, 4 / 5]
    distribution = stats.poisson_binom(ranges)
    assert [reaches(ranges, n) for n in range(6)] == pytest.approx([distribution.sf(n - 1) for n in range(6)])


def test_an_exam_of_one_structure_asks_for_none():
    assert required_within([0.75], 0.9) == 0


def test_dice_of_shifted_boxes_is_arithmetic(course):
    score = scored(course, outlines(0), seconds=12.5)
    liver = score.structures[0]
    assert [one.structure for one in score.structures] == list(STRUCTURES)
    assert [round(one.dice, 6) for one in liver.against] == [1.0, 0.9, 0.9]
    assert [one.expert for one in liver.against] == list(EXPERTS)
    assert (liver.dice.experts.lowest, liver.dice.experts.highest) == pytest.approx((0.8, 0.9))
    assert liver.volume_ml == pytest.approx(8 * 8 * 10 * 2 / 1000)
    assert liver.dice.within
    assert liver.surface_dice.within
    assert score.seconds == 12.5
    assert score.simulated


def test_an_attempt_far_beside_is_below_the_range_and_the_words_say_so(course):
    liver = scored(course, outlines(4)).structures[0]
    assert [round(one.dice, 6) for one in liver.against] == [0.6, 0.7, 0.5]
    assert not liver.dice.within
    assert "below their range" in liver.words


def test_a_structure_that_was_not_drawn_counts_as_absent(course):
    score = scored(course, outlines(structures=("liver", "spleen")))
    pancreas = score.structures[2]
    assert not pancreas.drawn
    assert [one.dice for one in pancreas.against] == [0, 0, 0]
    assert "no segment" in pancreas.words


def test_absent_for_the_experts_and_the_reader_is_agreement(tmp_path):
    folder = write_course(tmp_path / "boxes")
    empty = a_segmentation(GEOMETRY, "x", liver=None, spleen=None, pancreas=None)
    for expert in EXPERTS:
        write_segmentation(folder / "cases" / "p1" / f"{expert}.seg.nrrd", empty)
    course = read_course(folder)
    assert scored(course, empty).structures[0].dice.reader == 1
    assert scored(course, outlines()).structures[0].dice.reader == 0


def test_other_segments_are_named_and_not_scored(course):
    boxes = {"liver": ((2, 10), (1, 9), (15, 25)), "colon": ((2, 4), (1, 3), (1, 3))}
    score = scored(course, a_segmentation(GEOMETRY, "reader", **boxes))
    assert score.not_asked == ("colon",)


def test_technical_errors_of_the_attempt_are_found_and_nothing_is_missing_that_was_not_asked_for(course):
    candidate = outlines(0)
    candidate.layers[0][5, 2:5, 34:37] = 1
    checks = [finding.check for finding in scored(course, candidate).technical]
    assert "islands" in checks
    assert "structures" not in checks


def test_the_largest_missed_piece_is_shown_first(course):
    # Of ten columns the reader leaves out five of the liver on all slices.
    boxes = {one: ((2, 10), rows, (15, 25)) for one, rows in (("spleen", (11, 19)), ("pancreas", (21, 29)))}
    candidate = a_segmentation(GEOMETRY, "reader", liver=((2, 10), (1, 9), (15, 20)), **boxes)
    first = scored(course, candidate).look_first[0]
    assert (first.structure, first.kind) == ("liver", "missed")
    # Experts A and B, the majority, reach to column 25: five columns of eight rows, without the four pixels at the corners.
    assert first.volume_ml == pytest.approx((8 * 5 - 4) * 8 * 2 / 1000)
    k, j, i = GEOMETRY.index_kji(first.location_lps_mm)
    assert (2 <= k <= 9, 1 <= j <= 8, 20 <= i <= 24) == (True, True, True)
    assert first.slice_k == round(k)
    assert "most experts drew this and you did not" in first.words


def test_a_thin_rim_is_called_one(course):
    candidate = outlines(0, wide=11, structures=("liver",))
    rims = [piece for piece in scored(course, candidate).look_first if piece.kind == "extra"]
    assert len(rims) == 1
    assert "thin rim" in rims[0].words


def test_error_map_against_one_expert_counts_by_arithmetic(course):
    candidate, expert = outlines(3), outlines(0)
    found = error_map(candidate, [expert], course.protocol.protocol, STRUCTURES)
    (array,) = found.layers
    assert array.dtype == np.uint8
    # Three columns of 8 x 8 on either side, of three structures.
    assert [np.count_nonzero(array == value) for value in (MISSED, EXTRA, RIGHT)] == [3 * 3 * 64, 3 * 3 * 64, 3 * 7 * 64]
    assert [segment.id for segment in found.segments] == ["missed", "extra", "right"]


def test_error_map_against_the_majority_leaves_out_what_half_of_the_experts_drew(course):
    rules = course.protocol.protocol
    candidate, experts = outlines(0, structures=("liver",)), [outlines(2), outlines(-2)]
    (array,) = error_map(candidate, experts, rules, ("liver",)).layers
    # Each expert lacks two columns of the reader's and has two of its own: half of the experts, which decides nothing.
    assert np.count_nonzero(array == MISSED) == np.count_nonzero(array == EXTRA) == 0
    assert np.count_nonzero(array == RIGHT) == 10 * 64


def test_error_map_of_one_structure_leaves_the_others_out(course):
    (array,) = error_map(outlines(3), [outlines(0)], course.protocol.protocol, ("spleen",)).layers
    assert set(np.flatnonzero(array.any(axis=(0, 2)))) == set(range(11, 19))


def test_error_map_without_references_or_on_another_grid_is_misuse(course):
    with pytest.raises(ValueError, match="one or more references"):
        error_map(outlines(0), [], course.protocol.protocol, STRUCTURES)
    with pytest.raises(ValueError, match="candidate's grid"):
        error_map(outlines(0), [a_segmentation(liver=None)], course.protocol.protocol, STRUCTURES)


def test_an_attempt_on_a_part_of_the_grid_is_brought_onto_it(course):
    whole = outlines(0)
    part = replace(
        whole,
        geometry=replace(GEOMETRY, size=(8, 30, 40), origin_lps_mm=tuple(GEOMETRY.lps_mm((2, 0, 0)))),
        layers=tuple(layer[2:10] for layer in whole.layers),
    )
    assert scored(course, part).structures == scored(course, whole).structures
