"""Errors of shape: the numbers follow from boxes and balls on anisotropic grids, or from contours that readers drew."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from phantoms import a_geometry, a_volume
from SegQCLib.case import Case, Code, Segment, Segmentation, Terminology
from SegQCLib.checks import area_jumps, end_slices, flat_faces, holes, islands, skipped_slices, spikes
from SegQCLib.findings import Status
from SegQCLib.importers import read_segmentation
from SegQCLib.protocol import TechnicalLimit
from SegQCLib.repairs import REPAIRS
from test_checks import LESION_CODES, LIVER_CODES, a_protocol, a_range

CHECKS = (islands, holes, skipped_slices, area_jumps, end_slices, flat_faces, spikes)
SPACING_MM = (3.0, 1.0, 1.5)
SIZE = (40, 70, 60)
CENTER = (20, 35, 30)


def ball(radius_mm=24.0, center=CENTER, size=SIZE, spacing_mm=SPACING_MM):
    grid = np.ogrid[tuple(slice(0, n) for n in size)]
    return sum(((g - c) * s) ** 2 for g, c, s in zip(grid, center, spacing_mm, strict=True)) <= radius_mm**2


def a_case(*masks, codes=None, spacing_mm=SPACING_MM) -> Case:
    """Case with one layer and segment per mask: liver, other 1, other 2 ..."""
    geometry = a_geometry(masks[0].shape, spacing_mm)
    segments = [Segment(f"s{n}", f"other {n}" if n else "liver", 1, n, codes if n == 0 else None) for n in range(len(masks))]
    return Case(a_volume(geometry), Segmentation("reader", geometry, tuple(m.astype(np.uint8) for m in masks), tuple(segments)))


def alarms(check, case, protocol=None):
    findings = list(check.run(case, protocol or a_protocol()))
    warnings = [finding for finding in findings if finding.status is Status.WARN]
    if not warnings:
        (only,) = findings
        assert only.status is Status.PASS
    return warnings


def names_alarmed(mask, **case_args):
    case = a_case(mask, **case_args)
    return {check.ID for check in CHECKS if alarms(check, case)}


def is_at(finding, index, geometry=None):
    geometry = geometry or a_geometry(SIZE, SPACING_MM)
    return finding.location_lps_mm == pytest.approx(geometry.lps_mm(index))


def tube():
    """Half a ring, 60 mm across and 24 mm thick, in a coronal plane, with round ends."""
    grid = np.ogrid[tuple(slice(0, n) for n in SIZE)]
    k, j, i = ((g - c) * s for g, c, s in zip(grid, (5, 35, 30), SPACING_MM, strict=True))
    arch = ((np.hypot(k, i) - 30) ** 2 + j**2 <= 12**2) & (k >= 0)
    return arch | ball(12.0, (5, 35, 10)) | ball(12.0, (5, 35, 50))


@pytest.mark.parametrize(
    "mask",
    [
        ball(),
        ball(radius_mm=7.0),
        ball(radius_mm=30.0, spacing_mm=(5.0, 1.0, 2.0)),
        ball(center=(20.3, 34.6, 30.5)),
        tube(),
        ball(10.0, center=(20, 20, 30)) | ball(9.0, center=(20, 50, 30)),
    ],
    ids=["ball", "small ball", "ellipsoid", "ball between voxels", "curved tube", "two kidneys"],
)
def test_round_bodies_raise_no_alarm(mask):
    assert names_alarmed(mask) == set()


def test_a_ball_on_a_coarse_grid_brought_onto_a_fine_one_raises_no_alarm():
    coarse = ball(24.0, (10, 12, 12), (20, 24, 24), (3.0, 3.0, 3.0))
    assert names_alarmed(coarse.repeat(3, axis=1).repeat(3, axis=2), spacing_mm=(3.0, 1.0, 1.0)) == set()


def test_a_structure_that_the_border_cuts_in_two_raises_no_alarm():
    arch = np.zeros(SIZE, bool)
    arch[0:30, 30:36, 10:16] = arch[0:4, 30:36, 40:46] = True  # the connection lies above the first slice
    assert alarms(islands, a_case(arch)) == []


def test_a_clean_case_gives_one_pass_per_check_and_empty_segments_are_not_counted():
    case = a_case(ball(), ball(7.0), np.zeros(SIZE, bool))
    (finding,) = islands.run(case, a_protocol())
    assert (finding.status, finding.message) == (Status.PASS, "No islands in 2 segments.")
    assert list(islands.run(a_case(np.zeros(SIZE, bool)), a_protocol())) == []


def test_every_proposed_repair_exists():
    mask = ball()
    mask[20, 35, 30:33] = False
    mask[2, 2, 2] = True
    mask[24] = False
    proposed = {f.repair for check in (islands, holes, skipped_slices) for f in alarms(check, a_case(mask))}
    assert proposed == {repair.ID for repair in REPAIRS} - {"clip_to_body"}


def test_an_island_has_its_size_its_place_and_its_distance_from_the_body():
    mask = np.zeros(SIZE, bool)
    mask[10:20, 10:30, 10:30] = True
    mask[15:17, 34, 20:23] = True  # 2 x 1 x 3 voxels of 4.5 mm3; row 34 is 5 rows of 1 mm after row 29
    (finding,) = alarms(islands, a_case(mask))
    assert (finding.size_voxels, finding.size_mm3) == (6, 27.0)
    assert "6 voxels, 27 mm³, 5.0 mm from its body" in finding.message
    assert finding.center_lps_mm == pytest.approx(a_geometry(SIZE, SPACING_MM).lps_mm((15.5, 34, 21)))
    assert mask[tuple(np.rint(a_geometry(SIZE, SPACING_MM).index_kji(finding.location_lps_mm)).astype(int))]
    assert finding.segment == "liver"


def test_a_single_floating_voxel_is_an_island_and_one_at_a_corner_is_not():
    mask = np.zeros(SIZE, bool)
    mask[10:20, 10:30, 10:30] = True
    mask[20, 30, 30] = True  # shares a corner
    assert alarms(islands, a_case(mask)) == []
    mask[22, 32, 32] = True
    (finding,) = alarms(islands, a_case(mask))
    assert is_at(finding, (22, 32, 32))


def test_lesions_and_structures_of_many_parts_have_no_islands():
    mask = ball()
    mask[2, 2, 2] = True
    assert alarms(islands, a_case(mask, codes=LESION_CODES)) == []
    many = a_protocol(structures=(replace(a_protocol().structures[0], many=True),))
    assert alarms(islands, a_case(mask, codes=LIVER_CODES), many) == []
    discs = np.zeros(SIZE, bool)
    for k in (5, 15, 25):
        discs[k : k + 4, 10:50, 10:50] = True
    discs[2, 2, 2] = True
    assert alarms(islands, a_case(discs)) == []


def test_costal_cartilages_are_many_bodies_by_their_code():
    cartilage = Terminology(LIVER_CODES.category, Code("50016007", "SCT", "Costal cartilage"))
    mask = ball()
    mask[2, 2, 2] = True
    assert alarms(islands, a_case(mask, codes=cartilage)) == []


def test_crumbs_beside_a_sheet_are_no_islands_and_those_far_from_it_are():
    sheet = np.zeros(SIZE, bool)
    sheet[15, 10:40, 10:40] = True
    sheet[15, 44, 20:22] = True  # 5 rows of 1 mm from the sheet
    assert alarms(islands, a_case(sheet)) == []
    sheet[15, 60, 20:22] = True  # 21 mm
    (finding,) = alarms(islands, a_case(sheet))
    assert "21.0 mm from its body" in finding.message


def test_twenty_islands_are_listed_and_the_rest_is_counted():
    mask = ball()
    mask[2, 2:48:2, 2] = True  # 23
    findings = alarms(islands, a_case(mask))
    assert len(findings) == 21
    assert findings[-1].message == "liver has 3 more islands, none larger than those listed."
    assert findings[-1].measured == "23 in all"


def test_the_protocol_says_how_small_an_island_may_be():
    mask = ball()
    mask[2, 2, 2:4] = True  # 2 x 4.5 mm3
    limit = TechnicalLimit("island_mm3", a_range(maximum=9.0, unit="mm3"), ("liver",))
    case = a_case(mask, codes=LIVER_CODES)
    assert alarms(islands, case, a_protocol(technical_limits=(limit,))) == []
    limit = TechnicalLimit("island_mm3", a_range(maximum=8.9, unit="mm3"))
    (finding,) = alarms(islands, case, a_protocol(technical_limits=(limit,)))
    assert (finding.measured, finding.allowed, finding.source) == ("9 mm³", "up to 8.9 mm³", "study decision for this test")


def test_a_hole_is_a_cavity_that_no_shared_face_opens():
    mask = ball()
    mask[20, 35, 29:32] = False
    (finding,) = alarms(holes, a_case(mask))
    assert (finding.size_voxels, finding.size_mm3) == (3, 13.5)
    assert is_at(finding, (20, 35, 30))
    mask[20, 35:, 30] = False  # a channel to the outside
    assert alarms(holes, a_case(mask)) == []


def test_a_single_enclosed_voxel_and_a_cavity_in_a_lesion_are_no_holes():
    mask = ball()
    mask[20, 35, 30] = False
    assert alarms(holes, a_case(mask)) == []
    mask[18, 30, 20:30] = False
    assert len(alarms(holes, a_case(mask))) == 1
    assert alarms(holes, a_case(mask, codes=LESION_CODES)) == []


def test_a_cyst_of_its_own_fills_its_hole_and_half_a_cyst_does_not():
    kidney, cyst = ball() & ~ball(6.0), ball(6.0)
    assert alarms(holes, a_case(kidney, cyst)) == []
    cyst[:, 35:] = False
    (finding,) = alarms(holes, a_case(kidney, cyst))
    assert finding.size_voxels == np.count_nonzero(ball(6.0)[:, 35:])


def test_a_shell_has_no_hole_and_a_cavity_cut_by_the_border_is_open():
    assert alarms(holes, a_case(ball() & ~ball(20.0))) == []  # 20^3 / 24^3 = 58 % of the volume
    cut = ball() & ~ball(6.0)
    assert alarms(holes, a_case(cut[20:])) == []


@pytest.mark.parametrize("planes", [1, 3])
def test_slices_that_were_not_drawn_are_found_between_those_that_were(planes):
    mask = ball()
    mask[22 : 22 + planes] = False
    (finding,) = alarms(skipped_slices, a_case(mask))
    assert finding.measured == f"{planes} slice{'s' if planes > 1 else ''}"
    assert "axial slice" in finding.message
    assert is_at(finding, (22 + (planes - 1) // 2, 35, 30))
    assert alarms(islands, a_case(mask)) == []


def test_contours_in_every_second_slice_alarm_once_per_slice_between():
    mask = ball(25.0)  # slices 12 to 28
    mask[13:28:2] = False
    assert len(alarms(skipped_slices, a_case(mask))) == 8
    assert alarms(islands, a_case(mask)) == []


@pytest.mark.parametrize(("axis", "word"), [(1, "coronal"), (2, "sagittal")])
def test_a_lost_plane_across_rows_or_columns_is_found(axis, word):
    mask = ball()
    np.moveaxis(mask, axis, 0)[CENTER[axis]] = False
    (finding,) = alarms(skipped_slices, a_case(mask))
    assert f"{word} slice {'kji'[axis]} = {CENTER[axis]}" in finding.message


def test_two_bodies_one_above_the_other_and_two_side_by_side_are_not_one_with_skipped_slices():
    above = ball(12.0, (10, 35, 30)) | ball(12.0, (20, 35, 30))  # slices 6-14 and 16-24, round at both ends
    assert not above[15].any()
    beside = np.zeros(SIZE, bool)
    beside[5:10, 10:20, 10:20] = beside[11:16, 30:40, 30:40] = True
    lungs = np.zeros(SIZE, bool)
    lungs[5:30, 10:60, 5:20] = lungs[5:30, 10:60, 30:50] = True
    for mask in (above, beside, lungs):
        assert alarms(skipped_slices, a_case(mask)) == []


def test_a_speck_above_an_organ_is_an_island_and_no_skipped_slice():
    mask = ball(25.0)
    mask[30, 35, 30] = True  # the ball ends in slice 28
    case = a_case(mask)
    assert alarms(skipped_slices, case) == []
    assert len(alarms(islands, case)) == 1


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_slice_half_erased_is_an_area_jump_in_its_orientation(axis):
    mask = ball()
    plane = np.moveaxis(mask, axis, 0)[CENTER[axis]]
    plane[: plane.shape[0] // 2] = False
    found = [f for f in alarms(area_jumps, a_case(mask)) if f"{'kji'[axis]} = {CENTER[axis]}" in f.message]
    assert len(found) == 1
    assert -52 <= float(found[0].measured.removesuffix(" %")) <= -45


def test_a_slice_three_times_as_large_is_an_area_jump():
    mask = np.zeros(SIZE, bool)
    mask[10:30, 20:40, 20:40] = True
    mask[18, 20:60, 15:45] = True  # 1,200 voxels instead of 400
    (finding,) = alarms(area_jumps, a_case(mask))
    assert finding.measured == "+200 %"
    assert finding.size_voxels == 800
    assert "200 % larger in axial slice k = 18" in finding.message


def test_a_branch_that_begins_and_a_vessel_that_bends_are_no_area_jumps():
    branch = np.zeros(SIZE, bool)
    branch[5:35, 20:30, 20:30] = branch[20:35, 40:55, 20:30] = True
    bend = np.zeros(SIZE, bool)
    for k in range(5, 35):
        bend[k, k : k + 8, 20:28] = True
    bend[20, 20:28, 20:50] = True
    bend[21:35, :, 42:50] |= bend[21:35, :, 20:28]
    bend[21:35, :, 20:28] = False
    for mask in (branch, bend):
        assert [f for f in alarms(area_jumps, a_case(mask)) if "axial" in f.message] == []


@pytest.mark.parametrize(("kept", "side"), [(slice(0, 24), "superior"), (slice(16, 40), "inferior")])
def test_an_organ_that_lost_end_slices_ends_abruptly(kept, side):
    mask = np.zeros(SIZE, bool)
    mask[kept] = ball()[kept]  # of the radii of 24 mm, 9 or 12 mm from the centre: 1 - (9 / 24)^2 = 86 % or 75 % of the area
    (finding,) = alarms(end_slices, a_case(mask))
    assert f"{side} end" in finding.message
    assert 70 < float(finding.measured.removesuffix(" %")) < 90
    assert alarms(flat_faces, a_case(mask)) == []


def test_an_end_at_the_border_a_tube_and_a_neighbour_behind_raise_no_alarm():
    cut = ball()
    assert alarms(end_slices, a_case(cut[:24])) == []
    upper, lower = cut.copy(), cut.copy()
    upper[:24] = False
    lower[24:] = False
    assert alarms(end_slices, a_case(lower, upper)) == []
    vessel = np.zeros(SIZE, bool)
    vessel[3:37, 30:42, 30:38] = True  # 12 x 12 mm, 102 mm long
    assert alarms(end_slices, a_case(vessel)) == []


@pytest.mark.parametrize(
    ("axis", "keep", "side"),
    [(1, slice(0, 40), "posterior"), (1, slice(30, None), "anterior"), (2, slice(0, 34), "left"), (2, slice(26, None), "right")],
)
def test_an_organ_cut_along_rows_or_columns_has_a_flat_face(axis, keep, side):
    mask = np.zeros(SIZE, bool)
    part = tuple(keep if n == axis else slice(None) for n in range(3))
    mask[part] = ball()[part]
    (finding,) = alarms(flat_faces, a_case(mask))
    assert f"at its {side} side" in finding.message
    face = np.moveaxis(mask, axis, 0)[(keep.stop or keep.start + 1) - 1 if keep.start in (0, None) else keep.start]
    area_mm2 = np.count_nonzero(face) * 3.0 * (1.5 if axis == 1 else 1.0)
    assert finding.measured == f"{area_mm2:,.0f} mm²"
    assert alarms(end_slices, a_case(mask)) == []


@pytest.mark.parametrize(("planes", "count"), [(2, 0), (3, 1)])
def test_an_empty_edge_of_one_or_two_voxels_is_the_border(planes, count):
    cut = ball()[:, :, :34]
    edge = np.zeros((SIZE[0], SIZE[1], planes), bool)
    assert len(alarms(flat_faces, a_case(np.concatenate([cut, edge], axis=2)))) == count


def test_a_face_at_the_border_and_one_against_a_neighbour_are_not_flat_faces():
    whole = ball()
    left, right = whole.copy(), whole.copy()
    left[:, :, :34] = False
    right[:, :, 34:] = False
    assert alarms(flat_faces, a_case(whole[:, :, :34])) == []
    assert alarms(flat_faces, a_case(right, left)) == []


@pytest.mark.parametrize(("length", "count"), [(3, 0), (5, 1)])
def test_a_line_out_of_a_body_is_a_spike_of_its_length(length, count):
    mask = np.zeros(SIZE, bool)
    mask[10:20, 10:30, 10:30] = True
    mask[15, 30 : 30 + length, 20] = True
    found = alarms(spikes, a_case(mask))
    assert len(found) == count
    if found:
        assert (found[0].size_voxels, found[0].measured) == (length, f"{length} voxels")
        assert is_at(found[0], (15, 32, 20))


def test_a_lesion_may_be_spiculated():
    mask = ball(12.0)
    mask[20, 47:53, 30] = True
    assert len(alarms(spikes, a_case(mask))) == 1
    assert alarms(spikes, a_case(mask, codes=LESION_CODES)) == []


def test_the_thin_end_of_a_vessel_is_no_spike():
    mask = np.zeros(SIZE, bool)
    mask[5:15, 30:32, 30:32] = True
    mask[15:30, 30, 30] = True
    assert alarms(spikes, a_case(mask)) == []


def test_planes_and_sides_are_named_by_the_patient_not_by_the_array():
    sagittal = a_geometry(SIZE, SPACING_MM, axes_lps=((1.0, 0.0, 0.0), (0.0, 0.0, -1.0), (0.0, 1.0, 0.0)))
    mask = np.zeros(SIZE, bool)
    mask[:24] = ball()[:24]
    segmentation = Segmentation("reader", sagittal, (mask.astype(np.uint8),), (Segment("a", "liver", 1),))
    (finding,) = alarms(end_slices, Case(a_volume(sagittal), segmentation))
    assert "at its left end: sagittal slice k = 23" in finding.message


def test_a_category_of_a_lesion_counts_without_a_protocol():
    cyst = Terminology(Code("49755003", "SCT", "Morphologically Altered Structure"), Code("367643001", "SCT", "Cyst"))
    mask = ball()
    mask[2, 2, 2] = True
    assert alarms(islands, a_case(mask, codes=cyst)) == []


def lidc_mask(folder, nodule, reader):
    with (folder / "nodules.csv").open() as file:
        (row,) = [row for row in csv.DictReader(file) if row["nodule"] == nodule]
    shape = tuple(int(row[name]) for name in ("n_readers", "nz", "ny", "nx"))
    bits = np.load(folder / "masks.npz")["bits"][int(row["offset"]) : int(row["offset"]) + int(row["nbytes"])]
    spacing_mm = (float(row["slice_spacing"]), float(row["pixel_spacing"]), float(row["pixel_spacing"]))
    return np.pad(np.unpackbits(bits)[: np.prod(shape)].reshape(shape)[reader].astype(bool), 2), spacing_mm


def test_a_slice_that_a_radiologist_of_lidc_skipped_is_found(shared_data):
    mask, spacing_mm = lidc_mask(shared_data / "lidc_readers", "184", 3)  # 42, 212, 191, 0, 226 ... voxels per slice
    (finding,) = alarms(skipped_slices, a_case(mask, spacing_mm=spacing_mm))
    assert "k = 5," in finding.message  # two slices of margin, and the fourth


def test_a_nodule_that_the_other_three_radiologists_of_lidc_follow_for_two_more_slices_ends_abruptly(shared_data):
    mask, spacing_mm = lidc_mask(shared_data / "lidc_readers", "1217", 1)  # ... 48, 47, 48, 47, 0, 0 voxels per slice
    (finding,) = alarms(end_slices, a_case(mask, spacing_mm=spacing_mm))
    assert finding.measured == "98 %"  # 47 of 48
    assert "superior" in finding.message


@pytest.mark.parametrize("name", ["example_seg.nii.gz", "example_seg_dicom.nii.gz", "example_seg_mr.nii.gz"])
def test_whole_body_segmentations_raise_few_alarms(totalsegmentator, name):
    labels = "totalsegmentator_mr" if "_mr" in name else "totalsegmentator"
    candidate = read_segmentation(totalsegmentator / name, labels=labels)
    case = Case(a_volume(candidate.geometry), candidate)
    found = {check.ID: len(alarms(check, case)) for check in CHECKS}
    # Islands and a hole are there, as other tools see them too; nothing of these was cropped or left out.
    assert {check: count for check, count in found.items() if count}.keys() <= {"islands", "holes"}
