"""Effort as ratios: arithmetic, and where they are undefined."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from SegQCLib.readers.case_read import SegmentRead
from SegQCLib.readers.edit_times import Seconds
from SegQCLib.readers.effort_measures import (
    changed_ml,
    changed_part_of_draft,
    changed_voxels,
    minutes_per_ml,
    seconds_per_changed_ml,
    seconds_per_changed_voxel,
    seen_part_of_structure,
)

# 3 min on 6 mL, of which 1.5 mL are changed; voxels of 1.5 mm3.
LIVER = SegmentRead(
    "liver", Seconds(active=180.0, idle=600.0), {"Paint": 180.0}, "model", "1", True,
    voxels=4000, draft_voxels=3800, added_voxels=600, removed_voxels=400, voxel_volume_mm3=1.5,
    slices_of_structure=40, slices_of_structure_seen=30,
)  # fmt: skip
ALL = (minutes_per_ml, changed_voxels, changed_ml, seconds_per_changed_voxel, seconds_per_changed_ml, changed_part_of_draft)
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def test_effort_of_a_corrected_liver():
    assert minutes_per_ml(LIVER) == pytest.approx(3 / 6)
    assert changed_voxels(LIVER) == 1000
    assert changed_ml(LIVER) == pytest.approx(1.5)
    assert seconds_per_changed_voxel(LIVER) == pytest.approx(0.18)
    assert seconds_per_changed_ml(LIVER) == pytest.approx(120)
    assert changed_part_of_draft(LIVER) == pytest.approx(1000 / 3800)
    assert seen_part_of_structure(LIVER) == pytest.approx(0.75)


def test_a_draft_taken_as_it_is_has_no_time_per_changed_voxel():
    taken = replace(LIVER, voxels=3800, added_voxels=0, removed_voxels=0)
    assert changed_part_of_draft(taken) == 0
    assert (seconds_per_changed_voxel(taken), seconds_per_changed_ml(taken)) == (None, None)


def test_without_a_draft_all_that_was_drawn_is_changed_and_no_part_of_one():
    drawn = replace(LIVER, model=None, model_version=None, draft_voxels=0, added_voxels=4000, removed_voxels=0)
    assert changed_voxels(drawn) == 4000
    assert changed_part_of_draft(drawn) is None


def test_an_empty_draft_and_an_empty_segment_have_no_ratios():
    assert changed_part_of_draft(replace(LIVER, draft_voxels=0, added_voxels=4000, removed_voxels=0)) is None
    assert minutes_per_ml(replace(LIVER, voxels=0)) is None


@pytest.mark.parametrize("measure", ALL)
def test_what_was_never_counted_is_none(measure):
    assert measure(SegmentRead("liver", Seconds(active=10.0), {}, "model", None, edited=True)) is None


def test_slices_that_were_not_followed_are_none():
    assert seen_part_of_structure(replace(LIVER, slices_of_structure_seen=None)) is None
