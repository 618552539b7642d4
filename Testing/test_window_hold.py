"""The hold on a grey-scale window, on real volume and display nodes (slicer-core)."""

import numpy as np
import pytest

from phantoms import a_geometry, a_segmentation
from SegQCLib.case import Acquisition, Volume, WindowLevel
from SegQCLib.errors import BadDataError
from SegQCLib.protocol import Range, WindowRule, load_protocol

slicer = pytest.importorskip("slicer", reason="the MRML layer needs slicer-core")
vtk = pytest.importorskip("vtk")

from SegQCLib.mrml.scene import new_scene  # noqa: E402
from SegQCLib.mrml.segmentation import add_segmentation  # noqa: E402
from SegQCLib.mrml.volume import add_volume  # noqa: E402
from SegQCLib.mrml.window_hold import EPISODE_PAUSE_S, WindowHold, apply_window, rule_for_segment  # noqa: E402


def a_rule(name, window, level, apply, unit="[hnsf'U]"):
    study = "study decision for this test"
    return WindowRule(name, ("*",), Range(unit, study, *window), Range(unit, study, *level), *apply)


SOFT_TISSUE = a_rule("Soft tissue", (350, 400), (40, 50), (400, 40))
LUNG = a_rule("Lung", (1400, 1500), (-600, -500), (1500, -600))
SUV = a_rule("SUV", (5, 10), (2.5, 5), (7, 3.5), unit="g/ml")


class Clock:
    """Time that passes when a test says so."""

    def __init__(self):
        self.now_s = 100.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def scene():
    return new_scene()


@pytest.fixture
def deviations():
    return []


def a_node(scene, window_level=None, acquisition=None, name="CT"):
    geometry = a_geometry()
    array = np.arange(np.prod(geometry.size), dtype=np.int16).reshape(geometry.size)
    return add_volume(scene, Volume(array, geometry, acquisition or Acquisition(), display=window_level), name)


def shown(node):
    display_node = node.GetScalarVolumeDisplayNode()
    return display_node.GetWindow(), display_node.GetLevel()


def push(node, window, level):
    node.GetScalarVolumeDisplayNode().SetWindowLevel(window, level)


def events_seen_by_views(node):
    """Return a list that takes the window at each event, as a view of priority 0 sees it."""
    seen = []
    node.GetScalarVolumeDisplayNode().AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: seen.append(shown(node)))
    return seen


def test_a_window_outside_the_range_is_restored_within_the_event_and_never_drawn(scene, deviations, clock):
    node = a_node(scene, WindowLevel(380, 45))
    hold = WindowHold(node, SOFT_TISSUE, deviations.append, clock)
    seen = events_seen_by_views(node)
    push(node, 1500, -600)
    assert shown(node) == (380, 45)
    # One event of the push and one of the restoring; the guard lets the restoring cause no third.
    assert seen == [(380, 45), (380, 45)]
    hold.stop()
    (deviation,) = deviations
    assert (deviation.rule, deviation.looked_away, deviation.count) == ("Soft tissue", False, 1)
    assert (deviation.start_s, deviation.duration_s) == (100.0, 0.0)
    assert (deviation.widest_window, deviation.lowest_level) == (1500, -600)


def test_windows_inside_the_range_are_free_and_no_deviation(scene, deviations, clock):
    node = a_node(scene, WindowLevel(400, 40))
    hold = WindowHold(node, SOFT_TISSUE, deviations.append, clock)
    push(node, 350, 50)
    assert shown(node) == (350, 50)
    push(node, 349, 50)
    assert shown(node) == (350, 50)
    hold.stop()
    assert len(deviations) == 1


def test_a_drag_that_keeps_pushing_is_one_deviation_until_it_pauses(scene, deviations, clock):
    node = a_node(scene, WindowLevel(400, 40))
    hold = WindowHold(node, SOFT_TISSUE, deviations.append, clock)
    for step in range(8):
        clock.now_s = 100 + 0.25 * step
        push(node, 410 + 10 * step, 40 - step)
        hold.tick()
    assert not deviations
    clock.now_s += EPISODE_PAUSE_S + 0.01
    hold.tick()
    (deviation,) = deviations
    # 8 pushes from 100 s to 101.75 s, the last to a window of 480 and a level of 33.
    assert (deviation.count, deviation.start_s, deviation.duration_s) == (8, 100.0, 1.75)
    assert (deviation.narrowest_window, deviation.widest_window) == (410, 480)
    assert (deviation.lowest_level, deviation.highest_level) == (33, 40)
    clock.now_s += 5
    push(node, 2000, 40)
    hold.stop()
    assert [d.count for d in deviations] == [8, 1]


def test_a_later_push_ends_the_earlier_episode_without_a_tick(scene, deviations, clock):
    node = a_node(scene, WindowLevel(400, 40))
    hold = WindowHold(node, SOFT_TISSUE, deviations.append, clock)
    push(node, 500, 40)
    clock.now_s += EPISODE_PAUSE_S + 1
    push(node, 600, 40)
    assert [d.widest_window for d in deviations] == [500]
    hold.stop()
    assert [d.widest_window for d in deviations] == [500, 600]


def test_auto_window_is_switched_off_and_cannot_be_switched_on(scene, deviations, clock):
    node = a_node(scene)
    node.CreateDefaultDisplayNodes()
    display_node = node.GetScalarVolumeDisplayNode()
    assert display_node.GetAutoWindowLevel()
    hold = WindowHold(node, SOFT_TISSUE, deviations.append, clock)
    assert not display_node.GetAutoWindowLevel()
    assert shown(node) == (400, 40)
    display_node.AutoWindowLevelOn()
    assert not display_node.GetAutoWindowLevel()
    assert shown(node) == (400, 40)
    hold.stop()
    assert len(deviations) == 1


def test_a_window_from_before_the_hold_is_no_deviation(scene, deviations, clock):
    node = a_node(scene, WindowLevel(1500, -600))
    hold = WindowHold(node, SOFT_TISSUE, deviations.append, clock)
    assert shown(node) == (400, 40)
    hold.stop()
    assert not deviations


def test_after_stop_the_window_is_free(scene, deviations, clock):
    node = a_node(scene, WindowLevel(400, 40))
    hold = WindowHold(node, SOFT_TISSUE, deviations.append, clock)
    hold.stop()
    hold.stop()
    push(node, 1500, -600)
    hold.tick()
    assert shown(node) == (1500, -600)
    assert not deviations
    assert not hold.active


def test_a_replaced_display_node_is_held_and_the_old_one_let_go(scene, deviations, clock):
    node = a_node(scene, WindowLevel(380, 45))
    hold = WindowHold(node, SOFT_TISSUE, deviations.append, clock)
    old = node.GetScalarVolumeDisplayNode()
    new = scene.AddNewNodeByClass("vtkMRMLScalarVolumeDisplayNode")
    node.SetAndObserveDisplayNodeID(new.GetID())
    assert shown(node) == (380, 45)
    push(node, 90, 45)
    assert shown(node) == (380, 45)
    old.SetWindowLevel(1500, -600)
    assert old.GetWindow() == 1500
    scene.RemoveNode(new)
    node.CreateDefaultDisplayNodes()
    push(node, 1500, -600)
    assert shown(node) == (380, 45)
    hold.stop()


def test_the_hold_ends_with_its_volume_and_with_its_scene(scene, deviations, clock):
    first, second = a_node(scene), a_node(scene, name="CT 2")
    holds = [WindowHold(node, SOFT_TISSUE, deviations.append, clock) for node in (first, second)]
    push(first, 1500, -600)
    scene.RemoveNode(first)
    assert [hold.active for hold in holds] == [False, True]
    assert len(deviations) == 1
    scene.Clear(False)
    assert not holds[1].active


def test_two_volumes_are_held_each_by_its_own_rule(scene, deviations, clock):
    abdomen, chest = a_node(scene, WindowLevel(400, 40)), a_node(scene, WindowLevel(1500, -600), name="Chest")
    holds = [WindowHold(node, rule, deviations.append, clock) for node, rule in ((abdomen, SOFT_TISSUE), (chest, LUNG))]
    push(abdomen, 1500, -600)
    push(chest, 1450, -550)
    assert (shown(abdomen), shown(chest)) == ((400, 40), (1450, -550))
    for hold in holds:
        hold.stop()
    assert [deviation.rule for deviation in deviations] == ["Soft tissue"]


def test_the_next_hold_brings_its_own_rules_window_and_that_is_no_deviation(scene, deviations, clock):
    node = a_node(scene, WindowLevel(400, 40))
    WindowHold(node, SOFT_TISSUE, deviations.append, clock).stop()
    hold = WindowHold(node, LUNG, deviations.append, clock)
    assert shown(node) == (1500, -600)
    push(node, 400, 40)
    assert shown(node) == (1500, -600)
    hold.stop()
    assert [deviation.rule for deviation in deviations] == ["Lung"]


def test_during_a_look_away_the_window_is_free_and_then_restored_and_told(scene, deviations, clock):
    node = a_node(scene, WindowLevel(380, 45))
    hold = WindowHold(node, SOFT_TISSUE, deviations.append, clock)
    hold.look_away(20)
    assert hold.looking_away
    clock.now_s += 5
    push(node, 1500, -600)
    push(node, 1800, 400)
    node.GetScalarVolumeDisplayNode().SetInterpolate(False)
    hold.tick()
    assert shown(node) == (1800, 400)
    assert hold.look_away_left_s == 15
    clock.now_s += 15
    hold.tick()
    assert shown(node) == (380, 45)
    assert (hold.looking_away, hold.look_away_left_s) == (False, 0)
    (deviation,) = deviations
    assert (deviation.looked_away, deviation.duration_s, deviation.count) == (True, 20, 2)
    assert (deviation.widest_window, deviation.lowest_level, deviation.highest_level) == (1800, -600, 400)
    hold.stop()
    assert len(deviations) == 1


def test_a_look_away_ends_early_by_request_and_with_the_hold(scene, deviations, clock):
    node = a_node(scene, WindowLevel(380, 45))
    hold = WindowHold(node, SOFT_TISSUE, deviations.append, clock)
    hold.look_away(20)
    clock.now_s += 3
    hold.look_back()
    hold.look_back()
    hold.look_away(20)
    clock.now_s += 4
    push(node, 1500, -600)
    hold.stop()
    assert shown(node) == (380, 45)
    assert [(d.looked_away, d.duration_s, d.count) for d in deviations] == [(True, 3, 0), (True, 4, 1)]


def test_a_look_away_that_is_asked_for_again_lasts_from_then_on(scene, deviations, clock):
    hold = WindowHold(a_node(scene), SOFT_TISSUE, deviations.append, clock)
    hold.look_away(20)
    clock.now_s += 15
    hold.look_away(20)
    clock.now_s += 15
    hold.tick()
    assert hold.looking_away
    hold.stop()
    assert [deviation.duration_s for deviation in deviations] == [30]
    with pytest.raises(ValueError, match="seconds > 0"):
        hold.look_away(0)


def test_apply_window_makes_a_display_node_and_switches_auto_off(scene):
    node = a_node(scene)
    apply_window(node, SOFT_TISSUE)
    assert shown(node) == (400, 40)
    assert not node.GetScalarVolumeDisplayNode().GetAutoWindowLevel()


def with_units(node, value):
    units = slicer.vtkCodedEntry()
    units.SetValueSchemeMeaning(value, "UCUM", value)
    node.SetVoxelValueUnits(units)
    return node


def test_a_window_in_suv_is_only_for_volumes_in_suv(scene, deviations):
    apply_window(a_node(scene, acquisition=Acquisition(units="GML")), SUV)
    # Slicer's PET import converts to SUV and says so at the node; the header kept with it still says Bq/ml.
    converted = with_units(a_node(scene, acquisition=Acquisition(units="BQML")), "{SUVbw}g/ml")
    apply_window(converted, SUV)
    assert shown(converted) == (7, 3.5)
    unconverted = a_node(scene, acquisition=Acquisition(units="BQML"), name="PET")
    with pytest.raises(BadDataError, match="PET: has voxel values in BQML; the window 'SUV'"):
        WindowHold(unconverted, SUV, deviations.append)
    with pytest.raises(BadDataError, match="standardised uptake values"):
        apply_window(with_units(a_node(scene), "Bq/ml"), SUV)


def test_the_rule_is_that_of_the_segments_structure(scene):
    abdomen = load_protocol("ct-abdomen-portal-venous").protocol
    node = add_segmentation(scene, a_segmentation(Liver=None, spleen=None, unknown=None), a_node(scene), "reader")
    segmentation = node.GetSegmentation()
    ids = {segmentation.GetNthSegment(n).GetName(): segmentation.GetNthSegmentID(n) for n in range(3)}
    rules = {name: rule_for_segment(abdomen, node, segment_id).name for name, segment_id in ids.items()}
    assert rules == {"Liver": "Liver", "spleen": "Soft tissue", "unknown": "Soft tissue"}
    assert rule_for_segment(abdomen, node, "no such segment").name == "Soft tissue"
    assert rule_for_segment(abdomen, None, None).name == "Soft tissue"
    assert rule_for_segment(load_protocol("pet-ct-fdg-lesion").protocol, None, None) is None
