from dataclasses import replace

import numpy as np
import pytest

from phantoms import a_geometry, a_segmentation, a_volume
from SegQCLib import checks
from SegQCLib.alignment import align
from SegQCLib.case import Acquisition, Case, Code, Segment, Segmentation, Terminology, Volume, WindowLevel
from SegQCLib.checks import CHECKS
from SegQCLib.findings import Status
from SegQCLib.geometry import Geometry
from SegQCLib.protocol import (
    AITool,
    AllowedPlanes,
    AllowedTexts,
    Contrast,
    QCProtocol,
    Range,
    Structure,
    WindowRule,
)

LIVER_CODES = Terminology(Code("123037004", "SCT", "Anatomical Structure"), Code("10200004", "SCT", "Liver"))
LESION_CODES = Terminology(Code("49755003", "SCT", "Morphologically Abnormal Structure"), Code("4147007", "SCT", "Mass"))
LIVER = Structure("liver", LIVER_CODES, required=True)


def a_range(minimum=None, maximum=None, unit="mm") -> Range:
    return Range(unit, "study decision for this test", minimum, maximum)


def a_protocol(structures=(LIVER,), **limits) -> QCProtocol:
    return QCProtocol(
        "segqc-protocol", "1.0", "test", "1.0.0", "Test", "Testing.", AllowedTexts(("CT",), "study"), structures, **limits
    )


def a_case(acquisition=None, geometry=None, **boxes) -> Case:
    geometry = geometry or a_geometry()
    boxes = boxes or {"liver": ((1, 4), (2, 9), (3, 8))}
    return Case(a_volume(geometry, acquisition), a_segmentation(geometry, **boxes))


def run(check, case, protocol):
    return list(check.run(case, protocol))


def status_of(check, case, protocol) -> Status:
    (finding,) = run(check, case, protocol)
    return finding.status


def test_every_check_has_its_own_id_and_file():
    ids = [check.ID for check in CHECKS]
    assert len(ids) == len(set(ids))
    assert ids == [check.__name__.rpartition(".")[2] for check in CHECKS]


def test_every_check_says_in_a_sentence_or_two_why_it_is_made():
    for check in CHECKS:
        assert 20 <= len(check.WHY) <= 300, check.ID
        assert check.WHY.endswith("."), check.ID
        assert checks.why(check.ID) == check.WHY
    assert len({check.WHY for check in CHECKS}) == len(CHECKS)
    assert checks.why("regular_grid") is None


@pytest.mark.parametrize(("modality", "status"), [("CT", Status.PASS), ("MR", Status.FAIL), (None, Status.NOT_EVALUATED)])
def test_modality_must_be_the_protocols(modality, status):
    assert status_of(checks.modality, a_case(Acquisition(modality=modality)), a_protocol()) is status


@pytest.mark.parametrize(
    ("thicknesses", "status"),
    [((1.0,), Status.PASS), ((3.0,), Status.PASS), ((3.01,), Status.FAIL), ((), Status.NOT_EVALUATED), ((2.0, 3.0), Status.FAIL)],
)
def test_slice_thickness_limits_are_inclusive_and_one_series_has_one_thickness(thicknesses, status):
    case = a_case(Acquisition(slice_thicknesses_mm=thicknesses))
    assert status_of(checks.slice_thickness, case, a_protocol(slice_thickness_mm=a_range(1.0, 3.0))) is status


def test_thickness_is_never_guessed_from_spacing():
    (finding,) = run(checks.slice_thickness, a_case(), a_protocol(slice_thickness_mm=a_range(1.0, 3.0)))
    assert "(0018,0050)" in finding.message
    assert finding.measured is None


def test_spacing_comes_from_positions_where_there_are_any():
    case = a_case(Acquisition(slice_positions_mm=(0.0, 2.5, 5.0)))
    (finding,) = run(checks.slice_spacing, case, a_protocol(slice_spacing_mm=a_range(maximum=2.0)))
    assert (finding.status, finding.measured) == (Status.FAIL, "2.5 mm")
    (finding,) = run(checks.slice_spacing, a_case(), a_protocol(slice_spacing_mm=a_range(maximum=2.0)))
    assert (finding.status, finding.measured) == (Status.PASS, "2 mm")
    assert "voxel size" in finding.message


@pytest.mark.parametrize(
    ("thickness", "allowed_gap", "status", "word"),
    [
        (3.0, 0.0, Status.PASS, "overlap by 0.5 mm"),
        (2.5, 0.0, Status.PASS, "without a gap"),
        (2.0, 0.0, Status.FAIL, "0.5 mm between neighbours is not imaged"),
        (2.0, 1.0, Status.PASS, "0.5 mm between neighbours is not imaged"),
    ],
)
def test_overlap_is_no_fault_and_a_gap_is(thickness, allowed_gap, status, word):
    case = a_case(Acquisition(slice_thicknesses_mm=(thickness,), slice_positions_mm=(0.0, 2.5, 5.0)))
    (finding,) = run(checks.slice_gap, case, a_protocol(slice_gap_mm=a_range(maximum=allowed_gap)))
    assert finding.status is status
    assert word in finding.message


def test_a_missing_slice_is_counted_and_placed():
    case = a_case(Acquisition(slice_positions_mm=(0.0, 2.0, 4.0, 10.0, 12.0)))
    (finding,) = run(checks.missing_slices, case, a_protocol())
    assert (finding.status, finding.measured) == (Status.FAIL, "2 missing")
    assert "after slice 2 (6 mm)" in finding.message


def test_slices_that_follow_each_other_pass_and_unknown_positions_are_not_evaluated():
    assert status_of(checks.missing_slices, a_case(Acquisition(slice_positions_mm=(0.0, 2.0, 4.0))), a_protocol()) is Status.PASS
    assert status_of(checks.missing_slices, a_case(), a_protocol()) is Status.NOT_EVALUATED


def test_duplicates_fail():
    case = a_case(Acquisition(slice_positions_mm=(0.0, 2.0), duplicate_positions_mm=(2.0,)))
    assert status_of(checks.duplicate_slices, case, a_protocol()) is Status.FAIL


@pytest.mark.parametrize(
    ("positions", "status"), [((0, 2, 4, 6), Status.PASS), ((0, 2, 4.3, 6), Status.FAIL), ((), Status.NOT_EVALUATED)]
)
def test_irregular_steps_are_found(positions, status):
    case = a_case(Acquisition(slice_positions_mm=tuple(map(float, positions))))
    assert status_of(checks.spacing_regularity, case, a_protocol(spacing_variation_mm=a_range(maximum=0.1))) is status


@pytest.mark.parametrize(("tilt", "status"), [(0.0, Status.PASS), (18.5, Status.FAIL), (None, Status.NOT_EVALUATED)])
def test_tilt_comes_from_positions_and_quotes_the_header(tilt, status):
    case = a_case(Acquisition(stack_tilt_deg=tilt, gantry_tilt_deg=0.0))
    assert status_of(checks.gantry_tilt, case, a_protocol(gantry_tilt_deg=a_range(maximum=0.5, unit="deg"))) is status


def test_a_sagittal_volume_is_not_axial():
    sagittal = Geometry((10, 20, 30), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0), (0.0, 1.0, 0.0)))
    protocol = a_protocol(plane=AllowedPlanes(("axial",), 10, "study"))
    (finding,) = run(checks.plane, a_case(geometry=sagittal), protocol)
    assert (finding.status, finding.measured) == (Status.FAIL, "sagittal")


@pytest.mark.parametrize(("degrees", "status"), [(5, Status.PASS), (15, Status.FAIL)])
def test_oblique_slices_pass_up_to_the_protocols_angle(degrees, status):
    s, c = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
    oblique = Geometry((10, 20, 30), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), ((0.0, -s, c), (0.0, c, s), (1.0, 0.0, 0.0)))
    assert status_of(checks.plane, a_case(geometry=oblique), a_protocol(plane=AllowedPlanes(("axial",), 10, "study"))) is status


def test_in_plane_voxel_size_and_matrix_are_checked():
    case = a_case(geometry=a_geometry(spacing_mm=(2.0, 0.7, 0.8)))
    assert status_of(checks.pixel_spacing, case, a_protocol(pixel_spacing_mm=a_range(maximum=0.8))) is Status.PASS
    assert status_of(checks.pixel_spacing, case, a_protocol(pixel_spacing_mm=a_range(maximum=0.75))) is Status.FAIL
    assert status_of(checks.in_plane_size, case, a_protocol(in_plane_size=a_range(minimum=20, unit="1"))) is Status.PASS
    assert status_of(checks.in_plane_size, case, a_protocol(in_plane_size=a_range(minimum=256, unit="1"))) is Status.FAIL


@pytest.mark.parametrize(
    ("kernel", "status"),
    [(("Br38f", "3"), Status.PASS), (("B70f",), Status.FAIL), ((), Status.NOT_EVALUATED), (("br36d",), Status.PASS)],
)
def test_kernels_are_patterns_on_the_first_value(kernel, status):
    protocol = a_protocol(convolution_kernel=AllowedTexts(("Br3*", "B30f"), "study"))
    assert status_of(checks.convolution_kernel, a_case(Acquisition(convolution_kernel=kernel)), protocol) is status


PORTAL = Contrast("portal venous", True, "study", ("*portal*",), a_range(60, 80, "s"))


@pytest.mark.parametrize(("agent", "status"), [("Iohexol", Status.PASS), (None, Status.NOT_EVALUATED)])
def test_a_missing_contrast_attribute_is_not_evaluated(agent, status):
    assert status_of(checks.contrast_agent, a_case(Acquisition(contrast_agent=agent)), a_protocol(contrast=PORTAL)) is status


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ({"series_description": "Abdomen portal 3.0"}, Status.PASS),
        ({"contrast_start_time": "120000", "acquisition_time": "120110.500", "contrast_volume_ml": 90.0}, Status.PASS),
        ({"contrast_start_time": "120000", "acquisition_time": "120030", "contrast_volume_ml": 90.0}, Status.WARN),
        ({"contrast_start_time": "120000", "acquisition_time": "120110", "contrast_volume_ml": 0.0}, Status.NOT_EVALUATED),
        ({"contrast_start_time": "120000"}, Status.NOT_EVALUATED),
        ({"contrast_start_time": "120000", "acquisition_time": "110000", "contrast_volume_ml": 90.0}, Status.NOT_EVALUATED),
        ({}, Status.NOT_EVALUATED),
    ],
)
def test_the_phase_needs_a_name_or_an_injectors_time(facts, status):
    assert status_of(checks.contrast_phase, a_case(Acquisition(**facts)), a_protocol(contrast=PORTAL)) is status


SOFT = WindowRule("Soft tissue", ("*",), a_range(350, 400, "[hnsf'U]"), a_range(40, 50, "[hnsf'U]"), 400, 40)


@pytest.mark.parametrize(
    ("windows", "status"),
    [
        ((WindowLevel(300, 40), WindowLevel(1500, 300)), Status.WARN),
        ((WindowLevel(300, 40), WindowLevel(400, 40)), Status.PASS),
        ((), Status.NOT_EVALUATED),
    ],
)
def test_the_headers_windows_are_compared_with_the_protocols_range(windows, status):
    assert status_of(checks.window_level, a_case(Acquisition(window_levels=windows)), a_protocol(windows=(SOFT,))) is status


def test_the_window_on_screen_counts_before_the_headers():
    case = a_case(Acquisition(window_levels=(WindowLevel(400, 40),)))
    case = replace(case, image=replace(case.image, display=WindowLevel(1500, -600)))
    (finding,) = run(checks.window_level, case, a_protocol(windows=(SOFT,)))
    assert (finding.status, finding.measured) == (Status.WARN, "1500/-600")


def test_nan_voxels_fail_with_their_place():
    geometry = a_geometry()
    array = np.zeros(geometry.size, np.float32)
    array[2, 3, 4] = np.nan
    case = Case(Volume(array, geometry), a_segmentation(geometry, liver=None))
    (finding,) = run(checks.image_values, case, a_protocol())
    assert finding.status is Status.FAIL
    assert finding.location_lps_mm == (4.0, 3.0, 4.0)


def test_a_constant_image_fails_and_a_missing_one_is_not_evaluated():
    assert status_of(checks.image_values, a_case(), a_protocol()) is Status.FAIL
    case = Case(Volume(None, a_geometry()), a_segmentation(liver=None))
    assert status_of(checks.image_values, case, a_protocol()) is Status.NOT_EVALUATED


def test_the_range_of_voxel_values_has_its_unit():
    volume = a_volume(acquisition=Acquisition(value_unit="HU"))
    array = volume.array.copy()
    array[0, 0, 0] = -1000
    (finding,) = run(checks.image_values, replace(a_case(), image=replace(volume, array=array)), a_protocol())
    assert finding.message == f"Voxel values run from -1000 to {array.max():g} HU."


def shifted(by_mm, spacing_mm=(2.0, 1.0, 1.0)) -> Segmentation:
    geometry = a_geometry(origin_lps_mm=(by_mm, 0.0, 0.0), spacing_mm=spacing_mm)
    return a_segmentation(geometry, liver=((1, 4), (2, 9), (0, 8)))


def aligned_case(segmentation) -> Case:
    volume = a_volume()
    return Case(volume, align(segmentation, volume.geometry))


def test_another_grid_is_a_warning_with_the_difference_in_mm():
    (finding,) = run(checks.geometry_match, aligned_case(shifted(0.4)), a_protocol())
    assert finding.status is Status.WARN
    assert "first voxel 0.40 mm away" in finding.message


def test_another_spacing_and_size_are_named():
    geometry = a_geometry(size=(5, 20, 30), spacing_mm=(4.0, 1.0, 1.0))
    (finding,) = run(checks.geometry_match, aligned_case(a_segmentation(geometry, liver=((1, 2), (2, 9), (3, 8)))), a_protocol())
    assert "size 5 x 20 x 30 instead of 10 x 20 x 30 voxels" in finding.message
    assert "spacing 4 x 1 x 1 instead of 2 x 1 x 1 mm" in finding.message


def test_rounding_of_header_numbers_is_the_same_grid():
    assert status_of(checks.geometry_match, aligned_case(shifted(0.001)), a_protocol()) is Status.PASS


def test_voxels_beyond_the_image_fail_with_their_share():
    # 4 of 8 columns have their centre beyond the image's outer face at -0.5 mm.
    (finding,) = run(checks.outside_image, aligned_case(shifted(-4.2)), a_protocol())
    assert (finding.status, finding.measured) == (Status.FAIL, "50.0%")


def test_required_structures_are_found_by_code_or_name():
    geometry = a_geometry()
    layer = np.ones(geometry.size, np.uint8)
    coded = Segmentation("x", geometry, (layer,), (Segment("a", "Leber", 1, terminology=LIVER_CODES),))
    assert status_of(checks.structures, Case(a_volume(), coded), a_protocol()) is Status.PASS
    assert status_of(checks.structures, a_case(Liver=((1, 2), (1, 2), (1, 2))), a_protocol()) is Status.PASS


def test_missing_empty_doubled_and_unknown_structures_differ():
    box = ((1, 2), (1, 2), (1, 2))
    statuses = {
        name: [f.status for f in run(checks.structures, case, a_protocol())]
        for name, case in {
            "missing": a_case(Segment_1=box),
            "empty": a_case(liver=None),
            "doubled": a_case(liver=box, Liver=box),
        }.items()
    }
    assert statuses == {
        "missing": [Status.FAIL, Status.WARN],
        "empty": [Status.WARN],
        "doubled": [Status.PASS, Status.FAIL],
    }


def test_a_structure_at_the_edge_is_a_lower_bound():
    case = a_case(liver=((0, 4), (2, 9), (3, 30)))
    (finding,) = run(checks.field_of_view, case, a_protocol())
    assert finding.status is Status.WARN
    assert finding.measured == "the first slice and the last column"
    assert status_of(checks.field_of_view, a_case(), a_protocol()) is Status.PASS


def test_lesions_need_the_protocols_voxels_and_slices():
    lesion = Structure("lesion", LESION_CODES, is_lesion=True, many=True)
    protocol = a_protocol((lesion,), lesion_voxels=a_range(27, unit="1"), lesion_slices=a_range(3, unit="1"))
    findings = run(checks.lesion_size, a_case(lesion=((1, 3), (2, 9), (3, 8))), protocol)
    assert [(f.measured, f.status) for f in findings] == [("70 voxels", Status.PASS), ("2 slices", Status.FAIL)]


def test_segments_not_completed_are_named():
    case = a_case()
    segments = tuple(replace(s, status="inprogress") for s in case.candidate.segments)
    started = replace(case, candidate=replace(case.candidate, segments=segments))
    assert status_of(checks.segment_status, started, a_protocol()) is Status.WARN
    assert status_of(checks.segment_status, case, a_protocol()) is Status.NOT_EVALUATED


@pytest.mark.parametrize(
    ("name", "status"), [("TotalSegmentator", Status.PASS), ("OtherNet", Status.FAIL), (None, Status.NOT_EVALUATED)]
)
def test_drafts_of_other_models_fail(name, status):
    protocol = a_protocol(ai_tools=(AITool("TotalSegmentator", ("*",), "study"),))
    case = a_case()
    segments = tuple(replace(s, algorithm_type="SEMIAUTOMATIC", algorithm_name=name) for s in case.candidate.segments)
    case = replace(case, candidate=replace(case.candidate, segments=segments))
    assert status_of(checks.ai_tool, case, protocol) is status


def test_what_one_case_cannot_answer_is_named_and_not_passed():
    protocol = a_protocol(uniform_in_study=AllowedTexts(("convolution_kernel",), "study"))
    (finding,) = run(checks.protocol_coverage, a_case(), protocol)
    assert finding.status is Status.NOT_EVALUATED
    assert "uniformity over the study (convolution_kernel)" in finding.message
    assert run(checks.protocol_coverage, a_case(), a_protocol()) == []


def test_limits_that_a_protocol_does_not_name_are_not_checked():
    named = {f.check for f in checks.run_checks(a_case(), a_protocol())}
    assert named == {
        "modality", "missing_slices", "duplicate_slices", "image_values", "geometry_match", "outside_image", "structures",
        "field_of_view", "segment_status",
        # Technical errors have limits of their own.
        "empty_or_full", "identical_segments", "overlaps", "impossible_intensity",
        "islands", "holes", "skipped_slices", "area_jumps", "end_slices", "flat_faces", "spikes",
    }  # fmt: skip
