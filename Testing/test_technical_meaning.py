"""Errors of meaning: overlaps, sides, volumes, densities, empty, full and copied segments."""

from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from phantoms import a_geometry, a_segmentation, a_volume
from SegQCLib.case import Acquisition, Case, Code, Segment, Segmentation, Terminology, Volume
from SegQCLib.checks import (
    area_jumps,
    empty_or_full,
    end_slices,
    flat_faces,
    holes,
    identical_segments,
    impossible_intensity,
    islands,
    laterality,
    overlaps,
    skipped_slices,
    spikes,
    volume_range,
)
from SegQCLib.findings import Status
from SegQCLib.geometry import Geometry
from SegQCLib.images import read_image
from SegQCLib.importers import read_segmentation
from SegQCLib.place import place_of
from SegQCLib.protocol import AllowedTexts, QCProtocol, Range, Structure, TechnicalLimit, TechnicalLimitName, load_protocol

ORGAN = Code("123037004", "SCT", "Anatomical Structure")
LEFT, RIGHT = Code("7771000", "SCT", "Left"), Code("24028007", "SCT", "Right")
CODES = {
    "liver": Terminology(ORGAN, Code("10200004", "SCT", "Liver")),
    "spleen": Terminology(ORGAN, Code("78961009", "SCT", "Spleen")),
    "colon": Terminology(ORGAN, Code("71854001", "SCT", "Colon")),
    "kidney_left": Terminology(ORGAN, Code("64033007", "SCT", "Kidney"), LEFT),
    "kidney_right": Terminology(ORGAN, Code("64033007", "SCT", "Kidney"), RIGHT),
    "lung_left": Terminology(ORGAN, Code("39607008", "SCT", "Lung"), LEFT),
    "lung_right": Terminology(ORGAN, Code("39607008", "SCT", "Lung"), RIGHT),
    "atrium_left": Terminology(ORGAN, Code("59652004", "SCT", "Atrium"), LEFT),
    "atrium_right": Terminology(ORGAN, Code("59652004", "SCT", "Atrium"), RIGHT),
    "vertebra": Terminology(ORGAN, Code("51282000", "SCT", "Vertebra")),
    "lesion": Terminology(ORGAN, Code("52988006", "SCT", "Lesion")),
}
LIVER, SPLEEN = Structure("liver", CODES["liver"]), Structure("spleen", CODES["spleen"])
LESION = Structure("lesion", CODES["lesion"], is_lesion=True, many=True)
# 40 x 40 x 50 mm with the LPS origin in the corner: x runs from 0 to 49 mm, in steps of 1 mm.
GRID = a_geometry((20, 40, 50), spacing_mm=(2.0, 1.0, 1.0))


def a_protocol(*structures, **keys) -> QCProtocol:
    ct = AllowedTexts(("CT",), "study")
    return QCProtocol("segqc-protocol", "1.0", "t", "1", "T", "T", ct, structures or (LIVER, SPLEEN, LESION), **keys)


def a_limit(name, unit, minimum=None, maximum=None) -> TechnicalLimit:
    return TechnicalLimit(name, Range(unit, "study decision", minimum, maximum))


def coded(segmentation) -> Segmentation:
    segments = tuple(replace(segment, terminology=CODES.get(segment.name)) for segment in segmentation.segments)
    return replace(segmentation, segments=segments)


def a_case(geometry=GRID, image=None, **boxes) -> Case:
    return Case(image or a_volume(geometry, Acquisition(modality="CT")), coded(a_segmentation(geometry, **boxes)))


def run(check, case, protocol=None):
    return list(check.run(case, protocol or a_protocol()))


def status_of(check, case, protocol=None) -> Status:
    (finding,) = run(check, case, protocol)
    return finding.status


# The place of what was found


def test_a_place_is_inside_a_bent_structure_whose_centre_is_not():
    ring = np.ones((1, 5, 7), bool)
    ring[0, 1:-1, 1:-1] = False  # 20 voxels around an empty middle, (j, i) = (2, 3)
    box = (slice(2, 3), slice(10, 15), slice(20, 27))
    place = place_of(ring, box, GRID)
    assert place.center_lps_mm == (23.0, 12.0, 4.0)
    assert (place.size_voxels, place.size_mm3) == (20, 40.0)
    k, j, i = np.round(GRID.index_kji(place.location_lps_mm)).astype(int) - (2, 10, 20)
    assert ring[k, j, i]


def test_an_empty_mask_has_no_place():
    with pytest.raises(ValueError, match="at least one voxel"):
        place_of(np.zeros((1, 2, 3), bool), (slice(0, 1), slice(0, 2), slice(0, 3)), GRID)


# Overlaps


def test_two_organs_that_share_a_block_fail_with_its_size_and_place():
    case = a_case(liver=((2, 10), (2, 20), (2, 20)), spleen=((6, 12), (10, 30), (16, 40)))
    (finding,) = run(overlaps, case)
    # 4 slices x 10 rows x 4 columns; voxels are 2 mm3.
    assert (finding.status, finding.size_voxels, finding.size_mm3) == (Status.FAIL, 160, 320.0)
    assert finding.center_lps_mm == (17.5, 14.5, 15.0)
    assert "liver and spleen overlap" in finding.message


def test_neighbours_that_share_a_seam_one_voxel_wide_pass_along_every_axis():
    for spleen in (((9, 15), (2, 20), (2, 20)), ((2, 10), (19, 30), (2, 20)), ((2, 10), (2, 20), (19, 30))):
        assert status_of(overlaps, a_case(liver=((2, 10), (2, 20), (2, 20)), spleen=spleen)) is Status.PASS


def test_a_seam_on_a_single_slice_passes_and_a_block_there_does_not():
    flat = a_geometry((1, 40, 50), spacing_mm=(5.0, 0.5, 0.8))
    seam = a_case(flat, liver=((0, 1), (2, 20), (2, 20)), spleen=((0, 1), (2, 20), (19, 30)))
    block = a_case(flat, liver=((0, 1), (2, 20), (2, 20)), spleen=((0, 1), (2, 20), (17, 30)))
    assert (status_of(overlaps, seam), status_of(overlaps, block)) == (Status.PASS, Status.FAIL)


def test_a_lesion_may_lie_in_an_organ_but_not_in_another_lesion():
    boxes = {"liver": ((2, 12), (2, 30), (2, 30)), "lesion 1": ((4, 8), (5, 12), (5, 12))}
    assert status_of(overlaps, a_case(**boxes)) is Status.PASS
    assert status_of(overlaps, a_case(**boxes, **{"lesion 2": ((5, 9), (6, 13), (6, 13))})) is Status.FAIL


def test_overlap_that_the_protocol_names_on_either_side_passes():
    case = a_case(liver=((2, 10), (2, 20), (2, 20)), spleen=((6, 12), (10, 30), (16, 40)))
    for structures in ((replace(LIVER, may_overlap=("spleen",)), SPLEEN), (LIVER, replace(SPLEEN, may_overlap=("liver",)))):
        assert status_of(overlaps, case, a_protocol(*structures)) is Status.PASS
    with_limit = a_protocol(LIVER, SPLEEN, technical_limits=(a_limit("overlap_voxels", "1", maximum=160),))
    assert status_of(overlaps, case, with_limit) is Status.PASS


def test_segments_that_the_protocol_does_not_know_may_overlap():
    assert status_of(overlaps, a_case(ptv=((2, 10), (2, 20), (2, 20)), liver=((2, 10), (2, 20), (2, 15)))) is Status.PASS


# Left and right


KIDNEYS = a_protocol(Structure("kidney_left", CODES["kidney_left"]), Structure("kidney_right", CODES["kidney_right"]))
TOWARDS_RIGHT = ((2, 8), (5, 15), (5, 15))  # x from 5 to 14 mm
TOWARDS_LEFT = ((2, 8), (5, 15), (35, 45))  # x from 35 to 44 mm
SPINE = ((0, 20), (20, 30), (22, 28))  # x from 22 to 27 mm, its middle at 24.5 mm


def test_a_pair_on_its_sides_passes_and_an_exchanged_pair_fails():
    assert status_of(laterality, a_case(kidney_left=TOWARDS_LEFT, kidney_right=TOWARDS_RIGHT), KIDNEYS) is Status.PASS
    (finding,) = run(laterality, a_case(kidney_left=TOWARDS_RIGHT, kidney_right=TOWARDS_LEFT), KIDNEYS)
    # Middle of columns 5 to 14 against that of 35 to 44: 9.5 - 39.5.
    assert (finding.status, finding.measured, finding.allowed) == (Status.FAIL, "-30 mm", "at least -10 mm")
    assert finding.center_lps_mm == (9.5, 9.5, 9.0)


def test_sides_are_the_patients_however_the_columns_run():
    mirrored = Geometry((20, 40, 50), (2.0, 1.0, 1.0), (49.0, 0.0, 0.0), ((0, 0, 1.0), (0, 1.0, 0), (-1.0, 0, 0)))
    case = a_case(mirrored, kidney_left=TOWARDS_RIGHT, kidney_right=TOWARDS_LEFT)
    assert status_of(laterality, case, KIDNEYS) is Status.PASS
    sagittal = Geometry((50, 40, 20), (1.0, 1.0, 2.0), (0.0, 0.0, 0.0), ((1.0, 0, 0), (0, 1.0, 0), (0, 0, 1.0)))
    boxes = {"kidney_left": ((5, 15), (5, 15), (2, 8)), "kidney_right": ((35, 45), (5, 15), (2, 8))}
    assert status_of(laterality, a_case(sagittal, **boxes), KIDNEYS) is Status.FAIL


def test_codes_name_the_side_without_a_protocol_and_names_alone_do_not():
    exchanged = a_case(lung_left=TOWARDS_RIGHT, lung_right=TOWARDS_LEFT)
    assert status_of(laterality, exchanged) is Status.FAIL
    nameless = replace(exchanged, candidate=a_segmentation(GRID, lung_left=TOWARDS_RIGHT, lung_right=TOWARDS_LEFT))
    assert run(laterality, nameless) == []


def test_every_pair_exchanged_is_one_finding():
    case = a_case(
        kidney_left=TOWARDS_RIGHT, kidney_right=TOWARDS_LEFT, lung_left=((9, 15), *TOWARDS_RIGHT[1:]),
        lung_right=((9, 15), *TOWARDS_LEFT[1:]),
    )  # fmt: skip
    (finding,) = run(laterality, case)
    assert finding.status is Status.FAIL
    assert "every pair (2: kidney_left, lung_left)" in finding.message


def test_a_pair_close_together_at_the_midline_is_not_judged_exchanged():
    # Centres at 24.5 and 33.5 mm: 9 mm on the wrong side is inside the 10 mm of the default.
    case = a_case(kidney_left=((2, 8), (5, 15), (20, 30)), kidney_right=((2, 8), (5, 15), (29, 39)))
    assert status_of(laterality, case, KIDNEYS) is Status.PASS
    strict = replace(KIDNEYS, technical_limits=(a_limit("side_mm", "mm", minimum=0),))
    assert status_of(laterality, case, strict) is Status.FAIL


def test_both_on_one_side_of_the_spine_is_a_warning_not_an_exchange():
    case = a_case(kidney_left=((2, 8), (5, 15), (30, 34)), kidney_right=((2, 8), (5, 15), (44, 48)), vertebra=SPINE)
    (finding,) = run(laterality, case, KIDNEYS)
    assert finding.status is Status.WARN


def test_a_single_kidney_on_the_other_side_of_the_spine_is_a_warning_and_without_a_spine_nothing():
    assert status_of(laterality, a_case(kidney_left=TOWARDS_RIGHT, vertebra=SPINE), KIDNEYS) is Status.WARN
    assert status_of(laterality, a_case(kidney_left=TOWARDS_LEFT, vertebra=SPINE), KIDNEYS) is Status.PASS
    assert status_of(laterality, a_case(kidney_left=TOWARDS_RIGHT, kidney_right=None), KIDNEYS) is Status.PASS
    other_level = ((12, 20), *SPINE[1:])
    assert status_of(laterality, a_case(kidney_left=TOWARDS_RIGHT, vertebra=other_level), KIDNEYS) is Status.PASS


def test_a_left_structure_that_crosses_the_midline_is_no_error():
    # A fifth of the columns 5 to 31 lies left of 24.5 mm, though the centre, 18 mm, does not.
    long = ((2, 8), (5, 15), (5, 32))
    strict = replace(KIDNEYS, technical_limits=(a_limit("side_mm", "mm", minimum=0),))
    assert status_of(laterality, a_case(kidney_left=long, vertebra=SPINE), strict) is Status.PASS


def test_parts_of_the_heart_are_named_after_their_form():
    assert run(laterality, a_case(atrium_left=TOWARDS_RIGHT, atrium_right=TOWARDS_LEFT)) == []


def a_body(columns, modality="CT") -> Volume:
    """Body of 0 HU in air on a grid of 40 x 80 voxels of 5 mm: x from 0 to 395 mm."""
    geometry = a_geometry((10, 40, 80), spacing_mm=(3.0, 5.0, 5.0))
    array = np.full(geometry.size, -1000, np.int16)
    array[:, 5:35, slice(*columns)] = 0
    return Volume(array, geometry, Acquisition(modality=modality))


@pytest.mark.parametrize(
    ("image", "status"),
    [
        (a_body((10, 70)), Status.WARN),  # a trunk of 300 mm around x = 197.5 mm; the segment's centre is 100 mm to its right
        (a_body((10, 30)), Status.PASS),  # 100 mm: an arm or a leg has no midline of the patient
        (a_body((0, 70)), Status.PASS),  # cut off by the edge of the image
        (a_body((10, 70), "MR"), Status.PASS),  # no Hounsfield units
    ],
)
def test_a_lone_structure_is_judged_by_a_whole_trunk_on_ct_only(image, status):
    case = a_case(image.geometry, image, kidney_left=((2, 8), (15, 20), (15, 25)))
    assert status_of(laterality, case, KIDNEYS) is status


def test_the_image_centre_is_no_midline():
    # The trunk lies in the left half of the image: a right kidney at x = 200 mm is on the right of its middle, 242.5 mm.
    image = a_body((18, 79))
    assert status_of(laterality, a_case(image.geometry, image, kidney_right=((2, 8), (15, 20), (36, 45))), KIDNEYS) is Status.PASS


# Volumes


def volumes(minimum=None, maximum=None) -> QCProtocol:
    return a_protocol(technical_limits=(a_limit("volume_ml", "ml", minimum, maximum),))


@pytest.mark.parametrize(
    ("protocol", "status"),
    [
        (volumes(1.0, 1.152), Status.PASS),  # 8 x 12 x 6 voxels of 2 mm3
        (volumes(maximum=1.151), Status.WARN),
        (volumes(minimum=1.153), Status.WARN),
    ],
)
def test_volume_limits_are_inclusive_and_a_volume_outside_is_a_warning(protocol, status):
    assert status_of(volume_range, a_case(liver=((2, 10), (2, 14), (2, 8))), protocol) is status


def test_a_structure_at_the_edge_is_not_judged_too_small_but_can_be_too_large():
    case = a_case(liver=((0, 8), (2, 14), (2, 8)))
    assert status_of(volume_range, case, volumes(minimum=2.0)) is Status.PASS
    assert status_of(volume_range, case, volumes(maximum=1.0)) is Status.WARN


def test_without_a_limit_and_for_unknown_segments_nothing_is_said():
    assert run(volume_range, a_case(liver=((2, 10), (2, 14), (2, 8)))) == []
    assert run(volume_range, a_case(rest=((2, 10), (2, 14), (2, 8))), volumes(minimum=100)) == []


# Densities


def with_air(box, hu=-800, modality="CT") -> Volume:
    array = np.full(GRID.size, 60, np.int16)
    array[0, 0, 0] = -1000
    array[tuple(slice(*part) for part in box)] = hu
    return Volume(array, GRID, Acquisition(modality=modality))


LIVER_BOX = ((2, 12), (5, 25), (5, 25))  # 10 x 20 x 20 = 4,000 voxels


def test_air_inside_the_liver_fails_with_its_share_and_place():
    (finding,) = run(impossible_intensity, a_case(image=with_air(((4, 8), (10, 15), (10, 15))), liver=LIVER_BOX))
    # 4 x 5 x 5 = 100 of 4,000 voxels.
    assert (finding.status, finding.measured, finding.size_voxels, finding.size_mm3) == (Status.FAIL, "2.5 %", 100, 200.0)
    assert finding.center_lps_mm == (12.0, 12.0, 11.0)


def test_a_border_darkened_by_the_lung_does_not_count():
    # The top slice of the segment, 400 of 4,000 voxels, is lung.
    assert status_of(impossible_intensity, a_case(image=with_air(((11, 20), (0, 40), (0, 50))), liver=LIVER_BOX)) is Status.PASS


@pytest.mark.parametrize(("rows", "status"), [((10, 12), Status.PASS), ((10, 13), Status.FAIL)])
def test_a_share_up_to_one_percent_is_gas_that_an_organ_can_hold(rows, status):
    # 4 x 2 x 5 = 40 voxels are 1 %; 4 x 3 x 5 = 60 are 1.5 %.
    assert status_of(impossible_intensity, a_case(image=with_air(((4, 8), rows, (10, 15))), liver=LIVER_BOX)) is status


def test_metal_and_stones_raise_no_alarm_unless_the_protocol_says_so():
    case = a_case(image=with_air(((4, 8), (10, 15), (10, 15)), hu=2500), liver=LIVER_BOX)
    assert status_of(impossible_intensity, case) is Status.PASS
    strict = a_protocol(technical_limits=(a_limit("intensity", "[hnsf'U]", -200, 400),))
    assert status_of(impossible_intensity, case, strict) is Status.FAIL


def test_bowel_holds_gas_and_other_modalities_have_no_scale():
    air = ((4, 8), (10, 15), (10, 15))
    assert run(impossible_intensity, a_case(image=with_air(air), colon=LIVER_BOX)) == []
    assert run(impossible_intensity, a_case(image=with_air(air, modality="MR"), liver=LIVER_BOX)) == []


def test_without_pixels_or_without_air_anywhere_densities_are_not_evaluated():
    no_pixels = Volume(None, GRID, Acquisition(modality="CT"))
    assert status_of(impossible_intensity, a_case(image=no_pixels, liver=LIVER_BOX)) is Status.NOT_EVALUATED
    windowed = a_volume(GRID, Acquisition(), value=120)
    assert status_of(impossible_intensity, a_case(image=windowed, liver=LIVER_BOX)) is Status.NOT_EVALUATED


# Empty and full


@pytest.mark.parametrize(
    ("boxes", "status"),
    [
        ({"liver": None, "spleen": None}, Status.FAIL),
        ({"liver": None, "spleen": LIVER_BOX}, Status.PASS),
        ({"lesion 1": None}, Status.WARN),
        ({}, Status.FAIL),
    ],
)
def test_an_empty_segmentation_fails_and_no_lesion_is_a_warning(boxes, status):
    assert status_of(empty_or_full, a_case(**boxes)) is status


@pytest.mark.parametrize(("columns", "status"), [((0, 50), Status.FAIL), ((0, 48), Status.FAIL), ((0, 47), Status.PASS)])
def test_a_segment_of_more_than_95_percent_of_the_image_fails(columns, status):
    # 48 of 50 columns are 96 %, 47 are 94 %.
    assert status_of(empty_or_full, a_case(liver=((0, 20), (0, 40), columns))) is status


def test_a_thin_shell_around_the_image_does_not_fill_it():
    shell = np.ones(GRID.size, np.uint8)
    shell[1:-1, 1:-1, 1:-1] = 0
    case = Case(a_volume(GRID), Segmentation("r", GRID, (shell,), (Segment("s0", "skin", 1),)))
    assert status_of(empty_or_full, case) is Status.PASS


# Copies


def test_two_structures_of_the_same_voxels_fail_once_and_not_as_an_overlap():
    case = a_case(liver=LIVER_BOX, spleen=LIVER_BOX)
    (finding,) = run(identical_segments, case)
    assert (finding.status, finding.size_voxels) == (Status.FAIL, 4000)
    assert status_of(overlaps, case) is Status.PASS


def test_a_copy_under_an_unknown_name_is_a_warning():
    assert status_of(identical_segments, a_case(liver=LIVER_BOX, draft=LIVER_BOX)) is Status.WARN


@pytest.mark.parametrize(("added", "status"), [(40, Status.FAIL), (82, Status.PASS)])
def test_a_copy_with_a_few_edited_voxels_is_still_a_copy(added, status):
    # Dice of 4,000 and 4,000 + n voxels is 8000 / (8000 + n): 0.995 for 40, 0.9899 for 82.
    case = a_case(liver=LIVER_BOX, spleen=LIVER_BOX)
    case.candidate.layers[1][15].flat[:added] = 1
    assert status_of(identical_segments, case) is status


def test_equal_sizes_at_different_places_are_no_copy():
    assert status_of(identical_segments, a_case(liver=LIVER_BOX, spleen=((2, 12), (6, 26), (5, 25)))) is Status.PASS


# Real data


def test_totalsegmentators_own_example_is_right_about_left_and_right_and_its_mirror_image_is_not(totalsegmentator):
    image = read_image(totalsegmentator / "example_ct_sm.nii.gz")
    candidate = read_segmentation(totalsegmentator / "example_seg.nii.gz", labels="totalsegmentator")
    protocol = load_protocol("ct-abdomen-portal-venous").protocol
    case = Case(image, candidate)
    for check in (overlaps, laterality, impossible_intensity, empty_or_full, identical_segments):
        assert {finding.status for finding in check.run(case, protocol)} <= {Status.PASS}, check.ID
    axis = int(np.argmax(np.abs(np.array(candidate.geometry.axes_lps)[:, 0])))
    mirrored = replace(candidate, layers=tuple(np.flip(layer, axis).copy() for layer in candidate.layers))
    (finding,) = laterality.run(Case(image, mirrored), protocol)
    assert finding.status is Status.FAIL
    assert "every pair" in finding.message


# The protocol reference


def test_the_protocol_reference_gives_every_technical_limit_with_the_default_of_the_code():
    text = (Path(__file__).parents[1] / "Documentation" / "protocol.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in row.split("|")] for row in text.splitlines() if row.startswith("| `")]
    documented = {row[1].partition(":")[0].strip("`"): row for row in rows if len(row) == 6}
    for check in (islands, holes, skipped_slices, area_jumps, end_slices, flat_faces, spikes, overlaps, laterality):
        assert documented[check.ID][3] == str(check.DEFAULT)
    assert documented["impossible_intensity"][3] == f"{impossible_intensity.DEFAULT}; {impossible_intensity.DEFAULT_SHARE}"
    names = " ".join(row[2] for row in documented.values())
    assert [name for name in get_args(TechnicalLimitName) if f"`{name}`" not in names] == []
