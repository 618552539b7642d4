"""What is logged of measured segments: boxes whose numbers follow from arithmetic."""

from types import MappingProxyType

import numpy as np
import pytest

from phantoms import a_segmentation, a_volume
from SegQCLib.case import Case
from SegQCLib.metrics import compare
from SegQCLib.metrics.added_path import added_path_length_mm
from SegQCLib.protocol import load_protocol
from SegQCLib.readers.edit_times import Seconds
from SegQCLib.readers.effort import case_reads
from SegQCLib.readers.measured_segments import logged_findings, measured_segments
from test_effort import a_log, candidate, finished

# Voxels of 2 x 1 x 1 mm.
DRAFT = MappingProxyType({"liver": ((2, 6), (2, 8), (2, 8)), "spleen": ((0, 2), (10, 14), (10, 14))})
FINAL = MappingProxyType({"Liver": ((3, 8), (2, 8), (2, 9)), "cyst": ((1, 3), (0, 4), (0, 4)), "absent": None})


def a_case(final=FINAL, draft=DRAFT, references=()):
    return Case(
        image=a_volume(),
        candidate=a_segmentation(**final),
        references=tuple(a_segmentation(**boxes) for boxes in references),
        draft=None if draft is None else a_segmentation(**draft),
    )


def test_segments_are_counted_against_the_draft():
    facts = measured_segments(a_case(), None)
    assert facts["voxel_volume_mm3"] == 2.0
    liver, cyst, absent = facts["segments"]
    kept = 3 * 6 * 6
    assert (liver["name"], liver["voxels"], liver["draft_voxels"]) == ("Liver", 5 * 6 * 7, 4 * 6 * 6)
    assert (liver["added"], liver["removed"]) == (5 * 6 * 7 - kept, 4 * 6 * 6 - kept)
    # Of draft and final segment together.
    assert liver["slices"] == [2, 7]
    assert (cyst["voxels"], cyst["draft_voxels"], cyst["added"], cyst["removed"]) == (32, 0, 32, 0)
    assert cyst["added_path_length_mm"] is None
    assert (absent["voxels"], absent["slices"]) == (0, None)
    assert {segment["accuracy"] for segment in facts["segments"]} == {None}


def test_the_added_path_is_the_new_contour_slice_by_slice():
    (liver, *_) = measured_segments(a_case(), None)["segments"]
    # Three slices with a new column: its 6 voxels, for the corners were no contour's before; two whole new contours.
    assert liver["added_path_length_mm"] == 3 * 6 + 2 * (2 * 6 + 2 * 7 - 4)


def test_the_added_path_is_that_of_a_comparison_with_the_final_segment_as_the_reference():
    rng = np.random.default_rng(5)
    final, draft = rng.random((4, 12, 12)) > 0.4, rng.random((4, 12, 12)) > 0.4
    (compared,) = compare(final.astype(np.uint8), draft.astype(np.uint8), (3.0, 0.8, 0.6))
    assert added_path_length_mm(final, draft, (3.0, 0.8, 0.6)) == pytest.approx(compared.added_path_length_mm)


def test_masks_on_two_grids_have_no_added_path():
    with pytest.raises(ValueError, match="on one grid"):
        added_path_length_mm(np.zeros((1, 2, 3), bool), np.zeros((1, 2, 4), bool), (1, 1, 1))


def test_an_unchanged_draft_has_no_added_path():
    (liver, _) = measured_segments(a_case(final=DRAFT), None)["segments"]
    assert (liver["added"], liver["removed"], liver["added_path_length_mm"]) == (0, 0, 0.0)


def test_accuracy_and_findings_come_from_the_record():
    from SegQCLib.evaluate import evaluate

    case = a_case(final={"liver": ((2, 6), (2, 8), (2, 8))}, draft=None, references=[{"liver": ((2, 6), (2, 8), (2, 5))}])
    record = evaluate(case, load_protocol("ct-abdomen-portal-venous"))
    (liver,) = measured_segments(case, record)["segments"]
    # The reference is half of it.
    assert liver["accuracy"] == pytest.approx(2 / 3)
    assert (liver["expected_dice"], liver["threshold"]) == (None, None)
    assert {"check": "structures", "segment": None, "status": "FAIL"}.keys() == logged_findings(record)[0].keys()
    assert {finding["status"] for finding in logged_findings(record)} <= {"WARN", "FAIL"}


def test_what_is_logged_is_read_again():
    facts = measured_segments(a_case(), None)
    (read,) = case_reads([a_log(candidate(0.0), (1.0, "segments_measured", facts), finished(1.0))])
    liver, cyst = read.segments[:2]
    assert (liver.volume_ml, liver.slices_of_structure, liver.added_path_length_mm) == (0.42, 6, 62.0)
    assert (cyst.added_voxels, cyst.added_path_length_mm, cyst.seconds) == (32, None, Seconds())
