"""Who is named as an outlier, with which explanation, and who is not."""

import csv
from itertools import permutations

import numpy as np
import pytest

from phantoms import a_geometry, a_segmentation
from SegQCLib.agreement.case_agreement import agree
from SegQCLib.agreement.outlier_readers import CANNOT_BE_TOLD, outliers_by_structure
from SegQCLib.case import Segment, Segmentation

# Left is towards larger i. The image's middle is between i 29 and i 30; front and back are not alike.
GRID = a_geometry((20, 40, 60))
LEFT, RIGHT = ((4, 12), (10, 20), (40, 52)), ((4, 12), (11, 21), (8, 18))
SPLEEN, STOMACH = ((13, 18), (24, 36), (46, 57)), ((2, 9), (26, 38), (20, 34))


def moved(box, k=0, j=0, i=0):
    return tuple((low + step, high + step) for (low, high), step in zip(box, (k, j, i), strict=True))


def reader(name, **boxes) -> Segmentation:
    whole = {"kidney_left": LEFT, "kidney_right": RIGHT, "spleen": SPLEEN, "stomach": STOMACH}
    return a_segmentation(GRID, name, **{structure: box for structure, box in {**whole, **boxes}.items() if box != "none"})


def others() -> list[Segmentation]:
    return [
        reader("A"),
        reader("B", spleen=moved(SPLEEN, i=1)),
        reader("C", kidney_left=moved(LEFT, j=-1), stomach=moved(STOMACH, i=-1)),
    ]


def outliers(readers, **options):
    return agree(readers, **options).outliers


def test_readers_who_agree_have_no_outlier_among_them():
    assert outliers([*others(), reader("D", kidney_right=moved(RIGHT, i=1))]) == ()


def test_with_two_readers_nobody_can_be_named():
    agreement = agree([reader("A"), reader("B", kidney_left=RIGHT, kidney_right=LEFT)])
    assert agreement.outliers == ()
    assert agreement.outlier_rule == CANNOT_BE_TOLD


def test_two_against_two_names_nobody():
    swapped = {"kidney_left": RIGHT, "kidney_right": LEFT}
    assert outliers([reader("A"), reader("B"), reader("C", **swapped), reader("D", **swapped)]) == ()


def test_left_and_right_exchanged_is_named_with_what_dice_would_be():
    (found,) = outliers([*others(), reader("D", kidney_left=RIGHT, kidney_right=LEFT)])
    assert (found.reader, found.kind) == ("D", "wrong side")
    assert "'kidney_left' and 'kidney_right' are exchanged" in found.evidence
    values = {entry.structure: entry for entry in found.structures}
    assert values.keys() == {"kidney_left", "kidney_right"}
    # A and B have D's right kidney as their left one; C's lies one of ten rows in front of it.
    assert (values["kidney_left"].dice_with_others, values["kidney_left"].dice_if_explained) == (0, 1)
    assert values["kidney_left"].dice_among_others == pytest.approx(0.9)


def test_two_labels_exchanged_are_structures_exchanged():
    (found,) = outliers([*others(), reader("D", spleen=STOMACH, stomach=SPLEEN)])
    assert (found.reader, found.kind) == ("D", "structures exchanged")
    assert "'spleen' and 'stomach' are exchanged" in found.evidence


def test_a_segment_that_is_another_structure_is_the_wrong_structure():
    (found,) = outliers([*others(), reader("D", spleen=STOMACH)])
    assert (found.reader, found.kind, [s.structure for s in found.structures]) == ("D", "wrong structure", ["spleen"])
    assert "'spleen' is what the others call 'stomach'" in found.evidence


def test_the_other_kidney_under_the_only_name_is_the_wrong_side():
    """The protocol asks for one kidney, so that no other segment explains it."""
    boxes = [LEFT, moved(LEFT, j=1), moved(LEFT, k=1), ((4, 10), (11, 19), (8, 18))]
    (found,) = outliers([a_segmentation(GRID, name, kidney_left=box) for name, box in zip("ABCD", boxes, strict=True)])
    assert (found.reader, found.kind) == ("D", "wrong side")


@pytest.mark.parametrize(("axis", "words"), [(0, "head and feet"), (1, "front and back"), (2, "left and right")])
def test_a_mirrored_grid_is_named_with_its_axis(axis, words):
    whole = reader("D")
    layers = tuple(np.flip(layer, axis) for layer in whole.layers)
    found = outliers([*others(), Segmentation("D", GRID, layers, whole.segments)])
    assert [(outlier.reader, outlier.kind) for outlier in found] == [("D", "mirrored")]
    assert f"{words} are exchanged in its grid" in found[0].evidence


def test_a_grid_that_lies_far_off_is_named_with_the_way():
    far = {name: moved(box, k=1, i=-8) for name, box in (("kidney_left", LEFT), ("kidney_right", RIGHT))}
    far |= {"spleen": moved(SPLEEN, k=1, i=-8), "stomach": moved(STOMACH, k=1, i=-8)}
    (found,) = outliers([*others(), reader("D", **far)])
    assert (found.reader, found.kind, len(found.structures)) == ("D", "shifted", 4)
    assert "8 mm further right and 2 mm higher" in found.evidence


def test_a_small_shift_of_everything_is_told_by_all_structures_together():
    """One row of ten leaves Dice at 0.9, which nobody would look at; that all four moved alike is no opinion."""
    boxes = {"kidney_left": LEFT, "kidney_right": RIGHT, "spleen": SPLEEN, "stomach": STOMACH}
    shifted = {name: moved(box, j=1) for name, box in boxes.items()}
    found = outliers([reader("A"), reader("B"), reader("C"), reader("D", **shifted)])
    assert [(outlier.reader, outlier.kind, len(outlier.structures)) for outlier in found] == [("D", "shifted", 4)]
    assert "1 mm further back" in found[0].evidence
    assert {entry.dice_if_explained for entry in found[0].structures} == {1.0}


def test_a_structure_left_out_is_named():
    for missing in (None, "none"):
        (found,) = outliers([*others(), reader("D", spleen=missing)])
        assert (found.reader, found.kind, [s.structure for s in found.structures]) == ("D", "left out", ["spleen"])


def test_what_one_reader_alone_drew_is_named():
    (found,) = outliers([*(reader(name, spleen="none") for name in "ABC"), reader("D")])
    assert (found.reader, found.kind) == ("D", "drawn by nobody else")


def test_an_outlier_is_left_out_of_the_averages_and_both_are_given():
    agreement = agree([reader("A"), reader("B"), reader("C"), reader("D", spleen=STOMACH)])
    spleen = next(structure for structure in agreement.structures if structure.structure == "spleen")
    assert [(a.without_outliers, a.pairs, a.dice) for a in spleen.averages] == [(False, 6, 0.5), (True, 3, 1.0)]
    assert [pair.outlier for pair in spleen.pairs] == [False, False, True, False, True, True]
    kidney = agreement.structures[0]
    assert [average.without_outliers for average in kidney.averages] == [False]
    assert outliers_by_structure(agreement.outliers) == {"spleen": ("D",)}


def test_two_readers_with_the_same_error_among_six_are_both_named():
    swapped = {"kidney_left": RIGHT, "kidney_right": LEFT}
    found = outliers([*(reader(name) for name in "ABCD"), reader("E", **swapped), reader("F", **swapped)])
    assert [(outlier.reader, outlier.kind) for outlier in found] == [("E", "wrong side"), ("F", "wrong side")]


def test_the_order_of_readers_does_not_change_who_is_named():
    drawn = [reader("A"), reader("B"), reader("C"), reader("D", kidney_left=RIGHT, kidney_right=LEFT)]
    for order in permutations(drawn):
        assert [(outlier.reader, outlier.kind) for outlier in outliers(list(order))] == [("D", "wrong side")]


def test_readers_who_do_not_agree_among_themselves_make_nobody_an_outlier():
    """Three Dice around 0.4 and one of 0.1: who is right?"""
    boxes = [LEFT, moved(LEFT, i=7), moved(LEFT, j=6), moved(LEFT, i=-9, j=-5)]
    assert outliers([a_segmentation(GRID, name, kidney_left=box) for name, box in zip("ABCD", boxes, strict=True)]) == ()


def test_noise_at_the_edges_names_nobody():
    rng = np.random.default_rng(5)
    for _ in range(20):
        drawn = []
        for name in "ABCD":
            boxes = {}
            for structure, box in (("kidney_left", LEFT), ("kidney_right", RIGHT), ("spleen", SPLEEN), ("stomach", STOMACH)):
                steps = rng.integers(-1, 2, (3, 2))
                boxes[structure] = tuple((low + int(a), high + int(b)) for (low, high), (a, b) in zip(box, steps, strict=True))
            drawn.append(reader(name, **boxes))
        assert outliers(drawn) == ()


def test_four_radiologists_on_real_nodules_are_almost_never_named(shared_data):
    """LIDC-IDRI: every eighth nodule that three or four readers drew. Those named differ grossly: half the Dice of the others."""
    folder = shared_data / "lidc_readers"
    with (folder / "nodules.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if int(row["n_readers"]) >= 3][::8]
    with np.load(folder / "masks.npz") as arrays:
        bits = arrays["bits"]
    reads = named = 0
    for row in rows:
        count, offset = int(row["n_readers"]), int(row["offset"])
        size = tuple(int(row[axis]) for axis in ("nz", "ny", "nx"))
        masks = np.unpackbits(bits[offset : offset + int(row["nbytes"])])[: count * int(np.prod(size))].reshape(count, *size)
        geometry = a_geometry(size, (float(row["slice_spacing"]), *[float(row["pixel_spacing"])] * 2))
        nodule = (Segment("n", "nodule", 1),)
        found = outliers([Segmentation(f"reader {n}", geometry, (mask,), nodule) for n, mask in enumerate(masks)], workers=1)
        assert {outlier.kind for outlier in found} <= {"differs"}
        reads, named = reads + count, named + len(found)
    assert reads > 450
    assert named <= 0.01 * reads
