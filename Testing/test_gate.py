from dataclasses import replace

import numpy as np
import pytest

from phantoms import a_geometry, a_segmentation, a_volume
from SegQCLib.case import Acquisition, Case, Volume, WindowLevel
from SegQCLib.checks import CHECKS, IMAGE_CHECKS, SEGMENTATION_CHECKS, run_checks
from SegQCLib.dicom.series import read_series
from SegQCLib.findings import Finding, Status
from SegQCLib.gate import Origin, gate_status, image_findings, origins_of, reading_plane, with_window_of
from SegQCLib.images import read_image
from SegQCLib.protocol import AllowedTexts, QCProtocol, Range, WindowRule, load_protocol

ABDOMEN = load_protocol("ct-abdomen-portal-venous").protocol
SOFT_TISSUE, LIVER = ABDOMEN.windows
FULL_HEADER = Acquisition(
    "DICOM headers",
    modality="CT",
    kvp=120.0,
    image_type=("ORIGINAL", "PRIMARY", "AXIAL"),
    lossy_compression="00",
    slice_thicknesses_mm=(2.0,),
    slice_positions_mm=(0.0, 2.0, 4.0),
    convolution_kernel=("Br36",),
    contrast_agent="Iohexol",
    series_description="Abdomen portal venous",
)


def a_ct(acquisition=FULL_HEADER, **changes) -> Volume:
    geometry = a_geometry()
    array = np.arange(np.prod(geometry.size), dtype=np.int16).reshape(geometry.size)
    return replace(Volume(array, geometry, acquisition), **changes)


def one(findings, check) -> Finding:
    (finding,) = (finding for finding in findings if finding.check == check)
    return finding


def test_every_check_is_an_image_check_or_a_segmentation_check_in_the_order_of_the_report():
    assert CHECKS == IMAGE_CHECKS + SEGMENTATION_CHECKS
    assert not set(IMAGE_CHECKS) & set(SEGMENTATION_CHECKS)


def test_image_checks_say_the_same_before_and_after_something_was_segmented():
    volume = a_ct()
    case = Case(volume, a_segmentation(volume.geometry, liver=((1, 4), (2, 9), (3, 8))))
    ids = {check.ID for check in IMAGE_CHECKS}
    assert image_findings(volume, ABDOMEN) == tuple(f for f in run_checks(case, ABDOMEN) if f.check in ids)


def test_the_protocols_skipped_checks_are_skipped():
    skipped = replace(ABDOMEN, skipped_checks=("modality", "window_level"))
    assert {"modality", "window_level"}.isdisjoint(finding.check for finding in image_findings(a_ct(), skipped))


def test_only_the_chosen_window_rule_is_judged():
    volume = a_ct(display=WindowLevel(150, 60))
    assert one(image_findings(volume, ABDOMEN, LIVER), "window_level").status is Status.PASS
    assert one(image_findings(volume, ABDOMEN, SOFT_TISSUE), "window_level").status is Status.WARN
    assert [f.status for f in image_findings(volume, ABDOMEN) if f.check == "window_level"] == [Status.WARN, Status.PASS]


def test_a_moved_window_is_judged_anew_in_its_place():
    before = image_findings(a_ct(display=WindowLevel(400, 40)), ABDOMEN, SOFT_TISSUE)
    moved = a_ct(display=WindowLevel(1500, -600), array=None)
    after = with_window_of(before, moved, ABDOMEN, SOFT_TISSUE)
    assert [f.check for f in after] == [f.check for f in before]
    assert one(after, "window_level").measured == "1500/-600"
    assert one(after, "image_values") == one(before, "image_values")


def test_an_irregular_series_stops_the_gate_where_the_protocol_stops():
    displaced = a_ct(replace(FULL_HEADER, slice_displacement_mm=1.5))
    finding = one(image_findings(displaced, replace(ABDOMEN, irregular_geometry="stop")), "regular_grid")
    assert (finding.status, finding.measured) == (Status.FAIL, "up to 1.50 mm")
    assert "regular_grid" not in {f.check for f in image_findings(a_ct(), ABDOMEN)}


def test_an_irregular_series_that_will_be_resampled_is_a_warning_and_the_image_stays_as_it_is():
    origins = np.array([(0.0, 0.0, 2.0 * k + (1.5 if k else 0.0)) for k in range(10)])
    volume = a_ct(replace(FULL_HEADER, slice_displacement_mm=1.5), slice_origins_lps_mm=origins)
    findings = image_findings(volume, ABDOMEN)
    assert one(findings, "regular_grid").status is Status.WARN
    assert one(findings, "plane").status is Status.PASS


@pytest.mark.parametrize(
    ("statuses", "worst"),
    [
        ((), Status.PASS),
        ((Status.PASS, Status.NOT_EVALUATED), Status.NOT_EVALUATED),
        ((Status.NOT_EVALUATED, Status.WARN, Status.PASS), Status.WARN),
        ((Status.WARN, Status.FAIL, Status.NOT_EVALUATED), Status.FAIL),
    ],
)
def test_the_gate_stands_as_its_worst_finding(statuses, worst):
    assert gate_status(tuple(Finding("plane", status, "A finding.") for status in statuses)) is worst


def test_slices_are_read_in_their_own_plane_where_the_protocol_allows_it():
    sagittal = a_volume(a_geometry(axes_lps=((1.0, 0.0, 0.0), (0.0, 0.0, -1.0), (0.0, 1.0, 0.0))))
    flair = load_protocol("mr-brain-lesion").protocol
    assert flair.plane.values == ("axial", "sagittal")
    assert (reading_plane(sagittal, flair), reading_plane(a_volume(), flair)) == ("sagittal", "axial")
    assert reading_plane(sagittal, ABDOMEN) == "axial"
    assert reading_plane(sagittal, replace(ABDOMEN, plane=None)) is None


def a_protocol(**limits) -> QCProtocol:
    study = "study decision for this test"
    return replace(
        ABDOMEN,
        modality=AllowedTexts(("CT",), study),
        pixel_spacing_mm=Range("mm", study, maximum=1),
        in_plane_size=Range("1", study, minimum=10),
        windows=(WindowRule("Soft", ("*",), Range("[hnsf'U]", study, 350, 400), Range("[hnsf'U]", study, 40, 50), 400, 40),),
        kvp=Range("kV", study, 100, 120),
        mr_sequence=AllowedTexts(("*",), study),
        magnetic_field_strength_t=Range("T", study, 1.5),
        echo_time_ms=Range("ms", study, maximum=100),
        repetition_time_ms=Range("ms", study, maximum=5000),
        inversion_time_ms=Range("ms", study, maximum=2000),
        uptake_time_min=Range("min", study, 55, 75),
        image_type=AllowedTexts(("ORIGINAL*",), study),
        lossy_compression_ratio=Range("1", study, maximum=1),
        **limits,
    )


def test_where_each_value_of_a_dicom_series_comes_from():
    volume = a_ct(display=WindowLevel(400, 40))
    found = {f.check: origins_of(f, volume, Origin.DATABASE) for f in image_findings(volume, a_protocol())}
    assert set(found) == {check.ID for check in IMAGE_CHECKS}
    assert {check for check, origins in found.items() if origins == (Origin.DATABASE,)} == {
        "modality", "slice_thickness", "slice_spacing", "slice_gap", "missing_slices", "duplicate_slices", "spacing_regularity",
        "convolution_kernel", "contrast_agent", "contrast_phase", "tube_voltage", "mr_sequence", "image_type",
        "lossy_compression", "uniform_acquisition",
    }  # fmt: skip
    assert {check for check, origins in found.items() if origins == (Origin.GRID,)} == {"plane", "pixel_spacing", "in_plane_size"}
    not_ct = {"field_strength", "echo_time", "repetition_time", "inversion_time", "uptake_time"}
    assert {check for check, origins in found.items() if origins == (Origin.UNKNOWN,)} == {"gantry_tilt", *not_ct}
    assert found["window_level"] == (Origin.SCREEN,)
    assert found["image_values"] == (Origin.VOXELS,)


def test_without_a_header_only_the_grid_and_the_voxels_speak():
    volume = a_ct(Acquisition())
    findings = image_findings(volume, a_protocol())
    found = {f.check: origins_of(f, volume, Origin.UNKNOWN) for f in findings}
    assert found.pop("image_values") == (Origin.VOXELS,)
    assert {check for check, origins in found.items() if origins == (Origin.GRID,)} == {
        "plane", "slice_spacing", "pixel_spacing", "in_plane_size",
    }  # fmt: skip
    assert set(found.values()) == {(Origin.GRID,), (Origin.UNKNOWN,)}
    assert "voxel size of the volume's grid" in one(findings, "slice_spacing").message
    assert one(findings, "slice_thickness").status is Status.NOT_EVALUATED


def test_a_gap_without_slice_positions_is_told_from_thickness_and_voxel_grid():
    # The grid's step is 2 mm; slices of 1.5 mm leave 0.5 mm.
    volume = a_ct(replace(FULL_HEADER, slice_thicknesses_mm=(1.5,), slice_positions_mm=()))
    finding = one(image_findings(volume, ABDOMEN), "slice_gap")
    assert (finding.status, finding.measured) == (Status.FAIL, "0.5 mm")
    assert "1.5 mm thick (Slice Thickness (0018,0050)) and 2 mm apart (from the voxel size" in finding.message
    assert origins_of(finding, volume, Origin.SCENE) == (Origin.SCENE, Origin.GRID)


def test_a_volume_without_voxels_is_judged_by_its_header():
    findings = image_findings(replace(a_volume(), array=None, acquisition=FULL_HEADER), ABDOMEN)
    assert one(findings, "image_values").status is Status.NOT_EVALUATED
    assert one(findings, "slice_thickness").status is Status.PASS


def test_a_real_ct_series_and_its_nifti_tell_what_each_knows(totalsegmentator):
    # By pydicom: Slice Thickness 3, Image Positions 2 mm apart, kernel ['Br38f', '3'], no word of a phase.
    series = read_series(totalsegmentator / "example_ct_dicom")
    findings = image_findings(series, ABDOMEN)
    measured = {finding.check: finding.measured for finding in findings}
    assert (measured["modality"], measured["slice_thickness"], measured["slice_spacing"]) == ("CT", "3 mm", "2 mm")
    assert (measured["slice_gap"], measured["convolution_kernel"]) == ("no gap, overlap 1 mm", "Br38f")
    nifti = read_image(totalsegmentator / "example_ct_sm.nii.gz")
    findings = image_findings(nifti, ABDOMEN)
    assert gate_status(findings) is not Status.PASS
    assert one(findings, "slice_thickness").status is Status.NOT_EVALUATED
