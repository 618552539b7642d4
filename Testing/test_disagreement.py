"""Where readers differ: pieces, map and slices, by arithmetic."""

import numpy as np
import pytest
import SimpleITK as sitk

from phantoms import a_geometry, a_segmentation
from SegQCLib.agreement.disagreement import disagreement_components, disagreement_map, holders_of, worst_slices
from SegQCLib.agreement.readers_of_case import readers_of_case
from SegQCLib.case import Segment, Segmentation
from SegQCLib.errors import BadDataError
from SegQCLib.written_image import write_image

BOX = ((2, 6), (4, 12), (5, 15))


def case_of(*boxes, names="ABCDEFGHIJ"):
    return readers_of_case([a_segmentation(name=name, liver=box) for name, box in zip(names, boxes, strict=False)])


def random_case(readers, seed=0, size=(6, 9, 11)):
    rng = np.random.default_rng(seed)
    geometry = a_geometry(size)
    segment = (Segment("s", "liver", 1),)
    masks = [(rng.random(size) < 0.4).astype(np.uint8) for _ in range(readers)]
    made = [Segmentation(f"reader {n}", geometry, (mask,), segment) for n, mask in enumerate(masks)]
    return readers_of_case(made), np.array(masks, bool)


def test_two_boxes_side_by_side_leave_one_piece_at_either_end():
    pieces = disagreement_components(case_of(BOX, ((2, 6), (4, 12), (7, 16))), "liver")
    assert [(p.number, p.holders, p.others, p.voxels, p.box) for p in pieces] == [
        (1, ("A",), ("B",), 64, (slice(2, 6), slice(4, 12), slice(5, 7))),
        (2, ("B",), ("A",), 32, (slice(2, 6), slice(4, 12), slice(15, 16))),
    ]
    assert pieces[0].size_ml == pytest.approx(0.128)
    assert pieces[0].center_lps_mm == (5.5, 7.5, 7.0)
    assert pieces[0].mask.all()


def test_touching_voxels_that_other_readers_hold_are_another_piece():
    """A alone holds one column more than B and C, and A and B one more than C: two questions, not one."""
    pieces = disagreement_components(case_of(((2, 6), (4, 12), (5, 17)), ((2, 6), (4, 12), (5, 16)), BOX), "liver")
    assert [(piece.holders, piece.others) for piece in pieces] == [(("A", "B"), ("C",)), (("A",), ("B", "C"))]


def test_pieces_and_what_all_hold_make_up_what_anybody_holds():
    case, masks = random_case(3)
    painted = np.zeros(case.geometry.size, int)
    for piece in disagreement_components(case, "liver"):
        painted[piece.box] += piece.mask
        for n, name in enumerate(case.names):
            assert masks[n][piece.box][piece.mask].all() == (name in piece.holders)
            assert masks[n][piece.box][piece.mask].any() == (name not in piece.others)
    assert np.array_equal(painted, masks.any(axis=0) & ~masks.all(axis=0))


def test_readers_who_agree_leave_no_piece_and_nobody_s_structure_has_none():
    assert disagreement_components(case_of(BOX, BOX), "liver") == ()
    assert disagreement_components(case_of(None, None), "liver") == ()
    assert holders_of(case_of(None, None), "liver") is None


def test_a_reader_who_is_not_looked_at_leaves_no_piece():
    case = case_of(BOX, BOX, ((2, 6), (4, 12), (20, 28)))
    assert disagreement_components(case, "liver", without=["C"]) == ()
    assert len(disagreement_components(case, "liver")) == 2


def test_a_structure_that_nobody_has_is_misuse():
    with pytest.raises(ValueError, match="No reader has a structure 'spleen'; there are liver"):
        disagreement_components(case_of(BOX, BOX), "spleen")


@pytest.mark.parametrize("readers", [2, 3, 4, 6, 9])
def test_the_map_is_the_share_of_pairs_who_differ(readers):
    case, masks = random_case(readers, seed=readers)
    held = masks.sum(axis=0)
    expected = 2 * held * (readers - held) / (readers * (readers - 1))
    assert disagreement_map(case).array == pytest.approx(expected.astype(np.float32))


def test_over_all_structures_a_pair_differs_once_where_labels_are_exchanged():
    """Two readers call a box liver, the third calls it spleen: two of three pairs differ, not four of six."""
    drawn = [a_segmentation(name=name, liver=BOX, spleen=None) for name in "AB"]
    case = readers_of_case([*drawn, a_segmentation(name="C", liver=None, spleen=BOX)])
    assert set(np.unique(disagreement_map(case).array)) == {0, np.float32(2 / 3)}
    assert np.array_equal(disagreement_map(case, ["liver"]).array, disagreement_map(case).array)


def test_a_map_of_readers_who_agree_is_0():
    assert not disagreement_map(case_of(BOX, BOX)).array.any()
    assert not disagreement_map(case_of(None, None)).array.any()


def test_slices_come_by_disputed_volume_and_not_by_dice():
    """Slice 2 has one voxel against none, Dice 0; slice 4 has 8 of 88 voxels in dispute."""
    first = a_segmentation(name="A", liver=((3, 6), (4, 12), (5, 15)))
    second = a_segmentation(name="B", liver=((3, 6), (4, 12), (5, 15)))
    first.layers[0][2, 5, 5] = 1
    second.layers[0][4, 4:12, 15] = 1
    slices = worst_slices(readers_of_case([first, second]))
    assert [(entry.k, entry.size_ml, entry.mean_dice) for entry in slices] == [
        (4, pytest.approx(0.016), pytest.approx(160 / 168)),
        (2, pytest.approx(0.002), 0),
    ]
    assert slices[0].location_lps_mm[0] == 15
    assert slices[0].location_lps_mm[2] == 8
    assert slices[1].location_lps_mm == (5, 5, 4)


def test_the_dice_of_a_slice_is_the_mean_over_pairs_who_have_something_there():
    case = case_of(((2, 4), (4, 12), (5, 15)), ((2, 3), (4, 12), (5, 15)), ((2, 3), (4, 12), (5, 15)))
    (entry,) = worst_slices(case)
    # A has slice 3, B and C do not: two pairs at 0, the third has nothing there.
    assert (entry.k, entry.mean_dice, entry.size_ml) == (3, 0, pytest.approx(0.16))


def test_slices_of_many_structures_are_in_one_list_and_as_many_as_asked_for():
    drawn = [a_segmentation(name="A", liver=BOX, spleen=((2, 6), (0, 3), (0, 2)))]
    drawn.append(a_segmentation(name="B", liver=((2, 6), (4, 12), (5, 14)), spleen=None))
    case = readers_of_case(drawn)
    assert [entry.structure for entry in worst_slices(case)] == ["liver"] * 4 + ["spleen"] * 4
    assert [entry.structure for entry in worst_slices(case, ["spleen"], most=2)] == ["spleen"] * 2


def test_an_outlier_s_slices_do_not_fill_the_list():
    case = case_of(BOX, BOX, ((2, 6), (4, 12), (20, 28)))
    assert worst_slices(case, outliers={"liver": ("C",)}) == ()


@pytest.mark.parametrize("ending", [".nii.gz", ".nii", ".nrrd", ".mha"])
def test_a_map_that_was_written_lies_where_the_case_does(tmp_path, ending):
    case = case_of(BOX, ((2, 6), (4, 12), (7, 16)))
    differing = disagreement_map(case)
    write_image(tmp_path / f"map{ending}", differing.array, case.geometry)
    read = sitk.ReadImage(str(tmp_path / f"map{ending}"))
    assert np.array_equal(sitk.GetArrayFromImage(read), differing.array)
    assert read.GetSpacing() == (1, 1, 2)
    assert [path.name for path in tmp_path.iterdir()] == [f"map{ending}"]


def test_an_image_without_a_format_or_a_folder_is_refused(tmp_path):
    array = np.zeros(a_geometry().size, np.float32)
    with pytest.raises(BadDataError, match=r"no ending.*\.nii\.gz"):
        write_image(tmp_path / "map.png", array, a_geometry())
    with pytest.raises(BadDataError, match="could not be written"):
        write_image(tmp_path / "nowhere" / "map.nrrd", array, a_geometry())
