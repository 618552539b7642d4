"""When a draft becomes visible: real segmentation nodes (slicer-core)."""

import pytest

from phantoms import a_segmentation, a_volume

slicer = pytest.importorskip("slicer", reason="the MRML layer needs slicer-core")

from SegQCLib.mrml.draft_sight import DraftSight, visible_segments  # noqa: E402
from SegQCLib.mrml.scene import new_scene  # noqa: E402
from SegQCLib.mrml.segmentation import add_segmentation  # noqa: E402
from SegQCLib.mrml.volume import add_volume  # noqa: E402


@pytest.fixture
def draft():
    scene = new_scene()
    volume = add_volume(scene, a_volume(), "CT")
    model = a_segmentation(liver=((1, 4), (2, 9), (3, 8)), spleen=((5, 8), (2, 9), (3, 8)))
    node = add_segmentation(scene, model, volume, "draft")
    node.SetDisplayVisibility(False)
    # The scene goes with its last reference.
    yield node
    scene.Clear(1)


def test_a_hidden_draft_is_told_once_it_is_shown_and_only_once(draft):
    told = []
    sight = DraftSight(draft, told.append)
    assert told == []
    for visible in (True, False, True):
        draft.SetDisplayVisibility(visible)
    assert told == [("s0", "s1")]
    sight.stop()


def test_what_is_visible_already_is_told_at_once(draft):
    draft.SetDisplayVisibility(True)
    told = []
    DraftSight(draft, told.append).stop()
    assert told == [("s0", "s1")]


def test_segments_are_told_as_they_are_switched_on(draft):
    display = draft.GetDisplayNode()
    display.SetSegmentVisibility("s0", False)
    draft.SetDisplayVisibility(True)
    told = []
    sight = DraftSight(draft, told.append)
    display.SetSegmentVisibility("s0", True)
    assert told == [("s1",), ("s0",)]
    sight.stop()
    display.SetSegmentVisibility("s0", False)


def test_a_segment_is_visible_in_slices_or_in_3d_or_not_at_all(draft):
    draft.SetDisplayVisibility(True)
    display = draft.GetDisplayNode()
    display.SetVisibility3D(False)
    display.SetSegmentVisibility2DFill("s0", False)
    assert visible_segments(draft) == ("s0", "s1")
    display.SetSegmentVisibility2DOutline("s0", False)
    assert visible_segments(draft) == ("s1",)
    display.SetVisibility2D(False)
    assert visible_segments(draft) == ()
    display.SetVisibility3D(True)
    assert visible_segments(draft) == ("s0", "s1")


def test_after_stop_nothing_is_told(draft):
    told = []
    DraftSight(draft, told.append).stop()
    draft.SetDisplayVisibility(True)
    assert told == []
