"""Blinded adjudication of the pieces that readers differ about."""

import json
from dataclasses import replace

import numpy as np
import pytest

from phantoms import a_geometry, a_segmentation
from SegQCLib.agreement.adjudication import (
    adjudicated_segmentation,
    adjudication_from_text,
    adjudication_schema,
    adjudication_text,
    all_components,
    begin_adjudication,
    close_adjudication,
    component_of,
    decide,
    outlines_segmentation,
    piece_outlines,
    reader_outcomes,
    reader_places,
)
from SegQCLib.agreement.readers_of_case import readers_of_case
from SegQCLib.errors import BadDataError
from SegQCLib.resources import resource

# Voxels of 2 x 1 x 1 mm. All three share 3 x 5 x 5; Ada alone adds a slice of it (25 voxels), Ben and Cyd a row (15).
ADA = ((1, 5), (2, 7), (3, 8))
BEN = CYD = ((1, 4), (2, 8), (3, 8))


def three_readers(**changes):
    boxes = {"Ada": ADA, "Ben": BEN, "Cyd": CYD} | changes
    return readers_of_case([a_segmentation(name=name, liver=box) for name, box in boxes.items()], names=list(boxes))


def begun(case, **options):
    components = all_components(case)
    return begin_adjudication(case, components, "case 1", "Third", **{"seed": 7} | options), components


def decided(adjudication, **by_voxels):
    """Decide items by their number of voxels: v25="accept"."""
    for place, item in enumerate(adjudication.items):
        adjudication = decide(adjudication, place, by_voxels[f"v{item.voxels}"])
    return adjudication


def voxels(segmentation):
    return {segment.name: segmentation.voxel_count(segment) for segment in segmentation.segments}


@pytest.mark.parametrize(
    ("decisions", "expected"),
    [
        ({"v25": "accept", "v15": "accept"}, 75 + 25 + 15),
        ({"v25": "accept", "v15": "reject"}, 75 + 25),
        ({"v25": "reject", "v15": "reject"}, 75),
        ({"v25": "undecided", "v15": "accept"}, 75 + 15),
    ],
)
def test_the_result_is_what_all_share_and_the_accepted_pieces(decisions, expected):
    case = three_readers()
    adjudication, components = begun(case)
    closed = close_adjudication(decided(adjudication, **decisions), case)
    result = adjudicated_segmentation(closed, case, components)
    assert voxels(result) == {"liver": expected}
    assert result.name == "case 1 adjudicated by Third"
    # Cut by a program, chosen by a person: no reader's hand, and no model.
    assert {(s.algorithm_type, s.algorithm_name) for s in result.segments} == {("SEMIAUTOMATIC", "SegQC adjudication")}


def test_two_structures_that_come_to_overlap_are_both_whole():
    pair = [a_segmentation(name="a", liver=ADA, tumour=None), a_segmentation(name="b", liver=BEN, tumour=((2, 3), (3, 5), (4, 6)))]
    case = readers_of_case(pair, names=["a", "b"])
    adjudication, components = begun(case)
    closed = close_adjudication(decided(adjudication, v25="reject", v15="reject", v4="accept"), case)
    assert voxels(adjudicated_segmentation(closed, case, components)) == {"liver": 75, "tumour": 4}


def test_a_structure_whose_pieces_are_all_rejected_stays_as_assessed_and_absent():
    case = readers_of_case([a_segmentation(name="a", cyst=((1, 2), (1, 3), (1, 3))), a_segmentation(name="b", cyst=None)])
    adjudication, components = begun(case)
    closed = close_adjudication(decided(adjudication, v4="reject"), case)
    assert voxels(adjudicated_segmentation(closed, case, components)) == {"cyst": 0}


def test_until_it_is_closed_nothing_that_is_stored_names_a_reader():
    case = three_readers()
    text = adjudication_text(begun(case)[0])
    assert not any(name in text for name in case.names)
    closed = close_adjudication(decided(begun(case)[0], v25="accept", v15="accept"), case)
    assert {reader.name for reader in closed.readers} == {"Ada", "Ben", "Cyd"}


def test_outlines_have_neutral_names_and_the_letters_change_sides():
    case = three_readers()
    adjudication, components = begun(case)
    for item in adjudication.items:
        component = component_of(item, components)
        for side in "AB":
            outlines = piece_outlines(replace(item, drawn_side=side), component, case)
            with_piece, without = (outlines.a, outlines.b) if side == "A" else (outlines.b, outlines.a)
            assert with_piece[outlines.piece].all()
            assert not without[outlines.piece].any()
            assert [s.name for s in outlines_segmentation(outlines, case).segments] == ["A", "B", "Piece"]
    sides = {item.drawn_side for seed in range(20) for item in begun(case, seed=seed)[0].items}
    assert sides == {"A", "B"}


def test_with_two_readers_the_outlines_are_their_own():
    case = readers_of_case([a_segmentation(name="a", liver=ADA), a_segmentation(name="b", liver=BEN)], names=["a", "b"])
    adjudication, components = begun(case)
    item = replace(next(item for item in adjudication.items if item.voxels == 25), drawn_side="A")
    outlines = piece_outlines(item, component_of(item, components), case)
    assert np.count_nonzero(outlines.a) == 4 * 5 * 5
    assert np.count_nonzero(outlines.b) == 3 * 6 * 5


def test_the_order_follows_from_the_seed_and_is_stored():
    boxes = {f"s{n}": ((1, 2), (n, n + 1), (3, 4 + n)) for n in range(8)}
    case = readers_of_case([a_segmentation(name="a", **boxes), a_segmentation(name="b", **dict.fromkeys(boxes))])
    components = all_components(case)
    orders = [
        [item.structure for item in begin_adjudication(case, components, "c", "Third", seed=seed).items] for seed in (1, 1, 2)
    ]
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0]) == sorted(boxes)
    again = adjudication_from_text(adjudication_text(begin_adjudication(case, components, "c", "Third", seed=1)), "file")
    assert [item.structure for item in again.items] == orders[0]


def test_a_decision_can_be_changed_until_it_is_closed():
    case = three_readers()
    adjudication, _components = begun(case)
    assert adjudication.next_open == 0
    adjudication = decide(adjudication, 0, "accept", " clear margin ")
    assert (adjudication.decided, adjudication.next_open, adjudication.items[0].comment) == (1, 1, "clear margin")
    adjudication = decide(decide(adjudication, 0, "reject"), 1, "undecided")
    assert [item.decision for item in adjudication.items] == ["reject", "undecided"]
    closed = close_adjudication(adjudication, case)
    with pytest.raises(ValueError, match="closed"):
        decide(closed, 0, "accept")


def test_it_cannot_be_closed_or_told_while_a_piece_is_open():
    case = three_readers()
    adjudication, components = begun(case)
    with pytest.raises(ValueError, match="2 pieces have no decision"):
        close_adjudication(adjudication, case)
    for told in (lambda: reader_outcomes(adjudication), lambda: adjudicated_segmentation(adjudication, case, components)):
        with pytest.raises(ValueError, match="open"):
            told()


def test_outcomes_count_each_readers_pieces():
    case = three_readers()
    closed = close_adjudication(decided(begun(case)[0], v25="reject", v15="accept"), case)
    told = {outcome.reader: outcome for outcome in reader_outcomes(closed)}
    # Ada's slice was rejected and the row that she left out accepted; for Ben and Cyd it is the other way round.
    assert (told["Ada"].drew_rejected, told["Ada"].left_out_accepted, told["Ada"].confirmed) == (1, 1, 0)
    assert (told["Ben"].drew_accepted, told["Ben"].left_out_rejected, told["Ben"].confirmed) == (1, 1, 2)
    assert told["Ben"] == replace(told["Cyd"], reader="Ben")


def test_small_pieces_are_decided_by_more_than_half_of_the_readers():
    case = three_readers()
    # 25 voxels of 2 mm3 are 0.05 mL, 15 are 0.03 mL.
    adjudication, components = begun(case, smallest_ml=0.04)
    assert [item.voxels for item in adjudication.items] == [25]
    assert (adjudication.not_shown, adjudication.not_shown_ml) == (1, pytest.approx(0.03))
    closed = close_adjudication(decided(adjudication, v25="reject"), case)
    assert voxels(adjudicated_segmentation(closed, case, components)) == {"liver": 75 + 15}


def test_half_of_the_readers_are_not_enough_for_a_small_piece():
    case = readers_of_case([a_segmentation(name="a", liver=ADA), a_segmentation(name="b", liver=BEN)], names=["a", "b"])
    adjudication, components = begun(case, smallest_ml=1.0)
    assert adjudication.items == ()
    assert voxels(adjudicated_segmentation(close_adjudication(adjudication, case), case, components)) == {"liver": 75}


@pytest.mark.parametrize("name", ["Ben", "  ben "])
def test_a_compared_reader_cannot_adjudicate(name):
    case = three_readers()
    with pytest.raises(BadDataError, match="one of the compared readers"):
        begin_adjudication(case, all_components(case), "case 1", name)


def test_a_compared_reader_who_is_named_only_later_is_found_when_it_is_closed():
    case = three_readers()
    adjudication = decided(begun(case)[0], v25="accept", v15="accept")
    renamed = readers_of_case([reader.segmentation for reader in case.readers], names=["third", "Ben", "Cyd"])
    with pytest.raises(BadDataError, match="has adjudicated"):
        close_adjudication(adjudication, renamed)


def test_a_segmentation_that_was_changed_meanwhile_is_refused():
    adjudication, _components = begun(three_readers())
    with pytest.raises(BadDataError, match="Ada: was changed"):
        reader_places(adjudication, three_readers(Ada=((1, 6), (2, 7), (3, 8))))
    two = readers_of_case([a_segmentation(name="Ada", liver=ADA), a_segmentation(name="Ben", liver=BEN)], names=["Ada", "Ben"])
    with pytest.raises(BadDataError, match="begun with 3"):
        reader_places(adjudication, two)


def test_readers_are_known_again_in_any_order():
    adjudication, _components = begun(three_readers())
    case = readers_of_case([a_segmentation(name=n, liver=b) for n, b in (("Cyd", CYD), ("Ada", ADA), ("Ben", BEN))])
    assert sorted(reader_places(adjudication, case)) == [0, 1, 2]


@pytest.mark.parametrize("change", [{"seed": "7"}, {"schema": "other"}, {"surprise": 1}, {"items": [{"structure": "liver"}]}])
def test_a_text_that_is_no_adjudication_is_refused_with_its_faults(change):
    data = json.loads(adjudication_text(begun(three_readers())[0])) | change
    with pytest.raises(BadDataError, match=next(iter(change))):
        adjudication_from_text(json.dumps(data), "a.json")


def test_a_piece_that_is_cut_otherwise_is_refused():
    adjudication, components = begun(three_readers())
    with pytest.raises(BadDataError, match="not among the pieces"):
        component_of(adjudication.items[0], [c for c in components if c.voxels != adjudication.items[0].voxels])


def test_an_adjudication_needs_an_adjudicator_and_a_volume():
    case = three_readers()
    with pytest.raises(ValueError, match="somebody"):
        begin_adjudication(case, (), "case 1", " ")
    with pytest.raises(ValueError, match="smallest_ml"):
        begin_adjudication(case, (), "case 1", "Third", smallest_ml=-1.0)


def test_readers_who_agree_leave_nothing_to_decide():
    geometry = a_geometry()
    case = readers_of_case([a_segmentation(geometry, name=n, liver=ADA) for n in "ab"])
    adjudication, components = begun(case)
    closed = close_adjudication(adjudication, case)
    assert (closed.items, voxels(adjudicated_segmentation(closed, case, components))) == ((), {"liver": 100})


def test_what_is_stored_is_what_the_shipped_schema_says():
    jsonschema = pytest.importorskip("jsonschema")
    case = three_readers()
    adjudication = begun(case)[0]
    closed = close_adjudication(decided(adjudication, v25="accept", v15="undecided"), case)
    for one in (adjudication, closed):
        jsonschema.Draft202012Validator(adjudication_schema()).validate(json.loads(adjudication_text(one)))
    shipped = resource("Schemas/adjudication.schema.json").read_text(encoding="utf-8")
    assert shipped == json.dumps(adjudication_schema(), indent=2, ensure_ascii=False) + "\n"
