"""AUTOMATIC, SEMIAUTOMATIC or MANUAL: what follows from what was done."""

import pytest

from SegQCLib.readers.log_events import EventKind
from SegQCLib.readers.provenance import (
    AlgorithmType,
    Provenance,
    ProvenanceWatch,
    provenance_from_draft,
    provenance_from_tags,
    provenance_of,
)
from SegQCLib.readers.session_log import LogEvent
from SegQCLib.readers.voxel_change import VoxelChange

MODEL = "TotalSegmentator 2.18.0: total"
AS_DRAFTED = VoxelChange(voxels=100, draft_voxels=100, added=0, removed=0)
CORRECTED = VoxelChange(voxels=105, draft_voxels=100, added=10, removed=5)
ERASED = VoxelChange(voxels=0, draft_voxels=100, added=0, removed=100)
REDRAWN = VoxelChange(voxels=110, draft_voxels=100, added=20, removed=10)
ELSEWHERE = VoxelChange(voxels=30, draft_voxels=100, added=30, removed=100)


def described(watch, segment_id="liver"):
    provenance = watch.of(segment_id)
    return (provenance.algorithm_type, provenance.algorithm_name)


@pytest.fixture
def drafted():
    watch = ProvenanceWatch()
    watch.begin("liver", provenance_from_tags("AUTOMATIC", MODEL))
    watch.counted("liver", AS_DRAFTED)
    return watch


@pytest.fixture
def empty():
    watch = ProvenanceWatch()
    watch.begin("liver", provenance_from_tags(None, None))
    watch.counted("liver", VoxelChange(0, 0, 0, 0))
    return watch


def test_a_draft_that_nobody_touched_is_automatic_and_names_its_model(drafted):
    assert described(drafted) == (AlgorithmType.AUTOMATIC, MODEL)


def test_an_edited_draft_is_semiautomatic_and_still_names_its_model(drafted):
    drafted.edited(["liver"], "Paint")
    drafted.counted("liver", CORRECTED)
    assert described(drafted) == (AlgorithmType.SEMIAUTOMATIC, MODEL)


def test_an_empty_segment_is_nothing_yet(empty):
    assert described(empty) == (None, None)


@pytest.mark.parametrize("effect", ["Paint", "Draw", "Erase", "Scissors", "Islands", "Smoothing"])
def test_what_the_hand_drew_is_manual(empty, effect):
    empty.edited(["liver"], effect)
    empty.counted("liver", VoxelChange(30, 0, 30, 0))
    assert described(empty) == (AlgorithmType.MANUAL, None)


@pytest.mark.parametrize("effect", ["Threshold", "Grow from seeds", "Fill between slices", "Segment Anything"])
def test_what_an_effect_found_in_the_image_is_semiautomatic_and_names_the_effect(empty, effect):
    empty.edited(["liver"], "Paint")
    empty.edited(["liver"], effect)
    empty.edited(["liver"], effect)
    empty.edited(["liver"], "Erase")
    assert described(empty) == (AlgorithmType.SEMIAUTOMATIC, effect)


def test_effects_are_named_after_the_model_in_the_order_of_their_use(drafted):
    for effect in ("Grow from seeds", "Threshold", "Grow from seeds"):
        drafted.edited(["liver"], effect)
    assert described(drafted) == (AlgorithmType.SEMIAUTOMATIC, f"{MODEL}; Grow from seeds; Threshold")
    assert len(Provenance("m" * 70, edited=True).algorithm_name) == 64


def test_an_edit_without_an_effect_is_a_script_s(empty):
    empty.edited(["liver"], None)
    assert described(empty) == (AlgorithmType.SEMIAUTOMATIC, "Script")


def test_a_draft_that_was_erased_wholly_and_drawn_again_is_manual_also_where_it_had_been(drafted):
    drafted.edited(["liver"], "Erase")
    drafted.counted("liver", ERASED)
    drafted.edited(["liver"], "Paint")
    drafted.counted("liver", REDRAWN)
    assert described(drafted) == (AlgorithmType.MANUAL, None)


def test_a_draft_is_gone_where_the_segment_has_voxels_but_none_of_the_draft(drafted):
    drafted.edited(["liver"], "Paint")
    drafted.edited(["liver"], "Erase")
    drafted.counted("liver", ELSEWHERE)
    assert described(drafted) == (AlgorithmType.MANUAL, None)


def test_a_draft_of_which_one_voxel_was_always_left_is_semiautomatic(drafted):
    drafted.edited(["liver"], "Erase")
    drafted.counted("liver", VoxelChange(voxels=1, draft_voxels=100, added=0, removed=99))
    drafted.edited(["liver"], "Paint")
    drafted.counted("liver", REDRAWN)
    assert described(drafted) == (AlgorithmType.SEMIAUTOMATIC, MODEL)


def test_a_draft_replaced_by_a_threshold_is_semiautomatic_by_the_threshold_alone(drafted):
    drafted.edited(["liver"], "Erase")
    drafted.counted("liver", ERASED)
    drafted.edited(["liver"], "Threshold")
    drafted.counted("liver", REDRAWN)
    assert described(drafted) == (AlgorithmType.SEMIAUTOMATIC, "Threshold")


def test_an_effect_whose_voxels_were_all_erased_is_forgotten(empty):
    empty.edited(["liver"], "Threshold")
    empty.counted("liver", VoxelChange(50, 0, 50, 0))
    empty.edited(["liver"], "Erase")
    empty.counted("liver", VoxelChange(0, 0, 0, 0))
    empty.edited(["liver"], "Draw")
    assert described(empty) == (AlgorithmType.MANUAL, None)


def test_undo_back_to_the_draft_is_automatic_and_redo_semiautomatic(drafted):
    drafted.edited(["liver"], "Paint")
    drafted.counted("liver", CORRECTED)
    drafted.undone()
    drafted.counted("liver", AS_DRAFTED)
    assert described(drafted) == (AlgorithmType.AUTOMATIC, MODEL)
    drafted.undone()
    drafted.counted("liver", CORRECTED)
    assert described(drafted) == (AlgorithmType.SEMIAUTOMATIC, MODEL)


def test_undo_that_brings_voxels_of_the_draft_back_brings_the_draft_back(drafted):
    drafted.edited(["liver"], "Paint")
    drafted.counted("liver", CORRECTED)
    drafted.edited(["liver"], "Erase")
    drafted.counted("liver", ERASED)
    assert described(drafted) == (AlgorithmType.MANUAL, None)
    drafted.undone()
    drafted.counted("liver", CORRECTED)
    assert described(drafted) == (AlgorithmType.SEMIAUTOMATIC, MODEL)


def test_undo_of_the_first_stroke_leaves_nothing(empty):
    empty.edited(["liver"], "Paint")
    empty.counted("liver", VoxelChange(30, 0, 30, 0))
    empty.undone()
    empty.counted("liver", VoxelChange(0, 0, 0, 0))
    assert described(empty) == (None, None)


def test_a_segment_that_came_with_voxels_but_without_tags_is_of_unknown_origin_until_it_is_emptied():
    watch = ProvenanceWatch()
    watch.begin("liver", provenance_from_tags(None, None))
    watch.counted("liver", VoxelChange(30, 0, 30, 0))
    watch.edited(["liver"], "Paint")
    watch.counted("liver", VoxelChange(40, 0, 40, 0))
    assert described(watch) == (None, None)
    watch.edited(["liver"], "Erase")
    watch.counted("liver", VoxelChange(0, 0, 0, 0))
    watch.edited(["liver"], "Paint")
    watch.counted("liver", VoxelChange(10, 0, 10, 0))
    assert described(watch) == (AlgorithmType.MANUAL, None)


def test_a_segment_without_tags_that_shares_voxels_with_a_draft_came_from_it():
    assert provenance_from_draft(MODEL, AS_DRAFTED).algorithm_type is AlgorithmType.AUTOMATIC
    assert provenance_from_draft(MODEL, CORRECTED).algorithm_type is AlgorithmType.SEMIAUTOMATIC


def test_redo_names_the_effect_again_and_a_stroke_instead_of_it_does_not(empty):
    for after_undo, expected in (
        (empty.undone, (AlgorithmType.SEMIAUTOMATIC, "Threshold")),
        (lambda: empty.edited(["liver"], "Paint"), (AlgorithmType.MANUAL, None)),
    ):
        empty.edited(["liver"], "Threshold")
        empty.counted("liver", VoxelChange(30, 0, 30, 0))
        empty.undone()
        empty.counted("liver", VoxelChange(0, 0, 0, 0))
        after_undo()
        empty.counted("liver", VoxelChange(30, 0, 30, 0))
        assert described(empty) == expected
        empty.undone()
        empty.counted("liver", VoxelChange(0, 0, 0, 0))


def test_undo_in_another_segment_changes_nothing_where_the_draft_lies_on_another_grid():
    watch = ProvenanceWatch()
    watch.begin("liver", provenance_from_tags("AUTOMATIC", MODEL))
    watch.counted("liver", CORRECTED)
    watch.undone()
    watch.counted("liver", CORRECTED)
    assert described(watch) == (AlgorithmType.AUTOMATIC, MODEL)


def test_an_edit_that_names_no_segment_is_one_of_those_whose_voxels_changed(drafted):
    drafted.begin("spleen", provenance_from_tags("AUTOMATIC", MODEL))
    drafted.counted("spleen", AS_DRAFTED)
    drafted.edited(None, "Paint")
    drafted.counted("liver", CORRECTED)
    drafted.counted("spleen", AS_DRAFTED)
    assert described(drafted) == (AlgorithmType.SEMIAUTOMATIC, MODEL)
    assert described(drafted, "spleen") == (AlgorithmType.AUTOMATIC, MODEL)


def test_a_neighbour_that_a_stroke_painted_over_is_edited_too_and_others_are_not(drafted):
    for name in ("spleen", "kidney"):
        drafted.begin(name, provenance_from_tags("AUTOMATIC", MODEL))
        drafted.counted(name, AS_DRAFTED)
    drafted.edited(["liver"], "Paint")
    drafted.counted("liver", CORRECTED)
    drafted.counted("spleen", VoxelChange(voxels=90, draft_voxels=100, added=0, removed=10))
    drafted.counted("kidney", AS_DRAFTED)
    assert [described(drafted, name)[0] for name in ("liver", "spleen", "kidney")] == [
        AlgorithmType.SEMIAUTOMATIC, AlgorithmType.SEMIAUTOMATIC, AlgorithmType.AUTOMATIC
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("algorithm_type", "name"), [("AUTOMATIC", MODEL), ("SEMIAUTOMATIC", "Threshold"), ("MANUAL", None), (None, None)]
)
def test_tags_that_were_saved_mean_the_same_when_they_are_read_again(algorithm_type, name):
    provenance = provenance_from_tags(algorithm_type, name)
    assert (provenance.algorithm_type, provenance.algorithm_name) == (algorithm_type, name)
    with pytest.raises(ValueError, match="BY HAND"):
        provenance_from_tags("BY HAND", None)


def test_a_log_tells_the_provenance_of_every_segment():
    def voxels(segment_id, change):
        facts = {"id": segment_id, "name": segment_id, "voxels": change.voxels, "draft_voxels": change.draft_voxels}
        return {"segments": [facts | {"added": change.added, "removed": change.removed}]}

    def segment(segment_id, **facts):
        return {"id": segment_id, "name": segment_id, **facts}

    began = [
        segment("liver", algorithm_type="AUTOMATIC", algorithm_name=MODEL),
        segment("spleen", algorithm_type="AUTOMATIC", algorithm_name=MODEL),
    ]
    steps = [
        (EventKind.STARTED, {}),
        (EventKind.CANDIDATE, {"name": "another"}),
        (EventKind.SEGMENTS, {"segments": [segment("liver", algorithm_type="MANUAL", algorithm_name=None)]}),
        (EventKind.CANDIDATE, {"name": "candidate"}),
        (EventKind.SEGMENTS, {"segments": began}),
        (EventKind.VOXELS, voxels("liver", AS_DRAFTED)),
        (EventKind.EDIT, {"segments": [segment("liver")], "effect": "Erase", "looking_away": False}),
        (EventKind.VOXELS, voxels("liver", ERASED)),
        (EventKind.UNDO_OR_STRUCTURE, {"segments": None, "looking_away": False}),
        (EventKind.VOXELS, voxels("liver", AS_DRAFTED)),
        (EventKind.SEGMENTS, {"segments": [segment("cyst", algorithm_type=None, algorithm_name=None)]}),
        (EventKind.EDIT, {"segments": [segment("cyst"), segment("spleen")], "effect": "Threshold", "looking_away": True}),
        ("window_level_restored", {"seconds": 0.1}),
    ]
    events = [LogEvent(number, "", float(number), kind, facts) for number, (kind, facts) in enumerate(steps, start=1)]
    found = provenance_of(events)
    assert {key: (value.algorithm_type, value.algorithm_name) for key, value in found.items()} == {
        "liver": ("AUTOMATIC", MODEL),
        "spleen": ("SEMIAUTOMATIC", f"{MODEL}; Threshold"),
        "cyst": ("SEMIAUTOMATIC", "Threshold"),
    }
