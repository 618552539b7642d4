"""Lesions over time: diameters and volumes follow from arithmetic; changes come from comparable series only."""

import csv
import math
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage
from scipy.spatial.distance import pdist

from phantoms import a_geometry, a_segmentation
from SegQCLib.acquisition import Acquisition, WindowLevel
from SegQCLib.case import Code, Terminology
from SegQCLib.study_consistency.fact_rules import fact_rules
from SegQCLib.study_consistency.follow_lesions import ONCE, follow_lesions
from SegQCLib.study_consistency.longest_diameter import longest_diameter_mm
from SegQCLib.study_consistency.measured_segments import measured_segments
from SegQCLib.study_consistency.study_series import SeenLesion, SeriesRead, StudySeries
from SegQCLib.study_consistency.timepoint import timepoint_of
from SegQCLib.study_consistency.volume_plot import volume_plot

SCANNER = Acquisition(
    source="DICOM headers",
    modality="CT",
    manufacturer="ACME",
    model="One",
    software_versions=("1.0",),
    convolution_kernel=("B30f",),
    slice_thicknesses_mm=(2.0,),
)
MASS = Terminology(Code("49755003", "SCT", "Morphologically Abnormal Structure"), Code("4147007", "SCT", "Mass"))


def a_lesion(name="lesion", volume_mm3=1000.0, diameter_mm=20.0, **other):
    facts = {
        "structure": None, "tracking_uid": None, "is_lesion": True, "voxels": int(volume_mm3), "slices": 5,
        "volume_mm3": volume_mm3, "longest_diameter_mm": diameter_mm, "why_no_diameter": None, "across_pieces_mm": None,
        "at_edge": False, "pieces": 1,
        "assisted": False,
    }  # fmt: skip
    return SeenLesion(name, **(facts | other))


def a_series(when, *lesions, reader="dr-a", **facts):
    return StudySeries(
        f"case {when}",
        "P1",
        timepoint_of(when),
        acquisition=replace(SCANNER, **facts),
        geometry=a_geometry(),
        reads=(SeriesRead("reading", reader, lesions),),
    )


def followed(*series):
    return follow_lesions("P1", "CT", series, fact_rules("CT", None), None)


def the_course(*series):
    (course,) = followed(*series).courses
    return course


# Longest diameter


@pytest.mark.parametrize(
    ("columns", "rows", "spacing", "diameter"),
    [
        (1, 1, (1.0, 1.0), math.hypot(1, 1)),
        (10, 1, (1.0, 1.0), math.hypot(10, 1)),
        (3, 4, (1.0, 1.0), 5.0),
        (4, 3, (0.5, 2.0), math.hypot(3 * 0.5, 4 * 2.0)),
    ],
)
def test_the_diameter_of_a_rectangle_is_its_diagonal_between_outer_corners(columns, rows, spacing, diameter):
    mask = np.zeros((3, 12, 12), bool)
    mask[1, 2 : 2 + rows, 1 : 1 + columns] = True
    assert longest_diameter_mm(mask, (2.5, *spacing)) == pytest.approx(diameter)


def test_the_diameter_of_an_empty_mask_is_zero():
    assert longest_diameter_mm(np.zeros((2, 5, 5), bool), (1.0, 1.0, 1.0)) == 0


def test_the_diameter_is_the_largest_of_all_slices_and_is_not_taken_across_slices():
    mask = np.zeros((40, 8, 8), bool)
    mask[:, 4, 4] = True
    mask[7, 4, 1:7] = True
    assert longest_diameter_mm(mask, (5.0, 1.0, 1.0)) == pytest.approx(math.hypot(6, 1))


def test_the_diameter_does_not_reach_over_the_gap_between_two_pieces():
    mask = np.zeros((1, 5, 40), bool)
    mask[0, 2, 0:3] = mask[0, 2, 30:39] = True
    assert longest_diameter_mm(mask, (1.0, 1.0, 1.0)) == pytest.approx(math.hypot(9, 1))
    assert longest_diameter_mm(mask, (1.0, 1.0, 1.0), across_pieces=True) == pytest.approx(math.hypot(39, 1))


def test_pixels_that_touch_at_a_corner_are_one_piece():
    assert longest_diameter_mm(np.eye(4, dtype=bool)[None], (1.0, 1.0, 1.0)) == pytest.approx(4 * math.sqrt(2))


def test_the_diameter_of_a_disc_is_its_own_within_a_pixel_s_diagonal():
    j, i = np.mgrid[:80, :80]
    for radius_mm in (7.0, 15.3, 30.0):
        disc = ((j - 40) * 0.8) ** 2 + ((i - 40) * 0.8) ** 2 <= radius_mm**2
        assert 2 * radius_mm - 0.8 < longest_diameter_mm(disc[None], (1.0, 0.8, 0.8)) <= 2 * radius_mm + 0.8 * math.sqrt(2)


def test_the_diameter_equals_the_largest_distance_of_all_pixel_corners_of_one_piece():
    random = np.random.default_rng(8)
    for share in (0.1, 0.3, 0.5, 0.9):
        mask = random.random((12, 15)) < share
        pieces, count = ndimage.label(mask, np.ones((3, 3)))
        distances = []
        for number in range(1, count + 1):
            j, i = np.nonzero(pieces == number)
            corners = [np.stack([(j + a) * 0.7, (i + b) * 0.9], axis=1) for a in (0, 1) for b in (0, 1)]
            distances.append(pdist(np.concatenate(corners)).max())
        assert longest_diameter_mm(mask[None], (1.0, 0.7, 0.9)) == pytest.approx(max(distances))


def test_the_diameter_of_a_real_lesion_is_the_one_of_pyradiomics_within_a_pixel(shared_data):
    """pyradiomics' outline cuts the corners of pixels off. Its other cases join pieces and neighbouring slices."""
    with (shared_data / "pyradiomics" / "baseline" / "baseline_shape.csv").open(newline="") as file:
        rows = {row["featureName"]: row for row in csv.DictReader(file)}
    image = sitk.ReadImage(str(shared_data / "pyradiomics" / "breast1_label.nrrd"))
    spacing_mm = image.GetSpacing()[::-1]
    theirs = float(rows["original_shape_Maximum2DDiameterSlice"]["breast1"])
    ours = longest_diameter_mm(sitk.GetArrayFromImage(image) == 1, spacing_mm)
    assert theirs <= ours <= theirs + math.hypot(*spacing_mm[1:])


def test_a_bent_lesion_has_the_diameter_of_its_ends():
    mask = np.zeros((1, 12, 12), bool)
    mask[0, 1:11, 1] = mask[0, 10, 1:11] = True
    assert longest_diameter_mm(mask, (1.0, 1.0, 1.0)) == pytest.approx(math.hypot(10, 10))


# What is measured


def test_volume_voxels_and_edge_follow_from_the_box():
    segmentation = a_segmentation(inside=((2, 5), (3, 7), (4, 9)), cut=((0, 2), (3, 5), (4, 6)), nothing=None)
    inside, cut, nothing = measured_segments(segmentation, segmentation.geometry, None, from_draft=False)
    assert (inside.voxels, inside.slices, inside.volume_mm3, inside.at_edge) == (60, 3, 120.0, False)
    assert inside.longest_diameter_mm == pytest.approx(math.hypot(4, 5))
    assert cut.at_edge
    assert (nothing.voxels, nothing.volume_mm3, nothing.longest_diameter_mm, nothing.pieces) == (0, 0, 0, 0)


def test_the_code_of_an_abnormal_structure_makes_a_lesion_and_a_name_or_a_tracking_uid_does_not():
    plain = a_segmentation(box=((2, 5), (3, 7), (4, 9)))
    (segment,) = plain.segments

    def is_lesion(**facts):
        (seen,) = measured_segments(plain.with_segments((replace(segment, **facts),)), plain.geometry, None, from_draft=False)
        return seen.is_lesion

    assert is_lesion(terminology=MASS)
    assert not is_lesion(tracking_uid="1.2.3")
    assert not is_lesion(name="tumour")


@pytest.mark.parametrize(("kind", "assisted"), [("AUTOMATIC", True), ("SEMIAUTOMATIC", True), ("MANUAL", False), (None, None)])
def test_the_algorithm_type_says_whether_an_algorithm_took_part(kind, assisted):
    plain = a_segmentation(box=((2, 5), (3, 7), (4, 9)))
    segment = replace(plain.segments[0], algorithm_type=kind)
    (seen,) = measured_segments(plain.with_segments((segment,)), plain.geometry, None, from_draft=False)
    assert seen.assisted is assisted


# Changes


def test_a_change_is_later_minus_earlier_in_ml_mm_and_percent():
    course = the_course(a_series("2026-01-01", a_lesion(volume_mm3=2000, diameter_mm=20)),
                        a_series("2026-03-01", a_lesion(volume_mm3=500, diameter_mm=15)))  # fmt: skip
    change = course.points[1].since_first
    assert change.comparable
    assert (change.volume_ml, change.volume_percent) == (pytest.approx(-1.5), pytest.approx(-75))
    assert (change.diameter_mm, change.diameter_percent) == (pytest.approx(-5), pytest.approx(-25))
    assert course.points[0].since_first is None
    assert course.points[1].since_previous is None  # it is the first one


def test_changes_since_the_first_and_since_the_previous_time_point_are_told_apart():
    volumes = (1000.0, 500.0, 750.0)
    course = the_course(*(a_series(f"2026-0{n}-01", a_lesion(volume_mm3=v)) for n, v in enumerate(volumes, 1)))
    assert [point.since_first and point.since_first.volume_percent for point in course.points] == [None, -50, -25]
    assert course.points[2].since_previous.volume_percent == pytest.approx(50)
    assert course.points[2].since_previous.since == "2026-02-01"


def test_time_points_are_put_in_order_whatever_the_order_they_come_in():
    course = the_course(*(a_series(f"2026-0{n}-01", a_lesion(volume_mm3=n)) for n in (3, 1, 2)))
    assert [point.timepoint for point in course.points] == ["2026-01-01", "2026-02-01", "2026-03-01"]


def test_numbers_are_ordered_by_value():
    course = the_course(*(a_series(week, a_lesion()) for week in ("12", "0", "6")))
    assert [point.timepoint for point in course.points] == ["0", "6", "12"]


def test_time_points_in_words_are_ordered_by_the_date_of_the_scan():
    dates = {"follow-up": "20260301", "baseline": "20260101"}
    series = [a_series(word, a_lesion(), acquisition_date=date) for word, date in dates.items()]
    assert [point.timepoint for point in the_course(*series).points] == ["baseline", "follow-up"]
    assert "Acquisition Date" in followed(*series).notes[0]


@pytest.mark.parametrize(
    ("fact", "value", "shown"),
    [
        ("software_versions", ("2.0",), "1.0 and 2.0"),
        ("model", "Two", "One and Two"),
        ("convolution_kernel", ("B50f",), "B30f and B50f"),
        ("slice_thicknesses_mm", (5.0,), "2\u00a0mm and 5\u00a0mm"),
        ("contrast_agent", "AGENT", "not given and AGENT"),
    ],
)
def test_no_change_is_given_between_series_that_differ_and_the_reason_names_both_values(fact, value, shown):
    course = the_course(a_series("2026-01-01", a_lesion()), a_series("2026-02-01", a_lesion(), **{fact: value}))
    change = course.points[1].since_first
    assert not change.comparable
    assert (change.volume_ml, change.volume_percent, change.diameter_mm, change.diameter_percent) == (None,) * 4
    assert shown in change.reasons[0]
    assert course.points[1].volume_ml == 1.0  # what was measured is told all the same


@pytest.mark.parametrize(("fact", "empty"), [("convolution_kernel", ()), ("model", None), ("slice_thicknesses_mm", ())])
def test_a_header_that_is_silent_about_a_needed_fact_cannot_show_that_series_are_comparable(fact, empty):
    course = the_course(*(a_series(when, a_lesion(), **{fact: empty}) for when in ("2026-01-01", "2026-02-01")))
    change = course.points[1].since_first
    assert not change.comparable
    assert change.reasons[0].startswith("Not in the headers: ")


def test_another_window_is_a_caveat_and_hinders_no_comparison():
    first = a_series("2026-01-01", a_lesion(), window_levels=(WindowLevel(350, 40),))
    second = a_series("2026-02-01", a_lesion(), window_levels=(WindowLevel(1500, -600),))
    change = the_course(first, second).points[1].since_first
    assert change.comparable
    assert any("350/40 and 1500/-600" in caveat for caveat in change.caveats)


def test_another_scanner_of_the_same_model_is_a_caveat():
    change = the_course(a_series("2026-01-01", a_lesion(), device_serial="1"),
                        a_series("2026-02-01", a_lesion(), device_serial="2")).points[1].since_first  # fmt: skip
    assert change.comparable
    assert any("Another device" in caveat for caveat in change.caveats)


def test_a_change_back_to_the_first_platform_is_comparable_with_the_first_and_not_with_the_previous():
    course = the_course(a_series("1", a_lesion()), a_series("2", a_lesion(), model="Two"), a_series("3", a_lesion()))
    assert course.points[2].since_first.comparable
    assert not course.points[2].since_previous.comparable


def test_the_delay_after_contrast_is_told_where_an_injector_wrote_it():
    given = {"contrast_agent": "AGENT", "contrast_volume_ml": 100.0, "contrast_start_time": "120000"}
    change = (
        the_course(
            a_series("1", a_lesion(), **given, acquisition_time="120030"),
            a_series("2", a_lesion(), **given, acquisition_time="120110"),
        )
        .points[1]
        .since_first
    )
    assert any("began 30 s and 70 s" in caveat for caveat in change.caveats)


def test_two_readers_and_the_help_of_an_algorithm_are_caveats():
    course = the_course(a_series("1", a_lesion(), reader="dr-a"), a_series("2", a_lesion(assisted=True), reader="dr-b"))
    change = course.points[1].since_first
    assert "Other reader: dr-a and dr-b." in change.caveats
    assert any("by hand at 1" in caveat for caveat in change.caveats)


def test_an_unknown_reader_is_a_caveat():
    change = the_course(*(a_series(n, a_lesion(), reader=None) for n in "12")).points[1].since_first
    assert any("not known for both" in caveat for caveat in change.caveats)


@pytest.mark.parametrize(
    ("diameter_mm", "thickness_mm", "small"), [(9.9, 2.0, True), (10.0, 2.0, False), (11.0, 6.0, True), (12.0, 6.0, False)]
)
def test_a_lesion_below_recist_s_size_is_told_to_be_small(diameter_mm, thickness_mm, small):
    facts = {"slice_thicknesses_mm": (thickness_mm,)}
    course = the_course(*(a_series(n, a_lesion(diameter_mm=diameter_mm), **facts) for n in "12"))
    assert any(caveat.startswith("Small") for caveat in course.points[0].caveats) == small
    assert any("Small lesion" in caveat for caveat in course.points[1].since_first.caveats) == small


def test_a_lesion_at_the_edge_and_one_in_pieces_are_told():
    (point,) = the_course(a_series("1", a_lesion(at_edge=True, pieces=3))).points
    assert any("edge of the image" in caveat for caveat in point.caveats)
    assert any("3 separate pieces" in caveat for caveat in point.caveats)
    (point,) = the_course(a_series("1", a_lesion(across_pieces_mm=47.2))).points
    assert any("47.2 mm from end to end" in caveat for caveat in point.caveats)


def test_a_diameter_in_other_than_axial_slices_is_told():
    coronal = a_geometry(axes_lps=((0.0, 1.0, 0.0), (0.0, 0.0, -1.0), (1.0, 0.0, 0.0)))
    course = the_course(a_series("1", a_lesion()), replace(a_series("2", a_lesion()), geometry=coronal))
    assert any("coronal slices" in caveat for caveat in course.points[1].caveats)
    assert any("axial and coronal" in caveat for caveat in course.points[1].since_first.caveats)


def test_an_empty_segment_is_assessed_absent_and_its_reappearance_has_no_percent():
    empty = a_lesion(volume_mm3=0, diameter_mm=0, pieces=0)
    course = the_course(a_series("1", a_lesion()), a_series("2", empty), a_series("3", a_lesion()))
    assert course.points[1].since_first.volume_percent == pytest.approx(-100)
    assert course.points[2].since_previous.volume_percent is None
    assert course.points[2].since_previous.volume_ml == pytest.approx(1.0)
    assert any("No change in percent" in reason for reason in course.points[2].since_previous.reasons)


def test_the_plot_joins_points_of_comparable_series_only():
    def lines(**changed):
        course = the_course(a_series("1", a_lesion()), a_series("2", a_lesion(), **changed))
        return volume_plot([course], simulated=False).count('<g id="line2d')

    assert lines() == lines(model="Two") + 1


def test_one_time_point_has_no_plot():
    assert volume_plot([the_course(a_series("1", a_lesion()))], simulated=False) is None


# Which segment is which lesion


def test_a_tracking_uid_follows_a_lesion_through_another_name():
    course = the_course(
        a_series("1", a_lesion("left", tracking_uid="1.2")), a_series("2", a_lesion("lesion A", tracking_uid="1.2"))
    )
    assert course.matched_by == "tracking UID"
    assert len(course.points) == 2


def test_tracking_uids_that_come_back_tell_two_lesions_of_one_name_apart():
    first, second = (a_lesion("lesion", tracking_uid=uid) for uid in ("1.2", "1.3"))
    courses = followed(
        a_series("1", first, second), a_series("2", second), a_series("3", replace(first, tracking_uid="1.9"))
    ).courses
    assert [[point.timepoint for point in course.points] for course in courses] == [["1"], ["1", "2"], ["3"]]
    assert [course.matched_by for course in courses] == ["nothing", "tracking UID", "nothing"]
    assert ONCE in courses[2].notes


def test_tracking_uids_that_are_new_in_every_segmentation_tell_nothing():
    course = the_course(*(a_series(when, a_lesion(tracking_uid=f"1.{when}")) for when in "123"))
    assert (course.matched_by, len(course.points)) == ("segment name", 3)
    assert any("tracking UIDs of its own" in note for note in course.notes)


def test_names_match_where_only_one_side_has_a_tracking_uid():
    course = the_course(a_series("1", a_lesion("Lesion_1", tracking_uid="1.2")), a_series("2", a_lesion("lesion 1")))
    assert course.matched_by == "segment name"


def test_a_lesion_at_one_time_point_only_is_told_without_a_guess():
    courses = followed(a_series("1", a_lesion("a"), a_lesion("b")), a_series("2", a_lesion("a"))).courses
    assert {course.lesion: course.notes for course in courses} == {"a": (), "b": (ONCE,)}


def test_a_time_point_without_the_segment_is_named():
    courses = followed(a_series("1", a_lesion("a")), a_series("2", a_lesion("b")), a_series("3", a_lesion("a"))).courses
    (course,) = [course for course in courses if course.lesion == "a"]
    assert course.no_such_segment == ("2",)


def test_two_segments_of_one_name_in_one_segmentation_are_not_followed():
    courses = followed(a_series("1", a_lesion(), a_lesion()), a_series("2", a_lesion())).courses
    assert [len(course.points) for course in courses] == [1, 1, 1]
    assert any("cannot be followed" in note for note in courses[0].notes)


def test_segments_that_are_no_lesions_are_followed_only_where_nothing_is_a_lesion():
    organ = a_lesion("liver", is_lesion=False)
    assert [course.lesion for course in followed(a_series("1", organ, a_lesion("mass"))).courses] == ["mass"]
    assert [course.lesion for course in followed(a_series("1", organ)).courses] == ["liver"]


# Several segmentations at one time point


def test_of_two_series_at_one_time_point_none_is_chosen():
    course = the_course(a_series("1", a_lesion()), replace(a_series("1", a_lesion()), case="other"), a_series("2", a_lesion()))
    change = course.points[2].since_first
    assert not change.comparable
    assert "several segmentations" in change.reasons[0]


def test_readers_of_the_same_series_have_a_course_each():
    series = [
        replace(one, reads=(SeriesRead("a", "dr-a", (a_lesion(volume_mm3=a),)), SeriesRead("b", "dr-b", (a_lesion(volume_mm3=b),))))
        for one, a, b in ((a_series("1"), 100, 200), (a_series("2"), 150, 100))
    ]
    courses = {course.reader: course for course in followed(*series).courses}
    assert courses["dr-a"].points[1].since_first.volume_percent == pytest.approx(50)
    assert courses["dr-b"].points[1].since_first.volume_percent == pytest.approx(-50)


def test_the_same_images_at_two_time_points_are_not_compared():
    course = the_course(*(a_series(n, a_lesion(), series_instance_uid="1.2.3") for n in "12"))
    assert "same images" in course.points[1].since_first.reasons[0]


# Sums


def test_the_sum_is_of_all_lesions_of_the_first_time_point():
    first = a_series("1", a_lesion("a", diameter_mm=20), a_lesion("b", diameter_mm=30))
    second = a_series("2", a_lesion("a", diameter_mm=10), a_lesion("b", diameter_mm=30), a_lesion("new", diameter_mm=50))
    (total,) = followed(first, second).sums
    assert total.lesions == ("a", "b")
    assert [point.sum_mm for point in total.points] == [50, 40]
    assert (total.points[1].since_first.diameter_mm, total.points[1].since_first.diameter_percent) == (-10, -20)


def test_a_lesion_without_a_segment_leaves_no_sum():
    (total,) = followed(a_series("1", a_lesion("a"), a_lesion("b")), a_series("2", a_lesion("a"))).sums
    assert total.points[1].sum_mm is None
    assert "b" in total.points[1].reason


def test_sums_of_series_that_differ_are_told_and_not_compared():
    series = (a_series("1", a_lesion("a"), a_lesion("b")), a_series("2", a_lesion("a"), a_lesion("b"), model="Two"))
    (total,) = followed(*series).sums
    assert total.points[1].sum_mm == 40
    assert not total.points[1].since_first.comparable


def test_one_lesion_or_one_time_point_has_no_sum():
    assert followed(a_series("1", a_lesion("a"), a_lesion("b"))).sums == ()
    assert followed(a_series("1", a_lesion("a")), a_series("2", a_lesion("a"))).sums == ()


def test_an_unreadable_segmentation_leaves_the_others():
    broken = replace(a_series("2"), reads=(SeriesRead("broken", None, error="cut short"),))
    course = the_course(a_series("1", a_lesion()), broken, a_series("3", a_lesion()))
    assert [point.timepoint for point in course.points] == ["1", "3"]
