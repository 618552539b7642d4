from dataclasses import replace

import numpy as np
import pytest

from phantoms import a_geometry, a_segmentation, a_volume, box_array
from SegQCLib.alignment import align
from SegQCLib.case import Acquisition, Case, Segment, Segmentation
from SegQCLib.checks import run_checks
from SegQCLib.findings import Finding, Status
from SegQCLib.images import read_image
from SegQCLib.importers import read_segmentation
from SegQCLib.protocol import load_protocol
from SegQCLib.recheck import PAIR_CHECKS, SEGMENT_CHECKS, SHAPE_CHECKS, TECHNICAL_CHECKS, errors_among, errors_of, look, replaced

PROTOCOL = load_protocol("ct-abdomen-portal-venous").protocol
OF_ONE_SEGMENT = {check.ID for check in (*SHAPE_CHECKS, *SEGMENT_CHECKS)}
OF_PAIRS = {check.ID for check in PAIR_CHECKS}
TECHNICAL = {check.ID for check in TECHNICAL_CHECKS}


@pytest.fixture(scope="module")
def real_case(totalsegmentator) -> Case:
    image = read_image(totalsegmentator / "example_ct_dicom")
    candidate = read_segmentation(totalsegmentator / "example_seg_dicom.nii.gz", labels="totalsegmentator")
    return Case(image, align(candidate, image.geometry))


def with_errors(case: Case) -> Case:
    """The case after a clumsy reader: islands, holes, a lost slice and a spike in the liver, a copied kidney, an overlap."""
    labels = case.candidate.layers[0].copy()
    liver = next(segment for segment in case.candidate.segments if segment.name == "liver")
    slices = case.candidate.box(liver)[0]
    k_hole = (slices.start + slices.stop) // 2
    inside = np.argwhere(labels[k_hole] == liver.label_value).mean(axis=0).astype(int)
    labels[k_hole - 1 : k_hole + 1, inside[0] : inside[0] + 4, inside[1] : inside[1] + 4] = 0
    labels[slices.start + 3][labels[slices.start + 3] == liver.label_value] = 0
    labels[k_hole, 2:5, 2:6] = liver.label_value
    labels[k_hole, 10, 10:12] = liver.label_value
    spleen = next(segment for segment in case.candidate.segments if segment.name == "spleen")
    copy = (labels == spleen.label_value).astype(np.uint8)
    overlapping = box_array(labels.shape, (k_hole - 2, k_hole + 2), tuple(inside[0] + (10, 30)), tuple(inside[1] + (10, 30)))
    segments = (
        *(segment for segment in case.candidate.segments if segment.name != "gallbladder"),
        replace(spleen, id="copy", name="spleen copy", layer=1, label_value=1),
        Segment("cut", "gallbladder", 1, 2),
    )
    return replace(case, candidate=replace(case.candidate, layers=(labels, copy, overlapping), segments=segments))


def of_segment(findings, name: str) -> set[Finding]:
    """The errors that a full run has for a segment; those of pairs name both at the start of their message."""
    return {
        finding
        for finding in findings
        if finding.status in (Status.WARN, Status.FAIL)
        and (
            (finding.check in OF_ONE_SEGMENT and finding.segment == name)
            or (finding.check in OF_PAIRS and (finding.segment == name or f" and {name} " in finding.message))
        )
    }


@pytest.mark.parametrize("edit", [lambda case: case, with_errors], ids=["as TotalSegmentator gave it", "edited"])
def test_a_segment_alone_has_the_errors_that_the_full_run_gives_it(real_case, edit):
    case = edit(real_case)
    full = tuple(run_checks(case, PROTOCOL))
    for segment in case.candidate.segments:
        assert {error.finding for error in errors_of(case, segment.id, PROTOCOL)} == of_segment(full, segment.name)


def test_a_look_finds_every_error_of_the_full_run_and_puts_the_worst_first(real_case):
    case = with_errors(real_case)
    errors = look(case, PROTOCOL)
    assert {error.finding for error in errors} == {
        finding
        for finding in run_checks(case, PROTOCOL)
        if finding.check in TECHNICAL and finding.status in (Status.WARN, Status.FAIL)
    }
    failures = [error.finding.status is Status.FAIL for error in errors]
    assert failures == sorted(failures, reverse=True)
    assert {error.segment_ids for error in errors if error.finding.check == "identical_segments"} == {
        (next(s.id for s in case.candidate.segments if s.name == "spleen"), "copy")
    }


def test_an_edit_of_one_segment_leaves_the_errors_of_the_others(real_case):
    before, after = with_errors(real_case), real_case
    liver = next(segment for segment in after.candidate.segments if segment.name == "liver")
    errors = look(before, PROTOCOL)
    assert "holes" in {error.finding.check for error in errors if liver.id in error.segment_ids}
    repaired = replaced(errors, liver.id, errors_of(after, liver.id, PROTOCOL))
    alone = {error.finding for error in repaired if error.segment_ids == (liver.id,) and not error.edited_since}
    assert alone == of_segment(run_checks(after, PROTOCOL), "liver")
    others = [error for error in errors if liver.id not in error.segment_ids and error.finding.check in OF_ONE_SEGMENT | OF_PAIRS]
    assert set(others) <= set(repaired)


def test_errors_that_need_the_whole_segmentation_are_marked_as_older_than_the_edit():
    case = Case(a_volume(acquisition=Acquisition(modality="CT")), a_segmentation(thing=((2, 6), (5, 9), (5, 9))))
    errors = look(case, PROTOCOL)
    assert "structures" in {error.finding.check for error in errors}
    again = replaced(errors, "s0", errors_of(case, "s0", PROTOCOL))
    assert {error.finding for error in again} == {error.finding for error in errors}
    assert {error.finding.check for error in again if error.edited_since} == {"structures"}


def test_a_removed_segment_has_no_errors_of_its_own_any_more():
    island = box_array((10, 20, 30), (2, 6), (5, 9), (5, 9))
    island[8, 18, 28] = 1
    segmentation = Segmentation("reader", a_geometry(), (island,), (Segment("a", "liver", 1),))
    case = Case(a_volume(), segmentation)
    errors = look(case, PROTOCOL)
    assert "islands" in {error.finding.check for error in errors}
    without = replace(case, candidate=replace(segmentation, segments=()))
    assert "islands" not in {error.finding.check for error in replaced(errors, "a", errors_of(without, "a", PROTOCOL))}


def test_an_empty_segmentation_is_an_error_of_all_segments():
    case = Case(a_volume(), a_segmentation(liver=None))
    assert [(e.finding.check, e.segment_ids) for e in look(case, PROTOCOL) if e.finding.check == "empty_or_full"] == [
        ("empty_or_full", ())
    ]


def test_skipped_checks_are_not_looked_for():
    full = Case(a_volume(), a_segmentation(liver=((0, 10), (0, 20), (0, 30))))
    assert "empty_or_full" in {error.finding.check for error in look(full, PROTOCOL)}
    lenient = replace(PROTOCOL, skipped_checks=("empty_or_full",))
    assert "empty_or_full" not in {error.finding.check for error in look(full, lenient)}
    assert "empty_or_full" not in {error.finding.check for error in errors_of(full, "s0", lenient)}


def test_a_look_says_how_far_it_is():
    case = Case(a_volume(), a_segmentation(liver=((2, 6), (5, 9), (5, 9)), spleen=((2, 6), (10, 15), (5, 9))))
    said = []
    look(case, PROTOCOL, lambda words, share: said.append((words, share)))
    assert said == [
        ("Looking for technical errors, segment: 1 of 2", 0.0),
        ("Looking for technical errors, segment: 2 of 2", 0.5),
    ]


def test_the_errors_of_a_record_are_those_of_a_look(real_case):
    case = with_errors(real_case)
    names = {segment.id: segment.name for segment in case.candidate.segments}
    assert set(errors_among(run_checks(case, PROTOCOL), names)) == set(look(case, PROTOCOL))
