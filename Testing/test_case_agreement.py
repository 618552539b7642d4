"""Readers of one case against each other: grids, structures, values, averages."""

import csv
import io
import json
from dataclasses import replace
from itertools import combinations, permutations

import jsonschema
import numpy as np
import pytest
import surface_distance

from phantoms import a_geometry, a_segmentation, a_volume
from SegQCLib.agreement.agreement_report import agreement_csv, agreement_text
from SegQCLib.agreement.case_agreement import CaseAgreement, agree, agreement_schema
from SegQCLib.agreement.readers_of_case import readers_of_case
from SegQCLib.agreement.structures import match_structures
from SegQCLib.alignment import align
from SegQCLib.case import Code, Segment, Segmentation, Terminology
from SegQCLib.comparison_report import compare_segmentations
from SegQCLib.dataclass_json import from_json
from SegQCLib.errors import BadDataError
from SegQCLib.resources import resource

BOX = ((2, 6), (4, 12), (5, 15))
LIVER = Terminology(Code("123037004", "SCT", "Anatomical Structure"), Code("10200004", "SCT", "Liver"))
SPLEEN = Terminology(Code("123037004", "SCT", "Anatomical Structure"), Code("78961009", "SCT", "Spleen"))


def moved(box, k=0, j=0, i=0):
    return tuple((low + step, high + step) for (low, high), step in zip(box, (k, j, i), strict=True))


def readers(*boxes, **more) -> list[Segmentation]:
    return [a_segmentation(name=f"reader {n}", liver=box, **more) for n, box in enumerate(boxes, 1)]


def named(name, *segments) -> Segmentation:
    """Segmentation with empty segments of these (name, terminology)."""
    layer = np.zeros(a_geometry().size, np.uint8)
    made = tuple(Segment(f"s{n}", one, n, terminology=codes) for n, (one, codes) in enumerate(segments, 1))
    return Segmentation(name, a_geometry(), (layer,), made)


def names_of(structures):
    return [(structure.name, tuple(s and s.name for s in structure.segments)) for structure in structures]


def test_dice_of_a_box_moved_by_a_tenth_of_its_length_is_nine_tenths():
    agreement = agree(readers(BOX, moved(BOX, i=1)))
    ((pair,),) = (structure.pairs for structure in agreement.structures)
    assert pair.dice == pytest.approx(0.9)
    assert pair.jaccard == pytest.approx(9 / 11)
    assert pair.hausdorff_mm == 1.0
    # 4 x 8 x 10 voxels of 2 mm3.
    assert pair.volume_a_ml == pair.volume_b_ml == pytest.approx(0.64)
    assert pair.volume_difference_ml == pair.volume_difference_percent == 0


def test_a_volume_difference_is_in_percent_of_the_mean_of_the_two():
    ((pair,),) = (s.pairs for s in agree(readers(((2, 6), (4, 12), (5, 15)), ((2, 6), (4, 12), (5, 10)))).structures)
    assert pair.volume_difference_ml == pytest.approx(-0.32)
    assert pair.volume_difference_percent == pytest.approx(-200 / 3)


@pytest.mark.parametrize("count", [2, 3, 4, 6])
def test_every_pair_is_there_once(count):
    agreement = agree(readers(*(moved(BOX, i=n) for n in range(count))))
    (structure,) = agreement.structures
    expected = [(f"reader {a}", f"reader {b}") for a, b in combinations(range(1, count + 1), 2)]
    assert [(pair.reader_a, pair.reader_b) for pair in structure.pairs] == expected
    assert [pair.dice for pair in structure.pairs] == [pytest.approx(1 - (b - a) / 10) for a, b in combinations(range(count), 2)]


def test_values_are_those_of_segqc_compare_pair_by_pair():
    rng = np.random.default_rng(3)
    geometry = a_geometry((12, 20, 24), (2.5, 0.8, 0.7))
    drawn = []
    for n in range(4):
        layer = np.zeros(geometry.size, np.uint8)
        for label in (1, 2, 3):
            k, j, i = (int(v) for v in rng.integers(1, 6, 3))
            layer[k : k + 5, j : j + 6 + label, i : i + 9] = label
        drawn.append(Segmentation(f"r{n}", geometry, (layer,), tuple(Segment(f"s{v}", f"organ {v}", v) for v in (1, 2, 3))))
    agreement = agree(drawn)
    for a, b in combinations(range(4), 2):
        report = compare_segmentations(drawn[a], drawn[b], "surfel")
        for segment, structure in zip(report.segments, agreement.structures, strict=True):
            pair = next(p for p in structure.pairs if (p.reader_a, p.reader_b) == (f"r{a}", f"r{b}"))
            assert structure.structure == segment.segment
            for metric in ("dice", "jaccard", "hausdorff_mm", "hausdorff_95_mm", "assd_mm"):
                assert getattr(pair, metric) == segment.values[metric]
            assert dict(pair.surface_dice) == {t: segment.values[f"surface_dice_{t:g}mm"] for t in (1, 2, 3)}


def test_surface_values_are_those_of_surface_distance():
    a, b = readers(BOX, ((2, 7), (5, 12), (4, 16)))
    ((pair,),) = (s.pairs for s in agree([a, b]).structures)
    distances = surface_distance.compute_surface_distances(a.layers[0] == 1, b.layers[0] == 1, (2.0, 1.0, 1.0))
    assert pair.hausdorff_95_mm == pytest.approx(surface_distance.compute_robust_hausdorff(distances, 95))
    for tolerance, value in pair.surface_dice:
        assert value == pytest.approx(surface_distance.compute_surface_dice_at_tolerance(distances, tolerance))


def test_the_order_of_readers_changes_no_symmetric_value():
    drawn = readers(BOX, moved(BOX, j=1), ((2, 5), (4, 12), (5, 14)))
    values = set()
    for order in permutations(drawn):
        ((*pairs,),) = (s.pairs for s in agree(list(order)).structures)
        values.add(tuple(sorted((p.dice, p.hausdorff_95_mm, p.assd_mm, p.surface_dice) for p in pairs)))
    assert len(values) == 1


def test_empty_in_one_is_dice_0_in_both_undefined_and_both_are_counted():
    (structure,) = agree(readers(BOX, BOX, None, None)).structures
    assert structure.drawn_by == ("reader 1", "reader 2")
    assert structure.absent_by == ("reader 3", "reader 4")
    assert structure.no_segment_by == ()
    by_pair = {(p.reader_a[-1], p.reader_b[-1]): p for p in structure.pairs}
    assert by_pair["1", "3"].dice == 0
    assert by_pair["1", "3"].assd_mm is None
    assert by_pair["3", "4"].dice is by_pair["3", "4"].volume_difference_percent is None
    text = agreement_text(agree(readers(BOX, BOX, None, None)))
    assert "liver: drawn by 2 of 4; assessed, absent by 2 of 4 (reader 3, reader 4)" in text


def test_a_reader_without_the_segment_is_told_from_one_who_left_it_empty():
    drawn = [*readers(BOX, None), a_segmentation(name="reader 3", spleen=BOX)]
    liver, spleen = agree(drawn).structures
    assert (liver.absent_by, liver.no_segment_by) == (("reader 2",), ("reader 3",))
    assert (spleen.drawn_by, spleen.no_segment_by) == (("reader 3",), ("reader 1", "reader 2"))


def test_one_voxel_and_overlapping_structures_are_compared():
    one = ((3, 4), (3, 4), (3, 4))
    agreement = agree(readers(one, one, around=((2, 6), (2, 6), (2, 6))))
    assert [structure.pairs[0].dice for structure in agreement.structures] == [1, 1]
    assert [structure.volumes_ml["reader 1"] for structure in agreement.structures] == [
        pytest.approx(0.002),
        pytest.approx(0.128),
    ]


def test_the_same_segmentation_twice_agrees_with_itself_and_its_names_stay_apart():
    (drawn,) = readers(BOX)
    agreement = agree([drawn, drawn])
    assert [reader.name for reader in agreement.readers] == ["reader 1", "reader 1 (2)"]
    assert agreement.structures[0].pairs[0].dice == 1


@pytest.mark.parametrize("count", [1, 17])
def test_agreement_needs_two_readers_and_takes_sixteen(count):
    with pytest.raises(ValueError, match="2 to 16 readers"):
        agree(readers(*[BOX] * count))


@pytest.mark.parametrize(
    ("options", "message"),
    [({"names": ["A", "A"]}, "each once"), ({"names": ["A"]}, "as many names"), ({"ai_anchored": ["C"]}, "No reader is called C")],
)
def test_names_that_do_not_fit_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        agree(readers(BOX, BOX), **options)


# Structures


def test_names_decide_over_all_readers_then_codes():
    found = match_structures(
        [
            named("A", ("liver", LIVER), ("spleen", SPLEEN)),
            named("B", ("Liver", None), ("Milz", SPLEEN)),
            named("C", ("Foie", LIVER), ("spleen", None)),
        ]
    )
    assert names_of(found) == [("liver", ("liver", "Liver", "Foie")), ("spleen", ("spleen", "Milz", "spleen"))]


def test_the_order_of_readers_does_not_change_what_is_matched():
    drawn = [
        named("A", ("liver", LIVER)),
        named("B", ("Foie", LIVER)),
        named("C", ("liver", None)),
        named("D", ("Leber", None), ("liver", None)),
    ]
    found = {
        frozenset(
            frozenset((reader.name, s.name) for reader, s in zip(order, structure.segments, strict=True) if s)
            for structure in match_structures(order)
        )
        for order in map(list, permutations(drawn))
    }
    assert found == {
        frozenset({frozenset({("A", "liver"), ("C", "liver"), ("D", "liver"), ("B", "Foie")}), frozenset({("D", "Leber")})})
    }


def test_two_lesions_that_share_a_code_are_matched_by_name_alone():
    drawn = [named(name, ("lesion 1", LIVER), ("lesion 2", LIVER)) for name in "AB"]
    assert names_of(match_structures(drawn)) == [("lesion 1", ("lesion 1",) * 2), ("lesion 2", ("lesion 2",) * 2)]


def test_two_segments_of_one_name_by_one_reader_are_matched_with_nobody_s_and_stay_apart():
    found = match_structures([named("A", ("lesion", None), ("lesion", None)), named("B", ("lesion", None))])
    assert names_of(found) == [("lesion", ("lesion", None)), ("lesion (2)", ("lesion", None)), ("lesion (3)", (None, "lesion"))]


# Grids


def test_readers_on_one_grid_are_not_resampled():
    agreement = agree(readers(BOX, BOX))
    assert agreement.grid == "the voxels that all readers drew on"
    assert [reader.resampled for reader in agreement.readers] == [False, False]


def test_flipped_rows_and_parts_of_the_grid_are_the_same_voxels():
    whole = a_segmentation(name="A", liver=BOX)
    flipped = replace(
        a_segmentation(name="B", liver=BOX),
        geometry=a_geometry(axes_lps=((0.0, 0.0, 1.0), (0.0, -1.0, 0.0), (1.0, 0.0, 0.0)), origin_lps_mm=(0.0, 19.0, 0.0)),
        layers=(whole.layers[0][:, ::-1],),
    )
    part = replace(
        a_segmentation(name="C", liver=BOX),
        geometry=a_geometry((4, 8, 10), origin_lps_mm=(5.0, 4.0, 4.0)),
        layers=(whole.layers[0][2:6, 4:12, 5:15],),
    )
    for order in permutations([whole, flipped, part]):
        agreement = agree(list(order))
        assert [pair.dice for pair in agreement.structures[0].pairs] == [1, 1, 1]
        assert not any(reader.resampled for reader in agreement.readers)


def test_a_dicom_seg_s_few_frames_do_not_cut_off_what_others_drew():
    """Two readers whose files hold only the slices they drew on, and no image."""
    low = a_segmentation(a_geometry((4, 20, 30)), "A", liver=((0, 4), (4, 12), (5, 15)))
    high = a_segmentation(a_geometry((4, 20, 30), origin_lps_mm=(0.0, 0.0, 4.0)), "B", liver=((0, 4), (4, 12), (5, 15)))
    agreement = agree([low, high])
    assert agreement.grid_size_kji == (6, 20, 30)
    assert agreement.structures[0].pairs[0].dice == pytest.approx(0.5)
    assert agreement.structures[0].volumes_ml == {"A": pytest.approx(0.64), "B": pytest.approx(0.64)}
    assert "made large enough for all" in agreement.grid


def test_the_grid_that_most_readers_drew_on_is_taken_and_the_resampled_reader_is_named():
    fine = a_geometry((20, 40, 60), (1.0, 0.5, 0.5), (-0.25, -0.25, -0.5))
    other = a_segmentation(fine, "C", liver=((4, 12), (8, 24), (10, 30)))
    agreement = agree([*readers(BOX, BOX), other])
    assert [reader.resampled for reader in agreement.readers] == [False, False, True]
    assert "that 2 of 3 readers drew on" in agreement.grid
    assert agreement.structures[0].pairs[1].dice == pytest.approx(1.0)


def test_where_no_grid_leads_the_smallest_voxels_are_kept():
    fine = a_geometry((20, 40, 60), (1.0, 0.5, 0.5), (-0.25, -0.25, -0.5))
    agreement = agree([a_segmentation(name="A", liver=BOX), a_segmentation(fine, "B", liver=((4, 12), (8, 24), (10, 30)))])
    assert agreement.grid_spacing_mm == (1.0, 0.5, 0.5)
    assert [reader.resampled for reader in agreement.readers] == [True, False]
    assert agreement.structures[0].pairs[0].dice == pytest.approx(1.0)


def test_an_image_gives_the_grid():
    fine = a_geometry((20, 40, 60), (1.0, 0.5, 0.5), (-0.25, -0.25, -0.5))
    agreement = agree(readers(BOX, BOX), a_volume(fine))
    assert agreement.grid == "the image's grid"
    assert agreement.grid_size_kji == fine.size


def test_another_patient_s_segmentation_is_refused_with_both_places():
    elsewhere = a_segmentation(a_geometry(origin_lps_mm=(0.3, 0.0, 500.0)), "B", liver=BOX)
    with pytest.raises(BadDataError, match=r"(?s)B: lies elsewhere than A.*499 to 519.*-1 to 19.*one patient"):
        agree([a_segmentation(name="A", liver=BOX), elsewhere])
    with pytest.raises(BadDataError, match="lies outside the image"):
        agree(readers(BOX, BOX), a_volume(a_geometry(origin_lps_mm=(0.0, 0.0, 500.0))))


def test_an_empty_segmentation_lies_wherever_its_file_says():
    nowhere = a_segmentation(a_geometry((1, 1, 1), origin_lps_mm=(0.0, 0.0, 500.0)), "B", liver=None)
    (structure,) = agree([nowhere, a_segmentation(name="A", liver=BOX)]).structures
    assert structure.absent_by == ("B",)
    assert structure.pairs[0].dice == 0


def test_readers_are_aligned_as_evaluate_does_it():
    coarse = a_segmentation(a_geometry((5, 10, 15), (4.0, 2.0, 2.0), (0.5, 0.5, 1.0)), "B", liver=((1, 3), (2, 5), (3, 6)))
    case = readers_of_case([*readers(BOX, BOX), coarse])
    assert np.array_equal(case.readers[2].segmentation.layers[0], align(coarse, a_geometry()).layers[0])


# What readers saw of AI


def with_types(*types) -> list[Segmentation]:
    made = []
    for n, kind in enumerate(types, 1):
        drawn = a_segmentation(name=f"reader {n}", liver=BOX)
        made.append(drawn.with_segments(tuple(replace(s, algorithm_type=kind) for s in drawn.segments)))
    return made


def test_pairs_are_averaged_apart_by_what_their_readers_saw_of_ai():
    boxes = [moved(BOX, i=n) for n in (0, 1, 3, 4)]
    (structure,) = agree(readers(*boxes), ai_anchored=["reader 3", "reader 4"]).structures
    means = {average.anchoring: (average.pairs, average.dice) for average in structure.averages}
    assert means == {
        "AI-free": (1, pytest.approx(0.9)),
        "AI-anchored": (1, pytest.approx(0.9)),
        "AI-free against AI-anchored": (4, pytest.approx((0.7 + 0.6 + 0.8 + 0.7) / 4)),
    }


def test_segments_tell_who_edited_a_draft_and_silence_is_not_taken_for_ai_free():
    agreement = agree(with_types("MANUAL", "SEMIAUTOMATIC", None))
    assert [reader.ai_anchored for reader in agreement.readers] == [False, True, None]
    assert [pair.anchoring for pair in agreement.structures[0].pairs] == [
        "AI-free against AI-anchored",
        "not known",
        "not known",
    ]


def test_what_is_stated_goes_before_what_segments_say():
    agreement = agree(with_types("SEMIAUTOMATIC", None), ai_anchored=[])
    assert [(reader.ai_anchored, reader.anchoring_basis) for reader in agreement.readers] == [(False, "as stated")] * 2


# Files


def test_a_structure_s_own_tolerance_is_measured():
    agreement = agree(readers(BOX, moved(BOX, i=1)), tolerances_mm={"liver": (0.5, 1.0)})
    (pair,) = agreement.structures[0].pairs
    assert [tolerance for tolerance, _ in pair.surface_dice] == [0.5, 1.0]
    assert pair.surface_dice[0][1] < pair.surface_dice[1][1] == 1


def test_json_is_what_its_shipped_schema_says_and_comes_back_equal():
    agreement = agree(readers(BOX, moved(BOX, i=1), None))
    jsonschema.Draft202012Validator(agreement_schema()).validate(json.loads(agreement.to_json()))
    assert from_json(CaseAgreement, agreement.to_json()) == agreement
    shipped = resource("Schemas/agreement.schema.json").read_text(encoding="utf-8")
    assert shipped == json.dumps(agreement_schema(), indent=2, ensure_ascii=False) + "\n"


def test_csv_has_a_line_for_each_pair_and_structure_and_runs_no_formula():
    drawn = [replace(one, name=name) for one, name in zip(readers(BOX, BOX, None), ("=1+1", "B", "C"), strict=True)]
    rows = list(csv.DictReader(io.StringIO(agreement_csv(agree(drawn)))))
    assert [(row["reader_a"], row["reader_b"], row["dice"]) for row in rows] == [
        ("'=1+1", "B", "1.0"),
        ("'=1+1", "C", "0.0"),
        ("B", "C", "0.0"),
    ]
    assert rows[1]["assd_mm"] == ""


def test_the_matrix_has_dice_below_its_diagonal_and_hd95_above_it():
    lines = agreement_text(agree(readers(BOX, moved(BOX, i=1)))).splitlines()
    at = lines.index("liver: drawn by 2 of 2")
    assert [line.split() for line in lines[at + 2 : at + 4]] == [
        ["reader", "1", "[0.64]", "1.0"],
        ["reader", "2", "0.900", "[0.64]"],
    ]
