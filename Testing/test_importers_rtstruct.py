import contextlib
from fractions import Fraction

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from dicom_series import write_series
from phantoms import AXIAL, a_geometry, box_array
from rt_structure_sets import Roi, around, rectangle, write_structure_set
from SegQCLib.case import Acquisition, Case, Code, Volume
from SegQCLib.case_files import open_case
from SegQCLib.checks import outside_image, segmentation_reference
from SegQCLib.cli import main
from SegQCLib.dicom.series import read_series
from SegQCLib.difficulty.described_segments import read_described
from SegQCLib.errors import BadDataError
from SegQCLib.findings import Status
from SegQCLib.geometry import geometry_of, sitk_image
from SegQCLib.images import read_image
from SegQCLib.importers import polygon_fill, read_segmentation, roi_contours
from SegQCLib.importers.draft import DraftKind, read_draft
from SegQCLib.importers.polygon_fill import fill_even_odd
from SegQCLib.protocol import load_protocol
from SegQCLib.regular_grid import resample_case
from SegQCLib.worklist import WorklistCase

GRID = a_geometry()  # 10 x 20 x 30 voxels of 2 x 1 x 1 mm
IMAGE = Volume(None, GRID)
IBSI = "ibsi/ibsi_validation"
MOCK = "rt_utils/tests/mock_data"


def a_set(tmp_path, *rois, **more):
    return write_structure_set(tmp_path / "rs.dcm", *rois, **more)


def voxels(segmentation, number=0):
    return segmentation.mask(segmentation.segments[number])


def filled(tmp_path, *contours, image=IMAGE, kind="CLOSED_PLANAR"):
    """Return the voxels of one structure with these contours."""
    return voxels(read_segmentation(a_set(tmp_path, Roi("liver", list(contours), kind=kind)), image=image))


def messages(segmentation, check, status=None):
    return [f.message for f in segmentation.findings if f.check == check and status in (None, f.status)]


def test_a_contour_along_the_edges_of_pixels_is_these_pixels(tmp_path):
    inside = filled(tmp_path, *(around(GRID, k, (4, 9), (3, 13)) for k in (2, 3, 4)))
    assert np.array_equal(inside, box_array(GRID.size, (2, 5), (4, 9), (3, 13)))


def test_a_disc_has_as_many_voxels_as_lattice_points_in_the_circle(tmp_path):
    angle = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    circle = GRID.lps_mm(np.column_stack([np.full(720, 5), 10 + 6.3 * np.sin(angle), 15 + 6.3 * np.cos(angle)]))
    # Gauss's circle problem: whole numbers x, y with x2 + y2 <= 39 (the next sum of two squares is 40 > 6.3 x 6.3).
    lattice = sum(x * x + y * y <= 39 for x in range(-7, 8) for y in range(-7, 8))
    assert np.count_nonzero(filled(tmp_path, circle)) == lattice == 121


@pytest.mark.parametrize("kind", ["CLOSED_PLANAR", "CLOSEDPLANAR_XOR"])
def test_a_contour_in_a_contour_is_a_hole_and_one_in_the_hole_an_island(tmp_path, kind):
    contours = [around(GRID, 1, (2, 18), (2, 22)), around(GRID, 1, (5, 15), (5, 15)), around(GRID, 1, (8, 11), (8, 11))]
    assert np.count_nonzero(filled(tmp_path, *contours, kind=kind)) == 16 * 20 - 10 * 10 + 3 * 3


def keyhole(bridge_row):
    outer = [(1, 1.5, 1.5), (1, bridge_row, 1.5)], [(1, 17.5, 1.5), (1, 17.5, 21.5), (1, 1.5, 21.5)]
    hole = [(1, bridge_row, 5.5), (1, 4.5, 5.5), (1, 4.5, 14.5), (1, 14.5, 14.5), (1, 14.5, 5.5), (1, bridge_row, 5.5)]
    return GRID.lps_mm([*outer[0], *hole, (1, bridge_row, 1.5), *outer[1]])


@pytest.mark.parametrize("bridge_row", [8.0, 8.3])
def test_a_keyhole_contour_has_its_hole_wherever_the_bridge_runs(tmp_path, bridge_row):
    segmentation = read_segmentation(a_set(tmp_path, Roi("liver", [keyhole(bridge_row)])), image=IMAGE)
    assert np.count_nonzero(voxels(segmentation)) == 16 * 20 - 10 * 9
    assert messages(segmentation, "contour_points") == []


def test_a_bridge_between_islands_adds_no_voxels_though_it_runs_through_their_centres(tmp_path):
    two = [(1, 1.5, 1.5), (1, 1.5, 4.5), (1, 4, 4.5), (1, 4, 10.5), (1, 1.5, 10.5), (1, 1.5, 13.5), (1, 6.5, 13.5), (1, 6.5, 10.5),
           (1, 4, 10.5), (1, 4, 4.5), (1, 6.5, 4.5), (1, 6.5, 1.5)]  # fmt: skip
    assert np.count_nonzero(filled(tmp_path, GRID.lps_mm(two))) == 2 * 5 * 3


def test_a_contour_traced_through_pixel_centres_gives_the_traced_pixels_back(tmp_path):
    # As OpenCV's findContours draws a mask: through the centres of its outermost pixels.
    assert np.count_nonzero(filled(tmp_path, rectangle(GRID, 2, (4, 8), (3, 12)))) == 5 * 10


def test_rounding_of_the_text_does_not_move_a_contour_off_pixel_centres(tmp_path):
    grid = a_geometry(spacing_mm=(2.0, 0.9765625, 0.9765625))
    points = np.round(rectangle(grid, 2, (4, 8), (3, 12)), 3)
    assert np.count_nonzero(filled(tmp_path, points, image=Volume(None, grid))) == 5 * 10


def test_random_polygons_are_filled_as_exact_arithmetic_says():
    random = np.random.default_rng(7)
    for _ in range(40):
        corners = random.integers(-30, 150, (random.integers(3, 12), 2))
        starts = corners / 10 + 0.0321  # no line runs through a pixel's centre
        got = fill_even_odd(starts, np.roll(starts, -1, axis=0), np.zeros(len(starts), int), (1, 10, 12), (1e-6, 1e-6))[0]
        exact = [[Fraction(int(value), 10) + Fraction(321, 10000) for value in corner] for corner in corners]
        for row, column in np.ndindex(got.shape):
            assert got[row, column] == _is_inside(exact, row, column)


def test_contours_with_very_many_edges_are_filled_in_parts(monkeypatch):
    angle = np.linspace(0, 40 * np.pi, 3001)[:-1]
    starts = np.column_stack([20 + angle / 8 * np.sin(angle), 20 + angle / 8 * np.cos(angle)])
    arguments = (starts, np.roll(starts, -1, axis=0), np.zeros(3000, int), (1, 40, 40), (1e-3, 1e-3))
    whole = fill_even_odd(*arguments)
    monkeypatch.setattr(polygon_fill, "_AT_ONCE", 100)
    assert np.array_equal(fill_even_odd(*arguments), whole)


def _is_inside(corners, row, column):
    inside = False
    for (r0, c0), (r1, c1) in zip(corners, [*corners[1:], corners[0]], strict=True):
        if (r0 > row) != (r1 > row) and c0 + (row - r0) / (r1 - r0) * (c1 - c0) > column:
            inside = not inside
    return inside


TURNED = ((0.0, 0.0, 1.0), (-0.6, 0.8, 0.0), (0.8, 0.6, 0.0))


@pytest.mark.parametrize("axes", [TURNED, ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0), (0.0, 1.0, 0.0))], ids=["turned", "sagittal"])
def test_contours_are_filled_in_the_planes_that_the_grid_has(tmp_path, axes):
    grid = a_geometry(axes_lps=axes, origin_lps_mm=(-30, 12, 80))
    inside = filled(tmp_path, around(grid, 2, (4, 9), (3, 13)), around(grid, 3, (4, 9), (3, 13)), image=Volume(None, grid))
    assert np.array_equal(inside, box_array(grid.size, (2, 4), (4, 9), (3, 13)))


@pytest.mark.parametrize("axis", [1, 2])
def test_a_grid_that_stores_the_drawn_slices_along_another_axis_gets_the_same_voxels(tmp_path, axis):
    order = [1, 0, 2] if axis == 1 else [1, 2, 0]  # where the axes of GRID stand in the other grid
    stored = a_geometry(
        tuple(GRID.size[n] for n in order), tuple(GRID.spacing_mm[n] for n in order), axes_lps=tuple(AXIAL[n] for n in order)
    )
    contours = [around(GRID, k, (4, 9), (3, 13)) for k in (2, 3)]
    inside = filled(tmp_path, *contours, image=Volume(None, stored))
    assert np.array_equal(inside, box_array(GRID.size, (2, 4), (4, 9), (3, 13)).transpose(order))


def test_contours_of_a_tilted_series_lie_in_its_slices_and_move_with_them(tmp_path):
    offsets = [(0.0, 1.4 * k) for k in range(6)]
    write_series(tmp_path / "ct", np.arange(6) * 2.5, in_plane_offsets_mm=offsets, rows=20, columns=20)
    image = read_series(tmp_path / "ct")
    corners = np.array([(1.5, 1.5), (1.5, 7.5), (5.5, 7.5), (5.5, 1.5)])  # rows 2 to 5, columns 2 to 7
    contours = [[(0.7 * c, 0.8 * r + 1.4 * k, 2.5 * k) for r, c in corners] for k in range(6)]
    candidate = read_segmentation(a_set(tmp_path, Roi("liver", contours)), image=image)
    assert np.array_equal(voxels(candidate), box_array(image.geometry.size, (0, 6), (2, 6), (2, 8)))
    regular = resample_case(Case(image, candidate)).candidate
    rows = [np.flatnonzero(plane.any(axis=1))[0] for plane in voxels(regular)]
    assert rows == [2 + round(1.4 * k / 0.8) for k in range(6)]


def test_names_colours_types_and_algorithms_are_those_of_the_file(tmp_path):
    code = pydicom.Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "10200004", "SCT", "Liver"
    model = pydicom.Dataset()
    model.AlgorithmName, model.AlgorithmVersion, model.AlgorithmParameters = "LiverNet", "2.1", "fold 0"
    contours = [around(GRID, 1, (2, 5), (2, 5))]
    liver = Roi(
        "Liver", contours, number=7, color=(255, 0, 51),
        attributes={"ROIGenerationAlgorithm": "AUTOMATIC", "ROIDerivationAlgorithmIdentificationSequence": [model]},
        observation={"RTROIInterpretedType": "ORGAN", "RTROIIdentificationCodeSequence": [code]},
    )  # fmt: skip
    described = {"ROIGenerationAlgorithm": "SEMIAUTOMATIC", "ROIGenerationDescription": "Grow 2.0"}
    other = Roi("GTV", contours, number=0, attributes=described, observation={"RTROIInterpretedType": "GTV"})
    segmentation = read_segmentation(a_set(tmp_path, liver, other), image=IMAGE)
    first, second = segmentation.segments
    assert (first.id, first.name, first.label_value, first.color) == ("roi_7", "Liver", 1, (1.0, 0.0, 0.2))
    assert (first.algorithm_type, first.algorithm_name, first.algorithm_version) == ("AUTOMATIC", "LiverNet", "2.1")
    assert first.algorithm_parameters == "fold 0"
    assert first.terminology.type == Code("10200004", "SCT", "Liver")
    assert first.terminology.category == Code("123037004", "SCT", "Anatomical Structure")
    assert (second.id, second.algorithm_type, second.algorithm_name) == ("roi_0", "SEMIAUTOMATIC", "Grow 2.0")
    assert second.terminology is None
    assert "Liver: ORGAN, GTV: GTV" in messages(segmentation, "rt_structures")[0]


def test_structures_that_overlap_keep_all_their_voxels(tmp_path):
    rois = [Roi("PTV", [around(GRID, 1, (2, 12), (2, 12))]), Roi("GTV", [around(GRID, 1, (4, 8), (4, 8))])]
    segmentation = read_segmentation(a_set(tmp_path, *rois), image=IMAGE)
    assert [segmentation.voxel_count(s) for s in segmentation.segments] == [100, 16]


def test_a_structure_without_contours_is_a_segment_without_voxels(tmp_path):
    rois = [Roi("liver", [around(GRID, 1, (2, 5), (2, 5))]), Roi("spleen")]
    segmentation = read_segmentation(a_set(tmp_path, *rois), image=IMAGE)
    assert [(s.name, segmentation.voxel_count(s)) for s in segmentation.segments] == [("liver", 9), ("spleen", 0)]
    only_empty = read_segmentation(a_set(tmp_path, Roi("spleen")), image=IMAGE)
    assert [(s.name, only_empty.voxel_count(s)) for s in only_empty.segments] == [("spleen", 0)]


def test_points_and_open_contours_are_no_volumes(tmp_path):
    line = GRID.lps_mm([(1, 2, 2), (1, 2, 9), (1, 5, 9)])
    rois = [
        Roi("liver", [around(GRID, 1, (2, 5), (2, 5)), ("OPEN_PLANAR", line)]),
        Roi("isocentre", [line[:1]], kind="POINT", observation={"RTROIInterpretedType": "ISOCENTER"}),
        Roi("catheter", [line], kind="OPEN_NONPLANAR"),
    ]
    segmentation = read_segmentation(a_set(tmp_path, *rois), image=IMAGE)
    assert [(s.name, segmentation.voxel_count(s)) for s in segmentation.segments] == [("liver", 9)]
    assert messages(segmentation, "rt_structures", Status.WARN) == [
        "liver also has contours that enclose nothing, which were left out: 1 x OPEN_PLANAR.",
        "catheter is not a volume and was left out: it has only 1 x OPEN_NONPLANAR.",
    ]
    assert "isocentre is not a volume and was left out: it has only 1 x POINT." in messages(segmentation, "rt_structures")
    with pytest.raises(BadDataError, match="no structure that can be filled: isocentre has only 1 x POINT"):
        read_segmentation(a_set(tmp_path, rois[1]), image=IMAGE)


def test_slices_without_a_contour_stay_empty_and_are_named(tmp_path):
    contours = [around(GRID, k, (2, 5), (2, 5)) for k in (1, 3, 5, 7)]
    segmentation = read_segmentation(a_set(tmp_path, Roi("liver", contours)), image=IMAGE)
    assert np.flatnonzero(voxels(segmentation).any(axis=(1, 2))).tolist() == [1, 3, 5, 7]
    (message,) = messages(segmentation, "contour_slices", Status.WARN)
    assert message == (
        "liver has no contour in 3 of the 7 slices from its first to its last; they stay empty (k = 2, 4, 6). Its contours are"
        " 2 slices apart throughout."
    )


@pytest.mark.parametrize(("moved_mm", "slices", "off"), [(0.04, [2, 3], None), (0.9, [2, 3], "0.90"), (-0.9, [2, 3], "0.90")])
def test_a_contour_beside_a_slice_goes_to_the_nearest_and_a_finding_says_how_far_it_was(tmp_path, moved_mm, slices, off):
    contours = [around(GRID, k, (2, 5), (2, 5)) + (0, 0, moved_mm) for k in (2, 3)]
    segmentation = read_segmentation(a_set(tmp_path, Roi("liver", contours)), image=IMAGE)
    assert np.flatnonzero(voxels(segmentation).any(axis=(1, 2))).tolist() == slices
    assert [f.measured for f in segmentation.findings if f.check == "contour_slices"] == ([] if off is None else [off])


def test_contours_half_way_between_slices_all_go_to_the_same_side(tmp_path):
    noise = (1e-9, -1e-9, 1e-9, -1e-9)
    contours = [around(GRID, k + 0.5, (2, 5), (2, 5)) + (0, 0, d) for k, d in zip(range(2, 6), noise, strict=True)]
    assert np.flatnonzero(filled(tmp_path, *contours).any(axis=(1, 2))).tolist() == [2, 3, 4, 5]


def test_of_contours_in_finer_steps_than_slices_the_nearest_is_taken(tmp_path):
    # Every 0.5 mm a square that grows by a pixel on each side; slices are 2 mm apart.
    contours = [around(GRID, z / 2, (9 - n, 11 + n), (9 - n, 11 + n)) for n, z in enumerate(np.arange(4, 8.1, 0.5))]
    segmentation = read_segmentation(a_set(tmp_path, Roi("liver", contours)), image=IMAGE)
    assert [int(plane.sum()) for plane in voxels(segmentation)[2:5]] == [2**2, 10**2, 18**2]
    assert "6 of its 9 contours lie between slices" in messages(segmentation, "contour_slices", Status.WARN)[-1]


def test_structures_oblique_to_the_slices_are_left_out_and_others_are_not(tmp_path):
    oblique = GRID.lps_mm([(2, 2, 2), (2, 2, 12), (5, 12, 12), (5, 12, 2)])
    rois = [Roi("liver", [around(GRID, 1, (2, 5), (2, 5)), around(GRID, 2, (2, 5), (2, 5))]), Roi("vessel", [oblique])]
    segmentation = read_segmentation(a_set(tmp_path, *rois), image=IMAGE)
    assert [s.name for s in segmentation.segments] == ["liver"]
    assert "vessel was left out: 1 of its 1 contours are oblique" in messages(segmentation, "rt_structures", Status.FAIL)[0]


def test_contours_outside_the_image_are_cut_off_and_fail(tmp_path):
    contours = [around(GRID, k, (2, 5), (25, 35)) for k in (8, 9, 10)]
    segmentation = read_segmentation(a_set(tmp_path, Roi("liver", contours)), image=IMAGE)
    assert np.array_equal(voxels(segmentation), box_array(GRID.size, (8, 10), (2, 5), (25, 30)))
    (message,) = messages(segmentation, "outside_image", Status.FAIL)
    assert message == (
        "liver lies partly outside the image and was cut off: 1 of its 3 contours before the first slice or after the last and"
        " up to 5.0 mm beyond the slices' edges."
    )
    case = Case(Volume(np.zeros(GRID.size, np.int16), GRID), segmentation)
    assert list(outside_image.run(case, load_protocol("ct-abdomen-portal-venous").protocol)) == []


@pytest.mark.parametrize("place", [(40, (2, 5), (2, 5)), (3, (2, 5), (80, 90))], ids=["beyond the slices", "beside them"])
def test_a_structure_set_that_lies_elsewhere_is_refused(tmp_path, place):
    with pytest.raises(BadDataError, match="none of its contours reaches into it"):
        filled(tmp_path, around(GRID, *place))


def test_contours_where_slices_are_missing_are_left_out_and_fail(tmp_path):
    write_series(tmp_path / "ct", [0, 2, 4, 14, 16, 18], rows=20, columns=20)
    image = read_series(tmp_path / "ct")
    square = np.array([(1, 1, 0), (1, 9, 0), (9, 9, 0), (9, 1, 0)], float)
    contours = [square + (0, 0, z) for z in (2, 4, 6, 8, 10, 12, 14)]
    segmentation = read_segmentation(a_set(tmp_path, Roi("liver", contours)), image=image)
    assert np.flatnonzero(voxels(segmentation).any(axis=(1, 2))).tolist() == [1, 2, 3]
    assert "4 of 7 contours lie in no slice of the image, up to 4.00 mm" in messages(segmentation, "contour_slices", Status.FAIL)[0]


def test_contours_that_enclose_nothing_or_are_there_twice_are_left_out_with_a_finding(tmp_path):
    square = around(GRID, 1, (2, 5), (2, 5))
    contours = [square, square, square[:2], square[:1]]
    segmentation = read_segmentation(a_set(tmp_path, Roi("liver", contours)), image=IMAGE)
    assert np.count_nonzero(voxels(segmentation)) == 9
    assert messages(segmentation, "contour_points") == [
        "liver: contours with fewer than three points enclose nothing and were left out: 2.",
        "liver: exact copies of other contours were left out, because the same contour twice would be nothing: 1.",
    ]


def test_repeated_points_change_nothing(tmp_path):
    square = around(GRID, 1, (2, 5), (2, 5))
    assert np.count_nonzero(filled(tmp_path, np.concatenate([square, square[3:], square[:1]]))) == 9


def test_a_wrong_number_of_points_is_told_and_the_data_are_taken(tmp_path):
    def change(dataset):
        dataset.ROIContourSequence[0].ContourSequence[0].NumberOfContourPoints = 5

    path = a_set(tmp_path, Roi("liver", [around(GRID, 1, (2, 5), (2, 5))]), change=change)
    segmentation = read_segmentation(path, image=IMAGE)
    assert np.count_nonzero(voxels(segmentation)) == 9
    assert "Number of Contour Points (3006,0046)" in messages(segmentation, "contour_points", Status.WARN)[0]


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        (["1"] * 10, r"has 10 numbers in Contour Data \(3006,0050\) of its contour 1 of 1, not three for each point"),
        ([*["1"] * 8, "nan"], "has a contour with a point at nan mm"),
        ([*["1"] * 8, "-1e300"], "has a contour with a point at -1e\\+300 mm"),
        ([*["1"] * 8, "12,5"], "that is no number"),
    ],
)
def test_a_structure_with_damaged_numbers_is_left_out_and_fails(tmp_path, numbers, said):
    text = "\\".join(numbers).encode()

    def change(dataset):
        item = dataset.ROIContourSequence[0].ContourSequence[0]
        # As it stands in a file: pydicom checks values that are set.
        item._dict[pydicom.tag.Tag("ContourData")] = pydicom.dataelem.RawDataElement(
            pydicom.tag.Tag("ContourData"), "DS", len(text), text, 0, False, True
        )

    damaged = Roi("damaged", [around(GRID, 1, (2, 5), (2, 5))])
    path = a_set(tmp_path, damaged, Roi("liver", [around(GRID, 1, (2, 5), (2, 5))]), change=change)
    segmentation = read_segmentation(path, image=IMAGE)
    assert [s.name for s in segmentation.segments] == ["liver"]
    (message,) = messages(segmentation, "rt_structures", Status.FAIL)
    assert message.startswith("damaged was left out: it has")
    with pytest.raises(BadDataError, match=said):
        read_segmentation(a_set(tmp_path, damaged, change=change), image=IMAGE)


def test_structures_that_cannot_be_told_apart(tmp_path):
    square = [around(GRID, 1, (2, 5), (2, 5))]
    segmentation = read_segmentation(a_set(tmp_path, Roi("liver", square), Roi("liver", square)), image=IMAGE)
    assert messages(segmentation, "label_names") == ["2 structures have the name liver."]
    with pytest.raises(BadDataError, match=r"ROI Numbers \(3006,0022\) that are missing or not unique: \[3, 3\]"):
        read_segmentation(a_set(tmp_path, Roi("liver", square, 3), Roi("spleen", square, 3)), image=IMAGE)


def test_contours_of_a_structure_that_is_not_described_are_told(tmp_path):
    def change(dataset):
        dataset.ROIContourSequence[1].ReferencedROINumber = 9

    square = [around(GRID, 1, (2, 5), (2, 5))]
    segmentation = read_segmentation(a_set(tmp_path, Roi("liver", square), Roi("spleen", square), change=change), image=IMAGE)
    assert segmentation.voxel_count(segmentation.segments[1]) == 0
    assert "contours of ROI number 9, which its Structure Set ROI Sequence" in messages(segmentation, "label_names")[0]


def test_contours_that_cross_or_run_over_themselves_are_told(tmp_path):
    bars = [around(GRID, 1, (8, 12), (2, 20)), around(GRID, 1, (2, 18), (8, 12))]
    twice = [(2, 1.5, 1.5), (2, 1.5, 9.5), (2, 9.5, 9.5), (2, 9.5, 1.4), (2, 3.5, 1.4), (2, 3.5, 5.5), (2, 6.5, 5.5), (2, 6.5, 1.5)]
    segmentation = read_segmentation(a_set(tmp_path, Roi("plus", bars), Roi("curl", [GRID.lps_mm(twice)])), image=IMAGE)
    assert np.count_nonzero(voxels(segmentation)) == 4 * 18 + 16 * 4 - 2 * 4 * 4
    crossing, overlapping = messages(segmentation, "contour_points", Status.WARN)
    assert crossing.startswith("Contours of plus cross one another in 1 slice (k = 1)")
    assert overlapping.startswith("A contour of curl runs over itself in 1 slice (k = 2)")


FRAME, SERIES = "1.2.3.4", "1.2.3.5"
OWN = Volume(np.zeros(GRID.size, np.int16), GRID, Acquisition(frame_of_reference_uid=FRAME, series_instance_uid=SERIES))
SQUARE = [around(GRID, 1, (2, 5), (2, 5))]


@pytest.mark.parametrize(
    ("frame", "series", "status"),
    [
        (FRAME, SERIES, Status.PASS),
        (FRAME, "1.2.3.6", Status.WARN),
        (FRAME, None, Status.PASS),
        ("1.2.3.9", SERIES, Status.WARN),
        ("1.2.3.9", "1.2.3.6", Status.FAIL),
    ],
)
def test_contours_in_another_frame_of_reference_or_of_another_series_are_told(tmp_path, frame, series, status):
    candidate = read_segmentation(a_set(tmp_path, Roi("liver", SQUARE), frame_uid=frame, series_uid=series), image=OWN)
    (finding,) = segmentation_reference.run(Case(OWN, candidate), None)
    assert finding.status is status
    unsaid = messages(candidate, "segmentation_reference")
    assert ["does not say which series it was drawn on" in message for message in unsaid] == ([True] if series is None else [])


def test_contours_in_two_frames_of_reference_fail(tmp_path):
    rois = [Roi("spleen", SQUARE, frame_uid="1.2.3.9"), Roi("liver", SQUARE, frame_uid=FRAME)]
    candidate = read_segmentation(a_set(tmp_path, *rois, series_uid=SERIES), image=OWN)
    assert candidate.frame_of_reference_uid == FRAME
    (message,) = messages(candidate, "segmentation_reference", Status.FAIL)
    assert "the positions of spleen (Referenced Frame of Reference UID (3006,0024)) mean nothing" in message


def test_contours_without_an_image_say_what_to_do(tmp_path):
    path = a_set(tmp_path, Roi("liver", [around(GRID, 1, (2, 5), (2, 5))]))
    with pytest.raises(BadDataError, match="no grid of its own to fill them on"):
        read_segmentation(path)


def test_an_empty_or_damaged_structure_set_is_an_error_that_names_the_file(tmp_path):
    def without_structures(dataset):
        del dataset.StructureSetROISequence

    with pytest.raises(BadDataError, match=r"rs.dcm: describes no structure: Structure Set ROI Sequence \(3006,0020\)"):
        read_segmentation(a_set(tmp_path, change=without_structures), image=IMAGE)
    path = a_set(tmp_path, Roi("liver", [around(GRID, k, (2, 5), (2, 5)) for k in range(5)]))
    content = path.read_bytes()
    refused = 0
    for length in range(400, len(content), 97):
        path.write_bytes(content[:length])
        with contextlib.suppress(BadDataError):
            read_segmentation(path, image=IMAGE)
            continue
        refused += 1
    assert refused > 5


def test_a_file_without_preamble_and_sop_class_is_known_by_its_modality(tmp_path):
    path = a_set(tmp_path, Roi("liver", [around(GRID, 1, (2, 5), (2, 5))]))
    dataset = pydicom.dcmread(path)
    del dataset.SOPClassUID
    plain = pydicom.Dataset()
    plain.update(dataset)
    buffer = pydicom.filebase.DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, True
    pydicom.filewriter.write_dataset(buffer, plain)
    path.write_bytes(buffer.getvalue())
    assert np.count_nonzero(voxels(read_segmentation(path, image=IMAGE))) == 9


@pytest.mark.filterwarnings("ignore:The value")
def test_a_deflated_structure_set_is_read_and_one_that_inflates_without_end_refused(tmp_path):
    def deflate(dataset):
        dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian

    path = a_set(tmp_path, Roi("liver", SQUARE), change=deflate)
    assert np.count_nonzero(voxels(read_segmentation(path, image=IMAGE))) == 9

    def bomb(dataset):
        deflate(dataset)
        dataset.StructureSetDescription = "x" * 2**24

    with pytest.raises(BadDataError, match="inflates to more than 100 times its size"):
        read_segmentation(a_set(tmp_path, Roi("liver", SQUARE), change=bomb), image=IMAGE)


@pytest.mark.filterwarnings("ignore:The value")
def test_a_zigzag_that_crosses_the_rows_a_hundred_million_times_is_refused_at_once(tmp_path):
    image = Volume(None, a_geometry((4, 600, 600)))
    line = np.column_stack([np.ones(60_000), np.arange(60_000) % 2 * 599, np.arange(60_000) % 599])
    path = a_set(tmp_path, Roi("liver", [image.geometry.lps_mm(line + (k, 0, 0)) for k in (0, 1)]))
    with pytest.raises(BadDataError, match=r"rs.dcm: holds .*the contours of liver .* millions of times"):
        read_segmentation(path, image=image)


def test_more_contours_than_any_patient_needs_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(roi_contours, "MOST_CONTOURS", 2)
    path = a_set(tmp_path, Roi("liver", SQUARE * 3))
    with pytest.raises(BadDataError, match=r"rs\.dcm: holds .*more than 2 contours"):
        read_segmentation(path, image=IMAGE)


def test_structures_that_would_need_hundreds_of_layers_are_refused(tmp_path):
    path = a_set(tmp_path, *(Roi(f"copy {n}", SQUARE) for n in range(300)))
    with pytest.raises(BadDataError, match="more than 256 segments overlap"):
        read_segmentation(path, image=IMAGE)


def test_contours_of_no_structure_are_not_lost_in_silence(tmp_path):
    def forget(dataset):
        del dataset.ROIContourSequence[0].ReferencedROINumber

    path = a_set(tmp_path, Roi("liver", SQUARE), change=forget)
    with pytest.raises(BadDataError, match=r"contours of no structure: Referenced ROI Number \(3006,0084\)"):
        read_segmentation(path, image=IMAGE)


@pytest.mark.parametrize("undefined", [False, True])
@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_contours_are_found_however_sequences_are_written(tmp_path, syntax, undefined):
    path = a_set(tmp_path, Roi("liver", SQUARE, color=(255, 0, 51)), Roi("spleen", SQUARE * 2))
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = syntax
    for tag in (0x30060020, 0x30060039, 0x30060080):
        dataset[tag].is_undefined_length = undefined
        for item in dataset[tag].value:
            item.is_undefined_length_sequence_item = undefined
    for item in dataset.ROIContourSequence:
        item["ContourSequence"].is_undefined_length = undefined
    if pydicom.__version__ < "3":  # in Slicer 5.10
        dataset.is_implicit_VR, dataset.is_little_endian = syntax.is_implicit_VR, syntax.is_little_endian
        pydicom.dcmwrite(path, dataset)
    else:
        pydicom.dcmwrite(path, dataset, implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian)
    segmentation = read_segmentation(path, image=IMAGE)
    assert [np.count_nonzero(voxels(segmentation, n)) for n in (0, 1)] == [9, 9]
    assert segmentation.segments[0].color == (1, 0, 0.2)


def write_image(path, array):
    sitk.WriteImage(sitk_image(array, GRID), path)
    return path


def test_compare_fills_contours_on_the_grid_of_the_other_segmentation(tmp_path, capsys):
    rs = a_set(tmp_path, Roi("label_1", [around(GRID, k, (4, 9), (3, 13)) for k in (2, 3)]))
    other = write_image(tmp_path / "b.nii.gz", box_array(GRID.size, (2, 4), (4, 9), (3, 13)))
    for pair in ([rs, other], [other, rs]):
        assert main(["compare", *map(str, pair)]) == 0
        assert "label_1  1.000" in capsys.readouterr().out
    assert main(["compare", str(rs), str(rs)]) == 1
    assert "are both RT Structure Sets" in capsys.readouterr().err
    image = write_image(tmp_path / "image.nii.gz", np.zeros(GRID.size, np.int16))
    assert main(["compare", str(rs), str(rs), "--image", str(image)]) == 0
    assert "label_1  1.000" in capsys.readouterr().out


def test_an_rtstruct_is_candidate_reference_and_draft_of_evaluate(tmp_path):
    image = write_image(tmp_path / "image.nii.gz", np.zeros(GRID.size, np.int16))
    rs = str(a_set(tmp_path, Roi("liver", [around(GRID, k, (4, 9), (3, 13)) for k in (2, 4)])))
    arguments = ["--image", str(image), "--candidate", rs, "--reference", rs, "--draft", rs]
    assert main(["evaluate", *arguments, "--protocol", "ct-abdomen-portal-venous", "--out", str(tmp_path / "out")]) == 0
    record = (tmp_path / "out" / "record.json").read_text()
    assert "liver has no contour in 1 of the 3 slices from its first to its last" in record


def test_an_rtstruct_is_a_draft_and_can_be_described(tmp_path):
    rs = a_set(tmp_path, Roi("liver", [around(GRID, k, (4, 9), (3, 13)) for k in (2, 3)]))
    draft = read_draft(rs, image=IMAGE)
    assert draft.kind is DraftKind.RTSTRUCT
    assert np.count_nonzero(voxels(draft.segmentation)) == 100
    image = write_image(tmp_path / "image.nii.gz", np.zeros(GRID.size, np.int16))
    assert np.count_nonzero(read_described(rs, image=image).mask(draft.segmentation.segments[0])) == 100


def test_an_rtstruct_is_reference_candidate_and_draft_of_a_worklist(tmp_path):
    image = write_image(tmp_path / "image.nii.gz", np.zeros(GRID.size, np.int16))
    rs = a_set(tmp_path, Roi("liver", [around(GRID, k, (4, 9), (3, 13)) for k in (2, 3)]))
    case = open_case(WorklistCase("p1", image, candidate=rs, reference=rs, draft=rs), tmp_path / "records", "Anna", None)
    assert [np.count_nonzero(voxels(one)) for one in (case.candidate, case.reference, case.draft)] == [100, 100, 100]


@pytest.mark.parametrize(("modality", "count"), [("CT", 17090), ("PET", 555), ("MR_T1", 17090)])
def test_a_sarcoma_is_filled_voxel_for_voxel_as_mirp_filled_it(shared_data, modality, count):
    folder = shared_data / IBSI / "dicom" / "STS_002" / modality
    image = read_image(folder / "image")
    mask = voxels(read_segmentation(folder / "mask" / "RS.dcm", image=image))
    published = sitk.ReadImage(shared_data / IBSI / "nifti" / "STS_002" / f"{modality}_mask.nii.gz")
    assert geometry_of(published).size == image.geometry.size
    assert np.count_nonzero(mask) == count
    assert np.array_equal(mask, sitk.GetArrayFromImage(published) > 0)


@pytest.mark.parametrize(
    ("name", "said"), [("rt", "may have made it up"), ("non_existent_reference_rt", "in this image's frame of reference")]
)
def test_structure_sets_of_rt_utils_are_read_with_what_is_odd_about_them(shared_data, tmp_path, name, said):
    for number in (1, 2):
        (tmp_path / f"{number}.dcm").write_bytes((shared_data / MOCK / f"ct_{number}.dcm").read_bytes())
    image = read_series(tmp_path)
    segmentation = read_segmentation(shared_data / MOCK / f"{name}.dcm", image=image)
    assert said in next(segmentation_reference.run(Case(image, segmentation), None)).message
    assert all(segmentation.voxel_count(segment) for segment in segmentation.segments)


def test_a_planning_systems_patient_outline_is_read_and_its_isocentres_are_points(shared_data):
    grid = a_geometry((3, 40, 60), (10.0, 10.0, 10.0), (-295.0, -195.0, -200.0))
    path = shared_data / "pydicom_odd" / "rtstruct.dcm"
    segmentation = read_segmentation(path, image=Volume(None, grid))
    assert [s.name for s in segmentation.segments] == ["patient"]
    # Slice -200 is a rectangle of 400 x 300 mm: 40 x 30 pixels of 10 mm.
    assert int(voxels(segmentation)[0].sum()) == 40 * 30
    assert len([m for m in messages(segmentation, "rt_structures") if "only 1 x POINT" in m]) == 2
